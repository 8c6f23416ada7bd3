"""What a participant reads: one notice rendered as a mail in plain text, HTML and calendar form.

Pure but for the templates, which are read once when a `Renderer` is made: no clock, no ids, no network. Rendering has
two steps, because most of a mail is the same for everyone in a session: `Renderer.shared` renders that part once,
`Renderer.message` puts one person in. What is put in is escaped and transfer-encoded by itself and joined at soft line
breaks, never searched and replaced.
"""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Callable
from email.utils import format_datetime
from functools import partial

import mrml
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import escape

from services.notifications.calendar import Layout, person_lines
from services.notifications.invitation import invitation_of, place_lines
from services.notifications.letters import Letter, Recipient, SessionMail
from services.notifications.mime import (
    FULL_NAME,
    GIVEN_NAME,
    THEIR_PAGE,
    deliverable,
    encoded,
    header,
    in_base64,
    joined,
    known_id,
    known_message_id,
    mailbox,
    one_line,
    pieces,
    skeleton,
)
from services.notifications.templates.timetable import dates_told, days_told
from services.notifications.templates.words import CALENDAR_STEPS, FOLDER, Notice, Words, load_words
from shared.contracts.model import Language
from shared.contracts.notifications import NoticeKind
from shared.values import immutable

SUBJECT_TOPIC_CHARACTERS = 90
_WRITTEN_OUT = f'href="\\u{{{ord(THEIR_PAGE):x}}}"'


@immutable
class Prepared:
    """The shared part of a session's mails: a value, good for as long as the `SessionMail` it was made of is."""

    session_id: str
    headers: str
    """Those that are the same for everyone, as lines."""
    skeleton: str
    """The MIME headers and parts as `str.format` text: boundary, text, html, calendar and one field for each file."""
    text: tuple[str, ...]
    html: tuple[str, ...]
    """Alternately a quoted-printable piece and the mark of the name that follows it."""
    calendar: Layout
    files: tuple[Layout, ...]
    page_of: Callable[[str], str] | None
    """The address of a person's own page; None: the mail leads to none."""


class Renderer:
    """Renders notices on behalf of one office; keep one for the life of the process.

    `organiser` answers questions and replies and is the ORGANIZER of every calendar entry: calendars drop changes and
    cancellations that come from anyone else, so it must outlive the sessions. Raises ValueError for settings that no
    mail could carry.
    """

    def __init__(
        self,
        *,
        sender: str,
        sender_name: str,
        organiser: str,
        organiser_name: str,
        base_url: str | None = None,
        page_of: Callable[[SessionMail, str], str] | None = None,
    ) -> None:
        if base_url is not None and not re.fullmatch(r"https?://[\x21-\x7e]+", base_url):
            raise ValueError("base_url must be an http or https address")
        self._from = mailbox("From", one_line(sender_name), deliverable(sender))
        self._organiser = deliverable(organiser)
        self._organiser_name = one_line(organiser_name)
        self._reply_to = mailbox("Reply-To", self._organiser_name, self._organiser)
        self._base_url = base_url
        self._page_of = page_of
        self._words = {language: load_words(language) for language in Language}
        environment = Environment(
            loader=FileSystemLoader(FOLDER),
            autoescape=select_autoescape(enabled_extensions=("mjml",), disabled_extensions=("txt",), default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            auto_reload=False,
        )
        self._text = environment.get_template("notice.txt")
        self._mjml = environment.get_template("notice.mjml")
        # Comments off keeps mails small; no fonts: nothing is fetched from anywhere when a mail is opened.
        self._mjml_options = mrml.RenderOptions(disable_comments=True, fonts={})

    def shared(self, mail: SessionMail) -> Prepared:
        """Renders what all mails of `mail` share. Raises ValueError for values that no mail could carry."""
        words = self._words[mail.language]
        known_id("session_id", mail.session_id)
        if not mail.meetings:
            raise ValueError("a notice needs at least one meeting")
        topic, place = one_line(mail.topic_name), _place(mail)
        told = mail.told if mail.kind is NoticeKind.CHANGE else ()
        days = days_told(mail.meetings, tuple(one.meetings for one in told), words)
        place_before = _place_before(mail)
        notice = _notice(mail, words, moved=not all(day.unchanged for day in days), elsewhere=place_before is not None)
        invitation = invitation_of(mail, words, topic, place, self._organiser, self._organiser_name)
        subject = notice.subject.format(
            topic=textwrap.shorten(topic, SUBJECT_TOPIC_CHARACTERS, placeholder=" …"),
            dates=dates_told(mail.meetings, words.locale),
        )
        # Whose place is gone has nothing to do on a page about it; a page that is open says so by itself.
        page_of = None if mail.kind is NoticeKind.CANCELLATION or self._page_of is None else self._page_of
        shown = {
            "language": mail.language.value,
            "kind": mail.kind.value,
            "subject": subject,
            "preview": f"{next(day.text for day in days if not day.dropped)} · {place[0]}",
            "notice": notice,
            "steps": [
                text for step in notice.steps for text in (invitation.steps if step == CALENDAR_STEPS else (step,))
            ],
            "greeting": words.greeting.format(given_name=GIVEN_NAME),
            "full_name": FULL_NAME,
            "topic": topic,
            "session_kind": words.session_kinds[mail.session_kind],
            "labels": words.labels,
            "when_label": notice.when or words.labels.when,
            "where_label": notice.where or words.labels.where,
            "days": days,
            "place": place,
            "place_before": place_before,
            "next_steps": words.next_steps,
            "reason": words.reason,
            "questions": words.questions,
            "organiser": self._organiser,
            "organiser_name": self._organiser_name,
            "base_url": self._base_url,
            "their_page": THEIR_PAGE if page_of else None,
        }
        html = mrml.to_html(self._mjml.render(shown), None, self._mjml_options).content
        # mrml writes the mark out where it is an attribute; in a text nobody could write `href="`.
        html = html.replace(_WRITTEN_OUT, f'href="{THEIR_PAGE}"')
        headers = (
            ("From", self._from),
            ("Reply-To", self._reply_to),
            ("Subject", encoded("Subject", subject)),
            ("Auto-Submitted", "auto-generated"),
            # Exchange does not look at Auto-Submitted when it decides whether to send out-of-office replies.
            ("X-Auto-Response-Suppress", "OOF, AutoReply"),
            ("Content-Language", mail.language.value),
            ("X-Rollcall-Notice-Kind", mail.kind.value),
        )
        return Prepared(
            session_id=mail.session_id,
            headers="".join(header(name, value) for name, value in headers),
            skeleton=skeleton(invitation.calendar.method.value, invitation.file_names),
            text=pieces(self._text.render(shown)),
            html=pieces(html),
            calendar=invitation.calendar,
            files=invitation.files,
            page_of=partial(page_of, mail) if page_of else None,
        )

    def message(self, prepared: Prepared, recipient: Recipient, letter: Letter) -> bytes:
        """One person's mail as it travels, ASCII with CRLF: the same values always give the same bytes.

        Raises ValueError for what could never be delivered or would change the headers: trying again does not help.
        """
        known_id("person_id", recipient.person_id)
        known_id("notice_id", letter.notice_id)
        known_message_id(letter.message_id)
        if letter.stated_at.tzinfo is None:
            raise ValueError("stated_at must have a time zone")
        given_name = one_line(recipient.given_name)
        full_name = f"{given_name} {one_line(recipient.family_name)}".strip()
        address = deliverable(recipient.email)

        lines = person_lines(prepared.session_id, recipient.person_id, full_name, address, letter.stated_at)
        calendar = in_base64(prepared.calendar.for_person(lines))
        files = (
            calendar if file is prepared.calendar else in_base64(file.for_person(lines)) for file in prepared.files
        )
        names = {GIVEN_NAME: given_name, FULL_NAME: full_name}
        if prepared.page_of is not None:
            names[THEIR_PAGE] = prepared.page_of(recipient.person_id)
        body = prepared.skeleton.format(
            *files,
            boundary=letter.notice_id,
            text=joined(prepared.text, names, str),
            html=joined(prepared.html, names, escape),
            calendar=calendar,
        )
        message = (
            header("Message-ID", letter.message_id)
            + header("Date", format_datetime(letter.stated_at.astimezone(dt.UTC)))
            + prepared.headers
            + header("To", mailbox("To", full_name, address))
            + header("X-Rollcall-Notice", letter.notice_id)
            + body
        )
        return message.replace("\n", "\r\n").encode("ascii")


def _notice(mail: SessionMail, words: Words, *, moved: bool, elsewhere: bool) -> Notice:
    """The words for what happened."""
    notices = words.notices
    match mail.kind:
        case NoticeKind.CONFIRMATION:
            return notices.confirmation
        case NoticeKind.CANCELLATION:
            return notices.session_cancelled if mail.session_cancelled else notices.place_cancelled
        case NoticeKind.CHANGE:
            if moved:
                return notices.change_both if elsewhere else notices.change_when
            return notices.change_where if elsewhere else notices.change_other


def _place(mail: SessionMail) -> tuple[str, ...]:
    """Venue, address and town, one a line; the town is left out where the address says it."""
    lines = [one_line(mail.venue)]
    if mail.address:
        lines.append(one_line(mail.address))
    city = one_line(mail.city_name)
    if not re.search(rf"\b{re.escape(city)}\b", " ".join(lines), re.IGNORECASE):
        lines.append(city)
    return tuple(lines)


def _place_before(mail: SessionMail) -> str | None:
    """The earlier place, when a change mail is about another one."""
    if mail.kind is not NoticeKind.CHANGE:
        return None
    now = (mail.venue, mail.address or None)
    others = [one for one in mail.told if one.venue is not None and (one.venue, one.address or None) != now]
    return "; ".join(dict.fromkeys(", ".join(place_lines(one)) for one in others)) or None
