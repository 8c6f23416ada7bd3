"""Facts about the comparison of what enrolment decided about places with what the oracle counted: it is red when one number is off."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from rollcall.comparing_called import Decided, compare_called
from shared.contracts import Fact
from shared.contracts.enrolment import (
    EnrolmentRefused,
    EnrolmentWithdrawn,
    NominationAnswered,
    NominationsInvited,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlaceOffered,
    SessionAtRisk,
)

NOW = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)
SESSION = "session-1"


def place(kind: Callable[..., Fact], person_id: str, **fields: object) -> Fact:
    common = {"session_id": SESSION, "city_id": "town-1", "episode": 1, "basis": "nomination", "decided_at": NOW}
    return kind(**common | {"person_id": person_id} | fields)


HELD: dict[str, Any] = {"offered_at": NOW, "offered_until": NOW + dt.timedelta(hours=48)}
FACTS: tuple[Fact, ...] = (
    NominationsInvited(session_id=SESSION, city_id="town-1", places=2, until=NOW, decided_at=NOW),
    SessionAtRisk(session_id=SESSION, minimum=3, confirmed=0, enrolled=0, decided_at=NOW),
    place(ParticipantEnrolled, "one"),
    place(ParticipantEnrolled, "two"),
    place(ParticipantWaitlisted, "three"),
    NominationAnswered.model_validate(
        NominationAnswered.example
        | {
            "session_id": SESSION,
            "city_id": "town-1",
            "people": [
                {"person_id": "one", "standing": "enrolled"},
                {"person_id": "two", "standing": "enrolled"},
                {"person_id": "three", "standing": "waitlisted"},
                {"person_id": "four", "standing": "none", "reason": "not_of_town"},
            ],
        }
    ),
    place(EnrolmentWithdrawn, "one", reason="requested"),
    place(PlaceOffered, "three", **HELD),
    place(ParticipantEnrolled, "three", asked_for="offer", reply="confirmed"),
    place(PlaceOffered, "five", **HELD),
    place(EnrolmentWithdrawn, "five", reason="offer_declined", asked_for="offer"),
    place(PlaceOffered, "six", **HELD),
    place(EnrolmentWithdrawn, "six", reason="offer_expired"),
    place(ParticipantEnrolled, "seven", substitute_for="two"),
    place(EnrolmentWithdrawn, "two", reason="substituted", asked_for="substitution"),
    place(EnrolmentRefused, "eight", asked_for="place", reason="not_by_oneself", standing="none"),
)
OVERTAKEN = (2, 3, 4)
"""What was said of a place before something else was: only the last counts."""
EXPECTED: dict[str, Any] = {
    "calls": 1,
    "nominations": 1,
    "nominated": {"enrolled": 2, "waitlisted": 1, "not_of_town": 1},
    "offers": {"made": 3, "accepted": 1, "declined": 1, "expired": 1},
    "substitutions": 1,
    "confirmed": 1,
    "refusals": {"not_by_oneself": 1},
    "at_risk": 1,
    "most_of_town": {SESSION: 2},
    "standing": {
        SESSION: {
            "one": "withdrawn",
            "two": "withdrawn",
            "three": "enrolled",
            "five": "withdrawn",
            "six": "withdrawn",
            "seven": "enrolled",
        }
    },
}


def differing(facts: tuple[Fact, ...]) -> list[str]:
    decided = Decided()
    for fact in facts:
        decided.hear(fact)
    return [line.what for line in compare_called(EXPECTED, decided) if not line.agrees]


def test_what_was_decided_as_the_oracle_counted_it_agrees() -> None:
    assert differing(FACTS) == []


@pytest.mark.parametrize("without", [number for number in range(len(FACTS)) if number not in OVERTAKEN])
def test_a_fact_that_was_never_said_is_missed(without: int) -> None:
    assert differing(FACTS[:without] + FACTS[without + 1 :])


def test_one_more_of_a_town_than_its_share_is_found() -> None:
    found = differing((*FACTS, place(ParticipantEnrolled, "nine")))
    assert any(line.startswith("shares of towns otherwise (session-1)") for line in found)


def test_the_same_offer_that_is_said_anew_is_one_offer() -> None:
    again = place(PlaceOffered, "three", **HELD)
    assert differing((*FACTS[:8], again, *FACTS[8:])) == []


def test_whoever_declines_and_is_asked_again_has_had_two_offers() -> None:
    later = {name: moment + dt.timedelta(minutes=1) for name, moment in HELD.items()}
    again = place(PlaceOffered, "five", **later, asked_for="offer")
    decided = Decided()
    for fact in (place(PlaceOffered, "five", **HELD), again):
        decided.hear(fact)
    assert decided.offers == {"made": 2, "declined": 1}
