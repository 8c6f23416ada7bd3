"""What the office writes to many at once: to whom each message goes, and what it says. Pure: rows, and the facts that make them.

Whom a message goes to is known when it is written, and never again: whoever joins later does not get it. Its text is kept apart from what is
said of it, because it may name people and events are kept for ever.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from typing import ClassVar

from shared.contracts.notifications import Audience, MessageAddressed
from shared.events.envelope import Heard
from shared.state.rows import FactRow, Row, meta
from shared.state.working import Working
from shared.values import immutable

LIVES = dt.timedelta(days=14)
"""For so long a message is of use, unless its writer says otherwise."""


@immutable
class Message(FactRow):
    """That the office wrote something to somebody."""

    KEY: ClassVar = ("message_id", "recipient")

    message_id: str
    recipient: str
    audience: Audience
    audience_id: str | None
    until: dt.datetime
    by: str
    reason: str
    request_digest: str
    decided_at: dt.datetime


@immutable
class MessageText(Row):
    """What a message says: as it was written, and never code of a template."""

    KEY: ClassVar = ("message_id",)

    message_id: str
    subject: str | None
    text: str | None
    forgotten_at: dt.datetime | None = None
    """When it was forgotten, and nothing brings it back; that the message was sent is kept."""


@immutable
class Writing:
    """What the office asks to have sent."""

    audience: Audience
    audience_id: str | None
    standings: tuple[str, ...]
    """Of a session: how those stand who are written to."""
    subject: str
    text: str
    until: dt.datetime | None
    """None: for as long as messages live."""
    reason: str

    @property
    def digest(self) -> str:
        """All of it, in 24 letters."""
        said = [
            self.audience, self.audience_id, sorted(self.standings), self.subject, self.text,
            self.until.isoformat() if self.until else None, self.reason,
        ]  # fmt: skip
        return hashlib.blake2b(json.dumps(said).encode(), digest_size=12).hexdigest()


@immutable
class Addressed:
    """One who would be written to, and what stands in the way of a mail to them just now."""

    person_id: str
    has_no_contact: bool
    is_withheld: bool
    is_muted: bool


def digest_of(recipients: Iterable[str]) -> str:
    """Who they are, in 24 letters: the same for the same people in whatever order."""
    return hashlib.blake2b(json.dumps(sorted({*recipients})).encode(), digest_size=12).hexdigest()


def message_id_of(actor: str, key: str) -> str:
    """The same for the same command of the same writer, however often it arrives."""
    return "message-" + hashlib.blake2b(f"{actor}\x1f{key}".encode(), digest_size=12).hexdigest()


def message_of(heard: Heard[MessageAddressed]) -> Message:
    body = heard.body
    return Message(
        *meta(heard),
        body.message_id,
        body.recipient,
        body.audience,
        body.audience_id,
        body.useful_until,
        body.by,
        body.reason,
        body.request_digest,
        body.decided_at,
    )


def write(working: Working, message_id: str, asked: Writing, recipients: Iterable[str], *, by: str) -> None:
    """States for each recipient that this goes to them, and keeps what it says."""
    for recipient in sorted({*recipients}):
        working.say(
            MessageAddressed(
                message_id=message_id,
                recipient=recipient,
                audience=asked.audience,
                audience_id=asked.audience_id,
                useful_until=asked.until or working.now + LIVES,
                by=by,
                reason=asked.reason,
                request_digest=asked.digest,
                decided_at=working.now,
            )
        )
    keep_text(working, message_id, asked)


def keep_text(working: Working, message_id: str, asked: Writing) -> None:
    """Also of a message that is known and whose text was lost with a database: whoever sends the same again brings it back. What was
    forgotten stays so."""
    if working[MessageText].get(message_id) is None:
        working[MessageText].put(MessageText(message_id, asked.subject, asked.text))
