"""What the portal and the town coordinators ask for: places in sessions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.contracts.model import Id, OptionalLine, Request


class EnrolmentRequested(Request):
    """Someone asks for a person's place in a session."""

    asks_for = "place"
    stream = "enrolment.requests"
    subject = "session/{session_id}/person/{person_id}"
    about = ("session/{session_id}", "person/{person_id}")
    scope = "session/{session_id}/person/{person_id}"
    example: ClassVar[Mapping[str, object]] = {"session_id": "session-0101", "person_id": "person-0001"}

    session_id: Id
    person_id: Id


class WithdrawalRequested(Request):
    """Someone asks to give a person's place back."""

    asks_for = "withdrawal"
    stream = "enrolment.requests"
    subject = "session/{session_id}/person/{person_id}"
    about = ("session/{session_id}", "person/{person_id}")
    scope = "session/{session_id}/person/{person_id}"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "person_id": "person-0001",
        "reason": "on leave that week",
    }

    session_id: Id
    person_id: Id
    reason: OptionalLine | None = None


PlaceRequest = EnrolmentRequested | WithdrawalRequested
