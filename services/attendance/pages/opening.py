"""When a trainer's page of lists is open, and what it shows of each person. Pure: from rows to values; the words stand in lists.html."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from enum import StrEnum
from zoneinfo import ZoneInfo

from services.attendance.answers import OnList, Seen
from services.attendance.lists import ListRules
from services.attendance.state import WALK_IN, MeetingList, Session
from shared.alphabet import folded
from shared.contracts.planner import Meeting
from shared.values import immutable


class Opening(StrEnum):
    """Whether a trainer may look at the lists of a session now. What is sent is decided by what holds when it is decided."""

    OPEN = "open"
    EARLY = "early"
    """It opens on the day before the first meeting."""
    OVER = "over"
    """Every list has closed: what is wrong on them the office puts right."""
    CANCELLED = "cancelled"
    NOT_THEIRS = "not_theirs"
    """They do not train it, or no longer."""

    @property
    def status(self) -> int:
        """With which HTTP tells it. Whatever a browser has kept of the list goes with anything but 200."""
        return {Opening.OPEN: 200, Opening.OVER: 410, Opening.CANCELLED: 410}.get(self, 403)


def opening(
    session: Session, lists: Mapping[str, MeetingList], rules: ListRules, now: dt.datetime, *, trains: bool
) -> Opening:
    """Whether whoever has the link may look now. `trains`: whether they train the session, under whichever of their ids; `lists`: those of
    the session that were ever closed, by meeting."""
    if not trains:
        return Opening.NOT_THEIRS
    if not session.state.takes_place:
        return Opening.CANCELLED
    if now < opens_at(session):
        return Opening.EARLY
    if all(is_closed(one, lists, rules) for one in session.meetings):
        return Opening.OVER
    return Opening.OPEN


def opens_at(session: Session) -> dt.datetime:
    """The beginning of the day before the first meeting, where that is."""
    first = min(session.meetings, key=lambda one: one.starts_at)
    before = first.starts_local.date() - dt.timedelta(days=1)
    return dt.datetime.combine(before, dt.time(), ZoneInfo(first.zone))


def is_closed(meeting: Meeting, lists: Mapping[str, MeetingList], rules: ListRules) -> bool:
    found = lists.get(meeting.meeting_id)
    return rules.is_history(meeting) or (found is not None and not found.is_open)


def meeting_shown(session: Session, asked: str | None, now: dt.datetime) -> Meeting:
    """The one that was asked for; else that of now, the next one, or the last."""
    in_order = sorted(session.meetings, key=lambda one: (one.starts_at, one.meeting_id))
    chosen = session.meeting(asked) if asked else None
    return chosen or next((one for one in in_order if now < one.ends_at), in_order[-1])


@immutable
class Row:
    """One person on the page."""

    person_id: str
    name: str | None
    """None: not known, or erased."""
    walk_in: str | None
    """By which letters somebody who is on no list is called."""
    town: str | None
    state: Seen | None
    minutes: int | None
    arrived_at: dt.datetime | None
    left_at: dt.datetime | None
    by: str | None
    """Who said so; None: a code was read, or nobody did."""
    is_contradicted: bool
    is_awaited: bool
    substitutes: bool
    tag: str
    found_by: str
    """What somebody may type to find them: small letters without accents."""

    @property
    def is_recorded(self) -> bool:
        return self.state not in (None, Seen.NOT_YET, Seen.SCANNED)

    @property
    def came(self) -> bool:
        return self.state in (Seen.SCANNED, Seen.PRESENT, Seen.LATE, Seen.LEFT_EARLY)


def row_of(one: OnList) -> Row:
    name = " ".join(filter(None, (one.family_name, one.given_name))) or None
    is_walk_in = one.person_id.startswith(WALK_IN)
    called = one.person_id[-4:].upper() if is_walk_in else None  # By these letters people call them.
    record = one.record
    return Row(
        person_id=one.person_id,
        name=name,
        walk_in=called,
        town=one.town,
        state=one.state,
        minutes=record.minutes if record else None,
        arrived_at=record.arrived_at if record else None,
        left_at=record.left_at if record else None,
        by=record.decided_by if record else None,
        is_contradicted=one.is_contradicted,
        is_awaited=one.place is not None and one.place.has_seat,
        substitutes=one.substitute_for is not None,
        tag=one.tag,
        found_by=folded(" ".join(filter(None, (name, one.town, called)))),
    )


@immutable
class Page:
    """The list of one meeting, whoever is not recorded first."""

    to_record: tuple[Row, ...]
    recorded: tuple[Row, ...]
    others: tuple[Row, ...]
    """In the session without a place: they wait, or gave it back."""
    came: int
    awaited: int


def page_of(listed: Sequence[OnList], search: str) -> Page:
    """Everybody in the order in which they were given, as far as they fit what is searched."""
    rows = [row_of(one) for one in listed]
    wanted = folded(search).split()
    fitting = [one for one in rows if all(word in one.found_by for word in wanted)]
    return Page(
        to_record=tuple(one for one in fitting if one.is_awaited and not one.is_recorded),
        recorded=tuple(one for one in fitting if one.is_recorded or (one.came and not one.is_awaited)),
        others=tuple(one for one in fitting if not (one.is_awaited or one.is_recorded or one.came)),
        came=sum(one.came for one in rows),
        awaited=sum(one.is_awaited for one in rows),
    )


def moment_of(meeting: Meeting, clock: str) -> dt.datetime:
    """When a clock on the wall showed this during a meeting. ValueError: no clock shows it."""
    at = dt.time.fromisoformat(clock)
    day = meeting.starts_local.date()
    if at < meeting.starts_local.time() and meeting.ends_local.date() > day:
        day = meeting.ends_local.date()
    wall = dt.datetime.combine(day, at.replace(second=0, microsecond=0, tzinfo=None), ZoneInfo(meeting.zone))
    moment = wall.astimezone(dt.UTC)
    if moment.astimezone(wall.tzinfo).replace(fold=0) != wall.replace(fold=0):
        raise ValueError(f"the clocks there skip {clock}")
    return moment
