"""Mails with which calendars answer an invitation, as the programs send them; what is personal in them is made up."""

from __future__ import annotations

import base64
import datetime as dt

UID = "0f8b1f1e-7a51-5f0e-9a57-000000000001"
ORGANISER = "kalendarz+0123-abcd@odbicia.example.org"
STAMP = "20261121T091500Z"


def calendar(
    partstat: str = "ACCEPTED",
    *,
    uid: str = UID,
    method: str | None = "REPLY",
    sequence: int | None = 0,
    stamp: str | None = STAMP,
    attendee: str = "MAILTO:Jan@Example.org",
    name: str | None = "Jan Kowalski",
    more: str = "",
    events: int = 1,
) -> str:
    """The calendar object alone."""
    called = f";CN={name}" if name is not None else ""
    lines = ["BEGIN:VCALENDAR", "PRODID:-//Example//Calendar//EN", "VERSION:2.0"]
    lines += [f"METHOD:{method}"] if method else []
    for _ in range(events):
        lines += ["BEGIN:VEVENT", f"UID:{uid}", f"ATTENDEE;PARTSTAT={partstat}{called}:{attendee}"]
        lines += [f"DTSTAMP:{stamp}"] if stamp else []
        lines += [f"SEQUENCE:{sequence}"] if sequence is not None else []
        lines += [f"ORGANIZER:mailto:{ORGANISER}", "DTSTART:20261123T080000Z", *more.splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def alone(content: str, *, headers: str = "", charset: str = "utf-8") -> bytes:
    """A mail that is the calendar object and nothing else."""
    head = f"From: Jan <jan@example.org>\r\nSubject: Accepted\r\n{headers}MIME-Version: 1.0\r\n"
    head += (
        f'Content-Type: text/calendar; charset="{charset}"; method=REPLY\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    return head.encode() + base64.encodebytes(content.encode(charset)).replace(b"\n", b"\r\n")


def gmail(content: str) -> bytes:
    """multipart/mixed of an alternative, with the object once as text/calendar and once as a file."""
    encoded = base64.encodebytes(content.encode()).decode()
    return f"""From: Jan Kowalski <jan@example.org>
To: {ORGANISER}
Subject: Accepted: Szkolenie @ Mon Nov 23, 2026
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="m"

--m
Content-Type: multipart/alternative; boundary="a"

--a
Content-Type: text/plain; charset="UTF-8"; format=flowed; delsp=yes
Content-Transfer-Encoding: base64

{base64.encodebytes("Jan Kowalski przyjął to zaproszenie.".encode()).decode()}
--a
Content-Type: text/html; charset="UTF-8"

<p>accepted</p>
--a
Content-Type: text/calendar; charset="UTF-8"; method=REPLY
Content-Transfer-Encoding: 7bit

{content.replace(chr(13), "")}
--a--
--m
Content-Type: application/ics; name="invite.ics"
Content-Disposition: attachment; filename="invite.ics"
Content-Transfer-Encoding: base64

{encoded}
--m--
""".replace("\n", "\r\n").encode()


def outlook(content: str) -> bytes:
    """multipart/alternative of an empty text and the object in base64."""
    return f"""From: "Kowalski Jan (UM)" <jan@example.org>
To: Biuro <{ORGANISER}>
Subject: =?utf-8?B?{base64.b64encode(b"Zaakceptowane: Szkolenie").decode()}?=
Thread-Topic: Szkolenie
Content-Language: pl-PL
X-MS-Has-Attach:
Content-Type: multipart/alternative; boundary="_000_x_"
MIME-Version: 1.0

--_000_x_
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: base64


--_000_x_
Content-Type: text/calendar; charset="utf-8"; method=REPLY
Content-Transfer-Encoding: base64

{base64.encodebytes(content.encode()).decode()}
--_000_x_--
""".replace("\n", "\r\n").encode()


def apple(content: str) -> bytes:
    """multipart/mixed of a sentence and a file that is text/calendar, in quoted-printable."""
    return f"""From: Jan Kowalski <jan@example.org>
To: {ORGANISER}
Subject: Jan Kowalski accepted
Mime-Version: 1.0 (Mac OS X Mail)
Content-Type: multipart/mixed; boundary="Apple-Mail=_1"

--Apple-Mail=_1
Content-Type: text/plain; charset=us-ascii

Jan Kowalski has accepted your invitation.
--Apple-Mail=_1
Content-Disposition: attachment; filename=iCal-1.ics
Content-Type: text/calendar; method=REPLY; x-unix-mode=0644; name="iCal-1.ics"
Content-Transfer-Encoding: quoted-printable

{content.replace(chr(13), "").replace("=", "=3D")}
--Apple-Mail=_1--
""".replace("\n", "\r\n").encode()


def stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
