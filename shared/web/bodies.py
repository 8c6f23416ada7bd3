"""Bodies within limits, and HEAD: what happens to a request before any route sees it."""

from __future__ import annotations

import asyncio
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.problems import TOO_LARGE, TOO_SLOW, Problem
from shared.web.refusing import response_to

_CLOSE = {"Connection": "close"}


class BodyLimit:
    """Refuses bodies above the limit while they arrive, whatever Content-Length says, and those that take too long."""

    def __init__(self, app: ASGIApp, limit_bytes: int, limit_seconds: float) -> None:
        self.app = app
        self.limit_bytes = limit_bytes
        self.limit_seconds = limit_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        chunks: list[bytes] = []
        size, more = 0, True
        deadline = time.monotonic() + self.limit_seconds
        while more:
            try:
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
            if size > self.limit_bytes:
                large = Problem(TOO_LARGE, f"the body is larger than {self.limit_bytes} bytes", headers=_CLOSE)
                await response_to(large)(scope, receive, send)
                return
        pending: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


class HeadIsGet:
    """Answers HEAD as it would answer GET; the server leaves out the body (RFC 9110, 9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app({**scope, "method": "GET"} if scope.get("method") == "HEAD" else scope, receive, send)
