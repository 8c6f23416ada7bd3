"""When our own stream and the database no longer agree, because one of them lost its end.

After a restore our own stream knows more than the database. What we said stands; what made us say it is heard again quietly.

While the other streams are heard up to where they ended when this was noticed, facts make rows and decide nothing, because the
rows of our own facts are newer than they are: a team that was complete again looks incomplete half-way. Requests that have no
answer are held. Then everything open is looked at once, with all that is known.

After a power cut at the broker the database may know more than our own stream. Then everything we said in that partition is staged
again, what is heard there leaves the outbox, and what remains is what the log lost: the relay says it again (decision 0007).
"""

from __future__ import annotations

from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.streams import Partition
from shared.postgres.database import KEPT, MACHINERY, arrays_of, insert_new, rows_as, table_of
from shared.state.rows import Row
from shared.values import immutable

NOTICED = -1
HEARD_AGAIN = -2
RECONCILE = "reconcile"
"""The kind of due moment that looks at one open subject with all that is known."""


@immutable
class Recovery(Row):
    """How far a partition is heard quietly. NOTICED: that a recovery is needed, its end not yet known. HEARD_AGAIN: that an own
    stream is heard again because its log is another one; nothing is sent meanwhile."""

    KEY: ClassVar = ("stream", "partition")

    stream: str
    partition: int
    until_offset: int


RECOVERY = table_of(Recovery, "recovery", MACHINERY, schema=KEPT)

_OF_A_RESTORE = RECOVERY.c.until_offset != HEARD_AGAIN
IS_HEARD_AGAIN = sa.exists().where(RECOVERY.c.until_offset == HEARD_AGAIN)


async def notice(connection: AsyncConnection, own_stream: str) -> None:
    """Remembers, in the transaction that heard a fact of our own for the first time, that the database is older than the stream."""
    await connection.execute(insert_new(RECOVERY), arrays_of(RECOVERY, [Recovery(own_stream, NOTICED, NOTICED)]))


async def begin(connection: AsyncConnection, ends: dict[Partition, int]) -> dict[Partition, int]:
    """Until which offset each partition is to be heard quietly; empty if nothing has to be recovered."""
    rows = rows_as(Recovery, await connection.execute(sa.select(RECOVERY).where(_OF_A_RESTORE).with_for_update()))
    if any(row.until_offset == NOTICED for row in rows):
        await end(connection)
        rows = [Recovery(*part, end) for part, end in sorted(ends.items())]
        await connection.execute(insert_new(RECOVERY), arrays_of(RECOVERY, rows))
    return {Partition(row.stream, row.partition): row.until_offset for row in rows}


async def end(connection: AsyncConnection) -> None:
    await connection.execute(sa.delete(RECOVERY).where(_OF_A_RESTORE))


async def hear_again(connection: AsyncConnection, own_stream: str) -> None:
    """Remembers, in the transaction that rewound a partition of ours, that the relay has to wait."""
    row = Recovery(own_stream, HEARD_AGAIN, HEARD_AGAIN)
    await connection.execute(insert_new(RECOVERY), arrays_of(RECOVERY, [row]))


async def is_heard_again(connection: AsyncConnection) -> bool:
    return bool((await connection.execute(sa.select(IS_HEARD_AGAIN))).scalar_one())


async def heard_again(connection: AsyncConnection) -> None:
    """Our own streams have been heard to their ends: what the outbox holds is not on them."""
    await connection.execute(sa.delete(RECOVERY).where(~_OF_A_RESTORE))
