"""What a town's coordinators are told: that they may nominate, what changed, that nobody has been named yet, and what became of whom they
named; and what whoever was named in vain is told."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import app, differences
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.call import CALL_CHANGE, CALL_ENDED, CALLED, Called
from services.notifications.kinds.kind import Rules
from services.notifications.kinds.nominated import NOT_PLACED, NotPlaced
from services.notifications.kinds.nomination import ANSWER, Now, Outcome
from services.notifications.kinds.unanswered import AWAITED, Unanswered
from services.notifications.ledger import Told, told_after
from services.notifications.letters import Named
from services.notifications.state import CANCELLED, Person, Place, Session
from services.notifications.tables import CALL_SAID, NOMINATED, ensure_key
from services.notifications.towns import Call, Nominated, answered_of, derive_nominated, two_days_before
from services.notifications.untold import ENROLMENT, Difference
from shared.contracts.directory import MemberKind, PersonMerged
from shared.contracts.enrolment import CallEnd, NominationAnswered, NominationsInvited, Nominee, RefusalReason, Standing
from shared.contracts.model import Language
from shared.contracts.notifications import CallTold
from shared.deciding.transaction import Decider
from shared.postgres.database import rows_as
from shared.state.rows import EVERY_ROW
from shared.testing import body_of, eventually, heard
from tests.notifications.building import (
    BEFORE,
    IN_TWO_DAYS,
    LONG_AGO,
    NOW,
    TUESDAY,
    addressee,
    answered,
    asked,
    call,
    contact,
    facts,
    meeting,
    member,
    message,
    nominated,
    notice,
    open_notice,
    person,
    place,
    said_then,
    session,
    settled,
    suppression,
    topic,
    town,
)
from tests.notifications.mails import body, brief_mail, received
from tests.notifications.office import SERVICE, Office, write_rows
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_kinds import judged

RULES = Rules(LONG_AGO, reminder_hour=6)
SOONER = NOW + dt.timedelta(days=1)


def called(its: Call | None = None, its_session: Session | None = None, **changes: Any) -> Called:
    fields = {"coordinates": True, "town_name": "Augustów", "team": ("Anna Lis",)} | changes
    known = {name: fields.pop(name, value) for name, value in (("settled", True), ("known_before", None))}
    return Called(replace(facts(its_session=its_session), place=None, **known), call=its or call(), **fields)


def told(found: Difference | None, *, at: dt.datetime = BEFORE, about: str = "call/session-1/x") -> Told:
    assert found is not None
    return told_after(None, notice(about=about, said=found.says, decided_at=at))


def differs(its: Called, known: Told | None = None, *, now: dt.datetime = NOW, **to: Any) -> Difference | None:
    return its.difference(known, addressee(**to), now=now)


def letter(found: Difference | None) -> str | None:
    return found.letter if found else None


CALL_TOLD = told(differs(called()))


# --- the call --------------------------------------------------------------------------------


def test_whoever_coordinates_a_town_that_is_called_is_told_how_many_may_come_and_until_when() -> None:
    found = differs(called())
    assert found is not None
    assert isinstance(found.says.says, CallTold)
    assert (found.letter, found.says.says.places, found.says.says.until) == (CALLED, 4, IN_TWO_DAYS)
    assert differs(called(), CALL_TOLD) is None
    assert differs(called(coordinates=False)) is None


@pytest.mark.parametrize(
    ("its", "its_session"),
    [(call(places=3), session()), (call(SOONER), session()), (call(), session(TUESDAY))],
    ids=["places", "deadline", "moved"],
)
def test_whatever_would_have_them_act_otherwise_is_told_with_what_was_told_before(
    its: Call, its_session: Session
) -> None:
    found = differs(called(its, its_session), CALL_TOLD)
    assert found is not None
    assert found.letter == CALL_CHANGE
    assert found.before == CALL_TOLD.said


@pytest.mark.parametrize(
    ("its", "its_session", "because"),
    [
        (call(ended=CallEnd.TOWN_NOT_ELIGIBLE), session(), "town_not_eligible"),
        (call(ended=CallEnd.SESSION_OFF), session(state=CANCELLED), "cancelled"),
        (call(), session(state=CANCELLED), "cancelled"),
    ],
)
def test_a_call_that_ends_before_its_deadline_says_why(its: Call, its_session: Session, because: str) -> None:
    found = differs(called(its, its_session), CALL_TOLD)
    assert found is not None
    assert (found.letter, found.because, found.says.hash) == (CALL_ENDED, because, None)
    assert differs(called(its, its_session)) is None
    assert differs(called(its, its_session), CALL_TOLD, now=IN_TWO_DAYS) is None


def test_after_the_deadline_nobody_is_called_and_who_was_called_in_time_believes_nothing_more() -> None:
    assert differs(called(), now=IN_TWO_DAYS) is None
    assert differs(called(), CALL_TOLD, now=IN_TWO_DAYS) is None
    later = called(call(IN_TWO_DAYS + dt.timedelta(hours=9)))
    assert letter(differs(later, CALL_TOLD, now=IN_TWO_DAYS)) == CALLED


def test_a_call_waits_until_enrolment_has_heard_of_the_session_and_its_end_does_not() -> None:
    found = differs(called(settled=False))
    assert found is not None
    assert found.waits_for == ENROLMENT
    found = differs(called(call(ended=CallEnd.CLOSED), settled=False), CALL_TOLD)
    assert found is not None
    assert found.waits_for is None


def test_another_address_is_called_anew() -> None:
    at_a = told(differs(called(), mailbox="k.a"))
    known = replace(at_a, mailbox="k.a")
    assert letter(differs(called(), known, mailbox="k.b")) == CALLED


BY_OTHERS: dict[str, Any] = {"called_before": said_then(call()), "known_before": said_then(session())}
"""Of a call that was open at go-live."""


def test_who_was_called_at_go_live_was_told_by_others_and_hears_of_what_changes_since() -> None:
    assert differs(called(**BY_OTHERS)) is None
    found = differs(called(call(places=3, heard_at=NOW), **BY_OTHERS))
    assert found is not None and found.before is not None and isinstance(found.before.says, CallTold)
    assert (found.letter, found.before.says.places, found.before.until) == (CALL_CHANGE, 4, IN_TWO_DAYS)
    assert letter(differs(called(call(), session(TUESDAY), **BY_OTHERS))) == CALL_CHANGE


@pytest.mark.parametrize(
    ("its", "its_session", "because"),
    [
        (call(ended=CallEnd.TOWN_NOT_ELIGIBLE, heard_at=NOW), session(), "town_not_eligible"),
        (call(), session(state=CANCELLED, version=2), "cancelled"),
        (call(NOW, heard_at=NOW), session(), "closed"),
    ],
)
def test_a_call_that_others_told_of_ends_for_them_too(its: Call, its_session: Session, because: str) -> None:
    found = differs(called(its, its_session, **BY_OTHERS))
    assert found is not None
    assert (found.letter, found.because, found.is_of_before(None)) == (CALL_ENDED, because, True)
    assert differs(called(its, its_session, **BY_OTHERS), now=IN_TWO_DAYS) is None


@pytest.mark.parametrize(
    "then",
    [
        {"called_before": said_then(call(ended=CallEnd.CLOSED))},
        {"called_before": None},
        {"known_before": said_then(session(state=CANCELLED))},
    ],
    ids=["it had ended", "nobody had called it", "the session was off"],
)
def test_what_was_over_at_go_live_nobody_is_told_the_end_of(then: dict[str, Any]) -> None:
    assert differs(called(call(ended=CallEnd.SESSION_OFF, heard_at=NOW), **(BY_OTHERS | then))) is None


def test_the_mail_names_the_team_and_what_was_told_before() -> None:
    its = called(call(places=3))
    found = differs(its, CALL_TOLD)
    assert found is not None
    mail = its.mail(open_notice(language=Language.EN, content=found.says), found)
    assert (mail.people, mail.figures, mail.figures_before) == (
        (Named("Anna Lis"),),
        (("places", 3),),
        (("places", 4),),
    )
    assert (mail.moment, mail.moment_before, mail.town) == (IN_TWO_DAYS, None, "Augustów")
    text = body(received(brief_mail(CALL_CHANGE, Language.EN, people=mail.people, figures=mail.figures,
                                    figures_before=mail.figures_before, town="Augustów", moment=IN_TWO_DAYS)), "plain")  # fmt: skip
    assert "Places for the town, at most: 3 (Before: 4)" in text
    assert "- Anna Lis" in text
    assert "Augustów may still nominate" in text.replace("\n", " ")


# --- nobody has been named -------------------------------------------------------------------


def unanswered(its: Call | None = None, its_session: Session | None = None, **changes: Any) -> Unanswered:
    fields: dict[str, Any] = {"told_call": CALL_TOLD, "is_answered": False, "rules": RULES} | changes
    return Unanswered(
        replace(facts(its_session=its_session), place=None), True, "Augustów", its or call(), (), **fields
    )


WINDOW = unanswered().window[0]


def test_a_town_that_named_nobody_is_reminded_two_days_before_once() -> None:
    found = differs(unanswered(), now=WINDOW)
    assert letter(found) == AWAITED
    assert differs(unanswered(), now=WINDOW - dt.timedelta(seconds=1)) is None
    assert differs(unanswered(), now=IN_TWO_DAYS) is None
    assert differs(unanswered(), told(found), now=NOW) is None
    assert differs(unanswered(call(places=9), told_call=told(differs(called(call(places=9))))), told(found)) is None


def test_an_answered_town_one_just_called_or_one_not_told_of_the_call_as_it_is_is_not_reminded() -> None:
    assert differs(unanswered(is_answered=True), now=WINDOW) is None
    assert differs(unanswered(told_call=told(differs(called()), at=WINDOW - dt.timedelta(hours=23)))) is None
    assert differs(unanswered(told_call=None)) is None
    assert differs(unanswered(its_session=session(TUESDAY))) is None
    assert differs(unanswered(its_session=session(state=CANCELLED))) is None


def test_the_last_day_is_the_one_on_which_the_town_may_still_nominate() -> None:
    """Until midnight: the day before it; and clocks may change in between."""
    midnight = dt.datetime(2026, 10, 9, 22, tzinfo=dt.UTC)
    assert two_days_before(midnight) == dt.datetime(2026, 10, 7, 10, tzinfo=dt.UTC)
    assert two_days_before(midnight + dt.timedelta(hours=1)) == dt.datetime(2026, 10, 8, 10, tzinfo=dt.UTC)
    assert two_days_before(dt.datetime(2026, 10, 26, 11, tzinfo=dt.UTC)) == dt.datetime(2026, 10, 24, 10, tzinfo=dt.UTC)


# --- what became of them ---------------------------------------------------------------------

PEOPLE = (
    Nominee(person_id="person-2", standing=Standing.WAITLISTED),
    Nominee(person_id="person-3", standing=Standing.NONE, reason=RefusalReason.OVERLAPS),
)


def outcome(*now: Now, **changes: Any) -> Outcome:
    its = answered(*PEOPLE)
    fields: dict[str, Any] = {
        "answered": its,
        "coordinates": True,
        "town_name": "Augustów",
        "since": LONG_AGO,
    } | changes
    now = now or (Now("Anna Lis", None, None), Now("Bartek Lis", None, None))
    return Outcome(replace(facts(), place=None), now=now, **fields)


def test_the_coordinator_is_told_once_what_became_of_each() -> None:
    its = outcome()
    found = its.difference(None, addressee(), now=NOW)
    assert found is not None
    assert found.letter == ANSWER
    assert its.difference(told(found), addressee(), now=NOW) is None
    assert outcome(coordinates=False).difference(None, addressee(), now=NOW) is None
    assert outcome(since=NOW).difference(None, addressee(), now=NOW) is None


def test_each_stands_in_the_mail_as_they_stand_when_it_leaves() -> None:
    its = outcome(Now("Anna Lis", Standing.ENROLLED, None), Now(None, None, None))
    found = its.difference(None, addressee(), now=NOW)
    assert found is not None
    mail = its.mail(open_notice(language=Language.PL, content=found.says), found)
    assert mail.people == (Named("Anna Lis", "enrolled"), Named("–", "overlaps"))
    waits = outcome(Now("Anna Lis", Standing.WAITLISTED, 3), Now("B", Standing.WITHDRAWN, None))
    mail = waits.mail(open_notice(language=Language.PL, content=found.says), found)
    assert mail.people == (Named("Anna Lis", "waitlisted", 3), Named("B", "overlaps"))
    sent = received(brief_mail(ANSWER, people=mail.people, town="Augustów"))
    assert "Anna Lis – czeka na liście rezerwowej, numer 3" in body(sent, "plain")


def in_vain(
    its: Nominated | None = None, its_place: Place | None = None, its_session: Session | None = None, **changes: Any
) -> NotPlaced:
    fields: dict[str, Any] = {"told_place": None, "other_is_open": False, "since": LONG_AGO} | changes
    return NotPlaced(replace(facts(its_session=its_session), place=its_place), its or nominated(), **fields)


def test_who_was_named_in_vain_is_told_so_once_and_why() -> None:
    found = in_vain().difference(None, addressee(), now=NOW)
    assert found is not None
    assert (found.letter, found.because) == (NOT_PLACED, "not_admitted")
    assert in_vain().difference(told(found), addressee(), now=NOW) is None
    assert in_vain(nominated(nomination_id="nomination-2")).difference(told(found), addressee(), now=NOW) is not None


@pytest.mark.parametrize("standing", [Standing.ENROLLED, Standing.WAITLISTED, Standing.OFFERED])
def test_who_came_in_or_has_something_hears_of_that_and_of_no_nomination(standing: Standing) -> None:
    assert in_vain(nominated(None)).difference(None, addressee(), now=NOW) is None
    assert in_vain(its_place=place(standing)).difference(None, addressee(), now=NOW) is None


@pytest.mark.parametrize(
    "its_session", [session(state=CANCELLED), session(meeting("2026-11-20T08:00", "2026-11-20T15:00"))]
)
def test_nobody_hears_of_a_nomination_for_what_is_off_or_has_begun(its_session: Session) -> None:
    assert in_vain(its_session=its_session).difference(None, addressee(), now=NOW) is None


def test_of_two_answers_about_one_person_the_newer_counts_in_whatever_order_they_are_heard() -> None:
    people = [{"person_id": "anna", "standing": "none", "reason": "overlaps"}]
    first = answered_of(heard(body_of(NominationAnswered, people=people, nomination_id="a" * 24)))
    later = replace(first, nomination_id="b" * 24, decided_at=first.decided_at + dt.timedelta(hours=1))
    for order in ((first, later), (later, first)):
        working = SERVICE.working(NOW)
        working[Nominated].loaded((), EVERY_ROW)
        for row in order:
            derive_nominated(working, None, row, heard(body_of(NominationAnswered)))
        (row,) = working[Nominated]
        assert row.nomination_id == "b" * 24


# --- through the database --------------------------------------------------------------------


async def test_whoever_coordinates_two_towns_is_told_of_each(office: Office) -> None:
    other = replace(town(), city_id="geonames:1", name="Suwałki")
    calls = (call(), call(city_id="geonames:1"))
    await office.is_true(other, member(), member(city_id="geonames:1"), *calls)
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 2) == [("call", "sent", None)] * 2
        await office.has_looked()
    assert len(office.server.mails) == 2


async def test_two_mails_to_one_person_whose_sender_is_gone_do_not_wait_for_each_other(office: Office) -> None:
    """Both were taken at once, about one training: neither is alone until the other one is settled."""
    await office.is_true(replace(town(), city_id="geonames:1", name="Suwałki"), member(), member(city_id="geonames:1"))
    await office.is_true(call(), call(city_id="geonames:1"))
    for number, city_id in enumerate(("geonames:1", "geonames:776597")):
        found = differs(called(call(city_id=city_id)))
        assert found is not None
        taken = open_notice(
            about=f"call/session-1/{city_id}", notice_id=f"notice-{number}", kind=CALLED, language=Language.PL, attempts=1,
            content=found.says, stated_at=BEFORE, tried_since=BEFORE, lease="gone", lease_until=BEFORE,
        )  # fmt: skip
        await office.is_true(taken)
    async with office.server.listening(), office.sending():
        await eventually(lambda: len(office.server.mails) == 2)


def merged(person_id: str, into: str) -> Person:
    return replace(person(person_id), given_name=None, family_name=None, merged_into=into)


async def test_whoever_turned_out_to_be_a_towns_coordinator_is_told_of_its_call(office: Office) -> None:
    """A directory says that two are one, and not of each team anew who is in it."""
    await office.is_true(merged("person-2", "person-1"), contact("person-2"), member("person-2"), call())
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("call", "sent", None)]
    assert [mail[0] for mail in office.server.mails] == ["person-1@example.org"]


async def test_a_merge_is_news_to_whoever_stays(engine: AsyncEngine) -> None:
    """Not only the look at the whole, up to a minute later, finds what they are to be told: a call, a training, a message, what was asked for."""
    gone = ("coordinator", "trainer", "reader", "asked")
    its = session(trainers=("trainer",))
    async with engine.begin() as connection:
        await write_rows(connection, its, said_then(its), call(), member("coordinator"))
        await write_rows(connection, message("reader"), asked(recipient="asked"))
        await write_rows(connection, *(replace(merged(one, f"{one}-1"), heard_at=NOW) for one in gone))
        news, _ = await differences.news(connection, frozenset({PersonMerged}), mark=NOW, now=NOW)
    assert {("coordinator-1", "session-1"), ("trainer-1", "session-1")} <= news
    assert {("reader-1", "message-1"), ("asked-1", "asked-1")} <= news


@pytest.mark.parametrize("about", ["call", "bounced"])
async def test_a_mail_that_was_planned_for_an_id_that_is_somebody_else_by_now_is_nobodys(
    office: Office, about: str
) -> None:
    """It is closed, and does not stay due for ever; the one who stays is told."""
    gone, their = merged("person-2", "person-1"), merged("person-3", "person-4")
    planned = {"call": "call/session-1/geonames:776597", "bounced": "bounced/person-3/geonames:776597"}[about]
    whom = {"call": "person-2", "bounced": "person-1"}[about]
    await office.is_true(gone, their, member("person-2"), member("person-3"), call(), suppression(recipient="person-3"))
    await office.is_true(open_notice(recipient=whom, about=planned, notice_id="notice-9"))
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        await office.has_looked()
    assert [mail[:2] for mail in office.server.mails] == [("person-1@example.org", "call")]


async def test_a_coordinator_reads_of_whoever_somebody_turned_out_to_be_how_they_stand(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await ensure_key(connection)
        jan = replace(person("person-3"), given_name="Jan", family_name="Mazur")
        rows = (jan, merged("person-2", "person-3"), merged("person-9", "person-2"))
        await write_rows(connection, person(), contact(), town(), topic(), session(), settled(), *rows)
        theirs = (place(Standing.WITHDRAWN, person_id="person-2"), place(person_id="person-3"))
        await write_rows(connection, *theirs, member(), member("person-9", kind=MemberKind.PROJECT_STAFF))
        await write_rows(connection, answered(*PEOPLE[:1]), call())
        (answer,) = [one["truth"].matter for one in await judged(connection, KINDS[Subject.NOMINATION])]
        (called,) = [one["truth"].matter for one in await judged(connection, KINDS[Subject.CALL])]
    assert [(one.name, one.standing) for one in answer.now] == [("Jan Mazur", Standing.ENROLLED)]
    assert called.team == ("Jan Mazur", "Żaneta Wiśniewska")


@pytest.mark.parametrize(
    ("from_date", "letters"),
    [(dt.date(2026, 3, 10), []), (dt.date(2026, 11, 18), []), (dt.date(2026, 11, 19), [CALLED])],
    ids=["since the spring", "since the day of go-live", "since the day after"],
)
async def test_who_came_to_the_town_after_go_live_was_told_of_its_call_by_nobody(
    engine: AsyncEngine, from_date: dt.date, letters: list[str]
) -> None:
    """Half an hour after midnight in Warsaw it is another day there than by UTC."""
    go_live = dt.datetime(2026, 11, 17, 23, 30, tzinfo=dt.UTC)
    asks = call(heard_at=go_live - dt.timedelta(days=9))
    its = session(heard_at=LONG_AGO)
    rows = (its, settled(its), said_then(its), asks, said_then(asks), member(from_date=from_date))
    async with engine.begin() as connection:
        await ensure_key(connection)
        await write_rows(connection, person(), contact(), town(), topic(), *rows)
        (said,) = await judged(connection, KINDS[Subject.CALL], replace(RULES, since=go_live))
    found = said["truth"].difference(said["told"], now=NOW)
    assert ([found.letter] if found else [], said["differs"]) == (letters, bool(letters))


async def test_a_team_is_named_in_the_order_of_the_alphabet_and_two_of_one_name_are_two(engine: AsyncEngine) -> None:
    names = {
        "person-2": ("Ewa", "Zych"),
        "person-3": ("Adam", "Ćwik"),
        "person-4": ("Adam", "Ćwik"),
        "person-5": ("Jan", "de Vries"),
    }
    people = [replace(person(one), given_name=given, family_name=family) for one, (given, family) in names.items()]
    async with engine.begin() as connection:
        await ensure_key(connection)
        await write_rows(connection, person(), contact(), town(), topic(), session(), settled(), *people, call())
        await write_rows(connection, member(), *(member(one, kind=MemberKind.PROJECT_STAFF) for one in names))
        (called,) = [one["truth"].matter for one in await judged(connection, KINDS[Subject.CALL])]
    assert called.team == ("Adam Ćwik", "Adam Ćwik", "Jan de Vries", "Żaneta Wiśniewska", "Ewa Zych")


async def test_of_a_team_that_is_too_large_the_first_of_the_alphabet_are_named(engine: AsyncEngine) -> None:
    """And it is said that there are more. By bytes Ć stands behind Z."""
    others = [replace(person(f"person-{number}"), given_name="Ewa", family_name="Zych") for number in range(2, 64)]
    first = replace(person("person-99"), given_name="Adam", family_name="Ćwik")
    team = [person(), first, *others]
    async with engine.begin() as connection:
        await ensure_key(connection)
        await write_rows(connection, *team, contact(), town(), topic(), session(), settled(), call())
        of_team = (member(one.person_id, kind=MemberKind.PROJECT_STAFF) for one in team[1:])
        await write_rows(connection, member(), *of_team)
        (said,) = await judged(connection, KINDS[Subject.CALL])
    called = said["truth"].matter
    found = called.difference(None, addressee(), now=NOW)
    assert found is not None
    content = called.named(found.says, Language.EN)
    mail = called.mail(open_notice(language=Language.EN, content=content, stated_at=NOW), found)
    assert [one.name for one in mail.people] == ["Adam Ćwik", "Żaneta Wiśniewska", *["Ewa Zych"] * 58]
    text = body(received(mail), "plain")
    assert text.count("- Ewa Zych\n") == 58
    assert "- Ewa Zych\n- and more\n" in text


async def test_a_call_its_answer_and_whoever_was_named_in_vain_are_told_at_once_when_heard(office: Office) -> None:
    async with office.server.listening(), office.sending():
        await office.is_true(member())
        await office.hears(call())
        assert await settled_notices(office, 1) == [("call", "sent", None)]
        await office.is_true(person("person-3"), contact("person-3"), nominated(person_id="person-3", heard_at=NOW))
        await office.hears(answered(*PEOPLE))
        assert set(await settled_notices(office, 3)) == {
            ("call", "sent", None),
            (ANSWER, "sent", None),
            (NOT_PLACED, "sent", None),
        }
    assert {mail[0] for mail in office.server.mails} == {"person-1@example.org", "person-3@example.org"}


async def test_what_two_writers_say_of_a_call_is_all_kept(engine: AsyncEngine) -> None:
    decider, body = Decider(engine, app.SERVICE), body_of(NominationsInvited)
    for number, source in enumerate(("rollcall/enrolment", "urn:example:archive"), start=1):
        await decider.act([replace(heard(body, version=number), source=source, event_id=f"call-{number}")])
    async with engine.connect() as connection:
        rows = (await connection.execute(CALL_SAID.select())).all()
    assert {row.event_id for row in rows} == {"call-1", "call-2"}


async def test_a_nomination_is_heard_with_what_became_of_each(engine: AsyncEngine) -> None:
    await Decider(engine, app.SERVICE).act([heard(body_of(NominationAnswered))])
    async with engine.connect() as connection:
        rows = rows_as(Nominated, await connection.execute(NOMINATED.select()))
    assert {row.person_id: row.reason for row in rows} == {
        "person-0001": None,
        "person-0002": None,
        "person-0003": "not_of_town",
    }
