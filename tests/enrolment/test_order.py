"""Requests that are heard in another order than they were sent in: what was sent last counts, whichever is heard first."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from services.enrolment.state import Place
from shared.contracts.enrolment import RefusalReason, Standing
from shared.contracts.planner import SessionKind
from shared.contracts.portal import EnrolmentRequested
from shared.testing import NOON, heard
from tests.enrolment.office import OTHER, Office

LATER = NOON + dt.timedelta(seconds=2)
START = dt.datetime(2026, 12, 1, 8, 0, tzinfo=dt.UTC)


def test_a_request_sent_before_a_withdrawal_that_is_decided_gives_no_place(office: Office) -> None:
    office.session()
    assert office.withdraw("anna", at=LATER) == ["EnrolmentRefused"]  # no_place: that is how it was heard.
    assert office.ask("anna", at=NOON) == ["EnrolmentRefused"]
    assert (office.place("anna").state, office.place("anna").refusal) == (Standing.NONE, RefusalReason.WITHDRAWN_SINCE)
    assert office.ask("anna", at=LATER + dt.timedelta(seconds=1)) == ["ParticipantEnrolled"]


def test_a_request_sent_before_a_withdrawal_that_ended_a_place_gives_no_new_one(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY)
    office.withdraw("anna", at=LATER)
    assert office.ask("anna", at=NOON) == ["EnrolmentRefused"]
    assert (office.place("anna").state, office.place("anna").refusal) == (
        Standing.WITHDRAWN,
        RefusalReason.WITHDRAWN_SINCE,
    )


def test_who_gave_back_what_there_seemed_not_to_be_stays_out_of_their_towns_session_until_they_ask(
    office: Office,
) -> None:
    office.town(OTHER)
    office.member("olga", OTHER)
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    assert office.withdraw("olga", at=LATER) == ["EnrolmentRefused"]
    assert office.member("olga", at=NOON) == []  # Said before, heard after.
    assert office.ask("olga", at=LATER + dt.timedelta(seconds=1)) == ["ParticipantEnrolled"]


def test_a_request_with_a_field_that_nobody_knows_is_the_same_one_sent_again_also_after_it_was_held(
    office: Office,
) -> None:
    asked = EnrolmentRequested.model_validate({"session_id": "s", "person_id": "anna", "channel": "kiosk"})
    sent = heard(asked, event_id="one", source="urn:portal")
    office.hear(asked, event_id="one")
    assert office.mind.working().is_repeated(sent)
    office.session()
    assert office.place("anna").state == Standing.ENROLLED
    assert office.mind.working().is_repeated(sent)


def test_who_asked_again_is_enrolled_with_their_team(office: Office) -> None:
    office.town(OTHER)
    office.member("olga", OTHER)
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.withdraw("olga", at=NOON)
    assert office.ask("olga", at=LATER) == ["EnrolmentRefused"]  # not_in_team
    assert office.member("olga") == ["ParticipantEnrolled"]


def test_a_withdrawal_sent_before_a_request_that_is_decided_takes_no_place(office: Office) -> None:
    office.session()
    office.ask("anna", at=LATER)
    assert office.withdraw("anna", at=NOON) == ["EnrolmentRefused"]
    assert (office.place("anna").state, office.place("anna").refusal) == (Standing.ENROLLED, RefusalReason.ASKED_SINCE)


def test_what_was_sent_after_the_start_undoes_nothing_that_was_sent_before(office: Office) -> None:
    office.session()
    office.withdraw("anna", at=START)
    assert office.ask("anna", at=NOON) == ["ParticipantEnrolled"]
    office.ask("anna", at=START)
    assert office.withdraw("anna", at=LATER) == ["EnrolmentWithdrawn"]


def test_who_waits_and_is_promoted_still_knows_when_they_asked(office: Office) -> None:
    office.session(capacity=1)
    office.ask("bartek", at=NOON)
    office.ask("anna", at=LATER)
    office.withdraw("bartek", at=LATER)
    assert office.place("anna").state == Standing.ENROLLED
    assert office.withdraw("anna", at=NOON) == ["EnrolmentRefused"]


ASKED = ["ask", "withdraw", "ask", "withdraw"]


@pytest.mark.parametrize("length", [2, 3, 4])
def test_how_it_ends_does_not_depend_on_the_order_in_which_it_is_heard(length: int) -> None:
    for order in itertools.permutations(range(length)):
        here = Office()
        here.phase()
        here.town()
        here.member("anna")
        here.session()
        for number in order:
            getattr(here, ASKED[number])("anna", at=NOON + dt.timedelta(seconds=number), event_id=f"r{number}")
        place = here.mind[Place].get("s", "anna")
        assert place is not None
        assert place.is_active == (ASKED[length - 1] == "ask"), order
