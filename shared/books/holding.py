"""Held requests, answers, due moments and takeovers: the rows every deciding service has, and how they are loaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import EVENTS
from shared.contracts.model import Event
from shared.events.envelope import Heard, microseconds, subject_of
from shared.postgres.database import any_of
from shared.postgres.roundtrips import Reads
from shared.postgres.tables import ANSWER, DUE, HELD, HELD_SUBJECT, OTHER_WRITER, TAKEOVER, UNCHANGED
from shared.state.ownership import OtherWriter, Takeover
from shared.state.working import Answer, Held, Unchanged, Working

HELD_TOO_LONG = "held"
"""The kind of due moment at which requests about its subject have been held for long enough."""

_TAKEOVERS = sa.select(TAKEOVER)


_HELD_ABOUT = (
    sa.select(HELD)
    .where(HELD.c.about.has_any(sa.bindparam("held_about", type_=ARRAY(sa.Text()))))
    .order_by(HELD.c.appended_at)
    .limit(sa.bindparam("held_most"))
)


def load_takeovers(reads: Reads, working: Working) -> None:
    reads.rows(working[Takeover], _TAKEOVERS)


_OTHER_WRITERS = sa.select(OTHER_WRITER).where(any_of(OTHER_WRITER.c.subject, "other_subjects"))


def load_other_writers(reads: Reads, working: Working, events: Iterable[Heard[Event]]) -> None:
    """What others said about the aggregates that these events contend for; asked once their rows are loaded, and seldom anything."""
    subjects = set()
    for one in events:
        make = working.make.get(type(one.body))
        row = make(one) if make else None
        if row is not None:
            rows = working[type(row)]
            old = rows.get(*rows.key(row))
            if old is not None and (old.source != row.source or getattr(row, "erased", False)):
                subjects.add(one.subject)
    if subjects:
        reads.rows(working[OtherWriter], _OTHER_WRITERS, {"other_subjects": sorted(subjects)})


def load_known_requests(reads: Reads, working: Working, requests: Sequence[Heard[Event]]) -> None:
    """What has become of these very requests, as far as they were heard before."""
    wanted = {(one.source, one.event_id) for one in requests}
    reads.by_key(working[Answer], ANSWER, wanted)
    reads.by_key(working[Unchanged], UNCHANGED, wanted)
    reads.by_key(working[Held], HELD, wanted)


async def outcome(connection: AsyncConnection, source: str, request_id: str) -> dict[str, Any] | None:
    """What became of a request: its answer, or that it is held and what it waits for. None: nobody has heard of it."""
    for table in (ANSWER, UNCHANGED):
        answer = sa.select(table.c.outcome, table.c.event_id, table.c.subject).where(
            table.c.request_source == source, table.c.request_id == request_id
        )
        if row := (await connection.execute(answer)).one_or_none():
            return dict(row._mapping)
    held = sa.select(HELD.c.waits_for, HELD.c.expires_at, HELD.c.subject).where(
        HELD.c.request_source == source, HELD.c.request_id == request_id
    )
    row = (await connection.execute(held)).one_or_none()
    return {"outcome": "Held", **row._mapping} if row else None


def load_held_about(
    reads: Reads,
    working: Working,
    subjects: Iterable[str],
    *,
    most: int = 20_000,
) -> None:
    """The held requests about these: what arrived about them may let them be decided."""
    reads.rows(working[Held], _HELD_ABOUT, {"held_about": sorted(set(subjects)), "held_most": most})


def heard_again(held: Held) -> Heard[Event]:
    """A held request in the shape in which it was heard."""
    body = EVENTS[held.type].model_validate_json(held.body)
    return Heard(
        stream=held.stream,
        partition=held.partition,
        offset=held.offset,
        appended_at=held.appended_at,
        event_id=held.request_id,
        source=held.request_source,
        subject=subject_of(body),
        stated_at=held.stated_at,
        version=microseconds(held.stated_at),
        numbered=False,
        correlation_id=None,
        causation_id=None,
        traceparent=None,
        body=body,
    )


def in_order_of_arrival(held: Iterable[Held]) -> list[Held]:
    return sorted(held, key=lambda one: (one.appended_at, one.stream, one.partition, one.offset, one.request_id))


OVERDUE_AFTER = dt.timedelta(minutes=5)
_long_ago = sa.bindparam("long_ago", type_=sa.DateTime(timezone=True))
_OVERDUE = sa.select(
    sa.select(sa.func.count()).where(DUE.c.at <= _long_ago).scalar_subquery()
    + sa.select(sa.func.count(sa.distinct(HELD_SUBJECT))).where(HELD.c.expires_at <= _long_ago).scalar_subquery()
)


async def count_overdue(connection: AsyncConnection, now: dt.datetime) -> int:
    """Moments that have passed for so long that something keeps them from being decided: a stream that is not heard, or our own fault."""
    return int((await connection.execute(_OVERDUE, {"long_ago": now - OVERDUE_AFTER})).scalar_one())
