"""What notifications' API answers. Only shapes."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from pydantic import Field

from services.notifications.ledger import NoticeState
from services.notifications.muting import NOTHING_SAID, Mute
from shared.contracts.model import Language
from shared.contracts.notices import Context
from shared.contracts.notifications import Audience, DeclineReason, Mutable, Says
from shared.web.answers import BOOKS, Books, Shape, exemplified


class Said(Shape):
    """What the mail says. The address it goes to is a digest."""

    mailbox: str | None
    says: Says


class Notice(Shape):
    """One mail, on its way or settled."""

    model_config = exemplified(
        notice_id="notice-0199aa00-0000-7000-8000-000000000003",
        recipient="person-0001",
        about="place/session-0001",
        kind="confirmation",
        language="pl",
        sequence=0,
        attempts=1,
        doubts=0,
        state="sent",
        code=None,
        problem=None,
        at="2026-10-01T08:15:02Z",
        next_attempt_at=None,
        text_forgotten_at=None,
        said={
            "mailbox": "7c1e.5b0c7a1f",
            "says": {
                "of": "session",
                "venue": "Urząd Miejski w Augustowie, sala 12",
                "meetings": [
                    {
                        "meeting_id": "day-1",
                        "starts_local": "2026-10-24T09:00:00",
                        "ends_local": "2026-10-24T15:00:00",
                        "zone": "Europe/Warsaw",
                    }
                ],
            },
        },
    )

    notice_id: str
    recipient: str
    about: str = Field(description="The subject: `place/…`, `waiting/…` or `reminder/…`, and the session's id.")
    kind: str | None = Field(description="Which mail; null: decided when it is claimed.")
    language: Language | None
    sequence: int
    attempts: int
    doubts: int = Field(description="Attempts that may have left.")
    state: NoticeState
    code: str | None = Field(description="Why it failed, or has not left yet.")
    problem: str | None = Field(description="What stood in the way of one that came too late.")
    at: dt.datetime = Field(description="When it was settled; of an open one, when it was planned.")
    next_attempt_at: dt.datetime | None
    said: Said | None
    text_forgotten_at: dt.datetime | None = Field(
        description="Of what the office wrote: when its text was forgotten. That it was sent is kept."
    )


class SuppressedAddress(Shape):
    """One recipient to whose address nothing is sent, or was not."""

    model_config = exemplified(
        recipient="person-0001",
        is_held_back=True,
        status="5.1.1",
        notice_id="notice-0199aa00-0000-7000-8000-000000000003",
        since="2026-10-01T08:20:11Z",
    )

    recipient: str
    is_held_back: bool
    status: str | None = Field(description="Why, as servers number it (RFC 3463).")
    notice_id: str | None = Field(description="The mail that came back last.")
    since: dt.datetime


class Mutes(Shape):
    """Which mails one recipient does without."""

    model_config = exemplified(
        recipient="person-0001", muted=["reminders"], by=None, reason=None, since="2026-10-01T08:20:11Z", tag="1"
    )

    recipient: str
    muted: list[Mutable]
    by: str | None = Field(description="Who of the office said so last; null: they themselves, by the link of a mail.")
    reason: str | None
    since: dt.datetime | None = Field(description="When something was said of it last; null: never.")
    tag: str = Field(description="By which one knows again what one has looked at: `If-Match` of whoever changes it.")

    @classmethod
    def of(cls, row: Mute) -> Mutes:
        muted = [Mutable(one) for one in row.muted]
        return cls(
            recipient=row.recipient, muted=muted, by=row.by, reason=row.reason, since=row.decided_at, tag=row.tag
        )

    @classmethod
    def none(cls, recipient: str) -> Mutes:
        return cls(recipient=recipient, muted=[], by=None, reason=None, since=None, tag=NOTHING_SAID)


class Fact(Shape):
    """One fact that a mail followed from."""

    model_config = exemplified(
        of="place", says="enrolled", event_id="0199aa00-0000-7000-8000-000000000009", source="rollcall/enrolment",
        heard_at="2026-10-01T08:15:00Z",
    )  # fmt: skip

    of: Literal["session", "place"]
    says: str = Field(description="How it stood by it.")
    event_id: str
    source: str
    heard_at: dt.datetime


_TOLD: dict[str, Any] = {**Notice.model_config["json_schema_extra"]["examples"][0]}  # type: ignore[index,dict-item]


class ToldOnce(Notice):
    """One mail, and the facts that it followed from."""

    model_config = exemplified(**_TOLD, because=[Fact.model_config["json_schema_extra"]["examples"][0]])  # type: ignore[index]

    because: list[Fact] = Field(
        description="As they were known when it was settled; none where it follows from others, or from the clock."
    )


class History(Shape):
    """What one person was told."""

    model_config = exemplified(
        recipient="person-0001",
        is_held_back=False,
        mutes=Mutes.model_config["json_schema_extra"]["examples"][0],  # type: ignore[index]
        notices=[ToldOnce.model_config["json_schema_extra"]["examples"][0]],  # type: ignore[index]
    )

    recipient: str
    is_held_back: bool = Field(description="Nothing is sent to the address that mail came back from.")
    mutes: Mutes
    notices: list[ToldOnce]


class PreviewedMail(Shape):
    """A mail as it would be sent: in parts, and byte for byte."""

    model_config = exemplified(
        to="anna@example.org",
        subject="Bring a laptop",
        text="Please bring a laptop.",
        html="<p>Please bring a laptop.</p>",
        source="Subject: Bring a laptop\r\n\r\n…",
    )

    to: str | None = Field(description="The address on its envelope; null: to nobody in particular.")
    subject: str
    text: str
    html: str
    source: str


class PreviewedMessage(Shape):
    """What a message would be, were it written now."""

    model_config = exemplified(
        recipients=24,
        recipients_digest="9d2c1f7a5b0c4e8f6a3d7b1c",
        muted=0,
        withheld=1,
        without_contact=2,
        mail=PreviewedMail.model_config["json_schema_extra"]["examples"][0],  # type: ignore[index]
    )

    recipients: int
    recipients_digest: str = Field(
        description="Who they are: the same for the same people. Sent with the message, it goes to nobody who was not seen."
    )
    muted: int = Field(
        description="Of them: who does without messages from the office; of a session's people nobody may."
    )
    withheld: int = Field(description="Of them: to whose address nothing is sent, because mail came back.")
    without_contact: int = Field(description="Of them: whose address the directory has not said.")
    mail: PreviewedMail


class WrittenMessage(Shape):
    """What the office wrote to many at once."""

    model_config = exemplified(
        message_id="message-3b9c1f0453d1",
        audience="session",
        audience_id="session-0001",
        by="Anna",
        reason="the hall has none",
        written_at="2026-10-01T08:20:11Z",
        useful_until="2026-10-15T08:20:11Z",
        subject="Bring a laptop",
        forgotten_at=None,
        recipients=24,
        sent=22,
    )

    message_id: str
    audience: Audience
    audience_id: str | None
    by: str
    reason: str
    written_at: dt.datetime
    useful_until: dt.datetime
    subject: str | None = Field(description="Null: its text was forgotten, or lost with a database.")
    forgotten_at: dt.datetime | None = Field(description="When its text was forgotten; nothing brings it back.")
    recipients: int
    sent: int = Field(description="To how many of them a mail left.")


class MailStage(Shape):
    """Whether mail is live."""

    model_config = exemplified(
        rehearses=False,
        rehearsed=412,
        live_at="2026-10-01T08:20:11Z",
        by="Anna",
        reason="the old system is switched off",
    )

    rehearses: bool = Field(description="Mails are planned and written, and sent to nobody whom they are for.")
    rehearsed: int = Field(description="Notices that ended so.")
    live_at: dt.datetime | None = Field(None, description="When go-live was stated; null: not, or it never had to be.")
    by: str | None = None
    reason: str | None = None


_MATERIALS: dict[str, Any] = {
    "of": "materials",
    "title": "Slajdy z pierwszego dnia",
    "link": "https://materials.example.org/session-0101",
}


class AskedNotice(Shape):
    """What another system asked to have told to somebody, and what was decided."""

    model_config = exemplified(
        asked_id="asked-3b9c1f0453d16f1c0a52b7e9",
        recipient="person-0001",
        about="materials/asked-3b9c1f0453d16f1c0a52b7e9",
        session_id="session-0101",
        context=_MATERIALS,
        useful_until="2026-10-15T08:20:11Z",
        declined=None,
        asked_by="urn:example:materials",
        decided_at="2026-10-01T08:20:11Z",
        notices=[_TOLD | {"about": "materials/asked-3b9c1f0453d16f1c0a52b7e9", "kind": "materials"}],
        hindrance=None,
    )

    asked_id: str
    recipient: str = Field(description="Who was named, or whoever they turned out to be.")
    about: str | None = Field(description="What the mails are about that tell it; null: nobody is told.")
    session_id: str | None
    context: Context
    useful_until: dt.datetime | None
    declined: DeclineReason | None = Field(description="Why nobody is told; null: they are.")
    asked_by: str
    decided_at: dt.datetime
    notices: list[Notice] | None = Field(description="The mails about it, the oldest first; null in a list.")
    hindrance: str | None = Field(
        description="What stands in the way of telling it just now, such as `contact`, `withheld`, `muted`, `session_cancelled`."
    )


class DecidedNotice(Shape):
    """What became of a request for a mail."""

    model_config = exemplified(
        request_id="0199aa00-0000-7000-8000-000000000001",
        outcome="NoticeAccepted",
        event_id="0199aa00-0000-7000-8000-000000000009",
        waits_for=None,
        expires_at=None,
        asked_id="asked-3b9c1f0453d16f1c0a52b7e9",
        standing=AskedNotice.model_config["json_schema_extra"]["examples"][0],  # type: ignore[index]
    )

    request_id: str
    outcome: Literal["NoticeAccepted", "NoticeDeclined", "Held"]
    event_id: str | None = Field(description="The fact that answered it.")
    waits_for: str | None
    expires_at: dt.datetime | None
    asked_id: str = Field(description="Under which it can be looked up once it is decided.")
    standing: AskedNotice | None = Field(description="Null while it waits.")


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
