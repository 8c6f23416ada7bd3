"""What becomes of a calendar's answer: who may say it, about what, and in which order."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from services.notifications.answering import Became, Invited, answer
from services.notifications.app import SERVICE
from services.notifications.calendar import entry_uid
from services.notifications.ledger import Notice, NoticeState
from services.notifications.replies import Attendee, CalendarReply
from services.notifications.replying import CalendarAnswer
from shared.contracts.answers import CalendarAnswered
from shared.contracts.planner import times_of
from shared.contracts.portal import Reply
from shared.state.rows import EVERY_ROW
from shared.state.working import Working
from tests.notifications.building import MONDAY, NOW, TUESDAY, contact, content, notice, person, session

MINUTE = dt.timedelta(minutes=1)
SENT = NOW - dt.timedelta(hours=1)
UID = entry_uid("session-1", "person-1")
JAN = Attendee("jan@example.org", "Jan Kowalski", Reply.DECLINED)


def mail(sequence: int = 0, *, at: dt.datetime = SENT, **changes: Any) -> Notice:
    """A mail about the place that has left."""
    fields = {"about": "place/session-1", "kind": "confirmation", "notice_id": f"notice-{sequence}"}
    return replace(notice(said=content()), **(fields | {"sequence": sequence, "decided_at": at} | changes))


def off(sequence: int) -> Notice:
    said = content().model_copy(update={"hash": None})
    return mail(sequence, said=said, kind="cancellation")


def invited(*notices: Notice, **changes: Any) -> Invited:
    who = replace(person(), given_name="Jan", family_name="Kowalski")
    whole = Invited("session-1", "person-1", who, contact(email="jan@example.org"), notices or (mail(),), {})
    return replace(whole, **changes)


def reply(word: Reply | None = Reply.DECLINED, **changes: Any) -> CalendarReply:
    who = {name: changes.pop(name) for name in ("address", "name") if name in changes}
    whole = CalendarReply(UID, 0, NOW - 5 * MINUTE, (replace(JAN, reply=word, **who),), is_of_one_day=False)
    return replace(whole, **changes)


@pytest.fixture
def working() -> Working:
    found = SERVICE.working(NOW)
    found[CalendarAnswer].loaded((), EVERY_ROW)
    return found


def said(working: Working) -> list[CalendarAnswered]:
    return [one.body for one in working.said if isinstance(one.body, CalendarAnswered)]


def test_what_the_invited_person_answers_is_said_of_the_times_that_the_mail_told(working: Working) -> None:
    monday = mail(said=content(session(MONDAY)))
    assert answer(working, invited(monday), reply()) is Became.ANSWERED
    (fact,) = said(working)
    assert (fact.session_id, fact.person_id, fact.reply) == ("session-1", "person-1", Reply.DECLINED)
    assert (fact.about_times, fact.notice_id) == (times_of([MONDAY]), "notice-0")
    assert fact.answered_at == NOW - 5 * MINUTE


def test_the_answer_to_an_older_mail_is_about_the_times_that_that_one_told(working: Working) -> None:
    """Whether these still are the session's, enrolment knows."""
    both = mail(0, said=content(session(MONDAY))), mail(1, said=content(session(TUESDAY)), kind="change")
    assert answer(working, invited(*both), reply(sequence=0)) is Became.ANSWERED
    assert said(working)[0].about_times == times_of([MONDAY])


@pytest.mark.parametrize(
    ("changes", "became"),
    [
        ({"uid": entry_uid("session-2", "person-1")}, Became.ANOTHER_ENTRY),
        ({"sequence": 3}, Became.NOT_TOLD),
        ({"is_of_one_day": True}, Became.ANSWERED),
        ({"attendees": ()}, Became.SOMEBODY_ELSE),
        ({"attendees": (replace(JAN, reply=None),)}, Became.NO_WORD),
        ({"attendees": (JAN, replace(JAN, reply=Reply.CONFIRMED))}, Became.NO_WORD),
        ({"attendees": (Attendee("ewa@example.org", "Ewa Nowak", Reply.CONFIRMED), JAN)}, Became.ANSWERED),
    ],
)
def test_what_is_not_theirs_to_say_or_says_nothing_comes_to_nothing(
    working: Working, changes: dict[str, Any], became: Became
) -> None:
    assert answer(working, invited(), reply(**changes)) is became
    assert len(said(working)) == (became is Became.ANSWERED)


def test_a_day_of_several_is_not_the_place(working: Working) -> None:
    two_days = mail(said=content(session(MONDAY, TUESDAY)))
    assert answer(working, invited(two_days), reply(is_of_one_day=True)) is Became.ONE_DAY
    assert said(working) == []


def test_whoever_was_forwarded_an_invitation_answers_for_nobody_else(working: Working) -> None:
    colleague = reply(address="ewa@example.org", name="Ewa Nowak")
    assert answer(working, invited(), colleague) is Became.SOMEBODY_ELSE
    assert answer(working, invited(), reply(address="ewa@example.org", name=None)) is Became.SOMEBODY_ELSE


@pytest.mark.parametrize("address", ["JAN@Example.ORG", "jan+szkolenia@example.org"])
def test_an_address_may_be_written_otherwise(working: Working, address: str) -> None:
    assert answer(working, invited(), reply(address=address, name=None)) is Became.ANSWERED


def test_a_mailbox_that_answers_under_another_name_of_its_own_is_known_by_whose_it_is(working: Working) -> None:
    assert answer(working, invited(), reply(address="j.k@um.example", name="Kowalski Jan (UM)")) is Became.ANSWERED


def test_the_address_that_the_mail_went_to_stays_theirs_when_the_directory_has_another(working: Working) -> None:
    went_to = content().model_copy(update={"mailbox": "7c1e.5b0c7a1f"})
    who = invited(
        mail(said=went_to), contact=contact(email="new@example.org"), mailboxes={"old@example.org": "7c1e.5b0c7a1f"}
    )
    assert answer(working, who, reply(address="old@example.org", name=None)) is Became.ANSWERED
    who = replace(who, mailboxes={"old@example.org": "7c1e.00000000"})
    assert answer(working, who, reply(address="old@example.org", name=None)) is Became.SOMEBODY_ELSE


def test_nobody_answers_for_whoever_is_erased(working: Working) -> None:
    assert answer(working, invited(person=replace(person(), erased=True)), reply()) is Became.NOT_TOLD


@pytest.mark.parametrize("state", [NoticeState.FAILED, NoticeState.TOO_LATE])
def test_a_mail_that_never_left_is_answered_by_nobody(working: Working, state: NoticeState) -> None:
    assert answer(working, invited(mail(state=state)), reply()) is Became.NOT_TOLD


@pytest.mark.parametrize("state", [NoticeState.UNKNOWN, NoticeState.OVERTAKEN, NoticeState.BOUNCED])
def test_whoever_answers_a_mail_has_it_whatever_we_know_of_it(working: Working, state: NoticeState) -> None:
    assert answer(working, invited(mail(state=state)), reply()) is Became.ANSWERED


def test_an_answer_to_what_was_called_off_since_is_none_to_what_was_told_after(working: Working) -> None:
    """They gave the place back and have it again: what a calendar says late of the first says nothing of the second."""
    who = invited(mail(0), off(1), mail(2))
    assert answer(working, who, reply(sequence=0)) is Became.CALLED_OFF
    assert answer(working, who, reply(sequence=1)) is Became.CALLED_OFF
    assert answer(working, who, reply(sequence=2)) is Became.ANSWERED


def test_an_answer_to_an_entry_that_was_taken_out_because_two_are_one_is_none_to_the_other(working: Working) -> None:
    """Whoever declines the second of two entries gives nothing back: their place is told by the first."""
    ended = mail(
        about="former/session-1/place/person-1", kind="entry_ended", notice_id="notice-9", recipient="person-2"
    )
    ended = replace(ended, said=content().model_copy(update={"hash": "notice-1"}))
    who = invited(mail(0), mail(1), taken_out=(ended,))
    assert answer(working, who, reply(sequence=0)) is Became.CALLED_OFF
    assert answer(working, who, reply(sequence=1)) is Became.CALLED_OFF
    never_left = replace(ended, state=NoticeState.FAILED)
    assert answer(working, replace(who, taken_out=(never_left,)), reply(sequence=1)) is Became.ANSWERED
    assert answer(working, invited(mail(0), mail(1), mail(2), taken_out=(ended,)), reply(sequence=2)) is Became.ANSWERED


def test_the_newest_answer_counts_in_whatever_order_they_come(working: Working) -> None:
    assert answer(working, invited(), reply(Reply.DECLINED, stamped_at=NOW - MINUTE)) is Became.ANSWERED
    assert answer(working, invited(), reply(Reply.CONFIRMED, stamped_at=NOW - 2 * MINUTE)) is Became.OVERTAKEN
    assert answer(working, invited(), reply(Reply.DECLINED, stamped_at=NOW - MINUTE)) is Became.REPEATED
    assert answer(working, invited(), reply(Reply.NONE, stamped_at=NOW - MINUTE)) is Became.ANSWERED
    assert [fact.reply for fact in said(working)] == [Reply.DECLINED, Reply.NONE]


def test_an_answer_to_a_newer_mail_counts_whatever_the_clock_of_the_calendar_says(working: Working) -> None:
    who = invited(mail(0), mail(1))
    assert answer(working, who, reply(sequence=1, stamped_at=NOW - 2 * MINUTE)) is Became.ANSWERED
    assert answer(working, who, reply(Reply.CONFIRMED, sequence=0, stamped_at=NOW)) is Became.OVERTAKEN


def test_a_calendar_whose_clock_is_fast_silences_nobody(working: Working) -> None:
    in_a_year = NOW + dt.timedelta(days=366)
    assert answer(working, invited(), reply(Reply.CONFIRMED, stamped_at=in_a_year)) is Became.ANSWERED
    assert said(working)[0].answered_at == NOW
    assert answer(working, invited(), reply(Reply.DECLINED, stamped_at=in_a_year)) is Became.ANSWERED
    assert answer(working, invited(), reply(Reply.DECLINED, stamped_at=in_a_year)) is Became.REPEATED


def test_nobody_has_answered_before_the_mail_was_written(working: Working) -> None:
    assert answer(working, invited(), reply(stamped_at=dt.datetime(1997, 1, 1, tzinfo=dt.UTC))) is Became.ANSWERED
    assert said(working)[0].answered_at == SENT


def test_an_answer_without_a_time_is_of_when_it_is_heard(working: Working) -> None:
    assert answer(working, invited(), reply(stamped_at=None)) is Became.ANSWERED
    assert said(working)[0].answered_at == NOW
