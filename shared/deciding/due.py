"""Due moments: what has to be decided because time has come. A moment is decided only when every stream its decision reads has
been heard past what it held at that moment, so that after days of downtime nothing is decided too early."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import telemetry
from shared.backoff import Backoff
from shared.books.holding import HELD_TOO_LONG
from shared.books.recovery import RECONCILE
from shared.books.watermark import is_heard
from shared.deciding.transaction import Decider
from shared.events.streams import Partition
from shared.faults import Fault, classify
from shared.kafka.observer import Observer
from shared.postgres.database import rows_as
from shared.postgres.directly import rows_of
from shared.postgres.tables import DUE, HELD, HELD_SUBJECT
from shared.service import Service
from shared.state.working import Due

log = structlog.get_logger()

FAILED_AGAIN_AFTER = dt.timedelta(minutes=10)

_held = sa.select(
    sa.literal(HELD_TOO_LONG).label("kind"),
    HELD_SUBJECT.label("subject"),
    sa.func.max(HELD.c.expires_at).label("at"),
).where(HELD.c.expires_at <= sa.bindparam("now"))
_due = sa.union_all(
    sa.select(DUE.c.kind, DUE.c.subject, DUE.c.at).where(DUE.c.at <= sa.bindparam("now")),
    _held.group_by(HELD_SUBJECT),
).subquery()
_NEXT = sa.select(_due).order_by(_due.c.at, _due.c.kind, _due.c.subject).limit(sa.bindparam("most"))
_all_held = sa.select(
    sa.literal(RECONCILE).label("kind"),
    HELD_SUBJECT.label("subject"),
    sa.bindparam("started_at", type_=sa.DateTime(timezone=True)).label("at"),
).where(sa.bindparam("looked_up_to") < HELD_SUBJECT, HELD.c.expires_at > sa.bindparam("now"))
_at_first = sa.union_all(sa.select(_due), _all_held.group_by(HELD_SUBJECT)).subquery()
_NEXT_AT_FIRST = (
    sa.select(_at_first).order_by(_at_first.c.at, _at_first.c.kind, _at_first.c.subject).limit(sa.bindparam("most"))
)
"""Also a look at all that is held: a release that could not read it may have heard what it waited for (shared.books.holding)."""


class DueLoop:
    """Decides due moments, oldest first."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: Service,
        decider: Decider,
        observer: Observer,
        *,
        may_decide: asyncio.Event,
        poll_seconds: float,
        batch: int,
        partitions: Callable[[], frozenset[Partition]] = frozenset,
    ) -> None:
        """`partitions`: which ones this process hears just now."""
        self._engine = engine
        self._service = service
        self._decider = decider
        self._observer = observer
        self._may_decide = may_decide
        self._poll_seconds = poll_seconds
        self._batch = batch
        self._backoff = Backoff(0.5, 30)
        self._failed: dict[Due, dt.datetime] = {}
        """Moments that our own code failed on, or that stay, and when they are tried again."""
        self._decided: frozenset[Due] = frozenset()
        """By the last round."""
        self._partitions = partitions
        self._heard_here: frozenset[Partition] = frozenset()
        self._looks_since: dt.datetime | None = None
        self._looked_up_to: str | None = ""
        """Up to which subject all that is held has been looked at, since we started or a partition came to us; None: all of it."""

    def failed_looks(self) -> int:
        """How many subjects could not be looked at, and are once more in some minutes. They stand in no table."""
        return sum(one.kind == RECONCILE for one in self._failed)

    async def run(self) -> None:
        """Runs until cancelled; every fault is retried with back-off."""
        await self._may_decide.wait()
        while True:
            await self._backoff.wait()
            try:
                decided = await self.round(self._service.clock())
                self._backoff.worked()
                if not decided:
                    await asyncio.sleep(self._poll_seconds)
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    log.exception("due moments failed")
                telemetry.FAULTS.labels(self._service.name, "due").inc()
                self._backoff.failed(error, where="due moments")

    async def round(self, now: dt.datetime) -> int:
        """Decides what is due and may be decided. Returns how many moments."""
        wanted: dict[str, Any] = {"now": now, "most": self._batch + len(self._failed)}
        next_ = _NEXT
        before, self._heard_here = self._heard_here, self._partitions()
        # An older release may have heard there what a request waited for that it could not read.
        if self._heard_here - before:
            self._looked_up_to, self._looks_since = "", None
        if self._looked_up_to is not None:
            self._looks_since = self._looks_since or now
            next_ = _NEXT_AT_FIRST
            wanted |= {"started_at": self._looks_since, "looked_up_to": self._looked_up_to}
        async with self._engine.connect() as connection:
            moments = rows_as(Due, await rows_of(connection, next_, wanted))
        if not any(one.kind == RECONCILE for one in moments) and len(moments) < wanted["most"]:
            self._looked_up_to = None
        for one in self._decided.intersection(moments):  # Of a held request that only a newer release can read.
            if one.kind == HELD_TOO_LONG and one not in self._failed:
                log.warning("a moment stays after it was decided", kind=one.kind, subject=one.subject)
                self._failed[one] = now + FAILED_AGAIN_AFTER
        # A look stands in no table: only here is it known that it failed. As many as a round decides, or those that fail would hold up the rest.
        looks = [one for one, again in self._failed.items() if one.kind == RECONCILE and again <= now][: self._batch]
        self._failed = {one: again for one, again in self._failed.items() if again > now or one.kind == RECONCILE}
        moments = sorted([*looks, *(one for one in moments if one not in self._failed)], key=lambda one: one.at)
        telemetry.DUE_AGE.labels(self._service.name).set((now - moments[0].at).total_seconds() if moments else 0)
        ready = await self._ready(moments)
        if ready:
            await self._decide(ready)
        for one in set(looks).intersection(ready):
            if self._failed.get(one, now) <= now:
                self._failed.pop(one, None)  # Or a newer look at its subject has failed meanwhile.
        self._decided = frozenset(ready)
        looked_at = [one.subject for one in ready if one.kind == RECONCILE and one not in looks]
        if looked_at and self._looked_up_to is not None:
            self._looked_up_to = looked_at[-1]  # In the order of the database.
        return len(ready)

    async def _decide(self, moments: Sequence[Due]) -> None:
        """Together; one by one when one of them fails, so that it holds up nobody else."""
        try:
            await self._decider.act(moments)
        except Exception as error:
            if classify(error) is Fault.TRANSIENT:
                raise
            for moment in moments:
                try:
                    await self._decider.act([moment])
                except Exception as culprit:
                    if classify(culprit) is Fault.TRANSIENT:
                        raise
                    log.exception("due moment failed", kind=moment.kind, subject=moment.subject)
                    self.try_later(moment)

    def try_later(self, moment: Due) -> None:
        """A moment that our own code fails on holds up nobody else. Of one subject there is one look."""
        if moment.kind == RECONCILE:
            self._failed = {
                one: at for one, at in self._failed.items() if (one.kind, one.subject) != (RECONCILE, moment.subject)
            }
        self._failed[moment] = self._service.clock() + FAILED_AGAIN_AFTER

    async def _ready(self, moments: Sequence[Due]) -> Sequence[Due]:
        """All of them, if what they read has been heard past the last of them; else the oldest alone, if that may be decided."""
        for some in (moments, moments[:1]):
            if some and await is_heard(self._engine, await self._observer.ends_at(self._service.heard, some[-1].at)):
                return some
        return ()
