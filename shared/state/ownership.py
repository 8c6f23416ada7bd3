"""Whose word counts about a row: one writer an aggregate until another takes over, and of one writer the newest.

A verdict is all that comes of it here, and what is remembered of the words that made no row. Pure: no SQL, no clock.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import field, replace
from enum import StrEnum
from typing import Any, ClassVar, Protocol, TypeVar, assert_never

from pydantic import BaseModel

from shared.contracts.rules import SourceTakenOver
from shared.events.envelope import Heard
from shared.events.streams import STREAMS
from shared.state.rows import FactRow, Row, Rows, fields_of, meta
from shared.state.succession import Claim, Handover, Succession
from shared.values import immutable

R = TypeVar("R", bound=Row)
F = TypeVar("F", bound=FactRow)


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


def by_claim(claim: Claim, *, all_rules_known: bool) -> Verdict:
    """What a fact is by its writer's claim against the row's."""
    match claim:
        case Claim.OUTRANKS:
            return Verdict.NEWER
        case Claim.OUTRANKS_UNLESS_GIVEN_BACK:
            return Verdict.NEWER if all_rules_known else Verdict.FOREIGN  # Set aside, and let in within seconds.
        case Claim.OUTRANKED:
            return Verdict.STALE
        case Claim.OUTRANKED_SINCE:
            return Verdict.FORMER
        case Claim.NONE:
            return Verdict.FOREIGN
        case never:
            assert_never(never)


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


class Known(Protocol):
    """The rows that a verdict looks at, and whether everything that was said about takeovers is among them."""

    all_rules_known: bool

    def __getitem__(self, kind: type[R]) -> Rows[R]: ...


def verdict_on(known: Known, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> Verdict:
    """What a heard fact is to the row that stands, if one does."""
    if old is None:
        old = of_the_same_rule(known, new)
        if old is None:
            return Verdict.NEWER
        if not _are_of_one_house(known, heard.stream, old, new):
            return Verdict.FOREIGN
        renumbered = old.source == new.source and old.numbered != new.numbered
        return Verdict.RENUMBERED if renumbered else Verdict.NEWER
    ends = getattr(new, "erased", False)
    if getattr(old, "erased", False):
        return Verdict.NEWER if ends and new.heard_at < old.heard_at else Verdict.ERASED
    if heard.tombstone:
        verdict = Verdict.NEWER  # It names no writer: it speaks for the owner, whoever that is.
    elif old.source != new.source:
        verdict = _between_writers(known, heard, old, new)
    else:
        verdict = compare(old, new) if old.numbered == new.numbered else Verdict.RENUMBERED
    if ends and _are_of_one_house(known, heard.stream, old, new):
        verdict = Verdict.NEWER  # The last value, however late it is heard: a name must not outlive its erasure.
    if ends and verdict is Verdict.NEWER:
        for other in known[OtherWriter].where("subject", heard.subject):
            known[OtherWriter].remove(*known[OtherWriter].key(other))
    return verdict


def of_the_same_rule(known: Known, new: FactRow) -> FactRow | None:
    """Each statement about a takeover has a row of its own, but a rule belongs to whoever stated it first."""
    if not isinstance(new, Takeover):
        return None
    said = known[Takeover].where("rule_id", new.rule_id)
    return min(said, key=Takeover.handover, default=None)


def _are_of_one_house(known: Known, stream: str, old: FactRow, new: FactRow) -> bool:
    owner = STREAMS[stream].owner
    return (
        old.source == new.source
        or owner in (old.source, new.source)
        or succession(known, stream).are_related(old.source, new.source)
    )


def _between_writers(known: Known, heard: Heard[Any], old: FactRow, new: FactRow) -> Verdict:
    """The first writer owns an aggregate, until another takes over; a service owns its own stream over an importer.

    What somebody else said before is remembered, without what it said: a duplicate of it is nothing new, also when
    its writer has been given back its place.
    """
    owner = STREAMS[heard.stream].owner
    if new.source == owner:
        return Verdict.NEWER
    if old.source == owner:
        return Verdict.STALE
    others = known[OtherWriter]
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
    claim = succession(known, heard.stream).claim(new.source, news.heard_at, against=old.source, said_at=old.heard_at)
    verdict = by_claim(claim, all_rules_known=known.all_rules_known)
    if verdict is Verdict.NEWER:
        others.remove(*others.key(news))
        others.put(other_writer(old, heard.subject))
    else:
        others.put(news)
    return verdict


def succession(known: Known, stream: str) -> Succession:
    """Who came after whom on a stream."""
    return Succession(map(Takeover.handover, known[Takeover]), stream)


def keep_statement(rows: Rows[F], said: F, current: FactRow, *, about: Sequence[str]) -> None:
    """Keeps one statement among all about its aggregate, in whatever order they are heard. `about`: the fields that name the aggregate.

    Its owner, who made `current`, may be another one by now: then it is judged here whether the writer kept to one way of numbering.
    """
    aggregate = [getattr(said, name) for name in about]
    if said.source != current.source and any(
        one.source == said.source and one.numbered != said.numbered
        for one in rows.where(about[0], aggregate[0])
        if [getattr(one, name) for name in about] == aggregate
    ):
        return
    old = rows.get(*rows.key(said))
    if old is None or compare(old, said) is Verdict.NEWER:
        rows.put(said)
