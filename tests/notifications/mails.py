"""Mails to take apart: one office, one session, one person, and what arrives of them at a mail client."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

from icalendar import Calendar

from services.notifications.kinds import KINDS
from services.notifications.letters import (
    CANCELLATION,
    CHANGE,
    CONFIRMATION,
    Arrangement,
    BriefMail,
    Letter,
    PlaceMail,
    Recipient,
)
from services.notifications.mail import Prepared, Renderer
from services.notifications.place_sheet import place_sheet
from shared.contracts.model import Language
from shared.contracts.planner import Meeting, SessionKind

RENDERER = Renderer(
    sender="powiadomienia@rollcall.example.org",
    sender_name="Biuro Programu Szkoleń",
    organiser="szkolenia@rollcall.example.org",
    organiser_name="Biuro Programu Szkoleń",
    base_url="https://rollcall.example.org",
)
VENUE, ADDRESS = "Urząd Miejski w Augustowie, sala 12", "ul. Młyńska 35, Augustów"
ZANETA = Recipient("person-0001", "Żaneta", "Wiśniewska", "zaneta.wisniewska@example.org")
LETTER = Letter("<notice-0003@rollcall.example.org>", "notice-0003", dt.datetime(2026, 10, 1, 8, 15, 2, tzinfo=dt.UTC))


def day(meeting_id: str, starts: str, ends: str, zone: str = "Europe/Warsaw") -> Meeting:
    return Meeting(
        meeting_id=meeting_id,
        starts_local=dt.datetime.fromisoformat(starts),
        ends_local=dt.datetime.fromisoformat(ends),
        zone=zone,
    )


FIRST = day("day-1", "2026-11-26T09:00", "2026-11-26T15:00")
SECOND = day("day-2", "2026-11-27T09:00", "2026-11-27T14:30")
FIRST_MOVED = day("day-1", "2026-12-03T09:00", "2026-12-03T15:00")


def session_mail(letter: str = CONFIRMATION, language: Language = Language.PL, **changes: Any) -> PlaceMail:
    mail = PlaceMail(
        session_id="session-0001",
        letter=letter,
        language=language,
        session_kind=SessionKind.SUPPLEMENTARY,
        topic_name="Adaptacja do zmian klimatu" if language is Language.PL else "Climate adaptation",
        city_name="Augustów",
        venue=VENUE,
        address=ADDRESS,
        meetings=(FIRST,),
        sequence=1,
    )
    return replace(mail, **changes)


def told(*meetings: Meeting, venue: str | None = VENUE, address: str | None = ADDRESS, **more: Any) -> Arrangement:
    """What the person was told."""
    return Arrangement(meetings or (FIRST,), venue, address, **more)


def change(language: Language = Language.PL, **changes: Any) -> PlaceMail:
    return session_mail(CHANGE, language, **({"before": told(), "sequence": 2} | changes))


def cancellation(language: Language = Language.PL, **changes: Any) -> PlaceMail:
    return session_mail(CANCELLATION, language, **({"session_cancelled": True, "sequence": 3} | changes))


def shared(mail: PlaceMail | BriefMail) -> Prepared:
    """What all mails of this one's session share."""
    if isinstance(mail, PlaceMail):
        return RENDERER.shared(place_sheet(mail, RENDERER.office))
    kind = next(kind for kind in KINDS.values() if mail.letter in kind.letters)
    return RENDERER.shared(kind.sheet(mail, RENDERER.office))


def brief_mail(letter: str, language: Language = Language.PL, **changes: Any) -> BriefMail:
    topic = "Adaptacja do zmian klimatu" if language is Language.PL else "Climate adaptation"
    mail = BriefMail(
        "session-0001", letter, language, SessionKind.SUPPLEMENTARY, topic, "Augustów", VENUE, ADDRESS, (FIRST,)
    )
    return replace(mail, **changes)


def on_the_wire(mail: PlaceMail | BriefMail, recipient: Recipient = ZANETA, letter: Letter = LETTER) -> bytes:
    """Exactly what the server gets, but for the line ends and doubled dots."""
    wire = RENDERER.message(shared(mail), recipient, letter)
    assert wire.endswith(b"\r\n")
    assert wire.count(b"\r\n") == wire.count(b"\n") == wire.count(b"\r")
    return wire.replace(b"\r\n", b"\n")


def received(mail: PlaceMail | BriefMail, recipient: Recipient = ZANETA, letter: Letter = LETTER) -> EmailMessage:
    message = email.message_from_bytes(on_the_wire(mail, recipient, letter), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    for part in message.walk():
        assert not part.defects
    return message


def body(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    content: str = part.get_content()
    return content


def calendar(message: EmailMessage) -> Any:
    """`Any`, because a property of `icalendar` may be any of thirty types."""
    (part,) = (part for part in message.walk() if part.get_content_type() == "text/calendar")
    content: bytes = part.get_content().encode()
    return Calendar.from_ical(content)


def files(message: EmailMessage) -> dict[str, Any]:
    return {str(part.get_filename()): Calendar.from_ical(part.get_content()) for part in message.iter_attachments()}
