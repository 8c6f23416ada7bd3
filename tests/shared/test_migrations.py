"""Migrations: what they make is what the code expects, and a second run changes nothing."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from deploy.embedded.postgres import Postgres, _program
from services import SERVICES
from shared.postgres import migrating
from shared.postgres.database import MACHINERY
from shared.postgres.migrating import migrate
from shared.testing import eventually
from shared.web.tokens import TOKEN
from tests.databases import Databases

pytestmark = pytest.mark.long


def differences(connection: sa.Connection, metadata: list[sa.MetaData]) -> list[Any]:
    def ours(name: str | None, kind: str, parents: Any) -> bool:
        return kind != "schema" or name in ("projection", "kept")

    options = {"include_schemas": True, "include_name": ours, "compare_type": True, "compare_server_default": False}
    context = MigrationContext.configure(connection, opts=options)
    found = compare_metadata(context, metadata)  # type: ignore[arg-type]  # A list is taken as well.
    return [one for one in found if "alembic_version" not in repr(one)]


@pytest.mark.parametrize("service", SERVICES)
async def test_the_migrated_schema_is_the_one_the_code_declares(databases: Databases, service: str) -> None:
    url = databases.empty()
    await asyncio.to_thread(migrate, service, url)
    metadata = SERVICES[service].metadata()
    assert TOKEN.metadata is MACHINERY

    engine = create_async_engine(url)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences, [MACHINERY, metadata]) == []
    await engine.dispose()


@pytest.fixture
async def in_use(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[str, AsyncEngine, AsyncConnection]]:
    """An empty database in which another migration is at work, and whoever waits for it gives a try up at once."""
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(migrating, "PAUSE_SECONDS", 0.05)
    url = databases.empty()
    engine = create_async_engine(url)
    async with engine.connect() as another:
        await another.execute(sa.text("select pg_advisory_xact_lock(7240617)"))
        yield url, engine, another
    await engine.dispose()


async def test_whoever_migrates_while_another_one_does_waits_for_them_however_long_it_takes(
    in_use: tuple[str, AsyncEngine, AsyncConnection],
) -> None:
    url, engine, another = in_use
    task = asyncio.create_task(asyncio.to_thread(migrate, "enrolment", url))
    async with engine.connect() as looking:
        tries = sa.text("select xact_rollback from pg_stat_database where datname = current_database()")
        await eventually(lambda: gave_up(looking, tries), what="a try that was given up")
    assert not task.done()
    await another.rollback()
    await task


async def gave_up(looking: Any, tries: Any) -> bool:
    number = (await looking.execute(tries)).scalar_one()
    await looking.commit()
    return int(number) >= 2


async def test_a_migration_for_which_nobody_lets_go_changes_nothing_and_is_one_error(
    in_use: tuple[str, AsyncEngine, AsyncConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "MOST_TRIES", 2)
    with pytest.raises(migrating.InUse, match="nothing was changed"):
        await asyncio.to_thread(migrate, "enrolment", in_use[0])


async def test_migrating_twice_at_once_migrates_once(databases: Databases) -> None:
    url = databases.empty()
    program = f"from shared.postgres.migrating import migrate; migrate('enrolment', {url!r})"
    jobs = [await asyncio.create_subprocess_exec(sys.executable, "-c", program) for _ in range(2)]
    assert [await job.wait() for job in jobs] == [0, 0]


async def test_what_the_page_for_operators_dumps_is_restored_as_it_says(postgres: Postgres) -> None:
    """Into a database that was made anew: what is kept is as it was, and everything else is there, and empty, to be heard again."""
    url = postgres.ensure("to_be_restored", "to_be_restored", "secret")
    asynchronous = url.replace("postgresql://", "postgresql+asyncpg://")
    admin = f"{postgres.admin_dsn.rpartition('/')[0]}/to_be_restored"

    async def execute(statement: str) -> Any:
        engine = create_async_engine(asynchronous)
        async with engine.begin() as connection:
            found = await connection.execute(sa.text(statement))
            answer = found.scalar_one() if found.returns_rows else None
        await engine.dispose()
        return answer

    def run(program: str, *words: str, given: bytes = b"") -> bytes:
        return subprocess.run([_program(program), *words], input=given, capture_output=True, check=True).stdout

    await asyncio.to_thread(migrate, "enrolment", asynchronous)
    await execute("insert into kept.skipped values ('t', 's', 0, 7)")
    await execute("insert into projection.watermark values ('s', 0, 9, 8, '1/x', 9, 0, 0)")
    dump = await asyncio.to_thread(run, "pg_dump", "-Fc", "-n", "kept", admin)
    await asyncio.to_thread(run, "dropdb", "--maintenance-db", postgres.admin_dsn, "to_be_restored")
    postgres.ensure("to_be_restored", "to_be_restored", "secret")
    await asyncio.to_thread(migrate, "enrolment", asynchronous)
    await asyncio.to_thread(run, "pg_restore", "--clean", "--if-exists", "-d", admin, given=dump)
    assert await execute("select first_offset from kept.skipped") == 7
    assert await execute("select count(*) from projection.watermark") == 0
    await asyncio.to_thread(migrate, "enrolment", asynchronous)  # It is the newest schema.
    await execute("insert into kept.skipped values ('u', 's', 0, 7)")  # And the service's own, as before.
