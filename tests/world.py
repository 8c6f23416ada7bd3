"""One service's surroundings in a test: its database, the broker, an outside system; and the service at work in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaProducer
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.consuming.projector import Lane
from shared.events.streams import STREAMS, Partition
from shared.process.runtime import Runtime
from shared.service import Service
from shared.settings import ConsumerLimits, Settings
from shared.testing import Message, eventually

IMPATIENT: dict[str, Any] = {
    # What a broker is asked for before a partition is positioned holds up the first record for twice this long.
    "consumer": ConsumerLimits(poll_ms=50),
    "due_poll_seconds": 0.05,
    "relay_poll_seconds": 0.1,
}
"""A service in a test looks more often: nothing else depends on it, and each test waits for its first record."""


@dataclass
class World:
    """One service's surroundings in a test: its database, the broker, and a producer that is an outside system."""

    service: Service
    settings: Settings
    engine: AsyncEngine
    producer: AIOKafkaProducer

    async def publish(self, *messages: Message) -> list[tuple[str, int, int]]:
        """Sends records in order and returns where each one stands."""
        places = []
        for one in messages:
            done = await self.producer.send_and_wait(one.stream, one.value, key=one.key, headers=one.headers)
            places.append((one.stream, done.partition, done.offset))
        return places

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Runtime]:
        """The service at work in this process."""
        runtime = Runtime(self.service, self.settings)
        tasks = await runtime.start()
        try:
            yield runtime
            for task in tasks:
                if task.done():
                    await task
        finally:
            await runtime.stop(tasks)
            await runtime.engine.dispose()

    def second(self) -> World:
        """Another replica on the same database; without a name in Kafka's group it leaves when it ends."""
        return replace(self, settings=self.settings.model_copy(update={"replica": None}))

    @asynccontextmanager
    async def joined_by_a_second(self, first: Runtime) -> AsyncIterator[Runtime]:
        """Two replicas at work. In the end the first one has every partition again: a rebalance that is begun and not ended keeps
        whoever comes next waiting for whoever was there, ten seconds long."""
        async with self.second().running() as second:
            yield second
        await eventually(lambda: all(map(has_all_partitions, first.lanes)), what="the first replica alone again")


def has_all_partitions(lane: Lane) -> bool:
    everything = {Partition(name, number) for name in lane.streams for number in range(STREAMS[name].partitions)}
    return lane.positioning.assigned() == everything


Make = Callable[..., Awaitable[World]]
"""`await world(SERVICE)`: the fixture of tests/conftest.py."""
