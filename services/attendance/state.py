"""Attendance's rows and how facts make them. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, assert_never

from shared.contracts.attendance import (
    AttendanceListClosed,
    AttendanceListReopened,
    ListFact,
    Method,
    NotAwaited,
    ParticipantAbsent,
    ParticipantAttended,
    ParticipantNotAwaited,
    Presence,
    PresenceFact,
    presence_after,
)
from shared.contracts.directory import PersonErased, PersonMerged, PersonRegistered
from shared.contracts.enrolment import PlaceFact, Standing, standing_after
from shared.contracts.model import members
from shared.contracts.planner import Meeting, SessionFact, SessionKind, SessionStanding, session_standing_after
from shared.contracts.selection import CityFact
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.values import immutable


@immutable
class Person(FactRow):
    KEY: ClassVar = ("person_id",)

    person_id: str
    given_name: str | None
    family_name: str | None
    erased: bool
    merged_into: str | None = None
    """Who they turned out to be."""


@immutable
class Town(FactRow):
    """What a town is called, as each stage of the competition said it."""

    KEY: ClassVar = ("city_id", "stage")

    city_id: str
    stage: int
    name: str


@immutable
class Session(FactRow):
    KEY: ClassVar = ("session_id",)

    session_id: str
    kind: SessionKind
    phase: int
    topic: str
    city_id: str
    venue: str
    meetings: tuple[Meeting, ...]
    starts_at: dt.datetime
    ends_at: dt.datetime
    state: SessionStanding

    def meeting(self, meeting_id: str) -> Meeting | None:
        return next((meeting for meeting in self.meetings if meeting.meeting_id == meeting_id), None)


@immutable
class Place(FactRow):
    """Whether a person has a place in a session, and for which town."""

    KEY: ClassVar = ("session_id", "person_id")

    session_id: str
    person_id: str
    city_id: str | None
    state: Standing
    decided_at: dt.datetime


@immutable
class Record(FactRow):
    """One person at one meeting. The town is the one the person came for at the time."""

    KEY: ClassVar = ("session_id", "meeting_id", "person_id")

    session_id: str
    meeting_id: str
    person_id: str
    state: Presence
    with_place: bool
    city_id: str | None
    scanned_at: dt.datetime | None
    method: Method | None
    device_id: str | None
    request_source: str | None
    request_id: str | None
    request_digest: str | None
    reason: NotAwaited | None
    """Why it was taken back."""
    decided_at: dt.datetime


@immutable
class MeetingList(FactRow):
    """The list of one meeting once it has closed, in its own numbers. `decided_at` is when it closed, also if it was counted again
    since; for one that was opened again, when that was."""

    KEY: ClassVar = ("session_id", "meeting_id")

    session_id: str
    meeting_id: str
    is_open: bool
    recorded: bool
    present: int
    absent: int
    not_recorded: int
    without_place: int
    decided_at: dt.datetime


def person_of(heard: Heard[PersonRegistered]) -> Person:
    return Person(*meta(heard), heard.body.person_id, heard.body.given_name, heard.body.family_name, False)


def merged_person_of(heard: Heard[PersonMerged]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, False, heard.body.into_person_id)


def erased_person_of(heard: Heard[PersonErased]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, True)


def town_of(heard: Heard[CityFact]) -> Town:
    return Town(*meta(heard), heard.body.city_id, heard.body.stage, heard.body.name)


def session_of(heard: Heard[SessionFact]) -> Session:
    body = heard.body
    return Session(
        *meta(heard),
        body.session_id,
        body.kind,
        body.phase,
        body.topic,
        body.city_id,
        body.venue,
        tuple(meeting.as_named() for meeting in body.meetings),
        body.starts_at,
        body.ends_at,
        session_standing_after(body),
    )


def place_of(heard: Heard[PlaceFact]) -> Place:
    body = heard.body
    return Place(*meta(heard), body.session_id, body.person_id, body.city_id, standing_after(body), body.decided_at)


def record_of(heard: Heard[PresenceFact]) -> Record:
    body = heard.body
    came: ParticipantAttended | None = None
    reason: NotAwaited | None = None
    match body:
        case ParticipantAttended():
            came = body
        case ParticipantAbsent():
            pass
        case ParticipantNotAwaited():
            reason = body.reason
        case never:
            assert_never(never)
    return Record(
        *meta(heard),
        body.session_id,
        body.meeting_id,
        body.person_id,
        presence_after(body),
        body.with_place,
        body.city_id,
        came.scanned_at if came else None,
        came.method if came else None,
        came.device_id if came else None,
        came.request_source if came else None,
        came.request_id if came else None,
        came.request_digest if came else None,
        reason,
        body.decided_at,
    )


def list_of(heard: Heard[ListFact]) -> MeetingList:
    body = heard.body
    match body:
        case AttendanceListClosed():
            is_open, recorded = False, body.recorded
            numbers = (body.present, body.absent, body.not_recorded, body.without_place)
        case AttendanceListReopened():
            is_open, recorded, numbers = True, False, (0, 0, 0, 0)
        case never:
            assert_never(never)
    return MeetingList(*meta(heard), body.session_id, body.meeting_id, is_open, recorded, *numbers, body.decided_at)


MAKE: dict[Any, Any] = {
    PersonRegistered: person_of,
    PersonMerged: merged_person_of,
    PersonErased: erased_person_of,
    **dict.fromkeys(members(CityFact), town_of),
    **dict.fromkeys(members(SessionFact), session_of),
    **dict.fromkeys(members(PlaceFact), place_of),
    **dict.fromkeys(members(PresenceFact), record_of),
    **dict.fromkeys(members(ListFact), list_of),
}
"""Which row each fact makes."""
