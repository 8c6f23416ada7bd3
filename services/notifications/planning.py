"""The planner: compares what is true with what was told, and opens a notice for each difference."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifications import differences
from services.notifications.differences import Found, Key, concerned_after, concerned_by
from services.notifications.kinds import Subject, subject_of
from services.notifications.settings import NotificationsSettings
from services.notifications.staging import Staging
from services.notifications.tables import COMPARED_AS_A_WHOLE, Pair, ensure_key
from shared import telemetry
from shared.backoff import Backoff
from shared.deciding.news import News
from shared.faults import Fault, classify
from shared.postgres.database import analyze_unknown
from shared.service import Service

log = structlog.get_logger()

LOOK_AGAIN_SECONDS = 0.2
MISSED_REACH = dt.timedelta(days=2)
"""So far back each look asks who was not told in time; the first one asks of all that ended since go-live."""


class Planner:
    """Looks for differences in one process; several may look at once, the notices' key keeps them apart."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: Service,
        settings: NotificationsSettings,
        *,
        staging: Staging,
        streams_heard: Callable[[], Awaitable[None]],
        found: Callable[[Found], None],
    ) -> None:
        """`streams_heard` returns once all that was said before our start is heard: nothing is mailed before, because
        what stands further back in the streams may be overtaken by what follows. `found` is told how many notices of
        each kind a look opened.
        """
        self.caught_up = asyncio.Event()
        self._service = service
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")  # Each statement of a look is whole.
        self._settings = settings
        self._staging = staging
        self._streams_heard = streams_heard
        self._found = found
        self._whole_at: float | None = None
        """When the whole was compared last; None: it is to be compared now."""
        self._ended_after = settings.since
        """What ended before was looked through already for who had not been told."""
        self._woken = asyncio.Event()
        self._heard: News | None = None
        """The news that came since the last look."""
        self._heard_late: dt.datetime | None = None
        """Since when something was heard that is not looked for as news, because it is too old or about too much: the whole is compared."""
        self._look_again: dict[Key, frozenset[Subject]] = {}

    def news(self, news: News) -> None:
        """Something was heard that others said."""
        too_old = self._service.clock() - dt.timedelta(seconds=self._settings.news_reach_seconds)
        if news.since < too_old or not COMPARED_AS_A_WHOLE.isdisjoint(news.kinds or ()):
            self._heard_late = min(news.since, self._heard_late or news.since)
        elif not concerned_by(news.kinds):
            return  # Nobody is told of it.
        else:
            self._heard = news.and_also(self._heard)
        self._woken.set()

    def look_again(self, pairs: Iterable[Pair], *, have_ended: bool = True) -> None:
        """While a notice was open nothing else was planned about its subject: there may be something now, and mails of other kinds
        about the same thing may have waited for it. `have_ended`: they told that there is nothing any more, or told nothing."""
        if not self._look_again:  # It is seldom anything, and never urgent: several groups share a look.
            asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self._woken.set)
        for recipient, about in pairs:
            key, concerned = (recipient, about.split("/")[1]), concerned_after(subject_of(about), has_ended=have_ended)
            self._look_again[key] = self._look_again.get(key, frozenset()) | concerned

    async def run(self) -> None:
        """Looks for differences until cancelled, at every commit of a lane and at intervals."""
        backoff = Backoff(0.2, 15)
        while True:
            await backoff.wait()
            try:
                if not self.caught_up.is_set():
                    await self._streams_heard()
                    async with self._engine.connect() as connection:
                        await ensure_key(connection)
                        await self._staging.look(connection)
                        await analyze_unknown(connection)
                    self.caught_up.set()
                    log.info("caught up, mail may leave")
                async with self._engine.connect() as connection:
                    await self._keep_looking(connection, backoff)
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    log.exception("planning notices failed")
                telemetry.FAULTS.labels(self._service.name, "planner").inc()
                backoff.failed(error, where="planning notices")

    async def _keep_looking(self, connection: AsyncConnection, backoff: Backoff) -> None:
        """On one connection: each new one plans a look anew five times, for ten times what it takes to run it."""
        while True:
            found = await self._look(connection)
            if found.total():
                self._found(found)
            backoff.worked()
            if found.total() < self._settings.plan_most:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.catch_up_seconds):
                        await self._woken.wait()

    async def _look(self, connection: AsyncConnection) -> Found:
        """One look: at the whole, or at the news and what waited. Returns how many notices of each kind it opened."""
        settings, now, at = self._settings, self._service.clock(), time.monotonic()
        self._woken.clear()
        heard, late, again = self._heard, self._heard_late, self._look_again
        pause = settings.catch_up_seconds if late else settings.reconcile_seconds
        whole = self._whole_at is None or at >= self._whole_at + pause
        if not (whole or heard or again):
            return Found()
        self._heard, self._heard_late, self._look_again = None, None if whole else late, {}
        try:
            await self._staging.look(connection)
            rules = self._staging.rules
            common: dict[str, Any] = {"now": now, "most": settings.plan_most} | rules.parameters()
            if whole:
                oldest = _earlier(heard.since if heard else None, late)
                soon = await differences.bring_forward(connection, mark=oldest, now=now) if oldest else Found()
                found = await differences.plan_all(connection, common)
                found += await differences.plan_missed(connection, common, ended_after=self._ended_after)
            else:
                found, soon = await self._of_news(connection, heard, again, common)
        except Exception:  # Whatever it is, it goes on to where faults are told apart.
            self._heard = heard.and_also(self._heard) if heard else self._heard
            self._heard_late = _earlier(late, self._heard_late)
            for key, concerned in again.items():
                self._look_again[key] = self._look_again.get(key, frozenset()) | concerned
            raise
        if found.total() >= settings.plan_most:
            self._whole_at = None
        elif whole:
            self._whole_at, self._ended_after = at, max(now - MISSED_REACH, rules.since)
        return found + soon

    async def _of_news(
        self,
        connection: AsyncConnection,
        heard: News | None,
        again: Mapping[Key, frozenset[Subject]],
        common: dict[str, Any],
    ) -> tuple[Found, Found]:
        """Opens notices for what the news made so, and for what waited. A kind that none of it concerns is not asked."""
        changed, soon, asked = set[Key](), Found(), frozenset[Subject]().union(*again.values())
        if heard is not None:
            changed, soon = await differences.news(connection, heard.kinds, mark=heard.since, now=common["now"])
            asked |= concerned_by(heard.kinds) if changed else frozenset()
        keys = changed | again.keys()
        found = await differences.plan_named(connection, keys, common, asked=asked) if keys and asked else Found()
        return found, soon


def _earlier(one: dt.datetime | None, other: dt.datetime | None) -> dt.datetime | None:
    return min(filter(None, (one, other)), default=None)
