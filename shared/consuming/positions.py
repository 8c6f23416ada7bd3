"""Where a consumer stands: which partitions are positioned at their watermark, and what was fetched from where.

A partition is heard only while it is positioned. Whatever is doubtful (an assignment, a fault, a batch that does not continue
the watermark, a broker that was away) makes it unpositioned: its records are dropped until it has been positioned anew. That is
the one repair there is. To position means to seek to the *last heard record* and hear it again: if it is not the record whose
fingerprint the watermark holds, the log is not the one we heard, and the partition is heard from its start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiokafka import ConsumerRecord

from shared.books.batch import Batch
from shared.books.watermark import Watermark
from shared.events.envelope import fingerprint
from shared.events.streams import Partition

_LOG_APPEND_TIME = 1
"""As Kafka's protocol numbers it."""


@dataclass(eq=False, slots=True)
class Position:
    """One seek and what followed it. A new object at each seek: what was fetched before belongs to another one."""

    next_offset: int
    expect: tuple[int, str] | None
    """Offset and fingerprint of the record that must come first."""


@dataclass(slots=True)
class Fetched:
    """Records of one partition under one position."""

    batch: Batch
    position: Position


class Positions:
    """The positions of one consumer. Synchronous throughout: nothing may happen between a fetch and its bookkeeping."""

    def __init__(self) -> None:
        self._positions: dict[Partition, Position] = {}
        self.to_rewind: set[Partition] = set()
        self.stamped_by_senders: set[str] = set()
        """Streams whose newest record says when its sender meant to send it, and not when the broker got it."""

    def __contains__(self, partition: Partition) -> bool:
        return partition in self._positions

    def partitions(self) -> frozenset[Partition]:
        """Those that have one."""
        return frozenset(self._positions)

    def set(self, partition: Partition, mark: Watermark | None) -> int:
        """Positions at the watermark and returns the offset to seek to."""
        if mark is None or mark.last_offset is None or mark.last_print is None:
            start = mark.next_offset if mark else 0
            self._positions[partition] = Position(start, None)
            return start
        self._positions[partition] = Position(mark.next_offset, (mark.last_offset, mark.last_print))
        return mark.last_offset

    def drop(self, partitions: Iterable[Partition]) -> None:
        for partition in partitions:
            self._positions.pop(partition, None)

    def idle(self, partition: Partition) -> Position | None:
        """The partition's position, if its first record has been checked."""
        position = self._positions.get(partition)
        return position if position is not None and position.expect is None else None

    def reached(self) -> dict[Partition, int]:
        """How far each partition has been read, where its first record has been checked."""
        return {part: position.next_offset for part, position in self._positions.items() if position.expect is None}

    def is_current(self, fetched: Fetched) -> bool:
        """Whether what was fetched still continues its position: no seek came between."""
        return self._positions.get(fetched.batch.partition) is fetched.position

    def take(self, parts: Iterable[Sequence[ConsumerRecord]]) -> list[Fetched]:
        """Notes of freshly fetched records, a part a partition, from where they came. Drops those of doubtful partitions."""
        fetched = []
        for part in parts:
            partition = Partition(part[0].topic, part[0].partition)
            if part[-1].timestamp_type == _LOG_APPEND_TIME:
                self.stamped_by_senders.discard(partition.stream)
            else:
                self.stamped_by_senders.add(partition.stream)
            position = self._positions.get(partition)
            if position is None:
                continue
            if position.expect is not None:
                offset, known_print = position.expect
                if part[0].offset != offset or fingerprint(part[0]) != known_print:
                    self.to_rewind.add(partition)
                    self.drop([partition])
                    continue
                position.expect = None
                part = part[1:]
            elif part[0].offset < position.next_offset:
                self.drop([partition])  # The log begins again below us: it was reset while we read.
                continue
            if part:
                fetched.append(Fetched(Batch(partition, position.next_offset, part), position))
                position.next_offset = part[-1].offset + 1
        return fetched
