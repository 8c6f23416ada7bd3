"""The fact lane: a batch of facts folded to the newest per aggregate and written by one guarded statement.

The statement moves the watermarks and writes the rows, or does nothing at all. It does nothing whenever the batch is not
ordinary: a watermark stands elsewhere, an aggregate has another owner, or one id names two statements. Then the deciding lane's transaction, which thinks
event by event, says what is right. Both must come to the same rows; tests/shared holds them against each other.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import telemetry
from shared.books import watermark
from shared.books.batch import Batch
from shared.books.watermark import Move
from shared.contracts.model import Event
from shared.events.envelope import Heard, Read, appended_at, fingerprint
from shared.faults import Fault, classify
from shared.postgres.database import arrays_of, says_otherwise, unnested, upsert_newest, values_of
from shared.service import Service
from shared.state.ownership import Takeover, Verdict
from shared.state.rows import FactRow

SUPERSEDED = "superseded_"


def _stand(table: sa.Table, new: Any, *conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Whether a row stands of which one of these is true: its fact was said otherwise under its own id and version, or a condition."""
    fresh = dict(zip(table.c.keys(), values_of(table, new), strict=True))
    under_one_id = sa.and_(table.c.version == new.c.version, table.c.event_id == new.c.event_id)
    said_otherwise = sa.and_(under_one_id, says_otherwise(table, table.c, fresh))
    same_key = sa.and_(*(table.c[column.name] == new.c[column.name] for column in table.primary_key))
    standing = sa.select(sa.literal(1)).select_from(sa.join(table, new, same_key))
    return sa.exists(standing.where(sa.or_(*conditions, said_otherwise)))


@functools.cache
def _statement(tables: tuple[sa.Table, ...], superseded: tuple[sa.Table, ...] = ()) -> sa.Select[Any]:
    """The guarded statement for batches that touch these tables, with facts of these that a later one of the batch has replaced.
    Returns (all was ordinary, rows written)."""
    standing, move = watermark.guard()
    conditions = [
        sa.select(sa.func.count()).select_from(standing).scalar_subquery()
        == sa.select(sa.func.count()).select_from(move).scalar_subquery()
    ]
    news = {table: unnested(table) for table in tables}
    for table, new in news.items():
        conditions.append(~_stand(table, new, table.c.source != new.c.source, table.c.numbered != new.c.numbered))
    conditions += [~_stand(table, unnested(table, prefix=SUPERSEDED)) for table in superseded]
    ordinary = sa.select(sa.and_(*conditions).label("ordinary")).cte("ordinary", nesting=False)
    holds = sa.select(ordinary.c.ordinary).scalar_subquery()
    written = [
        upsert_newest(table, new, holds).returning(sa.literal(1).label("one")).cte(f"written_{table.name}")
        for table, new in news.items()
    ]
    moves = watermark.moved(move, holds).returning(sa.literal(1).label("one")).cte("moved")
    counts = [sa.select(sa.func.count()).select_from(cte).scalar_subquery() for cte in written]
    total: sa.ColumnElement[int] = sa.literal(0)
    for number in counts:
        total = total + number
    return sa.select(ordinary.c.ordinary, total.label("written")).add_cte(moves, *written)


Newest = dict[type[FactRow], dict[tuple[Any, ...], FactRow]]
Superseded = dict[sa.Table, list[FactRow]]


class Thinker(Protocol):
    """Hears event by event whatever is not ordinary: the deciding lane's decider, or a rebuild."""

    async def hear(self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]]) -> Any: ...


class FactWriter:
    """Writes batches of facts. Owes its speed to one round trip a batch and to statements that are built once."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: Service,
        decider: Thinker,
        *,
        changed: Callable[[dt.datetime], None] = lambda since: None,
    ) -> None:
        """`changed` is called after a commit of ours, with when the oldest of what was heard was appended; the decider tells of its own."""
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._service = service
        self._decider = decider
        self._changed = changed
        self._make = service.working(service.clock()).make

    async def hear(self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]]) -> None:
        """Hears batches of several partitions. Raises NotContinuous, or a transient fault."""
        try:
            done = await self._hear_ordinary(batches, decoded)
        except Exception as error:
            if classify(error) is Fault.TRANSIENT:
                raise
            done = False  # The deciding lane finds the culprit, event by event.
        if not done:
            await self._decider.hear(batches, decoded)
        elif batches:
            self._changed(min(appended_at(batch.records[0]) for batch in batches))

    async def _hear_ordinary(self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]]) -> bool:
        newest: Newest = {}
        superseded: Superseded = {}
        ordinary = all(
            isinstance(one, Heard) and not one.tombstone and self._fold(newest, superseded, one)
            for part in decoded
            for one in part
        )
        return ordinary and await self._write(batches, newest, superseded)

    def _fold(self, newest: Newest, superseded: Superseded, heard: Heard[Event]) -> bool:
        """Keeps the newest row of each aggregate. False: not ours to judge."""
        make = self._make.get(type(heard.body))
        if make is None:
            return True
        row = make(heard)
        if getattr(row, "erased", False) or isinstance(row, Takeover):
            return False  # More follows from it than its row.
        rows = newest.setdefault(type(row), {})
        key = type(row).key_of(row)
        old = rows.get(key)
        if old is None:
            rows[key] = row
            return True
        if old.source != row.source or old.numbered != row.numbered:
            return False
        if row.version == old.version and row != old:
            return False  # A tie: which of them is new depends on the row that stands, too.
        if row.version > old.version:
            superseded.setdefault(self._service.table(type(row)), []).append(old)
            rows[key] = row
        return True

    async def _write(self, batches: Sequence[Batch], newest: Newest, superseded: Superseded) -> bool:
        tables: list[tuple[sa.Table, list[FactRow]]] = sorted(
            ((self._service.table(kind), [row for _, row in sorted(rows.items())]) for kind, rows in newest.items()),
            key=lambda item: item[0].name,
        )
        moves = [
            Move(
                batch.partition,
                batch.from_offset,
                batch.next_offset,
                batch.records[-1].offset,
                fingerprint(batch.records[-1]),
                heard=len(batch.records),
                skipped=batch.next_offset - batch.from_offset - len(batch.records),
            )
            for batch in sorted(batches, key=lambda batch: batch.partition)
        ]
        parameters: dict[str, Any] = watermark.parameters(moves)
        for table, rows in tables:
            parameters |= arrays_of(table, rows)
        for table, rows in superseded.items():
            parameters |= arrays_of(table, rows, prefix=SUPERSEDED)
        statement = _statement(
            tuple(table for table, _ in tables), tuple(sorted(superseded, key=lambda table: table.name))
        )
        async with self._engine.connect() as connection:
            result = await connection.execute(statement, parameters)
            ordinary, written = result.one()
        if ordinary:
            stale = sum(len(rows) for _, rows in tables) - written
            telemetry.count(self._service.name, [(Verdict.NEWER, "")] * written + [(Verdict.STALE, "")] * stale)
        return bool(ordinary)
