"""Postgres, the way every service uses it: tables made from rows, bulk statements built once.

Two schemas in each database: `projection` can be rebuilt from the streams, `kept` cannot and is backed up.
"""

from __future__ import annotations

import datetime as dt
import enum
import functools
import operator
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from asyncpg.protocol import protocol
from pydantic import BaseModel, TypeAdapter
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.postgres.directly import Driver
from shared.state.rows import FactRow, R, Row, fields_of

PROJECTION = "projection"
KEPT = "kept"

MACHINERY = sa.MetaData()
"""The tables that every service has: watermarks, journal, outbox, parked, held, due moments, tokens."""


class _Parts(sa.types.TypeDecorator[Any]):
    """Contract models inside a row, kept as jsonb."""

    impl = JSONB
    cache_ok = True

    def __init__(self, annotation: Any) -> None:
        super().__init__()
        self.adapter: TypeAdapter[Any] = TypeAdapter(annotation)

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else self.adapter.dump_python(value, mode="json")

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        return None if value is None else self.adapter.validate_python(value)


def _column_type(annotation: Any) -> tuple[sa.types.TypeEngine[Any], bool]:
    """The column type of a field's annotation, and whether it may be null."""
    nullable = False
    if typing.get_origin(annotation) in (types.UnionType, typing.Union):
        inner = [part for part in typing.get_args(annotation) if part is not type(None)]
        nullable, annotation = len(inner) < len(typing.get_args(annotation)), inner[0]
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        for python, column in (
            (bool, sa.Boolean()),
            (int, sa.BigInteger()),
            (float, sa.Double()),
            (str, sa.Text()),
            (bytes, sa.LargeBinary()),
            (dt.datetime, sa.DateTime(timezone=True)),
            (dt.date, sa.Date()),
        ):
            if issubclass(annotation, python):
                return column, nullable
        if not issubclass(annotation, BaseModel):
            raise TypeError(f"no column type for {annotation}")
    return _Parts(annotation), nullable


def table_of(
    kind: type[Row],
    name: str,
    metadata: sa.MetaData,
    *,
    schema: str = PROJECTION,
    extra: Sequence[sa.sql.schema.SchemaItem] = (),
) -> sa.Table:
    """The table of a row type: its fields as columns, its KEY as primary key, with named constraints."""
    hints = typing.get_type_hints(kind)
    columns = []
    for field in fields_of(kind):
        column_type, nullable = _column_type(hints[field])
        columns.append(sa.Column(field, column_type, nullable=nullable, autoincrement=False))
    return sa.Table(
        name, metadata, *columns, sa.PrimaryKeyConstraint(*kind.KEY, name=f"{name}_key"), *extra, schema=schema
    )


def connect(url: str, *, pool_size: int, statement_timeout_ms: int, application: str) -> AsyncEngine:
    """An engine whose limits are all stated. Connections are checked when taken: one that died in the pool costs nobody a fault."""
    _know_lists_at_sight()
    engine = create_async_engine(
        url,
        hide_parameters=True,  # An error is logged; names and addresses are not.
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=30,
        pool_pre_ping=False,  # A ping a transaction costs more than the rare retry that a dead connection causes.
        pool_recycle=1800,
        pool_use_lifo=True,  # The one used last has its statements planned and its caches warm.
        connect_args={
            "timeout": 10,
            "connection_class": Driver,
            "prepared_statement_cache_size": 500,  # All that a service asks, in every composition.
            "command_timeout": statement_timeout_ms / 1000 + 5,
            "server_settings": {
                "application_name": application,
                "statement_timeout": str(statement_timeout_ms),
                "idle_in_transaction_session_timeout": str(2 * statement_timeout_ms),
                # Whoever is stopped between parsing a statement and running it is neither idle nor in a statement.
                "transaction_timeout": str(10 * statement_timeout_ms),
                "lock_timeout": str(statement_timeout_ms),
                "jit": "off",  # Short statements: compiling them costs more than running them.
                "timezone": "UTC",
            },
        },
    )
    sa.event.listen(engine.sync_engine, "connect", _know_moments_at_sight)
    return engine


_UNKNOWN = sa.text("""
    select cast(cast(oid as regclass) as text) from pg_class
    where relnamespace in (to_regnamespace('projection'), to_regnamespace('kept')) and relkind = 'r'
    and reltuples < 0 and pg_relation_size(oid) > 32768 order by 1
""")
"""Tables that nobody has counted yet and that hold more than a wrong guess would do harm with."""


async def analyze_unknown(connection: AsyncConnection) -> None:
    """Has Postgres look at what has come since the tables were made, and now: by itself it does within a minute or so, and until then
    a join of thousands of rows may be planned as one of a few, and take seconds."""
    if names := (await connection.execute(_UNKNOWN)).scalars().all():
        await connection.execute(sa.text(f"analyze {', '.join(names)}"))


_POSTGRES_EPOCH = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def _know_moments_at_sight(connection: Any, _: object) -> None:
    """A transaction writes and reads few moments, many times each. asyncpg takes as long for one as for six texts."""
    how = {"schema": "pg_catalog", "encoder": _as_sent, "decoder": _as_read, "format": "tuple"}
    connection.run_async(lambda driver: driver.set_type_codec("timestamptz", **how))


def _as_sent(moment: dt.datetime) -> tuple[int]:
    # In UTC first: the two readings of an hour that comes twice are equal.
    return _since_epoch(moment if moment.tzinfo is dt.UTC else moment.astimezone(dt.UTC))


@functools.lru_cache(maxsize=4096)
def _since_epoch(moment: dt.datetime) -> tuple[int]:
    return ((moment - _POSTGRES_EPOCH) // _MICROSECOND,)


@functools.lru_cache(maxsize=4096)
def _as_read(sent: tuple[int]) -> dt.datetime:
    return _POSTGRES_EPOCH + sent[0] * _MICROSECOND


def _know_lists_at_sight() -> None:
    """asyncpg asks of every element of an array whether it is an array itself, by abstract classes: half of what an array costs. In ours
    and SQLAlchemy's hands an array is a list or a tuple, which is seen at once."""
    for name in ("IterableABC", "SizedABC"):
        if not hasattr(protocol, name):
            raise RuntimeError(f"asyncpg has no {name} any more: see whether it still asks every element")
        setattr(protocol, name, (list, tuple))


class _Bool(sa.types.UserDefinedType[bool]):
    """A boolean that SQLAlchemy does not look at one by one on the way: a row holds nothing else."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BOOLEAN"


def _array_type(column: sa.Column[Any]) -> sa.types.TypeEngine[Any]:
    """jsonb travels as text and is cast back: an array of arrays would be flattened by unnest."""
    if isinstance(column.type, JSONB | _Parts):
        return ARRAY(sa.Text())
    return ARRAY(_Bool() if isinstance(column.type, sa.Boolean) else column.type)


def unnested(table: sa.Table, columns: Sequence[str] | None = None, *, prefix: str = "") -> Any:
    """`unnest(:table_a, :table_b, …) AS new(a, b, …)`: the rows of one statement, one array a column.

    `prefix` keeps the parameters of several statements about the same table apart.
    """
    names = list(columns or table.c.keys())
    arrays = [sa.bindparam(f"{prefix}{table.name}_{name}", type_=_array_type(table.c[name])) for name in names]
    columns_of = (sa.column(name, table.c[name].type) for name in names)
    return sa.func.unnest(*arrays).table_valued(*columns_of, name=f"new_{table.name}").render_derived()


def values_of(table: sa.Table, new: Any) -> list[Any]:
    """The columns of `unnested`, as they go into the table."""
    return [
        sa.cast(new.c[column.name], JSONB) if isinstance(column.type, JSONB | _Parts) else new.c[column.name]
        for column in table.columns
    ]


def arrays_of(table: sa.Table, rows: Sequence[Row], *, prefix: str = "") -> dict[str, list[Any]]:
    """The parameters of a statement over `unnested(table)`."""
    parameters: dict[str, list[Any]] = {}
    for column, take in _taken(table):
        values = list(map(take, rows))
        if isinstance(column.type, _Parts):
            dump = column.type.adapter.dump_json
            values = [None if value is None else dump(value).decode() for value in values]
        parameters[f"{prefix}{table.name}_{column.name}"] = values
    return parameters


@functools.cache
def _taken(table: sa.Table) -> tuple[tuple[sa.Column[Any], Callable[[Row], Any]], ...]:
    """Each column, and what takes it out of a row; in C, because every row passes by once a column."""
    return tuple((column, operator.attrgetter(column.name)) for column in table.columns)


@functools.cache
def upsert(table: sa.Table) -> sa.Insert:
    """Writes rows that the caller holds the lock for: the newest state, unconditionally. Built once a table."""
    new = unnested(table)
    statement = insert(table).from_select(table.c.keys(), sa.select(*values_of(table, new)))
    key = [column.name for column in table.primary_key]
    rest = {name: statement.excluded[name] for name in table.c.keys() if name not in key}
    if not rest:
        return statement.on_conflict_do_nothing(index_elements=key)
    return statement.on_conflict_do_update(index_elements=key, set_=rest)


@functools.cache
def insert_new(table: sa.Table) -> sa.Insert:
    """Writes those rows whose key is not there yet, and leaves the others as they are."""
    new = unnested(table)
    return insert(table).from_select(table.c.keys(), sa.select(*values_of(table, new))).on_conflict_do_nothing()


def says_otherwise(table: sa.Table, old: Any, new: Any) -> sa.ColumnElement[bool]:
    """Whether a fact says something else than the row before it: anything but when, where and as what it was said."""
    meta = {*fields_of(FactRow), *(column.name for column in table.primary_key)}
    return sa.or_(sa.false(), *(old[name].is_distinct_from(new[name]) for name in table.c.keys() if name not in meta))


def upsert_newest(table: sa.Table, new: Any, condition: sa.ColumnElement[bool]) -> Any:
    """Writes facts over older facts of the same owner, checked in SQL, if `condition` holds: stale ones change nothing.

    `new` is the table's `unnested`.
    """
    statement = insert(table).from_select(table.c.keys(), sa.select(*values_of(table, new)).where(condition))
    key = [column.name for column in table.primary_key]
    old, fresh = table.c, statement.excluded
    same = sa.or_(old.event_id == fresh.event_id, ~says_otherwise(table, old, fresh))
    # As in shared.state.working.compare.
    tied = sa.and_(old.version == fresh.version, same == (fresh.heard_at < old.heard_at))
    newer = sa.or_(old.version < fresh.version, tied)
    if "erased" in table.c:
        newer = sa.and_(~old.erased, newer)  # An erasure itself goes another way.
    newer = sa.and_(old.source == fresh.source, old.numbered == fresh.numbered, newer)
    return statement.on_conflict_do_update(
        index_elements=key, set_={name: fresh[name] for name in table.c.keys() if name not in key}, where=newer
    )


def keys_of(table: sa.Table, keys: Iterable[tuple[Any, ...]], *, prefix: str = "") -> dict[str, list[Any]]:
    """The parameters of a statement over the keys of rows."""
    names = (f"{prefix}{table.name}_{column.name}" for column in table.primary_key)
    return dict(zip(names, map(list, zip(*keys, strict=True)), strict=True))


@functools.cache
def delete(table: sa.Table) -> sa.Delete:
    """Removes the rows with these keys."""
    key = [column.name for column in table.primary_key]
    gone = unnested(table, key, prefix="removed_")
    return sa.delete(table).where(sa.and_(*(table.c[name] == gone.c[name] for name in key)))


@functools.cache
def parts_of(statement: sa.Select[Any]) -> tuple[tuple[int, TypeAdapter[Any]], ...]:
    """The columns that hold contract models, by number: inside a composite value nothing makes models of them."""
    columns = enumerate(statement.selected_columns)
    return tuple((number, column.type.adapter) for number, column in columns if isinstance(column.type, _Parts))


@functools.cache
def _words(kind: type[Row]) -> tuple[tuple[int, Mapping[Any, Any]], ...]:
    """The fields that hold one word of a few, by number, and what the words are: Postgres gives back their text."""
    hints = typing.get_type_hints(kind)
    return tuple(
        (number, {None: None} | {word.value: word for word in part})
        for number, name in enumerate(fields_of(kind))
        for part in typing.get_args(hints[name]) or (hints[name],)
        if isinstance(part, type) and issubclass(part, enum.Enum)
    )


def rows_as(kind: type[R], result: Iterable[Sequence[Any]]) -> list[R]:
    """Rows of `select(table)` as the dataclass; the columns stand in the fields' order. What is a word of an enum is one again."""
    make: Any = kind
    words = _words(make)
    if not words:
        return [make(*row) for row in result]
    rows = []
    for row in result:
        values = list(row)
        for number, word in words:
            values[number] = word[values[number]]
        rows.append(make(*values))
    return rows


@functools.cache
def select_by_key(table: sa.Table) -> sa.Select[Any]:
    key = [column.name for column in table.primary_key]
    wanted = unnested(table, key)
    return sa.select(table).join(wanted, sa.and_(*(table.c[name] == wanted.c[name] for name in key)))


def any_of(
    column: sa.ColumnElement[Any], name: str, kind: sa.types.TypeEngine[Any] | None = None
) -> sa.ColumnElement[bool]:
    """`column = any(:name)` with one array parameter: one prepared statement whatever the number of values."""
    return column == sa.any_(sa.bindparam(name, type_=ARRAY(kind or sa.Text())))
