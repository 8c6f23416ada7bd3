"""The sender: carries open notices to the mail server, in groups no larger than the connections that are open.

The attempt is committed, then made, then its outcome written under the lease. Several carriers, and several processes,
work at once; the rows' locks and leases keep them apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import store
from services.notifications.claiming import Claims, Group, pair_of
from services.notifications.decisions import Attempt, Outcome, Result, Terms
from services.notifications.differences import Queue
from services.notifications.kinds import Subject
from services.notifications.kinds.kind import Rules
from services.notifications.ledger import SHOWN, UNRENDERABLE, OpenNotice
from services.notifications.planning import Planner
from services.notifications.returning import ReturnPath
from services.notifications.settings import NotificationsSettings
from services.notifications.smtp import Line
from services.notifications.staging import Staging
from services.notifications.tables import digest_key
from services.notifications.turns import Claimed, Turns
from services.notifications.urgency import Priority
from services.notifications.writing import Writer
from shared import telemetry
from shared.backoff import Backoff
from shared.contracts.notifications import NoticeOutcome, NoticeSent
from shared.deciding.transaction import Decider
from shared.faults import Fault, classify
from shared.state.working import Said, Working

log = structlog.get_logger()

_KINDS = tuple(Subject)
"""In the order in which their mails are sent, of one priority."""
PATIENCE_SECONDS = 2.0
"""So long a group waits for its last mails; what takes longer is settled by itself, and its connections are missing meanwhile."""
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
        self._writer = Writer(decider, settings)
        self._staging = Staging(settings)
        self._key: str | None = None
        self._return_path: ReturnPath | None = None
        first_hold = dt.timedelta(seconds=settings.retry_first_seconds)
        self._turns = Turns(settings.rates, first_hold, rehearse_to=settings.rehearse_to)
        self._late: set[asyncio.Task[Outcome]] = set()
        """Mails that take longer than the rest of their group."""
        self._stragglers: set[asyncio.Task[None]] = set()
        """What is left of those groups."""
        self._quiet_until = 0.0
        """By the loop's clock: until then no mail has a turn."""
        self._claims = Claims(decider, with_a_turn=self._with_a_turn, closed=self._look_again)
        self._work: asyncio.PriorityQueue[tuple[int, int, bool]] = asyncio.PriorityQueue(
            maxsize=settings.carriers * len(Subject) * len(Priority)
        )
        """For each group that waits for a carrier its priority, the place of its kind among the kinds, and whether it is of the rehearsal."""
        self._groups = 0
        self._longest: Queue | None = None
        """What had been due for longest when the poll last looked."""
        self._poll_at = 0.0
        """By the loop's clock."""
        self.planner = Planner(
            decider.engine,
            decider.service,
            settings,
            staging=self._staging,
            streams_heard=streams_heard,
            found=self.wake,
        )
        """Tells us what there is to send; whatever is heard is told to it (app.py)."""

    def loops(self) -> list[Callable[[], Coroutine[Any, Any, None]]]:
        return [self.planner.run, *[self.carry] * self._settings.carriers]

    def wake(self, notices: Mapping[Queue | None, int], *, rehearses: bool | None = None) -> None:
        """There is something to send: as many carriers as there are groups wake up. `rehearses`: of the rehearsal; None: as mail stands now."""
        rehearses = self._staging.rehearses if rehearses is None else rehearses
        with contextlib.suppress(asyncio.QueueFull):
            for queue, number in notices.items():
                if queue is None:  # They settle first: the poll finds them.
                    continue
                for _ in range(
                    0, min(number, self._settings.connections * self._settings.carriers), self._settings.connections
                ):
                    self._work.put_nowait((queue[0], _KINDS.index(queue[1]), rehearses))

    # --- carrying it -----------------------------------------------------------------------

    async def carry(self) -> None:
        """Takes groups and sends them until cancelled; a group that is on its way is finished first."""
        lines = [Line(self._settings) for _ in range(self._settings.connections)]
        backoff = Backoff(0.5, 30)
        await self.planner.caught_up.wait()
        try:
            while True:
                await backoff.wait()
                try:
                    free = [line for line in lines if not line.is_taken]
                    if not free:
                        await asyncio.wait(self._late, return_when=asyncio.FIRST_COMPLETED)
                        continue
                    found = await self._next()
                    if found is None:
                        continue
                    queue, rehearses = found
                    ready = await self._open(free) if self._is_sent(rehearses=rehearses) else free
                    if ready and await self._finished(self._round(queue, ready, rehearses=rehearses)):
                        backoff.worked()
                    elif self.problem:
                        backoff.failed(ConnectionError(self.problem), where="sending mail")
                except Exception as error:
                    self._failed(error, "sending mail", backoff)
        finally:
            if self._stragglers:
                await asyncio.wait(self._stragglers, timeout=self._settings.smtp_seconds + 5)
            await asyncio.gather(*(line.close() for line in lines))

    async def _next(self) -> tuple[Queue, bool] | None:
        """Waits to be woken, or for the slow poll to find something: in which queue, and whether of the rehearsal."""
        now = asyncio.get_running_loop().time()
        if now < self._quiet_until:
            await asyncio.sleep(min(self._quiet_until - now, self._settings.send_poll_seconds))
            return None
        if now >= self._poll_at:  # Also while there is always work of one kind: another's may have become due again.
            self._poll_at = now + self._settings.send_poll_seconds
            await self._look_for_work()
        self._groups += 1
        if self._longest is not None and self._groups % FAIR == 0:
            return self._longest, self._staging.rehearses
        try:
            async with asyncio.timeout(self._settings.send_poll_seconds):
                priority, kind, rehearses = await self._work.get()
                return (Priority(priority), _KINDS[kind]), rehearses
        except TimeoutError:
            return None

    async def _look_for_work(self) -> None:
        now, under_way = self._service.clock(), self._claims.under_way
        async with self._engine.connect() as connection:
            await self._staging.look(connection)
            rehearses = self._staging.rehearses
            due = await store.due(connection, now, under_way=under_way, rehearses=rehearses)
            left_over = [] if rehearses else await store.left_over(connection, now, under_way=under_way)
        self._longest = due[0] if len(due) > 1 else None
        self.wake(dict.fromkeys(due, 1))
        self.wake(dict.fromkeys(left_over, 1), rehearses=True)

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

    async def _round(self, queue: Queue, lines: Sequence[Line], *, rehearses: bool) -> bool:
        """Claims, sends and settles one group. False: the server would not hear of it."""
        begun = asyncio.get_running_loop().time()
        lease = self._service.new_id()
        group = Group(queue, lease, *self._by_which(rehearses=rehearses))
        straggling: dict[asyncio.Task[Outcome], Attempt] = {}
        self._claims.under_way.add(lease)
        try:
            return await self._carried(group, lines, begun, straggling)
        finally:
            if straggling:
                left = asyncio.create_task(self._left_behind(group, straggling))
                self._stragglers.add(left)
                left.add_done_callback(self._stragglers.discard)
            else:
                self._claims.under_way.remove(lease)

    async def _left_behind(self, group: Group, straggling: dict[asyncio.Task[Outcome], Attempt]) -> None:
        """Settles what takes longer than the rest of its group, as each comes to its end: its deadline is theirs."""
        try:
            while straggling:
                done, _ = await asyncio.wait(straggling, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    attempt = straggling.pop(task)
                    try:
                        await self._ended(group, [(attempt, task.result())])
                    # What passes is waited for (`settle`): this has no name, it is a fault of ours or a row that is refused. Its lease runs
                    # out and it is in doubt, but those that still run are not.
                    except Exception:
                        log.exception("the outcome of a straggler is lost", notice_id=attempt.notice.notice_id)
        finally:
            self._claims.under_way.remove(group.lease)

    def _is_sent(self, *, rehearses: bool) -> bool:
        return not rehearses or self._settings.rehearse_to is not None

    def _by_which(self, *, rehearses: bool) -> tuple[Rules, Terms]:
        if rehearses and not self._staging.rehearses:
            return self._staging.of_rehearsal, self._settings.terms()
        return self._staging.rules, self._staging.terms

    async def _carried(
        self, group: Group, lines: Sequence[Line], begun: float, straggling: dict[asyncio.Task[Outcome], Attempt]
    ) -> bool:
        await self._writer.ready()
        await self._digest_key()
        most = self._turns.most(len(lines)) if self._is_sent(rehearses=group.rules.rehearses) else len(lines)
        attempts, taken = await self._claims.claim(group, most=most)
        if taken == most:
            self.wake({group.queue: 1}, rehearses=group.rules.rehearses)  # There is probably more than this group.
        deadline = begun + self._settings.smtp_seconds
        sends = {
            asyncio.create_task(self._send(line, attempt, deadline)): attempt
            for line, attempt in zip(lines, attempts, strict=False)
        }
        late: set[asyncio.Task[Outcome]] = set()
        if sends:
            _, late = await asyncio.wait(sends, timeout=PATIENCE_SECONDS)
        for task in late:
            straggling[task] = sends.pop(task)
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        return await self._ended(group, [(attempt, task.result()) for task, attempt in sends.items()])

    async def _ended(self, group: Group, outcomes: Sequence[tuple[Attempt, Outcome]]) -> bool:
        """Writes what came of attempts, and draws what follows for others. False: the server would not hear of it."""
        await self._claims.settle(group, outcomes)
        for attempt, outcome in outcomes:
            is_rehearsed = group.rules.rehearses and outcome.result is Result.SENT
            telemetry.NOTICES.labels("rehearsed" if is_rehearsed else outcome.result.name.lower()).inc()
            self._turns.ended(attempt, outcome, self._service.clock())
        refused = [outcome.code for _, outcome in outcomes if outcome.result is Result.NOT_TRIED]
        if refused:
            self._is_unwell(f"the mail server takes no mail from us: {refused[0]}")
            return False
        self._is_well()
        return True

    async def _with_a_turn(
        self, connection: AsyncConnection, working: Working, group: Group, claimed: Sequence[Claimed]
    ) -> list[Attempt]:
        """Those of them that leave now, at the pace of the settings."""
        if not self._is_sent(rehearses=group.rules.rehearses):
            return [attempt for _, attempt in claimed]
        attempts, seconds = await self._turns.given(connection, working, claimed, key=await self._digest_key())
        if seconds > 0:
            self._quiet_until = asyncio.get_running_loop().time() + seconds
            self.wake({group.queue: 1}, rehearses=group.rules.rehearses)
        return attempts

    async def _send(self, line: Line, attempt: Attempt, deadline: float) -> Outcome:
        try:
            message, address = self._writer.written(attempt)
        except Exception as error:
            # Also a fault of ours: raised from here it would take the outcomes of the whole group with it.
            log.error("notice cannot be rendered", notice_id=attempt.notice.notice_id,
                      exc_info=not isinstance(error, ValueError))  # fmt: skip
            return Outcome(Result.REFUSED, UNRENDERABLE)
        if attempt.notice.rehearses and self._settings.rehearse_to is None:
            return Outcome(Result.SENT, "rehearsed")
        back = self._return_path.of(attempt.notice.notice_id) if self._return_path else self._settings.sender
        outcome = await line.send(message, sender=back, recipient=address, deadline=deadline)
        return replace(outcome, code=SHOWN) if attempt.notice.rehearses and outcome.result is Result.SENT else outcome

    async def _digest_key(self) -> str:
        """Also what return addresses are made under: from then on every mail has one of its own."""
        if self._key is None:
            async with self._engine.connect() as connection:
                self._key = await digest_key(connection)
            if self._settings.return_path is not None:
                self._return_path = ReturnPath(self._settings.return_path, self._key)
        return self._key

    # --- afterwards ------------------------------------------------------------------------

    def _look_again(self, closed: Iterable[OpenNotice]) -> None:
        """What a closed notice waited for may have been heard before it was closed: no look could plan anything then."""
        if pairs := [pair_of(notice) for notice in closed]:
            self.planner.look_again(pairs)

    def said(self, said: Sequence[Said]) -> None:
        """After a commit: what may have become a difference while the notice was open is looked at again."""
        facts = [one.body for one in said if isinstance(one.body, NoticeOutcome)]
        for have_ended in (False, True):
            its = [fact for fact in facts if (fact.content is None or not isinstance(fact, NoticeSent)) is have_ended]
            if its:
                self.planner.look_again(((fact.recipient, fact.about) for fact in its), have_ended=have_ended)

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
