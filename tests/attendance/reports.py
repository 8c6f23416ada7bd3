"""Reports of online meetings as the programs write them, about nobody: layouts, headings and forms of dates are theirs."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from services.attendance.importing.reading import read
from services.attendance.importing.report import Report
from tests.attendance.building import ENDS, STARTS

WARSAW = ZoneInfo("Europe/Warsaw")


def teams(*rows: str, span: tuple[str, ...] = (), language: str = "en") -> str:
    """As Teams writes it: three sections with tabs. `rows` of the third: name, joined, left, how long, address, role."""
    words = {
        "en": (
            "1. Summary\r\nMeeting title\tTraining\r\nAttended participants\t3\r\nStart time\t10/6/26, 8:58:00 AM\r\n",
            "2. Participants\r\nName\tFirst Join\tLast Leave\tIn-Meeting Duration\tEmail\tParticipant ID (UPN)\tRole\r\n",
            "3. In-Meeting Activities\r\nName\tJoin Time\tLeave Time\tDuration\tEmail\tRole\r\n",
        ),
        "pl": (
            "1. Podsumowanie\r\nTytuł spotkania\tSzkolenie\r\nUczestnicy\t3\r\nGodzina rozpoczęcia\t6.10.2026, 08:58:00\r\n",
            "2. Uczestnicy\r\nImię i nazwisko\tPierwsze dołączenie\tOstatnie wyjście\tCzas trwania\tAdres e-mail\tIdentyfikator uczestnika (UPN)\tRola\r\n",
            "3. Działania podczas spotkania\r\nImię i nazwisko\tGodzina dołączenia\tGodzina wyjścia\tCzas trwania\tAdres e-mail\tRola\r\n",
        ),
    }[language]
    lines = ["".join(f"{row}\r\n" for row in part) for part in ((), span, rows)]
    return "\r\n".join(head + part for head, part in zip(words, lines, strict=True))


def utf16(text: str) -> bytes:
    return b"\xff\xfe" + text.encode("utf-16-le")


def zoom(*rows: str, head: bool = True) -> bytes:
    """As Zoom writes it: name, address, joined, left, minutes, guest."""
    meeting = (
        "Meeting ID,Topic,Start Time,End Time,User Email,Duration (Minutes),Participants\r\n"
        "123 4567 8901,Training,10/06/2026 08:55:00 AM,10/06/2026 03:05:00 PM,host@example.org,370,2\r\n\r\n"
    )
    text = (
        meeting if head else ""
    ) + "Name (Original Name),User Email,Join Time,Leave Time,Duration (Minutes),Guest\r\n"
    return b"\xef\xbb\xbf" + (text + "".join(f"{row}\r\n" for row in rows)).encode()


def reading(
    content: bytes, *, starts_at: dt.datetime = STARTS, ends_at: dt.datetime = ENDS, zone: ZoneInfo = WARSAW
) -> Report:
    return read(content, zone=zone, starts_at=starts_at, ends_at=ends_at)


def said(report: Report) -> list[tuple[str, list[str]]]:
    """Who, and from when to when in UTC."""
    return [
        (one.name, [f"{each.joined_at:%H:%M}-{each.left_at:%H:%M}" for each in one.intervals])
        for one in report.attendees
    ]
