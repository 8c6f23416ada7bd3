"""Attendance's own books: its closed lists, counted three ways. SQL that changes nothing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance.lists import ListRules
from services.attendance.open_matters import open_matters
from services.attendance.state import NUMBERS
from services.attendance.store import (
    CAME,
    HELD_THEN,
    IS_CLOSED,
    LIST_TABLE,
    PLACE,
    PLACE_SAID,
    RECORD,
    SESSION,
    counted_as,
    is_so,
)
from services.attendance.views import SURVIVOR
from shared.contracts.attendance import Presence
from shared.contracts.enrolment import SEATED

_count = sa.func.count
COUNTED = ("present", "absent", "without_place", "guests")
OF_THESE = (Presence.LATE, Presence.LEFT_EARLY, Presence.EXCUSED)


async def books(connection: AsyncConnection, rules: ListRules) -> dict[str, Any]:
    """The closed lists three ways: in their own numbers, as the records say, and by who had a place.

    They must agree: present + absent + not_recorded = enrolled_on_closed_lists, and the records' numbers are the lists'. `late` and
    `left_early` are among the present, `excused` among the absent.
    `enrolled` counts persons on closed lists: who had a place when the list closed, as the places' history says, and who has a
    record with a place there.
    """
    whole = sa.func.coalesce
    sums = [whole(sa.func.sum(LIST_TABLE.c[name]), 0) for name in NUMBERS]
    unrecorded = _count().filter(~LIST_TABLE.c.recorded)
    closed = sa.select(_count(), unrecorded, *sums).where(IS_CLOSED)
    lists, not_recorded_lists, *numbers = (await connection.execute(closed)).one()
    same_list = sa.and_(
        LIST_TABLE.c.session_id == RECORD.c.session_id, LIST_TABLE.c.meeting_id == RECORD.c.meeting_id, IS_CLOSED
    )
    on_list = (LIST_TABLE.c.session_id, LIST_TABLE.c.meeting_id, PLACE_SAID.c.person_id)
    owner = PLACE_SAID.c.source == PLACE.c.source
    stood = (
        sa.select(*on_list, PLACE_SAID.c.state)
        .join(PLACE_SAID, PLACE_SAID.c.session_id == LIST_TABLE.c.session_id)
        .join(PLACE, sa.and_(*(PLACE.c[name] == PLACE_SAID.c[name] for name in ("session_id", "person_id"))))
        .where(IS_CLOSED, HELD_THEN)
        .order_by(
            *on_list,
            owner.desc(),  # The owner's newest word by then; if there is none, the last of whoever had it before.
            sa.case((owner, PLACE_SAID.c.version), else_=0).desc(),
            *(PLACE_SAID.c[name].desc() for name in ("decided_at", "version")),
            PLACE_SAID.c.source.collate("C").desc(),
        )
        .ext(distinct_on(*on_list))
        .subquery()
    )
    awaited = sa.select(stood.c.session_id, stood.c.meeting_id, stood.c.person_id).where(stood.c.state.in_(SEATED))
    counted = (
        sa.select(RECORD.c.session_id, RECORD.c.meeting_id, RECORD.c.person_id)
        .join(LIST_TABLE, same_list)
        .where(sa.or_(counted_as("absent"), counted_as("present")))
    )
    each = sa.union(awaited, counted).subquery()
    human = sa.func.coalesce(
        SURVIVOR.c.into_id, each.c.person_id
    )  # Who had a place under an id that has gone into another.
    humans = (
        sa.select(each.c.session_id, each.c.meeting_id, human)
        .select_from(each.outerjoin(SURVIVOR, SURVIVOR.c.person_id == each.c.person_id))
        .distinct()
    )
    enrolled = (
        await connection.execute(sa.select(_count()).select_from(humans.subquery()), {"live_since": rules.live_since})
    ).scalar_one()
    on_a_list = LIST_TABLE.c.session_id.is_not(None)
    by_record = sa.select(
        *(_count().filter(on_a_list, counted_as(name)).label(name) for name in COUNTED),
        *(_count().filter(on_a_list, is_so(presence)).label(presence) for presence in OF_THESE),
        _count().filter(~on_a_list).label("on_open_lists"),
        _count().filter(~on_a_list, CAME).label("came_so_far"),
    ).select_from(sa.outerjoin(RECORD, LIST_TABLE, same_list))
    return {
        "attendance": {
            "lists_closed": lists,
            "lists_not_recorded": not_recorded_lists,
            **dict(zip(NUMBERS, map(int, numbers), strict=True)),
            "enrolled_on_closed_lists": enrolled,
            "records": dict((await connection.execute(by_record)).one()._mapping),
        },
        "sessions": (await connection.execute(sa.select(_count()).select_from(SESSION))).scalar_one(),
        "open": await open_matters(connection, rules),
        "places_enrolled": (
            await connection.execute(sa.select(_count()).select_from(PLACE).where(PLACE.c.state.in_(SEATED)))
        ).scalar_one(),
    }
