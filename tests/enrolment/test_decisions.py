"""Who gets a place: every rule as a fact, and what holds whatever happens."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.enrolment.settling import Entry, Room, settle
from services.enrolment.state import Place
from shared.books.holding import HELD_TOO_LONG
from shared.contracts.directory import PersonErased
from shared.contracts.enrolment import Basis, RefusalReason, Standing, WithdrawalReason
from shared.contracts.planner import SessionCancelled, SessionKind, SessionRescheduled
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.selection import CityNotSelected, CityWithdrawn
from shared.state.working import Answer, Held
from shared.testing import NOON, heard
from tests.enrolment.office import DAY, LATER, OTHER, TOWN, Office, membership, session


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
        assert len(office.mind[Held]) == 1
        steps = {"session": office.session, "town": office.town, "member": lambda office=office: office.member("anna")}
        for name in order[:-1]:
            assert steps[name]() == []
        assert steps[order[-1]]() == ["ParticipantEnrolled"]
        assert len(office.mind[Held]) == 0


@pytest.mark.parametrize("asked", ["ask", "nominate"])
def test_what_a_backup_still_holds_and_was_answered_since_is_not_answered_again(
    asked: str,
) -> None:
    live, restored = Office(), Office()
    for office in (live, restored):
        office.phase()
        office.town()
        office.session()
        assert not getattr(office, asked)("anna", event_id="r-1")
        assert len(office.mind[Held]) == 1
    live.member("anna")
    for said in live.mind.said:
        restored.mind.hear(said, quiet=True)
    known = len(restored.mind.said)

    restored.member("anna")

    assert len(restored.mind[Held]) == 0
    assert restored.mind.said[known:] == []
    assert restored.place("anna") == live.place("anna")


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


def test_less_room_takes_nobodys_place_and_gives_none_until_there_is_room_again(office: Office) -> None:
    office.session(capacity=2)
    for person in ("dawid", "celina", "anna"):
        office.ask(person)

    assert office.hear(session(model=SessionRescheduled, capacity=1)) == []
    assert office.with_standing(Standing.ENROLLED) == ["dawid", "celina"]
    assert office.withdraw("dawid") == ["EnrolmentWithdrawn"]
    assert office.withdraw("celina") == ["EnrolmentWithdrawn", "ParticipantEnrolled"]


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
    assert [held.waits_for for held in office.mind[Held]] == ["session", "turn"]

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
    (held,) = office.mind[Held]
    assert held.expires_at == NOON + 30 * DAY

    office.is_due(HELD_TOO_LONG, at=held.expires_at)

    assert office.place("anna").refusal == RefusalReason.NEVER_KNOWN
    answer = office.mind[Answer].get("urn:portal", "r-1")
    assert answer is not None
    assert answer.outcome == "EnrolmentRefused"


# --- whatever happens ----------------------------------------------------------------------

people = st.sampled_from("abcdefgh")
towns = st.sampled_from([TOWN, OTHER])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), people),
        st.tuples(st.just("withdraw"), people),
        st.tuples(st.just("capacity"), st.integers(1, 5)),
        st.tuples(st.just("move"), st.sampled_from(["2026-11-10", LATER, "2027-02-01"])),
        st.tuples(st.just("cancel"), st.just(None)),
        st.tuples(st.just("relocate"), towns),
        st.tuples(st.just("leave"), people, towns),
        st.tuples(st.just("join"), people, towns),
        st.tuples(st.just("erase"), people),
        st.tuples(st.just("withdraw town"), towns),
        st.tuples(st.just("qualify town"), towns),
    ),
    max_size=30,
)


class Story:
    """A session to which anything may happen, and what must hold of it all the same."""

    def __init__(self, kind: SessionKind, capacity: int) -> None:
        self.office = Office()
        self.kind, self.capacity, self.date, self.city_id, self.cancelled = kind, capacity, LATER, TOWN, False
        self.erased: set[str] = set()
        self.last_word: dict[str, str] = {}
        self.statements = 1
        self.office.phase()
        for city_id in (TOWN, OTHER):
            self.office.town(city_id)
        for person in "abcdef":
            self.office.member(person, since="2026-11-20")
        self.office.session(**self.fields())
        self.had_a_seat = set(self.standing(Standing.ENROLLED))

    def fields(self) -> dict[str, Any]:
        return {"kind": self.kind, "capacity": self.capacity, "date": self.date, "city_id": self.city_id}

    def happens(self, what: str, *values: Any, **how: Any) -> None:
        office = self.office
        if what in ("ask", "withdraw"):
            self.last_word[values[0]] = what
        match what, values:
            case "ask", (person,):
                office.ask(person, **how)
            case "withdraw", (person,):
                office.withdraw(person, **how)
            case "leave", (person, city_id):
                office.leaves(person, city_id, **how)
            case "join", (person, city_id):
                office.member(person, city_id, **how)
            case "erase", (person,):
                self.erased.add(person)
                office.hear(PersonErased(person_id=person), **how)
            case "withdraw town", (city_id,):
                office.town(city_id, CityWithdrawn, **how)
            case "qualify town", (city_id,):
                office.town(city_id, **how)
            case _:
                self._is_stated(what, *values, **how)

    def _is_stated(self, what: str, value: Any, **how: Any) -> None:
        self.statements += 1
        self.cancelled = what == "cancel"
        names = {"capacity": "capacity", "move": "date", "relocate": "city_id"}
        if what in names:
            setattr(self, names[what], value)
        model = SessionCancelled if self.cancelled else SessionRescheduled
        self.office.hear(session(model=model, **self.fields()), event_id=f"statement-{self.statements}", **how)

    def standing(self, standing: Standing) -> list[str]:
        return self.office.with_standing(standing)

    def check(self) -> None:
        enrolled, waiting = self.standing(Standing.ENROLLED), self.standing(Standing.WAITLISTED)
        if not self.cancelled:
            assert set(enrolled) <= self.had_a_seat or len(enrolled) <= self.capacity
            assert not waiting or len(enrolled) >= self.capacity
            assert not self.erased & {*enrolled, *waiting}
            assert not {person for person in (*enrolled, *waiting) if self.last_word.get(person) == "withdraw"}
        self.had_a_seat = set(enrolled)
        settled = [one.session_event_id for one in self.office.settled]
        assert len(settled) == len(set(settled)) == self.statements


@given(steps, st.integers(1, 4), st.sampled_from(list(SessionKind)))
def test_whatever_happens_no_seat_is_sold_twice_and_none_stays_empty_while_someone_waits(
    happened: list[tuple[Any, ...]], capacity: int, kind: SessionKind
) -> None:
    story = Story(kind, capacity)
    for step in happened:
        story.happens(*step)
        story.check()
        places = {place.person_id: place for place in story.office.mind[Place]}
        assert story.office.reconcile() == []
        assert {place.person_id: place for place in story.office.mind[Place]} == places


@given(steps, steps, st.integers(1, 4), st.sampled_from(list(SessionKind)))
def test_whatever_happens_once_it_has_begun_nobody_loses_a_place_and_nobody_comes_in(
    before: list[tuple[Any, ...]], after: list[tuple[Any, ...]], capacity: int, kind: SessionKind
) -> None:
    story = Story(kind, capacity)
    for step in before:
        story.happens(*step)
    begun = dt.datetime(2027, 2, 1, 8, 0, tzinfo=dt.UTC)  # The latest of the days to which it is moved.
    enrolled = story.standing(Standing.ENROLLED)
    for step in after:
        story.happens(*step, at=begun, now=begun)
        if story.cancelled and step[0] == "withdraw":
            enrolled = [person for person in enrolled if person != step[1]]  # What is cancelled has not begun.
        assert story.standing(Standing.ENROLLED) == enrolled
    settled = story.office.settled[-1].seats
    assert settled is not None
    assert story.cancelled or settled >= len(enrolled)
    assert len(story.office.settled) == story.statements


def test_settle_says_one_fact_for_each_place_that_changes() -> None:
    entries = [Entry("a", TOWN, Basis.REQUEST), Entry("b", TOWN, Basis.REQUEST)]
    facts = settle("s", [], Room(1), entering=entries, decided_at=NOON)
    assert [(fact.person_id, fact.queue) for fact in facts] == [("a", 1), ("b", 2)]


def test_a_request_for_a_full_session_may_come_in_one_batch_with_what_looks_at_all_of_its_town(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=1)
    office.member("ewa", OTHER)
    asks = heard(EnrolmentRequested(session_id="s", person_id="ewa"))

    office.mind.hear(asks, heard(membership("filip"), source="urn:test"))
    assert office.place("filip").state == Standing.WAITLISTED


def test_a_session_may_be_stated_twice_in_one_batch_also_if_whom_the_first_brings_in_is_no_member_by_the_second(
    office: Office,
) -> None:
    office.town(OTHER)
    first, second = (
        heard(session(kind=SessionKind.SUPPLEMENTARY, city_id=city_id), version=version, source="urn:test")
        for version, city_id in ((1, TOWN), (2, OTHER))
    )
    office.mind.hear(first, second)
    assert {place.reason for place in office.mind[Place]} == {WithdrawalReason.NOT_IN_TEAM}
    assert len(list(office.mind[Place])) == 4
