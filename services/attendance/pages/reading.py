"""What the pages read beside the list itself: the session, its lists, what it is called. SQL that changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.attendance import views
from services.attendance.certificates import Topic
from services.attendance.state import MeetingList, Place, Session
from services.attendance.store import CAME, PLACE, RECORD, SESSION, TOPIC
from shared.contracts.model import Language
from shared.postgres.database import any_of, rows_as

_PLACES = sa.select(PLACE).where(PLACE.c.session_id == sa.bindparam("session_id"), any_of(PLACE.c.person_id, "people"))
_AT_MOST = 200
_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)
_AT = (
    sa.select(SESSION)
    .where(SESSION.c.starts_at <= sa.bindparam("until"), SESSION.c.ends_at > sa.bindparam("from"))
    .order_by(SESSION.c.session_id)
    .limit(_AT_MOST)
)
_CAME = (
    sa.select(sa.func.count())
    .select_from(RECORD)
    .where(
        CAME,
        RECORD.c.session_id == sa.bindparam("session_id"),
        RECORD.c.meeting_id == sa.bindparam("meeting_id"),
        RECORD.c.scanned_at >= sa.bindparam("since"),
    )
)
_TOPICS = sa.select(TOPIC).where(TOPIC.c.topic == sa.bindparam("topic")).order_by(TOPIC.c.rule_id).limit(1)


async def session(engine: AsyncEngine, session_id: str) -> Session | None:
    async with engine.connect() as connection:
        return await views.session_row(connection, session_id)


async def lists(engine: AsyncEngine, session_id: str) -> dict[str, MeetingList]:
    """The session's lists that were ever closed, by meeting."""
    async with engine.connect() as connection:
        return await views.lists_of(connection, session_id)


async def ids_of(engine: AsyncEngine, person_id: str) -> tuple[str, ...]:
    async with engine.connect() as connection:
        return await views.ids_of(connection, person_id)


async def trains(engine: AsyncEngine, session: Session, person_id: str) -> bool:
    """Whether somebody trains a session now, whichever of their ids the planner names, and whichever a link."""
    return not set(await ids_of(engine, person_id)).isdisjoint(session.trainers)


async def places(engine: AsyncEngine, session_id: str, ids: Sequence[str]) -> list[Place]:
    """What is known of one human's place, by all ids that they have had."""
    async with engine.connect() as connection:
        return rows_as(Place, await connection.execute(_PLACES, {"session_id": session_id, "people": list(ids)}))


async def sessions_at(engine: AsyncEngine, now: dt.datetime, before: dt.timedelta) -> list[Session]:
    """What goes on now, or begins within this time."""
    async with engine.connect() as connection:
        return rows_as(Session, await connection.execute(_AT, {"from": now, "until": now + before}))


async def came(engine: AsyncEngine, session_id: str, meeting_id: str, *, since: dt.datetime | None) -> int:
    """How many have come to a meeting so far. `since`: when that may have been; before it the meeting was on another day."""
    about = {"session_id": session_id, "meeting_id": meeting_id, "since": since or _EVER}
    async with engine.connect() as connection:
        return int((await connection.execute(_CAME, about)).scalar_one())


async def title(engine: AsyncEngine, session: Session, language: Language) -> str:
    """What the session is about, in the reader's language."""
    async with engine.connect() as connection:
        found = rows_as(Topic, await connection.execute(_TOPICS, {"topic": session.topic}))
    names = {Language.PL: found[0].name_pl, Language.EN: found[0].name_en} if found else {}
    return names.get(language) or session.topic
