"""Which words there are, and what each may be. It holds no sentence itself: they stand in the files beside this one."""

from __future__ import annotations

from string import Formatter
from typing import Annotated

from babel import Locale, UnknownLocaleError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.notifications.mime import one_line
from shared.contracts.enrolment import ACTIVE, Standing
from shared.contracts.notifications import Audience, Mutable
from shared.contracts.planner import OutsideTask, SessionKind

CALENDAR_STEPS = "{calendar}"


def names_in(text: str) -> set[str]:
    """The names in braces, which are filled in. ValueError: there are braces that nothing can be filled in between."""
    names = set()
    for _, name, layout, conversion in Formatter().parse(text):
        if name is None:
            continue
        if layout or conversion or not name.isidentifier():
            raise ValueError(f"between braces stands a name, and nothing else: {{{name}}}")
        names.add(name)
    return names


def _word(text: str) -> str:
    names_in(text)
    if not text or one_line(text) != text:
        raise ValueError(
            "a text is a single line that says something, without spaces around it and without control characters"
        )
    return text


def _step(text: str) -> str:
    if text != CALENDAR_STEPS and names_in(text):
        raise ValueError(f"in a step nothing is filled in; {CALENDAR_STEPS} is a step of its own")
    return _word(text)


def _locale(text: str) -> str:
    try:
        Locale.parse(text)
    except UnknownLocaleError as error:
        raise ValueError(str(error)) from None
    return text


Word = Annotated[str, AfterValidator(_word)]
Step = Annotated[str, AfterValidator(_step)]
FileName = Annotated[str, Field(pattern="^[a-z]{1,30}$")]
"""Before the number and `.ics`."""


class Notice(BaseModel):
    """The words of one situation. `when` and `where` replace the usual labels."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    badge: Word
    subject: Word
    heading: Word
    lead: Word
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]
    """What to do; CALENDAR_STEPS stands where what to do with the calendar goes."""
    when: Word | None = None
    where: Word | None = None
    reason: Word | None = None
    """Why the person receives it, if it is not about a place."""
    moment: Word | None = None
    """What happens at the moment that the mail names, if it names one."""
    figures: dict[str, Word] = {}
    """What the numbers that the mail names are, by their names."""
    people: Word | None = None
    """What the people are whom the mail names, if it names any."""
    fates: dict[str, Word] = {}
    """What became of each of them, by its name; `{number}` is their place in line. A standing that is not here is called as in all mails."""
    page: Word | None = None
    """What the button says that leads to the page of their place, if it is something else."""
    steps_without_page: tuple[Step, ...] = ()
    """What to do where mails lead to no page, if it is something else."""
    in_doubt: Word | None = None
    """Said besides, while nobody knows whether the last mail about it arrived."""


class Labels(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    when: Word
    where: Word
    who: Word
    before: Word
    town: Word
    note: Word
    your_place: Word


class Changed(BaseModel):
    """What may have changed, as it stands in a sentence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: Word
    when: Word
    where: Word


class DayNotes(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    moved: Word
    added: Word
    dropped: Word
    same: Word


class CalendarSteps(BaseModel):
    """What to do with the invitation and the files of a mail. `…_days`: of a session of several days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    add: Word
    add_days: Word
    add_again: Word
    add_days_again: Word
    replace: Word
    replace_days: Word
    replace_to_one: Word
    replace_maybe: Word
    replace_days_maybe: Word
    day_files: Word
    dropped_file: Word
    dropped_files: Word
    cancel: Word
    cancel_days: Word
    cancel_file: Word
    cancel_files: Word
    answer: Word
    """What comes of what a calendar answers, where that is read."""
    answer_frozen: Word
    """The same once a reply that one comes is not taken any more."""
    two_files: Word
    many_files: Word


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

    page: Word
    step: Word
    step_without_page: Word
    frozen: Word
    """Once nobody who waits gets the place any more: instead of the last step, which says what to do if one cannot come."""


class TicketWords(BaseModel):
    """What a mail says of the ticket that it carries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Word
    note: Word
    picture: Word
    """What the picture shows, for whoever has the mail read to them."""
    code: Word
    """The same as a text, in a mail without pictures."""
    check_in: Word
    """What leads to the page where one types the code of the room."""


class TaskWords(BaseModel):
    """What a mail says of what is to be filled in elsewhere."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: dict[OutsideTask, Word]
    until: Word


class FigureWords(BaseModel):
    """What a number of the digest is, and where it is opened."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    label: Word
    open: Word


class DigestWords(BaseModel):
    """The weekly digest for the office."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    badge: Word
    subject: Word
    lead: Word
    lead_nothing: Word
    ahead: Word
    none_ahead: Word
    taken: Word
    offered: Word
    free: Word
    waiting: Word
    open_session: Word
    stands_open: Word
    nothing: Word
    opened_by: Word
    more: Word
    reason: Word
    figures: dict[str, FigureWords]


def _of_each_in_a_session(words: dict[Standing, Word]) -> dict[Standing, Word]:
    if set(words) != set(ACTIVE):
        raise ValueError(f"it says how somebody stands of {sorted(words)}, and not of {sorted(ACTIVE)}")
    return words


class BouncedWords(BaseModel):
    """The mail to coordinators about an address that takes no mail."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    badge: Word
    subject: Word
    lead: Word
    ask: Word
    missing: Word
    until: Word
    reason: Word


class ProgrammeWords(BaseModel):
    """What stands before what the foot of a mail says of the programme."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    project: Word
    partners: Word


class Around(BaseModel):
    """What stands around the office's own words."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    badge: Word
    reason: Word


class FeedWords(BaseModel):
    """What a calendar that somebody subscribes to is called, and what leads to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    own_label: Word
    town_label: Word
    own: Word
    town: Word
    people: Word


class Words(BaseModel):
    """One language. A word that is missing or unknown is refused when the process starts, not when a mail is due."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    locale: Annotated[str, AfterValidator(_locale)]
    greeting: Word
    rehearsal: Word
    """Stands before the subject of a mail that is not sent to whom it is for."""
    next_steps: Word
    reason: Word
    questions: Word
    file: FileName
    file_cancelled: FileName
    summary: Word
    summary_day: Word
    calendar_note: Word
    calendar_note_heard: Word
    """The same where what calendars answer is read."""
    labels: Labels
    session_kinds: dict[SessionKind, Word]
    standings: Annotated[dict[Standing, Word], AfterValidator(_of_each_in_a_session)]
    """How somebody stands whom a mail names, unless its kind says that otherwise."""
    mute: dict[Mutable, Word]
    """What leads to doing without such mails."""
    feed: FeedWords
    changed: Changed
    day_notes: DayNotes
    calendar_steps: CalendarSteps
    reply: ReplyWords
    ticket: TicketWords
    tasks: TaskWords
    bounced: BouncedWords
    digest: DigestWords
    programme: ProgrammeWords
    notices: Notices
    written: dict[Audience, Around]
