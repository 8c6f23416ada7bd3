"""What the programme office decides beside the rules, and what becomes of it."""

from __future__ import annotations

import datetime as dt

import pytest

from services.enrolment.corrections import capacity_of, share_of
from services.enrolment.state import Correction, Session
from shared.contracts.directory import PersonRegistered
from shared.contracts.enrolment import (
    Basis,
    NominationsInvited,
    ParticipantEnrolled,
    RefusalReason,
    Standing,
    TermsCorrected,
    WithdrawalReason,
)
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionKind, SessionRescheduled
from shared.events.envelope import Reason
from shared.state.working import Held, Unchanged
from shared.testing import NOON, body_of
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, session

ENROLLED, WAITLISTED, OFFERED, WITHDRAWN, REFUSED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "PlaceOffered",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def full(office: Office) -> Office:
    """A session of one place, which anna has; bartek and celina wait."""
    office.session(capacity=1)
    for number, person_id in enumerate(("anna", "bartek", "celina")):
        office.ask(person_id, at=NOON + number * SECOND)
    return office


def aside(office: Office) -> list[tuple[Reason, str]]:
    return [(one.reason, one.detail) for one in office.mind.aside]


def last_fact(office: Office) -> ParticipantEnrolled:
    body = office.mind.said[-1].body
    assert isinstance(body, ParticipantEnrolled)
    return body


# --- who may say so ------------------------------------------------------------------------


def test_what_somebody_else_asks_in_the_offices_name_is_set_aside(full: Office) -> None:
    assert full.gives_extra("bartek", source="urn:portal") == []
    assert aside(full) == [(Reason.FOREIGN_WRITER, "urn:portal is not the console of the office")]
    assert full.place("bartek").state == Standing.WAITLISTED


def test_a_decision_of_the_office_says_who_decided_it_and_why(full: Office) -> None:
    full.gives_extra("bartek")
    fact = last_fact(full)
    assert (fact.decided_by, fact.note, fact.asked_for, fact.basis) == (
        "urn:console",
        "speaks",
        "extra_place",
        "office",
    )
    full.reply("bartek", "confirmed")
    fact = last_fact(full)
    assert (fact.decided_by, fact.note, fact.basis) == (None, None, "office"), "that was the person's own word"


# --- an extra place ------------------------------------------------------------------------


def test_an_extra_place_counts_against_neither_the_room_nor_the_share_of_a_town(office: Office) -> None:
    office.session(capacity=2, places_per_town=1)
    office.ask("anna")
    assert office.gives_extra("bartek") == [ENROLLED]
    office.town(OTHER)
    office.member("ewa", OTHER)

    assert office.ask("ewa") == [ENROLLED], "the second seat is free"
    assert office.withdraw("anna") == [WITHDRAWN]
    assert office.ask("celina") == [ENROLLED], "the town has its share"
    assert office.withdraw("bartek") == [WITHDRAWN]
    assert office.ask("dawid") == [WAITLISTED], "no seat has become free"


def test_an_extra_place_is_for_anybody_who_is_known(office: Office) -> None:
    office.session(admits={"kinds": ["coordinator"]})
    office.registered("zoe")
    assert office.gives_extra("zoe") == office.gives_extra("anna") == [ENROLLED]
    assert (office.place("zoe").city_id, office.place("anna").city_id) == (None, office.place("anna").city_id)
    office.leaves("anna")
    assert office.place("anna").state == Standing.ENROLLED, "no rule takes what no rule gave"


def test_an_extra_place_for_somebody_unknown_waits_until_they_are_known(office: Office) -> None:
    office.session()
    assert office.gives_extra("zoe") == []
    assert [held.waits_for for held in office.mind[Held]] == ["person"]
    assert office.hear(body_of(PersonRegistered, person_id="zoe")) == [ENROLLED]


def test_an_extra_place_for_somebody_who_never_became_known_is_set_aside_when_the_session_is_over(
    office: Office,
) -> None:
    office.session()
    office.gives_extra("zoe")
    office.pass_to(START + DAY)
    assert [reason for reason, _ in aside(office)] == [Reason.UNDECIDABLE]
    assert not list(office.mind[Held])


def test_nobody_erased_gets_an_extra_place_and_whoever_has_one_loses_it(office: Office) -> None:
    office.session()
    office.gives_extra("anna")
    office.erased("anna")
    assert office.place("anna").reason == WithdrawalReason.PERSON_ERASED
    assert office.gives_extra("anna") == []
    assert aside(office) == [(Reason.UNDECIDABLE, "the person has been erased")]


def test_whoever_waits_or_is_offered_a_place_gets_the_extra_one_and_the_offer_goes_on(office: Office) -> None:
    office.session(capacity=1, free_places="offered")
    for number, person_id in enumerate(("anna", "bartek", "celina")):
        office.ask(person_id, at=NOON + number * SECOND)
    office.withdraw("anna")
    assert office.place("bartek").state == Standing.OFFERED
    assert sorted(office.gives_extra("bartek")) == [ENROLLED, OFFERED]
    assert (office.place("bartek").offered_until, office.place("celina").state) == (None, Standing.OFFERED)


def test_whoever_gave_a_place_back_has_the_extra_one_until_they_give_that_back(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.withdraw("anna", at=NOON + SECOND)
    assert office.gives_extra("anna", at=NOON + 2 * SECOND) == [ENROLLED]
    office.reconcile()
    assert office.place("anna").state == Standing.ENROLLED
    assert office.withdraw("anna", at=NOON + 3 * SECOND) == [WITHDRAWN]
    assert office.gives_extra("anna", at=NOON + 2 * SECOND) == [], "they have said since that they will not come"


def test_an_extra_place_is_given_as_long_as_the_session_lies_ahead_frozen_or_not(office: Office) -> None:
    office.session(capacity=1, freeze_hours=24)
    assert office.gives_extra("anna", at=START - SECOND) == [ENROLLED]
    assert office.gives_extra("bartek", at=START, now=START) == []
    assert aside(office) == [(Reason.UNDECIDABLE, "the session had begun: its places are settled")]


def test_of_a_cancelled_session_there_is_no_extra_place_and_for_a_draft_it_waits(office: Office) -> None:
    office.hear(session("t", model=SessionDrafted))
    assert office.gives_extra("anna", "t") == []
    assert office.session("t") == [ENROLLED]
    office.hear(session("t", model=SessionCancelled))
    assert office.gives_extra("bartek", "t") == []
    assert aside(office) == [(Reason.UNDECIDABLE, "the session is cancelled")]
    assert office.place("anna", "t").basis == Basis.OFFICE


def test_a_place_beside_the_rules_is_that_of_the_town_whose_team_its_person_is_in_whenever_that_becomes_known(
    full: Office,
) -> None:
    full.registered("guest")
    full.gives_extra("guest")
    assert full.place("guest").city_id is None
    full.member("guest")
    place = full.place("guest")
    assert (place.city_id, place.basis, place.state) == (TOWN, Basis.OFFICE, Standing.ENROLLED)
    full.member("guest", OTHER)
    assert full.place("guest").city_id == TOWN, "for which town it is stays"


def test_who_turns_out_to_be_a_guest_of_the_office_comes_for_their_town_all_the_same(full: Office) -> None:
    full.registered("guest")
    full.gives_extra("guest")
    full.town(OTHER)
    full.member("anna", OTHER)
    full.merged("guest", "anna", at=NOON + SECOND)
    place = full.place("anna")
    assert (place.city_id, place.basis) == (TOWN, Basis.OFFICE)


# --- a priority ----------------------------------------------------------------------------


def test_whoever_has_the_higher_priority_is_next(full: Office) -> None:
    assert full.prefers("celina", 10) == [WAITLISTED]
    assert full.with_standing(Standing.WAITLISTED) == ["celina", "bartek"]
    full.withdraw("anna")
    assert full.place("celina").state == Standing.ENROLLED


def test_a_priority_that_somebody_has_already_is_answered_and_changes_nothing(full: Office) -> None:
    full.prefers("celina", 10)
    said = len(full.mind.said)
    assert full.prefers("celina", 10) == []
    assert len(full.mind.said) == said
    assert [(one.outcome, one.event_id) for one in full.mind[Unchanged]] == [
        ("AlreadySo", full.place("celina").event_id)
    ]


def test_nobody_has_a_priority_who_is_not_in_the_session(full: Office) -> None:
    assert full.prefers("dawid", 10) == []
    assert aside(full) == [(Reason.UNDECIDABLE, "the person is not in the session: they have no place in line")]


# --- a removal -----------------------------------------------------------------------------


def test_whoever_the_office_removes_cannot_come_back_by_asking_until_it_lifts_that(full: Office) -> None:
    assert full.removes("anna") == [WITHDRAWN, ENROLLED]
    assert full.place("bartek").state == Standing.ENROLLED
    assert full.ask("anna", at=NOON + DAY) == [REFUSED]
    assert full.place("anna").refusal == RefusalReason.REMOVED_BY_OFFICE
    assert full.place("anna").reason == WithdrawalReason.REMOVED_BY_OFFICE
    full.reconcile()
    assert full.ask("anna", at=NOON + DAY) == [REFUSED], "a refusal does not lift it"

    assert full.lifts("anna") == [WITHDRAWN]
    assert full.place("anna").reason == WithdrawalReason.REMOVAL_LIFTED
    assert full.ask("anna", at=NOON + DAY) == [WAITLISTED]


def test_a_removal_is_over_when_the_office_gives_a_place(full: Office) -> None:
    full.removes("anna")
    assert full.gives_extra("anna") == [ENROLLED]


def test_no_rule_brings_back_into_their_team_whom_the_office_has_removed(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.removes("anna")
    assert office.reconcile() == []
    office.lifts("anna")
    assert office.reconcile() == [], "they may ask"
    assert office.ask("anna", at=NOON + DAY) == [ENROLLED]


def test_a_removal_is_no_word_of_the_person(office: Office) -> None:
    """Nor is it one against a place: what they asked before it, and what is heard late, is judged by their own words."""
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    before = office.place("anna")
    office.removes("anna")
    place = office.place("anna")
    assert (place.withdrawal_asked_at, place.last_asked_for) == (before.withdrawal_asked_at, before.last_asked_for)


def test_a_place_that_a_rule_took_or_the_person_gave_back_may_be_barred_too(office: Office) -> None:
    office.session(capacity=9)
    office.ask("anna")
    office.ask("bartek")
    office.leaves("anna")
    office.withdraw("bartek", at=NOON + SECOND)
    assert office.removes("anna") == office.removes("bartek") == [WITHDRAWN]
    office.member("anna", since="2026-10-01")
    assert office.place("anna").reason == WithdrawalReason.REMOVED_BY_OFFICE
    assert office.ask("bartek", at=NOON + DAY) == [REFUSED]


def test_who_has_and_had_no_place_is_not_removed_and_who_is_not_removed_has_no_removal_to_lift(full: Office) -> None:
    assert full.removes("dawid") == full.lifts("anna") == []
    assert [reason for reason, _ in aside(full)] == [Reason.UNDECIDABLE] * 2
    full.removes("anna")
    assert full.removes("anna") == [], "it is so already"


# --- a correction of the room --------------------------------------------------------------


def test_a_correction_lies_over_the_planners_value_until_the_planner_states_another(full: Office) -> None:
    assert full.corrects(capacity=2) == [ENROLLED]
    assert room(full) == (2, None)
    assert full.hear(session(model=SessionRescheduled, capacity=1, venue="Sala 4")) == [], "the same value: it holds"
    assert room(full) == (2, None)
    full.hear(session(model=SessionRescheduled, capacity=3))
    assert room(full) == (3, None)
    full.hear(session(model=SessionRescheduled, capacity=1))
    assert room(full) == (1, None), "what is over does not come back with the planner's former value"


def room(office: Office) -> tuple[int, int | None]:
    working, found = office.mind.working(), office.mind[Session].get("s")
    assert found is not None
    return capacity_of(working, found), share_of(working, found)


def test_a_share_is_corrected_likewise_and_each_is_over_by_itself(office: Office) -> None:
    office.session(capacity=9, places_per_town=1)
    office.ask("anna")
    office.ask("bartek")
    assert office.corrects(capacity=8, places_per_town=2) == [ENROLLED]
    office.hear(session(model=SessionRescheduled, capacity=7, places_per_town=1))
    assert room(office) == (7, 2)
    said = [one.body for one in office.mind.said if isinstance(one.body, TermsCorrected)]
    assert [(one.capacity, one.places_per_town, one.planned_places_per_town, one.decided_by) for one in said] == [
        (8, 2, 1, "urn:console"),
        (None, 2, 1, None),
    ]
    office.hear(session(model=SessionRescheduled, capacity=7, places_per_town=3))
    assert room(office) == (7, 3), "the planner has said another share"


def test_a_room_corrected_to_less_than_is_taken_drops_nobody_and_gives_none_until_there_is_room(office: Office) -> None:
    office.session(capacity=3)
    for person_id in ("anna", "bartek", "celina", "dawid"):
        office.ask(person_id)
    assert office.corrects(capacity=1) == []
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek", "celina"]
    assert [office.withdraw(one) for one in ("anna", "bartek")] == [[WITHDRAWN]] * 2
    assert office.withdraw("celina") == [WITHDRAWN, ENROLLED]


def test_a_correction_is_taken_back_by_one_that_names_nothing(full: Office) -> None:
    full.corrects(capacity=2)
    full.corrects()
    assert room(full) == (1, None)
    correction = full.mind[Correction].get("s")
    assert correction is not None and correction.capacity is None
    assert full.with_standing(Standing.ENROLLED) == ["anna", "bartek"], "what is given is given"


def test_what_the_planner_says_anyway_is_no_correction(full: Office) -> None:
    full.corrects(capacity=1)
    assert full.mind[Correction].get("s") is None
    assert [one.outcome for one in full.mind[Unchanged]] == ["AlreadySo"]


def test_a_correction_says_anew_how_many_seats_there_are(full: Office) -> None:
    full.corrects(capacity=5)
    assert [one.seats for one in full.settled] == [1, 5]


def test_a_correction_once_the_session_has_begun_gives_nobody_a_place(full: Office) -> None:
    assert full.corrects(capacity=3, at=START + SECOND, now=START + SECOND) == []
    assert full.ask("dawid", at=START - SECOND) == [WAITLISTED], "heard late, in time, and not by the larger room"
    assert full.settled[-1].seats == 1


def test_a_correction_of_what_a_planner_had_said_who_was_taken_over_since_is_over_already(full: Office) -> None:
    full.taken_over("urn:other-planner", at=NOON + SECOND)
    full.session(capacity=3, at=NOON + 3 * SECOND, now=NOON + DAY, source="urn:other-planner")
    assert full.corrects(capacity=2, at=NOON + 2 * SECOND) == []
    assert [reason for reason, _ in aside(full)] == [Reason.CHANGED_SINCE]
    assert room(full) == (3, None)


@pytest.mark.parametrize("what", ["capacity", "places_per_town"])
def test_a_correction_of_a_value_that_the_planner_has_replaced_before_it_is_heard_is_over_already(
    full: Office, what: str
) -> None:
    planned = {"capacity": 1, what: 5}
    full.session(**planned, at=NOON + 2 * SECOND, now=NOON + DAY)
    assert full.corrects(**{what: 3}, at=NOON + SECOND) == []
    ((why, detail),) = aside(full)
    assert why is Reason.CHANGED_SINCE and detail.endswith("and has said so since this was sent")
    assert full.mind[Correction].get("s") is None


def test_a_correction_counts_that_was_sent_before_the_planner_said_something_else(full: Office) -> None:
    full.session(capacity=1, note="other words", at=NOON + 2 * SECOND, now=NOON + DAY)
    assert full.corrects(capacity=2, at=NOON + SECOND) == [ENROLLED]


def test_a_correction_of_a_session_that_nobody_has_announced_waits_for_it(office: Office) -> None:
    office.corrects("t", capacity=7)
    assert [held.waits_for for held in office.mind[Held]] == ["session"]
    office.session("t", capacity=2)
    correction = office.mind[Correction].get("t")
    assert correction is not None and (correction.capacity, correction.planned_capacity) == (7, 2)


def test_what_the_office_took_out_of_the_room_before_the_session_was_known_is_given_to_nobody(office: Office) -> None:
    office.corrects("t", capacity=1)
    office.session("t", kind=SessionKind.SUPPLEMENTARY, capacity=9)
    assert len(office.with_standing(Standing.ENROLLED, "t")) == 1
    assert len(office.with_standing(Standing.WAITLISTED, "t")) == 3


# --- two people of the office at once --------------------------------------------------------


def test_who_decides_on_a_place_as_it_no_longer_stands_decides_nothing(full: Office) -> None:
    seen = full.place("bartek").tag
    full.prefers("bartek", 5)
    assert full.gives_extra("bartek", seen=seen) == []
    [(reason, detail)] = aside(full)
    assert reason == Reason.CHANGED_SINCE
    assert "waitlisted, priority 5" in detail
    assert full.gives_extra("bartek", seen=full.place("bartek").tag) == [ENROLLED]
    assert full.gives_extra("dawid", seen="0") == [ENROLLED], "of somebody without a place that was seen"
    assert full.removes("dawid", seen="0") == []


def test_who_corrects_a_session_as_it_no_longer_stands_corrects_nothing(full: Office) -> None:
    full.corrects(capacity=2, seen="1-0")
    assert room(full) == (2, None)
    full.corrects(capacity=3, seen="1-0")
    [(reason, detail)] = aside(full)
    assert reason == Reason.CHANGED_SINCE and "1-1" in detail and "room for 2" in detail
    full.corrects(capacity=3, seen="1-1")
    assert room(full) == (3, None)


def test_the_same_decision_sent_again_changes_nothing(full: Office) -> None:
    seen = full.place("bartek").tag
    full.gives_extra("bartek", seen=seen, event_id="key-1")
    assert full.gives_extra("bartek", seen=seen, event_id="key-1") == []
    assert aside(full) == []


# --- towns -----------------------------------------------------------------------------------


def test_no_town_brings_back_whom_the_office_has_removed(full: Office) -> None:
    full.removes("anna")
    full.nominate("anna")
    assert full.place("anna").is_removed
    assert full.substitute("bartek", "anna", at=NOON + DAY) == [REFUSED]
    assert full.place("anna").refusal == RefusalReason.REMOVED_BY_OFFICE


def test_towns_are_called_for_as_many_places_as_the_office_has_corrected(office: Office) -> None:
    office.session(capacity=9, places_per_town=2, nominations_until=NOON + DAY)
    office.corrects(places_per_town=3)
    calls = [one.body.places for one in office.mind.said if isinstance(one.body, NominationsInvited)]
    assert calls == [2, 3]


def test_a_decision_that_waited_for_its_session_and_is_so_already_is_answered(office: Office) -> None:
    assert office.prefers("anna", 0, event_id="o-1") == []
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)

    assert len(office.mind[Held]) == 0
    assert office.mind[Unchanged].get("urn:console", "o-1") is not None
