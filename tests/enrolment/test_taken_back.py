"""What a rule takes is given back when its cause goes, with the old place in the queue; and every reason is the true one."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from services.enrolment.state import Place
from shared.books.holding import HELD_TOO_LONG
from shared.contracts.directory import PersonErased
from shared.contracts.enrolment import ParticipantEnrolled, RefusalReason, Standing, WithdrawalReason
from shared.contracts.planner import SessionKind, SessionRescheduled
from shared.contracts.portal import Reply
from shared.contracts.selection import CityNotSelected, CityWithdrawn
from shared.state.working import Held
from shared.testing import body_of, heard
from tests.enrolment.office import DAY, LATER, OTHER, START, TOWN, Office, session

ENROLLED, WAITLISTED, WITHDRAWN = "ParticipantEnrolled", "ParticipantWaitlisted", "EnrolmentWithdrawn"


def moved(date: str, **changes: Any) -> Any:
    return session(model=SessionRescheduled, date=date, **changes)


CAUSES = {
    WithdrawalReason.TOWN_WITHDRAWN: (lambda office: office.town(model=CityWithdrawn), lambda office: office.town()),
    WithdrawalReason.TOWN_NOT_QUALIFIED: (
        lambda office: office.town(model=CityNotSelected, outcome="reserve"),
        lambda office: office.town(),
    ),
    WithdrawalReason.LEFT_TEAM: (
        lambda office: office.leaves("ewa", since="2026-11-20", until="2026-11-25"),
        lambda office: office.member("ewa", since="2026-11-20"),
    ),
    WithdrawalReason.NOT_IN_TEAM: (
        lambda office: office.hear(moved("2026-11-10")),
        lambda office: office.hear(moved(LATER)),
    ),
}


@pytest.mark.parametrize("reason", CAUSES)
def test_a_place_that_a_rule_took_is_given_back_as_it_was_when_the_cause_goes(
    office: Office, reason: WithdrawalReason
) -> None:
    goes, comes = CAUSES[reason]
    office.member("ewa", since="2026-11-20")
    office.session()
    office.ask("ewa")
    before = office.place("ewa")

    assert goes(office) == [WITHDRAWN]
    assert office.place("ewa").reason == reason
    assert comes(office) == [ENROLLED]
    after = office.place("ewa")
    assert [getattr(after, name) for name in KEPT] == [getattr(before, name) for name in KEPT]


KEPT = ("state", "city_id", "episode", "basis", "queue", "reason")


def test_whoever_returns_has_not_confirmed_for_times_that_the_session_did_not_have(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.reply("anna", "confirmed")
    office.town(model=CityWithdrawn)
    office.session(date="2026-12-08")
    office.town()
    place = office.place("anna")
    assert (place.state, place.reply, place.replied_for) == (Standing.ENROLLED, Reply.NONE, None)


def test_whoever_returns_after_the_session_moved_there_and_back_has_confirmed(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.reply("anna", "confirmed")
    office.town(model=CityWithdrawn)
    office.session(date="2026-12-08")
    office.session()
    office.town()
    assert office.place("anna").reply == Reply.CONFIRMED


def test_whoever_returns_comes_for_the_town_whose_place_it_was(office: Office) -> None:
    office.town(OTHER)
    office.member("anna", OTHER, since="2026-02-01")
    office.session()
    office.nominate("anna", city_id=OTHER)
    office.session(admits={"kinds": ["coordinator"]})
    assert office.place("anna").state == Standing.WITHDRAWN
    office.session()
    assert (office.place("anna").state, office.place("anna").city_id) == (Standing.ENROLLED, OTHER)


def test_whoever_returns_to_a_full_session_waits_first_in_line_and_takes_nobodys_place(office: Office) -> None:
    office.session(capacity=1)
    for person in ("anna", "bartek", "celina"):
        office.ask(person)
    office.leaves("anna")

    assert office.member("anna") == [WAITLISTED]
    assert office.with_standing(Standing.ENROLLED) == ["bartek"]
    assert office.with_standing(Standing.WAITLISTED) == ["anna", "celina"]
    office.withdraw("bartek")
    assert office.with_standing(Standing.ENROLLED) == ["anna"]


def test_whoever_nobody_numbered_waits_as_the_first_that_came(office: Office) -> None:
    """An archive's people may have no number; whoever waits has one."""
    office.session(capacity=1)
    enrolled = body_of(
        ParticipantEnrolled,
        session_id="s",
        person_id="anna",
        queue=None,
        request_id=None,
        request_source=None,
        request_digest=None,
    )
    office.mind.hear(heard(enrolled, source="rollcall/enrolment", version=7))
    office.ask("bartek")
    office.leaves("anna")

    assert office.member("anna") == [WAITLISTED]
    assert office.place("anna").queue == 0


def test_whoever_waited_waits_again_in_the_old_order(office: Office) -> None:
    office.session(capacity=1)
    for person in ("dawid", "celina", "anna"):
        office.ask(person)
    office.leaves("celina")
    office.member("celina")
    assert office.with_standing(Standing.WAITLISTED) == ["celina", "anna"]


def test_whoever_asks_to_be_out_of_what_a_rule_took_stays_out(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    office.leaves("anna")

    assert office.withdraw("anna") == [WITHDRAWN]
    assert office.place("anna").reason == WithdrawalReason.REQUESTED
    assert office.member("anna") == []


def test_a_place_is_not_given_back_once_the_session_has_begun(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    office.leaves("anna")

    assert office.member("anna", at=START, now=START) == []
    assert office.reconcile(now=START) == []


@pytest.mark.parametrize("again", [{"phase": 2}, {"stage": 2, "rule": "stage:1"}], ids=["phase", "stage"])
def test_a_stage_stated_again_takes_what_it_gave_in_the_phase_it_named_before_and_gives_it_back(
    office: Office, again: dict[str, Any]
) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)

    assert office.phase(**again) == [WITHDRAWN] * 4
    assert office.place("anna").reason == WithdrawalReason.TOWN_NOT_QUALIFIED
    assert office.phase() == [ENROLLED] * 4


# --- for which town ------------------------------------------------------------------------


@pytest.fixture
def two_towns(office: Office) -> Office:
    """Anna is in the teams of both, and asked for her place in the first; Bartek waits behind her."""
    office.town(OTHER)
    office.member("anna", OTHER, since="2026-02-01")
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    return office


@pytest.mark.parametrize("event", ["withdraws", "left"])
def test_a_place_for_a_town_that_left_is_restated_for_the_persons_other_town(two_towns: Office, event: str) -> None:
    office, before = two_towns, two_towns.place("anna")
    said = office.town(model=CityWithdrawn) if event == "withdraws" else office.leaves("anna")

    assert said.count(ENROLLED) == 1
    after = office.place("anna")
    assert (after.city_id, after.state) == (OTHER, Standing.ENROLLED)
    assert (after.episode, after.queue, after.basis) == (before.episode, before.queue, before.basis)


def test_a_place_in_the_waiting_list_is_restated_too(office: Office) -> None:
    office.town(OTHER)
    office.member("anna", OTHER, since="2026-02-01")
    office.session(capacity=1)
    office.ask("bartek")
    office.ask("anna")

    assert office.leaves("anna") == [WAITLISTED]
    assert office.place("anna").city_id == OTHER
    assert office.leaves("anna", "geonames:1") == [], "a team she was never in"


def test_a_place_stays_for_its_town_while_the_other_is_not_known(office: Office) -> None:
    office.member("anna", OTHER, since="2026-02-01")
    office.session()
    office.ask("anna")

    assert office.leaves("anna") == []
    assert office.place("anna").city_id == TOWN
    assert office.town(OTHER) == [ENROLLED]
    assert office.place("anna").city_id == OTHER


def test_whoever_left_the_team_and_stays_in_one_that_does_not_qualify_has_left_the_team(office: Office) -> None:
    office.town(OTHER, CityNotSelected, outcome="not_selected")
    office.member("anna", OTHER, since="2026-02-01")
    office.session()
    office.ask("anna")

    assert office.leaves("anna") == [WITHDRAWN]
    assert office.place("anna").reason == WithdrawalReason.LEFT_TEAM


def test_a_session_that_is_for_another_town_now_tells_nobody_that_they_left_the_team(office: Office) -> None:
    office.town(OTHER)
    office.member("bartek", OTHER, since="2026-02-01")
    office.member("ewa", OTHER)
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    office.hear(moved(LATER, kind=SessionKind.SUPPLEMENTARY, capacity=10, city_id=OTHER))

    assert office.place("anna").reason == WithdrawalReason.NOT_IN_TEAM
    assert {person: office.place(person).city_id for person in office.with_standing(Standing.ENROLLED)} == {
        "bartek": OTHER,
        "ewa": OTHER,
    }
    office.hear(moved(LATER, kind=SessionKind.SUPPLEMENTARY, capacity=10))
    assert sorted(office.with_standing(Standing.ENROLLED)) == ["anna", "bartek", "celina", "dawid"]


# --- who was erased ------------------------------------------------------------------------


def test_the_next_seat_goes_past_someone_erased(office: Office) -> None:
    office.session(capacity=1)
    for person in ("anna", "bartek", "celina"):
        office.ask(person)

    assert office.erased("bartek") == [WITHDRAWN]
    assert office.withdraw("anna") == [WITHDRAWN, ENROLLED]
    assert office.with_standing(Standing.ENROLLED) == ["celina"]
    assert office.place("bartek").reason == WithdrawalReason.PERSON_ERASED


def test_an_erasure_frees_the_seat_for_whoever_waits(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    assert office.erased("anna") == [WITHDRAWN, ENROLLED]


def test_nobody_erased_gets_a_place_by_the_team_rule_a_request_or_a_return(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    office.leaves("anna")
    for person in ("anna", "ewa"):
        office.erased(person)

    assert office.member("ewa") == []
    assert office.member("anna") == []
    assert office.ask("ewa") == ["EnrolmentRefused"]
    assert office.place("ewa").refusal == RefusalReason.PERSON_ERASED


def test_a_held_request_of_someone_erased_is_refused(office: Office) -> None:
    office.session()
    office.ask("ewa", event_id="r-1")

    office.hear(PersonErased(person_id="ewa"))
    assert office.place("ewa").refusal == RefusalReason.PERSON_ERASED
    assert len(office.mind[Held]) == 0


def test_whoever_is_erased_after_the_start_has_been_there(office: Office) -> None:
    office.session()
    office.ask("anna")
    assert office.erased("anna", at=START, now=START) == []


def test_whoever_was_there_and_is_erased_keeps_the_place_when_somebody_elses_word_of_before_is_heard(
    office: Office,
) -> None:
    office.session()
    for person in ("anna", "bartek"):
        office.ask(person)
    office.erased("anna", at=START, now=START)
    assert office.withdraw("bartek", at=START - DAY, now=START + DAY) == [WITHDRAWN]
    assert office.with_standing(Standing.ENROLLED) == ["anna"]


# --- known, and in no team -----------------------------------------------------------------


def test_someone_registered_of_whom_no_team_is_known_waits_for_it_and_is_told_at_last_that_they_are_in_none(
    office: Office,
) -> None:
    office.registered("ewa")
    office.session()
    assert office.ask("ewa") == []
    (held,) = office.mind[Held]
    assert held.waits_for == "person"

    office.is_due(HELD_TOO_LONG, at=held.expires_at)
    assert office.place("ewa").refusal == RefusalReason.NOT_IN_TEAM


def test_someone_nobody_ever_heard_of_is_refused_as_never_known(office: Office) -> None:
    office.session()
    office.ask("nobody")
    (held,) = office.mind[Held]
    office.is_due(HELD_TOO_LONG, at=held.expires_at + DAY)
    assert office.place("nobody").refusal == RefusalReason.NEVER_KNOWN


def test_a_place_of_an_archive_without_a_number_waits_before_all_others(office: Office) -> None:
    office.session(capacity=1)
    for person in ("dawid", "celina", "bartek", "anna"):
        office.ask(person)
    for person in ("anna", "bartek"):
        nobody_numbered = dataclasses.replace(office.place(person), queue=0, queued_at=None)
        office.mind[Place].put(nobody_numbered)

    office.withdraw("dawid")
    assert office.with_standing(Standing.ENROLLED) == ["anna"]
    assert office.with_standing(Standing.WAITLISTED) == ["bartek", "celina"]
    assert office.place("bartek").queue == 0
