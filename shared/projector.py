"""The batch projector: one FastStream batch subscriber a lane, and the loop that keeps its partitions positioned.

Nothing is left to the consumer group's offsets: the watermarks in Postgres say where to read. They are told to Kafka once a
second, for lag tools only.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import journal, parking, recovery, telemetry, tolerant, watermark
from shared.backoff import Backoff
from shared.deciding import Batch, NotContinuous
from shared.decoding import decode, echo_of
from shared.envelope import Read
from shared.faults import Fault, classify
from shared.positions import Fetched, Positions, partition_of, topic_partition
from shared.settings import ConsumerLimits
from shared.watermark import Partition, Watermark

log = structlog.get_logger()

WATCH_TIMEOUT_SECONDS = 10
SLOW_ANSWER_SECONDS = 2

Hear = Callable[[Sequence[Batch], Sequence[Sequence[Read]]], Any]


class WentBack(Exception):
    """The database is an older one than the one we wrote to: the process has to start anew."""


class Lane(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
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
        own_heard: asyncio.Event,
        limits: ConsumerLimits,
        replica: str,
        gated: bool,
        changed: Callable[[], None],
    ) -> None:
        """`gated`: streams that are not our own wait until those are heard. `changed` is called after each commit."""
        self.name = name
        self.streams = tuple(streams)
        self.positions = Positions()
        self.lag: dict[Partition, int] = {}
        self.progressed_at = time.monotonic()
        self.kafka_answers = False
        self._service = service
        self._source = source.encode()
        self._engine = engine
        self._own = frozenset(own)
        self._hear = hear
        self._own_heard = own_heard
        self._limits = limits
        self._gated = gated
        self._changed = changed
        self._heard_to: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._writing: asyncio.Task[None] | None = None
        self._doubtful = asyncio.Event()
        self._given = False
        self._backoff = Backoff(limits.backoff_first_seconds, limits.backoff_most_seconds)
        self._tasks: list[asyncio.Task[None]] = []
        self._subscriber: Any = broker.subscriber(
            *streams,
            group_id=service,
            group_instance_id=f"{service}-{name}-{replica}",  # Static: after kill -9 the place is taken again at once.
            listener=self,
            batch=True,
            ack_policy=AckPolicy.MANUAL,  # Every other policy commits when the handler raises, or seeks in a spin.
            auto_offset_reset="earliest",  # The default skips history.
            parser=self._take,
            decoder=_hand_on,
            no_reply=True,
            max_partition_fetch_bytes=limits.fetch_bytes,
            isolation_level="read_committed",  # What a transaction took back was never said.
            session_timeout_ms=limits.session_timeout_ms,
            heartbeat_interval_ms=limits.session_timeout_ms // 10,
            max_poll_interval_ms=600_000,
        )
        self._subscriber(self._on_batch)
        # FastStream's loop asks for the attribute at each turn.
        self._subscriber.get_msg = self._fetch_safely  # type: ignore[method-assign]

    # --- life ----------------------------------------------------------------------------

    def start(self) -> None:
        """Starts keeping partitions positioned; the subscriber itself starts with the broker."""
        for loop in (self._keep_positioned, self._watch):
            self._tasks.append(asyncio.create_task(loop(), name=f"{self.name}:{loop.__name__}"))

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The loops whose end is the process's end."""
        return self._tasks

    async def stop(self) -> None:
        """Lets the batch in flight end, then stops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._writing:
            await self._writing

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        return self._subscriber.consumer

    def assigned(self) -> set[Partition]:
        consumer = self.consumer
        return {partition_of(tp) for tp in consumer.assignment()} if consumer else set()

    def knows_its_own(self) -> bool:
        """Whether each partition of our own streams that this consumer was given still begins with what was heard of it."""
        own = [part for part in self.assigned() if part.stream in self._own]
        return self._given and all(self.positions.idle(part) for part in own)

    def reposition(self, partitions: Iterable[Partition] | None = None) -> None:
        """Declares partitions doubtful, all by default: what is in flight of them is dropped and fetched again."""
        self._doubt(self.assigned() if partitions is None else list(partitions))

    def _doubt(self, partitions: Iterable[Partition]) -> None:
        """Fetching stops with hearing, or a long wait would read the whole log only to drop it."""
        self.positions.drop(partitions)
        consumer = self.consumer
        if consumer is not None:
            consumer.pause(*({topic_partition(part) for part in partitions} & set(consumer.assignment())))
        self._doubtful.set()

    # --- the rebalance listener: synchronous, because aiokafka swallows its errors -------

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self.positions.drop(map(partition_of, revoked))
        self.positions.to_rewind.clear()
        self._committed.clear()  # Others move these watermarks now.
        self.lag.clear()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._given = True
        self._doubt([partition_of(tp) for tp in assigned])

    # --- hearing -------------------------------------------------------------------------

    async def _fetch_safely(self, consumer: AIOKafkaConsumer) -> tuple[ConsumerRecord, ...]:
        """Returns as soon as there is something to hear; FastStream's own fetch sleeps while nothing comes, and wakes up for nothing.

        When it raises, aiokafka has lost what it had unpacked of other partitions and moved past it.
        """
        limits = self._limits
        try:
            fetched = await consumer.getmany(timeout_ms=limits.poll_ms, max_records=limits.batch_records)
            return tuple(itertools.chain.from_iterable(fetched.values()))
        except ConsumerStoppedError:
            raise
        except UnicodeDecodeError:
            log.warning(
                "a header name is not UTF-8: reading with the tolerant, slower reader from now on", lane=self.name
            )
            tolerant.install()
            self.reposition()
        except KafkaError:
            self.reposition()
            raise
        except Exception as error:
            log.exception("fetch failed", lane=self.name)
            self._backoff.failed(error, where=f"{self.name}: fetching")
            self.reposition()
            await asyncio.sleep(1)
        return ()

    async def _take(self, records: tuple[ConsumerRecord, ...]) -> KafkaMessage:
        """FastStream's parser slot. No await stands between the fetch and here, so no seek can come between."""
        fetched = self.positions.take(records)
        telemetry.RECORDS.labels(self._service, self.name).inc(len(records))
        if len(fetched) != len({(record.topic, record.partition) for record in records}):
            self._doubtful.set()
        return KafkaMessage(
            body=fetched,
            raw_message=records,
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
                self.reposition(one.batch.partition for one in fetched)
                return
        self._writing = asyncio.create_task(self._write(fetched, decoded))
        await asyncio.sleep(0)  # Lets the write leave before the next batch is decoded; otherwise nothing overlaps.

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
            self.reposition(partitions)
        except Exception as error:
            if classify(error) is not Fault.TRANSIENT:
                log.exception("batch failed", lane=self.name)
            telemetry.FAULTS.labels(self._service, self.name).inc()
            self.reposition(partitions)
            self._backoff.failed(error, where=self.name)
        else:
            self._backoff.worked()
            self.progressed_at = time.monotonic()
            for one in fetched:
                self._heard_to[one.batch.partition] = self._committed[one.batch.partition] = one.batch.next_offset
            self._changed()

    # --- keeping positioned --------------------------------------------------------------

    async def _keep_positioned(self) -> None:
        while True:
            await self._doubtful.wait()
            self._doubtful.clear()
            await self._backoff.wait()
            if self._writing is not None:
                await asyncio.wait([self._writing])
            try:
                async with asyncio.timeout(30):
                    await self._position()
                self.kafka_answers = True
            except WentBack:
                raise
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT and not isinstance(error, IllegalStateError):
                    log.exception("positioning failed", lane=self.name)
                self._backoff.failed(error, where=f"{self.name}: positioning")
                self._doubtful.set()

    async def _position(self) -> None:
        """Positions every assigned partition that is not. Those that make us act wait until our own streams are heard."""
        consumer = self.consumer
        waiting = sorted(part for part in self.assigned() if part not in self.positions)
        if not waiting or consumer is None:
            return
        if self._gated and not self._own_heard.is_set():
            waiting = [part for part in waiting if part.stream in self._own]
            if not waiting:
                return
        for partition in sorted(self.positions.to_rewind & set(waiting)):
            log.warning("log is not the one heard before: hearing it from the start", stream=partition.stream,
                        partition=partition.number)  # fmt: skip
            telemetry.REWINDS.labels(self._service, partition.stream).inc()
            async with self._engine.begin() as connection:
                await watermark.rewind(connection, partition)
                if partition.stream in self._own:
                    await journal.stage_again(connection, partition)
                    await recovery.hear_again(connection, partition.stream)
            self._committed.pop(partition, None)
            self.positions.to_rewind.discard(partition)
        async with self._engine.begin() as connection:  # Another replica may have skipped what this release knows.
            for partition in await parking.hear_new_types(connection, waiting):
                self._committed.pop(partition, None)
        marks = await self._marks({part.stream for part in waiting})
        ends = await consumer.end_offsets([topic_partition(part) for part in waiting])
        for partition in waiting:
            mark, tp = marks.get(partition), topic_partition(partition)
            if mark is not None and ends[tp] < mark.next_offset:
                self.positions.to_rewind.add(partition)
                self._doubtful.set()
                continue
            if tp in consumer.assignment():
                consumer.seek(tp, self.positions.set(partition, mark))
                consumer.resume(tp)
                telemetry.POSITIONS.labels(self._service).inc()

    async def _marks(self, streams: Collection[str]) -> dict[Partition, Watermark]:
        """The watermarks. One that fell without our doing means that an older database has taken this one's place: what it lacks
        of our own words must be heard before anything is decided, and only a new process goes through that gate."""
        committed = dict(self._committed)  # Before the look: what is committed meanwhile may be missing from it.
        async with self._engine.connect() as connection:
            marks = await watermark.read(connection, streams)
        for partition, offset in committed.items():
            mark = marks.get(partition)
            known = mark.next_offset if mark else 0
            if partition.stream in streams and known < offset:
                raise WentBack(f"{partition} was heard to {offset}; the database says {known}")
        return marks

    def own_streams_heard(self) -> None:
        """Lets the partitions go on that waited for our own streams."""
        self._doubtful.set()

    # --- watching ------------------------------------------------------------------------

    async def _watch(self) -> None:
        """Once a second: lag, and the watermarks for Kafka's lag tools. A broker that was away makes everything doubtful."""
        failed = False
        while True:
            await asyncio.sleep(self._limits.watch_seconds)
            consumer = self.consumer
            if consumer is None or not consumer.assignment():
                continue
            asked_at, reached = time.monotonic(), self.positions.reached()
            try:
                async with asyncio.timeout(WATCH_TIMEOUT_SECONDS):
                    ends = await consumer.end_offsets(list(consumer.assignment()))
            except (KafkaError, OSError, TimeoutError, IllegalStateError) as error:
                failed, self.kafka_answers = True, False
                log.warning("Kafka does not answer", lane=self.name, error=repr(error)[:200])
                continue
            self.kafka_answers = True
            # An answer that took long may have outlived a broker: aiokafka asks again without telling.
            if failed or time.monotonic() - asked_at > SLOW_ANSWER_SECONDS:
                failed = False
                self.reposition()
            # A log that ends before what was read of it lost its tail, or was made anew.
            elif cut := [part for part, offset in reached.items() if ends.get(topic_partition(part), offset) < offset]:
                self.reposition(cut)
            try:
                async with asyncio.timeout(WATCH_TIMEOUT_SECONDS):
                    await self._look(consumer, ends)
            except WentBack:
                raise
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT and not isinstance(error, IllegalStateError):
                    log.exception("watch failed", lane=self.name)
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
            telemetry.LAG.labels(self._service, stream).set(records)
        if not any(self.lag.values()):
            self.progressed_at = time.monotonic()
        if self._heard_to:
            told, self._heard_to = self._heard_to, {}
            mine = {topic_partition(part): offset for part, offset in told.items() if topic_partition(part) in ends}
            await consumer.commit(mine)

    async def _pass_over_what_holds_nothing(self, consumer: AIOKafkaConsumer) -> None:
        """Moves watermarks past offsets without a record: the marks of transactions, and what compaction took from the end."""
        if self._writing is not None and not self._writing.done():
            return
        for partition in self.assigned():
            position = self.positions.idle(partition)
            if position is None:
                continue
            reached = await consumer.position(topic_partition(partition))
            if reached > position.next_offset and self.positions.idle(partition) is position:
                async with self._engine.begin() as connection:
                    mark = (await watermark.lock(connection, [partition]))[partition]
                    if mark.next_offset == position.next_offset:
                        await watermark.pass_over(connection, mark, reached)
                        position.next_offset = reached


async def _hand_on(message: KafkaMessage) -> Any:
    """FastStream's decoder slot: the records were sorted by the parser, and each is decoded by itself later."""
    return message.body
