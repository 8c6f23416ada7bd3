"""Calendars that people subscribe to: all that one person has in the programme, or that a town has. Pure.

An entry is called as in the invitation to it, and has its number, so a program that has both shows one. A calendar says what is true when it is
fetched; what one was told, the mails say.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence

from icalendar import Event, vDuration

from services.notifications.calendar import Entry, add_events, empty_calendar, events_of
from services.notifications.invitation import entry_of, title_of
from services.notifications.ledger import Told
from services.notifications.mime import one_line
from services.notifications.sheets import place_at
from services.notifications.templates.timetable import in_order
from services.notifications.templates.words import Words
from shared.contracts.planner import Meeting, SessionKind
from shared.values import immutable

FETCHED_EVERY = dt.timedelta(hours=1)
"""How often a program is asked to look."""
SHOWN_FOR = dt.timedelta(days=366)
"""So long after its end a session is still shown."""
MOST_ENTRIES = 500
LAST_SEQUENCE = 2**31 - 1
"""RFC 5545's integer."""


@immutable
class Listed:
    """One session in a calendar."""

    uid: str
    sequence: int
    changed_at: dt.datetime
    is_off: bool
    kind: SessionKind
    topic_name: str
    city_name: str
    venue: str
    address: str | None
    meetings: tuple[Meeting, ...]
    people: int | None = None
    """Of a town: how many of it have a place."""


@immutable
class Whose:
    """Whose calendar it is, and in which words."""

    words: Words
    organiser: str
    """Whom to write to."""
    town_name: str | None = None
    """None: a person's own."""


def sequence_of(told: Told | None, content: str | None) -> int:
    """The number that the mail about it has, or will have: what is told after this is newer than what was fetched, never older."""
    if told is None:
        return 0
    return told.sequence + (told.content != content)


def feed(whose: Whose, listed: Iterable[Listed]) -> bytes:
    """The whole calendar. The same values always give the same bytes."""
    words = whose.words
    town = one_line(whose.town_name) if whose.town_name is not None else None
    name = words.feed.own if town is None else words.feed.town.format(town=town)
    calendar = empty_calendar()
    for named in ("name", "x-wr-calname"):
        calendar.add(named, name)
    calendar.add("refresh-interval", vDuration(FETCHED_EVERY), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(FETCHED_EVERY))
    entries: list[Entry] = []
    events: list[Event] = []
    for one in listed:
        topic = one_line(one.topic_name)
        place = place_at(one.venue, one.address, one.city_name)
        lines = [words.session_kinds[one.kind], words.calendar_note.format(email=whose.organiser)]
        if town is not None:
            lines = [lines[0], words.feed.people.format(town=town, number=one.people or 0)]
        meetings = in_order(one.meetings)
        its = tuple(entry_of(meeting, meetings, topic, place, "\n".join(lines), words) for meeting in meetings)
        entries += its
        for event in events_of(min(one.sequence, LAST_SEQUENCE), title_of(topic, words), its, is_off=one.is_off):
            event.add("uid", one.uid)
            event.add("dtstamp", one.changed_at)
            event.add("last-modified", one.changed_at)
            events.append(event)
    add_events(calendar, entries, events)
    content: bytes = calendar.to_ical()
    return content


def tag_of(content: bytes) -> str:
    """By which one knows again what one has."""
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def has_it(if_none_match: Sequence[str], tag: str) -> bool:
    """Whether whoever asks has it already, by what they say of it (RFC 9110 §13.1.2); a weak tag is as good as a strong one."""
    named = [one.strip().removeprefix("W/") for line in if_none_match for one in line.split(",")]
    return "*" in named or tag in named
