"""How long a body may take: as long as its size takes at the least rate, and some seconds."""

from __future__ import annotations

import asyncio
import tracemalloc
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Request
from pydantic import BaseModel

from shared.problems import TOO_SLOW
from shared.web import bodies
from shared.web.asking import says_one_thing
from shared.web.bodies import BodyLimit
from shared.web.refusing import refuse_alike


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


async def answered(monkeypatch: pytest.MonkeyPatch, *, piece: int, every: float) -> int:
    """What a body of ten such pieces is answered with, each so many seconds after the one before."""
    clock, left, answer = Clock(), 10, []
    monkeypatch.setattr(bodies, "time", clock)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert len((await receive())["body"]) == 10 * piece
        await send({"type": "http.response.start", "status": 200})

    async def receive() -> dict[str, Any]:
        nonlocal left
        await asyncio.sleep(0)
        left -= 1
        clock.now += every
        return {"type": "http.request", "body": bytes(piece), "more_body": left > 0}

    async def send(message: Any) -> None:
        answer.append(message)

    limited = BodyLimit(app, limit_bytes=100_000, limit_seconds=15.0, bytes_a_second=1000)
    await limited({"type": "http", "path": "/"}, receive, send)
    return int(answer[0]["status"])


async def test_a_large_body_that_keeps_coming_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await answered(monkeypatch, piece=10_000, every=9.0) == 200


async def test_one_that_comes_drop_by_drop_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await answered(monkeypatch, piece=10, every=9.0) == TOO_SLOW.status


@pytest.mark.parametrize(("goes_on_for", "heard"), [(5, 5), (10**6, 11)], ids=["to its end", "no longer than is borne"])
async def test_what_is_left_of_a_refused_body_is_heard_before_the_answer(
    monkeypatch: pytest.MonkeyPatch, goes_on_for: int, heard: int
) -> None:
    monkeypatch.setattr(bodies, "MOST_THROWN_AWAY", 100_000)
    received, answers = 0, []

    async def receive() -> dict[str, Any]:
        nonlocal received
        received += 1
        return {
            "type": "http.request",
            "body": bytes(10_000),
            "more_body": received < goes_on_for,
        }

    async def send(message: Any) -> None:
        answers.append((received, message))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("it was to be refused")

    limited = BodyLimit(app, limit_bytes=1000, limit_seconds=60.0, bytes_a_second=1000)
    await limited({"type": "http", "path": "/"}, receive, send)
    (before, first), *_ = answers
    assert (first["status"], before) == (413, heard)


class Asked(BaseModel):
    name: str


async def posted(path: str, body: bytes) -> int:
    app = FastAPI(dependencies=[Depends(says_one_thing)])
    refuse_alike(app)

    @app.post("/command")
    async def command(asked: Asked) -> None: ...

    @app.post("/file")
    async def file(request: Request) -> None: ...

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        return (await client.post(path, content=body, headers={"Content-Type": "application/json"})).status_code


async def test_what_is_said_once_is_not_said_twice_whatever_it_is() -> None:
    assert await posted("/command", b'{"name": "a", "and": NaN}') == 200


async def test_what_a_file_says_twice_is_its_own_business() -> None:
    twice = b'{"name": "a", "name": "b"}'
    assert [await posted(path, twice) for path in ("/command", "/file")] == [422, 200]


async def test_a_file_takes_no_more_memory_than_it_has_bytes_whatever_is_in_it() -> None:
    body = b"[" + b"[]," * 700_000 + b"[]]"
    tracemalloc.start()
    try:
        assert await posted("/file", body) == 200
        assert tracemalloc.get_traced_memory()[1] < 4 * len(body)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("names", "status"), [(100, 200), (101, 422)])
async def test_so_many_names_as_nobody_knows_are_refused_unread(names: int, status: int) -> None:
    """Four thousand fit into a request, and took a second each time, before anybody was asked who they are."""
    assert await posted("/file?" + "&".join(f"n{number}" for number in range(names)), b"") == status
