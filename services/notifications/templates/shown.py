"""What the frames of mails are given: each name that one may write, and nothing else. Pure."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from services.notifications.programme import Programme
from services.notifications.templates.timetable import Day
from services.notifications.templates.words import Around, Labels, Notice, ProgrammeWords, TicketWords
from shared.values import immutable

FRAMES = ("notice", "written")
FORMS = ("txt", "mjml")


@immutable
class Shown:
    """What every mail shows."""

    language: str
    tone: str
    """One of sheets' tones: the colour."""
    subject: str
    preview: str
    greeting: str
    reason: str
    questions: str
    organiser: str
    organiser_name: str
    base_url: str | None
    programme: Programme
    programme_words: ProgrammeWords


@immutable
class WrittenShown(Shown):
    """What the frame `written` is given: the office's own words."""

    notice: Around
    paragraphs: list[list[list[tuple[str, bool]]]]
    """Of lines, of pieces, and whether each is an address."""


@immutable
class AlsoShown:
    """Another session that a mail is about as much."""

    topic: str
    session_kind: str
    days: tuple[Day, ...]
    place: tuple[str, ...]


@immutable
class TaskShown:
    """Something that is to be filled in elsewhere."""

    name: str
    until: str
    link: str


@immutable
class NoticeShown(Shown):
    """What the frame `notice` is given: a mail about a session."""

    notice: Notice
    lead: str
    steps: list[str]
    full_name: str
    town: str | None
    topic: str
    topic_before: str
    session_kind: str
    labels: Labels
    when_label: str
    where_label: str
    days: tuple[Day, ...]
    place: tuple[str, ...]
    place_before: str | None
    also: AlsoShown | None
    practical_note: tuple[str, ...]
    """What to know before coming, in lines."""
    figures: list[tuple[str, int, int | None]]
    """Each with its label, and as it was told before, if it was another one."""
    moment: str | None
    moment_before: str | None
    moment_label: str | None
    people: list[tuple[str, str | None]]
    people_label: str | None
    page_label: str
    tasks: list[TaskShown]
    next_steps: str
    ticket_words: TicketWords


@immutable
class Links:
    """What of one person alone stands in a mail, as far as it is there."""

    their_page: str | None = None
    other_page: str | None = None
    """The same of the other session."""
    ticket: str | None = None
    check_in: str | None = None
    picture: str = ""
    """The source of the ticket's picture."""
    mute_page: str | None = None
    mute_label: str = ""
    calendar_page: str | None = None
    calendar_label: str = ""


SHOWN: dict[str, type[Shown]] = {"notice": NoticeShown, "written": WrittenShown}


def names_of(frame: str) -> set[str]:
    """The names that a frame may write."""
    return {one.name for kind in (SHOWN[frame], Links) for one in fields(kind)}


def context_of(shown: Shown, links: Links) -> dict[str, Any]:
    """As a frame takes it."""
    return {one.name: getattr(value, one.name) for value in (shown, links) for one in fields(value)}
