"""Compressed bytes, unpacked piece by piece: however little was sent, no more memory is taken than was asked for.

A library that unpacks at once takes what the sender wishes: 2 MiB hold 2 GB as gzip and 64 GB as zstd.
"""

from __future__ import annotations

import struct
import zlib
from abc import ABC, abstractmethod

import cramjam
import lz4.frame
import zstandard

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
"""The codecs of Kafka's record batches, as their attributes number them."""

WINDOW_BYTES = 8 * 1024 * 1024
"""What RFC 8878 recommends every reader of zstd to support; a frame says how much its reader has to remember."""

ANY_WINDOW_BYTES = 128 * 1024 * 1024
"""The largest there is. Memory is touched only as far as the frame is read."""

_SLICE_BYTES = 32 * 1024
"""What is not consumed of an input is copied by these libraries: little is given to them at a time."""
_XERIAL = b"\x82SNAPPY\x00"
_XERIAL_HEADER_BYTES = 16
_SNAPPY_MOST = 24
"""Three bytes copy at most 64: a block that claims to hold more than this many times its size lies."""


class Unreadable(Exception):
    """The bytes are not what they claim to be: damaged, cut off, or made for another reader."""


class Inflater(ABC):
    """Unpacks as it is read."""

    def __init__(self, packed: memoryview) -> None:
        self._packed = packed
        self._at = 0
        self._over = memoryview(b"")

    def some(self, most: int) -> memoryview:
        """The next bytes, at most so many; none at the end. Raises Unreadable."""
        if not self._over:
            self._over = memoryview(self._next(most))
        part, self._over = self._over[:most], self._over[most:]
        return part

    def read(self, most: int) -> bytes:
        """The next bytes, fewer than `most` only at the end. Raises Unreadable, and what it had is lost."""
        found: list[memoryview] = []
        while most and (part := self.some(most)):
            found.append(part)
            most -= len(part)
        return b"".join(found)

    @abstractmethod
    def _next(self, most: int) -> bytes | memoryview:
        """Some more, about this many; none at the end."""

    def _take(self, number: int) -> memoryview:
        part = self._packed[self._at : self._at + number]
        self._at += len(part)
        return part


def inflater(codec: int, packed: memoryview, *, window_bytes: int = WINDOW_BYTES) -> Inflater:
    """Reads what was packed by this codec. Raises Unreadable for one that Kafka does not know."""
    if codec == ZSTD:
        return _Zstd(packed, window_bytes)
    kinds: dict[int, type[Inflater]] = {NONE: _Plain, GZIP: _Gzip, SNAPPY: _Snappy, LZ4: _Lz4}
    if codec not in kinds:
        raise Unreadable(f"there is no codec {codec}")
    return kinds[codec](packed)


class _Plain(Inflater):
    def _next(self, most: int) -> memoryview:
        return self._take(most)


class _Gzip(Inflater):
    """One member behind the other."""

    def __init__(self, packed: memoryview) -> None:
        super().__init__(packed)
        self._member = zlib.decompressobj(wbits=31)

    def _next(self, most: int) -> bytes:
        rest: bytes | memoryview = self._member.unconsumed_tail
        while True:
            if self._member.eof:
                rest = self._member.unused_data or self._take(_SLICE_BYTES)
                if not rest:
                    return b""
                self._member = zlib.decompressobj(wbits=31)
            rest = rest or self._take(_SLICE_BYTES)
            try:
                found = self._member.decompress(rest, most)
            except zlib.error as error:
                raise Unreadable(f"gzip: {error}") from None
            if found:
                return found
            if not rest and not self._member.eof:
                raise Unreadable("gzip: ends before its end")
            rest = self._member.unconsumed_tail


class _Lz4(Inflater):
    """One frame behind the other. A frame's block holds at most 4 MiB."""

    def __init__(self, packed: memoryview) -> None:
        super().__init__(packed)
        self._frame = lz4.frame.LZ4FrameDecompressor()

    def _next(self, most: int) -> bytes:
        for _ in range(len(self._packed) + _SLICE_BYTES):  # Each turn consumes something, or the frame makes no sense.
            more: bytes | memoryview = b""
            if self._frame.eof:
                more = self._frame.unused_data or self._take(_SLICE_BYTES)
                if not more:
                    return b""
                self._frame = lz4.frame.LZ4FrameDecompressor()
            elif self._frame.needs_input:
                more = self._take(_SLICE_BYTES)
                if not more:
                    raise Unreadable("lz4: ends before its end")
            try:
                found: bytes = self._frame.decompress(more, max_length=most)
            except (RuntimeError, ValueError) as error:
                raise Unreadable(f"lz4: {error}") from None
            if found:
                return found
        raise Unreadable("lz4: comes to nothing")


class _Snappy(Inflater):
    """A block is unpacked whole: it grows to at most 22 times its size, and says how large it is."""

    def __init__(self, packed: memoryview) -> None:
        super().__init__(packed)
        self._framed = bytes(packed[: len(_XERIAL)]) == _XERIAL
        if self._framed:
            self._at = _XERIAL_HEADER_BYTES

    def _next(self, most: int) -> memoryview:
        while self._at < len(self._packed):
            found = _snappy_block(self._block())
            if found:
                return found
        return memoryview(b"")

    def _block(self) -> memoryview:
        if not self._framed:
            return self._take(len(self._packed))
        prefix = self._take(4)
        size = struct.unpack(">i", prefix)[0] if len(prefix) == 4 else -1
        block = self._take(max(size, 0))
        if size < 0 or len(block) < size:
            raise Unreadable("snappy: a block ends before its end")
        return block


def _snappy_block(block: memoryview) -> memoryview:
    size = 0
    for place, byte in enumerate(block[:5]):
        size |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            break
    if size > _SNAPPY_MOST * len(block):
        raise Unreadable(f"snappy: a block of {len(block)} bytes claims to hold {size}")
    try:
        return memoryview(cramjam.snappy.decompress_raw(block))
    except cramjam.DecompressionError as error:
        raise Unreadable(f"snappy: {error}") from None


class _Zstd(Inflater):
    def __init__(self, packed: memoryview, window_bytes: int) -> None:
        super().__init__(packed)
        unpack = zstandard.ZstdDecompressor(max_window_size=window_bytes)
        self._reader = unpack.stream_reader(packed, read_size=_SLICE_BYTES, read_across_frames=True)

    def _next(self, most: int) -> bytes:
        try:
            return self._reader.read(most)
        except zstandard.ZstdError as error:
            raise Unreadable(f"zstd: {error}") from None
