"""What is sent to Postgres as an array."""

from __future__ import annotations

import collections.abc

import sqlalchemy as sa
from asyncpg.protocol import protocol
from sqlalchemy.dialects.postgresql import ARRAY

from shared.contracts.survey import NeedLevel
from shared.postgres.database import connect
from tests.databases import Databases


async def test_an_array_is_a_list_and_no_element_is_asked_whether_it_is_one(databases: Databases) -> None:
    """Asking each by an abstract class was half of what it cost to send a row."""
    engine = connect(
        await databases.migrated("enrolment"), pool_size=1, statement_timeout_ms=10_000, application="test"
    )
    assert not isinstance("text", (protocol.IterableABC, protocol.SizedABC))
    assert collections.abc.Iterable not in (protocol.IterableABC, protocol.SizedABC)
    sent = ["a", None, NeedLevel.BASIC, "", "{b,c}"]
    try:
        async with engine.connect() as connection:
            texts = sa.select(sa.bindparam("texts", type_=ARRAY(sa.Text())))
            assert (await connection.execute(texts, {"texts": sent})).scalar_one() == sent
    finally:
        await engine.dispose()
