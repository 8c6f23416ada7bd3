"""Who wakes whom: whatever is heard, by whichever way, listeners are told since when there is news."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import tables
from services.notifications.app import SERVICE
from services.notifications.ledger import Notice, Told
from shared.books.batch import Batch
from shared.contracts.directory import ContactRegistered, PersonErased, PersonRegistered
from shared.contracts.notifications import NoticeSent
from shared.contracts.rules import SourceTakenOver
from shared.deciding.facts import FactWriter
from shared.deciding.news import News
from shared.deciding.retry import POLL_SECONDS, ParkedRetry
from shared.deciding.transaction import Decider
from shared.events.streams import Partition
from shared.state.rows import EVERY_ROW
from shared.testing import NOON, Message, body_of, decoded, message


async def hear(decider: Decider | FactWriter, said: Message, *, offset: int = 0, at: dt.datetime = NOON) -> None:
    batch = Batch(Partition(said.stream, 0), offset, [said.record(offset=offset, at=at)])
    await decider.hear([batch], [[decoded(said, offset=offset, at=at)]])


async def test_a_takeover_is_followed_at_once_by_what_it_lets_in(engine: AsyncEngine) -> None:
    decider = Decider(engine, SERVICE)
    may_decide, looked, looks = asyncio.Event(), asyncio.Event(), 0

    class Looking(ParkedRetry):
        async def let_in(self) -> int:
            nonlocal looks
            looks += 1
            looked.set()
            return 0

    may_decide.set()
    retry = Looking(engine, SERVICE, decider, may_decide=may_decide)
    decider.handed_over = retry.wake
    running = asyncio.create_task(retry.run())
    await looked.wait()
    looked.clear()
    rule = SourceTakenOver(rule_id="w", in_stream="programme.cities", from_source="urn:one", to_source="urn:two")
    said = message(rule, source="urn:office", at=NOON)
    async with asyncio.timeout(POLL_SECONDS / 2):
        await hear(decider, said)
        await looked.wait()
    assert looks == 2
    running.cancel()


async def test_what_a_takeover_lets_in_is_news_since_it_was_appended(engine: AsyncEngine) -> None:
    told: list[News] = []
    decider = Decider(engine, SERVICE, changed=told.append)
    long_ago = NOON - dt.timedelta(days=9)
    person = body_of(PersonRegistered)
    await hear(decider, message(person, source="urn:one", at=long_ago), at=long_ago)
    await hear(
        decider, message(person, source="urn:two", version=2, at=long_ago), offset=1, at=long_ago + dt.timedelta(days=1)
    )
    rule = SourceTakenOver(rule_id="r", in_stream="programme.people", from_source="urn:one", to_source="urn:two")
    await hear(decider, message(rule, source="urn:office", at=long_ago))
    may_decide = asyncio.Event()
    may_decide.set()
    told.clear()
    assert await ParkedRetry(engine, SERVICE, decider, may_decide=may_decide).let_in() == 1
    assert told == [News(long_ago + dt.timedelta(days=1), frozenset({PersonRegistered}))]
    async with engine.connect() as connection:
        (row,) = (await connection.execute(tables.PERSON.select())).all()
    assert row.source == "urn:two"


async def test_whatever_others_say_is_news_since_it_was_appended_whichever_lane_hears_it(engine: AsyncEngine) -> None:
    told: list[News] = []
    decider = Decider(engine, SERVICE, changed=told.append)
    facts = FactWriter(engine, SERVICE, decider, changed=told.append)
    earlier = NOON - dt.timedelta(hours=1)
    await hear(facts, message(body_of(PersonRegistered), at=earlier), at=earlier)  # The first of a partition.
    await hear(facts, message(body_of(PersonRegistered), at=earlier, version=2), offset=1, at=earlier)
    await hear(facts, Message("programme.people", b"person-1", None), offset=2)
    await hear(decider, message(body_of(ContactRegistered), at=NOON))
    assert [news.since for news in told] == [earlier, earlier, NOON, NOON]
    kinds = (PersonRegistered, PersonRegistered, PersonErased, ContactRegistered)
    assert [news.kinds for news in told] == [{kind} for kind in kinds]


async def test_our_own_echo_is_no_news(engine: AsyncEngine) -> None:
    told: list[News] = []
    await hear(
        Decider(engine, SERVICE, changed=told.append), message(body_of(NoticeSent), at=NOON, source=SERVICE.source)
    )
    assert told == []


async def test_what_is_heard_again_is_no_news(engine: AsyncEngine) -> None:
    told: list[News] = []
    decider = Decider(engine, SERVICE, changed=told.append)
    for _ in range(2):
        await hear(decider, message(body_of(ContactRegistered), at=NOON))
    assert told == [News(NOON, frozenset({ContactRegistered}))]


async def test_whoever_decides_tells_of_it_by_committing_and_nobody_is_told_of_what_was_rolled_back(
    engine: AsyncEngine,
) -> None:
    said: list[str] = []
    decider = Decider(engine, SERVICE, said=lambda facts: said.extend(type(one.body).__name__ for one in facts))

    async def decides() -> None:
        async with decider.unit_of_work() as (connection, thought):
            working = SERVICE.working(NOON)
            for kind in (Notice, Told):
                working[kind].loaded((), EVERY_ROW)
            working.say(body_of(NoticeSent))
            await decider.write(connection, working)
            thought.add(working)
            if not said:
                said.append("nothing yet")
                raise RuntimeError

    with pytest.raises(RuntimeError):
        await decides()
    assert said == ["nothing yet"]
    await decides()
    assert said == ["nothing yet", "NoticeSent"]
