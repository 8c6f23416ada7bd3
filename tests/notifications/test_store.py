"""The ledger on a real Postgres: SQL and the pure rules agree, own facts restore what was told, the API settles doubts."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifications import differences, reading, store, tables
from services.notifications.app import SERVICE
from services.notifications.decisions import Outcome, Result, claim, operator_says, settle
from services.notifications.differences import given_up as has_given_up
from services.notifications.differences import live
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.kind import Rules
from services.notifications.ledger import NOTHING, Notice, NoticeState, OpenNotice, Told, told_after
from services.notifications.state import CANCELLED, SCHEDULED, Place, Session, SessionSaid
from services.notifications.untold import ENROLMENT
from services.notifications.urgency import Priority
from shared.contracts.enrolment import Standing
from shared.contracts.notifications import NoticeOutcome
from shared.deciding.thinking import to_write
from shared.deciding.transaction import Decider
from shared.events.envelope import Heard
from shared.postgres.database import rows_as
from shared.postgres.roundtrips import Reads
from shared.state.rows import Row
from shared.state.working import Said, Working
from shared.testing import heard
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    MONDAY,
    NOW,
    TERMS,
    TUESDAY,
    YESTERDAY,
    contact,
    content,
    notice,
    person,
    place,
    said_then,
    session,
    settled,
    topic,
    town,
    truth,
)
from tests.notifications.office import write_rows

DAYS = {"monday": MONDAY, "tuesday": TUESDAY, "yesterday": YESTERDAY}
AFTER, GO_LIVE = NOW + dt.timedelta(hours=1), BEFORE + dt.timedelta(days=1)
PLACES = KINDS[Subject.PLACE]
RULES = Rules(GO_LIVE)
AT_ONCE = {"now": NOW, "most": 10_000} | RULES.parameters()
SINCE_EVER = {"now": NOW, "most": 10} | Rules(LONG_AGO).parameters()
SAID = ("unknown", "monday", "tuesday", "yesterday", "nothing", "cancelled", "overtaken", "in doubt")
CASES = list(
    itertools.product(
        (Standing.ENROLLED, Standing.WAITLISTED, Standing.WITHDRAWN),
        (BEFORE, AFTER),
        (SCHEDULED, CANCELLED),
        (BEFORE, AFTER),
        (MONDAY, YESTERDAY),
        (True, False),
        SAID,
        (None, NOTHING, session().content),
        (None, "same", "other", "other key"),
        (None, "same", "other", "other key"),
        (None, (Standing.ENROLLED, "monday"), (Standing.ENROLLED, "tuesday"), (Standing.WAITLISTED, "monday")),
        (None, "kept", "off"),
    )
)
"""The last two: how the place and the session stood at go-live."""


def told_of(pair: tuple[str, str], days: str, given_up: str | None, mailbox: str | None, made_of: str | None) -> Told:
    """What somebody was told, by the outcomes that tell it."""
    ids = {"recipient": pair[0], "about": f"place/{pair[1]}"}
    notices = {
        "overtaken": ["monday", "overtaken"],
        "in doubt": ["monday", "yesterday?"],
        "cancelled": ["monday", "off"],
    }
    known: Told | None = None
    for number, said in enumerate(notices.get(days, [days])):
        its = content(session(DAYS.get(said.rstrip("?"), TUESDAY)))
        its = its.model_copy(update={"mailbox": mailbox} | ({"hash": None} if said == "off" else {}))
        state = {"overtaken": NoticeState.OVERTAKEN, "yesterday?": NoticeState.UNKNOWN}.get(said, NoticeState.SENT)
        outcome = notice(**ids, sequence=number, said=its, state=state)
        known = told_after(known, outcome) if said != "nothing" else known
    known = known or told_after(None, notice(**ids, state=NoticeState.FAILED))
    return replace(known, given_up=given_up, given_up_for=made_of if given_up else None)


async def test_sql_finds_exactly_the_differences_that_the_rules_find(engine: AsyncEngine) -> None:
    """What is true and what was told, in every combination (a good part of them), judged twice."""
    cases = {(f"person-{n}", f"session-{n}"): case for n, case in enumerate(random.Random(14).sample(CASES, 4000))}
    rows: list[Row] = [town(), topic()]
    knows: dict[tuple[str, str], SessionSaid | None] = {}
    for pair, (standing, place_at, state, session_at, day, is_settled, said, *_, stood, was) in cases.items():
        person_id, session_id = pair
        its_session = session(day, session_id=session_id, heard_at=session_at, state=state, version=9)
        its_place = place(standing, person_id=person_id, session_id=session_id, heard_at=place_at, version=9)
        rows += [its_place, its_session, person(person_id), contact(person_id)]
        rows += [settled(its_session)] if is_settled else []
        knows[pair] = None
        if stood is not None and was is not None:
            state_then = SCHEDULED if was == "kept" else CANCELLED
            then = said_then(session(DAYS[stood[1]], session_id=session_id, state=state_then), heard_at=BEFORE)
            later = said_then(session(YESTERDAY, session_id=session_id), heard_at=AFTER, version=2)
            rows += [then, later, said_then(replace(its_place, state=stood[0]), heard_at=BEFORE, version=1)]
            rows += [said_then(its_place, heard_at=AFTER)]
            if stood[0] == Standing.ENROLLED and said in ("unknown", "nothing"):
                assert isinstance(then, SessionSaid)
                knows[pair] = then
    async with engine.begin() as connection:
        await tables.ensure_key(connection)
        await write_rows(connection, *rows)
        pairs = sa.select(tables.PLACE.c.person_id, tables.MAILBOX, PLACES.made_of).select_from(live(PLACES))
        found = await connection.execute(pairs, RULES.parameters())
        digests = {row[0]: (row[1], row[2]) for row in found}
        truths = {(one.person_id, one.session_id): one for one in rows if type(one) is Place}
        sessions = {one.session_id: one for one in rows if type(one) is Session}
        names = ("differs", "given_up", "waits", "told", "missed")
        expected: dict[str, set[tuple[str, str]]] = {name: set() for name in names}
        for pair, (*_, is_settled, days, given_up, mailbox, made_of, _, _) in cases.items():
            now = digests[pair[0]]
            then_digests = [
                {
                    None: None,
                    "same": one,
                    "other": one[:-1] + ("0" if one[-1] != "0" else "1"),
                    "other key": "key." + one,
                }[which]
                for which, one in zip((mailbox, made_of), now, strict=True)
            ]
            was_told = told_of(pair, days, given_up, *then_digests) if days != "unknown" else None
            rows += [was_told] if was_told else []
            truth_now = truth(
                truths[pair],
                sessions[pair[1]],
                settled=is_settled,
                mailbox=now[0],
                made_of=now[1],
                known_before=knows[pair],
            )
            found_now = truth_now.difference(was_told, now=NOW)
            if found_now:
                expected["differs"].add(pair)
                expected["given_up"] |= {pair} if found_now.given_up else set()
                expected["waits"] |= {pair} if found_now.waits_for else set()
                expected["told"] |= {pair} if found_now.can_be_told else set()
            elif truth_now.missed(was_told, now=NOW, since=GO_LIVE):
                expected["missed"].add(pair)
        await write_rows(connection, *(row for row in rows if isinstance(row, Told)))

        columns = {"differs": PLACES.differs, "given_up": has_given_up(PLACES), "waits": PLACES.waits[ENROLMENT]}
        either = sa.select(tables.PLACE.c.person_id, tables.PLACE.c.session_id, *columns.values())
        judged = sa.union_all(*(either.select_from(live(PLACES)).where(part) for part in PLACES.parts))
        found_rows = (await connection.execute(judged, {"now": NOW} | RULES.parameters())).all()
        by_sql = {
            name: {(row[0], row[1]) for row in found_rows if row[2] and row[number]}
            for number, name in enumerate(columns, start=2)
        }
        people = (await connection.execute(reading.people_of(PLACES), {"now": NOW} | RULES.parameters())).all()
        await differences.plan_all(connection, AT_ONCE)
        by_sql["told"] = await opened(connection)
        await differences.plan_missed(connection, AT_ONCE, ended_after=LONG_AGO)
        by_sql["missed"] = await opened(connection) - by_sql["told"]
        for name, pairs_expected in expected.items():
            assert by_sql[name] == pairs_expected, name
            assert 50 < len(pairs_expected) < 3000, name
        named = {pair for pair in cases if pair not in by_sql["told"]}
        assert (await differences.plan_named(connection, named, AT_ONCE, asked=frozenset(Subject))).total() == 0
    terms = {why: number for why, number, _ in people}
    assert sum(untold for *_, untold in people) == len(expected["differs"])
    assert terms["given_up"] == len(expected["given_up"])
    assert terms["differences"] == len(expected["told"])


async def opened(connection: AsyncConnection) -> set[tuple[str, str]]:
    rows = rows_as(OpenNotice, await connection.execute(sa.select(tables.OPEN)))
    return {(one.recipient, one.about.removeprefix("place/")) for one in rows if one.about.startswith("place/")}


@pytest.fixture
async def open_confirmation(engine: AsyncEngine) -> AsyncEngine:
    """One place of which nobody has been told yet."""
    async with engine.begin() as connection:
        await write_rows(connection, town(), topic(), person(), contact(), session(), settled(), place())
        assert (await differences.plan_all(connection, SINCE_EVER)).total() == 1
    return engine


async def attempt(engine: AsyncEngine, *results: Result) -> list[Said]:
    """Claims and settles the one open notice again and again."""
    said = []
    for number, result in enumerate(results):
        async with engine.begin() as connection:
            working = SERVICE.working(NOW + dt.timedelta(minutes=number))
            [(notice, truth)] = await store.take(
                connection, working, (Priority.USUAL, Subject.PLACE), most=10, under_way=(), rules=Rules(LONG_AGO)
            )
            taken = claim(working, notice, truth, "lease", TERMS)
            assert taken is not None
            await to_write(SERVICE, working).run(connection)
        async with engine.begin() as connection:
            working = SERVICE.working(NOW + dt.timedelta(minutes=number))
            await store.load_leased(connection, working, [("person-1", "place/session-1")], "lease")
            for one in working[OpenNotice]:
                settle(working, one, Outcome(result, "smtp_550"), TERMS)
            await to_write(SERVICE, working).run(connection)
        said += working.said
    return said


async def plans(engine: AsyncEngine, now: dt.datetime = NOW) -> int:
    async with engine.begin() as connection:
        return (await differences.plan_all(connection, SINCE_EVER | {"now": now})).total()


async def test_what_is_planned_twice_is_one_notice(open_confirmation: AsyncEngine) -> None:
    assert await plans(open_confirmation) == 0
    async with open_confirmation.begin() as connection:
        pairs = [("person-1", "session-1")]
        assert (await differences.plan_named(connection, pairs, SINCE_EVER, asked=frozenset(Subject))).total() == 0


async def test_an_outcome_without_the_lease_is_not_written(open_confirmation: AsyncEngine) -> None:
    async with open_confirmation.begin() as connection:
        working = SERVICE.working(NOW)
        await store.load_leased(connection, working, [("person-1", "place/session-1")], "somebody-else")
        assert len(working[OpenNotice]) == 0


def heard_back(said: Said) -> Heard[NoticeOutcome]:
    body = said.body
    assert isinstance(body, NoticeOutcome)
    return heard(body, source=SERVICE.source, event_id=said.event_id, version=said.version, at=NOW)


async def test_a_database_older_than_our_stream_learns_what_was_mailed(open_confirmation: AsyncEngine) -> None:
    engine = open_confirmation
    said = await attempt(engine, Result.SENT)
    async with engine.begin() as connection:  # Last night's backup: the notice was planned, and nothing sent.
        for table in ("projection.notice", "projection.told", "kept.outbox", "kept.journal", "kept.open_notice"):
            await connection.execute(sa.text(f"delete from {table}"))  # noqa: S608
    assert await plans(engine) == 1
    decider = Decider(engine, SERVICE)
    async with engine.begin() as connection:
        await decider.think(connection, [heard_back(one) for one in said])
    async with engine.begin() as connection:
        working = SERVICE.working(NOW)
        [(notice, truth)] = await store.take(
            connection, working, (Priority.USUAL, Subject.PLACE), most=10, under_way=(), rules=Rules(LONG_AGO)
        )
        assert claim(working, notice, truth, "lease", TERMS) is None
        await to_write(SERVICE, working).run(connection)
    assert await plans(engine) == 0


async def test_hearing_outcomes_again_comes_to_the_same_rows(open_confirmation: AsyncEngine) -> None:
    engine = open_confirmation
    said = await attempt(engine, Result.DOUBTFUL, Result.DOUBTFUL)

    async def rows() -> tuple[list[Notice], list[Told]]:
        async with engine.connect() as connection:
            return (
                rows_as(Notice, await connection.execute(sa.select(tables.NOTICE))),
                rows_as(Told, await connection.execute(sa.select(tables.TOLD))),
            )

    live = await rows()
    async with engine.begin() as connection:
        await connection.execute(sa.text("delete from projection.notice"))
        await connection.execute(sa.text("delete from projection.told"))
        await Decider(engine, SERVICE).think(connection, [heard_back(one) for one in said])
    again = await rows()
    assert again[1] == live[1]
    assert [replace(one, heard_at=NOW) for one in again[0]] == [replace(one, heard_at=NOW) for one in live[0]]


async def settled_by_operator(connection: AsyncConnection, notice_id: str, *, sent: bool) -> Working:
    working = SERVICE.working(NOW)
    notice = await store.load_settled(connection, working, notice_id)
    assert notice is not None
    operator_says(working, notice, sent=sent)
    await to_write(SERVICE, working).run(connection)
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
        await write_rows(connection, place(person_id="person-2"), person("person-2"))
        books = await reading.books(connection, now=NOW, rules=Rules(LONG_AGO))
        listed = await reading.notices(connection, state="sent", recipient="person-1", after="", limit=10)
        [row] = rows_as(Notice, await connection.execute(sa.select(tables.NOTICE)))
        one = await reading.notice(connection, row.notice_id)
        working = SERVICE.working(NOW)
        reads = Reads(connection)
        reads.by_key(working[Notice], tables.NOTICE, [(row.notice_id,)])
        await reads.run()
    assert books["notices"]["sent"]["confirmation"] == 1
    assert (books["notices"]["waiting_for_contact"], books["notices"]["ambiguous_attempts"]) == (1, 1)
    assert books["told_is_true"]
    assert [shown["notice_id"] for shown in listed] == [row.notice_id]
    assert one is not None
    assert one["said"]["says"]["meetings"][0]["meeting_id"] == MONDAY.meeting_id
