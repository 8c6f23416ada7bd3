"""The SQL for what a transaction loads. Only this file, views.py, listing.py, reading.py and pages/reading.py speak SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.enrolment.eligibility import seated_in, seats_of
from services.enrolment.handlers import OF_TOWNS
from services.enrolment.history import Told, is_kept, version_of
from services.enrolment.moments import OFFER_ENDS
from services.enrolment.named import named_by
from services.enrolment.nominating import nomination_id
from services.enrolment.state import (
    Call,
    Correction,
    Line,
    Membership,
    Nomination,
    Person,
    Place,
    Risk,
    Session,
    Settled,
    Stage,
    Town,
)
from services.enrolment.subjects import asked_for_by, place_subject, session_named, session_subject, subjects_of
from services.enrolment.tables import (
    CALL,
    CORRECTION,
    DECIDER,
    IS_SETTLED,
    LINE,
    MEMBERSHIP,
    MERGED,
    NOMINATION,
    PERSON,
    PLACE,
    RISK,
    SESSION,
    SETTLED,
    SOURCE,
    STAGE,
    TAKES_SEAT,
    TOLD,
    TOWN,
)
from shared.books.holding import load_held_about
from shared.contracts.directory import MembershipFact, PersonMerged
from shared.contracts.enrolment import ACTIVE, IN_LINE, SEAT_TAKING, PlaceFact, PlacesSettled, SessionMoment
from shared.contracts.model import members
from shared.contracts.office import CorrectionRequested
from shared.contracts.planner import SessionFact, SessionKind, SessionStanding
from shared.contracts.portal import OfferAnswered, PeopleNominated, ReplyGiven
from shared.events.envelope import Heard
from shared.postgres.database import any_of, unnested
from shared.postgres.directly import NONE, rows_of
from shared.postgres.roundtrips import Reads
from shared.postgres.tables import DUE, HELD_SUBJECT
from shared.service import Inputs
from shared.state.merged import Merged, all_of_one
from shared.state.rows import EVERY_ROW, Loaded, loaded_by
from shared.state.working import Due, Held, Working

_OF_SESSIONS = frozenset(members(SessionFact))
_OF_TEAMS_SAID = frozenset(members(MembershipFact))
_OF_PLACES = frozenset(members(PlaceFact))
_WITH_MOMENTS = _OF_SESSIONS | {PlacesSettled, CorrectionRequested}
"""From which the moments of a session follow."""
_OF_WHAT_WAS_SAID = {kind.type_name() for kind in (OfferAnswered, ReplyGiven, CorrectionRequested)}
"""What is asked about a session as it had been stated then."""
_DECIDER = sa.select(DECIDER.c.id).with_for_update()
_STAGES = sa.select(STAGE)
_SESSIONS = sa.select(SESSION).where(
    sa.or_(
        any_of(SESSION.c.session_id, "named"),
        sa.and_(
            SESSION.c.ends_at > sa.bindparam("since"),
            sa.or_(
                sa.and_(any_of(SESSION.c.city_id, "cities"), SESSION.c.kind == SessionKind.SUPPLEMENTARY),
                sa.bindparam("all_of_them", type_=sa.Boolean()),
            ),
        ),
    )
)
_PLACES_FOR_TOWNS = (
    sa.select(PLACE)
    .join(SESSION, SESSION.c.session_id == PLACE.c.session_id)
    .where(any_of(PLACE.c.city_id, "cities"), SESSION.c.ends_at > sa.bindparam("since"))
)
_PLACES_OF_PEOPLE = (
    sa.select(PLACE)
    .join(SESSION, SESSION.c.session_id == PLACE.c.session_id)
    .where(any_of(PLACE.c.person_id, "people"), SESSION.c.ends_at > sa.bindparam("since"))
)
_TEAMS = sa.select(MEMBERSHIP.c.person_id).where(any_of(MEMBERSHIP.c.city_id, "cities"))


def _elsewhere(theirs: sa.ColumnElement[bool]) -> tuple[sa.Select[Any], sa.Select[Any]]:
    """Where else at the same time the people in question may be, and those sessions: what is over is in nobody's way."""
    active = sa.and_(theirs, PLACE.c.state.in_(ACTIVE), SESSION.c.ends_at > sa.bindparam("since"))
    places = sa.select(PLACE).join(SESSION, SESSION.c.session_id == PLACE.c.session_id).where(active)
    is_there = sa.exists().where(PLACE.c.session_id == SESSION.c.session_id, active).correlate(SESSION)
    return places, sa.select(SESSION).where(is_there)


# Where no team is in question nobody looks for one: no index helps with "or", and every place of every session to come would be looked at, or
# every membership.
_OF_PEOPLE = _elsewhere(any_of(PLACE.c.person_id, "people"))
_OF_TEAMS = _elsewhere(sa.or_(any_of(PLACE.c.person_id, "people"), PLACE.c.person_id.in_(_TEAMS)))
_PLACES = sa.select(PLACE).where(any_of(PLACE.c.session_id, "sessions"))
_MEMBERSHIPS_OF_PEOPLE = sa.select(MEMBERSHIP).where(any_of(MEMBERSHIP.c.person_id, "people"))
_MEMBERSHIPS = sa.select(MEMBERSHIP).where(
    sa.or_(any_of(MEMBERSHIP.c.person_id, "people"), any_of(MEMBERSHIP.c.city_id, "cities"))
)
_CORRECTIONS = sa.select(CORRECTION).where(any_of(CORRECTION.c.session_id, "sessions"))
_CALLS = sa.select(CALL).where(sa.or_(any_of(CALL.c.session_id, "stated"), any_of(CALL.c.city_id, "changed")))
_CALLING = sa.select(SESSION).where(
    SESSION.c.kind == SessionKind.IN_DEPTH,
    SESSION.c.terms["nominations_until"].astext.is_not(None),
    SESSION.c.ends_at > sa.bindparam("since"),
)
_SEATED = sa.select(PLACE).where(any_of(PLACE.c.session_id, "sessions"), TAKES_SEAT)
_SETTLED = sa.select(SETTLED).where(any_of(SETTLED.c.session_id, "sessions"))


def _people(theirs: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Of those who ask it counts whether they are known at all; of the many others only who was erased."""
    return sa.select(PERSON).where(sa.or_(any_of(PERSON.c.person_id, "asking"), sa.and_(PERSON.c.erased, theirs)))


_PEOPLE = _people(any_of(PERSON.c.person_id, "people"))
_PEOPLE_AND_TEAMS = _people(sa.or_(any_of(PERSON.c.person_id, "people"), PERSON.c.person_id.in_(_TEAMS)))
_MERGED = sa.select(MERGED)
_ALL_TOWNS = sa.select(TOWN)
_VERSION = ("subject", "source", "version")
_said = unnested(TOLD, _VERSION)
_TOLD = sa.select(TOLD).join(_said, sa.and_(*(TOLD.c[name] == _said.c[name] for name in _VERSION)))
_TOLD_OF = sa.select(TOLD).where(any_of(TOLD.c.subject, "subjects"))
_TOWNS = sa.select(TOWN).where(any_of(TOWN.c.city_id, "cities"))


async def lock(connection: AsyncConnection, inputs: Inputs) -> None:
    """One decider at a time. Hearing our own echo decides nothing and locks nothing."""
    if any(isinstance(one, Due) or one.source != SOURCE for one in inputs):
        await rows_of(connection, _DECIDER)


async def load(reads: Reads, working: Working, inputs: Inputs) -> None:
    """The working set: sessions in question, their places, the teams and towns of everyone in them, and held requests.

    Grows outwards once: events name towns, people and sessions; towns name their people; people name their sessions.
    """
    named = named_by(inputs)
    cities, people, sessions, asked_in, stated = (
        named.cities,
        named.people,
        named.sessions,
        named.asked_in,
        named.stated,
    )
    asking, asked_for, nominations, merging = named.asking, named.asked_for, named.nominations, named.merging
    changed, may_call, all_of_them = named.changed, named.may_call, named.all_of_them
    await load_derived(reads, working, inputs)
    woken = False
    if named.restated:
        load_held_about(reads, working, subjects_of((), named.registered))
        await reads.run()
        woken = any(working[Held])
        # Whoever had gone into somebody else is on their own again.
        merging |= {row.person_id for row in working[Merged] if row.person_id in named.restated}
        people |= merging
    if not (cities or people or sessions or asked_in or all_of_them or woken):
        return
    reads.rows(working[Stage], _STAGES, NONE, EVERY_ROW)
    if changed:
        towns = {"people": [], "cities": sorted(changed)}
        reads.rows(working[Membership], _MEMBERSHIPS, towns, loaded_by("city_id", changed))
        await reads.run()
        people |= {member.person_id for member in working[Membership] if member.city_id in changed}
    # Judged by when it came: after days of downtime the session may be over by now, and was not then.
    since = min((one.appended_at for one in inputs if isinstance(one, Heard)), default=working.now)
    if merging:
        await reads.run()
        merging = all_of_one(_merged(working, inputs), merging)
        about = {"people": sorted(merging)}
        reads.rows(working[Membership], _MEMBERSHIPS_OF_PEOPLE, about, loaded_by("person_id", merging))
        await reads.run()
        theirs = {row.city_id for row in working[Membership] if row.person_id in merging} | _joined(inputs, merging)
        cities |= theirs
        # Somebody may have a place for a town by what was said of them under another id.
        for_towns = loaded_by("city_id", theirs, only=lambda place: True)
        reads.rows(working[Place], _PLACES_FOR_TOWNS, {"cities": sorted(theirs), "since": since}, for_towns)
        await reads.run()
        sessions |= {place.session_id for place in working[Place] if place.city_id in theirs}
    load_held_about(reads, working, subjects_of(sessions | asked_in, people))
    if people:
        # Of sessions that are over no place changes: which of these they are in, their rows do not say.
        in_some = loaded_by("person_id", people, only=lambda place: True)
        reads.rows(working[Place], _PLACES_OF_PEOPLE, {"people": sorted(people), "since": since}, in_some)
    await reads.run()
    merged = _merged(working, inputs)
    also = all_of_one(merged, people) - people
    sessions |= {session_id for session_id, one in asked_for if any(one in pair for pair in merged)}
    asked_in -= sessions
    if also:
        people |= also
        load_held_about(reads, working, subjects_of((), also))
        in_some = loaded_by("person_id", also, only=lambda place: True)
        reads.rows(working[Place], _PLACES_OF_PEOPLE, {"people": sorted(also), "since": since}, in_some)
        await reads.run()
    # What a town asks is decided in its order (handlers.py): also what is about people whom no event named.
    turns = {held.about[0] for held in working[Held] if held.type in OF_TOWNS}
    turns -= set(subjects_of(sessions | asked_in, ()))
    if turns:
        load_held_about(reads, working, turns)
        await reads.run()
    sessions |= {asked_for_by(held)[0] for held in working[Held]}
    if people:
        sessions |= {place.session_id for place in working[Place]}
    asked_in -= sessions
    looked_at = sessions | asked_in
    which = {"named": sorted(looked_at), "cities": sorted(cities), "all_of_them": all_of_them, "since": since}
    reads.rows(working[Session], _SESSIONS, which, *_in_question(looked_at, cities, all_of_them, since))
    if asked_in:
        await _load_asked_in(reads, working, asked_in, asked_for)
    await reads.run()
    asked_in -= {one.session_id for one in working[Session] if _may_change(one, cities, since, all_of_them=all_of_them)}
    sessions |= {session.session_id for session in working[Session]} - asked_in
    sessions |= {one for one in asked_in if _may_give_seats(working, one)}
    asked_in -= sessions
    if all_of_them:
        stated |= sessions
        load_held_about(reads, working, subjects_of(sessions, ()))
        await reads.run()
    of_sessions = loaded_by("session_id", sessions)
    reads.rows(working[Place], _PLACES, {"sessions": sorted(sessions)}, of_sessions)
    reads.rows(working[Settled], _SETTLED, {"sessions": sorted(sessions)}, of_sessions)
    reads.rows(working[Correction], _CORRECTIONS, {"sessions": sorted(sessions)}, of_sessions)
    if stated or changed:
        about_calls = loaded_by("session_id", stated), loaded_by("city_id", changed)
        reads.rows(working[Call], _CALLS, {"stated": sorted(stated), "changed": sorted(changed)}, *about_calls)
    may_call = may_call or any(one.calls_towns for one in working[Session] if one.session_id in stated)
    if changed:
        calling = loaded_by("kind", {SessionKind.IN_DEPTH}, only=lambda session: session.calls_towns)
        reads.rows(working[Session], _CALLING, {"since": since}, calling)
    told_of = named.told_of | {asked_for_by(held)[0] for held in working[Held] if held.type in _OF_WHAT_WAS_SAID}
    # Of what is cancelled, since when: whoever asked before that waits, and is refused else.
    told_of |= {one.session_id for one in working[Session] if one.state == SessionStanding.CANCELLED}
    if told_of:
        subjects = sorted(map(session_subject, told_of))
        reads.rows(working[Told], _TOLD_OF, {"subjects": subjects}, loaded_by("subject", subjects))
    nominations |= {
        (asked_for_by(held)[0], nomination_id(held.request_source, held.request_id))
        for held in working[Held]
        if held.type == PeopleNominated.type_name()
    }
    reads.by_key(working[Nomination], NOMINATION, nominations)
    reads.by_key(working[Line], LINE, {(session_id,) for session_id in sessions | asked_in})
    reads.by_key(working[Risk], RISK, {(session_id,) for session_id in named.decided})
    await reads.run()
    on_offer = (place for place in working[Place] if place.offered_until is not None)
    offers = {(OFFER_ENDS, place_subject(place.session_id, place.person_id)) for place in on_offer}
    if offers:
        reads.by_key(working[Due], DUE, offers)
    asking |= {person_id for held in working[Held] for person_id in asked_for_by(held)[1]}
    asking = all_of_one(merged, asking)
    people |= asking | {place.person_id for place in working[Place] if place.session_id in sessions}
    people = all_of_one(merged, people)
    # A scheduled session may bring in the team of a town that no event named.
    cities |= {
        session.city_id
        for session in working[Session]
        if session.kind == SessionKind.SUPPLEMENTARY and session.session_id in sessions
    }
    about = {"people": sorted(people), "cities": sorted(cities)}
    in_question = loaded_by("person_id", people), loaded_by("city_id", cities)
    memberships = _MEMBERSHIPS if cities else _MEMBERSHIPS_OF_PEOPLE
    reads.rows(working[Membership], memberships, about, *in_question)

    def all_erased() -> Loaded:
        return loaded_by("person_id", people | {member.person_id for member in working[Membership]}, erased=True)

    who = _PEOPLE_AND_TEAMS if cities else _PEOPLE
    reads.rows(working[Person], who, {**about, "asking": sorted(asking)}, loaded_by("person_id", asking), all_erased)
    if changed:
        calling_too = {one.session_id for one in working[Session] if one.calls_towns} - sessions
        named_too = {"sessions": sorted(calling_too)}
        reads.rows(working[Correction], _CORRECTIONS, named_too, loaded_by("session_id", calling_too))
        reads.rows(working[Settled], _SETTLED, named_too, loaded_by("session_id", calling_too))
    # What an archive says of a place may be about a session that is over.
    told = {body.session_id for body in _bodies(inputs, _OF_PLACES)}
    reads.by_key(working[Session], SESSION, {(session_id,) for session_id in told - looked_at})
    _load_elsewhere(reads, working, people, cities, since)
    await reads.run()
    of_teams = {member.person_id for member in working[Membership]}
    unlooked = all_of_one(merged, of_teams) - of_teams - people
    if len(inputs) > 1 and any(_bodies(inputs, _OF_SESSIONS)):
        # Whom one of these brings in with a team, the next may look at anew: for another town, or on other days.
        unlooked |= of_teams - people
    if unlooked:
        about = {"people": sorted(unlooked), "cities": [], "asking": []}
        reads.rows(working[Membership], _MEMBERSHIPS_OF_PEOPLE, about, loaded_by("person_id", unlooked))
        reads.rows(working[Person], _PEOPLE, about, loaded_by("person_id", unlooked, erased=True))
        _load_elsewhere(reads, working, unlooked, set(), since)
        await reads.run()
    beside = _beside(working, sessions, _hours(working, sessions, inputs), asked_for)
    if beside:
        await _load_beside(reads, working, beside, since, merged)
    cities |= {membership.city_id for membership in working[Membership]}
    if may_call:
        reads.rows(working[Town], _ALL_TOWNS, NONE, EVERY_ROW)
    else:
        reads.rows(working[Town], _TOWNS, {"cities": sorted(cities)}, loaded_by("city_id", cities))


def _merged(working: Working, inputs: Inputs) -> list[tuple[str, str]]:
    """Who went into whom, also by what is among the inputs."""
    said = [(body.person_id, body.into_person_id) for body in _bodies(inputs, {PersonMerged})]
    return said + [(row.person_id, row.into_id) for row in working[Merged]]


def _joined(inputs: Inputs, people: set[str]) -> set[str]:
    """The towns of whose teams it is said just now that these people are in them."""
    return {body.city_id for body in _bodies(inputs, _OF_TEAMS_SAID) if body.person_id in people}


def _bodies(inputs: Inputs, kinds: Collection[Any]) -> Iterator[Any]:
    """What among the inputs is of these types. To ask of each whether it is an instance takes ten times as long."""
    return (one.body for one in inputs if isinstance(one, Heard) and type(one.body) in kinds)


async def _load_asked_in(reads: Reads, working: Working, sessions: set[str], asked_for: set[tuple[str, str]]) -> None:
    """Of sessions in which places are only asked for: who has a seat, and how those stand who ask. Of the many who wait only how many
    they are is ever asked, and that only if there is a seat for somebody."""
    seated = [loaded_by("state", SEAT_TAKING, session_id=session_id) for session_id in sessions]
    asked_in = {"sessions": sorted(sessions)}
    reads.rows(working[Place], _SEATED, asked_in, *seated)
    reads.by_key(working[Place], PLACE, {key for key in asked_for if key[0] in sessions})
    of_sessions = loaded_by("session_id", sessions)
    reads.rows(working[Settled], _SETTLED, asked_in, of_sessions)
    reads.rows(working[Correction], _CORRECTIONS, asked_in, of_sessions)
    await reads.run()


def _may_change(session: Session, cities: set[str], since: dt.datetime, *, all_of_them: bool) -> bool:
    """Whether something else among the inputs may change its places: then all of them are in question, whoever asks there."""
    is_of_town = session.kind == SessionKind.SUPPLEMENTARY and session.city_id in cities
    return session.ends_at > since and (all_of_them or is_of_town)


def _may_give_seats(working: Working, session_id: str) -> bool:
    """Whether a seat may be free: then it matters who waits."""
    session = working[Session].get(session_id)
    return session is not None and len(seated_in(working, session_id)) < seats_of(working, session)


async def load_derived(reads: Reads, working: Working, inputs: Inputs) -> None:
    """The moments that the facts set, move or take back, the numbers of arrival, who has gone into whom, and what was told of the same
    before."""
    reads.rows(working[Merged], _MERGED, NONE, EVERY_ROW)
    if said := sorted({version_of(one) for one in inputs if isinstance(one, Heard) and is_kept(one, SOURCE)}):
        versions = dict(zip((f"told_{name}" for name in _VERSION), map(list, zip(*said, strict=True)), strict=True))
        reads.rows(working[Told], _TOLD, versions, Loaded(_VERSION, frozenset(said)), seldom=True)
    places = {(body.session_id, body.person_id) for body in _bodies(inputs, _OF_PLACES)}
    due = {(OFFER_ENDS, place_subject(*one)) for one in places}
    lines = {(session_id,) for session_id, _ in places}
    looked_at = {body.session_id for body in _bodies(inputs, _WITH_MOMENTS)}
    looked_at |= {session_named(one.subject) for one in inputs if isinstance(one, Due)}
    if looked_at:
        # Whose owners are asked for already: of one table two questions in one round trip would be one.
        await reads.run()
        due |= {(kind, session_subject(session_id)) for kind in SessionMoment for session_id in looked_at}
        reads.by_key(working[Session], SESSION, {(session_id,) for session_id in looked_at})
        reads.by_key(working[Settled], SETTLED, {(session_id,) for session_id in looked_at})
    if due:
        reads.by_key(working[Due], DUE, due)
    if lines:
        reads.by_key(working[Line], LINE, lines)


Hours = list[tuple[dt.datetime, dt.datetime]]


def _load_elsewhere(reads: Reads, working: Working, people: set[str], cities: set[str], since: dt.datetime) -> None:
    """All that these people, and the teams of these towns, have in sessions that are not over, and those sessions."""
    parameters = {"people": sorted(people), "cities": sorted(cities), "since": since}

    def of_all() -> Loaded:
        team = {member.person_id for city_id in cities for member in working[Membership].where("city_id", city_id)}
        return loaded_by("person_id", people | team, only=lambda place: place.is_active)

    def where_they_are() -> Loaded:
        return loaded_by("session_id", {place.session_id for place in working[Place] if place.is_active})

    places, sessions = _OF_TEAMS if cities else _OF_PEOPLE
    reads.rows(working[Place], places, parameters, of_all)
    reads.rows(working[Session], sessions, parameters, where_they_are)


def _hours(working: Working, sessions: set[str], inputs: Inputs) -> Hours:
    """From when to when the sessions in question are, as they stand and as they are stated now."""
    found = [(session.starts_at, session.ends_at) for session in working[Session] if session.session_id in sessions]
    stated = _bodies(inputs, _OF_SESSIONS)
    return [*found, *((body.starts_at, body.ends_at) for body in stated)]


def _beside(working: Working, sessions: set[str], hours: Hours, asked_for: set[tuple[str, str]]) -> set[str]:
    """The other sessions at the same time in which some of the people wait, or come to wait just now: what becomes of their place here
    may give them one there."""
    waits = {place.session_id for place in working[Place] if place.state in IN_LINE} - sessions
    asks = {session_id for session_id, _ in asked_for} - sessions - waits
    here = {place.person_id for session_id in sessions for place in working[Place].where("session_id", session_id)}
    here |= {person_id for session_id, person_id in asked_for if session_id in sessions}
    waits |= {session_id for session_id, person_id in asked_for if session_id in asks and person_id in here}
    found = ((session_id, working[Session].get(session_id)) for session_id in waits)
    return {
        session_id
        for session_id, other in found
        if other is not None and any(other.starts_at < ends and starts < other.ends_at for starts, ends in hours)
    }


async def _load_beside(
    reads: Reads, working: Working, beside: set[str], since: dt.datetime, merged: list[tuple[str, str]]
) -> None:
    """All places in these sessions, and what giving a free seat there depends on."""
    named, of_sessions = {"sessions": sorted(beside)}, loaded_by("session_id", beside)
    reads.rows(working[Place], _PLACES, named, of_sessions)
    reads.rows(working[Settled], _SETTLED, named, of_sessions)
    reads.rows(working[Correction], _CORRECTIONS, named, of_sessions)
    reads.by_key(working[Line], LINE, {(session_id,) for session_id in beside})
    await reads.run()
    places = [place for session_id in beside for place in working[Place].where("session_id", session_id)]
    people = all_of_one(merged, {place.person_id for place in places})
    offers = ((place.session_id, place.person_id) for place in places if place.offered_until is not None)
    reads.by_key(working[Due], DUE, {(OFFER_ENDS, place_subject(*one)) for one in offers})
    parameters: dict[str, list[str]] = {"people": sorted(people), "cities": [], "asking": []}
    reads.rows(working[Person], _PEOPLE, parameters, loaded_by("person_id", people, erased=True))
    _load_elsewhere(reads, working, people, set(), since)
    await reads.run()


def _in_question(sessions: set[str], cities: set[str], all_of_them: bool, since: dt.datetime) -> list[Loaded]:
    """The sessions that are named, and of those that are not over the supplementary ones of the towns, or all."""

    def is_not_over(session: Session) -> bool:
        return session.ends_at > since

    found = [loaded_by("session_id", sessions)]
    found.append(loaded_by("city_id", cities, kind=SessionKind.SUPPLEMENTARY, only=is_not_over))
    return [*found, replace(EVERY_ROW, only=is_not_over)] if all_of_them else found


async def open_subjects(connection: AsyncConnection, now: dt.datetime) -> list[str]:
    """The subjects of sessions that are not over, of those that held requests are about, and of those whose newest statement nobody said to be settled."""
    about = sa.literal("session/") + SESSION.c.session_id
    sessions = sa.select(about).where(SESSION.c.ends_at > now)
    held = sa.select(HELD_SUBJECT)
    unsettled = sa.select(about).where(~sa.exists().where(IS_SETTLED))
    return sorted((await connection.execute(sa.union(sessions, held, unsettled))).scalars())
