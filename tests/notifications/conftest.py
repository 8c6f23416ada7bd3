"""A fresh, migrated database of notifications for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.postgres.database import connect
from tests.databases import Databases
from tests.notifications.building import contact, person, session, settled, topic, town
from tests.notifications.office import Office


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    async with databases.while_needed("notifications") as url:
        yield url


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    engine = connect(database_url, pool_size=8, statement_timeout_ms=10_000, application="tests")
    yield engine
    await engine.dispose()


@pytest.fixture
async def office(engine: AsyncEngine, database_url: str) -> Office:
    made = Office(engine, database_url)
    await made.is_true(person(), contact(), town(), topic(), session(), settled())
    return made
