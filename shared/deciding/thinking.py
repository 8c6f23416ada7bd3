"""What a service makes of inputs: loads what they touch, hears them one by one in memory, collects what changed.

The same for events, commands, due moments and parked records heard again. Locks nothing, commits nothing, knows no watermark.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar, assert_never

from shared.books import erasing, holding, parking
from shared.books.holding import HELD_TOO_LONG, WAKE
from shared.books.recovery import RECONCILE
from shared.contracts.model import Event
from shared.events.envelope import Heard, Reason, scope_of
from shared.events.streams import Partition
from shared.outbox import journal
from shared.postgres.roundtrips import Reads, Writes
from shared.service import Inputs, Service
from shared.state.ownership import Verdict
from shared.state.rows import Row
from shared.state.working import Arrival, Due, Held, Working, answered_by

D = TypeVar("D", bound="Heard[Event] | Due")
QUIET_FOR = dt.timedelta(days=30)
"""A request that is held for a recovery is looked at when that ends, and says then for how long it waits."""


async def think(
    service: Service,
    reads: Reads,
    inputs: Inputs,
    *,
    quiet_until: Mapping[Partition, int],
    all_rules_known: bool = False,
) -> Working:
    """What came of the inputs. What stands before `quiet_until` decides nothing (shared.books.recovery)."""
    working = service.working(service.clock())
    working.all_rules_known = all_rules_known
    if not inputs:
        return working
    wakes = [one for one in inputs if isinstance(one, Due) and one.kind == WAKE]
    if len(wakes) == len(inputs):  # Together with anything else all that is held is looked at from its start.
        working.held_until = {one.subject: one.at for one in wakes}
    requests = [one for one in inputs if isinstance(one, Heard) and type(one.body) in service.decide]
    holding.load_takeovers(reads, working)
    _load_owners(service, reads, working, inputs)
    holding.load_known_requests(reads, working, requests)
    parking.load_blocked(reads, working, filter(None, (scope_of(one.body) for one in requests)))
    await service.load(reads, working, [_as_asked(one) for one in inputs])
    await reads.run()
    holding.load_other_writers(reads, working, (one for one in inputs if isinstance(one, Heard)))
    await reads.run()
    moved = {one.subject for one in wakes if working[Due].get(one.kind, one.subject) != one}
    for one in inputs:
        if isinstance(one, Due):
            _due(service, working, one)
        else:
            _hear(service, working, one, quiet=_is_quiet(one, quiet_until))
    for moment in working.held_rest:
        if moment.subject not in moved:  # What was looked at meanwhile goes on from where that ended.
            working[Due].put(moment)
    return working


def to_write(service: Service, working: Working) -> Writes:
    """The rows that changed, and the facts said to journal and outbox."""
    writes = Writes()
    for kind, rows in sorted(working.rows.items(), key=lambda item: item[0].__name__):
        if rows.has_changed:  # What is only looked at may be of no table of its own.
            writes.save(service.table(kind), rows)
    journal.enter(writes, working.said)
    erasing.follow(writes, working.erasures)
    return writes


def _load_owners(service: Service, reads: Reads, working: Working, inputs: Inputs) -> None:
    """The rows that the facts and due moments among the inputs are about to change, by key."""
    keys: dict[type[Row], set[tuple[object, ...]]] = {}
    for one in inputs:
        if isinstance(one, Due):
            keys.setdefault(Due, set()).add((one.kind, one.subject))
        elif make := working.make.get(type(one.body)):
            row = make(one)
            keys.setdefault(type(row), set()).add(working[type(row)].key(row))
            if one.source == service.source and (asked := answered_by(one.body)):
                keys.setdefault(Held, set()).add(asked)
    for kind, wanted in sorted(keys.items(), key=lambda item: item[0].__name__):  # Not a statement for each order.
        if kind is Held:
            holding.load_held(reads, working, wanted)
        else:
            reads.by_key(working[kind], service.table(kind), wanted)


def _as_asked(one: D) -> D:
    """To look at more of what is held about a subject is to look at the subject."""
    return replace(one, kind=RECONCILE) if isinstance(one, Due) and one.kind == WAKE else one


def _due(service: Service, working: Working, moment: Due) -> None:
    """A moment that was moved or decided meanwhile is none any more; held requests carry theirs themselves."""
    if moment.kind not in (HELD_TOO_LONG, RECONCILE):
        if working[Due].get(moment.kind, moment.subject) != moment:
            return
        working[Due].remove(moment.kind, moment.subject)
    asked = _as_asked(moment)
    service.due[asked.kind](working, asked)


def _hear(service: Service, working: Working, heard: Heard[Event], *, quiet: bool) -> None:
    kind = type(heard.body)
    if kind in working.make:
        verdict = working.apply(heard)
        working.verdicts.append((verdict, heard.source))
        parked = why_parked(working, heard, verdict)
        if parked is None and erasing.is_erasure(heard):
            working.erasures.append(heard)
        news = verdict is Verdict.NEWER or (verdict is Verdict.STALE and kind in service.late_news)
        if news and heard.source != service.source and not quiet:
            react = service.react.get(kind)
            if react is not None:
                react(working, heard)
        elif parked is not None:
            working.set_aside(heard, *parked)
    elif kind in service.decide and working.is_known(heard):
        if not working.is_repeated(heard):
            working.set_aside(
                heard, Reason.ID_REUSED, f"{heard.event_id} of {heard.source} is the id of another request"
            )
    elif kind in service.decide:
        scope = scope_of(heard.body)
        if scope is not None and working.is_blocked(scope, _arrival(heard)):
            working.set_aside(heard, Reason.BEHIND_PARKED, f"an earlier request about {scope} is parked")
        elif quiet:
            expires_at = heard.appended_at + QUIET_FOR
            working.hold(heard, waits_for="recovery", expires_at=expires_at)
        else:
            set_aside_before = len(working.aside)
            service.decide[kind](working, heard)
            since = working.aside[set_aside_before:]  # All of a batch may be set aside.
            if not working.is_known(heard) and not any(one.heard is heard for one in since):
                raise RuntimeError(
                    f"{heard.type} was neither answered nor held nor set aside: nobody would know it again"
                )


def why_parked(working: Working, heard: Heard[Event], verdict: Verdict) -> tuple[Reason, str] | None:
    """Why a fact of this verdict is set aside, and between whom somebody has to decide; None if it was heard."""
    match verdict:
        case Verdict.NEWER | Verdict.STALE | Verdict.DUPLICATE | Verdict.ERASED:
            return None
        case Verdict.FOREIGN:
            why = f"{heard.subject} belongs to {working.writer_of(heard)}, and {heard.source} states it"
            return Reason.FOREIGN_WRITER, why
        case Verdict.FORMER:
            owner = working.writer_of(heard)
            why = f"{heard.subject} was taken over by {owner} from {heard.source}, who goes on stating it"
            return Reason.FORMER_WRITER, why
        case Verdict.RENUMBERED:
            how = "numbers it now and did not before" if heard.numbered else "numbered it before and does not now"
            return Reason.NUMBERING_CHANGED, f"{heard.source} {how}: {heard.subject}"
        case Verdict.ID_REUSED:
            return Reason.ID_REUSED, f"{heard.source} stated {heard.subject} otherwise under this id and version"
        case never:
            assert_never(never)


def _is_quiet(heard: Heard[Event], quiet_until: Mapping[Partition, int]) -> bool:
    """Whether it stands before where a recovery ends. Never a command: those come from no partition."""
    if not quiet_until:
        return False
    until = quiet_until.get(Partition(heard.stream, heard.partition))
    return until is not None and heard.offset < until


def _arrival(heard: Heard[Event]) -> Arrival:
    return heard.appended_at, heard.stream, heard.partition, heard.offset
