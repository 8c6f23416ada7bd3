"""What a calendar that somebody subscribes to shows, as it is now, and whether they may still see it. SQL that changes nothing."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.calendar import as_trainer, entry_uid, town_uid
from services.notifications.feeds import MOST_ENTRIES, SHOWN_FOR, Listed, sequence_of
from services.notifications.kinds import Subject
from services.notifications.kinds.coordinators import COORDINATES, COORDINATOR, TOWN_NAME
from services.notifications.kinds.kind import Reading
from services.notifications.kinds.sessions import CITY_NAME, TOPIC_NAMES
from services.notifications.kinds.trainers import is_named
from services.notifications.ledger import Belief, Told
from services.notifications.state import SCHEDULED, Session
from services.notifications.store import ids_of_one
from services.notifications.tables import CALL, NOW, PERSON, PLACE, SESSION, SESSION_SAID, TOLD, stands
from shared.contracts.enrolment import ACTIVE, SEATED
from shared.contracts.model import Language
from shared.contracts.planner import SessionKind


class Closed(StrEnum):
    """Why somebody sees nothing by a link that was theirs."""

    UNKNOWN = "unknown"
    """Nobody has announced them here yet."""
    ERASED = "erased"
    EXPIRED = "expired"
    """They are somebody else who is known here, or coordinate the town no more."""


_SINCE = sa.bindparam("shown_since", type_=sa.DateTime(timezone=True))
_WHO = sa.bindparam("person_id", type_=sa.Text)
_CITY = sa.bindparam("city_id", type_=sa.Text)
_their_names = (CITY_NAME, *TOPIC_NAMES)
_was_announced = sa.exists().where(SESSION_SAID.c.session_id == SESSION.c.session_id, SESSION_SAID.c.state == SCHEDULED)
"""A draft is no session that was called off."""


def _told(subject: Subject) -> sa.ColumnElement[bool]:
    about = sa.literal(f"{subject}/", sa.Text) + SESSION.c.session_id
    return sa.and_(TOLD.c.recipient == _WHO, TOLD.c.about == about, TOLD.c.state != Belief.REHEARSED)


def _listed(found: sa.FromClause, heard_at: sa.ColumnElement[Any], holds: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Sessions that somebody has or had, with whether they have it still. `heard_at`: when that was last said."""
    is_so = sa.and_(holds, SESSION.c.state == SCHEDULED)
    return (
        sa.select(*SESSION.c, *_their_names, *TOLD.c, is_so, sa.func.greatest(SESSION.c.heard_at, heard_at))
        .select_from(found)
        .where(SESSION.c.ends_at > _SINCE, _was_announced, sa.or_(holds, TOLD.c.said.is_not(None)))
        .order_by(SESSION.c.starts_at.desc(), SESSION.c.session_id)
        .limit(MOST_ENTRIES)
    )


_PLACES = _listed(
    sa.join(SESSION, PLACE, sa.and_(PLACE.c.session_id == SESSION.c.session_id, PLACE.c.person_id == _WHO)).outerjoin(
        TOLD, _told(Subject.PLACE)
    ),
    PLACE.c.heard_at,
    stands(PLACE, SEATED),
)
_TRAININGS = _listed(
    sa.outerjoin(SESSION, TOLD, _told(Subject.TRAINING)),
    SESSION.c.heard_at,
    is_named(_WHO, SESSION),
)
_of_town = sa.and_(PLACE.c.session_id == SESSION.c.session_id, PLACE.c.city_id == _CITY)
_number = sa.select(sa.func.count()).where(_of_town, stands(PLACE, SEATED)).scalar_subquery()
_last_said = sa.select(sa.func.max(PLACE.c.heard_at)).where(_of_town).scalar_subquery()
_TOWNS = (
    sa.select(*SESSION.c, *_their_names, _number, sa.func.greatest(SESSION.c.heard_at, _last_said))
    .where(
        SESSION.c.ends_at > _SINCE,
        _was_announced,
        sa.or_(
            sa.and_(SESSION.c.kind == SessionKind.SUPPLEMENTARY, SESSION.c.city_id == _CITY),
            sa.exists().where(_of_town, stands(PLACE, ACTIVE)),
            sa.exists().where(
                CALL.c.session_id == SESSION.c.session_id,
                CALL.c.city_id == _CITY,
                CALL.c.ended.is_(None),
                CALL.c.until > NOW,
            ),
        ),
    )
    .order_by(SESSION.c.starts_at.desc(), SESSION.c.session_id)
    .limit(MOST_ENTRIES)
)
_HOLDER = sa.select(PERSON.c.erased, PERSON.c.merged_into).where(PERSON.c.person_id == _WHO)
_OFFICE = sa.select(TOWN_NAME).where(COORDINATOR.c.person_id == _WHO, COORDINATOR.c.city_id == _CITY, COORDINATES)


async def closed_to(connection: AsyncConnection, person_id: str) -> Closed | None:
    """Why this person sees nothing any more; None: they do."""
    row = (await connection.execute(_HOLDER, {"person_id": person_id})).first()
    if row is None:
        return Closed.UNKNOWN
    if row.erased:
        return Closed.ERASED
    return Closed.EXPIRED if row.merged_into is not None else None


async def town_of(connection: AsyncConnection, person_id: str, city_id: str, now: dt.datetime) -> str | Closed:
    """What the town is called that this person coordinates today."""
    row = (await connection.execute(_OFFICE, {"person_id": person_id, "city_id": city_id, "now": now})).first()
    return Closed.EXPIRED if row is None else row[0] or city_id


async def own(connection: AsyncConnection, person_id: str, language: Language, now: dt.datetime) -> list[Listed]:
    """Where this person has a place, or had one that a mail has told of; and what they train, likewise. What was told to an id that went into
    theirs is an entry by itself, which ends with what is said of that id."""
    found = []
    for whose in await ids_of_one(connection, person_id):
        where = {"person_id": whose, "shown_since": now - SHOWN_FOR}
        for statement, called in ((_PLACES, str), (_TRAININGS, as_trainer)):
            for row in await connection.execute(statement, where):
                reading = Reading(row)
                session, names, told = reading.next(Session), reading.values(3), reading.next(Told)
                is_so, changed_at = reading.values(2)
                assert session is not None
                sequence = sequence_of(told, session.content if is_so else None)
                uid = entry_uid(called(session.session_id), whose)
                found.append(_as_listed(uid, sequence, changed_at, session, names, language, is_off=not is_so))
    return found


async def of_town(connection: AsyncConnection, city_id: str, language: Language, now: dt.datetime) -> list[Listed]:
    """What is held in the town for its team, where somebody of it has or waits for a place, and to what it is called to nominate."""
    found = []
    where = {"city_id": city_id, "shown_since": now - SHOWN_FOR, "now": now}
    for row in await connection.execute(_TOWNS, where):
        reading = Reading(row)
        session, names = reading.next(Session), reading.values(3)
        people, changed_at = reading.values(2)
        assert session is not None
        uid, is_off = town_uid(session.session_id, city_id), session.state != SCHEDULED
        found.append(
            _as_listed(uid, session.version, changed_at, session, names, language, is_off=is_off, people=people)
        )
    return found


def _as_listed(
    uid: str,
    sequence: int,
    changed_at: dt.datetime,
    session: Session,
    names: tuple[Any, ...],
    language: Language,
    *,
    is_off: bool,
    people: int | None = None,
) -> Listed:
    city_name, name_pl, name_en = names
    topic_name = (name_pl if language == Language.PL else name_en) or session.topic
    return Listed(
        uid, sequence, changed_at, is_off, session.kind, topic_name, city_name or "", session.venue, session.address,
        session.meetings, people,
    )  # fmt: skip
