"""What a mail says: its envelope and headers at once, its texts and calendar when somebody looks. Keeps nothing."""

import base64
import datetime as dt
import email
import re
from dataclasses import dataclass, field
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from html import unescape
from typing import Any

from icalendar import Calendar

KIND_HEADER = "X-Rollcall-Notice-Kind"
PREVIEW_CHARACTERS = 160

# compat32: a third of the time of policy.default, and it does not stumble over broken headers.
_headers_only = BytesHeaderParser(policy=policy.compat32)


@dataclass(frozen=True, slots=True)
class Envelope:
    sender: str
    recipients: list[str]
    header_from: str
    header_to: str
    subject: str
    message_id: str | None
    kind: str | None

    def words(self) -> str:
        """What the search looks at before the text was read."""
        return "\n".join((self.subject, self.header_from, self.header_to, self.sender, *self.recipients)).casefold()


@dataclass(slots=True)
class Body:
    html: str | None = None
    text: str | None = None
    calendars: list[bytes] = field(default_factory=list)
    attachments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def preview(self) -> str:
        return " ".join((self.words()).split())[:PREVIEW_CHARACTERS]

    def words(self) -> str:
        return self.text if self.text is not None else _without_tags(self.html or "")


def read_envelope(sender: str, recipients: list[str], raw: bytes) -> Envelope:
    """The envelope with the headers a list shows; the body is not looked at, so that accepting stays fast."""
    headers: dict[str, str] = {}
    for name, value in read_headers(raw):
        headers.setdefault(name.lower(), value)
    return Envelope(
        sender=sender,
        # Folded: addresses are searched whatever their case.
        recipients=[recipient.casefold() for recipient in recipients],
        header_from=headers.get("from") or sender,
        header_to=headers.get("to", ""),
        subject=headers.get("subject", ""),
        message_id=headers.get("message-id") or None,
        kind=headers.get(KIND_HEADER.lower()) or None,
    )


def read_headers(raw: bytes) -> list[tuple[str, str]]:
    """Every header in its order, decoded."""
    return [(name, _decoded(str(value))) for name, value in _headers_only.parsebytes(raw).raw_items()]


def read_body(raw: bytes) -> Body:
    """The texts, the calendar parts and what is attached."""
    body = Body()
    for part in email.message_from_bytes(raw, policy=policy.default).walk():
        if part.is_multipart():
            continue
        kind = part.get_content_type()
        content = part.get_payload(decode=True)
        data = content if isinstance(content, bytes) else b""
        if kind == "text/calendar":
            body.calendars.append(data)
        if part.is_attachment() or kind not in ("text/plain", "text/html", "text/calendar"):
            body.attachments.append(
                {"file_name": part.get_filename() or "", "content_type": kind, "size_bytes": len(data)}
            )
        elif kind == "text/html" and body.html is None:
            body.html = _text(part, data)
        elif kind == "text/plain" and body.text is None:
            body.text = _text(part, data)
    return body


def page_of(raw: bytes) -> str | None:
    """The mail's HTML, ready to be shown in a sandbox: its links open elsewhere, its own pictures are inside."""
    html = read_body(raw).html
    if html is None:
        return None
    pictures: dict[str, str] = {}
    for part in email.message_from_bytes(raw, policy=policy.default).walk():
        name, content = part.get("Content-ID"), part.get_payload(decode=True)
        if name and isinstance(content, bytes) and part.get_content_maintype() == "image":
            data = base64.b64encode(content).decode("ascii")
            pictures[str(name).strip("<> ")] = f"data:{part.get_content_type()};base64,{data}"
    html = re.sub(r"cid:([^\"'\s)>]+)", lambda found: pictures.get(found[1], found[0]), html)
    base = '<base target="_blank">'
    head = re.search(r"<head\b[^>]*>", html, re.IGNORECASE)
    return html[: head.end()] + base + html[head.end() :] if head else base + html


def calendar_of(data: bytes) -> dict[str, Any]:
    """A calendar part in plain words: its method and its events, or why it cannot be read."""
    source = data.decode("utf-8", "replace")
    try:
        calendar = Calendar.from_ical(data)
    except ValueError as error:
        return {"problem": str(error), "method": "", "events": [], "source": source}
    events = [_event(event) for event in calendar.walk("VEVENT")]
    return {"problem": "", "method": str(calendar.get("METHOD", "")), "events": events, "source": source}


def _event(event: Any) -> dict[str, Any]:
    attendees = event.get("ATTENDEE", [])
    return {
        "summary": str(event.get("SUMMARY", "")),
        "starts": _moment(event.get("DTSTART")),
        "ends": _moment(event.get("DTEND")),
        "location": str(event.get("LOCATION", "")),
        "description": str(event.get("DESCRIPTION", "")),
        "organiser": _person(event.get("ORGANIZER")),
        "attendees": [_person(person) for person in (attendees if isinstance(attendees, list) else [attendees])],
        "status": str(event.get("STATUS", "")),
        "sequence": int(event.get("SEQUENCE", 0)),
        "uid": str(event.get("UID", "")),
        "url": str(event.get("URL", "")),
        "repeats": event["RRULE"].to_ical().decode() if "RRULE" in event else "",
        "reminders": [
            str(alarm.get("TRIGGER").to_ical().decode()) for alarm in event.walk("VALARM") if "TRIGGER" in alarm
        ],
    }


def _moment(value: Any) -> dict[str, str] | None:
    """Wall time and zone, as the mail means them; the reader's own zone plays no part."""
    if value is None:
        return None
    moment = value.dt
    if not isinstance(moment, dt.datetime):
        return {"date": moment.isoformat(), "time": "", "zone": ""}
    zone = value.params.get("TZID", "") or (str(moment.tzinfo) if moment.tzinfo else "")
    return {"date": moment.date().isoformat(), "time": moment.strftime("%H:%M"), "zone": zone}


def _person(value: Any) -> str:
    if value is None:
        return ""
    address = re.sub(r"(?i)^mailto:", "", str(value))
    name = value.params.get("CN", "") if hasattr(value, "params") else ""
    return f"{name} <{address}>" if name and name != address else address


def _decoded(value: str) -> str:
    """A header's words in one line; a broken one as it came, because an inbox shows what was sent."""
    # Bytes beyond ASCII come out of the parser as surrogates; with SMTPUTF8 they are UTF-8.
    sent = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        decoded = str(make_header(decode_header(sent)))
    except (HeaderParseError, LookupError, ValueError):
        decoded = sent
    return " ".join(decoded.encode("utf-8", "replace").decode("utf-8").split())


def _text(part: EmailMessage, data: bytes) -> str:
    charset = part.get_content_charset("utf-8")
    try:
        return data.decode(charset, "replace")
    except LookupError:
        return data.decode("utf-8", "replace")


def _without_tags(html: str) -> str:
    html = re.sub(r"(?is)<(style|script|title)\b.*?</\1>|<!--.*?-->", " ", html)
    return unescape(re.sub(r"<[^>]*>", " ", html))
