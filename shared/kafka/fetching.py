"""Fetching from Kafka within limits: what lies unread, what is unpacked and what is handed on are bounded in bytes.

aiokafka bounds records by number alone, unpacks a batch whole, and fetches more of every partition that nobody reads yet. Its
fetcher is replaced by one that differs in these three things, and in two more: a batch that cannot be read is set aside as one
record, while its own would be tried for ever; and it fetches in sessions (`sessions.py`), while its own names every partition each time.
"""

from __future__ import annotations

import asyncio
import math
import struct
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.consumer import consumer, fetcher
from aiokafka.errors import CorruptRecordException

from shared.events.envelope import Reason
from shared.events.oversized import CutRecord
from shared.kafka.sessions import InSessions
from shared.kafka.unpacking import Batch, Pause
from shared.settings import ConsumerLimits

log = structlog.get_logger()

_BEFORE_LENGTH, _LENGTH = 8, struct.Struct(">i")
_OVERHEAD_BYTES = 500
"""What a record weighs in memory beside its bytes."""
_DAMAGED_MOST = 1000

_limits = ConsumerLimits()
_damaged: OrderedDict[tuple[TopicPartition, int], int] = OrderedDict()
"""Batches that came damaged, and their checksum as it came. One that comes so twice lies so in the log."""


def install(limits: ConsumerLimits) -> None:
    """From now on, every consumer of this process fetches within these limits."""
    global _limits
    _limits = limits
    consumer.Fetcher = BoundedFetcher
    fetcher.MemoryRecords = _Records
    fetcher.PartitionRecords = _PartitionRecords
    fetcher.FetchResult = _Fetched


def answer_by(one: Any, moment: float | None) -> None:
    """By when this consumer's fetches come back with what there is, by `time.monotonic`; None: after their usual wait."""
    one._fetcher.answer_by = moment


class _Records:
    """The batches of one partition in one answer."""

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        return len(self._data)

    def has_next(self) -> bool:
        """Whether another batch came whole; the last one may be cut off where the answer was full."""
        return self._end() <= len(self._data)

    def next_batch(self) -> Batch:
        start, self._at = self._at, self._end()
        return Batch(
            self._data[start : self._at],
            unpacked_bytes=_limits.unpacked_bytes,
            unpack_most_bytes=_limits.unpack_most_bytes,
        )

    def _end(self) -> int:
        length_at = self._at + _BEFORE_LENGTH
        if length_at + _LENGTH.size > len(self._data):
            return len(self._data) + 1
        return length_at + _LENGTH.size + max(0, int(_LENGTH.unpack_from(self._data, length_at)[0]))


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]  # aiokafka has no types
    """The records of one partition in one answer, as they are asked for. Between them, `PAUSE` means: ask again."""

    weight: float = 0.0
    """Of the record given last, in bytes."""
    next_fetch_offset: int

    @property
    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def _unpack_records(self) -> Iterator[ConsumerRecord | Pause]:
        while self._records.has_next():
            batch = self._records.next_batch()
            if not batch.is_sound():
                yield self._set_aside(batch)
                return  # Which transactions were taken back is asked anew: its mark may have stood here.
            if self._is_to_be_heard(batch):
                yield from self._of_batch(batch)
            self.next_fetch_offset = max(self.next_fetch_offset, batch.next_offset)

    def _set_aside(self, batch: Batch) -> CutRecord:
        """A damaged batch is fetched once more: it may have been damaged on its way."""
        place, checksum = (self._tp, batch.base_offset), batch.checksum()
        if _damaged.get(place) != checksum:
            _damaged[place] = checksum
            if len(_damaged) > _DAMAGED_MOST:
                _damaged.popitem(last=False)
            raise CorruptRecordException(f"a damaged batch at {self._tp}, offset {batch.base_offset}")
        offset = self.next_fetch_offset = max(self.next_fetch_offset, batch.base_offset)
        batch.next_offset = self._behind(batch)
        found = batch.stand_in(
            self._tp, offset, Reason.UNREADABLE, "damaged: not what its checksum says, or too old a format"
        )
        self.next_fetch_offset = max(offset + 1, batch.next_offset)
        return found

    def _behind(self, batch: Batch) -> int:
        """Where to go on behind a damaged batch. What it says of its end may be what is damaged, and nothing that follows may be lost by
        that: the batch behind it knows. Where that has not come, too, the lesser counts of what this one says in two places; whatever is
        still of it comes again.
        """
        if self._records.has_next():
            following = self._records.next_batch()
            if following.is_sound() and following.base_offset > batch.base_offset:
                return int(following.base_offset)
        said = max(1, min(batch.next_offset - batch.base_offset, batch.count))
        return int(batch.base_offset + said)

    def _is_to_be_heard(self, batch: Batch) -> bool:
        """Not the marks of transactions, and not what a transaction took back."""
        if self._isolation_level == fetcher.READ_COMMITTED:
            self._consume_aborted_up_to(batch.base_offset)
            if batch.is_control and self._contains_abort_marker(batch.careful(self._tp, batch.base_offset)):
                self._aborted_producers.discard(batch.producer_id)
            if batch.is_transactional and batch.producer_id in self._aborted_producers:
                return False
        return not batch.is_control

    def _of_batch(self, batch: Batch) -> Iterator[ConsumerRecord | Pause]:
        plain = batch.plain()
        if plain is not None:
            records, self.weight = plain
            try:
                for record in records:
                    if record.offset >= self.next_fetch_offset:
                        found = self._consumer_record(self._tp, record)
                        self.next_fetch_offset = record.offset + 1
                        yield found
                return
            except (UnicodeDecodeError, CorruptRecordException):
                pass  # What was given is not given again: it stands before `next_fetch_offset`.
        for found in batch.careful(self._tp, max(self.next_fetch_offset, batch.base_offset)):
            if isinstance(found, Pause):
                yield found
            elif self.next_fetch_offset <= found.offset < batch.next_offset:
                self.weight = _weight(found)
                self.next_fetch_offset = found.offset + 1
                yield found


def _weight(record: ConsumerRecord) -> int:
    headers = sum(_OVERHEAD_BYTES + len(name) + len(value or b"") for name, value in record.headers)
    return _OVERHEAD_BYTES + len(record.key or b"") + len(record.value or b"") + headers


class _Fetched(fetcher.FetchResult):  # type: ignore[misc]
    """What was fetched of one partition and is not handed on yet."""

    _partition_records: _PartitionRecords | None

    @property
    def size_in_bytes(self) -> int:
        return self._partition_records.size_in_bytes if self._partition_records is not None else 0

    def getone(self) -> ConsumerRecord | None:
        """Waits for nobody."""
        while True:
            records, _, paused = self.take(1, 1)
            if records or not paused:
                return records[0] if records else None

    def take(self, most: int | None, most_bytes: float) -> tuple[list[ConsumerRecord], float, bool]:
        """The next records, their weight, and whether it paused at work. It goes beyond the bytes by one record at most."""
        found: list[ConsumerRecord] = []
        weight = 0.0
        records = self._partition_records
        if records is None or not self.check_assignment(self._topic_partition):
            return found, weight, False
        try:
            for one in records:
                if isinstance(one, Pause):
                    self._update_position()
                    return found, weight, True
                found.append(one)
                weight += records.weight
                if weight >= most_bytes or len(found) == most:
                    self._update_position()
                    return found, weight, False
        except CorruptRecordException as error:
            log.warning("fetching it again", reason=str(error))
        self._update_position()
        self._partition_records = None
        return found, weight, False


class BoundedFetcher(fetcher.Fetcher):  # type: ignore[misc]
    """aiokafka's fetcher, bounded in bytes."""

    _asked: tuple[TopicPartition, ...] = ()
    answer_by: float | None = None

    def __init__(self, client: Any, *others: Any, **how: Any) -> None:
        super().__init__(InSessions(client), *others, **how)

    def _get_actions_per_node(self, assignment: Any) -> Any:
        """Fetches nothing while enough lies here unread."""
        fetches, *others = super()._get_actions_per_node(assignment)
        if self.answer_by is not None:
            left_ms = max(0, math.ceil(1000 * (self.answer_by - time.monotonic())))
            for _, request in fetches:
                request._max_wait_ms = min(request._max_wait_ms, left_ms)
        unread = sum(
            found.size_in_bytes
            for tp, found in self._records.items()
            if isinstance(found, _Fetched) and (not self._asked or tp in self._asked)
        )
        return [] if unread >= _limits.unread_bytes else fetches, *others

    async def fetched_records(
        self, partitions: tuple[TopicPartition, ...], timeout: float = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What was fetched, up to so many records and to the bytes that may be handed on at once."""
        self._asked = partitions
        until = time.monotonic() + timeout
        while True:
            if self._subscriptions.reassignment_in_progress:
                await self._subscriptions.wait_for_assignment()
            drained, paused = self._drain(partitions, max_records)
            left = until - time.monotonic()
            if drained or self._closed or (left <= 0 and not paused):
                return drained
            if paused:
                await asyncio.sleep(0)
                continue
            waiter = self._create_fetch_waiter()
            done, _ = await asyncio.wait([waiter], timeout=left)
            if done:
                waiter.result()  # Raises what the group's coordinator has to say.
            else:
                waiter.cancel()

    def _drain(
        self, partitions: tuple[TopicPartition, ...], most: int | None
    ) -> tuple[dict[TopicPartition, list[ConsumerRecord]], bool]:
        drained: dict[TopicPartition, list[ConsumerRecord]] = {}
        left_bytes: float = _limits.hand_on_bytes
        for tp in list(self._records):
            if partitions and tp not in partitions:
                if not self._subscriptions.is_assigned(tp):
                    del self._records[tp]
                continue
            found = self._records[tp]
            if not isinstance(found, _Fetched):
                if not drained:  # Otherwise it is raised by the next call.
                    del self._records[tp]
                    self._notify(self._wait_consume_future)
                    found.check_raise()
                break
            records, weight, paused = found.take(most, left_bytes)
            if not found.has_more():
                del self._records[tp]
                self._notify(self._wait_consume_future)
            if records:
                drained[tp] = records
                left_bytes -= weight
                most = None if most is None else most - len(records)
            if paused or most == 0 or left_bytes <= 0:
                return drained, paused  # One partition at a time is half read: each holds what it has unpacked.
        return drained, False
