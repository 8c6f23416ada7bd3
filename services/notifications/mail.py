"""What a participant reads: one notice rendered as a mail in plain text, HTML and calendar form.

Pure but for the templates, which are read once when a `Renderer` is made: no clock, no ids, no network. Rendering has
two steps, because most of a mail is the same for everyone in a session: `Renderer.shared` renders that part once,
`Renderer.message` puts one person in. What is put in is escaped and transfer-encoded by itself and joined at soft line
breaks, never searched and replaced.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import replace
from email.utils import format_datetime
from functools import lru_cache, partial

from markupsafe import escape

from services.notifications.calendar import Attendee, Layout, Organiser, person_lines
from services.notifications.letters import BriefMail, Letter, PlaceMail, Recipient
from services.notifications.mime import (
    FULL_NAME,
    GIVEN_NAME,
    ITS_PICTURE,
    MUTE_PAGE,
    OTHER_PAGE,
    THEIR_CALENDAR,
    THEIR_CHECK_IN,
    THEIR_PAGE,
    THEIR_TASKS,
    THEIR_TICKET,
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
from services.notifications.picturing import PICTURE, pictured
from services.notifications.programme import NOBODYS, Programme
from services.notifications.sheets import Feed, Office, Sheet
from services.notifications.tasks import link_of
from services.notifications.templates.frames import environment_of, html_of
from services.notifications.templates.shown import FORMS, Links, context_of
from services.notifications.templates.wording import OURS, Wording
from shared.contracts.model import Language
from shared.contracts.notifications import Mutable
from shared.contracts.planner import OutsideTask
from shared.values import immutable


@immutable
class Prepared:
    """The shared part of a session's mails: a value, good for as long as what it was made of is."""

    session_id: str | None
    headers: str
    """Those that are the same for everyone, as lines."""
    skeleton: str
    """The MIME headers and parts as `str.format` text: boundary, text, html, calendar and one field for each file."""
    text: tuple[str, ...]
    html: tuple[str, ...]
    """Alternately a quoted-printable piece and the mark of the name that follows it."""
    calendar: Layout | None
    files: tuple[Layout, ...]
    is_heard: bool
    is_asked: bool
    """What a calendar answers is read, and waited for."""
    page_of: Callable[[str], str] | None
    """The address of a person's own page; None: the mail leads to none."""
    other_page_of: Callable[[str], str] | None = None
    """The same of the other session that the mail is about; None: it is about one, or leads to none."""
    ticket_of: Callable[[str], tuple[str, str]] | None = None
    """A person's own ticket, and where they check in with it; None: the mail carries none."""
    calendar_of: Callable[[str], str] | None = None
    """Where a person finds what their calendar may fetch; None: the mail leads to none."""
    mute_of: Callable[[str], str] | None = None
    """Where a person does without such mails; None: nobody may, or mails lead nowhere."""
    tasks_of: Callable[[str], dict[str, str]] | None = None
    """Where a person fills in what the mail asks for, by its mark; None: it asks for nothing."""
    entry_of: str | None = None
    """Whose calendar entry it is; None: of whoever the mail goes to."""


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
        page_of: Callable[[PlaceMail | BriefMail, str], str] | None = None,
        ticket_of: Callable[[PlaceMail | BriefMail, str], tuple[str, str]] | None = None,
        mute_of: Callable[[Mutable, Language, str], str] | None = None,
        code_of: Callable[[str, str], str] | None = None,
        calendar_of: Callable[[Feed, Language, str], str] | None = None,
        answers_at: Callable[[str, str], str] | None = None,
        wording: Wording = OURS,
        programme: Programme = NOBODYS,
    ) -> None:
        if base_url is not None and not re.fullmatch(r"https?://[\x21-\x7e]+", base_url):
            raise ValueError("base_url must be an http or https address")
        self._from = mailbox("From", one_line(sender_name), deliverable(sender))
        self._organiser = deliverable(organiser)
        self._organiser_name = one_line(organiser_name)
        self._reply_to = mailbox("Reply-To", self._organiser_name, self._organiser)
        self._calendar_of, self._answers_at = calendar_of, answers_at
        hears = answers_at is not None
        self.office = Office(self._organiser, self._organiser_name, base_url, wording, programme, hears)
        self._page_of, self._ticket_of, self._mute_of, self._code_of = page_of, ticket_of, mute_of, code_of
        self._frames = environment_of(wording.folder)

    def shared(self, sheet: Sheet) -> Prepared:
        """Renders what all mails of a sheet share. Raises ValueError for values that no mail could carry."""
        text, mjml = (self._frames.get_template(f"{sheet.template}.{form}") for form in FORMS)
        page_of = partial(self._page_of, sheet.page) if self._page_of is not None and sheet.page is not None else None
        also = sheet.page.also if isinstance(sheet.page, BriefMail) else None
        other_page_of = partial(self._page_of, also) if self._page_of is not None and also is not None else None
        ticket_of = partial(self._ticket_of, sheet.ticket) if self._ticket_of and sheet.ticket else None
        feed, words = sheet.feed, self.office.wording.common[sheet.language]
        calendar_of = partial(self._calendar_of, feed, sheet.language) if self._calendar_of and feed else None
        mute_of = partial(self._mute_of, sheet.mutes, sheet.language) if self._mute_of and sheet.mutes else None
        links = Links(
            their_page=THEIR_PAGE if page_of else None,
            other_page=OTHER_PAGE if other_page_of else None,
            ticket=THEIR_TICKET if ticket_of else None,
            check_in=THEIR_CHECK_IN if ticket_of else None,
            picture=PICTURE,
        )
        if mute_of is not None and sheet.mutes is not None:
            links = replace(links, mute_page=MUTE_PAGE, mute_label=words.mute[sheet.mutes])
        if calendar_of is not None and feed is not None:
            label = words.feed.town_label if feed.city_id is not None else words.feed.own_label
            links = replace(links, calendar_page=THEIR_CALENDAR, calendar_label=label)
        shown = context_of(sheet.shown, links)
        if page_of is None and sheet.steps_without_page:
            shown["steps"] = list(sheet.steps_without_page)
        html = html_of(mjml.render(shown))
        headers = (
            ("From", self._from),
            ("Reply-To", self._reply_to),
            ("Subject", encoded("Subject", sheet.subject)),
            ("Auto-Submitted", "auto-generated"),
            # Exchange does not look at Auto-Submitted when it decides whether to send out-of-office replies.
            ("X-Auto-Response-Suppress", "OOF, AutoReply"),
            ("Content-Language", sheet.language.value),
            ("X-Rollcall-Notice-Kind", sheet.letter),
        )
        invitation = sheet.invitation
        return Prepared(
            session_id=sheet.session_id,
            headers="".join(header(name, value) for name, value in headers),
            skeleton=skeleton(
                invitation.calendar.method.value if invitation else None,
                invitation.file_names if invitation else (),
                with_ticket=ticket_of is not None,
                pictures=tuple((logo.content_id, logo.content) for logo in self.office.programme.logos),
            ),
            text=pieces(text.render(shown)),
            html=pieces(html),
            calendar=invitation.calendar if invitation else None,
            files=invitation.files if invitation else (),
            is_heard=invitation is not None and invitation.is_heard,
            is_asked=invitation is not None and invitation.is_asked,
            page_of=page_of,
            other_page_of=other_page_of,
            ticket_of=ticket_of,
            calendar_of=calendar_of,
            mute_of=mute_of,
            tasks_of=partial(self._tasks, sheet.tasks_of, sheet.tasks) if sheet.tasks_of and sheet.tasks else None,
            entry_of=sheet.entry_of,
        )

    def _tasks(self, session_id: str, tasks: tuple[tuple[OutsideTask, str], ...], person_id: str) -> dict[str, str]:
        """Where each is, with this person's code, if there is a field for it."""
        if self._code_of is None:
            raise RuntimeError("a link with somebody's code was asked for before there was a key")
        code = self._code_of(session_id, person_id)
        return {THEIR_TASKS[task]: link_of(link, code) for task, link in tasks}

    def message(self, prepared: Prepared, recipient: Recipient, letter: Letter) -> bytes:
        """One person's mail as it travels, with CRLF, and ASCII but for an address that is not: the same values always give the same bytes.

        Raises ValueError for what could never be delivered or would change the headers: trying again does not help.
        """
        known_id("person_id", recipient.person_id)
        known_id("notice_id", letter.notice_id)
        known_message_id(letter.message_id)
        if letter.stated_at.tzinfo is None:
            raise ValueError("stated_at must have a time zone")
        given_name = one_line(recipient.given_name)
        full_name = f"{given_name} {one_line(recipient.family_name)}".strip()
        address = deliverable(recipient.email, by_smtputf8=True)

        whose = prepared.entry_of or recipient.person_id
        calendar, files = self._for_calendar(prepared, whose, full_name, address, letter.stated_at)
        names = {GIVEN_NAME: given_name, FULL_NAME: full_name}
        if prepared.page_of is not None:
            names[THEIR_PAGE] = prepared.page_of(recipient.person_id)
        if prepared.other_page_of is not None:
            names[OTHER_PAGE] = prepared.other_page_of(recipient.person_id)
        if prepared.calendar_of is not None:
            names[THEIR_CALENDAR] = prepared.calendar_of(recipient.person_id)
        picture, picture_id = "", f"ticket.{letter.message_id[1:-1]}"
        if prepared.ticket_of is not None:
            ticket, check_in = prepared.ticket_of(recipient.person_id)
            names |= {THEIR_TICKET: ticket, ITS_PICTURE: picture_id, THEIR_CHECK_IN: check_in}
            picture = in_base64(pictured(ticket))
        mute = prepared.mute_of(recipient.person_id) if prepared.mute_of is not None else None
        if mute is not None:
            names[MUTE_PAGE] = mute
        if prepared.tasks_of is not None:
            names |= prepared.tasks_of(recipient.person_id)
        body = prepared.skeleton.format(
            *files,
            boundary=letter.notice_id,
            picture=picture,
            picture_id=picture_id,
            text=joined(prepared.text, names, str),
            html=joined(prepared.html, names, escape),
            calendar=calendar,
        )
        message = (
            header("Message-ID", letter.message_id)
            + _date(letter.stated_at)
            + prepared.headers
            + header("To", mailbox("To", full_name, address))
            + header("X-Rollcall-Notice", letter.notice_id)
            + _instead(letter.instead_of)
            + _thread(letter.thread)
            + _unsubscribe(mute if letter.instead_of is None else None)  # Nobody else does without their mails.
            + body
        )
        return message.replace("\n", "\r\n").encode("utf-8")

    def _for_calendar(
        self, prepared: Prepared, person_id: str, full_name: str, address: str, stated_at: dt.datetime
    ) -> tuple[str, list[str]]:
        """The invitation and the files beside it, encoded; nothing in a mail that has none."""
        session_id = prepared.session_id
        if prepared.calendar is None or session_id is None:
            return "", []
        heard = self._answers_at(session_id, person_id) if prepared.is_heard and self._answers_at else None
        attendee = Attendee(full_name, address, heard is not None, prepared.is_asked)
        organiser = Organiser(heard or self._organiser, self._organiser_name)
        lines = person_lines(session_id, person_id, attendee, organiser, stated_at)
        calendar = in_base64(prepared.calendar.for_person(lines))
        return calendar, [
            calendar if file is prepared.calendar else in_base64(file.for_person(lines)) for file in prepared.files
        ]


def _thread(root: str | None) -> str:
    if root is None:
        return ""
    known_message_id(root)
    return header("In-Reply-To", root) + header("References", root)


def _instead(of: str | None) -> str:
    """For whom it is that is sent to somebody else: an address of any letters, in ASCII."""
    name = "X-Rollcall-Rehearsed-For"
    return header(name, encoded(name, one_line(of))) if of is not None else ""


def _unsubscribe(address: str | None) -> str:
    """One click, which a mail program sends as a POST of its own (RFC 8058)."""
    if address is None:
        return ""
    # Not folded: an address has no place to be.
    return f"List-Unsubscribe: <{address}>\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\n"


@lru_cache(maxsize=64)
def _date(stated_at: dt.datetime) -> str:
    """The mails of one group are stated at one moment."""
    return header("Date", format_datetime(stated_at.astimezone(dt.UTC)))
