"""What an invitation says of answering it, where what calendars answer is read."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Any

import pytest

from services.notifications.templates.wording import OURS
from shared.contracts.model import Language
from tests.notifications.mails import FIRST, SECOND, body, calendar, cancellation, change, files, session_mail
from tests.notifications.test_ticket import written

ORGANISER = "kalendarz+{}-{}@odbicia.example.org"


def heard(mail: Any) -> EmailMessage:
    return written(mail, answers_at=lambda session_id, person_id: ORGANISER.format(session_id, person_id))


def attendee(message: EmailMessage) -> dict[str, str]:
    (event, *_) = calendar(message).walk("VEVENT")
    return dict(event["ATTENDEE"].params)


@pytest.mark.parametrize("language", Language)
def test_what_comes_of_an_answer_is_said_before_anybody_gives_one(language: Language) -> None:
    message = heard(session_mail(language=language, takes_answers=True))
    words = OURS.common[language]
    assert words.calendar_steps.answer in " ".join(body(message, "plain").split())
    (event,) = calendar(message).walk("VEVENT")
    assert words.calendar_note_heard.format(email="biuro@rollcall.example.org") in event["DESCRIPTION"]
    assert event["ORGANIZER"] == f"mailto:{ORGANISER.format('session-0001', 'person-0001')}"


def test_every_file_beside_it_has_the_same_organiser() -> None:
    message = heard(session_mail(meetings=(FIRST, SECOND), takes_answers=True))
    events = [event for one in (calendar(message), *files(message).values()) for event in one.walk("VEVENT")]
    assert len({str(event["ORGANIZER"]) for event in events}) == 1
    assert {event["ATTENDEE"].params["RSVP"] for event in events} == {"TRUE"}


def test_whoever_is_asked_has_not_accepted_yet_and_whoever_is_not_has() -> None:
    asked = attendee(heard(session_mail(takes_answers=True, asks_for_reply=True)))
    assert (asked["PARTSTAT"], asked["RSVP"]) == ("NEEDS-ACTION", "TRUE")
    told = attendee(heard(session_mail(takes_answers=True)))
    assert (told["PARTSTAT"], told["RSVP"]) == ("ACCEPTED", "TRUE"), "or a program would send nothing that declines"


def test_in_the_freeze_a_calendar_may_decline_and_is_told_that_nothing_is_to_be_confirmed() -> None:
    words = OURS.common[Language.PL].calendar_steps
    message = heard(session_mail(takes_answers=True, is_frozen=True))
    text = " ".join(body(message, "plain").split())
    assert words.answer_frozen in text and words.answer not in text
    assert (attendee(message)["PARTSTAT"], attendee(message)["RSVP"]) == ("ACCEPTED", "TRUE")


def test_what_is_off_or_over_asks_for_no_answer() -> None:
    words = OURS.common[Language.PL].calendar_steps
    for mail in (cancellation(takes_answers=True), change(takes_answers=True, is_ahead=False, asks_for_reply=True)):
        message = heard(mail)
        assert words.answer not in " ".join(body(message, "plain").split())
        assert attendee(message)["PARTSTAT"] == "ACCEPTED"


def test_a_trainers_entry_and_an_office_that_hears_no_calendars_are_as_ever() -> None:
    words = OURS.common[Language.PL].calendar_steps
    for message in (heard(session_mail()), written(session_mail(takes_answers=True))):
        (event,) = calendar(message).walk("VEVENT")
        assert event["ORGANIZER"] == "mailto:biuro@rollcall.example.org"
        assert (attendee(message)["PARTSTAT"], attendee(message)["RSVP"]) == ("ACCEPTED", "FALSE")
        assert words.answer not in " ".join(body(message, "plain").split())
