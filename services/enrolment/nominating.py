"""Nominations: what becomes of the people whom a town's coordinator names for a session, in one request. Pure functions from what is
known to facts."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.enrolment.decisions import numbers_now, settled_with, why_not_taken
from services.enrolment.eligibility import (
    Wait,
    announced_at,
    asked_since,
    is_ahead,
    never_eligible,
    why_not_for,
)
from services.enrolment.overlaps import in_the_way
from services.enrolment.settling import Entry
from services.enrolment.state import Place, Session
from services.enrolment.statements import cancelled_since, is_cancelled_by
from services.enrolment.stating import Asked
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    NominationAnswered,
    Nominee,
    Numbers,
    PlaceFact,
    PlaceState,
    RefusalReason,
    Standing,
    standing_after,
)
from shared.contracts.model import members
from shared.contracts.planner import SessionKind, SessionStanding
from shared.contracts.portal import NominationMode, PeopleNominated
from shared.state.working import Working

Reasons = Mapping[str, RefusalReason | None]
"""Why each of the nominated cannot come, in the order in which they were named; None: they can."""


def decide_nomination(
    working: Working,
    session: Session | None,
    nomination: PeopleNominated,
    *,
    asked: Asked,
    at: dt.datetime,
    now: dt.datetime,
    at_last: bool = False,
) -> list[PlaceState | NominationAnswered] | Wait:
    """What becomes of everybody who is named: the places that follow, and last the one fact that answers for all of them.

    As long as anybody is not known the whole of it waits, for the others' places depend on it. `at_last`: it has waited for as long as
    nominations wait. Those who are known are decided then, the others never became known.
    """
    reasons = _reasons(working, session, nomination, asked, at, at_last=at_last)
    if isinstance(reasons, Wait):
        return reasons
    facts: Sequence[PlaceState] = []
    entering: list[Entry] = []
    if session is not None and None in reasons.values():
        entering = _entering(working, session, nomination, asked, reasons)
        facts = settled_with(working, session, at=at, now=now, entering=entering)
    numbers: Numbers | None = None
    if nomination.mode == NominationMode.ALL_OR_NONE and not _all_come(reasons, entering, facts):
        facts, reasons = [], {person: reason or RefusalReason.DOES_NOT_FIT for person, reason in reasons.items()}
        if session is not None:
            numbers = numbers_now(working, session, nomination.city_id, at=at, now=now)
    return [*facts, _answer(working, nomination, asked, reasons, facts, numbers)]


def _entering(
    working: Working, session: Session, nomination: PeopleNominated, asked: Asked, reasons: Reasons
) -> list[Entry]:
    """Those who can come, and have not by this very nomination."""
    named = nomination_id(asked.source, asked.id)
    asked = replace(asked, in_time=is_ahead(session, asked.at))
    return [
        Entry(person_id, nomination.city_id, Basis.NOMINATION, asked.at, asked, nomination_id=named)
        for person_id, reason in reasons.items()
        if reason is None and not _came_by(working[Place].get(session.session_id, person_id), asked)
    ]


def _all_come(reasons: Reasons, entering: Sequence[Entry], facts: Sequence[PlaceState]) -> bool:
    seated = {fact.person_id for fact in facts if fact.becomes.has_seat}
    return not any(reasons.values()) and seated.issuperset(entry.person_id for entry in entering)


def _reasons(
    working: Working,
    session: Session | None,
    nomination: PeopleNominated,
    asked: Asked,
    at: dt.datetime,
    *,
    at_last: bool,
) -> Reasons | Wait:
    of_all = _why_nobody(working, session, at)
    found: dict[str, RefusalReason | None] = {}
    for person_id in nomination.people:
        reason = of_all
        if reason is None and session is not None:
            reason = _why_not(working, session, person_id, nomination.city_id, asked, at)
        if isinstance(reason, Wait):
            if not at_last:
                return reason
            reason = never_eligible(working, session, person_id)
        found[person_id] = reason
    return found


def _why_nobody(working: Working, session: Session | None, at: dt.datetime) -> RefusalReason | Wait | None:
    """Why the session takes no nomination that was sent at that moment, whoever is named."""
    if session is None or session.state == SessionStanding.DRAFT:
        return Wait("session")
    if session.kind == SessionKind.SUPPLEMENTARY:
        return RefusalReason.TEAM_BY_RULE
    if is_cancelled_by(working, session, at):
        return RefusalReason.SESSION_CANCELLED
    if at >= session.starts_at:
        return RefusalReason.SESSION_STARTED
    until = session.terms.nominations_until
    if until is not None and at >= until:
        return RefusalReason.NOMINATIONS_CLOSED
    if (not_taken := why_not_taken(working, session, at)) is not None:
        return not_taken
    if (
        session.state == SessionStanding.CANCELLED
    ):  # Sent before that: heard in time, it would have given places that stand.
        was_scheduled = announced_at(working, session) < cancelled_since(working, session)
        return Wait("session") if was_scheduled else RefusalReason.SESSION_CANCELLED
    return None


def _why_not(
    working: Working, session: Session, person_id: str, city_id: str, asked: Asked, at: dt.datetime
) -> RefusalReason | Wait | None:
    """Why this one of the nominated cannot come for the town."""
    place = working[Place].get(session.session_id, person_id)
    if place is not None and place.is_active:
        return None if _came_by(place, asked) else RefusalReason.ALREADY_PLACED
    if asked_since(place, session, AskedFor.WITHDRAWAL, at):
        return RefusalReason.WITHDRAWN_SINCE
    return why_not_for(working, session, person_id, city_id)


def _came_by(place: Place | None, asked: Asked) -> bool:
    """Whether this very nomination brought them in: a database that was restored may know the places it gave, and not the answer."""
    return place is not None and place.is_active and place.nomination_id == nomination_id(asked.source, asked.id)


def _answer(
    working: Working,
    nomination: PeopleNominated,
    asked: Asked,
    reasons: Reasons,
    facts: Sequence[PlaceState],
    numbers: Numbers | None,
) -> NominationAnswered:
    became = {fact.person_id: standing_after(fact) for fact in facts if isinstance(fact, members(PlaceFact))}

    def standing(person_id: str) -> Standing:
        place = working[Place].get(nomination.session_id, person_id)
        return became.get(person_id) or (place.state if place else Standing.NONE)

    session = working[Session].get(nomination.session_id)
    return NominationAnswered(
        session_id=nomination.session_id,
        nomination_id=nomination_id(asked.source, asked.id),
        city_id=nomination.city_id,
        mode=nomination.mode,
        people=tuple(
            Nominee(
                person_id=person_id,
                standing=standing(person_id),
                reason=reason,
                other_session_id=in_the_way(working, session, person_id, reason),
            )
            for person_id, reason in reasons.items()
        ),
        request_source=asked.source,
        request_id=asked.id,
        request_digest=asked.digest,
        asked_at=asked.at,
        numbers=numbers,
        decided_at=working.now,
    )


def nomination_id(source: str, event_id: str) -> str:
    """What tells a nomination from all others: made of all that a request is known by."""
    return hashlib.blake2b(f"{source}\n{event_id}".encode(), digest_size=12).hexdigest()
