"""The foot of every mail: whose programme it is, and its logos, which travel with it."""

from __future__ import annotations

import email
import email.policy
import json
import re
import struct
import zlib
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from services.notifications.letters import WrittenMail
from services.notifications.mail import Renderer
from services.notifications.picturing import pictured
from services.notifications.place_sheet import place_sheet
from services.notifications.programme import MOST_BYTES, Programme, logo_of, programme_of
from services.notifications.settings import NotificationsSettings
from services.notifications.sheets import Sheet, written_sheet
from services.notifications.templates.trying import MOST_BYTES as MOST_HTML
from shared.contracts.model import Language
from shared.contracts.notifications import Audience
from tests.notifications.mails import LETTER, ZANETA, body, session_mail

FUNDING = "Dofinansowane z Unii Europejskiej"
PARTNERS = ("Ministerstwo Klimatu i Środowiska", "Politechnika <i>")


def png(width: int = 400, height: int = 100, filling: int = 0) -> bytes:
    """A whole PNG of this size, as much as a reader of its chunks sees."""
    chunks = (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)), (b"IDAT", bytes(filling)), (b"IEND", b"")
    written = (
        struct.pack(">I", len(one)) + name + one + struct.pack(">I", zlib.crc32(name + one)) for name, one in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


PROGRAMME = programme_of(
    "FEPW.05.02-IP.01-0001/26",
    FUNDING,
    PARTNERS,
    [logo_of(png(), 'Unia "Europejska"'), logo_of(png(200, 200), "Miasto")],
)


def received(sheet_of: str, programme: Programme, language: Language, **more: Any) -> EmailMessage:
    renderer = Renderer(
        sender="p@example.org",
        sender_name="P",
        organiser="o@example.org",
        organiser_name="O",
        programme=programme,
        **more,
    )
    sheet: Sheet = (
        place_sheet(session_mail(language=language), renderer.office)
        if sheet_of == "notice"
        else written_sheet(WrittenMail("circular", language, Audience.TOWN, "Sala", "Inna."), renderer.office)
    )
    wire = renderer.message(renderer.shared(sheet), ZANETA, LETTER)
    assert all(len(line) <= 998 for line in wire.split(b"\r\n"))
    message = email.message_from_bytes(wire, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("frame", ["notice", "written"])
def test_every_mail_says_whose_programme_it_is(frame: str, language: Language) -> None:
    message = received(frame, PROGRAMME, language)
    label = "Numer projektu" if language is Language.PL else "Project number"
    text, html = body(message, "plain"), body(message, "html")
    assert f"{label}: FEPW.05.02-IP.01-0001/26" in text and FUNDING in text
    assert all(partner in " ".join(text.split()) for partner in PARTNERS)
    assert "FEPW.05.02-IP.01-0001/26" in html and "Politechnika &lt;i&gt;" in html and "<i>" not in html


@pytest.mark.parametrize("frame", ["notice", "written"])
def test_logos_travel_with_the_mail_and_say_what_they_show(frame: str) -> None:
    message = received(frame, PROGRAMME, Language.PL)
    html = body(message, "html")
    shown = [
        (name, unescape(what))
        for img in re.findall("<img[^>]*>", html)
        for name in re.findall('src="cid:([^"]+)"', img)
        for what in re.findall('alt="([^"]*)"', img)
    ]
    assert [what for _, what in shown] == ['Unia "Europejska"', "Miasto"]
    carried = {
        part["Content-ID"]: part.get_content() for part in message.walk() if part.get_content_maintype() == "image"
    }
    assert [carried[f"<{name}>"] for name, _ in shown] == [png(), png(200, 200)]
    assert 'width="192" height="48"' in html and 'width="48" height="48"' in html


def test_a_mail_with_a_ticket_carries_both() -> None:
    more: dict[str, Any] = {
        "page_of": lambda mail, person: "https://example.org/p",
        "ticket_of": lambda mail, person: ("TICKET", "https://example.org/in"),
    }
    message = received("notice", PROGRAMME, Language.PL, **more)
    pictures = [part.get_content() for part in message.walk() if part.get_content_maintype() == "image"]
    assert pictures == [pictured("TICKET"), png(), png(200, 200)]
    assert message.get_body(("related",)) is not None


def test_logos_stand_on_white_also_in_the_dark() -> None:
    html = body(received("notice", PROGRAMME, Language.PL), "html")
    dark = html[html.index("prefers-color-scheme: dark") :].split("</style>")[0]
    assert 'class="plate' in html.replace("class='", 'class="') and ".plate" not in dark


def test_without_any_of_it_nothing_of_it_is_shown() -> None:
    message = received("notice", Programme(), Language.PL)
    assert "Numer projektu" not in body(message, "plain") + body(message, "html")
    assert not [part for part in message.walk() if part.get_content_maintype() == "image"]


def test_as_many_logos_as_may_be_keep_the_html_small() -> None:
    most = programme_of(
        "P" * 80, "F" * 400, ["x" * 80] * 12, [logo_of(png(filling=9_000 + n), "L" * 100) for n in range(8)]
    )
    assert len(body(received("notice", most, Language.PL), "html").encode()) < MOST_HTML


# --- refused at start ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"GIF89a", "it is no PNG"),
        (png()[:-20], "cut off"),
        (png()[:20] + b"\xff" + png()[21:], "damaged"),
        (png()[:-12], "not a whole PNG"),
        (png(0), "of nothing"),
        (None, "No such file"),
        (png(filling=MOST_BYTES), "bytes together"),
    ],
    ids=["no PNG", "cut off", "damaged", "no end", "no pixels", "not there", "too large"],
)
def test_a_logo_that_no_mail_can_carry_keeps_the_service_from_starting(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "eu.png"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValidationError, match=why) as refused:
        settings(mail_logos=[{"file": str(file), "shows": "Unia"}])
    assert why == "bytes together" or str(file) in str(refused.value)


def settings(**more: Any) -> NotificationsSettings:
    return NotificationsSettings(database_url=SecretStr("postgresql+asyncpg://nobody@127.0.0.1:9/n"), **more)


@pytest.mark.parametrize(
    "more",
    [
        {"programme_project": "1\r\nBcc: a@b.pl"},
        {"programme_partners": [" "]},
        {"mail_logos": [{"file": "/x.png", "shows": ""}]},
    ],
)
def test_texts_that_no_mail_can_carry_are_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    if "mail_logos" in more:
        (tmp_path / "x.png").write_bytes(png())
        more = {"mail_logos": [{"file": str(tmp_path / "x.png"), "shows": ""}]}
    with pytest.raises(ValidationError):
        settings(**more)


def test_all_of_it_is_said_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "eu.png").write_bytes(png())
    logos = json.dumps([{"file": str(tmp_path / "eu.png"), "shows": "Unia"}])
    for name, value in (("PROJECT", "P-1"), ("FUNDING", FUNDING), ("PARTNERS", json.dumps(PARTNERS))):
        monkeypatch.setenv(f"ROLLCALL_PROGRAMME_{name}", value)
    monkeypatch.setenv("ROLLCALL_MAIL_LOGOS", logos)
    said = settings()
    assert said.programme == programme_of("P-1", FUNDING, PARTNERS, [logo_of(png(), "Unia")])
    monkeypatch.delenv("ROLLCALL_MAIL_LOGOS")
    assert settings().rules.release != said.rules.release, "what a server found too large is tried again without"
