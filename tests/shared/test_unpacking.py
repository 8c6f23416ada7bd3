"""What is read of a batch is what was written, however it was packed; what is too large or damaged comes as a head."""

from __future__ import annotations

import gzip
import hashlib
import tracemalloc
from collections.abc import Sequence
from typing import Any

import lz4.frame
import pytest
import zstandard
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.codec import gzip_encode, lz4_encode, zstd_encode
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.model import BODY_LIMIT_BYTES
from shared.events.envelope import Reason, fingerprint
from shared.events.oversized import HEADERS_LIMIT_BYTES, CutRecord
from shared.kafka import fetching
from shared.kafka.inflating import GZIP, LZ4, NONE, SNAPPY, ZSTD, Unreadable, inflater
from shared.kafka.unpacking import PAUSE, PLAIN_BYTES, Batch
from tests.shared.packing import MIB, Written, pack, record, resealed, with_packed, written, zeros

TP = TopicPartition("programme.cities", 3)
CODECS = [NONE, GZIP, SNAPPY, LZ4, ZSTD]


def batch(data: bytes, *, unpacked_bytes: int = 4 * MIB, unpack_most_bytes: int = 1 << 31) -> Batch:
    return Batch(memoryview(data), unpacked_bytes=unpacked_bytes, unpack_most_bytes=unpack_most_bytes)


def careful(data: bytes, **limits: int) -> list[ConsumerRecord]:
    return [one for one in batch(data, **limits).careful(TP, 100) if one is not PAUSE]


def as_written(records: Sequence[Any]) -> list[Any]:
    return [(one.offset, one.timestamp, one.timestamp_type, one.key, one.value, list(one.headers)) for one in records]


names = st.text(max_size=8)
maybe_bytes = st.none() | st.binary(max_size=200)
some_records = st.lists(
    st.tuples(maybe_bytes, maybe_bytes, st.lists(st.tuples(names, maybe_bytes), max_size=4)), min_size=1, max_size=20
)


@given(some_records, st.sampled_from(CODECS), st.lists(st.integers(1, 50), min_size=20, max_size=20), st.booleans())
def test_both_readers_read_what_aiokafka_reads(
    records: list[Written], codec: int, steps: list[int], stamped: bool
) -> None:
    deltas = [sum(steps[: number + 1]) for number in range(len(records))]
    data = bytearray(written(records, codec, deltas=deltas))
    data[22] |= 0x08 if stamped else 0
    sealed = resealed(data)
    expected = as_written(list(DefaultRecordBatch(sealed)))
    assert [row[3:] for row in expected] == [(key, value, headers) for key, value, headers in records]

    plain = batch(sealed).plain()

    assert batch(sealed).is_sound()
    assert plain is not None and as_written(list(plain[0])) == expected
    assert as_written(careful(sealed)) == expected
    assert as_written(careful(sealed, unpacked_bytes=0)) == expected


def test_marks_of_transactions_are_told_from_records() -> None:
    data = bytearray(written([(b"\x00\x00\x00\x00", b"", [])]))
    data[22] |= 0x30
    mark = batch(resealed(data))
    assert (mark.is_control, mark.is_transactional) == (True, True)


def bomb(codec: int, size: int) -> bytes:
    """A record of zeros between two good ones."""
    return pack(codec, [record(0, b"a", b"1"), *zeros(1, b"b", size), record(2, b"c", b"3")], 3, base=100)


@pytest.mark.parametrize(("codec", "size"), [(GZIP, 64), (SNAPPY, 32), (LZ4, 64), (ZSTD, 64)])
def test_a_bomb_comes_as_a_head_and_what_stands_beside_it_is_read(codec: int, size: int) -> None:
    data, length = bomb(codec, size * MIB), size * MIB
    assert len(data) < 2 * MIB and batch(data).is_sound() and batch(data).plain() is None

    tracemalloc.start()
    records = careful(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    good, large, other = records
    assert (good.value, other.value) == (b"1", b"3")
    assert isinstance(large, CutRecord) and large.reason is Reason.TOO_LARGE
    assert f"{length} bytes" in large.detail and hashlib.sha256(bytes(length)).hexdigest() in large.detail
    assert (large.offset, large.key, len(large.value)) == (101, b"b", 4096)
    assert peak < 4 * MIB


def test_a_batch_that_unpacks_to_more_than_the_limit_is_read_piece_by_piece() -> None:
    one = batch(pack(ZSTD, (record(number, b"k", bytes(30_000)) for number in range(300)), 300, base=100))
    assert one.plain() is None
    found = [record for record in one.careful(TP, 100) if isinstance(record, ConsumerRecord)]
    assert [record.offset for record in found] == list(range(100, 400))
    assert not any(isinstance(record, CutRecord) for record in found)


def test_whoever_unpacks_a_bomb_lets_others_have_their_turn() -> None:
    data = bomb(ZSTD, 64 * MIB)
    assert sum(one is PAUSE for one in batch(data).careful(TP, 100)) >= 6


@pytest.mark.parametrize(
    ("one", "too_large"),
    [
        ((b"k", bytes(BODY_LIMIT_BYTES), []), False),
        ((b"k", bytes(BODY_LIMIT_BYTES + 1), []), True),
        ((b"k", b"", [("h", bytes(HEADERS_LIMIT_BYTES - 2))]), False),
        ((b"k", b"", [("h", bytes(HEADERS_LIMIT_BYTES - 1))]), True),
        ((bytes(HEADERS_LIMIT_BYTES), b"", []), False),
        ((bytes(HEADERS_LIMIT_BYTES + 1), None, []), True),
        ((None, None, [("n" * 9, b"")] * (HEADERS_LIMIT_BYTES // 9 + 1)), True),
        ((None, None, [("", b"")] * 20_000), False),
    ],
)
@pytest.mark.parametrize("codec", CODECS)
def test_the_limits_of_a_record_are_exact_and_the_same_however_it_is_packed(
    one: Written, too_large: bool, codec: int
) -> None:
    for neighbours in ([], [(b"x", bytes(BODY_LIMIT_BYTES + 1), [])]):
        data = written([one, *neighbours], codec)
        plain = batch(data).plain()
        found = list(plain[0]) if plain is not None else careful(data)
        assert isinstance(found[0], CutRecord) is too_large
        if not too_large:
            assert as_written(found)[0][3:] == one


def test_two_large_records_that_begin_alike_are_told_apart_and_one_is_recognised() -> None:
    def large(last: bytes) -> ConsumerRecord:
        (found,) = careful(written([(b"k", bytes(MIB) + last, [])]))
        return found

    assert fingerprint(large(b"a")) == fingerprint(large(b"a"))
    assert fingerprint(large(b"a")) != fingerprint(large(b"b"))


def test_a_header_name_that_is_not_utf8_is_kept_with_its_record_and_nobody_else_reads_slower() -> None:
    data = bytearray(written([(b"k", b"v", [("good", b"1")]), (b"k", b"v", [("QQ", b"2")])]))
    place = data.index(b"QQ")
    data[place : place + 2] = b"\xff\xfe"
    plain = batch(resealed(data)).plain()
    assert plain is not None
    with pytest.raises(UnicodeDecodeError):
        list(plain[0])
    assert [one.headers[0][0] for one in careful(resealed(data))] == ["good", "\udcff\udcfe"]


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_what_is_cut_off_is_read_as_far_as_it_reaches_and_the_rest_is_one_record(codec: int) -> None:
    records: list[Written] = [(b"k", hashlib.sha256(bytes([n])).digest() * 600, []) for n in range(200)]
    whole = written(records, codec)
    cut = with_packed(whole, whole[61 : len(whole) * 2 // 3], codec)

    found = careful(cut, unpacked_bytes=0)

    *good, last = found
    assert isinstance(last, CutRecord) and last.reason is Reason.UNREADABLE
    assert [one.value for one in good] == [value for _, value, _ in records[: len(good)]]
    assert last.offset == 100 + len(good)
    assert f"offsets {last.offset} to 299" in last.detail


def test_bytes_that_no_codec_packed_are_one_unreadable_record() -> None:
    for codec in (GZIP, SNAPPY, LZ4, ZSTD, 5, 7):
        data = with_packed(written([(b"k", b"v", [])] * 3), b"\x93" * 500, codec)
        assert batch(data).plain() is None
        (found,) = careful(data)
        assert (found.offset, found.reason) == (100, Reason.UNREADABLE)


def test_a_batch_that_would_make_work_for_minutes_is_given_up() -> None:
    data = bomb(ZSTD, 64 * MIB)
    good, given_up = careful(data, unpack_most_bytes=16 * MIB)
    assert good.value == b"1"
    assert (given_up.offset, given_up.reason) == (101, Reason.TOO_LARGE)


def test_a_batch_whose_checksum_is_wrong_is_not_sound() -> None:
    data = bytearray(written([(b"k", b"v", [])]))
    assert batch(bytes(data)).is_sound()
    data[-1] ^= 1
    assert not batch(bytes(data)).is_sound()
    assert not batch(bytes(data[:30])).is_sound()


@given(st.sampled_from(CODECS), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_whatever_is_damaged_ends_and_gives_offsets_in_order(codec: int, place: int, damage: bytes) -> None:
    records: list[Written] = [(b"key", bytes([n]) * 50, [("h", b"v")]) for n in range(30)]
    data = bytearray(written(records, codec))
    at = 57 + place % (len(data) - 57)
    data[at : at + len(damage)] = damage
    found = careful(resealed(data))
    offsets = [one.offset for one in found]
    assert offsets == sorted(set(offsets)) and len(found) <= 31


def read_as_a_consumer(log: Sequence[tuple[int, bytes]], *, at_once: int) -> list[ConsumerRecord]:
    """What comes of batches, each with its last offset, of which an answer holds so many."""
    found: list[ConsumerRecord] = []
    offset = 100
    for _ in range(1000):
        left = [data for last, data in log if last >= offset]
        if not left:
            return found
        records = fetching._PartitionRecords(
            TP, fetching._Records(b"".join(left[:at_once])), [], offset, None, None, True, fetcher.READ_UNCOMMITTED
        )
        try:
            found += [one for one in records if one is not PAUSE]
        except CorruptRecordException:
            pass  # It is asked for once more.
        offset = records.next_fetch_offset
    raise AssertionError("there is no end to it")


@given(st.integers(21, 60), st.binary(min_size=1, max_size=8), st.sampled_from([1, 3]))
def test_wherever_a_batch_is_damaged_what_stands_behind_it_is_read(at: int, damage: bytes, at_once: int) -> None:
    """Also where it says how long it is: by that alone all that came later would be lost."""
    first, behind, last = ([(b"k", bytes([n]), [])] * 5 for n in range(3))
    data = bytearray(written(first))
    data[at : at + len(damage)] = damage
    log = [(104, bytes(data)), (109, written(behind, base=105)), (114, written(last, base=110))]
    read = read_as_a_consumer(log, at_once=at_once)
    sound = [one.offset for one in read if not isinstance(one, CutRecord)]
    assert sound[-10:] == list(range(105, 115))
    assert all(one.offset < 105 for one in read if isinstance(one, CutRecord))


@pytest.mark.parametrize("pack", [lambda data: gzip_encode(data) + gzip.compress(b"tail"),
                                  lambda data: lz4_encode(data) + lz4.frame.compress(b"tail"),
                                  lambda data: zstd_encode(data) + zstd_encode(b"tail")])  # fmt: skip
def test_frames_that_follow_each_other_are_read_as_one(pack: Any) -> None:
    data = bytes(100_000)
    packed = pack(data)
    codec = {b"\x1f": GZIP, b"\x04": LZ4, b"\x28": ZSTD}[packed[:1]]
    reader, found = inflater(codec, memoryview(packed)), b""
    while piece := reader.some(1000):
        found += piece
    assert found == data + b"tail"


def test_a_frame_that_wants_more_memory_than_we_give_is_read_only_where_it_is_small() -> None:
    wide = zstandard.ZstdCompressor(compression_params=zstandard.ZstdCompressionParameters(window_log=27))
    large = wide.compressobj()
    small_frame = large.compress(bytes(MIB)) + large.flush()
    with pytest.raises(Unreadable):
        inflater(ZSTD, memoryview(small_frame)).read(1)
    large = wide.compressobj()
    packed = large.compress(record(0, b"k", bytes(1000))) + large.flush()
    data = with_packed(written([(b"k", b"v", [])]), packed, ZSTD)
    plain = batch(data).plain()
    assert plain is not None and len(next(iter(plain[0])).value) == 1000


def test_a_block_of_snappy_that_lies_about_its_size_is_not_believed() -> None:
    with pytest.raises(Unreadable, match="claims to hold"):
        inflater(SNAPPY, memoryview(b"\xff\xff\xff\xff\x0f" + bytes(100))).read(1)


@pytest.mark.long  # It is large.
def test_a_batch_of_small_records_is_read_in_c_however_large_it_is() -> None:
    records: list[Written] = [(b"k", bytes(PLAIN_BYTES - 100), [])] * 30
    plain = batch(written(records)).plain()
    assert plain is not None and PLAIN_BYTES - 100 < plain[1] < PLAIN_BYTES
