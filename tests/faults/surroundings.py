"""What outlives the processes that are killed: broker, database, outside systems; and what must hold between them in the end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.books.watermark import WATERMARK
from shared.events.streams import STREAMS, Partition
from shared.kafka.observer import Observer
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.rebuilding.rebuild import compare
from shared.service import Service
from shared.settings import Settings, kafka_connection
from shared.testing import Message, eventually


@dataclass
class Surroundings:
    """The broker, the database, a producer that is every outside system, and a reader of what the service says."""

    service: Service
    settings: Settings
    engine: AsyncEngine
    producer: AIOKafkaProducer
    observer: Observer
    reader: AIOKafkaConsumer
    published: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    """What stands in the service's own streams: the records with each event id."""
    reading: asyncio.Task[None] | None = None

    @classmethod
    async def begin(cls, service: Service, settings: Settings) -> Surroundings:
        connection = kafka_connection(settings)
        producer = AIOKafkaProducer(**connection, enable_idempotence=True)
        await producer.start()
        observer = Observer(connection)
        await observer.start()
        reader = AIOKafkaConsumer(**connection, enable_auto_commit=False)
        await reader.start()
        parts = [TopicPartition(name, number) for name in service.own for number in range(STREAMS[name].partitions)]
        reader.assign(parts)
        await reader.seek_to_beginning(*parts)
        engine = create_async_engine(settings.database_url.get_secret_value(), pool_size=3)
        made = cls(service, settings, engine, producer, observer, reader)
        made.reading = asyncio.create_task(made._read())
        return made

    async def end(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.gather(self.reading, return_exceptions=True)
        for one in (self.reader, self.producer, self.observer):
            await one.stop()
        await self.engine.dispose()

    async def _read(self) -> None:
        while True:
            for records in (await self.reader.getmany(timeout_ms=200)).values():
                for record in records:
                    event_id = dict(record.headers)["ce_id"].decode()
                    copy = (record.topic, record.partition, record.key, record.value, record.headers)
                    self.published.setdefault(event_id, []).append(copy)

    async def publish(self, *messages: Message) -> list[tuple[str, int, int]]:
        """Sends records in order and returns where each one stands."""
        sends = [await self.producer.send(one.stream, one.value, key=one.key, headers=one.headers) for one in messages]
        done = await asyncio.gather(*sends)
        return [(one.topic, one.partition, one.offset) for one in done]

    async def rows(self, table: Any, *where: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return list(await connection.execute(sa.select(table).where(*where)))

    async def execute(self, *statements: str) -> None:
        async with self.engine.begin() as connection:
            for statement in statements:
                await connection.execute(sa.text(statement))

    async def cut_again_and_again(
        self, *, until: Callable[[], bool], waiting_for: str, locked: Callable[[], None] = lambda: None
    ) -> None:
        """What a fail-over of the database does to the service: for a while all its connections end. Whoever reads the
        table `waiting_for` is certain to be met by it: the table is locked meanwhile. `locked` is called when it is."""
        cut = f"select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rollcall-{self.service.name}'"  # noqa: S608  # A name of ours.
        rounds = itertools.count(1)

        async def is_enough() -> bool:
            await self.execute(cut)
            return next(rounds) > 20 or until()

        async with self.engine.begin() as connection:
            await connection.execute(sa.text(f"lock table {waiting_for} in access exclusive mode"))
            locked()
            await eventually(is_enough)

    # --- what is the same for every service ------------------------------------------------

    async def differing_books(self) -> list[str]:
        """Partitions in which published is not heard + parked + skipped, or whose end the watermark has not reached."""
        ends = await self.observer.ends(self.service.heard)
        marks = {Partition(row.stream, row.partition): row for row in await self.rows(WATERMARK)}
        wrong = []
        for part, end in ends.items():
            mark = marks.get(part)
            stands = (mark.next_offset, mark.heard + mark.parked + mark.skipped) if mark else (0, 0)
            if stands != (end, end):
                wrong.append(f"{part}: {end} published, watermark and count at {stands}")
        return wrong

    async def unsettled(self) -> list[str]:
        """What the service still has to send or to hear."""
        return [
            f"to send: {row.position}" for row in await self.rows(OUTBOX.c.position)
        ] or await self.differing_books()

    async def check_said(self, *where: Any) -> list[Any]:
        """Journal and Kafka agree about these entries, and their versions grow from 1 without a gap. Returns the entries."""
        entries = await self.rows(JOURNAL, *where)
        ids = [entry.event_id for entry in entries]
        await eventually(lambda: all(one in self.published for one in ids), what="every journal entry in Kafka")
        for entry in entries:
            copies = self.published[entry.event_id]
            assert all(copy == copies[0] for copy in copies), copies
            assert (copies[0][0], copies[0][2], copies[0][3]) == (entry.stream, entry.key.encode(), entry.body.encode())
        by_subject: dict[str, list[int]] = {}
        for entry in entries:
            by_subject.setdefault(entry.subject, []).append(entry.version)
        gaps = {subject: versions for subject, versions in by_subject.items()
                if sorted(versions) != list(range(1, len(versions) + 1))}  # fmt: skip
        assert gaps == {}
        return entries

    async def check_whole(self) -> None:
        """What was ever said is in Kafka and nothing else is; a rebuild comes to the same rows."""
        said = await self.check_said()
        assert {entry.event_id for entry in said} == set(self.published)
        report = await compare(self.service, self.settings)
        assert report.different_rows == 0, report.differences
