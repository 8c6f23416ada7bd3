"""Rebuild: makes a projection anew beside the live one, from the streams and the journal, and compares them row by row.

Nothing is decided, said or mailed by it: only `apply` runs. The live service goes on; it waits only while the two are compared.
A rebuild that is killed leaves a schema that nobody reads; the next one drops it and starts over. One that is stopped (Ctrl-Z, a machine that
sleeps) keeps nobody waiting for long either: the server ends what stands still (decision 0064).

Whoever reads is never waited for and never kept waiting: the rows go on being read where they are until the names have changed, and
what had that name before is dropped afterwards. Whoever writes waits for the tables, finds them by their names again, and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.books import watermark
from shared.events.streams import Partition
from shared.faults import Fault, classify
from shared.garbage import look_seldom
from shared.postgres.awake import awaited
from shared.postgres.database import PROJECTION, connect
from shared.postgres.tables import SHARED_TABLES
from shared.rebuilding.replay import CHUNK, Replay
from shared.service import Service
from shared.settings import Settings

BESIDE = "projection_rebuild"
REPLACED = "projection_replaced"
DIFFERENCES_SHOWN = 20
MOST_ROUNDS = 10
STATEMENT_TIMEOUT_MS = 300_000
LOCK_PATIENCE_MS = 500
"""Less than Postgres waits before it looks for a deadlock (1 s): if somebody waits for us while we wait for them, it is we who give way."""
STILL_MS = 20_000
"""For so long those whose tables we have locked may wait for a process that does not go on."""
MOST_TRIES = 60
PAUSE_SECONDS = 0.5

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
        pool_size=4,
        statement_timeout_ms=STATEMENT_TIMEOUT_MS,
        application=f"rollcall-{service.name}-rebuild",
    )
    report = Report()
    look_seldom()
    try:
        # Not in a transaction: one that is idle for long is ended by the server, and the lock with it.
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as guard:
            if not (await guard.execute(sa.select(sa.func.pg_try_advisory_lock(_LOCK)))).scalar_one():
                raise RuntimeError(_is_running((await guard.execute(_HOLDER)).one_or_none()))
            try:
                await _make_beside(engine, service)
                await _Rebuild(engine, service, settings, report, say).run(swap=swap)
            finally:
                await _drop_beside(engine)
                await guard.execute(sa.select(sa.func.pg_advisory_unlock(_LOCK)))
    finally:
        await engine.dispose()
    report.seconds = time.monotonic() - started
    return report


_LOCK = 0x52656275  # "Rebu"
_HOLDER = sa.text(
    "select a.pid, date_trunc('second', a.backend_start) as since from pg_locks l join pg_stat_activity a using (pid)"
    " where l.locktype = 'advisory' and l.granted and l.objid = :lock"
    " and l.database = (select oid from pg_database where datname = current_database()) limit 1"
).bindparams(lock=_LOCK)


def _is_running(holder: Any) -> str:
    """Of one that was killed the server notices it by itself; of one that is stopped nobody but the operator can know."""
    if holder is None:
        return "another rebuild of this service was running just now, try again"
    return (
        f"another rebuild of this service is running since {holder.since:%Y-%m-%d %H:%M:%S %Z}; if nobody knows of it any more,"
        f" end it in the database of the service: select pg_terminate_backend({holder.pid})"
    )


class _Rebuild:
    def __init__(self, engine: AsyncEngine, service: Service, settings: Settings, report: Report, say: Say) -> None:
        self.live = engine
        self.beside = engine.execution_options(schema_translate_map={PROJECTION: BESIDE})
        self.service = service
        self.report = report
        self.say = say
        self.replay = Replay(engine, self.beside, service, settings, self._heard)
        self.tables = {
            kind: table for kind, table in {**SHARED_TABLES, **service.tables}.items() if table.schema == PROJECTION
        }

    def _heard(self, number: int) -> None:
        self.report.events += number
        self.say(f"{self.report.events:,} events applied")

    async def run(self, *, swap: bool) -> None:
        for _ in range(MOST_ROUNDS):  # What came meanwhile, until it is little: the live service waits for the rest.
            if await self.replay.catch_up(await self._live_marks()) < CHUNK:
                break
        await self._prepare()
        self.say("comparing: the live service waits")
        await self._meet(swap=swap)

    async def _live_marks(self) -> dict[Partition, int]:
        async with self.live.connect() as connection:
            marks = await watermark.read(connection, self.service.heard)
        return {part: mark.next_offset for part, mark in marks.items()}

    async def _prepare(self) -> None:
        """Indexes, and statistics for the comparison: cheaper once the rows are there."""
        async with self.beside.begin() as connection:
            for table in self.tables.values():
                for index in sorted(table.indexes, key=lambda one: str(one.name)):
                    await connection.execute(sa.schema.CreateIndex(index))
                await connection.execute(sa.text(f"analyze {BESIDE}.{table.name}"))

    async def _meet(self, *, swap: bool) -> None:
        """Stops the live projection where it stands, catches up to exactly there and compares every table both ways."""
        async with self._standing_still() as locked:
            await locked.execute(sa.text(f"set local idle_in_transaction_session_timeout = {STILL_MS}"))
            await locked.execute(sa.text("set local work_mem = '64MB'"))
            # If we are killed, the server must let go of the locks, also in the middle of a statement.
            await locked.execute(sa.text("set local client_connection_check_interval = '1s'"))
            # It waits here while the last events are applied on other connections, and says now and then that it does.
            await awaited(self._come_to_it(), locked, every_seconds=STILL_MS / 4000)
            for kind, table in self.tables.items():
                await self._compare(locked, kind.KEY, table)
            if swap:
                await _swap(locked)
        if swap:
            await _drop(self.live, REPLACED)

    async def _come_to_it(self) -> None:
        await self.replay.catch_up(await self._live_marks())
        await self.replay.let_in()

    @contextlib.asynccontextmanager
    async def _standing_still(self) -> AsyncIterator[AsyncConnection]:
        """A transaction during which nobody writes the live projection, whether they take a watermark or not. Others read it.

        The mode conflicts with `for update` as well: whoever waits, waits before the table is found by its name, not after.
        """
        names = sorted(table.fullname for table in self.tables.values())
        names.sort(key=lambda name: not name.endswith(".watermark"))  # First: then no further batch begins.
        for _ in range(MOST_TRIES):
            async with self.live.connect() as connection:
                try:
                    await connection.execute(sa.text(f"set local lock_timeout = {LOCK_PATIENCE_MS}"))
                    await connection.execute(sa.text(f"lock table {', '.join(names)} in exclusive mode"))
                except DBAPIError as error:
                    if classify(error) is not Fault.TRANSIENT:
                        raise
                else:
                    yield connection
                    await connection.commit()
                    return
            await asyncio.sleep(PAUSE_SECONDS)
        raise RuntimeError("the service never stood still for a moment; nothing was changed, try again")

    async def _compare(self, locked: AsyncConnection, key: tuple[str, ...], table: sa.Table) -> None:
        """Adds to the report the rows that only one of the two holds."""
        live, rebuilt = table.alias("live"), table.to_metadata(sa.MetaData(), schema=BESIDE).alias("rebuilt")
        rows = sa.select(sa.func.count()).select_from(table)
        self.report.rows[table.name] = (await locked.execute(rows)).scalar_one()
        same_key = sa.and_(*(live.c[name] == rebuilt.c[name] for name in key))
        differs = sa.or_(*(live.c[name].is_distinct_from(rebuilt.c[name]) for name in table.c.keys()))
        both = live.join(rebuilt, same_key, full=True)
        numbers = sa.select(sa.func.count(live.c[key[0]]), sa.func.count(rebuilt.c[key[0]])).select_from(both)
        for side, number in zip((live, rebuilt), (await locked.execute(numbers.where(differs))).one(), strict=True):
            self.report.different_rows += number
            if number:
                only = sa.select(side).select_from(both).where(differs, side.c[key[0]].is_not(None))
                self.report.differences += [
                    {"table": table.name, "only": side.name, "row": dict(row._mapping), "key": list(key)}
                    for row in await locked.execute(only.limit(DIFFERENCES_SHOWN))
                ]


async def _make_beside(engine: AsyncEngine, service: Service) -> None:
    """Empty tables, their primary keys only."""
    await _drop_beside(engine)
    async with engine.begin() as connection:
        await connection.execute(sa.text(f"create schema {BESIDE}"))
        translated = await connection.execution_options(schema_translate_map={PROJECTION: BESIDE})
        for metadata in service.metadata():
            for table in metadata.sorted_tables:
                if table.schema == PROJECTION:
                    await translated.execute(sa.schema.CreateTable(table))


async def _swap(locked: AsyncConnection) -> None:
    """The rebuilt schema under the live one's name, in one transaction: there is always exactly one projection."""
    for statement in (
        f"insert into {BESIDE}.watermark select * from {PROJECTION}.watermark",  # noqa: S608  # Both are constants.
        f"alter schema {PROJECTION} rename to {REPLACED}",
        f"alter schema {BESIDE} rename to {PROJECTION}",
    ):
        await locked.execute(sa.text(statement))


async def _drop_beside(engine: AsyncEngine) -> None:
    for schema in (BESIDE, REPLACED):
        await _drop(engine, schema)


async def _drop(engine: AsyncEngine, schema: str) -> None:
    """Drops a schema once nobody reads it any more. Who does is not kept waiting; if they go on for long, the next rebuild drops it."""
    for number in range(1, MOST_TRIES + 1):
        try:
            async with engine.begin() as connection:
                await connection.execute(sa.text(f"set local lock_timeout = {LOCK_PATIENCE_MS}"))
                await connection.execute(sa.text(f"drop schema if exists {schema} cascade"))
            return
        except DBAPIError as error:
            if classify(error) is not Fault.TRANSIENT or (number == MOST_TRIES and schema != REPLACED):
                raise
        await asyncio.sleep(PAUSE_SECONDS)
