"""Every mail there is, as receivers weigh it: nothing that SpamAssassin counts against it, and light enough to be shown whole."""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import subprocess
from email.message import EmailMessage

import pytest

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
    ((score, _),) = weighed([Sent("shouted", ALL[0].language, shouted)])
    assert score > NEAR_ZERO


@pytest.mark.parametrize("sent", ALL, ids=lambda one: f"{one.name} {one.language}")
def test_every_mail_is_light_and_shows_whose_programme_it_is(sent: Sent) -> None:
    message = email.message_from_bytes(sent.message, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    html = body(message, "html")
    assert len(html.encode()) < MOST_BYTES
    assert "FEPW.05.02-IP.01-0001/26" in html and 'alt="Unia Europejska"' in html
    assert not any(brace in body(message, "plain") for brace in "{}"), "every name is filled in"
    assert "{{" not in html and "{given" not in html
