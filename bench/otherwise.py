"""The same facts into the same table without Rollcall: by hand, as a tutorial shows it, and the ceilings of reading and writing."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from bench import work
from bench.measuring import Clock, Measured
from bench.people import SOURCE, STREAM, expected
from bench.surroundings import Place, ends
from shared.contracts.directory import PersonRegistered
from shared.contracts.survey import TrainingNeedDeclared
from shared.garbage import look_seldom

NAIVE_TOPIC = "bench.naive"


class _Person(BaseModel):
    """What somebody in a hurry would read."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    person_id: str
    given_name: str
    family_name: str


_KEPT = """
create schema projection;
create table projection.watermark (stream text, partition bigint, next_offset bigint not null, primary key (stream, partition));
create table projection.parked (stream text, partition bigint, "offset" bigint, error text, primary key (stream, partition, "offset"));
"""
_META = """source text not null, version bigint not null, numbered boolean not null, event_id text not null,
  heard_at timestamptz not null"""
_PERSON_TABLE = f"""
create table projection.person ({_META}, person_id text primary key, given_name text, family_name text, erased boolean not null);
"""
_NEED_TABLE = f"""
create table projection.need ({_META}, need_id text primary key, city_id text not null, topic text not null, level text not null,
  audience text, people bigint not null, state text not null);
create index need_city on projection.need (city_id);
"""


def _statement(table: str, key: str, **columns: str) -> str:
    """One statement a batch: the rows, where they are news of the same writer, and how far each partition was read."""
    columns = {"source": "text", "version": "bigint", "numbered": "boolean", "event_id": "text", "heard_at": "timestamptz",
               key: "text", **columns}  # fmt: skip
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(columns.values(), 1))
    news = ", ".join(f"{name} = excluded.{name}" for name in columns if name != key)
    stream, partitions, offsets = (len(columns) + number for number in (1, 2, 3))
    return f"""
with rows as (
  insert into projection.{table} select * from unnest({arrays})
  on conflict ({key}) do update set {news}
    where {table}.source = excluded.source and {table}.version < excluded.version
  returning 1)
insert into projection.watermark select ${stream}, p, o from unnest(${partitions}::bigint[], ${offsets}::bigint[]) as x(p, o)
on conflict (stream, partition) do update set next_offset = excluded.next_offset
"""  # noqa: S608


_PERSON = _statement("person", "person_id", given_name="text", family_name="text", erased="boolean")
_NEED = _statement(
    "need", "need_id", city_id="text", topic="text", level="text", audience="text", people="bigint", state="text"
)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_TOLERANCE = dt.timedelta(minutes=5)
_VERSION, _KEY = 1, 5
"""Where they stand in a row."""


_Read = Callable[[ConsumerRecord], tuple[Any, ...]]
"""A record as the columns of its row. Raises ValueError or KeyError for what is to be parked."""


def _trusting(record: ConsumerRecord) -> tuple[Any, ...]:
    """Reads what the row needs and believes it."""
    headers = dict(record.headers)
    person = _Person.model_validate_json(record.value)
    return (
        headers["ce_source"].decode(), int(headers["ce_aggregateversion"]), True, headers["ce_id"].decode(),
        _EPOCH + dt.timedelta(milliseconds=record.timestamp),
        person.person_id, person.given_name, person.family_name, False,
    )  # fmt: skip


def _envelope(record: ConsumerRecord, type_name: bytes) -> tuple[tuple[Any, ...], bytes]:
    """What the envelope says, if it is whole: attributes that can be read, no time to come. And the subject."""
    headers = dict(record.headers)
    if (
        headers["content-type"] != b"application/json"
        or headers["ce_specversion"] != b"1.0"
        or headers["ce_type"] != type_name
    ):
        raise ValueError("another kind of record")
    source, event_id = headers["ce_source"].decode(), headers["ce_id"].decode()
    if len(source) > 200 or len(event_id) > 200 or not (source.isprintable() and event_id.isprintable()):
        raise ValueError("attributes that nobody can read")
    at = _EPOCH + dt.timedelta(milliseconds=record.timestamp)
    if dt.datetime.fromisoformat(headers["ce_time"].decode()) > at + _TOLERANCE:
        raise ValueError("a time to come")
    return (source, int(headers["ce_aggregateversion"]), True, event_id, at), headers["ce_subject"]


_REGISTERED, _DECLARED = PersonRegistered.type_name().encode(), TrainingNeedDeclared.type_name().encode()


def _person(record: ConsumerRecord) -> tuple[Any, ...]:
    """The same by the contract: an envelope that is whole, a body that is valid, a key and a subject that are the body's."""
    meta, subject = _envelope(record, _REGISTERED)
    person = PersonRegistered.model_validate_json(record.value)
    if record.key != person.person_id.encode() or subject.decode() != f"person/{person.person_id}":
        raise ValueError("another key or subject")
    return (*meta, person.person_id, person.given_name, person.family_name, False)


def _need(record: ConsumerRecord) -> tuple[Any, ...]:
    """A training need, by its contract."""
    meta, subject = _envelope(record, _DECLARED)
    need = TrainingNeedDeclared.model_validate_json(record.value)
    if record.key != need.city_id.encode() or subject.decode() != f"need/{need.need_id}":
        raise ValueError("another key or subject")
    return (*meta, need.need_id, need.city_id, need.topic, need.level, need.audience, need.people, need.state)


async def _by_hand(place: Place, stream: str, table: str, statement: str, read: _Read) -> Measured:
    """aiokafka and asyncpg by hand: one statement a batch, the next batch decoded meanwhile, version check, parking."""
    connection = await asyncpg.connect(place.database)
    await connection.execute(_KEPT + table)
    end = await ends(place.kafka, stream)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=place.kafka, enable_auto_commit=False, max_partition_fetch_bytes=2 * 1024 * 1024
    )
    await consumer.start()
    consumer.assign(list(end))
    await consumer.seek_to_beginning()
    look_seldom()
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
                    if writing:
                        await writing
                    await connection.execute(
                        "insert into projection.parked values ($1, $2, $3, $4) on conflict do nothing",
                        stream, tp.partition, record.offset, repr(error),
                    )  # fmt: skip
                    continue
                old = newest.get(row[_KEY])
                if old is None or old[_VERSION] < row[_VERSION]:
                    newest[row[_KEY]] = row
            parts[tp.partition] = records[-1].offset + 1
        if not parts:
            continue
        clock.start()
        columns = [list(column) for column in zip(*newest.values(), strict=True)]
        if writing:
            await writing
        writing = asyncio.create_task(
            connection.execute(statement, *columns, stream, list(parts), list(parts.values()))
        )
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
    return await _by_hand(place, STREAM, _PERSON_TABLE, _PERSON, _person)


async def hand_tuned_trusting(place: Place) -> Measured:
    """By hand, believing every record."""
    return await _by_hand(place, STREAM, _PERSON_TABLE, _PERSON, _trusting)


async def hand_tuned_work(place: Place) -> Measured:
    """By hand, on work as it comes: the same checks, the same columns."""
    return await _by_hand(place, work.STREAM, _NEED_TABLE, _NEED, _need)


_NAIVE = text("""
insert into projection.person (person_id, version, numbered, source, event_id, heard_at, given_name, family_name, erased)
values (:person_id, :version, true, :source, :event_id, now(), :given_name, :family_name, false)
on conflict (person_id) do update
  set version = excluded.version, event_id = excluded.event_id, given_name = excluded.given_name,
      family_name = excluded.family_name
  where person.version < excluded.version
""")


async def naive(place: Place) -> Measured:
    """FastStream as its tutorial shows it: one event, one transaction, acknowledged after the handler."""
    engine = create_async_engine(place.database.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        for statement in (_KEPT + _PERSON_TABLE).split(";")[:-1]:
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
    await connection.execute(_KEPT + _PERSON_TABLE)
    at = dt.datetime.now(dt.UTC)
    rows = [(SOURCE, row[0], True, key, at, key, row[1], row[2], False) for key, row in expected(place.events).items()]
    chunks = [[list(column) for column in zip(*rows[n : n + 1000], strict=True)] for n in range(0, len(rows), 1000)]
    clock = Clock()
    clock.start()
    for chunk in chunks:
        await connection.execute(_PERSON, *chunk, STREAM, [0], [1])
    measured = clock.stop(len(rows))
    await connection.close()
    return measured
