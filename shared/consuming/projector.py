"""The batch projector: one FastStream batch subscriber a lane. It fetches, decodes and hands over to the lane's transaction.

Where a partition is read, and whether it may be read at all, it leaves to `positioning.py`: whatever goes wrong here ends in a
doubt there.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import telemetry
from shared.backoff import Backoff
from shared.books.batch import Batch, NotContinuous
from shared.consuming.positioning import Positioning
from shared.consuming.positions import Fetched, Positions
from shared.events.decoding import decode, echo_of
from shared.events.envelope import Read
from shared.faults import Fault, classify
from shared.kafka import fetching
from shared.settings import ConsumerLimits

log = structlog.get_logger()

OWN_SECONDS = 1.0
MOST_MS = 1_000_000

Hear = Callable[[Sequence[Batch], Sequence[Sequence[Read]]], Any]


class Lane:
    """One consumer of some streams, and what hears their batches."""

    def __init__(
        self,
        name: str,
        broker: KafkaBroker,
        engine: AsyncEngine,
        *,
        service: str,
        source: str,
        streams: Sequence[str],
        own: Sequence[str],
        hear: Hear,
        limits: ConsumerLimits,
        replica: str | None,
        gate: asyncio.Event | None,
        patience: Mapping[str, float] | None = None,
    ) -> None:
        """`gate`: streams that are not our own wait for it. `patience`: for how many seconds the next words of a stream may wait."""
        self.name = name
        self.streams = tuple(streams)
        self.tasks: list[asyncio.Task[None]] = []
        """The loops whose end is the process's end."""
        self._service = service
        self._source = source.encode()
        self._own = frozenset(own)
        self._hear = hear
        self._limits = limits
        self._gate = gate
        self._patience = {**(patience or {}), **dict.fromkeys(own, OWN_SECONDS)}
        self._again_at: dict[str, float] = {}
        """When the streams are fetched again that rest."""
        self._writing: asyncio.Task[None] | None = None
        self._backoff = Backoff(limits.backoff_first_seconds, limits.backoff_most_seconds)
        self.positions = Positions()
        self.positioning = Positioning(
            lane=name,
            service=service,
            engine=engine,
            streams=self.streams,
            own=self._own,
            gate=gate,
            watch_seconds=limits.watch_seconds,
            backoff=self._backoff,
            positions=self.positions,
            consumer=lambda: self._subscriber.consumer,
            writing=lambda: self._writing,
        )
        fetching.install(limits)
        self._subscriber: Any = broker.subscriber(
            *streams,
            group_id=service,
            group_instance_id=member_name(service, name, replica),
            listener=self.positioning,
            batch=True,
            ack_policy=AckPolicy.MANUAL,  # Every other policy commits when the handler raises, or seeks in a spin.
            auto_offset_reset="earliest",  # The default skips history.
            parser=self._take,
            decoder=_hand_on,
            no_reply=True,
            fetch_max_wait_ms=limits.poll_ms,
            max_partition_fetch_bytes=limits.fetch_bytes,
            fetch_max_bytes=limits.fetch_most_bytes,
            isolation_level="read_committed",  # What a transaction took back was never said.
            session_timeout_ms=limits.session_timeout_ms,
            heartbeat_interval_ms=limits.session_timeout_ms // 10,
            max_poll_interval_ms=600_000,
        )
        self._subscriber(self._on_batch)
        # FastStream's loop asks for the attribute at each turn.
        self._subscriber.get_msg = self._fetch_safely  # type: ignore[method-assign, assignment]

    # --- life ----------------------------------------------------------------------------

    def start(self) -> None:
        """Starts keeping partitions positioned; the subscriber itself starts with the broker."""
        for loop in (self.positioning.keep, self.positioning.watch):
            self.tasks.append(asyncio.create_task(loop(), name=f"{self.name}:{loop.__name__}"))

    async def stop(self) -> None:
        """Lets the batch in flight end, then stops."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self._writing:
            await self._writing

    # --- hearing -------------------------------------------------------------------------

    async def _fetch_safely(self, consumer: AIOKafkaConsumer) -> list[list[ConsumerRecord]]:
        """A list a partition. Returns as soon as there is something to hear; FastStream's own fetch sleeps while nothing comes, and wakes up for nothing.

        When it raises, aiokafka has lost what it had unpacked of other partitions and moved past it.
        """
        limits = self._limits
        try:
            self._resume()
            wait_ms = min(limits.poll_ms, self._rest_ms())
            fetched = await consumer.getmany(timeout_ms=wait_ms, max_records=limits.batch_records)
            return list(fetched.values())
        except ConsumerStoppedError:
            raise
        except KafkaError:
            self.positioning.doubt()
            raise
        except Exception as error:
            log.exception("fetch failed", lane=self.name)
            self._backoff.failed(error, where=f"{self.name}: fetching")
            self.positioning.doubt()
            await asyncio.sleep(1)
        return []

    async def _take(self, parts: list[list[ConsumerRecord]]) -> KafkaMessage:
        """FastStream's parser slot. No await stands between the fetch and here, so no seek can come between."""
        fetched = self.positions.take(parts)
        telemetry.RECORDS.labels(self._service, self.name).inc(sum(map(len, parts)))
        if len(fetched) != len(parts):
            self.positioning.wake()
        self._rest(fetched)
        return KafkaMessage(
            body=fetched,
            raw_message=parts[0],  # FastStream looks at one for the name of the topic.
            headers={},
            message_id="",
            correlation_id="",
            reply_to="",
            consumer=None,  # type: ignore[arg-type]  # Only its own acknowledging would need it.
        )

    async def _on_batch(self, fetched: list[Fetched]) -> None:
        """Decodes a batch while the database works on the one before."""
        if not fetched:
            return
        decoded = [self._read(one.batch) for one in fetched]
        if self._writing is not None:
            await asyncio.wait([self._writing])
            if not all(self.positions.is_current(one) for one in fetched):  # Its predecessor failed.
                self.positioning.doubt(one.batch.partition for one in fetched)
                return
        self._writing = asyncio.create_task(self._write(fetched, decoded))
        await asyncio.sleep(0)  # Lets the write leave before the next batch is decoded; otherwise nothing overlaps.

    def _rest(self, fetched: Sequence[Fetched]) -> None:
        """Once all that was said before is known nobody waits for our own words, nor for those a service is patient about, and as they come
        they would cost a fetch and a transaction each: whenever some came, no more of that stream are fetched for a while. Of a full
        batch there is more."""
        if self._gate is None or not self._gate.is_set():
            return
        came = Counter[str]()
        for one in fetched:
            came[one.batch.partition.stream] += len(one.batch.records)
        for stream, number in came.items():
            # What lies here unread of others' words would keep everything else from being fetched.
            unread = number if stream in self._own else came.total()
            if stream in self._patience and unread < self._limits.batch_records:
                self.positioning.rest([stream])
                self._again_at[stream] = time.monotonic() + self._patience[stream]
        self._bound_wait()

    def _resume(self) -> None:
        now = time.monotonic()
        rested = [stream for stream, again_at in self._again_at.items() if now >= again_at]
        if rested:
            for stream in rested:
                del self._again_at[stream]
            self.positioning.resume(rested)
            self._bound_wait()

    def _rest_ms(self) -> int:
        """Until the next stream is read again."""
        first = min(self._again_at.values(), default=math.inf)
        return MOST_MS if first == math.inf else max(0, math.ceil(1000 * (first - time.monotonic())))

    def _bound_wait(self) -> None:
        """A fetch that is under way cannot be told of a stream that is read again: it ends when that is due."""
        consumer = self.positioning.consumer()
        if consumer is not None:
            fetching.answer_by(consumer, min(self._again_at.values(), default=None))

    def _read(self, batch: Batch) -> list[Read]:
        if batch.partition.stream in self._own:
            return [echo_of(record, self._source) or decode(record) for record in batch.records]
        return [decode(record) for record in batch.records]

    async def _write(self, fetched: list[Fetched], decoded: list[list[Read]]) -> None:
        """Hears one batch. Never raises: a fault makes its partitions doubtful."""
        partitions = [one.batch.partition for one in fetched]
        try:
            with telemetry.BATCH_SECONDS.labels(self._service, self.name).time():
                await self._hear([one.batch for one in fetched], decoded)
        except NotContinuous as error:
            log.info("batch dropped", lane=self.name, reason=str(error))
            self.positioning.doubt(partitions)
        except Exception as error:
            if classify(error) is not Fault.TRANSIENT:
                log.exception("batch failed", lane=self.name)
            telemetry.FAULTS.labels(self._service, self.name).inc()
            self.positioning.doubt(partitions)
            self._backoff.failed(error, where=self.name)
        else:
            self._backoff.worked()
            self.positioning.heard(one.batch for one in fetched)


def member_name(service: str, lane: str, replica: str | None) -> str | None:
    """A name of its own in Kafka's group: with it, the place is taken again at once after kill -9. Only who was given one has it: of two
    processes under one name the second throws the first out."""
    return f"{service}-{lane}-{replica}" if replica else None


async def _hand_on(message: KafkaMessage) -> Any:
    """FastStream's decoder slot: the records were sorted by the parser, and each is decoded by itself later."""
    return message.body
