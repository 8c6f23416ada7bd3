"""What enrolment does about each event: the table event → handler. Handlers work on loaded rows; they never commit or publish."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from services.enrolment.decisions import decide_request, decide_session, decide_settled, decide_withdrawal, refuse
from services.enrolment.eligibility import Wait, never_eligible
from services.enrolment.settling import Asked
from services.enrolment.state import Membership, Place, Session
from services.enrolment.subjects import asked_for_by, session_named, subjects_of
from shared.books.holding import HELD_DAYS, HELD_TOO_LONG, heard_again, in_order_of_arrival
from shared.books.recovery import RECONCILE
from shared.contracts.directory import PersonErased, TeamMembership
from shared.contracts.enrolment import AskedFor
from shared.contracts.planner import SessionKind, SessionState
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityOutcome
from shared.events.envelope import Heard
from shared.state.working import Due, Held, Working


def on_session(working: Working, heard: Heard[SessionState]) -> None:
    """A session was announced, changed or cancelled: its places follow, requests that waited for it are decided, and that is said."""
    _revise(working, [heard.body.session_id], heard)
    _say_settled(working, heard.body.session_id, heard)


def on_city(working: Working, heard: Heard[CityOutcome]) -> None:
    """A town's outcome is known or has changed: its supplementary sessions, its people's places, the requests that waited."""
    city_id = heard.body.city_id
    people = {member.person_id for member in working[Membership].where("city_id", city_id)}
    _revise(working, _sessions_about(working, {city_id}, people), heard, people)


def on_membership(working: Working, heard: Heard[TeamMembership]) -> None:
    """Someone joined or left a team."""
    body = heard.body
    _revise(working, _sessions_about(working, {body.city_id}, {body.person_id}), heard, {body.person_id})


def on_erasure(working: Working, heard: Heard[PersonErased]) -> None:
    """Nobody can be told any more: places to come and waiting end, and the seats go to whoever waits first."""
    person_id = heard.body.person_id
    _revise(working, _sessions_about(working, set(), {person_id}), heard, {person_id})


def on_stage(working: Working, heard: Heard[StageOpened]) -> None:
    """Which towns are trained in which phase has changed: in the phase that is named now, and in the one that was named before.
    Every session is looked at; stages are few, and sessions of another phase stay as they are."""
    _revise(working, sorted(session.session_id for session in working[Session]), heard)


def on_request(working: Working, heard: Heard[EnrolmentRequested]) -> None:
    """Someone asks for a place."""
    _answer(working, heard, working.now)


def on_withdrawal(working: Working, heard: Heard[WithdrawalRequested]) -> None:
    """Someone gives a place back."""
    _answer(working, heard, working.now)


def on_held_too_long(working: Working, moment: Due) -> None:
    """What a request waited for never became known: refused, at last."""
    for held in in_order_of_arrival(working[Held].where("about", moment.subject)):
        if held.expires_at <= moment.at:
            heard = heard_again(held)
            working[Held].remove(held.request_source, held.request_id)
            session_id, person_id = asked_for_by(held)
            place = working[Place].get(session_id, person_id)
            asked_for = AskedFor.PLACE if isinstance(heard.body, EnrolmentRequested) else AskedFor.WITHDRAWAL
            reason = never_eligible(working, working[Session].get(session_id), person_id)
            fact = refuse(session_id, person_id, place, asked_for, reason, Asked.by(heard), working.now)
            working.say(fact, cause=heard)


def on_reconcile(working: Working, moment: Due) -> None:
    """After a restore: a session is settled with all that is known, and the requests held meanwhile are decided."""
    session_id = session_named(moment.subject)
    _revise(working, [session_id], None)
    _say_settled(working, session_id, None)


REACT: dict[Any, Any] = {
    StageOpened: on_stage,
    PersonErased: on_erasure,
    **dict.fromkeys(CityOutcome.__subclasses__(), on_city),
    **dict.fromkeys(TeamMembership.__subclasses__(), on_membership),
    **dict.fromkeys(SessionState.__subclasses__(), on_session),
}
DECIDE: dict[Any, Any] = {EnrolmentRequested: on_request, WithdrawalRequested: on_withdrawal}
DUE: dict[str, Any] = {HELD_TOO_LONG: on_held_too_long, RECONCILE: on_reconcile}


def _sessions_about(working: Working, cities: set[str], people: set[str]) -> list[str]:
    """Supplementary sessions of these towns, and sessions in which these people have places."""
    found = {
        session.session_id
        for city_id in cities
        for session in working[Session].where("city_id", city_id)
        if session.kind == SessionKind.SUPPLEMENTARY
    }
    found |= {place.session_id for person_id in people for place in working[Place].where("person_id", person_id)}
    return sorted(found)


def _revise(
    working: Working, session_ids: Iterable[str], heard: Heard[Any] | None, people: set[str] | None = None
) -> None:
    """Settles these sessions anew, then decides the held requests about them or about these people.

    What came after a held request's last moment does not wake it, also if it is heard before that moment is decided.
    """
    session_ids = list(session_ids)
    at = heard.appended_at if heard else None
    now = max(working.now, at or working.now)
    for session_id in session_ids:
        session = working[Session].get(session_id)
        if session is not None:
            for fact in decide_session(working, session, at=at, now=now):
                working.say(fact, cause=heard)
    waiting = [held for one in subjects_of(session_ids, people or ()) for held in working[Held].where("about", one)]
    woken = {working[Held].key(held): held for held in waiting if not heard or heard.appended_at <= held.expires_at}
    for held in woken.values():
        working[Held].remove(*working[Held].key(held))
    for held in in_order_of_arrival(woken.values()):
        _answer(working, heard_again(held), now)


def _say_settled(working: Working, session_id: str, heard: Heard[Any] | None) -> None:
    """Last of all that was decided because of it: whoever waits for this may speak then."""
    session = working[Session].get(session_id)
    if session is not None:
        for fact in decide_settled(working, session, now=max(working.now, session.heard_at)):
            working.say(fact, cause=heard)


def _answer(working: Working, heard: Heard[Any], now: dt.datetime) -> None:
    """Decides a request, or holds it. Behind a held one about the same place it waits its turn."""
    body, asked = heard.body, Asked.by(heard)
    now = max(now, heard.appended_at)
    session = working[Session].get(body.session_id)
    decided: list[Any] | Wait
    if working.waits_its_turn(body):
        decided = Wait("turn")
    elif isinstance(body, EnrolmentRequested):
        decided = decide_request(working, session, body.person_id, asked=asked, at=heard.appended_at, now=now)
    else:
        decided = decide_withdrawal(working, session, body.person_id, asked=asked, at=heard.appended_at, now=now)
    if isinstance(decided, Wait):
        unknown = heard.appended_at + dt.timedelta(days=HELD_DAYS)
        expires_at = max(session.ends_at, heard.appended_at) if session else unknown
        working.hold(
            heard,
            waits_for=decided.waits_for,
            expires_at=expires_at,
        )
        return
    for fact in decided:
        working.say(fact, cause=heard)
