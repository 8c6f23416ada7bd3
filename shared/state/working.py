"""What a piece of work holds in memory: the rows it touches, the facts it says, what it sets aside. No SQL, no clock.

`apply` is the only thing that turns a fact into rows: for facts of others, for our own, live and in a rebuild alike.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar, cast

from shared.contracts import EVENTS
from shared.contracts.model import Event, Fact, Request
from shared.events.envelope import Heard, Reason, about_of, digest_of, scope_of, subject_of
from shared.state.ownership import Verdict, of_the_same_rule, succession, verdict_on
from shared.state.rows import FactRow, Row, Rows
from shared.state.succession import Claim
from shared.values import immutable

R = TypeVar("R", bound=Row)


@immutable
class Held(Row):
    """A request that waits for what it is about to become known."""

    KEY: ClassVar = ("request_source", "request_id")

    request_source: str
    request_id: str
    type: str
    stream: str
    partition: int
    offset: int
    appended_at: dt.datetime
    stated_at: dt.datetime
    subject: str
    about: tuple[str, ...]
    """Whatever arrives about one of these may let it be decided; its last moment is a moment of the first."""
    scope: str | None
    """Later requests of the same scope wait their turn."""
    waits_for: str
    expires_at: dt.datetime
    body: str


@immutable
class Answer(Row):
    """Which fact answered a request: the same request sent again changes nothing."""

    KEY: ClassVar = ("request_source", "request_id")

    request_source: str
    request_id: str
    subject: str
    """Of the request."""
    kind: str
    """What was asked for."""
    request_digest: str | None
    """What exactly; None where the fact does not say."""
    outcome: str
    """The type of the fact that answered it."""
    episode: int
    """Which life of what it is about it answered for, where that has several."""
    event_id: str


@immutable
class Unchanged(Answer):
    """An answer that is no fact, for what was asked was so already. Kept: no stream could tell it again."""


@immutable
class Due(Row):
    """A moment at which something about a subject has to be decided. Kind `held`: requests about it have been held for too long."""

    KEY: ClassVar = ("kind", "subject")

    kind: str
    subject: str
    at: dt.datetime


Said = Heard[Fact]
"""A fact of our own, as it was applied, on its way to journal and outbox."""


@immutable
class SetAside:
    """An event that goes to the parked ones."""

    heard: Heard[Event]
    reason: Reason
    detail: str


_REMEMBERED = (Verdict.NEWER, Verdict.STALE, Verdict.FORMER)
"""Also what was said after a takeover that its writer did not know of: whoever hears it before the rule has taken it for news."""

Arrival = tuple[dt.datetime, str, int, int]
"""When and where a record was heard: append time, stream, partition, offset."""

MakeRow = Callable[[Heard[Any]], FactRow]
Derive = Callable[["Working", FactRow | None, FactRow, Heard[Any]], None]
"""Makes the rows that follow from a row: due moments, answers. Part of `apply`."""
Remember = Callable[["Working", FactRow, Heard[Any]], None]
"""Keeps of a fact, also of one that comes late, what the aggregate's row does not show: given that row. Part of `apply`."""


@dataclass(slots=True)
class Working:
    """The rows, the clock and the consequences of one transaction's thinking."""

    make: Mapping[type[Event], MakeRow]
    source: str
    """Our own `ce_source`."""
    now: dt.datetime
    new_id: Callable[[], str]
    derive: Mapping[type[FactRow], Derive]
    """By the kind of row; from the others nothing follows."""
    remember: Mapping[type[Event], Remember] = field(default_factory=dict)
    """By the type of fact; of the others only the newest is known."""
    rules: Any = None
    """The service's rules with a number."""
    decides: Collection[type[Event]] = ()
    """What may be asked of the service."""
    rows: dict[type[Row], Rows[Any]] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    verdicts: list[tuple[Verdict, str]] = field(default_factory=list)
    unreadable: dict[tuple[str, str], Held] = field(default_factory=dict)
    """Those of the requests asked for by their ids that only a newer release can read: of them it is known that they are held."""
    erasures: list[Heard[Any]] = field(default_factory=list)
    """What was heard of people who want to be, or have to be, unknown here."""
    held_rest: list[Due] = field(default_factory=list)
    """The moments at which the held requests are looked at that were too many for this transaction."""
    held_until: dict[str, dt.datetime] = field(default_factory=dict)
    """Up to where those about a subject have been looked at already, where they are too many for one transaction."""
    all_rules_known: bool = False
    """Whether everything that was said about takeovers by now has been heard. Else what a former writer seems to have said late is
    not overwritten yet: it may have been given back its place by a rule that was not heard so far."""
    blocked: dict[str, Arrival] = field(default_factory=dict)
    """The scopes of parked requests and when the first of each arrived: later ones wait behind it."""

    worked_out: dict[Callable[..., Any], dict[Any, Any]] = field(default_factory=dict)
    """What was worked out of the rows as they stand, by what has worked it out (`worked_out_of`)."""

    def __getitem__(self, kind: type[R]) -> Rows[R]:
        try:
            return self.rows[kind]
        except KeyError:
            found = self.rows[kind] = Rows(kind)
            return found

    def apply(self, heard: Heard[Any]) -> Verdict:
        """Turns a fact into its row, unless the row knows better."""
        row = self.make[type(heard.body)](heard)
        rows = self[type(row)]
        return self._apply(heard, rows, rows.get(*rows.key(row)), row)

    def _apply(self, heard: Heard[Any], rows: Rows[Any], old: FactRow | None, row: FactRow) -> Verdict:
        verdict = verdict_on(self, old, row, heard)
        if verdict is Verdict.NEWER:
            rows.put(row)
            if derive := self.derive.get(type(row)):
                derive(self, old, row, heard)
        if verdict in _REMEMBERED and (remember := self.remember.get(type(heard.body))):
            remember(self, row if verdict is Verdict.NEWER else old or row, heard)
        return verdict

    def writer_of(self, heard: Heard[Any]) -> str | None:
        """Whose the aggregate is that a fact is about; None: nobody has stated it."""
        row = self.make[type(heard.body)](heard)
        rows = self[type(row)]
        owner = rows.get(*rows.key(row)) or of_the_same_rule(self, row)
        return owner.source if owner is not None else None

    def owns(self, row: FactRow, stream: str) -> bool:
        """Whether we may state this aggregate of our own stream: it is ours, or was taken over from whoever stated it first."""
        if row.source == self.source:
            return True
        claim = succession(self, stream).claim(self.source, self.now, against=row.source, said_at=self.now)
        return claim in (Claim.OUTRANKS, Claim.OUTRANKS_UNLESS_GIVEN_BACK)

    def say(self, fact: Fact, *, cause: Heard[Any] | None = None) -> None:
        """States a fact of our own: applied to the rows here and now, and staged for journal and outbox."""
        make = self.make[type(fact)]
        draft = Heard.from_ourselves(
            fact,
            source=self.source,
            event_id=self.new_id(),
            version=1,
            said_at=self.now,
            correlation_id=(cause.correlation_id or cause.event_id) if cause else None,
            causation_id=cause.event_id if cause else None,
        )
        row = make(draft)
        rows = self[type(row)]
        old = rows.get(*rows.key(row))
        if old is not None:
            draft = replace(draft, version=old.version + 1)
            row = make(draft)
        verdict = self._apply(draft, rows, old, row)
        if verdict is not Verdict.NEWER:
            raise RuntimeError(f"our own {draft.type} on {draft.subject} would be {verdict}")
        self.said.append(draft)

    def hold(self, heard: Heard[Any], *, waits_for: str, expires_at: dt.datetime) -> None:
        """Keeps a request until what it waits for becomes known, or until `expires_at`."""
        self[Held].put(
            Held(
                heard.source,
                heard.event_id,
                heard.type,
                heard.stream,
                heard.partition,
                heard.offset,
                heard.appended_at,
                heard.stated_at,
                heard.subject,
                about_of(heard.body),
                scope_of(heard.body),
                waits_for,
                expires_at,
                heard.body.model_dump_json(include=set(type(heard.body).model_fields)),  # Nobody says it again.
            )
        )

    def set_aside(self, heard: Heard[Any], reason: Reason, detail: str) -> None:
        self.aside.append(SetAside(heard, reason, detail))

    def is_blocked(self, scope: str, arrival: Arrival) -> bool:
        """Whether an earlier request of the same scope is parked."""
        first = self.blocked.get(scope)
        return first is not None and first < arrival

    def held_about(self, request: Request) -> Sequence[Held]:
        """What is held about the same: whoever loaded what is held about one of these has it all."""
        about, held = about_of(request), self[Held]
        return held.where("about", next((one for one in about if held.knows(about=one)), about[0]))

    def waits_its_turn(self, request: Request) -> bool:
        """Whether an earlier request of the same scope is held. Those are about the same."""
        scope = scope_of(request)
        return scope is not None and any(one.scope == scope for one in self.held_about(request))

    def is_known(self, heard: Heard[Any]) -> bool:
        """Whether a request of this source and id has been answered, or is held, already."""
        key = (heard.source, heard.event_id)
        is_answered = self[Answer].get(*key) is not None or self[Unchanged].get(*key) is not None
        return is_answered or key in self.unreadable or self[Held].get(*key) is not None

    def is_repeated(self, heard: Heard[Any]) -> bool:
        """Whether the request known under this source and id asked the same: its kind and all of its content."""
        answer, held = self._answer_to(heard), self[Held].get(heard.source, heard.event_id)
        if answer is not None:
            return _asks_the_same(heard.body, answer)
        if held is None or held.type != heard.type:
            return False
        return digest_of(EVENTS[held.type].model_validate_json(held.body)) == digest_of(heard.body)

    def leave_unchanged(self, heard: Heard[Any], outcome: str, event_id: str) -> None:
        """Answers a request that asks for what is so already: there is nothing to say, and it is known all the same. `event_id`:
        the fact that said so."""
        asked = (heard.subject, heard.body.asks_for, digest_of(heard.body))
        self[Unchanged].put(Unchanged(heard.source, heard.event_id, *asked, outcome, 0, event_id))

    def answer(self, answer: Answer) -> None:
        """Keeps which fact answered a request. It waits no longer: an older database may hold what was answered since."""
        self[Answer].put(answer)
        key = (answer.request_source, answer.request_id)
        if key in self.unreadable:
            self[Held].loaded([self.unreadable[key]])
        self[Held].drop(*key)

    def _answer_to(self, heard: Heard[Any]) -> Answer | None:
        key = (heard.source, heard.event_id)
        return self[Answer].get(*key) or self[Unchanged].get(*key)


Function = TypeVar("Function", bound=Callable[..., Any])


def worked_out_of(*kinds: type[Row]) -> Callable[[Function], Function]:
    """Of a pure function of a working set and of ids: it reads rows of these kinds and of no other ones, and what it says of the same ids is
    worked out once, for as long as all of those stay as they are. A thousand codes are read at a few doors."""

    def remembering(function: Function) -> Function:
        @functools.wraps(function)
        def asked(working: Working, *about: Any) -> Any:
            known = working.worked_out.get(function)
            if known is None:
                known = working.worked_out[function] = {}
                for kind in kinds:
                    working[kind].forgets(known)
            try:
                return known[about]
            except KeyError:
                found = known[about] = function(working, *about)
                return found

        WORKED_OUT[function] = kinds
        return cast(Function, asked)

    return remembering


WORKED_OUT: dict[Callable[..., Any], tuple[type[Row], ...]] = {}
"""Of which kinds of row each such function says that it reads them alone."""


def answered_by(body: Event) -> tuple[str, str] | None:
    """Which request a fact answered, by source and id, if it names one."""
    source, request_id = getattr(body, "request_source", None), getattr(body, "request_id", None)
    return (source, request_id) if source and request_id else None


def _asks_the_same(request: Request, answer: Answer) -> bool:
    """By the digest; by what the answer is about where it stems from a fact without one, of an archive."""
    if answer.request_digest is not None:
        return answer.request_digest == digest_of(request)
    return (request.asks_for, subject_of(request)) == (answer.kind, answer.subject)
