"""A real Kafka and a real Postgres for the whole run, started here and stopped by pid; a fresh database for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Server
from shared.projector import Lane
from shared.runtime import Runtime
from shared.service import Service
from shared.settings import ConsumerLimits, Settings
from shared.streams import STREAMS, create_streams
from shared.testing import Message, eventually
from shared.watermark import Partition
from tests.databases import Databases

S = TypeVar("S", bound=Server)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with at_work(Postgres(tmp_path_factory.mktemp("postgres"), ports.choose_free(), durable=False)) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with at_work(Kafka(tmp_path_factory.mktemp("kafka"), ports.choose_free())) as server:
        yield server


@contextmanager
def at_work(server: S) -> Iterator[S]:
    """A server for the whole run. It says good-bye to nobody, and of its folder the log is left: pytest would keep gigabytes."""
    server.start()
    yield server
    server.kill()
    shutil.rmtree(server.folder / "data")


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    return Databases(postgres)


@pytest.fixture(scope="session")
async def streams(kafka: Kafka) -> str:
    """The bootstrap address of a broker that has every stream."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await create_streams(admin)
    await admin.close()
    return kafka.bootstrap


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


Worlds = Any
IMPATIENT: dict[str, Any] = {
    # What a broker is asked for before a partition is positioned holds up the first record for twice this long.
    "consumer": ConsumerLimits(poll_ms=50),
    "due_poll_seconds": 0.05,
    "relay_poll_seconds": 0.1,
}
"""A service in a test looks more often: nothing else depends on it, and each test waits for its first record."""


@pytest.fixture
async def world(databases: Databases, streams: str) -> AsyncIterator[Worlds]:
    """`await world(SERVICE)` gives a service its surroundings; what other tests published is heard too, so ids must be one's own.

    `kafka` names another broker: one that the test may break."""

    async def make(service: Service, *, kafka: str = streams) -> World:
        url = await needed.enter_async_context(databases.while_needed(service.name))
        settings = Settings(kafka=kafka, database_url=SecretStr(url), port=0, replica="test", **IMPATIENT)
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka,
            enable_idempotence=kafka == streams,  # A broker that lost records refuses the numbers of those that follow.
            max_request_size=2 * 1024 * 1024,
        )
        await producer.start()
        needed.push_async_callback(producer.stop)
        engine = create_async_engine(url)
        needed.push_async_callback(engine.dispose)
        return World(service, settings, engine, producer)

    async with AsyncExitStack() as needed:
        yield make
