"""What the page is fed from: a reader of every stream, and a look at services and inbox while somebody watches."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from demo.programme import Programme, read_programme
from rollcall.books import Books
from rollcall.origin.heard import Seen
from rollcall.origin.settings import OriginSettings
from rollcall.reading import reader
from rollcall.terminal import Refusal
from rollcall.understanding import mails_of, understood
from shared.backoff import Backoff
from shared.events.streams import STREAMS
from shared.settings import kafka_connection

log = structlog.get_logger()

ASK_SECONDS = 7.0
"""Longer than a service waits for a Postgres that hangs: it is there, and says so."""
HEARD_AT_ONCE = 2000


@dataclass
class Service:
    """One service as the page sees it. `books` are the last it gave, also while it is away."""

    ready: bool = False
    reachable: bool = False
    books: Books | None = None
    away_since: float | None = None
    most_behind: int = 0
    """The largest lag since it went away last."""
    came_back: bool = False
    caught_up: bool = False


@dataclass
class Watch:
    """Everything the page is made of at this moment."""

    settings: OriginSettings
    client: httpx.AsyncClient
    seen: Seen = field(default_factory=Seen)
    services: dict[str, Service] = field(default_factory=dict)
    inbox: dict[str, Any] | None = None
    mails: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The newest mails to the addresses that the story follows."""
    programme: Programme | None = None
    _looked_at: float = 0.0
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.services = {name: Service() for name in self.settings.services}

    # --- streams --------------------------------------------------------------------------

    async def hear(self) -> None:
        """Hears every stream from its start until cancelled; begins anew when Kafka was away."""
        backoff = Backoff(0.5, 10)
        while True:
            self._find_programme()
            try:
                async with reader(kafka_connection(self.settings), STREAMS, from_start=True) as consumer:
                    self.seen = Seen()  # from the start, counted from nothing
                    await self._follow(consumer)
            except (KafkaError, Refusal, OSError) as error:
                backoff.failed(error, where="story")
                await backoff.wait()

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            batches = await consumer.getmany(timeout_ms=300, max_records=HEARD_AT_ONCE)
            if self.programme is None and self._find_programme():
                return  # a story to follow: what was heard before may belong to it
            story = self.programme.story if self.programme else None
            for records in batches.values():
                for record in records:
                    self.seen.hear(record, story)
            # A full load must not keep the page waiting.
            await asyncio.sleep(0)

    def _find_programme(self) -> bool:
        if self.programme is None and self.settings.programme is not None:
            try:
                self.programme = read_programme(self.settings.programme)
            except (OSError, ValueError, KeyError, TypeError):
                return False  # there is none, or it is being written
            return True
        return False

    # --- services -------------------------------------------------------------------------

    async def look(self) -> None:
        """Asks everybody, unless that was done a moment ago. However many watch, it is asked once."""
        async with self._looking:
            if time.monotonic() - self._looked_at < self.settings.look_seconds:
                return
            await asyncio.gather(*map(self._ask, self.services), self._ask_inbox())
            self._looked_at = time.monotonic()

    async def _ask(self, name: str) -> None:
        service, url = self.services[name], self.settings.services[name]
        try:
            health = await self.client.get(f"{url}/health/ready", timeout=ASK_SECONDS)
        except httpx.HTTPError:
            if service.reachable:
                service.away_since, service.most_behind = time.time(), 0
                service.came_back = service.caught_up = False
            service.reachable = service.ready = False
        else:
            service.came_back = service.came_back or (service.away_since is not None and not service.reachable)
            service.reachable, service.ready = True, health.status_code == 200
            await self._ask_books(name)
        behind = self.behind(name)
        service.most_behind = max(service.most_behind, behind)
        service.caught_up = service.caught_up or (service.came_back and service.ready and behind == 0)

    async def _ask_books(self, name: str) -> None:
        """A service that cannot add up now, because Kafka hangs, say, is there all the same; its last books stand."""
        service, url = self.services[name], self.settings.services[name]
        token = self.settings.token.get_secret_value() if self.settings.token else ""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = await self.client.get(f"{url}/api/v1/books", headers=headers, timeout=ASK_SECONDS)
        except httpx.HTTPError:
            return
        books, problem = understood(name, _json(answer)) if answer.status_code == 200 else (None, None)
        if problem is not None:  # Another program answers there, or another version.
            service.ready, service.books = False, None
        elif books is not None:
            service.books = books

    def behind(self, name: str) -> int:
        """How many records the service has not heard yet, by our own count of what was published."""
        books = self.services[name].books
        if not books:
            return 0
        rows = books["streams"].items()
        return sum(
            max(0, self.seen.published[stream] - row["heard"] - row["parked"] - row["skipped"]) for stream, row in rows
        )

    async def _ask_inbox(self) -> None:
        url = self.settings.inbox_url
        if url is None:
            return
        try:
            summary = (await self.client.get(f"{url}/api/v1/summary", timeout=ASK_SECONDS)).raise_for_status().json()
            self.inbox = summary if mails_of(summary).accepted is not None else None
            if self.programme is not None:
                story = self.programme.story
                for address in (story.person_email, story.mine_email, story.offered_email, story.refused_email):
                    answer = await self.client.get(
                        f"{url}/api/v1/messages", params={"to": address, "limit": 50}, timeout=ASK_SECONDS
                    )
                    self.mails[address] = answer.raise_for_status().json()["messages"]
        except (httpx.HTTPError, ValueError, KeyError):
            self.inbox = None


def _json(answer: httpx.Response) -> object:
    try:
        return answer.json()
    except (ValueError, RecursionError):
        return None
