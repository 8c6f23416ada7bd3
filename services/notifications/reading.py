"""What the API and the books read of the ledger. Changes nothing."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.asked import Asked
from services.notifications.decisions import POSTPONED
from services.notifications.differences import given_up, is_open, live
from services.notifications.kinds import KINDS
from services.notifications.kinds.clash import NAME as CLASH_NAME
from services.notifications.kinds.clashes import NAME as CLASHES_NAME
from services.notifications.kinds.coordinators import CALLS_FOR_NOBODY
from services.notifications.kinds.kind import Kind, Rules
from services.notifications.kinds.message import CIRCULAR
from services.notifications.kinds.message import NAME as MESSAGE_NAME
from services.notifications.kinds.whoever import ids_of
from services.notifications.ledger import SHOWN, WAS_REHEARSED, Belief, NoticeState
from services.notifications.muting import Mute, as_one
from services.notifications.pacing import PACED
from services.notifications.store import ids_of_one
from services.notifications.tables import (
    ASKED,
    CONTACT,
    GO_LIVE,
    MESSAGE,
    MESSAGE_TEXT,
    MUTE,
    MUTES,
    NOTICE,
    NOW,
    OPEN,
    PERSON,
    PLACE_SAID,
    SESSION_SAID,
    SUPPRESSION,
    TOLD,
    muted,
    withheld,
)
from shared.postgres.database import any_of, rows_as


def _forgotten_at(about: sa.ColumnElement[str]) -> sa.ColumnElement[dt.datetime | None]:
    """Of what the office wrote: when its text was forgotten."""
    its = sa.and_(
        sa.func.split_part(about, "/", 1).in_((MESSAGE_NAME, CIRCULAR)),
        MESSAGE_TEXT.c.message_id == sa.func.split_part(about, "/", 2),
    )
    return sa.select(MESSAGE_TEXT.c.forgotten_at).where(its).scalar_subquery().label("text_forgotten_at")


_open_state = sa.case((OPEN.c.lease.is_not(None), NoticeState.ATTEMPTING), else_=NoticeState.PLANNED)
_open = sa.select(
    OPEN.c.notice_id,
    OPEN.c.recipient,
    OPEN.c.about,
    OPEN.c.kind,
    OPEN.c.language,
    OPEN.c.sequence,
    OPEN.c.attempts,
    OPEN.c.doubts,
    _open_state.label("state"),
    OPEN.c.problem.label("code"),
    sa.cast(sa.null(), sa.Text).label("problem"),
    OPEN.c.planned_at.label("at"),
    OPEN.c.next_attempt_at,
    OPEN.c.content.label("said"),
    _forgotten_at(OPEN.c.about),
).where(~sa.exists().where(NOTICE.c.notice_id == OPEN.c.notice_id))
_settled = sa.select(
    NOTICE.c.notice_id,
    NOTICE.c.recipient,
    NOTICE.c.about,
    NOTICE.c.kind,
    NOTICE.c.language,
    NOTICE.c.sequence,
    NOTICE.c.attempts,
    NOTICE.c.doubts,
    NOTICE.c.state,
    NOTICE.c.code,
    NOTICE.c.problem,
    NOTICE.c.decided_at.label("at"),
    sa.cast(sa.null(), sa.DateTime(timezone=True)).label("next_attempt_at"),
    NOTICE.c.said,
    _forgotten_at(NOTICE.c.about),
)


async def notices(
    connection: AsyncConnection,
    *,
    state: str | None = None,
    recipient: str | Sequence[str] | None = None,
    session: str | None = None,
    after: str,
    limit: int,
) -> list[dict[str, Any]]:
    """Notices by id, which grows with time; a page begins `after` the last one's."""
    pages = []
    for part, table, its_state in ((_open, OPEN, _open_state), (_settled, NOTICE, NOTICE.c.state)):
        page = part.where(table.c.notice_id > after).order_by(table.c.notice_id).limit(limit)
        if state is not None:
            page = page.where(its_state == state)
        if recipient is not None:
            page = page.where(table.c.recipient.in_([recipient] if isinstance(recipient, str) else recipient))
        if session is not None:
            page = page.where(_is_about(table.c.about, session))
        pages.append(page.subquery())
    both = sa.union_all(*(sa.select(page) for page in pages)).subquery()
    statement = sa.select(both).order_by(both.c.notice_id).limit(limit)
    return [_shown(row) for row in await connection.execute(statement)]


def _is_about(about: sa.ColumnElement[str], session: str) -> sa.ColumnElement[bool]:
    """A clash is about two."""
    kind, first, second = (sa.func.split_part(about, "/", number) for number in (1, 2, 3))
    return sa.or_(first == session, sa.and_(kind.in_((CLASH_NAME, CLASHES_NAME)), second == session))


async def notice(connection: AsyncConnection, notice_id: str) -> dict[str, Any] | None:
    both = sa.union_all(_open.where(OPEN.c.notice_id == notice_id), _settled.where(NOTICE.c.notice_id == notice_id))
    row = (await connection.execute(both)).first()
    return _shown(row) if row else None


def _shown(row: sa.Row[Any]) -> dict[str, Any]:
    shown = dict(row._mapping)
    said = shown.pop("said")
    return shown | {"said": said.model_dump(mode="json", exclude={"hash"}) if said is not None else None}


MOST_TOLD = 5_000


async def history(connection: AsyncConnection, recipient: str) -> dict[str, Any]:
    """All mails to one human, under whichever of their ids, each with the statements that stood when it was settled; and whether their address
    is held back."""
    ids = await ids_of_one(connection, recipient)
    told = await notices(connection, recipient=ids, after="", limit=MOST_TOLD)
    sessions = sorted({one["about"].split("/")[1] for one in told})
    places = sa.select(
        PLACE_SAID.c.session_id,
        PLACE_SAID.c.person_id,
        PLACE_SAID.c.state,
        PLACE_SAID.c.event_id,
        PLACE_SAID.c.source,
        PLACE_SAID.c.heard_at,
    ).where(PLACE_SAID.c.person_id.in_(ids), any_of(PLACE_SAID.c.session_id, "sessions"))
    stated = sa.select(
        SESSION_SAID.c.session_id,
        sa.cast(sa.null(), sa.Text).label("person_id"),
        SESSION_SAID.c.state,
        SESSION_SAID.c.event_id,
        SESSION_SAID.c.source,
        SESSION_SAID.c.heard_at,
    ).where(any_of(SESSION_SAID.c.session_id, "sessions"))
    said = {}
    for of, statement in (("session", stated), ("place", places)):
        said[of] = sorted(await connection.execute(statement, {"sessions": sessions}), key=lambda row: row.heard_at)
    held = sa.select(sa.exists().where(SUPPRESSION.c.recipient == ids[0], SUPPRESSION.c.holds))
    return {
        "is_held_back": (await connection.execute(held)).scalar_one(),
        "notices": [one | {"because": list(_because(said, one))} for one in told],
    }


def _because(said: Mapping[str, Sequence[Any]], notice: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The newest statement of each sort among those that were heard by then: known then, not now."""
    session_id = notice["about"].split("/")[1]
    for of, rows in said.items():
        its = [row for row in rows if row.person_id in (None, notice["recipient"])]
        known = [row for row in its if row.session_id == session_id and row.heard_at <= notice["at"]]
        if known:
            row = known[-1]
            yield {
                "of": of,
                "says": row.state,
                "event_id": row.event_id,
                "source": row.source,
                "heard_at": row.heard_at,
            }


_SUPPRESSED = sa.select(
    SUPPRESSION.c.recipient,
    SUPPRESSION.c.holds.label("is_held_back"),
    SUPPRESSION.c.status,
    SUPPRESSION.c.notice_id,
    SUPPRESSION.c.decided_at.label("since"),
).where(SUPPRESSION.c.holds)


async def suppressed(connection: AsyncConnection, *, after: str, limit: int) -> list[dict[str, Any]]:
    """Whose mail is held back, by recipient; a page begins `after` the last one."""
    page = _SUPPRESSED.where(SUPPRESSION.c.recipient > after).order_by(SUPPRESSION.c.recipient).limit(limit)
    return [dict(row._mapping) for row in await connection.execute(page)]


_TO = ids_of(MESSAGE, "message_id")


async def messages(
    connection: AsyncConnection, *, message_id: str | None = None, after: str, limit: int
) -> list[dict[str, Any]]:
    """What the office wrote, by id; a page begins `after` the last one's."""
    its = MESSAGE.c.message_id
    about = [sa.literal(f"{name}/", sa.Text) + its for name in (MESSAGE_NAME, CIRCULAR)]
    theirs = sa.select(_TO.c.person_id).where(_TO.c.message_id == its, _TO.c.recipient == MESSAGE.c.recipient)
    left = sa.exists().where(
        NOTICE.c.recipient.in_(theirs), NOTICE.c.about.in_(about), NOTICE.c.state == NoticeState.SENT
    )
    same = (its, MESSAGE.c.audience, MESSAGE.c.audience_id, MESSAGE.c.by, MESSAGE.c.reason)
    statement = (
        sa.select(
            *same,
            MESSAGE.c.decided_at.label("written_at"),
            MESSAGE.c.until.label("useful_until"),
            MESSAGE_TEXT.c.subject,
            MESSAGE_TEXT.c.forgotten_at,
            sa.func.count().label("recipients"),
            sa.func.count().filter(left).label("sent"),
        )
        .select_from(MESSAGE)
        .outerjoin(MESSAGE_TEXT, MESSAGE_TEXT.c.message_id == its)
        .where(its > after if message_id is None else its == message_id)
        .group_by(*same, MESSAGE.c.decided_at, MESSAGE.c.until, MESSAGE_TEXT.c.subject, MESSAGE_TEXT.c.forgotten_at)
        .order_by(its)
        .limit(limit)
    )
    return [dict(row._mapping) for row in await connection.execute(statement)]


_REHEARSED = sa.select(sa.func.count()).select_from(NOTICE).where(NOTICE.c.state == NoticeState.REHEARSED)
_GO_LIVE = sa.select(GO_LIVE.c.decided_at.label("live_at"), GO_LIVE.c.by, GO_LIVE.c.reason)


async def go_live(connection: AsyncConnection) -> dict[str, Any]:
    """Who stated when that mail is live, and how many notices were rehearsed."""
    row = (await connection.execute(_GO_LIVE)).first()
    stated = dict(row._mapping) if row is not None else {}
    return stated | {"rehearsed": await connection.scalar(_REHEARSED)}


async def asked(connection: AsyncConnection, *, recipient: str | None = None, after: str, limit: int) -> list[Asked]:
    """What other systems asked for, by id; a page begins `after` the last one's."""
    page = sa.select(ASKED).where(ASKED.c.asked_id > after).order_by(ASKED.c.asked_id).limit(limit)
    if recipient is not None:
        page = page.where(ASKED.c.recipient == recipient)
    return list(rows_as(Asked, await connection.execute(page)))


async def asked_by_id(connection: AsyncConnection, asked_id: str) -> Asked | None:
    found = await connection.execute(sa.select(ASKED).where(ASKED.c.asked_id == asked_id))
    return next(iter(rows_as(Asked, found)), None)


async def notices_about(connection: AsyncConnection, ids: Sequence[str], about: str) -> list[dict[str, Any]]:
    """The mails to one human about one subject, under all of their ids; the oldest first."""
    its = [
        part.where(table.c.recipient.in_(ids), table.c.about == about)
        for part, table in ((_open, OPEN), (_settled, NOTICE))
    ]
    both = sa.union_all(*its).subquery()
    return [_shown(row) for row in await connection.execute(sa.select(both).order_by(both.c.notice_id))]


_who = MUTES.alias("who_mutes")
_something = sa.func.jsonb_array_length(sa.type_coerce(_who.c.muted, JSONB)) > 0


async def mutes(connection: AsyncConnection, *, after: str, limit: int) -> list[Mute]:
    """Who does without some mails, by who they turned out to be; a page begins `after` the last one."""
    page = sa.select(_who.c.whose).where(_who.c.whose > after, _something).distinct().order_by(_who.c.whose)
    theirs = sa.select(MUTES).where(MUTES.c.whose.in_(page.limit(limit))).order_by(MUTES.c.whose)
    found = (await connection.execute(theirs)).all()
    said: dict[str, list[Mute]] = {}
    for (whose, *_), row in zip(found, rows_as(Mute, [values[1:] for values in found]), strict=True):
        said.setdefault(whose, []).append(row)
    of_each = (as_one(rows, whose) for whose, rows in said.items())
    return [one for one in of_each if one is not None]


async def mute(connection: AsyncConnection, recipient: str) -> Mute | None:
    """What one recipient, or whoever they turned out to be, does without, as far as anything was said of it."""
    ids = await ids_of_one(connection, recipient)
    found = await connection.execute(sa.select(MUTE).where(any_of(MUTE.c.recipient, "recipients")), {"recipients": ids})
    return as_one(rows_as(Mute, found), ids[0])


UNTOLD = (
    "unreachable",
    "muted",
    "on_their_way",
    "given_up",
    "withheld",
    "waiting_for_person",
    "waiting_for_contact",
    *dict.fromkeys(f"waiting_for_{name}" for kind in KINDS.values() for name in (*kind.unknown, *kind.waits)),
    "differences",
)
"""What stands between people and what they do not know: the first of these that is so. `differences`: nothing but the next look."""


def people_of(kind: Kind) -> sa.Select[Any]:
    """Recipients by what stands between them and what they do not know, and how many of them do not know something."""
    of_people = {
        "waiting_for_person": PERSON.c.person_id.is_(None),
        "waiting_for_contact": CONTACT.c.person_id.is_(None),
    }
    conditions = {
        "unreachable": sa.or_(PERSON.c.erased.is_(True), PERSON.c.merged_into.is_not(None), CONTACT.c.erased.is_(True)),
        **({"muted": muted(kind.scope.recipient, kind.mutes)} if kind.mutes is not None else {}),
        "on_their_way": is_open(kind),
        "given_up": given_up(kind),
        **({} if kind.to_office else {"withheld": withheld(kind.scope.recipient)}),
        **({} if kind.to_office else of_people),
        **{f"waiting_for_{name}": lacks for name, lacks in {**kind.unknown, **kind.waits}.items()},
        "differences": sa.true(),
    }
    why = sa.case(
        (kind.differs, sa.case(*((condition, name) for name, condition in conditions.items()))),
        (TOLD.c.state == Belief.MAYBE, "outcome_unknown"),
        (kind.told_by_others, "told_by_others"),
    )
    one = sa.select(why.label("why"), kind.differs.label("differs")).select_from(live(kind))
    found = sa.union_all(*(one.where(part) for part in kind.parts)).subquery()
    return sa.select(found.c.why, sa.func.count(), sa.func.count().filter(found.c.differs)).group_by(found.c.why)


_PEOPLE = [people_of(kind) for kind in KINDS.values()]
_never_left = sa.and_(NOTICE.c.state == NoticeState.REPEATED, NOTICE.c.problem == WAS_REHEARSED)
_state = sa.case((_never_left, sa.literal(NoticeState.REHEARSED.value)), else_=NOTICE.c.state)
_NOTICES = sa.select(
    _state,
    NOTICE.c.kind,
    sa.func.count(),
    sa.func.sum(NOTICE.c.doubts),
    sa.func.count().filter(NOTICE.c.code == SHOWN),
).group_by(_state, NOTICE.c.kind)
_LEFT = (NoticeState.SENT, NoticeState.REPEATED)
_NOT_SENT = (
    NoticeState.FAILED,
    NoticeState.UNKNOWN,
    NoticeState.OVERTAKEN,
    NoticeState.TOO_LATE,
    NoticeState.BOUNCED,
    NoticeState.REHEARSED,
)
_is_postponed = OPEN.c.problem.in_(POSTPONED)
_OPEN = sa.select(
    sa.func.count(),
    sa.func.count().filter(OPEN.c.lease.is_not(None)),
    sa.func.count().filter(_is_postponed),
    sa.func.count().filter(OPEN.c.problem == PACED),
    sa.func.count().filter(OPEN.c.problem.is_not(None), ~_is_postponed, OPEN.c.problem != PACED),
    sa.func.coalesce(sa.func.sum(OPEN.c.doubts), 0),
)


async def books(connection: AsyncConnection, *, now: dt.datetime, rules: Rules) -> dict[str, Any]:
    """Mails by what became of them, and what people do not know of what is not over, of every kind: `untold` is the sum of the
    terms of `UNTOLD`.

    `told_is_true`: nobody who could be told believes anything else than what is true, or is about to. What was given up is
    not told, and what waits for enrolment could not be told yet.
    """
    sent = dict.fromkeys((letter for kind in KINDS.values() for letter in kind.letters), 0)
    others = dict.fromkeys(_NOT_SENT, 0)
    doubts, shown = 0, 0
    for state, letter, number, in_doubt, to_one_address in await connection.execute(_NOTICES):
        doubts, shown = doubts + int(in_doubt), shown + to_one_address
        if state in _LEFT:
            sent[letter] = sent.get(letter, 0) + number
        else:
            others[state] += number
    to_do, attempting, postponed, paced, refused, open_doubts = (await connection.execute(_OPEN)).one()
    found: Counter[str] = Counter()
    untold = 0
    for statement in _PEOPLE:
        for why, number, differing in await connection.execute(statement, {"now": now} | rules.parameters()):
            found[why] += number
            untold += differing
    people = {name: found[name] for name in UNTOLD}
    return {
        "notices": {
            "sent": sent,
            **{str(state): number for state, number in others.items()},
            "ambiguous_attempts": doubts + int(open_doubts),
            "attempting": attempting,
            "postponed": postponed,
            "paced": paced,
            "refused_for_now": refused,
            "to_do": to_do,
            **people,
            "untold": untold,
            "calls_for_nobody": await connection.scalar(CALLS_FOR_NOBODY, {"now": now}),
            "outcome_unknown": found["outcome_unknown"],
            "told_by_others": found["told_by_others"],
            "rehearsing": int(rules.rehearses),
            "rehearsed_to_one_address": shown,
            "asked_in_vain": await connection.scalar(_IN_VAIN, {"now": now}),
        },
        "told_is_true": not any(people[name] for name in _UNTRUE),
    }


_LATELY = dt.timedelta(days=7)
_IN_VAIN = sa.select(sa.func.count()).where(ASKED.c.declined.is_not(None), ASKED.c.decided_at > NOW - _LATELY)
_UNTRUE = ("differences", "on_their_way", "given_up", "withheld", "waiting_for_enrolment", "waiting_for_another_mail")
