"""What pages say in which language: gettext catalogues, and dates as a reader of that language writes them. Pure but for reading files.

The texts in the templates are the English ones. What another language has for them stands in a catalogue beside the templates, `pl.po`;
it is read as it is written, so there is nothing to compile and nothing compiled to forget.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import NullTranslations, Translations

from shared.contracts.model import Language
from shared.contracts.planner import Meeting

SOURCE = Language.EN
"""The language that the templates are written in."""
NAMES = {Language.PL: "Polski", Language.EN: "English"}
"""As whoever looks for it would."""
LOCALES = {Language.PL: "pl_PL", Language.EN: "en_GB"}


def translations(language: Language, folders: Iterable[Path]) -> NullTranslations:
    """All that the catalogues in these folders have in the language, the first word counting."""
    if language is SOURCE:
        return NullTranslations()
    first, *others = (_catalogue(folder / f"{language}.po", language) for folder in folders)
    for one in others:
        first = one.add(first)
    return first


def _catalogue(file: Path, language: Language) -> Translations:
    compiled = io.BytesIO()
    with file.open("rb") as content:
        write_mo(compiled, read_po(content, locale=language))
    compiled.seek(0)
    return Translations(compiled)


def preferred(accepted: str) -> Language | None:
    """The first of our languages in an Accept-Language header, by weight and then by order; None: it names none of them."""
    ranked = sorted(_accepted(accepted[:500]), key=lambda one: -one[1])
    names = {language.value: language for language in Language}
    return next((names[name] for name, weight in ranked if name in names and weight > 0), None)


def _accepted(header: str) -> Iterator[tuple[str, float]]:
    for part in header.split(","):
        tag, _, weight = part.strip().partition(";q=")
        try:
            yield tag.strip().lower().split("-")[0], float(weight or 1)
        except ValueError:
            continue


def filters(language: Language) -> dict[str, Any]:
    """For templates: moments, meetings and numbers as a reader of the language writes them."""
    locale = LOCALES[language]

    def date(when: dt.date) -> str:
        return format_date(when, "EEEE, d MMMM y", locale=locale)

    def hours(meeting: Meeting) -> str:
        first, last = (format_time(one, "H:mm", locale=locale) for one in (meeting.starts_local, meeting.ends_local))
        same_day = meeting.starts_local.date() == meeting.ends_local.date()
        # Joined: a line never ends within the hours of a day.
        return f"{first}\u2060–\u2060{last}" if same_day else f"{first} – {date(meeting.ends_local.date())}, {last}"

    def day(meeting: Meeting) -> str:
        elsewhere = "" if meeting.zone == "Europe/Warsaw" else f" ({meeting.zone})"
        return f"{date(meeting.starts_local.date())}, {hours(meeting)}{elsewhere}"

    def moment(when: dt.datetime, zone: str = "Europe/Warsaw") -> str:
        return format_datetime(when.astimezone(ZoneInfo(zone)), "d MMMM y, H:mm", locale=locale)

    def clock(when: dt.datetime, zone: str = "Europe/Warsaw") -> str:
        return format_time(when.astimezone(ZoneInfo(zone)), "H:mm", locale=locale)

    def number(value: float) -> str:
        """What is measured has one digit behind the comma, or the point; what is counted has none."""
        return format_decimal(value, "#,##0.0" if isinstance(value, float) else None, locale=locale)

    return {"date": date, "day": day, "moment": moment, "clock": clock, "number": number}
