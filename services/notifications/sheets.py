"""What a mail shows, ready for its templates: the same for every kind that is about a session. Pure."""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from services.notifications.invitation import Invitation, place_lines
from services.notifications.letters import Arrangement, BriefMail, DigestMail, PlaceMail, WrittenMail
from services.notifications.mime import FULL_NAME, GIVEN_NAME, THEIR_TASKS, one_line
from services.notifications.templates.timetable import Day, dates_told, days_told, in_order, moment_told
from services.notifications.templates.words import DigestWords, Notice, Words, common_words
from services.notifications.towns import PROGRAMME_ZONE
from shared.contracts.model import Language
from shared.contracts.notifications import Mutable
from shared.contracts.planner import OutsideTask
from shared.values import immutable

if TYPE_CHECKING:
    from services.notifications.kinds.figures import SessionAhead

MOST_NAMED = 30
"""So many things of a figure are named."""
SUBJECT_TOPIC_CHARACTERS = 90
GOOD, CALM, CHANGED, OFF = "good", "calm", "changed", "off"
"""The tone of a mail: its colour."""


@immutable
class Office:
    """Who answers questions and replies."""

    organiser: str
    organiser_name: str
    base_url: str | None = None


@immutable
class Sheet:
    """What the mails of one subject share."""

    letter: str
    language: Language
    subject: str
    shown: dict[str, Any]
    template: str = "notice"
    session_id: str | None = None
    """Whose calendar entry the mail carries."""
    invitation: Invitation | None = None
    page: PlaceMail | BriefMail | None = None
    """The place that a page is about, to which the mail leads whoever it is about."""
    mutes: Mutable | None = None
    """As what its reader may do without it."""
    steps_without_page: tuple[str, ...] = ()
    """What to do where mails lead to no page, if it is something else."""
    ticket: PlaceMail | BriefMail | None = None
    """The place for whose session the mail carries a ticket."""
    tasks_of: str | None = None
    """The session for which its reader has something to fill in."""
    links: tuple[tuple[OutsideTask, str], ...] = ()
    """Where that is."""


def brief(mail: BriefMail, office: Office, notice: Notice, tone: str) -> Sheet:
    """A mail that carries nothing for a calendar."""
    words = common_words(mail.language)
    told = (mail.before,) if mail.before is not None else ()
    named = {name: one_line(text) for name, text in (("town", mail.town or ""), *mail.named)}
    lead = notice.lead.format(**named)
    lead = f"{lead} {notice.in_doubt}" if mail.in_doubt and notice.in_doubt else lead
    days = days_told(mail.meetings, tuple(one.meetings for one in told), words)
    return session_sheet(mail, office, words, notice, tone=tone, lead=lead, steps=notice.steps, days=days, told=told)


_ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
PREVIEW_CHARACTERS = 120


def written_sheet(mail: WrittenMail, office: Office, notice: Notice) -> Sheet:
    """A mail of the office's own words. They are data: nothing in them is read as code, and what looks like an address leads there."""
    words, subject = common_words(mail.language), one_line(mail.subject)
    paragraphs = [[_linked(one_line(line)) for line in one.splitlines()] for one in _paragraphs(mail.text)]
    if not paragraphs or not subject:
        raise ValueError("a message needs a subject and a text")
    shown = {
        "language": mail.language.value,
        "tone": CALM,
        "subject": subject,
        "preview": textwrap.shorten(one_line(" ".join(mail.text.split())), PREVIEW_CHARACTERS, placeholder=" …"),
        "notice": notice,
        "greeting": words.greeting.format(given_name=GIVEN_NAME),
        "paragraphs": paragraphs,
        "reason": notice.reason or words.reason,
        "questions": words.questions,
        "organiser": office.organiser,
        "organiser_name": office.organiser_name,
        "base_url": office.base_url,
    }
    return Sheet(mail.letter, mail.language, subject, shown, template="written")


def digest_sheet(mail: DigestMail, office: Office, words: DigestWords, tone: str) -> Sheet:
    """Numbers with where each of them is opened."""
    common, polish = common_words(mail.language), mail.language == Language.PL
    day = moment_told(mail.at, PROGRAMME_ZONE, common.locale).date
    base = (office.base_url or "").rstrip("/")
    subject = words.subject.format(day=day, number=sum(one.number for one in mail.figures))
    lead = words.lead if mail.figures else words.lead_nothing
    shown = {
        "language": mail.language.value,
        "tone": tone,
        "subject": subject,
        "preview": lead,
        "words": words,
        "greeting": common.greeting.format(given_name=GIVEN_NAME),
        "lead": lead,
        "ahead": [
            {
                "dates": dates_told(one.meetings, common.locale),
                "topic": one_line(one.names[0 if polish else 1] or one.topic),
                "city": one_line(one.city_name),
                "id": one.session_id,
                "numbers": _numbers_of(one, words),
                "open": f"{base}{words.open_session.format(id=one.session_id)}",
            }
            for one in mail.ahead
        ],
        "figures": [
            {
                "label": words.figures[one.name].label,
                "number": one.number,
                "ids": one.ids,
                "open": words.figures[one.name].open,
                "is_cut": len(one.ids) == MOST_NAMED,
            }
            for one in mail.figures
        ],
        "reason": words.reason,
        "questions": common.questions,
        "organiser": office.organiser,
        "organiser_name": office.organiser_name,
        "base_url": office.base_url,
    }
    return Sheet(mail.letter, mail.language, subject, shown, template="digest")


def _numbers_of(one: SessionAhead, words: DigestWords) -> str:
    """Of the places: what is known, and what there is any of."""
    said = [(words.taken, one.taken), (words.free, one.free)]
    said += [
        (label, number) for label, number in ((words.offered, one.offered), (words.waiting, one.waiting)) if number
    ]
    return ", ".join(f"{label}: {number}" for label, number in said if number is not None)


def _paragraphs(text: str) -> list[str]:
    return [one for one in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n").strip()) if one.strip()]


def _linked(line: str) -> list[tuple[str, bool]]:
    """The line in pieces, and whether each is an address."""
    pieces, at = [], 0
    for found in _ADDRESS.finditer(line):
        pieces += [(line[at : found.start()], False), (found[0], True)]
        at = found.end()
    return [(text, is_address) for text, is_address in (*pieces, (line[at:], False)) if text]


def session_sheet(
    mail: BriefMail | PlaceMail,
    office: Office,
    words: Words,
    notice: Notice,
    *,
    tone: str,
    lead: str,
    steps: Iterable[str],
    days: tuple[Day, ...],
    told: tuple[Arrangement, ...],
) -> Sheet:
    """`told`: what is shown beside what holds now."""
    if not mail.meetings:
        raise ValueError("a notice needs at least one meeting")
    topic, place = one_line(mail.topic_name), place_of(mail)
    subject = notice.subject.format(
        topic=textwrap.shorten(topic, SUBJECT_TOPIC_CHARACTERS, placeholder=" …"),
        dates=dates_told(mail.meetings, words.locale),
    )
    topics_before = dict.fromkeys(one_line(one.topic_name) for one in told if one.topic_name)
    shown = {
        "language": mail.language.value,
        "tone": tone,
        "subject": subject,
        "preview": f"{next(day.when.text for day in days if not day.dropped)} · {place[0]}",
        "notice": notice,
        "lead": lead,
        "steps": list(steps),
        "greeting": words.greeting.format(given_name=GIVEN_NAME),
        "full_name": FULL_NAME,
        "town": one_line(mail.town) if isinstance(mail, BriefMail) and mail.town else None,
        "topic": topic,
        "topic_before": "; ".join(topics_before),
        "session_kind": words.session_kinds[mail.session_kind],
        "labels": words.labels,
        "when_label": notice.when or words.labels.when,
        "where_label": notice.where or words.labels.where,
        "days": days,
        "place": place,
        "place_before": place_before(mail, told),
        "figures": _figures_of(mail, notice),
        "moment": _moment_of(mail, words, "moment"),
        "moment_before": _moment_of(mail, words, "moment_before"),
        "people": _people_of(mail, notice),
        "people_label": notice.people,
        "moment_label": notice.moment,
        "page_label": notice.page or words.labels.your_place,
        "tasks": _tasks_of(mail, words),
        "next_steps": words.next_steps,
        "ticket_words": words.ticket,
        "reason": notice.reason or words.reason,
        "questions": words.questions,
        "organiser": office.organiser,
        "organiser_name": office.organiser_name,
        "base_url": office.base_url,
    }
    links = tuple((one.task, one.link) for one in mail.tasks)
    return Sheet(
        mail.letter,
        mail.language,
        subject,
        shown,
        steps_without_page=notice.steps_without_page,
        tasks_of=mail.session_id,
        links=links,
    )


def _tasks_of(mail: BriefMail | PlaceMail, words: Words) -> list[dict[str, str]]:
    """What is to be filled in, where and until when."""
    return [
        {
            "name": words.tasks.names[one.task],
            "until": words.tasks.until.format(moment=_told_moment(mail, words, one.until)),
            "link": THEIR_TASKS[one.task],
        }
        for one in mail.tasks
    ]


def _figures_of(mail: BriefMail | PlaceMail, notice: Notice) -> list[tuple[str, int, int | None]]:
    """Each with its label, and as it was told before, if it was another one."""
    if not isinstance(mail, BriefMail):
        return []
    before = dict(mail.figures_before)
    return [
        (notice.figures[name], number, before[name] if before.get(name, number) != number else None)
        for name, number in mail.figures
    ]


def _people_of(mail: BriefMail | PlaceMail, notice: Notice) -> list[tuple[str, str | None]]:
    """By name, with what became of each."""
    if not isinstance(mail, BriefMail):
        return []
    return [
        (one_line(one.name), notice.fates[one.fate].format(number=one.number) if one.fate else None)
        for one in mail.people
    ]


def _moment_of(mail: BriefMail | PlaceMail, words: Words, name: str) -> str | None:
    """By the clocks of where the session begins. Whoever reads "until midnight" takes it for the wrong one: then the minute before is named."""
    moment = getattr(mail, name, None)
    return _told_moment(mail, words, moment) if moment is not None else None


def _told_moment(mail: BriefMail | PlaceMail, words: Words, moment: dt.datetime) -> str:
    zone = in_order(mail.meetings)[0].zone
    local = moment.astimezone(ZoneInfo(zone))
    is_midnight = (local.hour, local.minute) == (0, 0)
    return moment_told(moment - dt.timedelta(minutes=is_midnight), zone, words.locale).text


def place_of(mail: BriefMail | PlaceMail) -> tuple[str, ...]:
    """Venue, address and town, one a line; the town is left out where the address says it."""
    lines = [one_line(mail.venue)]
    if mail.address:
        lines.append(one_line(mail.address))
    city = one_line(mail.city_name)
    if not re.search(rf"\b{re.escape(city)}\b", " ".join(lines), re.IGNORECASE):
        lines.append(city)
    return tuple(lines)


def place_before(mail: BriefMail | PlaceMail, told: tuple[Arrangement, ...]) -> str | None:
    """The earlier place, if it was another one."""
    here = _as_read(mail.venue, mail.address, None)
    others = [one for one in told if one.venue and _as_read(one.venue, one.address, one.city_name) != here]
    return "; ".join(dict.fromkeys(", ".join(place_lines(one)) for one in others)) or None


def _as_read(*lines: str | None) -> tuple[str, ...]:
    """Nobody goes anywhere else for another space."""
    return tuple(" ".join(line.split()) for line in lines if line)
