"""What is written of a group of notices: their attempts before these are made, and what became of them, under the lease.

Each is one transaction; a notice that is refused for its content holds back no other.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import abandoned, store
from services.notifications.decisions import Attempt, Outcome, Terms, claim, postpone, settle
from services.notifications.differences import Queue
from services.notifications.kinds.kind import Rules
from services.notifications.ledger import OpenNotice
from services.notifications.tables import Pair
from services.notifications.turns import Claimed
from services.notifications.untold import Truth
from shared.backoff import Backoff
from shared.deciding.transaction import Decider
from shared.events.envelope import Reason
from shared.faults import Fault, classify, told
from shared.state.working import Working
from shared.values import immutable

log = structlog.get_logger()


@immutable
class Group:
    """Notices that are carried together: from where, under which lease, and by which rules."""

    queue: Queue
    lease: str
    rules: Rules
    terms: Terms


WithATurn = Callable[[AsyncConnection, Working, Group, Sequence[Claimed]], Awaitable[list[Attempt]]]
"""Which attempts leave now; the others are put back."""


class Claims:
    """Writes for one process. `closed` is told of notices that are closed without an attempt: nothing was planned about these meanwhile."""

    def __init__(
        self, decider: Decider, *, with_a_turn: WithATurn, closed: Callable[[Iterable[OpenNotice]], None]
    ) -> None:
        self.under_way: set[str] = set()
        """Leases of groups that are not settled yet. Should one run out while the database is away, its holder is not gone: its outcomes
        will be written, and until then there is no doubt about them."""
        self._decider = decider
        self._service = decider.service
        self._with_a_turn = with_a_turn
        self._closed = closed

    async def claim(self, group: Group, *, most: int) -> tuple[list[Attempt], int]:
        """Commits the attempts before they are made. Returns them, and how many notices were looked at."""
        try:
            return await self._claim_together(group, most=most)
        except Exception as error:
            if classify(error) is Fault.TRANSIENT:
                raise
            log.warning("claim refused, claiming one by one", error=told(error))
            return await self._claim_one_by_one(group, most=most)

    async def _claim_together(self, group: Group, *, most: int) -> tuple[list[Attempt], int]:
        async with self._decider.unit_of_work() as (connection, thought):
            working = self._service.working(self._service.clock())
            taken = await self._take(connection, working, group, most)
            found = [(notice, claim(working, notice, truth, group.lease, group.terms)) for notice, truth in taken]
            claimed = [(notice, attempt) for notice, attempt in found if attempt is not None]
            attempts = await self._with_a_turn(connection, working, group, claimed)
            await self._decider.write(connection, working)
            thought.add(working)
        self._closed(notice for notice, attempt in found if attempt is None)
        return attempts, len(taken)

    async def _claim_one_by_one(self, group: Group, *, most: int) -> tuple[list[Attempt], int]:
        """Each notice in a transaction of its own, so that the one that is refused holds back no other mail."""
        attempts: list[Attempt] = []
        for number in range(most):
            try:
                found, attempt = await self._claim_one(group)
            except Exception as error:
                if not attempts:
                    raise
                log.warning("claiming ended early", error=told(error))  # What is claimed by now has to be sent.
                return attempts, number
            if not found:
                return attempts, number
            attempts += [attempt] if attempt else []
        return attempts, most

    async def _claim_one(self, group: Group) -> tuple[bool, Attempt | None]:
        """Claims the next notice, or postpones it if that is refused. Returns whether there was one, and its attempt."""
        async with self._decider.unit_of_work() as (connection, thought):
            working = self._service.working(self._service.clock())
            taken = await self._take(connection, working, group, 1)
            if not taken:
                return False, None
            ((notice, truth),) = taken
            try:
                async with connection.begin_nested():
                    attempt = claim(working, notice, truth, group.lease, group.terms)
                    is_closed = attempt is None
                    claimed = [(notice, attempt)] if attempt is not None else []
                    attempt = next(iter(await self._with_a_turn(connection, working, group, claimed)), None)
                    await self._decider.write(connection, working)
            except Exception as error:
                fault = classify(error)
                if fault is Fault.TRANSIENT:
                    raise
                log.error("notice postponed: it cannot be claimed", notice_id=notice.notice_id, error=told(error),
                          exc_info=fault is Fault.BUG)  # fmt: skip
                attempt, is_closed, working = None, True, self._service.working(working.now)
                problem = Reason.REFUSED_BY_DATABASE if fault is Fault.CONTENT else Reason.UNDECIDABLE
                postpone(working, notice, problem, group.terms)
                await self._decider.write(connection, working)
            thought.add(working)
        self._closed([notice] if is_closed else [])
        return True, attempt

    async def _take(
        self, connection: AsyncConnection, working: Working, group: Group, most: int
    ) -> list[tuple[OpenNotice, Truth]]:
        its: dict[str, Any] = {"most": most, "under_way": self.under_way, "rules": group.rules}
        taken = await store.take(connection, working, group.queue, **its)
        return taken or await abandoned.take(connection, working, group.queue, **its)

    async def settle(self, group: Group, outcomes: Sequence[tuple[Attempt, Outcome]]) -> None:
        """Writes outcomes, however long the database takes to come back: only it knows whether the lease still holds."""
        backoff = Backoff(0.1, 10)
        while outcomes:
            try:
                await self._settle_once(group, outcomes)
                return
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT and len(outcomes) > 1:
                    log.exception("outcomes refused, writing them one by one")
                    culprits = []
                    for one in outcomes:
                        try:
                            await self.settle(group, [one])
                        except Exception as culprit:  # The others' mails have left: unwritten, they would leave again.
                            culprits.append(culprit)
                    if culprits:
                        raise culprits[0] from error
                    return
                if classify(error) is not Fault.TRANSIENT:
                    raise
                backoff.failed(error, where="writing outcomes")
                await backoff.wait()

    async def _settle_once(self, group: Group, outcomes: Sequence[tuple[Attempt, Outcome]]) -> None:
        by_pair = {pair_of(attempt.notice): outcome for attempt, outcome in outcomes}
        async with self._decider.unit_of_work() as (connection, thought):
            working = self._service.working(self._service.clock())
            await store.load_leased(connection, working, list(by_pair), group.lease)
            for notice in working[OpenNotice]:
                settle(working, notice, by_pair[pair_of(notice)], group.terms)
            if len(working[OpenNotice]) < len(by_pair) and not working.said:
                log.warning("a lease was lost", lease=group.lease)
            await self._decider.write(connection, working)
            thought.add(working)


def pair_of(notice: OpenNotice) -> Pair:
    return notice.recipient, notice.about
