"""Bodies within limits, and HEAD: what happens to a request before any route sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.problems import TOO_LARGE, TOO_SLOW, TRY_AGAIN, Problem
from shared.web.refusing import response_to

_CLOSE = {"Connection": "close"}
MOST_LARGE = 4
"""Bodies above the common limit that are held at a time: whoever may send one need not have said who they are yet."""
MOST_THROWN_AWAY = 32 * 1024 * 1024
"""Bytes, more than the origin lets through, that a refused body may go on for before it is cut off."""


class BodyLimit:
    """Refuses bodies above the limit, whatever Content-Length says, and those that take too long.

    What is left of a refused body is thrown away before the answer: whoever is cut off while it sends, a proxy for one, may never
    read why.
    """

    def __init__(
        self,
        app: ASGIApp,
        limit_bytes: int,
        limit_seconds: float,
        bytes_a_second: int,
        larger: Mapping[str, int] | None = None,
    ) -> None:
        self.app = app
        self.limit_bytes = limit_bytes
        self.limit_seconds = limit_seconds
        self.bytes_a_second = bytes_a_second
        self.larger = larger or {}
        self._large = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit_bytes = next((most for end, most in self.larger.items() if scope["path"].endswith(end)), self.limit_bytes)
        is_large = False
        refusal: Problem | None = None
        chunks: list[bytes] = []
        size, more = 0, True
        began = time.monotonic()
        try:
            while more:
                try:
                    deadline = began + self.limit_seconds + size / self.bytes_a_second
                    async with asyncio.timeout(deadline - time.monotonic()):
                        message = await receive()
                except TimeoutError:
                    slow = Problem(TOO_SLOW, "the body did not arrive in time", headers=_CLOSE)
                    await response_to(slow)(scope, receive, send)
                    return
                if message["type"] != "http.request":
                    return
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                more = message.get("more_body", False)
                if size > limit_bytes:
                    refusal = Problem(TOO_LARGE, f"the body is larger than {limit_bytes} bytes", headers=_CLOSE)
                elif size > self.limit_bytes and not is_large and refusal is None:
                    if self._large >= MOST_LARGE:
                        refusal = Problem(TRY_AGAIN, "too many large bodies arrive at once", headers=_CLOSE)
                    else:
                        is_large = True
                        self._large += 1
                if refusal is not None:
                    chunks.clear()
                    self._large -= is_large
                    is_large = False
                    more = more and size <= MOST_THROWN_AWAY
            if refusal is not None:
                await response_to(refusal)(scope, receive, send)
                return
            await self._pass_on(b"".join(chunks), scope, receive, send)
        finally:
            self._large -= is_large

    async def _pass_on(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


class HeadIsGet:
    """Answers HEAD as it would answer GET; the server leaves out the body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope, receive, send)
