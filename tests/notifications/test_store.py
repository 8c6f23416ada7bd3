"""The ledger on a real Postgres: SQL and the pure rules agree, own facts restore what was told, the API settles doubts."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifications import differences, reading, store
from services.notifications.app import SERVICE
from services.notifications.decisions import Outcome, Result, claim, difference, operator_says, settle
from services.notifications.ledger import NO_PLACE, Belief, Notice, OpenNotice, Told
from services.notifications.state import CANCELLED, SCHEDULED
from shared.contracts.enrolment import Standing
from shared.contracts.notifications import NoticeOutcome
from shared.database import rows_as
from shared.deciding import Desk
from shared.envelope import Heard, subject_of
from shared.roundtrips import Reads, Writes
from shared.rows import Row, Rows
from shared.working import Said, Working
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    MONDAY,
    NOW,
    TERMS,
    TUESDAY,
    contact,
    content,
    person,
    place,
    session,
    topic,
    town,
)


async def write(connection: AsyncConnection, *rows: Row) -> None:
    for row in rows:
        written, writes = Rows(type(row)), Writes()
        written.put(row)
        writes.save(SERVICE.table(type(row)), written)
        await writes.run(connection)


def told(state: Belief, days: str, given_up: str | None, number: int) -> Told | None:
    if days == "unknown":
        return None
    said = {"monday": content(), "tuesday": content(session(TUESDAY)), "nothing": None}[days]
    ends_at = said.ends_at if said else None
    return Told(
        f"person-{number}", f"session-{number}", "notice-0", 0, state, said.hash if said else None, said, None, given_up, ends_at
    )  # fmt: skip


async def test_sql_finds_exactly_the_differences_that_the_rules_find(engine: AsyncEngine) -> None:
    """Every combination of what is true and what was told, judged twice."""
    expected = set[tuple[str, str]]()
    after = NOW + dt.timedelta(hours=1)
    since = BEFORE + dt.timedelta(days=1)
    async with engine.begin() as connection:
        await write(connection, town(), topic())
        combinations = itertools.product(
            (Standing.ENROLLED, Standing.WAITLISTED, Standing.WITHDRAWN),
            (BEFORE, after),
            (SCHEDULED, CANCELLED),
            (BEFORE, after),
            ("unknown", "monday", "tuesday", "nothing"),
            (None, NO_PLACE, session().content),
        )
        for number, (standing, place_at, state, session_at, days, given_up) in enumerate(combinations):
            person_id, session_id = f"person-{number}", f"session-{number}"
            its_place = place(standing, person_id=person_id, session_id=session_id, heard_at=place_at)
            its_session = session(session_id=session_id, heard_at=session_at, state=state)
            was_told = told(Belief.YES, days, given_up, number)
            rows = [its_place, its_session, person(person_id), contact(person_id), was_told]
            await write(connection, *(row for row in rows if row))
            if difference(was_told, its_place, its_session, now=NOW, since=since):
                expected.add((person_id, session_id))
        await differences.plan_all(connection, now=NOW, since=since, most=10_000)
        found = rows_as(OpenNotice, await connection.execute(sa.select(store.OPEN)))
    assert {(one.person_id, one.session_id) for one in found} == expected
    assert 50 < len(expected) < 250


@pytest.fixture
async def open_confirmation(engine: AsyncEngine) -> AsyncEngine:
    """One place of which nobody has been told yet."""
    async with engine.begin() as connection:
        await write(connection, town(), topic(), person(), contact(), session(), place())
        assert await differences.plan_all(connection, now=NOW, since=LONG_AGO, most=10) == 1
    return engine


async def attempt(engine: AsyncEngine, *results: Result) -> list[Said]:
    """Claims and settles the one open notice again and again."""
    said = []
    for number, result in enumerate(results):
        async with engine.begin() as connection:
            working = SERVICE.working(NOW + dt.timedelta(minutes=number))
            [(notice, truth)] = await store.take(connection, working, most=10)
            taken = claim(working, notice, truth, "lease", TERMS)
            assert taken is not None
            await store.write(connection, SERVICE, working)
        async with engine.begin() as connection:
            working = SERVICE.working(NOW + dt.timedelta(minutes=number))
            await store.load_leased(connection, working, [("person-1", "session-1")], "lease")
            for one in working[OpenNotice]:
                settle(working, one, Outcome(result, "smtp_550"), TERMS)
            await store.write(connection, SERVICE, working)
        said += working.said
    return said


async def plans(engine: AsyncEngine, now: dt.datetime = NOW) -> int:
    async with engine.begin() as connection:
        return await differences.plan_all(connection, now=now, since=LONG_AGO, most=10)


async def test_what_is_planned_twice_is_one_notice(open_confirmation: AsyncEngine) -> None:
    assert await plans(open_confirmation) == 0
    async with open_confirmation.begin() as connection:
        pairs = [("person-1", "session-1")]
        assert await differences.plan_named(connection, pairs, now=NOW, since=LONG_AGO, most=10) == 0


async def test_an_outcome_without_the_lease_is_not_written(open_confirmation: AsyncEngine) -> None:
    async with open_confirmation.begin() as connection:
        working = SERVICE.working(NOW)
        await store.load_leased(connection, working, [("person-1", "session-1")], "somebody-else")
        assert len(working[OpenNotice]) == 0


def heard_back(said: Said) -> Heard[NoticeOutcome]:
    body = said.body
    assert isinstance(body, NoticeOutcome)
    return Heard(
        stream="notifications.events",
        partition=0,
        offset=0,
        appended_at=NOW,
        event_id=said.event_id,
        source=SERVICE.source,
        subject=subject_of(body),
        stated_at=said.said_at,
        version=said.version,
        numbered=True,
        correlation_id=None,
        causation_id=None,
        traceparent=None,
        body=body,
    )


async def test_a_database_older_than_our_stream_learns_what_was_mailed(open_confirmation: AsyncEngine) -> None:
    engine = open_confirmation
    said = await attempt(engine, Result.SENT)
    async with engine.begin() as connection:  # Last night's backup: the notice was planned, and nothing sent.
        for table in ("projection.notice", "projection.told", "kept.outbox", "kept.journal", "kept.open_notice"):
            await connection.execute(sa.text(f"delete from {table}"))  # noqa: S608
    assert await plans(engine) == 1
    desk = Desk(engine, SERVICE, said=lambda: None)
    async with engine.begin() as connection:
        await desk.think(connection, [heard_back(one) for one in said])
    async with engine.begin() as connection:
        working = SERVICE.working(NOW)
        [(notice, truth)] = await store.take(connection, working, most=10)
        assert claim(working, notice, truth, "lease", TERMS) is None
        await store.write(connection, SERVICE, working)
    assert await plans(engine) == 0


async def test_hearing_outcomes_again_comes_to_the_same_rows(open_confirmation: AsyncEngine) -> None:
    engine = open_confirmation
    said = await attempt(engine, Result.DOUBTFUL, Result.DOUBTFUL)

    async def rows() -> tuple[list[Notice], list[Told]]:
        async with engine.connect() as connection:
            return (
                rows_as(Notice, await connection.execute(sa.select(store.NOTICE))),
                rows_as(Told, await connection.execute(sa.select(store.TOLD))),
            )

    live = await rows()
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from projection.notice"))
        await connection.execute(sa.text("delete from projection.told"))
        await Desk(engine, SERVICE, said=lambda: None).think(connection, [heard_back(one) for one in said])
    again = await rows()
    assert again[1] == live[1]
    assert [replace(one, heard_at=NOW) for one in again[0]] == [replace(one, heard_at=NOW) for one in live[0]]


async def settled_by_operator(connection: AsyncConnection, notice_id: str, *, sent: bool) -> Working:
    working = SERVICE.working(NOW)
    notice = await store.load_settled(connection, working, notice_id)
    assert notice is not None
    operator_says(working, notice, sent=sent)
    await store.write(connection, SERVICE, working)
    return working


@pytest.mark.parametrize(("sent", "planned"), [(True, 0), (False, 1)])
async def test_an_operators_word_is_a_second_fact_about_the_notice(
    open_confirmation: AsyncEngine, sent: bool, planned: int
) -> None:
    engine = open_confirmation
    [first] = await attempt(engine, Result.DOUBTFUL, Result.DOUBTFUL)
    assert isinstance(first.body, NoticeOutcome)
    assert await plans(engine) == 0
    async with engine.begin() as connection:
        working = await settled_by_operator(connection, first.body.notice_id, sent=sent)
    assert [one.version for one in working.said] == [2]
    assert await plans(engine) == planned


async def test_the_books_say_what_waits_and_what_was_done(open_confirmation: AsyncEngine) -> None:
    engine = open_confirmation
    await attempt(engine, Result.DOUBTFUL, Result.SENT)
    async with engine.begin() as connection:
        await write(connection, place(person_id="person-2"), person("person-2"))
        books = await reading.books(connection, now=NOW, since=LONG_AGO)
        listed = await reading.notices(connection, state="sent", person_id="person-1", after="", limit=10)
        [row] = rows_as(Notice, await connection.execute(sa.select(store.NOTICE)))
        one = await reading.notice(connection, row.notice_id)
        working = SERVICE.working(NOW)
        reads = Reads(connection)
        reads.by_key(working[Notice], store.NOTICE, [(row.notice_id,)])
        await reads.run()
    assert books["notices"]["sent"]["confirmation"] == 1
    assert (books["notices"]["waiting_for_contact"], books["notices"]["ambiguous_attempts"]) == (1, 1)
    assert books["told_is_true"]
    assert [shown["notice_id"] for shown in listed] == [row.notice_id]
    assert one is not None
    assert one["said"]["meetings"][0]["meeting_id"] == MONDAY.meeting_id
