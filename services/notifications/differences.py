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
from services.notifications.store import (
    CONTACT,
    IS_SETTLED,
    KEY_NAME,
    KNOWN,
    KNOWN_CONTENT,
    KNOWN_ENDS,
    MADE_OF,
    MAILBOX,
    MOST,
    NOTHING_TOLD,
    NOW,
    OPEN,
    PERSON,
    PLACE,
    SESSION,
    SESSION_SAID,
    SETTLED,
    SINCE,
    TOLD,
    TOPIC,
    TOWN,
    Pair,
)
from shared.contracts.enrolment import Standing


def _is_another(then: sa.ColumnElement[Any], now: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """The opposite of digests.is_the_same."""
    return sa.func.coalesce(sa.and_(then != now, sa.func.split_part(then, ".", 1) == KEY_NAME), sa.false())


# The same as untold.difference, which judges again when a notice is taken; tests hold them against each other.
_content = sa.case((sa.and_(PLACE.c.state == Standing.ENROLLED, SESSION.c.state == SCHEDULED), SESSION.c.content))
_has_place = sa.and_(PLACE.c.state == Standing.ENROLLED, SESSION.c.state == SCHEDULED)
_lasts = SESSION.c.ends_at > NOW
_believed = sa.case((NOTHING_TOLD, KNOWN_CONTENT), else_=TOLD.c.content)
_believed_until = sa.case((NOTHING_TOLD, KNOWN_ENDS), else_=TOLD.c.ends_at)


def _differs(lasts: sa.ColumnElement[bool], believes: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """What a person does not know at a moment at which the session lasts, or as far as they know."""
    has_place = sa.and_(_has_place, lasts)
    return sa.and_(
        sa.or_(believes, has_place),
        sa.or_(_believed.is_distinct_from(_content), sa.and_(has_place, _is_another(TOLD.c.mailbox, MAILBOX))),
    )


DIFFERS = _differs(_lasts, sa.func.coalesce(_believed_until > NOW, sa.false()))
"""What a person does not know."""
_end = sa.func.greatest(SESSION.c.ends_at, _believed_until)
MISSED = sa.and_(
    _differs(SESSION.c.ends_at == _end, sa.func.coalesce(_believed_until == _end, sa.false())),
    _end > SINCE,
    PLACE.c.heard_at < _end,
    SESSION.c.heard_at < _end,
    TOLD.c.given_up.is_distinct_from(sa.func.coalesce(_content, NO_PLACE)),
)
"""Of what is over: what a person did not know at the end."""
GIVEN_UP = sa.case(
    (TOLD.c.given_up == sa.func.coalesce(_content, NO_PLACE), ~_is_another(TOLD.c.given_up_for, MADE_OF)),
    else_=sa.false(),
)
WAITS_FOR_ENROLMENT = sa.and_(_has_place, SETTLED.c.event_id.is_(None))
CAN_BE_TOLD = sa.and_(DIFFERS, ~WAITS_FOR_ENROLMENT, ~GIVEN_UP)
BEFORE_GO_LIVE = sa.and_(KNOWN_CONTENT.is_not(None), _has_place)
"""Unless it differs: others told them."""
_TOLD = (
    sa.join(PLACE, SESSION, PLACE.c.session_id == SESSION.c.session_id)
    .outerjoin(TOLD, sa.and_(TOLD.c.person_id == PLACE.c.person_id, TOLD.c.session_id == PLACE.c.session_id))
    .outerjoin(CONTACT, CONTACT.c.person_id == PLACE.c.person_id)
    .outerjoin(SETTLED, IS_SETTLED)
    .outerjoin(KNOWN, sa.true())
)
LIVE = _TOLD.outerjoin(PERSON, PERSON.c.person_id == PLACE.c.person_id)
"""Places with what is known about them; to be restricted to one of `PARTS`."""
_said_for_later = sa.select(SESSION_SAID.c.session_id).where(SESSION_SAID.c.ends_at > NOW)
PARTS = (
    _lasts,
    sa.and_(~_lasts, ~NOTHING_TOLD, TOLD.c.ends_at > NOW),
    sa.and_(~_lasts, NOTHING_TOLD, SESSION.c.session_id.in_(_said_for_later)),
)
"""Sessions that are not over, and those that are but were told for later, by us or by others. Apart, so that each is found by an
index."""
HAS_TOWN = sa.exists().where(TOWN.c.city_id == SESSION.c.city_id)
HAS_TOPIC = sa.exists().where(TOPIC.c.topic == SESSION.c.topic)
IS_OPEN = sa.exists().where(OPEN.c.person_id == PLACE.c.person_id, OPEN.c.session_id == PLACE.c.session_id)


_OPENED = ("person_id", "session_id", "notice_id", "planned_at", "next_attempt_at", "sequence", "attempts", "doubts")


def _opened(of: Any) -> tuple[Any, ...]:
    notice_id = "notice-" + sa.cast(sa.func.uuidv7(), sa.Text)
    return of.person_id, of.session_id, notice_id, NOW, NOW, sa.literal(0), sa.literal(0), sa.literal(0)


def _planned(places: sa.FromClause, *parts: sa.ColumnElement[bool]) -> Any:
    """Opens a notice for every difference among these places about which a mail can be written.

    In two steps, of which Postgres plans each by itself: to order a join of all ten tables took it 25 ms a look.
    """
    one = sa.select(PLACE.c.person_id, PLACE.c.session_id, SESSION.c.city_id, SESSION.c.topic).select_from(places)
    differing = (
        sa.union_all(*(one.where(part, CAN_BE_TOLD, ~IS_OPEN) for part in parts))
        .cte("differing")
        .prefix_with("MATERIALIZED")
    )
    found = (
        sa.select(*_opened(differing.c))
        .join(PERSON, PERSON.c.person_id == differing.c.person_id)
        .join(CONTACT, CONTACT.c.person_id == differing.c.person_id)
        .where(~PERSON.c.erased, ~CONTACT.c.erased)
        .where(sa.exists().where(TOWN.c.city_id == differing.c.city_id))
        .where(sa.exists().where(TOPIC.c.topic == differing.c.topic))
        .limit(MOST)
    )
    return insert(OPEN).from_select(_OPENED, found).on_conflict_do_nothing()


_texts = ARRAY(sa.Text())
_named = (
    sa.func.unnest(sa.bindparam("persons", type_=_texts), sa.bindparam("sessions", type_=_texts))
    .table_valued(sa.column("person_id", sa.Text), sa.column("session_id", sa.Text), name="named")
    .render_derived()
)
_is_named = sa.and_(PLACE.c.person_id == _named.c.person_id, PLACE.c.session_id == _named.c.session_id)
_PLAN_ALL = _planned(_TOLD, *PARTS)
_PLAN_NAMED = _planned(_TOLD.join(_named, _is_named), sa.true())
"""Apart from `_NEWS`: planning one statement of both took Postgres longer than running it, and anew at each look."""

_ENDED_AFTER = sa.bindparam("ended_after", type_=sa.DateTime(timezone=True))
_PLAN_MISSED = (
    insert(OPEN)
    .from_select(
        _OPENED,
        sa.select(*_opened(PLACE.c))
        .select_from(LIVE)
        .where(
            SESSION.c.ends_at <= NOW, SESSION.c.ends_at > _ENDED_AFTER, sa.func.coalesce(_believed_until, NOW) <= NOW
        )
        .where(MISSED, ~IS_OPEN, PERSON.c.erased.is_not(True), CONTACT.c.erased.is_not(True))
        .limit(MOST),
    )
    .on_conflict_do_nothing()
)
_MARK = sa.bindparam("mark", type_=sa.DateTime(timezone=True))
_of_session = PLACE.c.session_id == SESSION.c.session_id


def _is_news(table: sa.Table) -> sa.ColumnElement[bool]:
    return table.c.heard_at >= _MARK


_pair = sa.select(PLACE.c.person_id, PLACE.c.session_id)
_NEWS = sa.union_all(
    _pair.where(_is_news(PLACE)),
    _pair.join(SESSION, _of_session).where(_is_news(SESSION)),
    _pair.join(SETTLED, SETTLED.c.session_id == PLACE.c.session_id).where(_is_news(SETTLED)),
    *(_pair.join(table, table.c.person_id == PLACE.c.person_id).where(_is_news(table)) for table in (CONTACT, PERSON)),
    *(
        _pair.join(SESSION, _of_session).join(table, SESSION.c[key] == table.c[key]).where(_lasts, _is_news(table))
        for table, key in ((TOPIC, "topic"), (TOWN, "city_id"))
    ),
)
"""By everything that a letter reads."""

_SOON = (
    sa.update(OPEN)
    .values(next_attempt_at=NOW)
    .where(OPEN.c.lease.is_(None), OPEN.c.next_attempt_at > NOW)
    .where(
        sa.or_(
            *(sa.exists().where(table.c.person_id == OPEN.c.person_id, _is_news(table)) for table in (CONTACT, PERSON)),
            sa.exists().where(
                PLACE.c.person_id == OPEN.c.person_id, PLACE.c.session_id == OPEN.c.session_id, _is_news(PLACE)
            ),
            *(
                sa.exists().where(table.c.session_id == OPEN.c.session_id, _is_news(table))
                for table in (SESSION, SETTLED)
            ),
        )
    )
)


async def plan_all(connection: AsyncConnection, *, now: dt.datetime, since: dt.datetime, most: int) -> int:
    """Opens notices for what has to be told, compared as a whole. Returns how many."""
    return int((await connection.execute(_PLAN_ALL, {"now": now, "since": since, "most": most})).rowcount)


async def plan_missed(
    connection: AsyncConnection, *, ended_after: dt.datetime, now: dt.datetime, since: dt.datetime, most: int
) -> int:
    """Opens notices for what was not told in time, so that it ends as a fact and not in silence: of sessions whose end lies after
    `ended_after`. Returns how many."""
    parameters = {"ended_after": ended_after, "now": now, "since": since, "most": most}
    return int((await connection.execute(_PLAN_MISSED, parameters)).rowcount)


async def plan_named(
    connection: AsyncConnection, pairs: Iterable[Pair], *, now: dt.datetime, since: dt.datetime, most: int
) -> int:
    """The same for some places."""
    pairs = sorted(pairs)
    persons, sessions = [person_id for person_id, _ in pairs], [session_id for _, session_id in pairs]
    parameters = {"persons": persons, "sessions": sessions, "now": now, "since": since, "most": most}
    return int((await connection.execute(_PLAN_NAMED, parameters)).rowcount)


async def news(connection: AsyncConnection, *, mark: dt.datetime, now: dt.datetime) -> set[Pair]:
    """The places that something was heard about that was appended at `mark` or after it."""
    return {(row[0], row[1]) for row in await connection.execute(_NEWS, {"mark": mark, "now": now})}


async def bring_forward(connection: AsyncConnection, *, mark: dt.datetime, now: dt.datetime) -> int:
    """Makes due at once what was put off before something was heard about it: the pause was another address's, perhaps.
    Returns how many notices."""
    return int((await connection.execute(_SOON, {"mark": mark, "now": now})).rowcount)
