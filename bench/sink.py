"""An SMTP server that takes everything and keeps only when it took which mail: the weight of a real one would be measured too."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_RECIPIENT = re.compile(rb"RCPT TO:<([^>]*)>", re.IGNORECASE)


class Sink:
    """`accepted`: by recipient, when each mail was accepted (`time.time`)."""

    def __init__(self) -> None:
        self.accepted: dict[str, list[float]] = {}
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Sink]:
        server = await asyncio.get_running_loop().create_server(lambda: _Session(self), "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()

    def take(self, recipient: str) -> None:
        self.accepted.setdefault(recipient, []).append(time.time())


class _Session(asyncio.Protocol):
    """One connection (RFC 5321, PIPELINING and 8BITMIME)."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting = b""
        self._recipients: list[str] = []
        self._in_data = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink\r\n")

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while True:
            end = b"\r\n.\r\n" if self._in_data else b"\r\n"
            whole, found, rest = self._waiting.partition(end)
            if not found:
                return
            self._waiting = rest
            self._transport.write(self._answer(whole))

    def _answer(self, line: bytes) -> bytes:
        if self._in_data:
            self._in_data = False
            for recipient in self._recipients:
                self._sink.take(recipient)
            self._recipients = []
            return b"250 taken\r\n"
        match line[:4].upper():
            case b"EHLO":
                return b"250-sink\r\n250-PIPELINING\r\n250 8BITMIME\r\n"
            case b"RCPT":
                found = _RECIPIENT.match(line)
                self._recipients.append(found[1].decode() if found else "")
            case b"DATA":
                self._in_data = True
                return b"354 go on\r\n"
            case b"QUIT":
                self._transport.write(b"221 bye\r\n")
                self._transport.close()
                return b""
            case b"RSET":
                self._recipients = []
        return b"250 ok\r\n"
