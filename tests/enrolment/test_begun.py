"""A session that has begun: nobody loses a place, what came in time still counts, and what came later changes nothing."""

from __future__ import annotations

import datetime as dt

import pytest

from services.enrolment.state import Settled
from shared.contracts.enrolment import Standing, WithdrawalReason
from shared.contracts.planner import SessionCancelled, SessionKind, SessionRescheduled
from shared.contracts.selection import CityWithdrawn
from shared.testing import NOON
from tests.enrolment.office import DAY, OTHER, START, Office, session

MINUTE = dt.timedelta(minutes=1)
BEFORE, AFTER = START - MINUTE, START + MINUTE
ENROLLED, WAITLISTED = "ParticipantEnrolled", "ParticipantWaitlisted"


def seats(office: Office) -> int | None:
    row = office.mind[Settled].get("s")
    assert isinstance(row, Settled)
    return row.seats


def taken(office: Office) -> int:
    return len(office.with_standing(Standing.ENROLLED))


# --- nobody loses a place ------------------------------------------------------------------


def test_a_request_held_since_before_the_start_takes_nobodys_place_in_a_room_that_is_smaller_since(
    office: Office,
) -> None:
    office.session(capacity=3)
    for person in ("anna", "bartek", "celina"):
        office.ask(person)
    office.ask("ewa", at=BEFORE)  # Nobody knows her yet.
    office.hear(session(model=SessionRescheduled, capacity=1), at=AFTER, now=AFTER)

    assert office.member("ewa", at=BEFORE, now=AFTER) == [WAITLISTED]
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek", "celina"]


def test_a_request_that_came_in_time_and_is_heard_late_takes_nobodys_place(office: Office) -> None:
    office.session(capacity=2)
    office.ask("anna")
    office.ask("bartek")
    office.hear(session(model=SessionRescheduled, capacity=1), at=AFTER, now=AFTER)

    assert office.ask("celina", at=BEFORE, now=AFTER) == [WAITLISTED]
    assert taken(office) == 2


@pytest.mark.parametrize("at", [BEFORE, AFTER])
def test_a_smaller_room_heard_of_after_the_start_takes_nobodys_place(office: Office, at: dt.datetime) -> None:
    office.session(capacity=2)
    office.ask("anna")
    office.ask("bartek")

    assert office.hear(session(model=SessionRescheduled, capacity=1), at=at, now=AFTER) == []
    assert (taken(office), seats(office)) == (2, 2)


def test_who_leaves_or_whose_town_withdraws_in_time_keeps_the_place_if_that_is_heard_after_the_start(
    office: Office,
) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)

    assert office.leaves("anna", at=BEFORE, now=AFTER) == []
    assert office.town(model=CityWithdrawn, at=BEFORE, now=AFTER) == []
    assert office.reconcile(now=AFTER) == []
    assert taken(office) == 4


def test_who_asked_in_time_to_be_out_is_out_and_the_seat_goes_to_whoever_waits(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")

    assert office.withdraw("anna", at=BEFORE, now=AFTER) == ["EnrolmentWithdrawn", ENROLLED]
    assert office.with_standing(Standing.ENROLLED) == ["bartek"]


# --- what came in time counts --------------------------------------------------------------


def test_a_request_that_came_in_time_gets_a_free_place_after_the_start(office: Office) -> None:
    office.session(capacity=2)
    assert office.ask("anna", at=BEFORE, now=AFTER) == [ENROLLED]


def test_a_member_of_whom_was_heard_in_time_is_enrolled_although_it_has_begun_by_now(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    assert office.member("ewa", at=BEFORE, now=AFTER) == [ENROLLED]


def test_a_larger_room_stated_in_time_counts_after_the_start(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")

    assert office.hear(session(model=SessionRescheduled, capacity=2), at=BEFORE, now=AFTER) == [ENROLLED]
    assert (taken(office), seats(office)) == (2, 2)


def test_a_room_that_the_office_had_made_larger_in_time_counts_after_the_start(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")

    assert office.corrects(capacity=2, at=BEFORE, now=AFTER) == [ENROLLED]
    assert (taken(office), seats(office)) == (2, 2)


def test_a_larger_room_stated_in_time_counts_after_the_start_also_where_it_ends_the_offices_own(
    office: Office,
) -> None:
    office.session(capacity=1)
    for person in ("anna", "bartek", "celina"):
        office.ask(person)
    office.corrects(capacity=2)

    assert office.hear(session(model=SessionRescheduled, capacity=3), at=BEFORE, now=AFTER) == [ENROLLED]
    assert (taken(office), seats(office)) == (3, 3)


# --- what came later changes nothing -------------------------------------------------------


def test_who_joins_the_team_after_the_start_is_not_enrolled(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)

    assert office.member("ewa", at=AFTER, now=AFTER) == []
    assert office.member("filip", at=BEFORE, now=AFTER) == [ENROLLED], "nobody but him is let in by what came in time"
    assert office.reconcile(now=AFTER) == []


def test_a_town_that_qualifies_after_the_start_brings_nobody_in() -> None:
    office = Office()
    office.phase()
    office.member("anna")
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)

    assert office.town(at=AFTER, now=AFTER) == []
    assert office.member("bartek", at=BEFORE, now=AFTER) == []


def test_a_larger_room_after_the_start_promotes_nobody_also_when_something_heard_late_came_in_time(
    office: Office,
) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")

    assert office.hear(session(model=SessionRescheduled, capacity=5), at=AFTER, now=AFTER) == []
    assert office.corrects(capacity=7, at=AFTER, now=AFTER) == []
    assert office.ask("celina", at=BEFORE, now=AFTER) == [WAITLISTED]


def test_a_session_that_is_for_another_town_after_the_start_keeps_those_who_are_there(office: Office) -> None:
    office.town(OTHER)
    office.member("ewa", OTHER)
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    moved = session(model=SessionRescheduled, kind=SessionKind.SUPPLEMENTARY, capacity=10, city_id=OTHER)

    assert office.hear(moved, at=AFTER, now=AFTER) == []
    assert taken(office) == 4


def test_a_session_announced_only_after_its_start_is_filled_until_it_is_over(office: Office) -> None:
    assert office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10, at=AFTER, now=AFTER) == [ENROLLED] * 4
    assert office.member("ewa", at=AFTER + MINUTE, now=AFTER + MINUTE) == [ENROLLED]
    assert office.member("filip", at=START + DAY, now=START + DAY) == []


def test_a_session_announced_only_when_it_was_over_is_filled_with_nobody_whatever_is_heard_late(office: Office) -> None:
    assert office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10, at=START + DAY, now=START + DAY) == []
    assert office.member("ewa", at=BEFORE, now=START + DAY) == []
    assert office.reconcile(now=START + DAY) == []


def test_a_session_moved_to_a_later_start_has_not_begun(office: Office) -> None:
    office.session(capacity=2)
    office.ask("anna")
    office.ask("bartek")
    later = session(model=SessionRescheduled, capacity=1, date="2027-01-10")

    assert office.hear(later, at=AFTER, now=AFTER) == []
    assert (taken(office), seats(office)) == (2, 2), "nobody loses a place"
    assert office.leaves("anna", at=AFTER, now=AFTER) == ["EnrolmentWithdrawn"], (
        "which one could no more in one that has begun"
    )


# --- the seats it had when it began, and that its places are settled -----------------------


def test_the_seats_of_a_begun_session_are_those_it_had_when_it_began(office: Office) -> None:
    office.session(capacity=3)
    office.hear(session(model=SessionRescheduled, capacity=2))
    assert seats(office) == 2
    office.hear(session(model=SessionRescheduled, capacity=1), at=AFTER, now=AFTER)
    assert seats(office) == 2
    office.hear(session(model=SessionRescheduled, capacity=9), at=AFTER, now=AFTER)
    assert seats(office) == 2


def test_a_session_cancelled_in_a_smaller_room_and_scheduled_again_after_its_start_is_not_oversold(
    office: Office,
) -> None:
    office.session(capacity=2)
    office.ask("anna")
    office.ask("bartek")
    office.hear(session(model=SessionCancelled, capacity=1))
    office.hear(session(model=SessionRescheduled, capacity=1), at=AFTER, now=AFTER)

    assert (taken(office), seats(office)) == (2, 2)


def test_every_statement_of_a_session_is_settled_once_after_what_was_decided_because_of_it(office: Office) -> None:
    office.ask("anna")
    office.hear(session(), event_id="one")
    office.hear(session(model=SessionCancelled), event_id="two")
    office.hear(session(model=SessionRescheduled), event_id="three", at=START + DAY, now=START + DAY)
    office.reconcile()

    assert [type(said.body).__name__ for said in office.mind.said] == [ENROLLED, *["PlacesSettled"] * 3]
    assert [one.session_event_id for one in office.settled] == ["one", "two", "three"]
    assert {(one.session_source, one.announced_at) for one in office.settled} == {("urn:test", NOON)}


def test_every_statement_is_settled_also_if_the_planner_gives_all_of_them_one_id(office: Office) -> None:
    for capacity in (1, 2, 3):
        office.hear(session(model=SessionRescheduled, capacity=capacity), event_id="the-same")

    named = [(one.session_event_id, one.session_version, one.seats) for one in office.settled]
    assert named == [("the-same", 1, 1), ("the-same", 2, 2), ("the-same", 3, 3)]


def test_what_was_heard_quietly_is_settled_when_all_is_known(office: Office) -> None:
    office.session(capacity=3)
    office.ask("anna")
    office.mind[Settled].remove("s")

    assert office.reconcile() == ["PlacesSettled"]
    assert office.reconcile() == []


def test_somebody_who_left_while_the_session_was_cancelled_is_out_when_it_is_scheduled_again_before_that_is_settled(
    office: Office,
) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    office.hear(session(model=SessionCancelled, kind=SessionKind.SUPPLEMENTARY))
    assert office.leaves("anna") == []
    office.hear(session(model=SessionRescheduled, kind=SessionKind.SUPPLEMENTARY, capacity=10))

    assert [type(said.body).__name__ for said in office.mind.said[-2:]] == ["EnrolmentWithdrawn", "PlacesSettled"]
    assert office.place("anna").reason == WithdrawalReason.LEFT_TEAM


def test_what_a_session_says_once_it_is_settled_brings_in_nobody_also_when_it_is_looked_at_with_all_that_is_known(
    office: Office,
) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.town(OTHER)
    office.member("ewa", OTHER)
    moved = session(model=SessionRescheduled, kind=SessionKind.SUPPLEMENTARY, capacity=9, city_id=OTHER)
    assert office.hear(moved, at=AFTER, now=AFTER) == []

    assert office.reconcile(now=AFTER) == []
    assert len(office.with_standing(Standing.ENROLLED)) == 4
