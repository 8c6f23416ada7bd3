"""Facts into a projection: 200,000 facts about people, one in ten of them a newer, an older or the same version again."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bench.measuring import Clock, Figures, Measured, measure
from bench.surroundings import Place, Servers, ends, fill, make_topic, running
from services.attendance.app import service_of
from services.attendance.state import ListRules
from shared.contracts.directory import PersonRegistered
from shared.positions import partition_of
from shared.testing import Message, message

STREAM = "programme.people"
NAIVE_TOPIC = "bench.naive"
NAIVE_EVENTS = 3_000
SOURCE = "urn:example:directory"
GIVEN = ("Łucja", "Jan", "Zofia", "Stanisław", "Żaneta", "Michał")
FAMILY = ("Wiśniewska", "Kowalski", "Zając", "Dąbrowska", "Źrebiec")

SERVICE = service_of(ListRules(dt.timedelta(hours=6), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)))

Row = tuple[int, str, str]
"""(version, given name, family name)"""


def facts(events: int) -> Iterator[tuple[str, int, str, str, int]]:
    """(person, version, given name, family name, which fact it is), in the order of publishing."""
    for n in range(events):
        again = n % 10 == 9
        person = n - 7 if again else n  # The one again: seven facts after the first.
        kind = (n // 10) % 3
        version = (2, 1, 1)[kind] if again else (1, 1, 2)[((n + 7) // 10) % 3] if n % 10 == 2 else 1
        same = again and kind == 1
        told = person if same else n
        yield f"person-{person:07}", version, GIVEN[told % len(GIVEN)], FAMILY[told % len(FAMILY)], told


def messages(events: int) -> Iterator[Message]:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    for person_id, version, given, family, told in facts(events):
        body = PersonRegistered(person_id=person_id, given_name=given, family_name=family)
        yield message(body, source=SOURCE, event_id=f"fact-{told}", version=version, at=at)


def expected(events: int) -> dict[str, Row]:
    """The oracle: the newest version of each person, computed from the facts alone."""
    newest: dict[str, Row] = {}
    for person_id, version, given, family, _ in facts(events):
        old = newest.get(person_id)
        if old is None or version > old[0]:
            newest[person_id] = version, given, family
    return newest


async def check(place: Place) -> None:
    """The contender's table must be the oracle's, row for row."""
    connection = await asyncpg.connect(place.database)
    try:
        found = {
            row[0]: (row[1], row[2], row[3])
            for row in await connection.fetch(
                "select person_id, version, given_name, family_name from projection.person"
            )
        }
    finally:
        await connection.close()
    wanted = expected(place.events)
    wrong = [key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)]
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(wanted)} rows are wrong, such as {wrong[0]}: "
                             f"{found.get(wrong[0])} instead of {wanted.get(wrong[0])}")  # fmt: skip


# --- contenders ----------------------------------------------------------------------------


async def projector(place: Place) -> Measured:
    """The service attendance as it is, with its other lane, relay and watch at work."""
    end = await ends(place.kafka, STREAM)
    clock = Clock()
    all_heard = asyncio.Event()
    async with running(SERVICE, place.settings()) as runtime:
        (lane,) = (one for one in runtime.lanes if one.name == "facts")
        hear = lane._hear

        async def timed(*arguments: Any) -> None:
            clock.start()
            await hear(*arguments)

        def looked() -> None:
            if all(lane.positioning._committed.get(partition_of(tp), 0) >= offset for tp, offset in end.items()):
                all_heard.set()

        lane._hear = timed
        lane._changed = looked
        await all_heard.wait()
        return clock.stop(sum(end.values()))


class _Person(BaseModel):
    """What somebody in a hurry would read."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    person_id: str
    given_name: str
    family_name: str


_TABLES = """
create schema projection;
create table projection.person (person_id text primary key, version bigint not null, source text not null,
  event_id text not null, heard_at timestamptz not null, given_name text, family_name text);
create table projection.watermark (stream text, partition bigint, next_offset bigint not null, primary key (stream, partition));
create table projection.parked (stream text, partition bigint, "offset" bigint, error text, primary key (stream, partition, "offset"));
"""
_HAND = """
with rows as (
  insert into projection.person
  select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::timestamptz[], $6::text[], $7::text[])
  on conflict (person_id) do update
    set version = excluded.version, source = excluded.source, event_id = excluded.event_id, heard_at = excluded.heard_at,
        given_name = excluded.given_name, family_name = excluded.family_name
    where person.source = excluded.source and person.version < excluded.version
  returning 1)
insert into projection.watermark select $10, p, o from unnest($8::bigint[], $9::bigint[]) as x(p, o)
on conflict (stream, partition) do update set next_offset = excluded.next_offset
"""
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TOLERANCE = dt.timedelta(minutes=5)


_Read = Callable[[ConsumerRecord], tuple[Any, ...]]
"""A record as the columns of its row. Raises ValueError or KeyError for what is to be parked."""


def _trusting(record: ConsumerRecord) -> tuple[Any, ...]:
    """Reads what the row needs and believes it."""
    headers = dict(record.headers)
    person = _Person.model_validate_json(record.value)
    return (
        person.person_id, int(headers["ce_aggregateversion"]), headers["ce_source"].decode(), headers["ce_id"].decode(),
        _EPOCH + dt.timedelta(milliseconds=record.timestamp), person.given_name, person.family_name,
    )  # fmt: skip


_TYPE = PersonRegistered.type_name().encode()


def _checking(record: ConsumerRecord) -> tuple[Any, ...]:
    """The same by the contract: an envelope that is whole, a body that is valid, a key that is the body's, no time to come."""
    headers = dict(record.headers)
    if (
        headers["content-type"] != b"application/json"
        or headers["ce_specversion"] != b"1.0"
        or headers["ce_type"] != _TYPE
    ):
        raise ValueError("another kind of record")
    source, event_id = headers["ce_source"].decode(), headers["ce_id"].decode()
    if len(source) > 200 or len(event_id) > 200 or not (source.isprintable() and event_id.isprintable()):
        raise ValueError("attributes that nobody can read")
    at = _EPOCH + dt.timedelta(milliseconds=record.timestamp)
    if dt.datetime.fromisoformat(headers["ce_time"].decode()) > at + _TOLERANCE:
        raise ValueError("a time to come")
    person = PersonRegistered.model_validate_json(record.value)
    if record.key != person.person_id.encode() or headers["ce_subject"].decode() != f"person/{person.person_id}":
        raise ValueError("another key or subject")
    return (
        person.person_id, int(headers["ce_aggregateversion"]), source, event_id, at, person.given_name, person.family_name
    )  # fmt: skip


async def _by_hand(place: Place, read: _Read) -> Measured:
    """aiokafka and asyncpg by hand: one statement a batch, the next batch decoded meanwhile, version check, parking."""
    connection = await asyncpg.connect(place.database)
    await connection.execute(_TABLES)
    end = await ends(place.kafka, STREAM)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=place.kafka, enable_auto_commit=False, max_partition_fetch_bytes=2 * 1024 * 1024
    )
    await consumer.start()
    consumer.assign(list(end))
    await consumer.seek_to_beginning()
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 50, 50)
    missing = {tp.partition: offset for tp, offset in end.items()}
    writing: asyncio.Task[str] | None = None
    clock = Clock()
    while missing:
        fetched = await consumer.getmany(timeout_ms=50, max_records=1000)
        newest: dict[str, tuple[Any, ...]] = {}
        parts: dict[int, int] = {}
        for tp, records in fetched.items():
            for record in records:
                try:
                    row = read(record)
                except (ValueError, KeyError) as error:
                    await connection.execute(
                        "insert into projection.parked values ($1, $2, $3, $4) on conflict do nothing",
                        STREAM, tp.partition, record.offset, repr(error),
                    )  # fmt: skip
                    continue
                old = newest.get(row[0])
                if old is None or old[1] < row[1]:
                    newest[row[0]] = row
            parts[tp.partition] = records[-1].offset + 1
        if not parts:
            continue
        clock.start()
        columns = [list(column) for column in zip(*newest.values(), strict=True)]
        if writing:
            await writing
        writing = asyncio.create_task(connection.execute(_HAND, *columns, list(parts), list(parts.values()), STREAM))
        await asyncio.sleep(0)
        for partition, offset in parts.items():
            if missing.get(partition) == offset:
                del missing[partition]
    if writing:
        await writing
    measured = clock.stop(sum(end.values()))
    await consumer.stop()
    await connection.close()
    return measured


async def hand_tuned(place: Place) -> Measured:
    """By hand, with the checks that the projection owes its readers."""
    return await _by_hand(place, _checking)


async def hand_tuned_trusting(place: Place) -> Measured:
    """By hand, believing every record."""
    return await _by_hand(place, _trusting)


_NAIVE = text("""
insert into projection.person (person_id, version, source, event_id, heard_at, given_name, family_name)
values (:person_id, :version, :source, :event_id, now(), :given_name, :family_name)
on conflict (person_id) do update
  set version = excluded.version, event_id = excluded.event_id, given_name = excluded.given_name,
      family_name = excluded.family_name
  where person.version < excluded.version
""")


async def naive(place: Place) -> Measured:
    """FastStream as its tutorial shows it: one event, one transaction, acknowledged after the handler."""
    engine = create_async_engine(place.database.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        for statement in _TABLES.split(";")[:-1]:
            await connection.execute(text(statement))
    total = sum((await ends(place.kafka, NAIVE_TOPIC)).values())
    broker = KafkaBroker(place.kafka, logger=None)
    clock, done = Clock(), asyncio.Event()
    heard = 0

    @broker.subscriber(
        NAIVE_TOPIC, group_id=place.database[-20:], auto_offset_reset="earliest", ack_policy=AckPolicy.ACK
    )
    async def on_person(person: _Person, message: KafkaMessage) -> None:
        nonlocal heard
        clock.start()
        async with engine.begin() as connection:
            await connection.execute(
                _NAIVE,
                {
                    **person.model_dump(),
                    "version": int(message.headers["ce_aggregateversion"]),
                    "source": message.headers["ce_source"],
                    "event_id": message.headers["ce_id"],
                },
            )
        heard += 1
        if heard == total:
            done.set()

    await broker.start()
    await done.wait()
    measured = clock.stop(total)
    await broker.stop()
    await engine.dispose()
    return measured


async def raw_read(place: Place) -> Measured:
    """aiokafka alone: every record fetched, none looked at."""
    end = await ends(place.kafka, STREAM)
    consumer = AIOKafkaConsumer(bootstrap_servers=place.kafka, max_partition_fetch_bytes=2 * 1024 * 1024)
    await consumer.start()
    consumer.assign(list(end))
    await consumer.seek_to_beginning()
    clock, number, total = Clock(), 0, sum(end.values())
    while number < total:
        fetched = await consumer.getmany(timeout_ms=50, max_records=1000)
        clock.start()
        number += sum(map(len, fetched.values()))
    measured = clock.stop(number)
    await consumer.stop()
    return measured


async def raw_upsert(place: Place) -> Measured:
    """asyncpg alone: the hand-tuned statement over rows that are ready."""
    connection = await asyncpg.connect(place.database)
    await connection.execute(_TABLES)
    at = dt.datetime.now(dt.UTC)
    rows = [(key, row[0], SOURCE, key, at, row[1], row[2]) for key, row in expected(place.events).items()]
    chunks = [[list(column) for column in zip(*rows[n : n + 1000], strict=True)] for n in range(0, len(rows), 1000)]
    clock = Clock()
    clock.start()
    for chunk in chunks:
        await connection.execute(_HAND, *chunk, [0], [1], STREAM)
    measured = clock.stop(len(rows))
    await connection.close()
    return measured


CONTENDERS = {
    "projector": projector,
    "hand-tuned": hand_tuned,
    "hand-tuned, trusting": hand_tuned_trusting,
    "naive": naive,
    "raw read": raw_read,
    "raw upsert": raw_upsert,
}
WHAT = {
    "projector": "the real projector, facts lane of attendance",
    "hand-tuned": "aiokafka + asyncpg by hand, one statement a batch, same checks",
    "hand-tuned, trusting": "the same, believing every record",
    "naive": "FastStream, one event a transaction",
    "raw read": "aiokafka alone, ceiling of reading",
    "raw upsert": "asyncpg alone, ceiling of writing",
}
GOALS = {"projector": "≥ 55,000/s, ≥ 1 × hand-tuned, ≥ 200 × naive"}


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """All contenders, one after the other, round by round."""
    events = int(200_000 * scale)
    asyncio.run(fill(servers.kafka.bootstrap, messages(events)))
    asyncio.run(make_topic(servers.kafka.bootstrap, NAIVE_TOPIC))
    few = max(200, int(NAIVE_EVENTS * scale))
    asyncio.run(fill(servers.kafka.bootstrap, messages(few), topic=NAIVE_TOPIC))
    figures = {name: Figures(name, WHAT[name], [], GOALS.get(name, "")) for name in CONTENDERS}
    for _ in range(rounds):
        for name, one in figures.items():
            place = servers.place(few if name == "naive" else events, "attendance" if name == "projector" else None)
            one.runs.append(measure(servers, "facts", name, place))
            if name != "raw read":
                asyncio.run(check(place))
    return list(figures.values())
