"""What a guarantee costs: the same batches heard with one of them switched off at a time. The tables that come of it are not looked at."""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import psutil
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bench import people, work
from bench.cases import deciding
from bench.measuring import Contender, Figures, Measured, measure
from bench.surroundings import Place, Servers, empty
from services.enrolment.app import SERVICE as ENROLMENT
from shared.books import watermark
from shared.books.batch import Batch
from shared.deciding import facts
from shared.deciding.facts import FactWriter
from shared.deciding.transaction import Decider
from shared.events.decoding import decode
from shared.events.envelope import Heard, Read
from shared.events.streams import Partition
from shared.outbox import journal
from shared.postgres.database import connect, values_of
from shared.service import Service
from shared.testing import Message

BATCH = 1000
Switch = AbstractContextManager[Any]


def _no_watermark() -> Switch:
    write = FactWriter._write_all

    async def unmarked(self: FactWriter, connection: Any, moves: Any, fold: Any) -> Any:
        return await write(self, connection, (), fold)

    return patch.object(FactWriter, "_write_all", unmarked)


def _no_version_guard() -> Switch:
    def over_whatever_stands(table: sa.Table, new: Any, condition: Any) -> Any:
        statement = insert(table).from_select(table.c.keys(), sa.select(*values_of(table, new)).where(condition))
        key = [column.name for column in table.primary_key]
        rest = {name: statement.excluded[name] for name in table.c.keys() if name not in key}
        return statement.on_conflict_do_update(index_elements=key, set_=rest)

    return patch.object(facts, "upsert_newest", over_whatever_stands)


def _no_writer_check() -> Switch:
    def nothing(table: sa.Table, *, superseded: bool = False) -> Any:
        return sa.select(sa.literal(1)).where(sa.false())

    return patch.object(facts, "_strange", nothing)


def _no_parking() -> Switch:
    hear = FactWriter.hear

    async def hear_what_is_sound(self: FactWriter, batches: Any, decoded: Sequence[Sequence[Any]]) -> None:
        await hear(self, batches, [[one for one in part if isinstance(one, Heard)] for part in decoded])

    return patch.object(FactWriter, "hear", hear_what_is_sound)


CLEAN: dict[str, Callable[[], Switch]] = {
    "clean facts, heard": nullcontext,
    "… without watermarks": _no_watermark,
    "… without the version guard": _no_version_guard,
    "… without the writer check": _no_writer_check,
}
AS_IT_COMES: dict[str, Callable[[], Switch]] = {
    "work as it comes, heard": nullcontext,
    "… without parking": _no_parking,
}


@dataclass
class _Writer:
    """One way to hear, with a database and a connection of its own."""

    switch: Callable[[], Switch]
    hear: FactWriter
    backend: psutil.Process
    statement: Any = field(default_factory=lambda: functools.cache(facts._statement.__wrapped__))
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    async def take(self, batch: Batch, decoded: list[Read]) -> None:
        with self.switch(), patch.object(facts, "_statement", self.statement):
            begun, used = time.perf_counter(), time.process_time()
            await self.hear.hear([batch], [decoded])
            self.seconds += time.perf_counter() - begun
            self.cpu_seconds += time.process_time() - used

    def measured(self, events: int) -> Measured:
        times = self.backend.cpu_times()
        found = Measured(events, self.seconds, self.cpu_seconds, 0, postgres_cpu_seconds=times.user + times.system)
        return _per_event(found)


def _per_event(found: Measured) -> Measured:
    found.more = {
        "CPU µs": found.cpu_seconds / found.events * 1e6,
        "Postgres µs": found.postgres_cpu_seconds / found.events * 1e6,
    }
    return found


def _batches(messages: Iterable[Message], partition: Partition) -> Iterator[tuple[Batch, list[Read]]]:
    """As the projector would hand them on, all of one partition."""
    at = dt.datetime.now(dt.UTC)
    sent = list(messages)
    for start in range(0, len(sent), BATCH):
        records = [
            one.record(offset=start + n, partition=partition.number, at=at)
            for n, one in enumerate(sent[start : start + BATCH])
        ]
        yield Batch(partition, start, records), [decode(record) for record in records]


async def _by_turns(
    servers: Servers, service: Service, switches: dict[str, Callable[[], Switch]], stream: str, sent: Iterable[Message]
) -> dict[str, Measured]:
    """Every way hears every batch, one after the other: whatever else the machine does, it does to all of them."""
    part, events = Partition(stream, 0), 0
    async with AsyncExitStack() as stack:
        writers = {}
        for name, switch in switches.items():
            place: Place = await asyncio.to_thread(servers.place, 0, service.name)
            url = place.settings().database_url.get_secret_value()
            engine = connect(url, pool_size=1, statement_timeout_ms=30_000, application="bench")
            stack.push_async_callback(engine.dispose)
            async with engine.begin() as connection:
                await watermark.lock(connection, [part])
                backend = (await connection.execute(sa.text("select pg_backend_pid()"))).scalar_one()
            writers[name] = _Writer(
                switch, FactWriter(engine, service, Decider(engine, service)), psutil.Process(backend)
            )
        turns = list(writers.values())
        for batch, decoded in _batches(sent, part):
            events += len(decoded)
            for writer in turns:
                await writer.take(batch, decoded)
            turns.append(turns.pop(0))  # Who comes first finds nothing in the processor's caches.
        return {name: writer.measured(events) for name, writer in writers.items()}


async def _no_journal(place: Place) -> Measured:
    """What is decided makes rows, and is told to nobody."""
    with patch.object(journal, "enter", lambda writes, said: None):
        return await deciding.attendance(place)


CONTENDERS: dict[str, Contender] = {
    "scans, decided": deciding.attendance,
    "… without journal, outbox and relay": _no_journal,
}


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Facts batch by batch by turns, without Kafka and reading; scans round by round, through to Kafka."""
    events, scans = int(100_000 * scale), int(30_000 * scale)
    figures = {name: Figures(name, "", []) for name in (*CLEAN, *AS_IT_COMES, *CONTENDERS)}
    for _ in range(rounds):
        clean = asyncio.run(_by_turns(servers, people.KEEPING, CLEAN, people.STREAM, people.messages(events)))
        comes = asyncio.run(_by_turns(servers, ENROLMENT, AS_IT_COMES, work.STREAM, work.messages(events)))
        for name, measured in (clean | comes).items():
            figures[name].runs.append(measured)
        for name in CONTENDERS:
            place = servers.place(scans, "attendance")
            streams = (deciding.OWN, deciding.SCANS, "programme.sessions", "enrolment.events")
            asyncio.run(empty(servers.kafka.bootstrap, *streams))
            figures[name].runs.append(_per_event(measure(servers, "guarantees", name, place)))
    return list(figures.values())
