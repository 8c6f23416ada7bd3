"""What keeps two from doing the same at once, and anyone from deciding too early: each lock and each wait by itself."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from sqlalchemy.ext.asyncio import AsyncConnection

import shared.outbox.relay
from services.enrolment import store, tables
from services.enrolment.app import SERVICE
from shared.books import watermark
from shared.books.batch import Batch
from shared.books.holding import HELD_TOO_LONG
from shared.books.watermark import is_heard
from shared.contracts.directory import MemberKind, TeamMemberJoined
from shared.contracts.planner import SessionKind
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.rules import StageOpened
from shared.deciding.due import DueLoop
from shared.deciding.transaction import Decider
from shared.events.decoding import decode
from shared.events.streams import STREAMS, Partition, Stream
from shared.kafka.observer import Observer
from shared.outbox.journal import JOURNAL, OUTBOX, Entry
from shared.outbox.relay import Relay
from shared.postgres.roundtrips import Reads
from shared.service import Inputs
from shared.settings import kafka_connection
from shared.state.rows import mapping
from shared.state.working import Due, Working
from shared.testing import eventually, heard, message
from tests.enrolment.surroundings import Make, city, fresh, known, programme, rows, said_and_sent, training
from tests.faults.test_commits import on_the_stream

pytestmark = pytest.mark.long


def decider(here: Any, **changes: Any) -> Decider:
    return Decider(here.engine, dataclasses.replace(SERVICE, **changes))


def looking_together() -> Callable[[Reads, Working, Inputs], Awaitable[None]]:
    """Loads, and lets another one load too before either decides – if the other one can."""
    looked = asyncio.Barrier(2)

    async def load(reads: Reads, working: Working, inputs: Inputs) -> None:
        await store.load(reads, working, inputs)
        await reads.run()
        try:
            async with asyncio.timeout(1):
                await looked.wait()
        except TimeoutError:
            await looked.reset()
        except asyncio.BrokenBarrierError:
            pass

    return load


async def test_a_batch_heard_by_two_at_once_is_heard_once(world: Make) -> None:
    here = await world(SERVICE)
    part = Partition("programme.cities", 3)
    records = [message(city(fresh("town"))).record(partition=3, offset=n, at=dt.datetime.now(dt.UTC)) for n in range(5)]
    batch, read = Batch(part, 0, records), [decode(record) for record in records]
    await decider(here).hear([Batch(part, 0, records[:1])], [read[:1]])  # The watermark row is there.

    async def no_lock(connection: AsyncConnection, inputs: Inputs) -> None:
        """The watermark's own lock is what is looked at here."""

    load = looking_together()
    hearings = (decider(here, lock=no_lock, load=load).hear([batch], [read]) for _ in range(2))
    results = await asyncio.gather(*hearings, return_exceptions=True)

    assert [result for result in results if isinstance(result, BaseException)] == []
    async with here.engine.connect() as connection:
        mark = (await watermark.read(connection))[part]
    assert (mark.next_offset, mark.heard) == (5, 5)


async def test_the_last_seat_asked_for_by_two_at_once_is_sold_once(world: Make) -> None:
    here = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    people = [fresh("person"), fresh("person")]
    opened = StageOpened(rule_id="stage:77", stage=77, phase=77, opened_on=dt.date(2026, 1, 1))
    joined = {"city_id": town, "from_date": dt.date(2026, 1, 1), "kind": MemberKind.COORDINATOR}
    facts = [opened, city(town, stage=77), *(TeamMemberJoined(person_id=person, **joined) for person in people)]
    facts.append(training(session, town, kind=SessionKind.IN_DEPTH, capacity=1))
    await decider(here).act([heard(fact) for fact in facts])
    load = looking_together()

    asking = [heard(EnrolmentRequested(session_id=session, person_id=person)) for person in people]
    await asyncio.gather(*(decider(here, load=load).act([one]) for one in asking))

    places = await rows(here, tables.PLACE, tables.PLACE.c.session_id == session)
    assert sorted(place.state for place in places) == ["enrolled", "waitlisted"]


async def test_nothing_else_is_heard_before_what_we_said_ourselves(world: Make) -> None:
    first = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    async with first.running():
        await first.publish(*programme(town, [fresh("person")], session))
        await eventually(lambda: said_and_sent(first, session, 1))

    second = await world(SERVICE)
    async with second.engine.connect() as blocking, second.running() as runtime:
        await blocking.execute(
            sa.text("lock table kept.journal in exclusive mode")
        )  # Our own words cannot be taken in.
        waiting = sa.text("select count(*) from pg_locks where not granted and relation = 'kept.journal'::regclass")
        async with second.engine.connect() as looking:
            await eventually(lambda: looking.scalar(waiting), what="our own stream being heard")
        (lane,) = (lane for lane in runtime.lanes if lane.name == "decisions")
        positioned = {part.stream for part in lane.positioning.assigned() if part in lane.positions}
        assert positioned == {"enrolment.events"}
        await blocking.rollback()
        await eventually(lambda: known(second, town), what="the town, after our own words")


def relay(here: Any, *, timeout_seconds: float = 10, hears_once: bool = False) -> Relay:
    """`hears_once`: whoever asks a second time whether our own streams are heard waits for ever, as for one without a leader."""
    asked = itertools.count()

    async def own_heard() -> None:
        if hears_once and next(asked):
            await asyncio.Event().wait()

    return Relay(
        here.engine,
        SERVICE.name,
        SERVICE.source,
        kafka_connection(here.settings),
        own_streams_heard=own_heard,
        batch=10,
        poll_seconds=0.05,
        timeout_seconds=timeout_seconds,
    )


async def test_what_was_sent_is_sent_once_also_before_it_is_deleted_and_deleted_when_the_relay_ends(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.outbox.relay, "FORGET_SECONDS", 3_600.0)
    here, session, long_ago = await world(SERVICE), fresh("session"), dt.datetime.now(dt.UTC) - dt.timedelta(days=31)
    one = relay(here)
    running = asyncio.create_task(one.run())
    try:
        for number in range(1, 4):
            asked = heard(EnrolmentRequested(session_id=session, person_id=fresh("person")), at=long_ago)
            await decider(here).act([asked])
            await decider(here).act([Due(HELD_TOO_LONG, f"session/{session}", dt.datetime.now(dt.UTC))])
            one.wake()

            async def is_sent(number: int = number) -> bool:
                return len(await on_the_stream(here, "enrolment.events", session)) >= number

            await eventually(is_sent, what="what was said, on the stream")
        assert len(await rows(here, OUTBOX)) == 3
        assert len(await on_the_stream(here, "enrolment.events", session)) == 3
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert await rows(here, OUTBOX) == []


async def topic_with(here: Any, name: str, configs: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(**kafka_connection(here.settings))
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 12, 1, topic_configs=configs)])
    finally:
        await admin.close()


def never_answered(stream: str) -> Any:
    """Of partitions that have too few replicas, Kafka says "later" for as long as it takes: what their batches wait for, and nothing else."""
    send_batch = AIOKafkaProducer.send_batch

    async def send(self: AIOKafkaProducer, batch: Any, topic: str, *, partition: int) -> Any:
        if topic == stream:
            return asyncio.get_running_loop().create_future()
        return await send_batch(self, batch, topic, partition=partition)

    return send


def sending() -> int:
    """How many producers of this process go on sending."""
    return sum("_sender_routine" in repr(task) for task in asyncio.all_tasks())


@pytest.mark.parametrize(
    "topic",
    [None, {}, {"max.message.bytes": "100"}, {"retention.ms": "-1"}],
    ids=["of a newer release", "whose topic is gone", "that takes smaller records", "that is not answered"],
)
async def test_what_is_said_on_a_stream_that_takes_nothing_waits_and_keeps_no_other_one_waiting(
    topic: dict[str, str] | None, world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than the relay takes at a time, and before everything else."""
    newer = fresh("enrolment.newer")
    if topic is not None:
        monkeypatch.setitem(STREAMS, newer, Stream(newer, key="session_id"))
        monkeypatch.setattr(shared.outbox.relay, "_KNOWN", sorted(STREAMS))
    here, session, long_ago = await world(SERVICE), fresh("session"), dt.datetime.now(dt.UTC) - dt.timedelta(days=31)
    if topic:
        await topic_with(here, newer, topic)
        if "retention.ms" in topic:
            monkeypatch.setattr(AIOKafkaProducer, "send_batch", never_answered(newer))
    sending_before = sending()
    asked = [heard(EnrolmentRequested(session_id=session, person_id=fresh("person")), at=long_ago) for _ in range(2)]
    async with here.engine.begin() as connection:
        for number in range(12):
            about = (newer, f"k-{number}", "rollcall.Newer.v1", "k", 1, long_ago, None, None, "{}")
            entry = Entry(f"newer-{number}", *about)
            await connection.execute(sa.insert(JOURNAL).values(**mapping(entry)))
            await connection.execute(sa.insert(OUTBOX).values(event_id=entry.event_id))
    one = relay(here, timeout_seconds=60, hears_once=True)
    running = asyncio.create_task(one.run())
    try:
        for number, request in enumerate(asked, 1):
            await decider(here).act([request])
            await decider(here).act([Due(HELD_TOO_LONG, f"session/{session}", dt.datetime.now(dt.UTC))])

            async def is_sent(number: int = number) -> bool:
                waiting = {row.event_id for row in await rows(here, OUTBOX)}
                sent = len(await on_the_stream(here, "enrolment.events", session))
                return sent >= number and waiting == {f"newer-{number}" for number in range(12)}

            await eventually(is_sent, what="what was said on a stream that takes it, sent and deleted")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert len(await on_the_stream(here, "enrolment.events", session)) == 2  # Each once.
    assert sending() == sending_before


async def test_of_two_relays_one_leads_and_the_other_takes_over(world: Make) -> None:
    here = await world(SERVICE)
    relays = [relay(here), relay(here)]
    running = {one: asyncio.create_task(one.run()) for one in relays}
    try:
        leader = await eventually(lambda: next((one for one in relays if one.leading), None), what="a leader")
        (other,) = (one for one in relays if one is not leader)
        async with here.engine.connect() as connection:  # The other one has tried meanwhile, and waits.
            tries = sa.text("select count(*) from pg_stat_activity where query like '%pg_try_advisory_lock%'")
            await eventually(lambda: connection.scalar(tries), what="the other one's try")
        assert not other.leading
        running[leader].cancel()
        await eventually(lambda: other.leading, what="the other one's turn")
    finally:
        for task in running.values():
            task.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


async def test_a_due_moment_waits_until_everything_said_before_it_has_been_heard(world: Make) -> None:
    here = await world(SERVICE)
    session = fresh("session")
    await here.publish(message(city(fresh("town"))))  # In Kafka in time, and not heard yet.
    decided: list[Due] = []

    async def never_heard(reads: Reads, working: Working, inputs: Inputs) -> None:
        decided.extend(one for one in inputs if isinstance(one, Due))
        await store.load(reads, working, inputs)

    now = dt.datetime.now(dt.UTC)
    await decider(here).act(
        [heard(EnrolmentRequested(session_id=session, person_id="p"), at=now - dt.timedelta(days=31))]
    )
    observer = Observer(kafka_connection(here.settings))
    await observer.start()
    loop = DueLoop(
        here.engine,
        SERVICE,
        decider(here, load=never_heard),
        observer,
        may_decide=asyncio.Event(),
        poll_seconds=0.1,
        batch=10,
    )
    try:
        later = now + dt.timedelta(seconds=5)
        async with here.engine.begin() as connection:
            await connection.execute(sa.text("update kept.held set expires_at = :at"), {"at": later})
        assert await loop.round(later) == 0
        assert decided == []

        async with here.running():
            await eventually(lambda: heard_all(here, observer), what="everything heard")
        assert await loop.round(later) == 1
        assert [one.subject for one in decided] == [f"session/{session}"]
    finally:
        await observer.stop()


async def test_a_moment_from_before_any_log_is_decided_like_every_other(world: Make) -> None:
    """Of a training in 1969, say: Kafka is asked for no time that it does not know, or nothing of the service would be due any more."""
    here = await world(SERVICE)
    session, now = fresh("session"), dt.datetime.now(dt.UTC)
    await decider(here).act([heard(EnrolmentRequested(session_id=session, person_id="p"), at=now)])
    async with here.engine.begin() as connection:
        await connection.execute(sa.text("update kept.held set expires_at = '1969-07-20 20:17Z'"))
    observer = Observer(kafka_connection(here.settings))
    await observer.start()
    how = {"may_decide": asyncio.Event(), "poll_seconds": 0.1, "batch": 10}
    try:
        assert await DueLoop(here.engine, SERVICE, decider(here), observer, **how).round(now) == 1
    finally:
        await observer.stop()


async def heard_all(here: Any, observer: Observer) -> bool:
    return await is_heard(here.engine, await observer.ends(SERVICE.heard))
