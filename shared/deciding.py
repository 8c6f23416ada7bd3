"""The deciding lane's transaction: lock, load, think event by event, save. Everybody who decides comes through here:
the projector, commands, due moments, retries of parked records. It commits; what it calls never does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import holding, journal, parking, recovery, telemetry, watermark
from shared.contracts.model import Event
from shared.decoding import decode
from shared.envelope import Echo, Heard, Poison, Read, Reason, Record, Unknown, fingerprint, headers_of, key_of
from shared.faults import Fault, classify
from shared.holding import HELD_DAYS, HELD_TOO_LONG
from shared.parking import Parked, parked_row, poison_row
from shared.recovery import RECONCILE
from shared.roundtrips import Reads, Writes
from shared.rows import Row
from shared.service import Inputs, Service
from shared.watermark import Move, Partition, Watermark
from shared.working import Arrival, Due, Said, SetAside, Verdict, Working

log = structlog.get_logger()

_PARK_FOR = {Verdict.FOREIGN: Reason.FOREIGN_WRITER, Verdict.RENUMBERED: Reason.NUMBERING_CHANGED}


class NotContinuous(Exception):
    """The batch begins beyond the watermark: what is in flight must be dropped and fetched again."""


@dataclass(slots=True)
class Batch:
    """Records of one partition in order, and the offset they were fetched from."""

    partition: Partition
    from_offset: int
    records: Sequence[Record]

    @property
    def next_offset(self) -> int:
        return self.records[-1].offset + 1


@dataclass(slots=True)
class Thought:
    """What one transaction came to."""

    said: list[Said] = field(default_factory=list)
    verdicts: list[tuple[Verdict, str]] = field(default_factory=list)
    parked: list[Parked] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    """Commands that could not be decided: they have no record to park and are answered instead."""

    def add(self, working: Working) -> None:
        self.said += working.said
        self.verdicts += working.verdicts


class Desk:
    """Where a service thinks. One transaction at a time passes; several processes may have a desk each."""

    def __init__(self, engine: AsyncEngine, service: Service, *, said: Callable[[], None]) -> None:
        self.engine = engine
        self.service = service
        self.wake = said
        """Called after a commit that staged facts: wakes the relay in this process."""
        self.own_heard = False
        """Whether our own streams have been heard to where they ended at start."""
        self.quiet_until: dict[Partition, int] = {}
        """After a restore: up to here facts decide nothing and unanswered requests are held (shared.recovery)."""

    async def hear(self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]]) -> Thought:
        """Hears batches of several partitions in one transaction. Raises NotContinuous, or a transient fault."""
        try:
            thought = await self._transaction(batches, decoded, one_by_one=False)
        except Exception as error:
            if classify(error) is Fault.TRANSIENT or isinstance(error, NotContinuous):
                raise
            log.warning("batch refused, hearing it event by event", error=repr(error)[:500])
            thought = await self._transaction(batches, decoded, one_by_one=True)
        if thought.said:
            self.wake()
        telemetry.count(self.service.name, thought.verdicts)
        return thought

    async def act(self, inputs: Inputs) -> Thought:
        """Commands and due moments: think, save, commit."""
        thought = Thought()
        async with self.engine.begin() as connection:
            await self.service.lock(connection, inputs)
            working = await self.think(connection, inputs)
            thought.add(working)
            asked = {(one.source, one.event_id) for one in inputs if isinstance(one, Heard)}
            thought.aside = [one for one in working.aside if (one.heard.source, one.heard.event_id) in asked]
            held = [one for one in working.aside if one not in thought.aside]
            thought.parked = await self._park(connection, held, (), working.now)
        if thought.said:
            self.wake()
        return thought

    async def think(self, connection: AsyncConnection, inputs: Inputs) -> Working:
        """Loads what the inputs touch, hears them one by one in memory and writes what changed. Commits nothing."""
        working, writes = await self._thought(connection, inputs)
        await writes.run(connection)
        return working

    async def _thought(self, connection: AsyncConnection, inputs: Inputs) -> tuple[Working, Writes]:
        """What came of the inputs, and what remains to be written."""
        service, writes = self.service, Writes()
        working = service.working(service.clock())
        if not inputs:
            return working, writes
        requests = [one for one in inputs if isinstance(one, Heard) and type(one.body) in service.decide]
        reads = Reads(connection)
        holding.load_takeovers(reads, working)
        self._load_owners(reads, working, inputs)
        holding.load_known_requests(reads, working, requests)
        parking.load_blocked(reads, working, map(_scope, requests))
        await service.load(reads, working, inputs)
        await reads.run()
        for one in inputs:
            if isinstance(one, Due):
                self._due(working, one)
            else:
                self._one(working, one)
        for kind, rows in sorted(working.rows.items(), key=lambda item: item[0].__name__):
            writes.save(service.table(kind), rows)
        journal.enter(writes, working.said)
        return working, writes

    def _load_owners(self, reads: Reads, working: Working, inputs: Inputs) -> None:
        """The rows that the facts and due moments among the inputs are about to change, by key."""
        keys: dict[type[Row], set[tuple[object, ...]]] = {}
        for one in inputs:
            if isinstance(one, Due):
                keys.setdefault(Due, set()).add((one.kind, one.subject))
            elif make := working.make.get(type(one.body)):
                row = make(one)
                keys.setdefault(type(row), set()).add(working[type(row)].key(row))
        for kind, wanted in keys.items():
            reads.by_key(working[kind], self.service.table(kind), wanted)

    def _due(self, working: Working, moment: Due) -> None:
        """A moment that was moved or decided meanwhile is none any more; held requests carry theirs themselves."""
        if moment.kind not in (HELD_TOO_LONG, RECONCILE):
            if working[Due].get(moment.kind, moment.subject) != moment:
                return
            working[Due].remove(moment.kind, moment.subject)
        self.service.due[moment.kind](working, moment)

    def _one(self, working: Working, heard: Heard[Event]) -> None:
        kind = type(heard.body)
        if kind in working.make:
            verdict = working.apply(heard)
            working.verdicts.append((verdict, heard.source))
            if verdict is Verdict.NEWER and heard.source != self.service.source and not self._is_quiet(heard):
                react = self.service.react.get(kind)
                if react is not None:
                    react(working, heard)
            elif verdict in _PARK_FOR:
                working.set_aside(heard, _PARK_FOR[verdict], f"{heard.subject} belongs to another writer or numbering")
        elif kind in self.service.decide and not working.is_known(heard):
            if working.is_blocked(_scope(heard), _arrival(heard)):
                working.set_aside(
                    heard, Reason.BEHIND_PARKED, "an earlier request about the same person and session is parked"
                )
            elif self._is_quiet(heard):
                expires_at = heard.appended_at + dt.timedelta(days=HELD_DAYS)
                session_id, person_id = _scope(heard)
                working.hold(
                    heard, session_id=session_id, person_id=person_id, waits_for="recovery", expires_at=expires_at
                )
            else:
                self.service.decide[kind](working, heard)

    def _is_quiet(self, heard: Heard[Event]) -> bool:
        """Whether it stands before where a recovery ends. Never a command: those come from no partition."""
        if not self.quiet_until:
            return False
        until = self.quiet_until.get(Partition(heard.stream, heard.partition))
        return until is not None and heard.offset < until

    async def _transaction(
        self, batches: Sequence[Batch], decoded: Sequence[Sequence[Read]], *, one_by_one: bool
    ) -> Thought:
        thought = Thought()
        async with self.engine.begin() as connection:
            decoded, known = await self._know_our_own(connection, decoded)
            await self.service.lock(connection, [one for part in decoded for one in part if isinstance(one, Heard)])
            marks = await watermark.lock(connection, [batch.partition for batch in batches])
            fresh = [_from(batch, part, marks[batch.partition]) for batch, part in zip(batches, decoded, strict=True)]
            source = self.service.source
            events = [one for part in fresh for one in part if isinstance(one, Heard)]
            news = [as_said(one, source) for one in events if one.source != source or one.event_id not in known]
            now = self.service.clock()
            writes = Writes()
            if one_by_one:
                aside = await self._one_by_one(connection, news, batches, thought)
            else:
                working, writes = await self._thought(connection, news)
                thought.add(working)
                aside = await self._park(connection, working.aside, batches, now)
            own = [one for one in news if one.source == source and one.stream in self.service.own]
            await journal.enter_heard(connection, own)
            if own:
                await recovery.notice(connection, own[0].stream)
            poison = [poison_row(one, now=now) for part in fresh for one in part if isinstance(one, Poison)]
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
        await parking.park(connection, rows)
        return rows

    async def _know_our_own(
        self, connection: AsyncConnection, decoded: Sequence[Sequence[Read]]
    ) -> tuple[Sequence[Sequence[Read]], set[str]]:
        """Our own facts that the journal holds are rows already, and are known by their ids alone; the others are read."""
        said = [
            one.event_id
            for part in decoded
            for one in part
            if isinstance(one, Echo) or (isinstance(one, Heard) and one.source == self.service.source)
        ]
        known, heard_again = await journal.known(connection, said)
        if known and (heard_again or not self.own_heard):
            # A restored outbox, and one that a lost log filled again, hold what the stream has had for long.
            await journal.acknowledge(connection, said)
        if len(known) < len(said):
            decoded = [
                [decode(one.record) if isinstance(one, Echo) and one.event_id not in known else one for one in part]
                for part in decoded
            ]
        return decoded, known

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
                culprits = [SetAside(one, reason, repr(error)[:500])]
            else:
                thought.add(working)
                culprits = working.aside
            # At once: later requests about the same place look for it.
            aside += await self._park(connection, culprits, batches, self.service.clock())
        return aside


def as_said(heard: Heard[Event], source: str) -> Heard[Event]:
    """An own fact at the time it was decided, not when Kafka got it: its row is the same by whichever way it comes."""
    if heard.source != source:
        return heard
    return replace(heard, appended_at=getattr(heard.body, "decided_at", heard.stated_at))


def _scope(heard: Heard[Event]) -> tuple[str, str]:
    return getattr(heard.body, "session_id", ""), getattr(heard.body, "person_id", "")


def _arrival(heard: Heard[Event]) -> Arrival:
    return heard.appended_at, heard.stream, heard.partition, heard.offset


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
        batch.partition, mark.next_offset, batch.next_offset, last.offset, fingerprint(last), heard, parked, skipped
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
