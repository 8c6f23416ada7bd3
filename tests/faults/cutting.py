"""A TCP proxy before Postgres that reads its protocol: it cuts a connection at a chosen commit, or lets nobody in."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

_SSL_REQUEST = 80877103


@dataclass
class Cut:
    """The next commit of work in which all these words stood."""

    words: tuple[str, ...]
    arrives: bool
    """True: it reaches the server, which answers, and the answer is lost. False: it never reaches the server."""
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Listens on a port of its own and forwards to Postgres."""

    def __init__(self, port: int, *, listens_on: int = 0) -> None:
        self.port = listens_on
        self.knocks = 0
        """How many connections were asked for."""
        self.shut = False
        """Closes every new connection at once."""
        self._to = port
        self._cuts: list[Cut] = []
        self._open: set[_Connection] = set()

    def cut(self, *words: str, arrives: bool) -> Cut:
        """Cuts one connection at the next commit of work whose statements hold all these words."""
        self._cuts.append(Cut(words, arrives))
        return self._cuts[-1]

    def matching(self, statements: list[str]) -> Cut | None:
        text = "\n".join(statements)
        for one in self._cuts:
            if all(word in text for word in one.words):
                self._cuts.remove(one)
                return one
        return None

    def shut_out(self) -> None:
        """Ends every connection and lets nobody in."""
        self.shut = True
        for one in list(self._open):
            one.abort()

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.shut_out()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks += 1
        if self.shut:
            writer.transport.abort()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()
            return
        connection = _Connection(self, writer, to_writer)
        self._open.add(connection)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(connection.ask(reader))
                both.create_task(connection.answer(to_reader))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            connection.abort()
            self._open.discard(connection)


class _Connection:
    """One client's connection, read message by message in both directions."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._prepared: dict[bytes, str] = {}
        self._statements: list[str] = []
        self._in_transaction = False
        self._swallowing: Cut | None = None

    def abort(self) -> None:
        for writer in (self._client, self._server):
            writer.transport.abort()

    async def ask(self, reader: asyncio.StreamReader) -> None:
        while True:  # What comes before the first typed message has a length only.
            length = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(length) - 4)
            self._server.write(length + body)
            if int.from_bytes(body[:4]) != _SSL_REQUEST:
                break
        while True:
            kind, length = await reader.readexactly(1), await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(length) - 4)
            cut = self._note(kind, body)
            if cut is not None and not cut.arrives:
                cut.done.set()
                raise ConnectionAbortedError
            self._swallowing = self._swallowing or cut
            self._server.write(kind + length + body)

    async def answer(self, reader: asyncio.StreamReader) -> None:
        first = await reader.readexactly(1)
        if first == b"N":  # The answer to a question about TLS.
            self._client.write(first)
            first = await reader.readexactly(1)
        while True:
            length = await reader.readexactly(4)
            message = first + length + await reader.readexactly(int.from_bytes(length) - 4)
            if self._swallowing is None:
                self._client.write(message)
            elif first == b"Z":  # Ready for the next query: the commit is done, and only the server knows.
                self._swallowing.done.set()
                raise ConnectionAbortedError
            first = await reader.readexactly(1)

    def _note(self, kind: bytes, body: bytes) -> Cut | None:
        """Follows what is said. Returns a cut when this message is the commit that it waits for."""
        if kind == b"P":
            name, statement, _ = body.split(b"\0", 2)
            self._prepared[name] = statement.decode()
        if kind not in (b"Q", b"B"):
            return None
        statement = body[:-1].decode() if kind == b"Q" else self._prepared[body.split(b"\0", 2)[1]]
        if statement.startswith(("BEGIN", "ROLLBACK;", "ROLLBACK\0")):
            self._in_transaction, self._statements = statement.startswith("BEGIN"), []
            return None
        self._statements.append(statement)
        if self._in_transaction and not statement.startswith("COMMIT"):
            return None
        statements, self._statements, self._in_transaction = self._statements, [], False
        return self._proxy.matching(statements)
