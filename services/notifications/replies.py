"""What calendars answer to an invitation, read: iTIP (RFC 5546), METHOD:REPLY, in whatever mail a program puts it. Pure, and never raises.

Outlook, Gmail and Apple Mail each wrap it otherwise: alone, beside a text, twice, in base64. Who speaks says the address that it came to
(`returning.py`): nothing of the mail around it is believed, or kept.
"""

from __future__ import annotations

import datetime as dt
import email
import email.policy
import re
from collections.abc import Iterator
from email.message import Message
from enum import StrEnum
from typing import Any
from unicodedata import combining, normalize

from icalendar import Calendar

from services.notifications.bounces import LEVELS, parts_of
from shared.contracts.portal import Reply
from shared.values import immutable

CALENDAR_BYTES = 256 * 1024
"""Of a calendar object. One of ours with sixty days has a fifth of it."""
MOST_EVENTS, MOST_ATTENDEES = 400, 20
LATEST_SEQUENCE = 10**9
_CALENDARS = ("text/calendar", "application/ics")
_METHOD = re.compile(rb"^METHOD[;:]", re.IGNORECASE | re.MULTILINE)
_SAYS = {"ACCEPTED": Reply.CONFIRMED, "DECLINED": Reply.DECLINED, "TENTATIVE": Reply.NONE}
_DOTS_ARE_NOTHING = ("gmail.com", "googlemail.com")
_AUTOMATIC = ("x-autoreply", "x-autorespond", "x-autoresponder", "x-vacation", "x-rollcall-notice")


class Unread(StrEnum):
    """Why a mail is no answer of a calendar."""

    AUTOMATIC = "something_else"
    """An answer of somebody who is away, a report, or our own mail from a loop: nobody waits for anything to come of it."""
    NO_ANSWER = "no_answer"
    """Somebody writes, or proposes another time, or forwards: they wait for an answer that nobody would give."""
    UNREADABLE = "unreadable"
    """It should be one and is not."""


@immutable
class Attendee:
    """One who answers."""

    address: str
    name: str | None
    reply: Reply | None
    """None: they have not answered, or had somebody else answer."""


@immutable
class CalendarReply:
    """What a calendar says of one entry."""

    uid: str
    sequence: int
    """Which mail about it it answers."""
    stamped_at: dt.datetime | None
    """When, by its own clock."""
    attendees: tuple[Attendee, ...]
    is_of_one_day: bool
    """It is about some days of several, and not about the whole."""


def read(content: bytes, *, mail_from: str | None) -> CalendarReply | Unread:
    """What a mail to an organiser's address says. `mail_from`: the sender of the envelope; reports have none."""
    try:
        message = email.message_from_bytes(content, policy=email.policy.compat32)
        for part in parts_of(message, LEVELS):
            if part.get_content_type() in _CALENDARS and (found := _reply_in(part)) is not None:
                return found
        return Unread.AUTOMATIC if _is_automatic(message, mail_from) else Unread.NO_ANSWER
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, OverflowError):
        return Unread.UNREADABLE  # `email` and `icalendar` fail in many ways on what is neither.


def same_mailbox(one: str, other: str) -> bool:
    """Whether two addresses are one mailbox, as far as an address shows it: capitals, what stands behind a plus, Gmail's dots."""
    return _mailbox(one) == _mailbox(other)


def names(named: str | None, given_name: str, family_name: str) -> bool:
    """Whether a calendar calls somebody by this name, in whatever order and with whatever title or department."""
    wanted = _words(f"{given_name} {family_name}")
    return bool(_words(given_name) and _words(family_name)) and wanted <= _words(named or "")


def _reply_in(part: Message) -> CalendarReply | Unread | None:
    """None: it asks or publishes something, as our own invitation that somebody quotes."""
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return None
    if len(content) > CALENDAR_BYTES:
        return Unread.UNREADABLE
    content = _in_utf_8(content, part.get_content_charset("utf-8"))
    calendar = Calendar.from_ical(content)
    if not isinstance(calendar, Calendar):
        raise ValueError("a calendar object is a calendar")
    method = calendar.get("method") if _METHOD.search(content) else part.get_param("method")
    if str(method).strip().upper() != "REPLY":
        return None
    return _said(list(calendar.walk("VEVENT")))


def _said(events: list[Any]) -> CalendarReply | Unread:
    if not 0 < len(events) <= MOST_EVENTS or len({str(event.get("uid", "")).strip() for event in events}) != 1:
        return Unread.UNREADABLE
    whole = [event for event in events if "recurrence-id" not in event]
    event = (whole or events)[0]
    attendees = event.get("attendee", [])
    attendees = attendees if isinstance(attendees, list) else [attendees]
    if len(attendees) > MOST_ATTENDEES:
        return Unread.UNREADABLE
    return CalendarReply(
        uid=str(event.get("uid", "")).strip(),
        sequence=_sequence(event.get("sequence", 0)),  # As RFC 5545 has it where none is named.
        stamped_at=_moment(event.get("dtstamp")),
        attendees=tuple(_attendees(attendees)),
        is_of_one_day=not whole,
    )


def _attendees(values: list[Any]) -> Iterator[Attendee]:
    for value in values:
        params = getattr(value, "params", {})
        address = re.sub(r"^mailto:", "", str(value).strip(), flags=re.IGNORECASE)
        name = params.get("CN")
        says = _SAYS.get(str(params.get("PARTSTAT", "")).strip().upper())
        yield Attendee(address, str(name) if name is not None else None, says)


def _sequence(value: Any) -> int:
    number = int(value)
    if not 0 <= number <= LATEST_SEQUENCE:
        raise ValueError("not a SEQUENCE")
    return number


def _moment(value: Any) -> dt.datetime | None:
    moment = getattr(value, "dt", None)
    if not isinstance(moment, dt.datetime):
        return None
    try:
        return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    except OverflowError:
        return None


def _in_utf_8(content: bytes, charset: str | None) -> bytes:
    try:
        return content.decode(charset or "utf-8").encode()
    except (LookupError, UnicodeDecodeError):
        return content.decode("utf-8", "replace").encode()


def _is_automatic(message: Message, mail_from: str | None) -> bool:
    headers = {name.lower() for name in message.keys()}
    submitted = str(message.get("Auto-Submitted", "no")).strip().lower()
    return not mail_from or submitted != "no" or bool(headers.intersection(_AUTOMATIC))


def _mailbox(address: str) -> tuple[str, str]:
    local, _, domain = address.strip().lower().rpartition("@")
    local = local.partition("+")[0]
    if domain in _DOTS_ARE_NOTHING:
        local, domain = local.replace(".", ""), _DOTS_ARE_NOTHING[0]
    try:
        return local, domain.encode("idna").decode()
    except UnicodeError:
        return local, domain


def _words(name: str) -> set[str]:
    plain = "".join(one for one in normalize("NFKD", name.casefold().replace("ł", "l")) if not combining(one))
    return set(re.findall(r"\w+", plain))
