"""Whether people have two places at the same time of day. Reads loaded rows; pure."""

from __future__ import annotations

from services.enrolment.people import places_of
from services.enrolment.state import Session
from shared.contracts.enrolment import RefusalReason
from shared.state.working import Working


def meet_at_the_same_time(one: Session, other: Session) -> bool:
    """Whether any meeting of the one runs into any of the other. Where one ends as the other begins, nobody is missed in either."""
    if one.session_id == other.session_id or one.starts_at >= other.ends_at or other.starts_at >= one.ends_at:
        return False  # Of most sessions that is known without a look at their days.
    return any(
        first.starts_at < second.ends_at and second.starts_at < first.ends_at
        for first in one.meetings
        for second in other.meetings
    )


def clashes(working: Working, session: Session, person_id: str) -> tuple[str, ...]:
    """The other sessions, at the same time as this one, in which the human has a place or is offered one, under whichever id: what has
    begun stays with that of then, and may have days ahead. One that does not take place is in nobody's way, and stands in nobody's."""
    if not session.state.takes_place:
        return ()
    found = set()
    for place in places_of(working, person_id):
        if place.state.takes_seat and place.session_id != session.session_id:
            other = working[Session].get(place.session_id)
            if other is not None and other.state.takes_place and meet_at_the_same_time(session, other):
                found.add(place.session_id)
    return tuple(sorted(found))


def in_the_way(working: Working, session: Session | None, person_id: str, reason: RefusalReason | None) -> str | None:
    """The session in which the person has a place at that time, if they are refused for that."""
    if session is None or reason is not RefusalReason.OVERLAPS:
        return None
    return next(iter(clashes(working, session, person_id)), None)
