"""What was fetched is heard only if it continues the watermark; a log that is not the one heard before is heard anew."""

from __future__ import annotations

import asyncio
import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.backoff import Backoff
from shared.books.watermark import Watermark
from shared.consuming.positioning import Positioning
from shared.consuming.positions import Positions
from shared.contracts.selection import CityQualified
from shared.events.envelope import fingerprint
from shared.events.streams import Partition
from shared.kafka.observer import topic_partition
from shared.testing import body_of, message

PART = Partition("programme.cities", 0)


def records(first: int, last: int, *, log: str = "a") -> tuple[Any, ...]:
    body = body_of(CityQualified)
    return tuple(message(body, event_id=f"{log}-{offset}").record(offset=offset) for offset in range(first, last))


def mark(next_offset: int, *, log: str = "a") -> Watermark:
    if next_offset == 0:
        return Watermark(*PART, 0, None, None, 0, 0, 0)
    (last,) = records(next_offset - 1, next_offset, log=log)
    return Watermark(*PART, next_offset, last.offset, fingerprint(last), next_offset, 0, 0)


def positioned(next_offset: int) -> Positions:
    positions = Positions()
    positions.set(PART, mark(next_offset))
    return positions


def test_a_partition_is_sought_at_its_last_heard_record_which_is_not_heard_twice() -> None:
    positions = Positions()
    assert positions.set(PART, mark(5)) == 4

    (fetched,) = positions.take([records(4, 8)])

    assert (fetched.batch.from_offset, fetched.batch.next_offset) == (5, 8)
    assert [record.offset for record in fetched.batch.records] == [5, 6, 7]


def test_a_new_partition_is_heard_from_its_start() -> None:
    positions = Positions()
    assert positions.set(PART, None) == 0
    assert positions.take([records(0, 3)])[0].batch.from_offset == 0


def test_batches_continue_each_other_across_the_gaps_of_compaction() -> None:
    positions = positioned(0)
    positions.take([records(0, 3)])

    (fetched,) = positions.take([records(7, 9)])

    assert fetched.batch.from_offset == 3


def test_another_record_at_the_watermark_means_another_log() -> None:
    positions = positioned(5)

    assert positions.take([records(4, 8, log="b")]) == []
    assert positions.to_rewind == {PART}
    assert PART not in positions


def test_a_last_record_that_is_gone_means_another_log_too() -> None:
    positions = positioned(5)

    assert positions.take([records(6, 8)]) == []
    assert positions.to_rewind == {PART}


def test_a_log_that_begins_again_below_us_is_dropped_and_positioned_anew() -> None:
    positions = positioned(0)
    positions.take([records(0, 5)])

    assert positions.take([records(0, 2)]) == []
    assert PART not in positions


def test_nothing_is_heard_of_a_partition_that_is_not_positioned() -> None:
    positions = positioned(5)
    positions.drop([PART])

    assert positions.take([records(4, 8)]) == []


def test_what_was_fetched_before_a_seek_is_no_longer_current() -> None:
    positions = positioned(0)
    (before,) = positions.take([records(0, 3)])
    positions.set(PART, mark(0))
    (after,) = positions.take([records(0, 3)])

    assert not positions.is_current(before)
    assert positions.is_current(after)


def test_a_header_without_a_value_has_a_fingerprint_too() -> None:
    record = message(body_of(CityQualified)).record()
    record.headers = [("ce_id", None)]
    known = fingerprint(record)
    record.headers = []
    assert known == fingerprint(record)


def test_a_stream_whose_senders_say_when_it_came_is_named_until_the_broker_does() -> None:
    positions = positioned(0)
    by_sender = [dataclasses.replace(one, timestamp_type=0) for one in records(0, 2)]
    positions.take([by_sender])
    assert positions.stamped_by_senders == {"programme.cities"}
    positions.take([records(2, 3)])
    assert positions.stamped_by_senders == set()


async def test_a_stream_of_which_nobody_tells_where_it_ends_keeps_no_other_one_from_being_heard(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its topic was deleted, or one of its partitions has no leader: after the next rebalance a whole lane would have stood still for it."""
    monkeypatch.setattr("shared.consuming.positioning.WATCH_TIMEOUT_SECONDS", 0.05)
    gone = Partition("programme.teams", 3)

    async def end_offsets(asked: list[Any]) -> dict[Any, int]:
        if topic_partition(gone) in asked:
            await asyncio.sleep(60)
        return dict.fromkeys(asked, 0)

    sought = list[Any]()
    consumer: Any = SimpleNamespace(
        assignment=lambda: {topic_partition(part) for part in (PART, gone)},
        end_offsets=end_offsets,
        seek=lambda tp, offset: sought.append((tp, offset)),
        resume=lambda *_: None,
    )
    positions = Positions()
    lane = Positioning(
        lane="facts", service="enrolment", engine=engine, streams=("programme.cities", "programme.teams"), own=(), gate=None,
        watch_seconds=1, backoff=Backoff(1, 1), positions=positions, consumer=lambda: consumer, writing=lambda: None,
    )  # fmt: skip
    with pytest.raises(TimeoutError):
        await lane._position()
    assert sought == [(topic_partition(PART), 0)]
    assert PART in positions and gone not in positions
