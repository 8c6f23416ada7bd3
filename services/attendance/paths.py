"""What the routes of attendance have in their paths, and what they refuse by name."""

from __future__ import annotations

from typing import Annotated, TypeVar

from fastapi import Path

from services.attendance.state import Session
from shared.contracts.model import ID_PATTERN
from shared.contracts.planner import Meeting
from shared.problems import RETRY_SECONDS, Kind, Problem

NO_SUCH_SESSION = Kind(
    "no-such-session",
    404,
    "No such session",
    "Look its id up in the list of sessions; its planner may not have stated it yet.",
)
NO_SUCH_MEETING = Kind("no-such-meeting", 404, "No such meeting", "Look its id up in the session.")
SESSION_CANCELLED = Kind(
    "session-cancelled", 409, "The session is cancelled", "Nothing: a session that does not take place has no list."
)
NOT_BEGUN = Kind("not-begun", 409, "The meeting has not begun", "Close the list once the meeting has begun.")
IS_HISTORY = Kind("is-history", 409, "The meeting is history", "Have whoever kept its list state it as events.")
NO_TICKET = Kind(
    "ticket-refused",
    422,
    "This ticket lets nobody in",
    "Look up the rule that the detail names; note the person by hand.",
)
NO_SUCH_CERTIFICATE = Kind(
    "no-such-certificate", 404, "No such certificate", "Look its number up in the list of certificates."
)
NOT_THERE = Kind("not-there", 409, "The person was not there", "Have the list put right, if it is wrong.")
NOT_OVER = Kind("not-over", 409, "The meeting is not over", "Import its report, or type in its list, once it is over.")
NO_SUCH_FILE = Kind("no-such-file", 404, "No such file", "Look its hash up in the list of the session's files.")
FILE_IS_GONE = Kind(
    "file-is-gone", 410, "The file is gone", "Attach it again, if you have it: its hash says whether it is the same."
)
NOT_ATTACHABLE = Kind(
    "not-attachable",
    422,
    "This file cannot be attached",
    "Send a PDF, or a picture as PNG, JPEG or TIFF, that is not empty.",
)
FILES_AWAY = Kind(
    "files-away",
    503,
    "Files can be neither kept nor fetched now",
    "Send the same again, with the same `Idempotency-Key`; tell an operator: where files lie is full, away, or refuses.",
    ("Retry-After", str(RETRY_SECONDS)),
)
UNREADABLE_REPORT = Kind(
    "unreadable-report",
    422,
    "This is no report that can be read",
    "Send the CSV file as Teams or Zoom gave it, with every coming and going, of this meeting; the detail says what is wrong.",
)

SessionId = Annotated[str, Path(pattern=ID_PATTERN, description="The session.", examples=["session-0001"])]
MeetingId = Annotated[
    str, Path(pattern=ID_PATTERN, description="The meeting, unique in its session.", examples=["day-1"])
]
PersonId = Annotated[str, Path(pattern=ID_PATTERN, description="The person.", examples=["person-0001"])]


T = TypeVar("T")


def found(session: T | None, session_id: str) -> T:
    if session is None:
        raise Problem(NO_SUCH_SESSION, f"nothing has been heard of {session_id}", field="session_id")
    return session


def meeting_of(session: Session, meeting_id: str) -> Meeting:
    meeting = session.meeting(meeting_id)
    if meeting is None:
        raise Problem(NO_SUCH_MEETING, f"{session.session_id} has no meeting {meeting_id}", field="meeting_id")
    return meeting
