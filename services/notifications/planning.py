"""The planner: compares what is true with what was told, and opens a notice for each difference."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import differences
from services.notifications.settings import NotificationsSettings
from services.notifications.store import Pair
from shared import telemetry
from shared.backoff import Backoff
from shared.faults import Fault, classify
from shared.service import Service

log = structlog.get_logger()

LOOK_AGAIN_SECONDS = 0.2


class Planner:
    """Looks for differences in one process; several may look at once, the notices' key keeps them apart."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: Service,
        settings: NotificationsSettings,
        *,
        streams_heard: Callable[[], Awaitable[None]],
        lag: Callable[[], Mapping[str, int]],
        found: Callable[[int], None],
    ) -> None:
        """`streams_heard` returns once all that was said before our start is heard: nothing is mailed before, because
        what stands further back in the streams may be overtaken by what follows. `found` is told how many notices a
        look opened. `lag` is what is not heard yet of the streams that others say.
        """
        self.caught_up = asyncio.Event()
        self._service = service
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")  # A look is one statement.
        self._settings = settings
        self._streams_heard = streams_heard
        self._lag = lag
        self._found = found
        self._mark: dt.datetime | None = None
        """When the newest was heard that the last look knew."""
        self._whole_at = 0.0
        self._woken = asyncio.Event()
        self._heard = False
        self._look_again: set[Pair] = set()

    def news(self) -> None:
        """Something was heard."""
        self._heard = True
        self._woken.set()

    def look_again(self, pairs: Iterable[Pair]) -> None:
        """While a notice was open nothing else was planned about its place: there may be something now."""
        if not self._look_again:  # It is seldom anything, and never urgent: several groups share a look.
            asyncio.get_running_loop().call_later(LOOK_AGAIN_SECONDS, self._woken.set)
        self._look_again |= set(pairs)

    async def run(self) -> None:
        """Looks for differences until cancelled, at every commit of a lane and at intervals."""
        backoff = Backoff(0.2, 15)
        while True:
            await backoff.wait()
            try:
                if not self.caught_up.is_set():
                    await self._streams_heard()
                    self.caught_up.set()
                    log.info("caught up, mail may leave")
                found = await self._look()
                if found:
                    self._found(found)
                backoff.worked()
                if found < self._settings.plan_most:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._settings.catch_up_seconds):
                            await self._woken.wait()
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    log.exception("planning notices failed")
                telemetry.FAULTS.labels(self._service.name, "planner").inc()
                backoff.failed(error, where="planning notices")

    async def _look(self) -> int:
        """One look: at the whole, or at the news and the places named. Returns how many notices it opened."""
        settings = self._settings
        behind = any(self._lag().values())
        pause = settings.catch_up_seconds if behind else settings.reconcile_seconds
        whole = self._mark is None or time.monotonic() >= self._whole_at + pause
        self._woken.clear()
        heard, self._heard = self._heard, False
        again, self._look_again = self._look_again, set()
        if not (whole or heard or again):
            return 0
        now = self._service.clock()
        common: dict[str, Any] = {"now": now, "since": settings.since, "most": settings.plan_most}
        try:
            async with self._engine.connect() as connection:
                if whole or self._mark is None:
                    # First: what is committed during the look is looked at again.
                    newest = await differences.newest_heard(connection)
                    found = await differences.plan_all(connection, **common)
                else:
                    newest, pairs = None, again
                    if heard:
                        mark = self._mark - dt.timedelta(seconds=settings.look_back_seconds)
                        changed, newest = await differences.news(connection, mark=mark, now=now)
                        pairs = again | changed
                    found = await differences.plan_named(connection, pairs, **common) if pairs else 0
        except Exception:
            self._heard |= heard
            self._look_again |= again
            raise
        if whole:
            self._whole_at = time.monotonic() if found < settings.plan_most else 0.0
        if newest is not None:
            self._mark = max(newest, self._mark or newest)
        return found
