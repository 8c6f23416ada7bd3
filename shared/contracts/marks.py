"""What people who keep a list ask for: marks, corrections, and that a closed list is opened again.

Over HTTP trainers mark what is open and the office corrects what is closed, by their tokens. On Kafka only the office's own console
asks: nobody else may write this stream.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Self

from pydantic import model_validator

from shared.contracts.attendance import Role
from shared.contracts.model import Count, Id, Line, Moment, Request


class Mark(StrEnum):
    """What is to stand on the list of somebody."""

    PRESENT = "present"
    LATE = "late"
    LEFT_EARLY = "left_early"
    EXCUSED = "excused"
    ABSENT = "absent"
    NOT_RECORDED = "not_recorded"
    """Nothing: what was marked is taken back."""


class MarkedBy(StrEnum):
    """From where it was taken."""

    MANUAL = "manual"
    PAPER = "paper"
    IMPORT = "import"


class AboutARecord(Request):
    """What is to be so of one person at one meeting.

    `seen` is the version of the record that was looked at when this was decided, `0` of somebody of whom there is none: of the
    walk-in's, if it says who that was. If it stands otherwise by now, nothing is done. Without one it is done whatever stands.
    """

    stream = "attendance.office"
    subject = "session/{session_id}/meeting/{meeting_id}/person/{person_id}"
    about = ("session/{session_id}", "session/{session_id}/person/{person_id}")

    session_id: Id
    meeting_id: Id
    person_id: Id
    state: Mark | None = None
    """None: as it stands of the walk-in that they are."""
    arrived_at: Moment | None = None
    left_at: Moment | None = None
    """When they came late, when they left early. Without them: when the mark was made, if that was during the meeting."""
    minutes: Count | None = None
    """As counted by somebody; else they follow from the times."""
    role: Role = Role.PARTICIPANT
    is_role_said: bool = False
    """Whether `role` is meant also where it is that of a participant: else whoever is an observer or a trainer on the list stays one."""
    method: MarkedBy = MarkedBy.MANUAL
    walk_in: Id | None = None
    """Under which id they are on the list, if it was not known who they are: that record is theirs from now on."""
    made_at: Moment | None = None
    """When it was marked, by the clock of the device. Without one: when it was heard."""
    device_id: Id | None = None
    seen: Line | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.state is None) == (self.walk_in is None):
            raise ValueError("either state or walk_in must be said")
        return self


_MARK: dict[str, object] = {
    "session_id": "session-0001",
    "meeting_id": "day-1",
    "person_id": "person-0001",
}


class MarkRequested(AboutARecord):
    """On a list that is open."""

    asks_for = "mark"
    note: Line | None = None
    example: ClassVar[Mapping[str, object]] = _MARK | {
        "state": "present",
        "made_at": "2026-10-24T07:02:00.000000Z",
        "seen": "0",
    }


class RecordCorrectionRequested(AboutARecord):
    """By the office, also on a list that has closed; the reason is told to whoever looks later."""

    asks_for = "correction"
    note: Line
    example: ClassVar[Mapping[str, object]] = _MARK | {
        "state": "late",
        "arrived_at": "2026-10-24T08:00:00.000000Z",
        "method": "paper",
        "note": "signed the paper list at ten",
        "seen": "1",
    }


class ReopeningRequested(Request):
    """By the office: a closed list is to be open again, to be put right."""

    asks_for = "reopening"
    stream = "attendance.office"
    subject = "session/{session_id}/meeting/{meeting_id}"
    about = ("session/{session_id}",)
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0001",
        "meeting_id": "day-1",
        "note": "the trainer closed it before the afternoon",
    }

    session_id: Id
    meeting_id: Id
    note: Line
