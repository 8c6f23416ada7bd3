"""Who asks at the same moment is answered by one statement, and nobody by one that began before they asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.postgres.together import Together
from tests.databases import Databases


@pytest.fixture
async def engine(databases: Databases) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(databases.empty())
    yield made
    await made.dispose()


class Shelf:
    """What stands there, and who has asked for what together. Whoever reads holds what stood there when they began until they may go on."""

    def __init__(self, **stands: str) -> None:
        self.stands = stands
        self.asked: list[set[str]] = []
        self.has_read, self.may_go_on = asyncio.Event(), asyncio.Event()
        self.may_go_on.set()

    async def read(self, connection: AsyncConnection, keys: set[str]) -> dict[str, str]:
        self.asked.append(keys)
        await connection.execute(sa.select(1))
        found = {key: self.stands[key] for key in keys & self.stands.keys()}
        self.has_read.set()
        await self.may_go_on.wait()
        if "bad" in keys:
            raise ConnectionError("the database went away")
        return found


async def test_what_many_ask_at_once_is_one_statement(engine: AsyncEngine) -> None:
    shelf = Shelf(a="1", b="2")
    together = Together(engine, shelf.read)
    assert await asyncio.gather(*map(together.get, "abca")) == ["1", "2", None, "1"]
    assert shelf.asked == [{"a", "b", "c"}]


async def test_who_asks_while_others_are_answered_is_told_what_stands_since(engine: AsyncEngine) -> None:
    shelf = Shelf(token="valid")
    together = Together(engine, shelf.read)
    shelf.may_go_on.clear()
    before = asyncio.create_task(together.get("token"))
    await shelf.has_read.wait()
    shelf.stands["token"] = "revoked"
    after = asyncio.create_task(together.get("token"))
    await asyncio.sleep(0)  # It has asked.
    shelf.may_go_on.set()
    assert (await before, await after) == ("valid", "revoked")
    assert await together.get("token") == "revoked"


async def test_a_fault_is_told_to_whoever_asked_with_it_and_to_nobody_later(engine: AsyncEngine) -> None:
    shelf = Shelf(a="1")
    together = Together(engine, shelf.read)
    failed = await asyncio.gather(together.get("a"), together.get("bad"), return_exceptions=True)
    assert [type(one) for one in failed] == [ConnectionError, ConnectionError]
    assert await together.get("a") == "1"


async def test_who_goes_away_takes_nobody_along(engine: AsyncEngine) -> None:
    shelf = Shelf(a="1")
    together = Together(engine, shelf.read)
    shelf.may_go_on.clear()
    gone, stays = (asyncio.create_task(together.get("a")) for _ in range(2))
    await shelf.has_read.wait()
    gone.cancel()
    await asyncio.sleep(0)
    shelf.may_go_on.set()
    async with asyncio.timeout(60):
        assert await stays == "1"
    assert gone.cancelled()
