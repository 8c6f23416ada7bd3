"""Commands that arrive together: each is told what became of itself."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from shared.books.holding import Outcome
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.deciding.commands import CommandPath, Undecidable
from shared.deciding.transaction import Thought
from shared.events.envelope import Heard, Reason
from shared.state.working import SetAside
from shared.testing import NOON


async def test_of_two_under_one_key_the_second_is_not_told_that_the_first_could_not_be_decided() -> None:
    how = {"source": "rollcall/enrolment/anna", "event_id": "key", "now": NOON}
    refused: Heard[Any] = Heard.over_http(WithdrawalRequested(session_id="s", person_id="p"), **how)
    decided: Heard[Any] = Heard.over_http(EnrolmentRequested(session_id="s", person_id="p"), **how)

    async def act(_inputs: Any) -> Thought:
        aside = SetAside(refused, Reason.UNDECIDABLE, "it cannot")
        return Thought(aside=[aside], outcomes={("rollcall/enrolment/anna", "key"): Outcome("enrolled", "e-1")})

    may_decide = asyncio.Event()
    may_decide.set()
    decider: Any = SimpleNamespace(act=act)
    path = CommandPath(decider, may_decide)
    answers = [asyncio.ensure_future(path.submit(one)) for one in (refused, decided)]
    await asyncio.sleep(0)
    deciding = asyncio.ensure_future(path.run())
    first, second = await asyncio.gather(*answers, return_exceptions=True)
    deciding.cancel()
    assert isinstance(first, Undecidable)
    assert second == Outcome("enrolled", "e-1")
