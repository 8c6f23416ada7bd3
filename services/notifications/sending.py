"""The sender: carries open notices to the mail server, in groups no larger than the connections that are open.

The attempt is committed, then made, then its outcome written under the lease. Several carriers, and several processes,
work at once; the rows' locks and leases keep them apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import store
from services.notifications.decisions import Attempt, Outcome, Result, claim, postpone, settle
from services.notifications.differences import Queue
from services.notifications.kinds import Subject
from services.notifications.ledger import UNRENDERABLE, OpenNotice
from services.notifications.planning import Planner
from services.notifications.returning import ReturnPath
from services.notifications.settings import NotificationsSettings
from services.notifications.smtp import Line
from services.notifications.tables import Pair, digest_key
from services.notifications.untold import Truth
from services.notifications.urgency import Priority
from services.notifications.writing import Writer
from shared import telemetry
from shared.backoff import Backoff
from shared.contracts.notifications import NoticeOutcome, NoticeSent
from shared.deciding.news import News
from shared.deciding.transaction import Decider
from shared.events.envelope import Reason
from shared.faults import Fault, classify, told
from shared.state.working import Said, Working

log = structlog.get_logger()

_KINDS = tuple(Subject)
"""In the order in which their mails are sent, of one priority."""
FAIR = 8
"""One group in so many is of what has been due for longest, however much there is that goes first."""


class Sender:
    """Sends mail for one process. `problem` says, in a sentence, what keeps it from doing so."""

    def __init__(
        self,
        decider: Decider,
        settings: NotificationsSettings,
        *,
        streams_heard: Callable[[], Awaitable[None]],
    ) -> None:
        self.problem: str | None = None
        self.problem_since: dt.datetime | None = None
        self._decider = decider
        self._engine = decider.engine
        self._service = decider.service
        self._settings = settings
        self._terms = settings.terms()
        self._writer = Writer(decider, settings)
        self._rules = settings.rules
        self._return_path: ReturnPath | None = None
        self._under_way: set[str] = set()
        """Leases of groups that are not settled yet. Should one run out while the database is away, its holder is not gone: its outcomes
        will be written, and until then there is no doubt about them."""
        self._work: asyncio.PriorityQueue[tuple[int, int]] = asyncio.PriorityQueue(
            maxsize=settings.carriers * len(Subject) * len(Priority)
        )
        """For each group that waits for a carrier its priority, and the place of its kind among the kinds."""
        self._groups = 0
        self._longest: Queue | None = None
        """What had been due for longest when the poll last looked."""
        self._poll_at = 0.0
        """By the loop's clock."""
        self._planner = Planner(decider.engine, decider.service, settings, streams_heard=streams_heard, found=self.wake)

    def loops(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        return [self._planner.run, *[self.carry] * self._settings.carriers]

    def news(self, news: News) -> None:
        """Something was heard: there may be something to tell."""
        self._planner.news(news)

    def wake(self, notices: Mapping[Queue | None, int]) -> None:
        """There is something to send: as many carriers as there are groups wake up."""
        with contextlib.suppress(asyncio.QueueFull):
            for queue, number in notices.items():
                if queue is None:  # They settle first: the poll finds them.
                    continue
                for _ in range(
                    0, min(number, self._settings.connections * self._settings.carriers), self._settings.connections
                ):
                    self._work.put_nowait((queue[0], _KINDS.index(queue[1])))

    # --- carrying it -----------------------------------------------------------------------

    async def carry(self) -> None:
        """Takes groups and sends them until cancelled; a group that is on its way is finished first."""
        lines = [Line(self._settings) for _ in range(self._settings.connections)]
        backoff = Backoff(0.5, 30)
        await self._planner.caught_up.wait()
        try:
            while True:
                await backoff.wait()
                try:
                    queue = await self._next()
                    if queue is None:
                        continue
                    ready = await self._open(lines)
                    if ready and await self._finished(self._round(queue, ready)):
                        backoff.worked()
                    elif self.problem:
                        backoff.failed(ConnectionError(self.problem), where="sending mail")
                except Exception as error:
                    self._failed(error, "sending mail", backoff)
        finally:
            await asyncio.gather(*(line.close() for line in lines))

    async def _next(self) -> Queue | None:
        """Waits to be woken, or for the slow poll to find something: in which queue."""
        now = asyncio.get_running_loop().time()
        if now >= self._poll_at:  # Also while there is always work of one kind: another's may have become due again.
            self._poll_at = now + self._settings.send_poll_seconds
            async with self._engine.connect() as connection:
                due = await store.due(connection, self._service.clock(), under_way=self._under_way)
            self._longest = due[0] if len(due) > 1 else None
            self.wake(dict.fromkeys(due, 1))
        self._groups += 1
        if self._longest is not None and self._groups % FAIR == 0:
            return self._longest
        try:
            async with asyncio.timeout(self._settings.send_poll_seconds):
                priority, kind = await self._work.get()
                return Priority(priority), _KINDS[kind]
        except TimeoutError:
            return None

    async def _open(self, lines: Sequence[Line]) -> list[Line]:
        """The connections that are open now; those that are not are tried."""
        problems = await asyncio.gather(*(line.open() for line in lines))
        ready = [line for line in lines if line.is_open]
        if not ready:
            self._is_unwell(next(filter(None, problems), "no connection stays open"))
        return ready

    async def _finished(self, group: Coroutine[Any, Any, bool]) -> bool:
        """Lets a group come to its end although we are told to stop: half-sent mails would be sent twice."""
        task = asyncio.create_task(group)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task], timeout=self._settings.smtp_seconds + 5)
            task.cancel()
            raise

    async def _round(self, queue: Queue, lines: Sequence[Line]) -> bool:
        """Claims, sends and settles one group. False: the server would not hear of it."""
        begun = asyncio.get_running_loop().time()
        lease = self._service.new_id()
        self._under_way.add(lease)
        try:
            return await self._carried(queue, lease, lines, begun)
        finally:
            self._under_way.remove(lease)

    async def _carried(self, queue: Queue, lease: str, lines: Sequence[Line], begun: float) -> bool:
        await self._writer.ready()
        await self._knows_the_way_back()
        attempts, taken = await self._claim(queue, lease, most=len(lines))
        if taken == len(lines):
            self.wake({queue: 1})  # There is probably more than this group.
        deadline = begun + self._settings.smtp_seconds
        sends = (self._send(line, attempt, deadline) for line, attempt in zip(lines, attempts, strict=False))
        outcomes = await asyncio.gather(*sends)
        await self._settle(lease, list(zip(attempts, outcomes, strict=True)))
        for outcome in outcomes:
            telemetry.NOTICES.labels(outcome.result.name.lower()).inc()
        refused = [outcome.code for outcome in outcomes if outcome.result is Result.NOT_TRIED]
        if refused:
            self._is_unwell(f"the mail server takes no mail from us: {refused[0]}")
            return False
        self._is_well()
        return True

    async def _claim(self, queue: Queue, lease: str, *, most: int) -> tuple[list[Attempt], int]:
        """Commits the attempts before they are made. Returns them, and how many notices were looked at."""
        try:
            return await self._claim_together(queue, lease, most=most)
        except Exception as error:
            if classify(error) is Fault.TRANSIENT:
                raise
            log.warning("claim refused, claiming one by one", error=told(error))
            return await self._claim_one_by_one(queue, lease, most=most)

    async def _claim_together(self, queue: Queue, lease: str, *, most: int) -> tuple[list[Attempt], int]:
        async with self._decider.unit_of_work() as (connection, thought):
            working = self._service.working(self._service.clock())
            taken = await self._take(connection, working, queue, most)
            attempts = [claim(working, notice, truth, lease, self._terms) for notice, truth in taken]
            await self._decider.write(connection, working)
            thought.add(working)
        self._look_again(notice for (notice, _), attempt in zip(taken, attempts, strict=True) if attempt is None)
        return [attempt for attempt in attempts if attempt is not None], len(taken)

    async def _claim_one_by_one(self, queue: Queue, lease: str, *, most: int) -> tuple[list[Attempt], int]:
        """Each notice in a transaction of its own, so that the one that is refused holds back no other mail."""
        attempts: list[Attempt] = []
        for number in range(most):
            try:
                found, attempt = await self._claim_one(queue, lease)
            except Exception as error:
                if not attempts:
                    raise
                log.warning("claiming ended early", error=told(error))  # What is claimed by now has to be sent.
                return attempts, number
            if not found:
                return attempts, number
            attempts += [attempt] if attempt else []
        return attempts, most

    async def _claim_one(self, queue: Queue, lease: str) -> tuple[bool, Attempt | None]:
        """Claims the next notice, or postpones it if that is refused. Returns whether there was one, and its attempt."""
        async with self._decider.unit_of_work() as (connection, thought):
            working = self._service.working(self._service.clock())
            taken = await self._take(connection, working, queue, 1)
            if not taken:
                return False, None
            ((notice, truth),) = taken
            try:
                async with connection.begin_nested():
                    attempt = claim(working, notice, truth, lease, self._terms)
                    await self._decider.write(connection, working)
            except Exception as error:
                fault = classify(error)
                if fault is Fault.TRANSIENT:
                    raise
                log.error("notice postponed: it cannot be claimed", notice_id=notice.notice_id, error=told(error),
                          exc_info=fault is Fault.BUG)  # fmt: skip
                attempt, working = None, self._service.working(working.now)
                problem = Reason.REFUSED_BY_DATABASE if fault is Fault.CONTENT else Reason.UNDECIDABLE
                postpone(working, notice, problem, self._terms)
                await self._decider.write(connection, working)
            thought.add(working)
        self._look_again([] if attempt else [notice])
        return True, attempt

    async def _take(
        self, connection: AsyncConnection, working: Working, queue: Queue, most: int
    ) -> list[tuple[OpenNotice, Truth]]:
        return await store.take(connection, working, queue, most=most, under_way=self._under_way, rules=self._rules)

    async def _send(self, line: Line, attempt: Attempt, deadline: float) -> Outcome:
        try:
            message, address = self._writer.written(attempt)
        except Exception as error:
            # Also a fault of ours: raised from here it would take the outcomes of the whole group with it.
            log.error("notice cannot be rendered", notice_id=attempt.notice.notice_id,
                      exc_info=not isinstance(error, ValueError))  # fmt: skip
            return Outcome(Result.REFUSED, UNRENDERABLE)
        back = self._return_path.of(attempt.notice.notice_id) if self._return_path else self._settings.sender
        return await line.send(message, sender=back, recipient=address, deadline=deadline)

    async def _knows_the_way_back(self) -> None:
        if self._settings.return_path is not None and self._return_path is None:
            async with self._engine.connect() as connection:
                self._return_path = ReturnPath(self._settings.return_path, await digest_key(connection))

    async def _settle(self, lease: str, outcomes: Sequence[tuple[Attempt, Outcome]]) -> None:
        """Writes outcomes, however long the database takes to come back: only it knows whether the lease still holds."""
        backoff = Backoff(0.1, 10)
        while outcomes:
            try:
                await self._settle_once(lease, outcomes)
                return
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT and len(outcomes) > 1:
                    log.exception("outcomes refused, writing them one by one")
                    culprits = []
                    for one in outcomes:
                        try:
                            await self._settle(lease, [one])
                        except Exception as culprit:  # The others' mails have left: unwritten, they would leave again.
                            culprits.append(culprit)
                    if culprits:
                        raise culprits[0] from error
                    return
                if classify(error) is not Fault.TRANSIENT:
                    raise
                backoff.failed(error, where="writing outcomes")
                await backoff.wait()

    async def _settle_once(self, lease: str, outcomes: Sequence[tuple[Attempt, Outcome]]) -> None:
        by_pair = {_pair(attempt.notice): outcome for attempt, outcome in outcomes}
        async with self._decider.unit_of_work() as (connection, thought):
            working = self._service.working(self._service.clock())
            await store.load_leased(connection, working, list(by_pair), lease)
            for notice in working[OpenNotice]:
                settle(working, notice, by_pair[_pair(notice)], self._terms)
            if len(working[OpenNotice]) < len(by_pair) and not working.said:
                log.warning("a lease was lost", lease=lease)
            await self._decider.write(connection, working)
            thought.add(working)

    # --- afterwards ------------------------------------------------------------------------

    def _look_again(self, closed: Iterable[OpenNotice]) -> None:
        """What a closed notice waited for may have been heard before it was closed: no look could plan anything then."""
        if pairs := [_pair(notice) for notice in closed]:
            self._planner.look_again(pairs)

    def said(self, said: Sequence[Said]) -> None:
        """After a commit: what may have become a difference while the notice was open is looked at again."""
        facts = [one.body for one in said if isinstance(one.body, NoticeOutcome)]
        for have_ended in (False, True):
            its = [fact for fact in facts if (fact.content is None or not isinstance(fact, NoticeSent)) is have_ended]
            if its:
                self._planner.look_again(((fact.recipient, fact.about) for fact in its), have_ended=have_ended)

    def _is_well(self) -> None:
        if self.problem is not None:
            log.info("the mail server answers again", since=self.problem_since)
        self.problem = self.problem_since = None

    def _is_unwell(self, problem: str) -> None:
        self.problem_since = self.problem_since or self._service.clock()
        self.problem = problem

    def _failed(self, error: Exception, where: str, backoff: Backoff) -> None:
        if classify(error) is not Fault.TRANSIENT:
            log.exception("the sender failed", where=where)
        telemetry.FAULTS.labels(self._service.name, "sender").inc()
        backoff.failed(error, where=where)


def _pair(notice: OpenNotice) -> Pair:
    return notice.recipient, notice.about
