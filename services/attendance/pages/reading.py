"""What the pages read beside the list itself: the session, its lists, what it is called. SQL that changes nothing."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.attendance import views
from services.attendance.certificates import Topic
from services.attendance.state import MeetingList, Session
from services.attendance.store import LIST_TABLE, TOPIC
from shared.contracts.model import Language
from shared.postgres.database import rows_as

_LISTS = sa.select(LIST_TABLE).where(LIST_TABLE.c.session_id == sa.bindparam("session_id"))
_TOPICS = sa.select(TOPIC).where(TOPIC.c.topic == sa.bindparam("topic")).order_by(TOPIC.c.rule_id).limit(1)


async def session(engine: AsyncEngine, session_id: str) -> Session | None:
    async with engine.connect() as connection:
        return await views.session_row(connection, session_id)


async def lists(engine: AsyncEngine, session_id: str) -> dict[str, MeetingList]:
    """The session's lists that were ever closed, by meeting."""
    async with engine.connect() as connection:
        found = rows_as(MeetingList, await connection.execute(_LISTS, {"session_id": session_id}))
    return {one.meeting_id: one for one in found}


async def title(engine: AsyncEngine, session: Session, language: Language) -> str:
    """What the session is about, in the reader's language."""
    async with engine.connect() as connection:
        found = rows_as(Topic, await connection.execute(_TOPICS, {"topic": session.topic}))
    names = {Language.PL: found[0].name_pl, Language.EN: found[0].name_en} if found else {}
    return names.get(language) or session.topic
