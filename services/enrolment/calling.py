"""Calls: which towns are called to nominate people for a session, for how many places and until when. Pure functions from what is known
to facts."""

from __future__ import annotations

import datetime as dt

from services.enrolment.corrections import capacity_of, share_of
from services.enrolment.decisions import is_released
from services.enrolment.eligibility import qualifies, taken_until
from services.enrolment.state import Call, Session, Town
from shared.contracts.enrolment import CallEnd, CallFact, NominationsCalledOff, NominationsInvited
from shared.contracts.planner import SessionStanding
from shared.state.working import Working


def decide_calls(working: Working, session: Session, *, now: dt.datetime, city_id: str | None = None) -> list[CallFact]:
    """What is to be said to the towns, or to this one, so that whoever may nominate now is called, as things stand, and nobody else.

    A call whose deadline has passed is left as it was said: it calls nobody any more.
    """
    ends = _why_nobody(working, session, now)
    calls = working[Call]
    if city_id is not None:
        towns = {city_id}
    else:
        towns = {call.city_id for call in calls.where("session_id", session.session_id)}
        towns |= {town.city_id for town in working[Town]} if ends is None else set()
    facts = (_call(working, session, one, calls.get(session.session_id, one), ends, now) for one in sorted(towns))
    return [fact for fact in facts if fact is not None]


def _call(
    working: Working, session: Session, city_id: str, before: Call | None, ends: CallEnd | None, now: dt.datetime
) -> CallFact | None:
    """What is said to one town; None: nothing new."""
    if ends is None and not _may_nominate(working, session, city_id):
        ends = CallEnd.TOWN_NOT_ELIGIBLE
    if ends is not None:
        return _called_off(working, before, ends) if before and before.ended is None and before.until > now else None
    room, until = capacity_of(working, session), taken_until(working, session)
    # What towns do not use is for all from the release day on.
    share = None if is_released(working, session, now) else share_of(working, session)
    places = min(share or room, room)
    if before is not None and before.ended is None and (before.places, before.until) == (places, until):
        return None
    return NominationsInvited(
        session_id=session.session_id, city_id=city_id, places=places, until=until, decided_at=working.now
    )


def _called_off(working: Working, call: Call, ends: CallEnd) -> NominationsCalledOff:
    return NominationsCalledOff(
        session_id=call.session_id,
        city_id=call.city_id,
        places=call.places,
        until=call.until,
        reason=ends,
        decided_at=working.now,
    )


def _why_nobody(working: Working, session: Session, now: dt.datetime) -> CallEnd | None:
    """Why no town at all is called."""
    if session.state != SessionStanding.SCHEDULED:
        return CallEnd.SESSION_OFF
    if not session.calls_towns:
        return CallEnd.NO_NOMINATIONS
    if session.terms.opens_at is not None and now < session.terms.opens_at:
        return CallEnd.NOT_OPEN
    return CallEnd.CLOSED if now >= taken_until(working, session) else None


def _may_nominate(working: Working, session: Session, city_id: str) -> bool:
    """Whether the town takes part, and the session is for it."""
    admits = session.terms.admits
    if admits is not None and admits.cities and city_id not in admits.cities:
        return False
    return qualifies(working, city_id, session) is True
