"""Which days a training may take place on, and its local hours. Knows the calendar of Poland, nothing of trainings."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import holidays

ZONE = "Europe/Warsaw"
OPENS, CLOSES = dt.time(9, 0), dt.time(15, 0)

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = range(5)

_PUBLIC_HOLIDAYS = holidays.country_holidays("PL")  # years are worked out when a day in them is asked for


def is_working(day: dt.date) -> bool:
    """Whether offices train on this day: no week-end, no public holiday, not between Christmas and New Year."""
    if day.weekday() > FRIDAY or day in _PUBLIC_HOLIDAYS:
        return False
    return not (day.month == 12 and day.day >= 23)


def next_run(day: dt.date, length: int, first_weekdays: tuple[int, ...]) -> tuple[dt.date, ...]:
    """The first `length` working days in a row on or after the day that begin on one of the weekdays."""
    while True:
        run = tuple(day + dt.timedelta(days=step) for step in range(length))
        if day.weekday() in first_weekdays and all(map(is_working, run)):
            return run
        day += dt.timedelta(days=1)


def local(moment: dt.datetime) -> dt.datetime:
    """The wall time in Poland at this moment, without an offset."""
    return moment.astimezone(ZoneInfo(ZONE)).replace(tzinfo=None)


def instant(wall: dt.datetime) -> dt.datetime:
    """The moment in UTC at which clocks in Poland show this wall time."""
    return wall.replace(tzinfo=ZoneInfo(ZONE)).astimezone(dt.UTC)


def morning(day: dt.date, *, hour: int = 7) -> dt.datetime:
    """A moment in UTC early on the day, when systems send what they have."""
    return dt.datetime.combine(day, dt.time(hour), dt.UTC)
