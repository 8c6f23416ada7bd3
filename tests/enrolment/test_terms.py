"""What a session says of who gets a place: who may come, how many of a town, and when enrolment is open."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.contracts import Event
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import RefusalReason, Standing, WithdrawalReason
from shared.contracts.planner import SessionCancelled, SessionCompleted, SessionDrafted, SessionKind, SessionRescheduled
from shared.contracts.portal import WithdrawalRequested
from shared.contracts.selection import CityWithdrawn
from shared.state.working import Held
from shared.testing import NOON
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, membership, session

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def two_towns(office: Office) -> Office:
    """Four of one town, two of another."""
    office.town(OTHER)
    for person_id in ("ewa", "filip"):
        office.member(person_id, OTHER)
    return office


def refusal(office: Office, person_id: str) -> RefusalReason | None:
    return office.place(person_id).refusal


# --- when enrolment is open ----------------------------------------------------------------


def test_what_is_sent_before_enrolment_opens_or_after_it_closed_is_refused_and_what_is_heard_late_is_not(
    office: Office,
) -> None:
    opens, closes = NOON + DAY, NOON + 2 * DAY
    office.session(capacity=9, opens_at=opens, closes_at=closes)

    assert office.ask("anna", at=opens - SECOND) == [REFUSED]
    assert office.ask("bartek", at=closes) == [REFUSED]
    assert [refusal(office, one) for one in ("anna", "bartek")] == [
        RefusalReason.NOT_OPEN_YET,
        RefusalReason.ENROLMENT_CLOSED,
    ]
    assert office.ask("anna", at=opens, now=closes + DAY) == [ENROLLED]
    assert office.ask("celina", at=closes - SECOND, now=closes + DAY) == [ENROLLED]


def test_a_request_that_waits_while_the_window_is_moved_is_judged_by_the_window_it_meets(office: Office) -> None:
    office.ask("anna", at=NOON)
    office.session(capacity=9, opens_at=NOON + DAY)
    assert refusal(office, "anna") == RefusalReason.NOT_OPEN_YET
    assert office.hear(session(model=SessionRescheduled, capacity=9)) == [], "a refusal is an answer"


def test_a_session_for_nominations_only_takes_no_request_of_people_themselves(office: Office) -> None:
    office.session(by_oneself=False)
    assert office.ask("anna") == [REFUSED]
    assert refusal(office, "anna") == RefusalReason.NOT_BY_ONESELF


# --- frozen --------------------------------------------------------------------------------


def test_from_the_freeze_on_nobody_comes_in_and_whoever_cannot_come_may_say_so(office: Office) -> None:
    freezes = START - dt.timedelta(hours=24)
    office.session(capacity=1, freeze_hours=24)
    office.ask("anna")
    office.ask("bartek")

    assert office.ask("celina", at=freezes, now=freezes) == [REFUSED]
    assert refusal(office, "celina") == RefusalReason.FROZEN
    assert office.withdraw("anna", at=freezes, now=freezes) == [WITHDRAWN]
    assert office.with_standing(Standing.WAITLISTED) == ["bartek"]


def test_a_place_given_back_before_the_freeze_goes_on_although_it_is_heard_after_it(office: Office) -> None:
    freezes = START - dt.timedelta(hours=24)
    office.session(capacity=1, freeze_hours=24)
    office.ask("anna")
    office.ask("bartek")
    assert office.withdraw("anna", at=freezes - SECOND, now=START - SECOND) == [WITHDRAWN, ENROLLED]


def test_a_seat_that_stayed_empty_in_the_freeze_goes_by_the_line_when_a_request_from_before_it_is_heard(
    office: Office,
) -> None:
    freezes = START - dt.timedelta(hours=24)
    office.session(capacity=1, freeze_hours=24)
    office.ask("anna")
    office.ask("bartek")
    office.withdraw("anna", at=freezes, now=freezes)

    assert office.ask("celina", at=freezes - SECOND, now=freezes) == [ENROLLED, WAITLISTED]
    assert office.with_standing(Standing.ENROLLED) == ["bartek"]


def test_whoever_joins_the_team_during_the_freeze_is_not_enrolled_and_whoever_leaves_it_is_out(office: Office) -> None:
    late = START - dt.timedelta(hours=1)
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9, freeze_hours=24)
    office.member("ewa", at=late, now=late)
    assert "ewa" not in office.with_standing(Standing.ENROLLED)
    assert office.leaves("anna", at=late, now=late) == [WITHDRAWN]


def test_a_session_announced_within_its_own_freeze_is_filled_until_it_begins(office: Office) -> None:
    late = START - dt.timedelta(hours=1)
    office.session(capacity=9, freeze_hours=24, at=late, now=late)
    assert office.ask("anna", at=late, now=late) == [ENROLLED]


# --- how many of a town --------------------------------------------------------------------


def test_no_town_gets_more_places_than_its_share_and_the_next_of_another_town_passes_by(two_towns: Office) -> None:
    office = two_towns
    office.session(capacity=3, places_per_town=2)
    said = [office.ask(person)[0] for person in ("anna", "bartek", "celina", "ewa", "filip")]

    assert said == [ENROLLED, ENROLLED, WAITLISTED, ENROLLED, WAITLISTED]
    assert office.withdraw("ewa") == [WITHDRAWN, ENROLLED]
    assert office.with_standing(Standing.WAITLISTED) == ["celina"], (
        "the first in line is of the town that has its share"
    )
    assert office.withdraw("anna") == [WITHDRAWN, ENROLLED]
    assert office.with_standing(Standing.ENROLLED) == ["bartek", "celina", "filip"]


def test_on_the_release_day_what_towns_have_not_used_goes_to_the_others_in_their_order(two_towns: Office) -> None:
    office = two_towns
    office.session(capacity=4, places_per_town=1, release_date="2026-11-20")
    for person in ("anna", "bartek", "celina", "ewa", "dawid"):
        office.ask(person)
    released = dt.datetime(2026, 11, 19, 23, tzinfo=dt.UTC)  # Midnight in Warsaw, in winter.

    office.pass_to(released - SECOND)
    assert office.with_standing(Standing.ENROLLED) == ["anna", "ewa"]
    office.pass_to(released)
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek", "celina", "ewa"]
    assert office.with_standing(Standing.WAITLISTED) == ["dawid"]


RELEASED = dt.datetime(2026, 11, 19, 23, tzinfo=dt.UTC)
"""Midnight in Warsaw of the 20th, in winter."""
SHARED: dict[str, Any] = {"capacity": 2, "places_per_town": 1, "release_date": "2026-11-20"}


def test_what_was_asked_before_the_release_goes_by_the_share_although_it_is_heard_after_it(two_towns: Office) -> None:
    office = two_towns
    office.session(**SHARED)
    office.ask("anna")
    office.ask("bartek", at=RELEASED - 2 * SECOND, now=RELEASED + SECOND)
    office.ask("ewa", at=RELEASED - SECOND)
    office.pass_to(RELEASED + SECOND)
    assert office.with_standing(Standing.ENROLLED) == ["anna", "ewa"]


def test_what_becomes_free_by_something_of_before_the_release_is_for_all_once_that_was_decided(
    two_towns: Office,
) -> None:
    office = two_towns
    office.session(**SHARED)
    for person in ("anna", "ewa", "bartek"):
        office.ask(person)
    office.pass_to(RELEASED)
    assert office.withdraw("ewa", at=RELEASED - SECOND) == [WITHDRAWN, ENROLLED]


def test_places_released_before_the_freeze_are_given_although_that_is_decided_in_it(two_towns: Office) -> None:
    office = two_towns
    office.session(**SHARED, freeze_hours=24)
    office.ask("anna")
    office.ask("bartek")
    office.pass_to(START - SECOND)
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek"]


def test_what_is_said_of_a_session_in_its_freeze_releases_nothing_anew(two_towns: Office) -> None:
    office, late = two_towns, START - SECOND
    office.session(**SHARED, freeze_hours=24)
    for person in ("anna", "ewa", "bartek"):
        office.ask(person)
    office.pass_to(late - SECOND)
    office.withdraw("ewa", at=late, now=late)
    office.session(**SHARED, freeze_hours=24, note="other words", at=late)
    office.pass_to(late)
    assert office.with_standing(Standing.ENROLLED) == ["anna"]


@pytest.mark.parametrize(
    ("first", "then", "days"),
    [
        ({"freeze_hours": 24}, {"freeze_hours": 24, "note": "other words"}, 11),
        ({}, {"freeze_hours": 260}, 1),
        ({"freeze_hours": 24}, {"freeze_hours": 24, "date": "2026-11-21"}, 1),
    ],
    ids=["said again in the freeze", "frozen since", "moved nearer since"],
)
def test_a_release_that_is_decided_late_gives_what_it_would_have_given_on_its_day_whatever_was_said_of_the_session_since(
    two_towns: Office, first: dict[str, Any], then: dict[str, Any], days: int
) -> None:
    office, since = two_towns, RELEASED + days * DAY
    office.session(**SHARED, **first)
    office.ask("anna")
    office.ask("bartek")
    office.session(**SHARED, **then, at=since, now=since)
    office.pass_to(since)
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek"]


def test_a_release_day_that_is_said_again_in_the_freeze_by_whoever_has_taken_over_from_the_planner_is_not_named_anew(
    two_towns: Office,
) -> None:
    office, late = two_towns, START - SECOND
    office.session(**SHARED, freeze_hours=24)
    office.ask("anna")
    office.ask("bartek")
    office.taken_over("urn:test:successor", at=RELEASED)
    office.session(**SHARED, freeze_hours=24, at=late, now=late, source="urn:test:successor")
    office.pass_to(late)
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek"]


@pytest.mark.parametrize("heard", [RELEASED, RELEASED + DAY], ids=["in time", "late"])
def test_a_release_day_in_the_freeze_as_the_session_is_stated_by_then_releases_nothing(
    two_towns: Office, heard: dt.datetime
) -> None:
    office = two_towns
    office.session(**SHARED, freeze_hours=300)
    office.ask("anna")
    office.ask("bartek")
    office.pass_to(heard)
    assert office.with_standing(Standing.ENROLLED) == ["anna"]


def test_a_release_day_that_was_named_in_the_freeze_releases_nothing(two_towns: Office) -> None:
    office, late = two_towns, START - SECOND
    office.session(**SHARED | {"release_date": None}, freeze_hours=24)
    office.ask("anna")
    office.ask("bartek")
    office.session(**SHARED, freeze_hours=24, at=late, now=late)
    office.pass_to(late)
    assert office.with_standing(Standing.ENROLLED) == ["anna"]


def test_a_share_below_what_a_town_holds_takes_nobodys_place(two_towns: Office) -> None:
    office = two_towns
    office.session(capacity=4, places_per_town=3)
    for person in ("anna", "bartek", "celina", "dawid"):
        office.ask(person)

    assert office.hear(session(model=SessionRescheduled, capacity=4, places_per_town=1)) == []
    assert office.withdraw("anna") == [WITHDRAWN]
    assert office.ask("ewa") == [ENROLLED]


def test_capacity_up_by_five_and_down_by_seven_gives_five_and_takes_none(office: Office) -> None:
    for number in range(12):
        office.member(f"person-{number:02}")
    office.session(capacity=3)
    for number in range(12):
        office.ask(f"person-{number:02}")
    office.hear(session(model=SessionRescheduled, capacity=8))
    office.hear(session(model=SessionRescheduled, capacity=1))
    assert len(office.with_standing(Standing.ENROLLED)) == 8
    assert len(office.with_standing(Standing.WAITLISTED)) == 4


# --- who may come --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "admits",
    [
        {"kinds": ["coordinator"]},
        {"departments": ["Wydział Środowiska"]},
        {"roles": ["kierowniczka"]},
        {"cities": [OTHER]},
    ],
)
def test_a_request_of_somebody_the_session_is_not_for_is_refused(office: Office, admits: dict[str, Any]) -> None:
    office.session(admits=admits)
    assert office.ask("anna") == [REFUSED]
    assert refusal(office, "anna") == RefusalReason.NOT_ADMITTED


def test_a_session_may_be_for_the_towns_of_several_phases_or_of_one_stage_only(office: Office) -> None:
    office.phase(stage=2)
    office.town(OTHER, stage=2)
    office.member("ewa", OTHER)
    office.session("both", capacity=9, admits={"phases": [1, 2]})
    office.session("second", capacity=9, admits={"phases": [1, 2], "stages": [2]}, date="2026-12-02")

    assert office.ask("anna", "both") == office.ask("ewa", "both") == office.ask("ewa", "second") == [ENROLLED]
    assert office.ask("anna", "second") == [], "her town's outcome of that stage may still come"


def test_a_supplementary_session_may_be_for_a_part_of_the_team(office: Office) -> None:
    office.hear(membership("ewa", kind=MemberKind.COORDINATOR))
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9, admits={"kinds": ["coordinator"], "cities": [OTHER]})
    assert office.with_standing(Standing.ENROLLED) == ["ewa"]


def test_whoever_a_session_is_no_longer_for_is_out_and_back_when_it_is(office: Office) -> None:
    office.session(capacity=9)
    office.ask("anna")
    only = session(model=SessionRescheduled, capacity=9, admits={"kinds": ["coordinator"]})

    assert office.hear(only) == [WITHDRAWN]
    assert office.place("anna").reason == WithdrawalReason.NOT_ADMITTED
    assert office.hear(session(model=SessionRescheduled, capacity=9)) == [ENROLLED]


def test_a_team_that_is_larger_than_the_room_has_its_places_in_the_order_of_joining() -> None:
    office = Office()
    office.phase()
    office.town()
    for person_id, since in (("anna", "2026-03-01"), ("bartek", "2026-01-01"), ("celina", "2026-02-01")):
        office.member(person_id, since=since)
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=2)

    assert office.with_standing(Standing.ENROLLED) == ["bartek", "celina"]
    office.member("dawid", since="2025-12-01")
    assert office.with_standing(Standing.WAITLISTED) == ["dawid", "anna"], "nobody loses a place to him"


@pytest.mark.parametrize("how", ["as anybody", "with the team", "in vain"])
def test_who_gave_a_place_of_the_team_back_and_asks_again_is_in_line_since_then(how: str) -> None:
    office = Office()
    office.phase()
    office.town()
    for number, person in enumerate(("anna", "bartek", "celina", "dawid"), start=1):
        office.member(person, since=f"2026-01-0{number}")
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=2, by_oneself=how != "with the team")
    office.withdraw("anna", at=NOON + SECOND)
    assert office.with_standing(Standing.ENROLLED) == ["bartek", "celina"]
    if how == "in vain":
        office.town(model=CityWithdrawn, at=NOON + 2 * SECOND)
    office.ask("anna", at=NOON + 3 * SECOND)
    if how == "in vain":
        office.town(at=NOON + 4 * SECOND)
    assert office.with_standing(Standing.ENROLLED) == ["bartek", "celina"]
    assert office.with_standing(Standing.WAITLISTED) == ["dawid", "anna"]


def test_those_who_wait_are_in_the_order_in_which_their_requests_were_heard_also_if_one_had_to_wait_for_its_town(
    two_towns: Office,
) -> None:
    office = two_towns
    office.session(capacity=1)
    office.ask("anna", at=NOON)
    office.ask("zoe", at=NOON + SECOND)  # Nobody knows her yet.
    office.ask("bartek", at=NOON + 2 * SECOND)
    office.member("zoe")
    assert office.with_standing(Standing.WAITLISTED) == ["zoe", "bartek"]


# --- a session's states --------------------------------------------------------------------


def test_nobody_is_invited_to_a_draft_and_what_is_asked_waits_until_it_is_scheduled(office: Office) -> None:
    draft = session(model=SessionDrafted, kind=SessionKind.SUPPLEMENTARY, capacity=9)
    assert office.hear(draft) == []
    assert office.hear(session("t", model=SessionDrafted, date="2026-12-02")) == office.ask("anna", "t") == []
    assert [held.waits_for for held in office.mind[Held]] == ["session"]

    assert office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9) == [ENROLLED] * 4
    assert office.session("t", date="2026-12-02") == [ENROLLED]


@pytest.mark.parametrize("begun", [False, True], ids=["within its freeze", "once it has begun"])
@pytest.mark.parametrize("before", [SessionDrafted, SessionCancelled])
def test_a_draft_announces_nothing_so_a_session_that_is_scheduled_late_is_filled_as_one_that_is_announced_late(
    office: Office, before: type[Event], begun: bool
) -> None:
    terms: dict[str, Any] = {"kind": SessionKind.SUPPLEMENTARY, "capacity": 9, "freeze_hours": 48}
    office.hear(session(model=before, **terms))
    assert office.settled[-1].announced_at is None
    late = START + SECOND if begun else START - DAY
    assert office.session(**terms, at=late, now=late) == [ENROLLED] * 4
    assert office.settled[-1].announced_at == late
    office.session(model=SessionDrafted, **terms, at=late, now=late)
    assert office.settled[-1].announced_at == late, "who was invited knows of it"


def test_what_was_asked_of_a_draft_is_refused_when_that_is_cancelled_for_it_would_have_given_no_place(
    office: Office,
) -> None:
    office.hear(session(model=SessionDrafted))
    assert office.ask("anna", at=NOON + SECOND) == []
    assert office.hear(session(model=SessionCancelled), at=NOON + DAY, now=NOON + DAY) == [REFUSED]
    assert office.place("anna").refusal == RefusalReason.SESSION_CANCELLED


def test_a_session_that_becomes_a_draft_again_keeps_its_places_and_gives_none(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    office.hear(session(model=SessionDrafted, capacity=5))
    assert (office.with_standing(Standing.ENROLLED), office.with_standing(Standing.WAITLISTED)) == (
        ["anna"],
        ["bartek"],
    )
    assert office.hear(WithdrawalRequested(session_id="s", person_id="anna")) == [WITHDRAWN]
    assert office.session(capacity=1) == [ENROLLED]


def test_a_session_that_is_completed_stays_as_it_was(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    assert office.hear(session(model=SessionCompleted, capacity=9), at=START + DAY, now=START + DAY) == []
    assert office.with_standing(Standing.ENROLLED) == ["anna"]


def test_an_old_statement_means_what_it_meant(office: Office) -> None:
    office.session(capacity=2, city_id=TOWN)
    said = [office.ask(person)[0] for person in ("anna", "bartek", "celina")]
    assert said == [ENROLLED, ENROLLED, WAITLISTED]
