"""The list of parked records, page by page."""

from __future__ import annotations

from shared.contracts.checkin import CheckInScanned
from shared.events.envelope import Heard
from shared.testing import NOON, body_of
from shared.web.parked import ParkedPage


def test_a_page_may_end_with_any_record_also_with_one_that_came_over_http() -> None:
    scan = body_of(CheckInScanned)
    for number in range(100):
        command = Heard.over_http(scan, source="rollcall/attendance/door", event_id=str(number), now=NOON)
        last = f"{command.stream}/{command.partition}/{command.offset}"
        assert ParkedPage(limit=100, after=last).after == last
