"""What the API answers to whoever asked for something: what became of scans, marks and lists."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Literal

from pydantic import Field, JsonValue

from services.attendance.answers import RECORD_EXAMPLE, Record
from services.attendance.rulebook import ScanRule
from shared.events.envelope import Reason
from shared.web.answers import DECIDED, Decided, Shape, exemplified


class DecidedScan(Decided):
    """What became of a scan."""

    model_config = exemplified(
        **DECIDED,
        session_id="session-0001",
        person_id="person-0001",
        meeting_id="day-1",
        outcome="ParticipantAttended",
        record=RECORD_EXAMPLE,
    )

    session_id: str
    meeting_id: str
    person_id: str
    outcome: Literal["ParticipantAttended", "AlreadyPresent", "MarkStands", "Held"] = Field(
        description=(
            "The fact that answered it. `AlreadyPresent`: an earlier scan counts. `MarkStands`: somebody has marked otherwise."
            " `Held`: it waits for what it is about."
        )
    )
    record: Record | None


class Taken(StrEnum):
    """What became of one of several scans."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    """The first one counts."""
    CONTRADICTED = "contradicted"
    """Somebody has marked otherwise, and that stands."""
    REFUSED = "refused"
    HELD = "held"
    TRY_AGAIN = "try_again"
    """Not decided: the same has to be sent again."""


class TakenScan(Shape):
    """What became of one of several scans, by which rule."""

    model_config = exemplified(
        id="0199aa00-0000-7000-8000-000000000001",
        outcome="refused",
        rule="too_early",
        text="Read too long before the meeting.",
        text_pl="Odczytano zbyt wcześnie przed dniem szkoleniowym.",
        session_id="session-0001",
        meeting_id="day-1",
        person_id="person-0001",
        right_from="2026-10-23T19:00:00Z",
        right_until="2026-10-25T01:00:00Z",
        right_meeting_id=None,
        record=None,
    )

    id: str
    outcome: Taken
    rule: ScanRule
    text: str
    text_pl: str
    session_id: str | None
    meeting_id: str | None
    person_id: str | None
    right_from: dt.datetime | None = Field(description="When it would be right.")
    right_until: dt.datetime | None
    right_meeting_id: str | None = Field(description="For which meeting of the session it would be right.")
    record: Record | None


class DecidedMark(Decided):
    """What became of a mark or a correction."""

    model_config = exemplified(
        **DECIDED,
        session_id="session-0001",
        person_id="person-0001",
        meeting_id="day-1",
        outcome="ParticipantExcused",
        record=RECORD_EXAMPLE | {"state": "excused", "method": "manual", "minutes": 0, "decided_by": "trainer"},
    )

    session_id: str
    meeting_id: str
    person_id: str
    outcome: str = Field(
        description="The fact that answered it. `AsItWas`: the list said so already. `Held`: it waits for what it is about."
    )
    record: Record | None


class MarkFate(StrEnum):
    """What became of one of several marks."""

    SET = "set"
    AS_IT_WAS = "as_it_was"
    HELD = "held"
    CHANGED_SINCE = "changed_since"
    """Somebody else was there first: look at the record as it stands now."""
    REFUSED = "refused"
    TRY_AGAIN = "try_again"

    @property
    def is_settled(self) -> bool:
        """Whether the list says by now what was asked, or will by itself."""
        return self in (MarkFate.SET, MarkFate.AS_IT_WAS, MarkFate.HELD)


class TakenMark(Shape):
    """What became of one of several marks."""

    model_config = exemplified(
        id="0199aa00-0000-7000-8000-000000000001",
        outcome="changed_since",
        reason="changed_since",
        detail="the record is 3 by now: late, 300 minutes by office, since 2026-10-24T08:00:00+00:00, and 1 was seen",
        session_id="session-0001",
        meeting_id="day-1",
        person_id="person-0001",
        record=RECORD_EXAMPLE,
    )

    id: str
    outcome: MarkFate
    reason: Reason | None = Field(description="Why it was not set.")
    detail: str | None
    session_id: str
    meeting_id: str
    person_id: str
    record: Record | None = Field(description="As it stands now.")


_LIST: dict[str, JsonValue] = {
    "request_id": "0199aa00-0000-7000-8000-000000000001",
    "event_id": "0199aa00-0000-7000-8000-000000000010",
    "session_id": "session-0001",
    "meeting_id": "day-1",
    "is_open": False,
    "recorded": True,
    "present": 31,
    "late": 2,
    "left_early": 1,
    "absent": 9,
    "excused": 3,
    "not_recorded": 0,
    "without_place": 1,
    "guests": 1,
    "decided_by": "trainer",
    "note": None,
    "decided_at": "2026-10-24T13:05:00Z",
}


class ListNow(Shape):
    """How a list stands that was asked to be closed or opened."""

    request_id: str = Field(description="The `Idempotency-Key`, or the id that the command was given for want of one.")
    event_id: str | None = Field(description="The fact by which it is, or was, closed or opened.")
    session_id: str
    meeting_id: str
    is_open: bool = Field(description="Whether it was opened again since.")
    recorded: bool = Field(description="False: nobody was seen there, or missed there.")
    present: int
    late: int = Field(description="Of those present.")
    left_early: int = Field(description="Of those present.")
    absent: int
    excused: int = Field(description="Of those absent.")
    not_recorded: int
    without_place: int
    guests: int = Field(description="Trainers and observers without a place: in no other number.")
    decided_by: str | None = Field(description="Who has closed it, or opened it again; null: it closed by itself.")
    note: str | None
    decided_at: dt.datetime = Field(description="When it closed; of one that was opened again, when that was.")


class DecidedClosing(ListNow):
    """What became of a list that was asked to be closed, and how it stands now."""

    model_config = exemplified(**_LIST, outcome="AttendanceListClosed")

    outcome: Literal["AttendanceListClosed", "AlreadyClosed"] = Field(
        description="The fact that answered it. `AlreadyClosed`: it was closed before, and stays as it was."
    )


class DecidedReopening(ListNow):
    """What became of a list that was asked to be opened again, and how it stands now."""

    model_config = exemplified(
        **_LIST | {"is_open": True, "recorded": False, "decided_by": "office", "note": "closed before the afternoon"},
        outcome="AttendanceListReopened",
    )

    outcome: Literal["AttendanceListReopened", "AlreadyOpen"] = Field(
        description="The fact that answered it. `AlreadyOpen`: it was opened before."
    )
