"""A fresh, migrated database of attendance for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.databases import Databases


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.while_needed("attendance") as url:
        yield url
