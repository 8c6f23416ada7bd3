"""Who was asleep while another took over, and goes on where it stopped: a relay, and a whole process. Neither does harm."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer

import services.attendance.store
import services.notifications.tables
import shared.outbox.relay
from deploy.embedded import ports
from services.enrolment import tables
from services.enrolment.app import SERVICE
from services.notifications.app import SERVICE as NOTIFICATIONS
from shared.books.holding import HELD_TOO_LONG
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.deciding.transaction import Decider
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.outbox.relay import Relay
from shared.postgres.database import connect
from shared.postgres.tables import HELD, HELD_SUBJECT
from shared.process.runtime import EXIT_STUCK, Runtime
from shared.settings import kafka_connection
from shared.state.working import Due
from shared.testing import decoded, eventually, heard, message
from tests.attendance.building import RULES, service_of
from tests.enrolment.surroundings import Make, fresh, nothing_left, programme, rows, settled
from tests.faults.breaking import header, how_often_said, records_of

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
HOLDER = sa.text(
    "select pid from pg_locks where locktype = 'advisory' and granted and objid = :lock"
    " and database = (select oid from pg_database where datname = current_database())"
).bindparams(lock=shared.outbox.relay.LOCK_KEY)


async def nobody_else_speaks() -> None:
    """These relays have no lanes beside them."""


async def test_a_relay_that_wakes_after_its_successor_is_believed_by_nobody(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await world(SERVICE)
    asleep, woken = asyncio.Event(), asyncio.Event()

    class FallsAsleep(AIOKafkaProducer):  # type: ignore[misc]
        """The first that sends falls asleep with its records in hand."""

        async def send_batch(self, *records: Any, **more: Any) -> Any:
            senders.append(self)
            if self is senders[0]:
                asleep.set()
                await woken.wait()
            return await super().send_batch(*records, **more)

    senders: list[AIOKafkaProducer] = []
    monkeypatch.setattr(shared.outbox.relay, "AIOKafkaProducer", FallsAsleep)
    session, people = fresh("session"), [fresh("person") for _ in range(3)]
    decider = Decider(here.engine, SERVICE)
    now = dt.datetime.now(dt.UTC)
    await decider.act([heard(decoded(sent, at=now).body) for sent in programme(fresh("town"), people, session)])
    async with relaying(here, poll_seconds=180) as old:  # All of it sleeps: it looks at nothing meanwhile.
        await asyncio.wait_for(asleep.wait(), 180)
        async with here.engine.begin() as connection:  # Its connection dies, and its lock with it.
            holder = (await connection.execute(HOLDER)).scalar_one()
            await connection.execute(sa.text("select pg_terminate_backend(:pid)"), {"pid": holder})
        async with relaying(here) as new:
            await eventually(lambda: nothing_left(here), what="the successor has sent everything")
            await decider.act([heard(WithdrawalRequested(session_id=session, person_id=person)) for person in people])
            new.wake()
            await eventually(lambda: nothing_left(here), what="the successor has sent what was said since")
            woken.set()
            await eventually(lambda: not old.leading, what="the sleeper to notice")
            said = [record for record in await records_of(here, "enrolment.events") if record.key == session.encode()]
            versions = [(header(record, "ce_subject"), int(header(record, "ce_aggregateversion"))) for record in said]
            assert {version for _, version in versions[-3:]} == {1}, "old versions must have landed after new ones"

    journal = {entry.event_id for entry in await rows(here, JOURNAL, JOURNAL.c.key == session)}
    assert (len(journal), set(await how_often_said(here, session))) == (7, journal)
    consumers = (
        (service_of(RULES), services.attendance.store.PLACE),  # Its deciding lane.
        (NOTIFICATIONS, services.notifications.tables.PLACE),
    )
    for service, table in consumers:
        there = await world(service)
        async with there.running():
            await settled(there)
            places = await rows(there, table, table.c.session_id == session)
            assert sorted((place.person_id, place.version) for place in places) == [(one, 2) for one in sorted(people)]


async def test_a_process_stopped_before_it_relays_does_not_keep_the_lock(world: Make, tmp_path: Path) -> None:
    """It took the lock, and stands still before it has sent anything: where it asks the broker, or hears its own streams."""
    here = await world(SERVICE)
    async with started(here, "one", tmp_path / "one.log") as (one, _):
        holder = await eventually(lambda: holder_of(here), what="the lock taken")
        one.send_signal(signal.SIGSTOP)
        await eventually(lambda: is_given_up(here, holder), what="the lock given up")


async def test_who_hears_its_own_streams_for_long_keeps_the_lock(world: Make) -> None:
    here = await world(SERVICE)
    heard_for = 1.5

    async def slowly() -> None:
        await asyncio.sleep(heard_for)

    async with relaying(here, own_streams_heard=slowly, timeout_seconds=0.3) as relay:
        holder = await eventually(lambda: holder_of(here), what="the lock taken")
        await eventually(lambda: relay.leading, what="leading")
        assert await holder_of(here) == holder


async def test_a_due_moment_that_two_replicas_found_is_decided_once(world: Make) -> None:
    here = await world(SERVICE)
    session, now = fresh("session"), dt.datetime.now(dt.UTC)
    deciders = [Decider(here.engine, SERVICE) for _ in range(2)]
    asked = heard(EnrolmentRequested(session_id=session, person_id="p"), at=now - dt.timedelta(days=31))
    await deciders[0].act([asked])
    moment = Due(HELD_TOO_LONG, f"session/{session}", now)
    await asyncio.gather(*(decider.act([moment]) for decider in deciders))
    assert len(await rows(here, JOURNAL, JOURNAL.c.key == session)) == 1


async def holder_of(here: Any) -> int | None:
    async with here.engine.connect() as connection:
        return (await connection.execute(HOLDER)).scalar_one_or_none()


async def is_given_up(here: Any, holder: int) -> bool:
    return await holder_of(here) != holder


@asynccontextmanager
async def relaying(
    here: Any,
    own_streams_heard: Callable[[], Awaitable[None]] = nobody_else_speaks,
    timeout_seconds: float = 60,
    poll_seconds: float = 0.1,
) -> AsyncIterator[Relay]:
    url = here.settings.database_url.get_secret_value()
    engine = connect(url, pool_size=2, statement_timeout_ms=30_000, application="relay")
    relay = Relay(
        engine,
        SERVICE.name,
        SERVICE.source,
        kafka_connection(here.settings),
        own_streams_heard=own_streams_heard,
        batch=10,
        poll_seconds=poll_seconds,
        timeout_seconds=timeout_seconds,
    )
    running = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.dispose()


@asynccontextmanager
async def process(here: Any, name: str, log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """The service as it is run, ready."""
    async with started(here, name, log) as (running, port):
        await eventually(lambda: is_ready(port), what=f"{name} ready")
        yield running


@asynccontextmanager
async def started(here: Any, name: str, log: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """The service as it is run, and its port. What it waits for is short: the test waits for it too."""
    port = ports.choose_free()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")},
        "ROLLCALL_KAFKA": here.settings.kafka,
        "ROLLCALL_DATABASE_URL": here.settings.database_url.get_secret_value(),
        "ROLLCALL_PORT": str(port),
        "ROLLCALL_REPLICA": name,
        "ROLLCALL_STATEMENT_TIMEOUT_MS": "3000",
        "ROLLCALL_RELAY_TIMEOUT_SECONDS": "3",
        "ROLLCALL_CONSUMER__SESSION_TIMEOUT_MS": "6000",
        "ROLLCALL_CONSUMER__DECIDING_BATCH_RECORDS": "5",
    }
    with log.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.enrolment.app", cwd=ROOT, env=environment, stdout=output, stderr=output
        )
    try:
        yield running, port
    finally:
        if running.returncode is None:
            running.send_signal(signal.SIGCONT)
            running.terminate()
            await running.wait()


async def is_ready(port: int) -> bool:
    try:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"http://127.0.0.1:{port}/health/ready")).status_code == 200
    except httpx.HTTPError:
        return False


async def said_about(here: Any, session: str) -> int:
    return len(await rows(here, JOURNAL, JOURNAL.c.key == session))


async def test_a_process_stopped_in_the_middle_is_succeeded_and_does_no_harm_when_it_wakes(
    world: Make, tmp_path: Path
) -> None:
    here = await world(SERVICE)
    session, never_known = fresh("session"), fresh("session")
    people = [fresh("person") for _ in range(300)]
    *background, training = programme(fresh("town"), people, session)
    opened, town, *members = background
    async with process(here, "one", tmp_path / "one.log") as one, process(here, "two", tmp_path / "two.log"):
        await here.publish(
            opened, town, training, message(EnrolmentRequested(session_id=never_known, person_id=people[0]))
        )
        publishing = asyncio.create_task(here.publish(*members))
        await eventually(lambda: at_least(here, session, 40), what="some of it decided")
        one.send_signal(signal.SIGSTOP)
        in_flight = {row.event_id for row in await rows(here, OUTBOX)}
        await publishing
        await eventually(lambda: at_least(here, session, 300), what="everything decided by the other")
        await eventually(lambda: is_held(here, never_known), what="the request for nobody knows what held")
        async with here.engine.begin() as connection:  # Not before: news of whom it names would have it held anew.
            await connection.execute(sa.text("update kept.held set expires_at = now() - interval '1 second'"))
        await eventually(lambda: at_least(here, never_known, 1), what="the held request refused")
        await eventually(lambda: nothing_left(here), what="everything said by the other")

        one.send_signal(signal.SIGCONT)
        newcomers = [fresh("person") for _ in range(60)]
        await here.publish(*(joins(town, person) for person in newcomers))
        await eventually(lambda: at_least(here, session, 360), what="the newcomers decided")
        await settled(here)
        assert one.returncode in (None, EXIT_STUCK)  # A slow machine may have kept it asleep for a minute.
        assert await books_balance(here)

    for key, number in ((session, 361), (never_known, 1)):
        entries = await rows(here, JOURNAL, JOURNAL.c.key == key)
        assert Counter(entry.subject for entry in entries).most_common(1)[0][1] == 1
        assert len(entries) == number
        times = await how_often_said(here, key)
        assert set(times) == {entry.event_id for entry in entries}
        # What it was about to send when it was stopped may have left: the same fact, with the same id and version.
        assert {event_id for event_id, often in times.items() if often > 1} <= in_flight
    places = await rows(here, tables.PLACE, tables.PLACE.c.session_id == session)
    assert (len(places), {place.version for place in places}) == (360, {1})
    assert sum(place.state == "enrolled" for place in places) == 10


async def is_held(here: Any, key: str) -> bool:
    return bool(await rows(here, HELD, f"session/{key}" == HELD_SUBJECT))


async def at_least(here: Any, key: str, number: int) -> bool:
    return await said_about(here, key) >= number


def joins(town: Any, person: str) -> Any:
    *_, member, _training = programme(town.key.decode(), [person], "unused")
    return member


async def books_balance(here: Any) -> bool:
    runtime = Runtime(SERVICE, here.settings)
    await runtime.observer.start()
    try:
        streams = (await runtime.health.books())["streams"].values()
        return all(s["lag"] == 0 and s["published"] == s["heard"] + s["parked"] + s["skipped"] for s in streams)
    finally:
        await runtime.observer.stop()
        await runtime.engine.dispose()
