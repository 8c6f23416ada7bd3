"""How a mail would read, written with what it would be sent with, and sent by nobody."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage

from services.notifications.answers import PreviewedMail
from services.notifications.decisions import Attempt
from services.notifications.kinds.message import CIRCULAR, NAME
from services.notifications.letters import WrittenMail
from services.notifications.messages import Writing
from services.notifications.writing import Writer
from shared.contracts.model import Language
from shared.contracts.notifications import Audience
from shared.problems import NOT_VALID, Problem


def shown(message: bytes, *, to: str | None) -> PreviewedMail:
    """A mail in its parts, and whole. `to`: the address on its envelope."""
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    parts = {kind: part.get_content() for kind in ("plain", "html") if (part := parsed.get_body((kind,))) is not None}
    return PreviewedMail(
        to=to, subject=str(parsed["Subject"]), text=parts.get("plain", ""), html=parts.get("html", ""),
        source=message.decode("utf-8"),
    )  # fmt: skip


def of_attempt(attempt: Attempt, writer: Writer) -> PreviewedMail:
    """What this attempt would send, byte for byte."""
    message, address = writer.written(attempt)
    return shown(message, to=address)


def previewed_message(asked: Writing, writer: Writer) -> PreviewedMail:
    """What the office writes, as somebody would read it: nobody's name and no link of anybody's."""
    letter = NAME if asked.audience == Audience.SESSION else CIRCULAR
    mail = WrittenMail(letter, Language.PL, asked.audience, asked.subject, asked.text)
    try:
        message = writer.for_nobody(mail)
    except ValueError as error:
        raise Problem(NOT_VALID, str(error), field="text") from None
    return shown(message, to=None)
