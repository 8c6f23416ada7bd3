"""Rebuild: makes a projection anew beside the live one, from the streams and the journal, and compares them row by row.

Nothing is decided, said or mailed by it: only `apply` runs. The live service goes on; it waits only while the two are compared.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import parking, watermark
from shared.contracts import EVENTS
from shared.contracts.model import Event
from shared.database import PROJECTION, connect, load_by_key, rows_as, save
from shared.envelope import Heard, appended_at, decode, subject_of
from shared.holding import TAKEOVER
from shared.journal import JOURNAL, Entry
from shared.parking import PARKED, ParkedState
from shared.positions import partition_of, topic_partition
from shared.service import SHARED_TABLES, Service
from shared.settings import Settings, kafka_connection
from shared.watermark import Partition
from shared.working import Takeover

BESIDE = "projection_rebuild"
REPLACED = "projection_replaced"
CHUNK = 2000
DIFFERENCES_SHOWN = 20
SILENCE_SECONDS = 60

Say = Callable[[str], None]


@dataclass(slots=True)
class Report:
    """What a rebuild came to: rows by table, and the rows that differ (`live` only, or `rebuilt` only)."""

    rows: dict[str, int] = field(default_factory=dict)
    differences: list[dict[str, Any]] = field(default_factory=list)
    different_rows: int = 0
    events: int = 0
    seconds: float = 0.0


async def compare(service: Service, settings: Settings, say: Say = lambda line: None) -> Report:
    """Rebuilds beside the live projection and compares the two at one set of offsets. Leaves nothing behind."""
    return await _rebuild(service, settings, say, swap=False)


async def swap(service: Service, settings: Settings, say: Say = lambda line: None) -> Report:
    """Rebuilds beside the live projection, compares, and puts the rebuilt one in its place, watermarks and all.

    A service that is at work meanwhile finds its transaction refused once, drops what is in flight and goes on.
    """
    return await _rebuild(service, settings, say, swap=True)


async def _rebuild(service: Service, settings: Settings, say: Say, *, swap: bool) -> Report:
    started = time.monotonic()
    engine = connect(
        settings.database_url.get_secret_value(),
        pool_size=3,
        statement_timeout_ms=300_000,
        application=f"rollcall-{service.name}-rebuild",
    )
    report = Report()
    try:
        async with engine.connect() as guard:
            if not (await guard.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK)))).scalar_one():
                raise RuntimeError("another rebuild of this service is running")
            await _make_beside(engine, service)
            rebuild = _Rebuild(engine, service, settings, report, say)
            await rebuild.catch_up(await rebuild.live_marks())
            say("comparing: the live service waits")
            await rebuild.meet(swap=swap)
            await _drop_beside(engine)
            await guard.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
    finally:
        await engine.dispose()
    report.seconds = time.monotonic() - started
    return report


_LOCK = 0x52656275  # "Rebu"


class _Rebuild:
    def __init__(self, engine: AsyncEngine, service: Service, settings: Settings, report: Report, say: Say) -> None:
        self.live = engine
        self.beside = engine.execution_options(schema_translate_map={PROJECTION: BESIDE})
        self.service = service
        self.settings = settings
        self.report = report
        self.say = say
        self.heard_to: dict[Partition, int] = {}
        self.left_out: set[tuple[Partition, int]] = set()
        """Parked records: the live projection does not have them either, unless they are let in meanwhile."""
        self.entered: set[str] = set()
        self.makes = service.working(service.clock()).make

    async def live_marks(self) -> dict[Partition, int]:
        async with self.live.connect() as connection:
            return {
                part: mark.next_offset for part, mark in (await watermark.read(connection, self.service.heard)).items()
            }

    async def catch_up(self, target: dict[Partition, int]) -> None:
        """Applies every stream up to the target offsets, and the journal to its end."""
        rules = {part: end for part, end in target.items() if part.stream == "programme.rules"}
        for some in (rules, target):  # Who may take over from whom must be known before anybody is judged a stranger.
            async for events in self._events(some):
                await self._apply(events)
                self.say(f"{self.report.events:,} events applied")
            self.heard_to |= some
        await self._apply_journal()

    async def meet(self, *, swap: bool) -> None:
        """Stops the live projection where it stands, catches up to exactly there and compares every table both ways."""
        async with self.live.begin() as locked:
            marks = await watermark.lock(locked, sorted(await self.live_marks()))
            # Commands and due moments take no watermark: they must not write while the two are compared.
            for _, table in self._tables():
                await locked.execute(sa.text(f"lock table {table.fullname} in share mode"))
            left_out = self.left_out
            await self.catch_up({part: mark.next_offset for part, mark in marks.items()})
            await self._apply_let_in(left_out)
            for kind, table in self._tables():
                beside = table.to_metadata(sa.MetaData(), schema=BESIDE)
                self.report.rows[table.name] = (
                    await locked.execute(sa.select(sa.func.count()).select_from(table))
                ).scalar_one()
                for name, ours, other in (("live", table, beside), ("rebuilt", beside, table)):
                    only = sa.except_(sa.select(ours), sa.select(other)).subquery()
                    number = (await locked.execute(sa.select(sa.func.count()).select_from(only))).scalar_one()
                    self.report.different_rows += number
                    if number:
                        rows = await locked.execute(sa.select(only).limit(DIFFERENCES_SHOWN))
                        self.report.differences += [
                            {"table": table.name, "only": name, "row": dict(row._mapping), "key": list(kind.KEY)}
                            for row in rows
                        ]

            if swap:
                await _swap(locked)

    def _tables(self) -> list[tuple[Any, sa.Table]]:
        return [
            (kind, table)
            for kind, table in {**SHARED_TABLES, **self.service.tables}.items()
            if table.schema == PROJECTION
        ]

    async def _events(self, target: dict[Partition, int]) -> AsyncIterator[list[Heard[Event]]]:
        """What others said, partition by partition, from where we stand to the target."""
        parts = [part for part, end in sorted(target.items()) if end > self.heard_to.get(part, 0)]
        if not parts:
            return
        parked = await self._parked()
        self.left_out |= set(parked)
        consumer = AIOKafkaConsumer(
            **kafka_connection(self.settings),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
        )
        await consumer.start()
        try:
            consumer.assign([topic_partition(part) for part in parts])
            for part in parts:
                consumer.seek(topic_partition(part), self.heard_to.get(part, 0))
            left = set(parts)
            heard_at = time.monotonic()
            while left:
                if time.monotonic() - heard_at > SILENCE_SECONDS:
                    raise RuntimeError(f"the streams end before the watermarks of {sorted(left)}")
                async with asyncio.timeout(60):
                    fetched = await consumer.getmany(timeout_ms=1000, max_records=CHUNK)
                events = []
                for tp, records in fetched.items():
                    heard_at = time.monotonic()
                    part = partition_of(tp)
                    for record in records:
                        if record.offset < target[part] and parked.get((part, record.offset)) != appended_at(record):
                            one = decode(record)
                            if isinstance(one, Heard) and self._is_theirs(one):
                                events.append(one)
                for part in list(left):
                    if await consumer.position(topic_partition(part)) >= target[part]:
                        left.discard(part)
                        consumer.pause(topic_partition(part))
                if events:
                    yield events
        finally:
            await consumer.stop()

    def _is_theirs(self, heard: Heard[Event]) -> bool:
        """Our own facts come from the journal."""
        return type(heard.body) in self.makes and heard.source != self.service.source

    async def _parked(self) -> dict[tuple[Partition, int], dt.datetime]:
        """Records the live projection did not take: neither do we. With their append times: an offset may hold another one now."""
        statement = sa.select(PARKED.c.stream, PARKED.c.partition, PARKED.c.offset, PARKED.c.appended_at).where(
            PARKED.c.state != ParkedState.HEARD
        )
        async with self.live.connect() as connection:
            return {(Partition(row[0], row[1]), row[2]): row[3] for row in await connection.execute(statement)}

    async def _apply_let_in(self, left_out: set[tuple[Partition, int]]) -> None:
        """Records that were parked when we read past them and have been heard since."""
        let_in = left_out - set(await self._parked())
        async with self.live.connect() as connection:
            rows = [await parking.find(connection, part.stream, part.number, offset) for part, offset in sorted(let_in)]
        heard = [decode(parking.stored(row)) for row in rows if row is not None]
        await self._apply([one for one in heard if isinstance(one, Heard) and self._is_theirs(one)])

    async def _apply_journal(self) -> None:
        """Our own facts, in the order of their versions: whatever interleaving, the newest wins."""
        statement = sa.select(JOURNAL).order_by(JOURNAL.c.subject, JOURNAL.c.version)
        async with self.live.connect() as connection:
            entries = rows_as(Entry, await connection.execute(statement))
        entries = [entry for entry in entries if entry.event_id not in self.entered]
        for start in range(0, len(entries), CHUNK):
            chunk = entries[start : start + CHUNK]
            await self._apply([_said(entry, self.service.source) for entry in chunk])
            self.entered |= {entry.event_id for entry in chunk}

    async def _apply(self, events: Sequence[Heard[Event]]) -> None:
        """The rows of these events, through `apply` alone."""
        working = self.service.working(self.service.clock())
        keys: dict[Any, set[tuple[Any, ...]]] = {}
        for one in events:
            row = working.make[type(one.body)](one)
            keys.setdefault(type(row), set()).add(working[type(row)].key(row))
        async with self.beside.begin() as connection:
            working[Takeover].loaded(rows_as(Takeover, await connection.execute(sa.select(TAKEOVER))))
            for kind, wanted in keys.items():
                await load_by_key(connection, self.service.table(kind), working[kind], wanted)
            await self.service.load_derived(connection, working, events)
            for one in events:
                working.apply(one)
            for kind, rows in working.rows.items():
                table = self.service.table(kind)
                if table.schema == PROJECTION:
                    await save(connection, table, rows)
        self.report.events += len(events)


def _said(entry: Entry, source: str) -> Heard[Event]:
    """A journal entry in the shape in which it was applied when it was said."""
    body = EVENTS[entry.type].model_validate_json(entry.body)
    return Heard(
        stream=entry.stream,
        partition=-1,
        offset=-1,
        appended_at=getattr(body, "decided_at", entry.said_at),
        event_id=entry.event_id,
        source=source,
        subject=subject_of(body),
        stated_at=entry.said_at,
        version=entry.version,
        numbered=True,
        correlation_id=entry.correlation_id,
        causation_id=entry.causation_id,
        traceparent=None,
        body=body,
    )


async def _make_beside(engine: AsyncEngine, service: Service) -> None:
    await _drop_beside(engine)

    def create(connection: sa.Connection) -> None:
        for metadata in service.metadata():
            metadata.create_all(connection, [table for table in metadata.sorted_tables if table.schema == PROJECTION])

    async with engine.begin() as connection:
        await connection.execute(sa.text(f"create schema {BESIDE}"))
        translated = await connection.execution_options(schema_translate_map={PROJECTION: BESIDE})
        await translated.run_sync(create)


async def _swap(locked: AsyncConnection) -> None:
    """The rebuilt schema under the live one's name, in one transaction: there is always exactly one projection."""
    for statement in (
        f"insert into {BESIDE}.watermark select * from {PROJECTION}.watermark",  # noqa: S608  # Both are constants.
        f"alter schema {PROJECTION} rename to {REPLACED}",
        f"alter schema {BESIDE} rename to {PROJECTION}",
        f"drop schema {REPLACED} cascade",
    ):
        await locked.execute(sa.text(statement))


async def _drop_beside(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"drop schema if exists {BESIDE} cascade"))
