"""What the API reads of one meeting: everybody on its list as it stands, and how somebody came to stand there. SQL that changes nothing."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance import answers, views
from services.attendance.answers import Seen
from services.attendance.history import words_of
from services.attendance.lists import ListRules, had_closed
from services.attendance.scanning import MARK_STANDS, told_of
from services.attendance.state import MeetingList, Person, Place, Record, RecordSaid, Session
from services.attendance.store import PERSON, PLACE, RECORD, RECORD_SAID
from services.attendance.views import MOST_PEOPLE, by_human, list_row, shown, survivors, town_names
from shared.alphabet import by_name
from shared.contracts.enrolment import Standing
from shared.contracts.planner import Meeting
from shared.postgres.database import any_of, rows_as
from shared.postgres.tables import UNCHANGED

MOST_SAID = 1_000
_PEOPLE = sa.select(PERSON).where(any_of(PERSON.c.person_id, "people"))


async def of_meeting(
    connection: AsyncConnection, rules: ListRules, session: Session, meeting: Meeting, part: tuple[str, int]
) -> list[answers.OnList]:
    """A part of a meeting's list by name: everybody in the session, and whoever was seen at the meeting. `part`: after whom, how many."""
    after, limit = part
    places = sa.select(PLACE).where(PLACE.c.session_id == session.session_id).limit(MOST_PEOPLE)
    placed = {one.person_id: one for one in rows_as(Place, await connection.execute(places))}
    at = sa.and_(RECORD.c.session_id == session.session_id, RECORD.c.meeting_id == meeting.meeting_id)
    records = {one.person_id: one for one in rows_as(Record, await connection.execute(sa.select(RECORD).where(at)))}
    into = await survivors(connection, {*placed, *records})
    placed = by_human(placed, into, lambda place: place.state.has_seat)
    records = by_human(records, into, lambda record: record.state.is_told)
    found = await list_row(connection, session.session_id, meeting.meeting_id)
    closed = None if found is None or found.is_open else found
    awaited = await views.awaited(connection, rules, session.session_id, [closed] if closed else [])
    seated = awaited.get(meeting.meeting_id, set())
    on_list = {one for one, place in placed.items() if place.state is not Standing.NONE}
    on_list |= {one for one, record in records.items() if record.state.is_told}
    people = rows_as(Person, await connection.execute(_PEOPLE, {"people": sorted(on_list)}))
    names = {one.person_id: (one.family_name, one.given_name) for one in people}
    order = sorted(on_list, key=lambda one: by_name(*names.get(one, (None, None)), one))
    if after in on_list:
        order = order[order.index(after) + 1 :]
    page = order[:limit]
    towns = await town_names(connection, [place.city_id for place in placed.values() if place.city_id])
    contradicted = await _contradicted(connection, session.session_id, meeting.meeting_id, page)
    return [
        _on_list(
            person_id,
            names.get(person_id, (None, None)),
            placed.get(person_id),
            records.get(person_id),
            towns,
            closed=closed,
            told=told_of(records.get(person_id), meeting, rules, is_closed=had_closed(found, meeting)),
            is_contradicted=person_id in contradicted,
            was_awaited=person_id in seated,
        )
        for person_id in page
    ]


def _on_list(
    person_id: str,
    names: tuple[str | None, str | None],
    place: Place | None,
    record: Record | None,
    towns: dict[str, str],
    *,
    closed: MeetingList | None,
    told: Record | None,
    is_contradicted: bool,
    was_awaited: bool,
) -> answers.OnList:
    city_id = told.city_id if told is not None else (place.city_id if place else None)
    return answers.OnList(
        person_id=person_id,
        family_name=names[0],
        given_name=names[1],
        city_id=city_id,
        town=towns.get(city_id) if city_id else None,
        place=place.state if place else Standing.NONE,
        substitute_for=place.substitute_for if place else None,
        substituted_by=place.substituted_by if place else None,
        state=_seen(told, closed, was_awaited=was_awaited),
        is_contradicted=is_contradicted,
        tag=record.tag if record else "0",
        record=shown(told) if told else None,
    )


def _seen(told: Record | None, closed: MeetingList | None, *, was_awaited: bool) -> Seen | None:
    if told is not None:
        return Seen(told.state)
    if closed is None:
        return Seen.NOT_YET
    return Seen.NOT_RECORDED if was_awaited else None


async def _contradicted(
    connection: AsyncConnection, session_id: str, meeting_id: str, people: Sequence[str]
) -> set[str]:
    """Of whom a code was read that says otherwise than somebody has marked, where that mark stands still."""
    about = {f"session/{session_id}/meeting/{meeting_id}/person/{person_id}": person_id for person_id in people}
    stands = words_that_stand(RECORD.c.session_id == session_id, RECORD.c.meeting_id == meeting_id)
    told = sa.select(UNCHANGED.c.subject).where(
        any_of(UNCHANGED.c.subject, "subjects"),
        UNCHANGED.c.outcome == MARK_STANDS,
        UNCHANGED.c.event_id.in_(sa.select(stands.c.event_id)),
    )
    return {about[row[0]] for row in await connection.execute(told, {"subjects": sorted(about)})}


def words_that_stand(*whose: sa.ColumnElement[bool]) -> sa.Subquery:
    """The facts by which what is recorded of these stands: the newest, and what said it for the same request before a rule said it anew."""
    same = ("session_id", "meeting_id", "person_id", "request_source", "request_id")
    said_anew = RECORD_SAID.join(RECORD, sa.and_(*(RECORD_SAID.c[one] == RECORD.c[one] for one in same)))
    before = sa.select(RECORD_SAID.c.event_id).select_from(said_anew).where(*whose)
    return sa.union_all(sa.select(RECORD.c.event_id).where(*whose), before).subquery("standing")


async def history_of(
    connection: AsyncConnection, session_id: str, meeting_id: str, person_id: str
) -> list[answers.Said]:
    """All that was said of one person at one meeting, the oldest first, each with what had been so before."""
    about = {"session_id": session_id, "meeting_id": meeting_id, "person_id": person_id}
    kept = sa.select(RECORD_SAID).filter_by(**about).order_by(RECORD_SAID.c.decided_at).limit(MOST_SAID)
    stands = sa.select(RECORD).filter_by(**about)
    record = next(
        iter(rows_as(Record, await connection.execute(stands))), None
    )  # First: then no word falls in between.
    found = words_of(record, rows_as(RecordSaid, await connection.execute(kept)))
    return [_said(one, before) for one, before in zip(found, [None, *found], strict=False)]


def _said(one: RecordSaid, before: RecordSaid | None) -> answers.Said:
    same = {name: getattr(one, name) for name in answers.Said.model_fields if not name.startswith("was")}
    return answers.Said(**same, was=before.state if before else None, was_minutes=before.minutes if before else None)


async def records_of_people(
    connection: AsyncConnection, about: set[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Record]:
    """The records of these: (session, meeting, person). In one round trip, whatever they are of."""
    if not about:
        return {}
    parameters = {"sessions": sorted({one[0] for one in about}), "people": sorted({one[2] for one in about})}
    found = rows_as(Record, await connection.execute(_RECORDS, parameters))
    return {key: one for one in found if (key := (one.session_id, one.meeting_id, one.person_id)) in about}


async def records_of_humans(
    connection: AsyncConnection, about: set[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Record]:
    """The same; of whoever turned out to be somebody else, by then or just now, the one that is theirs."""
    found = await records_of_people(connection, about)
    linked = {key: (*key[:2], one.linked_to) for key, one in found.items() if one.linked_to is not None}
    theirs = await records_of_people(connection, set(linked.values()))
    return found | {key: theirs[into] for key, into in linked.items() if into in theirs}


_RECORDS = sa.select(RECORD).where(any_of(RECORD.c.session_id, "sessions"), any_of(RECORD.c.person_id, "people"))
