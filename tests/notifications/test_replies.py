"""What calendars answer, read out of whatever mail a program puts it in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.notifications.replies import CALENDAR_BYTES, Attendee, CalendarReply, Unread, names, read, same_mailbox
from shared.contracts.portal import Reply
from tests.campaigns import cases
from tests.notifications.answering_calendars import UID, alone, apple, calendar, gmail, outlook
from tests.notifications.test_bounces import report

JAN = Attendee("Jan@Example.org", "Jan Kowalski", Reply.CONFIRMED)
SAID = CalendarReply(UID, 0, dt.datetime(2026, 11, 21, 9, 15, tzinfo=dt.UTC), (JAN,), is_of_one_day=False)


def said(content: str, **headers: str) -> CalendarReply:
    found = read(alone(content, **headers), mail_from="jan@example.org")
    assert isinstance(found, CalendarReply), found
    return found


@pytest.mark.parametrize("program", [alone, gmail, outlook, apple])
def test_the_answer_is_found_where_each_program_puts_it(program: Callable[[str], bytes]) -> None:
    assert read(program(calendar()), mail_from="jan@example.org") == SAID


@pytest.mark.parametrize(
    ("partstat", "reply"),
    [
        ("ACCEPTED", Reply.CONFIRMED),
        ("declined", Reply.DECLINED),
        ("TENTATIVE", Reply.NONE),
        ("NEEDS-ACTION", None),
        ("DELEGATED", None),
        ("X-PERHAPS", None),
    ],
)
def test_what_somebody_presses_is_what_is_said(partstat: str, reply: Reply | None) -> None:
    assert said(calendar(partstat)).attendees[0].reply == reply


def test_a_comment_a_delegate_and_what_is_only_a_programs_own_change_nothing() -> None:
    more = "COMMENT:Nie dam rady\\, przepraszam\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY\nREQUEST-STATUS:2.0;Success"
    assert said(calendar(more=more)) == SAID
    by_secretary = calendar(attendee="mailto:Jan@Example.org").replace(
        "CN=Jan", 'SENT-BY="mailto:ewa@example.org";CN=Jan'
    )
    assert said(by_secretary) == SAID


def test_an_answer_about_a_day_of_several_is_known_from_one_about_the_whole() -> None:
    one_day = "RECURRENCE-ID;TZID=Europe/Warsaw:20261123T090000"
    assert said(calendar(more=one_day)).is_of_one_day
    whole, day = calendar("DECLINED"), calendar("ACCEPTED", more=one_day)
    event = day[day.index("BEGIN:VEVENT") : day.index("END:VCALENDAR")]
    both = said(whole.replace("BEGIN:VEVENT", event + "BEGIN:VEVENT", 1))
    assert (both.is_of_one_day, both.attendees[0].reply) == (False, Reply.DECLINED)


def test_what_is_left_out_or_written_otherwise_is_taken_as_the_rfc_has_it() -> None:
    assert said(calendar(sequence=None)).sequence == 0
    assert said(calendar(stamp=None)).stamped_at is None
    assert said(calendar(stamp="20261121T101500")).stamped_at == dt.datetime(2026, 11, 21, 10, 15, tzinfo=dt.UTC)
    assert said(calendar(name=None)).attendees[0].name is None
    polish = calendar(name="Łukasz Żak")
    assert said(polish, charset="iso-8859-2").attendees[0].name == "Łukasz Żak"
    assert read(alone(calendar(method=None)), mail_from="jan@example.org") == SAID, "the part says which method it is"


def test_an_invitation_that_somebody_quotes_or_another_time_that_they_propose_is_no_answer() -> None:
    for method in ("REQUEST", "COUNTER", "CANCEL", "PUBLISH"):
        assert read(alone(calendar(method=method)), mail_from="jan@example.org") is Unread.NO_ANSWER
    quoted = b"From: jan@example.org\r\nContent-Type: message/rfc822\r\n\r\n" + alone(calendar())
    assert read(quoted, mail_from="jan@example.org") is Unread.NO_ANSWER
    assert read(b"From: jan@example.org\r\n\r\nNie dam rady.", mail_from="jan@example.org") is Unread.NO_ANSWER


@pytest.mark.parametrize(
    "headers",
    ["Auto-Submitted: auto-replied\r\n", "X-Autoreply: yes\r\n", "X-Rollcall-Notice: notice-1\r\n"],
)
def test_nobody_waits_for_anything_to_come_of_an_automatic_answer_or_a_loop(headers: str) -> None:
    asked = alone(calendar(method="REQUEST"), headers=headers)
    assert read(asked, mail_from="jan@example.org") is Unread.AUTOMATIC


def test_a_report_at_an_organisers_address_is_nothing_and_an_answer_of_a_program_is_one() -> None:
    assert read(report("Action: failed\nStatus: 5.1.1"), mail_from="") is Unread.AUTOMATIC
    assert read(alone(calendar(), headers="Auto-Submitted: auto-generated\r\n"), mail_from="") == SAID


@pytest.mark.parametrize(
    "content",
    [
        "BEGIN:VCALENDAR\r\nMETHOD:REPLY\r\nEND:VCALENDAR\r\n",
        calendar(events=401),
        calendar(events=2).replace(UID, "another", 1),
        calendar(sequence=10**12),
        calendar(sequence=-1),
        calendar().replace("SEQUENCE:0", "SEQUENCE:soon"),
        calendar(more="ATTENDEE:mailto:a@b\n" * 20),
        calendar(more="X-PAD:" + "x" * CALENDAR_BYTES),
        calendar() * 2,
        calendar().replace("END:VEVENT\r\n", ""),
        "METHOD:REPLY",
    ],
)
def test_what_is_out_of_bounds_or_torn_is_not_read(content: str) -> None:
    assert read(alone(content), mail_from="jan@example.org") is Unread.UNREADABLE


@settings(max_examples=cases(600))
@given(st.binary(max_size=400), st.sampled_from([alone, gmail, outlook, apple]), st.integers(0, 1500))
def test_nothing_that_is_sent_there_raises(noise: bytes, program: Callable[[str], bytes], at: int) -> None:
    whole = program(calendar())
    read(whole[:at] + noise + whole[at:], mail_from="jan@example.org")
    read(noise, mail_from=None)


def test_two_addresses_are_one_mailbox_as_far_as_an_address_shows_it() -> None:
    assert same_mailbox("Jan@Example.org", "jan+szkolenia@example.ORG")
    assert same_mailbox("j.an@gmail.com", "jan@googlemail.com")
    assert same_mailbox("jan@żory.example", f"jan@{'żory'.encode('idna').decode()}.example")
    assert not same_mailbox("j.an@example.org", "jan@example.org")
    assert not same_mailbox("jan@example.org", "jan@example.com")


def test_a_name_is_known_in_whatever_order_and_however_it_is_written() -> None:
    assert names("Kowalska-Żak Łucja (UM Ełk)", "Łucja", "Kowalska-Żak")
    assert names("LUCJA KOWALSKA-ZAK", "Łucja", "Kowalska-Żak")
    assert not names("Łucja Nowak", "Łucja", "Kowalska-Żak")
    assert not names(None, "Łucja", "Kowalska-Żak")
    assert not names("Łucja", "Łucja", "")
