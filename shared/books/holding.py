"""Held requests, answers, due moments and takeovers: the rows every deciding service has, and how they are loaded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts import EVENTS
from shared.contracts.model import Event
from shared.events.envelope import Heard
from shared.postgres.database import any_of
from shared.postgres.directly import NONE
from shared.postgres.roundtrips import Reads
from shared.postgres.tables import ANSWER, DUE, HELD, HELD_SUBJECT, OTHER_WRITER, TAKEOVER, UNCHANGED
from shared.state.ownership import OtherWriter, Takeover
from shared.state.rows import EVERY_ROW, loaded_by
from shared.state.working import Answer, Due, Held, Unchanged, Working
from shared.values import immutable

HELD_OUTCOME = "Held"
"""What a request is told that waits: no fact says so."""
MOST_WOKEN = 20_000
"""How many held requests are looked at in one transaction; the others in the next ones."""
WAKE = "wake"
"""The kind of due moment at which the held requests about a subject are looked at that arrived after it."""
HELD_TOO_LONG = "held"
"""The kind of due moment at which requests about its subject have been held for long enough."""

_EVER = dt.datetime.min.replace(tzinfo=dt.UTC)
_TAKEOVERS = sa.select(TAKEOVER)
_KNOWN = tuple(
    sa.select(table).where(table.c.request_source == sa.bindparam("source"), table.c.request_id == sa.bindparam("id"))
    for table in (ANSWER, UNCHANGED, HELD)
)

_HELD_ABOUT = (
    sa.select(HELD)
    .where(
        HELD.c.about.has_any(sa.bindparam("held_about", type_=ARRAY(sa.Text()))),
        HELD.c.appended_at > sa.bindparam("held_after", type_=sa.DateTime(timezone=True)),
    )
    .order_by(HELD.c.appended_at)
    .fetch(sa.bindparam("held_most"), with_ties=True)  # Those that arrived together are in one part.
)


def load_takeovers(reads: Reads, working: Working) -> None:
    reads.rows(working[Takeover], _TAKEOVERS, NONE, EVERY_ROW)


_OTHER_WRITERS = sa.select(OTHER_WRITER).where(any_of(OTHER_WRITER.c.subject, "other_subjects"))


def load_other_writers(reads: Reads, working: Working, events: Iterable[Heard[Event]]) -> None:
    """What others said about the aggregates that these events contend for; asked once their rows are loaded, and seldom anything."""
    contended, undisputed = set[str](), set[str]()
    for one in events:
        make = working.make.get(type(one.body))
        row = make(one) if make else None
        if row is not None:
            rows = working[type(row)]
            old = rows.get(*rows.key(row))
            disputed = old is not None and (old.source != row.source or getattr(row, "erased", False))
            (contended if disputed else undisputed).add(one.subject)
    others = working[OtherWriter]
    # Of what nobody has stated nobody said anything beside its owner; and who goes on stating what is theirs asks for no rival.
    others.loaded((), loaded_by("subject", undisputed - contended))
    if contended:
        reads.rows(others, _OTHER_WRITERS, {"other_subjects": sorted(contended)}, loaded_by("subject", contended))


def load_known_requests(reads: Reads, working: Working, requests: Sequence[Heard[Event]]) -> None:
    """What has become of these very requests, as far as they were heard before."""
    wanted = {(one.source, one.event_id) for one in requests}
    reads.by_key(working[Answer], ANSWER, wanted, seldom=True)
    reads.by_key(working[Unchanged], UNCHANGED, wanted, seldom=True)
    load_held(reads, working, wanted)


def load_held(reads: Reads, working: Working, wanted: Iterable[tuple[Any, ...]]) -> None:
    """Those of these requests that are held."""

    def readable(found: Sequence[Held]) -> Iterable[Held]:
        working.unreadable |= {Held.key_of(one): one for one in found if not _is_readable(working, one)}
        return (one for one in found if Held.key_of(one) not in working.unreadable)

    reads.by_key(working[Held], HELD, wanted, seldom=True, kept=readable)


def load_held_about(reads: Reads, working: Working, subjects: Iterable[str]) -> None:
    """The held requests about these, those first that came first: what arrived about them may let them be decided."""
    about = set(subjects)
    after = min((working.held_until.get(one, _EVER) for one in about), default=_EVER)
    parameters = {"held_about": sorted(about), "held_most": MOST_WOKEN, "held_after": after}

    def readable(found: Sequence[Held]) -> Iterable[Held]:
        if len(found) >= MOST_WOKEN:
            arrived = max(one.appended_at for one in found)
            working.held_rest += [Due(WAKE, subject, arrived) for subject in sorted(about)]
        return (one for one in found if _is_readable(working, one))

    reads.rows(working[Held], _HELD_ABOUT, parameters, loaded_by("about", about), kept=readable)


def _is_readable(working: Working, held: Held) -> bool:
    """Whether this release of the service decides what is asked. What a newer one held before it was rolled back waits for that one, and holds
    nobody back: to us there is no such request, and a release that knows it looks at all that is held when it starts (shared.deciding.due)."""
    try:
        return type(heard_again(held).body) in working.decides
    except (KeyError, ValidationError):
        return False


def heard_again(held: Held) -> Heard[Event]:
    """A held request in the shape in which it was heard."""
    body = EVENTS[held.type].model_validate_json(held.body)
    return Heard.as_request(
        body,
        held.partition,
        held.offset,
        held.appended_at,
        source=held.request_source,
        event_id=held.request_id,
        stated_at=held.stated_at,
    )


@immutable
class Outcome:
    """What became of a request: the fact that answered it, or what it waits for and until when."""

    outcome: str
    event_id: str | None = None
    waits_for: str | None = None
    expires_at: dt.datetime | None = None


def outcome_of(working: Working, request: Heard[Event]) -> Outcome | None:
    """What became of a request that was thought about here, or before; None: it was set aside."""
    key = (request.source, request.event_id)
    answer = working[Answer].get(*key) or working[Unchanged].get(*key)
    if answer is not None:
        return Outcome(answer.outcome, event_id=answer.event_id)
    held = working[Held].get(*key)
    return Outcome(HELD_OUTCOME, waits_for=held.waits_for, expires_at=held.expires_at) if held is not None else None


async def is_known(connection: AsyncConnection, request: Heard[Event]) -> bool:
    """Whether it, or another one under its id, was heard before."""
    key = {"source": request.source, "id": request.event_id}
    for statement in _KNOWN:
        if (await connection.execute(statement, key)).one_or_none() is not None:
            return True
    return False


def in_order_of_arrival(held: Iterable[Held]) -> list[Held]:
    return sorted(held, key=lambda one: (one.appended_at, one.stream, one.partition, one.offset, one.request_id))


OVERDUE_AFTER = dt.timedelta(minutes=5)
_long_ago = sa.bindparam("long_ago", type_=sa.DateTime(timezone=True))
_OVERDUE = sa.select(
    sa.select(sa.func.count()).where(DUE.c.at <= _long_ago).scalar_subquery()
    + sa.select(sa.func.count(sa.distinct(HELD_SUBJECT)))
    # The others wait for a newer release, not for a stream.
    .where(HELD.c.expires_at <= _long_ago, any_of(HELD.c.type, "decided"))
    .scalar_subquery()
)


_HELD_NOW = sa.select(
    sa.func.count(), sa.func.count().filter(HELD.c.type != sa.all_(sa.bindparam("decided", type_=ARRAY(sa.Text()))))
).select_from(HELD)


async def count_held(connection: AsyncConnection, decided: list[str]) -> tuple[int, int]:
    """How many requests are held, and how many of these are of a type that only a newer release decides. `decided`: what this one does."""
    held, of_newer = (await connection.execute(_HELD_NOW, {"decided": decided})).one()
    return held, of_newer


async def count_overdue(connection: AsyncConnection, decided: list[str], now: dt.datetime) -> int:
    """Moments that have passed for so long that something keeps them from being decided: a stream that is not heard, or our own fault."""
    which = {"long_ago": now - OVERDUE_AFTER, "decided": decided}
    return int((await connection.execute(_OVERDUE, which)).scalar_one())
