"""The sender against a real Postgres and a real SMTP server that misbehaves as servers do."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import sqlalchemy as sa

from shared.contracts.enrolment import Standing
from tests.notifications.building import NOW, TUESDAY, contact, person, place, session
from tests.notifications.office import Office, settled, until


async def test_a_place_is_confirmed_once(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending() as sender:
        assert await settled(office, 1) == [("confirmation", "sent", None)]
        sender.news()
        await asyncio.sleep(0.3)  # Several looks at the whole.
    assert len(office.server.mails) == 1
    assert office.server.mails[0][:2] == ("person-1@example.org", "confirmation")


async def test_an_outcome_wakes_the_relay(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        await settled(office, 1)
        await until(office.relay_woken.is_set)


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
