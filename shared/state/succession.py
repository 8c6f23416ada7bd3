"""Who may speak on a stream, and since when: what was said about takeovers, in the order in which it was said. Pure.

Whoever was named last to take over outranks those before, and keeps what they said meanwhile from counting. Somebody who is given back
their place speaks with a new rank from then on; what they said before stays as old as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

BY_NATURE = -1
"""The rank of who stated an aggregate without having taken over from anybody."""


class Handover(NamedTuple):
    """One statement about a takeover, where it stands in the rules' log."""

    said_at: dt.datetime
    offset: int
    rule_id: str
    version: int
    in_stream: str
    from_source: str
    to_source: str


class Claim(StrEnum):
    """What a writer's word is against another one's about the same aggregate."""

    OUTRANKS = "outranks"
    OUTRANKS_UNLESS_GIVEN_BACK = "outranks_unless_given_back"
    """The other one spoke after having been taken over: either in vain, or because a rule not heard yet gave back their place."""
    OUTRANKED = "outranked"
    OUTRANKED_SINCE = "outranked_since"
    """It was said after the other one had taken over."""
    NONE = "none"
    """They have nothing to do with each other."""


class Succession:
    """The takeovers of one stream, from all that were said."""

    def __init__(self, handovers: Iterable[Handover], stream: str) -> None:
        self._handovers: list[Handover] = []
        newest: dict[str, Handover] = {}
        for one in sorted(handovers):
            known = newest.get(one.rule_id)
            # An older wording that came late says nothing, and the same one sent again nothing new.
            if known is None or one.version > known.version or (one.version == known.version and one[4:] != known[4:]):
                newest[one.rule_id] = one
                if one.in_stream == stream:
                    self._handovers.append(one)

    def are_related(self, one: str, other: str) -> bool:
        """Whether takeovers lead from one to the other, in whichever direction."""
        house = {one}
        pairs = [{handover.from_source, handover.to_source} for handover in self._handovers]
        while more := set().union(*(pair for pair in pairs if pair & house)) - house:
            house |= more
        return other in house

    def claim(self, source: str, at: dt.datetime, *, against: str, said_at: dt.datetime) -> Claim:
        """What `source`, speaking at a moment, is to somebody else who spoke at another one."""
        if not self.are_related(source, against):
            return Claim.NONE
        rank, other = self._rank(source, at), self._rank(against, said_at)
        if rank > other:
            since = self._handovers[rank].said_at
            return Claim.OUTRANKS if said_at <= since else Claim.OUTRANKS_UNLESS_GIVEN_BACK
        if rank < other:
            return Claim.OUTRANKED if at <= self._handovers[other].said_at else Claim.OUTRANKED_SINCE
        return Claim.NONE

    def _rank(self, source: str, at: dt.datetime) -> int:
        """By the takeover that let them speak: the last one before, or their first one, which lets in what was said too early.
        Whoever had been taken over before it spoke by nature until then."""
        before = [number for number, one in enumerate(self._handovers) if one.to_source == source and one.said_at <= at]
        if before:
            return before[-1]
        for number, one in enumerate(self._handovers):
            if one.from_source == source:
                return BY_NATURE
            if one.to_source == source:
                return number
        return BY_NATURE
