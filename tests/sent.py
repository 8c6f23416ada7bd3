"""What Postgres is sent, whichever way a statement takes to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from asyncpg.prepared_stmt import PreparedStatement


@contextlib.contextmanager
def sent() -> Iterator[list[str]]:
    """The statements of this process meanwhile."""
    statements: list[str] = []
    fetch = PreparedStatement.fetch

    async def noted(self: PreparedStatement[Any], *parameters: Any, **other: Any) -> Any:
        statements.append(self.get_query())
        return await fetch(self, *parameters, **other)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreparedStatement, "fetch", noted)
        yield statements
