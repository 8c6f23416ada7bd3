"""A real SMTP server as providers run it: TLS, somebody who signs in, letters in addresses, and moods."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from pydantic import SecretStr, ValidationError

from deploy.embedded.ports import choose_free
from services.notifications.decisions import Outcome, Result
from services.notifications.settings import NotificationsSettings
from services.notifications.smtp import Line
from tests.notifications.certifying import certified
from tests.notifications.test_smtp import MAIL, Scripted, opened, send, send_until_silent

SENT = Outcome(Result.SENT, "sent")


class Provider:
    """`token` and `password` are what it lets in."""

    def __init__(self) -> None:
        self.token, self.password = "token-1", "secret"
        self.signed_in: list[str] = []
        self.envelopes: list[tuple[str, bool]] = []
        """(recipient, whether TLS)"""

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        ok = isinstance(data, LoginPassword) and data.password.decode() == self.password
        self.signed_in += [mechanism] if ok else []
        return AuthResult(success=ok, handled=False)

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:  # noqa: N802
        said = base64.b64decode(args[1])
        ok = said == f"user=office\x01auth=Bearer {self.token}\x01\x01".encode()
        self.signed_in += ["XOAUTH2"] if ok else []
        return AuthResult(success=ok, handled=False)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.envelopes.append((envelope.rcpt_tos[0], session.ssl is not None))
        return "250 ok"


@contextlib.asynccontextmanager
async def provider(
    folder: Path, *, only: str | None = None, tls: str = "starttls", utf8: bool = False, **changes: Any
) -> AsyncIterator[tuple[Provider, Line]]:
    """A line to it; `only`: the one way to sign in that it offers."""
    context, ca = certified(folder)
    here, port, loop = Provider(), choose_free(), asyncio.get_running_loop()
    without = {"LOGIN", "PLAIN", "XOAUTH2"} - {only} if only else {"XOAUTH2"}

    def protocol() -> SMTP:
        return SMTP(
            here, loop=loop, authenticator=here.authenticate, auth_exclude_mechanism=without, enable_SMTPUTF8=utf8,
            tls_context=context if tls == "starttls" else None, require_starttls=False,
            auth_required=only is not None, auth_require_tls=tls == "starttls",
        )  # fmt: skip

    server = await loop.create_server(protocol, "127.0.0.1", port, ssl=context if tls == "always" else None)
    line = Line(
        NotificationsSettings(
            **(
                {
                    "database_url": SecretStr("postgresql://nobody"),
                    "smtp_port": port,
                    "smtp_tls": tls,
                    "smtp_ca_file": ca,
                }
                | changes
            )  # type: ignore[arg-type]
        )
    )
    try:
        yield here, line
    finally:
        await line.close()
        server.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_whoever_signs_in_does_so_as_the_server_offers_and_under_tls(tmp_path: Path, mechanism: str) -> None:
    signs_in = {"smtp_user": "office", "smtp_password": SecretStr("secret")}
    async with provider(tmp_path, only=mechanism, **signs_in) as (server, line):
        assert await line.open() is None
        assert await send(line) == SENT
    assert (server.signed_in, server.envelopes) == ([mechanism], [("person@example.org", True)])


async def test_a_wrong_password_is_said_in_our_words(tmp_path: Path) -> None:
    signs_in = {"smtp_user": "office", "smtp_password": SecretStr("wrong")}
    async with provider(tmp_path, only="PLAIN", **signs_in) as (_, line):
        assert await line.open() == "the mail server refuses us with 535"


async def test_a_token_is_read_anew_for_each_connection(tmp_path: Path) -> None:
    file = tmp_path / "token"
    signs_in = {"smtp_user": "office", "smtp_token_file": file}
    async with provider(tmp_path, only="XOAUTH2", **signs_in) as (server, line):
        assert await line.open() == "the file with the token for the mail server cannot be read"
        for token in ("token-1", "token-2"):
            server.token = token
            file.write_text(token + "\n")
            line._retry_at = 0.0
            assert await line.open() is None
            assert await send(line) == SENT
            line.connection.close()
    assert server.signed_in == ["XOAUTH2"] * 2


async def test_a_server_that_is_spoken_to_in_tls_from_the_first_byte(tmp_path: Path) -> None:
    async with provider(tmp_path, tls="always") as (_, line):
        assert await line.open() is None
        assert await send(line) == SENT


async def test_a_certificate_that_nobody_vouches_for_gets_no_mail(tmp_path: Path) -> None:
    async with provider(tmp_path, smtp_ca_file=None) as (server, line):
        assert await line.open() == "the mail server cannot be reached"
    assert server.envelopes == []


@pytest.mark.parametrize(("offers", "tls"), [("starttls", True), ("never", False)])
async def test_tls_if_offered_is_taken_where_it_is_offered(tmp_path: Path, offers: str, tls: bool) -> None:
    async with provider(tmp_path, tls=offers, smtp_tls="if_offered") as (server, line):
        assert await line.open() is None
        await send(line)
    assert server.envelopes == [("person@example.org", tls)]


async def test_who_insists_on_tls_sends_nothing_to_a_server_without(tmp_path: Path) -> None:
    async with provider(tmp_path, tls="never", smtp_tls="starttls") as (server, line):
        assert (await line.open() or "").startswith("the mail server offers no way to sign in, or no TLS")
    assert server.envelopes == []


@pytest.mark.parametrize(
    "settings",
    [
        {"smtp_user": "office", "smtp_password": "x", "smtp_tls": "if_offered"},
        {"smtp_user": "office", "smtp_password": "x", "smtp_token_file": "/t"},
        {"smtp_token_file": "/t"},
        {"dkim_key_file": "/k"},
        {"return_path": "a-far-too-long-name@example.org"},
    ],
)
def test_settings_that_would_give_a_secret_away_or_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        NotificationsSettings(database_url="postgresql://nobody", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("offered", "expected"), [(True, SENT), (False, Outcome(Result.REFUSED, "no_smtputf8"))], ids=["offered", "not"]
)
async def test_an_address_in_polish_letters_goes_where_the_server_carries_it(
    tmp_path: Path, offered: bool, expected: Outcome
) -> None:
    async with provider(tmp_path, tls="never", utf8=offered) as (server, line):
        await line.open()
        deadline = asyncio.get_running_loop().time() + 180
        mail = "To: żaneta@example.org\r\n\r\nx\r\n".encode()
        assert (
            await line.send(mail, sender="office@example.org", recipient="żaneta@example.org", deadline=deadline)
            == expected
        )
        assert await send(line) == SENT
    assert [one for one, _ in server.envelopes][:-1] == (["żaneta@example.org"] if offered else [])


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("MAIL", Outcome(Result.NOT_TRIED, "sender_smtp_421")),
        ("RCPT", Outcome(Result.LATER, "smtp_421")),
        ("DATA", Outcome(Result.LATER, "smtp_421")),
        ("CONTENT", Outcome(Result.LATER, "smtp_421")),
    ],
)
async def test_a_server_that_closes_in_the_middle_is_asked_again(command: str, expected: Outcome) -> None:
    server = Scripted({command: ["421 closing"]})
    async with opened(server) as line:
        assert await send(line) == expected
        assert not line.is_open  # Also while the server has not closed it.
        assert await line.open() is None
        assert await send(line) == SENT


async def test_a_server_that_is_full_for_one_recipient_takes_the_next_mail() -> None:
    """452 is about that mailbox; greylisting says 450 or 451 likewise, and is tried again."""
    async with opened(Scripted({"RCPT": ["452 too many", "450 greylisted"]})) as line:
        assert await send(line) == Outcome(Result.LATER, "smtp_452")
        assert await send(line) == Outcome(Result.LATER, "smtp_450")
        assert await send(line) == SENT


class Slow(Scripted):
    """Says a byte, and would say the next one a second later."""

    async def _answers(self, command: str, writer: asyncio.StreamWriter) -> bool:
        if command == "RCPT" and not self.is_silent.is_set():
            writer.write(b"2")
            await writer.drain()
            self.is_silent.set()
            await self.is_over.wait()
        return await super()._answers(command, writer)


async def test_a_server_that_answers_byte_by_byte_is_not_waited_for_beyond_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Slow()
    async with opened(server) as line:
        assert await send_until_silent(line, server, monkeypatch) == Outcome(Result.LATER, "not_taken")
        assert not line.is_open


def test_the_mail_of_these_tests_is_ascii() -> None:
    assert MAIL.isascii()
