"""The SQL that finds what is true and was not told, of every kind.

It touches only what is not over, and at each wake only what was heard since the last look, and only of the kinds that such news concern;
the whole is compared at the start and at intervals, and then what could not be told in time is found as well.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.kind import Kind
from services.notifications.kinds.sessions import begins_at_least
from services.notifications.ledger import NOTHING, Belief
from services.notifications.tables import (
    CONTACT,
    HEARD_IN,
    MOST,
    NOW,
    OPEN,
    OPEN_SUBJECT,
    PERSON,
    REHEARSES,
    TOLD,
    is_another,
    muted,
    withheld,
)
from services.notifications.urgency import SOON, Priority
from shared.deciding.news import Kinds
from shared.postgres.directly import rows_of

Key = tuple[str, str]
"""(recipient, what stands behind the kind's name in a subject)"""
Queue = tuple[Priority, Subject]
"""Notices that are taken together."""
Found = Counter[Queue | None]
"""How many notices of each queue are due; None: of those that settle first."""


def given_up(kind: Kind) -> sa.ColumnElement[bool]:
    """Whether the very mail that would tell it has been given up."""
    return sa.case(
        (
            TOLD.c.given_up == sa.func.coalesce(kind.content, NOTHING),
            ~is_another(TOLD.c.given_up_for, kind.made_of),
        ),
        else_=sa.false(),
    )


def is_open(kind: Kind) -> sa.ColumnElement[bool]:
    return sa.exists().where(OPEN.c.recipient == kind.scope.recipient, OPEN.c.about == kind.about)


def can_be_told(kind: Kind) -> sa.ColumnElement[bool]:
    return sa.and_(kind.differs, *(~waits for waits in kind.waits.values()), ~given_up(kind))


def live(kind: Kind) -> sa.FromClause:
    """All subjects of a kind with what is known about them; to be restricted to one of its parts."""
    return kind.around(kind.scope.keys).outerjoin(PERSON, PERSON.c.person_id == kind.scope.recipient)


_OPENED = (
    "recipient",
    "about",
    "notice_id",
    "planned_at",
    "next_attempt_at",
    "priority",
    "sequence",
    "attempts",
    "doubts",
    "rehearses",
)


def _opened(recipient: Any, about: Any, kind: Kind, is_urgent: Any, not_before: Any = None) -> tuple[Any, ...]:
    notice_id = "notice-" + sa.cast(sa.func.uuidv7(), sa.Text)
    due: sa.ColumnElement[Any] = NOW
    priority: sa.ColumnElement[int] = sa.literal(int(Priority.WHENEVER))
    if kind.settles:
        times = sa.bindparam("settling", type_=sa.Interval()).op("*", return_type=sa.Interval())
        settling = times(sa.literal(kind.settles, sa.Float))
        due = sa.case((is_urgent, NOW), else_=NOW + settling)
    if not kind.may_wait:
        priority = sa.case((is_urgent, sa.literal(int(Priority.URGENT))), else_=sa.literal(int(Priority.USUAL)))
    if not_before is not None:  # Also of what is urgent: a full mailbox takes that no sooner.
        due = sa.func.greatest(due, not_before)
    return recipient, about, notice_id, NOW, due, priority, sa.literal(0), sa.literal(0), sa.literal(0), REHEARSES


_told = sa.type_coerce(TOLD.c.said, JSONB)["says"]
_told_moment = sa.func.least(
    *(
        sa.cast(_told[name].astext, sa.DateTime(timezone=True))
        for name in ("offered_until", "nominate_until", "begins_at")
    )
)


def is_urgent(kind: Kind) -> sa.ColumnElement[bool]:
    """`urgency.is_urgent`, or more than that: what was told counts by its local time wherever that is, and a claim looks at it exactly."""
    believed = sa.func.least(begins_at_least(TOLD.c.said), _told_moment)
    return sa.or_(
        kind.content.is_(None),
        sa.func.coalesce(kind.needed_at <= NOW + SOON, sa.false()),
        sa.func.coalesce(TOLD.c.state == Belief.MAYBE, sa.false()),
        sa.and_(sa.func.coalesce(TOLD.c.until > NOW, sa.false()), sa.func.coalesce(believed <= NOW + SOON, sa.false())),
    )


def _found(kind: Kind, source: sa.FromClause, *parts: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """A notice for every difference among these about which a mail can be written.

    In two steps, of which Postgres plans each by itself: to order a join of all ten tables took it 25 ms a look.
    """
    names = [f"lacks_{name}" for name in kind.unknown]
    one = sa.select(
        kind.scope.recipient.label("recipient"),
        kind.about.label("about"),
        is_urgent(kind).label("is_urgent"),
        TOLD.c.not_before.label("not_before"),
        *(lacks.label(name) for name, lacks in zip(names, kind.unknown.values(), strict=True)),
    ).select_from(source)
    differing = (
        sa.union_all(*(one.where(part, can_be_told(kind), ~is_open(kind)) for part in parts))
        .cte(f"differing_{kind.name}")
        .prefix_with("MATERIALIZED")
    )
    known = [~differing.c[name] for name in names]
    if kind.mutes is not None:
        known.append(~muted(differing.c.recipient, kind.mutes))
    of = differing.c
    opened = _opened(of.recipient, of.about, kind, of.is_urgent, of.not_before)
    if kind.to_office:
        return sa.select(*opened).where(*known)
    return (
        sa.select(*opened)
        .join(PERSON, PERSON.c.person_id == differing.c.recipient)
        .join(CONTACT, CONTACT.c.person_id == differing.c.recipient)
        .where(
            ~PERSON.c.erased,
            PERSON.c.merged_into.is_(None),
            ~CONTACT.c.erased,
            *known,
            ~withheld(differing.c.recipient),
        )
    )


def _opening(found: Iterable[sa.Select[Any]]) -> sa.Select[Any]:
    """Opens what was found, of all kinds in one round trip. Returns how many of each kind and priority, and whether they are due."""
    opened = (
        insert(OPEN)
        .from_select(_OPENED, sa.union_all(*found).limit(MOST))
        .on_conflict_do_nothing()
        .returning(OPEN_SUBJECT.label("subject"), OPEN.c.priority, OPEN.c.next_attempt_at)
        .cte("opened")
    )
    its = (opened.c.subject, opened.c.priority, (opened.c.next_attempt_at <= NOW).label("is_due"))
    return sa.select(*its, sa.func.count()).group_by(*its)


_texts = ARRAY(sa.Text())
_named = (
    sa.func.unnest(sa.bindparam("recipients", type_=_texts), sa.bindparam("keys", type_=_texts))
    .table_valued(sa.column("recipient", sa.Text), sa.column("key", sa.Text), name="named")
    .render_derived()
)


def _of_named(kind: Kind) -> sa.Select[Any]:
    scope = kind.scope
    is_named = sa.and_(scope.recipient == _named.c.recipient, scope.key == _named.c.key)
    return _found(kind, kind.around(sa.join(scope.keys, _named, is_named)), sa.true())


_ENDED_AFTER = sa.bindparam("ended_after", type_=sa.DateTime(timezone=True))


def _of_missed(kind: Kind) -> sa.Select[Any]:
    assert kind.missed is not None
    assert kind.missed_at is not None
    return (
        sa.select(*_opened(kind.scope.recipient, kind.about, kind, sa.true()))
        .select_from(live(kind))
        .where(kind.missed, kind.missed_at > _ENDED_AFTER, ~is_open(kind))
        .where(PERSON.c.erased.is_not(True), PERSON.c.merged_into.is_(None), CONTACT.c.erased.is_not(True))
        .where(~muted(kind.scope.recipient, kind.mutes))
    )


_PLAN_ALL = _opening(_found(kind, kind.around(kind.scope.keys), *kind.parts) for kind in KINDS.values())
_PLAN_MISSED = _opening(_of_missed(kind) for kind in KINDS.values() if kind.missed is not None)


@lru_cache(maxsize=200)
def _plan_named(asked: frozenset[Subject]) -> sa.Select[Any]:
    """Apart from the news: planning one statement of both took Postgres longer than running it, and anew at each look."""
    return _opening(_of_named(KINDS[subject]) for subject in Subject if subject in asked)


_nothing = sa.cast(sa.null(), sa.Text)
_no_number = sa.cast(sa.null(), sa.BigInteger)


_raised = sa.case((OPEN.c.priority == int(Priority.USUAL), int(Priority.URGENT)), else_=OPEN.c.priority)
"""What was heard about a mail may have made it urgent: its claim tells."""


def _soon(tables: frozenset[sa.Table]) -> sa.Update | None:
    scopes = {id(kind.scope): kind.scope for kind in KINDS.values()}.values()
    heard = [about for scope in scopes for table, about in scope.soon.items() if table in tables]
    if not heard:
        return None
    return (
        sa.update(OPEN)
        .values(next_attempt_at=sa.func.least(OPEN.c.next_attempt_at, NOW), priority=_raised)
        .where(OPEN.c.lease.is_(None), sa.or_(OPEN.c.next_attempt_at > NOW, OPEN.c.priority != _raised))
        .where(sa.or_(*heard))
        .returning(OPEN_SUBJECT.label("subject"), OPEN.c.priority)
    )


@lru_cache(maxsize=200)
def _news(asked: frozenset[Subject], tables: frozenset[sa.Table]) -> sa.CompoundSelect[Any] | None:
    scopes = {id(KINDS[subject].scope): KINDS[subject].scope for subject in Subject if subject in asked}.values()
    found = [
        sa.select(*news.subquery().c, _nothing, _no_number)
        for scope in scopes
        for table, news in scope.news.items()
        if table in tables
    ]
    if (soon := _soon(tables)) is not None:
        brought = soon.cte("soon")
        found.append(sa.select(_nothing, _nothing, brought.c.subject, brought.c.priority))
    return sa.union_all(*found) if found else None


_EVERYWHERE = frozenset(HEARD_IN.values())
_ALL_SOON = _soon(_EVERYWHERE)


def concerned_by(kinds: Kinds | None) -> frozenset[Subject]:
    """The kinds of mail that such news can make something to tell; of any news: all."""
    if kinds is None:
        return frozenset(Subject)
    return frozenset(subject for subject, kind in KINDS.items() if not kind.concerned_by.isdisjoint(kinds))


def concerned_after(subject: Subject, *, has_ended: bool) -> frozenset[Subject]:
    """The kinds that may have something to tell once a notice of this kind is closed: itself, and those whose mails may have waited for it.
    `has_ended`: it told that there is nothing any more, or told nothing."""
    waiting = (
        other for other, kind in KINDS.items() if subject in kind.after or (has_ended and subject in kind.after_its_end)
    )
    return frozenset({subject, *waiting})


async def plan_all(connection: AsyncConnection, parameters: Mapping[str, Any]) -> Found:
    """Opens notices for what has to be told, compared as a whole. Returns how many of each kind."""
    return await _plan(connection, _PLAN_ALL, parameters)


async def plan_missed(connection: AsyncConnection, parameters: Mapping[str, Any], *, ended_after: dt.datetime) -> Found:
    """Opens notices for what was not told in time, so that it ends as a fact and not in silence: of what ended after a moment."""
    return await _plan(connection, _PLAN_MISSED, {**parameters, "ended_after": ended_after})


async def plan_named(
    connection: AsyncConnection, keys: Iterable[Key], parameters: Mapping[str, Any], *, asked: frozenset[Subject]
) -> Found:
    """The same for some keys, of the kinds that are asked."""
    keys = sorted(keys)
    named = {"recipients": [recipient for recipient, _ in keys], "keys": [key for _, key in keys]}
    return await _plan(connection, _plan_named(asked), {**parameters, **named})


async def _plan(connection: AsyncConnection, statement: sa.Select[Any], parameters: Mapping[str, Any]) -> Found:
    rows = await rows_of(connection, statement, parameters)
    found = Found()
    for subject, priority, is_due, number in rows:
        found[(Priority(priority), Subject(subject)) if is_due else None] += number
    return found


async def news(
    connection: AsyncConnection, kinds: Kinds | None, *, mark: dt.datetime, now: dt.datetime
) -> tuple[set[Key], Found]:
    """What something of these kinds was heard about that was appended at `mark` or after it, and what `bring_forward` returns, in one round
    trip."""
    tables = _EVERYWHERE if kinds is None else frozenset(HEARD_IN[kind] for kind in kinds if kind in HEARD_IN)
    statement = _news(concerned_by(kinds), tables)
    if statement is None:
        return set(), Found()
    rows = await rows_of(connection, statement, {"mark": mark, "now": now})
    soon = Found((Priority(priority), Subject(subject)) for *_, subject, priority in rows if subject is not None)
    return {(recipient, key) for recipient, key, subject, _ in rows if subject is None}, soon


async def bring_forward(connection: AsyncConnection, *, mark: dt.datetime, now: dt.datetime) -> Found:
    """Makes due at once what was put off before something was heard about it: the pause was another address's, perhaps.
    Returns how many notices of each kind."""
    assert _ALL_SOON is not None
    rows = await connection.execute(_ALL_SOON, {"mark": mark, "now": now})
    return Found((Priority(priority), Subject(subject)) for subject, priority in rows)
