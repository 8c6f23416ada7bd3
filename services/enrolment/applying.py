"""How facts make enrolment's rows, and what follows from those: answers, moments to come. Pure: no SQL, no clock, no decisions."""

from __future__ import annotations

import datetime as dt
from typing import Any, assert_never

from services.enrolment.moments import NOMINATIONS_OPEN, OFFER_ENDS, PLACES_RELEASED, SESSION_DECIDED
from services.enrolment.state import (
    Call,
    Correction,
    Line,
    Membership,
    Need,
    Nomination,
    Person,
    Place,
    Risk,
    Session,
    Settled,
    Stage,
    Topic,
    Town,
)
from services.enrolment.subjects import session_subject, town_subject
from shared.contracts.directory import (
    MembershipFact,
    PersonErased,
    PersonFact,
    PersonMerged,
    PersonRegistered,
    last_day_after,
)
from shared.contracts.enrolment import (
    AskedFor,
    CallEnd,
    CallFact,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    NominationAnswered,
    NominationsCalledOff,
    NominationsInvited,
    PlaceFact,
    PlacesSettled,
    SessionAtRisk,
    TermsCorrected,
    standing_after,
    what_was_asked,
)
from shared.contracts.model import members
from shared.contracts.notifications import LinkKeyStated
from shared.contracts.planner import SessionFact, SessionStanding, session_standing_after
from shared.contracts.rules import StageOpened, TopicDefined
from shared.contracts.selection import CityFact, outcome_after
from shared.contracts.survey import TrainingNeedDeclared
from shared.events.envelope import Heard
from shared.state.link_keys import link_key_of
from shared.state.merged import follow_merge
from shared.state.rows import FactRow, meta
from shared.state.working import Answer, Derive, Due, Working


def stage_of(heard: Heard[StageOpened]) -> Stage:
    body = heard.body
    return Stage(*meta(heard), body.rule_id, body.stage, body.phase, body.opened_on)


def topic_of(heard: Heard[TopicDefined]) -> Topic:
    body = heard.body
    return Topic(*meta(heard), body.rule_id, body.topic, body.name_pl, body.name_en)


def town_of(heard: Heard[CityFact]) -> Town:
    body = heard.body
    return Town(
        *meta(heard),
        body.city_id,
        body.stage,
        body.name,
        body.voivodeship,
        body.population,
        outcome_after(body),
        body.decided_on,
    )


def person_of(heard: Heard[PersonRegistered]) -> Person:
    return Person(*meta(heard), heard.body.person_id, heard.body.given_name, heard.body.family_name, False)


def merged_person_of(heard: Heard[PersonMerged]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, False, heard.body.into_person_id)


def erased_person_of(heard: Heard[PersonErased]) -> Person:
    return Person(*meta(heard), heard.body.person_id, None, None, True)


def membership_of(heard: Heard[MembershipFact]) -> Membership:
    body = heard.body
    until = last_day_after(body)
    return Membership(
        *meta(heard), body.person_id, body.city_id, body.from_date, until, body.department, body.role, body.kind
    )


def need_of(heard: Heard[TrainingNeedDeclared]) -> Need:
    body = heard.body
    return Need(
        *meta(heard), body.need_id, body.city_id, body.topic, body.level, body.audience, body.people, body.state
    )


def session_of(heard: Heard[SessionFact]) -> Session:
    body = heard.body
    return Session(
        *meta(heard),
        body.session_id,
        body.kind,
        body.phase,
        body.topic,
        body.city_id,
        body.venue,
        body.address,
        body.capacity,
        tuple(meeting.as_named() for meeting in body.meetings),
        body.starts_at,
        body.ends_at,
        session_standing_after(body),
        body.terms,
        body.details,
    )


def place_of(heard: Heard[PlaceFact]) -> Place:
    body = heard.body
    gone = body if type(body) is EnrolmentWithdrawn else None
    refused = body if type(body) is EnrolmentRefused else None
    return Place(
        *meta(heard),
        body.session_id,
        body.person_id,
        body.city_id,
        standing_after(body),
        body.episode,
        body.basis,
        body.queue,
        gone.reason if gone else refused.withdrawn_for if refused else None,
        refused.reason if refused else None,
        body.place_asked_at,
        body.withdrawal_asked_at,
        body.last_asked_for,
        body.last_asked_at,
        body.priority,
        body.queued_at,
        body.offered_at,
        body.offered_until,
        body.last_offered_at,
        body.last_offer_ended_at,
        body.reply,
        body.replied_at,
        body.replied_for,
        body.clashes_with,
        body.nomination_id,
        body.substitute_for,
        body.substituted_by,
        body.had,
        body.withdrawn_at,
        body.decided_at,
    )


def settled_of(heard: Heard[PlacesSettled]) -> Settled:
    body = heard.body
    return Settled(
        *meta(heard),
        body.session_id,
        body.session_source,
        body.session_event_id,
        body.session_version,
        body.seats,
        body.announced_at,
        tuple(map(str, body.decided_moments)),
        body.decided_at,
    )


def nomination_of(heard: Heard[NominationAnswered]) -> Nomination:
    body = heard.body
    return Nomination(
        *meta(heard),
        body.session_id,
        body.nomination_id,
        body.city_id,
        body.mode,
        tuple(one.as_named() for one in body.people),
        body.request_source,
        body.request_id,
        body.asked_at,
        body.decided_at,
    )


def call_of(heard: Heard[CallFact]) -> Call:
    body = heard.body
    ended: CallEnd | None
    match body:
        case NominationsInvited():
            ended = None
        case NominationsCalledOff():
            ended = body.reason
        case never:
            assert_never(never)
    return Call(*meta(heard), body.session_id, body.city_id, body.places, body.until, ended, body.decided_at)


def risk_of(heard: Heard[SessionAtRisk]) -> Risk:
    body = heard.body
    return Risk(*meta(heard), body.session_id, body.minimum, body.confirmed, body.enrolled, body.decided_at)


def correction_of(heard: Heard[TermsCorrected]) -> Correction:
    body = heard.body
    return Correction(
        *meta(heard),
        body.session_id,
        body.capacity,
        body.planned_capacity,
        body.places_per_town,
        body.planned_places_per_town,
        body.asked_at,
        body.decided_at,
    )


def follow_place(working: Working, old: FactRow | None, new: FactRow, heard: Heard[PlaceFact]) -> None:
    """The answer to a request follows from the fact that gave it; from an offer, when it ends; from a number, the next one."""
    body = heard.body
    _answered(working, heard, what_was_asked(body), body.episode)
    if body.queue is not None and (not isinstance(old, Place) or old.queue != body.queue):
        line = working[Line].get(body.session_id)
        if line is None or body.queue > line.last_number:
            working[Line].put(Line(body.session_id, body.queue))
    was_on_offer = isinstance(old, Place) and old.offered_until is not None
    _set_due(working, OFFER_ENDS, heard.subject, body.offered_until, was_set=was_on_offer)


def follow_correction(working: Working, old: FactRow | None, new: FactRow, heard: Heard[TermsCorrected]) -> None:
    """The answer to the office."""
    _answered(working, heard, AskedFor.CORRECTION, 0)


def _answered(working: Working, heard: Heard[PlaceFact | TermsCorrected], asked_for: AskedFor, episode: int) -> None:
    body = heard.body
    if body.request_source and body.request_id:
        asked = (body.request_source, body.request_id, heard.subject, asked_for, body.request_digest)
        working.answer(Answer(*asked, type(body).__name__, episode, heard.event_id))


def follow_nomination(working: Working, old: FactRow | None, new: FactRow, heard: Heard[NominationAnswered]) -> None:
    """It answers the request that named all these people."""
    body = heard.body
    working.answer(
        Answer(
            body.request_source,
            body.request_id,
            town_subject(body.session_id, body.city_id),
            AskedFor.NOMINATION,
            body.request_digest,
            type(body).__name__,
            0,
            heard.event_id,
        )
    )


def follow_session(working: Working, old: FactRow | None, new: FactRow, heard: Heard[SessionFact]) -> None:
    """The days on which something is to be decided about it."""
    assert isinstance(new, Session)
    _set_moments(working, new, working[Settled].get(new.session_id))


def follow_settled(working: Working, old: FactRow | None, new: FactRow, heard: Heard[PlacesSettled]) -> None:
    """What has been decided is not decided again: nothing else may tell so, for there may have been nothing to say."""
    assert isinstance(new, Settled)
    session = working[Session].get(new.session_id)
    if session is not None:
        _set_moments(working, session, new)


def _set_moments(working: Working, session: Session, settled: Settled | None) -> None:
    is_on = session.state == SessionStanding.SCHEDULED
    decided = settled.decided_moments if settled is not None and settled.is_by(session) else ()
    opens_at = session.terms.opens_at if session.calls_towns else None
    days = (
        (NOMINATIONS_OPEN, opens_at),
        (PLACES_RELEASED, session.releases_at),
        (SESSION_DECIDED, session.decides_at),
    )
    for kind, moment in days:
        at = moment if is_on and kind not in decided else None
        _set_due(working, kind, session_subject(session.session_id), at, was_set=True)


def _set_due(working: Working, kind: str, subject: str, at: dt.datetime | None, *, was_set: bool) -> None:
    if at is not None:
        working[Due].put(Due(kind, subject, at))
    elif was_set:
        working[Due].remove(kind, subject)


def follow_person(working: Working, old: FactRow | None, new: FactRow, heard: Heard[PersonFact]) -> None:
    """Who has gone into somebody else, until something else is said of them."""
    assert isinstance(new, Person)
    follow_merge(working, new.person_id, new.merged_into, new.heard_at)


DERIVE: dict[type[FactRow], Derive] = {
    Person: follow_person,
    Place: follow_place,
    Nomination: follow_nomination,
    Session: follow_session,
    Settled: follow_settled,
    Correction: follow_correction,
}


MAKE: dict[Any, Any] = {
    StageOpened: stage_of,
    TopicDefined: topic_of,
    PersonRegistered: person_of,
    PersonMerged: merged_person_of,
    PersonErased: erased_person_of,
    TrainingNeedDeclared: need_of,
    PlacesSettled: settled_of,
    SessionAtRisk: risk_of,
    TermsCorrected: correction_of,
    NominationAnswered: nomination_of,
    LinkKeyStated: link_key_of,
    **dict.fromkeys(members(CallFact), call_of),
    **dict.fromkeys(members(CityFact), town_of),
    **dict.fromkeys(members(MembershipFact), membership_of),
    **dict.fromkeys(members(SessionFact), session_of),
    **dict.fromkeys(members(PlaceFact), place_of),
}
"""Which row each fact makes."""
