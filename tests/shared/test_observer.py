"""What is seen of Kafka without consuming."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import UnknownTopicOrPartitionError

from shared.events.streams import STREAMS
from shared.kafka.observer import Observer


@pytest.mark.parametrize(
    ("stream", "found", "says"),
    [
        ("programme.cities", 1, "programme.cities has 1 partition instead of 12"),
        ("programme.cities", 24, "programme.cities has 24 partitions instead of 12"),
        ("programme.rules", 12, "programme.rules has 12 partitions instead of 1"),
        ("programme.cities", 12, None),
        ("programme.cities", None, None),  # Nobody has asked the broker yet.
    ],
)
def test_a_topic_with_another_number_of_partitions_is_named(stream: str, found: int | None, says: str | None) -> None:
    """Made anew by hand, or given more for want of speed: its end would never be reached, or lie in nobody's books."""
    numbers = {name: one.partitions for name, one in STREAMS.items()} | {stream: found}

    def partitions_for_topic(name: str) -> set[int] | None:
        number = numbers[name]
        return None if number is None else set(range(number))

    observer = Observer({})
    assert observer.misshapen(STREAMS) is None
    consumer: Any = SimpleNamespace(partitions_for_topic=partitions_for_topic)
    observer._consumer = consumer
    assert observer.misshapen(STREAMS) == says


async def test_a_topic_that_somebody_deleted_is_named_until_it_is_there_again() -> None:
    """Whoever waits for its end waits; nobody else can say for what."""
    topics = set(STREAMS) - {"programme.needs"}

    async def end_offsets(wanted: list[Any]) -> dict[Any, int]:
        if not {tp.topic for tp in wanted} <= topics:
            raise UnknownTopicOrPartitionError
        return dict.fromkeys(wanted, 0)

    observer = Observer({})
    consumer: Any = SimpleNamespace(
        partitions_for_topic=lambda name: set(range(STREAMS[name].partitions)) if name in topics else None,
        end_offsets=end_offsets,
    )
    observer._consumer = consumer
    with pytest.raises(UnknownTopicOrPartitionError):
        await observer.ends(STREAMS)
    assert observer.misshapen(STREAMS) == "programme.needs is not there"
    assert observer.misshapen(["programme.teams"]) is None
    topics.add("programme.needs")
    await observer.ends(STREAMS)
    assert observer.misshapen(STREAMS) is None


async def test_while_the_broker_is_away_no_topic_is_called_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.kafka.observer.TIMEOUT_SECONDS", 0.01)
    observer = Observer({})
    consumer: Any = SimpleNamespace(
        partitions_for_topic=lambda name: set(range(STREAMS[name].partitions)),
        end_offsets=lambda wanted: asyncio.sleep(60),
    )
    observer._consumer = consumer
    with pytest.raises(TimeoutError):
        await observer.ends(STREAMS)
    assert observer.misshapen(STREAMS) is None
