"""The listener at our own addresses: hears by SMTP what came back, what calendars answer, and nothing else. It relays nothing, answers nothing,
keeps no content.

Who may speak here is anybody on the Internet: each of them, and all together, have limits. An address that is not ours is refused before any
content is sent; what is accepted has been written by then.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session

from services.notifications import store
from services.notifications.answering import Became
from services.notifications.answering import answer as answered
from services.notifications.bounces import Bounce, read
from services.notifications.decisions import came_back
from services.notifications.replies import CalendarReply, Unread
from services.notifications.replies import read as read_reply
from services.notifications.returning import AnswerPath, ReturnPath
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import digest_key, ensure_key
from shared import telemetry
from shared.backoff import Backoff
from shared.deciding.transaction import Decider
from shared.faults import Fault, classify, told

log = structlog.get_logger()

LINE_BYTES = 64 * 1024
"""Of a content: what others send is not always folded."""
_OK, _LATER = "250 ok", "451 4.3.0 later"
_SAY_IT_OTHERWISE = "on the page that the mail about your place leads to, or write to the office"
_ANSWERS: dict[Became | Unread, str] = {
    Became.ANSWERED: _OK,
    Became.REPEATED: _OK,
    Became.OVERTAKEN: _OK,
    Unread.AUTOMATIC: _OK,
    Became.CALLED_OFF: "550 5.7.0 that is off: the newest mail about it says so",
    Became.NOT_TOLD: f"550 5.7.0 no mail of ours has invited you so; answer {_SAY_IT_OTHERWISE}",
    Became.ANOTHER_ENTRY: f"550 5.7.0 that is about something else; answer {_SAY_IT_OTHERWISE}",
    Became.SOMEBODY_ELSE: f"550 5.7.0 somebody else was invited; they answer {_SAY_IT_OTHERWISE}",
    Became.ONE_DAY: f"550 5.7.0 a place is for all days: answer for the whole, {_SAY_IT_OTHERWISE}",
    Became.NO_WORD: f"550 5.7.0 that does not say whether you come; say it {_SAY_IT_OTHERWISE}",
    Unread.NO_ANSWER: f"550 5.7.0 only calendars are heard here; say it {_SAY_IT_OTHERWISE}",
    Unread.UNREADABLE: f"550 5.6.0 your calendar's answer cannot be read; say it {_SAY_IT_OTHERWISE}",
}
"""What whoever answers is told: of what comes to nothing their own mail server tells them, which nobody else could. Nobody waits for
anything to come of the rest."""
logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd writes down who speaks and about whom.


class _Caller(SMTP):
    """One connection to us."""

    line_length_limit = LINE_BYTES

    def __init__(self, listener: Listener, settings: NotificationsSettings) -> None:
        super().__init__(
            listener,
            loop=asyncio.get_running_loop(),
            data_size_limit=settings.return_bytes,
            timeout=settings.return_seconds,
            enable_SMTPUTF8=True,
            hostname=settings.domain,
            ident="Rollcall",
            command_call_limit=50,
            auth_exclude_mechanism=("LOGIN", "PLAIN"),
        )
        self._listener, self._seconds = listener, settings.return_seconds
        self._ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self._listener.callers.add(self)
        self._ends = self.loop.call_later(self._seconds, transport.abort)  # However busily it speaks.
        if len(self._listener.callers) > self._listener.most:
            transport.write(b"421 4.3.2 too many are speaking\r\n")
            transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._listener.callers.discard(self)
        if self._ends is not None:
            self._ends.cancel()
        super().connection_lost(error)


class Listener:
    """Hears what comes back. `heard` counts it, by what it was."""

    def __init__(self, decider: Decider, settings: NotificationsSettings, *, own_heard: asyncio.Event) -> None:
        assert settings.return_path is not None
        assert settings.return_port is not None
        self.callers: set[_Caller] = set()
        self.most = settings.return_connections
        self.heard: Counter[str] = Counter()
        self._decider = decider
        self._settings = settings
        self._own_heard = own_heard
        self._ours: ReturnPath | None = None
        self._answers: AnswerPath | None = None
        self._left, self._since = float(settings.returns_a_minute), 0.0

    async def run(self) -> None:
        """Listens until cancelled. Not before our own words are heard: until then we may not know what we sent."""
        backoff = Backoff(0.5, 30)
        await self._own_heard.wait()
        while True:
            await backoff.wait()
            try:
                async with self.listening():
                    await asyncio.Event().wait()
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT and not isinstance(error, OSError):
                    log.exception("listening for what comes back failed")
                backoff.failed(error, where="listening for what comes back")

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        settings, path = self._settings, self._settings.return_path
        assert path is not None
        async with self._decider.engine.begin() as connection:
            await ensure_key(connection)
            key = await digest_key(connection)
            self._ours = ReturnPath(path, key)
            self._answers = AnswerPath(settings.calendar_path, key) if settings.calendar_path is not None else None
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Caller(self, settings), settings.host, settings.return_port)
        log.info("listening for what comes back", port=settings.return_port)
        try:
            yield
        finally:
            server.close()
            for caller in tuple(self.callers):
                if isinstance(caller.transport, asyncio.Transport):
                    caller.transport.abort()

    # --- what aiosmtpd calls -----------------------------------------------------------------

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if self._named(address) == (None, None):
            self._counted("not_ours")
            return "550 5.1.1 nobody here"
        if envelope.rcpt_tos:
            return "452 4.5.3 one at a time"
        if not self._may_speak():
            return "451 4.7.0 later"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        notice_id, entry = self._named(envelope.rcpt_tos[0])
        if entry is not None:
            return await self._calendar_answered(entry, content, envelope.mail_from)
        assert notice_id is not None
        found = await asyncio.to_thread(read, content, mail_from=envelope.mail_from)
        if found is None:
            self._counted("something_else")
            return _OK
        return await self._came_back(notice_id, found)

    async def handle_VRFY(self, server: SMTP, session: Session, envelope: Envelope, address: str) -> str:  # noqa: N802
        return "502 5.5.1 no"

    async def handle_exception(self, error: Exception) -> str:
        log.error("what came back could not be heard", error=told(error))
        return _LATER

    # --- what follows ------------------------------------------------------------------------

    def _named(self, address: str) -> tuple[str | None, str | None]:
        """The notice whose return address it is, or the entry whose organiser."""
        notice_id = self._ours.notice_of(address) if self._ours is not None else None
        return notice_id, self._answers.entry_of(address) if self._answers is not None else None

    async def _calendar_answered(self, entry: str, content: bytes, mail_from: str | None) -> str:
        reply = await asyncio.to_thread(read_reply, content, mail_from=mail_from)
        became = reply if isinstance(reply, Unread) else await self._answered(entry, reply)
        if became is None:
            return _LATER
        self._counted(became.value)
        return _ANSWERS[became]

    async def _answered(self, entry: str, reply: CalendarReply) -> Became | None:
        """None: it may be heard later."""
        try:
            async with self._decider.unit_of_work() as (connection, thought):
                working = self._decider.service.working(self._decider.service.clock())
                addresses = [one.address for one in reply.attendees]
                invited = await store.load_invited(connection, working, entry, addresses)
                if invited is None:
                    return Became.NOT_TOLD
                if invited.mail_numbered(reply.sequence) is None and await store.is_leaving(
                    connection, invited, reply.sequence
                ):
                    return None  # It was answered before our own outcome was written.
                became = answered(working, invited, reply)
                if became is Became.ANSWERED:
                    await self._decider.write(connection, working)
                    thought.add(working)
        except Exception as error:
            if classify(error) is not Fault.TRANSIENT:
                log.exception("what a calendar answers could not be heard", entry=entry)
            return None
        log.info("a calendar has answered", session_id=invited.session_id, became=became.value)
        return became

    async def _came_back(self, notice_id: str, bounce: Bounce) -> str:
        try:
            async with self._decider.unit_of_work() as (connection, thought):
                working = self._decider.service.working(self._decider.service.clock())
                notice, soft = await store.load_returned(connection, working, notice_id)
                if notice is None and await store.is_under_way(connection, notice_id):
                    return _LATER  # It came back before our own outcome was written.
                if notice is not None:
                    came_back(working, notice, bounce, soft_before=soft)
                    await self._decider.write(connection, working)
                    thought.add(working)
        except Exception as error:
            if classify(error) is not Fault.TRANSIENT:
                log.exception("what came back could not be heard", notice_id=notice_id)
            return _LATER
        if notice is None:
            self._counted("never_sent")
        else:
            self._counted("for_good" if bounce.is_for_good else "for_now")
            log.info("a mail came back", notice_id=notice_id, status=bounce.status)
        return "250 ok"

    def _may_speak(self) -> bool:
        """So many a minute, however many connections they come by."""
        now, most = asyncio.get_running_loop().time(), self._settings.returns_a_minute
        self._left = min(float(most), self._left + (now - self._since) * most / 60)
        self._since = now
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def _counted(self, what: str) -> None:
        self.heard[what] += 1
        telemetry.RETURNS.labels(what).inc()
