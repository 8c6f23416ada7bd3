"""What SQLAlchemy makes of a statement, made once for all the engines of a run.

A test has an engine of its own, and an engine remembers its statements by itself: a run would spend a tenth of its time on
compiling the same ones hundreds of times.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
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


def share() -> None:
    """From now on, for every engine of this process."""

    @sa.event.listens_for(sa.Engine, "engine_connect")
    def connected(connection: sa.Connection) -> None:
        connection.execution_options(compiled_cache=_STATEMENTS)
