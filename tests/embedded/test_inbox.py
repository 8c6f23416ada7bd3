import datetime as dt
import smtplib
from collections.abc import Callable
from email.message import EmailMessage
from zoneinfo import ZoneInfo

import httpx
import pytest
from icalendar import Calendar, Event

from deploy.embedded.inbox_server import Inbox
from deploy.embedded.processes import wait_until

pytestmark = pytest.mark.long

MESSAGES = "/api/v1/messages"


def mail(to: str = "ewa@example.org", *, subject: str = "Zażółć", message_id: str = "<1@rollcall>") -> EmailMessage:
    message = EmailMessage()
    message["From"] = "Rollcall <no-reply@example.org>"
    message["To"] = f"Ewa Żak <{to}>"
    message["Subject"] = subject
    message["Message-ID"] = message_id
    message["X-Rollcall-Notice-Kind"] = "enrolled"
    message.set_content("Dzień dobry, ŁÓDŹ!\n")
    message.add_alternative(
        '<html><head></head><body><a href="https://example.org">tak</a></body></html>', subtype="html"
    )
    return message


def with_calendar(message: EmailMessage) -> EmailMessage:
    warsaw = ZoneInfo("Europe/Warsaw")
    event = Event()
    event.add("summary", "First aid")
    event.add("uid", "session-1-person-1@rollcall")
    event.add("sequence", 2)
    event.add("dtstart", dt.datetime(2026, 10, 24, 10, tzinfo=warsaw))
    event.add("dtend", dt.datetime(2026, 10, 24, 13, tzinfo=warsaw))
    calendar = Calendar()
    calendar.add("prodid", "-//Rollcall//tests//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "REQUEST")
    calendar.add_component(event)
    message.add_attachment(calendar.to_ical(), maintype="text", subtype="calendar", filename="invite.ics")
    return message


def send(inbox: Inbox, *messages: EmailMessage) -> None:
    with smtplib.SMTP("127.0.0.1", inbox.smtp_port) as client:
        for message in messages:
            client.send_message(message)


@pytest.fixture
def get(inbox: Inbox) -> Callable[[str], httpx.Response]:
    return lambda path: httpx.get(inbox.url + path, timeout=180)


def test_an_accepted_mail_is_listed_newest_first(inbox: Inbox, get: Callable[[str], httpx.Response]) -> None:
    send(inbox, mail(subject="older"), mail(subject="Nowszą wiadomość"))
    page = get(MESSAGES).json()
    assert [one["subject"] for one in page["messages"]] == ["Nowszą wiadomość", "older"]
    assert page["total"] == 2 and page["next_before"] is None
    assert page["messages"][0]["recipients"] == ["ewa@example.org"]


def test_a_mail_shows_its_parts_and_its_calendar_in_plain_words(
    inbox: Inbox, get: Callable[[str], httpx.Response]
) -> None:
    send(inbox, with_calendar(mail()))
    number = get(MESSAGES).json()["messages"][0]["id"]
    shown = get(f"{MESSAGES}/{number}").json()
    assert (shown["has_html"], shown["has_text"], shown["has_calendar"]) == (True, True, True)
    assert shown["attachments"][0]["file_name"] == "invite.ics"
    assert {"name": "Subject", "value": "Zażółć"} in shown["headers"]
    assert get(f"{MESSAGES}/{number}/text").text.strip() == "Dzień dobry, ŁÓDŹ!"
    assert "BEGIN:VCALENDAR" not in get(f"{MESSAGES}/{number}/text").text
    assert get(f"{MESSAGES}/{number}/raw").text.startswith("From: Rollcall")
    (calendar,) = get(f"{MESSAGES}/{number}/calendar").json()
    assert calendar["method"] == "REQUEST"
    assert calendar["events"][0]["starts"] == {"date": "2026-10-24", "time": "10:00", "zone": "Europe/Warsaw"}
    assert calendar["events"][0]["sequence"] == 2


def test_a_mails_html_can_run_nothing_and_load_nothing(inbox: Inbox, get: Callable[[str], httpx.Response]) -> None:
    send(inbox, mail())
    answer = get(f"{MESSAGES}/1/html")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "sandbox" in policy
    assert "script" not in policy
    assert '<head><base target="_blank">' in answer.text


def test_a_mail_that_is_broken_in_every_way_is_kept_and_shown(
    inbox: Inbox, get: Callable[[str], httpx.Response]
) -> None:
    broken = (
        b"Subject: =?utf-8?b?!!!?=\r\nFrom: <<>>\xff\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/calendar; charset=nonsense\r\n\r\nBEGIN:VCALENDAR\r\n--x\r\n"
        b"Content-Type: text/html; charset=nonsense\r\nContent-Transfer-Encoding: base64\r\n\r\n@@@\r\n"
    )
    with smtplib.SMTP("127.0.0.1", inbox.smtp_port) as client:
        client.sendmail("", ["ewa@example.org"], broken)
    assert get(f"{MESSAGES}/1").status_code == 200
    assert get(f"{MESSAGES}/1/html").status_code == 200
    assert get(f"{MESSAGES}/1/calendar").json()[0]["problem"]
    assert get("/api/v1/summary").json()["without_message_id"] == 1


def test_mails_are_found_by_recipient_subject_and_text_whatever_their_case(
    inbox: Inbox, get: Callable[[str], httpx.Response]
) -> None:
    send(inbox, mail("Ewa@Example.org", subject="First aid"), mail("jan@example.org", subject="Facilitation"))

    def subjects(query: str) -> list[str]:
        return [one["subject"] for one in get(f"{MESSAGES}?{query}").json()["messages"]]

    assert subjects("to=EWA@example.org") == ["First aid"]
    assert subjects("query=facilitation") == ["Facilitation"]
    assert subjects("query=facilitation%20aid") == []
    assert wait_until(lambda: len(subjects("query=%C5%82%C3%B3d%C5%BA")) == 2, 180)  # "łódź", in the text: "ŁÓDŹ"


def test_the_summary_counts_what_was_accepted_more_than_once(
    inbox: Inbox, get: Callable[[str], httpx.Response]
) -> None:
    send(inbox, mail(), mail(message_id="<2@rollcall>"), mail())
    summary = get("/api/v1/summary").json()
    assert summary["accepted"] == 3
    assert summary["distinct_message_ids"] == 2
    assert summary["repeated"] == [{"message_id": "<1@rollcall>", "count": 2}]
    assert summary["by_kind"] == {"enrolled": 3}


def test_what_was_accepted_survives_the_inbox_being_killed(inbox: Inbox, get: Callable[[str], httpx.Response]) -> None:
    send(inbox, mail(subject="kept"))
    inbox.kill()
    inbox.start()
    assert get(MESSAGES).json()["messages"][0]["subject"] == "kept"


def test_many_mails_are_turned_page_by_page_without_gap_or_repetition(
    inbox: Inbox, get: Callable[[str], httpx.Response]
) -> None:
    send(inbox, *(mail(subject=str(number)) for number in range(25)))
    seen: list[int] = []
    before = ""
    while True:
        page = get(f"{MESSAGES}?limit=10{before}").json()
        seen += [int(one["subject"]) for one in page["messages"]]
        if page["next_before"] is None:
            break
        before = f"&before={page['next_before']}"
    assert seen == list(range(24, -1, -1))


def test_emptying_removes_every_mail_and_numbers_go_on(inbox: Inbox, get: Callable[[str], httpx.Response]) -> None:
    send(inbox, mail())
    assert httpx.delete(inbox.url + MESSAGES).json() == {"deleted": 1}
    assert get(MESSAGES).json()["total"] == 0
    send(inbox, mail())
    assert get(MESSAGES).json()["messages"][0]["id"] == 2
    assert get(f"{MESSAGES}/1").status_code == 404


def test_a_mail_beyond_the_size_limit_is_refused_before_it_is_sent(inbox: Inbox) -> None:
    with smtplib.SMTP("127.0.0.1", inbox.smtp_port) as client:
        client.ehlo()
        assert int(client.esmtp_features["size"]) == 25 * 1024 * 1024
        assert client.has_extn("smtputf8")


def test_the_page_loads_nothing_from_elsewhere(inbox: Inbox, get: Callable[[str], httpx.Response]) -> None:
    page = get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "http://" not in page.text and "https://" not in page.text
    assert get("/health/live").json() == {"status": "live"}
