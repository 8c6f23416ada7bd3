"""Record batches as no client of ours would write them: packed piece by piece, so that a test need not hold what it sends."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import lz4.frame
import zstandard
from aiokafka.client import AIOKafkaClient
from aiokafka.codec import snappy_encode
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

from shared.kafka.inflating import GZIP, LZ4, NONE, SNAPPY, ZSTD

MIB = 1024 * 1024
NAMES = {NONE: "none", GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}

Headers = Sequence[tuple[str, bytes | None]]
Written = tuple[bytes | None, bytes | None, Headers]


def written(
    records: Sequence[Written], codec: int = NONE, *, base: int = 100, deltas: Sequence[int] | None = None
) -> bytes:
    """A batch as aiokafka's producer writes it, and as the broker numbers it."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 30)
    for delta, (key, value, headers) in zip(deltas or range(len(records)), records, strict=False):
        assert builder.append(delta, 1_700_000_000_000 + delta, key, value, list(headers))
    data = bytearray(builder.build())
    data[:8] = struct.pack(">q", base)
    return bytes(data)


def resealed(data: bytes | bytearray) -> bytes:
    """The same bytes with a right length and a right checksum."""
    made = bytearray(data)
    made[8:12] = struct.pack(">i", len(made) - 12)
    made[17:21] = struct.pack(">I", calc_crc32c(bytes(made[21:])))
    return bytes(made)


def with_packed(batch: bytes, packed: bytes, codec: int) -> bytes:
    """The batch with other packed records in place of its own."""
    data = bytearray(batch[:61]) + packed
    data[22] = data[22] & ~0x07 | codec
    return resealed(data)


def pack(codec: int, pieces: Iterable[bytes], count: int, *, base: int = 0) -> bytes:
    """A batch of so many records, made of what `record` and `zeros` give."""
    if codec == GZIP:
        packer: Any = zlib.compressobj(9, wbits=31)
        packed = b"".join(packer.compress(piece) for piece in pieces) + packer.flush()
    elif codec == ZSTD:
        packer = zstandard.ZstdCompressor(level=3).compressobj()
        packed = b"".join(packer.compress(piece) for piece in pieces) + packer.flush()
    elif codec == LZ4:
        with lz4.frame.LZ4FrameCompressor(block_linked=False, block_size=7) as frame:
            packed = frame.begin() + b"".join(frame.compress(piece) for piece in pieces) + frame.flush()
    else:
        packed = snappy_encode(b"".join(pieces)) if codec == SNAPPY else b"".join(pieces)
    return with_packed(written([(None, None, [])] * count, base=base), packed, codec)


def record(delta: int, key: bytes, value: bytes, headers: Headers = ()) -> bytes:
    """One record of a batch."""
    head, tail = _around(delta, key, len(value), headers)
    return head + value + tail


def zeros(delta: int, key: bytes, size: int) -> Iterator[bytes]:
    """One record with a value of so many zeros, a whole number of MiB."""
    head, tail = _around(delta, key, size, ())
    yield head
    for _ in range(size // MIB):
        yield bytes(MIB)
    yield tail


def _around(delta: int, key: bytes, size: int, headers: Headers) -> tuple[bytes, bytes]:
    """What stands before and behind a value of that size."""
    head = b"\x00" + _varint(0) + _varint(delta) + _varint(len(key)) + key + _varint(size)
    parts = [_varint(len(headers))]
    for name, value in headers:
        parts += [_varint(len(name.encode())), name.encode(), _varint(len(value or b"")), value or b""]
    tail = b"".join(parts)
    return _varint(len(head) + size + len(tail)) + head, tail


def _varint(number: int) -> bytes:
    number <<= 1  # Zigzag, of what is never negative here.
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*made, number])


async def send(bootstrap: str, stream: str, partition: int, batch: bytes) -> None:
    """Appends a batch as it is."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap, request_timeout_ms=120_000)
    await client.bootstrap()
    try:
        client.set_topics([stream])
        await client.force_metadata_update()
        leader = client.cluster.leader_for_partition(TopicPartition(stream, partition))
        answer = await client.send(leader, ProduceRequest(None, 1, 100_000, [(stream, [(partition, batch)])]))
        ((_, ((_, error, *_),)),) = answer.topics
        assert error == 0, f"the broker refuses the batch: {error}"
    finally:
        await client.close()
