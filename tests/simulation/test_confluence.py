"""Streams have no order among themselves: whatever the interleaving and the batches, facts come to the same rows.

Contested places are held to what must be true of them in any order instead: never oversold, everyone accounted for, fair.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import itertools
import os
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, note, settings
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.embedded.postgres import Postgres
from services.attendance.app import service_of
from services.attendance.state import ListRules
from services.enrolment import app as enrolment
from services.notifications import app as notifications
from shared.deciding import Desk
from shared.facts import FactLane
from shared.migrating import migrate
from shared.retry import ParkedRetry
from shared.service import SHARED_TABLES, Service
from shared.testing import NOON
from tests.simulation.programmes import Programme, Step, batches_of, decoded, interleavings, programmes

EXAMPLES = int(os.environ.get("ROLLCALL_EXAMPLES", "25"))
thorough = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="ROLLCALL_EXAMPLES" not in os.environ,  # CI hears the same programmes each time: it never flakes.
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
ATTENDANCE = service_of(ListRules(dt.timedelta(hours=6), NOON - dt.timedelta(days=365)))
Contents = dict[str, list[tuple[Any, ...]]]


class Hearing:
    """One service on a database of its own, through its real lanes."""

    def __init__(self, service: Service, engine: AsyncEngine, dsn: str) -> None:
        self._numbers = itertools.count(1)
        self._dsn = dsn
        self.now = NOON + dt.timedelta(days=1)
        self.engine = engine
        self.service = dataclasses.replace(service, clock=lambda: self.now, new_id=lambda: f"own-{next(self._numbers)}")

    async def empty(self) -> None:
        """As after migrating."""
        tables = [table for metadata in self.service.metadata() for table in reversed(metadata.sorted_tables)]
        connection = await asyncpg.connect(self._dsn)
        await connection.execute(
            ";".join(f"delete from {table.fullname}" for table in tables if table.name != "decider")  # noqa: S608  # Our tables.
        )
        await connection.close()

    async def hear(self, programme: Programme, turns: Sequence[Step]) -> Desk:
        """Hears everything, and lets in whoever may take over by then."""
        desk = Desk(self.engine, self.service, said=lambda: None)
        facts = FactLane(self.engine, self.service, desk)
        lanes = (self.service.facts, (*self.service.own, *self.service.decisions))
        for batches in batches_of(programme.of(self.service.heard), lanes, turns):
            lane: Any = facts if batches[0].partition.stream in self.service.facts else desk
            await lane.hear(batches, decoded(batches))
        may_decide = asyncio.Event()
        may_decide.set()
        retry = ParkedRetry(self.engine, self.service, desk, may_decide=may_decide)
        while await retry.let_in():
            pass  # Each looks at what is parked a few times, then leaves it to the office.
        return desk

    async def contents(self, *leave_out: str) -> Contents:
        found = {}
        async with self.engine.connect() as connection:
            for table in {**SHARED_TABLES, **self.service.tables}.values():
                if table.schema == "projection" and table.name not in leave_out:
                    found[table.name] = sorted(map(tuple, await connection.execute(sa.select(table))), key=repr)
        return found


def difference(one: Contents, other: Contents) -> list[str]:
    """The rows that only one of them has, legibly."""
    return [
        f"{table}: only {which}: {row}"
        for table in one
        for which, ours, theirs in (
            ("canonical", one[table], other[table]),
            ("interleaved", other[table], one[table]),
        )
        for row in ours
        if row not in theirs
    ]


@pytest.fixture(scope="module")
async def hearings(postgres: Postgres) -> AsyncIterator[dict[str, Hearing]]:
    made = {}
    for service in (enrolment.SERVICE, ATTENDANCE, notifications.SERVICE):
        name = f"confluence_{service.name}"
        dsn = postgres.ensure(name, name, "secret")
        url = dsn.replace("postgresql://", "postgresql+asyncpg://")
        await asyncio.to_thread(migrate, service.name, url)
        made[service.name] = Hearing(service, create_async_engine(url), dsn)
    yield made
    for hearing in made.values():
        await hearing.engine.dispose()


async def twice(hearing: Hearing, programme: Programme, turns: list[Step], *leave_out: str) -> None:
    """Heard in canonical order and in another one."""
    note(repr(programme))
    note(f"Turns: {turns}")
    found = []
    for one in ([], turns):
        await hearing.empty()
        await hearing.hear(programme, one)
        found.append(await hearing.contents(*leave_out))
    assert difference(*found) == []


@thorough
@given(programmes(enrolment.SERVICE), interleavings)
async def test_enrolment_makes_the_same_rows_in_any_interleaving(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step]
) -> None:
    await twice(hearings["enrolment"], programme, turns, "place", "answer")


@thorough
@given(programmes(ATTENDANCE), interleavings)
async def test_attendance_makes_the_same_rows_in_any_interleaving(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step]
) -> None:
    await twice(hearings["attendance"], programme, turns, "record", "answer")


@thorough
@given(programmes(notifications.SERVICE), interleavings)
async def test_notifications_makes_the_same_rows_in_any_interleaving(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step]
) -> None:
    await twice(hearings["notifications"], programme, turns)
