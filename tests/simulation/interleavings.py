"""What stands in the partitions, and all the ways in which it can be heard: any interleaving, any batches, some of it twice.

The order inside a partition is fixed, everything else is chance.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord
from hypothesis import strategies as st

from shared.books.batch import Batch
from shared.contracts.model import Event
from shared.events.decoding import decode
from shared.events.streams import STREAMS, Partition
from shared.testing import NOON, Message, message

PARTITIONS = 2
"""Of each stream but the rules: enough for two aggregates of a kind to have no order between them."""


@dataclass(frozen=True)
class Said:
    """One record to be. The writer's clock is that of the log."""

    body: Event
    source: str
    version: int | None
    """None: the writer numbers nothing."""
    id: str
    bare: bool = False
    """An empty value: a tombstone."""

    def message(self, at: dt.datetime) -> Message:
        made = message(self.body, source=self.source, version=self.version, event_id=self.id, at=at)
        return Message(made.stream, made.key, None) if self.bare else made


class Programme:
    """The records of every partition, in the order in which they were appended."""

    def __init__(self, said: Sequence[Said]) -> None:
        self.partitions: dict[Partition, list[ConsumerRecord]] = {}
        self._told: list[str] = []
        first: dict[str, dt.datetime] = {}
        for number, one in enumerate(said):
            appended_at = NOON + dt.timedelta(seconds=number)
            stated_at = first.setdefault(one.id, appended_at)  # A record sent twice says the same time twice.
            ready = one.message(stated_at)
            part = Partition(ready.stream, partition_number(ready))
            records = self.partitions.setdefault(part, [])
            records.append(ready.record(offset=len(records), partition=part.number, at=appended_at))
            what = " ".join(f"{name}={value}" for name, value in one.body.model_dump(exclude_none=True).items())
            self._told.append(
                f"{part.stream}/{part.number}@{len(records) - 1}  {one.id} {one.source} v{one.version} "
                f"{'tombstone' if one.bare else type(one.body).__name__} {what}"
            )

    def of(self, streams: Iterable[str]) -> dict[Partition, list[ConsumerRecord]]:
        """The partitions of some streams, in canonical order."""
        known = list(STREAMS)
        ordered = sorted(self.partitions, key=lambda part: (known.index(part.stream), part.number))
        return {part: self.partitions[part] for part in ordered if part.stream in set(streams)}

    def __repr__(self) -> str:
        return "\n  ".join(["Programme:", *self._told])


def partition_number(one: Message) -> int:
    return zlib.crc32(one.key or b"") % min(PARTITIONS, STREAMS[one.stream].partitions)


@dataclass(frozen=True)
class Step:
    """One turn of a lane: which partitions it takes from, how many records of each, and how many it hears once more."""

    first: int
    partitions: int
    records: int
    again: int


steps = st.builds(
    Step, first=st.integers(0, 15), partitions=st.integers(1, 3), records=st.integers(1, 6), again=st.integers(0, 2)
)
interleavings = st.lists(steps, max_size=40)
"""What is left when the steps are used up follows in canonical order."""


def batches_of(
    partitions: Mapping[Partition, Sequence[ConsumerRecord]], lanes: Sequence[Sequence[str]], turns: Sequence[Step]
) -> Iterator[list[Batch]]:
    """Every record at least once, each partition in its order: the batches of several lanes in one of many interleavings."""
    heard = dict.fromkeys(partitions, 0)

    def take(part: Partition, turn: Step | None) -> Batch:
        start = max(0, heard[part] - turn.again) if turn else heard[part]
        end = min(heard[part] + turn.records, len(partitions[part])) if turn else len(partitions[part])
        heard[part] = end
        return Batch(part, start, partitions[part][start:end])

    def left() -> list[Partition]:
        return [part for part in partitions if heard[part] < len(partitions[part])]

    for turn in turns:
        if waiting := left():
            lane = next(lane for lane in lanes if waiting[turn.first % len(waiting)].stream in lane)
            same = [part for part in waiting if part.stream in lane]
            start = turn.first % len(same)
            yield [take(part, turn) for part in (same[start:] + same[:start])[: turn.partitions]]
    for part in left():
        yield [take(part, None)]


def decoded(batches: Sequence[Batch]) -> list[list[Any]]:
    return [[decode(record) for record in batch.records] for batch in batches]
