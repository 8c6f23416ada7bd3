"""Who of a group that is claimed has a turn now, and when the others ask again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import store
from services.notifications.decisions import Attempt
from services.notifications.ledger import OpenNotice
from services.notifications.pacing import ALL, PACED, Rates, take_turns
from services.notifications.urgency import Priority
from shared.state.working import Working

Claimed = tuple[OpenNotice, Attempt]
"""An attempt, and the notice as it was before."""


class Turns:
    """Gives turns at the pace that the settings allow. Where they set none, nothing is asked and nothing is written."""

    def __init__(self, rates: Rates) -> None:
        self._rates = rates

    def most(self, number: int) -> int:
        """How many of so many are worth claiming at once."""
        overall = self._rates.overall
        return number if overall is None else min(number, max(1, overall.saved // overall.interval))

    async def given(
        self, connection: AsyncConnection, working: Working, claimed: Sequence[Claimed], *, key: str
    ) -> tuple[list[Attempt], float]:
        """The attempts that are made now, and for how many seconds nobody has a turn. The others are put back as they were before they were
        claimed. `key`: what domains are digested under."""
        if not claimed or not self._rates.are_set:
            return [attempt for _, attempt in claimed], 0.0
        by_domain = self._rates.to_a_domain is not None
        names = [_named(domain_of(attempt), key) if by_domain else ALL for _, attempt in claimed]
        # Of all together only if it is asked: whoever claims would wait for whoever else does.
        await store.load_paces(connection, working, {*names, *([ALL] if self._rates.overall is not None else [])})
        wanted = [
            (name, Priority(attempt.notice.priority), before.problem == PACED)
            for name, (before, attempt) in zip(names, claimed, strict=True)
        ]
        again, free_at = take_turns(working, wanted, self._rates)
        made = []
        for (before, attempt), later in zip(claimed, again, strict=True):
            if later is None:
                made.append(attempt)
                continue
            at = before.next_attempt_at if later <= working.now else later
            problem = before.problem if later <= working.now else PACED
            working[OpenNotice].put(replace(put_back(before, attempt), next_attempt_at=at, problem=problem))
        return made, (free_at - working.now).total_seconds()


def put_back(before: OpenNotice, attempt: Attempt) -> OpenNotice:
    """As it was before it was claimed; but a lease that had run out is gone, and known as a doubt."""
    claimed = attempt.notice
    return replace(before, doubts=claimed.doubts, lease=None, lease_until=None, priority=claimed.priority)


def domain_of(attempt: Attempt) -> str:
    contact = attempt.truth.to.contact
    return ((contact.email if contact is not None else None) or "").rpartition("@")[2].lower()


def _named(domain: str, key: str) -> str:
    return hashlib.blake2b(domain.encode(), key=key.encode()[:64], digest_size=12).hexdigest()
