"""What held scans and moments are about, in the words of the contracts' subjects. No id holds a slash."""

from __future__ import annotations


def session_subject(session_id: str) -> str:
    return f"session/{session_id}"


def list_subject(session_id: str, meeting_id: str) -> str:
    return f"session/{session_id}/meeting/{meeting_id}"


def session_named(subject: str) -> str:
    """The session that a subject is about, or that its meeting belongs to."""
    return subject.split("/")[1]


def meeting_named(subject: str) -> tuple[str, str]:
    """The session and the meeting whose list a subject names."""
    _, session_id, _, meeting_id = subject.split("/")
    return session_id, meeting_id
