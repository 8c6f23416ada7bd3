"""The rows of what others say: what is worth a mail, what is kept of a fact, and what of a row a sender cannot make grow."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest

from services.notifications.app import SERVICE
from services.notifications.state import PlaceSaid, SessionSaid, content_hash, session_of
from shared.contracts.enrolment import EnrolmentWithdrawn, ParticipantEnrolled, Standing
from shared.contracts.planner import SessionKind, SessionRescheduled, SessionScheduled
from shared.events.envelope import Heard
from shared.testing import NOON, body_of, decoded, message
from tests.mind import knowing_all

DAY = {"meeting_id": "day-1", "starts_local": "2026-11-26T09:00:00", "ends_local": "2026-11-26T15:00:00"}


def content(**changes: Any) -> str:
    return content_hash(body_of(SessionScheduled, **({"meetings": [DAY]} | changes)))


@pytest.mark.parametrize(
    "changes",
    [
        {"meetings": [DAY | {"starts_local": "2026-11-26T08:00:00"}]},
        {"meetings": [DAY | {"ends_local": "2026-11-26T16:00:00"}]},
        {"meetings": [DAY, DAY | {"meeting_id": "day-2", "starts_local": "2026-11-26T10:00:00"}]},
        {"meetings": [DAY | {"zone": "Europe/Vilnius"}]},
        {"venue": "Szkoła nr 2"},
        {"address": "ul. Inna 1"},
        {"city_id": "geonames:1"},
        {"topic": "ageing"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_time_a_place_and_a_topic_are_worth_a_mail(changes: dict[str, Any]) -> None:
    assert content(**changes) != content()


@pytest.mark.parametrize(
    "changes",
    [
        {"capacity": 7},
        {"phase": 2},
        {"kind": SessionKind.IN_DEPTH},
        {"meetings": [DAY | {"meeting_id": "named-anew"}]},
        {"meetings": [DAY | {"room_code": "x"}]},
        {"meetings": [DAY | {"zone": "Europe/Berlin"}]},
        {"venue": "Urząd Miejski  w Augustowie, sala 12 "},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_nobody_who_comes_would_act_on_is_not(changes: dict[str, Any]) -> None:
    assert content(**changes) == content()


def test_the_order_of_the_days_says_nothing() -> None:
    other = DAY | {"meeting_id": "day-0", "starts_local": "2026-11-27T09:00:00", "ends_local": "2026-11-27T15:00:00"}
    assert content(meetings=[DAY, other]) == content(meetings=[other, DAY])


def heard(body: Any, version: int, *, source: str = "urn:example:planner", at: dt.datetime = NOON) -> Heard[Any]:
    found = decoded(message(body, source=source, version=version, at=at), offset=version, at=at)
    assert isinstance(found, Heard)
    return found


def test_a_session_keeps_of_its_days_what_the_contract_names() -> None:
    body = SessionScheduled.model_validate(
        {**body_of(SessionScheduled).model_dump(), "meetings": [DAY | {"notes": "x" * 100_000}]}
    )
    (meeting,) = session_of(heard(body, 1)).meetings
    assert meeting.model_dump(mode="json") == DAY | {"zone": "Europe/Warsaw"}


PLACE = {"session_id": "session-0001", "person_id": "person-0001"}
SAID = [
    heard(body_of(SessionScheduled, meetings=[DAY]), 1),
    heard(body_of(SessionRescheduled, venue="Elsewhere", meetings=[DAY]), 2),
    heard(body_of(ParticipantEnrolled, **PLACE), 1, source="rollcall/enrolment"),
    heard(body_of(EnrolmentWithdrawn, **PLACE), 2, source="rollcall/enrolment"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
def test_all_that_was_said_of_sessions_and_places_is_kept_in_whatever_order_it_is_heard(order: tuple[int, ...]) -> None:
    working = knowing_all(SERVICE, SERVICE.working(NOON))
    for number in (*order, order[0]):
        working.apply(SAID[number])
    sessions, places = (sorted(working[kind], key=lambda row: row.version) for kind in (SessionSaid, PlaceSaid))  # type: ignore[var-annotated]
    assert [row.venue for row in sessions] == ["Urząd Miejski w Augustowie, sala 12", "Elsewhere"]
    assert [row.state for row in places] == [Standing.ENROLLED, Standing.WITHDRAWN]
