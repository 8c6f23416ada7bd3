"""What somebody says over HTTP, decided here and at once: an operator's word, the office's, or one's own by a link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.deciding.transaction import Decider, Thought
from shared.problems import TRY_AGAIN, Problem
from shared.process.runtime import EVERYTHING, Runtime
from shared.state.working import Working


@dataclass(slots=True)
class Act:
    """A transaction, and what is known in it."""

    connection: AsyncConnection
    working: Working
    _decider: Decider
    _thought: Thought

    async def take_effect(self) -> None:
        """Writes what was said. Once it is committed, all is looked at anew: what it is about may have been heard at any time."""
        await self._decider.write(self.connection, self.working)
        self._thought.add(self.working)
        self._thought.has_news(EVERYTHING)


@asynccontextmanager
async def acting(runtime: Runtime) -> AsyncIterator[Act]:
    """One decision. Without `take_effect` nothing comes of it. Problem: what this service said before is still being heard."""
    if not runtime.own_heard.is_set():
        raise Problem(TRY_AGAIN, "still hearing what this service said before")
    async with runtime.decider.unit_of_work() as (connection, thought):
        yield Act(connection, runtime.service.working(runtime.service.clock()), runtime.decider, thought)
