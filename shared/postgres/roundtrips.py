"""Several statements in one round trip.

Postgres answers one statement at a time, and what a small one does costs less than asking: a message, a wake-up and an answer on
both sides. A transaction that hears one event asks half as often this way.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.postgres.database import arrays_of, delete, keys_of, parts_of, rows_as, select_by_key, upsert
from shared.postgres.directly import NONE, Parameters, rows_of
from shared.state.rows import Loaded, Rows

FEW = 100
"""Keys. Postgres takes longer to make composite values of many rows than to be asked once more."""

STATEMENTS = 256
"""How many of each sort are kept; a service comes to about seventy."""

Take = Callable[[Iterable[Sequence[Any]]], None]


class Reads:
    """Selects that need nothing of each other: one round trip for all that find few rows, one for each that may find many."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection
        self._wanted: list[tuple[sa.Select[Any], Parameters, Take, bool]] = []

    def add(self, statement: sa.Select[Any], parameters: Parameters, take: Take, *, seldom: bool = False) -> None:
        """What is found is given to `take` by the next `run`. `seldom`: hardly any is there, however many are asked for."""
        self._wanted.append((statement, parameters, take, seldom))

    def rows(
        self,
        rows: Rows[Any],
        statement: sa.Select[Any],
        parameters: Parameters = NONE,
        *asked: Loaded | Callable[[], Loaded],
        seldom: bool = False,
        kept: Callable[[Sequence[Any]], Iterable[Any]] = iter,
    ) -> None:
        """The rows of a `select(table)`, which are all that `asked` names: once they are read, what is not among them is known not to be.
        What is named by rows of the same round trip is told by a function; it is asked when those are read. `kept`: which of those found
        there are, to whoever looks."""

        def take(found: Iterable[Sequence[Any]]) -> None:
            rows.loaded(kept(rows_as(rows.kind, found)), *(one() if callable(one) else one for one in asked))

        self.add(statement, parameters, take, seldom=seldom)

    def by_key(
        self,
        rows: Rows[Any],
        table: sa.Table,
        keys: Iterable[tuple[Any, ...]],
        *,
        seldom: bool = False,
        kept: Callable[[Sequence[Any]], Iterable[Any]] = iter,
    ) -> None:
        """The rows with these keys."""
        wanted = frozenset(keys)
        asked = Loaded(rows.kind.KEY, wanted)
        if wanted:
            self.rows(rows, select_by_key(table), keys_of(table, wanted), asked, seldom=seldom, kept=kept)
        else:
            rows.loaded((), asked)

    async def run(self) -> None:
        """Reads what was added since the last run, and takes it in that order."""
        wanted, self._wanted = self._wanted, []
        are_few = sum(_length(parameters) for _, parameters, _, seldom in wanted if not seldom) <= FEW
        few = [(statement, parameters) for statement, parameters, _, seldom in wanted if seldom or are_few]
        together = iter(await self._read_together(few) if len(few) > 1 else ())
        for statement, parameters, take, seldom in wanted:
            if (seldom or are_few) and len(few) > 1:
                take(_read(statement, next(together)))
            else:
                take(await rows_of(self.connection, statement, parameters))

    async def _read_together(self, few: Sequence[tuple[sa.Select[Any], Parameters]]) -> Sequence[Any]:
        statement = _as_one_select(tuple(statement for statement, _ in few))
        [found] = await rows_of(self.connection, statement, _all_of(parameters for _, parameters in few))
        return found  # type: ignore[no-any-return]  # A row.


def _length(parameters: Parameters) -> int:
    return max((len(value) for value in parameters.values() if isinstance(value, list)), default=0)


def _all_of(parameters: Iterable[Parameters]) -> Parameters:
    together: dict[str, Any] = {}
    for one in parameters:
        for name, value in one.items():
            known = together.setdefault(name, value)
            # Comparing a long list with itself takes as long as with another one.
            if known is not value and known != value:
                raise ValueError(f"two statements of one round trip mean different things by {name}")
    return together


@functools.lru_cache(maxsize=STATEMENTS)
def _as_one_select(statements: tuple[sa.Select[Any], ...]) -> sa.Select[Any]:
    """One row with an array of composite values for each statement."""
    parts = []
    for statement in statements:
        rows = statement.subquery()
        parts.append(sa.func.array(sa.select(sa.func.row(*rows.c)).scalar_subquery()))
    return sa.select(*parts)


def _read(statement: sa.Select[Any], rows: Sequence[Sequence[Any]]) -> Iterable[Sequence[Any]]:
    parts = parts_of(statement)
    if not parts:
        return rows
    read = [list(row) for row in rows]
    for number, adapter in parts:
        for row in read:
            row[number] = None if row[number] is None else adapter.validate_python(row[number])
    return read


class Writes:
    """Statements that write to rows of their own: they all see the tables as they were, and none what another one wrote."""

    def __init__(self) -> None:
        self._wanted: list[tuple[Any, Parameters, int | None]] = []

    def add(self, statement: Any, parameters: Parameters, *, number: int | None = None) -> None:
        """`number`: how many rows it must write; another number raises."""
        self._wanted.append((statement, parameters, number))

    def save(self, table: sa.Table, rows: Rows[Any]) -> None:
        """What changed in memory: at most one upsert and one delete, in key order."""
        changed, removed = rows.changed(), rows.removed()
        if changed:
            self.add(upsert(table), arrays_of(table, changed))
        if removed:
            self.add(delete(table), keys_of(table, removed, prefix="removed_"))
        rows.saved()

    async def run(self, connection: AsyncConnection) -> None:
        """Writes everything that was added."""
        if not self._wanted:
            return
        statements = tuple((statement, number is not None) for statement, _, number in self._wanted)
        parameters = _all_of(one for _, one, _ in self._wanted)
        numbers = [number for _, _, number in self._wanted if number is not None]
        [(_, *written)] = await rows_of(connection, _as_one_write(statements), parameters)
        if written != numbers:
            raise RuntimeError(f"{numbers} rows were to be written, {written} were")


@functools.lru_cache(maxsize=STATEMENTS)
def _as_one_write(statements: tuple[tuple[Any, bool], ...]) -> sa.Select[Any]:
    """Each statement as a part of one; a column for each whose rows are counted."""
    parts = [
        (statement.returning(sa.literal(1).label("one")) if counted else statement).cte(f"part_{number}")
        for number, (statement, counted) in enumerate(statements)
    ]
    counts = [
        sa.select(sa.func.count()).select_from(part).scalar_subquery()
        for part, (_, counted) in zip(parts, statements, strict=True)
        if counted
    ]
    return sa.select(sa.literal(1), *counts).add_cte(*parts)
