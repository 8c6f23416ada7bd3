"""Forgets what the office wrote once it has been of no use for long enough: the text, and never that it was sent."""

from __future__ import annotations

import asyncio

import structlog

from services.notifications import store
from services.notifications.settings import NotificationsSettings
from shared import telemetry
from shared.backoff import Backoff
from shared.deciding.transaction import Decider
from shared.faults import Fault, classify

log = structlog.get_logger()

EVERY_SECONDS = 3600.0
MOST = 500
"""Texts in one transaction."""


class Forgetting:
    """Looks for such texts in one process; several may look at once."""

    def __init__(self, decider: Decider, settings: NotificationsSettings) -> None:
        self._engine = decider.engine
        self._service = decider.service
        self._kept_for = settings.texts_kept_for

    async def run(self) -> None:
        """Forgets until cancelled, all there is at once and then whatever comes to it."""
        backoff = Backoff(0.5, 60)
        while True:
            await backoff.wait()
            try:
                while await self.forget() == MOST:
                    pass
                backoff.worked()
                await asyncio.sleep(EVERY_SECONDS)
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    log.exception("forgetting texts failed")
                telemetry.FAULTS.labels(self._service.name, "forgetting").inc()
                backoff.failed(error, where="forgetting texts")

    async def forget(self) -> int:
        """One transaction's worth; how many texts it was."""
        now = self._service.clock()
        async with self._engine.begin() as connection:
            number = await store.forget_texts(connection, now=now, useless_since=now - self._kept_for, most=MOST)
        if number:
            log.info("texts of messages forgotten", number=number)
        return number
