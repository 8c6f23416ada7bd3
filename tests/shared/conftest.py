"""A service's database, where no service runs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from tests.databases import Databases


@pytest.fixture
async def engine(databases: Databases) -> AsyncIterator[AsyncEngine]:
    """Of enrolment."""
    async with databases.while_needed("enrolment") as url:
        engine = create_async_engine(url)
        yield engine
        await engine.dispose()
