"""Substitution: a town sends somebody else of its team instead of a person who has a place, or waits. Pure functions from what is
known to facts."""

from __future__ import annotations

import datetime as dt

from services.enrolment.decisions import settled_with
from services.enrolment.eligibility import (
    Wait,
    announced_at,
    asked_since,
    current_memberships,
    eligible_city,
    gone_since,
    is_ahead,
    never_eligible,
    why_not_for,
)
from services.enrolment.overlaps import in_the_way
from services.enrolment.people import memberships_of
from services.enrolment.settling import Leave, left
from services.enrolment.state import Place, Session
from services.enrolment.statements import cancelled_since
from services.enrolment.stating import NO_REPLY, Asked, anew, asked_at, carried, placed, refuse
from shared.contracts.enrolment import (
    LAST_EPISODE,
    AskedFor,
    Basis,
    Numbers,
    PlaceState,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionStanding
from shared.contracts.portal import SubstitutionRequested
from shared.state.working import Working
from shared.values import immutable


@immutable
class Refused:
    """Why nobody comes instead of anybody, and which of the two it is about."""

    person_id: str
    reason: RefusalReason


def decide_substitution(
    working: Working,
    session: Session | None,
    asks: SubstitutionRequested,
    *,
    asked: Asked,
    at: dt.datetime,
    now: dt.datetime,
) -> list[PlaceState] | Wait:
    """What becomes of the two: whoever comes has the place as it was, its standing, its place in line and its offer, and whoever leaves
    is out until they ask again. A refusal is said of the one whom it is about.

    Until the session begins, also while nothing else moves any more: somebody who falls ill on the morning is what it is for. No seat
    becomes free, so nobody who waits is passed over; but one that is free, and that who leaves could not have for a place elsewhere, is theirs.
    """
    if session is None or session.state == SessionStanding.DRAFT:
        return Wait("session")
    asked = asked.sent(at, in_time=is_ahead(session, at))
    place, before = (working[Place].get(session.session_id, person_id) for person_id in (asks.leaves, asks.comes))
    found = _why_not_now(working, session, asks, at)
    found = found or _why_not_leaves(working, session, place, asks, at)
    found = found or _why_not_comes(working, session, place, before, asks, at)
    if isinstance(found, Wait):
        return found
    if place is None or found is not None:
        found = found or Refused(asks.leaves, RefusalReason.NO_PLACE)
        return [_refusal(working, session.session_id, found, asked)]
    facts: list[PlaceState] = []
    if not _came_for(before, place):
        found_seat = _finds_a_seat(working, session, place, asks.city_id, at, now)
        facts.append(_comes(place, before, asks, asked, working.now, found_seat))
    # Last: it answers. What is lost of these two with the end of our stream is said again as long as the answer is.
    gone = left(place, Leave(WithdrawalReason.SUBSTITUTED, asked), working.now, substituted_by=asks.comes)
    return [*facts, gone]


def refuse_substitution(
    working: Working, session: Session | None, asks: SubstitutionRequested, *, asked: Asked
) -> list[PlaceState]:
    """What it waited for never became known."""
    person_id = asks.leaves if memberships_of(working, asks.comes) else asks.comes
    reason = never_eligible(working, session, person_id)
    return [_refusal(working, asks.session_id, Refused(person_id, reason), asked)]


def _why_not_now(
    working: Working, session: Session, asks: SubstitutionRequested, at: dt.datetime
) -> Refused | Wait | None:
    """Why the session takes none that was sent at that moment."""
    if session.state == SessionStanding.CANCELLED:
        since = cancelled_since(working, session)
        was_scheduled = at < since and announced_at(working, session) < since
        return Wait("session") if was_scheduled else Refused(asks.leaves, RefusalReason.SESSION_CANCELLED)
    return Refused(asks.leaves, RefusalReason.SESSION_STARTED) if not is_ahead(session, at) else None


def _why_not_leaves(
    working: Working, session: Session, place: Place | None, asks: SubstitutionRequested, at: dt.datetime
) -> Refused | Wait | None:
    """Why the place is not there to be given on."""
    if place is None or place.state == Standing.NONE:
        town = eligible_city(working, session, asks.leaves)
        if isinstance(town, Wait):
            return town  # The team rule may still give the place that somebody else is to have.
    if place is None or not place.is_active:
        taken_for = gone_since(working, session, place, at) if place is not None else None
        has_left = asked_since(place, session, AskedFor.WITHDRAWAL, at)  # And the seat is whoever's who was next.
        nothing = RefusalReason.WITHDRAWN_SINCE if has_left else RefusalReason.NO_PLACE
        return Refused(asks.leaves, taken_for or nothing)
    if place.city_id not in (None, asks.city_id):
        return Refused(asks.leaves, RefusalReason.NOT_OF_TOWN)
    if place.city_id is None and (why_not := _why_not_theirs(working, session, place, asks)) is not None:
        return why_not
    if asked_since(place, session, AskedFor.PLACE, at):
        return Refused(asks.leaves, RefusalReason.ASKED_SINCE)
    if place.offered_until is not None and at >= place.offered_until:
        return Refused(asks.leaves, RefusalReason.OFFER_EXPIRED)
    return None


def _why_not_theirs(
    working: Working, session: Session, place: Place, asks: SubstitutionRequested
) -> Refused | Wait | None:
    """Why a place of which nobody has said for which town it is, of an archive or beside the rules, is not that town's to give on: nobody else
    sends somebody instead of a guest of the office."""
    if any(one.city_id == asks.city_id for one in current_memberships(working, session, asks.leaves)):
        return None
    known = place.basis == Basis.OFFICE or memberships_of(working, asks.leaves)
    return Refused(asks.leaves, RefusalReason.NOT_OF_TOWN) if known else Wait("person")


def _why_not_comes(
    working: Working,
    session: Session,
    place: Place | None,
    before: Place | None,
    asks: SubstitutionRequested,
    at: dt.datetime,
) -> Refused | Wait | None:
    """Why the other one cannot come for the town. Who only waits may have a seat that one of the town gives them: of a town whose whole
    team is in the session nobody else is left."""
    if before is not None and before.is_active and not _came_for(before, place):
        gains = before.state.waits and place is not None and place.state.takes_seat
        if not gains:
            return Refused(asks.comes, RefusalReason.ALREADY_PLACED)
    if asked_since(before, session, AskedFor.WITHDRAWAL, at):
        return Refused(asks.comes, RefusalReason.WITHDRAWN_SINCE)
    reason = why_not_for(working, session, asks.comes, asks.city_id)
    return Refused(asks.comes, reason) if isinstance(reason, RefusalReason) else reason


def _came_for(before: Place | None, place: Place | None) -> bool:
    """Whether they have this very place already, and a restored database does not know that its former owner has left. Whoever came instead of
    somebody who is in again since, with a place of their own, has another one."""
    if before is None or place is None or not before.is_active or before.substitute_for != place.person_id:
        return False
    return (before.queued_at, before.queue) == (place.queued_at, place.queue)


def _finds_a_seat(
    working: Working, session: Session, place: Place, city_id: str, at: dt.datetime, now: dt.datetime
) -> Numbers | None:
    """The numbers with which a seat is given that was free for the town, and that who leaves would have, but for what they have at the same
    time: nobody before them in line. None: there is none, and the place stays as it was."""
    if not (place.state.waits and place.clashes_with):
        return None
    could = {place.person_id: {"clashes_with": (), "city_id": city_id}}
    facts = settled_with(working, session, at=at, now=now, changing=could)
    return next((one.numbers for one in facts if one.person_id == place.person_id and one.becomes.takes_seat), None)


def _comes(
    place: Place,
    before: Place | None,
    asks: SubstitutionRequested,
    asked: Asked,
    decided_at: dt.datetime,
    found_seat: Numbers | None,
) -> PlaceState:
    """The place as it was, and somebody else's; or the seat that they have found."""
    episode = before.episode if before is not None else 0
    comes_in = before is None or not before.is_active
    return placed(
        Standing.ENROLLED if found_seat else place.state,
        {
            **carried(place),
            **anew(before),
            **NO_REPLY,
            "clashes_with": (),
            **asked_at(before, AskedFor.PLACE, asked),
            "person_id": asks.comes,
            "city_id": asks.city_id,
            "episode": min(episode + comes_in, LAST_EPISODE),
            "substitute_for": asks.leaves,
            "numbers": found_seat,
            "decided_at": decided_at,
        },
    )


def _refusal(working: Working, session_id: str, found: Refused, asked: Asked) -> PlaceState:
    """It leaves the place as it stands, and is nobody's own word about it."""
    place = working[Place].get(session_id, found.person_id)
    other = in_the_way(working, working[Session].get(session_id), found.person_id, found.reason)
    wants = AskedFor.PLACE
    return refuse(session_id, found.person_id, place, wants, found.reason, asked, working.now, other, is_own_word=False)
