"""Calendars that answer an invitation, on a real connection and a real database: from the mail that is sent to what is said of it."""

from __future__ import annotations

import contextlib
import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest
import sqlalchemy as sa
from icalendar import Calendar

from services.notifications import store
from services.notifications.answering import Invited
from services.notifications.listening import Listener
from services.notifications.replying import CalendarAnswer
from services.notifications.returning import AnswerPath, ReturnPath, entry_name
from services.notifications.settings import NotificationsSettings
from services.notifications.state import MAKE
from shared.contracts.answers import CalendarAnswered
from shared.contracts.enrolment import Standing
from shared.contracts.portal import Reply
from shared.testing import heard
from tests.notifications.answering_calendars import alone, calendar, gmail
from tests.notifications.building import TUESDAY, contact, content, open_notice, person, place, session, settled
from tests.notifications.office import SERVICE, Office
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_bounces import report, wild
from tests.notifications.test_listening import listening

pytestmark = pytest.mark.long

CALENDAR_PATH = "kalendarz@odbicia.example.org"
HER = {"attendee": "mailto:person-1@example.org", "name": "Żaneta Wiśniewska"}


@contextlib.asynccontextmanager
async def hearing(office: Office) -> AsyncIterator[Listener]:
    """A sender at work whose invitations calendars may answer."""
    async with listening(office, calendar_path=CALENDAR_PATH) as listener, office.server.listening(), office.sending():
        yield listener


async def answer(
    office: Office, address: str, content: bytes, *, mail_from: str = "zaneta@example.org"
) -> tuple[int, str]:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=office.settings.return_port, timeout=180, start_tls=False)
    async with client:
        try:
            await client.mail(mail_from)
            await client.rcpt(address)
            said = await client.data(content)
        except aiosmtplib.SMTPResponseException as error:
            return error.code, error.message
        return said.code, said.message


def invitation(office: Office, number: int = -1) -> tuple[Any, str]:
    """The event of a mail that was sent, and whom a calendar answers."""
    message = email.message_from_bytes(office.server.contents[number], policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    (part,) = (part for part in message.walk() if part.get_content_type() == "text/calendar")
    event: Any = Calendar.from_ical(part.get_content().encode()).walk("VEVENT")[0]
    return event, str(event["ORGANIZER"]).removeprefix("mailto:")


async def said(office: Office) -> list[CalendarAnswered]:
    query = "select body from kept.journal where type like '%CalendarAnswered%' order by said_at"
    async with office.engine.connect() as connection:
        bodies = (await connection.execute(sa.text(query))).scalars()
        return [CalendarAnswered.model_validate_json(one) for one in bodies]


async def test_what_a_calendar_answers_to_the_invitation_that_was_sent_is_said_once(office: Office) -> None:
    await office.is_true(place())
    async with hearing(office) as listener:
        await settled_notices(office, 1)
        event, organiser = invitation(office)
        declined = gmail(calendar("DECLINED", uid=str(event["UID"]), sequence=int(event["SEQUENCE"]), **HER))
        for _ in range(2):
            assert (await answer(office, organiser, declined))[0] == 250
        assert listener.heard == {"answered": 1, "answer_repeated": 1}
    (fact,) = await said(office)
    assert (fact.session_id, fact.person_id, fact.reply) == ("session-1", "person-1", Reply.DECLINED)
    async with office.engine.connect() as connection:
        whole = (await connection.execute(sa.text("select string_agg(body, ' ') from kept.journal"))).scalar_one()
    assert not [one for one in ("@example.org", "Wiśniewska", "zaneta") if one in whole.replace("@rollcall.", "")]


async def test_the_organiser_stays_the_same_in_every_mail_about_a_place_and_wants_an_answer(office: Office) -> None:
    await office.is_true(place())
    async with hearing(office):
        await settled_notices(office, 1)
        moved = replace(session(TUESDAY), version=2)
        await office.hears(moved, settled(moved))
        await settled_notices(office, 2)
        await office.hears(place(Standing.WITHDRAWN, version=2))
        await settled_notices(office, 3)
    found = [invitation(office, number) for number in range(3)]
    assert [int(event["SEQUENCE"]) for event, _ in found] == [0, 1, 2]
    assert len({organiser for _, organiser in found}) == len({str(event["UID"]) for event, _ in found}) == 1
    assert [event["ATTENDEE"].params["RSVP"] for event, _ in found] == ["TRUE"] * 3
    assert len(found[0][1].partition("@")[0]) <= 64


async def test_a_calendar_is_not_asked_where_nobody_hears_it(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending():
        await settled_notices(office, 1)
    event, organiser = invitation(office)
    assert (organiser, event["ATTENDEE"].params["RSVP"]) == (office.settings.organiser, "FALSE")


async def test_an_address_that_somebody_made_up_is_refused_before_any_content(office: Office) -> None:
    async with hearing(office) as listener:
        (ours, another) = (f"{listener._answers.of('session-1', one)}" for one in ("person-1", "person-2"))  # type: ignore[union-attr]
        mac = another.partition("-")[2]
        for address in (CALENDAR_PATH, f"{ours.partition('-')[0]}-{mac}", ours.replace("kalendarz", "bounce")):
            assert (await answer(office, address, alone(calendar())))[0] == 550
        assert listener.heard == {"not_ours": 3}


async def test_whoever_writes_there_themselves_learns_where_to_write_and_a_vacation_is_nothing(office: Office) -> None:
    await office.is_true(place())
    vacation = wild("Jestem na urlopie.", sender="jan@x", more="Auto-Submitted: auto-replied\n")
    async with hearing(office) as listener:
        await settled_notices(office, 1)
        _, organiser = invitation(office)
        code, text = await answer(office, organiser, b"Subject: Hm\r\n\r\nNie dam rady.\r\n")
        assert (code, "write to the office" in text) == (550, True)
        assert (await answer(office, organiser, vacation))[0] == 250
        assert (await answer(office, organiser, report("Action: failed\nStatus: 5.1.1"), mail_from=""))[0] == 250
        assert listener.heard == {"no_answer": 1, "something_else": 2}
        assert await said(office) == []


async def test_an_answer_at_a_return_address_is_no_report_and_a_report_still_is_one(office: Office) -> None:
    await office.is_true(place())
    async with hearing(office) as listener:
        await settled_notices(office, 1)
        event, _ = invitation(office)
        (back,) = office.server.senders
        answered = alone(calendar("DECLINED", uid=str(event["UID"]), **HER))
        assert (await answer(office, back, answered, mail_from=""))[0] == 250
        assert (
            await answer(
                office, back, report("Final-Recipient: rfc822; a@x\nAction: failed\nStatus: 5.1.1"), mail_from=""
            )
        )[0] == 250
        assert listener.heard == {"something_else": 1, "for_good": 1}
        assert await said(office) == []


async def test_an_answer_that_is_faster_than_our_own_outcome_is_asked_to_come_again(office: Office) -> None:
    async with listening(office, calendar_path=CALENDAR_PATH) as listener:
        await office.is_true(place(), open_notice(attempts=1, sequence=0, content=content()))
        assert listener._answers is not None
        organiser = listener._answers.of("session-1", "person-1")
        assert (await answer(office, organiser, alone(calendar(**HER))))[0] == 451


async def test_an_entry_is_found_by_its_name_whatever_its_ids_hold(office: Office) -> None:
    odd = {"session_id": "s:2026._-", "person_id": "P.1:x"}
    await office.is_true(place(**odd))
    async with office.engine.connect() as connection:
        working = SERVICE.working(SERVICE.clock())
        found = await store.load_invited(connection, working, entry_name(**odd), ["a@b"])
    assert isinstance(found, Invited)
    assert (found.session_id, found.person_id) == ("s:2026._-", "P.1:x")


def test_what_was_answered_is_remembered_from_the_stream_alone() -> None:
    """So that a database of last night knows which answer was the newest."""
    body = CalendarAnswered.model_validate(CalendarAnswered.example)
    row = MAKE[CalendarAnswered](heard(body, source="rollcall/notifications"))
    assert isinstance(row, CalendarAnswer)
    assert (row.reply, row.sequence, row.answered_at) == (body.reply, body.sequence, body.answered_at)
    assert CalendarAnswered.stream in SERVICE.own


def test_an_address_of_one_purpose_is_none_of_another_also_in_one_mailbox() -> None:
    answers, returns = AnswerPath("x@y.example", "key"), ReturnPath("x@y.example", "key")
    address = answers.of("session-1", "person-1")
    assert answers.entry_of(address.upper()) == entry_name("session-1", "person-1")
    assert returns.notice_of(address) is None
    assert answers.entry_of(returns.of("notice-1")) is None
    assert AnswerPath("x@y.example", "another").entry_of(address) is None
    assert entry_name("a", "b.c") != entry_name("a.b", "c")


def test_whoever_is_to_be_answered_has_to_be_heard() -> None:
    with pytest.raises(ValueError, match="calendar_path needs return_port"):
        NotificationsSettings(database_url="postgresql://x", calendar_path=CALENDAR_PATH)  # type: ignore[arg-type]


async def test_whoever_declines_an_entry_that_was_taken_out_after_a_merge_gives_nothing_back(office: Office) -> None:
    was = place(person_id="person-2"), person("person-2"), contact("person-2", "person-1@example.org")
    await office.is_true(*was)
    async with hearing(office) as listener:
        await settled_notices(office, 1)
        event, organiser = invitation(office)
        gone = replace(person("person-2"), version=2, merged_into="person-1")
        await office.hears(gone, place(), replace(place(Standing.WITHDRAWN, person_id="person-2"), version=2))
        await settled_notices(office, 3)
        its, its_organiser = invitation(office)
        assert (str(its["UID"]), int(its["SEQUENCE"])) == (str(event["UID"]), 1)
        assert its_organiser == organiser, "a calendar takes a cancellation from nobody else"
        declined = gmail(calendar("DECLINED", uid=str(event["UID"]), sequence=int(event["SEQUENCE"]), **HER))
        assert (await answer(office, organiser, declined))[0] == 550, "its sender is told"
        assert listener.heard == {"answer_called_off": 1}
    assert await said(office) == []
