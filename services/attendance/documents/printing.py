"""Prints sheets: the same sheet is the same bytes, on every machine and on every day. Pure but for reading its templates.

PDF/UA-1, so that a list and a certificate can be read aloud. What a sheet says is handed over as values and never as text to be
set: no name is a command.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import segno
import typst
from babel.dates import format_date, format_time

from services.attendance.documents.sheets import AttendanceListSheet, CertificateSheet, DaySheet, Programme, Training
from services.attendance.documents.words import LOCALES, words_in
from services.attendance.hours import clock_hours, teaching_hours
from shared.alphabet import is_named
from shared.contracts.model import Language
from shared.contracts.planner import Meeting

TEMPLATES = Path(__file__).with_name("templates")
DAYS_BESIDE_EACH_OTHER = 5
"""Columns to sign in; with more, nobody could."""

UNSHOWN = "\ufffd"
"""Stands for a sign that none of the fonts has: an emoji, a Chinese letter, a bullet of some office program."""

_at_hand = threading.local()


def attendance_list_pdf(sheet: AttendanceListSheet) -> bytes:
    """The list that people sign, with a column for each day; where these are too many, the people stand on it several times."""
    days = [_day(meeting, sheet.language) for meeting in sheet.meetings]
    width = -(-len(days) // -(-len(days) // DAYS_BESIDE_EACH_OTHER))
    values = {
        "title": sheet.training.title,
        "session_id": sheet.training.session_id,
        "place": _place(sheet.training),
        "trainers": list(sheet.training.trainers),
        "period": _days([meeting.starts_local.date() for meeting in sheet.meetings], sheet.language),
        "parts": [{"days": days[first : first + width]} for first in range(0, len(days), width)],
        "people": [{"name": one.name, "town": one.town} for one in sheet.people],
        "empty_rows": sheet.empty_rows,
        "as_of": _date(sheet.as_of, sheet.language),
    }
    return _printed("attendance_list.typ", values, sheet.language, sheet.programme, sheet.as_of)


def certificate_pdf(sheet: CertificateSheet) -> bytes:
    """A certificate. One that is valid no longer says so."""
    words = words_in(sheet.language)
    invalid = None
    if not sheet.is_valid:
        invalid = words["superseded"].format(number=sheet.superseded_by) if sheet.superseded_by else words["revoked"]
    values = {
        "number": sheet.number,
        "name": sheet.name,
        "title": sheet.title,
        "days": _days(sheet.days, sheet.language),
        **_duration(sheet.minutes, words, sheet.language),
        "issued_on": _date(sheet.issued_on, sheet.language),
        "address": sheet.address,
        "shown_address": _breakable(sheet.address or ""),
        "code": list(_code(sheet.address)) if sheet.address else None,
        "supersedes": sheet.supersedes,
        "invalid": invalid,
    }
    return _printed("certificate.typ", values, sheet.language, sheet.programme, sheet.issued_on)


def day_pdf(sheet: DaySheet) -> bytes:
    """The confirmation that somebody was there on a day."""
    words = words_in(sheet.language)
    known = sheet.minutes is not None
    values = {
        "title": sheet.training.title,
        "session_id": sheet.training.session_id,
        "place": _place(sheet.training),
        "name": sheet.name,
        "town": sheet.town,
        "day": _day(sheet.meeting, sheet.language),
        **(_duration(sheet.minutes or 0, words, sheet.language) if known else {"clock_hours": None}),
        "recorded_on": _date(sheet.recorded_on, sheet.language),
    }
    return _printed("day.typ", values, sheet.language, sheet.programme, sheet.recorded_on)


def _printed(template: str, values: dict[str, Any], language: Language, programme: Programme, dated: dt.date) -> bytes:
    head = {
        "name": programme.name,
        "project": programme.project,
        "funding": programme.funding,
        "logos": [{"content": list(one.content), "shows": one.shows} for one in programme.logos],
    }
    date = (dated.year, dated.month, dated.day)
    sheet = {**values, "words": words_in(language), "language": language.value, "programme": head, "dated": date}
    timestamp = dt.datetime(*date, tzinfo=dt.UTC)  # Else it would be the moment of printing.
    shown = _shown(sheet)
    try:
        return _compiled(TEMPLATES / template, {"sheet": json.dumps(shown)}, timestamp)
    except typst.TypstError:
        signs = _signs_of(shown) - _HAVE
        if not (unshown := _unshown(sorted(signs))):
            raise
        _LACK.update(unshown)
        _HAVE.update(signs.difference(unshown))
    return _compiled(TEMPLATES / template, {"sheet": json.dumps(_shown(sheet))}, timestamp)


_HAVE, _LACK = set[str](), set[str]()
"""Signs of which it was found out that some font has them, and that none has: no more than there are, and each costs once."""


def _shown(sheet: dict[str, Any]) -> Any:
    lacks = _LACK & _signs_of(sheet) if _LACK else None
    return _without(sheet, str.maketrans(dict.fromkeys(lacks, UNSHOWN))) if lacks else sheet


def _compiled(template: Path, inputs: dict[str, str], timestamp: dt.datetime | None = None) -> bytes:
    printed = _compiler().compile(template, format="pdf", sys_inputs=inputs, pdf_standards="ua-1", timestamp=timestamp)
    if not isinstance(printed, bytes):
        raise TypeError(f"{template.name} became no document")
    return printed


def _unshown(signs: Sequence[str]) -> list[str]:
    """Those of these that no font has. A document that holds one is refused as a whole: by PDF/UA nobody could read it. Halved until each is
    found, so what it costs follows how many they are."""
    try:
        _compiled(TEMPLATES / "signs.typ", {"signs": " ".join(signs)})
    except typst.TypstError:
        half = len(signs) // 2
        return [*_unshown(signs[:half]), *_unshown(signs[half:])] if half else list(signs)
    return []


def _signs_of(value: Any) -> set[str]:
    match value:
        case str():
            return set(value)
        case dict():
            return set[str]().union(*map(_signs_of, value.values()))
        case list() | tuple():
            return set[str]().union(*map(_signs_of, value))
        case _:
            return set()


def _without(value: Any, signs: dict[int, str]) -> Any:
    match value:
        case str():
            return value.translate(signs)
        case dict():
            return {name: _without(one, signs) for name, one in value.items()}
        case list() | tuple():
            return [_without(one, signs) for one in value]
        case _:
            return value


def _compiler() -> typst.Compiler:
    """One a thread, with the fonts that come with it and no others: a machine's own would make other bytes."""
    if not hasattr(_at_hand, "compiler"):
        _at_hand.compiler = typst.Compiler(
            root=TEMPLATES, font_paths=typst.Fonts(include_system_fonts=False), ignore_system_fonts=True
        )
    compiler: typst.Compiler = _at_hand.compiler
    return compiler


def _place(training: Training) -> str:
    """Where it is. The town stands behind it if nothing before it says it: "ul. Radomska" is in Radom, and does not say so."""
    said = ", ".join(filter(None, (training.venue, training.address)))
    town = training.town
    return said if town is None or is_named(town, said) else f"{said}, {town}"


def _date(when: dt.date, language: Language) -> str:
    return format_date(when, "d MMMM y", locale=LOCALES[language])


def _day(meeting: Meeting, language: Language) -> dict[str, str]:
    """A meeting by the clocks of its place."""
    locale = LOCALES[language]
    starts, ends = meeting.starts_local, meeting.ends_local
    first, last = (format_time(one, "H:mm", locale=locale) for one in (starts, ends))
    if ends.date() != starts.date():
        last = f"{_date(ends.date(), language)}, {last}"
    elsewhere = "" if meeting.zone == "Europe/Warsaw" else f" ({meeting.zone})"
    return {
        "date": format_date(starts.date(), "EEEE, d MMMM y", locale=locale),
        "short": format_date(starts.date(), "dd.MM.y" if language is Language.PL else "dd/MM/y", locale=locale),
        "hours": f"{first}–{last}{elsewhere}",
    }


def _days(days: Sequence[dt.date], language: Language) -> str:
    """Days as one reads them out: those of one month together. Of none nothing is said: others have certified without them."""
    words = words_in(language)
    distinct = sorted(set(days))
    if not distinct:
        return ""
    parts = [
        f"{_joined((str(day.day) for day in month[:-1]), words, more=str(month[-1].day))} {_month(month[-1], language)}"
        for month in _by_month(distinct)
    ]
    return f"{words['on_day' if len(distinct) == 1 else 'on_days']} {', '.join(parts)}"


def _by_month(days: Iterable[dt.date]) -> list[list[dt.date]]:
    months: dict[tuple[int, int], list[dt.date]] = {}
    for day in days:
        months.setdefault((day.year, day.month), []).append(day)
    return list(months.values())


def _month(day: dt.date, language: Language) -> str:
    """The month as it stands behind a day: Polish has a form of its own for that."""
    return format_date(day, "d MMMM y", locale=LOCALES[language]).partition(" ")[2]


def _joined(first: Iterable[str], words: dict[str, str], *, more: str) -> str:
    before = ", ".join(first)
    return f"{before} {words['and']} {more}" if before else more


def _duration(minutes: int, words: dict[str, str], language: Language) -> dict[str, str]:
    hours, rest = clock_hours(minutes)
    taught = teaching_hours(minutes).replace(".", "," if language is Language.PL else ".")
    return {
        "clock_hours": f"{hours} {words['clock']}" + (f" {rest} {words['minutes']}" if rest else ""),
        "teaching_hours": f"{taught} {words['teaching']}",
    }


def _code(address: str) -> bytes:
    """A QR code that a phone reads from a crumpled copy: a quarter of it may be lost."""
    drawn = io.BytesIO()
    segno.make_qr(address, error="q").save(drawn, kind="svg", border=2, xmldecl=False, svgns=True, nl=False)
    return drawn.getvalue()


def _breakable(address: str) -> str:
    """An address that a line may end in."""
    return address.replace("/", "/\u200b").replace("-", "-\u200b")
