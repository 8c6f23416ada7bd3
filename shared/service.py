"""What a service declares about itself; everything in shared/ works from this. Says what is heard where, never how."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection
from uuid_utils import uuid7

from shared.contracts.model import Event
from shared.contracts.rules import SourceTakenOver, StageOpened, TopicDefined
from shared.events.envelope import Heard
from shared.postgres.database import MACHINERY
from shared.postgres.roundtrips import Reads
from shared.postgres.tables import SHARED_TABLES
from shared.state.ownership import takeover_of
from shared.state.rows import FactRow, Row
from shared.state.working import Derive, Due, MakeRow, Remember, Working

Inputs = Sequence[Heard[Event] | Due]
"""What one transaction thinks about: events as they were heard, commands in the same shape, and due moments."""


def utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def _no_lock(connection: AsyncConnection, inputs: Inputs) -> None:
    """Nobody decides here."""


async def _no_load(reads: Reads, working: Working, inputs: Inputs) -> None:
    """Nothing beyond the rows of the facts themselves is needed."""


async def _none_open(connection: AsyncConnection, now: dt.datetime) -> Sequence[str]:
    """Nothing is ever decided here."""
    return ()


@dataclass(frozen=True)
class Service:
    """One service: the streams it hears, the rows it makes of facts, and what it decides."""

    name: str
    facts: tuple[str, ...]
    """Streams that only inform: the fact lane. Each type makes rows of its own, from which nothing follows."""
    decisions: tuple[str, ...]
    """Streams that make us act: the deciding lane."""
    own: tuple[str, ...]
    """Streams this service writes, heard to their end before it decides, says or mails."""
    make: Mapping[type[Event], MakeRow]
    """The row that each fact makes."""
    tables: Mapping[type[Row], sa.Table]
    react: Mapping[type[Event], Callable[[Working, Heard[Any]], None]] = field(default_factory=dict)
    """What a newly heard fact makes us decide."""
    decide: Mapping[type[Event], Callable[[Working, Heard[Any]], None]] = field(default_factory=dict)
    """What a request makes us decide."""
    due: Mapping[str, Callable[[Working, Due], None]] = field(default_factory=dict)
    """What a due moment makes us decide, by its kind."""
    derive: Mapping[type[FactRow], Derive] = field(default_factory=dict)
    """The rows that follow from rows, by the kind of row they follow from."""
    remember: Mapping[type[Event], Remember] = field(default_factory=dict)
    """What is kept of a fact beside the newest, by its type."""
    late_news: Collection[type[Event]] = ()
    """Those of which one that comes too late to change its row makes us decide, too: of what was then, not of what is."""
    ignores: Collection[type[Event]] = (StageOpened, TopicDefined)
    """What stands on a stream that it hears, and says nothing to it: of all else it makes a row, or decides on it
    (tests/contracts/test_kinds.py). Everybody hears the rules, for their takeovers."""
    lock: Callable[[AsyncConnection, Inputs], Awaitable[None]] = _no_lock
    load: Callable[[Reads, Working, Inputs], Awaitable[None]] = _no_load
    """Asks for what the inputs touch; what it adds last need not be run."""
    touches: Collection[type[Event]] = ()
    """The types that `load` knows: of whatever makes us act it has to know what that looks at."""
    load_derived: Callable[[Reads, Working, Inputs], Awaitable[None]] = _no_load
    """What `derive` and `remember` read beyond the fact's own row; needed in a rebuild, where nothing else is loaded."""
    open_subjects: Callable[[AsyncConnection, dt.datetime], Awaitable[Sequence[str]]] = _none_open
    """After a restore: the subjects of RECONCILE moments, everything about which something may have to be decided."""
    rules: Any = None
    """The rules with a number that the settings say; a decision finds them in its working set."""
    told_within_seconds: float = 0.0
    """How long what we say may wait for company on its way to Kafka: where nobody waits for it, batches cost less."""
    patience: Mapping[str, float] = field(default_factory=dict)
    """Streams of the deciding lane of which, once something came, the next may wait for so many seconds: what comes meanwhile is heard in
    one transaction, which nobody waits for, or which is there sooner than each would be alone. After a while of silence, at once."""
    clock: Callable[[], dt.datetime] = utc_now
    new_id: Callable[[], str] = lambda: str(uuid7())

    def __post_init__(self) -> None:
        unknown = [kind for kind in (*self.react, *self.decide) if kind not in self.touches]
        if unknown:
            names = ", ".join(kind.__name__ for kind in unknown)
            raise TypeError(
                f"{self.name} acts on {names}, and loads nothing for it: whatever it looked at would be refused as not loaded"
            )

    @property
    def source(self) -> str:
        """Our `ce_source`: the same on all replicas and after a restore."""
        return f"rollcall/{self.name}"

    @property
    def heard(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.own, *self.facts, *self.decisions)))

    def working(self, now: dt.datetime) -> Working:
        """An empty working set for one transaction."""
        make: dict[type[Event], MakeRow] = {**self.make, SourceTakenOver: takeover_of}
        return Working(make, self.source, now, self.new_id, self.derive, self.remember, self.rules, self.decide)

    def asked_types(self) -> list[str]:
        """The types of what it decides, as they stand beside a request that is held."""
        return sorted(kind.type_name() for kind in self.decide)

    def table(self, kind: type[Row]) -> sa.Table:
        return SHARED_TABLES[kind] if kind in SHARED_TABLES else self.tables[kind]

    def metadata(self) -> tuple[sa.MetaData, ...]:
        own = {table.metadata for table in self.tables.values()}
        return (MACHINERY, *own)
