"""One question, asked by many at the same moment: one statement answers all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Together(Generic[K, V]):
    """Rows that requests ask for by key, each on its own. Who asks while a statement is under way waits for the next one: nobody is told
    what was read before they asked.

    A fault is told to all who asked together, so keys are such that no statement refuses one for what it holds. As many ask as there
    are requests, and of those there is a limit.
    """

    def __init__(
        self, engine: AsyncEngine, read: Callable[[AsyncConnection, set[K]], Awaitable[Mapping[K, V]]]
    ) -> None:
        self._engine = engine
        self._read = read
        self._wanted: set[K] = set()
        self._under_way: asyncio.Task[Mapping[K, V]] | None = None
        self._next: asyncio.Task[Mapping[K, V]] | None = None

    async def get(self, key: K) -> V | None:
        """What stands under this key now, or None."""
        self._wanted.add(key)
        if self._next is None:
            self._next = asyncio.create_task(self._read_wanted(self._under_way))
        found = await asyncio.shield(self._next)  # Whoever goes away takes nobody along.
        return found.get(key)

    async def _read_wanted(self, before: asyncio.Task[Mapping[K, V]] | None) -> Mapping[K, V]:
        if before is not None:
            await asyncio.wait([before])
        wanted, self._wanted = self._wanted, set()
        self._under_way, self._next = self._next, None
        async with self._engine.connect() as connection:
            return await self._read(connection, wanted)
