"""What is worked out once for all who ask in a session: it says what it would say if it were worked out for each, and ends with the transaction."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from services.enrolment.state import Session
from shared.contracts.enrolment import PlaceState
from shared.contracts.model import Event, Request
from shared.contracts.office import CorrectionRequested
from shared.contracts.planner import SessionCancelled
from shared.contracts.portal import EnrolmentRequested
from shared.events.envelope import Heard
from shared.testing import NOON, heard
from tests.enrolment.office import CONSOLE, PLANNER, START, Office, session
from tests.mind import Mind, reads_what_it_names, worked_out_in


def said_by(body: Event) -> Heard[Any]:
    by = CONSOLE if isinstance(body, CorrectionRequested) else "urn:portal" if isinstance(body, Request) else PLANNER
    return heard(body, at=NOON, version=2, source=by)


def asks(person_id: str) -> Heard[Any]:
    return said_by(EnrolmentRequested(session_id="s", person_id=person_id))


@pytest.mark.parametrize(
    "meanwhile",
    [
        session(capacity=1),
        session(date="2027-06-01"),
        session(model=SessionCancelled),
        CorrectionRequested(session_id="s", capacity=1, note="the small room"),
    ],
    ids=["fewer seats", "moved", "cancelled", "corrected"],
)
def test_what_changes_between_two_requests_of_one_transaction_counts_for_the_second(
    office: Office, meanwhile: Event
) -> None:
    inputs = (asks("anna"), said_by(meanwhile), asks("bartek"))
    office.session()
    together, apart = office.mind, Office()
    apart.mind.now = together.now
    for kind in list(together.service.tables):
        for row in together[kind]:
            apart.mind[kind].put(row)
    for one in inputs:
        apart.mind.hear(one)
    together.hear(*inputs)
    places = [[_said(one) for one in mind.said if isinstance(one.body, PlaceState)] for mind in (together, apart.mind)]
    assert len(places[0]) == 2
    assert places[0] == places[1]


def _said(one: Heard[Any]) -> tuple[str, Any]:
    return one.type, one.body.model_copy(update={"decided_at": None, "session_event_id": None})


def _told_all() -> Iterator[Mind]:
    """Minds that know a session: announced, settled, its room corrected, smaller once it has begun."""
    for more in (
        lambda office: None,
        lambda office: office.corrects(capacity=1),
        lambda office: office.session(capacity=1, at=START, now=START),
    ):
        office = Office()
        office.phase()
        office.town()
        office.session()
        more(office)
        yield office.mind


@pytest.mark.parametrize("function", worked_out_in("services.enrolment"), ids=lambda one: one.__name__)
def test_what_is_worked_out_once_reads_no_rows_but_those_that_it_names(function: Callable[..., Any]) -> None:
    for mind in _told_all():
        reads_what_it_names(function, mind, {"session_id": "s"})


def test_nothing_is_remembered_of_a_session_once_the_transaction_is_over(office: Office) -> None:
    office.session()
    before = _sessions()
    for capacity in range(5, 25):
        office.session(capacity=capacity)
    assert _sessions() == before


def _sessions() -> int:
    """How many rows of sessions anybody holds in this process."""
    gc.collect()
    return sum(type(one) is Session for one in gc.get_objects())
