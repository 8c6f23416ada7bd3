"""Parked records heard again: when an operator asks, or when another writer has been allowed to take over."""

from __future__ import annotations

import asyncio
import contextlib

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.backoff import Backoff
from shared.books import parking, watermark
from shared.books.parking import PARKED, Parked, ParkedState
from shared.deciding.commands import NotYet
from shared.deciding.news import News, kinds_of
from shared.deciding.transaction import Decider
from shared.events.decoding import decode
from shared.events.envelope import Heard, Reason
from shared.events.oversized import HEADS
from shared.events.streams import Partition
from shared.faults import Fault, classify, told
from shared.postgres.tables import TAKEOVER
from shared.service import Service

log = structlog.get_logger()

POLL_SECONDS = 10
MOST_RETRIES = 5
"""By itself; an operator may try as often as they like."""

_about = sa.and_(
    TAKEOVER.c.in_stream == PARKED.c.stream, PARKED.c.source.in_([TAKEOVER.c.from_source, TAKEOVER.c.to_source])
)
_takeovers = sa.select(sa.func.count()).where(TAKEOVER.c.in_stream == PARKED.c.stream).scalar_subquery()
_TAKEN_OVER = (
    sa.select(PARKED.c.stream, PARKED.c.partition, PARKED.c.offset)
    .where(PARKED.c.state == ParkedState.PARKED, PARKED.c.reason.in_([Reason.FOREIGN_WRITER, Reason.FORMER_WRITER]))
    .where(sa.exists().where(_about))
    .where(PARKED.c.retries < MOST_RETRIES * _takeovers)
    .order_by(PARKED.c.stream, PARKED.c.partition, PARKED.c.offset)
    .limit(500)
)
"""Each takeover gives them new chances. Those of the former writer are settled too: stale, or an erasure, which always counts."""


class ParkedRetry:
    """Hears parked records again, one transaction each."""

    def __init__(self, engine: AsyncEngine, service: Service, decider: Decider, *, may_decide: asyncio.Event) -> None:
        self._engine = engine
        self._service = service
        self._decider = decider
        self._may_decide = may_decide
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was said about who may speak: what waits for that is let in now, and not at the next look."""
        self._woken.set()

    async def run(self) -> None:
        """Lets in, until cancelled, the facts of writers that a SourceTakenOver has allowed since."""
        await self._may_decide.wait()
        backoff = Backoff(1, 60)
        while True:
            try:
                self._woken.clear()
                await self.let_in()
                backoff.worked()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._woken.wait()
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    log.exception("retry of parked records failed")
                backoff.failed(error, where="parked retry")
                await backoff.wait()

    async def let_in(self) -> int:
        """Hears again the parked facts of writers that may take over. Returns how many were looked at."""
        async with self._engine.connect() as connection:
            allowed = list(await connection.execute(_TAKEN_OVER))
        for stream, partition, offset in allowed:  # One record at a time: they may be large.
            try:
                await self.retry(stream, partition, offset)
            except Exception as error:
                if classify(error) is Fault.TRANSIENT or isinstance(error, NotYet):
                    raise
                log.exception("a parked record could not be let in", stream=stream, partition=partition, offset=offset)
        return len(allowed)

    async def retry(self, stream: str, partition: int, offset: int) -> Parked | None:
        """Hears one parked record again, and those that waited behind it. Returns how it stands then; None if there is none."""
        result = await self._retry(stream, partition, offset)
        await self._release(result)
        return result

    async def _release(self, settled: Parked | None) -> None:
        """Hears what waited behind a record that is parked no longer, until one of them is refused for a reason of its own."""
        if settled is None or settled.state == ParkedState.PARKED or settled.scope is None:
            return
        async with self._engine.connect() as connection:
            waiting = await parking.followers(connection, settled)
        for place in waiting:
            heard = await self._retry(*place)
            if heard is None or heard.state == ParkedState.PARKED:
                return

    async def _retry(self, stream: str, partition: int, offset: int) -> Parked | None:
        if not self._may_decide.is_set():
            raise NotYet("nothing is decided before everything that was said before is known")
        async with self._decider.unit_of_work() as (connection, thought):
            row = await parking.find(connection, stream, partition, offset)
            if row is None or row.state != ParkedState.PARKED:
                return row
            if row.reason in HEADS:
                return await parking.settle(connection, row, ParkedState.PARKED)
            decoded = decode(parking.stored(row))
            inputs = [decoded] if isinstance(decoded, Heard) else []
            await self._service.lock(connection, inputs)  # Before the row: the lanes take locks in this order too.
            # The fact lane takes no other lock. What came over HTTP is of no partition, and in nobody's counts.
            counted = [Partition(stream, partition)] if partition >= 0 else []
            await watermark.lock(connection, counted)
            row = await parking.find(connection, stream, partition, offset, for_update=True)
            if row is None or row.state != ParkedState.PARKED:
                return row
            if not isinstance(decoded, Heard):
                detail = getattr(decoded, "detail", "the type is still unknown")
                return await parking.settle(connection, row, ParkedState.PARKED, detail=detail)
            await parking.settle(connection, row, ParkedState.HEARD)  # First: it must not stand in its own way.
            try:
                async with connection.begin_nested():
                    working = await self._decider.think(connection, inputs, all_rules_known=True)
                    aside = working.aside[0] if working.aside else None
                    reason, refused = (aside.reason, aside.detail) if aside else (None, None)
            except Exception as error:
                if classify(error) is Fault.TRANSIENT:
                    raise
                reason, refused = None, told(error)
            else:
                thought.add(working)
            if refused is not None:
                parked = ParkedState.PARKED
                return await parking.settle(connection, row, parked, reason=reason, detail=refused, heard=decoded)
            thought.has_news(News(row.appended_at, kinds_of(inputs)))
            for part in counted:
                await watermark.recount(connection, part, heard=+1, parked=-1)
            return await parking.find(connection, stream, partition, offset)

    async def discard(self, stream: str, partition: int, offset: int) -> Parked | None:
        """Ends a parked record for good; it stays as evidence, without its bytes. None if there is none."""
        async with self._engine.begin() as connection:
            row = await parking.find(connection, stream, partition, offset, for_update=True)
            if row is not None and row.state == ParkedState.PARKED:
                row = await parking.empty(connection, row)
        await self._release(row)
        return row
