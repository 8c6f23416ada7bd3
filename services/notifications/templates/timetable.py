"""How meetings read in a mail: days, hours and what became of them. It decides nothing about mails or calendars."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_interval, format_skeleton, format_time

from services.notifications.templates.words import Words
from shared.contracts.planner import Meeting
from shared.values import immutable

HOME_ZONE = "Europe/Warsaw"


@immutable
class When:
    """A time as it is read; `hours` is never broken into two lines."""

    date: str
    hours: str

    @property
    def text(self) -> str:
        return f"{self.date}, {self.hours}"


@immutable
class Day:
    """One line of the timetable that a mail shows; `note` says what became of the day in a change."""

    when: When
    note: str | None = None
    before: tuple[When, ...] = ()
    dropped: bool = False
    unchanged: bool = True


def days_told(meetings: tuple[Meeting, ...], told: tuple[tuple[Meeting, ...], ...], words: Words) -> tuple[Day, ...]:
    """The timetable in order of time; where it differs from any that was `told` before, each day says what became of it.

    More than one was told while nobody knows whether the last arrived: then a day is "unchanged" only if it is for
    whoever knows either.
    """
    locale, notes = words.locale, words.day_notes
    now = in_order(meetings)
    paired = [_earlier(now, in_order(timetable)) for timetable in told]
    days = []
    for meeting in now:
        when = when_told(meeting, locale)
        earlier = [timetable.get(meeting.meeting_id) for timetable, _ in paired]
        before = dict.fromkeys(when_told(one, locale) for one in earlier if one is not None)
        before.pop(when, None)
        if before:
            days.append((meeting, Day(when, notes.moved, before=tuple(before), unchanged=False)))
        elif None in earlier:
            days.append((meeting, Day(when, notes.added, unchanged=False)))
        else:
            days.append((meeting, Day(when, notes.same)))
    gone = {when_told(meeting, locale): meeting for _, timetable in paired for meeting in timetable}
    standing = {day.when for _, day in days}
    days += [
        (meeting, Day(when, notes.dropped, dropped=True, unchanged=False))
        for when, meeting in gone.items()
        if when not in standing
    ]
    if all(day.unchanged for _, day in days):
        return tuple(Day(day.when) for _, day in days)
    return tuple(day for _, day in sorted(days, key=lambda pair: (pair[0].starts_at, pair[0].meeting_id)))


def _earlier(now: tuple[Meeting, ...], told: tuple[Meeting, ...]) -> tuple[dict[str, Meeting], tuple[Meeting, ...]]:
    """For each meeting_id of now the day that it was, and the days that are none any more.

    A day whose id is new takes the place of one that is gone, first of one at the same time: a planner who numbers days
    anew still tells a move, and no more than that.
    """
    now_ids, told_ids = ({meeting.meeting_id for meeting in days} for days in (now, told))
    earlier = {meeting.meeting_id: meeting for meeting in told if meeting.meeting_id in now_ids}
    gone = [meeting for meeting in told if meeting.meeting_id not in now_ids]
    new = [meeting for meeting in now if meeting.meeting_id not in told_ids]
    for same_time in (True, False):
        for meeting in tuple(new):
            taken = next((one for one in gone if not same_time or _same_time(one, meeting)), None)
            if taken is not None:
                earlier[meeting.meeting_id] = taken
                gone.remove(taken)
                new.remove(meeting)
    return earlier, tuple(gone)


def _same_time(one: Meeting, other: Meeting) -> bool:
    return (one.starts_local, one.ends_local, one.zone) == (other.starts_local, other.ends_local, other.zone)


def in_order(meetings: tuple[Meeting, ...]) -> tuple[Meeting, ...]:
    """Meetings as they follow each other; the id settles which of two at the same time comes first."""
    return tuple(sorted(meetings, key=lambda meeting: (meeting.starts_at, meeting.meeting_id)))


def when_told(meeting: Meeting, locale: str) -> When:
    """`czwartek, 26 listopada 2026, 9:00–15:00`, with the zone when it is not the programme's."""
    starts, ends = meeting.starts_local, meeting.ends_local
    date, hours = format_date(starts, "full", locale=locale), format_time(starts, "H:mm", locale=locale)
    until = format_time(ends, "H:mm", locale=locale)
    if ends.date() == starts.date():
        hours = f"{hours}–{until}"
    else:
        date, hours = f"{date}, {hours} – {format_date(ends, 'full', locale=locale)}", until
    return When(date, hours if meeting.zone == HOME_ZONE else f"{hours} ({meeting.zone})")


def moment_told(moment: dt.datetime, zone: str, locale: str) -> When:
    """`czwartek, 26 listopada 2026, 9:00`, by the clocks of that zone."""
    local = moment.astimezone(ZoneInfo(zone))
    hours = format_time(local.time(), "H:mm", locale=locale)
    return When(format_date(local.date(), "full", locale=locale), hours if zone == HOME_ZONE else f"{hours} ({zone})")


def dates_told(meetings: tuple[Meeting, ...], locale: str) -> str:
    """`26 listopada` or `26–27 listopada`, for a subject line."""
    first = min(meeting.starts_local for meeting in meetings).date()
    last = max(meeting.starts_local for meeting in meetings).date()
    if first == last:
        return format_skeleton("MMMMd", first, locale=locale)
    return format_interval(first, last, "MMMMd" if first.year == last.year else "yMMMMd", locale=locale)
