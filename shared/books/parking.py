"""Parked records: what could not be heard, kept as it came with the reason, for an operator to list, inspect, retry or discard.
Of what is too large or damaged a head is kept (shared.events.oversized), so that a row has a limit, too.

Also remembers the types that nobody here knows, so that they can be heard once a release knows them.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.books import watermark
from shared.contracts import EVENTS
from shared.contracts.model import Event
from shared.events.envelope import Heard, Poison, Reason, Record, Unknown, appended_at, scope_of
from shared.events.streams import Partition
from shared.postgres.database import KEPT, MACHINERY, any_of, arrays_of, insert_new, rows_as, table_of, unnested
from shared.postgres.roundtrips import Reads
from shared.state.rows import Row
from shared.state.working import Working
from shared.values import immutable

log = structlog.get_logger()


class ParkedState(StrEnum):
    PARKED = "parked"
    HEARD = "heard"
    """A retry succeeded."""
    DISCARDED = "discarded"


@immutable
class Parked(Row):
    """One record that was set aside, as it came."""

    KEY: ClassVar = ("stream", "partition", "offset")

    stream: str
    partition: int
    offset: int
    appended_at: dt.datetime
    key: bytes | None
    value: bytes | None
    headers: str
    """JSON list of [name, base64 value or null]: Kafka knows values that are missing, and names that come twice."""
    type: str | None
    source: str | None
    event_id: str | None
    scope: str | None
    """Of a request that holds back others: later ones of the same scope wait behind it. A fact holds nobody back."""
    reason: str
    detail: str
    state: str
    parked_at: dt.datetime
    retries: int


@immutable
class Skipped(Row):
    """A type without a contract here, where it was first met in a partition."""

    KEY: ClassVar = ("type", "stream", "partition")

    type: str
    stream: str
    partition: int
    first_offset: int


PARKED = table_of(
    Parked,
    "parked",
    MACHINERY,
    schema=KEPT,
    extra=[sa.Index("parked_open", "state", "reason"), sa.Index("parked_scope", "scope")],
)
SKIPPED = table_of(Skipped, "skipped", MACHINERY, schema=KEPT)

_value = sa.func.coalesce(PARKED.c.value, sa.literal(b"", sa.LargeBinary))
EMPTIED: Mapping[str, Any] = {
    "key": None,
    "value": None,
    "headers": "[]",
    # Its own text may quote what was emptied.
    "detail": sa.func.concat(
        "emptied; the body had ",
        sa.func.octet_length(_value),
        " bytes, SHA-256 ",
        sa.func.encode(sa.func.sha256(_value), "hex"),
    ),
}
"""What remains of a record that nobody may hear again: where it stood, its type, reason and times, and a checksum of its body."""


@immutable
class StoredRecord:
    """A parked record in the shape of the Kafka record that it was."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def stored(row: Parked) -> StoredRecord:
    headers: list[tuple[str, Any]] = [
        (name, None if value is None else base64.b64decode(value)) for name, value in json.loads(row.headers)
    ]
    timestamp = round(row.appended_at.timestamp() * 1000)
    return StoredRecord(row.stream, row.partition, row.offset, timestamp, row.key, row.value, headers)


def _clean(text: str) -> str:
    """Text that Postgres takes, whatever came."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\0")


def parked_row(
    record: Record, reason: str, detail: str, *, now: dt.datetime, heard: Heard[Event] | None = None
) -> Parked:
    """The row that keeps a record with the reason it was set aside for."""
    headers = json.dumps(
        [[_clean(name), None if value is None else base64.b64encode(value).decode()] for name, value in record.headers]
    )
    names = {name: value for name, value in record.headers if value}
    type_name = names.get("ce_type", b"").decode(errors="replace")[:200]
    unknown = {"type": _clean(type_name) or None, "source": None, "event_id": None, "scope": None}
    return Parked(
        stream=record.topic,
        partition=record.partition,
        offset=record.offset,
        appended_at=appended_at(record),
        key=record.key,
        value=record.value,
        headers=headers,
        **(unknown if heard is None else _known_of(heard, reason)),
        reason=reason,
        detail=_clean(detail),
        state=ParkedState.PARKED,
        parked_at=now,
        retries=0,
    )


def _known_of(heard: Heard[Event], reason: str) -> dict[str, Any]:
    """What a row says of a record that could be read: whose it is, and what waits behind it."""
    # Nobody waits behind a request that can never be decided.
    scope = scope_of(heard.body) if reason != Reason.ID_REUSED else None
    return {"type": heard.type, "source": heard.source, "event_id": heard.event_id, "scope": scope}


def poison_row(poison: Poison, *, now: dt.datetime) -> Parked:
    return parked_row(poison.record, poison.reason, poison.detail, now=now)


# Apart from every offset there is, and from each other: where a log is another one, an offset may hold a bad record again.
_coming = unnested(PARKED, prefix="coming_")
_MAKE_ROOM = (
    sa.update(PARKED)
    .where(*(PARKED.c[name] == _coming.c[name] for name in Parked.KEY))
    .where(PARKED.c.appended_at != _coming.c.appended_at)
    .values(
        offset=-sa.cast(sa.func.extract("epoch", PARKED.c.appended_at) * 1_000_000, sa.BigInteger)
        - sa.func.mod(PARKED.c.offset, 1000)
    )
)
MOST_TYPES = 100
"""Remembered by name in a partition. Of further ones it is remembered which contracts were known: whoever makes up a new name each
time must not fill our table, and a release with other contracts hears the partition again."""
OTHERS = "(types beyond the limit)"
_in_parts = sa.tuple_(SKIPPED.c.stream, SKIPPED.c.partition).in_(sa.bindparam("parts", expanding=True))
_SKIPPED_IN = sa.select(SKIPPED.c.type, SKIPPED.c.stream, SKIPPED.c.partition).where(_in_parts)
_OLDEST_FIRST = (PARKED.c.appended_at, PARKED.c.stream, PARKED.c.partition, PARKED.c.offset)
_BLOCKED = (
    sa.select(PARKED.c.scope, *_OLDEST_FIRST)
    .where(any_of(PARKED.c.scope, "scopes"))
    .where(PARKED.c.state == ParkedState.PARKED)
)


async def park(connection: AsyncConnection, rows: Sequence[Parked]) -> None:
    """Sets records aside. One that is there already, because its partition is heard again, stays as it is; one of a log that
    is no more keeps its record under a negative offset."""
    if rows:
        await connection.execute(_MAKE_ROOM, arrays_of(PARKED, rows, prefix="coming_"))
        await connection.execute(insert_new(PARKED), arrays_of(PARKED, rows))


async def remember(connection: AsyncConnection, unknown: Sequence[Unknown]) -> None:
    """Remembers types that have no contract here, at the first offset they were met in each partition."""
    if not unknown:
        return
    types: dict[Partition, set[str]] = {Partition(one.record.topic, one.record.partition): set() for one in unknown}
    for type_name, stream, number in await connection.execute(_SKIPPED_IN, {"parts": sorted(types)}):
        types[Partition(stream, number)].add(type_name)
    first: dict[tuple[Any, ...], Skipped] = {}
    for one in unknown:
        part = Partition(one.record.topic, one.record.partition)
        type_name = one.type if one.type in types[part] or len(types[part]) < MOST_TYPES else _others()
        if type_name not in types[part]:
            types[part].add(type_name)
            first[(type_name, *part)] = Skipped(type_name, *part, one.record.offset)
    if first:
        rows = [row for _, row in sorted(first.items())]
        await connection.execute(insert_new(SKIPPED), arrays_of(SKIPPED, rows))


def _others() -> str:
    """What stands for further types of a partition: all that these contracts do not have."""
    return f"{OTHERS} {hashlib.sha256(' '.join(sorted(EVENTS)).encode()).hexdigest()[:16]}"


_NOW_KNOWN = (
    sa.delete(SKIPPED)
    .where(
        sa.or_(
            SKIPPED.c.type.in_(sa.bindparam("types", expanding=True)),
            sa.and_(SKIPPED.c.type.startswith(OTHERS), SKIPPED.c.type != sa.bindparam("others")),
        ),
        _in_parts,
    )
    .returning(SKIPPED.c.stream, SKIPPED.c.partition)
)


async def hear_new_types(connection: AsyncConnection, partitions: Iterable[Partition]) -> set[Partition]:
    """Rewinds those of the partitions in which a type was skipped that has a contract by now, or may have one. Returns them."""
    parameters = {"types": sorted(EVENTS), "others": _others(), "parts": sorted(partitions)}
    known = {Partition(*row) for row in await connection.execute(_NOW_KNOWN, parameters)}
    for part in sorted(known):
        log.info("hearing again for a type that is known now", stream=part.stream, partition=part.number)
        await watermark.rewind(connection, part)
    return known


def load_blocked(reads: Reads, working: Working, scopes: Iterable[str]) -> None:
    """Which of these have a parked request, and when the first of them arrived."""
    wanted = sorted(set(scopes))
    if not wanted:
        return

    def take(found: Iterable[Sequence[Any]]) -> None:
        for scope, *arrival in found:
            first = tuple(arrival)
            working.blocked[scope] = min(working.blocked.get(scope, first), first)

    reads.add(_BLOCKED, {"scopes": wanted}, take)


BYTES = ("key", "value", "headers")
"""What came from outside and may be large; whoever lists records does not ask for it."""
_ABOUT_THEM = [column for column in PARKED.c if column.name not in BYTES]


async def open_parked(
    connection: AsyncConnection,
    *,
    limit: int = 500,
    reason: str | None = None,
    state: str = ParkedState.PARKED,
    after: Parked | None = None,
) -> list[dict[str, Any]]:
    """What is known about parked records, oldest first, without their bytes. `after`: the last one of the page before."""
    statement = sa.select(*_ABOUT_THEM).where(PARKED.c.state == state)
    if reason:
        statement = statement.where(PARKED.c.reason == reason)
    if after is not None:
        last = (after.appended_at, after.stream, after.partition, after.offset)
        statement = statement.where(sa.tuple_(*_OLDEST_FIRST) > sa.tuple_(*last))
    statement = statement.order_by(*_OLDEST_FIRST).limit(limit)
    return [dict(row) for row in (await connection.execute(statement)).mappings()]


def _is_at(stream: str, partition: int, offset: int) -> sa.ColumnElement[bool]:
    return sa.and_(PARKED.c.stream == stream, PARKED.c.partition == partition, PARKED.c.offset == offset)


async def find(
    connection: AsyncConnection, stream: str, partition: int, offset: int, *, for_update: bool = False
) -> Parked | None:
    statement = sa.select(PARKED).where(_is_at(stream, partition, offset))
    if for_update:
        statement = statement.with_for_update()
    rows = rows_as(Parked, await connection.execute(statement))
    return rows[0] if rows else None


async def settle(
    connection: AsyncConnection,
    row: Parked,
    state: ParkedState,
    *,
    reason: str | None = None,
    detail: str | None = None,
    heard: Heard[Event] | None = None,
) -> Parked:
    """Writes what became of a parked record, and returns how it stands. `heard`: what it says, which may not have been readable when it was parked."""
    reason = reason or row.reason
    known = {} if heard is None else {name: value for name, value in _known_of(heard, reason).items() if value}
    detail = row.detail if detail is None else _clean(detail)
    values = {"state": state, "retries": PARKED.c.retries + 1, "reason": reason, "detail": detail, **known}
    return await _changed(connection, row, values)


async def empty(connection: AsyncConnection, row: Parked) -> Parked:
    """Ends a parked record for good: it stays as evidence, without what it said."""
    values = {**EMPTIED, "state": ParkedState.DISCARDED}
    return await _changed(connection, row, values)


async def _changed(connection: AsyncConnection, row: Parked, values: Mapping[str, Any]) -> Parked:
    change = sa.update(PARKED).where(_is_at(*Parked.key_of(row))).values(**values).returning(PARKED)
    return rows_as(Parked, await connection.execute(change))[0]


async def followers(connection: AsyncConnection, row: Parked) -> list[tuple[str, int, int]]:
    """Where the requests stand that wait behind a parked one, in the order in which they came."""
    statement = (
        sa.select(PARKED.c.stream, PARKED.c.partition, PARKED.c.offset)
        .where(PARKED.c.state == ParkedState.PARKED, PARKED.c.reason == Reason.BEHIND_PARKED)
        .where(PARKED.c.scope == row.scope)
        .order_by(*_OLDEST_FIRST)
    )
    return [(stream, partition, offset) for stream, partition, offset in await connection.execute(statement)]


_BY_REASON = sa.select(PARKED.c.state, PARKED.c.reason, sa.func.count()).group_by(PARKED.c.state, PARKED.c.reason)
_UNKNOWN_TYPES = sa.select(sa.func.count(sa.distinct(SKIPPED.c.type)))


async def count(connection: AsyncConnection) -> dict[str, Any]:
    """How many records are parked, for which reasons, how many were given up, and how many types nobody here knows."""
    rows = (await connection.execute(_BY_REASON)).all()
    reasons = {reason: number for state, reason, number in rows if state == ParkedState.PARKED}
    return {
        "parked": sum(reasons.values()),
        "parked_for": dict(sorted(reasons.items())),
        "discarded": sum(number for state, _, number in rows if state == ParkedState.DISCARDED),
        "unknown_types": (await connection.execute(_UNKNOWN_TYPES)).scalar_one(),
    }
