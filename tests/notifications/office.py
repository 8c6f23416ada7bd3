"""A sender's surroundings: the truth in a real Postgres, and a real SMTP server that misbehaves as servers do."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from typing import Any

import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from deploy.embedded.ports import choose_free
from services.notifications import app, reading, store
from services.notifications.going_live import say_go_live
from services.notifications.sending import Sender
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import COMPARED_AS_A_WHOLE, HEARD_IN, TABLES
from shared.deciding.news import Kinds, News
from shared.deciding.transaction import Decider
from shared.postgres.roundtrips import Writes
from shared.state.rows import FactRow, Row, Rows
from shared.state.working import Said
from shared.testing import eventually
from tests.notifications.building import NOW
from tests.notifications.receiving import cut, listening

BEGUN = time.monotonic()
SERVICE = replace(app.SERVICE, clock=lambda: NOW + dt.timedelta(seconds=time.monotonic() - BEGUN))
"""The clock runs, from the day on which the rows of these tests are true."""


@dataclass
class Server:
    """An SMTP server that answers what the test wants; `answers` are used up one a mail, then it takes everything."""

    port: int
    answers: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    """Answers to RCPT, used up in the same way."""
    asked: list[str] = field(default_factory=list)
    """To whom it was to deliver, whatever it answered."""
    closed: set[str] = field(default_factory=set)
    """Domains of which it says that it closes."""
    senders: list[str] = field(default_factory=list)
    """Of the envelopes of those mails."""
    contents: list[bytes] = field(default_factory=list)
    """Of those mails."""
    mails: list[tuple[str, str, str]] = field(default_factory=list)
    """(recipient, kind, Message-ID) of what reached it, whatever it answered."""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        answer = self.recipients.pop(0) if self.recipients else "250 ok"
        self.asked.append(address)
        if address.rpartition("@")[2] in self.closed:
            answer = "421 too many connections"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 ok"
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self.contents.append(content)
        message = message_from_bytes(content)
        self.senders.append(envelope.mail_from or "")
        self.mails.append((envelope.rcpt_tos[0], message["X-Rollcall-Notice-Kind"], message["Message-ID"]))
        if answer == "disconnect":
            cut(server)
        if answer == "silence":
            await asyncio.sleep(30)
        return answer

    def listening(self) -> AbstractAsyncContextManager[None]:
        return listening(self, self.port)


async def write_rows(connection: AsyncConnection, *rows: Row) -> None:
    for kind in dict.fromkeys(map(type, rows)):
        written, writes = Rows(kind), Writes()
        for row in rows:
            if type(row) is kind:
                written.put(row)
        writes.save(SERVICE.table(kind), written)
        await writes.run(connection)


def kinds_behind(rows: Sequence[FactRow]) -> Kinds:
    """The kinds of facts that make such rows: what a lane would say that it heard."""
    made_in = {TABLES[type(row)] for row in rows}
    known = frozenset(kind for kind, table in HEARD_IN.items() if table in made_in)
    return known | (frozenset() if made_in <= set(HEARD_IN.values()) else COMPARED_AS_A_WHOLE)


class Office:
    """Everything around a sender: the truth in the database, the server, and the sender at work."""

    def __init__(self, engine: AsyncEngine, url: str) -> None:
        self.engine = engine
        self.server = Server(choose_free())
        self.settings = NotificationsSettings(
            database_url=SecretStr(url),
            smtp_port=self.server.port,
            carriers=2,
            connections=4,
            smtp_seconds=20.0,  # A busy machine shall raise no doubts.
            lease_seconds=60.0,
            retry_first_seconds=0.05,
            settling_seconds=0,
            rehearse=False,
            send_poll_seconds=0.05,
            reconcile_seconds=0.1,
            catch_up_seconds=0.05,
        )
        self.sender: Sender | None = None
        self.relay_woken = asyncio.Event()

    def gives_up_soon(self) -> None:
        """For a test in which an answer never comes, or a lease runs out."""
        self.settings.smtp_seconds, self.settings.lease_seconds = 1.0, 2.0

    async def is_true(self, *rows: Row) -> None:
        async with self.engine.begin() as connection:
            for row in rows:
                written, writes = Rows(type(row)), Writes()
                written.put(row)
                writes.save(SERVICE.table(type(row)), written)
                await writes.run(connection)

    async def hears(self, *rows: FactRow) -> None:
        """A lane commits them, and says so."""
        assert self.sender is not None
        now = SERVICE.clock()
        await self.is_true(*(replace(row, heard_at=now) for row in rows))
        self.sender.planner.news(News(now, kinds_behind(rows)))

    async def has_looked(self) -> None:
        """Two looks at the whole have begun and ended since, and nothing is on its way: what is not there by now does not come."""
        for _ in range(2):
            await self._looks()

        async def is_quiet() -> bool:
            return not await self.open()

        await eventually(is_quiet)

    async def has_planned(self) -> None:
        """Two looks have begun and ended since, and so have two polls for work."""
        for _ in range(2):
            sender = await self._looks()
            polled = sender._poll_at
            await eventually(lambda polled=polled, sender=sender: sender._poll_at > polled)

    async def _looks(self) -> Sender:
        """One look at the whole has begun and ended since."""
        assert self.sender is not None
        planner = self.sender.planner
        planner._whole_at = None
        planner._woken.set()
        await eventually(lambda: planner._whole_at is not None)
        return self.sender

    @contextlib.asynccontextmanager
    async def sending(self, kind: type[Sender] = Sender) -> AsyncIterator[Sender]:
        async def heard() -> None:
            return None

        decider = Decider(self.engine, SERVICE)
        self.sender = sender = kind(decider, self.settings, streams_heard=heard)

        def said(facts: Sequence[Said]) -> None:
            self.relay_woken.set()
            sender.said(facts)

        decider.said = said
        tasks = [asyncio.create_task(loop()) for loop in sender.loops()]
        try:
            yield sender
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def goes_live(self) -> None:
        """An operator states it."""
        decider = Decider(self.engine, SERVICE)
        async with decider.unit_of_work() as (connection, _):
            working = SERVICE.working(SERVICE.clock())
            await store.load_go_live(connection, working)
            say_go_live(working, by="anna", reason="the old system is switched off")
            await decider.write(connection, working)

    async def outcomes(self) -> list[tuple[str, str, str | None]]:
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                sa.text("select kind, state, code from projection.notice order by decided_at, notice_id")
            )
            return [(row[0], row[1], row[2]) for row in rows]

    async def books(self) -> dict[str, Any]:
        async with self.engine.connect() as connection:
            stage = await store.stage(connection, by_settings=self.settings.rehearse)
            return await reading.books(connection, now=SERVICE.clock(), rules=self.settings.rules_at(stage))

    async def open(self) -> int:
        async with self.engine.connect() as connection:
            return int((await connection.execute(sa.text("select count(*) from kept.open_notice"))).scalar_one())


async def settled(office: Office, number: int) -> list[tuple[str, str, str | None]]:
    async def there() -> bool:
        return len(await office.outcomes()) >= number and not await office.open()

    await eventually(there)
    return await office.outcomes()
