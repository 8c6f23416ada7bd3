"""How long a body may take: as long as its size takes at the least rate, and some seconds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.problems import TOO_SLOW
from shared.web import bodies
from shared.web.bodies import BodyLimit


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
