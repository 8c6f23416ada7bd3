"""Watermarks: how far each partition of each stream has been heard, moved in the transaction of what was heard.

A watermark says the next offset, and by its fingerprint which record stood last, so that a log which lost its tail or was
created anew is noticed. It also counts, so that published = heard + parked + skipped can be checked at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.events.streams import Partition
from shared.postgres.database import (
    MACHINERY,
    arrays_of,
    insert_new,
    keys_of,
    rows_as,
    select_by_key,
    table_of,
    unnested,
)
from shared.postgres.directly import rows_of
from shared.postgres.roundtrips import Writes
from shared.state.rows import Row
from shared.values import immutable


@immutable
class Watermark(Row):
    """One partition, as far as it has been heard."""

    KEY: ClassVar = ("stream", "partition")

    stream: str
    partition: int
    next_offset: int
    last_offset: int | None
    last_print: str | None
    heard: int
    parked: int
    skipped: int
    """Types without a contract, and offsets that hold no record."""


WATERMARK = table_of(Watermark, "watermark", MACHINERY)


@immutable
class Move(Row):
    """A step of one watermark: valid only if it stands at `from_offset`."""

    KEY: ClassVar = Watermark.KEY

    stream: str
    partition: int
    from_offset: int
    next_offset: int
    last_offset: int
    last_print: str
    heard: int
    parked: int = 0
    skipped: int = 0


_MOVES = table_of(Move, "move", sa.MetaData())
"""No table: the shape of what a statement is given."""
_LOCK = select_by_key(WATERMARK).order_by(WATERMARK.c.stream, WATERMARK.c.partition).with_for_update(of=WATERMARK)
_READ = sa.select(WATERMARK)


async def read(connection: AsyncConnection, streams: Iterable[str] | None = None) -> dict[Partition, Watermark]:
    """All watermarks, or those of some streams, as they stand."""
    statement = _READ
    if streams is not None:
        statement = _READ.where(WATERMARK.c.stream.in_(list(streams)))
    rows = rows_as(Watermark, await connection.execute(statement))
    return {Partition(row.stream, row.partition): row for row in rows}


async def lock(connection: AsyncConnection, partitions: Sequence[Partition]) -> dict[Partition, Watermark]:
    """The partitions' watermarks under row locks, taken in one order by everyone; missing ones are made at offset 0."""
    wanted = sorted(set(partitions))
    if not wanted:
        return {}
    these = keys_of(WATERMARK, wanted)
    rows = rows_as(Watermark, await rows_of(connection, _LOCK, these))
    if len(rows) < len(wanted):
        missing = set(wanted) - {(row.stream, row.partition) for row in rows}
        new = [Watermark(*part, 0, None, None, 0, 0, 0) for part in sorted(missing)]
        await rows_of(connection, insert_new(WATERMARK), arrays_of(WATERMARK, new))
        rows = rows_as(Watermark, await rows_of(connection, _LOCK, these))
    return {Partition(row.stream, row.partition): row for row in rows}


def parameters(moves: Sequence[Move]) -> dict[str, list[Any]]:
    return arrays_of(_MOVES, moves)


def moved(move: Any, condition: sa.ColumnElement[bool] = sa.true()) -> sa.Update:
    """The UPDATE that moves the watermarks named by `move` and adds to their counts."""
    return (
        sa.update(WATERMARK)
        .where(WATERMARK.c.stream == move.c.stream, WATERMARK.c.partition == move.c.partition, condition)
        .where(WATERMARK.c.next_offset == move.c.from_offset)
        .values(
            next_offset=move.c.next_offset,
            last_offset=move.c.last_offset,
            last_print=move.c.last_print,
            heard=WATERMARK.c.heard + move.c.heard,
            parked=WATERMARK.c.parked + move.c.parked,
            skipped=WATERMARK.c.skipped + move.c.skipped,
        )
    )


_MOVE = moved(unnested(_MOVES))


def move_locked(writes: Writes, moves: Sequence[Move]) -> None:
    """Moves watermarks whose locks the transaction holds."""
    if moves:
        writes.add(_MOVE, parameters(moves), number=len(moves))


def guard() -> tuple[sa.CTE, sa.CTE]:
    """For one statement that writes facts only if every watermark stands where its batch began.

    Returns (`standing`, `moves`): the watermarks locked where they are expected; compare their count to the number of moves.
    """
    move = sa.select(unnested(_MOVES)).cte("moves")
    standing = (
        sa.select(WATERMARK.c.stream)
        .join(move, sa.and_(WATERMARK.c.stream == move.c.stream, WATERMARK.c.partition == move.c.partition))
        .where(WATERMARK.c.next_offset == move.c.from_offset)
        .with_for_update(of=WATERMARK)
        .cte("standing")
    )
    return standing, move


def _update(partition: Partition) -> sa.Update:
    return sa.update(WATERMARK).where(WATERMARK.c.stream == partition.stream, WATERMARK.c.partition == partition.number)


async def rewind(connection: AsyncConnection, partition: Partition) -> None:
    """Back to the partition's start: what is heard again is absorbed, and counted anew."""
    await lock(connection, [partition])
    await connection.execute(
        _update(partition).values(next_offset=0, last_offset=None, last_print=None, heard=0, parked=0, skipped=0)
    )


async def pass_over(connection: AsyncConnection, mark: Watermark, next_offset: int) -> None:
    """Moves a locked watermark past offsets that hold no record; they count as skipped."""
    await connection.execute(
        _update(Partition(mark.stream, mark.partition)).values(
            next_offset=next_offset, skipped=WATERMARK.c.skipped + (next_offset - mark.next_offset)
        )
    )


async def recount(connection: AsyncConnection, partition: Partition, *, heard: int = 0, parked: int = 0) -> None:
    """Corrects the counts when a parked record has been heard after all."""
    await connection.execute(
        _update(partition).values(heard=WATERMARK.c.heard + heard, parked=WATERMARK.c.parked + parked)
    )


async def is_heard(engine: AsyncEngine, ends: Mapping[Partition, int]) -> bool:
    """Whether every partition has been heard up to the given offset, by whichever replica."""
    async with engine.connect() as connection:
        marks = await read(connection, {part.stream for part in ends})
    return all(end == 0 or (part in marks and marks[part].next_offset >= end) for part, end in ends.items())
