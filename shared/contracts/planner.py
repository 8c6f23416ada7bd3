"""What the planner publishes: the dated trainings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, Self, assert_never
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from shared.contracts.model import Fact, Id, Line, LocalTime, OptionalLine, Part, Zone


class SessionKind(StrEnum):
    SUPPLEMENTARY = "supplementary"
    IN_DEPTH = "in_depth"


class SessionStanding(StrEnum):
    """Whether a session takes place, after a fact about it."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"


class Meeting(Part):
    """One training day. Wall time and zone are the truth; the instants follow from them."""

    meeting_id: Id
    starts_local: LocalTime
    ends_local: LocalTime
    zone: Zone = "Europe/Warsaw"

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_local must be after starts_local")
        return self

    @property
    def starts_at(self) -> dt.datetime:
        return self.starts_local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(dt.UTC)

    @property
    def ends_at(self) -> dt.datetime:
        return self.ends_local.replace(tzinfo=ZoneInfo(self.zone)).astimezone(dt.UTC)


class SessionState(Fact):
    """One dated training with its meetings; the aggregate is the session.

    A supplementary session trains the team of `city_id`; an in-depth session takes place there for several towns.
    """

    stream = "programme.sessions"
    subject = "session/{session_id}"

    session_id: Id
    kind: SessionKind
    phase: Annotated[int, Field(strict=True, ge=1, le=99)]
    topic: Id
    city_id: Id
    venue: Line
    address: OptionalLine | None = None
    capacity: Annotated[int, Field(strict=True, ge=1, le=5_000)]
    meetings: Annotated[tuple[Meeting, ...], Field(min_length=1, max_length=60)]

    @model_validator(mode="after")
    def _distinct_meetings(self) -> Self:
        if len({meeting.meeting_id for meeting in self.meetings}) != len(self.meetings):
            raise ValueError("meeting_id must be unique in its session")
        return self

    @property
    def starts_at(self) -> dt.datetime:
        return min(meeting.starts_at for meeting in self.meetings)

    @property
    def ends_at(self) -> dt.datetime:
        return max(meeting.ends_at for meeting in self.meetings)


_SESSION: dict[str, object] = {
    "session_id": "session-0001",
    "kind": "supplementary",
    "phase": 1,
    "topic": "climate",
    "city_id": "geonames:776597",
    "venue": "Urząd Miejski w Augustowie, sala 12",
    "address": "ul. Młyńska 35, Augustów",
    "capacity": 40,
    "meetings": [
        {
            "meeting_id": "day-1",
            "starts_local": "2026-10-24T09:00:00",
            "ends_local": "2026-10-24T15:00:00",
            "zone": "Europe/Warsaw",
        }
    ],
}


class SessionScheduled(SessionState):
    """The session is planned."""

    example: ClassVar[Mapping[str, object]] = _SESSION


class SessionRescheduled(SessionState):
    """The session changed: other times, another place or another size."""

    example: ClassVar[Mapping[str, object]] = _SESSION | {"capacity": 45}


class SessionCancelled(SessionState):
    """The session does not take place. It says so for all its places."""

    reason: OptionalLine | None = None
    example: ClassVar[Mapping[str, object]] = _SESSION | {"reason": "trainer ill"}


SessionFact = SessionScheduled | SessionRescheduled | SessionCancelled


def session_standing_after(fact: SessionFact) -> SessionStanding:
    """Whether the session takes place, by what was said of it last."""
    match fact:
        case SessionScheduled() | SessionRescheduled():
            return SessionStanding.SCHEDULED
        case SessionCancelled():
            return SessionStanding.CANCELLED
        case never:
            assert_never(never)
