"""What notifications publishes: who was told."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from shared.contracts.model import Count, Fact, Id, Language, Line, Moment


class NoticeKind(StrEnum):
    CONFIRMATION = "confirmation"
    CHANGE = "change"
    CANCELLATION = "cancellation"


class NoticeOutcome(Fact):
    """What became of one mail; the aggregate is the notice."""

    stream = "notifications.events"
    subject = "notice/{notice_id}"

    notice_id: Id
    person_id: Id
    session_id: Id
    kind: NoticeKind
    language: Language
    message_id: Line
    attempts: Count
    decided_at: Moment


_NOTICE = {
    "notice_id": "notice-0199aa00-0000-7000-8000-000000000003",
    "person_id": "person-0001",
    "session_id": "session-0001",
    "kind": "confirmation",
    "language": "pl",
    "message_id": "<notice-0199aa00-0000-7000-8000-000000000003@rollcall.example.org>",
    "attempts": 1,
    "decided_at": "2026-10-01T08:15:02.000000Z",
}


class NoticeSent(NoticeOutcome):
    """The mail server accepted the mail."""

    example: ClassVar[dict[str, object]] = _NOTICE


class NoticeFailed(NoticeOutcome):
    """The mail was refused for good, or nobody can know whether it left (`outcome_unknown`)."""

    code: Line
    example: ClassVar[dict[str, object]] = _NOTICE | {"code": "smtp_550"}
