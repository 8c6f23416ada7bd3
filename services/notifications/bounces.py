"""What comes back to a return address, read: a report that a mail could not be delivered, or something else. Pure, and never raises.

Reports are RFC 3464 where one is lucky. Others have only a text, in any language, or forget fields; and where a report may come, so do
answers of people who are away, warnings that it takes longer, and our own mails from somebody's loop. About which mail it is says the address
it came to (`returning.py`): nothing of what it quotes is believed, or kept.
"""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from email.message import Message

from shared.values import immutable

LEVELS = 20
"""Of parts within parts. A mail with more is no report."""
TEXT_CHARACTERS = 20_000
"""So much of a text is looked through."""
NOT_KNOWN = "4.0.0"
"""That it came back is certain, and nothing else."""

_REPORTS = ("message/delivery-status", "message/global-delivery-status")
_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d]|\.\d)")
_BASIC = re.compile(r"(?<![\d.-])([45]\d\d)(?=[ \-#:])(?![-.]\d)")
_FROM_A_SERVER = re.compile(r"mailer-daemon|postmaster|mail delivery (sub)?system|mdaemon", re.IGNORECASE)
_ANSWERS = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-vacation")
_ONLY_LATE = re.compile(
    r"delay|warning|not yet|still (being )?(re)?tr|opóźni|verzögert|retard|will retry", re.IGNORECASE
)
_NOT_DELIVERED = ("failed",)
_NO_FAULT_OF_THE_ADDRESS = {"1.7", "1.8", "2.2", "2.3", "2.4"}
"""Of the classes below: the sender's address, a full mailbox, a mail too large, a list."""


@immutable
class Bounce:
    """That a mail came back."""

    status: str
    """RFC 3463: `5.1.1`."""

    @property
    def is_for_good(self) -> bool:
        """Whether it is the address that takes no mail, whatever is sent. A full mailbox, a filter, a server's trouble are not."""
        kind, subject, detail = self.status.split(".")
        return kind == "5" and subject in ("0", "1", "2") and f"{subject}.{detail}" not in _NO_FAULT_OF_THE_ADDRESS


def read(content: bytes, *, mail_from: str | None) -> Bounce | None:
    """What came back, if a mail did. `mail_from`: the sender of the envelope; reports have none."""
    try:
        message = email.message_from_bytes(content, policy=email.policy.compat32)
        parts = list(parts_of(message, LEVELS))
        reports = [part for part in parts if part.get_content_type() in _REPORTS]
        if reports:
            return _reported([field for part in reports for field in _blocks(part)])
        return _in_the_wild(message, parts, mail_from)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # `email` fails in many ways on what is no mail.


def _reported(blocks: list[Message]) -> Bounce | None:
    """The first recipient who did not get it: our mails have one."""
    for block in blocks:
        action = str(block.get("Action", "")).split("(")[0].strip().lower()
        told = " ".join(str(block.get(name, "")) for name in ("Status", "Diagnostic-Code"))
        status = _status_in(told)
        if action in _NOT_DELIVERED or (not action and status is not None and block.get("Final-Recipient")):
            return Bounce(status or NOT_KNOWN)
    return None


def _in_the_wild(message: Message, parts: list[Message], mail_from: str | None) -> Bounce | None:
    """Without a report there is a bounce only where a server says so: people's answers and lists come here as well."""
    headers = {name.lower() for name in message.keys()}
    automatic = str(message.get("Auto-Submitted", "")).lower()
    is_answer = automatic.startswith("auto-replied") and not message.get("X-Failed-Recipients")
    if is_answer or headers.intersection(_ANSWERS) or "x-rollcall-notice" in headers:
        return None
    sender = " ".join(str(message.get(name, "")) for name in ("From", "Sender"))
    if "x-failed-recipients" not in headers and (mail_from or not _FROM_A_SERVER.search(sender)):
        return None
    subject = str(email.header.make_header(email.header.decode_header(str(message.get("Subject", "")))))
    if _ONLY_LATE.search(subject):
        return None
    text = "\n".join(_text(part) for part in parts if part.get_content_maintype() == "text")[:TEXT_CHARACTERS]
    return Bounce(_status_in(text) or NOT_KNOWN)


def _status_in(text: str) -> str | None:
    """The enhanced status code that a text names; else what its SMTP code says."""
    codes = [found for found in _ENHANCED.finditer(text) if found[1] in "45"]
    if codes:
        worst = max(codes, key=lambda found: found[1])
        return ".".join(str(int(worst[at])) for at in (1, 2, 3))
    basic = _BASIC.search(text)
    if basic is None:
        return None
    return {"550": "5.1.1", "551": "5.1.6", "553": "5.1.3", "552": "5.2.2", "452": "4.2.2"}.get(
        basic[1], f"{basic[1][0]}.0.0"
    )


def parts_of(message: Message, levels: int) -> Iterator[Message]:
    """The parts of a report; not those of the mail that it returns, which may be anything."""
    yield message
    if levels and message.is_multipart() and message.get_content_maintype() == "multipart":
        for part in message.get_payload():
            if isinstance(part, Message):
                yield from parts_of(part, levels - 1)


def _blocks(part: Message) -> Iterator[Message]:
    """What the report says of the mail, and of each recipient."""
    payload = part.get_payload()
    whole = [one for one in payload if isinstance(one, Message)] if isinstance(payload, list) else [part]
    for one in whole:
        yield one
        # `email` splits a delivery-status, and takes a global-delivery-status for a mail: then the recipients are its text.
        text = "" if one.is_multipart() else _text(one).replace("\r\n", "\n")
        yield from (email.message_from_string(block) for block in re.split(r"\n{2,}", text) if block.strip())


def _text(part: Message) -> str:
    body = part.get_payload(decode=True)
    if not isinstance(body, bytes):
        return ""
    try:
        return body.decode(part.get_content_charset("utf-8"), "replace")
    except LookupError:  # A charset that nobody knows.
        return body.decode("latin-1")
