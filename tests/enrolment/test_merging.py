"""Two ids turn out to be one human: one place a session, the older; and all that was said of either counts for the one who stays."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.enrolment.state import Place
from shared.contracts.directory import PersonErased, PersonMerged
from shared.contracts.enrolment import EnrolmentWithdrawn, RefusalReason, Standing, WithdrawalReason
from shared.contracts.planner import SessionCancelled, SessionCompleted, SessionKind, SessionRescheduled
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.selection import CityNotSelected, CityWithdrawn
from shared.events.envelope import Reason
from shared.state.merged import Merged
from shared.state.working import Held
from shared.testing import NOON, heard
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, membership, session

SECOND = dt.timedelta(seconds=1)

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED = (
    *("ParticipantEnrolled", "ParticipantWaitlisted"),
    *("EnrolmentWithdrawn", "EnrolmentRefused"),
)


def stands(office: Office, session_id: str = "s") -> dict[str, str]:
    return {place.person_id: str(place.state) for place in office.mind[Place].where("session_id", session_id)}


def test_the_place_of_who_goes_is_the_survivors_as_it_was_and_both_facts_say_so(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    before = office.place("anna")

    assert office.merged("anna", "ania") == [ENROLLED, WITHDRAWN]
    after = office.place("ania")
    assert [getattr(after, name) for name in ("state", "queue", "queued_at", "city_id", "basis")] == [
        getattr(before, name) for name in ("state", "queue", "queued_at", "city_id", "basis")
    ]
    gone = office.mind.said[-1].body
    assert isinstance(gone, EnrolmentWithdrawn)
    assert (gone.person_id, gone.reason, gone.merged_into) == ("anna", WithdrawalReason.MERGED, "ania")
    assert office.with_standing(Standing.WAITLISTED) == ["bartek"], "nobody gets a seat by it"


def test_of_two_places_one_is_kept_the_older_and_the_other_goes_to_whoever_is_next(office: Office) -> None:
    office.session(capacity=2)
    for person in ("anna", "bartek", "celina"):
        office.ask(person)

    office.merged("anna", "bartek")
    assert stands(office) == {"anna": "withdrawn", "bartek": "enrolled", "celina": "enrolled"}
    assert office.place("bartek").queue == 1


@pytest.mark.parametrize(("goes", "stays"), [("anna", "bartek"), ("bartek", "anna")])
def test_of_two_places_the_one_that_the_office_gave_is_kept_and_no_rule_takes_it(
    office: Office, goes: str, stays: str
) -> None:
    office.session(capacity=1)
    office.ask("bartek")
    office.gives_extra("anna", at=NOON + DAY)
    office.ask("celina", at=NOON + DAY)
    office.merged(goes, stays, at=NOON + DAY)
    assert office.with_standing(Standing.ENROLLED) == [stays, "celina"]

    office.town(model=CityWithdrawn, at=NOON + DAY)
    assert office.with_standing(Standing.ENROLLED) == [stays]


def test_who_has_a_seat_under_one_id_and_waits_under_the_other_keeps_the_seat(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    office.prefers("bartek", 50)

    office.merged("anna", "bartek")
    assert stands(office) == {"anna": "withdrawn", "bartek": "enrolled"}
    assert office.place("bartek").priority == 50


def test_two_who_wait_wait_once_in_the_earlier_place(office: Office) -> None:
    office.session(capacity=1)
    for person in ("dawid", "anna", "celina", "bartek"):
        office.ask(person)

    office.merged("anna", "bartek")
    assert office.with_standing(Standing.WAITLISTED) == ["bartek", "celina"]


def test_an_offer_that_is_open_is_the_survivors_with_its_deadline(office: Office) -> None:
    office.session(capacity=1, free_places="offered")
    for person in ("dawid", "anna"):
        office.ask(person)
    office.withdraw("dawid")
    until = office.place("anna").offered_until

    office.merged("anna", "ania")
    assert (office.place("ania").state, office.place("ania").offered_until) == (Standing.OFFERED, until)
    assert until is not None
    office.pass_to(until)
    assert office.place("ania").reason == WithdrawalReason.OFFER_EXPIRED


@pytest.mark.parametrize(("goes", "stays"), [("anna", "dawid"), ("dawid", "anna")])
def test_of_two_offers_the_one_holds_for_as_long_as_either_did(office: Office, goes: str, stays: str) -> None:
    office.session(capacity=2, free_places="offered", offer_hours=48)
    for person in ("bartek", "celina", "anna", "dawid"):
        office.ask(person)
    office.withdraw("bartek", at=NOON, now=NOON)
    office.withdraw("celina", at=NOON + DAY, now=NOON + DAY)
    made, ends = office.place("anna").offered_at, office.place("dawid").offered_until
    assert (made, ends) == (NOON, NOON + 3 * DAY)

    office.merged(goes, stays, at=NOON + DAY + SECOND, now=NOON + DAY + SECOND)
    assert (office.place(stays).offered_at, office.place(stays).offered_until) == (made, ends)
    office.pass_to(NOON + 2 * DAY)
    assert office.answer("dawid", "accept", at=ends - SECOND) == [ENROLLED]


def test_a_human_with_two_ids_counts_once_against_the_share_of_their_town(office: Office) -> None:
    office.member("ania")
    office.session(capacity=9, places_per_town=2)
    for person in ("anna", "ania", "bartek"):
        office.ask(person)
    office.merged("ania", "anna")
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek"]


def test_teams_follow_whenever_they_are_said(office: Office) -> None:
    office.merged("ania", "anna")
    office.town(OTHER)
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9, city_id=OTHER)

    assert office.member("ania", OTHER) == [ENROLLED]
    assert stands(office) == {"anna": "enrolled"}
    assert office.leaves("ania", OTHER) == [WITHDRAWN]


def test_a_team_member_under_two_ids_is_enrolled_once(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.member("ania")
    office.merged("ania", "anna")

    assert stands(office)["ania"] == "withdrawn"
    assert sorted(office.with_standing(Standing.ENROLLED)) == ["anna", "bartek", "celina", "dawid"]
    assert office.reconcile() == []


def test_requests_of_the_former_id_are_the_survivors(office: Office) -> None:
    office.merged("anna", "ania")
    office.session(capacity=3)

    assert office.ask("anna") == [ENROLLED]
    assert office.ask("ania") == [REFUSED]
    assert office.place("ania").refusal == RefusalReason.ALREADY_PLACED
    assert office.reply("anna", "confirmed") == [ENROLLED]
    assert office.withdraw("anna") == [WITHDRAWN]
    assert stands(office) == {"ania": "withdrawn"}


def test_a_request_that_waited_is_decided_for_the_survivor_and_known_when_it_comes_again(office: Office) -> None:
    office.session()
    assert office.ask("ania", event_id="r-1") == []

    assert office.merged("ania", "anna") == [ENROLLED]
    assert len(office.mind[Held]) == 0
    assert office.ask("ania", event_id="r-1") == []
    assert stands(office) == {"anna": "enrolled"}


def test_a_nomination_that_names_one_human_twice_answers_once(office: Office) -> None:
    office.merged("ania", "anna")
    office.session(capacity=3)
    assert office.nominate("ania", "bartek", "anna") == {"anna": "enrolled", "bartek": "enrolled"}


def test_nobody_is_sent_instead_of_themselves(office: Office) -> None:
    office.merged("ania", "anna")
    office.session(capacity=3)
    office.ask("anna")
    assert office.substitute("anna", "ania") == [REFUSED]
    assert stands(office) == {"anna": "enrolled"}


@pytest.mark.parametrize(("goes", "stays"), [("anna", "dawid"), ("dawid", "anna")])
def test_who_was_replaced_by_their_own_other_id_comes_instead_of_nobody(office: Office, goes: str, stays: str) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.substitute("anna", "dawid", at=NOON + SECOND)
    office.merged(goes, stays, at=NOON + DAY)
    place = office.place(stays)
    assert (place.state, place.substitute_for, place.substituted_by) == (Standing.ENROLLED, None, None)
    assert office.reconcile() == []


def test_whoever_gave_the_place_back_under_one_id_stays_out_under_the_other(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.withdraw("anna")

    office.merged("anna", "ania")
    assert stands(office)["ania"] == "withdrawn"
    assert office.place("ania").reason == WithdrawalReason.REQUESTED


@pytest.mark.parametrize("goes", ["anna", "bartek"])
def test_whom_the_office_removed_under_either_id_is_removed(office: Office, goes: str) -> None:
    stays = "bartek" if goes == "anna" else "anna"
    office.session(capacity=3)
    office.ask("anna")
    office.ask("bartek")
    office.removes("anna")

    office.merged(goes, stays)
    assert stands(office) == {"anna": "withdrawn", "bartek": "withdrawn"}
    assert office.place(stays).reason == WithdrawalReason.REMOVED_BY_OFFICE


def test_what_is_said_once_two_are_known_to_be_one_is_said_of_both_their_places(office: Office) -> None:
    office.session(capacity=9)
    office.ask("anna")
    office.ask("bartek")
    office.hear(session(model=SessionCompleted, capacity=9))
    office.merged("anna", "bartek", at=NOON + DAY, now=NOON + DAY)
    office.withdraw("bartek", at=NOON + 2 * DAY, now=NOON + 2 * DAY)

    office.hear(session(model=SessionRescheduled, capacity=9))
    assert set(stands(office).values()) == {"withdrawn"}


def test_places_at_the_same_time_under_two_ids_are_marked_on_both(office: Office) -> None:
    office.session("s1")
    office.session("s2")
    office.ask("anna", "s1")
    office.ask("bartek", "s2")

    office.merged("anna", "bartek")
    assert office.place("bartek", "s1").clashes_with == ("s2",)
    assert office.place("bartek", "s2").clashes_with == ("s1",)


@pytest.mark.parametrize("order", [["anna", "ania"], ["ania", "anna"]])
def test_a_chain_ends_at_its_last_whichever_link_is_heard_first(office: Office, order: list[str]) -> None:
    links = {"anna": "ania", "ania": "anka"}
    office.session(capacity=3)
    office.ask("anna")
    for one in order:
        office.merged(one, links[one])

    assert {one: how for one, how in stands(office).items() if how == "enrolled"} == {"anka": "enrolled"}
    assert office.ask("anna") == [REFUSED]
    assert office.place("anka").refusal == RefusalReason.ALREADY_PLACED


@pytest.mark.parametrize("first_heard", [0, 1])
def test_a_circle_is_set_aside_and_means_the_same_whichever_is_heard_first(office: Office, first_heard: int) -> None:
    said = [
        heard(PersonMerged(person_id="anna", into_person_id="ania"), at=NOON, source="urn:test"),
        heard(PersonMerged(person_id="ania", into_person_id="anna"), at=NOON + DAY, source="urn:test"),
    ]
    office.session(capacity=3)
    office.ask("anna")
    office.mind.hear(said[first_heard])
    office.mind.hear(said[1 - first_heard])

    (aside,) = office.mind.aside
    assert aside.reason == Reason.UNDECIDABLE
    assert {one: how for one, how in stands(office).items() if how == "enrolled"} == {"ania": "enrolled"}


def test_said_again_it_changes_nothing(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.merged("anna", "ania")
    assert office.merged("anna", "ania") == []
    assert office.reconcile() == []


def test_a_survivor_who_is_erased_is_erased_under_every_id(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.merged("anna", "ania")

    assert office.erased("ania") == [WITHDRAWN]
    assert office.ask("anna") == [REFUSED]
    assert office.place("ania").refusal == RefusalReason.PERSON_ERASED


def test_an_id_that_is_erased_after_it_has_gone_takes_with_it_what_was_said_of_it_and_not_the_survivor(
    office: Office,
) -> None:
    office.session()
    office.merged("anna", "bartek")
    office.ask("anna")
    assert office.erased("anna") == []
    assert office.place("bartek").state == Standing.ENROLLED, "of the team under their own id, too"

    office.merged("celina", "ewa")
    office.ask("ewa")
    office.town(OTHER, CityNotSelected, outcome="not_selected")
    office.member("ewa", OTHER)
    assert office.erased("celina") == [WITHDRAWN]
    assert office.place("ewa").reason == WithdrawalReason.NOT_IN_TEAM


def test_what_was_said_in_error_is_taken_back_by_registering_the_person(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.merged("anna", "bartek")
    office.registered("anna")

    assert len(office.mind[Merged]) == 0
    assert sorted(office.with_standing(Standing.ENROLLED)) == ["anna", "bartek", "celina", "dawid"]


def test_whom_the_office_removed_does_not_come_in_by_having_been_taken_for_somebody_else(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.removes("anna")
    office.merged("anna", "ania")
    office.registered("anna")

    assert office.ask("anna", at=NOON + DAY) == [REFUSED]
    assert office.place("anna").refusal == RefusalReason.REMOVED_BY_OFFICE
    office.lifts("anna", at=NOON + DAY)
    assert office.ask("anna", at=NOON + DAY) == [ENROLLED]


def test_whom_the_office_removed_stays_so_as_yet_another_one_than_they_were_taken_for(office: Office) -> None:
    office.session(capacity=3)
    office.ask("bartek")
    office.ask("anna")
    office.removes("anna")
    office.merged("anna", "ania")
    office.registered("anna")
    assert office.place("anna").reason == WithdrawalReason.REMOVED_BY_OFFICE

    office.merged("anna", "bartek")
    assert (office.place("bartek").state, office.place("bartek").reason) == (
        Standing.WITHDRAWN,
        WithdrawalReason.REMOVED_BY_OFFICE,
    )
    assert office.reconcile() == []


def test_nor_by_their_team_where_nobody_asks_by_themselves(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9, by_oneself=False)
    office.removes("anna")
    office.merged("anna", "ania")
    office.registered("anna")

    assert office.ask("anna", at=NOON + DAY) == [REFUSED]


def test_what_has_begun_stays_as_it_was_said_and_follows_if_it_lies_ahead_again(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    team = stands(office)
    assert office.merged("anna", "ania", at=START, now=START) == []
    assert stands(office) == team

    assert office.reconcile(now=START) == [], "nor do they come in once more, under the id that stays"
    later = START + DAY
    moved = session(model=SessionRescheduled, date="2027-01-15", kind=SessionKind.SUPPLEMENTARY, capacity=9)
    assert office.hear(moved, at=later, now=later) == [ENROLLED, WITHDRAWN]


def after_the_start(office: Office) -> dict[str, dt.datetime]:
    """Two ids turned out to be one human just before the training, and nobody heard of it before that had begun: how what was sent in between
    is heard."""
    office.merged("anna", "ania", at=START - 2 * SECOND, now=START + DAY)
    return {"at": START - SECOND, "now": START + DAY}


def test_what_was_sent_before_the_start_is_about_the_place_as_it_was_said_of_the_former_id(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    assert office.substitute("anna", "dawid", **after_the_start(office)) == [ENROLLED, WITHDRAWN]
    assert stands(office) == {"anna": "withdrawn", "dawid": "enrolled"}


@pytest.mark.parametrize("who", ["anna", "ania"])
def test_who_gives_the_place_back_before_the_start_under_either_id_is_out(office: Office, who: str) -> None:
    office.session(capacity=1)
    office.ask("anna")
    assert office.withdraw(who, **after_the_start(office)) == [WITHDRAWN]
    assert stands(office) == {"anna": "withdrawn"}


def test_who_was_held_a_place_under_the_former_id_and_took_it_in_time_has_it(office: Office) -> None:
    office.session(capacity=1, free_places="offered", offer_hours=999)
    office.ask("bartek")
    office.ask("anna")
    office.withdraw("bartek")
    assert office.answer("anna", "accept", **after_the_start(office)) == [ENROLLED]


def test_places_in_a_session_that_is_cancelled_follow_at_once(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.hear(session(model=SessionCancelled))
    assert office.merged("anna", "ania") == [ENROLLED, WITHDRAWN]
    assert office.withdraw("ania") == [WITHDRAWN]


def test_who_is_merged_before_anything_else_is_known_of_them_is_the_survivor_from_the_start() -> None:
    office = Office()
    office.merged("anna", "ania")
    office.phase()
    office.town()
    office.member("anna")
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    assert stands(office) == {"ania": "enrolled"}


def test_only_who_states_a_person_may_say_that_they_are_somebody_else(office: Office) -> None:
    office.registered("anna")
    office.session()
    office.ask("anna")
    said: Any = PersonMerged(person_id="anna", into_person_id="ania")
    office.mind.hear(heard(said, source="urn:stranger", version=9))

    assert [one.reason for one in office.mind.aside] == [Reason.FOREIGN_WRITER]
    assert stands(office) == {"anna": "enrolled"}


@pytest.mark.parametrize("who", ["anna", "ewa"])
def test_a_merge_and_what_is_said_of_their_teams_may_come_in_one_batch(office: Office, who: str) -> None:
    office.town(OTHER)
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9, city_id=OTHER)
    joins, merge = membership(who, OTHER), PersonMerged(person_id="anna", into_person_id="ewa")
    office.mind.hear(heard(joins, source="urn:test"), heard(merge, source="urn:test"))
    assert stands(office)["ewa"] == "enrolled"
    assert office.reconcile() == []


def test_a_merge_and_what_is_asked_after_it_may_come_in_one_batch(office: Office) -> None:
    office.session(capacity=1)
    office.ask("bartek")
    merge: Any = PersonMerged(person_id="bartek", into_person_id="ewa")
    gone: Any = PersonErased(person_id="celina")
    asks: Any = EnrolmentRequested(session_id="s", person_id="bartek")
    office.mind.hear(heard(merge, source="urn:test"), heard(gone, source="urn:test"), heard(asks))
    assert stands(office) == {"bartek": "withdrawn", "ewa": "enrolled"}
    assert office.place("ewa").refusal == RefusalReason.ALREADY_PLACED
    assert office.place("ewa").city_id == TOWN
    assert dt.timedelta(0) == office.place("ewa").decided_at - NOON
