"""Which towns are called to nominate, for how many places and until when; and that a call is taken back when it no longer holds."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.enrolment.state import Call
from shared.contracts import Event
from shared.contracts.enrolment import NominationsCalledOff, NominationsInvited, PlacesSettled
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionKind, SessionRescheduled
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityNotSelected, CityWithdrawn
from shared.state.working import Due
from shared.testing import NOON
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, session

UNTIL, OPENS = NOON + 10 * DAY, NOON + 2 * DAY
TERMS: dict[str, Any] = {"capacity": 5, "places_per_town": 3, "nominations_until": UNTIL.isoformat()}
OFF = {"capacity": 5, "places_per_town": 3}


def calls(office: Office) -> list[tuple[str, str]]:
    """What was said to towns: the number of places, or why a call was taken back."""
    found = []
    for said in office.mind.said:
        if isinstance(said.body, NominationsInvited):
            found.append((said.body.city_id, str(said.body.places)))
        elif isinstance(said.body, NominationsCalledOff):
            found.append((said.body.city_id, str(said.body.reason)))
    return found


def news(office: Office, body: Event | None = None, **how: Any) -> list[tuple[str, str]]:
    """What is said to towns because of this."""
    before = len(calls(office))
    if body is not None:
        office.hear(body, **how)
    return calls(office)[before:]


def states(**changes: Any) -> Event:
    return session(**{"model": SessionRescheduled, **TERMS, **changes})


@pytest.fixture
def called(office: Office) -> Office:
    office.session(**TERMS)
    return office


# --- who is called, and when ----------------------------------------------------------------


def test_every_town_that_may_come_is_called_for_its_share_until_the_deadline(office: Office) -> None:
    office.town(OTHER)
    office.town("demo:out", CityNotSelected)
    office.session(**TERMS)
    assert calls(office) == [(OTHER, "3"), (TOWN, "3")]
    call = office.mind[Call].get("s", TOWN)
    assert call is not None and call.until == UNTIL


def test_it_is_said_before_the_session_is_said_to_be_settled(called: Office) -> None:
    assert isinstance(called.mind.said[-1].body, PlacesSettled)


def test_a_share_is_never_more_than_the_session_has(office: Office) -> None:
    office.session(**TERMS | {"capacity": 2})
    assert calls(office) == [(TOWN, "2")]


def test_without_a_share_a_town_may_fill_them_all(office: Office) -> None:
    office.session(capacity=5, nominations_until=UNTIL.isoformat())
    assert calls(office) == [(TOWN, "5")]


@pytest.mark.parametrize(
    "terms",
    [{**OFF}, {**TERMS, "kind": SessionKind.SUPPLEMENTARY}, {**TERMS, "model": SessionDrafted}],
    ids=["no deadline", "a town's whole team", "a draft"],
)
def test_of_other_sessions_nothing_is_said(office: Office, terms: dict[str, Any]) -> None:
    office.session(**terms)
    assert calls(office) == []


def test_only_the_towns_that_a_session_names_are_called(office: Office) -> None:
    office.town(OTHER)
    office.session(**TERMS, admits={"cities": [OTHER]})
    assert calls(office) == [(OTHER, "3")]


def test_towns_are_called_when_enrolment_opens_and_not_before(office: Office) -> None:
    office.session(**TERMS, opens_at=OPENS.isoformat())
    office.pass_to(OPENS - DAY)
    assert calls(office) == []
    office.pass_to(OPENS)
    assert calls(office) == [(TOWN, "3")]


@pytest.mark.parametrize(
    ("terms", "moments"),
    [
        ({"opens_at": OPENS.isoformat()}, ["nominations_open"]),
        ({"release_date": "2026-11-04"}, ["places_released"]),
        ({"minimum": 1, "decision_date": "2026-11-04"}, ["session_decided"]),
        ({"opens_at": "2026-11-03T23:00:00Z", "release_date": "2026-11-04"}, ["nominations_open", "places_released"]),
    ],
)
def test_that_a_moment_was_decided_is_said_also_where_there_was_nothing_else_to_say(
    office: Office, terms: dict[str, Any], moments: list[str]
) -> None:
    """A rebuild knows nothing but what was said: it would decide it again."""
    office.session(**TERMS, **terms)
    office.town(model=CityWithdrawn)
    office.pass_to(OPENS)
    assert list(office.settled[-1].decided_moments) == moments
    assert list(office.mind[Due]) == []
    office.hear(states(**terms), at=OPENS)
    office.pass_to(OPENS)
    assert list(office.settled[-1].decided_moments) == moments, "of this statement, too"


def test_a_session_whose_deadline_has_passed_when_it_is_heard_calls_nobody(office: Office) -> None:
    office.session(**TERMS, at=UNTIL, now=UNTIL)
    assert calls(office) == []


def test_the_deadline_is_when_enrolment_closes_or_nothing_moves_any_more_if_that_is_before(office: Office) -> None:
    office.session("s1", **TERMS, closes_at=(UNTIL - DAY).isoformat())
    office.session("s2", **TERMS | {"nominations_until": START.isoformat(), "freeze_hours": 24})
    ends = {call.session_id: call.until for call in office.mind[Call]}
    assert ends == {"s1": UNTIL - DAY, "s2": START - DAY}


# --- what changes ---------------------------------------------------------------------------


def test_the_same_statement_again_says_nothing(called: Office) -> None:
    assert news(called, states()) == news(called, states(venue="elsewhere")) == []
    called.reconcile()
    assert calls(called) == [(TOWN, "3")]


def test_other_places_or_another_deadline_are_said_anew(called: Office) -> None:
    assert news(called, states(places_per_town=4)) == [(TOWN, "4")]
    assert news(called, states(places_per_town=4, nominations_until=(UNTIL + DAY).isoformat())) == [(TOWN, "4")]


def test_a_town_that_qualifies_later_is_called_then_and_the_others_are_told_nothing(called: Office) -> None:
    called.session("other", **OFF)
    called.town(OTHER)
    assert calls(called) == [(TOWN, "3"), (OTHER, "3")]


def test_a_town_that_qualifies_after_the_deadline_is_not_called(called: Office) -> None:
    called.town(OTHER, at=UNTIL, now=UNTIL)
    assert calls(called) == [(TOWN, "3")]


def test_the_call_of_a_town_that_withdraws_is_taken_back_and_made_again_when_it_is_back(called: Office) -> None:
    called.town(model=CityWithdrawn)
    called.town(model=CityWithdrawn)
    called.town()
    assert calls(called)[1:] == [(TOWN, "town_not_eligible"), (TOWN, "3")]


def test_a_stage_that_is_for_another_phase_now_takes_the_calls_back(called: Office) -> None:
    opened = {"rule_id": "stage:1", "stage": 1, "opened_on": dt.date(2026, 1, 1)}
    assert news(called, StageOpened(phase=2, **opened)) == [(TOWN, "town_not_eligible")]
    assert news(called, StageOpened(phase=1, **opened)) == [(TOWN, "3")]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ({"model": SessionCancelled}, "session_off"),
        ({"model": SessionDrafted}, "session_off"),
        ({"nominations_until": None}, "no_nominations"),
        ({"opens_at": OPENS.isoformat()}, "not_open"),
        ({"nominations_until": (NOON - DAY).isoformat()}, "closed"),
        ({"admits": {"cities": [OTHER]}}, "town_not_eligible"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_call_that_no_longer_holds_is_taken_back_with_the_reason(
    called: Office, statement: dict[str, Any], reason: str
) -> None:
    assert news(called, states(**statement)) == [(TOWN, reason)]
    assert news(called, states(**statement)) == [], "and only once"
    assert news(called, states()) == [(TOWN, "3")], "made again when it holds again"


def test_a_call_whose_deadline_has_passed_is_left_as_it_was_said(called: Office) -> None:
    assert news(called, states(model=SessionCancelled), at=UNTIL, now=UNTIL) == []
    called.town(model=CityWithdrawn, at=UNTIL, now=UNTIL)
    assert calls(called) == [(TOWN, "3")]


RELEASE, RELEASES = "2026-11-04", dt.datetime(2026, 11, 3, 23, tzinfo=dt.UTC)


def test_from_the_release_day_on_a_town_is_called_for_all_that_a_session_has(office: Office) -> None:
    office.session(**TERMS, release_date=RELEASE)
    office.pass_to(RELEASES)
    assert calls(office) == [(TOWN, "3"), (TOWN, "5")], "what towns have not used is for this one, too"
    office.town(OTHER, at=RELEASES, now=RELEASES)
    assert calls(office)[2:] == [(OTHER, "5")]
    assert news(office, states(release_date=RELEASE, venue="elsewhere"), at=RELEASES, now=RELEASES) == []
    assert office.nominate("anna", "bartek", "celina", "dawid", at=RELEASES) == dict.fromkeys(
        ("anna", "bartek", "celina", "dawid"), "enrolled"
    )


def test_a_town_that_qualifies_after_the_release_day_is_called_for_all_also_before_that_was_decided(
    office: Office,
) -> None:
    office.session(**TERMS, release_date=RELEASE)
    office.town(OTHER, at=RELEASES, now=RELEASES)
    assert calls(office)[1:] == [(OTHER, "5")]
    office.pass_to(RELEASES)
    assert calls(office)[2:] == [(TOWN, "5")]


def test_a_release_whose_day_is_moved_ahead_again_gives_towns_their_share_back(office: Office) -> None:
    office.session(**TERMS, release_date=RELEASE)
    office.pass_to(RELEASES)
    assert news(office, states(release_date="2026-11-08"), at=RELEASES, now=RELEASES) == [(TOWN, "3")]


def test_a_release_after_towns_may_nominate_calls_nobody(office: Office) -> None:
    office.session(**TERMS, release_date="2026-11-20")
    office.town(OTHER)
    office.pass_to(dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    assert calls(office) == [(TOWN, "3"), (OTHER, "3")]


def test_whichever_is_heard_first_the_town_the_stage_or_the_session_the_call_is_the_same() -> None:
    orders = (("phase", "town", "session"), ("session", "town", "phase"), ("town", "session", "phase"))
    found = []
    for order in orders:
        office = Office()
        for what in order:
            office.session(**TERMS) if what == "session" else getattr(office, what)()
        found.append(calls(office))
    assert found == [[(TOWN, "3")]] * len(orders)


@pytest.mark.parametrize("first", ["session", "town"])
def test_towns_are_called_to_a_session_that_is_announced_within_its_own_freeze_for_as_long_as_they_may_nominate(
    office: Office, first: str
) -> None:
    late, until = START - DAY / 2, START - DAY / 4
    terms = TERMS | {"nominations_until": until.isoformat(), "freeze_hours": 24}

    def announced() -> None:
        office.session(**terms, at=late, now=late)

    def qualifies() -> None:
        office.town(OTHER, at=late, now=late)

    for says in (announced, qualifies) if first == "session" else (qualifies, announced):
        says()
    assert sorted(calls(office)) == sorted([(TOWN, "3"), (OTHER, "3")])
    assert {call.until for call in office.mind[Call]} == {until}
    assert office.nominate("anna", at=late) == {"anna": "enrolled"}
