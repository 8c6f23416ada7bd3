"""Migrations: brings a service's database to the newest schema. Run by `rollcall migrate`, never by a service itself."""

from __future__ import annotations

import asyncio
from importlib.resources import files

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine

LOCK_TIMEOUT_MS = 5_000
MACHINERY_SQL = files("shared.postgres") / "machinery"


def config_of(service: str, url: str) -> Config:
    """Alembic's configuration for one service: its migrations are its own (`services/<service>/migrations/versions`)."""
    config = Config()
    config.set_main_option("script_location", str(files("shared.postgres") / "alembic"))
    config.set_main_option("version_locations", str(files(f"services.{service}") / "migrations" / "versions"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def migrate(service: str, url: str, revision: str = "head") -> None:
    """Applies what is missing. A second run, also at the same time, changes nothing."""
    command.upgrade(config_of(service, url), revision)


def machinery(version: str) -> str:
    """The SQL of the tables that every service has, as a migration applied it; never edited once released."""
    return (MACHINERY_SQL / f"{version}.sql").read_text()


def statements(sql: str) -> list[str]:
    """The statements of a script, which asyncpg takes one by one only. A statement ends with its line."""
    return [statement for part in sql.split(";\n") if (statement := part.strip())]


def run_env() -> None:
    """The body of alembic's entry."""
    asyncio.run(_run(context.config.attributes["url"]))


async def _run(url: str) -> None:
    engine = create_async_engine(url, hide_parameters=True)
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
            await connection.commit()
    finally:
        await engine.dispose()


def _upgrade(connection: sa.Connection) -> None:
    connection.execute(sa.text(f"set lock_timeout = {LOCK_TIMEOUT_MS}"))
    # Two migrate jobs at once: one waits, then finds nothing to do. First of all: `if not exists` does not save two from colliding.
    connection.execute(sa.text("select pg_advisory_xact_lock(7240617)"))
    connection.execute(sa.text("create schema if not exists kept"))
    context.configure(
        connection=connection, target_metadata=None, version_table_schema="kept", transaction_per_migration=False
    )
    with context.begin_transaction():
        context.run_migrations()
