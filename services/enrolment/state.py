"""Enrolment's rows and how facts make them. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar, assert_never

from shared.contracts.directory import (
    MemberKind,
    MembershipFact,
    PersonErased,
    PersonRegistered,
    last_day_after,
)
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlaceFact,
    PlacesSettled,
    RefusalReason,
    Standing,
    WithdrawalReason,
    standing_after,
    what_was_asked,
)
from shared.contracts.model import members
from shared.contracts.notifications import LinkKeyStated
from shared.contracts.planner import Meeting, SessionFact, SessionKind, SessionStanding, session_standing_after
from shared.contracts.rules import StageOpened, TopicDefined
from shared.contracts.selection import CityFact, TownOutcome, outcome_after
from shared.contracts.survey import NeedLevel, NeedState, TrainingNeedDeclared
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.state.working import Answer, Derive, Working
from shared.values import immutable


@immutable
class Stage(FactRow):
    """A stage of the competition and the phase its towns are trained in."""

    KEY: ClassVar = ("rule_id",)

    rule_id: str
    stage: int
    phase: int
    opened_on: dt.date


@immutable
class Topic(FactRow):
    KEY: ClassVar = ("rule_id",)

    rule_id: str
    topic: str
    name_pl: str
    name_en: str


@immutable
class Town(FactRow):
    """One town in one stage; all its rows are its history."""

    KEY: ClassVar = ("city_id", "stage")

    city_id: str
    stage: int
    name: str
    voivodeship: str | None
    population: int | None
    outcome: TownOutcome
    decided_on: dt.date


@immutable
class Person(FactRow):
    KEY: ClassVar = ("person_id",)

    person_id: str
    given_name: str | None
    family_name: str | None
    erased: bool


@immutable
class Membership(FactRow):
    KEY: ClassVar = ("person_id", "city_id", "from_date")

    person_id: str
    city_id: str
    from_date: dt.date
    until_date: dt.date | None
    department: str | None
    role: str | None
    kind: MemberKind

    def covers(self, first: dt.date, last: dt.date) -> bool:
        """Whether the person belongs to the team on any of these days."""
        return self.from_date <= last and (self.until_date is None or self.until_date >= first)


@immutable
class Need(FactRow):
    KEY: ClassVar = ("need_id",)

    need_id: str
    city_id: str
    topic: str
    level: NeedLevel
    audience: str | None
    people: int
    state: NeedState


@immutable
class Session(FactRow):
    KEY: ClassVar = ("session_id",)

    session_id: str
    kind: SessionKind
    phase: int
    topic: str
    city_id: str
    venue: str
    address: str | None
    capacity: int
    meetings: tuple[Meeting, ...]
    starts_at: dt.datetime
    ends_at: dt.datetime
    state: SessionStanding

    @property
    def first_date(self) -> dt.date:
        return min(meeting.starts_local for meeting in self.meetings).date()

    @property
    def last_date(self) -> dt.date:
        return max(meeting.ends_local for meeting in self.meetings).date()


@immutable
class Place(FactRow):
    """One person's place in one session. `queue` is the number of arrival: whoever came first is next."""

    KEY: ClassVar = ("session_id", "person_id")

    session_id: str
    person_id: str
    city_id: str | None
    state: Standing
    episode: int
    basis: Basis | None
    queue: int | None
    reason: WithdrawalReason | None
    """Why it was withdrawn."""
    refusal: RefusalReason | None
    """Why the latest request about it was turned down."""
    place_asked_at: dt.datetime | None
    withdrawal_asked_at: dt.datetime | None
    """When the newest request of each kind that was decided had been appended, of those that came before the start."""
    last_asked_for: AskedFor | None
    last_asked_at: dt.datetime | None
    """The newest request of all, given or not."""
    decided_at: dt.datetime

    @property
    def is_active(self) -> bool:
        return self.state.is_active


@immutable
class Settled(FactRow):
    """Which statement of a session its places were last settled by, with how many seats, and when the session was first heard of."""

    KEY: ClassVar = ("session_id",)

    session_id: str
    session_source: str
    session_event_id: str
    session_version: int
    seats: int | None
    announced_at: dt.datetime | None
    decided_at: dt.datetime


@immutable
class LinkKey(FactRow):
    """A key that notifications signs links with, as it stated it: only the half that tells which are its own."""

    KEY: ClassVar = ("key_id",)

    key_id: str
    audience: str
    public_key: str
    verifies_until: dt.datetime


def stage_of(heard: Heard[StageOpened]) -> Stage:
    body = heard.body
    return Stage(*meta(heard), body.rule_id, body.stage, body.phase, body.opened_on)


def topic_of(heard: Heard[TopicDefined]) -> Topic:
    body = heard.body
    return Topic(*meta(heard), body.rule_id, body.topic, body.name_pl, body.name_en)


def town_of(heard: Heard[CityFact]) -> Town:
    body = heard.body
    return Town(
        *meta(heard),
        body.city_id,
        body.stage,
        body.name,
        body.voivodeship,
        body.population,
        outcome_after(body),
        body.decided_on,
    )


def person_of(heard: Heard[PersonRegistered]) -> Person:
    return Person(*meta(heard), heard.body.person_id, heard.body.given_name, heard.body.family_name, False)


def erased_person_of(heard: Heard[PersonErased]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, True)


def membership_of(heard: Heard[MembershipFact]) -> Membership:
    body = heard.body
    until = last_day_after(body)
    return Membership(
        *meta(heard), body.person_id, body.city_id, body.from_date, until, body.department, body.role, body.kind
    )


def need_of(heard: Heard[TrainingNeedDeclared]) -> Need:
    body = heard.body
    return Need(
        *meta(heard), body.need_id, body.city_id, body.topic, body.level, body.audience, body.people, body.state
    )


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
        body.address,
        body.capacity,
        tuple(meeting.as_named() for meeting in body.meetings),
        body.starts_at,
        body.ends_at,
        session_standing_after(body),
    )


def place_of(heard: Heard[PlaceFact]) -> Place:
    body = heard.body
    reason: WithdrawalReason | None = None
    refusal: RefusalReason | None = None
    match body:
        case ParticipantEnrolled() | ParticipantWaitlisted():
            pass
        case EnrolmentWithdrawn():
            reason = body.reason
        case EnrolmentRefused():
            reason, refusal = body.withdrawn_for, body.reason
        case never:
            assert_never(never)
    return Place(
        *meta(heard),
        body.session_id,
        body.person_id,
        body.city_id,
        standing_after(body),
        body.episode,
        body.basis,
        body.queue,
        reason,
        refusal,
        body.place_asked_at,
        body.withdrawal_asked_at,
        body.last_asked_for,
        body.last_asked_at,
        body.decided_at,
    )


def settled_of(heard: Heard[PlacesSettled]) -> Settled:
    body = heard.body
    return Settled(
        *meta(heard),
        body.session_id,
        body.session_source,
        body.session_event_id,
        body.session_version,
        body.seats,
        body.announced_at,
        body.decided_at,
    )


def link_key_of(heard: Heard[LinkKeyStated]) -> LinkKey:
    body = heard.body
    return LinkKey(*meta(heard), body.key_id, body.audience, body.public_key, body.verifies_until)


def derive(working: Working, old: FactRow | None, new: FactRow, heard: Heard[PlaceFact]) -> None:
    """The answer to a request follows from the fact that gave it."""
    body = heard.body
    if body.request_source and body.request_id:
        working[Answer].put(
            Answer(
                body.request_source,
                body.request_id,
                heard.subject,
                what_was_asked(body),
                body.request_digest,
                type(body).__name__,
                body.episode,
                heard.event_id,
            )
        )


DERIVE: dict[type[FactRow], Derive] = {Place: derive}


MAKE: dict[Any, Any] = {
    StageOpened: stage_of,
    TopicDefined: topic_of,
    PersonRegistered: person_of,
    PersonErased: erased_person_of,
    TrainingNeedDeclared: need_of,
    PlacesSettled: settled_of,
    LinkKeyStated: link_key_of,
    **dict.fromkeys(members(CityFact), town_of),
    **dict.fromkeys(members(MembershipFact), membership_of),
    **dict.fromkeys(members(SessionFact), session_of),
    **dict.fromkeys(members(PlaceFact), place_of),
}
"""Which row each fact makes."""
