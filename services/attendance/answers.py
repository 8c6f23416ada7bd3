"""What attendance's API answers. Only shapes."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.contracts.attendance import Presence
from shared.contracts.enrolment import Standing
from shared.contracts.model import LocalTime
from shared.contracts.planner import SessionKind, SessionStanding
from shared.web.answers import BOOKS, DECIDED, Books, Decided, Shape, exemplified


class Seen(StrEnum):
    """What is known of one person at one meeting."""

    NOT_YET = "not_yet"
    """The list is open."""
    SCANNED = "scanned"
    """The list is open, and whether the person has a place is not known yet."""
    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    EXCUSED = "excused"
    ABSENT = "absent"
    NOT_RECORDED = "not_recorded"
    """The list closed without a single scan."""


class Meeting(Shape):
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


class Session(Shape):
    """A dated training with its meetings."""

    model_config = exemplified(
        session_id="session-0001",
        kind="supplementary",
        phase=1,
        topic="climate",
        city_id="geonames:776597",
        town="Augustów",
        venue="Urząd Miejski w Augustowie, sala 12",
        starts_at="2026-10-24T07:00:00Z",
        ends_at="2026-10-24T13:00:00Z",
        state="scheduled",
        enrolled=40,
        meetings=[
            {
                "meeting_id": "day-1",
                "starts_local": "2026-10-24T09:00:00",
                "ends_local": "2026-10-24T15:00:00",
                "zone": "Europe/Warsaw",
                "starts_at": "2026-10-24T07:00:00Z",
                "ends_at": "2026-10-24T13:00:00Z",
                "closed_at": None,
                "recorded": None,
                "present": 31,
                "absent": 0,
                "without_place": 1,
                "not_recorded": 0,
                "scanned": 0,
            }
        ],
    )

    session_id: str
    kind: SessionKind
    phase: int
    topic: str
    city_id: str
    town: str | None = Field(description="What the town is called; null: not known yet.")
    venue: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    state: SessionStanding
    enrolled: int
    meetings: list[Meeting]


class AtMeeting(Shape):
    """One person at one meeting."""

    meeting_id: str
    state: Seen | None = Field(description="Null: not awaited.")
    with_place: bool | None
    scanned_at: dt.datetime | None


class OnRoster(Shape):
    """One person of a session, and each meeting."""

    model_config = exemplified(
        person_id="person-0001",
        given_name="Zofia",
        family_name="Zielińska",
        city_id="geonames:776597",
        town="Augustów",
        place="enrolled",
        meetings=[
            {"meeting_id": "day-1", "state": "present", "with_place": True, "scanned_at": "2026-10-24T06:52:10Z"}
        ],
    )

    person_id: str
    given_name: str | None = Field(description="Null: not known, or erased.")
    family_name: str | None
    city_id: str | None
    town: str | None
    place: Standing
    meetings: list[AtMeeting]


class Record(Shape):
    """What is on the list about one person at one meeting."""

    state: Presence
    with_place: bool
    city_id: str | None
    scanned_at: dt.datetime | None
    device_id: str | None
    event_id: str


class DecidedScan(Decided):
    """What became of a scan."""

    model_config = exemplified(
        **DECIDED,
        session_id="session-0001",
        person_id="person-0001",
        meeting_id="day-1",
        outcome="ParticipantAttended",
        record={
            "state": "present",
            "with_place": True,
            "city_id": "geonames:776597",
            "scanned_at": "2026-10-24T06:52:10Z",
            "device_id": "door-1",
            "event_id": "0199aa00-0000-7000-8000-000000000009",
        },
    )

    session_id: str
    meeting_id: str
    person_id: str
    outcome: Literal["ParticipantAttended", "AlreadyPresent", "Held"] = Field(
        description="The fact that answered it. `AlreadyPresent`: an earlier scan counts. `Held`: it waits for what it is about."
    )
    record: Record | None


class DecidedClosing(Shape):
    """What became of a list that was asked to be closed, and how it stands now."""

    model_config = exemplified(
        request_id="0199aa00-0000-7000-8000-000000000001",
        outcome="AttendanceListClosed",
        event_id="0199aa00-0000-7000-8000-000000000010",
        session_id="session-0001",
        meeting_id="day-1",
        is_open=False,
        recorded=True,
        present=31,
        absent=9,
        not_recorded=0,
        without_place=1,
        decided_at="2026-10-24T13:05:00Z",
    )

    request_id: str = Field(description="The `Idempotency-Key`, or the id that the command was given for want of one.")
    outcome: Literal["AttendanceListClosed", "AlreadyClosed"] = Field(
        description="The fact that answered it. `AlreadyClosed`: it was closed before, and stays as it was."
    )
    event_id: str | None = Field(description="The fact by which it is, or was, closed.")
    session_id: str
    meeting_id: str
    is_open: bool = Field(description="Whether it was opened again since.")
    recorded: bool = Field(description="False: it closed without a single scan.")
    present: int
    absent: int
    not_recorded: int
    without_place: int
    decided_at: dt.datetime = Field(description="When it closed; of one that was opened again, when that was.")


class RecordCounts(Shape):
    """The same counted by records, beside those of lists that are open."""

    present: int
    absent: int
    without_place: int
    on_open_lists: int
    came_so_far: int


class Lists(Shape):
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

    model_config = exemplified(
        **BOOKS,
        service="attendance",
        attendance={
            "lists_closed": 1,
            "lists_not_recorded": 0,
            "present": 31,
            "absent": 9,
            "not_recorded": 0,
            "without_place": 1,
            "enrolled_on_closed_lists": 40,
            "records": {"present": 31, "absent": 9, "without_place": 1, "on_open_lists": 0, "came_so_far": 0},
        },
        sessions=270,
        places_enrolled=4100,
    )

    attendance: Lists
    sessions: int
    places_enrolled: int
