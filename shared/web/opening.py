"""What a link in an address is for: read under the key that it names, as far as that was stated. SQL that changes nothing."""

from __future__ import annotations

import functools
from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.postgres.database import any_of, rows_as
from shared.process.runtime import Runtime
from shared.state.link_keys import LinkKey
from shared.web.links import Link, Purpose, Refused, Rejection, VerifyingKey, key_named, read


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
    named = key_named(token)
    if named is None:
        return Rejection(Refused.UNKNOWN)
    async with runtime.engine.connect() as connection:
        keys = await keys_named(connection, table, {named})
    return read(token, audience=audience, purpose=purpose, key=keys.get(named), now=runtime.service.clock())
