"""A town's coordinator nominates several people at once: who comes in, who waits, who is refused and why, in one answer for all."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from pydantic import ValidationError

from services.enrolment.state import Nomination
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import Basis, NominationAnswered, PlaceState, Standing
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionKind, SessionRescheduled
from shared.contracts.portal import NominationMode, PeopleNominated
from shared.contracts.selection import CityWithdrawn
from shared.state.working import Answer
from shared.testing import NOON
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, membership, session

SECOND = dt.timedelta(seconds=1)
UNTIL = NOON + 10 * DAY
ALL: dict[str, Any] = {"mode": "all_or_none"}


@pytest.fixture
def called(office: Office) -> Office:
    """An in-depth session of three places, for which towns may nominate until a day of their own."""
    office.session(capacity=3, nominations_until=f"{UNTIL.isoformat()}")
    return office


def heard_anew(office: Office, **changes: Any) -> None:
    fields = {"capacity": 3, "nominations_until": UNTIL.isoformat(), **changes}
    office.hear(session(model=fields.pop("model", SessionRescheduled), **fields))


# --- as many as fit -------------------------------------------------------------------------


def test_those_who_fit_are_enrolled_in_the_order_in_which_they_are_named_and_the_others_wait(called: Office) -> None:
    assert called.nominate("dawid", "celina", "bartek", "anna") == {
        "dawid": "enrolled",
        "celina": "enrolled",
        "bartek": "enrolled",
        "anna": "waitlisted",
    }
    place = called.place("dawid")
    assert (place.basis, place.city_id) == (Basis.NOMINATION, TOWN)


def test_one_fact_answers_for_everybody_and_is_said_last(called: Office) -> None:
    called.nominate("anna", "bartek", event_id="n-1")
    said = called.mind.said[-3:]
    assert [isinstance(one.body, PlaceState) for one in said] == [True, True, False]
    assert all(one.causation_id == "n-1" for one in said)
    answer = called.mind[Answer].get("urn:portal", "n-1")
    assert answer is not None
    assert (answer.outcome, answer.event_id) == ("NominationAnswered", said[-1].event_id)


def test_the_same_nomination_a_second_time_changes_nothing_and_another_id_is_another_one(called: Office) -> None:
    called.nominate("anna", event_id="n-1")
    assert called.nominate("anna", event_id="n-1") == {}
    assert called.nominate("anna", event_id="n-2") == {"anna": "already_placed"}
    assert len(list(called.mind[Nomination])) == 2


def test_another_nomination_under_a_known_id_is_set_aside(called: Office) -> None:
    called.nominate("anna", event_id="n-1")
    assert called.nominate("bartek", event_id="n-1") == {}
    assert [one.reason for one in called.mind.aside] == ["id_reused"]


def test_of_more_people_than_the_towns_share_those_beyond_it_wait(office: Office) -> None:
    office.session(capacity=9, places_per_town=2)
    assert list(office.nominate("anna", "bartek", "celina").values()) == ["enrolled", "enrolled", "waitlisted"]


def test_everybody_who_cannot_come_is_refused_for_a_reason_of_their_own_and_keeps_nobody_out(called: Office) -> None:
    called.town(OTHER)
    called.member("olga", OTHER)
    called.member("piotr")
    called.erased("piotr")
    called.ask("bartek")
    assert called.nominate("olga", "piotr", "bartek", "anna") == {
        "olga": "not_of_town",
        "piotr": "person_erased",
        "bartek": "already_placed",
        "anna": "enrolled",
    }


def test_somebody_for_whom_the_session_is_not_is_refused(office: Office) -> None:
    office.session(capacity=3, admits={"kinds": ["coordinator"]})
    office.hear(membership("olga", kind=MemberKind.COORDINATOR))
    assert office.nominate("anna", "olga") == {"anna": "not_admitted", "olga": "enrolled"}


def test_a_town_that_takes_no_part_nominates_nobody(called: Office) -> None:
    called.town(model=CityWithdrawn)
    assert called.nominate("anna") == {"anna": "town_not_qualified"}


def test_a_person_in_two_teams_counts_for_the_town_that_nominated_them(office: Office) -> None:
    office.town(OTHER)
    office.member("anna", OTHER)
    office.session(capacity=9, places_per_town=1)
    assert office.nominate("anna", city_id=OTHER) == {"anna": "enrolled"}
    assert office.place("anna").city_id == OTHER
    assert office.nominate("bartek") == {"bartek": "enrolled"}, "the first town's place is still free"


def test_who_waited_before_comes_before_the_nominated(called: Office) -> None:
    called.nominate("anna", "bartek", "celina")
    called.ask("dawid", at=NOON + SECOND)
    called.member("ewa")
    called.nominate("ewa", at=NOON + 2 * SECOND)
    called.withdraw("anna", at=NOON + 3 * SECOND)
    assert called.with_standing(Standing.WAITLISTED) == ["ewa"]


def test_a_withdrawal_that_was_sent_later_and_heard_before_counts(called: Office) -> None:
    called.withdraw("anna", at=NOON + 2 * SECOND)
    assert called.nominate("anna", "bartek", at=NOON + SECOND) == {"anna": "withdrawn_since", "bartek": "enrolled"}


# --- all or none ----------------------------------------------------------------------------


def test_all_come_in_if_there_is_a_place_for_each(called: Office) -> None:
    assert set(called.nominate("anna", "bartek", "celina", **ALL).values()) == {"enrolled"}


@pytest.mark.parametrize("why", ["seats", "share"])
def test_nobody_comes_in_if_there_is_no_place_for_one_of_them(office: Office, why: str) -> None:
    office.session(**({"capacity": 2} if why == "seats" else {"capacity": 9, "places_per_town": 2}))
    assert set(office.nominate("anna", "bartek", "celina", **ALL).values()) == {"does_not_fit"}
    assert office.nominate("anna", "bartek", **ALL) == {"anna": "enrolled", "bartek": "enrolled"}


def test_nobody_comes_in_if_one_of_them_cannot_and_everybody_is_told_why(called: Office) -> None:
    called.town(OTHER)
    called.member("olga", OTHER)
    called.nominate("celina")
    assert called.nominate("anna", "olga", "celina", **ALL) == {
        "anna": "does_not_fit",
        "olga": "not_of_town",
        "celina": "already_placed",
    }
    assert called.with_standing(Standing.ENROLLED) == ["celina"]


# --- when -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "at", "reason"),
    [
        ({"nominations_until": (NOON + DAY).isoformat()}, NOON + DAY, "nominations_closed"),
        ({"opens_at": (NOON + DAY).isoformat()}, NOON, "not_open_yet"),
        ({"closes_at": (NOON + DAY).isoformat()}, NOON + DAY, "enrolment_closed"),
        ({"freeze_hours": 24}, START - DAY, "frozen"),
        ({}, START, "session_started"),
        ({"kind": SessionKind.SUPPLEMENTARY, "admits": {"kinds": ["coordinator"]}}, NOON, "team_by_rule"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_sent_at_a_wrong_time_is_refused_for_all(
    office: Office, terms: dict[str, Any], at: dt.datetime, reason: str
) -> None:
    office.session(**terms)
    assert office.nominate("anna", "nobody", at=at, now=at) == {"anna": reason, "nobody": reason}


def test_what_is_sent_in_time_counts_although_it_is_heard_after_days_of_downtime(called: Office) -> None:
    assert called.nominate("anna", at=UNTIL - SECOND, now=UNTIL + 3 * DAY) == {"anna": "enrolled"}


def test_a_session_that_is_cancelled_takes_no_nomination_but_what_was_sent_before_waits(called: Office) -> None:
    called.hear(session(model=SessionCancelled, capacity=3), at=NOON + DAY)
    assert called.nominate("anna", at=NOON + DAY) == {"anna": "session_cancelled"}
    assert called.nominate("bartek", at=NOON + SECOND) == {}
    heard_anew(called)
    assert called.nominations[-1] == {"bartek": "enrolled"}


def test_a_session_that_was_cancelled_before_it_was_scheduled_takes_none(office: Office) -> None:
    office.session(model=SessionCancelled, at=NOON + DAY)
    assert office.nominate("anna", at=NOON) == {"anna": "session_cancelled"}


def test_a_nomination_for_a_draft_waits_until_it_is_scheduled(office: Office) -> None:
    office.session(model=SessionDrafted, capacity=3)
    assert office.nominate("anna") == {}
    heard_anew(office)
    assert office.nominations == [{"anna": "enrolled"}]


# --- what is not known yet ------------------------------------------------------------------


def test_the_whole_nomination_waits_for_one_who_is_not_known_yet(called: Office) -> None:
    assert called.nominate("anna", "late") == {}
    assert called.with_standing(Standing.ENROLLED) == []
    called.member("late", at=NOON + SECOND)
    assert called.nominations == [{"anna": "enrolled", "late": "enrolled"}]


def test_it_waits_for_a_town_of_which_nothing_was_heard(called: Office) -> None:
    called.member("olga", OTHER)
    assert called.nominate("olga", city_id=OTHER) == {}
    called.town(OTHER)
    assert called.nominations == [{"olga": "enrolled"}]


def test_it_waits_for_the_stage_whose_towns_the_session_is_for() -> None:
    office = Office()
    office.town()
    office.member("anna")
    office.session()
    assert office.nominate("anna") == {}
    office.phase()
    assert office.nominations == [{"anna": "enrolled"}]


def test_it_waits_for_a_session_that_nobody_has_announced(office: Office) -> None:
    assert office.nominate("anna") == {}
    office.session()
    assert office.nominations == [{"anna": "enrolled"}]


def test_when_towns_may_no_longer_nominate_the_known_ones_are_decided_and_the_others_never_became_known(
    called: Office,
) -> None:
    called.registered("named")
    called.nominate("anna", "never", "named")
    called.pass_to(UNTIL - SECOND)
    assert called.nominations == []
    called.pass_to(UNTIL)
    assert called.nominations == [{"anna": "enrolled", "never": "never_known", "named": "not_in_team"}]


def test_of_all_or_none_nobody_comes_in_if_one_never_became_known(called: Office) -> None:
    called.nominate("anna", "never", **ALL)
    called.pass_to(UNTIL)
    assert called.nominations == [{"anna": "does_not_fit", "never": "never_known"}]


def test_a_nomination_for_a_session_that_nobody_ever_announced_is_refused_after_a_month(office: Office) -> None:
    office.nominate("anna")
    office.pass_to(NOON + 30 * DAY)
    assert office.nominations == [{"anna": "never_known"}]


def test_of_one_town_the_nomination_that_was_sent_first_is_decided_first_also_if_it_had_to_wait(office: Office) -> None:
    office.session(capacity=1)
    office.nominate("late", at=NOON)
    assert office.nominate("anna", at=NOON + SECOND) == {}, "behind the other one"
    office.member("late")
    assert office.nominations == [{"late": "enrolled"}, {"anna": "waitlisted"}]


def test_news_of_somebody_who_is_not_waited_for_lets_nobody_pass_by(office: Office) -> None:
    office.session(capacity=1)
    office.nominate("late", at=NOON)
    office.nominate("anna", at=NOON + SECOND)
    office.member("anna", since="2026-02-01")
    assert office.nominations == []


def test_whoever_waited_behind_a_nomination_that_never_could_be_decided_is_decided_with_it(called: Office) -> None:
    called.nominate("never")
    called.nominate("anna", at=NOON + SECOND)
    called.pass_to(UNTIL)
    assert called.nominations == [{"never": "never_known"}, {"anna": "enrolled"}]


def test_another_town_waits_for_nobody(called: Office) -> None:
    called.town(OTHER)
    called.member("olga", OTHER)
    called.nominate("late")
    assert called.nominate("olga", city_id=OTHER) == {"olga": "enrolled"}


def test_somebody_erased_while_the_nomination_waits_is_refused(called: Office) -> None:
    called.nominate("anna", "late")
    called.erased("anna")
    called.member("late")
    assert called.nominations == [{"anna": "person_erased", "late": "enrolled"}]


# --- after a restore, and what the contract refuses -----------------------------------------


def test_a_nomination_whose_answer_alone_was_lost_is_answered_with_the_places_that_it_gave(called: Office) -> None:
    called.nominate("anna", "bartek", **ALL, event_id="n-1")
    called.mind[Answer].remove("urn:portal", "n-1")
    (lost,) = called.mind[Nomination]
    called.mind[Nomination].remove(lost.session_id, lost.nomination_id)

    assert called.nominate("anna", "bartek", **ALL, event_id="n-1") == {"anna": "enrolled", "bartek": "enrolled"}
    assert isinstance(called.mind.said[-1].body, NominationAnswered)
    assert isinstance(called.mind.said[-2].body, NominationAnswered), "and nothing else is said of their places"


@pytest.mark.parametrize("people", [(), ("anna", "anna"), tuple(f"p{number}" for number in range(61))], ids=len)
def test_a_nomination_names_between_one_and_sixty_people_each_once(people: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError):
        PeopleNominated(session_id="s", city_id=TOWN, people=people, mode=NominationMode.ALL_OR_NONE)
