"""How meetings read in a mail: days, hours and what became of them. It decides nothing about mails or calendars."""

from __future__ import annotations

from babel.dates import format_date, format_interval, format_skeleton, format_time

from services.notifications.templates.words import Words
from shared.contracts.planner import Meeting
from shared.values import immutable

HOME_ZONE = "Europe/Warsaw"


@immutable
class Day:
    """One line of the timetable that a mail shows; `note` says what became of the day in a change."""

    text: str
    note: str | None = None
    before: str | None = None
    dropped: bool = False
    unchanged: bool = True


def days_told(meetings: tuple[Meeting, ...], before: tuple[Meeting, ...] | None, words: Words) -> tuple[Day, ...]:
    """The timetable in order of time; where it differs from the one told `before`, each day says what became of it.

    A day whose id is new takes the place of one that is gone: a planner who numbers days anew still tells a move.
    """
    locale, notes = words.locale, words.day_notes
    now, told = in_order(meetings), in_order(meetings if before is None else before)
    now_ids, told_ids = ({meeting.meeting_id for meeting in days} for days in (now, told))
    new = [meeting.meeting_id for meeting in now if meeting.meeting_id not in told_ids]
    gone = [meeting for meeting in told if meeting.meeting_id not in now_ids]
    earlier = {meeting.meeting_id: meeting for meeting in told} | dict(zip(new, gone, strict=False))

    days = [
        (meeting, Day(when_told(meeting, locale), notes.dropped, dropped=True, unchanged=False))
        for meeting in gone[len(new) :]
    ]
    for meeting in now:
        text = when_told(meeting, locale)
        text_before = when_told(earlier[meeting.meeting_id], locale) if meeting.meeting_id in earlier else None
        if text_before is None:
            days.append((meeting, Day(text, notes.added, unchanged=False)))
        elif text_before != text:
            days.append((meeting, Day(text, notes.moved, before=text_before, unchanged=False)))
        else:
            days.append((meeting, Day(text, notes.same)))
    if all(day.unchanged for _, day in days):
        return tuple(Day(day.text) for _, day in days)
    return tuple(day for _, day in sorted(days, key=lambda pair: (pair[0].starts_at, pair[0].meeting_id)))


def in_order(meetings: tuple[Meeting, ...]) -> tuple[Meeting, ...]:
    """Meetings as they follow each other; the id settles which of two at the same time comes first."""
    return tuple(sorted(meetings, key=lambda meeting: (meeting.starts_at, meeting.meeting_id)))


def when_told(meeting: Meeting, locale: str) -> str:
    """`czwartek, 26 listopada 2026, 9:00–15:00`, with the zone when it is not the programme's."""
    starts, ends = meeting.starts_local, meeting.ends_local
    text = f"{format_date(starts, 'full', locale=locale)}, {format_time(starts, 'H:mm', locale=locale)}"
    if ends.date() == starts.date():
        text += f"–{format_time(ends, 'H:mm', locale=locale)}"
    else:
        text += f" – {format_date(ends, 'full', locale=locale)}, {format_time(ends, 'H:mm', locale=locale)}"
    return text if meeting.zone == HOME_ZONE else f"{text} ({meeting.zone})"


def dates_told(meetings: tuple[Meeting, ...], locale: str) -> str:
    """`26 listopada` or `26–27 listopada`, for a subject line."""
    first = min(meeting.starts_local for meeting in meetings).date()
    last = max(meeting.starts_local for meeting in meetings).date()
    if first == last:
        return format_skeleton("MMMMd", first, locale=locale)
    return format_interval(first, last, "MMMMd" if first.year == last.year else "yMMMMd", locale=locale)
