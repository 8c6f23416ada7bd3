"""How the system stands at one moment: asked over HTTP and read from Kafka, by anybody who has a token. Changes nothing."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.cli.books import Books, Equation, balanced, equations
from deploy.cli.connection import Connection
from deploy.cli.folder import SERVICES
from deploy.cli.reading import count_requests
from deploy.cli.terminal import Refusal

TIMEOUT_S = 15.0


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

    @property
    def balanced(self) -> bool:
        return balanced(self.equations)

    def as_json(self) -> dict[str, Any]:
        return {
            "balanced": self.balanced,
            "services": {
                name: {
                    "reachable": one.reachable,
                    "ready": one.ready,
                    "problems": list(one.problems),
                    "books": one.books,
                }
                for name, one in self.services.items()
            },
            "inbox": self.inbox,
            "equations": [line.as_json() for line in self.equations],
        }


async def look(found: Connection, client: httpx.AsyncClient) -> Standing:
    """Asks everybody at the same time; whoever does not answer is seen as away."""
    asked = await asyncio.gather(
        _inbox(client, found.inbox),
        count_requests(found.kafka),
        *(_service(client, found.urls[name], found.headers) for name in SERVICES),
    )
    inbox, requests, answers = asked[0], asked[1], asked[2:]
    services = dict(zip(SERVICES, answers, strict=True))
    if not any(one.reachable for one in services.values()):
        raise Refusal(f"No service answers at {', '.join(found.urls.values())}.")
    lines = equations(
        {name: one.books for name, one in services.items()},
        requests_published=requests,
        mails_accepted=inbox and inbox["accepted"],
        distinct_mails=inbox and inbox["distinct_message_ids"] + inbox["without_message_id"],
    )
    return Standing(services, inbox, lines)


async def _service(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> Answered:
    try:
        health = await client.get(f"{url}/health/ready")
        answer = await client.get(f"{url}/api/v1/books", headers=headers)
    except httpx.HTTPError as error:
        return Answered(False, False, (f"does not answer at {url}: {type(error).__name__}",), None)
    if answer.status_code in (401, 403):
        raise Refusal(f"{url} refuses the token: {answer.json().get('detail', answer.status_code)}.")
    state = health.json()
    books = answer.json() if answer.status_code == 200 else None
    problems = (*state.get("problems", ()), *(() if books is not None else (f"its books answer {answer.status_code}",)))
    return Answered(True, health.status_code == 200, problems, books)


async def _inbox(client: httpx.AsyncClient, url: str | None) -> dict[str, Any] | None:
    if url is None:
        return None
    try:
        summary: dict[str, Any] = (await client.get(f"{url}/api/v1/summary")).raise_for_status().json()
        return summary
    except httpx.HTTPError:
        return None
