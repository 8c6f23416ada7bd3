"""Rows: what a table holds as immutable values, and the rows that a piece of work touches. No SQL."""

from __future__ import annotations

import dataclasses
import datetime as dt
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from shared.events.envelope import Heard
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


def meta(heard: Heard[Any]) -> tuple[str, int, bool, str, dt.datetime]:
    """The first five fields of every FactRow."""
    return heard.source, heard.version, heard.numbered, heard.event_id, heard.appended_at


R = TypeVar("R", bound=Row)


def fields_of(kind: type[Row]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def mapping(row: Row) -> Mapping[str, Any]:
    return {name: getattr(row, name) for name in fields_of(type(row))}


class NotLoaded(LookupError):
    """Somebody asked about rows that nobody has loaded: that none is in memory does not say that there is none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Loaded:
    """Which rows of a table are all in memory: those that have, in these fields, one of these combinations of values."""

    fields: tuple[str, ...]
    values: frozenset[tuple[Any, ...]]
    only: Callable[[Any], bool] | None = None
    """Of those, the ones of which this is true. Whoever asks for the others by their key does not know them."""


EVERY_ROW = Loaded((), frozenset({()}))


def loaded_by(field: str, values: Iterable[Any], *, only: Callable[[Any], bool] | None = None, **others: Any) -> Loaded:
    """All rows whose field has one of these values; with `others`, of those the ones whose other fields have these."""
    rest = tuple(others.values())
    return Loaded((field, *others), frozenset((value, *rest) for value in values), only)


class Rows(Generic[R]):
    """The rows of one table that a piece of work touches: what was loaded, and what changed in memory since.

    It remembers what was asked for. Whoever asks for anything else is refused: nobody knows it.
    """

    def __init__(self, kind: type[R], *asked: Loaded) -> None:
        self.kind = kind
        self.key: Callable[[R], tuple[Any, ...]] = kind.key_of
        self._rows: dict[tuple[Any, ...], R] = {}
        self._changed: dict[tuple[Any, ...], R | None] = {}
        self._indexes: dict[str, dict[Any, dict[tuple[Any, ...], R]]] = {}
        self._all_of: dict[tuple[str, ...], set[tuple[Any, ...]]] = {}
        self._some_of: dict[tuple[str, ...], set[tuple[Any, ...]]] = {}
        self._by_key = self._all_of[kind.KEY] = set()
        """Most is asked for by key, and looked up so; what another question has answered is entered here."""
        self._was_asked = False
        self._worked_out: list[dict[Any, Any]] = []
        self.loaded((), *asked)

    def forgets(self, worked_out: dict[Any, Any]) -> None:
        """What was worked out of these rows: emptied as soon as one of them is another one."""
        self._worked_out.append(worked_out)

    def loaded(self, rows: Iterable[R], *asked: Loaded) -> None:
        """Takes rows as they stand in the table, and that these were all that was asked for; what changed meanwhile stays as it is."""
        for row in rows:
            key = self.key(row)
            if key not in self._changed:
                self._set(key, row)
        for one in asked:
            known = self._all_of if one.only is None else self._some_of
            known.setdefault(one.fields, set()).update(one.values)
            self._was_asked = True

    def get(self, *key: Any) -> R | None:
        """The row with this key, if there is one."""
        row = self._rows.get(key)
        if row is None and key not in self._by_key and key not in self._changed:
            self._need(self.knows(**dict(zip(self.kind.KEY, key, strict=True))), self.kind.KEY)
            self._by_key.add(key)
        return row

    def knows(self, **fields: Any) -> bool:
        """Whether all rows with these values are in memory."""
        if self._all_of.get(()):  # All rows there are.
            return True
        for names, values in self._all_of.items():
            if all(name in fields for name in names) and tuple(fields[name] for name in names) in values:
                return True
        return False

    def _need(self, known: bool, fields: Iterable[str]) -> None:
        if not known:
            raise NotLoaded(f"nobody has loaded {self.kind.__name__} by {', '.join(fields)}")

    def put(self, row: R) -> None:
        key = self.key(row)
        old = self._rows.get(key)
        if old is None or old != row:
            self._set(key, row)
            self._changed[key] = row

    def remove(self, *key: Any) -> None:
        if self.get(*key) is not None:
            self._set(key, None)
            self._changed[key] = None

    def drop(self, *key: Any) -> None:
        """Removes the row if it is in memory. Who has not loaded it does not have to: to them it is nothing."""
        if key in self._rows:
            self._set(key, None)
            self._changed[key] = None

    def where(self, field: str, value: Any, **others: Any) -> list[R]:
        """The rows whose field has this value, or has it among its values, found through an index that is made at first use."""
        wanted = (value, *others.values())
        if wanted not in self._all_of.get((field, *others), ()):
            some = wanted in self._some_of.get((field, *others), ())
            self._need(some or self.knows(**{field: value, **others}), (field, *others))
        index = self._indexes.get(field)
        if index is None:
            index = self._indexes[field] = {}
            for key, row in self._rows.items():
                for each in _values(row, field):
                    index.setdefault(each, {})[key] = row
        found = list(index.get(value, {}).values())
        for name, other in others.items():
            found = [row for row in found if getattr(row, name) == other]
        return found

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
        for known in self._worked_out:
            known.clear()

    def __iter__(self) -> Iterator[R]:
        """Those in memory, of whatever was asked for: that something was is all that is sure."""
        if not self._was_asked:
            raise NotLoaded(f"nobody has loaded any {self.kind.__name__}")
        return iter(list(self._rows.values()))

    def all(self) -> list[R]:
        """Every row there is."""
        self._need(self.knows(), ("anything",))
        return list(self._rows.values())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def changed(self) -> list[R]:
        """Rows to write, in key order: two transactions that touch the same rows take them in the same order."""
        return sorted((row for row in self._changed.values() if row is not None), key=self.key)

    def removed(self) -> list[tuple[Any, ...]]:
        return sorted(key for key, row in self._changed.items() if row is None)

    @property
    def has_changed(self) -> bool:
        return bool(self._changed)

    def saved(self) -> None:
        self._changed.clear()


def _values(row: Row, name: str) -> tuple[Any, ...]:
    value = getattr(row, name)
    return value if isinstance(value, tuple) else (value,)
