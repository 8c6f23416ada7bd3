"""What each answer and each silence of a server means for a mail, on a real connection to a server that follows a script."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from deploy.embedded.ports import choose_free
from services.notifications import smtp
from services.notifications.decisions import Outcome, Result
from services.notifications.settings import NotificationsSettings
from services.notifications.smtp import Line

MAIL = b"Subject: x\r\n\r\nfirst\r\n.\r\n..two\r\nlast\r\n"
ADDRESSES = {"sender": "office@example.org", "recipient": "person@example.org"}


@dataclass
class Scripted:
    """`answers` by command, CONTENT being the end of a mail; used up one by one. "" cuts the connection, None is silence."""

    answers: dict[str, list[str | None]] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    lines: list[str] = field(default_factory=list)
    """All that was said to it, but for contents."""
    is_silent: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    """The test is: nobody waits for an answer any more."""
    mails: list[bytes] = field(default_factory=list)
    """The contents that it has read to their end, as they travelled."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 scripted\r\n")
            while line := (await reader.readline()).decode().strip():
                self.lines.append(line)
                if not await self._answers(line[:4].upper(), writer):
                    return
                if line.upper() == "DATA" and self._last.startswith("354"):
                    self.mails.append(await reader.readuntil(b"\r\n.\r\n"))
                    if not await self._answers("CONTENT", writer):
                        return
        finally:
            writer.close()

    async def _answers(self, command: str, writer: asyncio.StreamWriter) -> bool:
        usual = {"DATA": "354 go on", "QUIT": "221 bye"}.get(command, "250 ok")
        if command == "EHLO":
            usual = "\r\n".join([f"250-{one}" for one in ("scripted", *self.offers)] + ["250 8BITMIME"])
        waiting = self.answers.get(command)
        answer = waiting.pop(0) if waiting else usual
        if answer is None:
            self.is_silent.set()
            await self.is_over.wait()
        self._last = answer or ""
        writer.write(f"{answer}\r\n".encode() if answer else b"")
        return bool(answer)


@contextlib.asynccontextmanager
async def opened(server: Scripted) -> AsyncIterator[Line]:
    port = choose_free()
    listener = await asyncio.start_server(server.serve, "127.0.0.1", port)
    line = Line(NotificationsSettings(database_url=SecretStr("postgresql://nobody"), smtp_port=port))
    try:
        assert await line.open() is None
        yield line
    finally:
        server.is_over.set()
        await line.close()
        listener.close()


async def send(line: Line, mail: bytes = MAIL) -> Outcome:
    return await line.send(mail, deadline=asyncio.get_running_loop().time() + 180, **ADDRESSES)


async def send_until_silent(line: Line, server: Scripted, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    """The deadline passes as soon as the server is silent, however slow the machine is."""
    limit = asyncio.timeout(None)
    with monkeypatch.context() as patch:
        patch.setattr(asyncio, "timeout_at", lambda _deadline: limit)
        sending = asyncio.create_task(send(line))
        silent = asyncio.create_task(server.is_silent.wait())
        await asyncio.wait([sending, silent], return_when=asyncio.FIRST_COMPLETED)
        if not sending.done():
            limit.reschedule(asyncio.get_running_loop().time())
        silent.cancel()
        return await sending


@pytest.mark.parametrize(
    ("command", "answer", "result", "code"),
    [
        ("MAIL", "550 not you", Result.NOT_TRIED, "sender_smtp_550"),
        ("MAIL", "451 not now", Result.NOT_TRIED, "sender_smtp_451"),
        ("MAIL", "552 too large", Result.REFUSED, "smtp_552"),
        ("RCPT", "550 nobody here", Result.REFUSED, "smtp_550"),
        ("RCPT", "450 later", Result.LATER, "smtp_450"),
        ("DATA", "451 later", Result.LATER, "smtp_451"),
        ("DATA", "554 never", Result.REFUSED, "smtp_554"),
        ("CONTENT", "451 later", Result.LATER, "smtp_451"),
        ("CONTENT", "554 never", Result.REFUSED, "smtp_554"),
    ],
)
async def test_a_refusal_tells_what_becomes_of_the_mail_and_leaves_the_connection_ready_for_the_next(
    command: str, answer: str, result: Result, code: str
) -> None:
    server = Scripted({command: [answer]})
    async with opened(server) as line:
        assert await send(line) == Outcome(result, code)
        assert line.is_open
        assert await send(line) == Outcome(Result.SENT, "sent")
    refused, _, taken = " ".join(one[:4] for one in server.lines).partition(" RSET ")
    assert refused.startswith("EHLO MAIL")
    assert taken == "MAIL RCPT DATA QUIT"


@pytest.mark.parametrize("how", ["", None, "what?"])
async def test_a_refusal_is_not_forgotten_by_what_goes_wrong_after_it(
    how: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(smtp, "RSET_SECONDS", 0.1)
    async with opened(Scripted({"CONTENT": ["554 never"], "RSET": [how]})) as line:
        assert await send(line) == Outcome(Result.REFUSED, "smtp_554")
        assert not line.is_open


@pytest.mark.parametrize("how", ["", None, "what?"])
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "CONTENT"])
async def test_only_a_mail_whose_content_was_handed_over_is_in_doubt(
    command: str, how: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an answer, or with one that nobody understands."""
    server = Scripted({command: [how]})
    async with opened(server) as line:
        expected = Outcome(Result.DOUBTFUL, "no_answer") if command == "CONTENT" else Outcome(Result.LATER, "not_taken")
        assert await send_until_silent(line, server, monkeypatch) == expected
        assert not line.is_open
        assert await line.open() is None
        assert await send(line) == Outcome(Result.SENT, "sent")


async def test_the_content_travels_with_its_dots_doubled_and_its_size_told() -> None:
    server = Scripted(offers=("SIZE 1000",))
    async with opened(server) as line:
        await send(line)
    assert server.mails == [b"Subject: x\r\n\r\nfirst\r\n..\r\n...two\r\nlast\r\n.\r\n"]
    assert server.lines[1:4] == [
        f"MAIL FROM:<office@example.org> SIZE={len(MAIL)}",
        "RCPT TO:<person@example.org>",
        "DATA",
    ]


async def test_an_address_that_the_server_cannot_carry_is_refused_and_leaves_no_open_envelope() -> None:
    server = Scripted()
    async with opened(server) as line:
        deadline = asyncio.get_running_loop().time() + 180
        outcome = await line.send(MAIL, sender="office@example.org", recipient="ż@example.org", deadline=deadline)
        assert outcome == Outcome(Result.REFUSED, "no_smtputf8")
        assert await send(line) == Outcome(Result.SENT, "sent")
    assert [one[:4] for one in server.lines] == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
