"""The calendar side of a notice: what a participant's calendar is told about the meetings of a session.

Pure: no clock, no random ids, no I/O. Everything that the mails of one session share is laid out once by `lay_out`;
for a person only UID, DTSTAMP and ATTENDEE are new, so a calendar costs microseconds and `icalendar` still writes every
line that needs escaping or folding.
"""

from __future__ import annotations

import datetime as dt
import uuid
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone, vCalAddress, vDatetime
from icalendar.parser import Contentline, Parameters

from shared.contracts.planner import Meeting
from shared.values import immutable

_UID_SPACE = uuid.UUID("5d0f4d3e-6c0b-5a55-8f0f-4d1f0f6a9b11")
"""Never change it: every entry in every calendar would be orphaned and the next change would add a second one."""

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
    session_id: str
    head: str
    events: tuple[tuple[str, str], ...]
    """For each event its meeting_id and everything that follows its `BEGIN:VEVENT` line."""

    def for_person(self, person_id: str, full_name: str, email: str, stated_at: dt.datetime) -> bytes:
        """The calendar object for one person, as the bytes of an .ics file; `stated_at` becomes DTSTAMP."""
        stamp_and_attendee = _stamp(stated_at.astimezone(dt.UTC)) + _line("ATTENDEE", _attendee(full_name, email))
        parts = [self.head]
        for meeting_id, rest in self.events:
            uid = f"UID:{meeting_uid(self.session_id, meeting_id, person_id)}\r\n"  # Nothing to escape, nor to fold.
            parts += (_EVENT_BEGINS, uid, stamp_and_attendee, rest)
        return "".join(parts).encode()


def meeting_uid(session_id: str, meeting_id: str, person_id: str) -> str:
    """The name of one person's entry for one meeting, the same in every mail ever sent about it.

    Ids hold no slash, so two different triples never spell the same name.
    """
    return str(uuid.uuid5(_UID_SPACE, f"{session_id}/{meeting_id}/{person_id}"))


def lay_out(
    method: Method, session_id: str, sequence: int, entries: tuple[Entry, ...], organiser: str, organiser_name: str
) -> Layout:
    """Lays out what all people of a session get: one VEVENT an entry, in local wall time, with its VTIMEZONE.

    Wall times that a clock change skips or repeats mean the first reading, as in `Meeting.starts_at` and RFC 5545.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Rollcall//Notifications//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", method.value)
    zones: dict[str, tuple[int, int]] = {}
    for entry in entries:
        meeting = entry.meeting
        first, last = zones.get(meeting.zone, (meeting.starts_local.year, meeting.ends_local.year))
        zones[meeting.zone] = (min(first, meeting.starts_local.year), max(last, meeting.ends_local.year))
        calendar.add_component(_event(method, sequence, entry, organiser, organiser_name))
    for position, (zone, (first_year, last_year)) in enumerate(sorted(zones.items())):
        # Time zones stand before the events that name them: some clients read a calendar in one pass.
        calendar.subcomponents.insert(position, _timezone(zone, first_year, last_year))
    head, *rests = calendar.to_ical().decode().split(_EVENT_BEGINS)
    meeting_ids = (entry.meeting.meeting_id for entry in entries)
    return Layout(method, session_id, head, tuple(zip(meeting_ids, rests, strict=True)))


def _event(method: Method, sequence: int, entry: Entry, organiser: str, organiser_name: str) -> Event:
    """A VEVENT without UID, DTSTAMP and ATTENDEE: those are the person's."""
    meeting = entry.meeting
    zone = ZoneInfo(meeting.zone)
    event = Event()
    event.add("dtstart", meeting.starts_local.replace(tzinfo=zone))
    event.add("dtend", meeting.ends_local.replace(tzinfo=zone))
    event.add("sequence", sequence)
    event.add("summary", entry.summary)
    event.add("description", entry.description)
    event.add("location", entry.location)
    event.add("status", "CANCELLED" if method is Method.CANCEL else "CONFIRMED")
    event.add("transp", "OPAQUE")
    address = vCalAddress(f"mailto:{organiser}")
    address.params["CN"] = organiser_name
    event.add("organizer", address)
    return event


@lru_cache(maxsize=64)
def _timezone(zone: str, first_year: int, last_year: int) -> Timezone:
    """Whole years, so that both clock changes around a meeting are told and not only the one it happens to follow."""
    return Timezone.from_tzid(zone, first_date=dt.date(first_year, 1, 1), last_date=dt.date(last_year + 1, 1, 1))


@lru_cache(maxsize=64)
def _stamp(stated_at: dt.datetime) -> str:
    """The mails of one group are stated at one moment."""
    return _line("DTSTAMP", vDatetime(stated_at))


def _attendee(full_name: str, email: str) -> vCalAddress:
    """The person as one who comes already: the place is theirs, so nobody is asked to answer."""
    address = vCalAddress(f"mailto:{email}")
    address.params["CN"] = full_name
    address.params["CUTYPE"] = "INDIVIDUAL"
    address.params["ROLE"] = "REQ-PARTICIPANT"
    address.params["PARTSTAT"] = "ACCEPTED"
    address.params["RSVP"] = "FALSE"
    return address


def _line(name: str, value: vCalAddress | vDatetime) -> str:
    """One content line, escaped and folded by `icalendar`, with its line end."""
    parameters = value.params if isinstance(value, vCalAddress) else Parameters()
    folded: bytes = Contentline.from_parts(name, parameters, value).to_ical()
    return folded.decode() + "\r\n"
