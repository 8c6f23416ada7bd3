"""How the system stands at one moment: asked over HTTP and read from Kafka, by anybody who has a token. Changes nothing."""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass
from typing import Any

from aiokafka.errors import KafkaError

from rollcall.asking import Answer, NoAnswer, get
from rollcall.books import Books, Equation, balanced, equations
from rollcall.connection import Connection
from rollcall.open_matters import Matter, open_matters
from rollcall.reading import count_requests
from rollcall.terminal import Refusal
from rollcall.understanding import mails_of, understood
from services import SERVICES

COUNT_LIMIT_S = 60.0
WAIT_EVERY_S = 0.5
STEADY_LOOKS = 2
"""What is balanced for so many looks has settled: between two looks nothing came to disturb it."""


class NobodyAnswers(Refusal):
    """No service at all: nothing runs, or it is still starting."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One service's own account of itself."""

    reachable: bool
    ready: bool
    problems: tuple[str, ...]
    books: Books | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything there is to see at one moment."""

    services: dict[str, Answered]
    inbox: dict[str, Any] | None
    equations: list[Equation]
    problems: tuple[str, ...] = ()
    """What could not be looked at, and why."""

    @property
    def open(self) -> list[Matter]:
        return list(open_matters({name: one.books for name, one in self.services.items()}))

    @property
    def balanced(self) -> bool:
        return balanced(self.equations)

    def as_json(self) -> dict[str, Any]:
        return {
            "balanced": self.balanced,
            "services": {name: asdict(one) for name, one in self.services.items()},
            "inbox": self.inbox,
            "problems": list(self.problems),
            "equations": [line.as_json() for line in self.equations],
            "open": [matter.as_json() for matter in self.open],
        }


async def settled(found: Connection, wait_s: float) -> Standing:
    """How it stands once the books have balanced and stayed so, or when the time is up."""
    deadline = time.monotonic() + wait_s
    steady = 0
    while True:
        try:
            standing = await look(found)
        except NobodyAnswers:
            if time.monotonic() >= deadline:
                raise
            await asyncio.sleep(WAIT_EVERY_S)
            continue
        steady = steady + 1 if standing.balanced else 0
        if steady >= STEADY_LOOKS or time.monotonic() >= deadline:
            return standing
        await asyncio.sleep(WAIT_EVERY_S)


async def look(found: Connection) -> Standing:
    """Asks everybody at the same time; whoever does not answer is seen as away."""
    headers = found.headers  # Refused before anything is under way.
    asked = await asyncio.gather(
        _inbox(found.inbox),
        _requests(found.kafka),
        *(_service(name, found.urls[name], headers) for name in SERVICES),
    )
    (inbox, silence), (requests, uncounted), answers = asked[0], asked[1], asked[2:]
    services = dict(zip(SERVICES, answers, strict=True))
    if not any(one.reachable for one in services.values()):
        raise NobodyAnswers(f"No service answers at {', '.join(found.urls.values())}.")
    lines = equations(
        {name: one.books for name, one in services.items()},
        requests_published=requests,
        mails=None if found.inbox is None else mails_of(inbox),
    )
    return Standing(services, inbox, lines, (*uncounted, *silence))


async def _requests(kafka: dict[str, Any]) -> tuple[int | None, tuple[str, ...]]:
    try:
        async with asyncio.timeout(COUNT_LIMIT_S):
            return await count_requests(kafka), ()
    except (Refusal, KafkaError) as error:
        return None, (str(error),)
    except TimeoutError:
        return None, (f"The requests in Kafka could not be counted within {COUNT_LIMIT_S:.0f} s.",)


async def _service(name: str, url: str, headers: dict[str, str]) -> Answered:
    """Whatever goes wrong with one service is that service's problem: the others are shown all the same."""
    try:
        health = await get(f"{url}/health/ready")
        answer = await get(f"{url}/api/v1/books", headers)
    except NoAnswer as silence:
        return Answered(False, False, (f"does not answer at {url}: {silence}",), None)
    books, problem = _books(name, url, answer)
    said = health.body if isinstance(health.body, dict) else {}
    is_it = said.get("service", name) == name
    # A warning is what starting it anew would not mend: it is ready, and cannot send a mail, say.
    told = [said.get(kind) for kind in ("problems", "warnings")] if is_it else []
    problems = [str(one) for some in told if isinstance(some, list) for one in some]
    # By its own word alone: at this address somebody else may answer 200.
    ready = health.status == 200 and is_it and said.get("ready") is True
    return Answered(True, ready, (*problems, *([problem] if problem else [])), books)


def _books(name: str, url: str, answer: Answer) -> tuple[Books | None, str | None]:
    if answer.status in (401, 403):
        detail = answer.body.get("detail") if isinstance(answer.body, dict) else None
        return None, f"refuses the token at {url}: {detail or answer.status}"
    if answer.status != 200:
        return None, f"its books answer {answer.status}"
    return understood(name, answer.body)


async def _inbox(url: str | None) -> tuple[dict[str, Any] | None, tuple[str, ...]]:
    """What the inbox has taken, or why that is not known."""
    if url is None:
        return None, ()
    try:
        answer = await get(f"{url}/api/v1/summary")
    except NoAnswer as silence:
        return None, (f"The inbox does not answer at {url}: {silence}.",)
    if answer.status != 200 or mails_of(answer.body).accepted is None:
        return None, (f"What answers at {url} is no inbox ({answer.status}).",)
    return answer.body, ()
