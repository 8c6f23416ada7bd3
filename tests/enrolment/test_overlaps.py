"""Nobody has two places at the same time of day: who asks for a second one, who waits, and a session that moves onto another."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.contracts.enrolment import EnrolmentRefused, NominationAnswered, RefusalReason, Standing
from shared.contracts.planner import SessionCancelled, SessionKind, SessionRescheduled
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.testing import NOON, heard
from tests.enrolment.office import DAY, OTHER, START, Office, session

ENROLLED, WAITLISTED, OFFERED, WITHDRAWN, REFUSED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "PlaceOffered",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
)
SECOND = dt.timedelta(seconds=1)


def meetings(*days: tuple[str, str, str]) -> list[dict[str, Any]]:
    return [
        {"meeting_id": f"day-{number}", "starts_local": f"{day}T{begins}:00", "ends_local": f"{day}T{ends}:00"}
        for number, (day, begins, ends) in enumerate(days, 1)
    ]


MORNING, AFTERNOON = ("2026-12-01", "09:00", "12:00"), ("2026-12-01", "12:00", "15:00")
LONG = ("2026-12-01", "11:00", "13:00")
NEXT_DAY = ("2026-12-02", "09:00", "12:00")


@pytest.fixture
def two(office: Office) -> Office:
    """Two sessions of one place at the same time: anna has the place in `s`, bartek that in `t`, and she waits there."""
    office.session("s", capacity=1)
    office.session("t", capacity=1)
    office.ask("bartek", "t")
    office.ask("anna", "t", at=NOON + SECOND)
    office.ask("anna", "s", at=NOON + 2 * SECOND)
    return office


def moved(session_id: str, *days: tuple[str, str, str], **changes: Any) -> Any:
    return session(session_id, model=SessionRescheduled, capacity=1, meetings=meetings(*days), **changes)


def clash(office: Office, person_id: str, session_id: str) -> tuple[str, ...]:
    return office.place(person_id, session_id).clashes_with


# --- asking --------------------------------------------------------------------------------


def test_a_request_for_a_second_place_at_the_same_time_is_refused_and_names_the_first(office: Office) -> None:
    office.session("s", meetings=meetings(MORNING))
    office.session("t", meetings=meetings(LONG))
    office.ask("anna", "s")
    assert office.ask("anna", "t") == [REFUSED]
    refusal = office.mind.said[-1].body
    assert isinstance(refusal, EnrolmentRefused)
    assert (refusal.reason, refusal.other_session_id) == (RefusalReason.OVERLAPS, "s")


@pytest.mark.parametrize(
    ("one", "other", "at_once"),
    [
        ([MORNING], [AFTERNOON], False),
        ([MORNING], [LONG], True),
        ([MORNING, NEXT_DAY], [AFTERNOON], False),
        ([AFTERNOON, NEXT_DAY], [NEXT_DAY], True),
        ([MORNING, NEXT_DAY], [("2026-12-01", "13:00", "15:00"), ("2026-12-02", "11:59", "14:00")], True),
    ],
    ids=["back to back", "into each other", "between two days", "on one of the days", "by a minute on the second day"],
)
def test_any_meeting_may_run_into_any_other_and_back_to_back_is_not_at_once(
    office: Office, one: Any, other: Any, at_once: bool
) -> None:
    office.session("s", meetings=meetings(*one))
    office.session("t", meetings=meetings(*other))
    office.ask("anna", "s")
    assert office.ask("anna", "t") == [REFUSED if at_once else ENROLLED]


def test_a_place_on_offer_is_in_the_way_and_a_place_in_line_is_not(office: Office) -> None:
    office.session("s", capacity=1, free_places="offered")
    office.session("t")
    office.ask("bartek", "s")
    office.ask("anna", "s", at=NOON + SECOND)
    assert office.ask("celina", "t") == [ENROLLED]
    assert office.withdraw("bartek", "s") == [WITHDRAWN, OFFERED]
    assert office.ask("anna", "t") == [REFUSED]
    assert office.answer("anna", "decline", "s") == [WITHDRAWN]
    assert office.ask("anna", "t", at=NOON + 2 * SECOND) == [ENROLLED]


def test_a_session_that_does_not_take_place_is_in_nobodys_way(office: Office) -> None:
    office.session("s")
    office.session("t")
    office.ask("anna", "s")
    office.hear(session("s", model=SessionCancelled))
    assert office.ask("anna", "t") == [ENROLLED]
    assert sorted(office.session("s")) == [ENROLLED, ENROLLED], "both are kept, and marked"
    assert (clash(office, "anna", "s"), clash(office, "anna", "t")) == (("t",), ("s",))


# --- in line ---------------------------------------------------------------------------------


def test_who_has_got_a_place_at_the_same_time_is_passed_over_in_line(two: Office) -> None:
    assert clash(two, "anna", "t") == ("s",)
    two.ask("celina", "t", at=NOON + 3 * SECOND)
    assert two.withdraw("bartek", "t") == [WITHDRAWN, ENROLLED]
    assert two.with_standing(Standing.ENROLLED, "t") == ["celina"]
    assert two.with_standing(Standing.WAITLISTED, "t") == ["anna"]


def test_who_was_passed_over_gets_the_free_seat_when_the_other_place_is_gone(two: Office) -> None:
    two.withdraw("bartek", "t")
    assert two.with_standing(Standing.ENROLLED, "t") == []
    assert two.withdraw("anna", "s", at=NOON + 5 * SECOND) == [WITHDRAWN, ENROLLED]
    assert (two.place("anna", "t").state, clash(two, "anna", "t")) == (Standing.ENROLLED, ())


@pytest.mark.parametrize("how", ["moved", "cancelled", "erased from the other", "removed by the office"])
def test_whatever_takes_the_other_place_away_gives_the_seat_that_waits(two: Office, how: str) -> None:
    two.withdraw("bartek", "t")
    match how:
        case "moved":
            two.hear(moved("s", NEXT_DAY))
        case "cancelled":
            two.hear(session("s", model=SessionCancelled))
        case "erased from the other":
            two.erased("anna")
        case _:
            two.removes("anna", "s")
    has_it = two.place("anna", "t").state == Standing.ENROLLED
    assert has_it == (how != "erased from the other")


def test_a_session_in_which_somebody_waits_that_moves_away_gives_them_the_free_seat(two: Office) -> None:
    two.withdraw("bartek", "t")
    assert two.hear(moved("t", NEXT_DAY)) == [ENROLLED]
    assert (two.place("anna", "s").state, clash(two, "anna", "t")) == (Standing.ENROLLED, ())


def test_the_mark_of_who_waits_goes_when_the_overlap_goes_also_if_no_seat_is_free(two: Office) -> None:
    assert two.hear(moved("s", NEXT_DAY)) == [WAITLISTED]
    assert (two.place("anna", "t").state, clash(two, "anna", "t")) == (Standing.WAITLISTED, ())


def test_a_seat_that_went_on_goes_on_in_the_other_session_too(two: Office) -> None:
    """Three sessions at once: whoever gets a seat in one is passed over in the others from then on."""
    two.session("u", capacity=1)
    two.ask("dawid", "u")
    two.ask("celina", "u", at=NOON + 3 * SECOND)
    two.ask("celina", "s", at=NOON + 4 * SECOND)
    two.withdraw("bartek", "t")
    two.withdraw("anna", "s", at=NOON + 5 * SECOND)
    assert two.with_standing(Standing.ENROLLED, "s") == ["celina"]
    assert clash(two, "celina", "u") == ("s",)
    two.withdraw("dawid", "u", at=NOON + 6 * SECOND)
    assert two.with_standing(Standing.ENROLLED, "u") == []


def test_a_seat_that_somebody_gets_because_of_it_is_in_the_way_of_their_others(two: Office) -> None:
    two.session("u", capacity=1)
    two.ask("dawid", "u")
    two.withdraw("anna", "s", at=NOON + 3 * SECOND)
    two.ask("anna", "u", at=NOON + 4 * SECOND)
    two.ask("anna", "s", at=NOON + 5 * SECOND)
    two.withdraw("dawid", "u", at=NOON + 6 * SECOND)
    assert clash(two, "anna", "t") == clash(two, "anna", "u") == ("s",)
    two.withdraw("anna", "s", at=NOON + 7 * SECOND)
    assert two.place("anna", "u").state == Standing.ENROLLED
    assert (two.place("anna", "t").state, clash(two, "anna", "t")) == (Standing.WAITLISTED, ("u",))


def test_a_member_whose_team_is_trained_while_they_are_elsewhere_waits_there(office: Office) -> None:
    office.session("s")
    office.ask("anna", "s")
    office.session("team", kind=SessionKind.SUPPLEMENTARY, capacity=9)
    assert office.with_standing(Standing.WAITLISTED, "team") == ["anna"]
    assert clash(office, "anna", "team") == ("s",)
    assert office.withdraw("anna", "s", at=NOON + SECOND) == [WITHDRAWN, ENROLLED]
    assert office.place("anna", "team").state == Standing.ENROLLED


def test_a_place_that_a_rule_gives_back_waits_for_the_one_that_was_got_meanwhile(office: Office) -> None:
    office.town(OTHER)
    office.member("anna", OTHER)
    office.session("s", kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.session("t")
    office.leaves("anna")
    assert office.ask("anna", "t") == [ENROLLED]
    assert office.member("anna", since="2026-11-20") == [WAITLISTED]
    assert clash(office, "anna", "s") == ("t",)


def test_a_seat_is_got_and_given_back_in_one_transaction(office: Office) -> None:
    """What is loaded for both is what either needs: the mark that the first makes is none that the database knows."""
    office.session("s", capacity=1)
    office.session("t", capacity=1)
    office.ask("bartek", "t")
    office.ask("anna", "t", at=NOON + SECOND)
    asks = heard(EnrolmentRequested(session_id="s", person_id="anna"), source="urn:portal", at=NOON + 2 * SECOND)
    leaves = heard(WithdrawalRequested(session_id="t", person_id="bartek"), source="urn:portal", at=NOON + 3 * SECOND)
    gives_back = heard(WithdrawalRequested(session_id="s", person_id="anna"), source="urn:portal", at=NOON + 4 * SECOND)

    said = office.mind.hear(asks, leaves, gives_back)

    assert [type(one.body).__name__ for one in said] == [ENROLLED, WAITLISTED, WITHDRAWN, WITHDRAWN, ENROLLED]
    assert (office.place("anna", "t").state, clash(office, "anna", "t")) == (Standing.ENROLLED, ())


def test_a_session_moves_and_somebody_leaves_it_in_one_transaction(office: Office) -> None:
    """Where they wait at the hours it has now is looked at, although nothing was at that time before."""
    office.session("s", capacity=1, meetings=meetings(NEXT_DAY))
    office.session("t", capacity=1)
    for number, person_id in enumerate(("bartek", "anna")):
        office.ask(person_id, "t", at=NOON + number * SECOND)
    office.ask("anna", "s", at=NOON + 2 * SECOND)
    moves = heard(moved("s", MORNING), source="urn:test", version=2, at=NOON + 3 * SECOND)
    leaves = heard(WithdrawalRequested(session_id="s", person_id="anna"), source="urn:portal", at=NOON + 4 * SECOND)

    office.mind.hear(moves, leaves)

    assert (office.place("anna", "t").state, clash(office, "anna", "t")) == (Standing.WAITLISTED, ())


# --- a session moves -------------------------------------------------------------------------


def test_a_session_that_moves_onto_another_keeps_both_places_and_marks_both(office: Office) -> None:
    office.session("s", capacity=1, meetings=meetings(NEXT_DAY))
    office.session("t", capacity=1)
    office.ask("anna", "s")
    office.ask("anna", "t")
    assert office.hear(moved("s", MORNING)) == [ENROLLED, ENROLLED]
    assert (clash(office, "anna", "s"), clash(office, "anna", "t")) == (("t",), ("s",))
    assert office.withdraw("anna", "t", at=NOON + SECOND) == [WITHDRAWN, ENROLLED], "resolved: the mark goes"
    assert clash(office, "anna", "s") == clash(office, "anna", "t") == ()


def test_the_marks_go_when_the_session_moves_away_again(office: Office) -> None:
    office.session("s", capacity=1, meetings=meetings(NEXT_DAY))
    office.session("t", capacity=1)
    office.ask("anna", "s")
    office.ask("anna", "t")
    office.hear(moved("s", MORNING))
    assert office.hear(moved("s", NEXT_DAY)) == [ENROLLED, ENROLLED]
    assert clash(office, "anna", "s") == clash(office, "anna", "t") == ()


def test_a_cancelled_session_leaves_no_mark_behind_and_marks_again_when_it_is_scheduled(office: Office) -> None:
    office.session("s", capacity=1, meetings=meetings(NEXT_DAY))
    office.session("t", capacity=1)
    office.ask("anna", "s")
    office.ask("anna", "t")
    office.hear(moved("s", MORNING))
    office.hear(session("s", model=SessionCancelled, capacity=1, meetings=meetings(MORNING)))
    assert clash(office, "anna", "s") == clash(office, "anna", "t") == ()
    office.hear(moved("s", MORNING))
    assert (clash(office, "anna", "s"), clash(office, "anna", "t")) == (("t",), ("s",))


def test_an_extra_place_at_the_same_time_is_given_and_both_are_marked(office: Office) -> None:
    office.session("s")
    office.session("t")
    office.ask("anna", "s")
    office.gives_extra("anna", "t")
    assert (clash(office, "anna", "s"), clash(office, "anna", "t")) == (("t",), ("s",))


def test_of_a_session_that_has_begun_nothing_is_said_any_more(office: Office) -> None:
    office.session("s", capacity=1)
    office.session("t", capacity=1, meetings=meetings(NEXT_DAY))
    office.ask("anna", "s")
    office.ask("anna", "t")
    during = START + SECOND
    office.hear(moved("t", ("2026-12-01", "12:00", "15:00")), at=during, now=during)
    assert (clash(office, "anna", "s"), clash(office, "anna", "t")) == ((), ("s",))


# --- resolved by nobody yet -------------------------------------------------------------------


def test_who_lets_an_offer_pass_leaves_when_only_people_wait_who_are_elsewhere(office: Office) -> None:
    office.session("s")
    office.session("t", capacity=1, free_places="offered", after_offer="to_the_end")
    office.ask("bartek", "t")
    office.ask("anna", "t", at=NOON + SECOND)
    office.ask("celina", "t", at=NOON + 2 * SECOND)
    office.ask("celina", "s", at=NOON + 3 * SECOND)
    office.withdraw("bartek", "t", at=NOON + 4 * SECOND)
    assert office.place("anna", "t").state == Standing.OFFERED
    assert office.answer("anna", "decline", "t", at=NOON + 5 * SECOND) == [WITHDRAWN]


# --- towns -----------------------------------------------------------------------------------


def test_a_nomination_of_somebody_who_is_elsewhere_names_the_other_session(office: Office) -> None:
    office.session("s")
    office.session("t")
    office.ask("anna", "s")
    office.nominate("anna", "bartek", session_id="t")
    answers = [one.body for one in office.mind.said if isinstance(one.body, NominationAnswered)]
    (answer,) = answers
    assert [(one.standing, one.reason, one.other_session_id) for one in answer.people] == [
        (Standing.NONE, RefusalReason.OVERLAPS, "s"),
        (Standing.ENROLLED, None, None),
    ]


def test_nobody_comes_instead_of_somebody_who_is_elsewhere_at_that_time(office: Office) -> None:
    office.session("s")
    office.session("t")
    office.ask("anna", "s")
    office.ask("bartek", "t")
    assert office.substitute("bartek", "anna", session_id="t") == [REFUSED]
    refusal = office.mind.said[-1].body
    assert isinstance(refusal, EnrolmentRefused)
    assert (refusal.reason, refusal.other_session_id) == (RefusalReason.OVERLAPS, "s")


def test_whoever_somebody_else_comes_for_gets_the_seat_that_waits_elsewhere(two: Office) -> None:
    two.withdraw("bartek", "t")
    two.substitute("anna", "celina", session_id="s", at=NOON + 5 * SECOND)
    assert (two.place("celina", "s").state, two.place("anna", "t").state) == (Standing.ENROLLED, Standing.ENROLLED)
    assert clash(two, "anna", "t") == clash(two, "celina", "s") == ()


TWO_DAYS = meetings(("2026-12-01", "09:00", "15:00"), ("2026-12-08", "09:00", "15:00"))


def test_a_day_ahead_of_what_has_begun_under_one_id_is_in_the_way_of_the_other(office: Office) -> None:
    office.session("s1", meetings=TWO_DAYS)
    office.session("s2", date="2026-12-08")
    office.ask("anna", "s1")
    after = {"at": START + DAY, "now": START + DAY}
    office.merged("anna", "ania", **after)

    assert office.ask("ania", "s2", **after) == ["EnrolmentRefused"]
    assert office.place("ania", "s2").refusal == RefusalReason.OVERLAPS
    assert office.mind.said[-1].body.other_session_id == "s1"


def test_who_waits_beside_what_has_begun_under_their_other_id_is_passed_over_until_that_is_moved(
    office: Office,
) -> None:
    office.session("s1", meetings=TWO_DAYS)
    office.session("s2", date="2026-12-08", capacity=1)
    office.member("ania")
    office.ask("anna", "s1")
    for person in ("bartek", "ania"):
        office.ask(person, "s2")
    after = {"at": START + DAY, "now": START + DAY}
    office.merged("anna", "ania", **after)
    office.withdraw("bartek", "s2", **after)
    assert (office.place("ania", "s2").state, office.place("ania", "s2").clashes_with) == (Standing.WAITLISTED, ("s1",))

    later = meetings(("2026-12-01", "09:00", "15:00"), ("2026-12-15", "09:00", "15:00"))
    office.hear(session("s1", model=SessionRescheduled, meetings=later), **after)
    assert (office.place("ania", "s2").state, office.place("ania", "s2").clashes_with) == (Standing.ENROLLED, ())
