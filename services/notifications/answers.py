"""What notifications' API answers. Only shapes."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.notifications.ledger import NoticeState
from shared.contracts.model import Language
from shared.contracts.notifications import NoticeKind
from shared.contracts.planner import Meeting
from shared.web.answers import Answer, Books


class Said(Answer):
    """Where and when, as the mail says it. The address it goes to is a digest."""

    mailbox: str | None
    venue: str
    address: str | None
    meetings: tuple[Meeting, ...]


class Notice(Answer):
    """One mail, on its way or settled."""

    notice_id: str
    person_id: str
    session_id: str
    kind: NoticeKind | None = Field(description="Null: decided when it is claimed.")
    language: Language | None
    sequence: int
    attempts: int
    doubts: int = Field(description="Attempts that may have left.")
    state: NoticeState
    code: str | None = Field(description="Why it failed, or has not left yet.")
    at: dt.datetime = Field(description="When it was settled; of an open one, when it was planned.")
    next_attempt_at: dt.datetime | None
    said: Said | None


class MailServer(Answer):
    """What is wrong with the mail server, if anything is."""

    problem: str | None
    since: dt.datetime | None


class NotificationsBooks(Books):
    """The books of notifications."""

    notices: dict[str, int | dict[str, int]] = Field(
        description="Mails by what became of them (`sent` by kind), and what people do not know, by why."
    )
    told_is_true: bool = Field(
        description="Nobody who could be told believes anything else than what is true, or is about to."
    )
    mail_server: MailServer
