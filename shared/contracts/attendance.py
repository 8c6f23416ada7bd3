"""What attendance publishes: who came."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, assert_never

from shared.contracts.model import Count, Digest, Fact, Id, Line, Moment


class Method(StrEnum):
    SCAN = "scan"
    IMPORT = "import"


class Presence(StrEnum):
    """What is so of somebody at a meeting, after a fact about them."""

    PRESENT = "present"
    ABSENT = "absent"
    NOT_AWAITED = "not_awaited"
    """What was said of the person was taken back: as if there were no record."""

    @property
    def is_told(self) -> bool:
        """Whether there is something to show of the person."""
        match self:
            case Presence.PRESENT | Presence.ABSENT:
                return True
            case Presence.NOT_AWAITED:
                return False
            case never:
                assert_never(never)


class NotAwaited(StrEnum):
    """Why nothing is said any more of somebody at a meeting."""

    NO_PLACE = "no_place"
    """They had none when the list closed, which became known later."""
    WITHDREW_IN_TIME = "withdrew_in_time"
    """They had sent their withdrawal before the list closed; it was decided on after that."""
    NOBODY_SCANNED = "nobody_scanned"
    """The list is not recorded: of whom no scan counts, it is not known whether they came."""
    LIST_REOPENED = "list_reopened"


class AttendanceState(Fact):
    """One person at one meeting; the aggregate is (meeting, person) within its session."""

    stream = "attendance.events"
    subject = "session/{session_id}/meeting/{meeting_id}/person/{person_id}"

    session_id: Id
    meeting_id: Id
    person_id: Id
    city_id: Id | None = None
    with_place: bool = True
    """False: the person came without a place; what happened is kept and flagged."""
    decided_at: Moment


_RECORD: dict[str, object] = {
    "session_id": "session-0001",
    "meeting_id": "day-1",
    "person_id": "person-0001",
    "city_id": "geonames:776597",
    "with_place": True,
    "decided_at": "2026-10-24T06:52:10.500000Z",
}


class ParticipantAttended(AttendanceState):
    """The person was there. A repeated scan changes nothing: the first one counts."""

    scanned_at: Moment
    method: Method = Method.SCAN
    device_id: Id | None = None
    request_source: Line | None = None
    request_id: Line | None = None
    request_digest: Digest | None = None
    example: ClassVar[Mapping[str, object]] = _RECORD | {
        "scanned_at": "2026-10-24T06:52:10.120000Z",
        "method": "scan",
        "device_id": "door-1",
        "request_source": "urn:example:doors",
        "request_id": "0199aa00-0000-7000-8000-000000000002",
        "request_digest": "0b93c14dd2a75e6f4a1c9e80",
    }


class ParticipantAbsent(AttendanceState):
    """The list of a recorded meeting closed and the person with a place had not come."""

    example: ClassVar[Mapping[str, object]] = _RECORD | {"decided_at": "2026-10-24T19:00:00.000000Z"}


class ParticipantNotAwaited(AttendanceState):
    """Neither present nor absent: what was said before of this person at this meeting is taken back."""

    reason: NotAwaited
    example: ClassVar[Mapping[str, object]] = _RECORD | {
        "with_place": False,
        "reason": "withdrew_in_time",
        "decided_at": "2026-10-25T08:10:00.000000Z",
    }


PresenceFact = ParticipantAttended | ParticipantAbsent | ParticipantNotAwaited


def presence_after(fact: PresenceFact) -> Presence:
    """What is so of the person, by what was said of them last."""
    match fact:
        case ParticipantAttended():
            return Presence.PRESENT
        case ParticipantAbsent():
            return Presence.ABSENT
        case ParticipantNotAwaited():
            return Presence.NOT_AWAITED
        case never:
            assert_never(never)


class ListState(Fact):
    """The list of one meeting; the aggregate is the meeting."""

    stream = "attendance.events"
    subject = "session/{session_id}/meeting/{meeting_id}"

    session_id: Id
    meeting_id: Id
    decided_at: Moment
    """When the list closed, or was opened again."""


class AttendanceListClosed(ListState):
    """The list is closed, and these are its numbers: of who had a place when it closed, and of who came without one.

    `recorded` is false when not one scan was heard: then nobody is absent, it is just not known (`not_recorded`).
    """

    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0001",
        "meeting_id": "day-1",
        "recorded": True,
        "present": 31,
        "absent": 2,
        "not_recorded": 0,
        "without_place": 0,
        "decided_at": "2026-10-24T19:00:00.000000Z",
    }

    recorded: bool
    present: Count
    absent: Count
    not_recorded: Count
    without_place: Count = 0
    request_source: Line | None = None
    request_id: Line | None = None
    request_digest: Digest | None = None
    """Who closed it by which request, if somebody did."""


class AttendanceListReopened(ListState):
    """The meeting was moved to after the closing of its list: the list is open, and will close anew."""

    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0001",
        "meeting_id": "day-1",
        "decided_at": "2026-10-25T08:10:00.000000Z",
    }


ListFact = AttendanceListClosed | AttendanceListReopened
