"""What is seen of Kafka without consuming."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

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
