"""What the API and the books read of the ledger. Changes nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.differences import DIFFERS, HAS_TOPIC, HAS_TOWN, LIVE
from services.notifications.ledger import NoticeState
from services.notifications.store import CONTACT, NOTICE, OPEN, PERSON, SESSION
from shared.contracts.notifications import NoticeKind

_open_state = sa.case((OPEN.c.lease.is_not(None), NoticeState.ATTEMPTING), else_=NoticeState.PLANNED)
_open = sa.select(
    OPEN.c.notice_id,
    OPEN.c.person_id,
    OPEN.c.session_id,
    OPEN.c.kind,
    OPEN.c.language,
    OPEN.c.sequence,
    OPEN.c.attempts,
    OPEN.c.doubts,
    _open_state.label("state"),
    OPEN.c.problem.label("code"),
    OPEN.c.planned_at.label("at"),
    OPEN.c.next_attempt_at,
    OPEN.c.content.label("said"),
).where(~sa.exists().where(NOTICE.c.notice_id == OPEN.c.notice_id))
_settled = sa.select(
    NOTICE.c.notice_id,
    NOTICE.c.person_id,
    NOTICE.c.session_id,
    NOTICE.c.kind,
    NOTICE.c.language,
    NOTICE.c.sequence,
    NOTICE.c.attempts,
    NOTICE.c.doubts,
    NOTICE.c.state,
    NOTICE.c.code,
    NOTICE.c.decided_at.label("at"),
    sa.cast(sa.null(), sa.DateTime(timezone=True)).label("next_attempt_at"),
    NOTICE.c.said,
)


async def notices(
    connection: AsyncConnection, *, state: str | None, person_id: str | None, after: str, limit: int
) -> list[dict[str, Any]]:
    """Notices by id, which grows with time; a page begins `after` the last one's."""
    pages = []
    for part, table, its_state in ((_open, OPEN, _open_state), (_settled, NOTICE, NOTICE.c.state)):
        page = part.where(table.c.notice_id > after).order_by(table.c.notice_id).limit(limit)
        if state is not None:
            page = page.where(its_state == state)
        if person_id is not None:
            page = page.where(table.c.person_id == person_id)
        pages.append(page.subquery())
    both = sa.union_all(*(sa.select(page) for page in pages)).subquery()
    statement = sa.select(both).order_by(both.c.notice_id).limit(limit)
    return [_shown(row) for row in await connection.execute(statement)]


async def notice(connection: AsyncConnection, notice_id: str) -> dict[str, Any] | None:
    both = sa.union_all(_open.where(OPEN.c.notice_id == notice_id), _settled.where(NOTICE.c.notice_id == notice_id))
    row = (await connection.execute(both)).first()
    return _shown(row) if row else None


def _shown(row: sa.Row[Any]) -> dict[str, Any]:
    shown = dict(row._mapping)
    said = shown.pop("said")
    return shown | {"said": said.model_dump(mode="json", exclude={"hash"}) if said is not None else None}


async def books(connection: AsyncConnection, *, now: dt.datetime, since: dt.datetime) -> dict[str, Any]:
    """Mails by what became of them, and what of the truth has not been told yet.

    `told_is_true`: nobody who can be told believes anything else than what is true, or is about to.
    """
    by_state = sa.select(NOTICE.c.state, NOTICE.c.kind, sa.func.count(), sa.func.sum(NOTICE.c.doubts)).group_by(
        NOTICE.c.state, NOTICE.c.kind
    )
    sent = dict.fromkeys(NoticeKind, 0)
    others = dict.fromkeys((NoticeState.FAILED, NoticeState.UNKNOWN, NoticeState.OVERTAKEN), 0)
    doubts = 0
    for state, kind, number, in_doubt in await connection.execute(by_state):
        doubts += int(in_doubt)
        if state == NoticeState.SENT:
            sent[kind] += number
        else:
            others[state] += number
    on_their_way = sa.select(
        sa.func.count(),
        sa.func.count().filter(OPEN.c.lease.is_not(None)),
        sa.func.count().filter(OPEN.c.problem.is_not(None)),
        sa.func.coalesce(sa.func.sum(OPEN.c.doubts), 0),
    )
    to_do, attempting, postponed, open_doubts = (await connection.execute(on_their_way)).one()
    unreachable = sa.or_(PERSON.c.erased.is_(True), CONTACT.c.erased.is_(True))
    counts = {
        "differences": sa.func.count(),
        "unreachable": sa.func.count().filter(unreachable),
        "contact": sa.func.count().filter(CONTACT.c.person_id.is_(None)),
        "person": sa.func.count().filter(PERSON.c.person_id.is_(None)),
        "town": sa.func.count().filter(~HAS_TOWN),
        "topic": sa.func.count().filter(~HAS_TOPIC),
        "tellable": sa.func.count().filter(
            ~PERSON.c.erased, ~CONTACT.c.erased, CONTACT.c.person_id.is_not(None), HAS_TOWN, HAS_TOPIC
        ),
    }
    live = sa.select(*(count.label(name) for name, count in counts.items())).select_from(LIVE)
    row = (await connection.execute(live.where(SESSION.c.ends_at > now, DIFFERS), {"now": now, "since": since})).one()
    return {
        "notices": {
            "sent": {str(kind): number for kind, number in sent.items()},
            **{str(state): number for state, number in others.items()},
            "ambiguous_attempts": doubts + int(open_doubts),
            "attempting": attempting,
            "postponed": postponed,
            "to_do": to_do,
            "waiting_for_contact": row.contact,
            "waiting_for_person": row.person,
            "waiting_for_town": row.town,
            "waiting_for_topic": row.topic,
            "unreachable": row.unreachable,
            "differences": row.tellable,
        },
        "told_is_true": row.tellable == 0,
    }
