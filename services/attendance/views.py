"""What the API reads: sessions with their counts, rosters, what became of a scan, the books. SQL that changes nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance.state import MeetingList, Presence, Record, Session
from services.attendance.store import LIST_TABLE, PERSON, PLACE, RECORD, SESSION, TOWN
from shared.contracts.enrolment import Standing
from shared.contracts.planner import Meeting
from shared.database import any_of, rows_as
from shared.holding import ANSWER, HELD

MOST_PEOPLE = 6_000
"""More than the largest session holds, with everyone who ever waited or gave a place back."""

_count = sa.func.count


async def sessions(connection: AsyncConnection, *, after: str, limit: int) -> list[dict[str, Any]]:
    """Sessions by id, each with its meetings and how many came."""
    statement = sa.select(SESSION).where(SESSION.c.session_id > after).order_by(SESSION.c.session_id).limit(limit)
    return await _described(connection, rows_as(Session, await connection.execute(statement)))


async def session(connection: AsyncConnection, session_id: str) -> dict[str, Any] | None:
    statement = sa.select(SESSION).where(SESSION.c.session_id == session_id)
    found = await _described(connection, rows_as(Session, await connection.execute(statement)))
    return found[0] if found else None


async def session_row(connection: AsyncConnection, session_id: str) -> Session | None:
    found = rows_as(Session, await connection.execute(sa.select(SESSION).where(SESSION.c.session_id == session_id)))
    return found[0] if found else None


async def list_row(connection: AsyncConnection, session_id: str, meeting_id: str) -> MeetingList | None:
    same = sa.and_(LIST_TABLE.c.session_id == session_id, LIST_TABLE.c.meeting_id == meeting_id)
    found = rows_as(MeetingList, await connection.execute(sa.select(LIST_TABLE).where(same)))
    return found[0] if found else None


async def _described(connection: AsyncConnection, rows: Sequence[Session]) -> list[dict[str, Any]]:
    ids = {"sessions": [row.session_id for row in rows]}
    of_places, of_records = PLACE.c.session_id, RECORD.c.session_id
    has_place = sa.select(of_places, _count()).where(any_of(of_places, "sessions"), PLACE.c.state == Standing.ENROLLED)
    came = sa.select(
        of_records,
        RECORD.c.meeting_id,
        _count().filter(RECORD.c.state == Presence.PRESENT, RECORD.c.with_place).label("present"),
        _count().filter(RECORD.c.state == Presence.ABSENT).label("absent"),
        _count().filter(RECORD.c.state == Presence.PRESENT, ~RECORD.c.with_place).label("without_place"),
    ).where(any_of(of_records, "sessions"))
    lists = sa.select(LIST_TABLE).where(any_of(LIST_TABLE.c.session_id, "sessions"))
    enrolled = {row[0]: row[1] for row in await connection.execute(has_place.group_by(of_places), ids)}
    counts = {
        (row.session_id, row.meeting_id): row
        for row in await connection.execute(came.group_by(of_records, RECORD.c.meeting_id), ids)
    }
    closed = {
        (row.session_id, row.meeting_id): row for row in rows_as(MeetingList, await connection.execute(lists, ids))
    }
    towns = await _town_names(connection, [row.city_id for row in rows])
    described = []
    for row in rows:
        meetings = [
            _meeting(meeting, closed.get(key), counts.get(key))
            for meeting in row.meetings
            for key in [(row.session_id, meeting.meeting_id)]
        ]
        described.append(
            {
                "session_id": row.session_id,
                "kind": row.kind,
                "phase": row.phase,
                "topic": row.topic,
                "city_id": row.city_id,
                "town": towns.get(row.city_id),
                "venue": row.venue,
                "starts_at": row.starts_at,
                "ends_at": row.ends_at,
                "state": row.state,
                "enrolled": enrolled.get(row.session_id, 0),
                "meetings": meetings,
            }
        )
    return described


def _meeting(meeting: Meeting, closed: MeetingList | None, counts: Any) -> dict[str, Any]:
    """A meeting with the numbers of its closed list, or with who has been there so far."""
    numbers = closed or counts
    return {
        **meeting.model_dump(mode="json"),
        "starts_at": meeting.starts_at,
        "ends_at": meeting.ends_at,
        "closed_at": closed and closed.decided_at,
        "recorded": closed and closed.recorded,
        **{name: getattr(numbers, name) if numbers else 0 for name in ("present", "absent", "without_place")},
        "not_recorded": closed.not_recorded if closed else 0,
    }


async def _town_names(connection: AsyncConnection, city_ids: Sequence[str]) -> dict[str, str]:
    """What the towns are called; the latest stage that named them is right."""
    statement = sa.select(TOWN.c.city_id, TOWN.c.name).where(any_of(TOWN.c.city_id, "cities")).order_by(TOWN.c.stage)
    return {row[0]: row[1] for row in await connection.execute(statement, {"cities": sorted(set(city_ids))})}


async def roster(connection: AsyncConnection, session: Session) -> list[dict[str, Any]]:
    """Everyone with a standing in the session or seen at one of its meetings, by family name; for each meeting who was there."""
    records = sa.select(RECORD).where(RECORD.c.session_id == session.session_id)
    by_person: dict[str, dict[str, Record]] = defaultdict(dict)
    for record in rows_as(Record, await connection.execute(records)):
        by_person[record.person_id][record.meeting_id] = record
    lists = sa.select(LIST_TABLE.c.meeting_id, LIST_TABLE.c.recorded).where(
        LIST_TABLE.c.session_id == session.session_id
    )
    closed = {row.meeting_id: row.recorded for row in await connection.execute(lists)}
    placed = sa.select(PLACE.c.person_id, PLACE.c.city_id, PLACE.c.state).where(
        PLACE.c.session_id == session.session_id
    )
    seen = sa.select(sa.func.unnest(sa.bindparam("seen", type_=sa.ARRAY(sa.Text()))).label("person_id")).subquery()
    place = placed.subquery()
    person_id = sa.func.coalesce(place.c.person_id, seen.c.person_id)
    people = (
        sa.select(
            person_id.label("person_id"),
            PERSON.c.given_name,
            PERSON.c.family_name,
            place.c.city_id,
            place.c.state.label("place"),
        )
        .select_from(place)
        .outerjoin(seen, seen.c.person_id == place.c.person_id, full=True)
        .outerjoin(PERSON, PERSON.c.person_id == person_id)
        .where(sa.or_(seen.c.person_id.is_not(None), place.c.state != Standing.NONE))
        .order_by(PERSON.c.family_name, PERSON.c.given_name, person_id)
        .limit(MOST_PEOPLE)
    )
    found = (await connection.execute(people, {"seen": sorted(by_person)})).all()
    towns = await _town_names(connection, [row.city_id for row in found if row.city_id])
    return [
        {
            **row._mapping,
            "place": row.place or Standing.NONE,
            "town": towns.get(row.city_id),
            "meetings": [
                _presence(meeting.meeting_id, by_person[row.person_id].get(meeting.meeting_id), closed)
                for meeting in session.meetings
            ],
        }
        for row in found
    ]


def _presence(meeting_id: str, record: Record | None, closed: dict[str, bool]) -> dict[str, Any]:
    """`not_yet` while the list is open, `not_recorded` once it closed without a single scan, null for who was not awaited."""
    state: str | None = record.state if record else "not_yet"
    if record is None and meeting_id in closed:
        state = None if closed[meeting_id] else "not_recorded"
    return {
        "meeting_id": meeting_id,
        "state": state,
        "with_place": record and record.with_place,
        "scanned_at": record and record.scanned_at,
    }


async def outcome(connection: AsyncConnection, source: str, request_id: str) -> dict[str, Any] | None:
    """What became of a scan: its answer, or that it is held and what it waits for. None: it said nothing new."""
    answer = sa.select(ANSWER.c.outcome, ANSWER.c.event_id, ANSWER.c.session_id, ANSWER.c.person_id).where(
        ANSWER.c.request_source == source, ANSWER.c.request_id == request_id
    )
    row = (await connection.execute(answer)).one_or_none()
    if row:
        return dict(row._mapping)
    held = sa.select(HELD.c.waits_for, HELD.c.expires_at, HELD.c.session_id, HELD.c.person_id).where(
        HELD.c.request_source == source, HELD.c.request_id == request_id
    )
    row = (await connection.execute(held)).one_or_none()
    return {"outcome": "Held", **row._mapping} if row else None


async def record(
    connection: AsyncConnection, session_id: str, meeting_id: str, person_id: str
) -> dict[str, Any] | None:
    statement = sa.select(
        RECORD.c.state,
        RECORD.c.with_place,
        RECORD.c.city_id,
        RECORD.c.scanned_at,
        RECORD.c.device_id,
        RECORD.c.event_id,
    ).where(RECORD.c.session_id == session_id, RECORD.c.meeting_id == meeting_id, RECORD.c.person_id == person_id)
    row = (await connection.execute(statement)).one_or_none()
    return dict(row._mapping) if row else None


async def books(connection: AsyncConnection) -> dict[str, Any]:
    """The closed lists three ways: in their own numbers, as the records say, and by who had a place.

    They must agree: present + absent + not_recorded = enrolled_on_closed_lists, and the records' numbers are the lists'.
    `enrolled` counts persons on closed lists: everyone with a place now, and on recorded lists whoever has a record with a
    place (one given back after closing still counts there).
    """
    whole = sa.func.coalesce
    sums = [
        whole(sa.func.sum(LIST_TABLE.c[name]), 0) for name in ("present", "absent", "not_recorded", "without_place")
    ]
    unrecorded = _count().filter(~LIST_TABLE.c.recorded)
    lists, not_recorded_lists, *numbers = (await connection.execute(sa.select(_count(), unrecorded, *sums))).one()
    present, absent, not_recorded, without_place = map(int, numbers)
    same_list = sa.and_(LIST_TABLE.c.session_id == RECORD.c.session_id, LIST_TABLE.c.meeting_id == RECORD.c.meeting_id)
    awaited = (
        sa.select(LIST_TABLE.c.session_id, LIST_TABLE.c.meeting_id, PLACE.c.person_id)
        .join(PLACE, PLACE.c.session_id == LIST_TABLE.c.session_id)
        .where(PLACE.c.state == Standing.ENROLLED)
    )
    counted = (
        sa.select(RECORD.c.session_id, RECORD.c.meeting_id, RECORD.c.person_id)
        .join(LIST_TABLE, same_list)
        .where(LIST_TABLE.c.recorded, RECORD.c.with_place)
    )
    enrolled = (
        await connection.execute(sa.select(_count()).select_from(sa.union(awaited, counted).subquery()))
    ).scalar_one()
    on_a_list = LIST_TABLE.c.session_id.is_not(None)
    by_record = sa.select(
        _count().filter(on_a_list, RECORD.c.state == Presence.PRESENT, RECORD.c.with_place).label("present"),
        _count().filter(on_a_list, RECORD.c.state == Presence.ABSENT).label("absent"),
        _count().filter(on_a_list, RECORD.c.state == Presence.PRESENT, ~RECORD.c.with_place).label("without_place"),
        _count().filter(~on_a_list).label("on_open_lists"),
    ).select_from(sa.outerjoin(RECORD, LIST_TABLE, same_list))
    return {
        "attendance": {
            "lists_closed": lists,
            "lists_not_recorded": not_recorded_lists,
            "present": present,
            "absent": absent,
            "not_recorded": not_recorded,
            "without_place": without_place,
            "enrolled_on_closed_lists": enrolled,
            "records": dict((await connection.execute(by_record)).one()._mapping),
        },
        "sessions": (await connection.execute(sa.select(_count()).select_from(SESSION))).scalar_one(),
        "places_enrolled": (
            await connection.execute(sa.select(_count()).select_from(PLACE).where(PLACE.c.state == Standing.ENROLLED))
        ).scalar_one(),
    }
