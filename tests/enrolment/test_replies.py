"""What people reply to the place that they have, and whether enough have said that they come."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.contracts.enrolment import (
    ParticipantEnrolled,
    RefusalReason,
    SessionAtRisk,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionKind, SessionRescheduled
from shared.contracts.portal import Reply
from shared.testing import NOON, body_of, heard
from tests.enrolment.offers import ENDS, OFFERS, SECOND, offering, reason
from tests.enrolment.office import DAY, START, TOWN, Office, session

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED, OFFERED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
    "PlaceOffered",
)


def test_somebody_may_confirm_take_that_back_and_decline(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    assert office.reply("anna", "confirmed") == [ENROLLED]
    assert office.place("anna").reply == Reply.CONFIRMED
    office.reply("anna", "none", at=NOON + SECOND)
    assert office.place("anna").reply == Reply.NONE
    assert office.reply("anna", "declined", at=NOON + 2 * SECOND) == [WITHDRAWN, ENROLLED]
    place = office.place("anna")
    assert (place.reply, place.reason) == (Reply.DECLINED, WithdrawalReason.REQUESTED)
    assert office.reply("anna", "confirmed", at=NOON + 3 * SECOND) == [REFUSED], "the place is somebody else's"


def test_of_several_replies_the_one_sent_last_counts_in_whatever_order_they_are_heard(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.reply("anna", "none", at=NOON + 2 * SECOND)
    assert office.reply("anna", "confirmed", at=NOON + SECOND) == [REFUSED]
    assert office.place("anna").reply == Reply.NONE


def test_whoever_confirmed_for_other_times_has_not_confirmed_for_these(office: Office) -> None:
    office.session(capacity=2)
    office.ask("anna")
    office.reply("anna", "confirmed")
    assert office.hear(session(model=SessionRescheduled, capacity=3)) == []
    assert office.hear(session(model=SessionRescheduled, capacity=3, date="2026-12-08")) == [ENROLLED]
    assert office.place("anna").reply == Reply.NONE


def confirms_before_a_move_that_is_heard_first(office: Office, **changes: Any) -> None:
    moves, hears = NOON + 2 * SECOND, NOON + DAY
    office.session(**OFFERS | {"note": "other words"}, at=moves, now=hears, **changes)
    office.reply("anna", "confirmed", at=moves - SECOND, now=hears)


def test_who_confirmed_before_the_session_moved_has_not_confirmed_for_its_new_times(office: Office) -> None:
    office.session(**OFFERS)
    office.ask("anna")
    confirms_before_a_move_that_is_heard_first(office, date="2026-12-08")
    place = office.place("anna")
    assert (place.state, place.reply, place.refusal) == (Standing.ENROLLED, Reply.NONE, RefusalReason.SESSION_MOVED)
    office.reply("anna", "confirmed", at=NOON + 3 * SECOND)
    assert office.place("anna").reply == Reply.CONFIRMED


@pytest.mark.parametrize("says", ["accept", "confirmed"])
def test_the_times_that_a_session_had_are_those_of_whoever_spoke_for_it_then(office: Office, says: str) -> None:
    """Another planner takes over, and moves it before what was sent about the times of the first one is heard."""
    offering(office) if says == "accept" else office.session(**OFFERS)
    moves, hears, who = NOON + 2 * SECOND, NOON + DAY, "bartek"
    if says == "confirmed":
        office.ask(who)
    office.taken_over("urn:other-planner", at=NOON + SECOND)
    office.session(**OFFERS, date="2026-12-08", at=moves, now=hears, source="urn:other-planner")
    if says == "accept":
        assert office.answer(who, says, at=moves - SECOND / 2) == [ENROLLED]
    else:
        assert office.reply(who, says, at=moves - SECOND / 2) == [REFUSED]
    assert office.place(who).reply == Reply.NONE


def test_who_confirmed_before_something_else_was_said_of_the_session_has_confirmed(office: Office) -> None:
    office.session(**OFFERS)
    office.ask("anna")
    confirms_before_a_move_that_is_heard_first(office)
    assert office.place("anna").reply == Reply.CONFIRMED


def test_who_gives_the_place_back_before_the_session_moved_is_out(office: Office) -> None:
    office.session(**OFFERS)
    office.ask("anna")
    office.session(**OFFERS, date="2026-12-08", at=NOON + 2 * SECOND, now=NOON + DAY)
    assert office.reply("anna", "declined", at=NOON + SECOND) == [WITHDRAWN]


@pytest.mark.parametrize("says", ["accepts", "confirms"])
def test_who_takes_a_place_before_the_session_moved_has_it_and_is_asked_anew_whether_they_come(
    on_offer: Office, says: str
) -> None:
    on_offer.session(**OFFERS, date="2026-12-08", at=NOON + 2 * SECOND, now=NOON + DAY)
    if says == "accepts":
        said = on_offer.answer("bartek", "accept", at=NOON + SECOND)
    else:
        said = on_offer.reply("bartek", "confirmed", at=NOON + SECOND)
    assert said == [ENROLLED]
    assert on_offer.place("bartek").reply == Reply.NONE


def test_a_reply_that_waited_for_its_session_is_about_the_times_that_were_announced(office: Office) -> None:
    told = {"session_id": "s", "request_id": None, "request_source": None, "request_digest": None, "city_id": TOWN}
    office.mind.hear(heard(body_of(ParticipantEnrolled, **told, person_id="anna"), source="urn:archive"))
    assert office.reply("anna", "confirmed") == []
    assert office.session(at=NOON + DAY, now=NOON + DAY) == [ENROLLED]
    assert office.place("anna").reply == Reply.CONFIRMED


def test_during_the_freeze_replies_stay_as_they_are_but_whoever_cannot_come_may_say_so(office: Office) -> None:
    late = START - SECOND
    office.session(capacity=1, freeze_hours=24)
    office.ask("anna")
    assert office.reply("anna", "confirmed", at=late, now=late) == [REFUSED]
    assert office.place("anna").refusal == RefusalReason.FROZEN
    assert office.reply("anna", "declined", at=late, now=late) == [WITHDRAWN]


def test_a_reply_to_an_offer_is_its_answer(on_offer: Office) -> None:
    assert on_offer.reply("bartek", "confirmed") == [ENROLLED]


@pytest.mark.parametrize("at", [NOON - SECOND / 2, ENDS], ids=["before", "after"])
def test_whoever_says_they_do_not_come_while_nothing_is_on_offer_says_it_of_their_place_in_line(
    on_offer: Office, at: dt.datetime
) -> None:
    assert on_offer.reply("bartek", "declined", at=at) == [WITHDRAWN, OFFERED]
    assert reason(on_offer, "bartek") == WithdrawalReason.REQUESTED


def test_whoever_confirms_a_place_that_they_do_not_have_has_not_taken_back_that_they_do_not_come(
    office: Office,
) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.withdraw("anna")
    assert office.reply("anna", "confirmed", at=NOON + SECOND) == [REFUSED]

    assert office.member("ewa") == [ENROLLED]
    assert office.place("anna").state == Standing.WITHDRAWN


def test_who_has_no_place_has_nothing_to_confirm(on_offer: Office) -> None:
    assert on_offer.reply("celina", "confirmed") == [REFUSED]
    assert on_offer.place("celina").refusal == RefusalReason.NO_PLACE


# --- at risk -------------------------------------------------------------------------------


def risks(office: Office) -> list[tuple[int, int, int]]:
    facts = [said.body for said in office.mind.said if isinstance(said.body, SessionAtRisk)]
    return [(fact.minimum, fact.confirmed, fact.enrolled) for fact in facts]


def test_on_the_decision_day_it_is_said_if_too_few_have_confirmed(office: Office) -> None:
    office.session(capacity=9, minimum=2, decision_date="2026-11-20")
    for person in ("anna", "bartek", "celina"):
        office.ask(person)
    office.reply("anna", "confirmed")
    office.pass_to(dt.datetime(2026, 11, 19, 22, 59, 59, tzinfo=dt.UTC))
    assert risks(office) == []
    office.pass_to(dt.datetime(2026, 11, 19, 23, tzinfo=dt.UTC))
    assert risks(office) == [(2, 1, 3)]


def test_on_the_decision_day_of_another_date_it_is_said_again_also_with_the_same_numbers(office: Office) -> None:
    terms: dict[str, Any] = {"capacity": 9, "minimum": 2}
    office.session(**terms, decision_date="2026-11-20")
    office.ask("anna")
    office.pass_to(dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    moves = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    office.session(**terms, date="2027-02-01", decision_date="2027-01-20", at=moves, now=moves)
    office.pass_to(dt.datetime(2027, 1, 19, 22, 59, 59, tzinfo=dt.UTC))
    assert risks(office) == [(2, 0, 1)]
    office.pass_to(dt.datetime(2027, 1, 20, tzinfo=dt.UTC))
    assert risks(office) == [(2, 0, 1)] * 2
    office.session(**terms, date="2027-02-01", decision_date="2027-01-20", note="other words", at=office.mind.now)
    office.pass_to(dt.datetime(2027, 1, 21, tzinfo=dt.UTC))
    assert risks(office) == [(2, 0, 1)] * 2


def test_whether_enough_have_confirmed_is_looked_at_once_whatever_else_is_said_of_the_session_later(
    office: Office,
) -> None:
    terms: dict[str, Any] = {"capacity": 9, "minimum": 1, "decision_date": "2026-11-20"}
    day = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    office.session(**terms)
    office.ask("anna")
    office.reply("anna", "confirmed")
    office.pass_to(day)
    office.reply("anna", "none", at=day + DAY, now=day + DAY)
    office.session(**terms, note="other words", at=day + 2 * DAY, now=day + 2 * DAY)
    office.pass_to(day + 2 * DAY)
    assert risks(office) == [], "on that day there were enough"
    office.session(**terms | {"minimum": 2}, at=day + 3 * DAY, now=day + 3 * DAY)
    office.pass_to(day + 3 * DAY)
    assert risks(office) == [(2, 0, 1)], "another plan"


def test_a_session_for_which_enough_have_confirmed_is_at_no_risk(office: Office) -> None:
    office.session(capacity=9, minimum=1, decision_date="2026-11-20")
    office.ask("anna")
    office.reply("anna", "confirmed")
    office.pass_to(dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC))
    assert risks(office) == []


def test_a_decision_day_that_lies_in_the_past_when_it_is_heard_is_looked_at_at_once(office: Office) -> None:
    office.session(capacity=9, minimum=1, decision_date="2026-10-20")
    office.pass_to(NOON)
    assert risks(office) == [(1, 0, 0)]
