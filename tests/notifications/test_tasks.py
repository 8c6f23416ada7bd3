"""What people fill in elsewhere because of a session: who is asked, by which link, and who is reminded."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import tables
from services.notifications.decisions import Attempt
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.followup import FollowUp
from services.notifications.kinds.kind import Rules
from services.notifications.kinds.place import Place as PlaceMatter
from services.notifications.kinds.pretest import PRE_TEST_AWAITED, PreTest
from services.notifications.kinds.reminder import Reminder
from services.notifications.kinds.unfilled import Unfilled
from services.notifications.ledger import Told, told_after
from services.notifications.letters import CANCELLATION, CHANGE, CONFIRMATION, Given
from services.notifications.mail import Renderer
from services.notifications.place_sheet import place_sheet
from services.notifications.state import CANCELLED, Place, Session, session_of
from services.notifications.tasks import Task, code_of, tasks_of
from services.notifications.untold import Difference
from shared.contracts.attendance import Presence, Role
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import SessionTold, TasksTold
from shared.contracts.planner import OutsideTask, SessionScheduled, TaskGiven
from shared.state.rows import Row
from shared.testing import body_of, heard
from tests.notifications.building import (
    LONG_AGO,
    NOW,
    TUESDAY,
    YESTERDAY,
    addressee,
    content,
    facts,
    meeting,
    meeting_list,
    notice,
    open_notice,
    person,
    place,
    record,
    session,
    settled,
    task,
    task_done,
)
from tests.notifications.mails import LETTER, ZANETA, body, brief_mail, received, session_mail
from tests.notifications.office import Office, write_rows
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_kinds import judged

RULES = Rules(LONG_AGO, reminder_hour=15)
LINK = "https://testy.example.org/wejscie?kto={code}"
MONDAY_9 = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
FRIDAY_15 = dt.datetime(2026, 11, 20, 14, 0, tzinfo=dt.UTC)
"""Two days before the session is a Saturday."""
WEEKS_AGO = NOW - dt.timedelta(days=20)
HOUR, SECOND = dt.timedelta(hours=1), dt.timedelta(seconds=1)


def stated(**changes: Any) -> Session:
    """As the planner's word makes it: on a Monday, with a test before it."""
    meetings = [{"meeting_id": "day-1", "starts_local": "2026-11-23T09:00:00", "ends_local": "2026-11-23T15:00:00"}]
    fields: dict[str, Any] = {"meetings": meetings, "pre_test": {"link": LINK}} | changes
    row = session_of(heard(body_of(SessionScheduled, session_id="session-1", **fields)))
    return replace(row, content=session().content)


ITS = stated()


# --- what a session says ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "link",
    [
        "http://testy.example.org/",
        "https://anna:haslo@testy.example.org/",
        "https://{code}.example.org/",
        "https://testy.example.org/{code}/{code}",
        "https://testy.example.org/{name}",
        "https://testy.example.org/a b",
        'https://testy.example.org/"',
        "https://testy.example.org/\n",
        "javascript:alert(1)",
        f"https://testy.example.org/{'a' * 500}",
    ],
)
def test_a_link_is_https_names_nobody_and_has_one_field_at_most_behind_the_host(link: str) -> None:
    with pytest.raises(ValidationError):
        TaskGiven(link=link)


def test_a_link_may_have_a_field_for_a_code_or_none() -> None:
    assert [TaskGiven(link=one).link for one in (LINK, "https://a.pl")] == [LINK, "https://a.pl"]


@pytest.mark.parametrize(
    ("given", "until", "noon"),
    [
        ({}, "2026-11-23T08:00", "2026-11-20T11:00"),  # Two days before is a Saturday.
        ({"remind_days": 5}, "2026-11-23T08:00", "2026-11-18T11:00"),
        ({"until": "2026-11-18T23:00:00Z"}, "2026-11-18T23:00", "2026-11-16T11:00"),  # Until midnight is on the 18th.
        ({"until": "2026-12-24T23:00:00Z"}, "2026-11-23T08:00", "2026-11-20T11:00"),
        ({"until": "2026-11-13T12:00:00Z"}, "2026-11-13T12:00", "2026-11-10T11:00"),  # The 11th is a holiday.
    ],
)
def test_before_a_session_there_is_time_until_it_begins_and_one_is_reminded_on_a_working_day(
    given: dict[str, Any], until: str, noon: str
) -> None:
    its = stated(pre_test={"link": LINK, **given}).pre_test
    assert its is not None
    assert (its.until, its.noon_at) == tuple(dt.datetime.fromisoformat(f"{one}+00:00") for one in (until, noon))


def test_after_a_session_there_are_two_weeks_or_as_it_says_and_half_a_year_at_most() -> None:
    ends = dt.datetime(2026, 11, 23, 14, 0, tzinfo=dt.UTC)
    its = stated(post_test={"link": LINK}, questionnaire={"link": LINK, "until": "2031-01-01T00:00:00Z"})
    assert its.post_test is not None
    assert its.questionnaire is not None
    assert its.post_test.until == ends + dt.timedelta(days=14)
    assert its.questionnaire.until == ends + dt.timedelta(days=180)


def test_a_session_that_says_nothing_of_tasks_has_none_and_they_make_it_no_other_session() -> None:
    none = session_of(heard(body_of(SessionScheduled)))
    with_one = session_of(heard(body_of(SessionScheduled, pre_test={"link": LINK})))
    assert (none.pre_test, none.post_test, none.questionnaire) == (None, None, None)
    assert none.content == with_one.content


def test_another_link_or_time_has_another_name() -> None:
    names = {
        its.pre_test.name
        for its in (
            ITS,
            stated(pre_test={"link": LINK, "until": "2026-11-20T11:00:00Z"}),
            stated(pre_test={"link": "https://inne.example.org/"}),
        )
        if its.pre_test is not None
    }
    assert len(names) == 3
    assert stated(pre_test={"link": LINK, "remind_days": 4}).pre_test.name == ITS.pre_test.name  # type: ignore[union-attr]


# --- before it -------------------------------------------------------------------------------


def told_of_place(*, at: dt.datetime = WEEKS_AGO, pre_test: Task | None = ITS.pre_test, **changes: Any) -> Told:
    said = content(ITS)
    says = said.says.model_copy(update={"pre_test": pre_test.name if pre_test is not None else None})
    return told_after(None, notice(said=said.model_copy(update={"says": says, **changes}), decided_at=at))


def pretest(its_place: Place | None = None, its_session: Session = ITS, **changes: Any) -> PreTest:
    known, done = changes.pop("told_place", told_of_place()), changes.pop("done", False)
    return PreTest(facts(its_place, its_session, **changes), known, RULES, done)


def differs(its: PreTest, told: Told | None = None, *, now: dt.datetime = FRIDAY_15, **to: Any) -> Difference | None:
    return its.difference(told, addressee(**to), now=now)


def reminded() -> Told:
    found = differs(pretest())
    assert found is not None
    return told_after(None, notice(about="pretest/session-1/pre-test", said=found.says, decided_at=FRIDAY_15))


def test_whoever_has_not_filled_it_in_is_reminded_once_from_the_hour_of_reminding_until_it_is_over() -> None:
    found = differs(pretest())
    assert found is not None
    assert (found.letter, found.says.until) == (PRE_TEST_AWAITED, MONDAY_9)
    assert differs(pretest(), now=FRIDAY_15 - SECOND) is None
    assert differs(pretest(), now=MONDAY_9 - SECOND) is not None
    assert differs(pretest(), now=MONDAY_9) is None
    assert differs(pretest(), reminded()) is None


def test_whoever_has_filled_it_in_is_not_reminded() -> None:
    assert differs(pretest(done=True)) is None


@pytest.mark.parametrize(
    ("its_place", "its_session"),
    [
        (place(Standing.WITHDRAWN), ITS),
        (place(Standing.WAITLISTED), ITS),
        (place(), replace(ITS, state=CANCELLED)),
        (place(), replace(ITS, pre_test=None)),
    ],
    ids=["withdrawn", "waits", "cancelled", "asks for nothing"],
)
def test_nobody_is_reminded_of_a_test_where_nothing_is_to_be_filled_in(its_place: Place, its_session: Session) -> None:
    assert differs(pretest(its_place, its_session)) is None


def test_another_link_or_time_is_reminded_of_anew() -> None:
    other = stated(pre_test={"link": "https://inne.example.org/"})
    assert differs(pretest(its_session=other), reminded()) is not None


def test_whom_the_mail_about_the_place_has_just_asked_is_not_reminded() -> None:
    assert differs(pretest(told_place=told_of_place(at=FRIDAY_15 - 23 * HOUR))) is None
    assert differs(pretest(told_place=told_of_place(at=FRIDAY_15 + HOUR)), now=FRIDAY_15 + 2 * HOUR) is None


def test_whom_no_mail_has_asked_for_this_one_is_asked_whenever_they_heard_of_their_place() -> None:
    unheard = told_of_place(at=FRIDAY_15 - HOUR, pre_test=None)
    assert differs(pretest(told_place=unheard)) is not None
    assert differs(pretest(told_place=None)) is None
    assert differs(pretest(told_place=told_of_place(hash="another day"))) is None


def test_where_its_day_is_the_day_before_the_reminder_of_that_day_does_it() -> None:
    its = replace(ITS, meetings=(TUESDAY,), noon_before_at=MONDAY_9 + 3 * HOUR, starts_at=MONDAY_9 + 24 * HOUR)
    its = replace(its, pre_test=task(its.starts_at, its.noon_before_at))
    monday_15 = its.noon_before_at + 3 * HOUR
    assert differs(pretest(its_session=its), now=monday_15) is None
    assert Reminder(facts(None, its), told_of_place(), RULES).difference(None, addressee(), now=monday_15) is not None
    # Who is not reminded that day, because they have just heard of the place, was not asked by it either.
    just_now = told_of_place(at=monday_15 - HOUR, pre_test=None)
    assert differs(pretest(its_session=its, told_place=just_now), now=monday_15) is not None


def test_the_mail_about_a_place_asks_for_the_test_unless_it_is_done_or_over() -> None:
    def says(done: bool = False, now: dt.datetime = NOW, its: Session = ITS) -> str | None:
        found = PlaceMatter(facts(None, its), done).difference(None, addressee(), now=now)
        assert found is not None
        assert isinstance(found.says.says, SessionTold)
        return found.says.says.pre_test

    assert ITS.pre_test is not None
    assert says() == ITS.pre_test.name
    assert (says(done=True), says(its=session())) == (None, None)
    assert says(now=ITS.pre_test.until) is None


def test_a_mail_about_a_place_shows_the_test_that_it_says_and_no_other() -> None:
    matter = PlaceMatter(facts(None, ITS))
    found = matter.difference(None, addressee(), now=NOW)
    assert found is not None
    its_notice = open_notice(content=found.says, language=Language.PL, stated_at=NOW)
    assert [one.link for one in matter.mail(its_notice, found).tasks] == [LINK]
    done = replace(matter, pre_test_done=True)
    found = done.difference(None, addressee(), now=NOW)
    assert found is not None
    assert done.mail(its_notice, found).tasks == ()


# --- after it --------------------------------------------------------------------------------

POST, QUEST = "post_test.1", "questionnaire.1"
ENDS = YESTERDAY.ends_at
SATURDAY_15 = FRIDAY_15 + dt.timedelta(days=1)
AFTER = session(
    YESTERDAY,
    post_test=task(NOW + dt.timedelta(days=3), FRIDAY_15 + 21 * HOUR, name=POST),
    questionnaire=task(NOW + dt.timedelta(days=9), FRIDAY_15 + dt.timedelta(days=7), name=QUEST),
)


def followup(its: Session = AFTER, *done: OutsideTask, came: bool = True, rules: Rules = RULES) -> FollowUp:
    return FollowUp(replace(facts(None, its), place=None), came, done, rules, None)


def first_mail(its: Session = AFTER, *, at: dt.datetime = ENDS + HOUR, **changes: Any) -> Told:
    found = followup(its).difference(None, addressee(), now=ENDS + HOUR)
    assert found is not None
    said = found.says.model_copy(update=changes)
    return told_after(None, notice(about="followup/session-1", said=said, decided_at=at))


def named(found: Difference | None) -> tuple[str, ...] | None:
    if found is None:
        return None
    assert isinstance(found.says.says, TasksTold)
    return found.says.says.tasks


def asks(its: FollowUp | Unfilled, told: Told | None = None, *, now: dt.datetime, **to: Any) -> tuple[str, ...] | None:
    return named(its.difference(told, addressee(**to), now=now))


def test_whoever_was_there_is_asked_once_it_is_over_for_what_they_have_not_filled_in() -> None:
    assert asks(followup(), now=ENDS) == (POST, QUEST)
    assert asks(followup(), now=ENDS - SECOND) is None
    assert asks(followup(AFTER, OutsideTask.POST_TEST), now=ENDS) == (QUEST,)
    assert asks(followup(AFTER, *OutsideTask), now=ENDS) is None
    assert asks(followup(), now=NOW + dt.timedelta(days=3)) == (QUEST,)
    assert asks(followup(), first_mail(), now=NOW) is None


@pytest.mark.parametrize(
    "its",
    [
        followup(came=False),
        followup(replace(AFTER, state=CANCELLED)),
        followup(session(YESTERDAY)),
        followup(rules=Rules(ENDS + SECOND)),
    ],
    ids=["was not there", "cancelled", "asks for nothing", "before go-live"],
)
def test_nobody_else_is_asked_after_it(its: FollowUp) -> None:
    assert asks(its, now=NOW) is None


def test_what_is_added_or_has_another_link_is_told_and_what_was_filled_in_meanwhile_tells_nothing() -> None:
    only = replace(AFTER, questionnaire=None)
    assert asks(followup(), first_mail(only), now=NOW) == (POST, QUEST)
    assert asks(followup(only), first_mail(), now=NOW) is None
    assert asks(followup(AFTER, OutsideTask.QUESTIONNAIRE), first_mail(), now=NOW) is None
    other = replace(AFTER, post_test=task(NOW + dt.timedelta(days=3), FRIDAY_15, name="post_test.2"))
    assert asks(followup(other), first_mail(), now=NOW) == ("post_test.2", QUEST)
    assert asks(followup(other, OutsideTask.POST_TEST), first_mail(), now=NOW) is None


def unfilled(*done: OutsideTask, its: Session = AFTER, told_first: Told | None = None) -> Unfilled:
    return Unfilled(replace(facts(None, its), place=None), True, done, RULES, None, told_first or first_mail())


def test_one_reminder_follows_when_the_first_comes_near_and_names_all_that_is_open() -> None:
    at = FRIDAY_15 + 24 * HOUR
    found = unfilled().difference(None, addressee(), now=at)
    assert named(found) == (POST, QUEST)
    assert found is not None
    said = told_after(None, notice(about="unfilled/session-1", said=found.says, decided_at=at))
    assert asks(unfilled(), said, now=at + HOUR) is None
    assert asks(unfilled(OutsideTask.POST_TEST), said, now=FRIDAY_15 + dt.timedelta(days=8)) is None
    assert asks(unfilled(), now=at - SECOND) is None


def test_who_has_filled_in_what_is_near_is_reminded_of_the_other_when_that_is() -> None:
    assert asks(unfilled(OutsideTask.POST_TEST), now=SATURDAY_15) is None
    assert asks(unfilled(OutsideTask.POST_TEST), now=FRIDAY_15 + dt.timedelta(days=7, hours=3)) == (QUEST,)
    assert asks(unfilled(*OutsideTask), now=SATURDAY_15) is None


def test_who_was_just_asked_or_never_or_elsewhere_is_not_reminded() -> None:
    assert asks(unfilled(told_first=first_mail(at=SATURDAY_15 - 23 * HOUR)), now=SATURDAY_15) is None
    assert asks(replace(unfilled(), told_first=None), now=SATURDAY_15) is None
    assert asks(unfilled(told_first=first_mail(hash=QUEST)), now=SATURDAY_15) is None
    assert asks(unfilled(told_first=first_mail(mailbox="k.a")), now=SATURDAY_15, mailbox="k.b") is None


# --- who has -----------------------------------------------------------------------------------


def merged(person_id: str, into: str) -> Row:
    return replace(person(person_id), given_name=None, family_name=None, merged_into=into)


async def key_of(engine: AsyncEngine) -> str:
    async with engine.begin() as connection:
        await tables.ensure_key(connection)
        return await tables.digest_key(connection)


async def done_by(engine: AsyncEngine, *rows: Row) -> bool:
    """Whether person-1 has filled in the test before session-1, by these."""
    its = replace(ITS, heard_at=LONG_AGO)
    async with engine.connect() as connection:
        await write_rows(connection, its, place(), *rows)
        (found,) = [
            one["truth"].matter
            for one in await judged(connection, KINDS[Subject.PRETEST], RULES)
            if one["truth"].matter.facts.place.person_id == "person-1"
        ]
    assert isinstance(found, PreTest)
    return found.pre_test_done


async def test_who_has_filled_it_in_is_known_by_their_code_and_by_their_id(engine: AsyncEngine) -> None:
    key = await key_of(engine)
    assert not await done_by(engine)
    assert await done_by(engine, task_done())
    assert await done_by(engine, task_done(respondent=code_of(key, "session-1", "person-1")))


async def test_the_code_of_another_session_another_person_or_another_task_is_nobodys_here(engine: AsyncEngine) -> None:
    key = await key_of(engine)
    others = [
        task_done(respondent=code_of(key, "session-2", "person-1")),
        task_done(respondent=code_of(key, "session-1", "person-2")),
        task_done(respondent=code_of("another key", "session-1", "person-1")),
        task_done(OutsideTask.POST_TEST),
        task_done(session_id="session-2"),
    ]
    assert not await done_by(engine, *others)


async def test_what_somebody_filled_in_under_an_id_that_went_into_theirs_counts(engine: AsyncEngine) -> None:
    """Also by the code of a mail from before that was known, and over two steps."""
    key = await key_of(engine)
    chain = (person(), merged("person-2", "person-1"), merged("person-3", "person-2"))
    assert not await done_by(engine, *chain)
    assert await done_by(engine, *chain, task_done(respondent="person-2"))
    assert await done_by(engine, *chain, task_done(respondent=code_of(key, "session-1", "person-3")))


async def followed(engine: AsyncEngine, *rows: Row) -> list[FollowUp]:
    async with engine.connect() as connection:
        await tables.ensure_key(connection)
        await write_rows(connection, replace(AFTER, heard_at=LONG_AGO), *rows)
        return [one["truth"].matter for one in await judged(connection, KINDS[Subject.FOLLOWUP], RULES)]


async def test_whoever_any_list_says_was_there_is_asked_after_it_once_also_without_a_place(engine: AsyncEngine) -> None:
    second = {"meeting_id": "day-2"}
    found = await followed(engine, record(Presence.ABSENT), record(Presence.PRESENT, with_place=False, **second))
    assert [one.came for one in found] == [True]
    assert [one.came for one in await followed(engine, record(Presence.ABSENT), meeting_list())] == [False]
    trains = record(Presence.PRESENT, role=next(role for role in Role if role is not Role.PARTICIPANT))
    assert [one.came for one in await followed(engine, trains)] == [False]


# --- the mails -------------------------------------------------------------------------------


RENDERER = Renderer(
    sender="powiadomienia@rollcall.example.org",
    sender_name="Biuro",
    organiser="szkolenia@rollcall.example.org",
    organiser_name="Biuro",
    code_of=lambda session_id, person_id: f"code-of-{person_id}",
)
GIVEN = (
    Given(OutsideTask.POST_TEST, "https://testy.example.org/?a=1&kto={code}", MONDAY_9),
    Given(OutsideTask.QUESTIONNAIRE, "https://ankiety.example.org/x", MONDAY_9),
)


@pytest.mark.parametrize("language", Language)
def test_a_mail_leads_each_reader_to_their_own_link_in_text_and_html(
    language: Language, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.notifications.mails.RENDERER", RENDERER)
    message = received(brief_mail("after_tasks", language, tasks=GIVEN))
    text, html = body(message, "plain"), body(message, "html")
    theirs = f"https://testy.example.org/?a=1&kto=code-of-{ZANETA.person_id}"
    assert theirs in text
    assert f'href="{theirs.replace("&", "&amp;")}"' in html
    assert "https://ankiety.example.org/x" in text
    until = {Language.PL: "23 listopada", Language.EN: "23 November"}[language]
    assert until in text
    assert "{code}" not in text + html
    assert re.search("[\ufdd0-\ufdef]", text + html) is None


@pytest.mark.parametrize("letter", ["pre_test_awaited", "after_tasks_awaited", "reminder"])
@pytest.mark.parametrize("language", Language)
def test_reminders_show_what_is_open(letter: str, language: Language, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.notifications.mails.RENDERER", RENDERER)
    text = body(received(brief_mail(letter, language, tasks=GIVEN)), "plain")
    assert "kto=code-of-" in text


@pytest.mark.parametrize("letter", [CONFIRMATION, CHANGE])
def test_a_mail_about_a_place_shows_the_test_beside_the_calendar_entry(letter: str) -> None:
    before = (Given(OutsideTask.PRE_TEST, LINK, MONDAY_9),)
    mail = session_mail(letter, tasks=before)
    sheet = place_sheet(mail, RENDERER.office)
    text = RENDERER.message(RENDERER.shared(sheet), ZANETA, LETTER).decode()
    assert "kto=3Dcode-of-" in text.replace("=\r\n", "")
    assert place_sheet(session_mail(CANCELLATION), RENDERER.office).tasks == ()


async def test_the_code_in_a_mail_is_the_one_that_an_outside_tool_is_understood_by(office: Office) -> None:
    key, sent = await key_of(office.engine), list[bytes]()
    its = replace(stated(), heard_at=LONG_AGO)
    await office.is_true(its, settled(its))
    async with office.server.listening(), office.sending() as sender:
        written = sender._writer.written

        def kept(attempt: Attempt) -> tuple[bytes, str]:
            sent.append(written(attempt)[0])
            return written(attempt)

        sender._writer.written = kept  # type: ignore[method-assign]
        await office.hears(place())
        await settled_notices(office, 1)
    assert code_of(key, "session-1", "person-1").encode() in sent[0].replace(b"=\r\n", b"")
    async with office.engine.connect() as connection:
        said = await connection.scalar(sa.text("select said->'says'->>'pre_test' from projection.told"))
    assert its.pre_test is not None
    assert said == its.pre_test.name


LONG_BEFORE = NOW - dt.timedelta(days=2, hours=2)
DUE = {"noon_at": NOW - 4 * HOUR, "until": NOW + dt.timedelta(days=2)}
TOLD_OF_PLACE = told_after(None, notice(said=content(session()), decided_at=WEEKS_AGO))
TOLD_FIRST = told_after(None, notice(about="followup/session-1", said=content().model_copy(update={"hash": POST}), decided_at=LONG_BEFORE))  # fmt: skip


@pytest.mark.parametrize(
    ("letter", "rows"),
    [
        (PRE_TEST_AWAITED, [session(pre_test=task(**DUE)), settled(), place(), TOLD_OF_PLACE]),
        ("after_tasks", [session(YESTERDAY, post_test=task(**DUE, name=POST)), record(Presence.PRESENT)]),
        ("after_tasks_awaited", [session(YESTERDAY, post_test=task(**DUE, name=POST)), record(Presence.PRESENT), TOLD_FIRST]),
    ],
)  # fmt: skip
async def test_each_of_these_mails_leaves_once_through_the_ledger(office: Office, letter: str, rows: list[Row]) -> None:
    """It is nine o'clock in Warsaw, two hours after the hour of reminding."""
    office.settings.reminder_hour = 7 + 2
    await office.is_true(*rows)
    async with office.server.listening():
        async with office.sending():
            assert await settled_notices(office, 1) == [(letter, "sent", None)]
            await office.has_looked()
    assert [kind for _, kind, _ in office.server.mails] == [letter]


def test_tasks_are_by_the_clocks_of_the_session() -> None:
    first = meeting("2026-11-25T09:00", "2026-11-25T15:00").model_copy(update={"zone": "Europe/Vilnius"})
    body = body_of(SessionScheduled, meetings=[first.model_dump(mode="json")], pre_test={"link": LINK})
    its, _, _ = tasks_of(body, first)
    assert its is not None
    assert its.noon_at == dt.datetime(2026, 11, 23, 10, 0, tzinfo=dt.UTC)
