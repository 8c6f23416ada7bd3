"""What a link in an address is for: read under the key that it names, as far as that was stated. SQL that changes nothing."""

from __future__ import annotations

import functools
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.postgres.database import any_of, rows_as
from shared.process.runtime import Runtime
from shared.state.link_keys import LinkKey
from shared.web.links import (
    Link,
    Purpose,
    Rejection,
    Subscription,
    VerifyingKey,
    key_named,
    read,
    read_subscription,
)


async def keys_named(connection: AsyncConnection, table: sa.Table, names: Collection[str]) -> dict[str, VerifyingKey]:
    """The public halves of the keys that links and tickets name, as far as they are known here."""
    if not names:
        return {}
    found = rows_as(LinkKey, await connection.execute(_keys_in(table), {"keys": sorted(names)}))
    return {one.key_id: VerifyingKey(one.key_id, one.audience, one.public_key, one.verifies_until) for one in found}


@functools.cache
def _keys_in(table: sa.Table) -> sa.Select[tuple[object, ...]]:
    return sa.select(table).where(any_of(table.c.key_id, "keys"))


async def opened(runtime: Runtime, table: sa.Table, token: str, *, audience: str, purpose: Purpose) -> Link | Rejection:
    """What the link is for, as far as notifications signed it. `table`: where the service keeps the keys."""
    key = await _key_of(runtime, table, token)
    return read(token, audience=audience, purpose=purpose, key=key, now=runtime.service.clock())


async def subscribed(
    runtime: Runtime, table: sa.Table, token: str, *, audience: str, purpose: Purpose
) -> Subscription | Rejection:
    """The same of a link about what somebody is sent."""
    key = await _key_of(runtime, table, token)
    return read_subscription(token, audience=audience, purpose=purpose, key=key, now=runtime.service.clock())


async def _key_of(runtime: Runtime, table: sa.Table, token: str) -> VerifyingKey | None:
    named = key_named(token)
    if named is None:
        return None
    async with runtime.reading.connect() as connection:
        return (await keys_named(connection, table, {named})).get(named)
