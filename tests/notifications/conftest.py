"""A fresh, migrated database of notifications for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications.api import app_of
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import ensure_key
from shared.process.runtime import Runtime
from shared.web import tokens
from tests.databases import Databases
from tests.notifications.building import NOW, contact, person, place, said_then, session, settled, topic, town
from tests.notifications.office import SERVICE, Office, write_rows


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    async with databases.while_needed("notifications") as url:
        yield url


@pytest.fixture
def engine(databases: Databases, database_url: str) -> AsyncEngine:
    return databases.engine(database_url)


@pytest.fixture
async def office(engine: AsyncEngine, database_url: str) -> Office:
    made = Office(engine, database_url)
    await made.is_true(person(), contact(), town(), topic(), session(), settled())
    return made


@pytest.fixture
async def anna(engine: AsyncEngine, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody of the office who may operate, before one person with a place."""
    text, row = tokens.new_token("anna", ("read", "office", "operate"), now=NOW)
    runtime = Runtime(SERVICE, NotificationsSettings(kafka="127.0.0.1:9", database_url=SecretStr(database_url)))
    runtime.own_heard.set()
    async with engine.begin() as connection:
        await ensure_key(connection)
        await tokens.store(connection, row)
        await write_rows(connection, person(), contact(), town(), topic(), session(), settled(), place())
        await write_rows(connection, said_then(session()), said_then(place()))
    transport = httpx.ASGITransport(app=app_of(runtime))
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://n", headers=headers) as client:
        yield client
    await runtime.engine.dispose()
