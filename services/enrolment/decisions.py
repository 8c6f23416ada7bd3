"""Who gets a place. Pure functions from what is known to facts; they apply nothing and publish nothing.

Every path that takes or frees a seat goes through `settle` (settling.py). Each asks two moments, and never takes one for the other: `at`, when
the event came that is decided on, tells whether it came in time; `now`, the latest moment known, tells whether the session has begun.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from services.enrolment.eligibility import (
    Wait,
    announced_at,
    asked_since,
    eligible_city,
    in_time_for,
    is_ahead,
    is_erased,
    seats_of,
    settles_at,
    town_of_place,
    will_not_come,
)
from services.enrolment.settling import Asked, Entry, Leave, asked_at, settle
from services.enrolment.state import Membership, Place, Session, Settled
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    EnrolmentRefused,
    PlacesSettled,
    PlaceState,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionKind, SessionStanding
from shared.state.working import Working


def decide_session(working: Working, session: Session, *, at: dt.datetime | None, now: dt.datetime) -> list[PlaceState]:
    """What a session's places become when something about it, its towns or its teams has changed.

    A supplementary session enrols its town's whole team; what a rule took is given back when its cause has gone; whoever
    said last that they will not come stays out, or goes, if nothing could come of it when they said so. No rule decides about a
    session that is cancelled. Nobody loses a place in one that has begun, and nobody comes into one that is settled but by what
    was said before. `at` is None when no event made us look.
    """
    if session.state == SessionStanding.CANCELLED or (at is not None and at >= settles_at(working, session)):
        return []
    places = sorted(working[Place].where("session_id", session.session_id), key=lambda place: place.person_id)
    leaving: dict[str, Leave] = {}
    restated: dict[str, str] = {}
    for place in places:
        if place.is_active and now < session.starts_at and not is_erased(working, place.person_id):
            town = town_of_place(working, session, place)
            if will_not_come(place, session):
                leaving[place.person_id] = Leave(WithdrawalReason.REQUESTED, said_at=place.last_asked_at)
            elif isinstance(town, WithdrawalReason):
                leaving[place.person_id] = Leave(town)
            elif town is not None:
                restated[place.person_id] = town
    entering = [*_returning(working, session, places), *_team(working, session, places)]
    return _settled(working, session, now=now, leaving=leaving, entering=entering, restated=restated)


def decide_request(
    working: Working, session: Session | None, person_id: str, *, asked: Asked, at: dt.datetime, now: dt.datetime
) -> list[PlaceState] | Wait:
    """What a request for a place leads to: a place, a place in the waiting list, a refusal, or waiting for what is not yet known.

    One that was sent before the session was cancelled waits for it to be scheduled again: heard in time, it would have given
    a place that stands through the cancellation.
    """
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, person_id)
    asked = replace(asked, at=at, in_time=is_ahead(session, at))
    found: str | RefusalReason | Wait
    if session.state == SessionStanding.CANCELLED and at >= session.heard_at:
        found = RefusalReason.SESSION_CANCELLED
    elif place is not None and place.is_active:
        found = RefusalReason.ALREADY_PLACED
    elif at >= session.starts_at:
        found = RefusalReason.SESSION_STARTED
    elif asked_since(place, session, AskedFor.WITHDRAWAL, at):
        found = RefusalReason.WITHDRAWN_SINCE
    elif session.state == SessionStanding.CANCELLED:
        was_scheduled = announced_at(working, session) < session.heard_at
        found = Wait("session") if was_scheduled else RefusalReason.SESSION_CANCELLED
    else:
        found = eligible_city(working, session, person_id)
    if isinstance(found, Wait):
        return found
    if isinstance(found, RefusalReason):
        return [refuse(session.session_id, person_id, place, AskedFor.PLACE, found, asked, working.now)]
    return _settled(working, session, now=now, entering=[Entry(person_id, found, Basis.REQUEST, asked)])


def decide_withdrawal(
    working: Working, session: Session | None, person_id: str, *, asked: Asked, at: dt.datetime, now: dt.datetime
) -> list[PlaceState] | Wait:
    """What a request to give a place back leads to; the seat goes to whoever waits first.

    Whoever gives back what a rule has taken will not get it back. It counts while the session is cancelled, too: the seat then
    goes to whoever waits once that is scheduled again.
    """
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, person_id)
    asked = replace(asked, at=at, in_time=is_ahead(session, at))
    reason = None
    never_had = place is None or place.state == Standing.NONE
    if never_had and isinstance(wait := eligible_city(working, session, person_id), Wait):
        return wait  # The team rule may still give the place that is given back here.
    if place is None or not (place.is_active or was_taken_by_rule(place)):
        reason = RefusalReason.NO_PLACE
    elif not is_ahead(session, at):
        reason = RefusalReason.SESSION_STARTED
    elif asked_since(place, session, AskedFor.PLACE, at):
        reason = RefusalReason.ASKED_SINCE
    if reason is not None:
        return [refuse(session.session_id, person_id, place, AskedFor.WITHDRAWAL, reason, asked, working.now)]
    return _settled(working, session, now=now, leaving={person_id: Leave(WithdrawalReason.REQUESTED, asked)})


def decide_settled(working: Working, session: Session, *, now: dt.datetime) -> list[PlacesSettled]:
    """That the places follow from this statement of the session, unless we have said that.

    The seats are those that places are counted against: of a session that is settled, what it had when it began.
    """
    before = working[Settled].get(session.session_id)
    said_of = (before.session_source, before.session_event_id, before.session_version) if before else None
    if said_of == (session.source, session.event_id, session.version):
        return []
    seats = session.capacity
    if before is not None and before.seats is not None:
        if session.state == SessionStanding.CANCELLED or session.heard_at >= settles_at(working, session):
            seats = before.seats  # Nobody's place was looked at with the new number.
        elif now >= session.starts_at:
            seats = max(seats, before.seats)
    settled = PlacesSettled(
        session_id=session.session_id,
        session_source=session.source,
        session_event_id=session.event_id,
        session_version=session.version,
        seats=seats,
        announced_at=announced_at(working, session),
        decided_at=working.now,
    )
    return [settled]


def refuse(
    session_id: str,
    person_id: str,
    place: Place | None,
    asked_for: AskedFor,
    reason: RefusalReason,
    asked: Asked,
    decided_at: dt.datetime,
) -> EnrolmentRefused:
    """A refusal that leaves the place as it stands."""
    return EnrolmentRefused(
        session_id=session_id,
        person_id=person_id,
        city_id=place.city_id if place else None,
        episode=place.episode if place else 0,
        basis=place.basis if place else None,
        queue=place.queue if place else None,
        request_source=asked.source,
        request_id=asked.id,
        request_digest=asked.digest,
        decided_at=decided_at,
        **asked_at(place, asked_for, asked),
        asked_for=asked_for,
        reason=reason,
        standing=place.state if place else Standing.NONE,
        withdrawn_for=place.reason if place else None,
    )


def _settled(
    working: Working,
    session: Session,
    *,
    now: dt.datetime,
    leaving: Mapping[str, Leave] | None = None,
    entering: Sequence[Entry] = (),
    restated: Mapping[str, str] | None = None,
) -> list[PlaceState]:
    """`settle` with what every decision has to look at: the seats, whether it has begun, and that nobody erased gets a place.

    While the session is cancelled only those leave who say so: the others' places stand as they are.
    """
    places = working[Place].where("session_id", session.session_id)
    begun, cancelled = now >= session.starts_at, session.state == SessionStanding.CANCELLED
    erased = _erased(working, sorted(places, key=lambda place: place.person_id), begun=begun)
    return settle(
        session,
        places,
        leaving=erased | dict(leaving or {}),
        entering=entering,
        decided_at=working.now,
        restated=restated,
        seats=0 if cancelled else seats_of(working, session),
        all_stay=begun or cancelled,
    )


def _erased(working: Working, places: Iterable[Place], *, begun: bool) -> dict[str, Leave]:
    """Nobody can tell them of a place. Who had one when the session began has been there, for all we know."""
    return {
        place.person_id: Leave(WithdrawalReason.PERSON_ERASED)
        for place in places
        if is_erased(working, place.person_id)
        and (place.state == Standing.WAITLISTED or (place.is_active and not begun))
    }


def was_taken_by_rule(place: Place) -> bool:
    """Whether it was, and is given back when the cause goes."""
    return place.state == Standing.WITHDRAWN and place.reason is not None and place.reason.is_given_back


def _returning(working: Working, session: Session, places: Iterable[Place]) -> list[Entry]:
    """Those whose place a rule took for a cause that has gone."""
    entries = []
    for place in places:
        if was_taken_by_rule(place) and not will_not_come(place, session):
            city_id = in_time_for(working, session, place.person_id)
            if city_id is not None:
                entries.append(Entry(place.person_id, city_id, place.basis, returning=place))
    return entries


def _team(working: Working, session: Session, places: Iterable[Place]) -> list[Entry]:
    """Members of the town's team who have no place, and whose last word is not that they will not come."""
    if session.kind != SessionKind.SUPPLEMENTARY:
        return []
    has = {place.person_id for place in places if place.is_active or was_taken_by_rule(place)}
    out = {place.person_id for place in places if will_not_come(place, session)}
    members = sorted({member.person_id for member in working[Membership].where("city_id", session.city_id)} - has - out)
    return [
        Entry(person_id, session.city_id, Basis.TEAM)
        for person_id in members
        if in_time_for(working, session, person_id) is not None
    ]
