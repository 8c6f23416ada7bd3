"""Time zones as calendars are told them: VTIMEZONE components from which any reader computes the right instant.

Pure. `icalendar` can write one too, but lists the clock changes of some years as RDATEs, which ical.js reads without the
first of each kind, and states them in the time after the change where RFC 5545 wants the time before it.
"""

from __future__ import annotations

import calendar
import datetime as dt
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

from shared.values import immutable

YEARS_WATCHED = 28
"""After so many years every date has fallen on every weekday: what holds for them all is the rule, and not its look."""

_DAY = dt.timedelta(days=1)
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@immutable
class Onset:
    """One clock change: `at` is what the clock showed when it came, before it was put forward or back."""

    at: dt.datetime
    offset_from: dt.timedelta
    offset_to: dt.timedelta
    name: str

    @property
    def forward(self) -> bool:
        return self.offset_to > self.offset_from


@lru_cache(maxsize=64)
def timezone(zone: str, first_year: int, last_year: int) -> Timezone:
    """A VTIMEZONE that is right from `first_year` to `last_year`, by rule where the zone keeps one, else change by change.

    It begins a year earlier, so that the first day of `first_year` already has a change of each kind behind it.
    """
    begins = dt.datetime(max(first_year - 1, dt.MINYEAR), 1, 1, tzinfo=ZoneInfo(zone))
    watched = _onsets(zone, begins.year, min(begins.year + YEARS_WATCHED, dt.MAXYEAR))
    by_rule = (
        _by_rule([onset for onset in watched if onset.forward]),
        _by_rule([onset for onset in watched if not onset.forward]),
    )
    component = Timezone()
    component.add("tzid", zone)
    if watched and all(by_rule):
        for onset, rule in sorted(filter(None, by_rule), key=lambda pair: pair[0].at):
            component.add_component(_observance(onset, rule))
        return component
    start = Onset(begins.replace(tzinfo=None), _offset(begins), _offset(begins), begins.tzname() or zone)
    component.add_component(_observance(start))
    for onset in watched:
        if onset.at.year <= last_year + 1:
            component.add_component(_observance(onset))
    return component


def _observance(onset: Onset, rule: dict[str, Any] | None = None) -> TimezoneStandard | TimezoneDaylight:
    observance = TimezoneDaylight() if onset.forward else TimezoneStandard()
    observance.add("dtstart", onset.at)
    observance.add("tzoffsetfrom", onset.offset_from)
    observance.add("tzoffsetto", onset.offset_to)
    observance.add("tzname", onset.name)
    if rule:
        observance.add("rrule", rule)
    return observance


def _by_rule(onsets: list[Onset]) -> tuple[Onset, dict[str, Any]] | None:
    """The first of these changes and the yearly rule of them all, if it is one that RRULE can say."""
    if len(onsets) != YEARS_WATCHED or len({onset.at.year for onset in onsets}) != YEARS_WATCHED:
        return None
    alike = {
        (one.at.month, one.at.weekday(), one.at.time(), one.offset_from, one.offset_to, one.name) for one in onsets
    }
    days = {onset.at.day for onset in onsets}
    if len(alike) != 1 or max(days) - min(days) != 6:
        return None
    first = onsets[0]
    rule: dict[str, Any] = {"freq": "yearly", "bymonth": first.at.month}
    weekday, month_days = _WEEKDAYS[first.at.weekday()], calendar.monthrange(first.at.year, first.at.month)[1]
    if first.at.month != 2 and max(days) == month_days:
        rule["byday"] = f"-1{weekday}"
    elif max(days) % 7 == 0:
        rule["byday"] = f"{max(days) // 7}{weekday}"
    else:  # "The Saturday before the last Sunday": one of seven days of the month.
        rule |= {"byday": weekday, "bymonthday": list(range(min(days), max(days) + 1))}
    return first, rule


@lru_cache(maxsize=64)
def _onsets(zone: str, first_year: int, end_year: int) -> tuple[Onset, ...]:
    """The clock changes from the start of `first_year` to before `end_year`, as `zoneinfo` knows them."""
    tz = ZoneInfo(zone)
    start, end = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (first_year, end_year))
    days = [start + number * _DAY for number in range((end - start).days + 1)]
    onsets = []
    for before, after in pairwise(days):
        if _offset(before.astimezone(tz)) == _offset(after.astimezone(tz)):
            continue
        while after - before > dt.timedelta(seconds=1):
            middle = before + (after - before) // 2
            if _offset(middle.astimezone(tz)) == _offset(before.astimezone(tz)):
                before = middle
            else:
                after = middle
        old, new = before.astimezone(tz), after.astimezone(tz)
        moment = after.replace(microsecond=0, tzinfo=None)
        onsets.append(Onset(moment + _offset(old), _offset(old), _offset(new), new.tzname() or zone))
    return tuple(onsets)


def _offset(at: dt.datetime) -> dt.timedelta:
    offset = at.utcoffset()
    assert offset is not None
    return offset
