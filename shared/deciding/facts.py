"""The fact lane: a batch of facts folded to the newest per aggregate and written by one guarded statement.

The statement moves the watermarks and writes the rows, or does nothing at all. It does nothing whenever the batch is not
ordinary: a watermark stands elsewhere, an aggregate has another owner, or one id names two statements. Then the deciding lane's transaction
says what is right. It thinks event by event about the aggregates with which something is wrong, and about nothing else: the other rows are
written there by an array a column, as here. Both ways must come to the same rows; tests/shared holds them against each other.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import telemetry
from shared.books import watermark
from shared.books.batch import Batch
from shared.books.watermark import Move
from shared.contracts.model import Event
from shared.deciding.news import News, kinds_of
from shared.events.envelope import Heard, Read, appended_at, fingerprint
from shared.faults import Fault, classify
from shared.postgres.database import arrays_of, says_otherwise, unnested, upsert_newest, values_of
from shared.postgres.directly import rows_of
from shared.service import Service
from shared.state.ownership import Takeover, Verdict, compare
from shared.state.rows import FactRow
from shared.state.working import MakeRow

SUPERSEDED = "superseded_"


@functools.cache
def _strange(table: sa.Table, *, superseded: bool = False) -> sa.Select[Any]:
    """The keys of those new rows of which SQL alone cannot say what they are to the row that stands: somebody else owns it, it was numbered
    otherwise, or something else was said under its id and version. Of one that its batch supersedes only the last can matter."""
    new = unnested(table, prefix=SUPERSEDED if superseded else "")
    fresh = dict(zip(table.c.keys(), values_of(table, new), strict=True))
    under_one_id = sa.and_(table.c.version == new.c.version, table.c.event_id == new.c.event_id)
    conditions = [sa.and_(under_one_id, says_otherwise(table, table.c, fresh))]
    if not superseded:
        conditions += [table.c.source != new.c.source, table.c.numbered != new.c.numbered]
    same_key = sa.and_(*(table.c[column.name] == new.c[column.name] for column in table.primary_key))
    keys = [new.c[column.name] for column in table.primary_key]
    return sa.select(*keys).select_from(sa.join(table, new, same_key)).where(sa.or_(*conditions))


@functools.cache
def _statement(tables: tuple[sa.Table, ...], superseded: tuple[sa.Table, ...] = ()) -> sa.Select[Any]:
    """The guarded statement for batches that touch these tables, with facts of these that a later one of the batch has replaced.
    Returns (all was ordinary, rows written)."""
    standing, move = watermark.guard()
    conditions = [
        sa.select(sa.func.count()).select_from(standing).scalar_subquery()
        == sa.select(sa.func.count()).select_from(move).scalar_subquery()
    ]
    conditions += [~sa.exists(_strange(table)) for table in tables]
    conditions += [~sa.exists(_strange(table, superseded=True)) for table in superseded]
    ordinary = sa.select(sa.and_(*conditions).label("ordinary")).cte("ordinary", nesting=False)
    holds = sa.select(ordinary.c.ordinary).scalar_subquery()
    written = [
        upsert_newest(table, unnested(table), holds).returning(sa.literal(1).label("one")).cte(f"written_{table.name}")
        for table in tables
    ]
    moves = watermark.moved(move, holds).returning(sa.literal(1).label("one")).cte("moved")
    counts = [sa.select(sa.func.count()).select_from(cte).scalar_subquery() for cte in written]
    total: sa.ColumnElement[int] = sa.literal(0)
    for number in counts:
        total = total + number
    return sa.select(ordinary.c.ordinary, total.label("written")).add_cte(moves, *written)


Key = tuple[Any, ...]
Verdicts = list[tuple[Verdict, str]]
Plainly = Callable[[AsyncConnection, Sequence[Heard[Event]]], Awaitable[tuple[list[Heard[Event]], Verdicts]]]
"""Writes what needs no thinking, within the transaction of whoever asks. Returns the events that do, and what the others were."""


class Thinker(Protocol):
    """Hears whatever is not ordinary: the deciding lane's decider, or a rebuild."""

    async def hear(self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]], *, plainly: Plainly) -> Any: ...


class _Fold:
    """The newest row of each aggregate of some facts, and the aggregates that have to be thought about."""

    def __init__(self, make: Mapping[type[Event], MakeRow]) -> None:
        self._make = make
        self.newest: dict[type[FactRow], dict[Key, FactRow]] = {}
        self.superseded: dict[type[FactRow], list[FactRow]] = {}
        self.strange: set[tuple[type[FactRow], Key]] = set()

    def add(self, heard: Heard[Event]) -> None:
        make = self._make.get(type(heard.body))
        if make is None:
            return
        row = make(heard)
        kind = type(row)
        key = kind.key_of(row)
        rows = self.newest.get(kind)
        if rows is None:
            rows = self.newest[kind] = {}
        old = rows.get(key)
        if heard.tombstone or getattr(row, "erased", False) or isinstance(row, Takeover):
            self.strange.add((kind, key))  # More follows from it than its row.
        elif old is None:
            rows[key] = row
        elif old.source != row.source or old.numbered != row.numbered:
            self.strange.add((kind, key))
        elif row.version == old.version:
            if compare(old, row) is not Verdict.DUPLICATE:
                self.strange.add((kind, key))  # Which of them is new depends on the row that stands, too.
        elif row.version > old.version:
            self.superseded.setdefault(kind, []).append(old)
            rows[key] = row

    def is_strange(self, heard: Heard[Event]) -> bool:
        make = self._make.get(type(heard.body))
        if make is None:
            return False
        row = make(heard)
        return (type(row), type(row).key_of(row)) in self.strange

    def leave_out_strange(self) -> None:
        """Takes the strange aggregates out of the rows to be written."""
        for kind, key in self.strange:
            self.newest.get(kind, {}).pop(key, None)
        for kind, rows in self.superseded.items():
            rows[:] = [row for row in rows if (kind, kind.key_of(row)) not in self.strange]


class FactWriter:
    """Writes batches of facts. Owes its speed to one round trip a batch and to statements that are built once."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: Service,
        decider: Thinker,
        *,
        changed: Callable[[News], None] = lambda news: None,
    ) -> None:
        """`changed` is called after a commit of ours, with what is news; the decider tells of its own."""
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
            await self._decider.hear(batches, decoded, plainly=self.write_plain)
        elif batches:
            since = min(appended_at(batch.records[0]) for batch in batches)
            self._changed(News(since, kinds_of(one for part in decoded for one in part)))

    async def _hear_ordinary(self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]]) -> bool:
        fold = _Fold(self._make)
        for part in decoded:
            for one in part:
                if not isinstance(one, Heard):
                    return False
                fold.add(one)
        return not fold.strange and await self._write(batches, fold)

    async def _write(self, batches: Sequence[Batch], fold: _Fold) -> bool:
        moves = [
            Move(
                *batch.partition,
                batch.from_offset,
                batch.next_offset,
                batch.records[-1].offset,
                fingerprint(batch.records[-1]),
                heard=len(batch.records),
                skipped=batch.next_offset - batch.from_offset - len(batch.records),
            )
            for batch in sorted(batches, key=lambda batch: batch.partition)
        ]
        async with self._engine.connect() as connection:
            verdicts = await self._write_all(connection, moves, fold)
        if verdicts is not None:
            telemetry.count(self._service.name, verdicts)
        return verdicts is not None

    async def write_plain(
        self, connection: AsyncConnection, events: Sequence[Heard[Event]]
    ) -> tuple[list[Heard[Event]], Verdicts]:
        """Writes the rows of those aggregates with which nothing is wrong. Returns the events about the others."""
        fold = _Fold(self._make)
        for one in events:
            fold.add(one)
        fold.leave_out_strange()
        verdicts = await self._write_all(connection, (), fold)
        if verdicts is None:
            await self._find_strange(connection, fold)
            verdicts = await self._write_all(connection, (), fold)
        if verdicts is None:
            raise RuntimeError("what is left of a batch without its strange aggregates is not ordinary")
        return [one for one in events if fold.is_strange(one)] if fold.strange else [], verdicts

    async def _write_all(self, connection: AsyncConnection, moves: Sequence[Move], fold: _Fold) -> Verdicts | None:
        """Moves the watermarks and writes all rows, or nothing. None: something is not ordinary."""
        parameters: dict[str, Any] = watermark.parameters(moves)
        tables, superseded = self._tables(fold.newest), self._tables(fold.superseded)
        number = 0
        for kind, table in tables.items():
            # Two transactions that touch the same rows take them in the same order.
            rows = [fold.newest[kind][key] for key in sorted(fold.newest[kind])]
            number += len(rows)
            parameters |= arrays_of(table, rows)
        for kind, table in superseded.items():
            parameters |= arrays_of(table, fold.superseded[kind], prefix=SUPERSEDED)
        statement = _statement(tuple(tables.values()), tuple(superseded.values()))
        [(ordinary, written)] = await rows_of(connection, statement, parameters)
        if not ordinary:
            return None
        return [(Verdict.NEWER, "")] * written + [(Verdict.STALE, "")] * (number - written)

    async def _find_strange(self, connection: AsyncConnection, fold: _Fold) -> None:
        """Takes out the aggregates that only the rows which stand show to be strange."""
        newest = {kind: list(rows.values()) for kind, rows in fold.newest.items()}
        for found, superseded in ((newest, False), (fold.superseded, True)):
            for kind, table in self._tables(found).items():
                rows = arrays_of(table, found[kind], prefix=SUPERSEDED if superseded else "")
                keys = await connection.execute(_strange(table, superseded=superseded), rows)
                fold.strange.update((kind, tuple(key)) for key in keys)
        fold.leave_out_strange()

    def _tables(self, rows: Mapping[type[FactRow], Any]) -> dict[type[FactRow], sa.Table]:
        """The tables of the rows, in one order."""
        tables = {kind: self._service.table(kind) for kind, some in rows.items() if some}
        return dict(sorted(tables.items(), key=lambda item: item[1].name))
