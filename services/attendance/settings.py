"""What attendance is told. The only file here that reads the environment."""

from __future__ import annotations

import datetime as dt

from services.attendance.state import ListRules
from shared.settings import Settings


class AttendanceSettings(Settings):
    """When lists close, beside what every service needs."""

    port: int = 8102
    lists_close_after: dt.timedelta = dt.timedelta(hours=6)
    """A meeting's list closes by itself so long after the meeting's end (`PT6H`)."""

    @property
    def list_rules(self) -> ListRules:
        return ListRules(self.lists_close_after, self.live_since)
