"""What enrolment's tests share: an office with a town and its team."""

from __future__ import annotations

import pytest

from tests.enrolment.office import Office


@pytest.fixture
def office() -> Office:
    """One qualified town with a team of four, nothing scheduled yet."""
    office = Office()
    office.phase()
    office.town()
    for person_id in ("anna", "bartek", "celina", "dawid"):
        office.member(person_id)
    return office
