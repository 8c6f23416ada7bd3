"""How a producer is ended, whatever it was doing."""

from __future__ import annotations

import asyncio
import contextlib

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

log = structlog.get_logger()

PATIENCE_SECONDS = 2.0


async def ended(producer: AIOKafkaProducer) -> None:
    """Ends it, and waits for a moment only for what it has under way: who sends keeps what was not acknowledged."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await producer.stop()
        return
    except TimeoutError:
        log.warning("producer did not stop in time")
    # It would go on trying for as long as we live, beside the next one, and say what is old long after its turn.
    with contextlib.suppress(TimeoutError, KafkaError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await producer._sender.close()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await producer.client.close()
