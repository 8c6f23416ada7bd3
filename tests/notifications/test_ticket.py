"""The ticket in a participant's mail: a picture that travels with it, the same as letters, and nothing that is fetched from anywhere."""

from __future__ import annotations

import email
import email.policy
import struct
import zlib
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from zxingcpp import read_barcodes

from services.notifications.kinds import KINDS
from services.notifications.kinds.reminder import REMINDER
from services.notifications.kinds.reply import REPLY_ASKED
from services.notifications.mail import Renderer
from services.notifications.place_sheet import place_sheet
from shared.contracts.model import Language
from tests.notifications.mails import LETTER, ZANETA, body, brief_mail, cancellation, change, session_mail

TICKET = ".".join(["eyJhbGciOiJFZERTQSIsImtpZCI6ImtleS0xIn0", "x-_" * 60, "y" * 86])

CHECK_IN = "https://rollcall.example.org/attendance/check-in/"


def written(mail: Any, sheet: Any = place_sheet, **more: Any) -> EmailMessage:
    office = {"sender_name": "Biuro", "organiser": "biuro@rollcall.example.org", "organiser_name": "Biuro"}
    at_work = Renderer(sender="powiadomienia@rollcall.example.org", **office, **more)
    message = at_work.message(at_work.shared(sheet(mail, at_work.office)), ZANETA, LETTER)
    return email.message_from_bytes(message, policy=email.policy.default)  # type: ignore[return-value]


def with_ticket(mail: Any, sheet: Any = place_sheet) -> EmailMessage:
    def ticket_of(place: Any, person_id: str) -> tuple[str, str]:
        return f"{TICKET}{person_id[-1]}", f"{CHECK_IN}{TICKET}{person_id[-1]}"

    return written(mail, sheet, ticket_of=ticket_of)


def pixels_of(png: bytes) -> memoryview:
    """Of a picture in black and white."""
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        chunks[png[at + 4 : at + 8]] = png[at + 8 : at + 8 + length]
        at += length + 12
    width, height, depth, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, colours) == (1, 0)
    packed, step, above = zlib.decompress(chunks[b"IDAT"]), (width + 7) // 8, bytes((width + 7) // 8)
    bits = b""
    for at in range(0, len(packed), step + 1):
        line = packed[at + 1 : at + 1 + step]
        above = line if packed[at] == 0 else bytes((new + old) % 256 for new, old in zip(line, above, strict=True))
        assert packed[at] in (0, 2)  # As it is, or as what the line above lacks of it.
        bits += bytes(255 * (above[column // 8] >> (7 - column % 8) & 1) for column in range(width))
    return memoryview(bits).cast("B", (height, width))


def pictures(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in message.walk() if part.get_content_maintype() == "image"]  # type: ignore[misc]


@pytest.mark.parametrize("language", Language)
def test_a_confirmation_carries_the_ticket_as_a_code_that_others_read(language: Language) -> None:
    (picture,) = pictures(with_ticket(session_mail(language=language)))
    (read,) = read_barcodes(pixels_of(picture.get_content()))
    assert read.text == f"{TICKET}1"


def test_the_picture_lies_beside_the_text_that_shows_it_and_under_a_name_of_this_mail_alone() -> None:
    message = with_ticket(session_mail())
    (picture,) = pictures(message)
    name = picture["Content-ID"].strip("<>")
    assert LETTER.notice_id in name
    assert f'src="cid:{name}"' in body(message, "html")
    (related,) = [part for part in message.walk() if part.get_content_type() == "multipart/related"]
    assert [part.get_content_type() for part in related.iter_parts()] == ["text/html", "image/png"]  # type: ignore[attr-defined]


def test_nothing_of_a_mail_is_fetched_from_anywhere() -> None:
    html = body(with_ticket(session_mail()), "html")
    assert html.count("src=") == html.count('src="cid:') == 1


@pytest.mark.parametrize(("language", "words"), [(Language.PL, "Twój bilet"), (Language.EN, "Your ticket")])
def test_the_plain_text_has_the_ticket_as_letters(language: Language, words: str) -> None:
    plain = body(with_ticket(session_mail(language=language)), "plain").replace("\r\n", "\n")
    assert f"\n{words}\n" in plain and f"  {TICKET}1\n" in plain


@pytest.mark.parametrize(("language", "words"), [(Language.PL, "sześć cyfr"), (Language.EN, "six digits")])
def test_it_leads_to_where_one_checks_in_by_the_code_of_the_room(language: Language, words: str) -> None:
    message = with_ticket(session_mail(language=language))
    page = f"{CHECK_IN}{TICKET}1"
    assert f'href="{page}"' in body(message, "html") and words in body(message, "html")
    assert f"  {page}\n" in body(message, "plain").replace("\r\n", "\n")


def test_a_change_carries_it_as_well_so_that_the_last_mail_is_enough_at_the_door() -> None:
    assert len(pictures(with_ticket(change()))) == 1


@pytest.mark.parametrize("letter", [REMINDER, REPLY_ASKED])
def test_reminders_of_a_place_carry_it_as_well_also_for_whom_others_told_of_the_place(letter: str) -> None:
    (kind,) = [kind for kind in KINDS.values() if letter in kind.letters]
    moment = datetime(2026, 11, 25, tzinfo=UTC)
    message = with_ticket(brief_mail(letter, moment=moment if letter == REPLY_ASKED else None), kind.sheet)
    (picture,) = pictures(message)
    (read,) = read_barcodes(pixels_of(picture.get_content()))
    assert read.text == f"{TICKET}1"
    assert f"  {CHECK_IN}{TICKET}1\n" in body(message, "plain").replace("\r\n", "\n")


def test_whose_place_is_gone_gets_no_ticket_and_neither_does_who_reads_of_what_is_over() -> None:
    for mail in (cancellation(), change(is_ahead=False)):
        assert pictures(with_ticket(mail)) == []


def test_where_mails_lead_nowhere_there_is_no_ticket_and_the_mail_is_as_ever() -> None:
    message = written(session_mail())
    assert pictures(message) == [] and "Twój bilet" not in body(message, "html") + body(message, "plain")
