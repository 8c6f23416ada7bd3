"""The calendar side of a notice: what a participant's calendar is told about the meetings of a session.

A session is one entry with one UID, whatever its number of days: one REQUEST is about one entry (RFC 5546 §3.2.2), so
accepting it puts all days in, and each later one replaces the whole. Several days are a recurrence with an exception for
each day, which has that day's own title, hours and place.

Pure: no clock, no random ids, no I/O. Everything that the mails of one session share is laid out once; for a person only
UID, DTSTAMP, ATTENDEE and ORGANIZER are new, so a calendar costs microseconds and `icalendar` still writes every line that needs
escaping or folding.
"""

from __future__ import annotations

import datetime as dt
import math
import uuid
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vDatetime
from icalendar.parser import Contentline, Parameters

from services.notifications.zones import timezone
from shared.contracts.planner import Meeting
from shared.values import immutable

_UID_SPACE = uuid.UUID("5d0f4d3e-6c0b-5a55-8f0f-4d1f0f6a9b11")
"""Never change it: every entry in every calendar would be orphaned and the next change would add a second one."""

RULE_DAYS_MAX = 366
"""So many days may lie between the first and the last, in steps of the rule: each without a meeting is an EXDATE."""

_EVENT_BEGINS = "\r\nBEGIN:VEVENT\r\n"
"""With both line ends: a topic may end in these words, but only a real event has a line of its own."""


class Method(StrEnum):
    """What the calendar object asks of the calendar that receives it (iTIP)."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@immutable
class Entry:
    """One meeting as it should stand in a calendar."""

    meeting: Meeting
    summary: str
    description: str
    location: str


@immutable
class Layout:
    """A calendar object that lacks only the person: the text before the first event, then the rest of each event."""

    method: Method
    head: str
    events: tuple[str, ...]
    """Of each event everything that follows its `BEGIN:VEVENT` line."""

    def for_person(self, lines: str) -> bytes:
        """The calendar object for one person, as the bytes of an .ics file. `lines`: what `person_lines` made."""
        return f"{_EVENT_BEGINS}{lines}".join((self.head, *self.events)).encode()


@immutable
class Organiser:
    """Whose entry it is: whoever speaks to this person's calendar, in every mail under the same address."""

    email: str
    name: str


@immutable
class Attendee:
    """The person, as one who comes already: the place is theirs, so that nobody is asked to answer."""

    full_name: str
    email: str
    is_heard: bool = False
    """What their calendar answers is read. Programs send nothing where no answer is wanted, also if the entry is declined."""
    is_asked: bool = False
    """Whether they come is to be said: not before they have said so do they count as coming."""


def person_lines(
    session_id: str, person_id: str, attendee: Attendee, organiser: Organiser, stated_at: dt.datetime
) -> str:
    """What is a person's own in each event of each of their calendar objects; `stated_at` becomes DTSTAMP."""
    uid = f"UID:{entry_uid(session_id, person_id)}\r\n"  # Nothing to escape, nor to fold.
    of_person = _line("ATTENDEE", _attendee(attendee))
    return uid + _stamp(stated_at.astimezone(dt.UTC)) + of_person + _organiser(organiser)


def entry_uid(session_id: str, person_id: str) -> str:
    """The name of one person's entry for one session, the same in every mail ever sent about it.

    Ids hold no slash, so two different pairs never spell the same name.
    """
    return str(uuid.uuid5(_UID_SPACE, f"{session_id}/{person_id}"))


def as_trainer(session_id: str) -> str:
    """What a session is called where `entry_uid` names the entry of whoever trains it."""
    return f"{session_id}/trainer"


def town_uid(session_id: str, city_id: str) -> str:
    """The name of a session's entry in the calendar of a town: nobody's own, so that it neither hides nor ends anybody's."""
    return str(uuid.uuid5(_UID_SPACE, f"{session_id}/town/{city_id}"))


@immutable
class Recurrence:
    """How one entry comes to stand on several days.

    A daily rule wherever it can say them, because Outlook refuses a recurrence without a rule and Google Calendar loses
    dates that stand beside one; dates only for what no rule reaches: a second meeting on a day, another time zone.
    """

    interval: int
    slots: tuple[dt.datetime, ...]
    """What the rule gives, first to last."""
    ids: dict[str, dt.datetime]
    """For each meeting_id the RECURRENCE-ID of its day, all in one zone: some readers compare them by what clocks show."""

    @property
    def excluded(self) -> list[dt.datetime]:
        ids = set(self.ids.values())
        return [slot for slot in self.slots if slot not in ids]

    @property
    def added(self) -> list[dt.datetime]:
        slots = set(self.slots)
        return [one for one in self.ids.values() if one not in slots]


def recurrence_of(meetings: tuple[Meeting, ...]) -> Recurrence:
    """The recurrence of these meetings, which stand in order of time."""
    first, rest = meetings[0], meetings[1:]
    starts = first.starts_local.replace(tzinfo=ZoneInfo(first.zone))
    days = sorted({meeting.starts_local.date() for meeting in meetings})
    interval = math.gcd(*((after - before).days for before, after in pairwise(days))) or 1
    count = (days[-1] - days[0]).days // interval + 1
    slots = [starts + dt.timedelta(days=interval * number) for number in range(min(count, RULE_DAYS_MAX))]
    one_zone = all(meeting.zone == first.zone for meeting in rest)
    if count > RULE_DAYS_MAX or not one_zone or not all(map(_is_plain, slots)):
        slots = [_written(starts)]

    ids = {first.meeting_id: slots[0]}
    free = {slot.date(): slot for slot in slots[1:]}
    taken = {slot.astimezone(dt.UTC) for slot in slots}
    for meeting in rest:
        slot = free.pop(meeting.starts_local.date(), None)
        if slot is None:
            at = meeting.starts_at
            # An entry recurs once at a time: what begins with another is known by the next minute that is free.
            while at in taken or not _is_plain(at.astimezone(slots[0].tzinfo)):
                at += dt.timedelta(minutes=1)
            taken.add(at)
            slot = at.astimezone(slots[0].tzinfo)
        ids[meeting.meeting_id] = slot
    return Recurrence(interval, tuple(slots), ids)


def _written(local: dt.datetime) -> dt.datetime:
    """Wall time with its zone, which stays right when a government changes the zone's rules; UTC where clocks skip or
    repeat it, because readers differ on what that means."""
    return local if _is_plain(local) else local.astimezone(dt.UTC)


def _is_plain(local: dt.datetime) -> bool:
    """Whether clocks show this time exactly once."""
    return local.utcoffset() == local.replace(fold=1).utcoffset()


def lay_out(method: Method, sequence: int, title: str, entries: tuple[Entry, ...]) -> Layout:
    """The whole entry of a session, in local wall time: one VEVENT for one meeting, else the recurrence and its days.

    `entries` stand in order of time. `title` names the session as a whole: some clients show nothing else of a
    recurrence. What is cancelled is cancelled as a whole and names no day. Wall times that a clock change skips or
    repeats mean the first reading, as in `Meeting.starts_at` and RFC 5545.
    """
    return _laid_out(method, entries, events_of(sequence, title, entries, is_off=method is Method.CANCEL))


def events_of(sequence: int, title: str, entries: tuple[Entry, ...], *, is_off: bool) -> list[Event]:
    """The same as events that lack UID and DTSTAMP."""
    first = entries[0]
    if len(entries) == 1:
        return [_event(sequence, first, first.summary, is_off=is_off)]
    recurrence = recurrence_of(tuple(entry.meeting for entry in entries))
    master = _event(sequence, first, title, is_off=is_off)
    master.add("rrule", {"freq": "daily", "interval": recurrence.interval, "count": len(recurrence.slots)})
    if recurrence.excluded:
        master.add("exdate", recurrence.excluded)
    if recurrence.added:
        master.add("rdate", recurrence.added)
    if is_off:
        return [master]
    return [master, *(_day(sequence, entry, recurrence.ids[entry.meeting.meeting_id]) for entry in entries)]


def lay_out_day(method: Method, sequence: int, entry: Entry, recurrence_id: dt.datetime) -> Layout:
    """One day of a session by itself, for clients that do not read all of a recurrence."""
    day = _day(sequence, entry, recurrence_id, is_off=method is Method.CANCEL)
    return _laid_out(method, (entry,), [day])


def _laid_out(method: Method, entries: tuple[Entry, ...], events: list[Event]) -> Layout:
    calendar = empty_calendar()
    calendar.add("method", method.value)
    add_events(calendar, entries, events)
    head, *rests = calendar.to_ical().decode().split(_EVENT_BEGINS)
    return Layout(method, head, tuple(rests))


def empty_calendar() -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//Rollcall//Notifications//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    return calendar


def add_events(calendar: Calendar, entries: Iterable[Entry], events: Iterable[Event]) -> None:
    """Puts events in, and the time zones of the entries that they are of."""
    years: dict[str, list[int]] = {}
    for meeting in (entry.meeting for entry in entries):
        years.setdefault(meeting.zone, []).extend((meeting.starts_local.year, meeting.ends_local.year))
    for zone, of_zone in sorted(years.items()):
        # Time zones stand before the events that name them: some clients read a calendar in one pass.
        calendar.add_component(timezone(zone, min(of_zone), max(of_zone)))
    for event in events:
        calendar.add_component(event)


def _day(sequence: int, entry: Entry, recurrence_id: dt.datetime, *, is_off: bool = False) -> Event:
    event = _event(sequence, entry, entry.summary, is_off=is_off)
    event.add("recurrence-id", recurrence_id)
    return event


def _event(sequence: int, entry: Entry, summary: str, *, is_off: bool) -> Event:
    """A VEVENT without UID, DTSTAMP, ATTENDEE and ORGANIZER: those are the person's."""
    zone = ZoneInfo(entry.meeting.zone)
    event = Event()
    event.add("dtstart", _written(entry.meeting.starts_local.replace(tzinfo=zone)))
    event.add("dtend", _written(entry.meeting.ends_local.replace(tzinfo=zone)))
    event.add("sequence", sequence)
    event.add("summary", summary)
    event.add("description", entry.description)
    event.add("location", entry.location)
    event.add("status", "CANCELLED" if is_off else "CONFIRMED")
    event.add("transp", "OPAQUE")
    return event


@lru_cache(maxsize=64)
def _stamp(stated_at: dt.datetime) -> str:
    """The mails of one group are stated at one moment."""
    return _line("DTSTAMP", vDatetime(stated_at))


@lru_cache(maxsize=64)
def _organiser(organiser: Organiser) -> str:
    """The same for everybody where calendars are not heard."""
    address = vCalAddress(f"mailto:{organiser.email}")
    address.params["CN"] = organiser.name
    return _line("ORGANIZER", address)


def _attendee(attendee: Attendee) -> vCalAddress:
    address = vCalAddress(f"mailto:{attendee.email}")
    address.params["CN"] = attendee.full_name
    address.params["CUTYPE"] = "INDIVIDUAL"
    address.params["ROLE"] = "REQ-PARTICIPANT"
    address.params["PARTSTAT"] = "NEEDS-ACTION" if attendee.is_asked else "ACCEPTED"
    address.params["RSVP"] = "TRUE" if attendee.is_heard else "FALSE"
    return address


def _line(name: str, value: vCalAddress | vDatetime) -> str:
    """One content line, escaped and folded by `icalendar`, with its line end."""
    parameters = value.params if isinstance(value, vCalAddress) else Parameters()
    folded: bytes = Contentline.from_parts(name, parameters, value).to_ical()
    return folded.decode() + "\r\n"
