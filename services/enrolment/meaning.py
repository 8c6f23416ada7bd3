"""The words of a "why": what a fact about a place means after the one before it, and how somebody stands at the end. Pure; decides nothing."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from shared.contracts.directory import MembershipFact, TeamMemberJoined, TeamMemberLeft
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlaceFact,
    PlaceOffered,
    Standing,
    standing_after,
)
from shared.contracts.planner import (
    SessionCancelled,
    SessionCompleted,
    SessionDrafted,
    SessionFact,
    SessionRescheduled,
    SessionScheduled,
)
from shared.contracts.portal import Reply


class What(StrEnum):
    """What a line of the chain tells."""

    SESSION_DRAFTED = "session_drafted"
    SESSION_SCHEDULED = "session_scheduled"
    SESSION_RESCHEDULED = "session_rescheduled"
    SESSION_CANCELLED = "session_cancelled"
    SESSION_COMPLETED = "session_completed"
    PERSON_KNOWN = "person_known"
    PERSON_ERASED = "person_erased"
    PERSON_MERGED = "person_merged"
    """An id turned out to be the same human as another one."""
    PERSON_APART = "person_apart"
    """That was taken back."""
    JOINED_TEAM = "joined_team"
    LEAVES_TEAM = "leaves_team"
    TOWN = "town"
    CORRECTED = "corrected"
    CORRECTION_OVER = "correction_over"
    CALLED = "called"
    CALLED_OFF = "called_off"
    BY_TEAM = "by_team"
    BY_REQUEST = "by_request"
    BY_NOMINATION = "by_nomination"
    EXTRA_PLACE = "extra_place"
    PROMOTED = "promoted"
    GIVEN_BACK = "given_back"
    CAME_INSTEAD = "came_instead"
    FROM_OTHER_ID = "from_other_id"
    """It was said under another id of the same human before."""
    OFFERED = "offered"
    OFFER_ACCEPTED = "offer_accepted"
    OFFER_LET_GO = "offer_let_go"
    """Whoever let it go waits behind all others."""
    OFFER_TAKEN_BACK = "offer_taken_back"
    WAITLISTED = "waitlisted"
    WAITS_AGAIN = "waits_again"
    REPLIED = "replied"
    REPLY_VOID = "reply_void"
    PRIORITY_GIVEN = "priority_given"
    CLASHES = "clashes"
    CLASH_GONE = "clash_gone"
    TOWN_CHANGED = "town_changed"
    RESTATED = "restated"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    NOMINATED = "nominated"
    NOMINATION_REFUSED = "nomination_refused"
    REQUEST_HELD = "request_held"
    REQUEST_UNCHANGED = "request_unchanged"
    REQUEST_SET_ASIDE = "request_set_aside"
    ANSWERED_ELSEWHERE = "answered_elsewhere"
    """What was asked was answered in a fact about somebody else."""

    @property
    def is_ours(self) -> bool:
        """Whether we say it: not what others said, nor what waits."""
        return self not in _OTHERS

    @classmethod
    def of_session(cls, fact: SessionFact) -> What:
        match fact:
            case SessionDrafted():
                return cls.SESSION_DRAFTED
            case SessionScheduled():
                return cls.SESSION_SCHEDULED
            case SessionRescheduled():
                return cls.SESSION_RESCHEDULED
            case SessionCancelled():
                return cls.SESSION_CANCELLED
            case SessionCompleted():
                return cls.SESSION_COMPLETED
            case never:
                assert_never(never)

    @classmethod
    def of_team(cls, fact: MembershipFact) -> What:
        match fact:
            case TeamMemberJoined():
                return cls.JOINED_TEAM
            case TeamMemberLeft():
                return cls.LEAVES_TEAM
            case never:
                assert_never(never)


_OTHERS = frozenset(
    {
        What.SESSION_DRAFTED,
        What.SESSION_SCHEDULED,
        What.SESSION_RESCHEDULED,
        What.SESSION_CANCELLED,
        What.SESSION_COMPLETED,
        What.PERSON_KNOWN,
        What.PERSON_ERASED,
        What.PERSON_MERGED,
        What.PERSON_APART,
        What.JOINED_TEAM,
        What.LEAVES_TEAM,
        What.TOWN,
        What.REQUEST_HELD,
        What.REQUEST_UNCHANGED,
        What.REQUEST_SET_ASIDE,
    }
)


COMES = frozenset(
    {
        What.BY_TEAM,
        What.BY_REQUEST,
        What.BY_NOMINATION,
        What.EXTRA_PLACE,
        What.PROMOTED,
        What.GIVEN_BACK,
        What.CAME_INSTEAD,
        What.OFFERED,
        What.WAITLISTED,
        What.WAITS_AGAIN,
        What.RESTATED,
    }
)
"""How somebody comes into a session."""


class Fate(StrEnum):
    """How somebody stood, where a chain of such lines ends (fates.py)."""

    HAS_PLACE = "has_place"
    HAS_OFFER = "has_offer"
    WAITS = "waits"
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    CALLED_OFF = "called_off"
    """There is a place, or a place in line, and the session is cancelled."""
    DRAFT = "draft"
    """Likewise, and the session is being planned."""
    HELD = "held"
    """A request waits for something."""
    SET_ASIDE = "set_aside"
    ANOTHER_ID = "another_id"
    """The id turned out to be the same human as another one, of whom all is said."""
    ERASED = "erased"
    NOT_IN_TEAM = "not_in_team"
    """The session is for a town's team, in which nothing says that the person is."""
    NOT_BY_RULE = "not_by_rule"
    """The session is for a town's team, of which they are, and no rule has given a place."""
    NOBODY_ASKED = "nobody_asked"
    SESSION_UNKNOWN = "session_unknown"
    PERSON_UNKNOWN = "person_unknown"

    @classmethod
    def of_active(cls, standing: Standing) -> Fate:
        """Of whoever has a seat in a session that takes place, or may get one."""
        match standing:
            case Standing.ENROLLED:
                return cls.HAS_PLACE
            case Standing.OFFERED:
                return cls.HAS_OFFER
            case Standing.WAITLISTED | Standing.WITHDRAWN | Standing.NONE:  # The last two are not active.
                return cls.WAITS
            case never:
                assert_never(never)


class Because(StrEnum):
    """Why somebody waits."""

    FULL = "full"
    SHARE = "share"
    """The town's share is taken."""
    NOT_GIVEN = "not_given"
    """No free seat was given: too shortly before it begins, or it does not take place."""
    ELSEWHERE = "elsewhere"
    """They have a place in another session at that time."""


def because_of(fact: PlaceFact) -> Because | None:
    """Why whoever it is about waits, by what was recorded with it. None: that is not said, as by an archive."""
    numbers = fact.numbers
    if fact.clashes_with:
        return Because.ELSEWHERE
    if numbers is None:
        return None
    if not numbers.are_given:
        return Because.NOT_GIVEN
    if numbers.taken >= numbers.seats:
        return Because.FULL
    share = numbers.places_per_town
    return Because.SHARE if share is not None and (numbers.taken_by_town or 0) >= share else None


def what_became(before: PlaceFact | None, fact: PlaceFact) -> What:
    """What it means after what had been said before."""
    match fact:
        case EnrolmentRefused():
            return What.REFUSED
        case EnrolmentWithdrawn():
            return What.WITHDRAWN
        case ParticipantEnrolled():
            return _enrolled(before, fact)
        case PlaceOffered():
            return _stays_or(before, fact, What.OFFERED)
        case ParticipantWaitlisted():
            return _waitlisted(before, fact)
        case never:
            assert_never(never)


def _stood(before: PlaceFact | None) -> Standing:
    return standing_after(before) if before is not None else Standing.NONE


def _asked(fact: PlaceFact) -> AskedFor | None:
    """What the request asked that this answers."""
    return fact.asked_for if fact.request_id else None


def _enrolled(before: PlaceFact | None, fact: ParticipantEnrolled) -> What:
    stood = _stood(before)
    if _asked(fact) == AskedFor.EXTRA_PLACE:
        return What.EXTRA_PLACE
    if stood == Standing.OFFERED and _asked(fact) in (AskedFor.OFFER, AskedFor.REPLY):
        return What.OFFER_ACCEPTED
    if stood == Standing.WAITLISTED and not _came_instead(before, fact):
        return What.PROMOTED
    return _stays_or(before, fact, _by_basis(fact.basis))


def _by_basis(basis: Basis | None) -> What:
    match basis:
        case Basis.TEAM:
            return What.BY_TEAM
        case Basis.NOMINATION:
            return What.BY_NOMINATION
        case Basis.OFFICE:
            return What.EXTRA_PLACE
        case Basis.REQUEST | None:
            return What.BY_REQUEST
        case never:
            assert_never(never)


def _waitlisted(before: PlaceFact | None, fact: ParticipantWaitlisted) -> What:
    if before is not None and _stood(before) == Standing.OFFERED and not _came_instead(before, fact):
        return What.OFFER_TAKEN_BACK if before.queued_at == fact.queued_at else What.OFFER_LET_GO
    return _stays_or(before, fact, What.WAITLISTED)


def _stays_or(before: PlaceFact | None, fact: PlaceFact, comes: What) -> What:
    """What is new about somebody who stood so before; else how they have come to stand so."""
    if _came_instead(before, fact):
        return What.CAME_INSTEAD
    if before is None:
        return comes
    stood = _stood(before)
    if stood == standing_after(fact):
        return _changed(before, fact)
    if stood == Standing.WITHDRAWN and before.episode == fact.episode:
        return What.GIVEN_BACK if standing_after(fact).takes_seat else What.WAITS_AGAIN
    return comes


def _came_instead(before: PlaceFact | None, fact: PlaceFact) -> bool:
    return fact.substitute_for is not None and (
        before is None or before.substitute_for != fact.substitute_for or before.episode != fact.episode
    )


def _changed(before: PlaceFact, fact: PlaceFact) -> What:
    if _asked(fact) in (AskedFor.REPLY, AskedFor.OFFER):
        return What.REPLIED
    if _asked(fact) == AskedFor.PRIORITY:
        return What.PRIORITY_GIVEN
    if fact.offered_until is not None and before.offered_until != fact.offered_until:
        return What.OFFERED  # Until another moment.
    if before.clashes_with != fact.clashes_with:
        return What.CLASHES if fact.clashes_with else What.CLASH_GONE
    if before.city_id != fact.city_id:
        return What.TOWN_CHANGED
    return What.REPLY_VOID if before.reply != Reply.NONE and fact.reply == Reply.NONE else What.RESTATED
