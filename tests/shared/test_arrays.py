"""What is sent to Postgres as an array."""

from __future__ import annotations

import collections.abc
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from asyncpg.protocol import protocol
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.survey import NeedLevel
from shared.postgres.database import connect
from shared.testing import NOON
from tests.databases import Databases


@pytest.fixture
async def connection(databases: Databases) -> AsyncIterator[AsyncConnection]:
    """As a service connects."""
    async with databases.while_needed("enrolment") as url:
        engine = connect(url, pool_size=1, statement_timeout_ms=10_000, application="test")
        async with engine.connect() as connected:
            yield connected
        await engine.dispose()


async def there_and_back(connection: AsyncConnection, kind: sa.types.TypeEngine[Any], sent: list[Any]) -> list[Any]:
    found: list[Any] = (
        await connection.execute(sa.select(sa.bindparam("sent", type_=ARRAY(kind))), {"sent": sent})
    ).scalar_one()
    return found


async def test_an_array_is_a_list_and_no_element_is_asked_whether_it_is_one(connection: AsyncConnection) -> None:
    """Asking each by an abstract class was half of what it cost to send a row."""
    assert not isinstance("text", (protocol.IterableABC, protocol.SizedABC))
    assert collections.abc.Iterable not in (protocol.IterableABC, protocol.SizedABC)
    sent = ["a", None, NeedLevel.BASIC, "", "{b,c}"]
    assert await there_and_back(connection, sa.Text(), sent) == sent


async def test_a_moment_is_the_same_to_the_microsecond_in_postgres_and_back_again(connection: AsyncConnection) -> None:
    first, last = dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)
    sent = [first, dt.datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC), None, NOON, last]
    found = await there_and_back(connection, sa.DateTime(timezone=True), sent)
    assert found == sent
    assert {moment.tzinfo for moment in found if moment is not None} == {dt.UTC}
    told = sa.select(sa.cast(sa.bindparam("moment", type_=sa.DateTime(timezone=True)), sa.Text))
    assert (await connection.execute(told, {"moment": sent[1]})).scalar_one() == "1999-12-31 23:59:59.999999+00"


async def test_the_two_readings_of_an_hour_that_comes_twice_are_two_moments(connection: AsyncConnection) -> None:
    """They are equal in Python, and what is remembered of one must not be taken for the other."""
    earlier = dt.datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Warsaw"))
    found = await there_and_back(connection, sa.DateTime(timezone=True), [earlier, earlier.replace(fold=1)])
    assert [moment.hour for moment in found] == [0, 1]
