"""Postgres ended on the spot under load, and backends away for long: no crash, no spin, nothing lost, nothing doubled."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy import NullPool
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.embedded import ports
from deploy.embedded.postgres import Postgres
from services.enrolment import tables
from services.enrolment.app import SERVICE
from shared.contracts.directory import PersonRegistered
from shared.outbox.journal import JOURNAL
from shared.postgres.migrating import migrate
from shared.process.runtime import Runtime
from shared.settings import ConsumerLimits
from shared.testing import body_of, eventually, message
from tests.enrolment.surroundings import Make, fresh, programme, rows, settled
from tests.faults.test_commits import Surroundings, balanced, behind, on_the_stream  # noqa: F401

pytestmark = pytest.mark.long

ENOUGH_KNOCKS = 12
"""At a database that is away: from so many on their pace shows."""
TOWNS, PEOPLE = 16, 12


@pytest.fixture
async def own_postgres(tmp_path: Path) -> AsyncIterator[Postgres]:
    server = Postgres(tmp_path / "postgres", ports.choose_free(), durable=False)
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.stop)


async def test_postgres_ended_on_the_spot_under_load_twice(world: Make, own_postgres: Postgres) -> None:
    here = await world(SERVICE)
    url = own_postgres.ensure("faults", "faults", "secret").replace("postgresql://", "postgresql+asyncpg://")
    await asyncio.to_thread(migrate, "enrolment", url)
    here.settings = here.settings.model_copy(
        update={"database_url": SecretStr(url), "consumer": ConsumerLimits(backoff_most_seconds=1)}
    )
    await here.engine.dispose()
    here.engine = create_async_engine(url, poolclass=NullPool)  # Our own look meets no dead connection.
    trainings = {fresh("session"): [fresh("person") for _ in range(PEOPLE)] for _ in range(TOWNS)}

    async def publish() -> None:
        for session_id, people in trainings.items():
            await here.publish(*programme(fresh("town"), people, session_id))

    async with here.running() as runtime:
        await runtime.may_decide.wait()
        publishing = asyncio.create_task(publish())
        for ends_after, number in ((20, signal.SIGQUIT), (90, signal.SIGKILL)):
            await eventually(lambda least=ends_after: said(here, least), what="a good deal decided")
            await end_at_once(own_postgres, number)
            await asyncio.to_thread(own_postgres.start)
        await publishing
        await eventually(lambda: said(here, TOWNS * (PEOPLE + 1)), what="everybody enrolled")
        await settled(here)
        await balanced(runtime)
    for session_id, people in trainings.items():
        entries = await rows(here, JOURNAL, JOURNAL.c.key == session_id)
        assert sorted(row.subject.split("/")[-1] for row in entries) == sorted([*people, "places"])
        sent = await on_the_stream(here, "enrolment.events", session_id)
        assert {event_id for event_id, _ in sent} == {row.event_id for row in entries}
    places = await rows(here, tables.PLACE, tables.PLACE.c.session_id.in_(list(trainings)))
    assert {row.version for row in places} == {1}
    assert len(places) == TOWNS * PEOPLE


async def said(here: Any, least: int) -> bool:
    return len(await rows(here, JOURNAL)) >= least


async def end_at_once(server: Postgres, number: signal.Signals) -> None:
    """SIGQUIT is Postgres's immediate stop: it says good-bye to nobody and writes nothing down."""
    if number == signal.SIGKILL:
        await asyncio.to_thread(server.kill)
        return
    assert server.pid is not None
    os.kill(server.pid, number)
    await eventually(server.has_ended, what="the end of Postgres")
    await asyncio.to_thread(server.stop)


def tries(first_seconds: float, most_seconds: float, during_seconds: float) -> int:
    """How often one loop may try during an outage, when jitter halves every wait."""
    number, waited = 1, 0.0
    while waited < during_seconds:
        waited += 0.5 * min(most_seconds, first_seconds * 2 ** (number - 1))
        number += 1
    return number


async def test_a_database_that_is_away_for_long_is_asked_for_with_patience(behind: Surroundings) -> None:  # noqa: F811
    here, proxy, person = behind.here, behind.proxy, fresh("person")
    limits = ConsumerLimits(backoff_first_seconds=0.2, backoff_most_seconds=1, watch_seconds=1)
    here.settings = here.settings.model_copy(update={"consumer": limits})
    async with here.running() as runtime:
        await settled(here)
        proxy.shut_out()
        before, began = proxy.knocks, time.monotonic()
        await here.publish(message(body_of(PersonRegistered, person_id=person)))
        await eventually(
            lambda: proxy.knocks - before > ENOUGH_KNOCKS, what="enough tries to tell how often they are made"
        )
        knocks, seconds = proxy.knocks - before, time.monotonic() - began
        proxy.shut = False
        await eventually(
            lambda: rows(here, tables.PERSON, tables.PERSON.c.person_id == person), what="the person heard"
        )
        await eventually(lambda: runtime.relay.leading, what="the relay leading again")
    lanes = 2 * (
        tries(limits.backoff_first_seconds, limits.backoff_most_seconds, seconds) + seconds / limits.watch_seconds
    )
    relay, due, retry = tries(0.2, 15, seconds), tries(0.5, 30, seconds), tries(1, 60, seconds)
    assert knocks <= lanes + relay + due + retry


async def test_a_batch_whose_statement_always_times_out_makes_the_service_unready_and_ends_it(world: Make) -> None:
    here, person = await world(SERVICE), fresh("person")
    limits = ConsumerLimits(backoff_most_seconds=0.5, watch_seconds=0.2, stuck_seconds=2)
    here.settings = here.settings.model_copy(update={"consumer": limits, "statement_timeout_ms": 1000})
    async with here.running() as runtime, here.engine.connect() as blocking:
        await settled(here)
        await blocking.execute(sa.text("lock table projection.person in exclusive mode"))
        await here.publish(message(body_of(PersonRegistered, person_id=person)))
        await eventually(lambda: is_unready(runtime), what="readiness to go")
        await asyncio.wait_for(runtime.health.until_stuck(), 180)  # Whoever supervises it starts it anew.
        await blocking.rollback()
        await eventually(
            lambda: rows(here, tables.PERSON, tables.PERSON.c.person_id == person), what="the person heard"
        )


async def is_unready(runtime: Runtime) -> bool:
    return "there is lag and nothing is being heard" in (await runtime.health.state()).problems
