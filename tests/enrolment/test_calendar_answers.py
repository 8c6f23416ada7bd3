"""What somebody answers in their calendar: a reply to the place like any other, of the times for which the entry there stands."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.contracts.answers import CalendarAnswered
from shared.contracts.enrolment import AskedFor, RefusalReason, Standing
from shared.contracts.planner import SessionCancelled, SessionRescheduled, times_of
from shared.contracts.portal import Reply
from shared.testing import NOON, body_of
from tests.enrolment.office import DAY, START, Office, session

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED, OFFERED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
    "PlaceOffered",
)
MINUTE = dt.timedelta(minutes=1)
ITS_TIMES = times_of(session().meetings)  # type: ignore[attr-defined]
BY_NOTIFICATIONS = "rollcall/notifications"


def answers(
    office: Office, reply: str = "declined", person_id: str = "anna", *, times: str = ITS_TIMES, **how: Any
) -> list[str]:
    said = body_of(CalendarAnswered, session_id="s", person_id=person_id, reply=reply, about_times=times)
    return office.hear(said, source=BY_NOTIFICATIONS, **how)


@pytest.fixture
def placed(office: Office) -> Office:
    """Anna and Bartek have the two places, and Celina waits."""
    office.session()
    for number, person_id in enumerate(("anna", "bartek", "celina")):
        office.ask(person_id, at=NOON - (3 - number) * MINUTE)
    return office


def test_whoever_declines_in_their_calendar_gives_the_place_back_and_it_goes_on(placed: Office) -> None:
    assert answers(placed, "declined") == [WITHDRAWN, ENROLLED]
    assert (placed.place("anna").state, placed.place("anna").reply) == (Standing.WITHDRAWN, Reply.DECLINED)
    assert placed.place("celina").state == Standing.ENROLLED


def test_whoever_accepts_has_confirmed_and_who_does_not_know_takes_that_back(placed: Office) -> None:
    assert answers(placed, "confirmed") == [ENROLLED]
    assert placed.place("anna").reply == Reply.CONFIRMED
    assert answers(placed, "none", at=NOON + MINUTE) == [ENROLLED]
    assert (placed.place("anna").state, placed.place("anna").reply) == (Standing.ENROLLED, Reply.NONE)


@pytest.mark.parametrize("reply", ["confirmed", "declined"])
def test_an_answer_about_other_times_is_none_to_these(placed: Office, reply: str) -> None:
    """Whoever declines Monday has said nothing of Tuesday."""
    placed.hear(session(model=SessionRescheduled, date=str((START + DAY).date())))
    assert answers(placed, reply) == [REFUSED]
    place = placed.place("anna")
    assert (place.state, place.reply, place.refusal) == (Standing.ENROLLED, Reply.NONE, RefusalReason.SESSION_MOVED)
    assert place.last_asked_for == AskedFor.PLACE, "nor is it their last word"


def test_an_answer_that_was_heard_before_the_session_moved_is_asked_anew_with_it(placed: Office) -> None:
    answers(placed, "confirmed")
    placed.hear(session(model=SessionRescheduled, date=str((START + DAY).date())))
    assert placed.place("anna").reply == Reply.NONE


def test_a_session_that_moved_and_came_back_is_the_one_that_was_answered(placed: Office) -> None:
    placed.hear(session(model=SessionRescheduled, date=str((START + DAY).date())))
    placed.hear(session(model=SessionRescheduled))
    assert answers(placed, "declined") == [WITHDRAWN, ENROLLED]


def test_an_entry_in_a_calendar_answers_no_offer(office: Office) -> None:
    office.session(capacity=1, free_places="offered", offer_hours=48)
    office.ask("anna", at=NOON - 2 * MINUTE)
    office.ask("bartek", at=NOON - MINUTE)
    office.withdraw("anna")
    for reply in ("confirmed", "declined"):
        assert answers(office, reply, "bartek", at=NOON + MINUTE) == [REFUSED]
    place = office.place("bartek")
    assert (place.state, place.refusal) == (Standing.OFFERED, RefusalReason.NO_PLACE)


@pytest.mark.parametrize(
    ("reply", "at", "reason"),
    [
        ("confirmed", START - 47 * 60 * MINUTE, RefusalReason.FROZEN),
        ("confirmed", START, RefusalReason.SESSION_STARTED),
        ("declined", START, RefusalReason.SESSION_STARTED),
    ],
)
def test_the_deadlines_of_any_reply_are_those_of_when_it_is_heard(
    office: Office, reply: str, at: dt.datetime, reason: RefusalReason
) -> None:
    office.session(freeze_hours=48)
    office.ask("anna")
    assert answers(office, reply, at=at, now=at) == [REFUSED]
    assert office.place("anna").refusal == reason


def test_who_has_no_place_answers_nothing(placed: Office) -> None:
    assert answers(placed, "confirmed", "dawid") == [REFUSED]
    assert placed.place("dawid").refusal == RefusalReason.NO_PLACE


def test_whoever_cannot_come_says_so_also_while_the_session_is_cancelled(placed: Office) -> None:
    placed.hear(session(model=SessionCancelled))
    assert answers(placed, "declined", at=NOON + MINUTE)[0] == WITHDRAWN
    assert answers(placed, "confirmed", "bartek", at=NOON + MINUTE) == [REFUSED]


def test_said_twice_it_is_one_answer(placed: Office) -> None:
    assert answers(placed, "declined", event_id="one") == [WITHDRAWN, ENROLLED]
    assert answers(placed, "declined", event_id="one") == []


def test_the_one_whom_somebody_turned_out_to_be_answers_for_both(placed: Office) -> None:
    placed.merged("anna", "dawid")
    assert answers(placed, "declined", "anna", at=NOON + MINUTE)[0] == WITHDRAWN
    assert placed.place("dawid").state == Standing.WITHDRAWN


def test_an_answer_about_a_session_that_nobody_has_announced_waits_for_it(office: Office) -> None:
    assert answers(office, "declined") == []
    office.session()
    assert office.place("anna").refusal == RefusalReason.NO_PLACE
