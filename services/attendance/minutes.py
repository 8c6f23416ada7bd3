"""For how much of a meeting somebody was there. One pure rule: from the meeting's hours and from when they came and left.

Hours that are counted on another list of the session – of a day that was put together with this one after that had closed – are not
counted again: `but` names them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from services.attendance.lists import ListRules
from services.attendance.state import Record
from shared.contracts.attendance import Presence
from shared.contracts.planner import Meeting
from shared.values import immutable

MINUTE = dt.timedelta(minutes=1)
Span = tuple[dt.datetime, dt.datetime]


@immutable
class Stay:
    """How somebody was at a meeting."""

    state: Presence
    minutes: int | None
    """None: the meeting is not known."""
    arrived_at: dt.datetime | None = None


def whole_of(meeting: Meeting) -> int:
    """All of the meeting's minutes. Between two instants: a night on which the clocks change has as many as it had."""
    return int((meeting.ends_at - meeting.starts_at) // MINUTE)


def minutes_of(
    meeting: Meeting,
    *,
    arrived_at: dt.datetime | None = None,
    left_at: dt.datetime | None = None,
    stated: int | None = None,
    but: Sequence[Span] = (),
) -> int:
    """How many of the meeting's minutes: as somebody has counted them, or from when they came to when they left. Begun ones do not count."""
    whole = meeting.starts_at, meeting.ends_at
    own = own_hours(whole, but) if but else [whole]
    if stated is not None:
        return min(stated, length_of(own))
    return length_of([(max(since, arrived_at or since), min(until, left_at or until)) for since, until in own])


def own_hours(whole: Span, but: Sequence[Span] = ()) -> list[Span]:
    """From when to when a meeting is, without the hours that are counted elsewhere."""
    own: list[Span] = []
    since, ends_at = whole
    for taken_since, taken_until in (*sorted(but), (ends_at, ends_at)):
        until = min(taken_since, ends_at)
        if since < until:
            own.append((since, until))
        since = max(since, taken_until)
    return own


def length_of(spans: Sequence[Span]) -> int:
    """In whole minutes."""
    lasts = sum((until - since for since, until in spans if since < until), dt.timedelta())
    return int(lasts // MINUTE)


@immutable
class Codes:
    """What the codes say that are read at one meeting: the same for all who come but for those who are late."""

    meeting: Meeting
    late_from: dt.datetime
    ends_at: dt.datetime
    in_time: Stay
    but: Sequence[Span]

    def say(self, scanned_at: dt.datetime) -> Stay:
        """What one says that was read then. After the meeting's end it says that somebody was there, and not since when."""
        if self.late_from < scanned_at < self.ends_at:
            return Stay(Presence.LATE, minutes_of(self.meeting, arrived_at=scanned_at, but=self.but), scanned_at)
        return self.in_time


def codes_of(meeting: Meeting, rules: ListRules, but: Sequence[Span] = ()) -> Codes:
    begins = next((since for since, _ in own_hours((meeting.starts_at, meeting.ends_at), but)), meeting.starts_at)
    in_time = Stay(Presence.PRESENT, minutes_of(meeting, but=but))
    return Codes(meeting, begins + rules.late_after, meeting.ends_at, in_time, but)


def by_code(meeting: Meeting | None, scanned_at: dt.datetime, rules: ListRules, but: Sequence[Span] = ()) -> Stay:
    """What a code says that was read at a meeting then."""
    return Stay(Presence.PRESENT, None) if meeting is None else codes_of(meeting, rules, but).say(scanned_at)


def as_it_was(record: Record, meeting: Meeting | None, rules: ListRules, but: Sequence[Span] = ()) -> Stay:
    """How somebody who came was there, by the meeting's hours as they are known now. What somebody has marked stays as marked; its
    minutes follow. What an archive says of a code that we never heard of is as it says. Times of another day, by what is planned now, say
    nothing of its hours: whoever came late or left then stays so, for as long as was counted."""
    if meeting is None or not record.state.came or record.received_at is None:
        return Stay(record.state, record.minutes, record.arrived_at)
    stated = record.stated_minutes
    if not all(rules.fits(meeting, one) for one in (record.arrived_at, record.left_at) if one is not None):
        counted = record.minutes if stated is None else stated
        return Stay(record.state, minutes_of(meeting, stated=counted, but=but), record.arrived_at)
    if not record.is_marked and record.scanned_at is not None:
        return by_code(meeting, record.scanned_at, rules, but)
    minutes = minutes_of(meeting, arrived_at=record.arrived_at, left_at=record.left_at, stated=stated, but=but)
    return Stay(record.state, minutes, record.arrived_at)
