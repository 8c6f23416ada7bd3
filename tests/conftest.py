"""A real Kafka and a real Postgres for the whole run, started here and stopped by pid; a fresh database for each test."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from shared.events.streams import create_streams
from shared.postgres.migrating import migrate
from shared.process.runtime import Runtime
from shared.service import Service
from shared.settings import Settings
from shared.testing import Message

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    server = Postgres(tmp_path_factory.mktemp("postgres"), ports.choose_free(), durable=False)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("kafka"), ports.choose_free())
    server.start()
    yield server
    server.stop()


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
    sent: list[Any] = field(default_factory=list)

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


Worlds = Any


@pytest.fixture
async def world(postgres: Postgres, streams: str) -> AsyncIterator[Worlds]:
    """`await world(SERVICE)` gives a service its surroundings; what other tests published is heard too, so ids must be one's own.

    `kafka` names another broker: one that the test may break."""
    made: list[World] = []

    async def make(service: Service, *, kafka: str = streams) -> World:
        name = f"test_{next(_numbers)}"
        url = postgres.ensure(name, name, "secret").replace("postgresql://", "postgresql+asyncpg://")
        await asyncio.to_thread(migrate, service.name, url)
        settings = Settings(kafka=kafka, database_url=SecretStr(url), port=0, replica="test")
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka,
            enable_idempotence=kafka == streams,  # A broker that lost records refuses the numbers of those that follow.
            max_request_size=2 * 1024 * 1024,
        )
        await producer.start()
        made.append(World(service, settings, create_async_engine(url), producer))
        return made[-1]

    yield make
    for one in made:
        await one.producer.stop()
        await one.engine.dispose()
