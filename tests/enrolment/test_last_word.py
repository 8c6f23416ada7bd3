"""What people say of themselves counts at any time: also when nothing can come of it then, because the session is cancelled or has
begun. Whoever said last that they will not come is neither kept nor brought in by a rule once it lies ahead again."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.books.holding import HELD_TOO_LONG
from shared.contracts.enrolment import (
    LAST_EPISODE,
    LAST_NUMBER,
    Basis,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionCancelled, SessionKind, SessionRescheduled
from shared.events.envelope import Reason
from shared.state.working import Held
from shared.testing import NOON, body_of, heard
from tests.enrolment.office import DAY, OTHER, START, Office, session

MINUTE = dt.timedelta(minutes=1)
AFTER = START + MINUTE
ENROLLED, WITHDRAWN, REFUSED = "ParticipantEnrolled", "EnrolmentWithdrawn", "EnrolmentRefused"
SUCCESSOR = "urn:test:successor"
"""Who has taken over from the planner."""
TEAM = {"kind": SessionKind.SUPPLEMENTARY, "capacity": 10}


def cancelled(office: Office, *, at: dt.datetime = NOON, **changes: object) -> list[str]:
    return office.hear(session(model=SessionCancelled, **changes), at=at)


def scheduled_again(office: Office, *, at: dt.datetime = NOON, now: dt.datetime | None = None, **changes: object) -> list[str]:  # fmt: skip
    return office.hear(session(model=SessionRescheduled, **changes), at=at, now=now)


# --- while nobody knows of whom it is ------------------------------------------------------


@pytest.mark.parametrize("how", ["withdraws", "declines"])
def test_who_says_before_anybody_knows_them_that_they_do_not_come_has_not_asked_for_a_place(
    office: Office, how: str
) -> None:
    office.session(**TEAM)
    assert (office.withdraw("ewa") if how == "withdraws" else office.reply("ewa", "declined")) == []
    office.pass_to(START + DAY)
    assert office.place("ewa").refusal == RefusalReason.NEVER_KNOWN

    office.member("ewa", at=START + DAY)
    assert scheduled_again(office, **TEAM, date="2027-02-01", at=START + DAY) == []
    assert office.place("ewa").state is Standing.NONE


# --- while it is cancelled -----------------------------------------------------------------


def test_who_withdraws_while_the_session_is_cancelled_is_out_when_it_is_scheduled_again(office: Office) -> None:
    office.session()
    office.ask("anna")
    cancelled(office)

    assert office.withdraw("anna") == [WITHDRAWN]
    assert scheduled_again(office) == []
    assert (office.place("anna").state, office.place("anna").reason) == (
        Standing.WITHDRAWN,
        WithdrawalReason.REQUESTED,
    )


def test_a_place_given_back_before_the_cancellation_stays_given_back_also_if_it_is_heard_later(office: Office) -> None:
    office.session()
    office.ask("anna")
    cancelled(office, at=NOON + 2 * DAY)

    assert office.withdraw("anna", at=NOON + DAY) == [WITHDRAWN]
    assert scheduled_again(office, at=NOON + 3 * DAY) == []
    assert office.place("anna").reason == WithdrawalReason.REQUESTED


def test_a_cancelled_session_does_not_begin_so_whoever_gives_a_place_back_after_its_hour_is_out_of_the_new_date(
    office: Office,
) -> None:
    office.session()
    office.ask("anna")
    cancelled(office)

    assert office.withdraw("anna", at=AFTER, now=AFTER) == [WITHDRAWN]
    assert scheduled_again(office, at=AFTER + DAY, now=AFTER + DAY, date="2027-01-10") == []


def test_a_seat_given_back_while_the_session_is_cancelled_goes_to_whoever_waits_when_it_is_scheduled_again(
    office: Office,
) -> None:
    office.session(capacity=2)
    for person in ("anna", "bartek", "celina"):
        office.ask(person)
    cancelled(office, capacity=1)

    assert office.withdraw("anna") == [WITHDRAWN], "nobody else is moved, whatever room the cancelled session states"
    assert scheduled_again(office, capacity=2) == [ENROLLED]
    assert office.with_standing(Standing.ENROLLED) == ["bartek", "celina"]


def test_whoever_gave_back_what_they_never_had_while_it_was_cancelled_is_not_brought_in_with_their_team(
    office: Office,
) -> None:
    office.member("ewa", OTHER)
    office.town(OTHER)
    office.session(**TEAM)
    cancelled(office, **TEAM)
    assert office.withdraw("ewa") == [REFUSED]
    office.member("ewa", since="2026-02-01")

    assert scheduled_again(office, **TEAM) == []


def test_while_it_is_cancelled_no_rule_decides_about_its_places(office: Office) -> None:
    office.session()
    office.ask("anna")
    cancelled(office)

    assert office.leaves("anna") == []
    assert office.place("anna").state == Standing.ENROLLED


# --- after it has begun --------------------------------------------------------------------


@pytest.mark.parametrize("kind", SessionKind)
def test_who_withdraws_after_the_start_keeps_the_place_and_is_out_if_the_session_is_moved_ahead(
    office: Office, kind: SessionKind
) -> None:
    office.session(kind=kind)
    office.ask("anna")
    assert office.withdraw("anna", at=AFTER, now=AFTER) == [REFUSED]
    assert (office.place("anna").state, office.place("anna").refusal) == (
        Standing.ENROLLED,
        RefusalReason.SESSION_STARTED,
    )
    assert office.reconcile(now=AFTER) == []

    said = scheduled_again(office, at=AFTER + DAY, now=AFTER + DAY, date="2027-01-10", kind=kind)
    assert said[0] == WITHDRAWN
    place = office.place("anna")
    assert (place.reason, place.withdrawal_asked_at) == (WithdrawalReason.REQUESTED, AFTER)


def test_who_says_after_the_start_that_they_will_not_come_is_not_given_back_what_a_rule_took(office: Office) -> None:
    office.session(**TEAM)
    office.leaves("anna")
    office.withdraw("anna", at=AFTER, now=AFTER)
    office.member("anna", at=AFTER, now=AFTER)

    assert scheduled_again(office, at=AFTER + DAY, now=AFTER + DAY, date="2027-01-10", **TEAM) == []


def test_a_request_sent_before_a_withdrawal_that_was_too_late_gives_no_place_in_the_session_that_was_moved_ahead(
    office: Office,
) -> None:
    office.session()
    office.withdraw("anna", at=AFTER, now=AFTER)
    scheduled_again(office, at=AFTER + DAY, now=AFTER + DAY, date="2027-01-10")

    assert office.ask("anna", at=NOON) == [REFUSED]
    assert office.place("anna").refusal == RefusalReason.WITHDRAWN_SINCE


def test_what_was_said_too_late_keeps_nobody_out_who_was_brought_in_in_time_and_is_heard_of_late(
    office: Office,
) -> None:
    office.session(**TEAM)
    office.town(OTHER)
    office.member("ewa", OTHER)
    office.withdraw("ewa", at=AFTER, now=AFTER)

    assert office.member("ewa", since="2026-02-01", at=NOON + DAY, now=AFTER) == [ENROLLED]


# --- the other way round -------------------------------------------------------------------


@pytest.mark.parametrize("refused", ["cancelled", "begun"])
def test_who_asked_again_and_was_refused_is_in_with_their_team_when_it_lies_ahead_again(
    office: Office, refused: str
) -> None:
    office.session(**TEAM)
    office.withdraw("anna")
    at = NOON
    if refused == "cancelled":
        cancelled(office, **TEAM)
    else:
        at = AFTER
    assert office.ask("anna", at=at, now=at) == [REFUSED]

    assert scheduled_again(office, at=at, now=at, date="2027-01-10", **TEAM) == [ENROLLED]
    assert (office.place("anna").basis, office.place("anna").episode) == (Basis.TEAM, 2)


@pytest.mark.parametrize(
    "terms", [{"by_oneself": False}, {"closes_at": NOON.isoformat()}, {"opens_at": (NOON + 5 * DAY).isoformat()}]
)
def test_who_takes_back_that_they_do_not_come_is_in_with_their_team_at_once_whatever_keeps_others_from_asking(
    office: Office, terms: dict[str, Any]
) -> None:
    office.session(**TEAM, **terms)
    office.withdraw("anna")
    assert office.ask("anna", at=NOON + MINUTE) == [ENROLLED]
    assert office.place("anna").basis == Basis.TEAM
    assert office.reconcile() == []


def test_a_request_that_was_refused_is_an_answer_and_gives_no_place_by_itself_later(office: Office) -> None:
    office.session()
    cancelled(office)
    assert office.ask("anna") == [REFUSED]
    assert office.place("anna").refusal == RefusalReason.SESSION_CANCELLED

    assert scheduled_again(office) == []
    assert office.ask("anna") == [ENROLLED]


def test_a_request_sent_before_the_cancellation_waits_and_gives_a_place_when_it_is_scheduled_again(
    office: Office,
) -> None:
    office.session()
    cancelled(office, at=NOON + 2 * DAY)

    assert office.ask("anna", at=NOON + DAY) == []
    assert [held.waits_for for held in office.mind[Held]] == ["session"]
    assert scheduled_again(office, at=NOON + 3 * DAY) == [ENROLLED]


def test_a_request_for_a_session_that_is_first_heard_of_as_cancelled_is_refused_also_if_it_was_sent_before(
    office: Office,
) -> None:
    office.ask("anna")
    assert cancelled(office, at=NOON + DAY) == [REFUSED]
    assert office.ask("bartek", at=NOON) == [REFUSED]
    assert office.place("anna").refusal == RefusalReason.SESSION_CANCELLED


@pytest.mark.parametrize("heard_first", ["the request", "the cancellation said again"])
@pytest.mark.parametrize("asks", ["ask", "nominate", "substitute", "reply", "answer", "gives_extra"])
def test_what_is_asked_of_a_cancelled_session_comes_to_the_same_before_and_after_its_cancellation_is_said_again(
    office: Office, asks: str, heard_first: str
) -> None:
    office.session(capacity=2)
    office.ask("anna")
    cancelled(office, at=NOON + DAY)

    def say_again() -> None:
        cancelled(office, at=NOON + 3 * DAY, venue="Dom Kultury")

    if heard_first != "the request":
        say_again()
    at = NOON + 2 * DAY
    match asks:
        case "ask":
            office.ask("bartek", at=at)
            assert office.place("bartek").refusal == RefusalReason.SESSION_CANCELLED
        case "nominate":
            assert office.nominate("bartek", at=at) == {"bartek": "session_cancelled"}
        case "substitute":
            office.substitute("anna", "bartek", at=at)
            assert office.place("anna").refusal == RefusalReason.SESSION_CANCELLED
        case "reply":
            office.reply("anna", "confirmed", at=at)
            assert office.place("anna").refusal == RefusalReason.SESSION_CANCELLED
        case "answer":
            office.answer("anna", "accept", at=at)
            assert office.place("anna").refusal == RefusalReason.SESSION_CANCELLED
        case "gives_extra":
            office.gives_extra("bartek", at=at)
            assert [one.reason for one in office.mind.aside] == [Reason.UNDECIDABLE]
    if heard_first == "the request":
        say_again()
    assert len(office.mind[Held]) == 0
    assert scheduled_again(office, at=NOON + 4 * DAY) == []


@pytest.mark.parametrize("heard_first", ["the request", "the cancellation said again"])
def test_a_cancellation_that_is_said_again_by_whoever_has_taken_over_from_the_planner_cancels_nothing_anew(
    office: Office, heard_first: str
) -> None:
    office.session()
    cancelled(office, at=NOON + DAY)
    office.taken_over(SUCCESSOR, at=NOON + DAY)
    if heard_first != "the request":
        office.hear(session(model=SessionCancelled), at=NOON + 3 * DAY, source=SUCCESSOR)

    assert office.ask("anna", at=NOON + 2 * DAY) == [REFUSED]
    assert office.place("anna").refusal == RefusalReason.SESSION_CANCELLED


def test_a_session_is_not_cancelled_since_somebody_said_so_who_had_been_taken_over_by_then(office: Office) -> None:
    office.session()
    office.taken_over(SUCCESSOR)
    office.session(at=NOON + MINUTE, source=SUCCESSOR)
    cancelled(office, at=NOON + DAY)
    office.hear(session(model=SessionCancelled), at=NOON + 3 * DAY, source=SUCCESSOR)

    assert office.ask("anna", at=NOON + 2 * DAY) == []
    assert [held.waits_for for held in office.mind[Held]] == ["session"]


def test_a_session_is_not_cancelled_since_a_planner_said_so_whose_successor_had_spoken_before_being_named(
    office: Office,
) -> None:
    cancelled(office)
    office.taken_over(SUCCESSOR, at=NOON + 4 * DAY)
    office.session(at=NOON + DAY, source=SUCCESSOR)
    office.hear(session(model=SessionCancelled), at=NOON + 3 * DAY, source=SUCCESSOR)

    assert office.ask("anna", at=NOON + 2 * DAY) == []
    assert [held.waits_for for held in office.mind[Held]] == ["session"]


def test_a_request_for_a_session_that_was_never_anything_but_cancelled_is_refused_however_often_that_is_said(
    office: Office,
) -> None:
    cancelled(office, at=NOON + DAY)
    cancelled(office, at=NOON + 3 * DAY, venue="Dom Kultury")
    assert office.ask("anna") == [REFUSED]


def test_a_request_that_waited_for_something_else_is_not_refused_by_a_cancellation_that_may_be_taken_back(
    office: Office,
) -> None:
    office.session()
    office.ask("ewa", at=NOON)
    cancelled(office, at=NOON + DAY)
    assert office.member("ewa", at=NOON + DAY) == []
    assert scheduled_again(office, at=NOON + 2 * DAY) == [ENROLLED]


def test_a_request_that_waited_until_the_cancelled_session_was_over_is_refused_for_that(office: Office) -> None:
    office.session()
    cancelled(office, at=NOON + 2 * DAY)
    office.ask("anna", at=NOON + DAY)
    (held,) = office.mind[Held]

    office.is_due(HELD_TOO_LONG, at=held.expires_at)
    assert office.place("anna").refusal == RefusalReason.SESSION_CANCELLED


def test_who_withdraws_from_a_session_that_is_cancelled_after_its_hour_is_out_too(office: Office) -> None:
    office.session()
    office.ask("anna")
    cancelled(office, at=AFTER)

    assert office.withdraw("anna", at=AFTER + MINUTE, now=AFTER + MINUTE) == [WITHDRAWN]
    assert scheduled_again(office, at=AFTER + DAY, now=AFTER + DAY, date="2027-01-10") == []


ARCHIVED = {"session_id": "s", "request_id": None, "request_source": None, "request_digest": None}


def test_an_archive_that_tells_what_is_to_be_asked_in_years_keeps_nobody_out_until_then(office: Office) -> None:
    office.session()
    far = NOON + 30_000 * DAY
    said = {"person_id": "anna", "withdrawal_asked_at": far, "last_asked_at": far, "last_asked_for": "withdrawal"}
    archived = body_of(EnrolmentRefused, **ARCHIVED, **said)
    office.mind.hear(heard(archived, source="urn:archive"))

    assert office.ask("anna") == [ENROLLED]
    assert office.reconcile() == []


def test_whatever_numbers_an_archive_gave_the_next_one_gets_a_place(office: Office) -> None:
    office.session(capacity=1)
    last = {"person_id": "anna", "queue": LAST_NUMBER, "episode": LAST_EPISODE}
    office.mind.hear(heard(body_of(ParticipantEnrolled, **ARCHIVED, **last), source="urn:archive"))

    assert office.ask("bartek") == ["ParticipantWaitlisted"]
    assert office.withdraw("anna") == [WITHDRAWN, ENROLLED]
    assert office.ask("anna") == ["ParticipantWaitlisted"]


def test_a_team_that_comes_behind_the_last_number_of_an_archive_gets_its_places(office: Office) -> None:
    last = {"person_id": "zofia", "queue": LAST_NUMBER, "episode": LAST_EPISODE}
    office.mind.hear(heard(body_of(ParticipantEnrolled, **ARCHIVED, **last), source="urn:archive"))
    office.session(**TEAM)

    assert office.place("anna").queue == LAST_NUMBER


def test_a_withdrawal_while_the_session_is_cancelled_gives_the_seat_to_nobody(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    office.hear(session(model=SessionCancelled, capacity=1))

    assert office.withdraw("anna") == [WITHDRAWN]
    assert office.with_standing(Standing.WAITLISTED) == ["bartek"]


def test_who_gave_a_place_back_by_the_word_of_an_archive_stays_out_until_they_ask_again(office: Office) -> None:
    office.session(**TEAM)
    said = {"session_id": "s", "person_id": "anna", "request_id": None, "request_source": None, "place_asked_at": NOON}
    archived = body_of(EnrolmentWithdrawn, **said, reason=WithdrawalReason.REQUESTED)
    office.mind.hear(heard(archived, source="rollcall/enrolment", version=7))

    assert office.member("ewa") == [ENROLLED]
    assert office.place("anna").state == Standing.WITHDRAWN
    assert office.ask("anna", at=NOON + DAY) == [ENROLLED]
