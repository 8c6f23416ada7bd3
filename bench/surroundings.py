"""What every case runs on: a Kafka and a Postgres of its own, a fresh database a run, and streams filled quickly."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import DefaultPartitioner
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from shared.events.streams import STREAMS, create_streams
from shared.postgres.migrating import migrate
from shared.process.runtime import Runtime
from shared.service import Service
from shared.settings import Settings
from shared.testing import Message
from shared.web import tokens

BATCH_BYTES = 512 * 1024
FOREIGN_PARTITIONS = 12
"""Of a topic that is no stream of ours."""
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one run of one contender works."""

    kafka: str
    database: str
    """`postgresql://…`, empty, or migrated for the contender's service."""
    events: int
    """How many the case measures with."""

    def settings(self, **changes: Any) -> Settings:
        url = SecretStr(self.database.replace("postgresql://", "postgresql+asyncpg://"))
        return Settings(kafka=self.kafka, database_url=url, port=0, replica="bench", **changes)


class Servers:
    """A broker and a database server for the length of a `with`."""

    def __init__(self, folder: Path) -> None:
        self.kafka = Kafka(folder / "kafka", ports.choose_free())
        self.postgres = Postgres(folder / "postgres", ports.choose_free())

    def place(self, events: int, service: str | None = None) -> Place:
        """A fresh database, migrated for a service if one is named."""
        name = f"bench_{next(_numbers)}"
        dsn = self.postgres.ensure(name, name, "bench")
        if service is not None:
            migrate(service, dsn.replace("postgresql://", "postgresql+asyncpg://"))
        return Place(self.kafka.bootstrap, dsn, events)

    def cpu_seconds(self) -> dict[str, float]:
        """What the two servers have used so far."""
        return {"kafka": cpu_seconds(self.kafka.pid), "postgres": cpu_seconds(self.postgres.pid)}


def cpu_seconds(pid: int | None) -> float:
    """What a process and its children have used so far."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    used = 0.0
    for one in family:
        try:
            times = one.cpu_times()
        except psutil.NoSuchProcess:
            continue
        ended = getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0) if one is process else 0.0
        used += times.user + times.system + ended
    return used


@contextmanager
def servers() -> Iterator[Servers]:
    """Starts both, and stops them by pid whatever happens."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        both = Servers(Path(folder))
        try:
            both.kafka.start()
            both.postgres.start()
            asyncio.run(_create(both.kafka.bootstrap))
            yield both
        finally:
            both.postgres.stop()
            both.kafka.stop()


async def _create(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await create_streams(admin)
    await admin.close()


async def empty(bootstrap: str, *streams: str) -> None:
    """Deletes the streams' topics and makes them anew."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(list(streams))
        while set(streams) & set(await admin.list_topics()):
            await asyncio.sleep(0.05)
        await create_streams(admin)
        await asyncio.sleep(0.5)  # The broker says a topic exists before its leaders do.
    finally:
        await admin.close()


async def make_topic(bootstrap: str, name: str) -> None:
    """A topic that is no stream of ours."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    if name not in await admin.list_topics():
        await admin.create_topics([NewTopic(name, FOREIGN_PARTITIONS, 1)])
    await admin.close()


async def fill(bootstrap: str, messages: Iterable[Message], *, topic: str | None = None) -> int:
    """Appends records in whole batches, each key to the partition that every Kafka client would choose. Returns how many."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES, max_request_size=2 * BATCH_BYTES, linger_ms=0
    )
    await producer.start()
    choose = DefaultPartitioner()
    partitions: dict[str, list[int]] = {}
    batches: dict[tuple[str, int], Any] = {}
    number = 0
    try:
        for one in messages:
            name = topic or one.stream
            if name not in partitions:
                partitions[name] = sorted(await producer.partitions_for(name))
            place = name, choose(one.key, partitions[name], partitions[name])
            batch = batches.get(place) or batches.setdefault(place, producer.create_batch())
            if batch.append(key=one.key, value=one.value, timestamp=None, headers=one.headers) is None:
                batch.close()
                await (await producer.send_batch(batch, place[0], partition=place[1]))
                batch = batches[place] = producer.create_batch()
                batch.append(key=one.key, value=one.value, timestamp=None, headers=one.headers)
            number += 1
        for place, batch in batches.items():
            batch.close()
            await (await producer.send_batch(batch, place[0], partition=place[1]))
    finally:
        await producer.stop()
    return number


async def ends(bootstrap: str, topic: str) -> dict[TopicPartition, int]:
    """The end offsets of the topic's partitions that hold something."""
    partitions = STREAMS[topic].partitions if topic in STREAMS else FOREIGN_PARTITIONS
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        found = await consumer.end_offsets([TopicPartition(topic, number) for number in range(partitions)])
        return {tp: end for tp, end in found.items() if end}
    finally:
        await consumer.stop()


@asynccontextmanager
async def running(service: Service, settings: Settings) -> AsyncIterator[Runtime]:
    """The service at work in this process, with nothing beside its common loops."""
    async with AsyncExitStack() as stack:
        runtime = Runtime(service, settings)
        stack.push_async_callback(runtime.engine.dispose)
        tasks = await runtime.start()
        stack.push_async_callback(runtime.stop, tasks)
        yield runtime


async def until(database: asyncpg.Connection, question: str, *values: Any, within_s: float = 600) -> None:
    """Returns once Postgres answers yes."""
    async with asyncio.timeout(within_s):
        while not await database.fetchval(question, *values):
            await asyncio.sleep(0.02)


async def pid_of_postgres(database: asyncpg.Connection) -> int:
    """Of the server, which every backend is a child of."""
    return psutil.Process(await database.fetchval("select pg_backend_pid()")).ppid()


HEARD = "select coalesce(sum(next_offset), 0) = $2 from projection.watermark where stream = $1"
"""Whether so many records of a stream were heard. Cheap to ask again and again: to count rows would be a tenth of what Postgres does."""

RELAYED = "select not exists(select from kept.outbox)"


async def token_for(place: Place) -> str:
    """Opens a service at this place to whoever reads and writes."""
    text, row = tokens.new_token("bench", ("read", "write"), now=dt.datetime.now(dt.UTC))
    engine = create_async_engine(place.database.replace("postgresql://", "postgresql+asyncpg://"))
    async with engine.begin() as connection:
        await tokens.store(connection, row)
    await engine.dispose()
    return text
