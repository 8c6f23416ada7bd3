"""A connection that stays awake while something else is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

T = TypeVar("T")


async def awaited(what: Awaitable[T], connection: AsyncConnection, *, every_seconds: float) -> T:
    """What comes of it. Meanwhile the connection is used now and then: the server ends one that is silent for long, and what it holds with it."""
    waited_for = asyncio.ensure_future(what)
    try:
        while not (await asyncio.wait({waited_for}, timeout=every_seconds))[0]:
            await connection.execute(sa.select(1))
        return await waited_for
    finally:
        waited_for.cancel()
