"""Kafka or Postgres away: no crash, no spin, and everything goes on by itself when they are back."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from services.enrolment import tables
from services.enrolment.app import SERVICE
from shared.contracts.selection import CityQualified
from shared.events.streams import create_streams
from shared.postgres.migrating import migrate
from shared.process.runtime import Runtime
from shared.settings import ConsumerLimits, Settings
from shared.testing import body_of, eventually, message
from tests.faults.cutting import Proxy

pytestmark = pytest.mark.long

ENOUGH_KNOCKS = 100
"""At a broker that is away: from so many on their pace shows."""


@dataclasses.dataclass
class Backends:
    """A broker and a database of this test's own, which it may kill."""

    kafka: Kafka
    postgres: Postgres
    settings: Settings

    async def publish_town(self, city_id: str) -> None:
        producer = AIOKafkaProducer(bootstrap_servers=self.kafka.bootstrap)
        await producer.start()
        sent = message(body_of(CityQualified, city_id=city_id))
        await producer.send_and_wait(sent.stream, sent.value, key=sent.key, headers=sent.headers)
        await producer.stop()

    async def is_known(self, city_id: str) -> bool:
        engine = create_async_engine(self.settings.database_url.get_secret_value())
        try:
            async with engine.connect() as connection:
                found = await connection.execute(sa.select(tables.TOWN.c.name).where(tables.TOWN.c.city_id == city_id))
                return found.first() is not None
        finally:
            await engine.dispose()


@pytest.fixture
async def backends(tmp_path: Path) -> AsyncIterator[Backends]:
    kafka = Kafka(tmp_path / "kafka", ports.choose_free())
    postgres = Postgres(tmp_path / "postgres", ports.choose_free(), durable=False)
    await asyncio.to_thread(postgres.start)
    url = postgres.ensure("faults", "faults", "secret").replace("postgresql://", "postgresql+asyncpg://")
    await asyncio.to_thread(migrate, "enrolment", url)
    limits = ConsumerLimits(backoff_most_seconds=1, watch_seconds=0.5)
    settings = Settings(kafka=kafka.bootstrap, database_url=SecretStr(url), port=0, replica="test", consumer=limits)
    yield Backends(kafka, postgres, settings)
    await asyncio.to_thread(kafka.stop)
    await asyncio.to_thread(postgres.stop)


async def make_streams(kafka: Kafka) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await create_streams(admin)
    await admin.close()


async def test_a_service_waits_for_its_backends_and_outlives_them(backends: Backends) -> None:
    runtime = Runtime(SERVICE, backends.settings)
    starting = asyncio.create_task(runtime.start())
    await asyncio.sleep(0)
    assert not (await runtime.health.state()).ready

    await asyncio.to_thread(backends.kafka.start)
    await make_streams(backends.kafka)
    tasks: list[asyncio.Task[Any]] = await starting
    try:
        await backends.publish_town("before")
        await eventually(lambda: backends.is_known("before"), what="the town published before")

        await asyncio.to_thread(backends.kafka.kill)
        async with Proxy(0, listens_on=backends.kafka.port).listening() as door:
            door.shut = True
            await eventually(lambda: not_ready(runtime, "Kafka"), what="health to notice the broker")
            before, began = door.knocks, time.monotonic()
            await eventually(lambda: door.knocks - before > ENOUGH_KNOCKS, what="tries to reach the broker")
            knocks, seconds = door.knocks - before, time.monotonic() - began
        # Two lanes, relay, observer; each looks for metadata, coordinator, offsets and records, every 0.1 s (aiokafka).
        assert knocks < 4 * 4 * (1 + 1.5 * seconds / 0.1)
        await asyncio.to_thread(backends.kafka.start)
        await backends.publish_town("after-kafka")
        await eventually(lambda: backends.is_known("after-kafka"), what="the town after the broker's death")

        await asyncio.to_thread(backends.postgres.kill)
        await eventually(lambda: not_ready(runtime, "Postgres"), what="health to notice the database")
        await backends.publish_town("without-postgres")
        await asyncio.to_thread(backends.postgres.start)
        await eventually(lambda: backends.is_known("without-postgres"), what="the town heard later")
        await eventually(lambda: is_ready(runtime), what="readiness")
        assert [task for task in tasks if task.done()] == []
    finally:
        await runtime.stop(tasks)
        await runtime.engine.dispose()


async def not_ready(runtime: Runtime, backend: str) -> bool:
    return any(problem.startswith(backend) for problem in (await runtime.health.state()).problems)


async def is_ready(runtime: Runtime) -> bool:
    return (await runtime.health.state()).ready
