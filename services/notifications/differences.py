"""The SQL that finds what is true and was not told.

It touches only sessions that are not over, and at each wake only what was heard since the last look; the whole is
compared at the start and at intervals.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.ledger import NO_PLACE
from services.notifications.state import SCHEDULED
from services.notifications.store import CONTACT, MOST, NOW, OPEN, PERSON, PLACE, SESSION, TOLD, TOPIC, TOWN, Pair
from shared.contracts.enrolment import Standing

SINCE = sa.bindparam("since", type_=sa.DateTime(timezone=True))

_truth = sa.case((sa.and_(PLACE.c.state == Standing.ENROLLED, SESSION.c.state == SCHEDULED), SESSION.c.content))
# The same as decisions.difference, which judges again when a notice is taken; tests hold them against each other.
DIFFERS = sa.case(
    (
        TOLD.c.person_id.is_not(None),
        sa.and_(
            TOLD.c.content.is_distinct_from(_truth),
            TOLD.c.given_up.is_distinct_from(sa.func.coalesce(_truth, NO_PLACE)),
            sa.or_(_truth.is_not(None), TOLD.c.ends_at > NOW),
        ),
    ),
    (PLACE.c.heard_at < SINCE, sa.and_(PLACE.c.state == Standing.ENROLLED, SESSION.c.heard_at >= SINCE)),
    else_=_truth.is_not(None),
)
_BELIEVED = sa.join(PLACE, SESSION, PLACE.c.session_id == SESSION.c.session_id).outerjoin(
    TOLD, sa.and_(TOLD.c.person_id == PLACE.c.person_id, TOLD.c.session_id == PLACE.c.session_id)
)
LIVE = _BELIEVED.outerjoin(PERSON, PERSON.c.person_id == PLACE.c.person_id).outerjoin(
    CONTACT, CONTACT.c.person_id == PLACE.c.person_id
)
"""Places with what is known about them; to be restricted to sessions that are not over."""
HAS_TOWN = sa.exists().where(TOWN.c.city_id == SESSION.c.city_id)
HAS_TOPIC = sa.exists().where(TOPIC.c.topic == SESSION.c.topic)


def _planned(places: sa.FromClause) -> Any:
    """Opens a notice for every difference among these places about which a mail can be written.

    In two steps, of which Postgres plans each by itself: to order a join of all ten tables took it 25 ms a look.
    """
    here = sa.and_(OPEN.c.person_id == PLACE.c.person_id, OPEN.c.session_id == PLACE.c.session_id)
    differing = (
        sa.select(PLACE.c.person_id, PLACE.c.session_id, SESSION.c.city_id, SESSION.c.topic)
        .select_from(places)
        .where(SESSION.c.ends_at > NOW, DIFFERS, ~sa.exists().where(here))
        .cte("differing")
        .prefix_with("MATERIALIZED")
    )
    found = (
        sa.select(
            differing.c.person_id,
            differing.c.session_id,
            "notice-" + sa.cast(sa.func.uuidv7(), sa.Text),
            NOW,
            NOW,
            sa.literal(0),
            sa.literal(0),
            sa.literal(0),
        )
        .join(PERSON, PERSON.c.person_id == differing.c.person_id)
        .join(CONTACT, CONTACT.c.person_id == differing.c.person_id)
        .where(~PERSON.c.erased, ~CONTACT.c.erased)
        .where(sa.exists().where(TOWN.c.city_id == differing.c.city_id))
        .where(sa.exists().where(TOPIC.c.topic == differing.c.topic))
        .limit(MOST)
    )
    columns = [
        "person_id",
        "session_id",
        "notice_id",
        "planned_at",
        "next_attempt_at",
        "sequence",
        "attempts",
        "doubts",
    ]
    return insert(OPEN).from_select(columns, found).on_conflict_do_nothing()


_texts = ARRAY(sa.Text())
_named = (
    sa.func.unnest(sa.bindparam("persons", type_=_texts), sa.bindparam("sessions", type_=_texts))
    .table_valued(sa.column("person_id", sa.Text), sa.column("session_id", sa.Text), name="named")
    .render_derived()
)
_is_named = sa.and_(PLACE.c.person_id == _named.c.person_id, PLACE.c.session_id == _named.c.session_id)
_PLAN_ALL = _planned(_BELIEVED)
_PLAN_NAMED = _planned(_BELIEVED.join(_named, _is_named))
"""Apart from `_NEWS`: planning one statement of both took Postgres longer than running it, and anew at each look."""

_MARK = sa.bindparam("mark", type_=sa.DateTime(timezone=True))
_pair = (PLACE.c.person_id, PLACE.c.session_id)
_NEWS = sa.union_all(
    sa.select(*_pair, PLACE.c.heard_at).where(PLACE.c.heard_at > _MARK),
    sa.select(*_pair, SESSION.c.heard_at)
    .join(SESSION, SESSION.c.session_id == PLACE.c.session_id)
    .where(SESSION.c.heard_at > _MARK, SESSION.c.ends_at > NOW),
    *(
        sa.select(*_pair, table.c.heard_at)
        .join(table, table.c.person_id == PLACE.c.person_id)
        .where(table.c.heard_at > _MARK)
        for table in (CONTACT, PERSON)
    ),
)
_NEWEST = sa.select(
    sa.func.greatest(
        *(sa.select(sa.func.max(table.c.heard_at)).scalar_subquery() for table in (PLACE, SESSION, CONTACT, PERSON))
    )
)


async def plan_all(connection: AsyncConnection, *, now: dt.datetime, since: dt.datetime, most: int) -> int:
    """Opens notices for what has to be told, compared as a whole. Returns how many."""
    return int((await connection.execute(_PLAN_ALL, {"now": now, "since": since, "most": most})).rowcount)


async def plan_named(
    connection: AsyncConnection, pairs: Iterable[Pair], *, now: dt.datetime, since: dt.datetime, most: int
) -> int:
    """The same for some places."""
    pairs = sorted(pairs)
    persons, sessions = [person_id for person_id, _ in pairs], [session_id for _, session_id in pairs]
    parameters = {"persons": persons, "sessions": sessions, "now": now, "since": since, "most": most}
    return int((await connection.execute(_PLAN_NAMED, parameters)).rowcount)


async def news(
    connection: AsyncConnection, *, mark: dt.datetime, now: dt.datetime
) -> tuple[set[Pair], dt.datetime | None]:
    """The places that something was heard about after `mark`, and when the newest of it was heard."""
    rows = (await connection.execute(_NEWS, {"mark": mark, "now": now})).all()
    return {(row[0], row[1]) for row in rows}, max((row[2] for row in rows), default=None)


async def newest_heard(connection: AsyncConnection) -> dt.datetime | None:
    """When the newest of all that mails depend on was heard."""
    newest: dt.datetime | None = (await connection.execute(_NEWEST)).scalar_one()
    return newest
