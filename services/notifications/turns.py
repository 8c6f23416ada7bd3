"""Who of a group that is claimed has a turn now, and when the others ask again."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import store
from services.notifications.decisions import CLOSING, Attempt, Outcome, Result
from services.notifications.ledger import OpenNotice
from services.notifications.pacing import ALL, PACED, Rates, take_turns
from services.notifications.urgency import Priority
from shared.state.working import Working

Claimed = tuple[OpenNotice, Attempt]
"""An attempt, and the notice as it was before."""


LONGEST_HOLD = dt.timedelta(minutes=15)
MOST_HELD = 10_000
"""Domains; more are not remembered."""


class Held:
    """Domains that are left alone, by one process, because a server closed on a mail to them: 421. Each time twice as long; then one mail is sent
    there, and the next ones once that is taken."""

    def __init__(self, first: dt.timedelta) -> None:
        self._first = first
        self._until: dict[str, tuple[dt.datetime, dt.timedelta]] = {}
        """Until when, and for how long that was."""

    def closed(self, domain: str, now: dt.datetime) -> None:
        until, pause = self._until.get(domain, (now, self._first / 2))
        if until <= now and (domain in self._until or len(self._until) < MOST_HELD):
            pause = min(pause * 2, LONGEST_HOLD)
            self._until[domain] = (now + pause, pause)

    def answered(self, domain: str) -> None:
        self._until.pop(domain, None)

    def until(self, domain: str, now: dt.datetime, *, is_first: bool) -> dt.datetime | None:
        """When a mail to it is looked at again; None: it is tried now. `is_first`: of those that are looked at together."""
        held = self._until.get(domain)
        if held is None or (held[0] <= now and is_first):
            return None
        return max(held[0], now + self._first)


class Turns:
    """Gives turns at the pace that the settings allow, and none to a domain that is left alone. Where they set no pace, nothing is asked and
    nothing is written."""

    def __init__(self, rates: Rates, first_hold: dt.timedelta, *, rehearse_to: str | None = None) -> None:
        self._rates = rates
        self._held = Held(first_hold)
        self._rehearse_to = rehearse_to

    def ended(self, attempt: Attempt, outcome: Outcome, now: dt.datetime) -> None:
        """What an answer to one mail says of the domain that it was for."""
        if outcome.code == CLOSING:
            self._held.closed(self._domain_of(attempt), now)
        elif outcome.result is Result.SENT or outcome.code.startswith("smtp_"):
            self._held.answered(self._domain_of(attempt))

    def _domain_of(self, attempt: Attempt) -> str:
        contact = attempt.truth.to.contact
        email = contact.email if contact is not None else None
        if attempt.notice.rehearses:
            email = self._rehearse_to
        return (email or "").rpartition("@")[2].lower()

    def most(self, number: int) -> int:
        """How many of so many are worth claiming at once."""
        overall = self._rates.overall
        return number if overall is None else min(number, max(1, overall.saved // overall.interval))

    async def given(
        self, connection: AsyncConnection, working: Working, claimed: Sequence[Claimed], *, key: str
    ) -> tuple[list[Attempt], float]:
        """The attempts that are made now, and for how many seconds nobody has a turn. The others are put back as they were before they were
        claimed. `key`: what domains are digested under."""
        claimed = self._not_held(working, claimed)
        if not claimed or not self._rates.are_set:
            return [attempt for _, attempt in claimed], 0.0
        by_domain = self._rates.to_a_domain is not None
        names = [_named(self._domain_of(attempt), key) if by_domain else ALL for _, attempt in claimed]
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

    def _not_held(self, working: Working, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Without those to domains that are left alone, which are put back until then."""
        first, seen = list[Claimed](), set[str]()
        for before, attempt in claimed:
            domain = self._domain_of(attempt)
            until = self._held.until(domain, working.now, is_first=domain not in seen)
            seen.add(domain)
            if until is None:
                first.append((before, attempt))
            else:
                back = put_back(before, attempt)
                working[OpenNotice].put(replace(back, next_attempt_at=until, problem=CLOSING))
        return first


def put_back(before: OpenNotice, attempt: Attempt) -> OpenNotice:
    """As it was before it was claimed; but a lease that had run out is gone, and known as a doubt."""
    claimed = attempt.notice
    return replace(before, doubts=claimed.doubts, lease=None, lease_until=None, priority=claimed.priority)


def _named(domain: str, key: str) -> str:
    return hashlib.blake2b(domain.encode(), key=key.encode()[:64], digest_size=12).hexdigest()
