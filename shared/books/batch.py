"""A batch: records of one partition in order, and from where they were fetched. What a watermark is moved by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shared.events.envelope import Record
from shared.events.streams import Partition


class NotContinuous(Exception):
    """The batch begins beyond the watermark: what is in flight must be dropped and fetched again."""


@dataclass(slots=True)
class Batch:
    """Records of one partition in order, and the offset they were fetched from."""

    partition: Partition
    from_offset: int
    records: Sequence[Record]

    @property
    def next_offset(self) -> int:
        return self.records[-1].offset + 1
