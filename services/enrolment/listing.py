"""What the API lists of one session, page by page: offers, replies, requests, towns. SQL that changes nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.enrolment.answers import Session
from services.enrolment.listed import AnsweredRequest, GivenReply, HeldRequest, OpenOffer, TownsPlaces
from services.enrolment.state import begin_of
from services.enrolment.subjects import session_subject
from services.enrolment.tables import CALL, COUNTS, PERSON, PLACE, SESSION, SETTLED, TOWN, taken_of
from shared.contracts import EVENTS
from shared.contracts.enrolment import SEATED, AskedFor, Standing
from shared.contracts.planner import SessionStanding, gives_until
from shared.outbox.journal import JOURNAL
from shared.postgres.database import any_of
from shared.postgres.merged import survivors_of
from shared.postgres.tables import HELD

_tag = sa.cast(PLACE.c.version, sa.Text).label("tag")
_SURVIVOR = survivors_of(PERSON)
_of_people = (
    sa.select(
        PLACE.c.person_id,
        sa.func.coalesce(PERSON.c.given_name, _SURVIVOR.c.given_name).label("given_name"),
        sa.func.coalesce(PERSON.c.family_name, _SURVIVOR.c.family_name).label("family_name"),
        PLACE.c.city_id,
        PLACE.c.event_id,
        _tag,
    )
    .outerjoin(PERSON, PERSON.c.person_id == PLACE.c.person_id)
    .outerjoin(_SURVIVOR, _SURVIVOR.c.person_id == PLACE.c.person_id)
    .where(PLACE.c.session_id == sa.bindparam("session"), PLACE.c.person_id > sa.bindparam("after"))
    .order_by(PLACE.c.person_id)
    .limit(sa.bindparam("most"))
)
_OFFERS = (
    _of_people.add_columns(PLACE.c.offered_at, PLACE.c.offered_until)
    .join(SESSION, SESSION.c.session_id == PLACE.c.session_id)
    .where(PLACE.c.state == Standing.OFFERED, SESSION.c.state == SessionStanding.SCHEDULED)
)
_REPLIES = _of_people.add_columns(PLACE.c.reply, PLACE.c.replied_at).where(PLACE.c.state.in_(SEATED))
_said = sa.cast(JOURNAL.c.body, JSONB)
_REQUESTS = (
    sa.select(JOURNAL.c.event_id, JOURNAL.c.said_at, JOURNAL.c.type, _said.label("body"))
    .where(
        JOURNAL.c.stream == "enrolment.events",
        JOURNAL.c.key == sa.bindparam("session"),
        JOURNAL.c.event_id > sa.bindparam("after"),
        _said["request_id"].isnot(None),
    )
    .order_by(JOURNAL.c.event_id)
    .limit(sa.bindparam("most"))
)
_cursor = sa.func.md5(sa.func.concat(HELD.c.request_source, "\n", HELD.c.request_id))
_HELD = (
    sa.select(HELD, _cursor.label("cursor"))
    .where(
        HELD.c.about.has_key(sa.bindparam("session", type_=sa.Text())),
        _cursor > sa.bindparam("after"),
        any_of(HELD.c.type, "known"),
    )
    .order_by(_cursor)
    .limit(sa.bindparam("most"))
)
"""What only a newer release can read waits for that one: `status` tells how many."""
_TOWNS = (
    sa.select(PLACE.c.city_id, *COUNTS)
    .where(PLACE.c.session_id == sa.bindparam("session"), PLACE.c.city_id.isnot(None))
    .group_by(PLACE.c.city_id)
)
_ANNOUNCED = (
    sa.select(sa.func.least(SESSION.c.heard_at, SETTLED.c.announced_at))
    .outerjoin(SETTLED, SETTLED.c.session_id == SESSION.c.session_id)
    .where(SESSION.c.session_id == sa.bindparam("session"))
)
_CALLED = sa.select(CALL.c.city_id).where(CALL.c.session_id == sa.bindparam("session"), CALL.c.ended.is_(None))
_NAMES = sa.select(TOWN.c.city_id, TOWN.c.name).order_by(TOWN.c.city_id, TOWN.c.stage)


async def offers(connection: AsyncConnection, session_id: str, *, after: str, limit: int) -> list[OpenOffer]:
    """The seats that are held for somebody until they answer, by person."""
    return [OpenOffer(**row) for row in await _page(connection, _OFFERS, session_id, after, limit)]


async def replies(connection: AsyncConnection, session_id: str, *, after: str, limit: int) -> list[GivenReply]:
    """What everybody with a place says to it, by person."""
    return [GivenReply(**row) for row in await _page(connection, _REPLIES, session_id, after, limit)]


async def requests(connection: AsyncConnection, session_id: str, *, after: str, limit: int) -> list[AnsweredRequest]:
    """The requests that facts of ours have answered, the oldest first."""
    return [
        AnsweredRequest(
            event_id=row["event_id"],
            decided_at=row["said_at"],
            outcome=row["type"].split(".")[1],
            asked_for=_asked_for(row["body"]),
            **{
                name: row["body"].get(name)
                for name in ("request_source", "request_id", "asked_at", "person_id", "city_id", "reason")
            },
        )
        for row in await _page(connection, _REQUESTS, session_id, after, limit)
    ]


def _asked_for(body: dict[str, Any]) -> AskedFor:
    """As the fact says, or as its kind tells."""
    if "asked_for" in body:
        return AskedFor(body["asked_for"])
    return AskedFor.NOMINATION if "nomination_id" in body else AskedFor.CORRECTION


async def held(connection: AsyncConnection, session_id: str, *, after: str, limit: int) -> list[HeldRequest]:
    """The requests that wait for what they are about, in an order that stays."""
    return [
        HeldRequest(
            cursor=row["cursor"],
            asked_for=EVENTS[row["type"]].asks_for,  # type: ignore[attr-defined]  # Only requests are held.
            request_source=row["request_source"],
            request_id=row["request_id"],
            asked_at=row["appended_at"],
            people=[one.removeprefix("person/") for one in row["about"] if one.startswith("person/")],
            waits_for=row["waits_for"],
            expires_at=row["expires_at"],
        )
        for row in await _page(connection, _HELD, session_subject(session_id), after, limit, known=sorted(EVENTS))
    ]


async def towns(
    connection: AsyncConnection, session: Session, now: dt.datetime, *, after: str, limit: int
) -> list[TownsPlaces]:
    """What each town has in the session that has anything there or is called to nominate, by town."""
    counted = {row.city_id: row._mapping for row in await connection.execute(_TOWNS, {"session": session.session_id})}
    called = (await connection.execute(_CALLED, {"session": session.session_id})).scalars()
    chosen = sorted(one for one in {*counted, *called} if one > after)[:limit]
    names = {row.city_id: row.name for row in await connection.execute(_NAMES.where(TOWN.c.city_id.in_(chosen)))}
    released_at = begin_of(session.terms.release_date, session.meetings)
    share = None if released_at is not None and now >= released_at else session.places_per_town
    announced_at = (await connection.execute(_ANNOUNCED, {"session": session.session_id})).scalar_one()
    free = session.free if are_given(session, announced_at, now) else 0
    return [
        TownsPlaces(
            name=names.get(one), share=share, free=_free(counted.get(one), free, share), **_counts(one, counted)
        )
        for one in chosen
    ]


def are_given(session: Session, announced_at: dt.datetime, now: dt.datetime) -> bool:
    """Whether anybody could get a free seat now."""
    until = gives_until(session.starts_at, session.ends_at, session.terms.freeze_hours, announced_at)
    return session.state.takes_place and now < until


def _counts(city_id: str, counted: dict[str, Any]) -> dict[str, Any]:
    counts = dict.fromkeys((column.name for column in COUNTS), 0)
    return {**counts, **counted.get(city_id, {}), "city_id": city_id}


def _free(row: Any, free: int, share: int | None) -> int:
    if share is None:
        return free
    taken = taken_of(row) if row else 0
    return max(0, min(free, share - taken))


async def _page(
    connection: AsyncConnection, statement: sa.Select[Any], session: str, after: str, limit: int, **more: Any
) -> list[Any]:
    found = await connection.execute(statement, {"session": session, "after": after, "most": limit, **more})
    return [row._mapping for row in found]
