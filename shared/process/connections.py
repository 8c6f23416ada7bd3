"""HTTP connections within limits: whoever is slow is closed in time, and in a crowd whoever has been waited for longest goes first.

uvicorn counts connections, and refuses requests when there are many; it waits for ever for a header that does not end. A few
hundred of those would silence a service, health included.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable
from itertools import chain
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from shared.problems import MEDIA_TYPE, NOT_HTTP, Problem
from shared.settings import HttpLimits


def bounded(limits: HttpLimits) -> Any:
    """What uvicorn makes its connections of."""
    return functools.partial(BoundedConnection, crowd=Crowd(limits))


class Crowd:
    """The open connections of one server."""

    def __init__(self, limits: HttpLimits) -> None:
        self.limits = limits
        self._open: set[BoundedConnection] = set()
        self._waited_for: dict[BoundedConnection, None] = {}
        """Those without a whole request, its body included, whoever has been so for longest first."""
        self._answered: dict[BoundedConnection, None] = {}
        """The others, likewise: an answer takes milliseconds, unless nobody reads it."""

    def enter(self, one: BoundedConnection) -> None:
        """Lets another one in. For it goes who is waited for, or else who is answered, for longest."""
        if len(self._open) >= self.limits.connections:
            next(chain(self._waited_for, self._answered), one).end()
        self._open.add(one)
        if one.transport.is_closing():
            self.leave(one)

    def leave(self, one: BoundedConnection) -> None:
        self._open.discard(one)
        self._waited_for.pop(one, None)
        self._answered.pop(one, None)

    def wait_for(self, one: BoundedConnection) -> None:
        self._waited_for.pop(one, None)
        self._answered.pop(one, None)
        self._waited_for[one] = None

    def answer(self, one: BoundedConnection) -> None:
        self._waited_for.pop(one, None)
        self._answered.setdefault(one)


class BoundedConnection(H11Protocol):
    """One connection. It is idle, or its request arrives, or it is answered; each for a limited time."""

    def __init__(self, *arguments: Any, crowd: Crowd, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._crowd = crowd
        self._limit: asyncio.TimerHandle | None = None
        self._is_arriving = False
        self._began = 0.0
        self._body_bytes = 0

    def end(self) -> None:
        """Closes it at once, whatever is under way."""
        self._crowd.leave(self)
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._crowd.enter(self)
        if not transport.is_closing():
            self._arrives()

    def connection_lost(self, exc: Exception | None) -> None:
        self._crowd.leave(self)
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_arriving and not self._is_answered():
            self._arrives()
        is_body = self._is_answered() and self.cycle.more_body
        super().data_received(data)
        if self._is_arriving and self._is_answered():
            self._answers()
        elif is_body and self._is_answered():
            self._goes_on(len(data))
        self._is_whole()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is not HTTP in the same shape as everything else."""
        said = Problem(NOT_HTTP, msg.rstrip(".")).document()
        headers = [("content-type", MEDIA_TYPE), ("content-length", str(len(said))), ("connection", "close")]
        answer = h11.Response(status_code=NOT_HTTP.status, headers=headers)
        for event in (answer, h11.Data(data=said), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def on_response_complete(self) -> None:
        self._stop()
        self._crowd.wait_for(self)
        super().on_response_complete()  # Goes on with the next request at once, if that is here already.
        if self._is_answered():
            self._answers()
            self._is_whole()

    def _is_whole(self) -> None:
        """Nobody is waited for any more once the request's body is here, too."""
        if self._is_answered() and not self.cycle.more_body:
            self._crowd.answer(self)

    def _is_answered(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _arrives(self) -> None:
        self._is_arriving = True
        self._crowd.wait_for(self)
        self._within(self._crowd.limits.header_seconds, self.end)

    def _answers(self) -> None:
        self._is_arriving = False
        self._began, self._body_bytes = self.loop.time(), 0
        self._within(self._crowd.limits.request_seconds, self.end)

    def _goes_on(self, size: int) -> None:
        """More of its body is here: the time that this takes at the least rate is not the answer's."""
        limits = self._crowd.limits
        self._body_bytes += size
        end_at = self._began + limits.request_seconds + self._body_bytes / limits.body_bytes_a_second
        self._within(end_at - self.loop.time(), self.end)

    def _within(self, seconds: float, otherwise: Callable[[], None]) -> None:
        self._stop()
        self._limit = self.loop.call_later(seconds, otherwise)

    def _stop(self) -> None:
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
