"""The listener at the return addresses, on a real connection and a real database."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import aiosmtplib
import pytest
import sqlalchemy as sa

from deploy.embedded.ports import choose_free
from services.notifications import differences
from services.notifications.ledger import Notice, told_after
from services.notifications.listening import Listener
from services.notifications.tables import OPEN
from shared.deciding.transaction import Decider
from shared.testing import eventually
from tests.notifications.building import contact, content, notice, open_notice, place, suppression
from tests.notifications.office import SERVICE, Office
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_bounces import report, wild

pytestmark = pytest.mark.long

HARD = report("Final-Recipient: rfc822; a@x\nAction: failed\nStatus: 5.1.1")

FULL = report("Final-Recipient: rfc822; a@x\nAction: failed\nStatus: 5.2.2")


@contextlib.asynccontextmanager
async def listening(office: Office, **changes: Any) -> AsyncIterator[Listener]:
    office.settings.return_path, office.settings.return_port = "bounce@example.org", choose_free()
    for name, value in changes.items():
        setattr(office.settings, name, value)
    heard = asyncio.Event()
    heard.set()
    listener = Listener(Decider(office.engine, SERVICE), office.settings, own_heard=heard)
    async with listener.listening():
        yield listener


async def answer(office: Office, address: str, content: bytes = HARD) -> int:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=office.settings.return_port, timeout=180, start_tls=False)
    async with client:
        try:
            await client.mail("")
            await client.rcpt(address)
            return (await client.data(content)).code
        except aiosmtplib.SMTPResponseException as error:
            return error.code


async def test_a_report_at_a_notices_address_withholds_the_next_mail_until_the_address_is_another(
    office: Office,
) -> None:
    await office.is_true(place())
    async with listening(office) as listener, office.server.listening(), office.sending():
        await settled_notices(office, 1)
        (back,) = office.server.senders
        assert await answer(office, back) == 250
        assert listener.heard == {"for_good": 1}
        await office.has_looked()
        books = await office.books()
        assert (books["notices"]["withheld"], books["notices"]["bounced"], books["told_is_true"]) == (1, 1, False)
        assert len(office.server.mails) == 1
        await office.hears(replace(contact(email="new@example.org"), version=2))
        assert (await settled_notices(office, 2))[-1] == ("confirmation", "sent", None)
        assert (await office.books())["notices"]["withheld"] == 0
    async with office.engine.connect() as connection:
        bodies = (await connection.execute(sa.text("select string_agg(body, ' ') from kept.journal"))).scalar_one()
    assert "AddressSuppressed" in bodies or '"status":"5.1.1"' in bodies.replace(" ", "")
    assert "no such" not in bodies
    assert "a@x" not in bodies


async def test_after_a_full_mailbox_the_next_mail_waits_for_an_hour(office: Office) -> None:
    """But not for a corrected address: that mailbox is another one."""
    await office.is_true(place())
    async with listening(office), office.server.listening(), office.sending():
        await settled_notices(office, 1)
        (back,) = office.server.senders
        assert await answer(office, back, FULL) == 250
        await eventually(office.open)
        async with office.engine.connect() as connection:
            waits = sa.select(OPEN.c.next_attempt_at - OPEN.c.planned_at)
            (planned,) = (await connection.execute(waits)).scalars()
        assert dt.timedelta(minutes=50) < planned < dt.timedelta(minutes=70)
        await office.hears(replace(contact(email="new@example.org"), version=2))
        assert (await settled_notices(office, 2))[-1] == ("confirmation", "sent", None)


async def test_an_address_that_is_not_ours_is_refused_before_any_content(office: Office) -> None:
    async with listening(office) as listener:
        assert listener._ours is not None
        ours = listener._ours.of("notice-1")
        for address in ("someone@example.com", "bounce@example.org", ours.replace("1-", "2-")):
            assert await answer(office, address) == 550
        assert listener.heard == {"not_ours": 3}


async def test_a_report_about_a_mail_that_we_do_not_know_changes_nothing(office: Office) -> None:
    async with listening(office) as listener:
        assert listener._ours is not None
        assert await answer(office, listener._ours.of("notice-9")) == 250
        assert listener.heard == {"never_sent": 1}


async def test_a_report_that_is_faster_than_our_own_outcome_is_asked_to_come_again(office: Office) -> None:
    await office.is_true(open_notice())
    async with listening(office) as listener:
        assert listener._ours is not None
        assert await answer(office, listener._ours.of("notice-1")) == 451


async def test_an_answer_of_somebody_who_is_away_is_taken_and_is_nothing(office: Office) -> None:
    vacation = wild("Jestem na urlopie.", sender="jan@x", more="Auto-Submitted: auto-replied\n")
    async with listening(office) as listener:
        assert listener._ours is not None
        assert await answer(office, listener._ours.of("notice-1"), vacation) == 250
        assert listener.heard == {"something_else": 1}
    async with office.engine.connect() as connection:
        assert (await connection.execute(sa.text("select count(*) from kept.journal"))).scalar_one() == 0


async def test_what_is_too_large_is_refused(office: Office) -> None:
    async with listening(office, return_bytes=16 * 1024) as listener:
        assert listener._ours is not None
        large = HARD + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 400
        assert await answer(office, listener._ours.of("notice-1"), large) == 552


async def test_more_than_so_many_a_minute_are_told_to_come_later(office: Office) -> None:
    async with listening(office, returns_a_minute=2) as listener:
        assert listener._ours is not None
        ours = listener._ours.of("notice-1")
        vacation = wild("away", sender="jan@x")
        assert [await answer(office, ours, vacation) for _ in range(3)] == [250, 250, 451]


async def test_one_connection_more_than_may_be_is_closed_and_who_dawdles_is_cut_off(office: Office) -> None:
    async with listening(office, return_connections=1, return_seconds=2.0) as listener:
        reader, writer = await asyncio.open_connection("127.0.0.1", office.settings.return_port)
        assert (await reader.readline()).startswith(b"220")
        other, its = await asyncio.open_connection("127.0.0.1", office.settings.return_port)
        assert b"421" in await other.read()
        its.close()
        said = 0

        def is_cut_off() -> bool:
            nonlocal said
            with contextlib.suppress(ConnectionError):
                writer.write(
                    (b"NOOP", b"RSET", b"HELO x", b"EHLO x", b"HELP")[said % 5] + b"\r\n"
                )  # Busy, and to no end.
            said += 1
            return not listener.callers

        await eventually(is_cut_off)
        assert said < 200  # aiosmtpd itself would hear fifty of each.
        writer.close()


@pytest.mark.parametrize(
    "said", ["VRFY jan@example.org", "EXPN list", "AUTH PLAIN AGEAYg==", "MAIL FROM:<x>\r\nRCPT TO:<jan@example.com>"]
)
async def test_it_says_nothing_about_anybody_and_relays_nothing(office: Office, said: str) -> None:
    async with listening(office):
        reader, writer = await asyncio.open_connection("127.0.0.1", office.settings.return_port)
        await reader.readline()
        writer.write(f"EHLO x\r\n{said}\r\nQUIT\r\n".encode())
        answers = (await reader.read()).decode().splitlines()
        writer.close()
    assert not any(one.startswith(("252", "235")) for one in answers)
    assert answers[-2].startswith("5")


async def test_what_is_withheld_is_not_planned_over_and_over(office: Office) -> None:
    await office.is_true(place())
    parameters = {"now": SERVICE.clock(), "most": 9} | office.settings.rules.parameters()
    for row, expected in ((suppression(), 0), (suppression(holds=False, version=2), 1)):
        await office.is_true(row)
        async with office.engine.begin() as connection:
            assert (await differences.plan_all(connection, parameters)).total() == expected


async def test_the_office_lets_an_address_through(office: Office) -> None:
    row = suppression()
    await office.is_true(place(), row)
    async with office.server.listening(), office.sending():
        await office.has_looked()
        assert office.server.mails == []
        await office.is_true(replace(row, holds=False, version=2))
        await settled_notices(office, 1)


async def at_the_same_time(office: Office, lock: str, *reports: str) -> str:
    """The reports are all under way before any of them can be written. Returns what was said about them."""

    async def waiting() -> bool:
        async with office.engine.connect() as connection:
            query = (
                "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
            )
            return int((await connection.execute(sa.text(query))).scalar_one()) >= len(reports)

    async with listening(office) as listener:
        assert listener._ours is not None
        async with office.engine.begin() as other:
            await other.execute(sa.text(lock))
            answers = [asyncio.create_task(answer(office, listener._ours.of(one))) for one in reports]
            await eventually(waiting)
        assert await asyncio.gather(*answers) == [250] * len(reports)
    async with office.engine.connect() as connection:
        said = await connection.execute(sa.text("select string_agg(type, ' ' order by type) from kept.journal"))
        return str(said.scalar_one())


def sent(number: int) -> Notice:
    """To one mailbox, each about a place in another session."""
    said = content().model_copy(update={"mailbox": "7c1e.5b0c7a1f"})
    return notice(kind="confirmation", said=said, notice_id=f"notice-{number}", about=f"place/session-{number}")


async def test_two_reports_about_one_mail_at_the_same_time_are_one(office: Office) -> None:
    first = sent(1)
    await office.is_true(first, told_after(None, first))
    said = await at_the_same_time(office, "lock table projection.told in exclusive mode", "notice-1", "notice-1")
    assert (said.count("NoticeBounced"), said.count("AddressSuppressed")) == (1, 1)


async def test_two_mails_that_come_back_at_the_same_time_hold_the_address_back_once(office: Office) -> None:
    both = sent(1), sent(2)
    await office.is_true(*both, *(told_after(None, one) for one in both))
    lock = "lock table projection.suppression in share mode"
    said = await at_the_same_time(office, lock, "notice-1", "notice-2")
    assert (said.count("NoticeBounced"), said.count("AddressSuppressed")) == (2, 1)
