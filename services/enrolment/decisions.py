"""Who gets a place. Pure functions from what is known to facts; they apply nothing and publish nothing.

Every path that takes or frees a seat goes through `settle` (settling.py). Each asks two moments, and never takes one for the other: `at`, when
the event came that is decided on, tells whether it came in time; `now`, the latest moment known, tells whether the session has begun.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from services.enrolment.corrections import capacity_of, share_of, stated_at
from services.enrolment.eligibility import (
    Wait,
    announced_at,
    asked_since,
    eligible_city,
    gives_until,
    gone_since,
    in_time_for,
    is_ahead,
    is_out,
    not_taken_by,
    seated_in,
    seats_of,
    settles_at,
    stays_out,
    taken_in,
    town_of_guest,
    town_of_place,
    will_not_come,
)
from services.enrolment.moments import PLACES_RELEASED, SESSION_DECIDED
from services.enrolment.offering import offer_ends
from services.enrolment.overlaps import clashes, in_the_way
from services.enrolment.people import is_erased
from services.enrolment.settling import Entry, Leave, Room, has_seat_for, settle, settle_one
from services.enrolment.state import Line, Membership, Place, Session, Settled, begin_of
from services.enrolment.statements import cancelled_since, is_cancelled_by, settled_by
from services.enrolment.stating import NO_REPLY, Asked, refuse
from shared.contracts.enrolment import (
    LAST_NUMBER,
    SEATED,
    AskedFor,
    Basis,
    Numbers,
    PlacesSettled,
    PlaceState,
    RefusalReason,
    SessionMoment,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import FreePlaces, SessionKind, SessionStanding
from shared.contracts.portal import Reply
from shared.state.merged import survivor
from shared.state.working import Working


def decide_session(working: Working, session: Session, *, at: dt.datetime | None, now: dt.datetime) -> list[PlaceState]:
    """What a session's places become when something about it, its towns or its teams has changed.

    A supplementary session enrols its town's whole team; what a rule took is given back when its cause has gone; whoever
    said last that they will not come stays out, or goes, if nothing could come of it when they said so. No rule decides about a
    session that does not take place, but that what is on offer there is no longer. Nobody loses a place in one that has begun, and nobody comes into one that is settled but by
    what was said before. `at` is None when no event made us look: nothing came then but what the session says itself.
    """
    if not session.state.takes_place:
        return _offers_end(working, session, now)
    if session.state == SessionStanding.COMPLETED or (at or session.heard_at) >= settles_at(working, session):
        return []
    places = sorted(working[Place].where("session_id", session.session_id), key=lambda place: place.person_id)
    leaving: dict[str, Leave] = {}
    changing: dict[str, dict[str, Any]] = {}
    for place in places:
        if place.is_active and now < session.starts_at and not is_erased(working, place.person_id):
            if place.basis == Basis.OFFICE:  # Nobody asks whether they may come for that town.
                town: str | WithdrawalReason | None = place.city_id or town_of_guest(working, session, place.person_id)
            else:
                town = town_of_place(working, session, place)
            if will_not_come(place, session):
                leaving[place.person_id] = Leave(WithdrawalReason.REQUESTED, said_at=place.last_asked_at)
            elif isinstance(town, WithdrawalReason):
                leaving[place.person_id] = Leave(town)
            else:
                changing[place.person_id] = _revised(working, session, place, town or place.city_id, now)
    entering = [*_returning(working, session, places), *_team(working, session, places)]
    return settled_with(working, session, at=at, now=now, leaving=leaving, entering=entering, changing=changing)


def _revised(working: Working, session: Session, place: Place, city_id: str | None, now: dt.datetime) -> dict[str, Any]:
    """What is said anew of a place that stays: for which town it is, what else is at the same time, that whoever confirmed for
    other times has not confirmed for these, and that an offer ends before the session does."""
    said: dict[str, Any] = {"city_id": city_id, "clashes_with": clashes(working, session, place.person_id)}
    if place.offered_until is not None:
        until = gives_until(working, session)
        # Frozen by being moved: whoever was asked before that may answer, as long as anybody can.
        latest = until if now < until else session.starts_at
        said["offered_until"] = min(place.offered_until, latest)
    return said | _reply_void(session, place)


def _reply_void(session: Session, place: Place) -> dict[str, Any]:
    moved = place.replied_for is not None and place.replied_for != session.times
    return NO_REPLY if moved else {}


def _offers_end(working: Working, session: Session, now: dt.datetime) -> list[PlaceState]:
    """Whoever was offered a place waits where they waited: nobody can answer, and they are the next to be asked."""
    places = working[Place].where("session_id", session.session_id)
    return settle(session.session_id, places, room_of(working, session, at=now, now=now), decided_at=working.now)


def decide_request(
    working: Working, session: Session | None, person_id: str, *, asked: Asked, at: dt.datetime, now: dt.datetime
) -> list[PlaceState] | Wait:
    """What a request for a place leads to: a place, a place in the waiting list, a refusal, or waiting for what is not yet known.

    One that was sent before the session was cancelled waits for it to be scheduled again: heard in time, it would have given
    a place that stands through the cancellation.
    """
    if session is None:
        return Wait("session")
    if session.state == SessionStanding.DRAFT:
        return Wait("session")
    place = working[Place].get(session.session_id, person_id)
    asked = asked.sent(at, in_time=is_ahead(session, at))
    found: str | RefusalReason | Wait
    if is_cancelled_by(working, session, at):
        found = RefusalReason.SESSION_CANCELLED
    elif place is not None and place.is_active:
        found = RefusalReason.ALREADY_PLACED
    elif at >= session.starts_at:
        found = RefusalReason.SESSION_STARTED
    elif asked_since(place, session, AskedFor.WITHDRAWAL, at):
        found = RefusalReason.WITHDRAWN_SINCE
    elif (not_taken := why_not_taken(working, session, at)) is not None:
        found = not_taken
    elif not session.terms.by_oneself:
        found = RefusalReason.NOT_BY_ONESELF
    elif session.state == SessionStanding.CANCELLED:
        was_scheduled = announced_at(working, session) < cancelled_since(working, session)
        found = Wait("session") if was_scheduled else RefusalReason.SESSION_CANCELLED
    else:
        found = eligible_city(working, session, person_id)
    if isinstance(found, Wait):
        return found
    if isinstance(found, RefusalReason):
        if found in _OF_ASKING and (member := _with_team(working, session, place, asked)) is not None:
            return _one_more(working, session, place, member, at=at, now=now)
        other = in_the_way(working, session, person_id, found)
        return [refuse(session.session_id, person_id, place, AskedFor.PLACE, found, asked, working.now, other)]
    return _one_more(working, session, place, Entry(person_id, found, Basis.REQUEST, at, asked), at=at, now=now)


_OF_ASKING = (
    RefusalReason.NOT_OPEN_YET,
    RefusalReason.ENROLMENT_CLOSED,
    RefusalReason.FROZEN,
    RefusalReason.NOT_BY_ONESELF,
    RefusalReason.OVERLAPS,
)
"""What keeps people from asking, and no team from coming."""


def _with_team(working: Working, session: Session, place: Place | None, asked: Asked) -> Entry | None:
    """Whoever is of the team and takes back that they do not come is in with it, as at the next look at the session."""
    of_team = session.kind == SessionKind.SUPPLEMENTARY and session.state == SessionStanding.SCHEDULED
    if not of_team or place is None or stays_out(place):
        return None
    membership = in_time_for(working, session, place.person_id)
    return _member(working, session, place.person_id, membership, asked) if membership is not None else None


def _member(
    working: Working, session: Session, person_id: str, membership: Membership, asked: Asked | None = None
) -> Entry:
    """One of the team, in line since they joined it; who had given their place back, since they asked again."""
    since = dt.datetime.combine(membership.from_date, dt.time(), dt.UTC)
    place = working[Place].get(session.session_id, person_id)
    again = asked.at if asked is not None else _asked_again_at(place) if place is not None else None
    since = max(since, again or since)
    at_once = clashes(working, session, person_id)
    return Entry(person_id, session.city_id, Basis.TEAM, since, asked, clashes_with=at_once)


def _asked_again_at(place: Place) -> dt.datetime | None:
    """When somebody who had said that they do not come took that back."""
    had_said_no = place.withdrawal_asked_at is not None or place.reason is WithdrawalReason.REQUESTED
    return place.last_asked_at if had_said_no and place.last_asked_for is AskedFor.PLACE else None


def _one_more(
    working: Working, session: Session, before: Place | None, entry: Entry, *, at: dt.datetime, now: dt.datetime
) -> list[PlaceState]:
    """Somebody joins the line. If there is no seat for them nobody else has to be looked at, however many wait; nor if nobody waits."""
    room, taken = room_of(working, session, at=at, now=now), taken_in(working, session.session_id)
    has_seat = not entry.clashes_with and has_seat_for(entry.city_id, taken, room)
    if has_seat and working[Place].where("state", Standing.WAITLISTED, session_id=session.session_id):
        return settled_with(working, session, at=at, now=now, entering=[entry])
    line = working[Line].get(session.session_id)
    number = min((line.last_number if line else 0) + 1, LAST_NUMBER)
    standing = Standing.ENROLLED if has_seat else Standing.WAITLISTED
    taken[entry.city_id] += has_seat
    by = room.numbers(taken, entry.city_id)
    return [settle_one(session, before, entry, standing, number, working.now, numbers=by)]


def why_not_taken(working: Working, session: Session, at: dt.datetime) -> RefusalReason | None:
    """Why what was sent at that moment is too early or too late to be taken; None if it is neither."""
    return not_taken_by(session.terms, at, until=gives_until(working, session))


def decide_withdrawal(
    working: Working,
    session: Session | None,
    person_id: str,
    *,
    asked: Asked,
    at: dt.datetime,
    now: dt.datetime,
    reply: Reply | None = None,
) -> list[PlaceState] | Wait:
    """What a request to give a place back leads to; the seat goes to whoever waits first.

    Whoever gives back what a rule has taken will not get it back. It counts while the session is cancelled, too: the seat then
    goes to whoever waits once that is scheduled again.
    """
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, person_id)
    asked = asked.sent(at, in_time=is_ahead(session, at))
    reason = None
    never_had = place is None or place.state == Standing.NONE
    if never_had and isinstance(wait := eligible_city(working, session, person_id), Wait):
        return wait  # The team rule may still give the place that is given back here.
    if place is None or not (place.is_active or was_taken_by_rule(place)):
        taken_for = gone_since(working, session, place, at) if place is not None else None
        reason = taken_for or RefusalReason.NO_PLACE
    elif not is_ahead(session, at):
        reason = RefusalReason.SESSION_STARTED
    elif asked_since(place, session, AskedFor.PLACE, at):
        reason = RefusalReason.ASKED_SINCE
    if reason is not None:
        return [refuse(session.session_id, person_id, place, AskedFor.WITHDRAWAL, reason, asked, working.now)]
    leave = Leave(WithdrawalReason.REQUESTED, asked, reply=reply)
    return settled_with(working, session, at=at, now=now, leaving={person_id: leave})


def decide_settled(
    working: Working, session: Session, *, now: dt.datetime, is_corrected: bool = False
) -> list[PlacesSettled]:
    """That the places follow from this statement of the session, unless we have said that, or the office has laid something over it since.

    The seats are those that places are counted against: never fewer than are taken, for nobody loses one; of a session that is
    settled, what it had when it began.
    """
    before = working[Settled].get(session.session_id)
    if before is not None and before.is_by(session) and not is_corrected:
        return []
    seats = max(capacity_of(working, session), len(seated_in(working, session.session_id)))
    if before is not None and before.seats is not None:
        if not session.state.takes_place or stated_at(working, session) >= settles_at(working, session):
            seats = before.seats  # Nobody's place was looked at with the new number.
        elif now >= session.starts_at:
            seats = max(seats, before.seats)
    moments = _decided_moments(working, before, session) if before is not None else ()
    # What nobody was invited to was announced to nobody: it freezes, or is settled, by when it is first to take place.
    known = announced_at(working, session) if session.state.takes_place else before.announced_at if before else None
    settled = PlacesSettled(
        session_id=session.session_id,
        session_source=session.source,
        session_event_id=session.event_id,
        session_version=session.version,
        seats=seats,
        announced_at=known,
        decided_moments=(*map(SessionMoment, moments),),
        decided_at=working.now,
    )
    return [settled]


def _decided_moments(working: Working, before: Settled, session: Session) -> tuple[str, ...]:
    """Which moments of this statement have been decided: also by the statement before it, if that said the same of them. Decided anew, a release
    would give in the freeze what nobody could get, and it would be looked on another day whether enough have confirmed."""
    if before.is_by(session):
        return before.decided_moments
    stated, terms = settled_by(working, before), session.terms
    if stated is None:
        return ()
    was = stated.terms
    as_before = {
        PLACES_RELEASED: begin_of(was.release_date, stated.meetings) == session.releases_at,
        SESSION_DECIDED: (begin_of(was.decision_date, stated.meetings), was.minimum)
        == (session.decides_at, terms.minimum),
    }
    return tuple(one for one in before.decided_moments if as_before.get(SessionMoment(one), False))


def decide_looked_at(working: Working, session_id: str, moment: SessionMoment) -> list[PlacesSettled]:
    """That this moment of the session has been decided."""
    before = working[Settled].get(session_id)
    if before is None or moment in before.decided_moments:
        return []
    settled = PlacesSettled(
        session_id=session_id,
        session_source=before.session_source,
        session_event_id=before.session_event_id,
        session_version=before.session_version,
        seats=before.seats,
        announced_at=before.announced_at,
        decided_moments=tuple(one for one in SessionMoment if one in {*before.decided_moments, moment}),
        decided_at=working.now,
    )
    return [settled]


def settled_with(
    working: Working,
    session: Session,
    *,
    at: dt.datetime | None,
    now: dt.datetime,
    leaving: Mapping[str, Leave] | None = None,
    entering: Sequence[Entry] = (),
    changing: Mapping[str, Mapping[str, Any]] | None = None,
    to_the_end: Mapping[str, Asked | None] | None = None,
) -> list[PlaceState]:
    """`settle` with what every decision has to look at: what there is to give, and that nobody erased gets a place.

    Whatever happened before the session froze still gives the places that it freed, whenever it is heard. While the session does not
    take place only those leave who say so: the others' places stand as they are.
    """
    places = working[Place].where("session_id", session.session_id)
    erased = _erased(working, sorted(places, key=lambda place: place.person_id), begun=now >= session.starts_at)
    return settle(
        session.session_id,
        places,
        room_of(working, session, at=at or now, now=now),
        decided_at=working.now,
        leaving=erased | dict(leaving or {}),
        entering=entering,
        changing=changing,
        to_the_end=to_the_end,
    )


def room_of(working: Working, session: Session, *, at: dt.datetime, now: dt.datetime) -> Room:
    """What the session has to give because of something that came at that moment."""
    terms, until = session.terms, gives_until(working, session)
    # Once nothing is given any more there is no time left to ask anybody: what became free before is theirs at once.
    offered = terms.free_places == FreePlaces.OFFERED and now < min(until, session.starts_at)
    return Room(
        seats_of(working, session),
        None if is_released(working, session, at) else share_of(working, session),
        offer_ends(terms, now, latest=until) if offered else None,
        is_given=at < until,
        is_open=session.state.takes_place,
    )


def is_released(working: Working, session: Session, at: dt.datetime) -> bool:
    """Whether what towns have not used is for all: for whatever came from that day on, and, once that was decided, for all that is heard."""
    if session.releases_at is None:
        return False
    settled = working[Settled].get(session.session_id)
    is_decided = settled is not None and settled.is_by(session) and PLACES_RELEASED in settled.decided_moments
    return is_decided or at >= session.releases_at


def numbers_now(working: Working, session: Session, city_id: str, *, at: dt.datetime, now: dt.datetime) -> Numbers:
    """How many seats are taken, where nothing comes of what was asked."""
    return room_of(working, session, at=at, now=now).numbers(taken_in(working, session.session_id), city_id)


def _erased(working: Working, places: Iterable[Place], *, begun: bool) -> dict[str, Leave]:
    """Nobody can tell them of a place. Who had one when the session began has been there, for all we know."""
    return {
        place.person_id: Leave(WithdrawalReason.PERSON_ERASED)
        for place in places
        if is_erased(working, place.person_id) and place.is_active and not (begun and place.state.has_seat)
    }


def was_taken_by_rule(place: Place) -> bool:
    """Whether it was, and is given back when the cause goes."""
    return place.state == Standing.WITHDRAWN and place.reason is not None and place.reason.is_given_back


def _returning(working: Working, session: Session, places: Iterable[Place]) -> list[Entry]:
    """Those whose place a rule took for a cause that has gone."""
    entries = []
    for place in places:
        if was_taken_by_rule(place) and not will_not_come(place, session):
            membership = in_time_for(working, session, place.person_id, rather_for=place.city_id)
            if membership is not None:
                at_once = clashes(working, session, place.person_id)
                as_it_was = replace(place, **_reply_void(session, place))
                entry = Entry(
                    place.person_id, membership.city_id, place.basis, returning=as_it_was, clashes_with=at_once
                )
                was_frozen = place.out_since >= gives_until(working, session)
                entries.append(replace(entry, regains=was_frozen and place.had in SEATED))
    return entries


def _team(working: Working, session: Session, places: Iterable[Place]) -> list[Entry]:
    """Members of the town's team who have no place and are not out, in the order in which they joined it."""
    if session.kind != SessionKind.SUPPLEMENTARY:
        return []
    # Of what has begun the places stay under the ids that they were said of.
    has = {survivor(working, place.person_id) for place in places if place.is_active or was_taken_by_rule(place)}
    out = {survivor(working, place.person_id) for place in places if is_out(place, session)}
    out |= {place.person_id for place in places if place.is_removed}
    members = working[Membership].where("city_id", session.city_id)
    people = {survivor(working, member.person_id) for member in members} - has - out
    found = ((person_id, in_time_for(working, session, person_id)) for person_id in people)
    joined = [(person_id, membership) for person_id, membership in found if membership is not None]
    joined.sort(key=lambda one: (one[1].from_date, one[0]))
    return [_member(working, session, person_id, membership) for person_id, membership in joined]
