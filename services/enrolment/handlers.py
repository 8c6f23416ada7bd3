"""What enrolment does about each event: the table event → handler. Handlers work on loaded rows; they never commit or publish."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeGuard, assert_never, cast

from services.enrolment.clashing import decide_clash
from services.enrolment.corrections import (
    NotDone,
    correction_of,
    decide_correction,
    decide_correction_over,
)
from services.enrolment.decisions import decide_request, decide_session, decide_settled, decide_withdrawal
from services.enrolment.eligibility import Wait, is_erased, never_eligible
from services.enrolment.moments import OFFER_ENDS, PLACES_RELEASED, SESSION_DECIDED
from services.enrolment.office import decide_about_place
from services.enrolment.replies import decide_offer_answer, decide_offer_ended, decide_reply, decide_risk
from services.enrolment.rules import rules_of
from services.enrolment.state import Membership, Place, Session
from services.enrolment.stating import Asked, refuse
from services.enrolment.subjects import place_named, session_named, subjects_of
from shared.books.holding import HELD_TOO_LONG, heard_again, in_order_of_arrival
from shared.books.recovery import RECONCILE
from shared.contracts.directory import MembershipFact, PersonErased, PersonRegistered
from shared.contracts.enrolment import AskedFor, EnrolmentRefused, PlaceState
from shared.contracts.model import members
from shared.contracts.office import (
    AboutAPlace,
    CorrectionRequested,
    ExtraPlaceRequested,
    OfficeDecision,
    OfficeRequest,
    PriorityRequested,
    RemovalLiftRequested,
    RemovalRequested,
)
from shared.contracts.planner import SessionFact, SessionKind
from shared.contracts.portal import EnrolmentRequested, OfferAnswered, PlaceRequest, ReplyGiven, WithdrawalRequested
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityFact
from shared.events.envelope import NO_PARTITION, Heard, Reason
from shared.state.working import Due, Held, Working


def on_session(working: Working, heard: Heard[SessionFact]) -> None:
    """A session was announced, changed or cancelled: its places follow, requests that waited for it are decided, and that is said."""
    session_id = heard.body.session_id
    _end_correction(working, session_id, heard)
    _revise(working, [session_id], heard, subjects_of([session_id], ()), is_stated=True)
    _say_settled(working, session_id, heard)


def on_city(working: Working, heard: Heard[CityFact]) -> None:
    """A town's outcome is known or has changed: its supplementary sessions, its people's places, the requests that waited."""
    city_id = heard.body.city_id
    people = {member.person_id for member in working[Membership].where("city_id", city_id)}
    _revise(working, _sessions_about(working, {city_id}, people, heard), heard, subjects_of((), people))


def on_membership(working: Working, heard: Heard[MembershipFact]) -> None:
    """Someone joined or left a team."""
    city_id, person_id = heard.body.city_id, heard.body.person_id
    _revise(working, _sessions_about(working, {city_id}, {person_id}, heard), heard, subjects_of((), [person_id]))


def on_erasure(working: Working, heard: Heard[PersonErased]) -> None:
    """Nobody can be told any more: places to come and waiting end, and the seats go to whoever waits first."""
    person_id = heard.body.person_id
    _revise(working, _sessions_about(working, set(), {person_id}, heard), heard, subjects_of((), [person_id]))


def on_stage(working: Working, heard: Heard[StageOpened]) -> None:
    """Which towns are trained in which phase has changed: in the phase that is named now, and in the one that was named before.
    Every session is looked at; stages are few, and sessions of another phase stay as they are."""
    sessions = sorted(session.session_id for session in working[Session] if session.ends_at > heard.appended_at)
    _revise(working, sessions, heard, subjects_of(sessions, ()))


def on_registration(working: Working, heard: Heard[PersonRegistered]) -> None:
    """Somebody is known: what the office has said of them may be done."""
    _revise(working, (), heard, subjects_of((), [heard.body.person_id]))


def on_request(working: Working, heard: Heard[PlaceRequest]) -> None:
    """Someone asks for a place, or gives one back."""
    _answer(working, heard, working.now)


def on_office(working: Working, heard: Heard[OfficeDecision]) -> None:
    """The office decides something beside the rules. Over HTTP its token was looked at; on Kafka its name is."""
    if heard.partition != NO_PARTITION and heard.source != rules_of(working).console:
        working.set_aside(heard, Reason.FOREIGN_WRITER, f"{heard.source} is not the console of the office")
    else:
        _answer(working, heard, working.now)


def on_held_too_long(working: Working, moment: Due) -> None:
    """What a request waited for never became known: refused, at last."""
    for held in in_order_of_arrival(working[Held].where("about", moment.subject)):
        if held.expires_at <= moment.at:
            heard = request_of(held)
            working[Held].remove(held.request_source, held.request_id)
            if isinstance(heard.body, OfficeRequest):
                detail = "what it is about never became known, or never was to take place"
                working.set_aside(heard, Reason.UNDECIDABLE, detail)
                continue
            session_id, person_id = heard.body.session_id, heard.body.person_id
            place = working[Place].get(session_id, person_id)
            wants = AskedFor.WITHDRAWAL if isinstance(heard.body, WithdrawalRequested) else AskedFor.PLACE
            reason = never_eligible(working, working[Session].get(session_id), person_id)
            fact = refuse(session_id, person_id, place, wants, reason, Asked.by(heard), working.now)
            working.say(fact, cause=heard)


def on_reconcile(working: Working, moment: Due) -> None:
    """After a restore: a session is settled with all that is known, and the requests held meanwhile are decided."""
    session_id = session_named(moment.subject)
    _end_correction(working, session_id, None)
    _revise(working, [session_id], None, subjects_of([session_id], ()), is_stated=True)
    _say_settled(working, session_id, None)


def on_offer_ends(working: Working, moment: Due) -> None:
    """An offer was not answered in time."""
    session_id, person_id = place_named(moment.subject)
    session, place = working[Session].get(session_id), working[Place].get(session_id, person_id)
    if session is not None and place is not None and place.offered_until == moment.at:
        facts = decide_offer_ended(working, session, place, now=working.now)
        _say(working, facts, None, at=moment.at, now=working.now)


def on_places_released(working: Working, moment: Due) -> None:
    """What towns have not used goes to the others."""
    _revise(working, [session_named(moment.subject)], None, ())


def on_session_decided(working: Working, moment: Due) -> None:
    """The day has come on which it is looked whether enough have confirmed."""
    session = working[Session].get(session_named(moment.subject))
    if session is not None:
        for fact in decide_risk(working, session, now=working.now):
            working.say(fact)


Acting = (
    StageOpened
    | PersonRegistered
    | PersonErased
    | CityFact
    | MembershipFact
    | SessionFact
    | PlaceRequest
    | OfficeDecision
)
"""What enrolment acts on. Of everything else that it hears it makes rows, and decides nothing."""

REACT: dict[Any, Any] = {
    StageOpened: on_stage,
    PersonErased: on_erasure,
    PersonRegistered: on_registration,
    **dict.fromkeys(members(CityFact), on_city),
    **dict.fromkeys(members(MembershipFact), on_membership),
    **dict.fromkeys(members(SessionFact), on_session),
}
DECIDE: dict[Any, Any] = {
    **dict.fromkeys(members(PlaceRequest), on_request),
    **dict.fromkeys(members(OfficeDecision), on_office),
}
ALREADY_SO = "AlreadySo"
"""What the office is answered that asks for what is so: no fact says it."""
DUE: dict[str, Any] = {
    HELD_TOO_LONG: on_held_too_long,
    RECONCILE: on_reconcile,
    OFFER_ENDS: on_offer_ends,
    PLACES_RELEASED: on_places_released,
    SESSION_DECIDED: on_session_decided,
}


def is_acted_on(heard: Heard[Any]) -> TypeGuard[Heard[Acting]]:
    return type(heard.body) in members(Acting)


def _sessions_about(working: Working, cities: set[str], people: set[str], heard: Heard[Any]) -> list[str]:
    """Supplementary sessions of these towns, and sessions in which these people have places; of those that were over no place changes."""
    found = {
        session.session_id
        for city_id in cities
        for session in working[Session].where("city_id", city_id, kind=SessionKind.SUPPLEMENTARY)
        if session.ends_at > heard.appended_at
    }
    found |= {place.session_id for person_id in people for place in working[Place].where("person_id", person_id)}
    return sorted(found)


def _revise(
    working: Working,
    session_ids: Iterable[str],
    heard: Heard[Any] | None,
    wakes: Sequence[str],
    *,
    is_stated: bool = False,
) -> None:
    """Settles these sessions anew, then decides the held requests about these subjects: what was said of them may let that be.
    `is_stated`: they may be at another time now, in the way of other places of everybody in them.

    What came after a held request's last moment does not wake it, also if it is heard before that moment is decided.
    """
    at = heard.appended_at if heard else None
    now = max(working.now, at or working.now)
    for session_id in session_ids:
        session = working[Session].get(session_id)
        if session is not None:
            facts = decide_session(working, session, at=at, now=now)
            also = [place.person_id for place in working[Place].where("session_id", session_id)] if is_stated else []
            _say(working, facts, heard, at=at or now, now=now, also=sorted(also))
    waiting = [held for one in wakes for held in working[Held].where("about", one)]
    woken = {working[Held].key(held): held for held in waiting if not heard or heard.appended_at <= held.expires_at}
    for held in woken.values():
        working[Held].remove(*working[Held].key(held))
    for held in in_order_of_arrival(woken.values()):
        _answer(working, request_of(held), now)


def _say(
    working: Working,
    facts: Sequence[PlaceState],
    heard: Heard[Any] | None,
    *,
    at: dt.datetime,
    now: dt.datetime,
    also: Iterable[str] = (),
) -> None:
    """Says what became of places, and what follows from it for other places at the same time of day: of these people, and of `also`."""
    for fact in facts:
        working.say(fact, cause=heard)
    people = [*(fact.person_id for fact in facts if not isinstance(fact, EnrolmentRefused)), *also]
    looking = dict.fromkeys(person_id for person_id in people if not is_erased(working, person_id))
    while looking:
        person_id = next(iter(looking))
        del looking[person_id]
        for session_id in sorted(place.session_id for place in working[Place].where("person_id", person_id)):
            place = working[Place].get(session_id, person_id)
            if place is not None and place.is_active:
                for fact in decide_clash(working, place, at=at, now=now):
                    working.say(fact, cause=heard)
                    looking[fact.person_id] = None


def _end_correction(working: Working, session_id: str, heard: Heard[Any] | None) -> None:
    session = working[Session].get(session_id)
    if session is not None:
        for fact in decide_correction_over(working, session):
            working.say(fact, cause=heard)


def _say_settled(working: Working, session_id: str, heard: Heard[Any] | None, *, is_corrected: bool = False) -> None:
    """Last of all that was decided because of it: whoever waits for this may speak then."""
    session = working[Session].get(session_id)
    if session is not None:
        now = max(working.now, session.heard_at)
        for fact in decide_settled(working, session, now=now, is_corrected=is_corrected):
            working.say(fact, cause=heard)


def request_of(held: Held) -> Heard[PlaceRequest | OfficeDecision]:
    """A held request as it was heard; nothing else is ever held here."""
    return cast(Heard[PlaceRequest | OfficeDecision], heard_again(held))


def _answer(working: Working, heard: Heard[PlaceRequest | OfficeDecision], now: dt.datetime) -> None:
    """Decides a request, or holds it. Behind a held one about the same place it waits its turn."""
    body, asked = heard.body, Asked.by(heard)
    if isinstance(body, OfficeRequest):
        asked = replace(asked, decided_by=heard.source.removeprefix(f"{working.source}/"), note=body.note)
    now = max(now, heard.appended_at)
    session = working[Session].get(body.session_id)
    how: dict[str, Any] = {"asked": asked, "at": heard.appended_at, "now": now}
    decided: Sequence[PlaceState] | Wait | NotDone
    match body:
        case _ if working.waits_its_turn(body):
            decided = Wait("turn")
        case EnrolmentRequested():
            decided = decide_request(working, session, body.person_id, **how)
        case WithdrawalRequested():
            decided = decide_withdrawal(working, session, body.person_id, **how)
        case OfferAnswered():
            decided = decide_offer_answer(working, session, body.person_id, body.answer, **how)
        case ReplyGiven():
            decided = decide_reply(working, session, body.person_id, body.reply, **how)
        case CorrectionRequested():
            decided = _correct(working, session, heard, body, asked)
        case ExtraPlaceRequested() | PriorityRequested() | RemovalRequested() | RemovalLiftRequested():
            decided = decide_about_place(working, session, body, **how)
        case never:
            assert_never(never)
    if isinstance(decided, NotDone):
        working.set_aside(heard, decided.reason, decided.detail)
        return
    if isinstance(decided, Wait):
        unknown = heard.appended_at + rules_of(working).held_for
        expires_at = max(session.ends_at, heard.appended_at) if session else unknown
        working.hold(heard, waits_for=decided.waits_for, expires_at=expires_at)
        return
    _say(working, decided, heard, at=heard.appended_at, now=now)
    if isinstance(body, AboutAPlace) and not working.is_known(heard):  # It is so already.
        stands = working[Place].get(body.session_id, body.person_id)
        working.leave_unchanged(heard, ALREADY_SO, stands.event_id if stands else "")


def _correct(
    working: Working, session: Session | None, heard: Heard[Any], body: CorrectionRequested, asked: Asked
) -> Sequence[PlaceState] | Wait | NotDone:
    """Lays the office's word over the planner's; the session's places follow."""
    if session is None:
        return Wait("session")
    decided = decide_correction(working, session, body, asked=asked)
    if isinstance(decided, NotDone):
        return decided
    for fact in decided:
        working.say(fact, cause=heard)
    if decided:
        _revise(working, [session.session_id], heard, ())
        _say_settled(working, session.session_id, heard, is_corrected=True)
    else:
        correction = correction_of(working, session)
        working.leave_unchanged(heard, ALREADY_SO, correction.event_id if correction else session.event_id)
    return ()
