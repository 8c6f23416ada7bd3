"""Who gets a place. Pure functions from what is known to facts; they apply nothing and publish nothing.

Every path that takes or frees a seat goes through `settle`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from services.enrolment.state import (
    CANCELLED,
    Membership,
    Place,
    Session,
    current_memberships,
    qualifies,
)
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlaceState,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionKind
from shared.values import immutable
from shared.working import Working


@immutable
class Asked:
    """Which request a fact answers."""

    source: str
    id: str
    at: dt.datetime | None = None
    """When it was appended, if it came before the session began: only then it could have changed anything."""


@immutable
class Entry:
    """Someone who comes into a session."""

    person_id: str
    city_id: str
    basis: Basis
    asked: Asked | None = None


@immutable
class Leave:
    """Why someone leaves a session."""

    reason: WithdrawalReason
    asked: Asked | None = None


@immutable
class Wait:
    """Nothing can be decided yet; what has to become known first."""

    waits_for: str


def settle(
    session: Session,
    places: Sequence[Place],
    *,
    leaving: Mapping[str, Leave],
    entering: Sequence[Entry],
    decided_at: dt.datetime,
    has_begun: bool = False,
) -> list[PlaceState]:
    """Who has a place and who waits, after these leave and those come: one fact for each place that changes.

    Nobody who has a place loses it to someone who waits; if the session shrank, those who came last wait again, first in line.
    Once it has begun, a smaller room takes nobody's place.
    """
    facts: list[PlaceState] = []
    by_person = {place.person_id: place for place in places}
    staying = [place for place in places if place.is_active and place.person_id not in leaving]
    staying.sort(key=lambda place: (place.state != Standing.ENROLLED, place.queue or 0, place.person_id))
    for person_id, leave in leaving.items():
        place = by_person[person_id]
        fields = _place_fields(place, leave.asked, decided_at) | asked_at(place, AskedFor.WITHDRAWAL, leave.asked)
        facts.append(EnrolmentWithdrawn(reason=leave.reason, **fields))
    number = max((place.queue or 0 for place in places), default=0)
    seats = session.capacity
    if has_begun:
        seats = max(seats, sum(place.state == Standing.ENROLLED for place in staying))
    for seat, place in enumerate(staying):
        standing = Standing.ENROLLED if seat < seats else Standing.WAITLISTED
        if standing != place.state:
            facts.append(_placed(standing, _place_fields(place, None, decided_at)))
    for seat, entry in enumerate(entering, start=len(staying)):
        number += 1
        standing = Standing.ENROLLED if seat < seats else Standing.WAITLISTED
        before = by_person.get(entry.person_id)
        facts.append(
            _placed(
                standing,
                {
                    "session_id": session.session_id,
                    "person_id": entry.person_id,
                    "city_id": entry.city_id,
                    "episode": (before.episode if before else 0) + 1,
                    "basis": entry.basis,
                    "queue": number,
                    "request_source": entry.asked and entry.asked.source,
                    "request_id": entry.asked and entry.asked.id,
                    "decided_at": decided_at,
                    **asked_at(before, AskedFor.PLACE, entry.asked),
                },
            )
        )
    return facts


def decide_session(working: Working, session: Session, *, at: dt.datetime) -> list[PlaceState]:
    """What a session's places become when something about it, its towns or its teams has changed.

    A supplementary session enrols its town's whole team; whoever withdrew by request stays withdrawn.
    Nothing is decided about a session that is cancelled or over; nobody loses a place in one that has begun.
    """
    if session.state == CANCELLED or at >= session.ends_at:
        return []
    places = working[Place].where("session_id", session.session_id)
    leaving: dict[str, Leave] = {}
    if at < session.starts_at:
        for place in sorted(places, key=lambda place: place.person_id):
            reason = _reason_to_leave(working, session, place) if place.is_active else None
            if reason is not None:
                leaving[place.person_id] = Leave(reason)
    entering = _team(working, session, places) if session.kind == SessionKind.SUPPLEMENTARY else []
    begun = at >= session.starts_at
    return settle(session, places, leaving=leaving, entering=entering, decided_at=working.now, has_begun=begun)


def decide_request(
    working: Working, session: Session | None, person_id: str, *, asked: Asked, at: dt.datetime
) -> list[PlaceState] | Wait:
    """What a request for a place leads to: a place, a place in the waiting list, a refusal, or waiting for what is not yet known."""
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, person_id)
    asked = _in_time(asked, session, at)
    found: str | RefusalReason | Wait
    if session.state == CANCELLED:
        found = RefusalReason.SESSION_CANCELLED
    elif place is not None and place.is_active:
        found = RefusalReason.ALREADY_PLACED
    elif at >= session.starts_at:
        found = RefusalReason.SESSION_STARTED
    elif place is not None and place.withdrawal_asked_at is not None and at < place.withdrawal_asked_at:
        found = RefusalReason.WITHDRAWN_SINCE
    else:
        found = eligible_city(working, session, person_id)
    if isinstance(found, Wait):
        return found
    if isinstance(found, RefusalReason):
        return [refuse(session.session_id, person_id, place, AskedFor.PLACE, found, asked, working.now)]
    entry = Entry(person_id, found, Basis.REQUEST, asked)
    places = working[Place].where("session_id", session.session_id)
    return settle(session, places, leaving={}, entering=[entry], decided_at=working.now)


def decide_withdrawal(
    working: Working, session: Session | None, person_id: str, *, asked: Asked, at: dt.datetime
) -> list[PlaceState] | Wait:
    """What a request to give a place back leads to; the seat goes to whoever waits first."""
    if session is None:
        return Wait("session")
    place = working[Place].get(session.session_id, person_id)
    asked = _in_time(asked, session, at)
    reason = None
    if place is None and isinstance(wait := eligible_city(working, session, person_id), Wait):
        return wait  # The team rule may still give the place that is given back here.
    if place is None or not place.is_active:
        reason = RefusalReason.NO_PLACE
    elif session.state == CANCELLED:
        reason = RefusalReason.SESSION_CANCELLED
    elif at >= session.starts_at:
        reason = RefusalReason.SESSION_STARTED
    elif place.place_asked_at is not None and at < place.place_asked_at:
        reason = RefusalReason.ASKED_SINCE
    if reason is not None:
        return [refuse(session.session_id, person_id, place, AskedFor.WITHDRAWAL, reason, asked, working.now)]
    leaving = {person_id: Leave(WithdrawalReason.REQUESTED, asked)}
    places = working[Place].where("session_id", session.session_id)
    return settle(session, places, leaving=leaving, entering=[], decided_at=working.now)


def eligible_city(working: Working, session: Session, person_id: str) -> str | RefusalReason | Wait:
    """The town for which the person may come; or why not; or what is not known yet."""
    memberships = list(current_memberships(working, session, person_id))
    answers = {membership.city_id: qualifies(working, membership.city_id, session.phase) for membership in memberships}
    for city_id, answer in answers.items():
        if answer:
            return city_id
    if any(answer is None for answer in answers.values()):
        return Wait("town")
    if answers:
        return RefusalReason.TOWN_NOT_QUALIFIED
    return RefusalReason.NOT_IN_TEAM if working[Membership].where("person_id", person_id) else Wait("person")


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
        decided_at=decided_at,
        **asked_at(place, asked_for, asked),
        asked_for=asked_for,
        reason=reason,
        standing=place.state if place else Standing.NONE,
        withdrawn_for=place.reason if place else None,
    )


def asked_at(place: Place | None, asked_for: AskedFor, asked: Asked | None) -> dict[str, Any]:
    """When the newest requests about a place were appended, this one among them."""
    times = {
        AskedFor.PLACE: place.place_asked_at if place else None,
        AskedFor.WITHDRAWAL: place.withdrawal_asked_at if place else None,
    }
    known = times[asked_for]
    if asked is not None and asked.at is not None and (known is None or asked.at > known):
        times[asked_for] = asked.at
    return {"place_asked_at": times[AskedFor.PLACE], "withdrawal_asked_at": times[AskedFor.WITHDRAWAL]}


def _in_time(asked: Asked, session: Session, at: dt.datetime) -> Asked:
    return Asked(asked.source, asked.id, at) if at < session.starts_at else asked


def _reason_to_leave(working: Working, session: Session, place: Place) -> WithdrawalReason | None:
    memberships = list(current_memberships(working, session, place.person_id))
    if not memberships:
        known = working[Membership].where("person_id", place.person_id)
        return WithdrawalReason.LEFT_TEAM if known else None  # To know nothing is not to know that someone left.
    answers = [qualifies(working, membership.city_id, session.phase) for membership in memberships]
    return WithdrawalReason.TOWN_WITHDRAWN if all(answer is False for answer in answers) else None


def _team(working: Working, session: Session, places: Sequence[Place]) -> list[Entry]:
    """Members of the town's team who are not in the session and did not ask to be out of it."""
    if not qualifies(working, session.city_id, session.phase):
        return []
    out = {place.person_id for place in places if place.is_active or place.reason == WithdrawalReason.REQUESTED}
    members = sorted(
        {
            member.person_id
            for member in working[Membership].where("city_id", session.city_id)
            if member.person_id not in out and member.covers(session.first_date, session.last_date)
        }
    )
    return [Entry(person_id, session.city_id, Basis.TEAM) for person_id in members]


def _place_fields(place: Place, asked: Asked | None, decided_at: dt.datetime) -> dict[str, Any]:
    return {
        "session_id": place.session_id,
        "person_id": place.person_id,
        "city_id": place.city_id,
        "episode": place.episode,
        "basis": place.basis,
        "queue": place.queue,
        "request_source": asked and asked.source,
        "request_id": asked and asked.id,
        "decided_at": decided_at,
        **asked_at(place, AskedFor.PLACE, None),
    }


def _placed(standing: Standing, fields: dict[str, Any]) -> PlaceState:
    return (ParticipantEnrolled if standing == Standing.ENROLLED else ParticipantWaitlisted)(**fields)
