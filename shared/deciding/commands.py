"""The command path: commands that arrive together share one transaction and are answered after its commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from shared.backoff import end_if_told
from shared.books.holding import Outcome
from shared.contracts.model import Event
from shared.deciding.transaction import Decider
from shared.events.envelope import Heard, Reason
from shared.faults import Fault, classify
from shared.state.working import SetAside

log = structlog.get_logger()

MOST_TOGETHER = 200
PATIENCE_SECONDS = 30
ASK_AGAIN = "whether it was decided, the same Idempotency-Key will tell"
"""A commit whose answer never came may have been made: only asking again tells."""

Asked = tuple[Heard[Event], asyncio.Future[Outcome]]
"""A command, and what tells whoever waits for it."""


class NotYet(Exception):
    """Nothing can be decided at the moment; the same command may be sent again later."""


class Undecidable(Exception):
    """The command cannot be decided; the sentence says why, the reason is that of a record in Kafka that would be set aside for it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class IdReused(Exception):
    """The command's id is the id of another one, of which it would have been taken for a repetition."""


class CommandPath:
    """Takes commands in the shape of events and decides them in the order in which they came."""

    def __init__(self, decider: Decider, may_decide: asyncio.Event) -> None:
        self._decider = decider
        self._may_decide = may_decide
        self._waiting: asyncio.Queue[Asked] = asyncio.Queue(maxsize=1000)

    async def submit(self, command: Heard[Event]) -> Outcome:
        """What became of the command, once that is committed. Raises Undecidable, IdReused, NotYet, or the fault that prevented it."""
        if not self._may_decide.is_set():
            raise NotYet("this service is still hearing what it said before")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((command, future))
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await future
        except asyncio.QueueFull:
            raise NotYet("too many commands are waiting") from None
        except TimeoutError:
            raise NotYet(f"the decision takes too long; {ASK_AGAIN}") from None

    async def run(self) -> None:
        """Decides until cancelled."""
        await self._may_decide.wait()
        while True:
            end_if_told()
            together = [await self._waiting.get()]
            while not self._waiting.empty() and len(together) < MOST_TOGETHER:
                together.append(self._waiting.get_nowait())
            try:
                await self._decide(together)
            except Exception as error:
                if classify(error) is Fault.TRANSIENT or len(together) == 1:
                    _fail(together, error)
                    continue
                for one in together:  # One of them failed by its content: the others shall not.
                    try:
                        await self._decide([one])
                    except Exception as culprit:
                        _fail([one], culprit)

    async def _decide(self, together: Sequence[Asked]) -> None:
        thought = await self._decider.act([command for command, _ in together])
        for command, future in together:
            if future.done():
                continue
            refused = next((one for one in thought.aside if _is_about(one, command, together)), None)
            if refused is None:
                future.set_result(thought.outcomes[command.source, command.event_id])
            elif refused.reason is Reason.ID_REUSED:
                future.set_exception(IdReused("this Idempotency-Key belongs to another request"))
            else:
                future.set_exception(Undecidable(refused.reason, refused.detail))


def _is_about(aside: SetAside, command: Heard[Event], together: Sequence[Asked]) -> bool:
    """One that was held is another object under the same id; of two that share an id by mistake each has its own answer."""
    if any(aside.heard is one for one, _ in together):
        return aside.heard is command
    return (aside.heard.source, aside.heard.event_id) == (command.source, command.event_id)


def _fail(together: Sequence[Asked], error: Exception) -> None:
    fault = classify(error)
    for command, future in together:
        if fault is Fault.BUG:
            log.error("command failed in our own code", event_id=command.event_id, type=command.type, exc_info=error)
        if not future.done():
            future.set_exception(
                NotYet(f"the database does not answer; {ASK_AGAIN}") if fault is Fault.TRANSIENT else error
            )
