"""What notifications' API answers. Only shapes."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.notifications.ledger import NoticeState
from shared.contracts.model import Language
from shared.contracts.notifications import NoticeKind
from shared.contracts.planner import Meeting
from shared.web.answers import BOOKS, Books, Shape, exemplified


class Said(Shape):
    """Where and when, as the mail says it. The address it goes to is a digest."""

    mailbox: str | None
    venue: str
    address: str | None
    meetings: tuple[Meeting, ...]


class Notice(Shape):
    """One mail, on its way or settled."""

    model_config = exemplified(
        notice_id="notice-0199aa00-0000-7000-8000-000000000003",
        person_id="person-0001",
        session_id="session-0001",
        kind="confirmation",
        language="pl",
        sequence=0,
        attempts=1,
        doubts=0,
        state="sent",
        code=None,
        at="2026-10-01T08:15:02Z",
        next_attempt_at=None,
        said={
            "mailbox": "7c1e.5b0c7a1f",
            "venue": "Urząd Miejski w Augustowie, sala 12",
            "address": "ul. Młyńska 35, Augustów",
            "meetings": [
                {
                    "meeting_id": "day-1",
                    "starts_local": "2026-10-24T09:00:00",
                    "ends_local": "2026-10-24T15:00:00",
                    "zone": "Europe/Warsaw",
                }
            ],
        },
    )

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


class MailServer(Shape):
    """What is wrong with the mail server, if anything is."""

    problem: str | None
    since: dt.datetime | None


class NotificationsBooks(Books):
    """The books of notifications."""

    model_config = exemplified(
        **BOOKS,
        service="notifications",
        notices={"sent": {"confirmation": 4100}, "failed": 0, "unknown": 0, "untold": 0},
        told_is_true=True,
        mail_server={"problem": None, "since": None},
    )

    notices: dict[str, int | dict[str, int]] = Field(
        description="Mails by what became of them (`sent` by kind), and what people do not know, by why."
    )
    told_is_true: bool = Field(
        description="Nobody who could be told believes anything else than what is true, or is about to."
    )
    mail_server: MailServer
