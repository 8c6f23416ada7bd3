"""What is said of a place whose person has got, or lost, a place elsewhere at the same time of day. Pure."""

from __future__ import annotations

import datetime as dt

from services.enrolment.decisions import settled_with
from services.enrolment.overlaps import clashes
from services.enrolment.state import Place, Session
from services.enrolment.stating import carried, placed
from shared.contracts.enrolment import PlaceState
from shared.state.working import Working


def decide_clash(working: Working, place: Place, *, at: dt.datetime, now: dt.datetime) -> list[PlaceState]:
    """That other sessions are in the way of this place, or no longer. Nobody loses one of two places to that: people say which they
    want. Who waited because of it gets a seat that is free. Of a session that has begun nothing is said any more."""
    session = working[Session].get(place.session_id)
    if session is None or not place.is_active or now >= session.starts_at:
        return []
    at_once = clashes(working, session, place.person_id)
    if at_once == place.clashes_with:
        return []
    if place.state.takes_seat or at_once or not session.state.takes_place:
        return [placed(place.state, {**carried(place), "clashes_with": at_once, "decided_at": working.now})]
    return settled_with(working, session, at=at, now=now, changing={place.person_id: {"clashes_with": at_once}})
