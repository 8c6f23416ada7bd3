"""What is true: notifications' rows of others' facts, and the table of which fact makes which row.

Pure: no SQL, no clock, no decisions. What was told stands in the ledger.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from services.notifications.attended import certificate_of, list_of, record_of
from services.notifications.going_live import go_live_of
from services.notifications.ledger import notice_of
from services.notifications.messages import message_of
from services.notifications.muting import mute_of
from services.notifications.replying import calendar_answer_of
from services.notifications.suppressing import suppression_of
from services.notifications.tasks import Task, task_done_of, tasks_of
from services.notifications.towns import CallSaid, answered_of, call_of, member_of
from shared.contracts.answers import CalendarAnswered
from shared.contracts.attendance import ListFact, PresenceFact
from shared.contracts.certificates import CertificateFact
from shared.contracts.directory import (
    ContactForgotten,
    ContactRegistered,
    MembershipFact,
    PersonErased,
    PersonMerged,
    PersonRegistered,
)
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    CallFact,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    NominationAnswered,
    PlaceChange,
    PlaceOffered,
    PlacesSettled,
    RefusalReason,
    SessionAtRisk,
    Standing,
    WithdrawalReason,
)
from shared.contracts.model import Event, Language, Part, members
from shared.contracts.notifications import (
    AddressFact,
    GoLiveStated,
    LinkKeyStated,
    MessageAddressed,
    NoticeBounced,
    NoticeFailed,
    NoticeRehearsed,
    NoticeRepeated,
    NoticeSent,
    NoticesMuted,
)
from shared.contracts.outside import OutsideTaskDone
from shared.contracts.planner import Meeting, SessionFact, SessionKind, SessionStanding, session_standing_after
from shared.contracts.portal import OfferAnswer, Reply
from shared.contracts.rules import TopicDefined
from shared.contracts.selection import CityFact
from shared.events.envelope import Heard
from shared.state.link_keys import link_key_of
from shared.state.ownership import keep_statement
from shared.state.rows import FactRow, fields_of, meta
from shared.state.working import MakeRow, Remember, Working
from shared.values import immutable

SCHEDULED, CANCELLED = SessionStanding.SCHEDULED, SessionStanding.CANCELLED


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
class Contact(FactRow):
    """Where a person's mail goes; erased: the person asked to be forgotten."""

    KEY: ClassVar = ("person_id",)

    person_id: str
    email: str | None
    language: Language
    erased: bool


@immutable
class Town(FactRow):
    """A town's name as one stage of the competition states it."""

    KEY: ClassVar = ("city_id", "stage")

    city_id: str
    stage: int
    name: str


@immutable
class Topic(FactRow):
    KEY: ClassVar = ("rule_id",)

    rule_id: str
    topic: str
    name_pl: str
    name_en: str


class Note(Part):
    """What to know before coming."""

    text: str
    name: str
    """Another one for another text, whatever its spaces."""


@immutable
class Session(FactRow):
    """`content` is a hash of what is worth a mail: a session that only changes its size keeps it."""

    KEY: ClassVar[tuple[str, ...]] = ("session_id",)

    session_id: str
    kind: SessionKind
    topic: str
    city_id: str
    venue: str
    address: str | None
    meetings: tuple[Meeting, ...]
    starts_at: dt.datetime
    ends_at: dt.datetime
    noon_before_at: dt.datetime
    """Noon of the day before it begins, by the clocks of the first meeting: hours of that day are counted from it."""
    content: str
    opens_at: dt.datetime | None
    """From when on places may be asked for."""
    minimum: int | None
    """How many have to have confirmed on the decision day."""
    decides_at: dt.datetime | None
    """When that day begins, by the clocks of the first meeting."""
    state: SessionStanding
    trainers: tuple[str, ...] = ()
    pre_test: Task | None = None
    post_test: Task | None = None
    questionnaire: Task | None = None
    note: Note | None = None
    freeze_hours: int = 0
    """So long before it begins nothing moves any more."""
    closes_at: dt.datetime | None = None
    """Until when places may be asked for."""
    by_oneself: bool = True
    """Whether people may ask for one without their coordinator."""


@immutable
class Place(FactRow):
    KEY: ClassVar[tuple[str, ...]] = ("session_id", "person_id")

    session_id: str
    person_id: str
    state: Standing
    reason: WithdrawalReason | None
    """Why it was given up, if it was."""
    offered_at: dt.datetime | None
    offered_until: dt.datetime | None
    """Which offer is open, and until when it may be accepted."""
    reply: Reply
    """Whether the person says that they come."""
    city_id: str | None
    """The town whose place it is."""
    substitute_for: str | None
    """Whose place it was, if the person came instead of somebody."""
    clashes_with: tuple[str, ...]
    """Sessions at the same time of day in which the person has a place, too."""
    priority: int
    queued_at: dt.datetime | None
    queue: int | None
    """Where whoever waits stands in line."""
    extra: bool = False
    """The office has given it beside the room."""
    withdrawn_at: dt.datetime | None = None
    """Of a place that is withdrawn: since when, also if it was said anew since without anybody having asked."""


@immutable
class Refusal(FactRow):
    """The newest refusal of what somebody asked for. It leaves the place as it stands, so it is a row beside it: as the place's row it would
    only make an old place look new."""

    KEY: ClassVar = ("session_id", "person_id")

    session_id: str
    person_id: str
    asked_for: AskedFor
    reason: RefusalReason
    standing: Standing
    """How their place stands all the same."""
    decided_at: dt.datetime


@immutable
class TownsRefusal(FactRow):
    """That what a town asked about somebody was refused. Its coordinator is answered: to the person nothing was, and what they had asked for
    themselves stays the newest."""

    KEY: ClassVar = ("session_id", "person_id")

    session_id: str
    person_id: str


@immutable
class Risk(FactRow):
    """That on its decision day fewer people had confirmed than a session needs."""

    KEY: ClassVar = ("session_id",)

    session_id: str
    minimum: int
    confirmed: int
    enrolled: int
    decided_at: dt.datetime


@immutable
class SessionSaid(Session):
    """What was said of a session once. All of it is kept: how it stands today does not say what people knew of it at go-live."""

    KEY: ClassVar[tuple[str, ...]] = ("session_id", "source", "version")


@immutable
class PlaceSaid(Place):
    """What was said of a place once: whether somebody had it at go-live, and how often it was given back since."""

    KEY: ClassVar[tuple[str, ...]] = ("session_id", "person_id", "source", "version")


@immutable
class Settled(FactRow):
    """A statement of a session that enrolment has drawn every consequence from.

    One row a statement: whether the one that we hold is among them does not depend on what enrolment hears before us.
    """

    KEY: ClassVar = ("session_id", "session_source", "session_event_id", "session_version")

    session_id: str
    session_source: str
    session_event_id: str
    session_version: int
    seats: int | None = None
    """How many may have a place, as enrolment counts."""
    announced_at: dt.datetime | None = None
    """When the session was first heard of."""


# --- rows of facts -------------------------------------------------------------------------


def person_of(heard: Heard[PersonRegistered]) -> Person:
    return Person(*meta(heard), heard.body.person_id, heard.body.given_name, heard.body.family_name, False)


def merged_person_of(heard: Heard[PersonMerged]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, False, heard.body.into_person_id)


def erased_person_of(heard: Heard[PersonErased]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, True)


def contact_of(heard: Heard[ContactRegistered]) -> Contact:
    return Contact(*meta(heard), heard.body.person_id, heard.body.email, heard.body.language, False)


def forgotten_contact_of(heard: Heard[ContactForgotten]) -> Contact:
    return Contact(*meta(heard), heard.body.person_id, None, Language.PL, True)


def town_of(heard: Heard[CityFact]) -> Town:
    return Town(*meta(heard), heard.body.city_id, heard.body.stage, heard.body.name)


def topic_of(heard: Heard[TopicDefined]) -> Topic:
    body = heard.body
    return Topic(*meta(heard), body.rule_id, body.topic, body.name_pl, body.name_en)


def session_of(heard: Heard[SessionFact]) -> Session:
    body = heard.body
    return Session(
        *meta(heard),
        body.session_id,
        body.kind,
        body.topic,
        body.city_id,
        body.venue,
        body.address,
        tuple(meeting.as_named() for meeting in body.meetings),
        body.starts_at,
        body.ends_at,
        noon_before(body),
        content_hash(body),
        body.opens_at,
        body.minimum,
        _begin_of(body, body.decision_date),
        SCHEDULED if session_standing_after(body).takes_place else CANCELLED,  # For whoever was told of it, it is off.
        body.trainers,
        *tasks_of(body, _first_of(body)),
        note_of(body.note),
        body.freeze_hours,
        body.closes_at,
        body.by_oneself,
    )


def note_of(text: str | None) -> Note | None:
    words = " ".join((text or "").split())
    name = hashlib.blake2b(words.encode(), digest_size=6).hexdigest()
    return Note(text=str(text).strip(), name=name) if words else None


def _begin_of(body: SessionFact, date: dt.date | None) -> dt.datetime | None:
    if date is None:
        return None
    return dt.datetime.combine(date, dt.time(), ZoneInfo(_first_of(body).zone)).astimezone(dt.UTC)


def _first_of(body: SessionFact) -> Meeting:
    return min(body.meetings, key=lambda meeting: (meeting.starts_at, meeting.meeting_id))


def noon_before(body: SessionFact) -> dt.datetime:
    """Clocks change at night: from this moment on every hour of that day lasts an hour."""
    first = _first_of(body)
    eve = first.starts_local.date() - dt.timedelta(days=1)
    return dt.datetime.combine(eve, dt.time(12), ZoneInfo(first.zone)).astimezone(dt.UTC)


def content_hash(body: SessionFact) -> str:
    """The same for two states of a session between which nobody who comes would do anything differently (decision 0018): go
    somewhere else, at another time, for another topic."""
    times = sorted(
        (*map(dt.datetime.isoformat, (one.starts_local, one.ends_local, one.starts_at, one.ends_at)),)
        for one in body.meetings
    )
    place = [" ".join(text.split()) for text in (body.venue, body.address or "")]
    told = [body.topic, body.city_id, *place, times]
    return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()


def place_of(heard: Heard[PlaceChange]) -> Place:
    body = heard.body
    reason = body.reason if isinstance(body, EnrolmentWithdrawn) else None
    withdrawn_at = body.withdrawn_at if body.asked_for is None else body.decided_at
    offered = (body.offered_at, body.offered_until) if isinstance(body, PlaceOffered) else (None, None)
    return Place(
        *meta(heard),
        body.session_id,
        body.person_id,
        body.becomes,
        reason,
        *offered,
        body.reply,
        body.city_id,
        body.substitute_for,
        body.clashes_with,
        body.priority,
        body.queued_at,
        body.queue,
        body.basis == Basis.OFFICE,
        withdrawn_at if isinstance(body, EnrolmentWithdrawn) else None,
    )


def refusal_of(heard: Heard[EnrolmentRefused]) -> Refusal | TownsRefusal:
    body = heard.body
    if body.asked_for in _OF_TOWNS:
        return TownsRefusal(*meta(heard), body.session_id, body.person_id)
    # Who takes what is held for them asks for a place. An older fact does not say whether they did, or let it go.
    unsaid = body.answered is None and body.asked_for == AskedFor.OFFER and body.last_asked_for == AskedFor.PLACE
    accepts = body.answered == OfferAnswer.ACCEPT or unsaid
    asked_for = AskedFor.PLACE if accepts else body.asked_for
    its = (body.session_id, body.person_id, asked_for, body.reason, body.standing)
    return Refusal(*meta(heard), *its, body.decided_at)


_OF_TOWNS = (AskedFor.SUBSTITUTION, AskedFor.NOMINATION)


def risk_of(heard: Heard[SessionAtRisk]) -> Risk:
    body = heard.body
    return Risk(*meta(heard), body.session_id, body.minimum, body.confirmed, body.enrolled, body.decided_at)


def settled_of(heard: Heard[PlacesSettled]) -> Settled:
    body = heard.body
    its = (body.session_id, body.session_source, body.session_event_id, body.session_version)
    return Settled(*meta(heard), *its, body.seats, body.announced_at)


# --- what is kept beside the newest --------------------------------------------------------


def _remembering(kind: type[FactRow], made: MakeRow, *about: str) -> Remember:
    """Keeps each statement of an aggregate, which these fields name."""
    names = fields_of(kind)

    def remember(working: Working, row: FactRow, heard: Heard[Any]) -> None:
        fact = made(heard)
        said = kind(*(getattr(fact, name) for name in names))
        keep_statement(working[kind], said, row, about=about)

    return remember


_remember_session = _remembering(SessionSaid, session_of, "session_id")
_remember_place = _remembering(PlaceSaid, place_of, "session_id", "person_id")
_remember_call = _remembering(CallSaid, call_of, "session_id", "city_id")
REMEMBER: dict[type[Event], Remember] = {
    **dict.fromkeys(members(SessionFact), _remember_session),
    **dict.fromkeys(members(PlaceChange), _remember_place),
    **dict.fromkeys(members(CallFact), _remember_call),
}


MAKE: dict[Any, Any] = {
    TopicDefined: topic_of,
    PersonRegistered: person_of,
    PersonMerged: merged_person_of,
    PersonErased: erased_person_of,
    ContactRegistered: contact_of,
    ContactForgotten: forgotten_contact_of,
    **dict.fromkeys(members(CityFact), town_of),
    **dict.fromkeys(members(SessionFact), session_of),
    **dict.fromkeys(members(PlaceChange), place_of),
    EnrolmentRefused: refusal_of,
    PlacesSettled: settled_of,
    SessionAtRisk: risk_of,
    **dict.fromkeys(members(MembershipFact), member_of),
    **dict.fromkeys(members(CallFact), call_of),
    NominationAnswered: answered_of,
    OutsideTaskDone: task_done_of,
    **dict.fromkeys(members(PresenceFact), record_of),
    **dict.fromkeys(members(ListFact), list_of),
    **dict.fromkeys(members(CertificateFact), certificate_of),
    NoticeSent: notice_of,
    NoticeFailed: notice_of,
    NoticeBounced: notice_of,
    NoticeRepeated: notice_of,
    NoticeRehearsed: notice_of,
    GoLiveStated: go_live_of,
    **dict.fromkeys(members(AddressFact), suppression_of),
    NoticesMuted: mute_of,
    CalendarAnswered: calendar_answer_of,
    MessageAddressed: message_of,
    LinkKeyStated: link_key_of,
}
"""Which row each fact makes."""
