"""What attendance's API answers. Only shapes."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from pydantic import Field, JsonValue

from shared.contracts.attendance import Because, Method, NotAwaited, Presence, Role
from shared.contracts.enrolment import Standing
from shared.contracts.model import LocalTime
from shared.contracts.planner import SessionKind, SessionStanding
from shared.web.answers import BOOKS, Books, Shape, exemplified


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
    """The list has closed, they were awaited, and nobody knows whether they came."""


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
    present: int = Field(description="Who came with a place, also late, also if they left early.")
    late: int = Field(description="Of those present.")
    left_early: int = Field(description="Of those present.")
    absent: int = Field(description="Who had a place and did not come.")
    excused: int = Field(description="Of those absent.")
    without_place: int = Field(description="Who came without a place.")
    guests: int = Field(description="Trainers and observers without a place: in no other number.")
    not_recorded: int = Field(description="Who had a place, and of whom nobody knows whether they came.")
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
                "late": 2,
                "left_early": 0,
                "absent": 0,
                "excused": 0,
                "without_place": 1,
                "guests": 1,
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
    minutes: int | None = Field(description="For how many of the meeting's own; null: not known.")


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
            {
                "meeting_id": "day-1",
                "state": "present",
                "with_place": True,
                "scanned_at": "2026-10-24T06:52:10Z",
                "minutes": 360,
            }
        ],
    )

    person_id: str
    given_name: str | None = Field(description="Null: not known, or erased.")
    family_name: str | None
    city_id: str | None
    town: str | None
    place: Standing
    meetings: list[AtMeeting]


RECORD_EXAMPLE: dict[str, JsonValue] = {
    "state": "present",
    "with_place": True,
    "city_id": "geonames:776597",
    "role": "participant",
    "minutes": 360,
    "arrived_at": None,
    "left_at": None,
    "scanned_at": "2026-10-24T06:52:10Z",
    "received_at": "2026-10-24T06:52:11Z",
    "method": "scan",
    "device_id": "door-1",
    "reason": None,
    "linked_to": None,
    "linked_from": None,
    "decided_by": None,
    "note": None,
    "corrected": False,
    "decided_at": "2026-10-24T06:52:11Z",
    "tag": "1",
    "event_id": "0199aa00-0000-7000-8000-000000000009",
}


class Record(Shape):
    """What is on the list about one person at one meeting."""

    state: Presence
    with_place: bool
    city_id: str | None
    role: Role
    minutes: int | None = Field(
        description="For how many of the meeting's own minutes they were there; null: not known."
    )
    arrived_at: dt.datetime | None = Field(description="When they came, if that was late.")
    left_at: dt.datetime | None = Field(description="When they left, if that was before the end.")
    scanned_at: dt.datetime | None = Field(
        description="By the clock of the device: when the code was read or the mark made."
    )
    received_at: dt.datetime | None = Field(description="When that was heard here.")
    method: Method | None = Field(description="Null: nobody has said it, a list that closed did.")
    device_id: str | None
    reason: NotAwaited | None = Field(description="Why nothing is said of the person any more.")
    linked_to: str | None = Field(description="Who it was that had been on the list under this id.")
    linked_from: str | None = Field(description="Under which id they had been on the list before.")
    decided_by: str | None = Field(description="Who has marked or corrected it.")
    note: str | None = Field(description="Why.")
    corrected: bool = Field(description="Whether it was put right after the list had closed.")
    decided_at: dt.datetime
    tag: str = Field(description="For `If-Match`: the same while nothing is said anew of it.")
    event_id: str


class OnList(Shape):
    """One person on the list of a meeting."""

    model_config = exemplified(
        person_id="person-0001",
        given_name="Zofia",
        family_name="Zielińska",
        city_id="geonames:776597",
        town="Augustów",
        place="enrolled",
        substitute_for=None,
        substituted_by=None,
        state="present",
        is_contradicted=False,
        tag="1",
        record=RECORD_EXAMPLE,
    )

    person_id: str
    given_name: str | None = Field(description="Null: not known, or erased.")
    family_name: str | None
    city_id: str | None
    town: str | None
    place: Standing
    substitute_for: str | None = Field(description="Instead of whom they come.")
    substituted_by: str | None = Field(description="Who comes instead of them.")
    state: Seen | None = Field(description="Null: not awaited.")
    is_contradicted: bool = Field(
        description="A code of theirs was read, and the list says otherwise: somebody has marked it."
    )
    tag: str = Field(description="For `If-Match`; `0`: nothing is recorded.")
    record: Record | None = Field(description="Null: nothing is recorded, or what was is of another day.")


class Said(Shape):
    """What was said of one person at one meeting once, and what had been said before."""

    model_config = exemplified(
        **RECORD_EXAMPLE
        | {"tag": "2", "state": "late", "minutes": 300, "method": "paper", "corrected": True}
        | {"decided_by": "office", "note": "signed the paper list at ten", "arrived_at": "2026-10-24T08:00:00Z"},
        source="rollcall/attendance",
        because=None,
        was="absent",
        was_minutes=0,
        heard_at="2026-10-26T09:30:00Z",
    )

    source: str = Field(description="Who states it.")
    state: Presence
    was: Presence | None = Field(description="What was so before; null: nothing had been said.")
    minutes: int | None
    was_minutes: int | None
    with_place: bool
    city_id: str | None
    role: Role
    arrived_at: dt.datetime | None
    left_at: dt.datetime | None
    scanned_at: dt.datetime | None
    received_at: dt.datetime | None
    method: Method | None
    device_id: str | None
    reason: NotAwaited | None
    linked_to: str | None
    linked_from: str | None
    decided_by: str | None
    note: str | None
    because: Because | None = Field(description="By which rule it was said anew, if nobody decided it.")
    corrected: bool
    decided_at: dt.datetime
    heard_at: dt.datetime
    tag: str
    event_id: str


class RecordCounts(Shape):
    """The same counted by records, beside those of lists that are open."""

    present: int
    late: int
    left_early: int
    absent: int
    excused: int
    without_place: int
    guests: int
    on_open_lists: int
    came_so_far: int


class Lists(Shape):
    """The closed lists, in their own numbers, by records and by places."""

    lists_closed: int
    lists_not_recorded: int
    present: int
    late: int
    left_early: int
    absent: int
    excused: int
    not_recorded: int
    without_place: int
    guests: int
    enrolled_on_closed_lists: int
    records: RecordCounts


class LeftOpen(Shape):
    """What nobody has decided, and what should have followed by itself and has not."""

    contradictions: int = Field(description="A code says otherwise than a mark that stands.")
    undecided_imports: int = Field(description="Reports, and signed lists that were typed in, of which rows are left.")
    lists_left_open: int = Field(description="A day after they should have closed.")
    certificates_in_doubt: int = Field(description="Earned by closed lists and not there, or saying something else.")


class AttendanceBooks(Books):
    """The books of attendance."""

    model_config = exemplified(
        **BOOKS,
        service="attendance",
        attendance={
            "lists_closed": 1,
            "lists_not_recorded": 0,
            "present": 31,
            "late": 2,
            "left_early": 1,
            "absent": 9,
            "excused": 3,
            "not_recorded": 0,
            "without_place": 1,
            "guests": 1,
            "enrolled_on_closed_lists": 40,
            "records": {
                "present": 31,
                "late": 2,
                "left_early": 1,
                "absent": 9,
                "excused": 3,
                "without_place": 1,
                "guests": 1,
                "on_open_lists": 0,
                "came_so_far": 0,
            },
        },
        open={"contradictions": 1, "undecided_imports": 0, "lists_left_open": 0, "certificates_in_doubt": 0},
        sessions=270,
        places_enrolled=4100,
    )

    attendance: Lists
    open: LeftOpen
    sessions: int
    places_enrolled: int
