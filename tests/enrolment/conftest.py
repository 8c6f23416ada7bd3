"""What enrolment's tests share: an office with a town and its team, and a database that is empty."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.databases import Databases
from tests.enrolment.offers import offering
from tests.enrolment.office import Office


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    async with databases.while_needed("enrolment") as url:
        yield url


@pytest.fixture
def office() -> Office:
    """One qualified town with a team of four, nothing scheduled yet."""
    office = Office()
    office.phase()
    office.town()
    for person_id in ("anna", "bartek", "celina", "dawid"):
        office.member(person_id)
    return office


@pytest.fixture
def on_offer(office: Office) -> Office:
    """Anna had the only place and gave it back: it is held for Bartek, and Celina waits."""
    return offering(office)
