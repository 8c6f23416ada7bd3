"""The driver without a detour, for what is done for each event: statements that are built once, and the transactions around them.

To find what it made of a statement before, SQLAlchemy looks at every part of it each time, and puts a greenlet, a cursor and a result around what the
driver does: two thirds of what a small statement costs us, and half of a small transaction. Here a statement is looked at once in a
process, and the driver is waited for by whoever asks. Connections and transactions stay SQLAlchemy's, and so does whatever goes wrong.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.compiler import FROM_LINTING, SQLCompiler
from sqlalchemy.util import EMPTY_DICT, greenlet_spawn

STATEMENTS = 1024
"""How many are kept: more than a service comes to."""

Parameters = Mapping[str, Any]
NONE: Parameters = {}
_Process = Callable[[Any], Any] | None
_OPTIONS = {"isolation_level", "compiled_cache"}
"""Of a connection, with which a statement is the same: a rebuild has others, that put another schema in its place."""
_DIALECT: Any = PGDialect_asyncpg(dbapi=PGDialect_asyncpg.import_dbapi())  # type: ignore[no-untyped-call]
"""Of no engine: what is made of a statement is the same for all of a process."""


async def rows_of(
    connection: AsyncConnection, statement: sa.Executable, parameters: Parameters = NONE
) -> Sequence[Any]:
    """The rows of a statement, in the transaction that is open, or else begins. A row is a sequence of columns and knows no names.

    Only for what is built once: a statement is known by being the same object. One that is built anew is compiled anew.
    """
    sync = connection.sync_connection
    assert sync is not None, "a connection is asked once it is there"
    transaction = sync.get_nested_transaction() or sync.get_transaction()
    if transaction is None and not sync.invalidated:
        transaction = sync.begin()
    names = tuple(parameters)
    made = _made(statement, names)
    is_usual = sync.get_execution_options().keys() <= _OPTIONS
    if transaction is None or not transaction.is_valid or not is_usual or made.expands:
        # SQLAlchemy says why not, or knows how.
        result = await connection.execute(statement, parameters)
        return result.all() if result.returns_rows else ()
    if made.late:
        made = _made(statement, names, tuple((name, parameters[name]) for name in made.late))
    values = made.values(parameters)
    adapted: Any = sync.connection.dbapi_connection
    try:
        async with adapted._execute_mutex:
            if adapted._transaction is None:
                await _begin(adapted)
            known_since = sync.dialect._invalidate_schema_cache_asof  # type: ignore[attr-defined]  # asyncpg's.
            prepared, columns = await adapted._prepare(made.text, known_since)
            rows: Sequence[Any] = await prepared.fetch(*values)
    except BaseException as error:
        await greenlet_spawn(_raise, error, sync, made.text, values)
        raise
    return made.read(rows, columns)


class Driver(asyncpg.Connection):
    """The driver's connection, which can begin a transaction in which each statement keeps the plan that it was given first.

    What is asked for each event is the same again and again: to plan a claim for its values takes ten times as long as to run it.
    """

    keeps_plans = False

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:
        if self.keeps_plans and query.startswith("BEGIN"):
            query += " SET LOCAL plan_cache_mode = force_generic_plan;"  # In one message with it.
        return await super().execute(query, *args, timeout=timeout)


async def _begin(adapted: Any) -> None:
    driver = adapted._connection
    if type(driver) is not Driver:  # `isinstance` takes every connection of asyncpg's for one.
        await adapted._start_transaction()
        return
    driver.keeps_plans = True
    try:
        await adapted._start_transaction()
    finally:
        driver.keeps_plans = False


class Transaction:
    """`async with Transaction(engine) as connection`: as `engine.begin()`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._connection = engine.connect()

    async def __aenter__(self) -> AsyncConnection:
        return await self._connection.start()

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        is_over = False
        try:
            if error is None:
                await self._commit()
                is_over = True
        finally:  # What is not over is taken back, also if we are cancelled meanwhile. What is over waits for nothing.
            await (self._connection.close() if is_over else self._connection.__aexit__(kind, error, trace))

    async def _commit(self) -> None:
        sync = self._connection.sync_connection
        assert sync is not None
        transaction = sync.get_transaction()
        adapted: Any = sync.connection.dbapi_connection if transaction is not None and transaction.is_valid else None
        if adapted is None or adapted._transaction is None:
            await self._connection.commit()  # Nothing was asked, or SQLAlchemy says why it cannot be.
            return
        try:
            await adapted._call_and_discard(adapted._transaction.commit)
        except BaseException as error:
            await greenlet_spawn(_raise, error, sync)
            raise
        sync.commit()  # Takes note of it.


def _raise(error: BaseException, sync: sa.Connection, text: str | None = None, values: Sequence[Any] = ()) -> None:
    """Raises what SQLAlchemy makes of an error of the driver, and does what it does about it: to the connection, the pool, and what was prepared."""
    dialect, held = sync.dialect, sync.connection
    context: Any = None
    adapted: Any = held.dbapi_connection
    if text is not None:
        context = dialect.execution_ctx_cls._init_statement(dialect, sync, held, EMPTY_DICT, text, [tuple(values)])
    try:
        try:
            raise error
        except Exception as found:  # noqa: BLE001  # Raised again, as what it is called here.
            adapted._handle_exception(found)
    except BaseException as told:  # noqa: BLE001  # Likewise; whoever is cancelled leaves no connection that still waits.
        sync._handle_dbapi_exception(told, text, tuple(values), context.cursor if context else None, context)


class _Made:
    """What SQLAlchemy makes of a statement: its text, what is sent with it, and how what comes back is read."""

    def __init__(self, compiled: SQLCompiler, names: Sequence[str], late: Mapping[str, Any]) -> None:
        given = {**dict.fromkeys(names), **late}
        in_the_text = compiled.post_compile_params | compiled.literal_execute_params
        self.expands = any(one.expanding and one.key in given for one in in_the_text)
        """There is a text for each length of a list: SQLAlchemy's to make."""
        self.late = tuple(sorted({one.key for one in in_the_text} & given.keys() - late.keys()))
        """Parameters that stand in the text: there is one for each of their values, which are few."""
        if self.expands or self.late:
            return
        # Parameters that were not given have a value of their own, or are missed by the compiler here and now.
        state = compiled.construct_expanded_state(given, escape_names=False)
        processes = {**compiled._bind_processors, **state.processors}
        self.text = state.statement
        self._sent: list[tuple[str | None, Any, _Process]] = []
        for name in state.positiontup or ():
            key = compiled.binds[name].key if name in compiled.binds else name
            process: Any = processes.get(name)
            if key in given or name in given:
                self._sent.append((key if key in given else name, None, process))
            else:
                value = state.parameters[name]
                self._sent.append((None, process(value) if process else value, None))
        self._types = [column.type for column in compiled._result_columns]
        self._reads: list[tuple[int, Callable[[Any], Any]]] | None = None

    def values(self, parameters: Parameters) -> list[Any]:
        return [
            value if key is None else process(parameters[key]) if process else parameters[key]
            for key, value, process in self._sent
        ]

    def read(self, rows: Sequence[Any], columns: Sequence[Any]) -> Sequence[Any]:
        if self._reads is None:  # Postgres says what it sends when the statement is prepared first.
            pairs = zip(self._types, columns, strict=True) if self._types else ()
            found = (kind._cached_result_processor(_DIALECT, column.type.oid) for kind, column in pairs)
            self._reads = [(number, process) for number, process in enumerate(found) if process]
        if not self._reads:
            return rows
        read = [list(row) for row in rows]
        for number, process in self._reads:
            for row in read:
                row[number] = process(row[number])
        return read


@functools.lru_cache(maxsize=STATEMENTS)
def _made(statement: sa.Executable, names: tuple[str, ...], late: tuple[tuple[str, Any], ...] = ()) -> _Made:
    assert not statement.get_execution_options(), "what a statement asks of SQLAlchemy alone is not heard here"
    compiled = cast(sa.ClauseElement, statement).compile(
        dialect=_DIALECT, column_keys=sorted(names), linting=FROM_LINTING
    )
    return _Made(cast(SQLCompiler, compiled), names, dict(late))
