"""Several statements in one round trip come to what they come to one after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from services.attendance.app import service_of
from services.attendance.state import MeetingList, Place, Session, session_of
from services.attendance.store import LIST_TABLE, METADATA, PLACE, SESSION, TABLES
from shared.books.watermark import WATERMARK, Move, lock, move_locked
from shared.contracts.enrolment import Standing
from shared.deciding.transaction import Decider
from shared.events.streams import Partition
from shared.outbox.journal import JOURNAL, OUTBOX, enter
from shared.postgres import roundtrips
from shared.postgres.database import MACHINERY
from shared.postgres.roundtrips import Reads, Writes
from shared.state.rows import Row, Rows
from shared.testing import NOON, heard
from tests.attendance.building import RULES, day, enrolled, scheduled
from tests.databases import Databases
from tests.sent import sent


@pytest.fixture(scope="module")
async def engine(databases: Databases) -> AsyncIterator[AsyncEngine]:
    made = create_async_engine(databases.empty())
    async with made.begin() as connection:
        for schema in ("projection", "kept"):
            await connection.execute(sa.schema.CreateSchema(schema))
        for metadata in (MACHINERY, METADATA):
            await connection.run_sync(metadata.create_all)
    yield made
    await made.dispose()


@pytest.fixture
async def connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """What a test writes is gone after it."""
    async with engine.connect() as connected:
        yield connected
        await connected.rollback()


@pytest.fixture
def asked() -> Iterator[list[str]]:
    """Every statement that Postgres was sent since."""
    with sent() as statements:
        yield statements


def session(number: int) -> Session:
    return session_of(scheduled(day("day-1"), day("day-2", days_later=1), session_id=f"session-{number}"))


def place(number: int) -> Place:
    return Place(
        "rollcall/enrolment",
        number,
        True,
        f"e-{number}",
        NOON,
        "session-1",
        f"p-{number}",
        None,
        Standing.ENROLLED,
        None,
        None,
        NOON,
    )


async def written(connection: AsyncConnection, *rows: Row) -> None:
    for row in rows:
        writes, some = Writes(), Rows(type(row))
        some.put(row)
        writes.save(TABLES[type(row)], some)
        await writes.run(connection)


async def read(connection: AsyncConnection, people: list[int]) -> tuple[Rows[Session], Rows[Place]]:
    reads, sessions, places = Reads(connection), Rows(Session), Rows(Place)
    reads.by_key(sessions, SESSION, [("session-1",), ("session-2",), ("nowhere",)])
    reads.by_key(places, PLACE, [("session-1", f"p-{number}") for number in people])
    await reads.run()
    return sessions, places


@pytest.mark.parametrize(("most", "statements"), [(roundtrips.FEW, 1), (2, 2)])
async def test_few_rows_are_read_together_and_many_one_by_one_and_they_are_the_same(
    connection: AsyncConnection, asked: list[str], monkeypatch: pytest.MonkeyPatch, most: int, statements: int
) -> None:
    monkeypatch.setattr(roundtrips, "FEW", most)
    first, second = session(1), session(2)
    await written(connection, first, second, place(1), place(2))
    asked.clear()
    sessions, places = await read(connection, [1, 2, 3])
    assert len(asked) == statements
    assert sorted(sessions, key=lambda row: row.session_id) == [first, second]
    assert sorted(places, key=lambda row: row.person_id) == [place(1), place(2)]


@pytest.mark.parametrize(("others", "statements"), [(1, 1), (3, 2)])
async def test_what_is_seldom_there_is_read_together_however_many_are_asked_for(
    connection: AsyncConnection, asked: list[str], monkeypatch: pytest.MonkeyPatch, others: int, statements: int
) -> None:
    monkeypatch.setattr(roundtrips, "FEW", 2)
    one = session(1)
    await written(connection, place(1), one)
    asked.clear()
    reads, places, sessions, lists = Reads(connection), Rows(Place), Rows(Session), Rows(MeetingList)
    reads.by_key(places, PLACE, [("session-1", f"p-{number}") for number in range(1, 5)], seldom=True)
    reads.by_key(lists, LIST_TABLE, [("session-1", "day-1")], seldom=True)
    reads.by_key(sessions, SESSION, [(f"session-{number + 1}",) for number in range(others)])
    await reads.run()
    assert len(asked) == statements
    assert (list(places), list(sessions), list(lists)) == ([place(1)], [one], [])


async def test_what_changed_in_memory_is_not_read_over(connection: AsyncConnection) -> None:
    await written(connection, place(1), session(1))
    reads, places, sessions = Reads(connection), Rows(Place), Rows(Session)
    mine = dataclasses.replace(place(1), state=Standing.WITHDRAWN)
    places.put(mine)
    reads.by_key(places, PLACE, [Place.key_of(place(1))])
    reads.by_key(sessions, SESSION, [("session-1",)])
    await reads.run()
    assert list(places) == [mine]


async def test_each_run_reads_what_was_added_since_the_last_one(connection: AsyncConnection, asked: list[str]) -> None:
    reads = Reads(connection)
    await reads.run()
    reads.rows(Rows(Place), sa.select(PLACE))
    await reads.run()
    await reads.run()
    assert len(asked) == 1


async def test_statements_of_one_round_do_not_mean_different_things_by_one_name(connection: AsyncConnection) -> None:
    reads = Reads(connection)
    for person in ("p-1", "p-2"):
        reads.by_key(Rows(Place), PLACE, [("session-1", person)])
    with pytest.raises(ValueError, match="place_person_id"):
        await reads.run()


async def test_what_is_asked_does_not_depend_on_the_order_in_which_facts_come(
    connection: AsyncConnection, asked: list[str], engine: AsyncEngine
) -> None:
    """Each order would be a statement of its own: 20 ms to make and to plan, and kept for ever."""
    decider = Decider(engine, service_of(RULES))
    facts = [scheduled(day("day-1")), enrolled("p-1")]
    asked_for = []
    for inputs in (facts, facts[::-1]):
        asked.clear()
        await decider.think(connection, inputs)
        asked_for.append(asked[0])
        await connection.rollback()
    assert "place" in asked_for[0]
    assert asked_for[0] == asked_for[1]


async def test_rows_entries_and_watermarks_are_written_in_one_statement(
    connection: AsyncConnection, asked: list[str]
) -> None:
    part = Partition("attendance.scans", 0)
    await lock(connection, [part])
    await written(connection, place(1))
    gone, new = Rows(Place), Rows(Session)
    gone.loaded([place(1)])
    gone.remove(*Place.key_of(place(1)))
    gone.put(place(2))
    new.put(session(1))
    said = [heard(scheduled().body, event_id=f"said-{number}", at=NOON) for number in range(3)]
    asked.clear()
    writes = Writes()
    writes.save(PLACE, gone)
    writes.save(SESSION, new)
    enter(writes, said)
    move_locked(writes, [Move(*part, 0, 5, 4, "print", 5)])
    await writes.run(connection)
    assert len(asked) == 1
    assert (await connection.execute(sa.select(PLACE.c.person_id))).scalars().all() == ["p-2"]
    assert (await connection.execute(sa.select(SESSION.c.session_id))).scalars().all() == ["session-1"]
    staged = sa.select(OUTBOX.c.event_id).join(JOURNAL).order_by(OUTBOX.c.position)
    assert (await connection.execute(staged)).scalars().all() == ["said-0", "said-1", "said-2"]
    assert (await connection.execute(sa.select(WATERMARK.c.next_offset))).scalars().all() == [5]


async def test_a_watermark_that_is_not_where_it_was_seen_is_not_moved(connection: AsyncConnection) -> None:
    part = Partition("attendance.scans", 0)
    await lock(connection, [part])
    writes = Writes()
    move_locked(writes, [Move(*part, 3, 5, 4, "print", 2)])
    with pytest.raises(RuntimeError, match="were to be written"):
        await writes.run(connection)
