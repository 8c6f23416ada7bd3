"""What attendance's API answers. Only shapes."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Literal

from pydantic import Field

from services.attendance.state import Presence
from shared.contracts.enrolment import Standing
from shared.contracts.model import LocalTime
from shared.contracts.planner import SessionKind
from shared.web.answers import Answer, Books, Decided


class SessionStands(StrEnum):
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


class Seen(StrEnum):
    """What is known of one person at one meeting."""

    NOT_YET = "not_yet"
    """The list is open."""
    SCANNED = "scanned"
    """The list is open, and whether the person has a place is not known yet."""
    PRESENT = "present"
    ABSENT = "absent"
    NOT_RECORDED = "not_recorded"
    """The list closed without a single scan."""


class Meeting(Answer):
    """A training day with the numbers of its closed list, or with who has been there so far."""

    meeting_id: str
    starts_local: LocalTime
    ends_local: LocalTime
    zone: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    closed_at: dt.datetime | None = Field(description="Null: the list is open.")
    recorded: bool | None = Field(description="False: it closed without a single scan.")
    present: int
    absent: int
    without_place: int = Field(description="Who came without a place.")
    not_recorded: int = Field(description="Who had a place while nobody scanned.")
    scanned: int = Field(description="Who was scanned while no place of theirs is known yet.")


class Session(Answer):
    """A dated training with its meetings."""

    session_id: str
    kind: SessionKind
    phase: int
    topic: str
    city_id: str
    town: str | None = Field(description="What the town is called; null: not known yet.")
    venue: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    state: SessionStands
    enrolled: int
    meetings: list[Meeting]


class AtMeeting(Answer):
    """One person at one meeting."""

    meeting_id: str
    state: Seen | None = Field(description="Null: not awaited.")
    with_place: bool | None
    scanned_at: dt.datetime | None


class OnRoster(Answer):
    """One person of a session, and each meeting."""

    person_id: str
    given_name: str | None = Field(description="Null: not known, or erased.")
    family_name: str | None
    city_id: str | None
    town: str | None
    place: Standing
    meetings: list[AtMeeting]


class Record(Answer):
    """What is on the list about one person at one meeting."""

    state: Presence
    with_place: bool
    city_id: str | None
    scanned_at: dt.datetime | None
    device_id: str | None
    event_id: str


class DecidedScan(Decided):
    """What became of a scan."""

    meeting_id: str
    outcome: Literal["ParticipantAttended", "AlreadyPresent", "Held"] = Field(
        description="The fact that answered it. `AlreadyPresent`: an earlier scan counts. `Held`: it waits for what it is about."
    )
    record: Record | None


class ClosedList(Answer):
    """A list that is closed, in its own numbers."""

    request_id: str = Field(description="The `Idempotency-Key`, or the id that the command was given for want of one.")
    session_id: str
    meeting_id: str
    recorded: bool = Field(description="False: it closed without a single scan.")
    present: int
    absent: int
    not_recorded: int
    without_place: int
    closed_at: dt.datetime
    event_id: str


class RecordCounts(Answer):
    """The same counted by records, beside those of lists that are open."""

    present: int
    absent: int
    without_place: int
    on_open_lists: int
    came_so_far: int


class Lists(Answer):
    """The closed lists, in their own numbers, by records and by places."""

    lists_closed: int
    lists_not_recorded: int
    present: int
    absent: int
    not_recorded: int
    without_place: int
    enrolled_on_closed_lists: int
    records: RecordCounts


class AttendanceBooks(Books):
    """The books of attendance."""

    attendance: Lists
    sessions: int
    places_enrolled: int
