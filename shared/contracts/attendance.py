"""What attendance publishes: who came, for how long, and what was put right afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar, Self, assert_never

from pydantic import model_validator

from shared.contracts.model import Count, Digest, Fact, Id, Line, Moment, Part


class Method(StrEnum):
    """How it became known."""

    SCAN = "scan"
    """A code was read at the door."""
    SELF = "self"
    """By the participant, with the code on the room's screen."""
    MANUAL = "manual"
    """Somebody marked it."""
    PAPER = "paper"
    """Typed in from the signed list."""
    IMPORT = "import"
    """From another system's report."""

    @property
    def is_code(self) -> bool:
        """Whether a code was read, rather than something said by a person who keeps the list."""
        match self:
            case Method.SCAN | Method.SELF:
                return True
            case Method.MANUAL | Method.PAPER | Method.IMPORT:
                return False
            case never:
                assert_never(never)


class Presence(StrEnum):
    """What is so of somebody at a meeting, after a fact about them."""

    PRESENT = "present"
    LATE = "late"
    """They came, after it had begun."""
    LEFT_EARLY = "left_early"
    """They came, and left before its end; perhaps they had been late, too."""
    EXCUSED = "excused"
    """They did not come, and had said why."""
    ABSENT = "absent"
    NOT_AWAITED = "not_awaited"
    """What was said of the person was taken back: as if there were no record."""

    @property
    def came(self) -> bool:
        match self:
            case Presence.PRESENT | Presence.LATE | Presence.LEFT_EARLY:
                return True
            case Presence.EXCUSED | Presence.ABSENT | Presence.NOT_AWAITED:
                return False
            case never:
                assert_never(never)

    @property
    def is_told(self) -> bool:
        """Whether there is something to show of the person."""
        match self:
            case Presence.PRESENT | Presence.LATE | Presence.LEFT_EARLY | Presence.EXCUSED | Presence.ABSENT:
                return True
            case Presence.NOT_AWAITED:
                return False
            case never:
                assert_never(never)


class Came(StrEnum):
    """How somebody who came was there."""

    IN_TIME = "in_time"
    LATE = "late"
    LEFT_EARLY = "left_early"


class Role(StrEnum):
    """As what somebody was there."""

    PARTICIPANT = "participant"
    TRAINER = "trainer"
    OBSERVER = "observer"


class NotAwaited(StrEnum):
    """Why nothing is said any more of somebody at a meeting."""

    NO_PLACE = "no_place"
    """They had none when the list closed, which became known later."""
    WITHDREW_IN_TIME = "withdrew_in_time"
    """They had sent their withdrawal before the list closed; it was decided on after that."""
    NOBODY_SCANNED = "nobody_scanned"
    """Nothing is recorded of them, as the list was not kept or they trained that day: it is not known whether they came."""
    LIST_REOPENED = "list_reopened"
    TAKEN_BACK = "taken_back"
    """By somebody who keeps the list."""
    LINKED = "linked"
    """It was somebody else's record: `linked_to` says whose."""


class Because(StrEnum):
    """Why the same is said anew of somebody, where nobody has decided anything about them."""

    PLACE = "place"
    """Whether they had a place, or for which town, became known."""
    MEETING = "meeting"
    """The meeting has other hours: what follows from them is another state, or other minutes."""
    PERSON = "person"
    """Two ids turned out to be one human: what was recorded under one is theirs who stays."""


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
    role: Role = Role.PARTICIPANT
    """Trainers and observers without a place stand in no number but `guests`."""
    minutes: Count | None = None
    """For how many of the meeting's own minutes they were there. None: whoever says so does not say, or the meeting is not known."""
    stated_minutes: Count | None = None
    """As somebody has counted them: then they do not follow from when the person came and left."""
    arrived_at: Moment | None = None
    left_at: Moment | None = None
    """When they came, if that was after the beginning; when they left, if that was before the end."""
    meeting_starts_at: Moment | None = None
    """When the meeting was to begin, as far as was known when it was marked: if it is moved to a later day, it was not that one."""
    scanned_at: Moment | None = None
    """When the code was read or the mark was made, by the clock of the device."""
    received_at: Moment | None = None
    """When we heard of that."""
    method: Method | None = None
    """None: nobody has said it, a list that closed did."""
    device_id: Id | None = None
    request_source: Line | None = None
    request_id: Line | None = None
    request_digest: Digest | None = None
    """Which request it answers, if it does."""
    linked_from: Id | None = None
    """Under which id they had been on the list, before it was known who they are."""
    decided_by: Line | None = None
    """Who has marked or corrected it, if a person did; `note` says why."""
    note: Line | None = None
    because: Because | None = None
    """Set where a rule says the same anew."""
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

    came: Came = Came.IN_TIME
    scanned_at: Moment
    method: Method = Method.SCAN
    example: ClassVar[Mapping[str, object]] = _RECORD | {
        "scanned_at": "2026-10-24T06:52:10.120000Z",
        "method": "scan",
        "device_id": "door-1",
        "request_source": "urn:example:doors",
        "request_id": "0199aa00-0000-7000-8000-000000000002",
        "request_digest": "0b93c14dd2a75e6f4a1c9e80",
    }


class ParticipantExcused(AttendanceState):
    """The person did not come, and had said why: somebody who keeps the list has marked it."""

    example: ClassVar[Mapping[str, object]] = _RECORD | {
        "minutes": 0,
        "scanned_at": "2026-10-24T07:10:00.000000Z",
        "received_at": "2026-10-24T07:10:01.000000Z",
        "method": "manual",
        "request_source": "rollcall/attendance/trainer",
        "request_id": "0199aa00-0000-7000-8000-000000000012",
        "request_digest": "0b93c14dd2a75e6f4a1c9e80",
        "decided_by": "trainer",
        "note": "ill, called in the morning",
        "decided_at": "2026-10-24T07:10:01.000000Z",
    }


class ParticipantAbsent(AttendanceState):
    """The person had not come: the list of a recorded meeting closed and they had a place, or somebody who keeps the list has
    marked it (`decided_by`)."""

    example: ClassVar[Mapping[str, object]] = _RECORD | {"decided_at": "2026-10-24T19:00:00.000000Z"}


class ParticipantNotAwaited(AttendanceState):
    """Neither present nor absent: what was said before of this person at this meeting is taken back."""

    reason: NotAwaited
    linked_to: Id | None = None
    """Who it was, if that has become known."""
    example: ClassVar[Mapping[str, object]] = _RECORD | {
        "with_place": False,
        "reason": "withdrew_in_time",
        "decided_at": "2026-10-25T08:10:00.000000Z",
    }


class Before(Part):
    """What stood before a correction."""

    state: Presence
    minutes: Count | None = None
    method: Method | None = None
    decided_by: Line | None = None
    decided_at: Moment


class AttendanceCorrected(AttendanceState):
    """Somebody has put right what a list says that had closed: this is so now, that was said before. The whole of it, as in every fact.

    `state` `not_awaited` says that it is not known whether the person came.
    """

    state: Presence
    was: Before | None = None
    """None: nothing had been said of the person."""
    decided_by: Line
    note: Line
    example: ClassVar[Mapping[str, object]] = _RECORD | {
        "state": "late",
        "was": {"state": "absent", "minutes": 0, "decided_at": "2026-10-24T19:00:00.000000Z"},
        "minutes": 300,
        "arrived_at": "2026-10-24T08:00:00.000000Z",
        "scanned_at": "2026-10-24T08:00:00.000000Z",
        "received_at": "2026-10-26T09:30:00.000000Z",
        "method": "paper",
        "request_source": "rollcall/attendance/office",
        "request_id": "0199aa00-0000-7000-8000-000000000013",
        "request_digest": "0b93c14dd2a75e6f4a1c9e80",
        "decided_by": "office",
        "note": "signed the paper list at ten",
        "decided_at": "2026-10-26T09:30:00.000000Z",
    }

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.state.came and self.scanned_at is None:
            raise ValueError("scanned_at must be said of somebody who came")
        return self


PresenceFact = (
    ParticipantAttended | ParticipantExcused | ParticipantAbsent | ParticipantNotAwaited | AttendanceCorrected
)


def presence_after(fact: PresenceFact) -> Presence:
    """What is so of the person, by what was said of them last."""
    match fact:
        case ParticipantAttended():
            return _as_they_came(fact.came)
        case ParticipantExcused():
            return Presence.EXCUSED
        case ParticipantAbsent():
            return Presence.ABSENT
        case ParticipantNotAwaited():
            return Presence.NOT_AWAITED
        case AttendanceCorrected():
            return fact.state
        case never:
            assert_never(never)


def _as_they_came(came: Came) -> Presence:
    match came:
        case Came.IN_TIME:
            return Presence.PRESENT
        case Came.LATE:
            return Presence.LATE
        case Came.LEFT_EARLY:
            return Presence.LEFT_EARLY
        case never:
            assert_never(never)


class ListState(Fact):
    """The list of one meeting; the aggregate is the meeting."""

    stream = "attendance.events"
    subject = "session/{session_id}/meeting/{meeting_id}"

    session_id: Id
    meeting_id: Id
    awaited_at: Moment | None = None
    """When it first closed, if it was opened again to be put right: whoever had a place then is awaited. None: `decided_at`."""
    request_source: Line | None = None
    request_id: Line | None = None
    request_digest: Digest | None = None
    """Which request closed it or opened it again, if one did."""
    decided_by: Line | None = None
    note: Line | None = None
    """Who that was, and why."""
    decided_at: Moment
    """When the list closed, or was opened again."""


class AttendanceListClosed(ListState):
    """The list is closed, and these are its numbers: of who had a place when it closed, and of who came without one.

    `present`, `absent` and `not_recorded` together are those who had a place. Who was late or left early is among the present,
    who was excused among the absent. `recorded` is false when nobody was seen there or missed there: then nobody but the excused is
    absent, it is just not known (`not_recorded`).
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
    late: Count = 0
    left_early: Count = 0
    """Of those present."""
    absent: Count
    excused: Count = 0
    """Of those absent."""
    not_recorded: Count
    without_place: Count = 0
    guests: Count = 0
    """Trainers and observers who were there without a place: in no other number."""


class AttendanceListReopened(ListState):
    """The list is open, and will close anew: its meeting was moved to after its closing, or the office has opened it, to be put right
    (`decided_by`)."""

    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0001",
        "meeting_id": "day-1",
        "decided_at": "2026-10-25T08:10:00.000000Z",
    }


ListFact = AttendanceListClosed | AttendanceListReopened
