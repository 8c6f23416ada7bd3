"""The files of a session, as rows and as what is asked: attached, or taken away again. Pure: no SQL, no clock, no bytes.

The bytes lie elsewhere (filing.py), under their hash. What is said here is all that anybody has to know of them to tell whether they
are still these.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, ClassVar

from services.attendance.outcomes import answered, is_ours
from services.attendance.state import MeetingList, Session
from services.attendance.stating import actor_of
from shared.contracts.files import FileAttached, FileFact, FileKind, FileRemoved, FileState, OfMeeting, Sha256
from shared.contracts.model import Count, Id, Line, Request, members
from shared.events.envelope import Heard, Reason, digest_of
from shared.state.rows import FactRow, meta
from shared.state.working import Derive, Working
from shared.values import immutable

ALREADY_ATTACHED, ALREADY_REMOVED = "AlreadyAttached", "AlreadyRemoved"


@immutable
class File(FactRow):
    """What is known of a file of a session."""

    KEY: ClassVar = ("session_id", "sha256")

    session_id: str
    sha256: str
    meeting_id: str | None
    kind: FileKind
    name: str
    media_type: str
    size: int
    undecided: int
    is_removed: bool
    decided_by: str
    note: str | None
    decided_at: dt.datetime
    meetings: tuple[OfMeeting, ...] = ()


class AttachFile(Request):
    """A file is to be among a session's papers; its bytes are kept already. A command only: it never travels on a stream."""

    asks_for = "file"
    stream = "attendance.scans"
    subject = "session/{session_id}/file/{sha256}"

    session_id: Id
    sha256: Sha256
    meeting_id: Id | None = None
    kind: FileKind
    name: Line
    media_type: Line
    size: Count
    undecided: Count = 0


class RemoveFile(Request):
    """A file is to be there no longer. A command only."""

    asks_for = "removal"
    stream = "attendance.scans"
    subject = "session/{session_id}/file/{sha256}"

    session_id: Id
    sha256: Sha256
    note: Line


def on_attach(working: Working, heard: Heard[AttachFile]) -> None:
    """The same bytes are one file, however often they are sent: what it is called stands, and each meeting that it is said to be of is
    one of its own, with what is left of its rows."""
    body = heard.body
    session, known = working[Session].get(body.session_id), working[File].get(body.session_id, body.sha256)
    meetings = _of_meetings(known, body)
    if session is None or (body.meeting_id is not None and not _has_had(working, session, body.meeting_id)):
        about = body.session_id if session is None else f"the meeting {body.meeting_id} of {body.session_id}"
        working.set_aside(heard, Reason.UNKNOWN_MEETING, f"nothing is known of {about}")
    elif known is not None and not is_ours(working, known):
        working.set_aside(heard, Reason.FOREIGN_WRITER, f"{known.source} keeps this file")
    elif known is not None and not known.is_removed and known.meetings == meetings:
        working.leave_unchanged(heard, ALREADY_ATTACHED, known.event_id)
    else:
        fields = {name: getattr(body, name) for name in AttachFile.model_fields}
        fields |= {"meetings": meetings, "undecided": sum(one.undecided for one in meetings)}
        if known is not None and not known.is_removed:
            fields |= {name: getattr(known, name) for name in ("kind", "name")}
            fields["meeting_id"] = known.meeting_id if meetings else None
        working.say(FileAttached(**fields | _asked(working, heard), decided_at=working.now), cause=heard)


def _has_had(working: Working, session: Session, meeting_id: str) -> bool:
    """Whether a meeting is one of the session's, or was when its list closed: its papers are of that day, whatever it is called since."""
    known = working[MeetingList].get(session.session_id, meeting_id)
    return known is not None or session.meeting(meeting_id) is not None


def _of_meetings(known: File | None, body: AttachFile) -> tuple[OfMeeting, ...]:
    """Of which meetings a file is, this one among them; none: of all of the session. What is left of the others stays as it was."""
    known = known if known is not None and not known.is_removed else None
    if body.meeting_id is None or (known is not None and known.meeting_id is None):
        return ()
    before = known.meetings if known is not None else ()
    left = {one.meeting_id: one.undecided for one in before} | {body.meeting_id: body.undecided}
    return tuple(OfMeeting(meeting_id=one, undecided=left[one]) for one in sorted(left))


def on_removal(working: Working, heard: Heard[RemoveFile]) -> None:
    """The office takes a file away: it was of another training, or somebody asks for that."""
    known = working[File].get(heard.body.session_id, heard.body.sha256)
    if known is None or not is_ours(working, known):
        working.set_aside(heard, Reason.UNDECIDABLE, f"{heard.body.session_id} has no such file of ours")
    elif known.is_removed:
        working.leave_unchanged(heard, ALREADY_REMOVED, known.event_id)
    else:
        fields = {name: getattr(known, name) for name in FileState.model_fields if hasattr(known, name)}
        nothing_left = tuple(one.model_copy(update={"undecided": 0}) for one in known.meetings)
        fields |= {"undecided": 0, "meetings": nothing_left}
        fields |= _asked(working, heard) | {"note": heard.body.note, "decided_at": working.now}
        working.say(FileRemoved(**fields), cause=heard)


def _asked(working: Working, heard: Heard[Any]) -> dict[str, Any]:
    return {
        "request_source": heard.source,
        "request_id": heard.event_id,
        "request_digest": digest_of(heard.body),
        "decided_by": actor_of(working, heard),
    }


def file_of(heard: Heard[FileFact]) -> File:
    body = heard.body
    meetings = tuple(one.as_named() for one in body.meetings)
    if body.meeting_id is not None and not meetings:  # As we said it until there could be several.
        meetings = (OfMeeting(meeting_id=body.meeting_id, undecided=body.undecided),)
    return File(
        *meta(heard),
        body.session_id,
        body.sha256,
        body.meeting_id,
        body.kind,
        body.name,
        body.media_type,
        body.size,
        body.undecided,
        isinstance(body, FileRemoved),
        body.decided_by,
        body.note,
        body.decided_at,
        meetings,
    )


def derive_answer(working: Working, old: FactRow | None, new: FactRow, heard: Heard[Any]) -> None:
    """Which fact answered whoever asked for it."""
    answered(working, heard, lambda body: (RemoveFile if isinstance(body, FileRemoved) else AttachFile).asks_for)


MAKE_FILES: dict[Any, Any] = dict.fromkeys(members(FileFact), file_of)
DERIVE_FILES: dict[type[FactRow], Derive] = {File: derive_answer}
