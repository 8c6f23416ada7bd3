"""Enrolment's rows. Pure: no SQL, no clock, no decisions; how facts make them stands in applying.py."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import ClassVar
from zoneinfo import ZoneInfo

from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    CallEnd,
    Nominee,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import Details, Meeting, SessionKind, SessionStanding, Terms, gives_until, times_of
from shared.contracts.portal import NominationMode, Reply
from shared.contracts.selection import TownOutcome
from shared.contracts.survey import NeedLevel, NeedState
from shared.state.rows import FactRow, Row
from shared.values import immutable

_BEFORE_ALL = dt.datetime.min.replace(tzinfo=dt.UTC)


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
    merged_into: str | None = None
    """Who they turned out to be."""


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
    terms: Terms
    details: Details

    @property
    def first_date(self) -> dt.date:
        return min(meeting.starts_local for meeting in self.meetings).date()

    @property
    def last_date(self) -> dt.date:
        return max(meeting.ends_local for meeting in self.meetings).date()

    def settles_at(self, announced_at: dt.datetime) -> dt.datetime:
        """From when on nobody comes in by a rule, by when it was first heard of."""
        return self.starts_at if announced_at < self.starts_at else self.ends_at

    def gives_until(self, announced_at: dt.datetime) -> dt.datetime:
        """From when on no free place is given, likewise."""
        return gives_until(self.starts_at, self.ends_at, self.terms.freeze_hours, announced_at)

    @property
    def releases_at(self) -> dt.datetime | None:
        """From when on the places that towns have not used are for all."""
        return begin_of(self.terms.release_date, self.meetings)

    @property
    def decides_at(self) -> dt.datetime | None:
        """When it is looked whether enough have confirmed."""
        return begin_of(self.terms.decision_date, self.meetings)

    @property
    def calls_towns(self) -> bool:
        """Whether towns are called to nominate for it at some time: of the others nobody has to know which towns there are."""
        return self.kind == SessionKind.IN_DEPTH and self.terms.nominations_until is not None

    @property
    def times(self) -> str:
        return times_of(self.meetings)


def begin_of(date: dt.date | None, meetings: Sequence[Meeting]) -> dt.datetime | None:
    """When the day begins where the session is."""
    if date is None:
        return None
    first = min(meetings, key=lambda meeting: meeting.starts_at)
    return dt.datetime.combine(date, dt.time(), ZoneInfo(first.zone)).astimezone(dt.UTC)


@immutable
class Place(FactRow):
    """One person's place in one session. `queue` is the number of arrival."""

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
    priority: int
    queued_at: dt.datetime | None
    """Since when the person is in line."""
    offered_at: dt.datetime | None
    offered_until: dt.datetime | None
    """Of an offer that is open."""
    last_offered_at: dt.datetime | None
    last_offer_ended_at: dt.datetime | None
    """Of the one before that, which is over."""
    reply: Reply
    replied_at: dt.datetime | None
    replied_for: str | None
    """Which times of the session the reply was about."""
    clashes_with: tuple[str, ...]
    """The sessions at the same time of day in which the person has a place."""
    nomination_id: str | None
    substitute_for: str | None
    substituted_by: str | None
    had: Standing | None
    """Of a place that is withdrawn: what it was; of one that is merged, whether it was withdrawn by the office before."""
    withdrawn_at: dt.datetime | None
    decided_at: dt.datetime

    @property
    def is_active(self) -> bool:
        return self.state.is_active

    @property
    def is_removed(self) -> bool:
        """Whether the office has taken it and the person cannot get one by asking; also before they were taken for somebody else, should they
        not be."""
        before = self.reason == WithdrawalReason.MERGED and self.had == Standing.WITHDRAWN
        return self.state == Standing.WITHDRAWN and (before or self.reason == WithdrawalReason.REMOVED_BY_OFFICE)

    @property
    def out_since(self) -> dt.datetime:
        """Of a place that is withdrawn: since when, whatever was asked of it in vain since. An older fact does not say it."""
        return self.withdrawn_at or self.decided_at

    def was_on_offer(self, at: dt.datetime) -> bool:
        """Whether what is on offer no longer, or is anew, was on offer then."""
        made, ended = self.last_offered_at, self.last_offer_ended_at
        return made is not None and ended is not None and made <= at < ended

    @property
    def let_go_at(self) -> dt.datetime | None:
        """When they let an offer go: they wait behind all others since, have left the list by that, or have come in anew. Of an offer that ended
        by nothing they did: None."""
        made, ended = self.last_offered_at, self.last_offer_ended_at
        if made is None or ended is None or self.reason in _LETS_GO:
            return ended
        waits_behind = self.queued_at is not None and ended <= self.queued_at
        return ended if waits_behind else None

    @property
    def tag(self) -> str:
        """The same while nothing is said anew of it."""
        return str(self.version)

    @property
    def in_line(self) -> tuple[int, dt.datetime, int, str]:
        """Whoever has the lowest is next: priority given by the office, then who came first."""
        return in_line(self.priority, self.queued_at, self.queue, self.person_id)


_LETS_GO = (WithdrawalReason.OFFER_DECLINED, WithdrawalReason.OFFER_EXPIRED)


def in_line(
    priority: int, queued_at: dt.datetime | None, queue: int | None, person_id: str
) -> tuple[int, dt.datetime, int, str]:
    """The order of everybody in a session."""
    return -priority, queued_at or _BEFORE_ALL, queue or 0, person_id


@immutable
class Nomination(FactRow):
    """What became of the people whom a town nominated in one request."""

    KEY: ClassVar = ("session_id", "nomination_id")

    session_id: str
    nomination_id: str
    city_id: str
    mode: NominationMode
    people: tuple[Nominee, ...]
    request_source: str
    request_id: str
    asked_at: dt.datetime
    decided_at: dt.datetime


@immutable
class Call(FactRow):
    """That a town is, or was, called to nominate people for a session."""

    KEY: ClassVar = ("session_id", "city_id")

    session_id: str
    city_id: str
    places: int
    until: dt.datetime
    ended: CallEnd | None
    """Why it was taken back."""
    decided_at: dt.datetime


@immutable
class Line(Row):
    """The highest number of arrival in a session: whoever comes next has the one after it."""

    KEY: ClassVar = ("session_id",)

    session_id: str
    last_number: int


@immutable
class Correction(FactRow):
    """What the office has laid over the planner's word about a session, and what the planner's word was then."""

    KEY: ClassVar = ("session_id",)

    session_id: str
    capacity: int | None
    planned_capacity: int | None
    places_per_town: int | None
    planned_places_per_town: int | None
    asked_at: dt.datetime | None
    """When what it follows from had been appended."""
    decided_at: dt.datetime


@immutable
class Settled(FactRow):
    """Which statement of a session its places were last settled by, with how many seats, when the session was first heard of, and
    which of its moments have been decided."""

    KEY: ClassVar = ("session_id",)

    session_id: str
    session_source: str
    session_event_id: str
    session_version: int
    seats: int | None
    announced_at: dt.datetime | None
    decided_moments: tuple[str, ...]
    decided_at: dt.datetime

    def is_by(self, session: Session) -> bool:
        """Whether by this statement of it."""
        by = (self.session_source, self.session_event_id, self.session_version)
        return by == (session.source, session.event_id, session.version)


@immutable
class Risk(FactRow):
    """That too few had confirmed, when that was looked at last."""

    KEY: ClassVar = ("session_id",)

    session_id: str
    minimum: int
    confirmed: int
    enrolled: int
    decided_at: dt.datetime
