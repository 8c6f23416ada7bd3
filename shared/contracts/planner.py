"""What the planner publishes: the dated trainings."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Self, TypeVar, assert_never
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from shared.contracts.directory import MemberKind
from shared.contracts.model import (
    Fact,
    Id,
    Line,
    LocalTime,
    OptionalLine,
    Part,
    Text,
    TrainingDate,
    TrainingMoment,
    Zone,
)

Phase = Annotated[int, Field(strict=True, ge=1, le=99)]
Hours = Annotated[int, Field(strict=True, ge=0, le=24 * 365)]


class SessionKind(StrEnum):
    SUPPLEMENTARY = "supplementary"
    IN_DEPTH = "in_depth"


class SessionStanding(StrEnum):
    """Whether a session takes place, after a fact about it."""

    DRAFT = "draft"
    """Planned, and nobody is invited: its places stand as they are, and what is asked waits until it is scheduled."""
    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    """It has taken place."""

    @property
    def takes_place(self) -> bool:
        """Whether people are to come, or have come."""
        match self:
            case SessionStanding.SCHEDULED | SessionStanding.COMPLETED:
                return True
            case SessionStanding.DRAFT | SessionStanding.CANCELLED:
                return False
            case never:
                assert_never(never)


class SessionFormat(StrEnum):
    """Where people meet."""

    ON_SITE = "on_site"
    ONLINE = "online"
    HYBRID = "hybrid"


class FreePlaces(StrEnum):
    """How a free place is given to whoever waits first."""

    AT_ONCE = "at_once"
    OFFERED = "offered"
    """It is held for them until they answer, for so many hours."""


class OfferHours(StrEnum):
    """Which hours of an offer count."""

    ALL = "all"
    WORKING = "working"
    """8 to 16 on Polish working days, by Polish wall time."""


class AfterOffer(StrEnum):
    """What becomes of who declines an offer or lets it pass."""

    LEAVES = "leaves"
    TO_THE_END = "to_the_end"
    """They wait on, behind all others."""


@functools.lru_cache(maxsize=4096)
def _instant(local: dt.datetime, fold: int, zone: str) -> dt.datetime:
    """Remembered, because every scan asks when its meeting is. By `fold` too: the two readings of an hour that comes twice are equal."""
    return local.replace(tzinfo=ZoneInfo(zone)).astimezone(dt.UTC)


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
        return _instant(self.starts_local, self.starts_local.fold, self.zone)

    @property
    def ends_at(self) -> dt.datetime:
        return _instant(self.ends_local, self.ends_local.fold, self.zone)


def times_of(meetings: Iterable[Meeting]) -> str:
    """The same for the same times: what somebody said to others they have not said to these."""
    days = sorted((meeting.starts_at.isoformat(), meeting.ends_at.isoformat()) for meeting in meetings)
    return hashlib.blake2b(repr(days).encode(), digest_size=12).hexdigest()


def gives_until(
    starts_at: dt.datetime, ends_at: dt.datetime, freeze_hours: int, announced_at: dt.datetime
) -> dt.datetime:
    """From when on a session's places do not move any more, by when it was first heard of: when it is frozen; if nobody had heard of it by
    then, when it begins; nor by then, when it is over."""
    freezes_at = starts_at - dt.timedelta(hours=freeze_hours)
    return next((moment for moment in (freezes_at, starts_at) if announced_at < moment), ends_at)


class OutsideTask(StrEnum):
    """What somebody fills in elsewhere because of a session."""

    PRE_TEST = "pre_test"
    """Before it."""
    POST_TEST = "post_test"
    """After it, as the questionnaire: by whoever was there."""
    QUESTIONNAIRE = "questionnaire"


CODE_FIELD = "{code}"
"""Where in a link the code of whoever opens it goes."""
_IN_LINKS = r"[A-Za-z0-9._~:/?#@!$&()*+,;=%-]"
OutsideLink = Annotated[
    str,
    StringConstraints(
        max_length=500,
        pattern=rf"^https://[A-Za-z0-9]([A-Za-z0-9.-]{{0,251}}[A-Za-z0-9])?(:[0-9]{{1,5}})?([/?#]{_IN_LINKS}*(\{{code\}}{_IN_LINKS}*)?)?$",
    ),
]
"""An https address of somebody else's, with nobody's name or password in it. `{code}`, behind the host and once, becomes a code that is
each person's own in this session, says nothing of them, and is what the tool names in `OutsideTaskDone`."""


class TaskGiven(Part):
    """Where something is to be filled in, and by when."""

    link: OutsideLink
    until: TrainingMoment | None = None
    """Not said: a test before the session until it begins, what follows it for two weeks. What is said later than the beginning of the
    session, or half a year after its end, is read as that."""
    remind_days: Annotated[int, Field(strict=True, ge=1, le=60)] = 2
    """So many days before the last day whoever has not filled it in is reminded, once; on the working day before, if that is none."""


class Coordinates(Part):
    """A place on the map, in degrees."""

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class Admits(Part):
    """Who may come to a session: members of a team of whom all that is said here is true. What is empty admits everybody."""

    phases: Annotated[tuple[Phase, ...], Field(max_length=20)] = ()
    """The towns that take part in one of these phases, instead of the session's own."""
    stages: Annotated[tuple[Phase, ...], Field(max_length=20)] = ()
    """The towns that qualified in one of these stages."""
    cities: Annotated[tuple[Id, ...], Field(max_length=200)] = ()
    kinds: Annotated[tuple[MemberKind, ...], Field(max_length=10)] = ()
    departments: Annotated[tuple[Line, ...], Field(max_length=50)] = ()
    roles: Annotated[tuple[Line, ...], Field(max_length=50)] = ()

    @property
    def speaks_of_people(self) -> bool:
        """Whether not everybody of a team is meant."""
        return bool(self.kinds or self.departments or self.roles)


class Terms(Part):
    """What a session says of who gets a place in it, how and until when, and of what a certificate takes. What it does not say does not
    limit anybody."""

    minimum: Annotated[int, Field(strict=True, ge=1, le=5_000)] | None = None
    """How many have to have confirmed on the decision day."""
    places_per_town: Annotated[int, Field(strict=True, ge=1, le=5_000)] | None = None
    """How many of one town may have a place before the release date, or to the end without one; places beside the rules do not count."""
    release_date: TrainingDate | None = None
    """From this day on the places that towns have not used go to the others, in their order."""
    admits: Admits | None = None
    by_oneself: bool = True
    """Whether people may ask for a place without their coordinator."""
    opens_at: TrainingMoment | None = None
    closes_at: TrainingMoment | None = None
    """When requests and nominations are taken; what was sent earlier or later is refused."""
    nominations_until: TrainingMoment | None = None
    """Towns are called to nominate, and may until then."""
    free_places: FreePlaces = FreePlaces.AT_ONCE
    offer_hours: Annotated[int, Field(strict=True, ge=1, le=24 * 60)] = 48
    offer_hours_count: OfferHours = OfferHours.ALL
    after_offer: AfterOffer = AfterOffer.LEAVES
    freeze_hours: Hours = 0
    """For so long before it begins nobody gets a place any more, and what was confirmed stays so."""
    decision_date: TrainingDate | None = None
    """The day on which it is looked whether enough have confirmed."""
    certificate_minutes: Annotated[int, Field(strict=True, ge=1, le=60 * 24 * 60)] | None = None
    """For how many minutes somebody has to have been there, over all meetings, to get a certificate. Not said: for the share of the
    whole that the installation asks for. More than it lasts: nobody gets one."""


class Details(Part):
    """What a session says of itself beside when, where and for whom."""

    coordinates: Coordinates | None = None
    format: SessionFormat = SessionFormat.ON_SITE
    trainers: Annotated[tuple[Id, ...], Field(max_length=20)] = ()
    """Person ids; whoever is no longer among them has been replaced."""
    partner: OptionalLine | None = None
    """The organisation that holds it."""
    contact: OptionalLine | None = None
    """Whom to ask: an office's address or number, nobody's own."""
    note: Text | None = None
    """What to know before coming: where to park, what to bring."""
    needs: Annotated[tuple[Id, ...], Field(max_length=200)] = ()
    """The declared needs that it serves."""
    pre_test: TaskGiven | None = None
    post_test: TaskGiven | None = None
    questionnaire: TaskGiven | None = None
    """What people fill in elsewhere: before they come, and after they were there."""


class SessionState(Terms, Details, Fact):
    """One dated training with its meetings; the aggregate is the session.

    A supplementary session trains the team of `city_id`; an in-depth session takes place there for several towns.
    """

    stream = "programme.sessions"
    subject = "session/{session_id}"

    session_id: Id
    kind: SessionKind
    phase: Phase
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

    @property
    def terms(self) -> Terms:
        return _part_of(self, Terms)

    @property
    def details(self) -> Details:
        return _part_of(self, Details)


P = TypeVar("P", bound=Part)


def _part_of(whole: Part, kind: type[P]) -> P:
    """Its fields, as the contract names them and nothing beside: a row keeps them."""
    values: dict[str, Any] = {}
    for name in kind.model_fields:
        value = getattr(whole, name)
        values[name] = value.as_named() if isinstance(value, Part) else value
    return kind.model_construct(**values)


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


class SessionDrafted(SessionState):
    """The session is being planned: nobody is invited yet, or any more."""

    example: ClassVar[Mapping[str, object]] = _SESSION | {
        "kind": "in_depth",
        "capacity": 20,
        "minimum": 12,
        "places_per_town": 4,
        "release_date": "2026-10-10",
        "admits": {"phases": [1], "kinds": ["project_staff", "coordinator"]},
        "by_oneself": False,
        "opens_at": "2026-09-01T06:00:00Z",
        "closes_at": "2026-10-20T22:00:00Z",
        "nominations_until": "2026-10-09T22:00:00Z",
        "free_places": "offered",
        "offer_hours": 16,
        "offer_hours_count": "working",
        "after_offer": "to_the_end",
        "freeze_hours": 24,
        "decision_date": "2026-10-16",
        "coordinates": {"latitude": 53.8434, "longitude": 22.9797},
        "format": "hybrid",
        "trainers": ["person-0901"],
        "partner": "Związek Miast Polskich",
        "contact": "szkolenia@example.org",
        "note": "Parking od ul. Młyńskiej. Prosimy zabrać laptop.",
        "needs": ["need-0001"],
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


class SessionCompleted(SessionState):
    """The session has taken place, as it says here."""

    example: ClassVar[Mapping[str, object]] = _SESSION


SessionFact = SessionDrafted | SessionScheduled | SessionRescheduled | SessionCancelled | SessionCompleted


def session_standing_after(fact: SessionFact) -> SessionStanding:
    """Whether the session takes place, by what was said of it last."""
    match fact:
        case SessionDrafted():
            return SessionStanding.DRAFT
        case SessionScheduled() | SessionRescheduled():
            return SessionStanding.SCHEDULED
        case SessionCompleted():
            return SessionStanding.COMPLETED
        case SessionCancelled():
            return SessionStanding.CANCELLED
        case never:
            assert_never(never)
