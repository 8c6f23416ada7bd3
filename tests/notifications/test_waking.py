"""Who wakes whom: whatever is heard, by whichever way, listeners are told since when there is news."""

from __future__ import annotations

import asyncio
import datetime as dt

from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import store
from services.notifications.app import SERVICE
from shared.books.batch import Batch
from shared.contracts.directory import PersonRegistered
from shared.contracts.rules import SourceTakenOver
from shared.deciding.retry import POLL_SECONDS, ParkedRetry
from shared.deciding.transaction import Desk
from shared.events.streams import Partition
from shared.testing import NOON, Message, body_of, decoded, message


async def hear(desk: Desk, said: Message, *, offset: int = 0, at: dt.datetime = NOON) -> None:
    batch = Batch(Partition(said.stream, 0), offset, [said.record(offset=offset, at=at)])
    await desk.hear([batch], [[decoded(said, offset=offset, at=at)]])


async def test_a_takeover_is_followed_at_once_by_what_it_lets_in(engine: AsyncEngine) -> None:
    desk = Desk(engine, SERVICE, said=lambda: None)
    may_decide, looked, looks = asyncio.Event(), asyncio.Event(), 0

    class Looking(ParkedRetry):
        async def let_in(self) -> int:
            nonlocal looks
            looks += 1
            looked.set()
            return 0

    may_decide.set()
    retry = Looking(engine, SERVICE, desk, may_decide=may_decide)
    desk.handed_over = retry.wake
    running = asyncio.create_task(retry.run())
    await looked.wait()
    looked.clear()
    rule = SourceTakenOver(rule_id="w", in_stream="programme.cities", from_source="urn:one", to_source="urn:two")
    said = message(rule, source="urn:office", at=NOON)
    async with asyncio.timeout(POLL_SECONDS / 2):
        await hear(desk, said)
        await looked.wait()
    assert looks == 2
    running.cancel()


async def test_what_a_takeover_lets_in_is_news_since_it_was_appended(engine: AsyncEngine) -> None:
    told: list[dt.datetime] = []
    desk = Desk(engine, SERVICE, said=lambda: None, changed=told.append)
    long_ago = NOON - dt.timedelta(days=9)
    person = body_of(PersonRegistered)
    await hear(desk, message(person, source="urn:one", at=long_ago), at=long_ago)
    await hear(
        desk, message(person, source="urn:two", version=2, at=long_ago), offset=1, at=long_ago + dt.timedelta(days=1)
    )
    rule = SourceTakenOver(rule_id="r", in_stream="programme.people", from_source="urn:one", to_source="urn:two")
    await hear(desk, message(rule, source="urn:office", at=long_ago))
    may_decide = asyncio.Event()
    may_decide.set()
    assert told == []  # Lanes speak for themselves.
    assert await ParkedRetry(engine, SERVICE, desk, may_decide=may_decide).let_in() == 1
    assert told == [long_ago + dt.timedelta(days=1)]
    async with engine.connect() as connection:
        (row,) = (await connection.execute(store.PERSON.select())).all()
    assert row.source == "urn:two"
