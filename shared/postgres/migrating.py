"""Migrations: brings a service's database to the newest schema. Run by `rollcall migrate`, never by a service itself."""

from __future__ import annotations

import asyncio
import time
from importlib.resources import files

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

LOCK_TIMEOUT_MS = 5_000
"""Whoever needs a table meanwhile waits behind us for no longer."""
MOST_TRIES = 20
PAUSE_SECONDS = 1.0
_IN_USE = ("55P03", "40P01")  # lock not available, deadlock
MACHINERY_SQL = files("shared.postgres") / "machinery"


def config_of(service: str, url: str) -> Config:
    """Alembic's configuration for one service: its migrations are its own (`services/<service>/migrations/versions`)."""
    config = Config()
    config.set_main_option("script_location", str(files("shared.postgres") / "alembic"))
    config.set_main_option("version_locations", str(files(f"services.{service}") / "migrations" / "versions"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


class InUse(Exception):
    """Somebody did not let go of what a migration has to change, or of their own migration."""


def migrate(service: str, url: str, revision: str = "head") -> None:
    """Applies what is missing. A second run, also at the same time, changes nothing. Who is at work is let go first, for two minutes."""
    for number in range(1, MOST_TRIES + 1):
        try:
            command.upgrade(config_of(service, url), revision)
            return
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _IN_USE:
                raise
            if number == MOST_TRIES:
                raise InUse(
                    "somebody uses its tables all the time, or migrates it; nothing was changed, try again"
                ) from error
        time.sleep(PAUSE_SECONDS)


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
