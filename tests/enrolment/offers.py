"""A place on offer, for tests of what becomes of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from shared.contracts.enrolment import WithdrawalReason
from shared.testing import NOON
from tests.enrolment.office import DAY, Office

SECOND = dt.timedelta(seconds=1)
OFFERS: dict[str, Any] = {"capacity": 1, "free_places": "offered", "offer_hours": 48}
ENDS = NOON + 2 * DAY
"""When an offer made at noon ends."""
LETS_GO = {
    "declines": lambda office: office.answer("bartek", "decline", at=NOON + 2 * SECOND, now=NOON + DAY),
    "gives it back": lambda office: office.withdraw("bartek", at=NOON + 2 * SECOND, now=NOON + DAY),
    "is replaced": lambda office: office.substitute("bartek", "dawid", at=NOON + 2 * SECOND, now=NOON + DAY),
}
"""How somebody lets an offer go."""


def offering(office: Office, **terms: Any) -> Office:
    office.session(**OFFERS, **terms)
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON - (3 - number) * SECOND)
    assert office.withdraw("anna") == ["EnrolmentWithdrawn", "PlaceOffered"]
    return office


def reason(office: Office, person_id: str) -> WithdrawalReason | None:
    return office.place(person_id).reason
