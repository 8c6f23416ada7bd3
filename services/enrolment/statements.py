"""What others had said by a moment, and which of it held then. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.enrolment.history import Told
from services.enrolment.state import Session, Settled, begin_of
from services.enrolment.subjects import session_subject
from shared.contracts import EVENTS
from shared.contracts.directory import MembershipFact, PersonErased, PersonFact, PersonMerged
from shared.contracts.enrolment import PlaceFact
from shared.contracts.model import members
from shared.contracts.planner import SessionFact, SessionStanding, session_standing_after, times_of
from shared.contracts.selection import CityFact
from shared.state.ownership import Takeover, Verdict, by_claim
from shared.state.succession import Handover, Succession
from shared.state.working import Working

OF_TOWNS = frozenset(kind.type_name() for kind in members(CityFact))
OF_TEAMS = frozenset(kind.type_name() for kind in members(MembershipFact))
OF_SESSIONS = frozenset(kind.type_name() for kind in members(SessionFact))
OF_PEOPLE = frozenset(kind.type_name() for kind in members(PersonFact))
OF_PLACES = frozenset(kind.type_name() for kind in members(PlaceFact))


def body_of(told: Told) -> Any:
    return EVENTS[told.type].model_validate_json(told.body)


def that_held(told: Iterable[Told], handovers: Iterable[Handover], at: dt.datetime) -> list[Told]:
    """The statements that were news when they were heard, by all that had been said of takeovers by then; in the order of hearing, each
    once: what says that two ids are one human is found by either."""
    return _news_of((one for one in told if one.heard_at <= at), [one for one in handovers if one.said_at <= at])


def _news_of(told: Iterable[Told], handovers: Sequence[Handover]) -> list[Told]:
    newest: dict[str, Told] = {}
    found = []
    for one in sorted({*told}, key=lambda one: (*one.place_in_log(), one.version, one.event_id)):
        if _is_news(newest.get(one.subject), one, handovers):
            newest[one.subject] = one
            found.append(one)
    return found


def _is_news(before: Told | None, one: Told, handovers: Sequence[Handover]) -> bool:
    if before is None or one.type == PersonErased.type_name():
        return True
    if before.type == PersonErased.type_name():
        return False
    if before.source == one.source:
        return one.version >= before.version
    succession = Succession(handovers, EVENTS[one.type].stream)
    claim = succession.claim(one.source, one.heard_at, against=before.source, said_at=before.heard_at)
    return by_claim(claim, all_rules_known=True) is Verdict.NEWER


def newest_of(held: Iterable[Told]) -> list[Told]:
    """Of each thing what was said last."""
    return list({one.subject: one for one in held}.values())


def also_known_as(told: Iterable[Told], ids: Sequence[str]) -> list[str]:
    """The other ids of the same human, as was ever said, that are not among these."""
    merged = [body_of(one) for one in told if one.type == PersonMerged.type_name()]
    return sorted({one.person_id for one in merged if one.into_person_id in ids} - {*ids})


def ids_of(held: Iterable[Told], person_id: str) -> list[str]:
    """All ids of one human, by what was said last of each; who went into somebody else keeps their own alone."""
    newest, ids = newest_of(held), [person_id]
    while also := also_known_as(newest, ids):
        ids += also
    return ids


def went_by(held: Iterable[Told], person_id: str) -> Told | None:
    """By which statement this id went into another one; None: it stays, also of a circle that it was said last to have closed."""
    newest = {one.subject: one for one in held}
    path: list[Told] = []
    said = newest.get(f"person/{person_id}")
    while said is not None and said.type == PersonMerged.type_name() and said not in path:
        path.append(said)
        said = newest.get(f"person/{body_of(said).into_person_id}")
    if not path or (said is path[0] and max(path, key=Told.place_in_log) is path[0]):
        return None
    return path[0]


def person_named(told: Told) -> str | None:
    """Whom a statement about a person, or about their team, names."""
    return told.subject.split("/")[1] if told.type in OF_PEOPLE | OF_TEAMS else None


def about_person(held: Sequence[Told], person_id: str) -> list[Told]:
    """Of these, what is about the person under any of their ids, and about nobody else."""
    ids = {*ids_of(held, person_id)}
    return [one for one in held if (named := person_named(one)) is None or named in ids]


def towns_named(held: Iterable[Told]) -> set[str]:
    """The towns in whose teams the person was said to be."""
    return {body_of(one).city_id for one in held if one.type in OF_TEAMS}


def town_names(held: Iterable[Told]) -> Mapping[str, str]:
    """The towns by what they were called last."""
    return {body.city_id: body.name for body in (body_of(one) for one in held if one.type in OF_TOWNS)}


def stated_then(working: Working, session: Session, at: dt.datetime) -> SessionFact | None:
    """What had been said of the session last at that moment, by whoever spoke for it then; None: nothing."""
    known = [one for one in _stated_of(working, session) if one.heard_at <= at]
    return body_of(known[-1]) if known else None


def settled_by(working: Working, settled: Settled) -> SessionFact | None:
    """The statement of a session by which its places were settled last; None: nobody keeps it."""
    told = working[Told].where("subject", session_subject(settled.session_id), source=settled.session_source)
    found = [one for one in told if one.version == settled.session_version]
    stated = max(found, key=lambda one: (one.event_id == settled.session_event_id, one.place_in_log()), default=None)
    return body_of(stated) if stated is not None else None


def _stated_of(working: Working, session: Session) -> list[Told]:
    """What was said of the session up to how it stands, by whoever spoke for it then: as its row is made, by all that is known of takeovers."""
    told = working[Told].where("subject", session_subject(session.session_id))
    handovers = [one.handover() for one in working[Takeover]]
    return _news_of((one for one in told if one.heard_at <= session.heard_at), handovers)


def released_since(working: Working, session: Session) -> dt.datetime:
    """Since when its release day has been said as it is: what only says it again, with other words, has not named it."""
    since = session.heard_at
    for one in reversed(_stated_of(working, session)):
        stated: SessionFact = body_of(one)
        is_on = session_standing_after(stated) == SessionStanding.SCHEDULED
        if not is_on or begin_of(stated.release_date, stated.meetings) != session.releases_at:
            break
        since = one.heard_at
    return since


def cancelled_since(working: Working, session: Session) -> dt.datetime:
    """Since when it has been said that it is cancelled: what only says it again, with other words, has not cancelled it."""
    since = session.heard_at
    for one in reversed(_stated_of(working, session)):
        if session_standing_after(body_of(one)) != SessionStanding.CANCELLED:
            break
        since = one.heard_at
    return since


def is_cancelled_by(working: Working, session: Session, at: dt.datetime) -> bool:
    """Whether it is cancelled, and was then."""
    return session.state == SessionStanding.CANCELLED and at >= cancelled_since(working, session)


def was_off_since(working: Working, session: Session, at: dt.datetime) -> bool:
    """Whether it was said after that moment that it does not take place."""
    since = (one for one in _stated_of(working, session) if one.heard_at > at)
    return any(not session_standing_after(body_of(one)).takes_place for one in since)


def times_then(working: Working, session: Session, at: dt.datetime) -> str:
    """Which times the session had then; if nobody had announced it, those that it has."""
    stated = stated_then(working, session, at)
    return session.times if stated is None else times_of(stated.meetings)
