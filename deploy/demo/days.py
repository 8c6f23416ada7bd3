"""Which days a training may take place on, and its local hours. Knows the calendar of Poland, nothing of trainings."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

ZONE = "Europe/Warsaw"
OPENS, CLOSES = dt.time(9, 0), dt.time(15, 0)

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY = range(5)

_FEASTS = {(1, 1), (1, 6), (5, 1), (5, 3), (8, 15), (11, 1), (11, 11), (12, 24), (12, 25), (12, 26)}
_MOVING_FEASTS = {
    dt.date(*day)
    for day in (
        *(
            (2026, 4, 6),
            (2026, 6, 4),
            (2027, 3, 29),
            (2027, 5, 27),
            (2028, 4, 17),
            (2028, 6, 15),
            (2029, 4, 2),
            (2029, 5, 31),
        ),
        *((2030, 4, 22), (2030, 6, 20), (2031, 4, 14), (2031, 6, 12), (2032, 3, 29), (2032, 5, 27)),
    )
}
"""Easter Monday and Corpus Christi: a table is enough for a demo."""


def is_working(day: dt.date) -> bool:
    """Whether offices train on this day: no week-end, no public holiday, not between Christmas and New Year."""
    if day.weekday() > FRIDAY or (day.month, day.day) in _FEASTS or day in _MOVING_FEASTS:
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
