"""What a mail shows, ready for its templates: the same for every kind that is about a session. Pure."""

from __future__ import annotations

import datetime as dt
import re
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.notifications.invitation import Invitation, place_lines
from services.notifications.letters import (
    Arrangement,
    AskedMail,
    BouncedMail,
    BriefMail,
    DigestMail,
    Missing,
    Named,
    PlaceMail,
    WrittenMail,
    in_language,
)
from services.notifications.mime import FULL_NAME, GIVEN_NAME, THEIR_TASKS, one_line
from services.notifications.programme import NOBODYS, Programme
from services.notifications.templates.shown import AlsoShown, NoticeShown, Shown, TaskShown, WrittenShown
from services.notifications.templates.timetable import (
    HOME_ZONE,
    Day,
    dates_told,
    days_told,
    in_order,
    moment_told,
)
from services.notifications.templates.wording import OURS, Wording
from services.notifications.templates.words import Around, Notice, Words
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import Audience, Mutable
from shared.contracts.planner import OutsideTask
from shared.values import immutable

if TYPE_CHECKING:
    from services.notifications.kinds.figures import Figure, SessionAhead, Thing

MOST_NAMED = 30
"""So many sessions of the coming weeks are named."""
SUBJECT_TOPIC_CHARACTERS = 90
GOOD, CALM, CHANGED, OFF = "good", "calm", "changed", "off"
"""The tone of a mail: its colour."""


@immutable
class Office:
    """Who answers questions and replies, and with what words it writes."""

    organiser: str
    organiser_name: str
    base_url: str | None = None
    wording: Wording = OURS
    programme: Programme = NOBODYS
    hears_calendars: bool = False
    """What calendars answer to invitations is read."""


@immutable
class Feed:
    """What a calendar that the mail leads to shows: its reader's own trainings, or those of a town that they coordinate."""

    city_id: str | None = None


@immutable
class Sheet:
    """What the mails of one subject share."""

    letter: str
    language: Language
    subject: str
    shown: Shown
    template: str = "notice"
    session_id: str | None = None
    """Of which session the calendar entry is that the mail carries."""
    entry_of: str | None = None
    """Whose entry it is; None: of whoever the mail goes to."""
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
    tasks: tuple[tuple[OutsideTask, str], ...] = ()
    """What, and where that is."""
    feed: Feed | None = None
    """The calendar that the mail leads to, if to one."""


def brief(mail: BriefMail, office: Office, notice: Notice, tone: str) -> Sheet:
    """A mail that carries nothing for a calendar."""
    words = office.wording.common[mail.language]
    told = (mail.before,) if mail.before is not None else ()
    named = {name: one_line(text) for name, text in (("town", mail.town or ""), *mail.named)}
    lead = notice.lead.format(**named)
    lead = f"{lead} {notice.in_doubt}" if mail.in_doubt and notice.in_doubt else lead
    days = days_told(mail.meetings, tuple(one.meetings for one in told), words)
    return session_sheet(mail, office, words, notice, tone=tone, lead=lead, steps=notice.steps, days=days, told=told)


_ADDRESS = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]")
PREVIEW_CHARACTERS = 120


Pieces = list[tuple[str, bool]]
"""A line in pieces, and whether each is an address."""


def written_sheet(mail: WrittenMail, office: Office) -> Sheet:
    """A mail of the office's own words. They are data: nothing in them is read as code, and what looks like an address leads there."""
    subject = one_line(mail.subject)
    paragraphs = [[_linked(one_line(line)) for line in one.splitlines()] for one in _paragraphs(mail.text)]
    if not paragraphs or not subject:
        raise ValueError("a message needs a subject and a text")
    around = office.wording.common[mail.language].written[Audience(mail.audience)]
    return _in_paragraphs(mail, office, around, subject, _previewed(one_line(" ".join(mail.text.split()))), paragraphs)


def asked_sheet(mail: AskedMail, office: Office, notice: Notice) -> Sheet:
    """A mail for which another system asked: our words around its own, which are data. Only what it gave as a link leads anywhere."""
    words, title = office.wording.common[mail.language], one_line(mail.title)
    if not title:
        raise ValueError("what it is about has no title")
    lines: list[list[Pieces]] = [[[(notice.lead, False)]], [[(title, False)]]]
    if mail.topic_name is not None:
        topic = one_line(mail.topic_name)
        training = f"„{topic}”" if mail.language == Language.PL else f"“{topic}”"
        lines[1].append([(f"{notice.when}: {training}, {dates_told(mail.meetings, words.locale)}", False)])
    if mail.until is not None:
        zone = in_order(mail.meetings)[0].zone if mail.meetings else HOME_ZONE
        lines.append([[(f"{notice.moment}: {_moment_told(mail.until, zone, words)}", False)]])
    if mail.link is not None:
        lines.append([[(mail.link, True)]])
    lines.append([[(step, False)] for step in notice.steps])
    around = Around(badge=notice.badge, reason=notice.reason or words.reason)
    shortened = textwrap.shorten(title, SUBJECT_TOPIC_CHARACTERS, placeholder=" …")
    return _in_paragraphs(mail, office, around, notice.subject.format(title=shortened), notice.lead, lines)


def _in_paragraphs(
    mail: WrittenMail | AskedMail | DigestMail | BouncedMail,
    office: Office,
    around: Around,
    subject: str,
    preview: str,
    paragraphs: list[list[Pieces]],
    tone: str = CALM,
) -> Sheet:
    words = office.wording.common[mail.language]
    shown = WrittenShown(
        language=mail.language.value,
        tone=tone,
        subject=subject,
        preview=preview,
        greeting=words.greeting.format(given_name=GIVEN_NAME),
        reason=around.reason,
        questions=words.questions,
        organiser=office.organiser,
        organiser_name=office.organiser_name,
        base_url=office.base_url,
        programme=office.programme,
        programme_words=words.programme,
        notice=around,
        paragraphs=paragraphs,
    )
    return Sheet(mail.letter, mail.language, subject, shown, template="written")


def digest_sheet(mail: DigestMail, office: Office) -> Sheet:
    """Numbers, each with what it is about and where that is opened."""
    common = office.wording.common[mail.language]
    words, day = common.digest, moment_told(mail.at, HOME_ZONE, common.locale).date
    lead = words.lead if mail.figures else words.lead_nothing
    paragraphs: list[list[Pieces]] = [
        [[(lead, False)]],
        [[(f"{words.stands_open}:", False)]],
        *([_figure_told(one, mail, office) for one in mail.figures] or [[[(words.nothing, False)]]]),
        [[(f"{words.ahead}:", False)]],
        *([_ahead_told(one, mail, office) for one in mail.ahead[:MOST_NAMED]] or [[[(words.none_ahead, False)]]]),
        *([[[(words.more, False)]]] * (len(mail.ahead) > MOST_NAMED)),
        *([[[(f"{words.opened_by}: {_opened(words.open_session, office)}", False)]]] if mail.ahead else []),
    ]
    subject = words.subject.format(day=day, number=sum(one.number for one in mail.figures))
    around, tone = Around(badge=words.badge, reason=words.reason), CHANGED if mail.figures else GOOD
    return _in_paragraphs(mail, office, around, subject, _previewed(lead), paragraphs, tone)


def bounced_sheet(mail: BouncedMail, office: Office) -> Sheet:
    """Whom to ask for another address, and what they do not hear of."""
    common = office.wording.common[mail.language]
    words, named = common.bounced, {"name": one_line(mail.name), "town": one_line(mail.town)}
    lead = words.lead.format(**named)
    paragraphs: list[list[Pieces]] = [[[(lead, False)]], [[(words.ask, False)]]]
    if mail.missing:
        paragraphs.append(
            [[(line, False)] for line in (words.missing, *(_missing_told(one, mail, common) for one in mail.missing))]
        )
    around = Around(badge=words.badge, reason=words.reason)
    return _in_paragraphs(mail, office, around, words.subject.format(**named), _previewed(lead), paragraphs, CHANGED)


def _previewed(lead: str) -> str:
    return textwrap.shorten(lead, PREVIEW_CHARACTERS, placeholder=" …")


def _missing_told(one: Missing, mail: BouncedMail, common: Words) -> str:
    words, topic = common.bounced, in_language(one.names, mail.language) or one.topic
    told = f"{dates_told(one.meetings, common.locale)} · {one_line(topic)} – {common.standings[one.standing]}"
    if one.offered_until is None:
        return told
    zone = in_order(one.meetings)[0].zone
    return f"{told}, {words.until.format(moment=moment_told(one.offered_until, zone, common.locale).text)}"


def _figure_told(one: Figure, mail: DigestMail, office: Office) -> list[Pieces]:
    common = office.wording.common[mail.language]
    words, said = common.digest, common.digest.figures[one.name]
    things = [f"– {_thing_told(thing, mail, common)}" for thing in one.named] + [words.more] * one.is_more
    lines = (f"{said.label}: {one.number}", *things, f"{words.opened_by}: {_opened(said.open, office)}")
    return [[(line, False)] for line in lines]


def _thing_told(one: Thing, mail: DigestMail, common: Words) -> str:
    """So that its reader knows which it is; its id is what commands ask for."""
    dates = dates_told(one.meetings, common.locale) if one.meetings else None
    said = (dates, in_language(one.names, mail.language), one.city_name, one.letter, one.recipient)
    named = " · ".join(one_line(text) for text in said if text)
    return f"{named} ({one.id})" if named else one.id


def _opened(command: str, office: Office) -> str:
    return command.replace("{base}", (office.base_url or "https://…").rstrip("/"))


def _ahead_told(one: SessionAhead, mail: DigestMail, office: Office) -> list[Pieces]:
    """Of its places what is known, and what there is any of."""
    common = office.wording.common[mail.language]
    words, topic = common.digest, in_language(one.names, mail.language) or one.topic
    named = (dates_told(one.meetings, common.locale), one_line(topic), one_line(one.city_name))
    numbers = [(words.taken, one.taken), (words.free, one.free)]
    numbers += [
        (label, number) for label, number in ((words.offered, one.offered), (words.waiting, one.waiting)) if number
    ]
    told = ", ".join(f"{label}: {number}" for label, number in numbers if number is not None)
    which = " · ".join(text for text in named if text)
    return [[(f"{which} ({one.session_id})", False)], [(told, False)]]


def _paragraphs(text: str) -> list[str]:
    return [one for one in re.split(r"\n\s*\n", text.replace("\r\n", "\n").replace("\r", "\n").strip()) if one.strip()]


def _linked(line: str) -> Pieces:
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
    shown = NoticeShown(
        language=mail.language.value,
        tone=tone,
        subject=subject,
        preview=f"{next(day.when.text for day in days if not day.dropped)} · {place[0]}",
        notice=notice,
        lead=lead,
        steps=list(steps),
        greeting=words.greeting.format(given_name=GIVEN_NAME),
        full_name=FULL_NAME,
        town=one_line(mail.town) if isinstance(mail, BriefMail) and mail.town else None,
        topic=topic,
        topic_before="; ".join(topics_before),
        session_kind=words.session_kinds[mail.session_kind],
        labels=words.labels,
        when_label=notice.when or words.labels.when,
        where_label=notice.where or words.labels.where,
        days=days,
        place=place,
        place_before=place_before(mail, told),
        also=_also_of(mail, words),
        practical_note=tuple(one_line(line) for line in (mail.note or "").splitlines() if line.strip()),
        figures=_figures_of(mail, notice),
        moment=_moment_of(mail, words, "moment"),
        moment_before=_moment_of(mail, words, "moment_before"),
        people=_people_of(mail, notice, words),
        people_label=notice.people,
        moment_label=notice.moment,
        page_label=notice.page or words.labels.your_place,
        tasks=_tasks_of(mail, words),
        next_steps=words.next_steps,
        ticket_words=words.ticket,
        reason=notice.reason or words.reason,
        questions=words.questions,
        organiser=office.organiser,
        organiser_name=office.organiser_name,
        base_url=office.base_url,
        programme=office.programme,
        programme_words=words.programme,
    )
    tasks = tuple((one.task, one.link) for one in mail.tasks)
    without_page, session_id = notice.steps_without_page, mail.session_id
    return Sheet(
        mail.letter, mail.language, subject, shown, steps_without_page=without_page, tasks_of=session_id, tasks=tasks
    )


def _tasks_of(mail: BriefMail | PlaceMail, words: Words) -> list[TaskShown]:
    """What is to be filled in, where and until when."""
    said = words.tasks
    return [
        TaskShown(
            said.names[one.task],
            said.until.format(moment=_moment_told(one.until, in_order(mail.meetings)[0].zone, words)),
            THEIR_TASKS[one.task],
        )
        for one in mail.tasks
    ]


def _also_of(mail: BriefMail | PlaceMail, words: Words) -> AlsoShown | None:
    also = mail.also if isinstance(mail, BriefMail) else None
    if also is None:
        return None
    kind = words.session_kinds[also.session_kind]
    return AlsoShown(one_line(also.topic_name), kind, days_told(also.meetings, (), words), place_of(also))


def _figures_of(mail: BriefMail | PlaceMail, notice: Notice) -> list[tuple[str, int, int | None]]:
    """Each with its label, and as it was told before, if it was another one."""
    if not isinstance(mail, BriefMail):
        return []
    before = dict(mail.figures_before)
    return [
        (notice.figures[name], number, before[name] if before.get(name, number) != number else None)
        for name, number in mail.figures
    ]


def _people_of(mail: BriefMail | PlaceMail, notice: Notice, words: Words) -> list[tuple[str, str | None]]:
    """By name, with what became of each."""
    if not isinstance(mail, BriefMail):
        return []
    named = [(one_line(one.name), _fate_told(one, notice, words)) for one in mail.people]
    return [*named, (words.digest.more, None)] if mail.are_more else named


def _fate_told(one: Named, notice: Notice, words: Words) -> str | None:
    if one.fate is None:
        return None
    said = notice.fates.get(one.fate) or words.standings[Standing(one.fate)]
    return said.format(number=one.number)


def _moment_of(mail: BriefMail | PlaceMail, words: Words, name: str) -> str | None:
    moment = getattr(mail, name, None)
    return None if moment is None else _moment_told(moment, in_order(mail.meetings)[0].zone, words)


def _moment_told(moment: dt.datetime, zone: str, words: Words) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    is_midnight = (local.hour, local.minute) == (0, 0)
    return moment_told(moment - dt.timedelta(minutes=is_midnight), zone, words.locale).text


def place_of(mail: BriefMail | PlaceMail) -> tuple[str, ...]:
    """Venue, address and town, one a line; the town is left out where the address says it."""
    return place_at(mail.venue, mail.address, mail.city_name)


def place_at(venue: str, address: str | None, city_name: str) -> tuple[str, ...]:
    """The same of a session that no mail is about."""
    lines = [one_line(venue)]
    if address:
        lines.append(one_line(address))
    city = one_line(city_name)
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
