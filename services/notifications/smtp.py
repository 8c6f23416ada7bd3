"""One kept SMTP connection: sends a mail before its deadline and says what came of it. Knows no ledger."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import structlog
from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
)
from aiosmtplib.typing import SMTPStatus

from services.notifications.decisions import Outcome, Result
from services.notifications.settings import NotificationsSettings

log = structlog.get_logger()

RECONNECT_SECONDS = 5.0
"""A connection that could not be opened is left alone for so long; the others go on."""
RSET_SECONDS = 2.0
"""A server that falls silent after a refusal must not make us forget what it refused."""
_MAIL_TOO_LARGE = 552


class NotOffered(SMTPException):
    """The address needs an extension that this server does not offer."""


class NoToken(SMTPException):
    """The file with the token to sign in with cannot be read."""


_REFUSALS = (SMTPSenderRefused, SMTPRecipientRefused, SMTPDataError, NotOffered, ValueError)
"""After these a connection is as good as before, once its envelope is emptied."""


_START_TLS = {"starttls": True, "if_offered": None}
"""As aiosmtplib says it: None takes it where the server offers it."""


class Connection(SMTP):
    """Knows whether a mail has been handed over: from then on only the server's answer says that it did not leave."""

    handed_over = False

    async def transfer(self, message: bytes, *, sender: str, recipient: str) -> None:
        """One mail, each line with its CRLF; ASCII, but for the address in its headers. Waits without limit: the caller has a deadline for the whole.

        `sendmail` does the same at twice the cost: it mends line ends, asks twice whether an address is one, and has a
        timer for each command.
        """
        self.handed_over = False
        options = [f"SIZE={len(message)}"] if self.supports_extension("size") else []
        encoding = "ascii"
        if not recipient.isascii():
            if not self.supports_extension("smtputf8"):
                raise NotOffered("SMTPUTF8")
            options, encoding = [*options, "SMTPUTF8"], "utf-8"
        try:
            await self.mail(sender, options=options, timeout=None)
            await self.rcpt(recipient, encoding=encoding, timeout=None)
            await self._content(message)
        except _REFUSALS as error:
            if getattr(error, "code", None) == SMTPStatus.domain_unavailable:
                self.close()  # It says that it closes; whoever waits for it to do so waits with a connection of ours.
                raise
            try:
                await self.rset(timeout=RSET_SECONDS)  # What was accepted of this envelope must not join the next one.
            except SMTPException:
                self.close()
            raise

    async def _content(self, message: bytes) -> None:
        answer = await self.execute_command(b"DATA", timeout=None)
        if answer.code != SMTPStatus.start_input:
            raise SMTPDataError(answer.code, answer.message)
        if self.protocol is None:
            raise SMTPServerDisconnected("connection lost before the content")
        self.handed_over = True
        # No await between the two: an answer that came between them would be taken for an unasked one.
        self.protocol.write(message.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        answer = await self.protocol.read_response()
        if answer.code != SMTPStatus.completed:
            raise SMTPDataError(answer.code, answer.message)


class Line:
    """A connection that is kept open, and opened again when the server has closed it."""

    def __init__(self, settings: NotificationsSettings) -> None:
        password = settings.smtp_password
        self._token_file = settings.smtp_token_file
        self._seconds = settings.smtp_seconds
        self._retry_at = 0.0
        self.is_taken = False
        """Whether a mail is on its way over it."""
        self.connection = Connection(
            hostname=settings.smtp_host,
            port=settings.smtp_port,
            username=settings.smtp_user,
            password=password.get_secret_value() if password else None,
            local_hostname=settings.domain,  # Otherwise it asks DNS for our name, and blocks while it does.
            timeout=settings.smtp_seconds,
            use_tls=settings.smtp_tls == "always",
            start_tls=_START_TLS.get(settings.smtp_tls, False),
            cert_bundle=str(settings.smtp_ca_file) if settings.smtp_ca_file else None,
            oauth_token_generator=self._token if settings.smtp_token_file else None,
        )

    async def _token(self) -> str:
        """Read at each connection: whoever renews it writes the file anew."""
        assert self._token_file is not None
        try:
            return (await asyncio.to_thread(Path(self._token_file).read_text)).strip()
        except (OSError, ValueError) as error:
            raise NoToken("cannot be read") from error

    @property
    def is_open(self) -> bool:
        return self.connection.is_connected

    async def open(self) -> str | None:
        """Opens the connection unless it is open, or was refused a moment ago. Returns what is wrong, if it is not."""
        if self.is_open:
            return None
        if time.monotonic() < self._retry_at:
            return "a moment ago it did not answer"
        try:
            async with asyncio.timeout(self._seconds):
                await self.connection.connect()
                await self.connection.ehlo()
        except (SMTPException, OSError) as error:
            self._retry_at = time.monotonic() + RECONNECT_SECONDS
            self.connection.close()
            return problem_of(error)
        return None

    async def send(self, message: bytes, *, sender: str, recipient: str, deadline: float) -> Outcome:
        """Sends one mail; `deadline` is a moment of the event loop's clock. Never raises for what SMTP may do."""
        self.is_taken = True
        try:
            async with asyncio.timeout_at(deadline):
                await self.connection.transfer(message, sender=sender, recipient=recipient)
        except (SMTPException, OSError, ValueError) as error:
            if not isinstance(error, _REFUSALS):
                self.connection.close()  # Nobody knows what it would answer to.
            return outcome_of(error, handed_over=self.connection.handed_over)
        finally:
            self.is_taken = False
        return Outcome(Result.SENT, "sent")

    async def close(self) -> None:
        """Says good-bye, if there is still somebody to say it to."""
        if self.is_open:
            try:
                async with asyncio.timeout(2):
                    await self.connection.quit()
            except (SMTPException, OSError):
                self.connection.close()


def outcome_of(error: BaseException, *, handed_over: bool) -> Outcome:
    """What an exception of `transfer` means for the mail.

    Source: aiosmtplib 5.1. A refused sender comes as SMTPSenderRefused, a refused recipient as SMTPRecipientRefused, an
    answer to DATA or to the content as SMTPDataError; everything else tells nothing about the mail if it had been handed
    over.
    """
    match error:
        case NotOffered():
            return Outcome(Result.REFUSED, "no_smtputf8")
        case SMTPRecipientRefused():
            return _by_code(error.code)
        case SMTPDataError() if 400 <= error.code < 600:
            return _by_code(error.code)
        case SMTPSenderRefused() if error.code != _MAIL_TOO_LARGE:
            # Not this mail's fault: with a wrong sender every mail would be given up for good.
            return Outcome(Result.NOT_TRIED, f"sender_smtp_{error.code}")
        case SMTPSenderRefused():
            return _by_code(error.code)
    if handed_over:
        return Outcome(Result.DOUBTFUL, "no_answer")
    if isinstance(error, ValueError):
        return Outcome(Result.REFUSED, "unrenderable")
    return Outcome(Result.LATER, "not_taken")


def _by_code(code: int) -> Outcome:
    return Outcome(Result.REFUSED if code >= 500 else Result.LATER, f"smtp_{code}")


def problem_of(error: BaseException) -> str:
    """What keeps us from the server, in our words: its own may name people."""
    if isinstance(error, SMTPResponseException):
        return f"the mail server refuses us with {error.code}"
    if isinstance(error, NoToken):
        return "the file with the token for the mail server cannot be read"
    if type(error) is SMTPException:  # Of aiosmtplib itself, before the server was asked.
        return "the mail server offers no way to sign in, or no TLS, of those that the settings ask for"
    if isinstance(error, TimeoutError):
        return "the mail server does not answer in time"
    return "the mail server cannot be reached"
