"""Watermarks: how far each partition of each stream has been heard, moved in the transaction of what was heard.

A watermark says the next offset, and by its fingerprint which record stood last, so that a log which lost its tail or was
created anew is noticed. It also counts, so that published = heard + parked + skipped can be checked at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.events.streams import Partition
from shared.postgres.database import MACHINERY, rows_as, table_of
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
class Move:
    """A step of one watermark: valid only if it stands at `from_offset`."""

    partition: Partition
    from_offset: int
    next_offset: int
    last_offset: int
    last_print: str
    heard: int
    parked: int = 0
    skipped: int = 0


_wanted = (
    sa.func.unnest(
        sa.bindparam("streams", type_=ARRAY(sa.Text())), sa.bindparam("numbers", type_=ARRAY(sa.BigInteger()))
    )
    .table_valued(sa.column("stream", sa.Text), sa.column("number", sa.BigInteger), name="wanted")
    .render_derived()
)
_LOCK = (
    sa.select(WATERMARK)
    .join(_wanted, sa.and_(WATERMARK.c.stream == _wanted.c.stream, WATERMARK.c.partition == _wanted.c.number))
    .order_by(WATERMARK.c.stream, WATERMARK.c.partition)
    .with_for_update(of=WATERMARK)
)
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
    these = {"streams": [part.stream for part in wanted], "numbers": [part.number for part in wanted]}
    rows = rows_as(Watermark, await connection.execute(_LOCK, these))
    if len(rows) < len(wanted):
        missing = set(wanted) - {(row.stream, row.partition) for row in rows}
        new = [Watermark(*part, 0, None, None, 0, 0, 0) for part in sorted(missing)]
        statement = insert(WATERMARK).on_conflict_do_nothing()
        await connection.execute(statement, [{name: getattr(row, name) for name in WATERMARK.c.keys()} for row in new])
        rows = rows_as(Watermark, await connection.execute(_LOCK, these))
    return {Partition(row.stream, row.partition): row for row in rows}


def _moves() -> Any:
    """`unnest` over the arrays of `parameters`."""
    kinds: dict[str, sa.types.TypeEngine[Any]] = {
        "stream": sa.Text(),
        "partition": sa.BigInteger(),
        "from_offset": sa.BigInteger(),
        "next_offset": sa.BigInteger(),
        "last_offset": sa.BigInteger(),
        "last_print": sa.Text(),
        "heard": sa.BigInteger(),
        "parked": sa.BigInteger(),
        "skipped": sa.BigInteger(),
    }
    arrays = [sa.bindparam(f"move_{name}", type_=ARRAY(kind)) for name, kind in kinds.items()]
    columns = (sa.column(name, kind) for name, kind in kinds.items())
    return sa.func.unnest(*arrays).table_valued(*columns, name="move").render_derived()


def parameters(moves: Sequence[Move]) -> dict[str, list[Any]]:
    return {
        "move_stream": [move.partition.stream for move in moves],
        "move_partition": [move.partition.number for move in moves],
        **{
            f"move_{name}": [getattr(move, name) for move in moves]
            for name in ("from_offset", "next_offset", "last_offset", "last_print", "heard", "parked", "skipped")
        },
    }


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


_MOVE = moved(_moves())


def move_locked(writes: Writes, moves: Sequence[Move]) -> None:
    """Moves watermarks whose locks the transaction holds."""
    if moves:
        writes.add(_MOVE, parameters(moves), number=len(moves))


def guard() -> tuple[sa.CTE, sa.CTE]:
    """For one statement that writes facts only if every watermark stands where its batch began.

    Returns (`standing`, `moves`): the watermarks locked where they are expected; compare their count to the number of moves.
    """
    move = sa.select(_moves()).cte("moves")
    standing = (
        sa.select(WATERMARK.c.stream)
        .join(move, sa.and_(WATERMARK.c.stream == move.c.stream, WATERMARK.c.partition == move.c.partition))
        .where(WATERMARK.c.next_offset == move.c.from_offset)
        .with_for_update(of=WATERMARK)
        .cte("standing")
    )
    return standing, move


async def rewind(connection: AsyncConnection, partition: Partition) -> None:
    """Back to the partition's start: what is heard again is absorbed, and counted anew."""
    await lock(connection, [partition])
    await connection.execute(
        sa.update(WATERMARK)
        .where(WATERMARK.c.stream == partition.stream, WATERMARK.c.partition == partition.number)
        .values(next_offset=0, last_offset=None, last_print=None, heard=0, parked=0, skipped=0)
    )


async def pass_over(connection: AsyncConnection, mark: Watermark, next_offset: int) -> None:
    """Moves a locked watermark past offsets that hold no record; they count as skipped."""
    await connection.execute(
        sa.update(WATERMARK)
        .where(WATERMARK.c.stream == mark.stream, WATERMARK.c.partition == mark.partition)
        .values(next_offset=next_offset, skipped=WATERMARK.c.skipped + (next_offset - mark.next_offset))
    )


async def recount(connection: AsyncConnection, partition: Partition, *, heard: int = 0, parked: int = 0) -> None:
    """Corrects the counts when a parked record has been heard after all."""
    await connection.execute(
        sa.update(WATERMARK)
        .where(WATERMARK.c.stream == partition.stream, WATERMARK.c.partition == partition.number)
        .values(heard=WATERMARK.c.heard + heard, parked=WATERMARK.c.parked + parked)
    )


async def is_heard(engine: AsyncEngine, ends: Mapping[Partition, int]) -> bool:
    """Whether every partition has been heard up to the given offset, by whichever replica."""
    async with engine.connect() as connection:
        marks = await read(connection, {part.stream for part in ends})
    return all(end == 0 or (part in marks and marks[part].next_offset >= end) for part, end in ends.items())
