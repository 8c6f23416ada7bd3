"""Which days Polish offices work. Pure."""

from __future__ import annotations

import datetime as dt
import functools

import holidays


def is_working_day(day: dt.date) -> bool:
    return day.weekday() < 5 and day not in _holidays(day.year)


@functools.lru_cache(maxsize=10)
def _holidays(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("PL", years=year)
