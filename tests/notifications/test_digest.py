"""The weekly digest for the office: when it leaves, that it leaves once, and what its figures count."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import tables
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.digest import DIGEST, Weekly
from services.notifications.kinds.figures import BACK, MOST_OPEN, Figure, SessionAhead, Thing, figures_of, session_ahead
from services.notifications.kinds.kind import Rules
from services.notifications.ledger import NOT_SENT, Belief, NoticeState, Told, nothing_yet, told_after
from services.notifications.letters import DigestMail
from services.notifications.settings import NotificationsSettings
from services.notifications.sheets import MOST_NAMED
from services.notifications.state import CANCELLED, place_of, settled_of
from services.notifications.untold import Difference, office_at
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import CallEnd, ParticipantEnrolled, PlacesSettled, Standing
from shared.contracts.model import Language
from shared.contracts.notifications import DigestTold, Mutable
from shared.state.rows import Row
from shared.testing import body_of, eventually, heard
from tests.notifications.building import (
    BEFORE,
    IN_TWO_DAYS,
    LONG_AGO,
    MONDAY,
    NOW,
    YESTERDAY,
    answered,
    call,
    contact,
    content,
    meeting,
    meeting_list,
    member,
    notice,
    offered,
    person,
    place,
    risk,
    session,
    settled,
    suppression,
    topic,
    town,
)
from tests.notifications.mails import LETTER, RENDERER, ZANETA
from tests.notifications.office import SERVICE, Office, write_rows
from tests.notifications.test_muting import mute

TO = office_at("biuro@example.org", "Biuro", Language.PL)
MONDAYS = Rules(LONG_AGO, digest_day=0, digest_hour=8)
MONDAY_8 = dt.datetime(2026, 11, 23, 7, 0, tzinfo=dt.UTC)
MIDNIGHT = dt.datetime(2026, 11, 23, 23, 0, tzinfo=dt.UTC)
SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)
WEEK = "2026-W48"
OFFERS = Figure(
    "offers", 2, (Thing("session-1", ("Adaptacja <klimatu>", "Climate <adaptation>"), (MONDAY,), "Augustów"),)
)


def weekly(week: str | None = WEEK, *figures: Figure, rules: Rules = MONDAYS) -> Weekly:
    return Weekly(week, (), figures, rules)


def differs(its: Weekly, told: Told | None = None, *, now: dt.datetime = MONDAY_8) -> Difference | None:
    return its.difference(told, TO, now=now)


# --- when ------------------------------------------------------------------------------------


def test_it_leaves_on_its_day_from_its_hour_until_midnight() -> None:
    found = differs(weekly())
    assert found is not None
    assert (found.letter, found.says.hash, found.says.until) == (DIGEST, WEEK, MIDNIGHT)
    assert differs(weekly(), now=MONDAY_8 - SECOND) is None
    assert differs(weekly(), now=MIDNIGHT - SECOND) is not None
    assert differs(weekly(), now=MIDNIGHT) is None
    assert differs(weekly("2026-W47")) is None


@pytest.mark.parametrize(
    ("week", "day", "at"),
    [
        ("2026-W43", 6, "2026-10-25T07:00"),  # In the night before the clocks go back.
        ("2027-W12", 6, "2027-03-28T06:00"),  # In the night before they go forward.
        ("2026-W53", 4, "2027-01-01T07:00"),
        ("2026-W01", 0, "2025-12-29T07:00"),
    ],
)
def test_its_hour_is_what_polish_clocks_show(week: str, day: int, at: str) -> None:
    moment = dt.datetime.fromisoformat(f"{at}+00:00")
    its = weekly(week, rules=replace(MONDAYS, digest_day=day))
    assert differs(its, now=moment) is not None
    assert differs(its, now=moment - SECOND) is None


def test_once_a_week_also_if_something_else_stands_open_by_then() -> None:
    found = differs(weekly(WEEK, OFFERS))
    assert found is not None
    assert isinstance(found.says.says, DigestTold)
    assert found.says.says.open == {"offers": 2}
    said = told_after(None, notice(recipient="office", about=f"digest/{WEEK}", said=found.says, decided_at=MONDAY_8))
    assert differs(weekly(), said, now=MONDAY_8 + SECOND) is None


def test_it_leaves_when_nothing_stands_open_and_never_if_the_settings_want_none() -> None:
    assert differs(weekly()) is not None
    assert differs(weekly(rules=replace(MONDAYS, digest_day=None))) is None
    assert differs(weekly(None)) is None


def test_what_could_not_leave_on_its_day_is_dropped_and_a_fact_if_it_was_on_its_way() -> None:
    assert weekly().missed(None, TO, now=MIDNIGHT, since=LONG_AGO) is not None
    assert weekly().missed(None, TO, now=MIDNIGHT - SECOND, since=LONG_AGO) is None
    assert weekly().missed(None, TO, now=MIDNIGHT, since=MIDNIGHT) is None


def test_the_settings_say_on_which_day_and_never_is_none() -> None:
    def rules(**settings: Any) -> Rules:
        return NotificationsSettings(database_url="postgresql://x", **settings).rules  # type: ignore[arg-type]

    assert (rules(digest_day="monday").digest_day, rules(digest_day="sunday", digest_hour=9).digest_hour) == (0, 9)
    assert rules(digest_day="never").digest_day is None


def _digests(now: dt.datetime, rules: Rules) -> tuple[sa.Select[Any], dict[str, Any]]:
    kind = KINDS[Subject.DIGEST]
    statement = sa.select(kind.about, kind.differs, kind.parts[0]).select_from(kind.around(kind.scope.keys))
    return statement, {"now": now} | rules.parameters()


@pytest.mark.parametrize(
    "rules", [MONDAYS, replace(MONDAYS, digest_day=6, digest_hour=21), replace(MONDAYS, digest_day=None)]
)
async def test_sql_and_the_rules_agree_on_every_hour_of_the_weeks_in_which_clocks_change(
    engine: AsyncEngine, rules: Rules
) -> None:
    async with engine.connect() as connection:
        await tables.ensure_key(connection)
        for begins in ("2026-10-19", "2027-03-22", "2026-12-28"):
            monday = dt.datetime.fromisoformat(f"{begins}T00:00:00+00:00")
            for hours in range(-3, 7 * 24 + 3):
                now = monday + dt.timedelta(hours=hours)
                statement, parameters = _digests(now, rules)
                rows = (await connection.execute(statement, parameters)).all()
                assert len(rows) == 2
                for about, in_sql, is_part in rows:
                    found = differs(weekly(about.partition("/")[2], rules=rules), now=now)
                    assert in_sql == is_part == (found is not None), (now, about)


# --- what it counts --------------------------------------------------------------------------


async def seen(engine: AsyncEngine, *rows: Row, since: dt.datetime = LONG_AGO) -> Weekly:
    """With these rows beside those of before."""
    kind, rules = KINDS[Subject.DIGEST], replace(MONDAYS, since=since)
    async with engine.begin() as connection:
        await tables.ensure_key(connection)
        await write_rows(connection, *rows)
        statement = sa.select(*kind.columns).select_from(kind.around(kind.scope.keys)).limit(1)
        week, ahead, figures = (await connection.execute(statement, {"now": NOW} | rules.parameters())).one()
    return Weekly(week, tuple(map(session_ahead, ahead)), figures_of(figures), rules)


async def figures(engine: AsyncEngine, *rows: Row, **changes: Any) -> dict[str, tuple[int, tuple[str, ...]]]:
    return {
        one.name: (one.number, tuple(its.id for its in one.things))
        for one in (await seen(engine, *rows, **changes)).figures
    }


OVER = session(meeting("2026-11-18T09:00", "2026-11-18T15:00"), session_id="session-0")


async def test_where_nothing_stands_open_there_is_no_figure(engine: AsyncEngine) -> None:
    """Whatever is as it should be, of everything that is counted."""
    rows: list[Row] = [session(), settled(), place(), person(), contact(), topic(), town()]
    rows += [OVER, replace(meeting_list(), session_id="session-0"), member(), call(), answered()]
    assert await figures(engine, *rows) == {}


async def test_how_the_places_of_coming_sessions_stand(engine: AsyncEngine) -> None:
    its = replace(settled(), seats=10)
    places = [place(person_id=f"person-{number}") for number in range(4)]
    places += [offered(person_id="person-5"), place(person_id="person-6", extra=True)]
    places += [place(Standing.WAITLISTED, person_id="person-7"), place(Standing.WITHDRAWN, person_id="person-8")]
    later = session(meeting("2026-12-05T09:00", "2026-12-05T15:00"), session_id="session-2")
    others = [session(state=CANCELLED, session_id="session-3"), session(YESTERDAY, session_id="session-4")]
    (one,) = (await seen(engine, session(), its, *places, later, *others, topic(), town())).ahead
    assert one == SessionAhead(
        "session-1", "climate", ("Adaptacja do zmian klimatu", "Climate adaptation"), "Augustów", (MONDAY,), 5, 1, 5, 1
    )


async def test_how_many_places_are_free_only_enrolment_says_and_of_this_statement(engine: AsyncEngine) -> None:
    (one,) = (await seen(engine, session(version=2), replace(settled(), seats=10), place())).ahead
    assert one.free is None


async def test_offers_calls_and_sessions_at_risk_are_counted_as_long_as_something_can_be_done(
    engine: AsyncEngine,
) -> None:
    open_now: list[Row] = [session(), offered(person_id="person-1"), offered(person_id="person-2"), risk(), call()]
    found = await figures(engine, *open_now)
    assert {name: found[name] for name in ("at_risk", "offers", "calls")} == {
        "at_risk": (1, ("session-1",)),
        "offers": (2, ("session-1",)),
        "calls": (1, ("session-1",)),
    }
    over = [offered(NOW - SECOND, person_id="person-1"), offered(NOW - SECOND, person_id="person-2")]
    assert "offers" not in await figures(engine, session(), *over)
    assert "calls" not in await figures(engine, session(), call(IN_TWO_DAYS, ended=CallEnd.CLOSED))
    assert "at_risk" in await figures(engine, session(decides_at=BEFORE))
    assert "at_risk" not in await figures(engine, session(decides_at=NOW + DAY)), "that was of another decision day"
    assert set(await figures(engine, session(state=CANCELLED), *open_now[1:])) <= {"people_without_contact"}


async def test_a_town_needs_a_coordinator_who_can_be_written_to_today(engine: AsyncEngine) -> None:
    staff = member("person-9", kind=MemberKind.PROJECT_STAFF)
    town_id = staff.city_id
    assert (await figures(engine, staff))["towns_without_contact"] == (1, (town_id,))
    assert (await figures(engine, member()))["towns_without_contact"] == (1, (town_id,))
    assert (await figures(engine, person(), replace(contact(), erased=True)))["towns_without_contact"] == (
        1,
        (town_id,),
    )
    assert "towns_without_contact" not in await figures(engine, contact())
    assert (await figures(engine, suppression()))["towns_without_contact"] == (1, (town_id,)), "mail to them came back"
    assert "towns_without_contact" not in await figures(engine, suppression(holds=False))
    former = (replace(person("person-8"), merged_into="person-1"), member("person-8", "city-8"))
    assert "towns_without_contact" not in await figures(engine, *former)
    left = member(until_date=NOW.date() - DAY)
    assert (await figures(engine, left))["towns_without_contact"] == (1, (town_id,))


async def test_people_with_a_place_ahead_whose_address_nobody_has_stated(engine: AsyncEngine) -> None:
    rows: list[Row] = [session(), place(), place(person_id="person-2"), person(), contact("person-2")]
    assert (await figures(engine, *rows))["people_without_contact"] == (1, ("person-1",))
    assert "people_without_contact" not in await figures(engine, replace(person(), erased=True))


async def test_addresses_that_mail_came_back_from_as_long_as_there_is_no_other(engine: AsyncEngine) -> None:
    assert (await figures(engine, suppression(), contact()))["addresses"] == (1, ("person-1",))
    async with engine.connect() as connection:
        name = await connection.scalar(sa.select(tables.KEY_NAME))
    assert "addresses" not in await figures(engine, suppression(mailbox=f"{name}.00000000"))
    assert "addresses" not in await figures(engine, suppression(holds=False))


@pytest.mark.parametrize("gone", [{"merged_into": "person-2"}, {"erased": True}])
async def test_an_address_of_somebody_whom_nobody_writes_to_any_more_is_nobodys_task(
    engine: AsyncEngine, gone: dict[str, Any]
) -> None:
    """A directory may state no other one for an id that went: the figure would stand for ever."""
    its = replace(person(), **gone)
    assert "addresses" not in await figures(engine, suppression(), contact(), its)


def of_notice(state: NoticeState, *, at: dt.datetime = BEFORE, **changes: Any) -> list[Row]:
    its = notice(state=state, decided_at=at, said=content(), **changes)
    return [its, told_after(nothing_yet(its.recipient, its.about), its)]


async def test_mails_that_failed_or_are_in_doubt_are_counted_until_something_else_is_true(engine: AsyncEngine) -> None:
    assert (await figures(engine, *of_notice(NoticeState.FAILED, code="smtp_550")))["failed"] == (1, ("notice-1",))
    assert "failed" not in await figures(
        engine, *of_notice(NoticeState.FAILED, code="smtp_550", at=NOW - BACK - SECOND)
    )
    assert "failed" not in await figures(engine, *of_notice(NoticeState.FAILED, code=NOT_SENT))
    assert "failed" not in await figures(engine, *of_notice(NoticeState.SENT))
    assert (await figures(engine, *of_notice(NoticeState.UNKNOWN, code="x", at=LONG_AGO)))["unknown"] == (
        1,
        ("notice-1",),
    )
    again = of_notice(NoticeState.UNKNOWN, code="x", notice_id="notice-2", sequence=1)
    assert (await figures(engine, *again))["unknown"] == (1, ("notice-2",))
    later = told_after(None, notice(notice_id="notice-3", sequence=2))
    assert later.state == Belief.YES
    assert "unknown" not in await figures(engine, later)
    assert (await figures(engine, *of_notice(NoticeState.TOO_LATE, code="too_late")))["too_late"][0] == 1


async def test_lists_that_should_be_closed_by_now_of_sessions_that_were_ours(engine: AsyncEngine) -> None:
    assert (await figures(engine, OVER))["lists_open"] == (1, ("session-0",))
    assert "lists_open" not in await figures(engine, OVER, since=NOW)
    assert "lists_open" not in await figures(engine, replace(OVER, state=CANCELLED))
    closed = replace(meeting_list(), session_id="session-0")
    assert "lists_open" not in await figures(engine, OVER, closed)
    assert "lists_open" in await figures(engine, replace(closed, is_open=True))
    assert "lists_open" not in await figures(engine, session(YESTERDAY, ends_at=NOW - 23 * SECOND * 3600), closed)


async def test_each_thing_is_told_so_that_one_knows_which_it_is_and_nobody_is_named(engine: AsyncEngine) -> None:
    rows = [
        session(),
        offered(),
        person(),
        topic(),
        town(),
        member("person-9"),
        *of_notice(NoticeState.FAILED, code="x"),
    ]
    found = {one.name: one.things for one in (await seen(engine, *rows)).figures}
    names = ("Adaptacja do zmian klimatu", "Climate adaptation")
    assert found["offers"] == (Thing("session-1", names, (MONDAY,), "Augustów"),)
    assert found["towns_without_contact"] == (Thing("geonames:776597", ("Augustów", "Augustów")),)
    assert found["failed"] == (Thing("notice-1", letter="change", recipient="person-1"),)
    without = await seen(engine, place())
    assert {one.name: one.things for one in without.figures}["people_without_contact"] == (Thing("person-1"),)


@pytest.mark.parametrize("more", [0, 1, 5])
async def test_of_many_some_are_named_and_that_there_are_more_is_said_of_more(engine: AsyncEngine, more: int) -> None:
    rows = [place(person_id=f"person-{number:03}") for number in range(MOST_OPEN + more)]
    found = {one.name: one for one in (await seen(engine, session(), *rows)).figures}["people_without_contact"]
    assert (found.number, len(found.named), found.is_more) == (MOST_OPEN + more, MOST_OPEN, more > 0)
    assert ("i dalsze" in written(Language.PL, found), "and more" in written(Language.EN, found)) == (
        more > 0,
        more > 0,
    )


@pytest.mark.parametrize("more", [0, 1, 5])
async def test_of_many_coming_sessions_some_are_named_and_that_there_are_more_is_said(
    engine: AsyncEngine, more: int
) -> None:
    rows = [session(session_id=f"session-{number:03}") for number in range(MOST_NAMED + more)]
    ahead = (await seen(engine, topic(), town(), *rows)).ahead
    text = written(Language.EN, ahead=ahead)
    assert (text.count("(session-"), "and more" in text) == (MOST_NAMED, more > 0)


def test_rows_say_what_the_digest_counts() -> None:
    assert settled_of(heard(body_of(PlacesSettled))).seats == 40
    assert not place_of(heard(body_of(ParticipantEnrolled))).extra
    assert place_of(heard(body_of(ParticipantEnrolled, basis="office"))).extra


# --- the mail --------------------------------------------------------------------------------


AHEAD = SessionAhead(
    "session-1", "climate", ("Adaptacja <klimatu>", "Climate <adaptation>"), "Augustów", (MONDAY,), 5, 1, 4, 2
)


def written(language: Language, *figures: Figure, ahead: tuple[SessionAhead, ...] = (AHEAD,)) -> str:
    mail = DigestMail(DIGEST, language, MONDAY_8, ahead, figures)
    sheet = KINDS[Subject.DIGEST].sheet(mail, RENDERER.office)
    message = email.message_from_bytes(
        RENDERER.message(RENDERER.shared(sheet), ZANETA, LETTER), policy=email.policy.default
    )
    plain, html = message.get_body(("plain",)), message.get_body(("html",))  # type: ignore[attr-defined]
    assert ahead != (AHEAD,) or "&lt;" in html.get_content()
    assert "<klimatu>" not in html.get_content()
    return str(message["Subject"]) + "\n" + str(plain.get_content())


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            Language.PL,
            ("Co czeka: 2", "23 listopada", "zajęte: 5, wolne: 4, zaproponowane: 1, na liście rezerwowej: 2"),
        ),
        (Language.EN, ("What stands open: 2", "23 November", "taken: 5, free: 4, offered: 1, waiting: 2")),
    ],
)
def test_each_figure_stands_there_with_what_it_is_about_and_where_it_is_opened(
    language: Language, words: tuple[str, ...]
) -> None:
    text = written(language, OFFERS)
    session = {Language.PL: "SZKOLENIE", Language.EN: "SESSION"}[language]
    topic = {Language.PL: "Adaptacja <klimatu>", Language.EN: "Climate <adaptation>"}[language]
    at = "https://rollcall.example.org/enrolment/api/v1/sessions"
    for one in (*words, f"{topic} · Augustów (session-1)", f"{at}/{session}/roster", f"{at}/{session}/offers"):
        assert one in text, (one, text)


@pytest.mark.parametrize(("language", "words"), [(Language.PL, "Nic."), (Language.EN, "Nothing.")])
def test_it_says_so_if_nothing_stands_open(language: Language, words: str) -> None:
    assert words in written(language)


# --- through the ledger ----------------------------------------------------------------------


async def test_it_reaches_the_office_once_in_its_week_also_after_a_restart(office: Office) -> None:
    """It is Friday, nine o'clock in Warsaw."""
    assert SERVICE.clock().astimezone().isoweekday() == 5
    office.settings.digest_day, office.settings.office_email = "friday", "biuro@example.org"
    async with office.server.listening():
        for _ in range(2):
            async with office.sending():
                await eventually(lambda: office.server.mails)
                await office.has_looked()
    assert [(to, kind) for to, kind, _ in office.server.mails] == [("biuro@example.org", DIGEST)]
    async with office.engine.connect() as connection:
        found = await connection.execute(sa.text("select recipient, about, content from projection.told"))
        assert [tuple(row) for row in found] == [("office", "digest/2026-W47", "2026-W47")]
    assert (await office.books())["told_is_true"]


async def test_an_office_that_does_without_digests_gets_none(office: Office) -> None:
    office.settings.digest_day = "friday"
    await office.is_true(mute(Mutable.DIGESTS, recipient="office"))
    async with office.server.listening(), office.sending():
        await office.has_looked()
    assert office.server.mails == []
