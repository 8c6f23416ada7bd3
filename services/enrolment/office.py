"""What the office decides about one person's place, beside the rules. Pure functions from what is known to facts."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import assert_never

from services.enrolment.corrections import NotDone
from services.enrolment.decisions import settled_with
from services.enrolment.eligibility import Wait, asked_since, is_ahead, town_of_guest
from services.enrolment.people import is_erased, memberships_of
from services.enrolment.settling import Entry, Leave
from services.enrolment.state import Person, Place, Session
from services.enrolment.statements import is_cancelled_by
from services.enrolment.stating import NO_OFFER, Asked, answering, asked_at
from shared.contracts.enrolment import AskedFor, Basis, PlaceState, Standing, WithdrawalReason
from shared.contracts.office import ExtraPlaceRequested, PriorityRequested, RemovalLiftRequested, RemovalRequested
from shared.contracts.planner import SessionStanding
from shared.events.envelope import Reason
from shared.state.working import Working

AboutAPlace = ExtraPlaceRequested | PriorityRequested | RemovalRequested | RemovalLiftRequested


def decide_about_place(
    working: Working, session: Session | None, body: AboutAPlace, *, asked: Asked, at: dt.datetime, now: dt.datetime
) -> list[PlaceState] | Wait | NotDone:
    """What comes of it: facts; none, if it is so already; why not; or what has to be known first."""
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, body.person_id)
    if body.seen is not None and body.seen != (place.tag if place else "0"):
        return NotDone(Reason.CHANGED_SINCE, f"{_as_it_stands(place)}, and {body.seen} was seen")
    if not is_ahead(session, at):
        return _not_now("the session had begun: its places are settled")
    asked = replace(asked, at=at, in_time=True)
    match body:
        case ExtraPlaceRequested():
            return _extra_place(working, session, place, body.person_id, asked=asked, now=now)
        case PriorityRequested():
            if place is None or not place.is_active:
                return _not_now("the person is not in the session: they have no place in line")
            if body.priority and _has_left_line_since(place, session, at):
                # It ended with that, whichever is heard first.
                return NotDone(
                    Reason.CHANGED_SINCE, "the person has given up their place in line since, or was replaced"
                )
            said = {"priority": body.priority, **answering(asked)}
            return settled_with(working, session, at=at, now=now, changing={body.person_id: said})
        case RemovalRequested():
            if place is None or place.state == Standing.NONE:
                return _not_now("the person has no place, and had none")
            if place.is_removed:
                return []
            leave = Leave(WithdrawalReason.REMOVED_BY_OFFICE, asked)
            return settled_with(working, session, at=at, now=now, leaving={body.person_id: leave})
        case RemovalLiftRequested():
            if place is None or not place.is_removed:
                return _not_now("the person is not removed")
            leave = Leave(WithdrawalReason.REMOVAL_LIFTED, asked)
            return settled_with(working, session, at=at, now=now, leaving={body.person_id: leave})
        case never:
            assert_never(never)


def _has_left_line_since(place: Place, session: Session, at: dt.datetime) -> bool:
    """Whether the place in line that somebody had then is theirs no longer: they gave it up, let an offer go or were replaced, also if they are
    in the session again."""
    let_go = place.let_go_at is not None and at < place.let_go_at
    return let_go or asked_since(place, session, AskedFor.WITHDRAWAL, at)


def _extra_place(
    working: Working, session: Session, place: Place | None, person_id: str, *, asked: Asked, now: dt.datetime
) -> list[PlaceState] | Wait | NotDone:
    """A place for somebody who need not be eligible: it is enough that they are known, and not erased."""
    if is_erased(working, person_id):
        return _not_now("the person has been erased")
    if is_cancelled_by(working, session, asked.at):
        return _not_now("the session is cancelled")
    if place is not None and place.state.has_seat:
        return _not_now("the person has a place")
    if asked_since(place, session, AskedFor.WITHDRAWAL, asked.at):
        return _not_now("the person has said since that they will not come")
    if session.state != SessionStanding.SCHEDULED:
        return Wait("session")
    if working[Person].get(person_id) is None and not memberships_of(working, person_id):
        return Wait("person")
    if place is not None and place.is_active:
        said = {**answering(asked), **asked_at(place, AskedFor.PLACE, asked), **NO_OFFER, "basis": Basis.OFFICE}
        return settled_with(working, session, at=asked.at, now=now, changing={person_id: said})
    city_id = place.city_id if place is not None else None
    entry = Entry(person_id, city_id or town_of_guest(working, session, person_id), Basis.OFFICE, asked.at, asked)
    return settled_with(working, session, at=asked.at, now=now, entering=[entry])


def _not_now(detail: str) -> NotDone:
    return NotDone(Reason.UNDECIDABLE, detail)


def _as_it_stands(place: Place | None) -> str:
    if place is None:
        return "the person has no place (0)"
    how = f"{place.state}, {place.reason}" if place.state == Standing.WITHDRAWN else str(place.state)
    return f"the place is {place.tag} by now: {how}, priority {place.priority}, since {place.decided_at.isoformat()}"
