"""Record batches as Kafka sends them (format 2), unpacked without taking more memory than the limits say.

Nearly every batch is small and sound: it is unpacked at once and read by aiokafka's own reader, in C. The others are read here,
record by record and piece by piece: what unpacks to more than `unpacked_bytes`, what holds a record that is large or
has a header name that is not UTF-8, and what is damaged.

Source: Kafka protocol guide, "Record Batch"; aiokafka/record/default_records.py.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.record.default_records import DefaultRecordBatch

from shared.contracts.model import BODY_LIMIT_BYTES
from shared.events.envelope import Reason
from shared.events.oversized import HEAD_BYTES, HEADERS_LIMIT_BYTES, NOT_KEPT, CutRecord
from shared.kafka.inflating import ANY_WINDOW_BYTES, NONE, Inflater, Unreadable, inflater

_HEADER = struct.Struct(">qiibIhiqqqhii")
_CODEC = 0x07
_LOG_APPEND_TIME = 0x08
_TRANSACTIONAL = 0x10
_CONTROL = 0x20
_ATTRIBUTES_AT = 21
_PIECE_BYTES = 256 * 1024
PAUSE_BYTES = 8 * 1024 * 1024
"""What is unpacked in one go, some ten milliseconds, before others have their turn."""

PLAIN_BYTES = HEADERS_LIMIT_BYTES
"""A record that measures no more is not too large, whatever it is made of."""


class Pause:
    """Instead of a record: nothing yet, ask again."""


PAUSE = Pause()


class Batch:
    """One batch as it lies in the log."""

    def __init__(self, data: memoryview, *, unpacked_bytes: int, unpack_most_bytes: int) -> None:
        self._data = data
        self._unpacked_bytes = unpacked_bytes
        self._unpack_most_bytes = unpack_most_bytes
        self._unpacked: bytes | None = None
        if len(data) < _HEADER.size:
            data = memoryview(bytes(data).ljust(_HEADER.size, b"\x00"))  # Format 0: not sound.
        fields = _HEADER.unpack_from(data)
        self.base_offset, self.magic, attributes, last_delta = fields[0], fields[3], fields[5], fields[6]
        self.next_offset: int = self.base_offset + max(0, last_delta) + 1
        self.first_timestamp, self.max_timestamp, self.producer_id, self.count = (fields[i] for i in (7, 8, 9, 12))
        self.codec = attributes & _CODEC
        self.stamped_by_broker = bool(attributes & _LOG_APPEND_TIME)
        self.is_transactional = bool(attributes & _TRANSACTIONAL)
        self.is_control = bool(attributes & _CONTROL)

    def is_sound(self) -> bool:
        """Whether it is what was written: of the format we know, and with the checksum that its writer gave it."""
        return self.magic == 2 and bool(DefaultRecordBatch(self._data).validate_crc())

    def plain(self) -> tuple[Any, float] | None:
        """aiokafka's reader and the bytes a record takes on average; None if the batch has to be read with care."""
        data = self._data
        if self.codec != NONE:
            try:  # Any window: it is filled only as far as is read here.
                most = self._unpacked_bytes
                unpacked = inflater(self.codec, self._packed(), window_bytes=ANY_WINDOW_BYTES).read(most + 1)
            except Unreadable:
                return None
            if len(unpacked) > most:
                return None
            self._unpacked = unpacked
            data = memoryview(self._as_never_packed(unpacked))
        records = data[_HEADER.size :]
        if self.count < 0 or (len(records) > PLAIN_BYTES and not _all_small(records, self.count)):
            return None
        return DefaultRecordBatch(data), len(records) / max(1, self.count)

    def careful(self, tp: TopicPartition, from_offset: int) -> Iterator[ConsumerRecord | Pause]:
        """Its records one by one. What cannot be read, from `from_offset` on, comes as one `CutRecord`."""
        at = from_offset
        try:
            if self._unpacked is None:
                source = inflater(self.codec, self._packed())
            else:
                source = inflater(NONE, memoryview(self._unpacked))
            for record in _Careful(self, tp, source, self._unpack_most_bytes).records():
                yield record
                if isinstance(record, ConsumerRecord):
                    at = max(at, record.offset + 1)
        except _TooMuch:
            what = f"unpacks to more than {self._unpack_most_bytes} bytes"
            yield self.stand_in(tp, at, Reason.TOO_LARGE, what)
        except Unreadable as error:
            yield self.stand_in(tp, at, Reason.UNREADABLE, str(error))

    def checksum(self) -> int:
        """Of the bytes as they came."""
        return zlib.crc32(self._data)

    def stand_in(self, tp: TopicPartition, offset: int, reason: Reason, what: str) -> CutRecord:
        """One record for all that could not be read of the batch, from an offset on."""
        digest = hashlib.sha256(self._data[_ATTRIBUTES_AT:]).hexdigest()
        last = self.next_offset - 1
        where = f"offset {offset}" if last <= offset else f"offsets {offset} to {last}"
        detail = f"{where}: {what}; the batch has {len(self._data)} bytes, sha256 {digest}; {NOT_KEPT}"
        head = bytes(self._data[:HEAD_BYTES])
        found: CutRecord = _record(self, tp, offset, self.max_timestamp, None, head, (), (reason, detail, digest))
        return found

    def _packed(self) -> memoryview:
        return self._data[_HEADER.size :]

    def _as_never_packed(self, records: bytes) -> bytearray:
        """The same batch as it would be had nobody packed it."""
        data = bytearray(self._data[: _HEADER.size])
        data[_ATTRIBUTES_AT + 1] &= ~_CODEC
        return data + records


class _TooMuch(Exception):
    """More work than one batch may make."""


def _all_small(records: memoryview, count: int) -> bool:
    """Whether no record is larger than PLAIN_BYTES. Every record begins with its length."""
    at, end = 0, len(records)
    try:
        for _ in range(count):
            byte = records[at]
            at += 1
            length, shift = byte & 0x7F, 7
            while byte & 0x80:
                byte = records[at]
                at += 1
                length |= (byte & 0x7F) << shift
                shift += 7
            length >>= 1  # Zigzag; a negative length has its lowest bit set and is nonsense that the reader finds.
            if length > PLAIN_BYTES:
                return False
            at += length
    except IndexError:
        return False
    return at <= end


@dataclass
class _Part:
    """A key or a value: whole, or the head of one that is larger than its limit."""

    kept: bytes | None
    size: int
    digest: str | None = None


@dataclass
class _Careful:
    """Reads the records of a batch from an inflater, with no more in memory than a record may measure."""

    batch: Batch
    tp: TopicPartition
    source: Inflater
    most: int
    at: int = 0
    """How many unpacked bytes were read."""
    paused_at: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _digest: Any = None
    """The checksum of the record that is being read: of all of it but a part that has one of its own."""

    def records(self) -> Iterator[ConsumerRecord | Pause]:
        if self.batch.count < 0:
            raise Unreadable(f"a batch of {self.batch.count} records")
        last = self.batch.base_offset - 1
        for _ in range(self.batch.count):
            length = self._number()
            if length < 0:
                raise Unreadable(f"a record of {length} bytes")
            for record in self._one(self.at + length, length):
                if isinstance(record, ConsumerRecord):
                    if not last < record.offset < self.batch.next_offset:
                        raise Unreadable(f"record {record.offset} behind record {last}")
                    last = record.offset
                yield record
            yield from self._turn()

    def _one(self, end: int, size: int) -> Iterator[ConsumerRecord | Pause]:
        self._digest = hashlib.sha256()
        self._take(1)  # Attributes: none are in use.
        stamped = self._number()
        offset = self.batch.base_offset + self._number()
        key = yield from self._part(end, HEADERS_LIMIT_BYTES)
        value = yield from self._part(end, BODY_LIMIT_BYTES)
        headers, beside = self._headers(end, key.size)
        if beside > HEADERS_LIMIT_BYTES:
            yield from self._skip(end - self.at, self._digest)
        elif self.at != end:
            raise Unreadable("a record ends where its length does not say")
        timestamp = self.batch.max_timestamp if self.batch.stamped_by_broker else self.batch.first_timestamp + stamped
        what = None
        if value.size > BODY_LIMIT_BYTES:
            what = f"the body has {value.size} bytes, sha256 {value.digest}; the limit is {BODY_LIMIT_BYTES}"
        elif beside > HEADERS_LIMIT_BYTES:
            what = f"key and headers have more than {HEADERS_LIMIT_BYTES} bytes, the record has {size}"
        cut = what and (Reason.TOO_LARGE, f"{what}; {NOT_KEPT}", self._digest.hexdigest())
        yield _record(self.batch, self.tp, offset, timestamp, key.kept, value.kept, headers, cut or None)

    def _headers(self, end: int, beside: int) -> tuple[tuple[tuple[str, bytes | None], ...], int]:
        """The headers as far as they fit in, and what they measure together with what is beside them."""
        number = self._number()
        if number < 0:
            raise Unreadable(f"a record with {number} headers")
        headers: list[tuple[str, bytes | None]] = []
        for _ in range(number):
            length = self._length(end)
            if length < 0:
                raise Unreadable("a header without a name")
            beside += length
            if beside > HEADERS_LIMIT_BYTES:
                break
            name = self._take(length).decode("utf-8", "surrogateescape")
            length = self._length(end)
            beside += max(0, length)
            if beside > HEADERS_LIMIT_BYTES:
                break
            headers.append((name, self._take(length) if length >= 0 else None))
        return tuple(headers), beside

    def _part(self, end: int, most: int) -> Generator[Pause, None, _Part]:
        length = self._length(end)
        if length < 0:
            return _Part(None, 0)
        if length <= most:
            return _Part(self._take(length), length)
        digest = hashlib.sha256()
        head = self._take(HEAD_BYTES, digest)
        yield from self._skip(length - HEAD_BYTES, digest)
        self._digest.update(digest.digest())
        return _Part(head, length, digest.hexdigest())

    def _skip(self, number: int, digest: Any) -> Iterator[Pause]:
        while number:
            number -= len(self._take(min(number, _PIECE_BYTES), digest))
            yield from self._turn()

    def _turn(self) -> Iterator[Pause]:
        """Others have their turn after some work."""
        if self.at - self.paused_at > PAUSE_BYTES:
            self.paused_at = self.at
            yield PAUSE

    def _length(self, end: int) -> int:
        length = self._number()
        if length > end - self.at:
            raise Unreadable("a field is longer than its record")
        return length

    def _number(self) -> int:
        """A varint in zigzag."""
        number = shift = 0
        while True:
            (byte,) = self._take(1)
            number |= (byte & 0x7F) << shift
            if not byte & 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7
            if shift > 63:
                raise Unreadable("a number longer than 64 bits")

    def _take(self, number: int, digest: Any = None) -> bytes:
        while len(self._buffer) < number:
            more = self.source.some(_PIECE_BYTES)
            if not more:
                raise Unreadable("the records end before their number is reached")
            self._buffer += more
        taken = bytes(self._buffer[:number])
        del self._buffer[:number]
        self.at += number
        if self.at > self.most:
            raise _TooMuch
        if digest is not None or self._digest is not None:
            (digest or self._digest).update(taken)
        return taken


def _record(
    batch: Batch,
    tp: TopicPartition,
    offset: int,
    timestamp: int,
    key: bytes | None,
    value: bytes | None,
    headers: tuple[tuple[str, bytes | None], ...],
    cut: tuple[Reason, str, str] | None,
) -> ConsumerRecord:
    sizes = len(key) if key is not None else -1, len(value) if value is not None else -1
    fields = (
        tp.topic,
        tp.partition,
        offset,
        timestamp,
        int(batch.stamped_by_broker),
        key,
        value,
        None,
        *sizes,
        headers,
    )
    return ConsumerRecord(*fields) if cut is None else CutRecord(*fields, *cut)
