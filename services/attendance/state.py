"""Attendance's rows and how facts make them. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
import operator
from typing import Any, ClassVar, assert_never

from shared.contracts.attendance import (
    AttendanceCorrected,
    AttendanceListClosed,
    AttendanceListReopened,
    Because,
    ListFact,
    Method,
    NotAwaited,
    ParticipantNotAwaited,
    Presence,
    PresenceFact,
    Role,
    presence_after,
)
from shared.contracts.directory import PersonErased, PersonMerged, PersonRegistered
from shared.contracts.enrolment import PlaceFact, Standing, standing_after
from shared.contracts.model import members
from shared.contracts.notifications import LinkKeyStated
from shared.contracts.planner import Meeting, SessionFact, SessionKind, SessionStanding, session_standing_after
from shared.contracts.selection import CityFact, TownOutcome, outcome_after
from shared.events.envelope import Heard
from shared.state.link_keys import link_key_of
from shared.state.merged import follow_merge
from shared.state.rows import FactRow, mapping, meta
from shared.state.working import Working
from shared.values import immutable

WALK_IN = "walk-in-"
"""How the id begins of somebody who came, and of whom it is not known yet who they are."""


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
    """What a town is called, and what became of it, as each stage of the competition said it."""

    KEY: ClassVar[tuple[str, ...]] = ("city_id", "stage")

    city_id: str
    stage: int
    name: str
    outcome: TownOutcome


@immutable
class TownSaid(Town):
    """What was said of a town in a stage once."""

    KEY: ClassVar[tuple[str, ...]] = ("city_id", "stage", "source", "version")


@immutable
class Session(FactRow):
    KEY: ClassVar[tuple[str, ...]] = ("session_id",)

    session_id: str
    kind: SessionKind
    phase: int
    topic: str
    city_id: str
    venue: str
    address: str | None
    meetings: tuple[Meeting, ...]
    trainers: tuple[str, ...]
    """Person ids."""
    certificate_minutes: int | None
    """For how long one has to have been there to get a certificate. None: the installation's share of the whole."""
    starts_at: dt.datetime
    ends_at: dt.datetime
    state: SessionStanding

    def meeting(self, meeting_id: str) -> Meeting | None:
        for meeting in self.meetings:
            if meeting.meeting_id == meeting_id:
                return meeting
        return None


@immutable
class SessionSaid(Session):
    """What was said of a session once. All of it is kept: a report of a day past counts it as it stood then."""

    KEY: ClassVar[tuple[str, ...]] = ("session_id", "source", "version")


@immutable
class Place(FactRow):
    """Whether a person has a place in a session, and for which town."""

    KEY: ClassVar = ("session_id", "person_id")

    session_id: str
    person_id: str
    city_id: str | None
    state: Standing
    substitute_for: str | None
    substituted_by: str | None
    decided_at: dt.datetime


@immutable
class Record(FactRow):
    """One person at one meeting. The town is the one the person came for at the time."""

    KEY: ClassVar[tuple[str, ...]] = ("session_id", "meeting_id", "person_id")

    session_id: str
    meeting_id: str
    person_id: str
    state: Presence
    with_place: bool
    city_id: str | None
    role: Role
    minutes: int | None
    """Of the meeting's own; None: not known."""
    stated_minutes: int | None
    arrived_at: dt.datetime | None
    left_at: dt.datetime | None
    meeting_starts_at: dt.datetime | None
    scanned_at: dt.datetime | None
    received_at: dt.datetime | None
    method: Method | None
    device_id: str | None
    request_source: str | None
    request_id: str | None
    request_digest: str | None
    reason: NotAwaited | None
    """Why it was taken back."""
    linked_to: str | None
    linked_from: str | None
    decided_by: str | None
    """Who has marked or corrected it. None: a code was read, or a list closed."""
    note: str | None
    because: Because | None
    corrected: bool
    """Whether it was put right after its list had closed."""
    decided_at: dt.datetime

    @property
    def tag(self) -> str:
        """What `If-Match` compares: another one as soon as anything is said anew of it."""
        return str(self.version)

    @property
    def is_marked(self) -> bool:
        """Whether somebody who keeps the list has said so: no rule says otherwise."""
        return self.decided_by is not None


@immutable
class RecordSaid(Record):
    """What was said of a person at a meeting once, and explains what is so today: by others all of it, by us what stands no longer.

    A code that is read writes one row, not two: what we said last is the record itself (`history.words_of`)."""

    KEY: ClassVar[tuple[str, ...]] = ("session_id", "meeting_id", "person_id", "source", "version")


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
    late: int
    left_early: int
    absent: int
    excused: int
    not_recorded: int
    without_place: int
    guests: int
    awaited_at: dt.datetime | None
    """Whoever had a place then is awaited: when it closed, for the first time if it was opened again to be put right. None: it is open,
    and who is awaited shows when it closes."""
    decided_by: str | None
    """Who has closed it, or opened it again."""
    note: str | None
    decided_at: dt.datetime


def person_of(heard: Heard[PersonRegistered]) -> Person:
    return Person(*meta(heard), heard.body.person_id, heard.body.given_name, heard.body.family_name, False)


def merged_person_of(heard: Heard[PersonMerged]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, False, heard.body.into_person_id)


def erased_person_of(heard: Heard[PersonErased]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, True)


def town_of(heard: Heard[CityFact]) -> Town:
    return Town(*meta(heard), *_said_of_town(heard.body))


def town_said_of(heard: Heard[CityFact]) -> TownSaid:
    return TownSaid(*meta(heard), *_said_of_town(heard.body))


def _said_of_town(body: CityFact) -> tuple[Any, ...]:
    return body.city_id, body.stage, body.name, outcome_after(body)


def session_of(heard: Heard[SessionFact]) -> Session:
    return Session(*meta(heard), *_said_of_session(heard.body))


def session_said_of(heard: Heard[SessionFact]) -> SessionSaid:
    return SessionSaid(*meta(heard), *_said_of_session(heard.body))


def _said_of_session(body: SessionFact) -> tuple[Any, ...]:
    """What a fact says of a session, in the order of the row's fields."""
    return (
        body.session_id,
        body.kind,
        body.phase,
        body.topic,
        body.city_id,
        body.venue,
        body.address,
        tuple(meeting.as_named() for meeting in body.meetings),
        body.trainers,
        body.certificate_minutes,
        body.starts_at,
        body.ends_at,
        session_standing_after(body),
    )


def place_of(heard: Heard[PlaceFact]) -> Place:
    body = heard.body
    return Place(
        *meta(heard),
        body.session_id,
        body.person_id,
        body.city_id,
        standing_after(body),
        body.substitute_for,
        body.substituted_by,
        body.decided_at,
    )


def record_of(heard: Heard[PresenceFact]) -> Record:
    return Record(*meta(heard), *_said(heard.body))


def record_said_of(heard: Heard[PresenceFact]) -> RecordSaid:
    return as_said(record_of(heard))


def as_said(record: Record) -> RecordSaid:
    """What a record says, as what was said once."""
    return RecordSaid(*mapping(record).values())


def _said(body: PresenceFact) -> tuple[Any, ...]:
    """What a fact says of a person at a meeting, in the order of the row's fields."""
    taken_back = body if isinstance(body, ParticipantNotAwaited) else None
    said = body.__dict__
    return (
        *_ABOUT(said),
        presence_after(body),
        *_AS_STATED(said),
        taken_back.reason if taken_back else None,
        taken_back.linked_to if taken_back else None,
        *_BY_WHOM(said),
        isinstance(body, AttendanceCorrected),
        body.decided_at,
    )


# Taken out together, in C: every code that is read makes such a row.
_ABOUT = operator.itemgetter("session_id", "meeting_id", "person_id")
_AS_STATED = operator.itemgetter(
    *("with_place", "city_id", "role", "minutes", "stated_minutes", "arrived_at", "left_at", "meeting_starts_at"),
    *("scanned_at", "received_at", "method", "device_id", "request_source", "request_id", "request_digest"),
)
_BY_WHOM = operator.itemgetter("linked_from", "decided_by", "note", "because")


def list_of(heard: Heard[ListFact]) -> MeetingList:
    body = heard.body
    awaited_at = body.awaited_at
    match body:
        case AttendanceListClosed():
            is_open, recorded = False, body.recorded
            numbers: tuple[Any, ...] = tuple(getattr(body, name) for name in NUMBERS)
            awaited_at = awaited_at or body.decided_at
        case AttendanceListReopened():
            is_open, recorded, numbers = True, False, (0,) * len(NUMBERS)
        case never:
            assert_never(never)
    said: tuple[Any, ...] = (is_open, recorded, *numbers, awaited_at, body.decided_by, body.note, body.decided_at)
    return MeetingList(*meta(heard), body.session_id, body.meeting_id, *said)


NUMBERS = ("present", "late", "left_early", "absent", "excused", "not_recorded", "without_place", "guests")
"""Of a closed list, in the order of the row's fields."""


def follow_person(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
    """Who has gone into somebody else, until something else is said of them."""
    assert isinstance(new, Person)
    follow_merge(working, new.person_id, new.merged_into, new.heard_at)


MAKE: dict[Any, Any] = {
    PersonRegistered: person_of,
    PersonMerged: merged_person_of,
    PersonErased: erased_person_of,
    **dict.fromkeys(members(CityFact), town_of),
    **dict.fromkeys(members(SessionFact), session_of),
    **dict.fromkeys(members(PlaceFact), place_of),
    **dict.fromkeys(members(PresenceFact), record_of),
    **dict.fromkeys(members(ListFact), list_of),
    LinkKeyStated: link_key_of,
}
"""Which row each fact makes."""
