"""What enrolment publishes: who has a place, who waits, who does not."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, assert_never

from pydantic import Field

from shared.contracts.answers import CalendarAnswered
from shared.contracts.model import Count, Digest, Fact, Id, Line, Moment, Part, Version, members
from shared.contracts.office import (
    HIGHEST_PRIORITY,
    MOST_PLACES,
    CorrectionRequested,
    ExtraPlaceRequested,
    OfficeDecision,
    PriorityRequested,
    RemovalLiftRequested,
    RemovalRequested,
)
from shared.contracts.portal import (
    EnrolmentRequest,
    EnrolmentRequested,
    NominationMode,
    OfferAnswer,
    OfferAnswered,
    PeopleNominated,
    Reply,
    ReplyGiven,
    SubstitutionRequested,
    WithdrawalRequested,
)


class Basis(StrEnum):
    """Why a person has, or would have, a place."""

    TEAM = "team"
    REQUEST = "request"
    OFFICE = "office"
    """The office gave it outside the rules: it counts against neither the room nor the share of a town."""
    NOMINATION = "nomination"
    """By the coordinator of the town whose place it is."""


class WithdrawalReason(StrEnum):
    """Why a place was given up. What a rule took is given back when its cause goes; whoever is out for another reason stays out
    until they ask again."""

    REQUESTED = "requested"
    """By whoever has it, also by declining when asked whether they will come."""
    OFFER_DECLINED = "offer_declined"
    OFFER_EXPIRED = "offer_expired"
    """Nobody answered the offer of a free place in time."""
    LEFT_TEAM = "left_team"
    """The membership of the town's team ended before the session."""
    NOT_IN_TEAM = "not_in_team"
    """On the days of the session the person is in no team that it is for: it was moved, or is for another town now."""
    TOWN_WITHDRAWN = "town_withdrawn"
    TOWN_NOT_QUALIFIED = "town_not_qualified"
    """The town takes no part in the session's phase, and has not withdrawn either."""
    NOT_ADMITTED = "not_admitted"
    """The session is for others: other stages, towns, kinds of members, departments or roles."""
    PERSON_ERASED = "person_erased"
    REMOVED_BY_OFFICE = "removed_by_office"
    """Whoever it was cannot get a place by asking, until the office gives one or lifts it."""
    REMOVAL_LIFTED = "removal_lifted"
    """The office had removed them; they may ask again."""
    SUBSTITUTED = "substituted"
    """The town sends somebody else instead."""
    MERGED = "merged"
    """The person is somebody else who is known here: the place is theirs, `merged_into`."""

    @property
    def is_given_back(self) -> bool:
        """Whether a rule took the place, which is given back when its cause goes."""
        match self:
            case (
                WithdrawalReason.LEFT_TEAM
                | WithdrawalReason.NOT_IN_TEAM
                | WithdrawalReason.TOWN_WITHDRAWN
                | WithdrawalReason.TOWN_NOT_QUALIFIED
                | WithdrawalReason.NOT_ADMITTED
            ):
                return True
            case (
                WithdrawalReason.REQUESTED
                | WithdrawalReason.OFFER_DECLINED
                | WithdrawalReason.OFFER_EXPIRED
                | WithdrawalReason.PERSON_ERASED
                | WithdrawalReason.REMOVED_BY_OFFICE
                | WithdrawalReason.REMOVAL_LIFTED
                | WithdrawalReason.SUBSTITUTED
                | WithdrawalReason.MERGED
            ):
                return False
            case never:
                assert_never(never)


class RefusalReason(StrEnum):
    ALREADY_PLACED = "already_placed"
    NO_PLACE = "no_place"
    NOT_IN_TEAM = "not_in_team"
    TOWN_NOT_QUALIFIED = "town_not_qualified"
    SESSION_CANCELLED = "session_cancelled"
    SESSION_STARTED = "session_started"
    NEVER_KNOWN = "never_known"
    PERSON_ERASED = "person_erased"
    WITHDRAWN_SINCE = "withdrawn_since"
    """It was sent before a withdrawal that is decided already."""
    ASKED_SINCE = "asked_since"
    """The withdrawal was sent before a request for a place that is decided already."""
    SESSION_MOVED = "session_moved"
    """It was said of other times than the session has now."""
    NOT_OPEN_YET = "not_open_yet"
    ENROLMENT_CLOSED = "enrolment_closed"
    FROZEN = "frozen"
    """So shortly before it begins nothing is changed any more."""
    NOT_BY_ONESELF = "not_by_oneself"
    """The session takes nominations by coordinators only."""
    NOT_ADMITTED = "not_admitted"
    """The session is for others: other stages, towns, kinds of members, departments or roles."""
    NO_OFFER = "no_offer"
    """Nothing is on offer to the person, or what is was offered after this had been sent."""
    OFFER_EXPIRED = "offer_expired"
    REMOVED_BY_OFFICE = "removed_by_office"
    """The office has taken the place, and has not lifted that."""
    OVERLAPS = "overlaps"
    """The person has a place in another session at the same time of day: `other_session_id` says in which."""
    NOMINATIONS_CLOSED = "nominations_closed"
    """The nomination was sent after the day until which towns may nominate."""
    TEAM_BY_RULE = "team_by_rule"
    """The session has its town's whole team: nobody is nominated for it."""
    NOT_OF_TOWN = "not_of_town"
    """On the days of the session the person is not in the team of the town that asks; or the place is not that town's."""
    DOES_NOT_FIT = "does_not_fit"
    """The person could have come; but all were to come or none, and not all can."""


class AskedFor(StrEnum):
    """What a request asks for."""

    PLACE = "place"
    WITHDRAWAL = "withdrawal"
    OFFER = "offer"
    REPLY = "reply"
    NOMINATION = "nomination"
    SUBSTITUTION = "substitution"
    EXTRA_PLACE = "extra_place"
    PRIORITY = "priority"
    REMOVAL = "removal"
    REMOVAL_LIFT = "removal_lift"
    CORRECTION = "correction"

    @property
    def is_a_word(self) -> bool:
        """Whether it says that the person will come, or will not: the newest such word counts. A place that the office gives is given
        to somebody who will come."""
        match self:
            case (
                AskedFor.PLACE
                | AskedFor.WITHDRAWAL
                | AskedFor.OFFER
                | AskedFor.REPLY
                | AskedFor.NOMINATION
                | AskedFor.SUBSTITUTION
                | AskedFor.EXTRA_PLACE
            ):
                return True
            case AskedFor.PRIORITY | AskedFor.REMOVAL | AskedFor.REMOVAL_LIFT | AskedFor.CORRECTION:
                return False
            case never:
                assert_never(never)


class Standing(StrEnum):
    """How a place stands after a fact about it."""

    # Whoever asks how one stands asks what that means, as the properties say, unless just this standing is meant.

    NONE = "none"
    ENROLLED = "enrolled"
    OFFERED = "offered"
    """A free place is held for the person until they answer."""
    WAITLISTED = "waitlisted"
    WITHDRAWN = "withdrawn"

    @property
    def has_seat(self) -> bool:
        """Whether the person is awaited, and told so."""
        match self:
            case Standing.ENROLLED:
                return True
            case Standing.NONE | Standing.OFFERED | Standing.WAITLISTED | Standing.WITHDRAWN:
                return False
            case never:
                assert_never(never)

    @property
    def takes_seat(self) -> bool:
        """Whether nobody else can have the seat."""
        match self:
            case Standing.ENROLLED | Standing.OFFERED:
                return True
            case Standing.NONE | Standing.WAITLISTED | Standing.WITHDRAWN:
                return False
            case never:
                assert_never(never)

    @property
    def is_active(self) -> bool:
        """Whether the person has a seat or may get one: there is something to lose, or to give back."""
        match self:
            case Standing.ENROLLED | Standing.OFFERED | Standing.WAITLISTED:
                return True
            case Standing.NONE | Standing.WITHDRAWN:
                return False
            case never:
                assert_never(never)

    @property
    def waits(self) -> bool:
        """Whether the person stands in line for a seat."""
        return self.is_active and not self.takes_seat

    @property
    def is_pending(self) -> bool:
        """Whether the person is not awaited and may come to be: they wait, or are asked."""
        return self.is_active and not self.has_seat

    @property
    def fate(self) -> RequestFate:
        """What became of a request for a place that was granted, and stands so now: in the books."""
        return RequestFate(self) if self.is_active else RequestFate.WITHDRAWN

    @property
    def weight(self) -> int:
        """Of two places of one human in a session the one that weighs more is kept."""
        match self:
            case Standing.ENROLLED:
                return 4
            case Standing.OFFERED:
                return 3
            case Standing.WAITLISTED:
                return 2
            case Standing.WITHDRAWN:
                return 1
            case Standing.NONE:
                return 0
            case never:
                assert_never(never)


SEATED = tuple(standing for standing in Standing if standing.has_seat)
SEAT_TAKING = tuple(standing for standing in Standing if standing.takes_seat)
ACTIVE = tuple(standing for standing in Standing if standing.is_active)
IN_LINE = tuple(standing for standing in Standing if standing.waits)
"""The same for SQL, and for whoever goes through many rows."""

LAST_EPISODE, LAST_NUMBER = 10**6, 10**9


class Numbers(Part):
    """The numbers by which seats were given, as they were once that was done."""

    seats: Count
    """How many may have a place."""
    taken: Count
    """How many of these are taken or on offer. More than there are: nobody loses one to a smaller room."""
    places_per_town: Count | None = None
    """How many of one town may have one; none: as many as there are."""
    taken_by_town: Count | None = None
    """By the town whose place this is, or would be."""
    are_given: bool = True
    """Whether free seats were given then: not so shortly before the session begins, nor while it does not take place."""


class PlaceState(Fact):
    """One person's place in one session; the aggregate is (session, person).

    `episode` counts how often the person came into the session. Those who wait are in the order of `priority`, the highest first,
    then of `queued_at`, then of `queue`, the number of arrival.
    `request_source` and `request_id` name the request that this fact answers, if it does, `asked_for` and `request_digest` tell what it
    asked.
    `place_asked_at` and `withdrawal_asked_at`
    say when the newest request for a place, and the newest withdrawal, that were decided had been appended: requests may be
    heard in another order than they were sent in, and what was sent before the other's word no longer counts. What came after
    the start is not among them, for it could change nothing; `last_asked_for` and `last_asked_at` are the newest request of
    all, given or not: should the session lie ahead again, nobody is brought in by a rule, or kept in, who said last that they
    will not come.
    """

    stream = "enrolment.events"
    subject = "session/{session_id}/person/{person_id}"
    becomes: ClassVar[Standing]
    """How the place stands by it; a refusal alone leaves it as it stands."""

    session_id: Id
    person_id: Id
    city_id: Id | None = None
    episode: Annotated[int, Field(strict=True, ge=0, le=LAST_EPISODE)]
    basis: Basis | None = None
    queue: Annotated[int, Field(strict=True, ge=0, le=LAST_NUMBER)] | None = None
    request_source: Line | None = None
    request_id: Line | None = None
    request_digest: Digest | None = None
    asked_for: AskedFor | None = None
    place_asked_at: Moment | None = None
    withdrawal_asked_at: Moment | None = None
    last_asked_for: AskedFor | None = None
    last_asked_at: Moment | None = None
    priority: Annotated[int, Field(strict=True, ge=0, le=HIGHEST_PRIORITY)] = 0
    queued_at: Moment | None = None
    """Since when the person is in line: when what brought them in had been appended, or when they joined the team. None: before all."""
    offered_at: Moment | None = None
    offered_until: Moment | None = None
    """When the place was offered, and until when it is held: of an offer that is open."""
    last_offered_at: Moment | None = None
    last_offer_ended_at: Moment | None = None
    """Of the offer before that, which is over: when it was made, and since when it is. What was sent between the two was an answer to it. The
    second alone: when who has come in anew since had let one go."""
    reply: Reply = Reply.NONE
    replied_at: Moment | None = None
    replied_for: Digest | None = None
    """Which times of the session the person's reply was about."""
    nomination_id: Digest | None = None
    """Which nomination brought the person in."""
    substitute_for: Id | None = None
    """Whose place it was, if the person came instead of somebody."""
    substituted_by: Id | None = None
    """Who came instead."""
    had: Standing | None = None
    """Of a place that is withdrawn: what it was. What a rule took is given back as that, and as no more. `withdrawn`, of one that is `merged`:
    the office had removed them before, and they stay so should they be somebody of their own after all."""
    withdrawn_at: Moment | None = None
    """Since when it is, also if something was asked of it in vain since."""
    clashes_with: Annotated[tuple[Id, ...], Field(max_length=100)] = ()
    """The other sessions at the same time of day in which the person has a place: of who has one here, too, for somebody to resolve;
    of who waits, why others are before them."""
    decided_by: Line | None = None
    """Who of the office decided this, if it is a decision of the office; `note` says why."""
    note: Line | None = None
    asked_at: Moment | None = None
    """When the request that this answers had been appended."""
    numbers: Numbers | None = None
    """By which it was decided, if it was about seats."""
    session_event_id: Line | None = None
    session_version: Version | None = None
    """By which statement of the session it was decided: not always the newest that had been appended by then."""
    decided_at: Moment


_PLACE: dict[str, object] = {
    "session_id": "session-0101",
    "person_id": "person-0001",
    "city_id": "geonames:776597",
    "episode": 1,
    "basis": "request",
    "request_source": "urn:example:portal",
    "request_id": "0199aa00-0000-7000-8000-000000000001",
    "request_digest": "6f1c0a52b7e94d0f8a3c2b1d",
    "decided_at": "2026-10-01T08:15:00.000000Z",
}


class ParticipantEnrolled(PlaceState):
    """The person has a place."""

    becomes = Standing.ENROLLED
    example: ClassVar[Mapping[str, object]] = _PLACE


class ParticipantWaitlisted(PlaceState):
    """There is no place for the person now; they wait, and are next when they are the first in line for whom there is one."""

    becomes = Standing.WAITLISTED
    example: ClassVar[Mapping[str, object]] = _PLACE | {"queue": 3, "queued_at": "2026-10-01T08:15:00.000000Z"}


class PlaceOffered(PlaceState):
    """A place has become free, and is held for the person until `offered_until`."""

    becomes = Standing.OFFERED
    example: ClassVar[Mapping[str, object]] = _PLACE | {
        "queue": 3,
        "queued_at": "2026-10-01T08:15:00.000000Z",
        "offered_at": "2026-10-05T09:00:00.000000Z",
        "offered_until": "2026-10-07T09:00:00.000000Z",
    }


class EnrolmentWithdrawn(PlaceState):
    """The place, or the place in the waiting list, was given back or taken back."""

    becomes = Standing.WITHDRAWN
    reason: WithdrawalReason
    merged_into: Id | None = None
    """Whose place it is now, if the two turned out to be one human."""
    example: ClassVar[Mapping[str, object]] = _PLACE | {"reason": "requested"}


class EnrolmentRefused(PlaceState):
    """A request was turned down; `standing` says how the person's place stands all the same."""

    asked_for: AskedFor
    reason: RefusalReason
    standing: Standing
    withdrawn_for: WithdrawalReason | None = None
    """Why the place, if it stands withdrawn, was given up."""
    other_session_id: Id | None = None
    """The session in which the person has a place at the same time of day, if that is why."""
    answered: OfferAnswer | None = None
    """Of the answer to an offer: which it was."""
    example: ClassVar[Mapping[str, object]] = _PLACE | {
        "episode": 0,
        "asked_for": "place",
        "reason": "not_in_team",
        "standing": "none",
    }


class RequestFate(StrEnum):
    """What became of a request for a place, in the books."""

    ENROLLED = "enrolled"
    OFFERED = "offered"
    WAITLISTED = "waitlisted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    HELD = "held"


PlaceChange = ParticipantEnrolled | ParticipantWaitlisted | PlaceOffered | EnrolmentWithdrawn
PlaceFact = PlaceChange | EnrolmentRefused
FACT_OF: Mapping[Standing, type[PlaceState]] = {kind.becomes: kind for kind in reversed(members(PlaceChange))}
"""Which fact says that a place stands so; of several the first of the union."""


def standing_after(fact: PlaceFact) -> Standing:
    """How the place stands, by what was said of it last."""
    return fact.standing if isinstance(fact, EnrolmentRefused) else fact.becomes


def changes_to(*standings: Standing) -> frozenset[type[PlaceState]]:
    """The facts by which a place comes to stand so."""
    return frozenset(kind for kind in members(PlaceChange) if kind.becomes in standings)


def what_was_asked(fact: PlaceFact) -> AskedFor:
    """What had been asked for, where the fact answers a request: as it says, or as its kind tells."""
    if fact.asked_for is not None:
        return fact.asked_for
    return AskedFor.WITHDRAWAL if standing_after(fact) == Standing.WITHDRAWN else AskedFor.PLACE


def what_it_asks(request: EnrolmentRequest | CalendarAnswered | OfficeDecision) -> AskedFor:
    match request:
        case EnrolmentRequested():
            return AskedFor.PLACE
        case WithdrawalRequested():
            return AskedFor.WITHDRAWAL
        case OfferAnswered():
            return AskedFor.OFFER
        case ReplyGiven() | CalendarAnswered():
            return AskedFor.REPLY
        case PeopleNominated():
            return AskedFor.NOMINATION
        case SubstitutionRequested():
            return AskedFor.SUBSTITUTION
        case ExtraPlaceRequested():
            return AskedFor.EXTRA_PLACE
        case PriorityRequested():
            return AskedFor.PRIORITY
        case RemovalRequested():
            return AskedFor.REMOVAL
        case RemovalLiftRequested():
            return AskedFor.REMOVAL_LIFT
        case CorrectionRequested():
            return AskedFor.CORRECTION
        case never:
            assert_never(never)


class SessionMoment(StrEnum):
    """A moment at which something about a session is decided, be it that there is nothing to say."""

    NOMINATIONS_OPEN = "nominations_open"
    """Towns are called to nominate."""
    PLACES_RELEASED = "places_released"
    """What towns have not used is for all."""
    SESSION_DECIDED = "session_decided"
    """Have enough confirmed?"""


class PlacesSettled(Fact):
    """The places of a session follow from this statement of it: whatever enrolment decided because of it has been said before.

    Said once for each statement of a session that enrolment heard, and again when one of its moments has been decided. Whoever hears sessions too can wait for it before telling
    people something that enrolment is about to take back.
    """

    stream = "enrolment.events"
    subject = "session/{session_id}/places"
    only_by_owner = True

    session_id: Id
    session_source: Line
    session_event_id: Line
    session_version: Version
    """With source and id: which statement of the session, also if its writer gives all of them one id."""
    seats: Count | None = None
    """How many may have a place. Once the session has begun: as many as it had when it began."""
    announced_at: Moment | None = None
    """When the session was first heard of as one that takes place: a draft announces nothing. One that was announced before it began is settled
    for good when it begins."""
    decided_moments: tuple[SessionMoment, ...] = ()
    """The moments of this statement that have been decided."""
    decided_at: Moment
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "session_source": "urn:example:planner",
        "session_event_id": "0199aa00-0000-7000-8000-000000000007",
        "session_version": 3,
        "seats": 40,
        "announced_at": "2026-09-01T07:00:00.000000Z",
        "decided_at": "2026-10-01T08:15:00.000000Z",
    }


class SessionAtRisk(Fact):
    """On the decision day fewer people had confirmed than the session needs."""

    stream = "enrolment.events"
    subject = "session/{session_id}/risk"
    only_by_owner = True

    session_id: Id
    minimum: Count
    confirmed: Count
    enrolled: Count
    """Who has a place, confirmed or not."""
    decided_at: Moment
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "minimum": 12,
        "confirmed": 9,
        "enrolled": 14,
        "decided_at": "2026-10-16T08:15:00.000000Z",
    }


class TermsCorrected(Fact):
    """What the office has laid over the planner's word about the room of a session; nothing: the planner's word holds.

    A value holds for as long as the planner says what it was laid over. Once the planner says another one, that holds, and a fact
    says so: the planner's former value does not bring the correction back.
    """

    stream = "enrolment.events"
    subject = "session/{session_id}/correction"
    only_by_owner = True

    session_id: Id
    capacity: Annotated[int, Field(strict=True, ge=1, le=MOST_PLACES)] | None = None
    planned_capacity: Annotated[int, Field(strict=True, ge=1, le=MOST_PLACES)] | None = None
    """What the planner says, over which `capacity` is laid."""
    places_per_town: Annotated[int, Field(strict=True, ge=1, le=MOST_PLACES)] | None = None
    planned_places_per_town: Annotated[int, Field(strict=True, ge=1, le=MOST_PLACES)] | None = None
    """What the planner says, over which `places_per_town` is laid; none: no share."""
    request_source: Line | None = None
    request_id: Line | None = None
    request_digest: Digest | None = None
    decided_by: Line | None = None
    """Who of the office; nobody: the planner has said another value."""
    note: Line | None = None
    asked_at: Moment | None = None
    """When that had been appended which it follows from: what the office asked, or the planner's other value."""
    decided_at: Moment
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "capacity": 24,
        "planned_capacity": 20,
        "request_source": "rollcall/enrolment/office",
        "request_id": "0199aa00-0000-7000-8000-000000000011",
        "request_digest": "6f1c0a52b7e94d0f8a3c2b1d",
        "decided_by": "office",
        "note": "the room was counted anew",
        "decided_at": "2026-10-01T08:15:00.000000Z",
    }


class Nominee(Part):
    """What became of one of the people who were nominated."""

    person_id: Id
    standing: Standing
    """How their place in the session stands after it."""
    reason: RefusalReason | None = None
    """Why they were refused, if they were."""
    other_session_id: Id | None = None
    """The session in which they have a place at the same time of day, if that is why."""


class NominationAnswered(Fact):
    """What became of everybody whom a town nominated; said after all that was decided because of it."""

    stream = "enrolment.events"
    subject = "session/{session_id}/nomination/{nomination_id}"
    only_by_owner = True

    session_id: Id
    nomination_id: Digest
    """The same for the same request."""
    city_id: Id
    mode: NominationMode
    people: Annotated[tuple[Nominee, ...], Field(min_length=1, max_length=60)]
    """In the order in which they were named."""
    request_source: Line
    request_id: Line
    request_digest: Digest
    asked_at: Moment
    """When the nomination was heard."""
    numbers: Numbers | None = None
    """How many seats were taken when not all could come that were to come together."""
    decided_at: Moment
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "nomination_id": "0b9d2f6c1e7a4853a9c0d1e2",
        "city_id": "geonames:776597",
        "mode": "as_many_as_fit",
        "people": [
            {"person_id": "person-0001", "standing": "enrolled"},
            {"person_id": "person-0002", "standing": "waitlisted"},
            {"person_id": "person-0003", "standing": "none", "reason": "not_of_town"},
        ],
        "request_source": "urn:example:portal",
        "request_id": "0199aa00-0000-7000-8000-000000000011",
        "request_digest": "6f1c0a52b7e94d0f8a3c2b1d",
        "asked_at": "2026-10-01T08:14:59.000000Z",
        "decided_at": "2026-10-01T08:15:00.000000Z",
    }


class CallEnd(StrEnum):
    """Why a town is no longer called to nominate."""

    TOWN_NOT_ELIGIBLE = "town_not_eligible"
    """It takes no part in what the session is for, or the session is for other towns."""
    SESSION_OFF = "session_off"
    """The session is cancelled, a draft again, or over."""
    NO_NOMINATIONS = "no_nominations"
    """The session takes no nominations any more."""
    NOT_OPEN = "not_open"
    """Enrolment opens later than it was said."""
    CLOSED = "closed"
    """The deadline was moved to a moment that has passed."""


class CallState(Fact):
    """That a town is called to nominate people for a session; the aggregate is (session, town)."""

    stream = "enrolment.events"
    subject = "session/{session_id}/city/{city_id}"
    only_by_owner = True

    session_id: Id
    city_id: Id
    places: Annotated[int, Field(strict=True, ge=1, le=5_000)]
    """How many of the town may have a place: its share, and never more than the session has."""
    until: Moment
    """What is sent from then on is refused."""
    decided_at: Moment


_CALL: dict[str, object] = {
    "session_id": "session-0101",
    "city_id": "geonames:776597",
    "places": 4,
    "until": "2026-10-09T22:00:00.000000Z",
    "decided_at": "2026-09-01T06:00:00.000000Z",
}


class NominationsInvited(CallState):
    """The town may nominate: said when enrolment opens, and again when places or deadline have changed."""

    example: ClassVar[Mapping[str, object]] = _CALL


class NominationsCalledOff(CallState):
    """The town may not nominate after all, before the deadline that it was told."""

    reason: CallEnd
    example: ClassVar[Mapping[str, object]] = _CALL | {"reason": "town_not_eligible"}


CallFact = NominationsInvited | NominationsCalledOff
