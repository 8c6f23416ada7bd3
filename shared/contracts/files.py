"""What attendance publishes of the papers beside its lists: that a file was attached, or taken away again. Its bytes are in no event."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.contracts.model import Count, Digest, Fact, Id, Line, Moment, Part

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class FileKind(StrEnum):
    """What a file is."""

    SIGNED_LIST = "signed_list"
    """The attendance list as people signed it, scanned."""
    AGENDA = "agenda"
    OTHER = "other"
    TYPED_LIST = "typed_list"
    """What was typed in from a signed list: ids, and no names."""
    REPORT = "report"
    """Of an online meeting, as it was imported."""

    @property
    def is_entered(self) -> bool:
        """Whether it is attached by entering it, and not by whoever sends it."""
        return self in (FileKind.TYPED_LIST, FileKind.REPORT)


class OfMeeting(Part):
    """A meeting that a file is of."""

    meeting_id: Id
    undecided: Count
    """Of what was entered for it, how many rows are left for a person to decide."""


class FileState(Fact):
    """One file of a session; the aggregate is (session, its bytes)."""

    stream = "attendance.events"
    subject = "session/{session_id}/file/{sha256}"

    session_id: Id
    sha256: Sha256
    """Of its bytes: whoever has them can tell whether they are these."""
    meeting_id: Id | None = None
    """Whose list it is of, of several the first that was named; None: it is of all of the session."""
    kind: FileKind
    name: Line
    """As whoever attached it called it."""
    media_type: Line
    """By its bytes, whatever it was called."""
    size: Count
    """In bytes."""
    undecided: Count = 0
    """How many of its rows are left for a person to decide, of what was entered: for all meetings together."""
    meetings: Annotated[tuple[OfMeeting, ...], Field(max_length=60)] = ()
    """Of which it is, if not of all of the session: one scan, or one report, may be of a morning and of an afternoon."""
    request_source: Line | None = None
    request_id: Line | None = None
    request_digest: Digest | None = None
    decided_by: Line
    note: Line | None = None
    decided_at: Moment


_FILE: dict[str, object] = {
    "session_id": "session-0001",
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "meeting_id": "day-1",
    "kind": "signed_list",
    "name": "lista-dzien-1.pdf",
    "media_type": "application/pdf",
    "size": 182044,
    "decided_by": "trainer",
    "decided_at": "2026-10-26T09:30:00.000000Z",
}


class FileAttached(FileState):
    """The file is among the session's papers."""

    example: ClassVar[Mapping[str, object]] = _FILE


class FileRemoved(FileState):
    """It is there no longer, and its bytes are deleted; `note` says why. That it was there stays."""

    note: Line
    example: ClassVar[Mapping[str, object]] = _FILE | {
        "note": "of another training",
        "decided_by": "office",
        "decided_at": "2026-10-27T08:00:00.000000Z",
    }


FileFact = FileAttached | FileRemoved
