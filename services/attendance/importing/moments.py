"""Times as reports write them: local, in the order of some country, without a zone. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.attendance.importing.report import Unreadable, Why

NEAR = dt.timedelta(hours=24)
"""A time so far from the meeting may still be of its report: whoever forgot to hang up."""
ENOUGH = 500
"""So many different times show in which order dates are written."""
_NUMERIC = re.compile(
    r"^(\d{1,4})([./-])(\d{1,2})\2(\d{1,4}),?[ T]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*([ap])?\.?(?:m\.?)?(Z)?$",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"^(?:(\d{1,2})\s+([^\W\d_]{3,})\.?|([^\W\d_]{3,})\.?\s+(\d{1,2}),?)\s+(\d{4}),?\s+"
    r"(\d{1,2}):(\d{2})(?::(\d{2}))?\s*([ap])?\.?(?:m\.?)?$",
    re.IGNORECASE,
)
_MONTHS = (
    "jan|sty",
    "feb|lut",
    "mar",
    "apr|kwi",
    "may|maj",
    "jun|cze",
    "jul|lip",
    "aug|sie",
    "sep|wrz",
    "oct|pa",
    "nov|lis",
    "dec|gru",
)


class Order(StrEnum):
    """What stands first where a date is written with slashes."""

    DAY = "day"
    MONTH = "month"


def is_time(text: str) -> bool:
    """Whether it is written like a time, in whatever order."""
    return ":" in text and any(wall_time(text, order) is not None for order in Order)


def wall_time(text: str, order: Order) -> dt.datetime | None:
    """The time on the clock, with UTC if it says so; None: it is no time."""
    text = re.sub(r"\s+", " ", text).strip()
    if found := _NUMERIC.match(text):
        first, sign, second, third, hour, minute, seconds, half, utc = found.groups()
        if len(first) == 4:
            year, month, day = first, second, third
        elif sign == "/" and order is Order.MONTH:
            month, day, year = first, second, third
        else:
            day, month, year = first, second, third
        made = _made((year, month, day), (hour, minute, seconds), half)
        return made.replace(tzinfo=dt.UTC) if made and utc else made
    if found := _NAMED.match(text):
        day, name, name_first, day_second, year, hour, minute, seconds, half = found.groups()
        word = (name or name_first).casefold()
        number = next((at for at, names in enumerate(_MONTHS, 1) if word.startswith(tuple(names.split("|")))), 0)
        return _made((year, str(number), day or day_second), (hour, minute, seconds), half)
    return None


def _made(date: tuple[str, str, str], time: tuple[str, str, str | None], half: str | None) -> dt.datetime | None:
    year, month, day = (int(one) for one in date)
    hour, minute, second = (int(one or 0) for one in time)
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in "pP" else 0)
    year += 2000 if year < 100 else 0
    if not 2000 <= year < 2100:
        return None
    try:
        return dt.datetime(year, month, day, hour, minute, second)  # noqa: DTZ001  # A wall time.
    except ValueError:
        return None


def says_half(text: str) -> bool:
    """Whether it says before or after noon."""
    return bool(re.search(r"\d\s*[ap]\.?\s?m\.?$", text.strip(), re.IGNORECASE))


def instants(wall: dt.datetime, zone: ZoneInfo) -> tuple[dt.datetime, ...]:
    """When the clock there showed this: once, twice on the night on which clocks go back, or never."""
    if wall.tzinfo is not None:
        return (wall,)
    both = [wall.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
    return tuple(dict.fromkeys(one for one in both if one.astimezone(zone).replace(tzinfo=None) == wall))


def order_of(texts: Sequence[str], zone: ZoneInfo, starts_at: dt.datetime, ends_at: dt.datetime) -> Order:
    """In which order the file writes its dates: that by which most of its times are near the meeting. Raises Unreadable: none is, or
    both readings are equally near and differ."""
    near = dict.fromkeys(Order, 0)
    read: dict[Order, list[dt.datetime | None]] = {}
    some = list(dict.fromkeys(texts))[:ENOUGH]
    for order in Order:
        read[order] = [wall_time(one, order) for one in some]
        for wall in read[order]:
            found = instants(wall, zone) if wall else ()
            near[order] += any(starts_at - NEAR <= one <= ends_at + NEAR for one in found)
    day, month = near[Order.DAY], near[Order.MONTH]
    if not day and not month:
        days = sorted({wall.date().isoformat() for walls in read.values() for wall in walls if wall})
        raise Unreadable(
            Why.ANOTHER_DAY,
            f"the meeting is on {starts_at.astimezone(zone):%Y-%m-%d}, the file speaks of {', '.join(days[:4]) or 'no day'}",
        )
    if day == month and read[Order.DAY] != read[Order.MONTH]:
        raise Unreadable(Why.AMBIGUOUS_DATES, "day and month may be either, and both are near the meeting")
    return Order.DAY if day >= month else Order.MONTH
