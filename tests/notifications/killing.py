"""Stands between the sender and an SMTP server, reads what they say, and has the server killed at one moment of an attempt."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from deploy.embedded.ports import choose_free

COMMANDS = ("EHLO", "MAIL", "RCPT", "DATA")
GREETING, CONTENT, DOT, ANSWER, HEARD = "greeting", "content", "dot", "answer", "heard"
"""Killed before it greets; with half of the content; with all of it; when it has taken it, and the answer is lost; and when it is heard.
A command: when it has answered, and the answer is lost."""
MOMENTS = (GREETING, *COMMANDS, CONTENT, DOT, ANSWER, HEARD)


class Killer:
    """`moments` are used up one by one, each in the first attempt that comes to it."""

    def __init__(self, to: int, kill: Callable[[], None], *moments: str) -> None:
        self.port = choose_free()
        self.killed = asyncio.Event()
        """Set at each kill; whoever starts the server again clears it."""
        self._to, self._kill, self._moments = to, kill, list(moments)

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._accept, "127.0.0.1", self.port, limit=1024 * 1024)
        try:
            yield
        finally:
            server.close()

    def _is_now(self, moment: str) -> bool:
        return not self.killed.is_set() and self._moments[:1] == [moment]

    def _ends(self, moment: str) -> None:
        if self._is_now(moment):
            self._moments.pop(0)
            self._kill()
            self.killed.set()
            raise ConnectionAbortedError

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to: asyncio.StreamWriter | None = None
        try:
            answers, to = await asyncio.open_connection("127.0.0.1", self._to, limit=1024 * 1024)
            await self._answer(answers, writer, GREETING)
            while line := await reader.readline():
                verb = line[:4].decode().strip().upper()
                to.write(line)
                await self._answer(answers, writer, verb)
                if verb == "DATA":
                    content = await reader.readuntil(b"\r\n.\r\n")
                    if self._is_now(CONTENT):
                        to.write(content[: len(content) // 2])
                        await to.drain()
                        self._ends(CONTENT)
                    to.write(content)
                    await to.drain()
                    self._ends(DOT)
                    await self._answer(answers, writer, ANSWER)
                    self._ends(HEARD)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            for one in (writer, to):
                if one is not None:
                    one.close()

    async def _answer(self, answers: asyncio.StreamReader, writer: asyncio.StreamWriter, about: str) -> None:
        lines = [await answers.readuntil(b"\n")]
        while lines[-1][3:4] == b"-":
            lines.append(await answers.readuntil(b"\n"))
        self._ends(about)
        writer.writelines(lines)
        await writer.drain()
