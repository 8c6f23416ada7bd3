"""The relay: sends what was said to Kafka, in order per key, and forgets it only when the broker has acknowledged it.

One relay a service at a time, by an advisory lock. Each stream is sent by itself: one that takes nothing, for whatever reason, holds up
no other one for longer than a poll. What is acknowledged is deleted together, five times a second: one by one it
would be a commit a fact. A crash between acknowledgement and deletion sends facts twice, with the same id and version: every
consumer's version guard absorbs it.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    BrokerResponseError,
    InvalidTopicError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import telemetry
from shared.backoff import Backoff
from shared.books import recovery
from shared.clocks import Clocks
from shared.events.envelope import headers_of
from shared.events.streams import RECORD_LIMIT_BYTES, STREAMS, Partition, number_of
from shared.faults import Fault, classify, told
from shared.kafka.producing import ended
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.postgres.awake import awaited
from shared.postgres.database import any_of
from shared.postgres.directly import rows_of

log = structlog.get_logger()

FORGET_SECONDS = 0.2
AWAY_SECONDS = (1.0, 30.0)
"""For so long a stream is left alone that took nothing: at first, and at most."""
PATIENCE_SECONDS = 20.0
"""For so long whoever begins to lead, or hears a stream of ours again, waits for our own streams before that is worth a word."""
_WITHOUT_HARM = (UnknownTopicOrPartitionError, TopicAuthorizationFailedError, InvalidTopicError, AssertionError)
"""Nothing of the stream was written: it is not there, or not ours to write; the last: a partition of it is not there. Mostly aiokafka says so
before it sends. Where Kafka refused what was sent, the producer has counted it all the same: once the stream takes something again, its first
batch is out of order, and another producer goes on."""
_OF_A_STREAM = (BrokerResponseError, AssertionError)
"""What Kafka answers about a stream. Whatever else goes wrong is about all of them."""
LOCK_KEY = 0x526F6C6C  # "Roll"; one relay a database, and every service has its own database.

_positions = sa.bindparam("positions", type_=sa.ARRAY(sa.BigInteger))
_NEXT = (
    sa.select(OUTBOX.c.position, JOURNAL)
    .join(JOURNAL, JOURNAL.c.event_id == OUTBOX.c.event_id)
    # By each, not by the last: what commits late has a lower position.
    .where(OUTBOX.c.position != sa.all_(_positions))
    .where(~recovery.IS_HEARD_AGAIN)  # Most of what the outbox holds then is on the stream.
    # A newer release may have said something on one that this one does not know.
    .where(any_of(JOURNAL.c.stream, "streams"))
    .order_by(OUTBOX.c.position)
    .limit(sa.bindparam("most"))
)
_KNOWN = sorted(STREAMS)
_SENT = sa.delete(OUTBOX).where(OUTBOX.c.position == sa.any_(_positions))
_WAITING = sa.select(
    sa.func.count(), sa.func.coalesce(sa.func.extract("epoch", sa.func.now() - sa.func.min(OUTBOX.c.staged_at)), 0)
)


@dataclass(slots=True)
class _Parcel:
    """Facts of one partition in order, sent and acknowledged together."""

    partition: Partition
    records: BatchBuilder
    positions: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Sending:
    """What is being sent of one stream, and since when; it comes to an acknowledgement of each parcel, or to why there is none."""

    begun_at: float
    asked_at: dt.datetime | None
    """By our own clock, if anybody compares it with the broker's."""
    task: asyncio.Task[list[tuple[_Parcel, Any]]]
    is_late: bool = False


class _AnotherProducer(Exception):
    """This one may count otherwise than the broker, or is waited for in vain; the lock stays, and what was not acknowledged is sent again."""


class Relay:
    """Carries the outbox to Kafka for as long as it holds the lock."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: str,
        source: str,
        connection: dict[str, Any],
        *,
        own_streams_heard: Callable[[], Awaitable[None]],
        batch: int,
        poll_seconds: float,
        timeout_seconds: float,
        clocks: Clocks | None = None,
    ) -> None:
        """`own_streams_heard` returns once the service has heard its own streams to their end. `clocks`: who is told what the broker's says."""
        self.leading = False
        self._engine = engine
        self._service = service
        self._source = source
        self._connection = connection
        self._own_streams_heard = own_streams_heard
        self._batch = batch
        self._poll_seconds = poll_seconds
        self._timeout_seconds = timeout_seconds
        self._clocks = clocks
        self._away: dict[str, tuple[float, float]] = {}
        """Streams that took nothing: when they are tried again, and for how long they are left alone."""
        self._under_way: dict[str, _Sending] = {}
        """Streams of which something is being sent. Nothing else of theirs is meanwhile: what follows must not come before it."""
        self._settles_since: float | None = None
        """Since when it waits until our own streams are heard to their ends."""
        self._took_at: dict[str, float] = {}
        """When each stream took something last."""
        self._woken = asyncio.Event()
        self._wakes_soon: asyncio.TimerHandle | None = None
        self._sent: list[int] = []
        """Positions of what was acknowledged and is not deleted yet."""
        self._forget_at = 0.0
        self._measure_at = 0.0
        self._backoff = Backoff(0.2, 15)

    def wake(self, within: float = 0.0) -> None:
        """Something was said in this process, and may wait for so many seconds. Other replicas' words are found by the slow poll."""
        if not within:
            self._woken.set()
        elif self._wakes_soon is None:
            self._wakes_soon = asyncio.get_running_loop().call_later(within, self._wake_together)

    def warning(self) -> str | None:
        """Why what was said waits, where Kafka answers and this process is the one to send it; None: it does not, or not for long."""
        now = time.monotonic()
        if self._settles_since is not None and now > self._settles_since + PATIENCE_SECONDS:
            return "nothing is sent until our own streams are heard to their ends"
        away = sorted(name for name, (again_at, _) in self._away.items() if again_at > now or name in self._under_way)
        return f"Kafka takes nothing of {', '.join(away)}: what was said there waits" if self.leading and away else None

    def _wake_together(self) -> None:
        self._wakes_soon = None
        self._woken.set()

    async def run(self) -> None:
        """Relays until cancelled; every fault is retried with back-off."""
        while True:
            await self._backoff.wait()
            try:
                await self._lead()
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    log.exception("relay failed")
                telemetry.FAULTS.labels(self._service, "relay").inc()
                self._backoff.failed(error, where="relay")
            finally:
                self.leading = False

    async def _lead(self) -> None:
        async with self._engine.connect() as raw:
            connection = await raw.execution_options(isolation_level="AUTOCOMMIT")
            self._sent, self._under_way = [], {}
            try:
                # A process that is stopped, or a machine that sleeps, must not keep the lock from those that are awake: whether it stands
                # still between two statements, or in the middle of one.
                silent_ms = str(int(2000 * self._timeout_seconds))
                for limit in ("idle_session_timeout", "transaction_timeout"):
                    await connection.execute(sa.select(sa.func.set_config(limit, silent_ms, False)))
                while not (await connection.execute(sa.select(sa.func.pg_try_advisory_lock(LOCK_KEY)))).scalar_one():
                    await asyncio.sleep(self._poll_seconds)
                while True:
                    try:
                        await self._carry(connection)
                    except _AnotherProducer as error:
                        telemetry.FAULTS.labels(self._service, "relay").inc()
                        self._backoff.failed(error, where="relay")
                    await awaited(self._backoff.wait(), connection, every_seconds=self._timeout_seconds)
            finally:
                # A pooled connection would keep the lock for ever.
                try:
                    await self._forget_at_last(connection)
                finally:
                    await raw.invalidate()

    async def _carry(self, connection: AsyncConnection) -> None:
        """Sends by one producer for as long as it may count as the broker does. Raises _AnotherProducer, or what else goes wrong."""
        producer = AIOKafkaProducer(
            **self._connection,
            enable_idempotence=True,
            acks="all",
            linger_ms=0,  # What is said together is sent together; waiting for more would only add latency.
            max_batch_size=256 * 1024,
            max_request_size=RECORD_LIMIT_BYTES,
            request_timeout_ms=10_000,
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await producer.start()
            # Once a lead: else one of our streams that does not answer would keep all others waiting for its end.
            if not self.leading:
                await self._settle(connection)
            self.leading = True
            while True:
                self._woken.clear()
                sent = await self._round(connection, producer)
                if (
                    sent == 0
                    and all(one.is_late for one in self._under_way.values())
                    and await recovery.is_heard_again(connection)
                ):
                    if self._under_way:
                        raise _AnotherProducer("nothing may be under way when it is seen what our own streams lack")
                    await self._settle(connection)
                elif sent < self._batch:  # Who stages more wakes us; the slow poll finds what others staged.
                    await self._wait(connection)
                if time.monotonic() >= self._forget_at or len(self._sent) >= self._batch:
                    await self._forget(connection)
                self._backoff.worked()
        finally:
            await self._end(producer)

    async def _end(self, producer: AIOKafkaProducer) -> None:
        """Ends the producer, which may still flush: what is acknowledged meanwhile is not sent again."""
        await ended(producer)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):  # What is not answered then is cancelled.
                await asyncio.gather(*(one.task for one in self._under_way.values()), return_exceptions=True)
        for stream in list(self._under_way):
            self._noted(stream)

    async def _settle(self, connection: AsyncConnection) -> None:
        """Nothing of ours is under way now: what our own streams do not hold once they are heard was never said, or is lost."""
        self._settles_since = time.monotonic()
        try:
            await awaited(self._own_streams_heard(), connection, every_seconds=self._timeout_seconds)
        finally:
            self._settles_since = None
        await recovery.heard_again(connection)

    async def _wait(self, connection: AsyncConnection) -> None:
        """Until something is said here, or for a poll's time; what was sent is deleted meanwhile."""
        if self._sent and not await self._is_woken(self._forget_at - time.monotonic()):
            await self._forget(connection)
        await self._is_woken(self._poll_seconds)

    async def _is_woken(self, within: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, within)):
                await self._woken.wait()
        return self._woken.is_set()

    async def _round(self, connection: AsyncConnection, producer: AIOKafkaProducer) -> int:
        """Sends the oldest facts and takes note of what was acknowledged. Returns how many; raises why the producer has to be another one."""
        self._take_note()
        now = time.monotonic()
        streams = [name for name in _KNOWN if name not in self._under_way and self._away.get(name, (now, 0))[0] <= now]
        wanted = {"most": self._batch, "positions": self._sent, "streams": streams}
        rows = await rows_of(connection, _NEXT, wanted)
        if time.monotonic() > self._measure_at:
            await self._measure(connection)
        if not rows:
            return 0
        parcels: dict[str, list[_Parcel]] = {}
        for one in self._packed(producer, rows):
            parcels.setdefault(one.partition.stream, []).append(one)
        begun_at, asked_at = time.monotonic(), self._clocks.now() if self._clocks else None
        tasks = {stream: asyncio.create_task(self._send(producer, its)) for stream, its in parcels.items()}
        self._under_way |= {stream: _Sending(begun_at, asked_at, task) for stream, task in tasks.items()}
        _, late = await asyncio.wait(tasks.values(), timeout=self._poll_seconds)
        for task in late:
            task.add_done_callback(lambda _: self._woken.set())
        self._take_note()
        return len(rows)

    async def _send(self, producer: AIOKafkaProducer, parcels: Sequence[_Parcel]) -> list[tuple[_Parcel, Any]]:
        """Sends the parcels of one stream in order, and waits for what Kafka says of each. Raises nothing of Kafka's."""
        acknowledged: list[asyncio.Future[Any]] = []
        refused: list[BaseException] = []
        for one in parcels:
            try:
                sent = await producer.send_batch(one.records, one.partition.stream, partition=one.partition.number)
            except (KafkaError, AssertionError) as error:
                refused = [error] * (len(parcels) - len(acknowledged))
                break
            acknowledged.append(sent)
        results = await asyncio.gather(*acknowledged, return_exceptions=True)
        return list(zip(parcels, [*results, *refused], strict=True))

    def _take_note(self) -> None:
        """Of the streams that have come to an end: what was acknowledged is deleted soon, and what was not is sent again.

        A stream that took nothing is left alone if Kafka said so, or if another one took something meanwhile. Raises what went wrong if the
        producer may count otherwise than the broker since, or if nothing at all is taken: then another one goes on.
        """
        problems = {}
        for stream in [name for name, one in self._under_way.items() if one.task.done()]:
            sending = self._under_way[stream]
            if error := self._noted(stream):
                problems[stream] = sending, error
        for stream, (sending, error) in problems.items():
            if isinstance(error, _OF_A_STREAM) or self._others_go_on(stream, sending):
                self._leave_alone(stream, error)
        for stream, sending in self._under_way.items():
            if sending.is_late or time.monotonic() < sending.begun_at + self._timeout_seconds:
                continue
            if not self._others_go_on(stream, sending):
                raise _AnotherProducer(f"{stream} took nothing in time, and no other stream did")
            sending.is_late = True  # The producer goes on trying by itself.
            log.warning("a stream takes nothing", stream=stream, for_seconds=self._timeout_seconds)
        for stream, (_, error) in problems.items():
            if not isinstance(error, _WITHOUT_HARM):
                raise _AnotherProducer(f"{stream}: {told(error)}") from error

    def _noted(self, stream: str) -> BaseException | None:
        """Takes note of what Kafka acknowledged of a stream of which nothing is under way any more. Returns the worst of why something was not:
        what comes without harm counts only where there is nothing else."""
        sending = self._under_way.pop(stream)
        if not sending.task.done() or sending.task.cancelled():
            return None
        if not self._sent:
            self._forget_at = time.monotonic() + FORGET_SECONDS
        results = sending.task.result()
        failed = {one.partition: result for one, result in results if isinstance(result, BaseException)}
        for one, result in results:
            if one.partition not in failed:
                self._sent += one.positions
                self._took_at[stream] = time.monotonic()
                self._note_clock(sending, result)
        if not failed:
            self._away.pop(stream, None)
        return min(failed.values(), key=lambda error: isinstance(error, _WITHOUT_HARM), default=None)

    def _others_go_on(self, stream: str, sending: _Sending) -> bool:
        return any(at > sending.begun_at for name, at in self._took_at.items() if name != stream)

    def _note_clock(self, sending: _Sending, result: Any) -> None:
        if self._clocks and sending.asked_at and result.timestamp >= 0:  # A broker that does not stamp says -1.
            stamped_at = dt.datetime.fromtimestamp(result.timestamp / 1000, dt.UTC)
            self._clocks.note("Kafka", stamped_at, asked_at=sending.asked_at, answered_at=self._clocks.now())

    def _leave_alone(self, stream: str, error: BaseException) -> None:
        first, most = AWAY_SECONDS
        pause = min(2 * self._away[stream][1], most) if stream in self._away else first
        log.warning("a stream takes nothing", stream=stream, again_in_seconds=pause, error=told(error))
        self._away[stream] = time.monotonic() + pause, pause

    async def _forget(self, connection: AsyncConnection) -> None:
        """Deletes what was acknowledged."""
        if self._sent:
            await rows_of(connection, _SENT, {"positions": self._sent})
            self._sent = []

    async def _forget_at_last(self, connection: AsyncConnection) -> None:
        """So that nothing is sent twice for want of a moment. The connection may be in any state: then it is sent twice."""
        try:
            async with asyncio.timeout(5):
                await self._forget(connection)
        except (SQLAlchemyError, OSError) as error:  # A time-out is an OSError.
            log.warning("what was acknowledged will be sent again", facts=len(self._sent), error=told(error))

    def _packed(self, producer: AIOKafkaProducer, rows: Sequence[Any]) -> list[_Parcel]:
        """The rows in order as one parcel a partition, or more where one is full. One promise a parcel costs a fifth of one a
        record."""
        full: list[_Parcel] = []
        open_: dict[tuple[str, int], _Parcel] = {}
        for (
            position,
            event_id,
            stream,
            key,
            type_name,
            subject,
            version,
            said_at,
            correlation_id,
            causation_id,
            body,
        ) in rows:
            address = stream, number_of(stream, key.encode())
            headers = headers_of(
                event_id=event_id,
                source=self._source,
                type_name=type_name,
                subject=subject,
                stated_at=said_at,
                version=version,
                correlation_id=correlation_id,
                causation_id=causation_id,
            )
            record = {"timestamp": None, "key": key.encode(), "value": body.encode(), "headers": headers}
            parcel = open_.get(address)
            if parcel is None or parcel.records.append(**record) is None:
                if parcel is not None:
                    full.append(parcel)
                parcel = open_[address] = _Parcel(Partition(*address), producer.create_batch())
                parcel.records.append(**record)  # The first record always finds room.
            parcel.positions.append(position)
        return [*full, *open_.values()]

    async def _measure(self, connection: AsyncConnection) -> None:
        self._measure_at = time.monotonic() + self._poll_seconds
        number, age = (await connection.execute(_WAITING)).one()
        telemetry.OUTBOX.labels(self._service).set(number)
        telemetry.OUTBOX_AGE.labels(self._service).set(float(age))
