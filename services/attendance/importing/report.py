"""What a report of an online meeting says, whoever wrote it: who was connected, from when to when. Values only."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

from shared.values import immutable


class Why(StrEnum):
    """Why a line of a report, or all of it, could not be read."""

    NOT_TEXT = "not_text"
    """A workbook, a PDF, or bytes of which nothing is text."""
    TOO_LONG = "too_long"
    NO_PEOPLE = "no_people"
    """No row of headings under which people stand."""
    NO_TIMES = "no_times"
    """People and how long, but not when."""
    ANOTHER_DAY = "another_day"
    """No time in it is near the meeting, or nobody was connected during it."""
    AMBIGUOUS_DATES = "ambiguous_dates"
    """Day and month may be either, and both would be near the meeting."""
    CUT_OFF = "cut_off"
    """The file ends in the middle of it."""
    NO_TIME = "no_time"
    """What stands where a time should is none."""
    SKIPPED_TIME = "skipped_time"
    """The clocks are put forward over it: nobody's clock ever showed it."""
    LEFT_BEFORE = "left_before"
    """They left before they came."""
    NO_NAME = "no_name"
    NO_ACTION = "no_action"
    """Neither that somebody came nor that they left."""
    STILL_THERE = "still_there"
    """Nobody says when they left: they were there until the last thing that the file knows."""


class Unreadable(Exception):
    """Nothing of the file is taken."""

    def __init__(self, why: Why, detail: str) -> None:
        super().__init__(detail)
        self.why = why


@immutable
class Remark:
    """A line that is not taken, or not as it stands, and why."""

    line: int
    why: Why
    detail: str


@immutable
class Interval:
    """A time of being connected. `or_else`: what it may have been as well, where an hour comes twice."""

    joined_at: dt.datetime
    left_at: dt.datetime
    line: int
    or_else: tuple[dt.datetime, dt.datetime] | None = None


@immutable
class Attendee:
    """Whoever a report says was connected under one name and one address; perhaps several times."""

    line: int
    """Of their first row: by it a person who decides names them."""
    name: str
    other_name: str | None
    """What they had been called before they renamed themselves."""
    address: str | None
    intervals: tuple[Interval, ...]
    at_most_minutes: int | None = None
    """Where only the first coming and the last going is known: how long they were there between, by the report."""


@immutable
class Report:
    """A report that was read."""

    attendees: tuple[Attendee, ...]
    remarks: tuple[Remark, ...]
    encoding: str
    sha256: str
    repeated: int
    """Rows that say what another row has said."""
