"""Databases for tests: each is a copy of one that was migrated once for its service, or one that another test has done with."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.embedded.postgres import Postgres
from shared.postgres.database import connect
from shared.postgres.migrating import migrate
from shared.process import runtime

ROLE, PASSWORD = "tests", "secret"
KEPT = "kept with its database"
"""The name of connections that the next test gets as well."""

FORM = """
    select array_agg(part order by part) from (
        select concat_ws(' ', attrelid::regclass, attname, atttypid::regtype, attnotnull) from pg_attribute
            where attnum > 0 and not attisdropped and attrelid >= 16384
        union all select concat_ws(' ', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint where oid >= 16384
        union all select pg_get_triggerdef(oid) from pg_trigger
        union all select nspname from pg_namespace where oid >= 16384 and nspname !~ '^pg_'
    ) as parts (part)
"""
"""Columns of tables and indexes, constraints, triggers and schemas, but for those that Postgres itself made."""
OTHERS_END = """
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and application_name <> $1
"""
TAKE_OUT_ALL = """
    select string_agg(format(
            case when pg_relation_size(format('%I.%I', schemaname, tablename)) > 65536 then 'truncate %I.%I cascade' else 'delete from %I.%I' end,
            schemaname, tablename), '; ') from pg_tables
        where schemaname in ('projection', 'kept') and tablename not in ('alembic_version', 'decider')
    union all select format('alter sequence %I.%I restart', schemaname, sequencename) from pg_sequences
        where last_value is not null and sequencename not like 'decider%'
"""
"""But for what the migration wrote. Nobody vacuums here, so a table that many rows went through gets a new file."""


class _Kept(AsyncEngine):
    """An engine that is given on with its database: whoever has done with it leaves its connections to the next one."""

    async def dispose(self, close: bool = True) -> None:
        pass

    async def end(self) -> None:
        await super().dispose()


class Databases:
    """Where a test gets its own database: copying one takes a tenth of the time that migrating one does."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._migrated: dict[str, list[str]] = {}
        self._idle: defaultdict[str, list[str]] = defaultdict(list)
        self._engines: dict[str, _Kept] = {}
        self._in_use: set[str] = set()
        self._administrators: dict[str, asyncpg.Connection] = {}
        self._numbers = itertools.count(1)
        self._copying = asyncio.Lock()
        runtime.connect = self._connect

    def empty(self) -> str:
        """A database without any table that nobody else uses; returns where to connect."""
        return self._made(f"empty_{next(self._numbers)}")

    async def migrated(self, service: str) -> str:
        """A database as the service migrates it that nobody else uses; returns where to connect."""
        template, name = f"{service}_migrated", f"{service}_{next(self._numbers)}"
        async with self._copying:  # Nobody may be connected to what is copied.
            if service not in self._migrated:
                await asyncio.to_thread(migrate, service, self._made(template))
                async with self._administrating(template) as connection:
                    self._migrated[service] = await connection.fetchval(FORM)
            # As files: through the log it takes three times as long, and this server need not survive anything.
            await self._administrate(f"create database {name} template {template} owner {ROLE} strategy file_copy")
        return _driver(self._postgres.dsn(name, ROLE, PASSWORD))

    @asynccontextmanager
    async def while_needed(self, service: str) -> AsyncIterator[str]:
        """The same, and given to the next one afterwards, without its rows: that takes a tenth of what copying does."""
        idle = self._idle[service]
        url = idle.pop() if idle else await self.migrated(service)
        self._in_use.add(url)
        yield url
        self._in_use.remove(url)
        name = url.rpartition("/")[2]
        if (engine := self._engines.get(url)) and engine.pool.checkedout():  # A transaction that nobody ends.
            await self._end_engine(url)
        if await self._emptied(name, service, spared=KEPT if url in self._engines else ""):
            idle.append(url)
        else:
            await self._end_engine(url)
            await self._administrators.pop(name).close()
            await self._administrate(f"drop database {name} with (force)")

    def engine(self, url: str) -> AsyncEngine:
        """The engine that is given on with a database, and its connections with it: what Postgres planned for one test it need not plan for the
        next, which is half of what a test of mails takes."""
        if url not in self._engines:
            self._engines[url] = _Kept(
                connect(url, pool_size=8, statement_timeout_ms=10_000, application=KEPT).sync_engine
            )
        return self._engines[url]

    def _connect(self, url: str, **told: Any) -> AsyncEngine:
        """What a service in this process connects with: to a database that is given on, by what is given on with it."""
        return self.engine(url) if url in self._in_use else connect(url, **told)

    async def close(self) -> None:
        for url in list(self._engines):
            await self._end_engine(url)
        for connection in self._administrators.values():
            await connection.close()

    async def _end_engine(self, url: str) -> None:
        if engine := self._engines.pop(url, None):
            await engine.end()

    async def _emptied(self, name: str, service: str, *, spared: str) -> bool:
        """False if it has another form than it was given: a test that changed it may have stopped before changing it back."""
        if name not in self._administrators:
            self._administrators[name] = await asyncpg.connect(self._postgres.admin_dsn, database=name)
            # No foreign key is asked: all of it goes.
            await self._administrators[name].execute("set session_replication_role = replica")
        connection = self._administrators[name]
        await connection.execute(OTHERS_END, spared)
        if await connection.fetchval(FORM) != self._migrated[service]:
            return False
        await connection.execute("; ".join(row[0] for row in await connection.fetch(TAKE_OUT_ALL)))
        return True

    def _made(self, name: str) -> str:
        return _driver(self._postgres.ensure(name, ROLE, PASSWORD))

    async def _administrate(self, statement: str) -> None:
        async with self._administrating("postgres") as connection:
            await connection.execute(statement)

    @asynccontextmanager
    async def _administrating(self, name: str) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._postgres.admin_dsn, database=name)
        try:
            yield connection
        finally:
            await connection.close()


def _driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://")
