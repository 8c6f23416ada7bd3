"""What the portal, the town coordinators and participants themselves ask for: places in sessions, and what they answer to those."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from shared.contracts.model import Id, OptionalLine, Request


class AboutOnePlace(Request):
    """Something asked about one person's place in one session."""

    stream = "enrolment.requests"
    subject = "session/{session_id}/person/{person_id}"
    about = ("session/{session_id}", "person/{person_id}")
    scope = "session/{session_id}/person/{person_id}"

    session_id: Id
    person_id: Id


class EnrolmentRequested(AboutOnePlace):
    """Someone asks for a person's place in a session."""

    asks_for = "place"
    example: ClassVar[Mapping[str, object]] = {"session_id": "session-0101", "person_id": "person-0001"}


class WithdrawalRequested(AboutOnePlace):
    """Someone asks to give a person's place back."""

    asks_for = "withdrawal"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "person_id": "person-0001",
        "reason": "on leave that week",
    }

    reason: OptionalLine | None = None


class OfferAnswer(StrEnum):
    ACCEPT = "accept"
    DECLINE = "decline"


class OfferAnswered(AboutOnePlace):
    """Someone answers the offer of a place that has become free."""

    asks_for = "offer"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "person_id": "person-0001",
        "answer": "accept",
    }

    answer: OfferAnswer


class Reply(StrEnum):
    """What someone who has a place says to it."""

    NONE = "none"
    CONFIRMED = "confirmed"
    DECLINED = "declined"


class ReplyGiven(AboutOnePlace):
    """Someone says whether a person who has a place will come. `declined` gives it back, `none` takes the word back."""

    asks_for = "reply"
    example: ClassVar[Mapping[str, object]] = {
        "session_id": "session-0101",
        "person_id": "person-0001",
        "reply": "confirmed",
    }

    reply: Reply


PlaceRequest = EnrolmentRequested | WithdrawalRequested | OfferAnswered | ReplyGiven
