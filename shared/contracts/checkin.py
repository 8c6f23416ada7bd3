"""What check-in devices and turnstiles publish."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from shared.contracts.model import Id, Moment, Request


class CheckedIn(StrEnum):
    """Who read the code."""

    SCAN = "scan"
    """A device at the door read the person's."""
    SELF = "self"
    """The person read the room's."""


class CheckInScanned(Request):
    """A person's code was read at the door of one meeting."""

    asks_for = "scan"
    stream = "attendance.scans"
    subject = "session/{session_id}/meeting/{meeting_id}/person/{person_id}"
    about = ("session/{session_id}", "session/{session_id}/person/{person_id}")
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0001",
        "meeting_id": "day-1",
        "person_id": "person-0001",
        "scanned_at": "2026-10-24T06:52:10.120000Z",
        "device_id": "door-1",
    }

    session_id: Id
    meeting_id: Id
    person_id: Id
    scanned_at: Moment
    device_id: Id | None = None
    method: CheckedIn = CheckedIn.SCAN
