"""What the API reads: sessions with their counts, rosters, records. SQL that changes nothing."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance import answers
from services.attendance.answers import Seen
from services.attendance.history import PlaceSaid, stood_at
from services.attendance.lists import ListRules, awaited_at, had_closed, last_known
from services.attendance.scanning import told_of
from services.attendance.state import MeetingList, Record, Session, SessionSaid
from services.attendance.store import (
    CAME,
    IS_CLOSED,
    LIST_TABLE,
    OURS,
    PERSON,
    PLACE,
    PLACE_SAID,
    RECORD,
    SESSION,
    SESSION_SAID,
    TOWN,
    counted_as,
    is_so,
)
from services.attendance.subjects import session_subject
from shared.alphabet import by_name
from shared.contracts.attendance import Presence
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import SEATED, Standing
from shared.contracts.planner import Meeting
from shared.postgres.database import any_of, rows_as
from shared.postgres.merged import survivors_of
from shared.postgres.tables import HELD, HELD_SUBJECT

MOST_PEOPLE = 6_000
"""More than the largest session holds, with everyone who ever waited or gave a place back."""

_count = sa.func.count
_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)
_AFTER_ALL = dt.datetime.max.replace(tzinfo=dt.UTC)
SURVIVOR = survivors_of(PERSON)
GIVEN_NAME = sa.func.coalesce(PERSON.c.given_name, SURVIVOR.c.given_name)
FAMILY_NAME = sa.func.coalesce(PERSON.c.family_name, SURVIVOR.c.family_name)
"""What a person is called: whoever turned out to be somebody else as that person is. `SURVIVOR` is joined beside `PERSON`."""
Name = tuple[str | None, str | None]
"""The family's and the given one, as far as they are known."""
NOBODY: Name = (None, None)
_CALLED = (
    sa.select(PERSON.c.person_id, FAMILY_NAME.label("family_name"), GIVEN_NAME.label("given_name"))
    .outerjoin(SURVIVOR, SURVIVOR.c.person_id == PERSON.c.person_id)
    .where(any_of(PERSON.c.person_id, "people"))
)
_NAMES = ("present", "absent", "without_place", "guests")
_OF_THESE = (Presence.LATE, Presence.LEFT_EARLY, Presence.EXCUSED)
_starts = (
    sa.func.unnest(
        *(
            sa.bindparam(f"starts_{name}", type_=ARRAY(kind))
            for name, kind in (
                ("session", sa.Text()),
                ("meeting", sa.Text()),
                ("at", sa.DateTime(timezone=True)),
                ("begins", sa.DateTime(timezone=True)),
                ("until", sa.DateTime(timezone=True)),
            )
        )
    )
    .table_valued(
        sa.column("session_id", sa.Text),
        sa.column("meeting_id", sa.Text),
        sa.column("at", sa.DateTime(timezone=True)),
        sa.column("begins", sa.DateTime(timezone=True)),
        sa.column("until", sa.DateTime(timezone=True)),
        name="starts",
    )
    .render_derived()
)
"""Since when a scan may be a meeting's, when it begins, and until when: one that was moved to another day still has those of the day before."""
_scan = sa.cast(HELD.c.body, JSONB)
_session_id = sa.func.substr(HELD_SUBJECT, len(session_subject("")) + 1)
_SCANNED = sa.select(
    _session_id.label("session_id"),
    _scan["person_id"].astext.label("person_id"),
    _scan["meeting_id"].astext.label("meeting_id"),
    sa.cast(_scan["scanned_at"].astext, sa.DateTime(timezone=True)).label("scanned_at"),
).where(HELD.c.type == CheckInScanned.type_name(), any_of(_session_id, "sessions"))
"""Held scans: whether the person has a place is not known yet."""


_INTO = sa.select(SURVIVOR.c.person_id, SURVIVOR.c.into_id).where(any_of(SURVIVOR.c.person_id, "people"))
_SAID = sa.select(PLACE_SAID).where(PLACE_SAID.c.session_id == sa.bindparam("session_id"))
_OWNERS = sa.select(PLACE.c.person_id, PLACE.c.source).where(PLACE.c.session_id == sa.bindparam("session_id"))
T = TypeVar("T")


async def survivors(connection: AsyncConnection, people: Iterable[str]) -> dict[str, str]:
    """Who those of these have turned out to be who are somebody else."""
    found = await connection.execute(_INTO, {"people": sorted(set(people))})
    return {row.person_id: row.into_id for row in found}


async def ids_of(connection: AsyncConnection, person_id: str) -> tuple[str, ...]:
    """All ids of one human, the one that stays first: a link that a mail led to is theirs, whichever of them it names."""
    stays = (await survivors(connection, [person_id])).get(person_id, person_id)
    found = await connection.scalars(sa.select(SURVIVOR.c.person_id).where(SURVIVOR.c.into_id == stays))
    return stays, *sorted(found)


async def names_of_people(connection: AsyncConnection, people: Iterable[str]) -> dict[str, Name]:
    """What people are called, by the id under which they are asked for. Who turned out to be somebody else is called as that person is."""
    found = await connection.execute(_CALLED, {"people": sorted(set(people))})
    return {row.person_id: (row.family_name, row.given_name) for row in found}


def by_human(rows: Mapping[str, T], into: Mapping[str, str], says: Callable[[T], bool]) -> dict[str, T]:
    """One row for each human: their own if it says something, else that of an id which they had before; in the order of ids."""
    found: dict[str, T] = {}
    for person_id, row in sorted(rows.items(), key=lambda one: (one[0] in into, one[0])):
        human = into.get(person_id, person_id)
        if human not in found or (says(row) and not says(found[human])):
            found[human] = row
    return found


async def awaited(
    connection: AsyncConnection, rules: ListRules, session_id: str, closed: Iterable[MeetingList]
) -> dict[str, set[str]]:
    """Whom each of these closed lists awaited, by meeting and human: whoever had a place when it closed, and not who has one today."""
    lists = list(closed)
    if not lists:
        return {}
    said = rows_as(PlaceSaid, await connection.execute(_SAID, {"session_id": session_id}))
    owners = {row.person_id: row.source for row in await connection.execute(_OWNERS, {"session_id": session_id})}
    into = await survivors(connection, {one.person_id for one in said})
    found: dict[str, set[str]] = {}
    for one in lists:
        # Whoever keeps a list tells who had a place then, as whoever kept it before go-live does.
        told = rules if one.source == OURS else replace(rules, live_since=_AFTER_ALL)
        stood = stood_at(said, owners, awaited_at(one), told)
        found[one.meeting_id] = {into.get(person, person) for person, place in stood.items() if place.state.has_seat}
    return found


async def sessions(connection: AsyncConnection, rules: ListRules, *, after: str, limit: int) -> list[answers.Session]:
    """Sessions by id, each with its meetings and how many came."""
    statement = sa.select(SESSION).where(SESSION.c.session_id > after).order_by(SESSION.c.session_id).limit(limit)
    return await _described(connection, rules, rows_as(Session, await connection.execute(statement)))


async def session(connection: AsyncConnection, rules: ListRules, session_id: str) -> answers.Session | None:
    statement = sa.select(SESSION).where(SESSION.c.session_id == session_id)
    found = await _described(connection, rules, rows_as(Session, await connection.execute(statement)))
    return found[0] if found else None


async def session_row(connection: AsyncConnection, session_id: str) -> Session | None:
    found = rows_as(Session, await connection.execute(sa.select(SESSION).where(SESSION.c.session_id == session_id)))
    return found[0] if found else None


_SESSIONS = sa.select(SESSION).where(any_of(SESSION.c.session_id, "sessions"))
_SESSIONS_SAID = sa.select(SESSION_SAID).where(any_of(SESSION_SAID.c.session_id, "sessions"))
_CLOSED = sa.select(LIST_TABLE).where(any_of(LIST_TABLE.c.session_id, "sessions"), IS_CLOSED)
_ONCE_CLOSED = sa.select(LIST_TABLE).where(
    any_of(LIST_TABLE.c.session_id, "sessions"), sa.or_(IS_CLOSED, LIST_TABLE.c.awaited_at.is_not(None))
)


async def session_rows(connection: AsyncConnection, session_ids: set[str]) -> dict[str, Session]:
    """Those of these sessions that are known."""
    if not session_ids:
        return {}
    found = rows_as(Session, await connection.execute(_SESSIONS, {"sessions": sorted(session_ids)}))
    return {one.session_id: one for one in found}


async def closed_rows(connection: AsyncConnection, session_ids: set[str]) -> dict[tuple[str, str], MeetingList]:
    """The closed lists of these sessions, by session and meeting."""
    if not session_ids:
        return {}
    found = rows_as(MeetingList, await connection.execute(_CLOSED, {"sessions": sorted(session_ids)}))
    return {(one.session_id, one.meeting_id): one for one in found}


async def days_gone(connection: AsyncConnection, sessions: Mapping[str, Session]) -> dict[str, list[Meeting]]:
    """Of each of these sessions the days that took place, for their lists have closed, also if one is open to be put right, and that it has
    no more."""
    if not sessions:
        return {}
    lists = rows_as(MeetingList, await connection.execute(_ONCE_CLOSED, {"sessions": sorted(sessions)}))
    gone = {
        (one.session_id, one.meeting_id): one
        for one in lists
        if sessions[one.session_id].meeting(one.meeting_id) is None
    }
    if not gone:
        return {}
    of_these = {"sessions": sorted({session_id for session_id, _ in gone})}
    said: dict[str, list[Session]] = defaultdict(list)
    for row in rows_as(SessionSaid, await connection.execute(_SESSIONS_SAID, of_these)):
        said[row.session_id].append(row)
    found = {session_id: last_known(each, sessions[session_id].source) for session_id, each in said.items()}
    return {
        session_id: [
            meeting for meeting_id, meeting in named.items() if had_closed(gone.get((session_id, meeting_id)), meeting)
        ]
        for session_id, named in found.items()
    }


_LISTS = sa.select(LIST_TABLE).where(LIST_TABLE.c.session_id == sa.bindparam("session_id"))


async def lists_of(connection: AsyncConnection, session_id: str) -> dict[str, MeetingList]:
    """The session's lists that were ever closed, by meeting."""
    found = rows_as(MeetingList, await connection.execute(_LISTS, {"session_id": session_id}))
    return {one.meeting_id: one for one in found}


async def list_row(connection: AsyncConnection, session_id: str, meeting_id: str) -> MeetingList | None:
    """The meeting's list once it has closed, also if it was opened again since."""
    same = sa.and_(LIST_TABLE.c.session_id == session_id, LIST_TABLE.c.meeting_id == meeting_id)
    found = rows_as(MeetingList, await connection.execute(sa.select(LIST_TABLE).where(same)))
    return found[0] if found else None


async def _described(connection: AsyncConnection, rules: ListRules, rows: Sequence[Session]) -> list[answers.Session]:
    ids = {"sessions": [row.session_id for row in rows]}
    found = rows_as(MeetingList, await connection.execute(_ONCE_CLOSED, ids))
    lists = {(one.session_id, one.meeting_id): one for one in found}
    closed = {key: one for key, one in lists.items() if not one.is_open}
    meetings = [(row.session_id, meeting) for row in rows for meeting in row.meetings]
    stands = [had_closed(lists.get((session_id, meeting.meeting_id)), meeting) for session_id, meeting in meetings]
    each = list(zip(meetings, stands, strict=True))
    since = {
        "starts_session": [session_id for session_id, _ in meetings],
        "starts_meeting": [meeting.meeting_id for _, meeting in meetings],
        "starts_at": [_EVER if stood else rules.scans_since(meeting) for (_, meeting), stood in each],
        "starts_begins": [meeting.starts_at for _, meeting in meetings],
        "starts_until": [_AFTER_ALL if stood else rules.scans_until(meeting) for (_, meeting), stood in each],
    }
    of_places, of_records = PLACE.c.session_id, RECORD.c.session_id
    human = sa.func.coalesce(SURVIVOR.c.into_id, PLACE.c.person_id)  # Of whoever had two ids both places may be seats.
    has_place = (
        sa.select(of_places, _count(human.distinct()))
        .select_from(PLACE.outerjoin(SURVIVOR, SURVIVOR.c.person_id == PLACE.c.person_id))
        .where(any_of(of_places, "sessions"), PLACE.c.state.in_(SEATED))
    )
    came = sa.select(
        of_records,
        RECORD.c.meeting_id,
        *(_count().filter(counted_as(name)).label(name) for name in _NAMES),
        *(_count().filter(is_so(presence)).label(presence) for presence in _OF_THESE),
    ).join(_starts, sa.and_(of_records == _starts.c.session_id, RECORD.c.meeting_id == _starts.c.meeting_id))
    when = sa.case((CAME, RECORD.c.scanned_at), else_=RECORD.c.meeting_starts_at)  # `is_of_another_day`
    was_ahead = sa.and_(~CAME, when > _starts.c.until, RECORD.c.scanned_at < _starts.c.begins)
    came = came.where(sa.or_(when.is_(None), sa.and_(when >= _starts.c.at, sa.func.coalesce(~was_ahead, sa.true()))))
    held = _SCANNED.subquery()
    scanned = sa.select(held.c.session_id, held.c.meeting_id, _count(held.c.person_id.distinct()))
    enrolled = {row[0]: row[1] for row in await connection.execute(has_place.group_by(of_places), ids)}
    counts = {
        (row.session_id, row.meeting_id): row
        for row in await connection.execute(came.group_by(of_records, RECORD.c.meeting_id), since)
    }
    unplaced = {
        (row[0], row[1]): row[2]
        for row in await connection.execute(scanned.group_by(held.c.session_id, held.c.meeting_id), ids)
    }
    towns = await town_names(connection, [row.city_id for row in rows])
    described = []
    for row in rows:
        shown = [
            _meeting(meeting, closed.get(key), counts.get(key), unplaced.get(key, 0))
            for meeting in row.meetings
            for key in [(row.session_id, meeting.meeting_id)]
        ]
        described.append(
            answers.Session(
                session_id=row.session_id,
                kind=row.kind,
                phase=row.phase,
                topic=row.topic,
                city_id=row.city_id,
                town=towns.get(row.city_id),
                venue=row.venue,
                starts_at=row.starts_at,
                ends_at=row.ends_at,
                state=row.state,
                enrolled=enrolled.get(row.session_id, 0),
                meetings=shown,
            )
        )
    return described


def _meeting(meeting: Meeting, closed: MeetingList | None, counts: Any, unplaced: int) -> answers.Meeting:
    """A meeting with the numbers of its closed list, or with who has been there so far; `scanned`: no place known yet."""
    numbers = closed or counts
    return answers.Meeting(
        meeting_id=meeting.meeting_id,
        starts_local=meeting.starts_local,
        ends_local=meeting.ends_local,
        zone=meeting.zone,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        closed_at=closed.decided_at if closed else None,
        recorded=closed.recorded if closed else None,
        present=numbers.present if numbers else 0,
        late=numbers.late if numbers else 0,
        left_early=numbers.left_early if numbers else 0,
        absent=numbers.absent if numbers else 0,
        excused=numbers.excused if numbers else 0,
        without_place=numbers.without_place if numbers else 0,
        guests=numbers.guests if numbers else 0,
        not_recorded=closed.not_recorded if closed else 0,
        scanned=0 if closed else unplaced,
    )


async def town_names(connection: AsyncConnection, city_ids: Sequence[str]) -> dict[str, str]:
    """What the towns are called; the latest stage that named them is right."""
    statement = sa.select(TOWN.c.city_id, TOWN.c.name).where(any_of(TOWN.c.city_id, "cities")).order_by(TOWN.c.stage)
    return {row[0]: row[1] for row in await connection.execute(statement, {"cities": sorted(set(city_ids))})}


async def roster(connection: AsyncConnection, rules: ListRules, session: Session) -> list[answers.OnRoster]:
    """Everyone with a standing in the session or seen at one of its meetings, by family name; for each meeting who was there."""
    records = sa.select(RECORD).where(RECORD.c.session_id == session.session_id)
    by_person: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in rows_as(Record, await connection.execute(records)):
        by_person[record.person_id][record.meeting_id] = record
    lists = await lists_of(connection, session.session_id)
    closed = await awaited(connection, rules, session.session_id, (one for one in lists.values() if not one.is_open))
    stands = {one.meeting_id for one in session.meetings if had_closed(lists.get(one.meeting_id), one)}
    held = await connection.execute(_SCANNED.limit(MOST_PEOPLE), {"sessions": [session.session_id]})
    scanned = {
        (row.person_id, row.meeting_id): row.scanned_at
        for row in held
        if session.meeting(row.meeting_id) and row.meeting_id not in closed
    }
    placed = sa.select(PLACE.c.person_id, PLACE.c.city_id, PLACE.c.state).where(
        PLACE.c.session_id == session.session_id
    )
    seen = sa.select(sa.func.unnest(sa.bindparam("seen", type_=sa.ARRAY(sa.Text()))).label("person_id")).subquery()
    place = placed.subquery()
    person_id = sa.func.coalesce(place.c.person_id, seen.c.person_id)
    people = (
        sa.select(
            person_id.label("person_id"),
            GIVEN_NAME.label("given_name"),
            FAMILY_NAME.label("family_name"),
            place.c.city_id,
            place.c.state.label("place"),
        )
        .select_from(place)
        .outerjoin(seen, seen.c.person_id == place.c.person_id, full=True)
        .outerjoin(PERSON, PERSON.c.person_id == person_id)
        .outerjoin(SURVIVOR, SURVIVOR.c.person_id == person_id)
        .where(sa.or_(seen.c.person_id.is_not(None), place.c.state != Standing.NONE))
        .order_by(person_id)
        .limit(MOST_PEOPLE)
    )
    came = {person for person, ones in by_person.items() if any(map(_says_something, ones.values()))}
    found = (await connection.execute(people, {"seen": sorted(came | {person for person, _ in scanned})})).all()
    into = await survivors(connection, {*by_person, *(row.person_id for row in found)})
    _join(by_person, into)
    people_found = by_human({row.person_id: row for row in found}, into, lambda row: _has_seat(row.place))
    towns = await town_names(connection, [row.city_id for row in found if row.city_id])
    return [
        answers.OnRoster(
            person_id=human,
            given_name=row.given_name,
            family_name=row.family_name,
            city_id=row.city_id,
            town=towns.get(row.city_id),
            place=row.place or Standing.NONE,
            meetings=[
                _presence(
                    meeting,
                    told_of(
                        by_person[human].get(meeting.meeting_id), meeting, rules, is_closed=meeting.meeting_id in stands
                    ),
                    human in closed[meeting.meeting_id] if meeting.meeting_id in closed else None,
                    scanned.get((human, meeting.meeting_id), scanned.get((row.person_id, meeting.meeting_id))),
                )
                for meeting in session.meetings
            ],
        )
        for human, row in sorted(
            people_found.items(), key=lambda one: by_name(one[1].family_name, one[1].given_name, one[0])
        )
    ]


def _join(by_person: dict[str, dict[str, Record]], into: Mapping[str, str]) -> None:
    """What is recorded under former ids, where nothing is recorded of who they turned out to be: what others state stays where it is."""
    for former in sorted(into.keys() & by_person.keys()):
        theirs = by_person[into[former]]
        for meeting_id, record in by_person[former].items():
            own = theirs.get(meeting_id)
            if own is None or not own.state.is_told:
                theirs[meeting_id] = record


def _has_seat(place: str | None) -> bool:
    return place is not None and Standing(place).has_seat


def _says_something(record: Record) -> bool:
    return record.state.is_told


def _presence(
    meeting: Meeting, record: Record | None, was_awaited: bool | None, scanned_at: dt.datetime | None
) -> answers.AtMeeting:
    """`was_awaited` is None while the list is open."""
    if record is not None:
        state: Seen | None = Seen(record.state)
    elif was_awaited is None:
        state = Seen.SCANNED if scanned_at else Seen.NOT_YET
    else:
        state = Seen.NOT_RECORDED if was_awaited else None
    return answers.AtMeeting(
        meeting_id=meeting.meeting_id,
        state=state,
        with_place=record.with_place if record else None,
        scanned_at=record.scanned_at if record else scanned_at,
        minutes=record.minutes if record else None,
    )


_RECORD = sa.select(RECORD).where(*(RECORD.c[name] == sa.bindparam(name) for name in Record.KEY))
"""Asked with every check-in: built once."""


async def record(
    connection: AsyncConnection, session_id: str, meeting_id: str, person_id: str
) -> answers.Record | None:
    """What is on the list of one person."""
    key = dict(zip(Record.KEY, (session_id, meeting_id, person_id), strict=True))
    found = rows_as(Record, await connection.execute(_RECORD, key))
    return shown(found[0]) if found else None


def shown(record: Record) -> answers.Record:
    """A record as the API shows it."""
    return answers.Record(**{name: getattr(record, name) for name in answers.Record.model_fields})
