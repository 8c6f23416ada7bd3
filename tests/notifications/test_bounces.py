"""What comes back, as servers of all kinds put it; the addresses in it are never read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.bounces import LEVELS, NOT_KNOWN, Bounce, read

REPORT = """From: MAILER-DAEMON@mx.example.com
To: bounce@rollcall.example.org
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=B

--B

This is the mail system at host mx.example.com. 4.2.1 is the kernel's version.

--B
Content-Type: {kind}

Reporting-MTA: dns; mx.example.com
Arrival-Date: Fri, 27 Nov 2026 01:00:00 +0000

{fields}

--B
Content-Type: message/rfc822

Subject: ours
X-Rollcall-Notice: notice-1

Status: 5.1.1
--B--
"""


def report(fields: str, kind: str = "message/delivery-status") -> bytes:
    return REPORT.format(fields=fields, kind=kind).encode()


def wild(
    text: str,
    *,
    sender: str = "Mail Delivery System <MAILER-DAEMON@x>",
    subject: str = "failure notice",
    more: str = "",
) -> bytes:
    return f"From: {sender}\nSubject: {subject}\n{more}Content-Type: text/plain; charset=utf-8\n\n{text}\n".encode()


def status(content: bytes, mail_from: str | None = "") -> str | None:
    found = read(content, mail_from=mail_from)
    return found.status if found is not None else None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            "Final-Recipient: rfc822; a@x\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user",
            "5.1.1",
        ),
        ("Final-Recipient: rfc822; a@x\nAction: failed (no)\nStatus: 5.2.2 (full)", "5.2.2"),
        ("Final-Recipient: rfc822; a@x\nACTION: Failed\nStatus: 4.4.7", "4.4.7"),
        ("Final-Recipient: rfc822; a@x\nAction: failed\nDiagnostic-Code: smtp; 550 no such user", "5.1.1"),
        ("Final-Recipient: rfc822; a@x\nAction: failed", NOT_KNOWN),
        ("Final-Recipient: rfc822; a@x\nStatus: 5.1.10", "5.1.10"),
        ("Final-Recipient: rfc822; a@x\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: X-Notes; nie ma", "5.0.0"),
        ("Final-Recipient: rfc822; a@x\nAction: delayed\nStatus: 4.4.1", None),
        ("Final-Recipient: rfc822; a@x\nAction: delivered\nStatus: 2.1.5", None),
        ("Final-Recipient: rfc822; a@x\nAction: relayed\nStatus: 2.0.0", None),
        ("Final-Recipient: rfc822; a@x\nAction: expanded\nStatus: 2.0.0", None),
    ],
)
def test_a_report_says_by_its_fields_whether_a_mail_came_back_and_why(fields: str, expected: str | None) -> None:
    assert status(report(fields)) == expected
    assert status(report(fields).replace(b"\n", b"\r\n")) == expected
    assert status(report(fields, "message/global-delivery-status")) == expected


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (wild("Hi. This is the qmail-send program.\n<a@x>:\n550 5.1.1 unknown user"), "5.1.1"),
        (
            wild(
                "Nie można dostarczyć wiadomości: skrzynka nie istnieje.\n#5.1.1#", subject="=?utf-8?q?Nie_mo=C5=BCna?="
            ),
            "5.1.1",
        ),
        (wild("Die E-Mail konnte nicht zugestellt werden. 552 Postfach voll"), "5.2.2"),
        (wild("said: 550-no such user here"), "5.1.1"),
        (wild("Sorry. No reason at all."), NOT_KNOWN),
        (wild("from 10.4.5.5.1 and 5.1.1.1 and kernel 4.19.0.21"), NOT_KNOWN),
        (wild("550 unknown", sender="someone@x", more="X-Failed-Recipients: a@x\n"), "5.1.1"),
        (wild("unknown", more="Auto-Submitted: auto-replied\nX-Failed-Recipients: a@x\n"), NOT_KNOWN),
    ],
    ids=lambda value: None if isinstance(value, bytes) else str(value),
)
def test_a_report_of_words_alone_counts_if_a_server_says_it(content: bytes, expected: str) -> None:
    assert status(content) == expected


@pytest.mark.parametrize(
    ("content", "mail_from"),
    [
        (wild("Jestem na urlopie. 550 5.1.1", sender="Jan <jan@x>", more="Auto-Submitted: auto-replied\n"), ""),
        (wild("On holiday until 5.1.1", sender="Jan <jan@x>"), "jan@x"),
        (wild("On holiday", sender="postmaster@x", more="X-Autoreply: yes\n"), ""),
        (wild("Could not be delivered for four hours, 4.4.1", subject="Warning: message delayed 4 hours"), ""),
        (wild("4.4.1", subject="=?utf-8?q?Op=C3=B3=C5=BAnione?="), ""),
        (
            wild(
                "our own mail, from a loop",
                sender="postmaster@x",
                more="X-Rollcall-Notice: notice-1\nAuto-Submitted: auto-generated\n",
            ),
            "",
        ),
        (wild("Buy 5.1.1", sender="spam@x"), "spam@x"),
        (wild("550 5.1.1 says anybody", sender="MAILER-DAEMON@x"), "anybody@x"),
        (b"", ""),
        (b"\xff\xfe\x00", ""),
        (
            b"Content-Type: multipart/mixed; boundary=B\n\n"
            + b"--B\nContent-Type: multipart/mixed; boundary=B\n\n" * 3000,
            "",
        ),
    ],
    ids=str,
)
def test_what_is_no_report_is_none(content: bytes, mail_from: str) -> None:
    assert status(content, mail_from) is None


def test_a_report_in_parts_within_parts_is_found_only_so_deep() -> None:
    inner = b"Content-Type: message/delivery-status\n\nX: y\n\nAction: failed\nStatus: 5.1.1\n"
    for depth, expected in ((3, "5.1.1"), (LEVELS + 5, None)):
        content = inner
        for level in range(depth):
            content = b"From: x@y\nContent-Type: multipart/mixed; boundary=B%d\n\n--B%d\n%b\n--B%d--\n" % (
                level,
                level,
                content,
                level,
            )
        assert status(content) == expected


@pytest.mark.parametrize(
    ("code", "for_good"),
    [
        ("5.1.1", True), ("5.1.10", True), ("5.2.1", True), ("5.0.0", True),
        ("5.2.2", False), ("5.7.1", False), ("5.4.4", False), ("5.1.8", False), ("5.6.1", False), ("4.2.2", False), (NOT_KNOWN, False),
    ],
)  # fmt: skip
def test_only_what_is_the_addresss_own_fault_is_for_good(code: str, for_good: bool) -> None:
    assert Bounce(code).is_for_good is for_good


@given(st.binary(max_size=400), st.sampled_from([b"", report("Action: failed"), wild("550 x")]), st.integers(0, 300))
def test_whatever_comes_it_is_read_to_an_end(noise: bytes, base: bytes, at: int) -> None:
    found = read(base[:at] + noise + base[at:], mail_from="")
    assert found is None or Bounce(found.status).is_for_good in (True, False)
