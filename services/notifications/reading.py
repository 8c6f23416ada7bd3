"""What the API and the books read of the ledger. Changes nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.decisions import POSTPONED
from services.notifications.differences import (
    BEFORE_GO_LIVE,
    DIFFERS,
    GIVEN_UP,
    HAS_TOPIC,
    HAS_TOWN,
    IS_OPEN,
    LIVE,
    PARTS,
    WAITS_FOR_ENROLMENT,
)
from services.notifications.ledger import Belief, NoticeState
from services.notifications.store import CONTACT, NOTICE, OPEN, PERSON, TOLD
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


UNTOLD = {
    "unreachable": sa.or_(PERSON.c.erased.is_(True), CONTACT.c.erased.is_(True)),
    "on_their_way": IS_OPEN,
    "given_up": GIVEN_UP,
    "waiting_for_person": PERSON.c.person_id.is_(None),
    "waiting_for_contact": CONTACT.c.person_id.is_(None),
    "waiting_for_town": ~HAS_TOWN,
    "waiting_for_topic": ~HAS_TOPIC,
    "waiting_for_enrolment": WAITS_FOR_ENROLMENT,
    "differences": sa.true(),
}
"""What stands between people and what they do not know: the first of these that is so. `differences`: nothing but the next look."""
_why = sa.case(
    (DIFFERS, sa.case(*((condition, name) for name, condition in UNTOLD.items()))),
    (TOLD.c.state == Belief.MAYBE, "outcome_unknown"),
    (BEFORE_GO_LIVE, "told_by_others"),
)
_place = sa.select(_why.label("why"), DIFFERS.label("differs")).select_from(LIVE)
_PLACES = sa.union_all(*(_place.where(part) for part in PARTS)).subquery()
_PEOPLE = sa.select(_PLACES.c.why, sa.func.count(), sa.func.count().filter(_PLACES.c.differs)).group_by(_PLACES.c.why)
_NOTICES = sa.select(NOTICE.c.state, NOTICE.c.kind, sa.func.count(), sa.func.sum(NOTICE.c.doubts)).group_by(
    NOTICE.c.state, NOTICE.c.kind
)
_NOT_SENT = (NoticeState.FAILED, NoticeState.UNKNOWN, NoticeState.OVERTAKEN, NoticeState.TOO_LATE)
_is_postponed = OPEN.c.problem.in_(POSTPONED)
_OPEN = sa.select(
    sa.func.count(),
    sa.func.count().filter(OPEN.c.lease.is_not(None)),
    sa.func.count().filter(_is_postponed),
    sa.func.count().filter(OPEN.c.problem.is_not(None), ~_is_postponed),
    sa.func.coalesce(sa.func.sum(OPEN.c.doubts), 0),
)


async def books(connection: AsyncConnection, *, now: dt.datetime, since: dt.datetime) -> dict[str, Any]:
    """Mails by what became of them, and what people do not know of their places in sessions that are not over: `untold` is the
    sum of the terms of `UNTOLD`.

    `told_is_true`: nobody who could be told believes anything else than what is true, or is about to. What was given up is
    not told, and what waits for enrolment could not be told yet.
    """
    sent = dict.fromkeys(NoticeKind, 0)
    others = dict.fromkeys(_NOT_SENT, 0)
    doubts = 0
    for state, kind, number, in_doubt in await connection.execute(_NOTICES):
        doubts += int(in_doubt)
        if state == NoticeState.SENT:
            sent[kind] += number
        else:
            others[state] += number
    to_do, attempting, postponed, refused, open_doubts = (await connection.execute(_OPEN)).one()
    by_why = (await connection.execute(_PEOPLE, {"now": now, "since": since})).all()
    found, untold = {row[0]: int(row[1]) for row in by_why}, sum(int(row[2]) for row in by_why)
    people = {name: found.get(name, 0) for name in UNTOLD}
    return {
        "notices": {
            "sent": {str(kind): number for kind, number in sent.items()},
            **{str(state): number for state, number in others.items()},
            "ambiguous_attempts": doubts + int(open_doubts),
            "attempting": attempting,
            "postponed": postponed,
            "refused_for_now": refused,
            "to_do": to_do,
            **people,
            "untold": untold,
            "outcome_unknown": found.get("outcome_unknown", 0),
            "told_by_others": found.get("told_by_others", 0),
        },
        "told_is_true": not any(
            people[name] for name in ("differences", "on_their_way", "given_up", "waiting_for_enrolment")
        ),
    }
