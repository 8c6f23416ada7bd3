"""The listener at the return addresses: hears by SMTP what came back, and nothing else. It relays nothing, answers nothing, keeps no content.

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
from services.notifications.bounces import Bounce, read
from services.notifications.decisions import came_back
from services.notifications.returning import ReturnPath
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import digest_key, ensure_key
from shared import telemetry
from shared.backoff import Backoff
from shared.deciding.transaction import Decider
from shared.faults import Fault, classify, told

log = structlog.get_logger()

LINE_BYTES = 64 * 1024
"""Of a content: what others send is not always folded."""
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
            self._ours = ReturnPath(path, await digest_key(connection))
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
        if self._ours is None or self._ours.notice_of(address) is None:
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
        notice_id = self._ours.notice_of(envelope.rcpt_tos[0]) if self._ours else None
        assert notice_id is not None
        found = await asyncio.to_thread(read, content, mail_from=envelope.mail_from)
        if found is None:
            self._counted("something_else")
            return "250 ok"
        return await self._came_back(notice_id, found)

    async def handle_VRFY(self, server: SMTP, session: Session, envelope: Envelope, address: str) -> str:  # noqa: N802
        return "502 5.5.1 no"

    async def handle_exception(self, error: Exception) -> str:
        log.error("what came back could not be heard", error=told(error))
        return "451 4.3.0 later"

    # --- what follows ------------------------------------------------------------------------

    async def _came_back(self, notice_id: str, bounce: Bounce) -> str:
        try:
            async with self._decider.unit_of_work() as (connection, thought):
                working = self._decider.service.working(self._decider.service.clock())
                notice, soft = await store.load_returned(connection, working, notice_id)
                if notice is None and await store.is_under_way(connection, notice_id):
                    return "451 4.3.0 later"  # It came back before our own outcome was written.
                if notice is not None:
                    came_back(working, notice, bounce, soft_before=soft)
                    await self._decider.write(connection, working)
                    thought.add(working)
        except Exception as error:
            if classify(error) is not Fault.TRANSIENT:
                log.exception("what came back could not be heard", notice_id=notice_id)
            return "451 4.3.0 later"
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
