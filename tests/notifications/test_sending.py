"""The sender against a real Postgres and a real SMTP server that misbehaves as servers do."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.embedded.ports import choose_free
from services.notifications import app
from services.notifications.sending import Sender
from services.notifications.settings import NotificationsSettings
from shared.contracts.enrolment import Standing
from shared.database import Row, Rows, save
from tests.notifications.building import NOW, TUESDAY, contact, person, place, session, topic, town

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
    mails: list[tuple[str, str, str]] = field(default_factory=list)
    """(recipient, kind, Message-ID) of what reached it, whatever it answered."""

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:  # noqa: N802
        answer = self.recipients.pop(0) if self.recipients else "250 ok"
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 ok"
        message = message_from_bytes(envelope.content if isinstance(envelope.content, bytes) else b"")
        self.mails.append((envelope.rcpt_tos[0], message["X-Rollcall-Notice-Kind"], message["Message-ID"]))
        if answer == "disconnect":
            _abort(server)
        if answer == "silence":
            await asyncio.sleep(30)
        return answer

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        protocols: list[SMTP] = []

        def protocol() -> SMTP:
            protocols.append(SMTP(self, enable_SMTPUTF8=False, loop=loop))
            return protocols[-1]

        server = await loop.create_server(protocol, "127.0.0.1", self.port)
        try:
            yield
        finally:
            server.close()
            for one in protocols:
                _abort(one)


def _abort(connection: SMTP) -> None:
    if isinstance(connection.transport, asyncio.Transport):
        connection.transport.abort()


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
            smtp_seconds=1.0,
            lease_seconds=2.0,
            retry_first_seconds=0.05,
            send_poll_seconds=0.05,
            reconcile_seconds=0.1,
            catch_up_seconds=0.05,
        )
        self.sender: Sender | None = None

    async def is_true(self, *rows: Row) -> None:
        async with self.engine.begin() as connection:
            for row in rows:
                written = Rows(type(row))
                written.put(row)
                await save(connection, SERVICE.table(type(row)), written)

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[Sender]:
        async def heard() -> None:
            return None

        self.sender = sender = Sender(
            self.engine, SERVICE, self.settings, streams_heard=heard, lag=dict, said=lambda: None
        )
        tasks = [asyncio.create_task(loop()) for loop in sender.loops()]
        try:
            yield sender
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def outcomes(self) -> list[tuple[str, str, str | None]]:
        async with self.engine.connect() as connection:
            rows = await connection.execute(
                sa.text("select kind, state, code from projection.notice order by decided_at, notice_id")
            )
            return [(row[0], row[1], row[2]) for row in rows]

    async def open(self) -> int:
        async with self.engine.connect() as connection:
            return int((await connection.execute(sa.text("select count(*) from kept.open_notice"))).scalar_one())


async def until(condition: Callable[[], Any], seconds: float = 10) -> None:
    """Waits for a condition, with a limit."""
    async with asyncio.timeout(seconds):
        while True:
            met = condition()
            if asyncio.iscoroutine(met):
                met = await met
            if met:
                return
            await asyncio.sleep(0.02)


@pytest.fixture
async def office(engine: AsyncEngine, database_url: str) -> Office:
    made = Office(engine, database_url)
    await made.is_true(person(), contact(), town(), topic(), session())
    return made


async def settled(office: Office, number: int) -> list[tuple[str, str, str | None]]:
    async def there() -> bool:
        return len(await office.outcomes()) >= number and not await office.open()

    await until(there)
    return await office.outcomes()


async def test_a_place_is_confirmed_once(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending() as sender:
        assert await settled(office, 1) == [("confirmation", "sent", None)]
        sender.news()
        await asyncio.sleep(0.3)  # Several looks at the whole.
    assert len(office.server.mails) == 1
    assert office.server.mails[0][:2] == ("person-1@example.org", "confirmation")


async def test_change_and_cancellation_follow(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        await settled(office, 1)
        await office.is_true(session(meetings=(TUESDAY,), content="tuesday", ends_at=TUESDAY.ends_at))
        await settled(office, 2)
        await office.is_true(place(Standing.WITHDRAWN))
        await settled(office, 3)
    assert [mail[1] for mail in office.server.mails] == ["confirmation", "change", "cancellation"]


async def test_a_refusal_for_now_is_tried_again_as_the_same_mail(office: Office) -> None:
    office.server.answers = ["451 try later"]
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("confirmation", "sent", None)]
    assert len({mail[2] for mail in office.server.mails}) == 1
    assert len(office.server.mails) == 2


async def test_a_refused_recipient_is_a_failure_with_a_code_and_without_the_servers_words(office: Office) -> None:
    office.server.recipients = ["550 no such user as Wisniewska"]
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("confirmation", "failed", "smtp_550")]
    async with office.engine.connect() as connection:
        assert "Wisniewska" not in (await connection.execute(sa.text("select body from kept.journal"))).scalar_one()


async def test_a_connection_lost_after_data_gets_one_more_try(office: Office) -> None:
    office.server.answers = ["disconnect"]
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("confirmation", "sent", None)]
    assert len(office.server.mails) == 2
    assert len({mail[2] for mail in office.server.mails}) == 1


async def test_a_second_silence_after_data_is_left_to_an_operator(office: Office) -> None:
    office.server.answers = ["silence", "silence"]
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("confirmation", "unknown", "outcome_unknown")]
        await asyncio.sleep(0.3)
    assert len(office.server.mails) == 2


async def test_a_withdrawal_after_a_lost_answer_sends_its_cancellation(office: Office) -> None:
    office.server.answers = ["disconnect"]
    office.settings.retry_first_seconds = 1.0
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        await until(lambda: office.server.mails)
        await office.is_true(place(Standing.WITHDRAWN))
        assert await settled(office, 2) == [("confirmation", "overtaken", "overtaken"), ("cancellation", "sent", None)]


async def test_a_server_that_is_away_burns_no_attempts_and_is_reported(office: Office) -> None:
    await office.is_true(place())
    async with office.sending() as sender:
        await until(lambda: sender.problem)
        async with office.engine.connect() as connection:
            attempts = (await connection.execute(sa.text("select attempts, lease from kept.open_notice"))).one()
        assert tuple(attempts) == (0, None)


async def test_a_group_on_its_way_is_finished_before_we_stop(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening():
        async with office.sending():
            await until(lambda: office.server.mails)
        assert await office.outcomes() == [("confirmation", "sent", None)]


async def test_two_senders_send_each_mail_once(office: Office) -> None:
    people = [f"person-{number}" for number in range(60)]
    await office.is_true(*map(person, people), *map(contact, people), *(place(person_id=one) for one in people))
    async with office.server.listening(), office.sending(), office.sending():
        await settled(office, len(people))
    assert sorted(mail[0] for mail in office.server.mails) == sorted(f"{one}@example.org" for one in people)


async def test_who_cannot_be_written_to_fails_for_good(office: Office) -> None:
    await office.is_true(place(), contact(email="żaneta@example.org"))
    async with office.server.listening(), office.sending():
        assert await settled(office, 1) == [("confirmation", "failed", "unrenderable")]
    assert office.server.mails == []


async def test_whoever_has_no_contact_is_mailed_as_soon_as_it_is_known(office: Office) -> None:
    office.settings.reconcile_seconds = 60  # Found by the look for news, not by comparing the whole.
    await office.is_true(place(), person("person-2"), place(person_id="person-2"))
    async with office.server.listening(), office.sending() as sender:
        await settled(office, 1)
        await office.is_true(replace(contact("person-2"), heard_at=NOW))
        sender.news()
        await settled(office, 2)
    assert [mail[0] for mail in office.server.mails] == ["person-1@example.org", "person-2@example.org"]
