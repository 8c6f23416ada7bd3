"""What attendance is told. The only file here that reads the environment."""

from __future__ import annotations

import datetime as dt

from services import SERVICES
from services.attendance.lists import ListRules
from shared.settings import Settings


class AttendanceSettings(Settings):
    """When lists close, beside what every service needs."""

    port: int = SERVICES["attendance"].port
    lists_close_after: dt.timedelta = dt.timedelta(hours=6)
    """A meeting's list closes by itself so long after the meeting's end (`PT6H`)."""
    scans_before: dt.timedelta = dt.timedelta(hours=12)
    scans_after: dt.timedelta = dt.timedelta(hours=12)
    """A code counts for a meeting if it was read no longer before its start, and no longer after its end, than this."""

    late_after: dt.timedelta = dt.timedelta(minutes=15)
    """A code that was read no longer than this after the beginning counts from the beginning."""
    console: str | None = None
    """Whose word on `attendance.office` is the office's, by `ce_source`; over HTTP it is that of a token of scope `office`."""

    @property
    def rules(self) -> ListRules:
        return ListRules(
            self.lists_close_after,
            self.live_since,
            self.scans_before,
            self.scans_after,
            held_for=self.held_for,
            late_after=self.late_after,
            console=self.console,
        )
