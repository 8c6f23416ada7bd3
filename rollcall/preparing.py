"""What has to be there before a service starts: databases with their roles, streams, schemas, tokens. Each step may be run again."""

from __future__ import annotations

import asyncio

from aiokafka.admin import AIOKafkaAdminClient
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Say
from rollcall.connection import async_url
from rollcall.folder import OPERATOR, Folder
from services import SERVICES
from shared.events.streams import create_streams
from shared.postgres.migrating import migrate
from shared.service import utc_now
from shared.web import tokens
from shared.web.scopes import SCOPES

PAGE = "page.token"
_TOKENS = {OPERATOR: ("operator", SCOPES), PAGE: ("story-page", ("read",))}
"""The page that everybody at this machine may open can look, and nothing else."""


def installed_services() -> list[str]:
    """The services that this installation can run."""
    return [name for name, one in SERVICES.items() if one.is_installed]


def create_databases(folder: Folder, postgres: Postgres) -> dict[str, str]:
    """A role and a database for each service, with a password only this folder knows; returns where services connect."""
    found = {}
    for name, one in SERVICES.items():
        dsn = postgres.ensure(one.role, one.role, folder.secret(f"{name}.password"))
        found[name] = async_url(dsn)
    return found


def create_missing_streams(bootstrap: str) -> int:
    """Creates the streams that are missing; returns how many."""

    async def create() -> int:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=30_000)
        await admin.start()
        try:
            return len(await create_streams(admin))
        finally:
            await admin.close()

    return asyncio.run(create())


def migrate_all(databases: dict[str, str], say: Say) -> None:
    """Brings every database to the newest schema. One after the other: alembic keeps its context in a global."""
    for name in installed_services():
        migrate(name, databases[name])
    say("Schemas: newest")


def store_tokens(folder: Folder, databases: dict[str, str]) -> None:
    """Makes this folder's tokens known to every service: one for operators, and one for the page, which only reads. Of one that somebody
    has ended another one is made, or nobody could ask the services of this folder any more."""
    engines = [create_async_engine(databases[name], hide_parameters=True) for name in installed_services()]

    async def is_ended(engine: AsyncEngine, text: str) -> bool:
        async with engine.connect() as connection:
            known = await tokens.all_of(connection)
        return any(one.revoked_at is not None and text.startswith(f"{tokens.PREFIX}_{one.token_id}_") for one in known)

    async def store(engine: AsyncEngine, row: tokens.Token) -> None:
        async with engine.begin() as connection:
            await tokens.store(connection, row)

    async def all_of_them() -> None:
        try:
            for name, (actor, scopes) in _TOKENS.items():
                text = folder.secret(name, tokens.fresh_token())
                if any(await asyncio.gather(*(is_ended(engine, text) for engine in engines))):
                    text = folder.another_secret(name, tokens.fresh_token())
                row = tokens.row_for(text, actor, scopes, now=utc_now())
                await asyncio.gather(*(store(engine, row) for engine in engines))
        finally:
            await asyncio.gather(*(engine.dispose() for engine in engines))

    asyncio.run(all_of_them())
