"""How a mail is put together: header texts, encoded parts and the MIME tree. Pure, and knows nothing of trainings."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from email.charset import Charset
from email.header import Header
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.policy import compat32
from email.quoprimime import body_encode
from email.utils import formataddr, quote
from unicodedata import normalize

from shared.contracts.planner import OutsideTask

GIVEN_NAME, FULL_NAME, THEIR_PAGE, MUTE_PAGE = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3"
THEIR_TICKET, ITS_PICTURE, THEIR_CHECK_IN, THEIR_CALENDAR = "\ufdd4", "\ufdd5", "\ufdd6", "\ufdd7"
OTHER_PAGE = "\ufdd8"
"""Where a person goes in the shared texts, the address of their page, of the one where they do without such mails, their ticket, the name
of its picture, the page where they check in with it, the one of their calendar and that of another place of theirs. Unicode noncharacters,
which `one_line` lets nobody else write."""
THEIR_TASKS = {
    OutsideTask.PRE_TEST: "\ufdd9",
    OutsideTask.POST_TEST: "\ufdda",
    OutsideTask.QUESTIONNAIRE: "\ufddb",
}
"""The same for where they fill in what a session asks for."""
_OF_A_PLACE = (THEIR_PAGE, OTHER_PAGE, THEIR_TICKET, ITS_PICTURE, THEIR_CHECK_IN)
PERSONAL = (GIVEN_NAME, FULL_NAME, MUTE_PAGE, THEIR_CALENDAR, *_OF_A_PLACE, *THEIR_TASKS.values())
_MARKS = re.compile(f"([{''.join(PERSONAL)}])")

_REFUSED = re.compile("[\r\n\x00\ud800-\udfff]")
_UNPRINTABLE = re.compile("[\x01-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]+")
"""Controls, some of which Python takes for line ends, direction overrides and noncharacters: MJML refuses to parse them
and `email` would break a header at them."""
_LINE_CHARACTERS = 78
_UTF_8 = Charset("utf-8")
_WORD_CHARACTERS = 72
"""Of an encoded word (RFC 2047: 75) with its header's name, colon and space."""
_ADDRESS = re.compile("([^{0}]+)@([^{0}]+)".format(r"@\s<>\"(),;:\\\[\]\x00-\x1f\x7f-\x9f\ud800-\udfff"))
_MESSAGE_ID = re.compile(r"<[\x21-\x3b=\x3f\x41-\x7e]+@[\x21-\x3b=\x3f\x41-\x7e]+>")
_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}")


def one_line(text: str) -> str:
    """A text as it may stand in a header, a calendar line and MJML. Refuses CR, LF, NUL and unpaired surrogates."""
    if _REFUSED.search(text):
        raise ValueError("a text of a mail must be a single line without CR, LF, NUL or unpaired surrogates")
    return _UNPRINTABLE.sub(" ", text).strip()


def deliverable(email: str, *, by_smtputf8: bool = False) -> str:
    """The address as SMTP without extensions takes it; a domain with letters such as ż is written in its ASCII form. `by_smtputf8`: such
    letters may stand before the @ as well; whether a server carries them it says itself."""
    matched = _ADDRESS.fullmatch(email)
    if matched is None:
        raise ValueError("the address must look like name@domain")
    local, domain = matched.groups()
    if not local.isascii():
        if not by_smtputf8:
            raise ValueError("the part before @ must be ASCII: most servers take no other")
        local = normalize("NFC", one_line(local))
    return f"{local}@{domain.encode('idna').decode('ascii')}"


def encoded(header: str, text: str) -> str:
    """A header text as ASCII: words that need it are encoded, in words short enough to be folded between."""
    if text.isascii():
        return text
    word = _UTF_8.header_encode(text)
    if (
        len(header) + len(word) < _WORD_CHARACTERS
    ):  # As nearly every name: nothing has to be folded, which takes ten times as long.
        return word
    return Header(text, "utf-8", header_name=header).encode(linesep="")


def mailbox(header: str, name: str, address: str) -> str:
    """`name <address>`; the address must be a deliverable one."""
    if not name:
        return address
    if not address.isascii():
        return f'"{quote(name)}" <{address}>' if name.isascii() else f"{encoded(header, name)} <{address}>"
    return formataddr((name, address)) if name.isascii() else f"{encoded(header, name)} <{address}>"


def header(name: str, text: str) -> str:
    """One header with its line end, folded by the standard library if it is long. `text` is ASCII, but for an address: the library would
    encode that, and nobody could read it."""
    line = f"{name}: {text}\n"
    if not text.isascii():
        return line.replace(" <", "\n <")
    return line if len(line) <= _LINE_CHARACTERS else compat32.fold(name, text)


def skeleton(
    method: str | None,
    file_names: tuple[str, ...],
    *,
    with_ticket: bool = False,
    pictures: tuple[tuple[str, bytes], ...] = (),
) -> str:
    """The MIME tree with fields for the encoded bodies, flattened by the standard library: the last headers of the mail,
    an empty line, and the parts. Without a method there is nothing for a calendar. `with_ticket`: the HTML shows one that travels with it,
    as do PNGs by their Content-ID.

    Boundaries hold `=_`, which neither quoted-printable nor base64 can produce, so no body ever holds a boundary.
    """
    alternative = MIMEMultipart("alternative", boundary="=_{boundary}_a")
    alternative.attach(_leaf("text", "plain", "quoted-printable", "{text}", charset="utf-8"))
    html = _leaf("text", "html", "quoted-printable", "{html}", charset="utf-8")
    shown = [_picture("ticket.png", "{picture_id}", "{picture}")] if with_ticket else []
    shown += [
        _picture(f"logo-{number}.png", content_id, in_base64(content))
        for number, (content_id, content) in enumerate(pictures, start=1)
    ]
    alternative.attach(_with_pictures(html, shown) if shown else html)
    if method is None:
        return _flat(alternative)
    alternative.attach(_leaf("text", "calendar", "base64", "{calendar}", charset="utf-8", method=method))
    mixed = MIMEMultipart("mixed", boundary="=_{boundary}_m")
    mixed.attach(alternative)
    for number, file_name in enumerate(file_names):
        # application/ics, not text/calendar: a client that sees two invitations shows two.
        attachment = _leaf("application", "ics", "base64", f"{{{number}}}", name=file_name)
        attachment.add_header("Content-Disposition", "attachment", filename=file_name)
        mixed.attach(attachment)
    del alternative["MIME-Version"]
    return _flat(mixed)


def _with_pictures(html: MIMEBase, pictures: list[MIMEBase]) -> MIMEMultipart:
    related = MIMEMultipart("related", boundary="=_{boundary}_r", type="text/html")
    del related["MIME-Version"]
    for part in (html, *pictures):
        related.attach(part)
    return related


def _picture(file_name: str, content_id: str, field: str) -> MIMEBase:
    picture = _leaf("image", "png", "base64", field, name=file_name)
    picture["Content-ID"] = f"<{content_id}>"
    picture.add_header("Content-Disposition", "inline", filename=file_name)
    return picture


def _flat(tree: MIMEMultipart) -> str:
    return tree.as_string().replace("; boundary=", ";\n boundary=")  # Folded: what goes into the field is long.


def _leaf(main: str, sub: str, encoding: str, field: str, **parameters: str) -> MIMEBase:
    part = MIMEBase(main, sub)
    del part["MIME-Version"]
    for name, value in parameters.items():
        part.set_param(name, value)
    part["Content-Transfer-Encoding"] = encoding
    part.set_payload(field)
    return part


def pieces(text: str) -> tuple[str, ...]:
    """Quoted-printable pieces of a shared text and, between them, the marks of what of one person goes there."""
    return tuple(part if part in PERSONAL else _quoted(part) for part in _MARKS.split(text))


def joined(pieces: tuple[str, ...], names: dict[str, str], escaped: Callable[[str], str]) -> str:
    """Pieces and names as one text. A soft line break may stand anywhere, so each of them is encoded by itself."""
    return "=\n".join(_quoted(escaped(names[piece])) if piece in names else piece for piece in pieces)


def _quoted(text: str) -> str:
    # 75, not 76: there is room for the soft line break that joins the pieces.
    return body_encode(text.encode().decode("latin-1"), maxlinelen=75)


def in_base64(content: bytes) -> str:
    return base64.encodebytes(content).decode("ascii").rstrip("\n")


def known_id(field: str, value: str) -> None:
    if not _ID.fullmatch(value):
        raise ValueError(f"{field} must be an id: up to 64 of A-Z a-z 0-9 . _ : -")


def known_message_id(value: str) -> None:
    if not _MESSAGE_ID.fullmatch(value) or len(value) > 250:
        raise ValueError("message_id must look like <left@right>")
