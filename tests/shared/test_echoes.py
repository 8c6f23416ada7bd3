"""Our own words are fetched once a second: nobody waits for them, and as they come they would cost a fetch and half a transaction each."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from faststream.kafka import KafkaBroker

from shared.books.batch import Batch
from shared.books.watermark import Watermark
from shared.consuming import projector
from shared.consuming.projector import Lane
from shared.events.streams import Partition
from shared.kafka.observer import topic_partition
from shared.settings import ConsumerLimits
from shared.testing import NOON, Message

OWN, SECOND = Partition("enrolment.events", 0), Partition("enrolment.events", 1)
OTHER = Partition("enrolment.requests", 0)
PATIENT = Partition("programme.needs", 0)
MOST = 10


@dataclass
class Log:
    """A lane, and in the place of its consumer what the next fetch finds."""

    lane: Lane
    heard: list[dict[Partition, list[int]]]
    found: dict[TopicPartition, list[Any]] = field(default_factory=dict)
    ends: dict[Partition, int] = field(default_factory=dict)
    paused: set[TopicPartition] = field(default_factory=set)
    answer_by: float | None = None

    @property
    def _fetcher(self) -> Log:
        return self

    async def getmany(self, **_limits: int) -> dict[TopicPartition, list[Any]]:
        fetched = {tp: self.found.pop(tp) for tp in list(self.found) if tp not in self.paused}
        return {tp: records[:MOST] for tp, records in fetched.items()}

    def assignment(self) -> set[TopicPartition]:
        return {topic_partition(part) for part in (OWN, SECOND, OTHER, PATIENT)}

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.paused -= set(partitions)

    def says(self, partition: Partition, number: int, at: dt.datetime = NOON) -> None:
        first = self.ends.get(partition, 0)
        self.ends[partition] = first + number
        record = Message(partition.stream, b"key", b"{}").record
        self.found.setdefault(topic_partition(partition), []).extend(
            record(offset=first + n, at=at) for n in range(number)
        )

    def a_second_later(self) -> None:
        self.lane._again_at = dict.fromkeys(self.lane._again_at, 0.0)

    async def turn(self) -> None:
        """One turn of FastStream's loop."""
        records = await self.lane._fetch_safely(self)
        if records:
            await self.lane._on_batch((await self.lane._take(records)).body)  # type: ignore[arg-type]
        await asyncio.sleep(0)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """A lane whose gate is open, and which comes back to our own words only when it is told to."""
    monkeypatch.setattr(projector, "OWN_SECONDS", 3_600.0)
    heard: list[dict[Partition, list[int]]] = []

    async def hear(batches: Sequence[Batch], _decoded: Any) -> None:
        heard.append({one.partition: [record.offset for record in one.records] for one in batches})

    gate = asyncio.Event()
    gate.set()
    lane = Lane(
        "decisions",
        KafkaBroker("nowhere:9"),
        None,  # type: ignore[arg-type]
        service="enrolment",
        source="rollcall/enrolment",
        streams=(OWN.stream, OTHER.stream, PATIENT.stream),
        own=(OWN.stream,),
        hear=hear,
        limits=ConsumerLimits(batch_records=MOST),
        replica="1",
        gate=gate,
        patience={PATIENT.stream: 3_600.0},
    )
    for partition in (OWN, OTHER, PATIENT):
        lane.positions.set(partition, None)
    log = Log(lane, heard)
    lane.positioning.consumer = lambda: log
    return log


async def test_after_an_echo_no_more_are_fetched_for_a_second(log: Log) -> None:
    log.says(OWN, 1)
    await log.turn()
    log.says(OWN, 2)
    await log.turn()
    assert log.heard == [{OWN: [0]}]
    log.says(OTHER, 1)
    await log.turn()
    assert log.heard == [{OWN: [0]}, {OTHER: [0]}]
    log.a_second_later()
    await log.turn()
    assert log.heard == [{OWN: [0]}, {OTHER: [0]}, {OWN: [1, 2]}]


async def test_others_are_always_listened_to(log: Log) -> None:
    log.says(OWN, 1)
    log.says(OTHER, 1)
    await log.turn()
    assert log.paused == {topic_partition(OWN)}


async def test_before_the_gate_opens_our_own_words_are_heard_at_once(log: Log) -> None:
    assert log.lane.positioning.gate is not None
    log.lane.positioning.gate.clear()
    for _ in range(2):
        log.says(OWN, 1)
        await log.turn()
    assert log.heard == [{OWN: [0]}, {OWN: [1]}]


async def test_of_a_full_batch_of_echoes_there_is_more(log: Log) -> None:
    for _ in range(8):
        log.says(OWN, MOST)
        await log.turn()
    assert [offset for one in log.heard for offset in one[OWN]] == list(range(8 * MOST))


async def test_a_partition_that_became_doubtful_is_left_to_whoever_positions_it(log: Log) -> None:
    log.says(OWN, 2)
    await log.turn()
    log.lane.positions.drop([OWN])
    log.a_second_later()
    await log.turn()
    assert log.paused == {topic_partition(OWN)}


async def test_a_partition_whose_first_record_has_yet_to_be_checked_does_not_rest(log: Log) -> None:
    log.lane.positions.set(SECOND, Watermark(*SECOND, 1, 0, "another print", 0, 0, 0))
    log.says(OWN, 2)
    await log.turn()
    assert log.paused == {topic_partition(OWN)}


async def test_a_stream_for_whose_next_words_nobody_waits_rests_too_once_something_came(log: Log) -> None:
    log.says(PATIENT, 1)
    await log.turn()
    log.says(PATIENT, 2)
    log.says(OTHER, 1)
    await log.turn()
    log.a_second_later()
    await log.turn()
    assert log.heard == [{PATIENT: [0]}, {OTHER: [0]}, {PATIENT: [1, 2]}]


async def test_beside_a_full_batch_of_others_words_it_does_not_rest(log: Log) -> None:
    log.says(OTHER, MOST - 1)
    log.says(PATIENT, 1)
    await log.turn()
    assert log.paused == set()


async def test_a_fetch_under_way_ends_when_what_rests_is_due(log: Log) -> None:
    assert log.answer_by is None
    log.says(PATIENT, 1)
    before = time.monotonic()
    await log.turn()
    assert log.answer_by is not None
    assert 3_590 < log.answer_by - before < 3_610
    log.a_second_later()
    await log.turn()
    assert log.answer_by is None
