"""Every mail there is, as receivers weigh it and readers see it: nothing is held against it, it is shown whole, and in the dark it is read."""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import subprocess
from email.message import EmailMessage
from html.parser import HTMLParser

import pytest

from services.notifications.kinds import KINDS
from services.notifications.picturing import pictured
from services.notifications.templates.trying import MOST_BYTES
from tests.notifications.every_mail import Sent, every_mail, with_logo
from tests.notifications.mails import body

SPAMASSASSIN = shutil.which("spamassassin")
SCORE = re.compile(
    rb"^X-Spam-Status: \w+, score=(-?[\d.]+) required=[\d.]+\s+tests=([\w,\s]+?)\s+autolearn", re.MULTILINE
)
ALL = list(every_mail(with_logo(pictured("a logo"))))
NEAR_ZERO = 0.1


def weighed(mails: list[Sent]) -> list[tuple[float, str]]:
    """What its local rules give for each, and which: it asks no network, learns nothing, and knows nobody."""
    assert SPAMASSASSIN is not None
    box = b"".join(
        b"From x@y Thu Oct  1 08:15:02 2026\n" + one.message.replace(b"\r\n", b"\n") + b"\n" for one in mails
    )
    command = [SPAMASSASSIN, "--local", "--nocreate-prefs", "--prefs-file=/dev/null", "--cf=use_bayes 0", "--mbox"]
    judged = subprocess.run(command, input=box, capture_output=True, check=True, timeout=900)
    return [(float(score), b" ".join(tests.split()).decode()) for score, tests in SCORE.findall(judged.stdout)]


@pytest.mark.long
@pytest.mark.skipif(SPAMASSASSIN is None, reason="there is no SpamAssassin on this machine")
def test_nothing_is_held_against_any_mail() -> None:
    found = weighed(ALL)
    assert len(found) == len(ALL)
    heavy = {f"{one.name} {one.language}": why for one, why in zip(ALL, found, strict=True) if abs(why[0]) > NEAR_ZERO}
    assert heavy == {}


@pytest.mark.long
@pytest.mark.skipif(SPAMASSASSIN is None, reason="there is no SpamAssassin on this machine")
def test_what_would_be_held_against_one_is_found() -> None:
    shouted = ALL[0].message.replace(b"Subject: ", b"Subject: URGENT business: FREE MONEY $$$ ", 1)
    ((score, _),) = weighed([Sent("shouted", ALL[0].language, lambda: shouted)])
    assert score > NEAR_ZERO


def test_every_letter_of_every_kind_is_among_them() -> None:
    there_is = {letter for kind in KINDS.values() for letter in kind.letters}
    assert {email.message_from_bytes(sent.message)["X-Rollcall-Notice-Kind"] for sent in ALL} == there_is


@pytest.mark.parametrize("sent", ALL, ids=lambda one: f"{one.name} {one.language}")
def test_every_mail_is_light_and_shows_whose_programme_it_is(sent: Sent) -> None:
    message = email.message_from_bytes(sent.message, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    html = body(message, "html")
    assert len(html.encode()) < MOST_BYTES
    assert "FEPW.05.02-IP.01-0001/26" in html and 'alt="Unia Europejska"' in html
    assert not any(brace in body(message, "plain") for brace in "{}"), "every name is filled in"
    assert "{{" not in html and "{given" not in html


VOID = ("img", "br", "meta", "link", "hr")


class _Colours(HTMLParser):
    """What is written in a colour of its own, and what of it stays so in the dark."""

    def __init__(self) -> None:
        super().__init__()
        self.above: list[tuple[str, set[str]]] = []
        self.left_dark: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        classes = set((said.get("class") or "").split())
        style = said.get("style") or ""
        is_text = tag in ("p", "a", "h1", "h2", "li", "span", "b", "s")
        is_shown = "display:none" not in style and "background" not in style
        around = set[str]().union(*(one for _, one in self.above))
        lightens = classes & {"ink", "soft", "accent"} or tag in ("h1", "h2", "li") or (tag == "a" and "soft" in around)
        is_coloured = re.search(r"(?<![-\w])color:", style) is not None
        if is_text and is_shown and is_coloured and not lightens and "plate" not in around:
            self.left_dark.append(self.get_starttag_text() or tag)
        if tag not in VOID:
            self.above.append((tag, classes))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            while self.above.pop()[0] != tag:
                pass


@pytest.mark.parametrize("sent", ALL, ids=lambda one: f"{one.name} {one.language}")
def test_nothing_is_dark_on_dark(sent: Sent) -> None:
    message = email.message_from_bytes(sent.message, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    colours = _Colours()
    colours.feed(body(message, "html"))
    assert colours.left_dark == []
