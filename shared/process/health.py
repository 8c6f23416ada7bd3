"""Health that tells the truth, and the books: what of a service is well, what is not, and whether everything adds up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import sqlalchemy as sa
import structlog
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import telemetry
from shared.backoff import end_if_told
from shared.books import erasing, parking, watermark
from shared.books.holding import count_held, count_overdue
from shared.clocks import Clocks
from shared.consuming.positioning import Positioning
from shared.faults import Fault, classify
from shared.kafka.observer import Observer
from shared.outbox.journal import OUTBOX
from shared.service import Service

log = structlog.get_logger()


POSTGRES_SECONDS, CLOSING_SECONDS = 3.0, 2.0
"""For so long Postgres is waited for, and then SQLAlchemy for a connection that does not answer to be closed. Whoever asks for our health has
to wait for longer: else they hear nothing where Postgres hangs, and not that it does."""
_CLOCK = sa.select(sa.func.clock_timestamp())
_WELL: JsonDict = {
    "ready": True,
    "service": "enrolment",
    "problems": [],
    "warnings": [],
    "lag": {"programme.cities": 0},
}


class HealthState(BaseModel):
    """What is well and what is not."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra={"examples": [_WELL]})

    ready: bool
    service: str
    problems: list[str] = Field(description="What keeps it from its work.")
    warnings: list[str] = Field(
        description="What it cannot do at the moment, although starting it anew would not help."
    )
    lag: dict[str, int] = Field(description="Records that it has not heard yet, by stream.")


class Health:
    """Looks at one running service; changes nothing."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: Service,
        lanes: Sequence[Positioning],
        observer: Observer,
        may_decide: asyncio.Event,
        clocks: Clocks,
        *,
        stuck_seconds: float,
    ) -> None:
        self._engine = engine
        self._service = service
        self._lanes = lanes
        self._observer = observer
        self._may_decide = may_decide
        self._clocks = clocks
        self._stuck_seconds = stuck_seconds
        self.own_books: list[Callable[[AsyncConnection], Awaitable[dict[str, Any]]]] = []
        """What a service adds to the common books."""
        self.failed_looks: Callable[[], int] = lambda: 0
        """How many subjects this process could not look at (shared.deciding.due)."""
        self.own_warnings: list[Callable[[], str | None]] = [
            clocks.warning,
            lambda: observer.misshapen(service.heard),
            self._who_stamps,
        ]
        """What a service cannot do at the moment, although starting it anew would not help."""

    async def state(self) -> HealthState:
        """What is well and what is not, with the verb that repairs it."""
        problems: list[str] = []
        try:
            async with asyncio.timeout(POSTGRES_SECONDS), self._engine.connect() as connection:
                asked_at = self._clocks.now()
                said = (await connection.execute(_CLOCK)).scalar_one()
                self._clocks.note("Postgres", said, asked_at=asked_at, answered_at=self._clocks.now())
        except Exception as error:
            if classify(error) is not Fault.TRANSIENT:
                raise
            problems.append("Postgres does not answer")
        if not all(lane.kafka_answers for lane in self._lanes):
            problems.append("Kafka does not answer yet")
        if not self._may_decide.is_set():
            problems.append("still hearing what this service said before")
        lag = self.lag()
        if self._idle_with_lag_seconds() > self._stuck_seconds / 2:
            problems.append("there is lag and nothing is being heard")
        warnings = [said for warning in self.own_warnings if (said := warning())]
        return HealthState(
            ready=not problems, service=self._service.name, problems=problems, warnings=warnings, lag=lag
        )

    def _who_stamps(self) -> str | None:
        """Deadlines are judged by when the broker got a request: where senders say it, they decide whether they were late."""
        streams = sorted(set[str]().union(*(lane.positions.stamped_by_senders for lane in self._lanes)))
        return f"when it came is said by whoever sent it: {', '.join(streams)} (set LogAppendTime)" if streams else None

    def lag(self) -> dict[str, int]:
        lag = dict.fromkeys(self._service.heard, 0)
        for lane in self._lanes:
            for part, records in lane.lag.items():
                lag[part.stream] += records
        return lag

    def _idle_with_lag_seconds(self) -> float:
        now = time.monotonic()
        behind = [now - lane.progressed_at for lane in self._lanes if any(lane.lag.values())]
        return max(behind, default=0.0)

    async def until_stuck(self) -> None:
        """Returns when there is lag, Kafka and Postgres answer, and nothing has been heard for too long."""
        while True:
            end_if_told()
            await asyncio.sleep(5)
            if self._idle_with_lag_seconds() < self._stuck_seconds:
                continue
            health = await self.state()
            if "Postgres does not answer" not in health.problems and all(lane.kafka_answers for lane in self._lanes):
                log.error("stuck", seconds=self._idle_with_lag_seconds(), lag=health.lag)
                return

    async def books(self) -> dict[str, Any]:
        """Published = heard + parked + skipped by stream, what waits, and what the service itself counts."""
        ends, decided = await self._observer.ends(self._service.heard), self._service.asked_types()
        streams = {
            name: dict.fromkeys(("published", "heard", "parked", "skipped", "lag"), 0) for name in self._service.heard
        }
        async with self._engine.connect() as connection:
            marks = await watermark.read(connection, self._service.heard)
            outbox = (await connection.execute(sa.select(sa.func.count()).select_from(OUTBOX))).scalar_one()
            held, held_for_newer = await count_held(connection, decided)
            parked = await parking.count(connection)
            overdue = await count_overdue(connection, decided, self._service.clock())
            stray = await erasing.count_stray(connection)
            own: dict[str, Any] = {}
            for more in self.own_books:
                own |= await more(connection)
        for part, end in ends.items():
            mark, stream = marks.get(part), streams[part.stream]
            stream["published"] += end
            stream["lag"] += end - (mark.next_offset if mark else 0)
            if mark:
                stream["heard"] += mark.heard
                stream["parked"] += mark.parked
                stream["skipped"] += mark.skipped
        telemetry.PARKED.labels(self._service.name).set(parked["parked"])
        telemetry.HELD.labels(self._service.name).set(held)
        return {
            "service": self._service.name,
            "streams": streams,
            "outbox": outbox,
            "held": held,
            "held_for_newer": held_for_newer,
            "overdue": overdue + self.failed_looks(),
            **parked,
            "stray_erasures": stray,
            **own,
        }
