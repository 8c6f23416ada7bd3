"""What a plan is made on, read from the tables: who is in the session, who else bears these names, and what the list says. SQL that
changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance import views
from services.attendance.importing.names import words_of
from services.attendance.importing.planning import Ground, Somebody
from services.attendance.importing.report import Report
from services.attendance.lists import ListRules, had_closed
from services.attendance.state import Person, Place, Record, Session
from services.attendance.store import PERSON, PLACE, RECORD
from shared.contracts.planner import Meeting
from shared.postgres.database import any_of, rows_as

MOST_OTHERS = 1_000


def _first_word(name: sa.ColumnElement[str | None]) -> sa.ColumnElement[str]:
    """As `plain` folds Polish names; other letters are told apart afterwards."""
    folded = sa.func.translate(sa.func.lower(name), "ĄĆĘŁŃÓŚŹŻąćęłńóśźż", "acelnoszzacelnoszz")
    return sa.func.split_part(sa.func.replace(folded, "-", " "), " ", 1)


_BEARERS = (
    sa.select(PERSON)
    .where(any_of(_first_word(PERSON.c.family_name), "words"), any_of(_first_word(PERSON.c.given_name), "words"))
    .order_by(PERSON.c.person_id)
    .limit(MOST_OTHERS)
)
_PEOPLE = sa.select(PERSON).where(any_of(PERSON.c.person_id, "people")).order_by(PERSON.c.person_id)
_PLACES = sa.select(PLACE).where(any_of(PLACE.c.person_id, "people"))


async def ground_of(
    connection: AsyncConnection,
    rules: ListRules,
    session: Session,
    meeting: Meeting,
    report: Report,
    decided: Iterable[str] = (),
) -> Ground:
    """Everybody whom this report may speak of, and whom it was decided to speak of."""
    ground = await list_ground_of(connection, rules, session, meeting)
    known = {one.person_id for one in ground.people}
    return replace(ground, others=await _others(connection, report, known, set(decided)))


async def list_ground_of(
    connection: AsyncConnection, rules: ListRules, session: Session, meeting: Meeting, named: Iterable[str] = ()
) -> Ground:
    """Everybody on the list of a meeting, and what it says. `named`: who else is asked about, if they are known."""
    roster = await views.roster(connection, rules, session)
    people = {one.person_id: Somebody(one.person_id, one.given_name, one.family_name) for one in roster}
    into = await views.survivors(connection, session.trainers)
    train = {into.get(one, one) for one in session.trainers}
    for one in await _people(connection, train - set(people)):
        people[one.person_id] = Somebody(one.person_id, one.given_name, one.family_name)
    at = sa.and_(RECORD.c.session_id == session.session_id, RECORD.c.meeting_id == meeting.meeting_id)
    records = {one.person_id: one for one in rows_as(Record, await connection.execute(sa.select(RECORD).where(at)))}
    its = await views.list_row(connection, session.session_id, meeting.meeting_id)
    others = [Somebody(one.person_id, one.given_name, one.family_name) for one in await _people(connection, set(named))]
    known = tuple(one for one in others if one.person_id not in people)
    is_open = its is None or its.is_open
    return Ground(meeting, rules, tuple(people.values()), records, is_open, known, had_closed(its, meeting))


async def _people(connection: AsyncConnection, ids: set[str]) -> list[Person]:
    return list(rows_as(Person, await connection.execute(_PEOPLE, {"people": sorted(ids)}))) if ids else []


async def _others(
    connection: AsyncConnection, report: Report, known: set[str], decided: set[str]
) -> tuple[Somebody, ...]:
    """Who else bears a name of the report, each with the sessions in which they have a place."""
    names = {words_of(name) for one in report.attendees for name in (one.name, one.other_name)} - {()}
    words = sorted({word for name in names for word in name})
    found = rows_as(Person, await connection.execute(_BEARERS, {"words": words}))
    bearers = {
        one.person_id: one
        for one in (*found, *await _people(connection, decided - known))
        if one.person_id not in known
        and (one.person_id in decided or words_of(one.given_name, one.family_name) in names)
    }
    if not bearers:
        return ()
    places = rows_as(Place, await connection.execute(_PLACES, {"people": sorted(bearers)}))
    sessions: dict[str, set[str]] = defaultdict(set)
    for place in places:
        if place.state.has_seat:
            sessions[place.person_id].add(place.session_id)
    return tuple(
        Somebody(one.person_id, one.given_name, one.family_name, tuple(sorted(sessions[one.person_id])))
        for one in sorted(bearers.values(), key=lambda one: one.person_id)
    )
