"""What a rebuild hears: the streams up to given offsets, and the journal. Only makes rows; decides, says and parks nothing.

Memory is flat in the number of events: they are read in batches, and what has been read is not remembered. Hearing a fact
twice changes nothing, so where the two ways of knowing meet, some are simply heard again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.books import parking
from shared.books.batch import Batch
from shared.books.holding import load_other_writers, load_takeovers
from shared.books.parking import PARKED, ParkedState
from shared.contracts import EVENTS
from shared.contracts.model import Event
from shared.deciding.facts import FactWriter, Plainly
from shared.events.decoding import decode
from shared.events.envelope import Heard, Read, microseconds
from shared.events.streams import Partition
from shared.kafka import fetching
from shared.kafka.observer import partition_of, topic_partition
from shared.outbox.journal import JOURNAL, Entry, said_again
from shared.postgres.database import rows_as
from shared.postgres.roundtrips import Reads, Writes
from shared.postgres.tables import TAKEOVER
from shared.service import Service
from shared.settings import Settings, kafka_connection
from shared.state.ownership import Verdict

CHUNK = 5000
FEW = 20
"""Parked records: each may be as large as a record may be."""
SILENCE_SECONDS = 60

Events = list[Heard[Event]]

_XMIN = sa.text("select pg_snapshot_xmin(pg_current_snapshot())::xid::text")
_JOURNAL = (
    sa.select(JOURNAL)
    .where(JOURNAL.c.event_id > sa.bindparam("after"))
    .order_by(JOURNAL.c.event_id)
    .limit(sa.bindparam("most"))
)
"""Ids grow with time: the order in which it was said, and that of the primary key."""
_SAID_SINCE = _JOURNAL.where(sa.text("age(journal.xmin) <= age(cast(cast(:since as text) as xid))"))
"""What was committed by transactions that were not over then; a little more, never less."""
_ABOUT = sa.select(JOURNAL).where(JOURNAL.c.subject == sa.any_(sa.bindparam("subjects", type_=sa.ARRAY(sa.Text))))


class Replay:
    """Applies what was said to the tables beside the live ones."""

    def __init__(
        self, live: AsyncEngine, beside: AsyncEngine, service: Service, settings: Settings, heard: Callable[[int], None]
    ) -> None:
        self._live = live
        self._beside = beside
        self._service = service
        self._settings = settings
        self._heard = heard
        self._makes = service.working(service.clock()).make
        self._streams = {model.stream for model in self._makes}
        self._facts = FactWriter(beside, service, self)
        self._heard_to: dict[Partition, int] = {}
        self._left_out: dict[Partition, dict[int, int]] = {}
        """Parked records and when they were appended: the live projection does not have them either."""
        self._said_since: str | None = None
        self._disordered: set[str] = set()
        self._leading: dict[type[Event], bool] = {}

    async def catch_up(self, target: dict[Partition, int]) -> int:
        """Applies every stream up to the target offsets, and the journal to its end. Returns how many events that were."""
        number = 0
        rules = {part: end for part, end in target.items() if part.stream == "programme.rules"}
        for some in (rules, target):  # Who may take over from whom must be known before anybody is judged a stranger.
            number += await _overlapping(self._from_streams(some), self._apply)
            self._heard_to |= some
        return number + await self._catch_up_journal()

    async def let_in(self) -> None:
        """Applies records that were parked when they were read and have been heard since."""
        before, self._left_out = self._left_out, {}
        await self._learn_parked()
        for part, offsets in before.items():
            let_in = sorted(set(offsets) - set(self._left_out.get(part, ())))
            for start in range(0, len(let_in), FEW):
                async with self._live.connect() as connection:
                    rows = [
                        await parking.find(connection, part.stream, part.number, offset)
                        for offset in let_in[start : start + FEW]
                    ]
                heard = [decode(parking.stored(row)) for row in rows if row is not None]
                await self._apply([one for one in heard if isinstance(one, Heard) and self._is_theirs(one)])

    # --- streams -------------------------------------------------------------------------

    async def _from_streams(self, target: dict[Partition, int]) -> AsyncGenerator[Events, None]:
        """What others said, from where we stand to the target."""
        ends = {part: end for part, end in target.items() if part.stream in self._streams}
        left = {part for part, end in ends.items() if end > self._heard_to.get(part, 0)}
        if not left:
            return
        await self._learn_parked()
        limits = self._settings.consumer
        fetching.install(limits)
        consumer = AIOKafkaConsumer(
            **kafka_connection(self._settings),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=limits.fetch_bytes,
            fetch_max_bytes=limits.fetch_most_bytes,
        )
        await consumer.start()
        try:
            consumer.assign([topic_partition(part) for part in left])
            for part in left:
                consumer.seek(topic_partition(part), self._heard_to.get(part, 0))
            heard_at = time.monotonic()
            while left:
                if time.monotonic() - heard_at > SILENCE_SECONDS:
                    raise RuntimeError(f"the streams end before the watermarks of {sorted(left)}")
                async with asyncio.timeout(SILENCE_SECONDS):
                    fetched = await consumer.getmany(timeout_ms=1000, max_records=CHUNK)
                events: Events = []
                for tp, records in fetched.items():
                    heard_at = time.monotonic()
                    part = partition_of(tp)
                    events += self._readable(part, records, ends[part])
                for part in list(left):
                    if await consumer.position(topic_partition(part)) >= ends[part]:
                        left.discard(part)
                        consumer.pause(topic_partition(part))
                if events:
                    yield events
        finally:
            await consumer.stop()

    def _readable(self, part: Partition, records: Sequence[ConsumerRecord], end: int) -> Events:
        left_out = self._left_out.get(part, {})
        own = ("ce_source", self._service.source.encode()) if part.stream in self._service.own else None
        found = []
        for record in records:
            if record.offset >= end or left_out.get(record.offset) == record.timestamp:
                continue
            if own is None or own not in record.headers:  # Decoding what the journal holds would be for nothing.
                one = decode(record)
                if isinstance(one, Heard) and self._is_theirs(one):
                    found.append(one)
        return found

    def _is_theirs(self, heard: Heard[Event]) -> bool:
        """Our own facts come from the journal."""
        return type(heard.body) in self._makes and heard.source != self._service.source

    async def _learn_parked(self) -> None:
        """Records the live projection did not take: neither do we. In a log that was made anew they are others."""
        statement = sa.select(PARKED.c.stream, PARKED.c.partition, PARKED.c.offset, PARKED.c.appended_at).where(
            PARKED.c.state != ParkedState.HEARD
        )
        async with self._live.connect() as connection:
            for stream, number, offset, appended_at in await connection.execute(statement):
                places = self._left_out.setdefault(Partition(stream, number), {})
                places[offset] = microseconds(appended_at) // 1000

    # --- journal -------------------------------------------------------------------------

    async def _catch_up_journal(self) -> int:
        """Our own facts: all of them at first, then those that may not have been seen yet."""
        async with self._live.connect() as connection:
            xmin = (await connection.execute(_XMIN)).scalar_one()
        number = await _overlapping(self._from_journal(), self._apply)
        self._said_since = xmin
        subjects, self._disordered = sorted(self._disordered), set()
        for start in range(0, len(subjects), CHUNK):
            await self._apply_in_order(subjects[start : start + CHUNK])
        return number

    async def _from_journal(self) -> AsyncGenerator[Events, None]:
        after = ""
        while True:
            statement = _JOURNAL if self._said_since is None else _SAID_SINCE
            parameters = {"after": after, "most": CHUNK, "since": self._said_since}
            async with self._live.connect() as connection:
                entries = rows_as(Entry, await connection.execute(statement, parameters))
            if not entries:
                return
            after = entries[-1].event_id
            # What a newer release said in a way that this one does not know it would skip on its stream, too.
            yield [said_again(entry, self._service.source) for entry in entries if entry.type in EVENTS]

    async def _apply_in_order(self, subjects: Sequence[str]) -> None:
        """Our clock went back between two facts about one subject: what follows from them follows in their own order."""
        async with self._live.connect() as connection:
            entries = rows_as(Entry, await connection.execute(_ABOUT, {"subjects": subjects}))
        said = [
            said_again(entry, self._service.source)
            for entry in sorted(entries, key=lambda one: (one.subject, one.version))
        ]
        await self._think(said, anew=True)

    # --- applying ------------------------------------------------------------------------

    async def _apply(self, events: Events) -> None:
        """The rows of these events: those from which nothing follows by one statement, the others by thinking."""
        plain: Events = []
        thoughtful: Events = []
        for one in events:
            (thoughtful if self._leads_to_more(one) else plain).append(one)
        if plain:
            await self._facts.hear([], [plain])
        if thoughtful:
            await self._think(thoughtful)
        self._heard(len(events))

    def _leads_to_more(self, heard: Heard[Event]) -> bool:
        """Whether other rows follow from the row of this fact."""
        kind = type(heard.body)
        if kind not in self._leading:
            row = type(self._makes[kind](heard))
            self._leading[kind] = row in self._service.derive or kind in self._service.remember
        return self._leading[kind]

    async def hear(self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]], *, plainly: Plainly) -> None:
        """For what the fact lane does not find ordinary."""
        events = [one for part in decoded for one in part if isinstance(one, Heard)]
        async with self._beside.begin() as connection:
            events, _ = await plainly(connection, events)
        await self._think(events)

    async def _think(self, events: Events, *, anew: bool = False) -> None:
        """Event by event, through `apply` alone."""
        working = self._service.working(self._service.clock())
        working.all_rules_known = True
        keys: dict[Any, set[tuple[Any, ...]]] = {}
        for one in events:
            row = working.make[type(one.body)](one)
            keys.setdefault(type(row), set()).add(working[type(row)].key(row))
        async with self._beside.begin() as connection:
            reads, writes = Reads(connection), Writes()
            load_takeovers(reads, working)
            for kind, wanted in keys.items():
                reads.by_key(working[kind], self._service.table(kind), wanted)
            await reads.run()
            load_other_writers(reads, working, events)
            await reads.run()
            if anew:
                for kind, wanted in keys.items():
                    for key in wanted:
                        working[kind].remove(*key)
            await self._service.load_derived(reads, working, events)
            await reads.run()
            for one in events:
                verdict = working.apply(one)
                if verdict is Verdict.STALE and one.source == self._service.source:
                    self._disordered.add(one.subject)
            for kind, rows in working.rows.items():
                table = self._service.table(kind)
                if table.schema == TAKEOVER.schema:
                    writes.save(table, rows)
            await writes.run(connection)


async def _overlapping(batches: AsyncGenerator[Events, None], write: Callable[[Events], Awaitable[None]]) -> int:
    """Writes each batch while the next one is read and decoded. Returns how many events there were."""
    number = 0
    writing: asyncio.Task[None] | None = None
    try:
        async with contextlib.aclosing(batches):
            async for events in batches:
                number += len(events)
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(write(events))
                await asyncio.sleep(0)  # The write leaves before the next batch is decoded; otherwise nothing overlaps.
    finally:
        if writing is not None:
            await writing
    return number
