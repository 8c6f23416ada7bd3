"""What stands on each document. Values only: where they come from, and how they look on paper, is decided elsewhere.

No address, e-mail or number of a person is on any of them: a list lies on a table where everybody reads it.
"""

from __future__ import annotations

import datetime as dt

from shared.contracts.model import Language
from shared.contracts.planner import Meeting
from shared.values import immutable


@immutable
class Logo:
    """A picture of the programme or of who pays for it, and what it shows, for whoever has it read aloud."""

    content: bytes
    """SVG, PNG, JPEG, GIF or WebP."""
    shows: str


@immutable
class Programme:
    """The head of every document."""

    name: str
    project: str = ""
    """The project's number, as the funder wants to read it."""
    funding: str = ""
    """Who pays for it, in the sentence that the funder asks for."""
    logos: tuple[Logo, ...] = ()


@immutable
class Training:
    """What a document is about."""

    session_id: str
    title: str
    venue: str
    address: str | None
    town: str | None
    trainers: tuple[str, ...] = ()


@immutable
class Listed:
    """One person on a list. Without a name: it is not known, or was erased."""

    name: str | None
    town: str | None


@immutable
class AttendanceListSheet:
    """The list that people sign: of one meeting, or of all of a session."""

    language: Language
    programme: Programme
    training: Training
    meetings: tuple[Meeting, ...]
    people: tuple[Listed, ...]
    """In the order in which they stand there."""
    as_of: dt.date
    """The day by which it is true."""
    empty_rows: int = 8
    """For who comes without being on it."""


@immutable
class CertificateSheet:
    """A certificate, as it was issued."""

    language: Language
    programme: Programme
    number: str
    name: str | None
    title: str
    days: tuple[dt.date, ...]
    minutes: int
    issued_on: dt.date
    issued_in: str = ""
    address: str | None = None
    """Where anybody sees whether it is valid; behind the QR code."""
    supersedes: str | None = None
    superseded_by: str | None = None
    is_valid: bool = True


@immutable
class DaySheet:
    """That somebody was there on a day, for the travel claim."""

    language: Language
    programme: Programme
    training: Training
    name: str | None
    town: str | None
    """The one that sent them."""
    meeting: Meeting
    minutes: int | None
    """None: how long they stayed is not known."""
    recorded_on: dt.date
