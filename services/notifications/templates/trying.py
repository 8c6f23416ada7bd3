"""Tries a frame that an installation has of its own with all there is to say and with as little: what would be missed in a mailbox is
found before there is a mail. Pure but for reading the frames.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any
from xml.parsers import expat

from jinja2 import Template, TemplateError, TemplateSyntaxError, meta, nodes

from services.notifications.mime import (
    ITS_PICTURE,
    MUTE_PAGE,
    OTHER_PAGE,
    THEIR_CALENDAR,
    THEIR_CHECK_IN,
    THEIR_PAGE,
    THEIR_TASKS,
    THEIR_TICKET,
)
from services.notifications.picturing import PICTURE
from services.notifications.programme import NOBODYS, Logo, Programme
from services.notifications.templates.frames import environment_of, html_of
from services.notifications.templates.shown import (
    AlsoShown,
    Links,
    NoticeShown,
    Shown,
    TaskShown,
    WrittenShown,
    context_of,
    names_of,
)
from services.notifications.templates.timetable import Day, When
from services.notifications.templates.wording import OURS, Wording
from services.notifications.templates.words import Around, Labels, Notice, ProgrammeWords, TicketWords
from shared.contracts.model import Language
from shared.contracts.planner import OutsideTask
from shared.values import immutable

MOST_BYTES = 60_000
"""Of the HTML: Gmail cuts off what is longer than a hundred thousand, and with it what stands at its end."""
TONES = ("good", "calm", "changed", "off")
_SITE = "https://rollcall.example.org"
_ATTRIBUTES = {
    *(name for kind in (Notice, Around, Labels, TicketWords, ProgrammeWords) for name in kind.model_fields),
    *(one.name for kind in (AlsoShown, Day, When, TaskShown, Programme, Logo) for one in fields(kind)),
    *("text", "source", "first", "last", "index", "index0", "length"),  # Of a time that is read, and of a loop.
}
_FETCHES = re.compile(
    r"""<(?:script|link|iframe|object)\b|@import|url\s*\(|\b(?:src|srcset|background|poster)\s*=\s*["'](?!cid:|\#)[^"']*""",
    re.IGNORECASE,
)
_WRITTEN_OUT = "\\u{fdd"
"""A mark of what is somebody's own, where nobody finds it any more."""
_UNKNOWN_TAG = re.compile(r"<mj[a-z-]*")
"""Left in the HTML as it is, where no mail program shows it."""
_FAILS = (TemplateError, ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError)
"""What a template may raise for what stands in it."""


@immutable
class Sample:
    """A mail that nobody is sent, and what a reader has to find in it."""

    shown: Shown
    links: Links
    to_find: tuple[tuple[str, str], ...]
    """What it is, and as what it stands there."""


def faults_of_frame(wording: Wording, frame: str) -> Iterator[str]:
    """What keeps a frame from being used, each with where it stands."""
    environment = environment_of(wording.folder)
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, frame)
    try:
        tree = environment.parse(source, frame)
        template = environment.get_template(frame)
    except TemplateSyntaxError as error:
        yield f"{frame}:{error.lineno}: {error.message}"
        return
    unknown = [f"{frame}:{line}: {what}" for line, what in _unknown(tree, names_of(frame.partition(".")[0]))]
    yield from unknown or dict.fromkeys(_when_written(template, source, frame, wording))


def _unknown(tree: nodes.Template, known: set[str]) -> Iterator[tuple[int, str]]:
    """Names that nobody fills in, wherever they stand: also where hardly any mail comes by."""
    undeclared = meta.find_undeclared_variables(tree) - known
    for name in tree.find_all(nodes.Name):
        if name.name in undeclared and name.ctx == "load":
            yield name.lineno, f"{{{{ {name.name} }}}}: no mail has that; there is {', '.join(sorted(known))}"
    for got in tree.find_all(nodes.Getattr):
        if got.attr not in _ATTRIBUTES:
            yield got.lineno, f".{got.attr}: nothing here has that"


def _when_written(template: Template, source: str, frame: str, wording: Wording) -> Iterator[str]:
    for language in Language:
        for sample in samples(frame, language, wording):
            context = context_of(sample.shown, sample.links)
            try:
                rendered = template.render(context)
            except _FAILS as error:
                yield f"{frame}:{_line_in(template, error)}: {error}"
                return
            try:
                read = html_of(rendered) if frame.endswith(".mjml") else rendered
            except OSError as error:
                where, what = _line_of_tag(template, context, rendered)
                yield f"{frame}:{where}: {what or error}"
                return
            ours = _ours(frame, language, sample)
            for found, what in _as_read(read, ours, sample):
                line = source[: source.find(found)].count("\n") + 1 if found and found in source else None
                yield f"{frame}:{line}: {what}" if line else f"{frame}: {what}"


def _as_read(read: str, ours: str, sample: Sample) -> Iterator[tuple[str, str]]:
    """What a reader would lack, or wait for, each behind what is wrong in the frame, if that is known."""
    for what, text in sample.to_find:
        if text in ours and text not in read:
            yield "", f"{what} is not shown"
    if _WRITTEN_OUT in read:
        yield "", "an address of somebody's own stands where none can be put: it goes into href, and nothing beside it"
    unknown = _UNKNOWN_TAG.search(read)
    if unknown is not None:
        yield unknown[0], f"{unknown[0]}> is no element of MJML"
    fetched = _FETCHES.search(read) if read.lstrip().startswith("<") else None
    if fetched is not None:
        yield fetched[0], f"{fetched[0]} – nothing is fetched when a mail is opened"
    if len(read.encode()) > MOST_BYTES:
        yield "", f"a mail may have {len(read.encode())} bytes, and {MOST_BYTES} are enough"


def _ours(frame: str, language: Language, sample: Sample) -> str:
    """The same in our own frame."""
    rendered = environment_of(None).get_template(frame).render(context_of(sample.shown, sample.links))
    return html_of(rendered) if frame.endswith(".mjml") else rendered


# --- where -------------------------------------------------------------------------------


def _line_in(template: Template, error: BaseException) -> int:
    """Where in the template something was raised: Jinja writes its lines into the traceback."""
    lines = [one.lineno for one in traceback.extract_tb(error.__traceback__) if one.filename == template.filename]
    return lines[-1] if lines and lines[-1] is not None else 1


def _line_of_tag(template: Template, context: dict[str, Any], rendered: str) -> tuple[int, str]:
    """Where in the template a tag stands that has no end, and what another reader of XML says of it; the first line if that one
    finds nothing."""
    parser = expat.ParserCreate()
    try:
        parser.Parse(rendered.strip(), True)
    except expat.ExpatError as error:
        before = rendered.strip().splitlines(keepends=True)[: error.lineno - 1]
        skipped = len(rendered) - len(rendered.lstrip())
        offset = skipped + sum(map(len, before)) + error.offset
        return _line_of_output(template, context, offset), expat.ErrorString(error.code) or ""
    return 1, ""


def _line_of_output(template: Template, context: dict[str, Any], offset: int) -> int:
    """Which line of the template wrote what stands at this place of its output."""
    pieces: Any = template.root_render_func(template.new_context(context))
    written = 0
    for piece in pieces:
        if written + len(piece) > offset:
            line = template.get_corresponding_lineno(pieces.gi_frame.f_lineno)
            return line + str(piece[: offset - written]).count("\n")
        written += len(piece)
    return 1


# --- with what ---------------------------------------------------------------------------


def samples(frame: str, language: Language, wording: Wording) -> Iterator[Sample]:
    """Everything at once and next to nothing, in every tone."""
    kind = _notices if frame.startswith("notice.") else _written
    for tone in TONES:
        yield from kind(language, tone, wording)


def _shown(language: Language, tone: str) -> dict[str, Any]:
    said = {name: f"the {name}" for name in ("subject", "preview", "greeting", "reason", "questions")}
    office = {"organiser": "office@rollcall.example.org", "organiser_name": "the office", "base_url": _SITE}
    foot = {"programme": PROGRAMME, "programme_words": OURS.common[language].programme}
    return said | office | foot | {"language": language.value, "tone": tone}


PROGRAMME = Programme(
    "the project", "the funding", ("the partner", "the other partner"), (Logo(b"", "the logo", 96, 48),)
)
LINKS = Links(
    their_page=THEIR_PAGE,
    ticket=THEIR_TICKET,
    check_in=THEIR_CHECK_IN,
    picture=PICTURE,
    mute_page=MUTE_PAGE,
    mute_label="the mute label",
    calendar_page=THEIR_CALENDAR,
    calendar_label="the calendar label",
)
_STANDS_AS = {PICTURE: ITS_PICTURE}
_ALWAYS = ("greeting", "reason", "organiser", "organiser_name")


def _found(shown: Shown, links: Links, *more: str) -> tuple[tuple[str, str], ...]:
    always = [(name, getattr(shown, name)) for name in _ALWAYS]
    programme, logo = shown.programme, PROGRAMME.logos[0]
    if programme is PROGRAMME:
        foot = [("programme.project", programme.project), ("programme.funding", programme.funding)]
        foot += [("programme.partners", one) for one in programme.partners]
        always += [*foot, ("programme.logos", logo.source), ("programme.logos", logo.shows)]
    of_links = [(one.name, getattr(links, one.name)) for one in fields(links)]
    linked = ((name, _STANDS_AS.get(text, text)) for name, text in of_links if text)
    return (*always, *linked, *((text, text) for text in more))


def _written(language: Language, tone: str, wording: Wording) -> Iterator[Sample]:
    around = Around(badge="the badge", reason="the reason")
    lines = [[[("the text ", False), ("https://rollcall.example.org/way", True)], [("the line", False)]]]
    shown = WrittenShown(**_shown(language, tone), notice=around, paragraphs=lines)
    more = ("the subject", "the text", "https://rollcall.example.org/way", "the line")
    muting = Links(mute_page=LINKS.mute_page, mute_label=LINKS.mute_label)
    for one, links in ((shown, muting), (replace(shown, programme=NOBODYS), Links())):
        yield Sample(one, links, _found(one, links, *more))


def _notices(language: Language, tone: str, wording: Wording) -> Iterator[Sample]:
    words = wording.common[language]
    notice = Notice(
        badge="the badge", subject="the subject", heading="the heading", lead="the lead", steps=("the step",)
    )
    moved = Day(When("the day", "9:00–15:00"), "the note", (When("the day before", "8:00–14:00"),), unchanged=False)
    dropped = Day(When("the dropped day", "8:30–14:30"), "dropped", dropped=True, unchanged=False)
    least = NoticeShown(
        **_shown(language, tone),
        notice=notice,
        lead="the lead",
        steps=["the step"],
        full_name="the full name",
        town=None,
        topic="the topic",
        topic_before="",
        session_kind="the session kind",
        labels=words.labels,
        when_label="when it is",
        where_label="where it is",
        days=(Day(When("the day", "9:00–15:00")),),
        place=("the venue",),
        place_before=None,
        also=None,
        practical_note=(),
        figures=[],
        moment=None,
        moment_before=None,
        moment_label=None,
        people=[],
        people_label=None,
        page_label="the page label",
        tasks=[],
        next_steps="the next steps",
        ticket_words=words.ticket,
    )
    most = replace(
        least,
        town="the town",
        topic_before="the topic before",
        days=(moved, dropped, *least.days),
        place=("the venue", "the address", "the city"),
        place_before="the place before",
        practical_note=("the practical note", "its other line"),
        figures=[("the figure", 87_654, 45_678), ("the other", 34_567, None)],
        moment="the moment",
        moment_before="the moment then",
        moment_label="the label of it",
        people=[("the person", "the fate"), ("the other person", None)],
        people_label="the people",
        tasks=[TaskShown("the task", "the time for it", THEIR_TASKS[OutsideTask.PRE_TEST])],
    )
    always = ("the lead", "the step", "the topic", "the day", "9:00–15:00", "the venue", "the heading")
    more = (
        *("the day before", "8:00–14:00", "the dropped day", "the address", "the city", "the place before", "the note"),
        *("the town", "the topic before", "the figure", "87654", "45678", "the moment", "the moment then"),
        *("the label of it", "the person", "the fate", "the other person", "the page label"),
        *("the practical note", "its other line"),
        *("the task", "the time for it", THEIR_TASKS[OutsideTask.PRE_TEST]),
    )
    day = Day(When("the other day", "10:00–16:00"))
    both = replace(most, also=AlsoShown("the other topic", "the other kind", (day,), ("the other venue",)))
    of_both = (*more, "the other topic", "the other kind", "the other day", "10:00–16:00", "the other venue")
    least = replace(least, programme=NOBODYS)
    yield Sample(least, Links(), _found(least, Links(), *always, "the full name"))
    yield Sample(most, LINKS, _found(most, LINKS, *always, *more))
    links = replace(LINKS, other_page=OTHER_PAGE)
    yield Sample(both, links, _found(both, links, *always, *of_both))
