"""The sender and the listener with a Postfix between them and the world, as a process of its own that is killed and started again."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from deploy.embedded.ports import choose_free
from services.notifications.listening import Listener
from shared.contracts.model import Language
from shared.deciding.transaction import Decider
from shared.testing import eventually
from tests.notifications.building import TUESDAY, contact, person, place, session
from tests.notifications.certifying import certified
from tests.notifications.killing import ANSWER, CONTENT, DOT, HEARD, MOMENTS, Killer
from tests.notifications.mails import body
from tests.notifications.office import SERVICE, Office, settled
from tests.notifications.postfix import DOMAIN, RETURNS, Far, Postfix, why_not
from tests.notifications.test_dkim import KEY, believed, pem

pytestmark = [pytest.mark.long, pytest.mark.skipif(why_not() is not None, reason=why_not() or "")]

SENT = ("confirmation", "sent", None)
HANDED_OVER = {CONTENT, DOT, ANSWER}
"""Who is cut off then cannot know whether the mail will arrive."""


@dataclass
class Post:
    """An office whose mail goes through a Postfix."""

    office: Office
    server: Postfix
    far: Far

    async def all_is_carried(self) -> None:
        await eventually(lambda: not self.server.waiting(), what="an empty queue")

    async def starts_again(self, killer: Killer) -> None:
        await killer.killed.wait()
        await asyncio.to_thread(self.server.start)
        killer.killed.clear()

    async def doubts(self) -> list[int]:
        async with self.office.engine.connect() as connection:
            return list((await connection.execute(sa.text("select doubts from projection.notice"))).scalars())

    @contextlib.asynccontextmanager
    async def hears_what_comes_back(self) -> AsyncIterator[Listener]:
        heard = asyncio.Event()
        heard.set()
        listener = Listener(Decider(self.office.engine, SERVICE), self.office.settings, own_heard=heard)
        async with listener.listening():
            yield listener


@contextlib.asynccontextmanager
async def post(office: Office, **settings: str) -> AsyncIterator[Post]:
    """`settings`: of the server. It may be killed and started again inside."""
    far = Far()
    office.settings.return_path, office.settings.return_port = f"bounce@{RETURNS}", choose_free()
    with tempfile.TemporaryDirectory(prefix="rollcall-postfix-") as folder:  # pytest's own let no other user in.
        server = Postfix(Path(folder), far=far.port, returns=office.settings.return_port, **settings)
        await asyncio.to_thread(server.start)
        office.settings.smtp_port = server.port
        looking = asyncio.create_task(_keep_looking(server))
        try:
            yield Post(office, server, far)
        finally:
            looking.cancel()
            server.kill()
            print(server.said())  # pytest shows it of a test that fails.


async def _keep_looking(server: Postfix) -> None:
    while True:
        await asyncio.sleep(5)
        await asyncio.to_thread(server.looks_again)


@contextlib.asynccontextmanager
async def killing(made: Post, *moments: str) -> AsyncIterator[Killer]:
    """Nobody gets mail until the server was started again: what it had taken is in its queue when it dies."""
    killer = Killer(made.server.port, made.server.kill, *moments)
    made.office.settings.smtp_port = killer.port
    async with killer.listening():
        yield killer


# --- mails arrive whole ----------------------------------------------------------------------


async def test_mails_in_both_languages_arrive_whole_signed_and_with_a_way_back(office: Office, tmp_path: Path) -> None:
    _, ca = certified(tmp_path)
    key = tmp_path / "dkim.pem"
    key.write_bytes(pem(KEY))
    for name, value in {
        "smtp_tls": "starttls", "smtp_ca_file": ca, "sender": f"post@{DOMAIN}", "dkim_key_file": key, "dkim_selector": "s1",
    }.items():  # fmt: skip
        setattr(office.settings, name, value)
    english = replace(contact("person-2"), language=Language.EN)
    await office.is_true(place(), person("person-2"), english, place(person_id="person-2"))
    offers_tls = {"smtpd_tls_security_level": "encrypt", "smtpd_tls_cert_file": str(tmp_path / "server.pem")}
    async with post(office, **offers_tls) as made, made.far.listening(), office.sending() as sender:
        await settled(office, 2)
        moved = session(meetings=(TUESDAY,), content="tuesday", ends_at=TUESDAY.ends_at)
        await office.is_true(moved)
        assert Counter(await settled(office, 4)) == {SENT: 2, ("change", "sent", None): 2}
        await made.all_is_carried()
        way_back = sender._return_path
    assert way_back is not None
    threads: dict[str, set[str]] = {}
    for mail in made.far.mails:
        message = mail.message
        assert believed(mail.content)
        assert not any(part.defects for part in message.walk())
        assert message["Message-ID"] == f"<{way_back.notice_of(mail.returns_to)}@rollcall.example.org>"
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["References"] not in (None, "")
        topic = "Climate adaptation" if mail.recipient.startswith("person-2") else "Adaptacja do zmian klimatu"
        assert topic in body(message, "plain")
        assert topic in body(message, "html")
        assert "text/calendar" in {part.get_content_type() for part in message.walk()}
        threads.setdefault(mail.recipient, set()).add(message["References"])
    assert Counter(mail.recipient for mail in made.far.mails) == {"person-1@example.org": 2, "person-2@example.org": 2}
    assert [len(one) for one in threads.values()] == [1, 1]
    assert len(set.union(*threads.values())) == 2


async def test_an_address_in_polish_letters_arrives_as_it_is_written(office: Office) -> None:
    await office.is_true(place(), replace(contact(email=f"żaneta@{DOMAIN}"), version=2))
    async with post(office) as made, made.far.listening(), office.sending():
        assert await settled(office, 1) == [SENT]
        await made.all_is_carried()
    (mail,) = made.far.mails
    assert mail.recipient == f"żaneta@{DOMAIN}"
    assert f"żaneta@{DOMAIN}" in str(mail.message["To"])


# --- the server is killed --------------------------------------------------------------------


@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_server_killed_at_any_step_costs_no_mail_and_at_most_the_one_repeat(
    office: Office, moment: str
) -> None:
    await office.is_true(place())
    async with post(office) as made, killing(made, moment) as killer, office.sending():
        await made.starts_again(killer)
        async with made.far.listening():
            assert await settled(office, 1) == [SENT]
            await office.has_looked()
            await made.all_is_carried()
    assert await made.doubts() == [int(moment in HANDED_OVER)]
    assert len(made.far.mails) == (2 if moment == ANSWER else 1) or (moment == DOT and len(made.far.mails) == 2)
    assert len({mail.message["Message-ID"] for mail in made.far.mails}) == 1


@pytest.mark.parametrize("moment", [CONTENT, ANSWER])
async def test_a_server_killed_in_doubt_twice_is_left_to_an_operator(office: Office, moment: str) -> None:
    await office.is_true(place())
    async with post(office) as made, killing(made, moment, moment) as killer, office.sending():
        await made.starts_again(killer)
        await made.starts_again(killer)
        async with made.far.listening():
            assert await settled(office, 1) == [("confirmation", "unknown", "outcome_unknown")]
            await office.has_looked()
            await made.all_is_carried()
    assert len(made.far.mails) == (2 if moment == ANSWER else 0)
    assert len({mail.message["Message-ID"] for mail in made.far.mails}) <= 1


async def test_a_server_killed_again_and_again_among_many_mails_repeats_only_what_was_in_doubt(office: Office) -> None:
    people = [f"person-{number}" for number in range(3, 27)]
    rows = [row for one in people for row in (person(one), contact(one, f"person-1@{DOMAIN}"), place(person_id=one))]
    await office.is_true(*rows)
    async with post(office) as made, killing(made, HEARD, ANSWER, "RCPT", DOT, "MAIL") as killer, office.sending():
        for _ in range(5):
            await made.starts_again(killer)
        async with made.far.listening():
            outcomes = Counter(await settled(office, len(people)))
            await office.has_looked()
            await made.all_is_carried()
    assert set(outcomes) <= {SENT, ("confirmation", "unknown", "outcome_unknown")}
    async with office.engine.connect() as connection:
        notices = (await connection.execute(sa.text("select message_id, state, doubts from projection.notice"))).all()
    copies = Counter(mail.message["Message-ID"] for mail in made.far.mails)
    assert set(copies) <= {notice.message_id for notice in notices}
    for notice in notices:
        least = 0 if notice.state == "unknown" else 1
        assert least <= copies[notice.message_id] <= 1 + min(notice.doubts, 1), notice


# --- the server refuses ----------------------------------------------------------------------


async def test_somebody_whom_the_server_does_not_know_is_a_failure_and_the_next_mail_leaves(office: Office) -> None:
    strangers = [f"stranger-{number}" for number in range(6)]
    rows = [row for one in strangers for row in (person(one), contact(one), place(person_id=one))]
    await office.is_true(*rows, place())
    impatient = {"smtpd_soft_error_limit": "1", "smtpd_hard_error_limit": "2", "smtpd_error_sleep_time": "0"}
    async with post(office, **impatient) as made, made.far.listening(), office.sending():
        failed = ("confirmation", "failed", "smtp_550")
        assert Counter(await settled(office, 7)) == {failed: 6, SENT: 1}
        await made.all_is_carried()
    assert [mail.recipient for mail in made.far.mails] == ["person-1@example.org"]


async def test_a_mail_too_large_for_the_server_is_a_failure(office: Office) -> None:
    await office.is_true(place())
    async with post(office, message_size_limit="1000") as made, office.sending():
        assert await settled(office, 1) == [("confirmation", "failed", "smtp_552")]
    assert made.server.waiting() == 0


async def test_a_server_that_lets_only_two_speak_gets_every_mail_by_two(office: Office) -> None:
    people = [f"person-{number}" for number in range(3, 15)]
    rows = [row for one in people for row in (person(one), contact(one, f"person-1@{DOMAIN}"), place(person_id=one))]
    await office.is_true(*rows)
    two = {"smtpd_client_connection_count_limit": "2", "smtpd_client_event_limit_exceptions": ""}
    async with post(office, **two) as made, made.far.listening(), office.sending():
        assert Counter(await settled(office, len(people))) == {SENT: len(people)}
        await made.all_is_carried()
    assert len({mail.message["Message-ID"] for mail in made.far.mails}) == len(made.far.mails) == len(people)


# --- what comes back -------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def sent_to(office: Office, address: str, **settings: str) -> AsyncIterator[tuple[Post, Listener]]:
    """While everything is at work, and the first mail was taken by the server."""
    await office.is_true(place(), replace(contact(email=address), version=2))
    async with post(office, **settings) as made, made.hears_what_comes_back() as listener, office.sending():
        await eventually(office.outcomes)
        yield made, listener


async def held_back(office: Office) -> list[tuple[bool, str]]:
    async with office.engine.connect() as connection:
        rows = await connection.execute(sa.text("select holds, status from projection.suppression"))
        return [(row[0], row[1]) for row in rows]


async def test_what_the_server_reports_as_undeliverable_holds_the_address_back(office: Office) -> None:
    async with sent_to(office, f"gone@{DOMAIN}") as (made, listener), made.far.listening():
        await eventually(lambda: listener.heard["for_good"])
        await office.is_true(session(meetings=(TUESDAY,), content="tuesday", ends_at=TUESDAY.ends_at))
        await office.has_looked()
        await made.all_is_carried()
    assert await office.outcomes() == [("confirmation", "bounced", "bounced_5.1.1")]
    assert await held_back(office) == [(True, "5.1.1")]
    assert (await office.books())["notices"]["withheld"] == 1
    assert made.far.mails == []


async def test_two_reports_about_one_mail_that_was_repeated_are_one(office: Office) -> None:
    """The server had taken both copies; both come back to the one address."""
    await office.is_true(place(), replace(contact(email=f"gone@{DOMAIN}"), version=2))
    async with post(office) as made, killing(made, ANSWER) as killer, office.sending():
        await made.starts_again(killer)
        await settled(office, 1)
        async with made.hears_what_comes_back() as listener, made.far.listening():
            await eventually(lambda: listener.heard["for_good"] == 2)
    assert await office.outcomes() == [("confirmation", "bounced", "bounced_5.1.1")]
    async with office.engine.connect() as connection:
        said = (await connection.execute(sa.text("select string_agg(type, ' ') from kept.journal"))).scalar_one()
    assert (said.count("NoticeBounced"), said.count("AddressSuppressed")) == (1, 1)


async def test_a_warning_that_it_takes_longer_is_nothing_and_the_report_after_it_holds_nobody_back(
    office: Office,
) -> None:
    late = {"delay_warning_time": "1s", "maximal_queue_lifetime": "5s", "bounce_queue_lifetime": "1h"}
    async with sent_to(office, f"full@{DOMAIN}", **late) as (made, listener), made.far.listening():
        await eventually(lambda: listener.heard["something_else"])
        assert await office.outcomes() == [SENT]
        await eventually(lambda: listener.heard["for_now"])
        outcomes = await office.outcomes()
    assert outcomes[0] == ("confirmation", "bounced", "bounced_4.2.2")
    assert await held_back(office) == []


async def test_a_receiver_that_carries_no_polish_letters_is_reported_as_what_it_is(
    office: Office,
) -> None:
    """The server that takes our mail offers SMTPUTF8, the next one does not: its report is of the kind for such addresses."""
    async with sent_to(office, f"żaneta@{DOMAIN}") as (made, listener):
        made.far.offers_utf8 = False
        async with made.far.listening():
            await eventually(lambda: listener.heard["for_now"])
            outcomes = await office.outcomes()
    assert outcomes[0] == ("confirmation", "bounced", "bounced_5.6.7")
