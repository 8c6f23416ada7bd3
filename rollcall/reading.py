"""Reading streams without belonging to a group: nobody's positions move, and nobody waits for us."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from rollcall import waiting
from shared.contracts.portal import EnrolmentRequested
from shared.events.decoding import decode
from shared.events.envelope import Heard
from shared.events.streams import STREAMS
from shared.kafka import fetching
from shared.settings import ConsumerLimits


@contextlib.asynccontextmanager
async def reader(
    kafka: dict[str, Any], streams: Iterable[str], *, from_start: bool, patience_s: float | None = None
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of every partition of these streams, at their start or at their end. Whoever looks is shown bad records, too."""
    fetching.install(ConsumerLimits())
    consumer = await waiting.kafka(lambda: _consumer(kafka), kafka["bootstrap_servers"], patience_s=patience_s)
    try:
        partitions = [TopicPartition(name, number) for name in streams for number in range(STREAMS[name].partitions)]
        consumer.assign(partitions)
        await (consumer.seek_to_beginning if from_start else consumer.seek_to_end)(*partitions)
        yield consumer
    finally:
        await consumer.stop()


def _consumer(kafka: dict[str, Any]) -> AIOKafkaConsumer:
    limits = ConsumerLimits()
    return AIOKafkaConsumer(
        **kafka,
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=250,
        max_partition_fetch_bytes=limits.fetch_bytes,
        fetch_max_bytes=limits.fetch_most_bytes,
        request_timeout_ms=20_000,
    )


async def until_end(
    kafka: dict[str, Any], streams: Iterable[str], *, patience_s: float | None = None
) -> AsyncIterator[ConsumerRecord]:
    """Every record that the streams hold now."""
    async with reader(kafka, streams, from_start=True, patience_s=patience_s) as consumer:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        left = {part for part, end in ends.items() if end > await consumer.position(part)}
        while left:
            for part, records in (await consumer.getmany(*left, timeout_ms=500)).items():
                for record in records:
                    if record.offset < ends[part]:
                        yield record
            for part in list(left):
                if await consumer.position(part) >= ends[part]:
                    left.discard(part)


_OVER_HTTP = b"rollcall/enrolment/"
"""How the source of a request begins that enrolment itself took in."""


class RequestCount:
    """Distinct requests for a place, as they stand in Kafka: what every answer is counted against."""

    STREAMS = ("enrolment.requests", "enrolment.events")

    def __init__(self) -> None:
        self._asked: set[tuple[str, str]] = set()

    def hear(self, record: ConsumerRecord) -> None:
        """Counts a request by its source and id. One made over HTTP is known by the fact that answers it."""
        if record.topic == "enrolment.events" and _OVER_HTTP not in (record.value or b""):
            return  # Most of them; unpacking them all would take longer than everything else that is looked at.
        heard = decode(record)
        if not isinstance(heard, Heard):
            return
        if isinstance(heard.body, EnrolmentRequested):
            self._asked.add((heard.source, heard.event_id))
        elif heard.stream == "enrolment.events" and getattr(heard.body, "asked_for", "place") == "place":
            source, number = getattr(heard.body, "request_source", None), getattr(heard.body, "request_id", None)
            withdrawn = type(heard.body).__name__ == "EnrolmentWithdrawn"
            if source and number and source.startswith(_OVER_HTTP.decode()) and not withdrawn:
                self._asked.add((source, number))

    def __len__(self) -> int:
        return len(self._asked)


async def count_requests(kafka: dict[str, Any]) -> int:
    """How many different requests for a place were ever made. Whoever asks now wants to know now: Kafka is not waited for."""
    count = RequestCount()
    async for record in until_end(kafka, RequestCount.STREAMS, patience_s=0):
        count.hear(record)
    return len(count)
