"""What a piece of work holds in memory: the rows it touches, the facts it says, what it sets aside. No SQL, no clock.

`apply` is the only thing that turns a fact into rows: for facts of others, for our own, live and in a rebuild alike.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel

from shared.contracts import EVENTS
from shared.contracts.model import Event, Fact, Request
from shared.contracts.rules import SourceTakenOver
from shared.events.envelope import Heard, Reason, about_of, digest_of, scope_of, subject_of
from shared.events.streams import STREAMS
from shared.state.rows import FactRow, Row, Rows, fields_of
from shared.state.succession import Claim, Handover, Succession
from shared.values import immutable

R = TypeVar("R", bound=Row)


class Verdict(StrEnum):
    """What a fact is to the row that an earlier one made."""

    NEWER = "newer"
    STALE = "stale"
    FORMER = "former"
    """Said after somebody else had taken over: its writer may not know."""
    DUPLICATE = "duplicate"
    ERASED = "erased"
    FOREIGN = "foreign"
    RENUMBERED = "renumbered"
    ID_REUSED = "id_reused"
    """Another statement under the version and the id of one that was made: which of them is meant nobody can know."""


@immutable
class Takeover(FactRow):
    """`to_source` replaces `from_source` on a stream from now on. Every statement of the rule is kept: what was said under it counts."""

    KEY: ClassVar = ("rule_id", "event_id", "version")

    rule_id: str
    in_stream: str
    from_source: str
    to_source: str
    offset: int = field(compare=False)
    """Where it stands among the rules: several may have been appended in one millisecond."""

    def handover(self) -> Handover:
        said = (self.rule_id, self.version, self.in_stream, self.from_source, self.to_source)
        return Handover(self.heard_at, self.offset, *said)


@immutable
class OtherWriter(FactRow):
    """The last that somebody other than its owner said about an aggregate: which fact it was, not what it said."""

    KEY: ClassVar = ("kind", "subject", "source")

    kind: str
    """Of row."""
    subject: str
    content: str
    """A checksum."""


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


@immutable
class Said:
    """A fact of our own, on its way to journal and outbox."""

    event_id: str
    version: int
    said_at: dt.datetime
    correlation_id: str | None
    causation_id: str | None
    body: Fact


@immutable
class SetAside:
    """An event that goes to the parked ones."""

    heard: Heard[Event]
    reason: Reason
    detail: str


def compare(old: FactRow, new: FactRow) -> Verdict:
    """What a fact is to another one of the same writer. A tie goes to the later one, unless it says the same, or has the same id.

    Later in the log, that is: one that was parked is let in after facts that stand behind it, and must come to the same row.
    Of a writer with one id for all it says (CloudEvents: source and id name one event) a higher version is news all the same.
    """
    if new.version != old.version:
        return Verdict.NEWER if new.version > old.version else Verdict.STALE
    if replace(old, event_id=new.event_id, heard_at=new.heard_at) == new:
        return Verdict.NEWER if new.heard_at < old.heard_at else Verdict.DUPLICATE
    if old.event_id == new.event_id:
        return Verdict.NEWER if new.heard_at < old.heard_at else Verdict.ID_REUSED
    return Verdict.NEWER if new.heard_at >= old.heard_at else Verdict.STALE


_BY_CLAIM = {
    Claim.OUTRANKS: Verdict.NEWER,
    Claim.OUTRANKS_UNLESS_GIVEN_BACK: Verdict.FOREIGN,  # Set aside, and let in by itself within seconds.
    Claim.OUTRANKED: Verdict.STALE,
    Claim.OUTRANKED_SINCE: Verdict.FORMER,
    Claim.NONE: Verdict.FOREIGN,
}

_REMEMBERED = (Verdict.NEWER, Verdict.STALE, Verdict.FORMER)
"""Also what was said after a takeover that its writer did not know of: whoever hears it before the rule has taken it for news."""

Arrival = tuple[dt.datetime, str, int, int]
"""When and where a record was heard: append time, stream, partition, offset."""

MakeRow = Callable[[Heard[Any]], FactRow]
Derive = Callable[["Working", FactRow | None, FactRow, Heard[Any]], None]
"""Makes the rows that follow from a row: due moments, answers. Part of `apply`."""
Remember = Callable[["Working", FactRow, Heard[Any]], None]
"""Keeps of a fact, also of one that comes late, what the aggregate's row does not show: given that row. Part of `apply`."""


def meta(heard: Heard[Any]) -> tuple[str, int, bool, str, dt.datetime]:
    """The first five fields of every FactRow."""
    return heard.source, heard.version, heard.numbered, heard.event_id, heard.appended_at


def other_writer(row: FactRow, subject: str) -> OtherWriter:
    """What is remembered of a fact that made no row, or whose row another writer's fact has replaced."""
    said = {name: getattr(row, name) for name in fields_of(type(row)) if name not in _META}
    content = hashlib.blake2b(json.dumps(said, default=_plain, sort_keys=True).encode(), digest_size=12).hexdigest()
    meta = (row.source, row.version, row.numbered, row.event_id, row.heard_at)
    return OtherWriter(*meta, type(row).__name__, subject, content)


_META = frozenset(fields_of(FactRow))


def _plain(value: Any) -> Any:
    """The same for values that are equal, whether they come from a record or from a table."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        value = value.astimezone(dt.UTC)
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def takeover_of(heard: Heard[SourceTakenOver]) -> Takeover:
    body = heard.body
    return Takeover(*meta(heard), body.rule_id, body.in_stream, body.from_source, body.to_source, heard.offset)


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
    rows: dict[type[Row], Rows[Any]] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    aside: list[SetAside] = field(default_factory=list)
    verdicts: list[tuple[Verdict, str]] = field(default_factory=list)
    erasures: list[Heard[Any]] = field(default_factory=list)
    """What was heard of people who want to be, or have to be, unknown here."""
    all_rules_known: bool = False
    """Whether everything that was said about takeovers by now has been heard. Else what a former writer seems to have said late is
    not overwritten yet: it may have been given back its place by a rule that was not heard so far."""
    blocked: dict[str, Arrival] = field(default_factory=dict)
    """The scopes of parked requests and when the first of each arrived: later ones wait behind it."""

    def __getitem__(self, kind: type[R]) -> Rows[R]:
        found = self.rows.get(kind)
        if found is None:
            found = self.rows[kind] = Rows(kind)
        return found

    def apply(self, heard: Heard[Any]) -> Verdict:
        """Turns a fact into its row, unless the row knows better."""
        row = self.make[type(heard.body)](heard)
        rows = self[type(row)]
        return self._apply(heard, rows, rows.get(*rows.key(row)), row)

    def _apply(self, heard: Heard[Any], rows: Rows[Any], old: FactRow | None, row: FactRow) -> Verdict:
        verdict = self._verdict(old, row, heard)
        if verdict is Verdict.NEWER:
            rows.put(row)
            if derive := self.derive.get(type(row)):
                derive(self, old, row, heard)
        if verdict in _REMEMBERED and (remember := self.remember.get(type(heard.body))):
            remember(self, row if verdict is Verdict.NEWER else old or row, heard)
        return verdict

    def _verdict(self, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> Verdict:
        if old is None:
            old = self._of_the_same_rule(new)
            if old is None:
                return Verdict.NEWER
            if not self._are_of_one_house(heard.stream, old, new):
                return Verdict.FOREIGN
            renumbered = old.source == new.source and old.numbered != new.numbered
            return Verdict.RENUMBERED if renumbered else Verdict.NEWER
        ends = getattr(new, "erased", False)
        if getattr(old, "erased", False):
            return Verdict.NEWER if ends and new.heard_at < old.heard_at else Verdict.ERASED
        if heard.tombstone:
            verdict = Verdict.NEWER  # It names no writer: it speaks for the owner, whoever that is.
        elif old.source != new.source:
            verdict = self._between_writers(heard, old, new)
        else:
            verdict = compare(old, new) if old.numbered == new.numbered else Verdict.RENUMBERED
        if ends and self._are_of_one_house(heard.stream, old, new):
            verdict = Verdict.NEWER  # The last value, however late it is heard: a name must not outlive its erasure.
        if ends and verdict is Verdict.NEWER:
            for other in self[OtherWriter].where("subject", heard.subject):
                self[OtherWriter].remove(*self[OtherWriter].key(other))
        return verdict

    def _of_the_same_rule(self, new: FactRow) -> FactRow | None:
        """Each statement about a takeover has a row of its own, but a rule belongs to whoever stated it first."""
        if not isinstance(new, Takeover):
            return None
        said = self[Takeover].where("rule_id", new.rule_id)
        return min(said, key=Takeover.handover, default=None)

    def _are_of_one_house(self, stream: str, old: FactRow, new: FactRow) -> bool:
        owner = STREAMS[stream].owner
        return (
            old.source == new.source
            or owner in (old.source, new.source)
            or self._succession(stream).are_related(old.source, new.source)
        )

    def _between_writers(self, heard: Heard[Any], old: FactRow, new: FactRow) -> Verdict:
        """The first writer owns an aggregate, until another takes over; a service owns its own stream over an importer.

        What somebody else said before is remembered, without what it said: a duplicate of it is nothing new, also when
        its writer has been given back its place.
        """
        owner = STREAMS[heard.stream].owner
        if new.source == owner:
            return Verdict.NEWER
        if old.source == owner:
            return Verdict.STALE
        others = self[OtherWriter]
        said = others.get(type(new).__name__, heard.subject, new.source)
        news = other_writer(new, heard.subject)
        if said is not None:
            if said.numbered != news.numbered:
                return Verdict.RENUMBERED
            again = compare(said, news)
            if again in (Verdict.STALE, Verdict.ID_REUSED):
                return again
            if again is Verdict.DUPLICATE:
                news = said  # When it was first said counts.
        claim = self._succession(heard.stream).claim(
            new.source, news.heard_at, against=old.source, said_at=old.heard_at
        )
        verdict = _BY_CLAIM[claim]
        if claim is Claim.OUTRANKS_UNLESS_GIVEN_BACK and self.all_rules_known:
            verdict = Verdict.NEWER
        if verdict is Verdict.NEWER:
            others.remove(*others.key(news))
            others.put(other_writer(old, heard.subject))
        else:
            others.put(news)
        return verdict

    def writer_of(self, heard: Heard[Any]) -> str | None:
        """Whose the aggregate is that a fact is about; None: nobody has stated it."""
        row = self.make[type(heard.body)](heard)
        rows = self[type(row)]
        owner = rows.get(*rows.key(row)) or self._of_the_same_rule(row)
        return owner.source if owner is not None else None

    def _succession(self, stream: str) -> Succession:
        return Succession(map(Takeover.handover, self[Takeover]), stream)

    def owns(self, row: FactRow, stream: str) -> bool:
        """Whether we may state this aggregate of our own stream: it is ours, or was taken over from whoever stated it first."""
        if row.source == self.source:
            return True
        claim = self._succession(stream).claim(self.source, self.now, against=row.source, said_at=self.now)
        return claim in (Claim.OUTRANKS, Claim.OUTRANKS_UNLESS_GIVEN_BACK)

    def say(self, fact: Fact, *, cause: Heard[Any] | None = None) -> None:
        """States a fact of our own: applied to the rows here and now, and staged for journal and outbox."""
        make = self.make[type(fact)]
        draft = Heard(
            stream=type(fact).stream,
            partition=-1,
            offset=-1,
            appended_at=getattr(fact, "decided_at", self.now),
            event_id=self.new_id(),
            source=self.source,
            subject=subject_of(fact),
            stated_at=self.now,
            version=1,
            numbered=True,
            correlation_id=(cause.correlation_id or cause.event_id) if cause else None,
            causation_id=cause.event_id if cause else None,
            traceparent=cause.traceparent if cause else None,
            body=fact,
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
        self.said.append(Said(draft.event_id, draft.version, self.now, draft.correlation_id, draft.causation_id, fact))

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

    def waits_its_turn(self, request: Request) -> bool:
        """Whether an earlier request of the same scope is held."""
        scope = scope_of(request)
        return scope is not None and bool(self[Held].where("scope", scope))

    def is_known(self, heard: Heard[Any]) -> bool:
        """Whether a request of this source and id has been answered, or is held, already."""
        return self._answer_to(heard) is not None or self[Held].get(heard.source, heard.event_id) is not None

    def is_repeated(self, heard: Heard[Any]) -> bool:
        """Whether the request known under this source and id asked the same: its kind and all of its content."""
        answer, held = self._answer_to(heard), self[Held].get(heard.source, heard.event_id)
        if answer is not None:
            return _asks_the_same(heard.body, answer)
        if held is None:
            return False
        return digest_of(EVENTS[held.type].model_validate_json(held.body)) == digest_of(heard.body)

    def leave_unchanged(self, heard: Heard[Any], outcome: str, event_id: str) -> None:
        """Answers a request that asks for what is so already: there is nothing to say, and it is known all the same. `event_id`:
        the fact that said so."""
        asked = (heard.subject, heard.body.asks_for, digest_of(heard.body))
        self[Unchanged].put(Unchanged(heard.source, heard.event_id, *asked, outcome, 0, event_id))

    def _answer_to(self, heard: Heard[Any]) -> Answer | None:
        key = (heard.source, heard.event_id)
        return self[Answer].get(*key) or self[Unchanged].get(*key)


def _asks_the_same(request: Request, answer: Answer) -> bool:
    """By the digest; by what the answer is about where it stems from a fact without one, of an archive."""
    if answer.request_digest is not None:
        return answer.request_digest == digest_of(request)
    return (request.asks_for, subject_of(request)) == (answer.kind, answer.subject)
