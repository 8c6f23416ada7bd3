"""The words of a language, as they stand in `<language>.toml` beside this file. It holds no sentence itself."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from shared.contracts.model import Language
from shared.contracts.notifications import Mutable
from shared.contracts.planner import OutsideTask, SessionKind

FOLDER = Path(__file__).parent
CALENDAR_STEPS = "{calendar}"


class Notice(BaseModel):
    """The words of one situation. `when` and `where` replace the usual labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    badge: str
    subject: str
    heading: str
    lead: str
    steps: tuple[str, ...]
    """What to do; CALENDAR_STEPS stands where what to do with the calendar goes."""
    when: str | None = None
    where: str | None = None
    reason: str | None = None
    """Why the person receives it, if it is not about a place."""
    moment: str | None = None
    """What happens at the moment that the mail names, if it names one."""
    figures: dict[str, str] = {}
    """What the numbers that the mail names are, by their names."""
    people: str | None = None
    """What the people are whom the mail names, if it names any."""
    fates: dict[str, str] = {}
    """What became of each of them, by its name; `{number}` is their place in line."""
    page: str | None = None
    """What the button says that leads to the page of their place, if it is something else."""
    steps_without_page: tuple[str, ...] = ()
    """What to do where mails lead to no page, if it is something else."""
    in_doubt: str | None = None
    """Said besides, while nobody knows whether the last mail about it arrived."""


class Labels(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    when: str
    where: str
    who: str
    before: str
    town: str
    your_place: str


class Changed(BaseModel):
    """What may have changed, as it stands in a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: str
    when: str
    where: str


class DayNotes(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    moved: str
    added: str
    dropped: str
    same: str


class CalendarSteps(BaseModel):
    """What to do with the invitation and the files of a mail. `…_days`: of a session of several days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    add: str
    add_days: str
    add_again: str
    add_days_again: str
    replace: str
    replace_days: str
    replace_to_one: str
    replace_maybe: str
    replace_days_maybe: str
    day_files: str
    dropped_file: str
    dropped_files: str
    cancel: str
    cancel_days: str
    cancel_file: str
    cancel_files: str
    two_files: str
    many_files: str


class Notices(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    confirmation: Notice
    change_when: Notice
    change_where: Notice
    change_both: Notice
    change_topic: Notice
    change_several: Notice
    change_past: Notice
    change_other: Notice
    session_cancelled: Notice
    place_cancelled: Notice
    substituted_in: Notice
    substituted_out: Notice


class ReplyWords(BaseModel):
    """What a mail about a place says besides where a session needs to know who comes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    page: str
    step: str
    step_without_page: str


class TicketWords(BaseModel):
    """What a mail says of the ticket that it carries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    note: str
    picture: str
    """What the picture shows, for whoever has the mail read to them."""
    code: str
    """The same as a text, in a mail without pictures."""
    check_in: str
    """What leads to the page where one types the code of the room."""


class TaskWords(BaseModel):
    """What a mail says of what is to be filled in elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: dict[OutsideTask, str]
    until: str


class Words(BaseModel):
    """One language. A word that is missing or unknown is refused when the process starts, not when a mail is due."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    locale: str
    greeting: str
    next_steps: str
    reason: str
    questions: str
    file: str
    file_cancelled: str
    summary: str
    summary_day: str
    calendar_note: str
    labels: Labels
    session_kinds: dict[SessionKind, str]
    mute: dict[Mutable, str]
    """What leads to doing without such mails."""
    changed: Changed
    day_notes: DayNotes
    calendar_steps: CalendarSteps
    reply: ReplyWords
    ticket: TicketWords
    tasks: TaskWords
    notices: Notices


class FigureWords(BaseModel):
    """What a number of the digest is, and where it is opened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: str
    open: str


class DigestWords(BaseModel):
    """The words of the weekly digest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    badge: str
    subject: str
    heading: str
    lead: str
    lead_nothing: str
    ahead: str
    none_ahead: str
    taken: str
    offered: str
    free: str
    waiting: str
    open_session: str
    stands_open: str
    nothing: str
    opened_by: str
    more: str
    reason: str
    figures: dict[str, FigureWords]


W = TypeVar("W", bound=BaseModel)


def whole_words(kind: type[W], file: Path) -> W:
    """The words of a mail that is made as no other one is."""
    return kind.model_validate(tomllib.loads(file.read_text("utf-8")))


@lru_cache
def common_words(language: Language) -> Words:
    return Words.model_validate(tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8")))


def notices_of(kind: str, *names: str) -> dict[Language, dict[str, Notice]]:
    """The words of a kind, from `<kind>.<language>.toml`: exactly these situations, in every language."""
    found = {}
    for language in Language:
        read = tomllib.loads((FOLDER / f"{kind}.{language}.toml").read_text("utf-8"))
        if set(read) != set(names):
            raise ValueError(f"{kind}.{language}.toml says {sorted(read)}, and not {sorted(names)}")
        found[language] = {name: Notice.model_validate(words) for name, words in read.items()}
    return found
