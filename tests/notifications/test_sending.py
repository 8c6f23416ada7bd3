"""The sender against a real Postgres and a real SMTP server that misbehaves as servers do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import writing
from services.notifications.decisions import Attempt
from services.notifications.ledger import told_after
from shared.contracts.enrolment import Standing
from shared.deciding.news import News
from shared.state.rows import FactRow
from shared.testing import eventually
from tests.notifications.building import (
    BEFORE,
    NOW,
    TUESDAY,
    YESTERDAY,
    contact,
    content,
    meeting,
    notice,
    person,
    place,
    said_then,
    session,
    settled,
    topic,
    town,
)
from tests.notifications.office import Office
from tests.notifications.office import settled as settled_notices

pytestmark = pytest.mark.long


async def test_a_place_is_confirmed_once(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending() as sender:
        assert await settled_notices(office, 1) == [("confirmation", "sent", None)]
        sender.planner.news(News(BEFORE))
        await office.has_looked()
    assert len(office.server.mails) == 1
    assert office.server.mails[0][:2] == ("person-1@example.org", "confirmation")


async def test_an_outcome_wakes_the_relay(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        await eventually(office.relay_woken.is_set)


async def test_change_and_cancellation_follow(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        await office.is_true(session(meetings=(TUESDAY,), content="tuesday", ends_at=TUESDAY.ends_at))
        await settled_notices(office, 2)
        await office.is_true(place(Standing.WITHDRAWN))
        await settled_notices(office, 3)
    assert [mail[1] for mail in office.server.mails] == ["confirmation", "change", "cancellation"]


async def test_a_refusal_for_now_is_tried_again_as_the_same_mail(office: Office) -> None:
    office.server.answers = ["451 try later"]
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("confirmation", "sent", None)]
    assert len({mail[2] for mail in office.server.mails}) == 1
    assert len(office.server.mails) == 2


async def test_a_refused_recipient_is_a_failure_with_a_code_and_without_the_servers_words(office: Office) -> None:
    office.server.recipients = ["550 no such user as Wisniewska"]
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("confirmation", "failed", "smtp_550")]
    async with office.engine.connect() as connection:
        assert "Wisniewska" not in (await connection.execute(sa.text("select body from kept.journal"))).scalar_one()


async def test_each_mail_comes_back_to_an_address_of_its_own_the_same_at_each_attempt(office: Office) -> None:
    office.settings.return_path = "bounce@example.org"
    office.server.answers = ["451 try later"]
    await office.is_true(place(), person("person-2"), contact("person-2"), place(person_id="person-2"))
    async with office.server.listening(), office.sending() as sender:
        await settled_notices(office, 2)
        way_back = sender._return_path
    assert way_back is not None
    assert len(office.server.senders) == 3
    assert len(set(office.server.senders)) == 2
    for address, (_, _, message_id) in zip(office.server.senders, office.server.mails, strict=True):
        assert f"<{way_back.notice_of(address)}@rollcall.example.org>" == message_id


async def test_a_connection_lost_after_data_gets_one_more_try(office: Office) -> None:
    office.server.answers = ["disconnect"]
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("confirmation", "sent", None)]
    assert len(office.server.mails) == 2
    assert len({mail[2] for mail in office.server.mails}) == 1


async def test_a_second_silence_after_data_is_left_to_an_operator(office: Office) -> None:
    office.server.answers = ["silence", "silence"]
    office.gives_up_soon()
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("confirmation", "unknown", "outcome_unknown")]
        await office.has_looked()
    assert len(office.server.mails) == 2


async def test_a_withdrawal_after_a_lost_answer_sends_its_cancellation(office: Office) -> None:
    office.server.answers = ["disconnect"]
    office.settings.retry_first_seconds = 1.0
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        await eventually(lambda: office.server.mails)
        await office.is_true(place(Standing.WITHDRAWN))
        assert await settled_notices(office, 2) == [
            ("confirmation", "overtaken", "overtaken"),
            ("cancellation", "sent", None),
        ]


async def test_a_server_that_is_away_burns_no_attempts_and_is_reported(office: Office) -> None:
    await office.is_true(place())
    async with office.sending() as sender:
        await eventually(lambda: sender.problem)
        async with office.engine.connect() as connection:
            attempts = (await connection.execute(sa.text("select attempts, lease from kept.open_notice"))).one()
        assert tuple(attempts) == (0, None)


async def test_a_group_on_its_way_is_finished_before_we_stop(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening():
        async with office.sending():
            await eventually(lambda: office.server.mails)
        assert await office.outcomes() == [("confirmation", "sent", None)]


async def test_two_senders_send_each_mail_once(office: Office) -> None:
    people = [f"person-{number}" for number in range(60)]
    await office.is_true(*map(person, people), *map(contact, people), *(place(person_id=one) for one in people))
    async with office.server.listening(), office.sending(), office.sending():
        await settled_notices(office, len(people))
    assert sorted(mail[0] for mail in office.server.mails) == sorted(f"{one}@example.org" for one in people)


async def test_who_cannot_be_written_to_fails_for_good(office: Office) -> None:
    await office.is_true(place(), contact(email="a@b..pl"))
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("confirmation", "failed", "unrenderable")]
    assert office.server.mails == []


@pytest.mark.parametrize("comes_last", [contact, person, town, topic, settled], ids=lambda made: made.__name__)
async def test_whatever_a_letter_reads_has_it_sent_as_soon_as_it_is_known(
    engine: AsyncEngine, database_url: str, comes_last: Callable[[], FactRow]
) -> None:
    office = Office(engine, database_url)
    office.settings.reconcile_seconds = 60  # Found by the look for news, not by comparing the whole.
    others = [made() for made in (contact, person, town, topic, settled) if made is not comes_last]
    await office.is_true(session(), place(), *others)
    async with office.server.listening(), office.sending() as sender:
        await eventually(sender.planner.caught_up.is_set)
        assert (await office.books())["notices"]["untold"] == 1
        await office.hears(comes_last())
        await settled_notices(office, 1)


async def test_what_is_let_in_long_after_it_was_said_is_found_at_once(office: Office) -> None:
    office.settings.reconcile_seconds = 60
    async with office.server.listening(), office.sending() as sender:
        await eventually(sender.planner.caught_up.is_set)
        await office.is_true(place())
        sender.planner.news(News(BEFORE))
        await settled_notices(office, 1)


async def test_before_the_first_look_postgres_has_counted_what_came_since_the_tables_were_made(office: Office) -> None:
    await office.is_true(*(person(f"person-{number}") for number in range(1_000)))
    async with office.sending() as sender, office.engine.connect() as connection:
        await eventually(sender.planner.caught_up.is_set)
        counted = sa.text("select cast(reltuples as bigint) from pg_class where oid = cast(:name as regclass)")
        people = (await connection.execute(counted, {"name": "projection.person"})).scalar_one()
        towns = (await connection.execute(counted, {"name": "projection.town"})).scalar_one()
    assert (people, towns) == (1_000, -1)  # Of little no guess does harm.


@pytest.mark.parametrize("why", ["refused", "unrenderable"])
async def test_what_was_given_up_is_in_the_books_until_a_corrected_address_is_told(office: Office, why: str) -> None:
    wrong = contact(email="person-1@old.example.org" if why == "refused" else "a@b..pl")
    office.server.recipients = ["550 no such user"] if why == "refused" else []
    await office.is_true(place(), wrong)
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        books = await office.books()
        assert (books["notices"]["given_up"], books["told_is_true"]) == (1, False)

        await office.hears(replace(wrong, version=2))  # The directory says everything again.
        await office.has_looked()
        assert len(await office.outcomes()) == 1

        await office.hears(replace(contact(), version=3))
        assert (await settled_notices(office, 2))[-1] == ("confirmation", "sent", None)
        books = await office.books()
        assert (books["notices"]["given_up"], books["told_is_true"]) == (0, True)
    assert office.server.mails[-1][:2] == ("person-1@example.org", "confirmation")


async def test_a_corrected_address_does_not_wait_out_the_pause_of_the_wrong_one(office: Office) -> None:
    office.settings.retry_first_seconds = 3600
    office.server.recipients = ["450 mailbox busy"]
    await office.is_true(place())
    async with office.server.listening(), office.sending():

        async def is_put_off() -> bool:
            return bool((await office.books())["notices"]["refused_for_now"])

        await eventually(is_put_off)
        await office.hears(replace(contact(email="new@example.org"), version=2))
        assert await settled_notices(office, 1) == [("confirmation", "sent", None)]
    assert [mail[0] for mail in office.server.mails] == ["new@example.org"]


async def test_another_address_is_confirmed_and_a_directory_that_says_all_again_mails_nobody(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        await office.hears(replace(contact(email="Person-1@Example.org"), version=2))
        await office.has_looked()
        assert len(office.server.mails) == 1
        await office.hears(replace(contact(email="new@example.org"), version=3))
        await settled_notices(office, 2)
        await office.is_true(place(Standing.WITHDRAWN))
        await settled_notices(office, 3)
    assert [mail[:2] for mail in office.server.mails] == [
        ("person-1@example.org", "confirmation"),
        ("new@example.org", "confirmation"),
        ("new@example.org", "cancellation"),
    ]
    async with office.engine.connect() as connection:
        bodies = (await connection.execute(sa.text("select string_agg(body, ' ') from kept.journal"))).scalar_one()
    assert "example.org>" in bodies  # A Message-ID.
    assert "person-1@" not in bodies
    assert "new@" not in bodies


async def test_a_place_is_told_once_enrolment_was_heard_about_the_session(office: Office) -> None:
    scheduled_again = session(event_id="event-2", heard_at=NOW)
    await office.is_true(place(), scheduled_again)
    async with office.server.listening(), office.sending() as sender:
        await eventually(sender.planner.caught_up.is_set)
        await office.has_looked()
        books = await office.books()
        assert (books["notices"]["waiting_for_enrolment"], books["told_is_true"]) == (1, False)
        await office.hears(settled(scheduled_again))
        await settled_notices(office, 1)


async def test_who_could_not_be_told_before_the_session_was_over_is_a_fact_and_in_the_books(office: Office) -> None:
    yesterday = session(YESTERDAY)
    await office.is_true(yesterday, settled(yesterday), place(), place(person_id="person-2"), person("person-2"))
    async with office.server.listening(), office.sending():
        outcomes = await settled_notices(office, 2)
        assert sorted(outcomes) == [("confirmation", "too_late", "too_late")] * 2
        await office.has_looked()
        assert len(await office.outcomes()) == 2
        books = await office.books()
    assert (books["notices"]["too_late"], books["notices"]["untold"], books["told_is_true"]) == (2, 0, True)
    assert office.server.mails == []
    async with office.engine.connect() as connection:
        rows = await connection.execute(sa.text("select recipient, problem from projection.notice order by recipient"))
        assert [tuple(row) for row in rows] == [("person-1", None), ("person-2", "contact")]


async def test_a_place_asked_for_again_weeks_later_is_not_given_up_at_once(office: Office) -> None:
    office.server.recipients = ["550 no such user"]
    await office.is_true(place(), said_then(place()))
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("confirmation", "failed", "smtp_550")]
        given_back = place(Standing.WITHDRAWN, version=2)
        await office.is_true(given_back, said_then(given_back))
        await office.has_looked()
        assert len(await office.outcomes()) == 1
        again = place(version=3)
        await office.is_true(again, said_then(again))
        assert (await settled_notices(office, 2))[-1] == ("confirmation", "sent", None)


async def test_a_fault_of_our_own_in_one_mail_leaves_the_others_their_outcomes(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    addressed = writing._addressed

    def broken(attempt: Attempt, domain: str) -> Any:
        if attempt.notice.recipient == "person-1":
            raise RuntimeError("a fault of our own")
        return addressed(attempt, domain)

    monkeypatch.setattr(writing, "_addressed", broken)
    await office.is_true(place(), person("person-2"), contact("person-2"), place(person_id="person-2"))
    async with office.server.listening(), office.sending():
        outcomes = await settled_notices(office, 2)
    assert sorted(outcomes, key=str) == [
        ("confirmation", "failed", "unrenderable"),
        ("confirmation", "sent", None),
    ]


async def test_who_waits_is_told_so_and_of_their_place_by_one_mail(office: Office) -> None:
    waits, given = place(Standing.WAITLISTED), place(version=2)
    await office.is_true(waits, said_then(waits))
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("waiting", "sent", None)]
        await office.is_true(given, said_then(given))
        assert (await settled_notices(office, 2))[-1] == ("confirmation", "sent", None)
        await office.has_looked()
        assert len(await office.outcomes()) == 2
        books = await office.books()
    assert (books["notices"]["sent"]["waiting"], books["told_is_true"]) == (1, True)


async def test_who_loses_a_place_to_the_waiting_list_hears_first_that_it_is_gone(office: Office) -> None:
    has, waits = place(), place(Standing.WAITLISTED, version=2)
    await office.is_true(has, said_then(has))
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
        await office.is_true(waits, said_then(waits))
        await settled_notices(office, 3)
    assert [mail[1] for mail in office.server.mails] == ["confirmation", "cancellation", "waiting"]


async def test_a_reminder_leaves_once_in_its_hours(office: Office) -> None:
    office.settings.reminder_hour = 6  # Now it is nine o'clock in Warsaw.
    tomorrow = session(meeting("2026-11-21T09:00", "2026-11-21T15:00"))
    told = told_after(None, notice(said=content(tomorrow), decided_at=BEFORE))
    await office.is_true(place(), tomorrow, settled(tomorrow), told)
    async with office.server.listening(), office.sending():
        assert await settled_notices(office, 1) == [("reminder", "sent", None)]
        await office.has_looked()
        assert len(await office.outcomes()) == 1
