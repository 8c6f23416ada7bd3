"""Attendance's rows and how facts make them. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, ClassVar

from services.attendance.subjects import list_subject
from shared.contracts.attendance import (
    AttendanceListClosed,
    AttendanceListReopened,
    AttendanceState,
    Method,
    ParticipantAbsent,
    ParticipantAttended,
    ParticipantNotAwaited,
)
from shared.contracts.checkin import CheckInScanned
from shared.contracts.directory import PersonErased, PersonRegistered
from shared.contracts.enrolment import (
    EnrolmentRefused,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlaceState,
    Standing,
)
from shared.contracts.model import Event, Id, Request
from shared.contracts.planner import Meeting, SessionCancelled, SessionKind, SessionState
from shared.contracts.selection import CityOutcome
from shared.events.envelope import Heard
from shared.state.rows import FactRow, fields_of
from shared.state.working import Answer, Derive, Due, Remember, Verdict, Working, compare, meta
from shared.values import immutable

SCHEDULED = "scheduled"
CANCELLED = "cancelled"
LIST = "list"
"""The kind of due moment at which the list of a meeting closes; its subject is the list's own."""


class CloseList(Request):
    """A trainer closes the list of a meeting. A command only: it never travels on a stream."""

    asks_for = "list"

    stream = "attendance.scans"
    subject = "session/{session_id}/meeting/{meeting_id}"

    session_id: Id
    meeting_id: Id


class Presence(StrEnum):
    PRESENT = "present"
    ABSENT = "absent"
    NOT_AWAITED = "not_awaited"
    """What was said of the person was taken back: as if there were no record."""


@immutable
class ListRules:
    """When lists close, and which scans may be a meeting's. The same rules hold in a rebuild, or its due moments would differ."""

    close_after: dt.timedelta
    """Counted from the meeting's end."""
    live_since: dt.datetime
    """Meetings that ended before are history: whoever kept their lists states them."""
    scans_before: dt.timedelta = dt.timedelta(hours=12)
    """A code that was read longer before the meeting's start was not read at this meeting."""
    scans_after: dt.timedelta = dt.timedelta(hours=12)
    """Nor was one that was read longer after its end."""

    def closes_at(self, meeting: Meeting) -> dt.datetime:
        return meeting.ends_at + self.close_after

    def is_history(self, meeting: Meeting) -> bool:
        return meeting.ends_at < self.live_since

    def scans_since(self, meeting: Meeting) -> dt.datetime:
        return meeting.starts_at - self.scans_before

    def is_too_early(self, meeting: Meeting, scanned_at: dt.datetime) -> bool:
        return scanned_at < self.scans_since(meeting)

    def is_too_late(self, meeting: Meeting, scanned_at: dt.datetime) -> bool:
        return scanned_at > meeting.ends_at + self.scans_after


@immutable
class Person(FactRow):
    KEY: ClassVar = ("person_id",)

    person_id: str
    given_name: str | None
    family_name: str | None
    erased: bool


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
    state: str

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
class PlaceSaid(FactRow):
    """What was said of a place once. All of it is kept: how a place stands today does not say how it stood then."""

    KEY: ClassVar = ("session_id", "person_id", "source", "version")

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


def erased_person_of(heard: Heard[PersonErased]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, True)


def town_of(heard: Heard[CityOutcome]) -> Town:
    return Town(*meta(heard), heard.body.city_id, heard.body.stage, heard.body.name)


def session_of(heard: Heard[SessionState]) -> Session:
    body = heard.body
    return Session(
        *meta(heard),
        body.session_id,
        body.kind,
        body.phase,
        body.topic,
        body.city_id,
        body.venue,
        body.meetings,
        body.starts_at,
        body.ends_at,
        CANCELLED if isinstance(body, SessionCancelled) else SCHEDULED,
    )


_STANDING: dict[type[PlaceState], Standing] = {
    ParticipantEnrolled: Standing.ENROLLED,
    ParticipantWaitlisted: Standing.WAITLISTED,
    EnrolmentWithdrawn: Standing.WITHDRAWN,
}


def place_of(heard: Heard[PlaceState]) -> Place:
    body = heard.body
    standing = body.standing if isinstance(body, EnrolmentRefused) else _STANDING[type(body)]
    return Place(*meta(heard), body.session_id, body.person_id, body.city_id, standing, body.decided_at)


_PRESENCE: dict[type[AttendanceState], Presence] = {
    ParticipantAttended: Presence.PRESENT,
    ParticipantAbsent: Presence.ABSENT,
    ParticipantNotAwaited: Presence.NOT_AWAITED,
}


def record_of(heard: Heard[AttendanceState]) -> Record:
    body = heard.body
    came = body if isinstance(body, ParticipantAttended) else None
    return Record(
        *meta(heard),
        body.session_id,
        body.meeting_id,
        body.person_id,
        _PRESENCE[type(body)],
        body.with_place,
        body.city_id,
        came.scanned_at if came else None,
        came.method if came else None,
        came.device_id if came else None,
        came.request_source if came else None,
        came.request_id if came else None,
        came.request_digest if came else None,
        body.decided_at,
    )


def list_of(heard: Heard[AttendanceListClosed]) -> MeetingList:
    body = heard.body
    return MeetingList(
        *meta(heard),
        body.session_id,
        body.meeting_id,
        False,
        body.recorded,
        body.present,
        body.absent,
        body.not_recorded,
        body.without_place,
        body.decided_at,
    )


def reopened_list_of(heard: Heard[AttendanceListReopened]) -> MeetingList:
    body = heard.body
    return MeetingList(*meta(heard), body.session_id, body.meeting_id, True, False, 0, 0, 0, 0, body.decided_at)


def _remember_place(working: Working, place: FactRow, heard: Heard[Any]) -> None:
    """Keeps what was said of a place, in whatever order it is heard. Its owner may be another one by now: then it is judged here
    whether they kept to one way of numbering."""
    rows = working[PlaceSaid]
    said = PlaceSaid(*(getattr(place_of(heard), name) for name in fields_of(PlaceSaid)))
    of_person = (row for row in rows.where("person_id", said.person_id) if row.session_id == said.session_id)
    if said.source != place.source and any(
        row.source == said.source and row.numbered != said.numbered for row in of_person
    ):
        return
    old = rows.get(*rows.key(said))
    if old is None or compare(old, said) is Verdict.NEWER:
        rows.put(said)


REMEMBER: dict[type[Event], Remember] = dict.fromkeys(PlaceState.__subclasses__(), _remember_place)
"""What is kept of facts beside the newest."""


def derive_by(rules: ListRules) -> dict[type[FactRow], Derive]:
    """The rows that follow from rows: when lists close, and which fact answered a scan."""

    def derive(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
        if isinstance(new, Session):
            before = old.meetings if isinstance(old, Session) else ()
            for meeting_id in {meeting.meeting_id for meeting in (*before, *new.meetings)}:
                _derive_due(working, new, meeting_id, rules)
        elif isinstance(new, MeetingList):
            session = working[Session].get(new.session_id)
            if new.is_open and session is not None:
                _derive_due(working, session, new.meeting_id, rules)
            else:
                working[Due].remove(LIST, list_subject(new.session_id, new.meeting_id))
        _derive_answer(working, heard)

    return dict.fromkeys((Session, MeetingList, Record), derive)


def _derive_answer(working: Working, heard: Heard[Any]) -> None:
    """Which fact answered a scan, or closed a list when a trainer asked."""
    body = heard.body
    source, request_id = getattr(body, "request_source", None), getattr(body, "request_id", None)
    if source and request_id:
        kind = CheckInScanned.asks_for if isinstance(body, ParticipantAttended) else CloseList.asks_for
        fields = (heard.subject, kind, body.request_digest, type(body).__name__, 0, heard.event_id)
        working[Answer].put(Answer(source, request_id, *fields))


def _derive_due(working: Working, session: Session, meeting_id: str, rules: ListRules) -> None:
    """A list closes by itself if its meeting takes place, is no history, and nobody has closed it.

    What was said after the moment at which it closes does not move that moment, also if it is heard before it is decided:
    unless the meeting is to begin after it, for such a list would be open again. One that was dropped then took place.
    """
    subject = list_subject(session.session_id, meeting_id)
    due, meeting = working[Due].get(LIST, subject), session.meeting(meeting_id)
    begins = meeting.starts_at if meeting is not None else None
    if due is not None and session.heard_at > due.at and (begins is None or due.at >= begins):
        return
    closed = closed_list(working, session.session_id, meeting_id) is not None
    if meeting is None or session.state == CANCELLED or closed or rules.is_history(meeting):
        working[Due].remove(LIST, subject)
    else:
        working[Due].put(Due(LIST, subject, rules.closes_at(meeting)))


MAKE: dict[Any, Any] = {
    PersonRegistered: person_of,
    PersonErased: erased_person_of,
    AttendanceListClosed: list_of,
    AttendanceListReopened: reopened_list_of,
    **dict.fromkeys(CityOutcome.__subclasses__(), town_of),
    **dict.fromkeys(SessionState.__subclasses__(), session_of),
    **dict.fromkeys(PlaceState.__subclasses__(), place_of),
    **dict.fromkeys(AttendanceState.__subclasses__(), record_of),
}
"""Which row each fact makes."""


# --- reading what is loaded ----------------------------------------------------------------


def closed_list(working: Working, session_id: str, meeting_id: str) -> MeetingList | None:
    """The meeting's list if it has closed. One that was opened again is open."""
    found = working[MeetingList].get(session_id, meeting_id)
    return None if found is None or found.is_open else found


def places_at(working: Working, session_id: str, moment: dt.datetime) -> dict[str, PlaceSaid]:
    """How everybody's place in the session stood at a moment, whenever that was heard, by person in a fixed order.

    The word of a place's owner goes before that of whoever stated it before them; of one writer the highest version.
    """
    stood: dict[str, tuple[tuple[Any, ...], PlaceSaid]] = {}
    for said in working[PlaceSaid].where("session_id", session_id):
        place = working[Place].get(session_id, said.person_id)
        owner = place is not None and place.source == said.source
        rank = (owner, said.version if owner else 0, said.decided_at, said.version, said.source)
        if said.decided_at <= moment and (said.person_id not in stood or stood[said.person_id][0] < rank):
            stood[said.person_id] = rank, said
    return {person_id: said for person_id, (_, said) in sorted(stood.items())}


def records_of(working: Working, session_id: str, meeting_id: str) -> Iterator[Record]:
    return (record for record in working[Record].where("session_id", session_id) if record.meeting_id == meeting_id)
