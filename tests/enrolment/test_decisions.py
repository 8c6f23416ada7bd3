"""Who gets a place: every rule as a fact, and what holds whatever happens."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.enrolment.app import SERVICE
from services.enrolment.decisions import Entry, Leave, settle
from services.enrolment.handlers import DECIDE, DUE, REACT
from services.enrolment.state import Place, Session, session_of
from shared.contracts import Event, Request
from shared.contracts.directory import MemberKind, TeamMemberJoined, TeamMemberLeft
from shared.contracts.enrolment import Basis, RefusalReason, Standing, WithdrawalReason
from shared.contracts.planner import SessionCancelled, SessionKind, SessionRescheduled, SessionScheduled
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityNotSelected, CityQualified, CityWithdrawn
from shared.holding import HELD_TOO_LONG
from shared.testing import NOON, body_of, heard
from shared.working import Answer, Due, Held, Verdict, Working

TOWN = "geonames:776597"
OTHER = "geonames:3103709"
DAY = dt.timedelta(days=1)
LATER = "2026-12-01"


class Office:
    """Enrolment's mind without a database: hears events and remembers what it said."""

    def __init__(self) -> None:
        self.working: Working = SERVICE.working(NOON)
        self.versions: dict[str, int] = {}

    def hear(self, body: Event, *, at: dt.datetime = NOON, event_id: str | None = None) -> list[str]:
        """Returns the names of the facts that were said because of it."""
        before = len(self.working.said)
        one = heard(body, at=at, event_id=event_id, source="urn:portal" if isinstance(body, Request) else "urn:test")
        if isinstance(body, Request):
            if not self.working.is_known(one):
                DECIDE[type(body)](self.working, one)
        else:
            version = self.versions[one.subject] = self.versions.get(one.subject, 0) + 1
            one = heard(body, at=at, version=version, source="urn:test")
            if self.working.apply(one) is Verdict.NEWER and type(body) in REACT:
                REACT[type(body)](self.working, one)
        return [type(said.body).__name__ for said in self.working.said[before:]]

    def phase(self, *, stage: int = 1) -> None:
        self.hear(StageOpened(rule_id=f"stage:{stage}", stage=stage, phase=stage, opened_on=dt.date(2026, 1, 1)))

    def town(self, city_id: str = TOWN, model: type[Event] = CityQualified, **changes: Any) -> list[str]:
        return self.hear(body_of(model, city_id=city_id, **{"stage": 1, **changes}))

    def member(self, person_id: str, city_id: str = TOWN) -> list[str]:
        return self.hear(membership(person_id, city_id))

    def session(self, session_id: str = "s", **changes: Any) -> list[str]:
        return self.hear(session(session_id, **changes))

    def ask(self, person_id: str, session_id: str = "s", **how: Any) -> list[str]:
        return self.hear(EnrolmentRequested(session_id=session_id, person_id=person_id), **how)

    def withdraw(self, person_id: str, session_id: str = "s", **how: Any) -> list[str]:
        return self.hear(WithdrawalRequested(session_id=session_id, person_id=person_id), **how)

    def place(self, person_id: str, session_id: str = "s") -> Place:
        place = self.working[Place].get(session_id, person_id)
        assert place is not None
        return place

    def with_standing(self, standing: Standing, session_id: str = "s") -> list[str]:
        places = self.working[Place].where("session_id", session_id)
        return [place.person_id for place in sorted(places, key=lambda one: one.queue or 0) if place.state == standing]


def membership(person_id: str, city_id: str = TOWN, until: str | None = None) -> Event:
    fields = {
        "person_id": person_id,
        "city_id": city_id,
        "from_date": dt.date(2026, 1, 1),
        "kind": MemberKind.PROJECT_STAFF,
    }
    return TeamMemberLeft(**fields, until_date=dt.date.fromisoformat(until)) if until else TeamMemberJoined(**fields)


def session(
    session_id: str = "s", *, model: type[Event] = SessionScheduled, date: str = LATER, **changes: Any
) -> Event:
    meeting = {"meeting_id": "day-1", "starts_local": f"{date}T09:00:00", "ends_local": f"{date}T15:00:00"}
    fields = {
        "session_id": session_id,
        "kind": SessionKind.IN_DEPTH,
        "capacity": 2,
        "city_id": TOWN,
        "meetings": [meeting],
    }
    return body_of(model, **{**fields, **changes})


@pytest.fixture
def office() -> Office:
    """One qualified town with a team of four, nothing scheduled yet."""
    office = Office()
    office.phase()
    office.town()
    for person_id in ("anna", "bartek", "celina", "dawid"):
        office.member(person_id)
    return office


def test_a_supplementary_session_enrols_the_towns_team(office: Office) -> None:
    said = office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)

    assert said == ["ParticipantEnrolled"] * 4
    assert office.place("anna").basis == Basis.TEAM


def test_a_supplementary_session_enrols_nobody_of_another_town(office: Office) -> None:
    office.town(OTHER)
    office.member("ewa", OTHER)

    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)

    assert "ewa" not in office.with_standing(Standing.ENROLLED)


def test_a_team_larger_than_the_room_leaves_a_waiting_list(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=3)

    assert len(office.with_standing(Standing.ENROLLED)) == 3
    assert len(office.with_standing(Standing.WAITLISTED)) == 1


def test_someone_who_joins_the_team_later_is_enrolled(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    assert office.member("ewa") == ["ParticipantEnrolled"]


def test_whatever_arrives_last_wakes_what_waited_for_it() -> None:
    steps = {
        "phase": lambda office: office.phase(),
        "town": lambda office: office.town(),
        "member": lambda office: office.member("anna"),
        "session": lambda office: office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10),
    }
    for last in steps:
        office = Office()
        for name, step in steps.items():
            if name != last:
                assert step(office) == [] or name == "phase"
        steps[last](office)
        assert office.place("anna").state == Standing.ENROLLED, last


def test_a_request_waits_for_the_session_the_person_or_the_town_and_is_decided_when_they_are_known() -> None:
    for order in (["session", "town", "member"], ["member", "session", "town"], ["town", "member", "session"]):
        office = Office()
        office.phase()
        assert office.ask("anna") == []
        assert len(office.working[Held]) == 1
        steps = {"session": office.session, "town": office.town, "member": lambda office=office: office.member("anna")}
        for name in order[:-1]:
            assert steps[name]() == []
        assert steps[order[-1]]() == ["ParticipantEnrolled"]
        assert len(office.working[Held]) == 0


def test_a_full_session_puts_the_next_request_on_the_waiting_list(office: Office) -> None:
    office.session(capacity=2)
    said = [office.ask(person)[0] for person in ("anna", "bartek", "celina")]
    assert said == ["ParticipantEnrolled", "ParticipantEnrolled", "ParticipantWaitlisted"]


def test_a_place_given_back_goes_to_whoever_waits_first(office: Office) -> None:
    office.session(capacity=1)
    for person in ("dawid", "celina", "anna"):
        office.ask(person)

    assert office.withdraw("dawid") == ["EnrolmentWithdrawn", "ParticipantEnrolled"]
    assert office.with_standing(Standing.ENROLLED) == ["celina"]
    assert office.with_standing(Standing.WAITLISTED) == ["anna"]


def test_a_place_in_the_waiting_list_can_be_given_back(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    assert office.withdraw("bartek") == ["EnrolmentWithdrawn"]
    assert office.place("bartek").reason == WithdrawalReason.REQUESTED


def test_more_room_promotes_those_who_wait_in_their_order(office: Office) -> None:
    office.session(capacity=1)
    for person in ("dawid", "celina", "anna"):
        office.ask(person)

    assert office.hear(session(model=SessionRescheduled, capacity=2)) == ["ParticipantEnrolled"]
    assert office.with_standing(Standing.ENROLLED) == ["dawid", "celina"]


def test_less_room_puts_those_who_came_last_first_in_line(office: Office) -> None:
    office.session(capacity=3)
    for person in ("dawid", "celina", "anna"):
        office.ask(person)
    office.hear(session(model=SessionRescheduled, capacity=1))

    assert office.with_standing(Standing.ENROLLED) == ["dawid"]
    assert office.with_standing(Standing.WAITLISTED) == ["celina", "anna"]


def test_the_same_request_again_changes_nothing_even_after_a_withdrawal(office: Office) -> None:
    office.session()
    office.ask("anna", event_id="r-1")
    office.withdraw("anna")

    assert office.ask("anna", event_id="r-1") == []
    assert office.place("anna").state == Standing.WITHDRAWN


def test_a_new_request_after_a_withdrawal_begins_a_new_episode(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.withdraw("anna")
    office.ask("anna")

    assert (office.place("anna").state, office.place("anna").episode) == (Standing.ENROLLED, 2)


def test_a_second_request_of_someone_with_a_place_is_refused_and_the_place_stands(office: Office) -> None:
    office.session()
    office.ask("anna")

    assert office.ask("anna") == ["EnrolmentRefused"]
    assert office.place("anna").state == Standing.ENROLLED
    assert office.place("anna").refusal == RefusalReason.ALREADY_PLACED


@pytest.mark.parametrize(
    ("reason", "prepare"),
    [
        (RefusalReason.SESSION_CANCELLED, lambda office: office.hear(session(model=SessionCancelled))),
        (RefusalReason.TOWN_NOT_QUALIFIED, lambda office: office.town(model=CityWithdrawn)),
        (RefusalReason.TOWN_NOT_QUALIFIED, lambda office: office.town(model=CityNotSelected, outcome="reserve")),
        (RefusalReason.NOT_IN_TEAM, lambda office: office.hear(membership("anna", until="2026-06-30"))),
    ],
)
def test_a_request_is_refused_with_the_reason(office: Office, reason: RefusalReason, prepare: Any) -> None:
    office.session()
    prepare(office)

    assert office.ask("anna") == ["EnrolmentRefused"]
    assert (office.place("anna").state, office.place("anna").refusal) == (Standing.NONE, reason)


def test_lateness_is_judged_by_when_the_request_was_heard(office: Office) -> None:
    office.session()
    start = dt.datetime(2026, 12, 1, 8, 0, tzinfo=dt.UTC)  # 9:00 in Warsaw, in winter
    assert office.ask("anna", at=start - DAY / 86400) == ["ParticipantEnrolled"]
    assert office.ask("bartek", at=start) == ["EnrolmentRefused"]
    assert office.place("bartek").refusal == RefusalReason.SESSION_STARTED


def test_a_town_not_yet_heard_of_in_the_stage_holds_the_request(office: Office) -> None:
    office.phase(stage=2)
    office.session(phase=2)

    assert office.ask("anna") == []
    assert office.town(model=CityNotSelected, stage=2, outcome="not_selected") == ["EnrolmentRefused"]


def test_someone_who_leaves_the_team_loses_places_to_come(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    assert office.hear(membership("anna", until="2026-11-15")) == ["EnrolmentWithdrawn"]
    assert office.place("anna").reason == WithdrawalReason.LEFT_TEAM


def test_someone_who_leaves_after_the_session_keeps_the_place(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    assert office.hear(membership("anna", until=LATER)) == []


def test_a_town_that_withdraws_loses_its_places_and_a_town_that_returns_gets_them_back(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)

    assert office.town(model=CityWithdrawn) == ["EnrolmentWithdrawn"] * 4
    assert office.town() == ["ParticipantEnrolled"] * 4


def test_whoever_withdrew_is_not_enrolled_again_by_the_team_rule(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    office.withdraw("anna")

    assert office.member("ewa") == ["ParticipantEnrolled"]
    assert office.place("anna").state == Standing.WITHDRAWN


def test_whoever_asks_twice_to_be_out_stays_out(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    office.withdraw("anna")

    assert office.withdraw("anna") == ["EnrolmentRefused"]
    assert office.member("ewa") == ["ParticipantEnrolled"]
    assert office.place("anna").state == Standing.WITHDRAWN


def test_a_withdrawal_heard_before_the_team_is_not_lost() -> None:
    office = Office()
    office.phase()
    office.town()
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=10)
    assert office.withdraw("anna") == []

    assert office.member("anna") == ["ParticipantEnrolled", "EnrolmentWithdrawn"]


def test_a_request_waits_its_turn_behind_a_held_one_about_the_same_place() -> None:
    office = Office()
    office.phase()
    office.town()
    office.member("anna")
    office.ask("anna", event_id="r-1")
    office.withdraw("anna", event_id="r-2")
    assert [held.waits_for for held in office.working[Held]] == ["session", "turn"]

    assert office.session() == ["ParticipantEnrolled", "EnrolmentWithdrawn"]


def test_a_cancelled_session_leaves_its_places_as_they_stand(office: Office) -> None:
    office.session()
    office.ask("anna")
    assert office.hear(session(model=SessionCancelled)) == []
    assert office.place("anna").state == Standing.ENROLLED


def test_nothing_is_decided_about_a_session_that_is_over(office: Office) -> None:
    assert office.session(kind=SessionKind.SUPPLEMENTARY, date="2026-10-01") == []


def test_a_held_request_is_refused_when_it_has_waited_too_long() -> None:
    office = Office()
    office.ask("anna", event_id="r-1")
    (held,) = office.working[Held]
    assert held.expires_at == NOON + 30 * DAY

    DUE[HELD_TOO_LONG](office.working, Due(HELD_TOO_LONG, "s", held.expires_at))

    assert office.place("anna").refusal == RefusalReason.NEVER_KNOWN
    answer = office.working[Answer].get("urn:portal", "r-1")
    assert answer is not None
    assert answer.outcome == "EnrolmentRefused"


people = st.sampled_from("abcdefgh")
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), people),
        st.tuples(st.just("withdraw"), people),
        st.tuples(st.just("capacity"), st.integers(1, 5)),
        st.tuples(st.just("leave"), people),
        st.tuples(st.just("join"), people),
    ),
    max_size=30,
)


@given(steps, st.integers(1, 4))
def test_whatever_happens_no_seat_is_sold_twice_and_none_stays_empty_while_someone_waits(
    happened: list[tuple[str, Any]], capacity: int
) -> None:
    office = Office()
    office.phase()
    office.town()
    for person in "abcdef":
        office.member(person)
    office.session(capacity=capacity)
    for what, value in happened:
        match what:
            case "ask":
                office.ask(value)
            case "withdraw":
                office.withdraw(value)
            case "capacity":
                capacity = value
                office.hear(session(model=SessionRescheduled, capacity=value))
            case "leave":
                office.hear(membership(value, until="2026-11-20"))
            case "join":
                office.member(value)
        enrolled, waiting = office.with_standing(Standing.ENROLLED), office.with_standing(Standing.WAITLISTED)
        assert len(enrolled) <= capacity
        assert not waiting or len(enrolled) == capacity


def test_settle_says_one_fact_for_each_place_that_changes() -> None:
    row = session_of(heard(session(capacity=1)))
    assert isinstance(row, Session)
    entries = [Entry("a", TOWN, Basis.REQUEST), Entry("b", TOWN, Basis.REQUEST)]
    facts = settle(row, [], leaving={}, entering=entries, decided_at=NOON)
    assert [(fact.person_id, fact.queue) for fact in facts] == [("a", 1), ("b", 2)]
    assert Leave(WithdrawalReason.REQUESTED).asked is None
