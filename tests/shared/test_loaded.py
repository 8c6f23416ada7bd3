"""Not loaded is not absent: whoever asks about rows that nobody has loaded is refused, and a service that would is not started."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import pytest

from services.attendance.app import SERVICE as ATTENDANCE
from services.enrolment.app import SERVICE as ENROLMENT
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.selection import CityQualified
from shared.service import Service
from shared.state.rows import EVERY_ROW, NotLoaded, Row, Rows, loaded_by
from shared.testing import NOON, body_of, heard
from shared.values import immutable


@immutable
class Seat(Row):
    KEY: ClassVar = ("hall", "number")

    hall: str
    number: int
    row: str


A1, A2, B1 = Seat("a", 1, "front"), Seat("a", 2, "back"), Seat("b", 1, "front")


def seats(*rows: Seat, **asked: Any) -> Rows[Seat]:
    found = Rows(Seat)
    found.loaded(rows, *(loaded_by(field, values) for field, values in asked.items()))
    return found


def test_a_row_that_nobody_asked_for_is_not_absent() -> None:
    with pytest.raises(NotLoaded, match="Seat by hall, number"):
        seats(A1, hall=["a"]).get("b", 1)


def test_a_row_that_was_asked_for_and_not_found_is_absent() -> None:
    assert seats(A1, hall=["a", "c"]).get("c", 1) is None
    assert seats(A1, hall=["a"]).get("a", 9) is None


def test_of_a_table_that_was_loaded_whole_everything_is_known() -> None:
    whole = Rows(Seat, EVERY_ROW)
    assert (whole.get("b", 1), whole.where("row", "front"), list(whole)) == (None, [], [])


def test_rows_are_found_by_what_they_were_loaded_by_and_by_more() -> None:
    found = seats(A1, A2, hall=["a"])
    assert found.where("hall", "a") == [A1, A2]
    assert found.where("row", "back", hall="a") == [A2]
    for field, value in (("hall", "b"), ("row", "front")):
        with pytest.raises(NotLoaded):
            found.where(field, value)


def test_whoever_loaded_some_rows_of_a_kind_does_not_know_the_others_by_their_key() -> None:
    found = Rows(Seat)
    found.loaded([A1], loaded_by("hall", ["a"], only=lambda seat: seat.row == "front"))
    assert found.where("hall", "a") == [A1]
    with pytest.raises(NotLoaded):
        found.get("a", 2)
    with pytest.raises(NotLoaded):
        found.where("hall", "a", number=2)


def test_nothing_is_removed_that_nobody_has_loaded() -> None:
    """It would stay in the table."""
    with pytest.raises(NotLoaded):
        seats().remove("a", 1)


def test_a_row_that_was_put_or_removed_is_known() -> None:
    found = seats()
    found.put(A1)
    assert found.get("a", 1) == A1
    found.remove("a", 1)
    assert found.get("a", 1) is None


def test_a_table_of_which_nobody_has_loaded_anything_is_not_empty() -> None:
    with pytest.raises(NotLoaded, match="any Seat"):
        list(seats())
    with pytest.raises(NotLoaded):
        len(seats())


def test_nobody_says_or_applies_anything_about_what_was_not_loaded() -> None:
    working = ENROLMENT.working(NOON)
    with pytest.raises(NotLoaded):
        working.apply(heard(body_of(CityQualified)))
    with pytest.raises(NotLoaded):
        working.say(body_of(CityQualified))


def test_a_request_of_which_nobody_looked_up_whether_it_was_answered_is_not_new() -> None:
    with pytest.raises(NotLoaded):
        ENROLMENT.working(NOON).is_known(heard(body_of(EnrolmentRequested)))


@pytest.mark.parametrize("service", [ENROLMENT, ATTENDANCE], ids=lambda one: one.name)
def test_a_service_that_acts_on_a_type_for_which_it_loads_nothing_is_not_started(service: Service) -> None:
    for forgotten in (*service.react, *service.decide):
        with pytest.raises(TypeError, match=f"{service.name} acts on {forgotten.__name__}"):
            dataclasses.replace(service, touches=[kind for kind in service.touches if kind is not forgotten])
