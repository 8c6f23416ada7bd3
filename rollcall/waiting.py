"""Patience: what a command needs may still be starting, or be away for a moment. It is waited for, with a sentence, up to a limit."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaTimeoutError

from rollcall.terminal import Refusal, say

PATIENCE_S = 120.0
"""A broker that reads a long log at its start takes a minute."""
AGAIN_EVERY_S = 0.5

T = TypeVar("T")


def is_away(error: Exception) -> bool:
    """Whether Kafka may take next time what it has not taken now; what it refuses, it refuses for good."""
    return isinstance(error, OSError | KafkaTimeoutError) or bool(getattr(error, "retriable", False))


async def kafka(make: Callable[[], T], servers: Sequence[str], *, patience_s: float | None = None) -> T:
    """A client that has started: a fresh one each time, for aiokafka's cannot be started twice. `patience_s` 0: asked once."""
    where = f"Kafka at {', '.join(servers)}"

    async def start() -> T:
        client: Any = make()
        try:
            await client.start()
        except BaseException:
            await (client.stop if hasattr(client, "stop") else client.close)()
            raise
        started: T = client
        return started

    # aiokafka's word for whoever is not let in is the same as for a broker that is away.
    return await _patiently(start, is_away, f"{where} does not answer, or does not let this user in", patience_s)


async def kafka_answers(connection: dict[str, Any]) -> None:
    """Returns once Kafka lets us in."""
    client = await kafka(
        lambda: AIOKafkaAdminClient(**connection, request_timeout_ms=30_000), connection["bootstrap_servers"]
    )
    await client.close()


async def postgres(url: str, service: str) -> None:
    """Returns once the service's database lets us in. A wrong password, or no such database, is not waited for."""
    import asyncpg

    async def connect() -> None:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""), timeout=10)
        await connection.close()

    def may_pass(error: Exception) -> bool:
        starting = (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError, asyncpg.ConnectionDoesNotExistError)
        return isinstance(error, (OSError, *starting))

    try:
        await _patiently(connect, may_pass, f"The database of {service} does not answer")
    except asyncpg.PostgresError as refused:
        raise Refusal(f"The database of {service} does not let us in: {refused}.") from refused


async def _patiently(
    do: Callable[[], Awaitable[T]], may_pass: Callable[[Exception], bool], silence: str, patience_s: float | None = None
) -> T:
    patience_s = PATIENCE_S if patience_s is None else patience_s
    deadline = time.monotonic() + patience_s
    told = False
    while True:
        try:
            return await do()
        except Exception as error:  # `may_pass` classifies it
            if not may_pass(error):
                raise
            if time.monotonic() >= deadline:
                first_line = next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")
                waited = f" within {patience_s:.0f} s" if patience_s else ""
                raise Refusal(f"{silence}{waited}: {first_line}.") from error
        if not told:
            say(f"{silence} yet: waiting for it, {patience_s:.0f} s at most.")
            told = True
        await asyncio.sleep(AGAIN_EVERY_S)
