"""The deciding lane's transaction: lock, think, write, move the watermarks. Everybody who decides comes through here: the
projector, commands, due moments, retries of parked records. It commits; what it calls never does.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import telemetry
from shared.books import erasing, parking, recovery, watermark
from shared.books.batch import Batch, NotContinuous
from shared.books.holding import Outcome, outcome_of
from shared.books.parking import Parked, parked_row, poison_row
from shared.books.watermark import Move, Watermark
from shared.contracts.model import Event
from shared.contracts.rules import SourceTakenOver
from shared.deciding.facts import Plainly
from shared.deciding.news import News, kinds_of
from shared.deciding.thinking import think, to_write
from shared.events.decoding import decode
from shared.events.envelope import (
    Echo,
    Heard,
    Poison,
    Read,
    Reason,
    Unknown,
    appended_at,
    fingerprint,
    headers_of,
    key_of,
)
from shared.events.streams import Partition
from shared.faults import Fault, classify, told
from shared.outbox import journal
from shared.postgres.directly import Transaction
from shared.postgres.roundtrips import Reads, Writes
from shared.service import Inputs, Service
from shared.state.ownership import Verdict
from shared.state.working import Said, SetAside, Working

log = structlog.get_logger()


@dataclass(slots=True)
class Thought:
    """What one transaction came to."""

    said: list[Said] = field(default_factory=list)
    verdicts: list[tuple[Verdict, str]] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    """Commands that could not be decided: they have no record to park and are answered instead."""
    outcomes: dict[tuple[str, str], Outcome] = field(default_factory=dict)
    """What became of each command, by its source and id."""
    news: News | None = None
    """What was heard of others, or decided. None: nothing that listeners did not know."""
    rules: bool = False
    """Whether it was heard who may speak from now on."""

    def add(self, working: Working) -> None:
        self.said += working.said
        self.verdicts += working.verdicts

    def has_news(self, news: News) -> None:
        self.news = news.and_also(self.news)


class Decider:
    """Where a service thinks. One transaction at a time passes; several processes may have a decider each."""

    def __init__(
        self,
        engine: AsyncEngine,
        service: Service,
        *,
        said: Callable[[Sequence[Said]], None] = lambda said: None,
        changed: Callable[[News], None] = lambda news: None,
    ) -> None:
        self.engine = engine
        self.service = service
        self.said = said
        """Called after a commit that staged facts, with them: wakes the relay in this process."""
        self.changed = changed
        """Called after a commit of news, with it."""
        self.handed_over: Callable[[], None] = lambda: None
        """Called after a commit that heard who may speak from now on."""
        self.own_heard = False
        """Whether our own streams have been heard to where they ended at start."""
        self.quiet_until: dict[Partition, int] = {}
        """After a restore: up to here facts decide nothing and unanswered requests are held (shared.books.recovery)."""

    @contextlib.asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[tuple[AsyncConnection, Thought]]:
        """A transaction for whoever decides, and what it comes to. After its commit whoever has to know is told, whoever decided: the
        relay of what was said, listeners of what is news, the numbers of what it was."""
        thought = Thought()
        async with Transaction(self.engine) as connection:
            yield connection, thought
        if thought.said:
            self.said(thought.said)
        if thought.rules:
            self.handed_over()
        telemetry.count(self.service.name, thought.verdicts)
        if thought.news is not None:
            self.changed(thought.news)

    async def hear(
        self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]], *, plainly: Plainly | None = None
    ) -> Thought:
        """Hears batches of several partitions in one transaction. Raises NotContinuous, or a transient fault. `plainly` writes
        what needs no thinking; without it everything is thought about."""
        try:
            return await self._transaction(batches, decoded, plainly=plainly)
        except Exception as error:
            if classify(error) is Fault.TRANSIENT or isinstance(error, NotContinuous):
                raise
            log.warning("batch refused, hearing it event by event", error=told(error))
            return await self._transaction(batches, decoded, one_by_one=True)

    async def act(self, inputs: Inputs) -> Thought:
        """Commands and due moments: think, save, commit."""
        async with self.unit_of_work() as (connection, thought):
            await self.service.lock(connection, inputs)
            working = await self.think(connection, inputs)
            thought.add(working)
            since = min((one.appended_at for one in inputs if isinstance(one, Heard)), default=working.now)
            thought.has_news(News(since, kinds_of((*inputs, *working.said))))
            commands = [one for one in inputs if isinstance(one, Heard)]
            asked = {(one.source, one.event_id) for one in commands}
            outcomes = ((one, outcome_of(working, one)) for one in commands if type(one.body) in self.service.decide)
            thought.outcomes = {(one.source, one.event_id): outcome for one, outcome in outcomes if outcome is not None}
            held: list[SetAside] = []
            for one in working.aside:
                was_asked = (one.heard.source, one.heard.event_id) in asked
                (thought.aside if was_asked else held).append(one)
            thought.parked = await self._park(connection, held, (), working.now)
        return thought

    async def think(self, connection: AsyncConnection, inputs: Inputs, *, all_rules_known: bool = False) -> Working:
        """Loads what the inputs touch, hears them one by one in memory and writes what changed. Commits nothing."""
        reads = Reads(connection)
        working = await think(
            self.service, reads, inputs, quiet_until=self.quiet_until, all_rules_known=all_rules_known
        )
        await to_write(self.service, working).run(connection)
        return working

    async def write(self, connection: AsyncConnection, working: Working) -> None:
        """What was decided on loaded rows without any input: the rows that changed, and the facts said. Commits nothing."""
        await to_write(self.service, working).run(connection)

    async def _transaction(
        self,
        batches: Sequence[Batch],
        decoded: Sequence[Sequence[Read]],
        *,
        plainly: Plainly | None = None,
        one_by_one: bool = False,
    ) -> Thought:
        async with self.unit_of_work() as (connection, thought):
            decoded, missing = await self._know_our_own(connection, decoded)
            await self.service.lock(connection, [one for part in decoded for one in part if isinstance(one, Heard)])
            marks = await watermark.lock(connection, [batch.partition for batch in batches])
            fresh = [_from(batch, part, marks[batch.partition]) for batch, part in zip(batches, decoded, strict=True)]
            source = self.service.source
            _note(thought, batches, fresh, own=self.service.own)
            events = [one for part in fresh for one in part if isinstance(one, Heard)]
            news = [as_said(one, source) for one in events if one.source != source or one.event_id in missing]
            now = self.service.clock()
            writes = Writes()
            strange = news
            if plainly is not None:
                strange, verdicts = await plainly(connection, news)
                thought.verdicts += verdicts
            if one_by_one:
                aside = await self._one_by_one(connection, strange, batches, thought)
            else:
                working = await think(self.service, Reads(connection), strange, quiet_until=self.quiet_until)
                writes = to_write(self.service, working)
                thought.add(working)
                aside = await self._park(connection, working.aside, batches, now)
            own = [one for one in news if one.source == source and one.stream in self.service.own]
            await journal.enter_heard(connection, own)
            if own:
                await recovery.notice(connection, own[0].stream)
            poison = [poison_row(one, now=now) for part in fresh for one in part if isinstance(one, Poison)]
            poison = await erasing.without_bytes(connection, self.service, poison)
            await parking.park(connection, poison)
            aside += poison
            unknown = [one for part in fresh for one in part if isinstance(one, Unknown)]
            await parking.remember(connection, unknown)
            moves = [
                _move(batch, part, marks[batch.partition], aside)
                for batch, part in zip(batches, fresh, strict=True)
                if batch.next_offset > marks[batch.partition].next_offset
            ]
            watermark.move_locked(writes, moves)
            await writes.run(connection)
        thought.parked = aside
        for row in aside:
            log.warning(
                "record parked", stream=row.stream, partition=row.partition, offset=row.offset, reason=row.reason,
                event_id=row.event_id, type=row.type,
            )  # fmt: skip
        return thought

    async def _park(
        self,
        connection: AsyncConnection,
        aside: Sequence[SetAside],
        batches: Sequence[Batch],
        now: dt.datetime,
    ) -> list[Parked]:
        """Parks events with their records. One that was held counted as heard until now."""
        if not aside:
            return []
        records = {
            (record.topic, record.partition, record.offset): record for batch in batches for record in batch.records
        }
        rows = []
        for one in aside:
            record = records.get(_place(one.heard))
            rows.append(parked_row(record or _as_record(one.heard), one.reason, one.detail, now=now, heard=one.heard))
            if record is None and one.heard.partition >= 0:
                part = Partition(one.heard.stream, one.heard.partition)
                await watermark.recount(connection, part, heard=-1, parked=+1)
        rows = await erasing.without_bytes(connection, self.service, rows)
        await parking.park(connection, rows)
        return rows

    async def _know_our_own(
        self, connection: AsyncConnection, decoded: Sequence[Sequence[Read]]
    ) -> tuple[Sequence[Sequence[Read]], set[str]]:
        """Our own facts that the journal holds are rows already, and are known by their ids alone; the others are read, and returned
        with their ids."""
        said = [
            one.event_id
            for part in decoded
            for one in part
            if isinstance(one, Echo) or (isinstance(one, Heard) and one.source == self.service.source)
        ]
        missing, heard_again = await journal.missing(connection, said)
        if len(missing) < len(said) and (heard_again or not self.own_heard):
            # A restored outbox, and one that a lost log filled again, hold what the stream has had for long.
            await journal.acknowledge(connection, said)
        if missing:
            decoded = [
                [decode(one.record) if isinstance(one, Echo) and one.event_id in missing else one for one in part]
                for part in decoded
            ]
        return decoded, missing

    async def _one_by_one(
        self,
        connection: AsyncConnection,
        events: Sequence[Heard[Event]],
        batches: Sequence[Batch],
        thought: Thought,
    ) -> list[Parked]:
        """Each event under a savepoint of its own, so that what is refused takes nobody with it."""
        aside: list[Parked] = []
        for one in events:
            try:
                async with connection.begin_nested():
                    working = await self.think(connection, [one])
            except Exception as error:
                fault = classify(error)
                if fault is Fault.TRANSIENT:
                    raise
                reason = Reason.REFUSED_BY_DATABASE if fault is Fault.CONTENT else Reason.UNDECIDABLE
                if fault is Fault.BUG:
                    log.exception("event failed in our own code", event_id=one.event_id, type=one.type, stream=one.stream,
                                  partition=one.partition, offset=one.offset)  # fmt: skip
                culprits = [SetAside(one, reason, told(error))]
            else:
                thought.add(working)
                culprits = working.aside
            # At once: later requests about the same place look for it.
            aside += await self._park(connection, culprits, batches, self.service.clock())
        return aside


def _note(thought: Thought, batches: Sequence[Batch], fresh: Sequence[Sequence[Read]], *, own: Sequence[str]) -> None:
    """What of these batches concerns others after the commit. Our own echoes are no news: waking a planner by them cost a third of
    all mail."""
    for batch, part in zip(batches, fresh, strict=True):
        if part and batch.partition.stream not in own:
            thought.has_news(News(appended_at(batch.records[-len(part)]), kinds_of(part)))
        if batch.partition.stream == SourceTakenOver.stream:
            thought.rules |= any(isinstance(one, Heard) and isinstance(one.body, SourceTakenOver) for one in part)


def as_said(heard: Heard[Event], source: str) -> Heard[Event]:
    """An own fact at the time it was decided, not when Kafka got it: its row is the same by whichever way it comes."""
    if heard.source != source:
        return heard
    return replace(heard, appended_at=getattr(heard.body, "decided_at", heard.stated_at))


def _place(heard: Heard[Event]) -> tuple[str, int, int]:
    return heard.stream, heard.partition, heard.offset


def _from(batch: Batch, part: Sequence[Read], mark: Watermark) -> list[Read]:
    """What of a batch has not been heard yet. Raises NotContinuous if something before it is missing."""
    if batch.from_offset > mark.next_offset:
        raise NotContinuous(f"{batch.partition} was fetched from {batch.from_offset}, heard up to {mark.next_offset}")
    return [one for record, one in zip(batch.records, part, strict=True) if record.offset >= mark.next_offset]


def _move(batch: Batch, fresh: Sequence[Read], mark: Watermark, aside: Sequence[Parked]) -> Move:
    last = batch.records[-1]
    parked = sum((row.stream, row.partition) == batch.partition and row.offset >= mark.next_offset for row in aside)
    unknown = sum(isinstance(one, Unknown) for one in fresh)
    # Compaction and transactions leave offsets without records.
    empty = batch.next_offset - mark.next_offset - len(fresh)
    heard, skipped = len(fresh) - parked - unknown, unknown + empty
    return Move(
        *batch.partition, mark.next_offset, batch.next_offset, last.offset, fingerprint(last), heard, parked, skipped
    )


def _as_record(heard: Heard[Event]) -> parking.StoredRecord:
    """A held request that has to be parked, in the shape of the record it came as: a retry can read it."""
    headers = headers_of(
        event_id=heard.event_id,
        source=heard.source,
        type_name=heard.type,
        subject=heard.subject,
        stated_at=heard.stated_at,
    )
    timestamp = round(heard.appended_at.timestamp() * 1000)
    value = heard.body.model_dump_json(exclude_none=True).encode()
    return parking.StoredRecord(
        heard.stream, heard.partition, heard.offset, timestamp, key_of(heard.body), value, headers
    )
