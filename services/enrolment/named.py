"""What the inputs of one transaction name: where its loading begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import assert_never

from services.enrolment.handlers import is_acted_on
from services.enrolment.moments import NOMINATIONS_OPEN, PLACES_RELEASED, SESSION_DECIDED
from services.enrolment.nominating import nomination_id
from services.enrolment.subjects import session_named
from shared.books.recovery import RECONCILE
from shared.contracts.answers import CalendarAnswered
from shared.contracts.directory import PersonErased, PersonMerged, PersonRegistered, TeamMemberJoined, TeamMemberLeft
from shared.contracts.office import (
    CorrectionRequested,
    ExtraPlaceRequested,
    PriorityRequested,
    RemovalLiftRequested,
    RemovalRequested,
)
from shared.contracts.planner import (
    SessionCancelled,
    SessionCompleted,
    SessionDrafted,
    SessionRescheduled,
    SessionScheduled,
)
from shared.contracts.portal import (
    EnrolmentRequested,
    OfferAnswered,
    PeopleNominated,
    ReplyGiven,
    SubstitutionRequested,
    WithdrawalRequested,
)
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityNotSelected, CityQualified, CityWithdrawn
from shared.service import Inputs
from shared.state.working import Due


@dataclass
class Named:
    """By whom and by what is asked: sessions, people and towns, and what of them is in question."""

    cities: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    """Towns whose standing is stated: all their people are in question."""
    people: set[str] = field(default_factory=set)
    asking: set[str] = field(default_factory=set)
    """People who ask, or for whom is asked: whether they are known at all counts."""
    registered: set[str] = field(default_factory=set)
    restated: set[str] = field(default_factory=set)
    """People of whom is said who they are, or that they are to be forgotten: they are nobody else's from now on."""
    merging: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    """All places in them are in question."""
    asked_in: set[str] = field(default_factory=set)
    """Sessions in which places are only asked for."""
    told_of: set[str] = field(default_factory=set)
    """Sessions of which it counts what had been said when something was asked."""
    decided: set[str] = field(default_factory=set)
    """Sessions whose decision day has come."""
    stated: set[str] = field(default_factory=set)
    """Sessions whose towns may have to be called."""
    asked_for: set[tuple[str, str]] = field(default_factory=set)
    """(session, person)"""
    nominations: set[tuple[str, str]] = field(default_factory=set)
    """(session, nomination)"""
    may_call: bool = False
    all_of_them: bool = False
    """Whether every session that is not over is in question."""


def named_by(inputs: Inputs) -> Named:
    named = Named()
    for one in inputs:
        if isinstance(one, Due):
            named.sessions.add(session_named(one.subject))
            if one.kind in (NOMINATIONS_OPEN, PLACES_RELEASED, RECONCILE):
                named.stated.add(session_named(one.subject))
            if one.kind in (PLACES_RELEASED, RECONCILE):
                named.told_of.add(session_named(one.subject))
            if one.kind == SESSION_DECIDED:
                named.decided.add(session_named(one.subject))
        elif is_acted_on(one):
            match one.body:
                case EnrolmentRequested() as body:  # First, for these come by the thousand.
                    named.asked_in.add(body.session_id)
                    named.asking.add(body.person_id)
                    named.asked_for.add((body.session_id, body.person_id))
                case CityQualified() | CityNotSelected() | CityWithdrawn() as body:
                    named.cities.add(body.city_id)
                    named.changed.add(body.city_id)
                case TeamMemberJoined() | TeamMemberLeft() as body:
                    named.cities.add(body.city_id)
                    named.people.add(body.person_id)
                case PersonErased() as body:
                    named.people.add(body.person_id)
                    named.restated.add(body.person_id)
                case PersonMerged() as body:
                    named.merging |= {body.person_id, body.into_person_id}
                    named.people |= named.merging
                case PersonRegistered() as body:
                    named.registered.add(body.person_id)
                    named.restated.add(body.person_id)
                case (
                    SessionDrafted()
                    | SessionScheduled()
                    | SessionRescheduled()
                    | SessionCancelled()
                    | SessionCompleted() as body
                ):
                    named.sessions.add(body.session_id)
                    named.told_of.add(body.session_id)
                    named.stated.add(body.session_id)
                    named.cities.add(body.city_id)
                    named.may_call = named.may_call or body.nominations_until is not None
                case StageOpened():
                    named.all_of_them = True
                case OfferAnswered() | ReplyGiven() as body:
                    named.sessions.add(body.session_id)
                    named.told_of.add(body.session_id)
                    named.asking.add(body.person_id)
                case WithdrawalRequested() | CalendarAnswered() as body:
                    named.sessions.add(body.session_id)
                    named.asking.add(body.person_id)
                case ExtraPlaceRequested() | PriorityRequested() | RemovalRequested() | RemovalLiftRequested() as body:
                    named.sessions.add(body.session_id)
                    named.asking.add(body.person_id)
                case CorrectionRequested() as body:
                    named.sessions.add(body.session_id)
                    named.told_of.add(body.session_id)
                    named.stated.add(body.session_id)
                case PeopleNominated() as body:
                    named.sessions.add(body.session_id)
                    named.asking |= set(body.people)
                    named.nominations.add((body.session_id, nomination_id(one.source, one.event_id)))
                case SubstitutionRequested() as body:
                    named.sessions.add(body.session_id)
                    named.asking |= {body.leaves, body.comes}
                case never:
                    assert_never(never)
    return named
