"""Looks at Kafka without consuming: where the streams end, and where they stood at a moment."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from shared.events.streams import STREAMS, Partition

TIMEOUT_SECONDS = 10


class Observer:
    """A consumer that belongs to no group and is never asked for records."""

    def __init__(self, connection: dict[str, Any]) -> None:
        self._connection = connection
        self._consumer: AIOKafkaConsumer | None = None
        self._gone: set[str] = set()
        """Streams that were asked for in vain, and of which the broker shows no topic."""

    async def start(self) -> None:
        self._consumer = AIOKafkaConsumer(
            **self._connection, enable_auto_commit=False, isolation_level="read_committed"
        )
        await self._consumer.start()

    async def stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def ends(self, streams: Iterable[str]) -> dict[Partition, int]:
        """The next offset of every partition. Raises TimeoutError or KafkaError."""
        if self._consumer is None:
            raise KafkaConnectionError("not connected yet")
        names = set(streams)
        wanted = [topic_partition(part) for part in _partitions(names)]
        new = {name for name in names if not self._consumer.partitions_for_topic(name)}
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                # In one call aiokafka learns who leads the streams that are new to it one after the other, 0.1 s each.
                await asyncio.gather(*(self._consumer.end_offsets([TopicPartition(name, 0)]) for name in new))
                ends = await self._consumer.end_offsets(wanted)
        except (KafkaError, TimeoutError):
            self._gone |= {name for name in names if not self._consumer.partitions_for_topic(name)}
            raise
        self._gone -= names
        return {partition_of(tp): end for tp, end in ends.items()}

    async def ends_at(self, streams: Iterable[str], moment: dt.datetime) -> dict[Partition, int]:
        """How far every partition reached at a moment: the offset of the first record appended after it, or the current end."""
        if self._consumer is None:
            raise KafkaConnectionError("not connected yet")
        streams = tuple(streams)
        # A moment before 1970 is before every record, and Kafka knows no such time.
        milliseconds = max(0, int(moment.timestamp() * 1000) + 1)
        wanted = {topic_partition(part): milliseconds for part in _partitions(streams)}
        async with asyncio.timeout(TIMEOUT_SECONDS):
            later = await self._consumer.offsets_for_times(wanted)
        ends = await self.ends(streams)
        return {
            part: later[tp].offset if (tp := topic_partition(part)) in later and later[tp] else end
            for part, end in ends.items()
        }

    def misshapen(self, streams: Iterable[str]) -> str | None:
        """Which of these have no topic, or one with another number of partitions than they were born with, by what the broker said last. With
        fewer a stream is neither heard nor written to its end; what lies in further ones is heard, and in nobody's books."""
        wrong = []
        for name in streams:
            found = len(self._consumer.partitions_for_topic(name) or ()) if self._consumer else 0
            if not found and name in self._gone:
                wrong.append(f"{name} is not there")
            if found not in (0, STREAMS[name].partitions):
                wrong.append(
                    f"{name} has {found} partition{'' if found == 1 else 's'} instead of {STREAMS[name].partitions}"
                )
        return "; ".join(wrong) or None


def _partitions(streams: Iterable[str]) -> list[Partition]:
    return [Partition(name, number) for name in streams for number in range(STREAMS[name].partitions)]


def topic_partition(partition: Partition) -> TopicPartition:
    return TopicPartition(partition.stream, partition.number)


def partition_of(tp: TopicPartition) -> Partition:
    return Partition(tp.topic, tp.partition)
