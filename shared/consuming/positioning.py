"""Keeps a lane's partitions positioned: the one repair there is, and the watch that finds what nobody else would notice.

Nothing is left to the consumer group's offsets: the watermarks in Postgres say where to read. They are told to Kafka once a
second, for lag tools only. What is fetched and heard meanwhile is the projector's business.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import telemetry
from shared.backoff import Backoff, end_if_told
from shared.books import parking, recovery, watermark
from shared.books.batch import Batch
from shared.books.watermark import Watermark
from shared.consuming.positions import Positions
from shared.events.streams import Partition
from shared.faults import Fault, classify, told
from shared.kafka.observer import partition_of, topic_partition
from shared.outbox import journal

log = structlog.get_logger()

WATCH_TIMEOUT_SECONDS = 10
SLOW_ANSWER_SECONDS = 2


class WentBack(Exception):
    """The database is an older one than the one we wrote to: the process has to start anew."""


@dataclass(kw_only=True, eq=False)
class Positioning(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Keeps one lane's consumer where the watermarks say, by two loops: one positions whatever is doubtful, one watches."""

    lane: str
    service: str
    engine: AsyncEngine
    streams: Collection[str]
    own: Collection[str]
    gate: asyncio.Event | None
    """Streams that are not our own wait for it."""
    watch_seconds: float
    backoff: Backoff
    """Shared with the hearing: whatever fails there must not be tried again at once here."""
    positions: Positions
    consumer: Callable[[], AIOKafkaConsumer | None]
    writing: Callable[[], asyncio.Task[None] | None]
    """The batch that the database works on, or the last one."""

    lag: dict[Partition, int] = field(default_factory=dict)
    progressed_at: float = field(default_factory=time.monotonic)
    kafka_answers: bool = False
    _heard_to: dict[Partition, int] = field(default_factory=dict)
    _committed: dict[Partition, int] = field(default_factory=dict)
    _doubtful: asyncio.Event = field(default_factory=asyncio.Event)
    _given: bool = False

    def assigned(self) -> set[Partition]:
        consumer = self.consumer()
        return {partition_of(tp) for tp in consumer.assignment()} if consumer else set()

    def knows_its_own(self) -> bool:
        """Whether each partition of our own streams that this consumer was given still begins with what was heard of it."""
        own = [part for part in self.assigned() if part.stream in self.own]
        return self._given and all(self.positions.idle(part) for part in own)

    def doubt(self, partitions: Iterable[Partition] | None = None) -> None:
        """Declares partitions doubtful, all by default: what is in flight of them is dropped and fetched again. Fetching stops
        with hearing, or a long wait would read the whole log only to drop it."""
        doubtful = self.assigned() if partitions is None else set(partitions)
        self.positions.drop(doubtful)
        consumer = self.consumer()
        if consumer is not None:
            consumer.pause(*({topic_partition(part) for part in doubtful} & set(consumer.assignment())))
        self._doubtful.set()

    def rest(self, streams: Collection[str]) -> None:
        """Fetches no more of these streams until they are resumed, but for partitions whose first record has yet to be checked."""
        consumer = self.consumer()
        if consumer is not None:
            parts = (part for part in self.assigned() if part.stream in streams)
            consumer.pause(*(topic_partition(part) for part in parts if self.positions.idle(part)))

    def resume(self, streams: Collection[str]) -> None:
        """Fetches these streams again, where they are positioned."""
        consumer = self.consumer()
        if consumer is not None:
            parts = (part for part in self.assigned() if part.stream in streams)
            consumer.resume(*(topic_partition(part) for part in parts if part in self.positions))

    def wake(self) -> None:
        """A partition may have become doubtful, or what it waited for may have come."""
        self._doubtful.set()

    def heard(self, batches: Iterable[Batch]) -> None:
        """Takes note of committed batches: from now on the database may not say less."""
        self.progressed_at = time.monotonic()
        for batch in batches:
            self._heard_to[batch.partition] = self._committed[batch.partition] = batch.next_offset

    # --- the rebalance listener: synchronous, because aiokafka swallows its errors -------

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.positions.drop(map(partition_of, revoked))
        self.positions.to_rewind.clear()
        self._committed.clear()  # Others move these watermarks now.
        self.lag.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._given = True
        self.doubt(map(partition_of, assigned))

    # --- positioning ---------------------------------------------------------------------

    async def keep(self) -> None:
        """Positions whatever is doubtful, and waits for the next doubt. Ends only with `WentBack`."""
        while True:
            await self._doubtful.wait()
            self._doubtful.clear()
            await self.backoff.wait()
            writing = self.writing()
            if writing is not None:
                await asyncio.wait([writing])
            try:
                async with asyncio.timeout(30):
                    await self._position()
                self.kafka_answers = True
            except WentBack:
                raise
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT and not isinstance(error, IllegalStateError):
                    log.exception("positioning failed", lane=self.lane)
                self.backoff.failed(error, where=f"{self.lane}: positioning")
                self._doubtful.set()

    async def _position(self) -> None:
        """Positions every assigned partition that is not. Those that make us act wait until our own streams are heard."""
        consumer = self.consumer()
        waiting = sorted(part for part in self.assigned() if part not in self.positions)
        if not waiting or consumer is None:
            return
        if self.gate is not None and not self.gate.is_set():
            waiting = [part for part in waiting if part.stream in self.own]
            if not waiting:
                return
        for partition in sorted(self.positions.to_rewind & set(waiting)):
            log.warning("log is not the one heard before: hearing it from the start", stream=partition.stream,
                        partition=partition.number)  # fmt: skip
            telemetry.REWINDS.labels(self.service, partition.stream).inc()
            async with self.engine.begin() as connection:
                await watermark.rewind(connection, partition)
                if partition.stream in self.own:
                    await journal.stage_again(connection, partition)
                    await recovery.hear_again(connection, partition.stream)
            self._committed.pop(partition, None)
            self.positions.to_rewind.discard(partition)
        async with self.engine.begin() as connection:  # Another replica may have skipped what this release knows.
            for partition in await parking.hear_new_types(connection, waiting):
                self._committed.pop(partition, None)
        marks = await self._marks({part.stream for part in waiting})
        ends, fault = await _ends(consumer, waiting)
        for partition in waiting:
            mark, tp = marks.get(partition), topic_partition(partition)
            if tp not in ends:
                continue
            if mark is not None and ends[tp] < mark.next_offset:
                self.positions.to_rewind.add(partition)
                self._doubtful.set()
                continue
            if tp in consumer.assignment():
                consumer.seek(tp, self.positions.set(partition, mark))
                consumer.resume(tp)
                telemetry.POSITIONS.labels(self.service).inc()
        if fault is not None:
            raise fault

    async def _marks(self, streams: Collection[str]) -> dict[Partition, Watermark]:
        """The watermarks. One that fell without our doing means that an older database has taken this one's place: what it lacks
        of our own words must be heard before anything is decided, and only a new process goes through that gate."""
        committed = dict(self._committed)  # Before the look: what is committed meanwhile may be missing from it.
        async with self.engine.connect() as connection:
            marks = await watermark.read(connection, streams)
        for partition, offset in committed.items():
            mark = marks.get(partition)
            known = mark.next_offset if mark else 0
            if partition.stream in streams and known < offset:
                raise WentBack(f"{partition} was heard to {offset}; the database says {known}")
        return marks

    # --- watching ------------------------------------------------------------------------

    async def watch(self) -> None:
        """Once a second: lag, and the watermarks for Kafka's lag tools. A broker that was away makes everything doubtful."""
        failed = False
        while True:
            end_if_told()
            await asyncio.sleep(self.watch_seconds)
            consumer = self.consumer()
            if consumer is None or not consumer.assignment():
                continue
            asked_at, reached = time.monotonic(), self.positions.reached()
            try:
                async with asyncio.timeout(WATCH_TIMEOUT_SECONDS):
                    ends = await consumer.end_offsets(list(consumer.assignment()))
            except (KafkaError, OSError, TimeoutError, IllegalStateError) as error:
                failed, self.kafka_answers = True, False
                log.warning("Kafka does not answer", lane=self.lane, error=told(error))
                continue
            self.kafka_answers = True
            # An answer that took long may have outlived a broker: aiokafka asks again without telling.
            if failed or time.monotonic() - asked_at > SLOW_ANSWER_SECONDS:
                failed = False
                self.doubt()
            # A log that ends before what was read of it lost its tail, or was made anew. aiokafka goes back to its start without a
            # word when it fetches next: too late for a lane that waits for its database, never if there is no record to come.
            elif cut := [part for part, offset in reached.items() if ends.get(topic_partition(part), offset) < offset]:
                self.doubt(cut)
            try:
                async with asyncio.timeout(WATCH_TIMEOUT_SECONDS):
                    await self._look(consumer, ends)
            except WentBack:
                raise
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT and not isinstance(error, IllegalStateError):
                    log.exception("watch failed", lane=self.lane)
                failed = failed or isinstance(error, KafkaError)

    async def _look(self, consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> None:
        await self._pass_over_what_holds_nothing(consumer)
        marks = await self._marks(self.streams)
        lag: dict[str, int] = dict.fromkeys(self.streams, 0)
        for tp, end in ends.items():
            partition = partition_of(tp)
            mark = marks.get(partition)
            self.lag[partition] = max(0, end - (mark.next_offset if mark else 0))
            lag[tp.topic] += self.lag[partition]
        for stream, records in lag.items():
            telemetry.LAG.labels(self.service, stream).set(records)
        if not any(self.lag.values()):
            self.progressed_at = time.monotonic()
        if self._heard_to:
            told, self._heard_to = self._heard_to, {}
            mine = {topic_partition(part): offset for part, offset in told.items() if topic_partition(part) in ends}
            await consumer.commit(mine)

    async def _pass_over_what_holds_nothing(self, consumer: AIOKafkaConsumer) -> None:
        """Moves watermarks past offsets without a record: the marks of transactions, and what compaction took from the end."""
        writing = self.writing()
        if writing is not None and not writing.done():
            return
        for partition in self.assigned():
            position = self.positions.idle(partition)
            if position is None:
                continue
            reached = await consumer.position(topic_partition(partition))
            if reached > position.next_offset and self.positions.idle(partition) is position:
                async with self.engine.begin() as connection:
                    mark = (await watermark.lock(connection, [partition]))[partition]
                    if mark.next_offset == position.next_offset:
                        await watermark.pass_over(connection, mark, reached)
                        position.next_offset = reached


async def _ends(
    consumer: AIOKafkaConsumer, partitions: Iterable[Partition]
) -> tuple[dict[TopicPartition, int], BaseException | None]:
    """Where these end, as far as Kafka tells, and why it does not of the others: a stream that is gone, or has a partition without a
    leader, keeps no other one of those that come to us from being positioned."""
    by_stream: dict[str, list[TopicPartition]] = {}
    for part in partitions:
        by_stream.setdefault(part.stream, []).append(topic_partition(part))

    async def of(stream: list[TopicPartition]) -> dict[TopicPartition, int]:
        async with asyncio.timeout(WATCH_TIMEOUT_SECONDS):
            found: dict[TopicPartition, int] = await consumer.end_offsets(stream)
            return found

    ends: dict[TopicPartition, int] = {}
    fault: BaseException | None = None
    for found in await asyncio.gather(*map(of, by_stream.values()), return_exceptions=True):
        if isinstance(found, BaseException):
            fault = fault or found
        else:
            ends |= found
    return ends, fault
