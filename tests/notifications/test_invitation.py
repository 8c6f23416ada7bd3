"""What a mail carries for a calendar, and whether the steps it names are true of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from services.notifications.letters import CANCELLATION, Arrangement, PlaceMail
from shared.contracts.model import Language
from shared.contracts.planner import Meeting
from tests.notifications.mails import (
    ADDRESS,
    FIRST,
    FIRST_MOVED,
    SECOND,
    VENUE,
    ZANETA,
    body,
    calendar,
    cancellation,
    change,
    day,
    files,
    received,
    session_mail,
    told,
)

THIRD = day("day-3", "2026-12-02T10:00", "2026-12-02T13:00")
THREE = (FIRST, SECOND, THIRD)
SECOND_MOVED = day("day-2", "2026-12-03T09:00", "2026-12-03T14:30")
FOURTH = day("day-4", "2026-12-04T09:00", "2026-12-04T14:30")
SIXTY = tuple(
    day(
        f"day-{number}",
        f"2026-{9 + number // 28:02}-{number % 28 + 1:02}T09:00",
        f"2026-{9 + number // 28:02}-{number % 28 + 1:02}T15:00",
    )
    for number in range(60)
)
"""As many as a session may have."""


def now(*meetings: Meeting) -> PlaceMail:
    return change(meetings=meetings, before=told(*THREE))


def recurrence_ids(of: Any) -> list[str]:
    return [event["RECURRENCE-ID"].dt.isoformat() for event in of.events if "RECURRENCE-ID" in event]


def methods(mail: PlaceMail) -> dict[str, str]:
    return {name: str(file["METHOD"]) for name, file in files(received(mail)).items()}


def steps(mail: PlaceMail) -> str:
    """What the mail says is to be done, as one line."""
    text = body(received(mail), "plain")
    listed = re.split("Co dalej:|What next:", text)[1].split("\n-- \n")[0]
    return " ".join(listed.replace("\n- ", "\n").split())


@pytest.mark.parametrize(
    ("mail", "method", "file_name"),
    [
        (session_mail(), "REQUEST", "szkolenie.ics"),
        (change(meetings=(FIRST_MOVED,)), "REQUEST", "szkolenie.ics"),
        (cancellation(), "CANCEL", "odwolane.ics"),
        (cancellation(Language.EN, session_cancelled=False), "CANCEL", "cancelled.ics"),
    ],
)
def test_the_calendar_is_inside_the_mail_and_attached_as_a_file(mail: PlaceMail, method: str, file_name: str) -> None:
    message = received(mail)
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/calendar",
        "application/ics",
    ]
    (inside,) = (part for part in message.walk() if part.get_content_type() == "text/calendar")
    assert inside["Content-Type"].params["method"] == method
    assert calendar(message)["METHOD"] == method
    assert methods(mail) == {file_name: method}
    assert inside.get_payload(decode=True) == next(message.iter_attachments()).get_content()


@pytest.mark.parametrize(
    "mail",
    [session_mail(), session_mail(meetings=THREE), now(FIRST, SECOND_MOVED), cancellation(meetings=THREE)],
    ids=["one day", "three days", "a change", "a cancellation"],
)
def test_all_that_a_mail_carries_is_about_one_entry_and_says_the_same_of_it(mail: PlaceMail) -> None:
    message = received(mail)
    events = [event for file in (calendar(message), *files(message).values()) for event in file.events]
    for name in ("UID", "SEQUENCE", "DTSTAMP", "ORGANIZER", "ATTENDEE"):
        assert len({str(event[name]) for event in events}) == 1, name
        assert len({repr(event[name].params) for event in events if hasattr(event[name], "params")}) <= 1, name


def test_an_entry_keeps_its_uid_while_its_sequence_grows() -> None:
    mails = (session_mail(), change(meetings=THREE), change(meetings=(SECOND,), sequence=3), cancellation(sequence=4))
    events = [calendar(received(mail)).events[0] for mail in mails]
    assert len({event["UID"] for event in events}) == 1
    assert [event["SEQUENCE"] for event in events] == [1, 2, 3, 4]
    assert [event["STATUS"] for event in events] == ["CONFIRMED", "CONFIRMED", "CONFIRMED", "CANCELLED"]
    somebody_else = received(session_mail(), replace(ZANETA, person_id="person-2"))
    assert calendar(somebody_else).events[0]["UID"] != events[0]["UID"]


@pytest.mark.parametrize("meetings", [THREE, SIXTY], ids=["three", "sixty"])
def test_each_of_several_days_is_a_file_by_itself_however_many_there_are(meetings: tuple[Meeting, ...]) -> None:
    message = received(session_mail(meetings=meetings[::-1]))
    series, *inside = calendar(message).events
    assert series["SUMMARY"] == "Szkolenie: Adaptacja do zmian klimatu"
    attached = files(message)
    assert all(len(file.events) == 1 for file in attached.values())
    each = [file.events[0] for file in attached.values()]
    assert [event.to_ical() for event in each] == [event.to_ical() for event in inside]
    assert [event["DTSTART"].dt.replace(tzinfo=None) for event in each] == [one.starts_local for one in meetings]
    total = len(meetings)
    assert [event["SUMMARY"] for event in each] == [
        f"Szkolenie: Adaptacja do zmian klimatu (dzień {number} z {total})" for number in range(1, total + 1)
    ]
    assert list(attached) == sorted(attached)
    assert (min(attached), max(attached)) == (
        ("szkolenie-1.ics", "szkolenie-3.ics") if total == 3 else ("szkolenie-01.ics", "szkolenie-60.ics")
    )


@pytest.mark.parametrize(
    ("meetings", "cancelled"),
    [
        (THREE[:2], ["2026-12-02T09:00:00+01:00"]),
        ((FIRST,), ["2026-11-27T09:00:00+01:00", "2026-12-02T09:00:00+01:00"]),
        ((SECOND, THIRD), ["2026-11-26T09:00:00+01:00"]),
        ((FIRST_MOVED, SECOND, THIRD), ["2026-11-26T09:00:00+01:00"]),
        ((day("day-1", "2026-11-26T10:00", "2026-11-26T15:00"), SECOND, THIRD), []),  # As do the ids of all the days.
        ((FIRST, SECOND, day("day-3", "2026-12-02T08:00", "2026-12-02T11:00")), []),  # Only the hours changed.
        ((FIRST, SECOND, THIRD.model_copy(update={"meeting_id": "d-x"})), []),  # Only named anew.
        ((*THREE, FOURTH), []),
    ],
)
def test_a_day_that_is_no_more_has_a_file_that_takes_it_out(
    meetings: tuple[Meeting, ...], cancelled: list[str]
) -> None:
    confirmed = files(received(session_mail(meetings=THREE)))
    mail = now(*meetings)
    dropped = [file for file in files(received(mail)).values() if file["METHOD"] == "CANCEL"]
    assert [at for file in dropped for at in recurrence_ids(file)] == cancelled
    assert set(cancelled) <= {at for file in confirmed.values() for at in recurrence_ids(file)}
    assert [event["STATUS"] for file in dropped for event in file.events] == ["CANCELLED"] * len(cancelled)
    assert ("nie ma już w planie" in steps(mail)) == bool(cancelled)


def test_a_day_that_was_told_for_certain_is_taken_out_though_a_later_mail_may_have_done_so() -> None:
    """Told of three days; a mail that dropped the third is in doubt; now the second moves too."""
    certain = Arrangement(THREE, "Szkoła nr 2", None)
    mail = change(meetings=(FIRST, SECOND_MOVED), before=told(FIRST, SECOND), certain=certain)
    dropped = [file for file in files(received(mail)).values() if file["METHOD"] == "CANCEL"]
    assert [at for file in dropped for at in recurrence_ids(file)] == [
        "2026-11-27T09:00:00+01:00",
        "2026-12-02T09:00:00+01:00",
    ]
    assert [str(file.events[0]["LOCATION"]) for file in dropped] == [f"{VENUE}, {ADDRESS}", "Szkoła nr 2"]
    again = session_mail(meetings=(FIRST,), certain=certain)
    assert methods(again) == {"szkolenie.ics": "REQUEST", "odwolane-1.ics": "CANCEL", "odwolane-2.ics": "CANCEL"}


def test_one_cancellation_without_days_takes_out_the_whole_entry() -> None:
    for mail in (cancellation(), cancellation(meetings=THREE), cancellation(certain=Arrangement(THREE, VENUE, None))):
        (event,) = calendar(received(mail)).events
        assert "RECURRENCE-ID" not in event
        assert event["STATUS"] == "CANCELLED"
    message = received(cancellation(meetings=(FIRST, SECOND), certain=Arrangement(THREE, VENUE, None)))
    assert [at[:10] for file in files(message).values() for at in recurrence_ids(file)] == [
        "2026-11-26",
        "2026-11-27",
        "2026-12-02",
    ]


EVERY_CASE = {
    "one day": (session_mail(), "wystarczy przyjąć zaproszenie z tej wiadomości. Nie"),
    "days": (session_mail(meetings=THREE), "Obejmuje ono wszystkie dni. Brakuje w kalendarzu któregoś dnia"),
    "moved": (change(meetings=(FIRST_MOVED,)), "zastąpi ono poprzedni wpis w kalendarzu. Nowy"),
    "one to three": (
        change(meetings=THREE),
        "obejmuje ono wszystkie dni i zastąpi wcześniejsze wpisy w kalendarzu. Brak",
    ),
    "three to one": (now(FIRST), "wszystkie wcześniejsze dni tym jednym. W kalendarzu nadal są dni"),
    "one dropped": (now(FIRST, SECOND), "Otwórz załączony plik odwolane.ics albo usuń ten wpis."),
    "two dropped": (now(FIRST), "Otwórz załączone pliki odwolane-1.ics i odwolane-2.ics albo usuń te wpisy."),
    "day added": (now(*THREE, FOURTH), "szkolenie-1.ics to pierwszy dzień, szkolenie-4.ics to ostatni."),
    "new venue": (change(meetings=THREE, before=told(*THREE, venue="Szkoła")), "obejmuje ono wszystkie dni"),
    "told by others": (
        change(before=None),
        "Jeśli jest tam wcześniejszy wpis o tym szkoleniu, usuń go.",
    ),
    "days told by others": (change(meetings=THREE, before=None), "usuń je. Brakuje"),
    "told by others and moved": (
        change(meetings=(FIRST_MOVED,), told_by_others=True),
        "Jeśli jest tam wcześniejszy wpis o tym szkoleniu, usuń go.",
    ),
    "moved in doubt": (
        change(meetings=(FIRST_MOVED,), in_doubt=True),
        "Jeśli w kalendarzu jest już wpis o tym szkoleniu, zostanie zastąpiony.",
    ),
    "days moved in doubt": (change(meetings=THREE, in_doubt=True), "zostaną zastąpione. Brak"),
    "moved in doubt after a certain one": (
        change(meetings=(FIRST_MOVED,), in_doubt=True, certain=told()),
        "zastąpi ono poprzedni wpis w kalendarzu.",
    ),
    "cancelled": (cancellation(), "przyjmij odwołanie z tej wiadomości albo usuń wpis."),
    "days cancelled": (cancellation(meetings=THREE), "pliki od odwolane-1.ics do odwolane-3.ics."),
    "place cancelled": (cancellation(session_cancelled=False, meetings=THREE), "obejmuje ono wszystkie dni. Któryś"),
}


@pytest.mark.parametrize(("mail", "said"), EVERY_CASE.values(), ids=EVERY_CASE)
def test_the_steps_say_what_to_do_in_each_case(mail: PlaceMail, said: str) -> None:
    assert said in steps(mail)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("mail", [mail for mail, _ in EVERY_CASE.values()], ids=EVERY_CASE)
def test_every_file_that_a_step_names_is_there_and_several_are_never_left_unnamed(
    mail: PlaceMail, language: Language
) -> None:
    mail = replace(mail, language=language)
    named = set(re.findall(r"[a-z]+(?:-\d+)?\.ics", steps(mail)))
    attached = list(methods(mail))
    assert named <= set(attached)
    if len(attached) > 1:
        assert named >= {attached[-1]}
        assert ("szkolenie-1.ics" in named or "training-1.ics" in named) == (
            mail.letter != CANCELLATION and len(mail.meetings) > 1
        )
    assert "{" not in steps(mail)
    assert len(body(received(mail), "html").encode()) < 60_000


@pytest.mark.parametrize(
    ("starts", "starts_utc"),
    [("2026-10-24T09:00", "07:00"), ("2026-10-25T09:00", "08:00"), ("2027-03-28T09:00", "07:00")],
)
def test_the_mail_says_wall_time_and_the_calendar_the_right_instant(starts: str, starts_utc: str) -> None:
    meeting = day("day-1", starts, starts.replace("T09", "T15"))
    message = received(session_mail(meetings=(meeting,)))
    assert "9:00–15:00" in body(message, "plain")
    begins = calendar(message).events[0]["DTSTART"].dt
    assert begins.strftime("%H:%M") == "09:00"
    assert begins.strftime("%z") == ("+0200" if starts_utc == "07:00" else "+0100")
