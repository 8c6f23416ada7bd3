"""Our own words come along with others' records: nobody waits for them, and alone they would cost a transaction each."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition
from faststream.kafka import KafkaBroker

from shared.books.batch import Batch
from shared.consuming import projector
from shared.consuming.projector import Lane
from shared.events.streams import Partition
from shared.kafka.observer import topic_partition
from shared.settings import ConsumerLimits
from shared.testing import NOON, Message

OWN, OTHER = Partition("enrolment.events", 0), Partition("enrolment.requests", 0)
MOST = 10


@dataclass
class Log:
    """A lane, and in the place of its consumer what the next fetch finds."""

    lane: Lane
    heard: list[dict[Partition, list[int]]]
    found: dict[TopicPartition, list[Any]] = field(default_factory=dict)
    ends: dict[Partition, int] = field(default_factory=dict)
    """What listeners were told: since when there is news."""

    async def getmany(self, **_limits: int) -> dict[TopicPartition, list[Any]]:
        found, self.found = self.found, {}
        return found

    def says(self, partition: Partition, number: int, at: dt.datetime = NOON) -> None:
        first = self.ends.get(partition, 0)
        self.ends[partition] = first + number
        record = Message(partition.stream, b"key", b"{}").record
        self.found[topic_partition(partition)] = [record(offset=first + n, at=at) for n in range(number)]

    async def turn(self) -> None:
        """One turn of FastStream's loop."""
        records = await self.lane._fetch_safely(self)
        if records:
            await self.lane._on_batch((await self.lane._take(records)).body)  # type: ignore[arg-type]
        await asyncio.sleep(0)


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    """A lane whose gate is open, and whose echoes wait for longer than any test takes."""
    monkeypatch.setattr(projector, "ECHO_MS", 3_600_000)
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
        streams=(OWN.stream, OTHER.stream),
        own=(OWN.stream,),
        hear=hear,
        limits=ConsumerLimits(batch_records=MOST),
        replica="1",
        gate=gate,
    )
    for partition in (OWN, OTHER):
        lane.positions.set(partition, None)
    return Log(lane, heard)


async def heard_once(log: Log) -> None:
    """From now on an echo is one that follows closely."""
    log.says(OTHER, 1)
    await log.turn()
    log.heard.clear()


async def test_an_echo_is_heard_with_the_next_record_of_others(log: Log) -> None:
    await heard_once(log)
    for _ in range(2):
        log.says(OWN, 2)
        await log.turn()
    assert log.heard == []
    log.says(OTHER, 1)
    await log.turn()
    assert log.heard == [{OWN: [0, 1, 2, 3], OTHER: [1]}]


async def test_an_echo_that_nobody_follows_is_heard_after_a_while(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    await heard_once(log)
    log.says(OWN, 1)
    await log.turn()
    assert log.heard == []
    log.lane._echoes_at = 0.0
    await log.turn()
    assert log.heard == [{OWN: [0]}]


async def test_before_the_gate_opens_our_own_words_are_heard_at_once(log: Log) -> None:
    assert log.lane.positioning.gate is not None
    log.lane.positioning.gate.clear()
    for _ in range(2):
        log.says(OWN, 1)
        await log.turn()
    assert log.heard == [{OWN: [0]}, {OWN: [1]}]


async def test_echoes_do_not_pile_up_beyond_a_batch(log: Log) -> None:
    await heard_once(log)
    for _ in range(8):
        log.says(OWN, MOST)
        await log.turn()
    assert [offset for one in log.heard for offset in one[OWN]] == list(range(8 * MOST))
    assert max(len(one[OWN]) for one in log.heard) < 2 * MOST


async def test_an_echo_of_a_partition_that_became_doubtful_is_not_heard(log: Log) -> None:
    await heard_once(log)
    log.says(OWN, 2)
    await log.turn()
    log.lane.positions.drop([OWN])
    log.says(OTHER, 1)
    await log.turn()
    assert log.heard == [{OTHER: [1]}]
