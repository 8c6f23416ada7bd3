"""Whether mail is live, as one process knows it: looked up until it is, and then never again."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import store
from services.notifications.decisions import Terms
from services.notifications.going_live import Stage
from services.notifications.kinds.kind import Rules
from services.notifications.settings import NotificationsSettings


class Staging:
    """The rules at the stage that was seen last. Whoever finds an older one rehearses a mail that is then found untold, and sent."""

    def __init__(self, settings: NotificationsSettings) -> None:
        self._settings = settings
        self._seen: Stage | None = None
        self.of_rehearsal = settings.rules_at(Stage(True))
        """By which whatever was planned before go-live comes to its end."""

    async def look(self, connection: AsyncConnection) -> None:
        """Not before our own words were heard: they may say that mail is live."""
        if self._seen is None or self._seen.rehearses:
            self._see(await store.stage(connection, by_settings=self._settings.rehearse))

    def _see(self, stage: Stage) -> None:
        self._seen = stage
        self.rules: Rules = self._settings.rules_at(stage)
        self.terms: Terms = self._settings.terms_at(stage)

    @property
    def rehearses(self) -> bool:
        return self.rules.rehearses
