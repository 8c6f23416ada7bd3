"""A reader for record batches that survives header names which are not UTF-8. Kafka's protocol says they are; producers may differ.

aiokafka decodes them strictly while it unpacks a fetch, so that one such record stops every partition of the consumer for good. Its
fast reader is kept until the first such record is met; then this one, about ten times slower, takes its place in the process.
"""

from __future__ import annotations

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy


class _LenientBytes(bytearray):
    """Bytes whose text keeps what is not UTF-8 as lone surrogates, which shared.decoding sets aside."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _LenientBytes(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "surrogateescape") -> str:
        return bytes(self).decode(encoding, "surrogateescape")


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types
    _buffer: bytearray

    def _read_msg(self, *arguments: Any, **keywords: Any) -> Any:
        if not isinstance(self._buffer, _LenientBytes):  # Uncompressing has put another buffer in its place.
            self._buffer = _LenientBytes(self._buffer)
        return super()._read_msg(*arguments, **keywords)


class _TolerantRecords(_MemoryRecordsPy):  # type: ignore[misc]
    def next_batch(self, *arguments: Any, **keywords: Any) -> Any:
        whole = self._next_slice
        batch = super().next_batch(*arguments, **keywords)
        return (
            _TolerantBatch(whole) if whole is not None and batch.base_offset is not None and whole[16] >= 2 else batch
        )


def install() -> None:
    """From now on, every consumer of this process reads tolerantly."""
    fetcher.MemoryRecords = _TolerantRecords
