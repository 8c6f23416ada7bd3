"""Rows: what a table holds as immutable values, and the rows that a piece of work touches. No SQL."""

from __future__ import annotations

import dataclasses
import datetime as dt
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from shared.values import immutable


@immutable
class Row:
    """A row of a table; its fields are the table's columns in order."""

    KEY: ClassVar[tuple[str, ...]] = ()
    key_of: ClassVar[Callable[[Any], tuple[Any, ...]]]
    """Takes the primary key out of a row; in C, because every row needs it several times."""

    def __init_subclass__(cls) -> None:
        if cls.KEY:
            take = operator.attrgetter(*cls.KEY)
            cls.key_of = staticmethod(take if len(cls.KEY) > 1 else lambda row: (take(row),))


@immutable
class FactRow(Row):
    """A row that one aggregate's newest fact made: who owns the aggregate, and which fact it was."""

    source: str
    version: int
    numbered: bool
    event_id: str
    heard_at: dt.datetime
    """When the fact was appended to its stream; for a fact of our own, when it was decided."""


R = TypeVar("R", bound=Row)


def fields_of(kind: type[Row]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def mapping(row: Row) -> Mapping[str, Any]:
    return {name: getattr(row, name) for name in fields_of(type(row))}


class Rows(Generic[R]):
    """The rows of one table that a piece of work touches: what was loaded, and what changed in memory since."""

    def __init__(self, kind: type[R]) -> None:
        self.kind = kind
        self.key: Callable[[R], tuple[Any, ...]] = kind.key_of
        self._rows: dict[tuple[Any, ...], R] = {}
        self._changed: dict[tuple[Any, ...], R | None] = {}
        self._indexes: dict[str, dict[Any, dict[tuple[Any, ...], R]]] = {}

    def loaded(self, rows: Iterable[R]) -> None:
        """Takes rows as they stand in the table; what changed meanwhile stays as it is."""
        for row in rows:
            key = self.key(row)
            if key not in self._changed:
                self._set(key, row)

    def get(self, *key: Any) -> R | None:
        return self._rows.get(key)

    def put(self, row: R) -> None:
        key = self.key(row)
        if self._rows.get(key) != row:
            self._set(key, row)
            self._changed[key] = row

    def remove(self, *key: Any) -> None:
        if key in self._rows:
            self._set(key, None)
            self._changed[key] = None

    def where(self, name: str, value: Any) -> list[R]:
        """The rows whose field has this value, or has it among its values, found through an index that is made at first use."""
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = {}
            for key, row in self._rows.items():
                for each in _values(row, name):
                    index.setdefault(each, {})[key] = row
        return list(index.get(value, {}).values())

    def _set(self, key: tuple[Any, ...], row: R | None) -> None:
        old = self._rows.pop(key, None)
        for name, index in self._indexes.items():
            if old is not None:
                for each in _values(old, name):
                    index[each].pop(key)
            if row is not None:
                for each in _values(row, name):
                    index.setdefault(each, {})[key] = row
        if row is not None:
            self._rows[key] = row

    def __iter__(self) -> Iterator[R]:
        return iter(list(self._rows.values()))

    def __len__(self) -> int:
        return len(self._rows)

    def changed(self) -> list[R]:
        """Rows to write, in key order: two transactions that touch the same rows take them in the same order."""
        return [row for _, row in sorted(self._changed.items()) if row is not None]

    def removed(self) -> list[tuple[Any, ...]]:
        return [key for key, row in sorted(self._changed.items()) if row is None]

    def saved(self) -> None:
        self._changed.clear()


def _values(row: Row, name: str) -> tuple[Any, ...]:
    value = getattr(row, name)
    return value if isinstance(value, tuple) else (value,)
