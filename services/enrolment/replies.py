"""What people answer: to the offer of a place, and to the place that they have. Pure functions from what is known to facts."""

from __future__ import annotations

import datetime as dt

from services.enrolment.decisions import decide_withdrawal, settled_with
from services.enrolment.eligibility import Wait, asked_since, gives_until, gone_since, is_ahead
from services.enrolment.overlaps import in_the_way
from services.enrolment.settling import Leave
from services.enrolment.state import Place, Risk, Session
from services.enrolment.statements import is_cancelled_by, times_then, was_off_since
from services.enrolment.stating import NO_OFFER, NO_REPLY, Asked, answering, asked_at, carried, placed, refuse
from shared.contracts.answers import CalendarAnswered
from shared.contracts.enrolment import (
    SEATED,
    AskedFor,
    PlaceState,
    RefusalReason,
    SessionAtRisk,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import AfterOffer, SessionStanding
from shared.contracts.portal import OfferAnswer, Reply
from shared.state.working import Working


def decide_offer_answer(
    working: Working,
    session: Session | None,
    person_id: str,
    answer: OfferAnswer,
    *,
    asked: Asked,
    at: dt.datetime,
    now: dt.datetime,
    reply: Reply | None = None,
) -> list[PlaceState] | Wait:
    """What the answer to an offer leads to. It counts if it was sent while the offer held, whenever it is heard: also for one that was
    made again since, if the one before had ended by nothing they did. Whoever accepts will come, and is not asked again."""
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, person_id)
    asked = asked.sent(at, in_time=is_ahead(session, at))
    accepts = answer == OfferAnswer.ACCEPT
    wants = AskedFor.PLACE if accepts else AskedFor.WITHDRAWAL
    reason = _why_no_answer(working, session, place, wants, at)
    if reason is RefusalReason.NO_OFFER and place is not None:
        reason = gone_since(working, session, place, at) or reason
    if reason is RefusalReason.ALREADY_PLACED and place is not None and place.reply != Reply.CONFIRMED:
        # They have got a seat since, as by the office, or under another id: whoever accepts will come.
        return decide_reply(working, session, person_id, Reply.CONFIRMED, asked=asked, at=at, now=now)
    if place is None or reason is not None:
        reason = reason or RefusalReason.NO_OFFER
        other = in_the_way(working, session, person_id, reason)
        # It says nothing of whether they come: nothing was there to be taken, or to be let go.
        about = session.session_id, person_id, place, wants, reason, asked, working.now, other
        return [refuse(*about, is_own_word=False, answered=answer)]
    if accepts:
        # They take the place; whether they come to other times than they knew of, nobody has asked them.
        moved = times_then(working, session, at) != session.times
        return [_confirmed(working, session, place, Reply.NONE if moved else Reply.CONFIRMED, asked)]
    return _passed(working, session, place, WithdrawalReason.OFFER_DECLINED, asked=asked, at=at, now=now, reply=reply)


def _why_no_answer(
    working: Working, session: Session, place: Place | None, wants: AskedFor, at: dt.datetime
) -> RefusalReason | None:
    """Why nothing is on offer that this could be the answer to."""
    if place is None:
        return RefusalReason.NO_OFFER
    if is_cancelled_by(working, session, at):
        return RefusalReason.SESSION_CANCELLED
    if place.state == Standing.ENROLLED and wants == AskedFor.PLACE:
        return RefusalReason.ALREADY_PLACED
    if place.state == Standing.WAITLISTED and not session.state.takes_place:
        return RefusalReason.SESSION_CANCELLED  # What was held for them ended with it, and for nothing that they did.
    was_on_offer = place.was_on_offer(at)
    if was_on_offer and _let_go_since(place, session, at):
        return RefusalReason.WITHDRAWN_SINCE
    if place.state.waits and was_on_offer:
        return RefusalReason.SESSION_CANCELLED if was_off_since(working, session, at) else RefusalReason.OFFER_EXPIRED
    if place.offered_until is None or place.offered_at is None:
        has_ended = place.reason == WithdrawalReason.OFFER_EXPIRED
        return RefusalReason.OFFER_EXPIRED if has_ended else RefusalReason.NO_OFFER
    if at < place.offered_at and not was_on_offer:
        return RefusalReason.NO_OFFER
    if at >= place.offered_until:
        return RefusalReason.OFFER_EXPIRED
    return RefusalReason.SESSION_STARTED if not is_ahead(session, at) else None


def _let_go_since(place: Place, session: Session, at: dt.datetime) -> bool:
    """Whether they have said since that they do not take it, or that they do not come."""
    waits_behind = place.is_active and place.let_go_at is not None and at < place.let_go_at
    return waits_behind or asked_since(place, session, AskedFor.WITHDRAWAL, at)


def decide_offer_ended(working: Working, session: Session, place: Place, *, now: dt.datetime) -> list[PlaceState]:
    """Nobody has answered in time: the place goes on to whoever is next."""
    if place.offered_until is None:
        return []
    reason = WithdrawalReason.OFFER_EXPIRED
    return _passed(working, session, place, reason, asked=None, at=place.offered_until, now=now)


def _passed(
    working: Working,
    session: Session,
    place: Place,
    reason: WithdrawalReason,
    *,
    asked: Asked | None,
    at: dt.datetime,
    now: dt.datetime,
    reply: Reply | None = None,
) -> list[PlaceState]:
    """An offer goes on to whoever is next. Whoever let it go waits behind all others, if the session says so and anybody else waits;
    but nobody is asked again at once, because those others could not have taken the place, nor who says that they will not come."""
    waits = working[Place].where("session_id", session.session_id, state=Standing.WAITLISTED)
    others = (one for one in waits if one.person_id != place.person_id)
    waits_on = session.terms.after_offer == AfterOffer.TO_THE_END and reply is not Reply.DECLINED
    if waits_on and any(others):
        to_the_end = {place.person_id: asked}
        facts = settled_with(working, session, at=at, now=now, to_the_end=to_the_end)
        given = [fact.person_id for fact in facts if fact.becomes.takes_seat]
        if place.person_id not in given:
            return facts
    leaving = {place.person_id: Leave(reason, asked, reply=reply)}
    return settled_with(working, session, at=at, now=now, leaving=leaving)


def decide_reply(
    working: Working,
    session: Session | None,
    person_id: str,
    reply: Reply,
    *,
    asked: Asked,
    at: dt.datetime,
    now: dt.datetime,
    about: str | None = None,
) -> list[PlaceState] | Wait:
    """What somebody says to the place they have: that they will come, or not, or that they do not know after all. Whoever declines gives
    the place back. Until the session freezes it may be said otherwise. To an offer it is the answer. `about`: which times of the session it was
    said of, if that is known; else those that it had when it was said."""
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, person_id)
    if place is not None and place.state == Standing.OFFERED and reply != Reply.NONE and _is_answer(place, reply, at):
        answer = OfferAnswer.ACCEPT if reply == Reply.CONFIRMED else OfferAnswer.DECLINE
        return decide_offer_answer(working, session, person_id, answer, asked=asked, at=at, now=now, reply=reply)
    if reply == Reply.DECLINED:
        return decide_withdrawal(working, session, person_id, asked=asked, at=at, now=now, reply=reply)
    asked = asked.sent(at, in_time=is_ahead(session, at))
    reason = _why_no_reply(working, session, place, at)
    if reason is RefusalReason.NO_PLACE and place is not None:
        reason = gone_since(working, session, place, at) or reason
    if reason is None and reply == Reply.CONFIRMED and (about or times_then(working, session, at)) != session.times:
        reason = RefusalReason.SESSION_MOVED
    if place is None or reason is not None:
        reason = reason or RefusalReason.NO_PLACE
        # Whoever confirms what they do not have has not asked for it.
        has = reason is not RefusalReason.NO_PLACE
        wants, other = AskedFor.PLACE, in_the_way(working, session, person_id, reason)
        return [refuse(session.session_id, person_id, place, wants, reason, asked, working.now, other, is_own_word=has)]
    return [_confirmed(working, session, place, reply, asked)]


def decide_calendar_answer(
    working: Working,
    session: Session | None,
    body: CalendarAnswered,
    *,
    asked: Asked,
    at: dt.datetime,
    now: dt.datetime,
) -> list[PlaceState] | Wait:
    """The same of somebody who answers in their calendar: as any reply, but of the times for which the entry there stands. An entry is about
    a place that one has: it answers no offer."""
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, body.person_id)
    reason = RefusalReason.SESSION_MOVED if body.about_times != session.times else None
    if place is not None and place.state == Standing.OFFERED:
        reason = RefusalReason.NO_PLACE
    if reason is None:
        about = body.about_times
        return decide_reply(working, session, body.person_id, body.reply, asked=asked, at=at, now=now, about=about)
    asked = asked.sent(at, in_time=is_ahead(session, at))
    wants = AskedFor.WITHDRAWAL if body.reply == Reply.DECLINED else AskedFor.PLACE
    # It says nothing of whether they come to what the session is now.
    return [refuse(session.session_id, body.person_id, place, wants, reason, asked, working.now, is_own_word=False)]


def _is_answer(place: Place, reply: Reply, at: dt.datetime) -> bool:
    """Whether a reply can only be about the offer. Whoever said that they will not come before it was made, or after it had ended, has
    said it of their place in line."""
    if reply == Reply.CONFIRMED:
        return True
    return place.offered_at is not None and place.offered_at <= at < (place.offered_until or place.offered_at)


def _why_no_reply(working: Working, session: Session, place: Place | None, at: dt.datetime) -> RefusalReason | None:
    if place is None or not place.state.has_seat:
        return RefusalReason.NO_PLACE
    if is_cancelled_by(working, session, at):
        return RefusalReason.SESSION_CANCELLED
    if at >= session.starts_at:
        return RefusalReason.SESSION_STARTED
    if at >= gives_until(working, session):
        return RefusalReason.FROZEN
    if place.replied_at is not None and at < place.replied_at:
        return RefusalReason.ASKED_SINCE
    return RefusalReason.WITHDRAWN_SINCE if asked_since(place, session, AskedFor.WITHDRAWAL, at) else None


def _confirmed(working: Working, session: Session, place: Place, reply: Reply, asked: Asked) -> PlaceState:
    """The person has the place, and has said this to it."""
    said = {"reply": reply, "replied_at": asked.at, "replied_for": session.times}
    return placed(
        Standing.ENROLLED,
        {
            **carried(place),
            **NO_OFFER,
            **answering(asked),
            **asked_at(place, AskedFor.PLACE, asked),
            **(NO_REPLY | {"replied_at": asked.at} if reply == Reply.NONE else said),
            "decided_at": working.now,
        },
    )


def decide_risk(working: Working, session: Session, *, now: dt.datetime) -> list[SessionAtRisk]:
    """That too few have confirmed by the decision day, unless it says just that already."""
    minimum = session.terms.minimum
    if minimum is None or session.state != SessionStanding.SCHEDULED or now >= session.starts_at:
        return []
    places = working[Place]
    enrolled = [one for state in SEATED for one in places.where("session_id", session.session_id, state=state)]
    confirmed = sum(place.reply == Reply.CONFIRMED for place in enrolled)
    if confirmed >= minimum or _is_said(working[Risk].get(session.session_id), session, minimum, confirmed):
        return []
    return [
        SessionAtRisk(
            session_id=session.session_id,
            minimum=minimum,
            confirmed=confirmed,
            enrolled=len(enrolled),
            decided_at=working.now,
        )
    ]


def _is_said(before: Risk | None, session: Session, minimum: int, confirmed: int) -> bool:
    """Whether just that was said on this decision day, or since. What was said on an earlier one was about other plans."""
    decides_at = session.decides_at
    if before is None or (decides_at is not None and before.decided_at < decides_at):
        return False
    return (before.minimum, before.confirmed) == (minimum, confirmed)
