"""The list of parked records, page by page."""

from __future__ import annotations

from shared.contracts.checkin import CheckInScanned
from shared.events.envelope import Heard, Reason
from shared.testing import NOON, body_of
from shared.web.answers import PARKED, ParkedSummary
from shared.web.parked import ParkedPage


def test_a_page_may_end_with_any_record_also_with_one_that_came_over_http() -> None:
    scan = body_of(CheckInScanned)
    for number in range(100):
        command = Heard.over_http(scan, source="rollcall/attendance/door", event_id=str(number), now=NOON)
        last = f"{command.stream}/{command.partition}/{command.offset}"
        assert ParkedPage(limit=100, after=last).after == last


def test_what_a_newer_release_set_aside_for_a_reason_of_its_own_is_listed_too() -> None:
    """It was rolled back: one such record must not keep an operator from all the others."""
    assert ParkedSummary.model_validate({**PARKED, "reason": "of_a_newer_release"}).reason == "of_a_newer_release"
    assert ParkedSummary.model_validate(PARKED).reason is Reason.NOT_JSON
