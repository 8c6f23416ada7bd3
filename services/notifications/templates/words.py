"""The words of a language, as they stand in `<language>.toml` beside this file. It holds no sentence itself."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from shared.contracts.model import Language
from shared.contracts.planner import SessionKind

FOLDER = Path(__file__).parent


class Notice(BaseModel):
    """The words of one situation. `when` and `where` replace the usual labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    badge: str
    subject: str
    heading: str
    lead: str
    steps: tuple[str, ...]
    when: str | None = None
    where: str | None = None


class Labels(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    when: str
    where: str
    who: str
    before: str


class DayNotes(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    moved: str
    added: str
    dropped: str
    same: str


class Notices(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    confirmation: Notice
    change_when: Notice
    change_where: Notice
    change_both: Notice
    change_other: Notice
    session_cancelled: Notice
    place_cancelled: Notice


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
    file_per_day: str
    summary: str
    summary_day: str
    calendar_note: str
    labels: Labels
    session_kinds: dict[SessionKind, str]
    day_notes: DayNotes
    notices: Notices


def load_words(language: Language) -> Words:
    return Words.model_validate(tomllib.loads((FOLDER / f"{language}.toml").read_text("utf-8")))
