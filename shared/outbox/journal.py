"""The journal of what a service said, and the outbox of what it still has to tell Kafka. Written in the deciding transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.books.recovery import IS_HEARD_AGAIN
from shared.contracts import EVENTS
from shared.contracts.model import BODY_LIMIT_BYTES, Event
from shared.events.envelope import Heard, key_of
from shared.events.streams import STREAMS, Partition, number_of
from shared.postgres.database import KEPT, MACHINERY, any_of, arrays_of, insert_new, table_of
from shared.postgres.directly import rows_of
from shared.postgres.roundtrips import Writes
from shared.state.rows import Row
from shared.state.working import Said
from shared.values import immutable


@immutable
class Entry(Row):
    """One fact as we said it."""

    KEY: ClassVar = ("event_id",)

    event_id: str
    stream: str
    key: str
    type: str
    subject: str
    version: int
    said_at: dt.datetime
    correlation_id: str | None
    causation_id: str | None
    body: str


JOURNAL = table_of(Entry, "journal", MACHINERY, schema=KEPT, extra=[sa.Index("journal_subject", "key", "subject")])
OUTBOX = sa.Table(
    "outbox",
    MACHINERY,
    sa.Column("position", sa.BigInteger, sa.Identity(always=True), nullable=False),
    sa.Column("event_id", sa.Text, sa.ForeignKey(JOURNAL.c.event_id, name="outbox_entry"), nullable=False),
    sa.Column("staged_at", sa.DateTime(timezone=True), server_default=sa.func.clock_timestamp(), nullable=False),
    sa.PrimaryKeyConstraint("position", name="outbox_key"),
    schema=KEPT,
)
"""A queue: what is acknowledged is deleted. Never read by "last position", which skips what commits late."""

_ENTER = insert_new(JOURNAL)
_ids = (
    sa.func.unnest(sa.bindparam("event_ids", type_=sa.ARRAY(sa.Text)))
    .table_valued(sa.column("event_id", sa.Text), with_ordinality="nr", name="asked")
    .render_derived()
)
_STAGE = insert(OUTBOX).from_select(["event_id"], sa.select(_ids.c.event_id).order_by(_ids.c.nr))
_ACKNOWLEDGE = sa.delete(OUTBOX).where(any_of(OUTBOX.c.event_id, "event_ids"))
_KEYS = sa.select(JOURNAL.c.key).where(JOURNAL.c.stream == sa.bindparam("stream")).distinct()
_of_keys = sa.and_(JOURNAL.c.stream == sa.bindparam("stream"), any_of(JOURNAL.c.key, "keys"))
_UNSTAGE = sa.delete(OUTBOX).where(OUTBOX.c.event_id == JOURNAL.c.event_id, _of_keys)
# Deciders decide one after the other, so this is the order in which it was said; of one aggregate the versions say it too.
_STAGE_AGAIN = insert(OUTBOX).from_select(
    ["event_id"],
    sa.select(JOURNAL.c.event_id).where(_of_keys).order_by(JOURNAL.c.said_at, JOURNAL.c.version, JOURNAL.c.event_id),
)
_is_entered = sa.exists().where(JOURNAL.c.event_id == _ids.c.event_id)
_MISSING = sa.select(sa.func.array(sa.select(_ids.c.event_id).where(~_is_entered).scalar_subquery()), IS_HEARD_AGAIN)


def entry_of(fact: Heard[Event]) -> Entry:
    body = fact.body.__pydantic_serializer__.to_json(fact.body, exclude_none=True).decode()
    return Entry(
        fact.event_id,
        fact.stream,
        key_of(fact.body).decode(),
        fact.type,
        fact.subject,
        fact.version,
        fact.stated_at,
        fact.correlation_id,
        fact.causation_id,
        body,
    )


def said_again(entry: Entry, source: str) -> Heard[Any]:
    """An entry in the shape in which it was applied when it was said."""
    body = EVENTS[entry.type].model_validate_json(entry.body)
    return Heard.from_ourselves(
        body,
        source=source,
        event_id=entry.event_id,
        version=entry.version,
        said_at=entry.said_at,
        correlation_id=entry.correlation_id,
        causation_id=entry.causation_id,
    )


def enter(writes: Writes, said: Sequence[Said]) -> None:
    """Journals facts and stages them for the relay, in the order in which they were said."""
    if said:
        writes.add(_ENTER, arrays_of(JOURNAL, [_to_send(entry_of(one)) for one in said]))
        writes.add(_STAGE, {"event_ids": [one.event_id for one in said]})


def _to_send(entry: Entry) -> Entry:
    """What the streams and the law let us say."""
    if len(entry.body.encode()) > BODY_LIMIT_BYTES:
        raise ValueError(f"{entry.type} has {len(entry.body)} letters; the limit is {BODY_LIMIT_BYTES} bytes")
    if STREAMS[entry.stream].compacted:
        raise NotImplementedError("personal data does not enter the journal")
    return entry


async def enter_heard(connection: AsyncConnection, heard: Sequence[Heard[Event]]) -> None:
    """Journals our own facts that we know only from the stream: the database is older than they are (a restored backup)."""
    if heard:
        await rows_of(connection, _ENTER, arrays_of(JOURNAL, [entry_of(one) for one in heard]))


async def acknowledge(connection: AsyncConnection, event_ids: Sequence[str]) -> None:
    """Takes facts from the outbox that were heard on their stream."""
    await rows_of(connection, _ACKNOWLEDGE, {"event_ids": list(event_ids)})


async def stage_again(connection: AsyncConnection, partition: Partition) -> None:
    """Stages all we ever said in a partition, in the order in which it was said: what was waiting already gets its place in it."""
    keys = (await connection.execute(_KEYS, {"stream": partition.stream})).scalars()
    here = [key for key in keys if number_of(partition.stream, key.encode()) == partition.number]
    for statement in (_UNSTAGE, _STAGE_AGAIN):
        await connection.execute(statement, {"stream": partition.stream, "keys": here})


async def missing(connection: AsyncConnection, event_ids: Sequence[str]) -> tuple[set[str], bool]:
    """Which of these facts the journal does not hold, nearly always none, and whether our own streams are being heard again."""
    if not event_ids:
        return set(), False
    [(ids, heard_again)] = await rows_of(connection, _MISSING, {"event_ids": list(event_ids)})
    return set(ids), heard_again
