"""A service's mind without its database: the real `think` over tables in memory, one transaction after the other.

What a service does not load is not known here either. A table is asked by what its loader says it asks for, whatever its SQL is:
that both mean the same is for the tests on a real database to hold.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa

from shared.books import parking
from shared.books.holding import HELD_TOO_LONG
from shared.deciding.thinking import think
from shared.events.envelope import Heard
from shared.events.streams import Partition
from shared.postgres.roundtrips import NONE, Parameters, Reads, Take
from shared.postgres.tables import SHARED_TABLES
from shared.service import Service
from shared.state.ownership import Verdict
from shared.state.rows import EVERY_ROW, Loaded, Row, Rows
from shared.state.working import WORKED_OUT, Due, Held, Said, SetAside, Working

R = TypeVar("R", bound=Row)
T = TypeVar("T")

END_OF_LOG = 2**62


class Mind:
    """What a service knows, has said and has set aside."""

    def __init__(self, service: Service, now: dt.datetime) -> None:
        self.now = now
        self.service = dataclasses.replace(service, clock=lambda: self.now)
        self.said: list[Said] = []
        self.aside: list[SetAside] = []
        self.verdicts: list[Verdict] = []
        self._tables: dict[type[Row], Rows[Any]] = {}

    def __getitem__(self, kind: type[R]) -> Rows[R]:
        """A whole table."""
        return self._tables.setdefault(kind, Rows(kind, EVERY_ROW))

    def hear(self, *inputs: Heard[Any] | Due, quiet: bool = False) -> list[Said]:
        """One transaction. Returns what was said. `quiet`: it stands before where a recovery ends."""
        heard = [one for one in inputs if isinstance(one, Heard)]
        until = {Partition(one.stream, one.partition): END_OF_LOG for one in heard} if quiet else {}
        working = at_once(think(self.service, _Looking(self), inputs, quiet_until=until))
        for kind, rows in working.rows.items():
            for key in rows.removed():
                self[kind].remove(*key)
            for row in rows.changed():
                self[kind].put(row)
        self.said += working.said
        self.aside += working.aside
        self.verdicts += [verdict for verdict, _ in working.verdicts]
        return working.said

    def working(self) -> Working:
        """Everything that is known, as a decision is given it: for looking at what it would come to."""
        working = self.service.working(self.now)
        working.rows = dict(self._tables)
        return knowing_all(self.service, working)

    def pass_to(self, moment: dt.datetime) -> None:
        """Decides everything that is due by then, each in a transaction of its own."""
        self.now = moment
        held = {one.about[0]: one.expires_at for one in self[Held] if one.expires_at <= moment}
        too_long = [Due(HELD_TOO_LONG, subject, at) for subject, at in held.items()]
        for due in sorted([*too_long, *self[Due]], key=lambda one: (one.at, one.kind, one.subject)):
            if due.at <= moment:
                self.hear(due)


def knowing_all(service: Service, working: Working) -> Working:
    """The same for which every table is as it is in memory, also where nothing is in it."""
    for kind in (*service.tables, *SHARED_TABLES):
        working[kind].loaded((), EVERY_ROW)
    return working


@dataclasses.dataclass(slots=True)
class _Narrow(Working):
    """A working set of which only rows of some kinds may be looked at."""

    kinds: tuple[type[Row], ...] = ()

    def __getitem__(self, kind: type[Any]) -> Rows[Any]:
        assert kind in self.kinds, f"reads {kind.__name__} as well"
        return Working.__getitem__(self, kind)


def worked_out_in(*packages: str) -> list[Callable[..., Any]]:
    """What is worked out once there for all who ask (`worked_out_of`)."""
    return [function for function in WORKED_OUT if function.__module__.startswith(packages)]


def reads_what_it_names(function: Callable[..., Any], mind: Mind, ids: Mapping[str, str]) -> None:
    """That such a function looks at no rows but those of the kinds that it names: of others nobody tells it."""
    whole = mind.working()
    about = [ids[name] for name in function.__code__.co_varnames[1 : function.__code__.co_argcount]]
    shared = {one.name: getattr(whole, one.name) for one in dataclasses.fields(whole)}
    narrow = _Narrow(**shared | {"worked_out": {}}, kinds=WORKED_OUT[function])
    assert function(narrow, *about) == function(whole, *about)


def at_once(thinking: Coroutine[Any, Any, T]) -> T:
    """What comes of a coroutine that waits for nothing."""
    try:
        thinking.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise RuntimeError("it waits for something: there is no database here")


class _Looking(Reads):
    """Reads that look into a mind's tables."""

    def __init__(self, mind: Mind) -> None:
        self._mind = mind
        self._looks: list[Callable[[], None]] = []

    def rows(
        self,
        rows: Rows[Any],
        statement: sa.Select[Any],
        parameters: Parameters = NONE,
        *asked: Loaded | Callable[[], Loaded],
        seldom: bool = False,
        kept: Callable[[Sequence[Any]], Iterable[Any]] = iter,
    ) -> None:
        def look() -> None:
            named = [one() if callable(one) else one for one in asked]
            table = self._mind[rows.kind]
            rows.loaded(kept([row for one in named for row in _matching(table, one)]), *named)

        self._looks.append(look)

    def add(self, statement: sa.Select[Any], parameters: Parameters, take: Take, *, seldom: bool = False) -> None:
        if statement is not parking._BLOCKED:  # Nothing is parked in memory: what is set aside is in nobody's way.
            raise NotImplementedError("only rows are known in memory")

    async def run(self) -> None:
        looks, self._looks = self._looks, []
        for look in looks:
            look()


def _matching(table: Rows[R], asked: Loaded) -> Iterable[R]:
    found: Iterable[R] = table
    if asked.fields:
        field, *others = asked.fields
        wanted = ((value, dict(zip(others, rest, strict=True))) for value, *rest in asked.values)
        found = [row for value, besides in wanted for row in table.where(field, value, **besides)]
    return found if asked.only is None else filter(asked.only, found)
