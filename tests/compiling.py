"""What SQLAlchemy makes of a statement, made once for all the engines of a run; and none that it cannot remember.

A test has an engine of its own, and an engine remembers its statements by itself: a run would spend a tenth of its time on
compiling the same ones hundreds of times.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import CacheStats
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

STATEMENTS = 5_000


class _Shared(LRUCache[Any, Any]):
    """By the kind of dialect instead of the one that an engine has: all of them speak to a server of one version."""

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__((type(key[0]), *key[1:]))

    def get(self, key: Any, default: Any = None) -> Any:
        return super().get((type(key[0]), *key[1:]), default)

    def __setitem__(self, key: Any, compiled: Any) -> None:
        super().__setitem__((type(key[0]), *key[1:]), compiled)


_STATEMENTS = _Shared(STATEMENTS)
_cannot_be_remembered: list[str] = []


def share() -> None:
    """From now on, for every engine of this process."""

    @sa.event.listens_for(sa.Engine, "engine_connect")
    def connected(connection: sa.Connection) -> None:
        connection.execution_options(compiled_cache=_STATEMENTS)

    @sa.event.listens_for(sa.Engine, "before_cursor_execute")
    def sent(_: sa.Connection, __: Any, statement: str, ___: Any, context: Any, ____: bool) -> None:
        made = context.compiled.statement if isinstance(context.compiled, SQLCompiler) else None
        is_of_ours = isinstance(made, sa.Executable) and (
            made.is_select or made.is_dml
        )  # A savepoint has a new name each time.
        if is_of_ours and context.cache_hit is CacheStats.NO_CACHE_KEY:
            _cannot_be_remembered.append(statement)


def cannot_be_remembered() -> list[str]:
    """The statements since the last call that SQLAlchemy compiles anew each time that they are sent.

    One part without a key (`Values`, for one) is enough: for all that a look at the whole ledger asks, that was 0.24 s a look.
    """
    found = list(_cannot_be_remembered)
    _cannot_be_remembered.clear()
    return found
