"""What tests share that break a broker's log: cutting its tail as a power cut does, making a topic anew, reading what it holds."""

from __future__ import annotations

import asyncio
import struct
from collections import Counter
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.embedded.kafka import Kafka
from shared.events.streams import Partition, create_streams, number_of
from shared.kafka.observer import Observer
from shared.outbox.journal import JOURNAL
from shared.settings import kafka_connection
from shared.testing import eventually
from tests.enrolment.surroundings import rows


def partition_of_key(stream: str, key: str) -> Partition:
    return Partition(stream, number_of(stream, key.encode()))


async def ends(here: Any, stream: str) -> dict[Partition, int]:
    observer = Observer(kafka_connection(here.settings))
    await observer.start()
    try:
        return await observer.ends([stream])
    finally:
        await observer.stop()


async def records_of(here: Any, stream: str) -> list[ConsumerRecord]:
    """Everything a stream holds, in the order of its offsets."""
    wanted = {TopicPartition(*part): end for part, end in (await ends(here, stream)).items()}
    consumer = AIOKafkaConsumer(bootstrap_servers=here.settings.kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign(list(wanted))
        await consumer.seek_to_beginning()
        found: list[ConsumerRecord] = []
        while any([await consumer.position(tp) < end for tp, end in wanted.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return found
    finally:
        await consumer.stop()


def header(record: ConsumerRecord, name: str) -> str:
    return str(dict(record.headers)[name].decode())


async def how_often_said(here: Any, *keys: str) -> Counter[str]:
    """How often each fact of our own about these keys stands on our stream."""
    (stream,) = here.service.own
    return Counter(
        header(record, "ce_id")
        for record in await records_of(here, stream)
        if header(record, "ce_source") == here.service.source and record.key.decode() in keys
    )


async def everything_said_once(here: Any, *keys: str) -> bool:
    """Whether our stream holds what the journal says about these keys, each fact once."""
    said = await rows(here, JOURNAL, JOURNAL.c.key.in_(keys))
    return await how_often_said(here, *keys) == Counter(entry.event_id for entry in said)


def cut(kafka: Kafka, partition: Partition, *, keep: int) -> None:
    """Takes from a stopped broker's log all records from offset `keep` on, and what was noted about them."""
    folder = Path(kafka.folder / "data" / f"{partition.stream}-{partition.number}")
    (log,) = folder.glob("*.log")
    data, end = log.read_bytes(), 0
    while end < len(data):
        offset, length = struct.unpack_from(">qi", data, end)
        if offset >= keep:
            break
        end += 12 + length
    assert end < len(data), "the cut must take something"
    log.write_bytes(data[:end])
    for noted in (*folder.glob("*.index"), *folder.glob("*.timeindex"), *folder.glob("*.snapshot")):
        noted.unlink()
    (folder.parent / ".kafka_cleanshutdown").unlink(missing_ok=True)


async def make_anew(here: Any, *streams: str) -> None:
    """Deletes topics and creates them again, empty."""
    admin = AIOKafkaAdminClient(bootstrap_servers=here.settings.kafka)
    await admin.start()
    try:
        await admin.delete_topics(list(streams))

        async def gone() -> bool:
            return not set(streams) & set(await admin.list_topics())

        async def made() -> bool:
            return set(streams) <= set(await admin.list_topics())

        await eventually(gone, what="the streams gone")
        await create_streams(admin)
        await eventually(made, what="the streams made anew")
    finally:
        await admin.close()


async def restart(kafka: Kafka, *cuts: tuple[Partition, int]) -> None:
    """A power cut at the broker: it dies, its log loses what was not on the disk yet, and it comes back."""
    await asyncio.to_thread(kafka.kill)
    for partition, keep in cuts:
        cut(kafka, partition, keep=keep)
    await asyncio.to_thread(kafka.start)
