"""What a mail carries for a calendar: the invitation inside it, the files beside it, and what to do with them. Pure.

The invitation is enough for a calendar that reads all of it. The files are for one that does not: each holds a single
day, and each day that no longer holds has a file that takes it out. Every step a mail names is true of what it carries.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from services.notifications.calendar import Entry, Layout, Method, lay_out, lay_out_day, recurrence_of
from services.notifications.letters import CANCELLATION, CONFIRMATION, Arrangement, PlaceMail
from services.notifications.mime import one_line
from services.notifications.templates.timetable import in_order
from services.notifications.templates.words import CalendarSteps, Words
from shared.contracts.planner import Meeting
from shared.values import immutable


@immutable
class Invitation:
    calendar: Layout
    files: tuple[Layout, ...]
    file_names: tuple[str, ...]
    steps: tuple[str, ...]
    """What the person does with them, in their words."""
    is_heard: bool
    """What a calendar answers to it is read."""
    is_asked: bool
    """Whether its reader comes is to be said."""


def invitation_of(
    mail: PlaceMail, words: Words, topic: str, place: tuple[str, ...], organiser: str, *, is_heard: bool
) -> Invitation:
    """The invitation of a mail that confirms or changes a place, the cancellation of one that calls it off. `is_heard`: what a calendar
    answers to it is read."""
    method = Method.CANCEL if mail.letter == CANCELLATION else Method.REQUEST
    meetings = in_order(mail.meetings)
    now = Arrangement(meetings, mail.venue, mail.address)
    kind = words.session_kinds[mail.session_kind]
    note = words.calendar_note_heard if is_heard else words.calendar_note
    description = f"{kind}\n{note.format(email=organiser)}"
    title = title_of(topic, words)

    def entry(meeting: Meeting, arrangement: Arrangement) -> Entry:
        where = place if arrangement is now else place_lines(arrangement) or place
        return entry_of(meeting, arrangement.meetings, topic, where, description, words)

    def days(method: Method, arrangement: Arrangement, only: set[str] | None = None) -> tuple[Layout, ...]:
        ids = recurrence_of(arrangement.meetings).ids
        return tuple(
            lay_out_day(method, mail.sequence, entry(meeting, arrangement), ids[meeting.meeting_id])
            for meeting in arrangement.meetings
            if only is None or meeting.meeting_id in only
        )

    calendar = lay_out(method, mail.sequence, title, tuple(entry(meeting, now) for meeting in meetings))
    told = tuple(replace(one, meetings=in_order(one.meetings)) for one in mail.in_calendar if len(one.meetings) > 1)
    files = days(method, now) if len(meetings) > 1 else (calendar,)
    standing = recurrence_of(meetings).ids.values()
    named = set(standing)
    dropped: tuple[Layout, ...] = ()
    for arrangement in told:
        gone = _no_longer(arrangement, named, [one.date() for one in standing if method is Method.REQUEST])
        dropped += days(Method.CANCEL, arrangement, gone)
        named |= set(recurrence_of(arrangement.meetings).ids.values())
    if method is Method.CANCEL:
        files, dropped = (files if len(meetings) > 1 or not dropped else ()) + dropped, ()
    names = _names(words.file_cancelled if method is Method.CANCEL else words.file, len(files))
    names_dropped = _names(words.file_cancelled, len(dropped))
    is_answered = is_heard and method is Method.REQUEST and mail.is_ahead
    steps = _steps(mail, words, bool(told), names if files != (calendar,) else (), names_dropped)
    if is_answered:
        answer = words.calendar_steps.answer_frozen if mail.is_frozen else words.calendar_steps.answer
        steps = (steps[0], answer, *steps[1:])
    return Invitation(
        calendar, files + dropped, names + names_dropped, steps, is_heard, is_answered and mail.asks_for_reply
    )


def title_of(topic: str, words: Words) -> str:
    """What a session is called in a calendar."""
    return words.summary.format(topic=topic)


def entry_of(
    meeting: Meeting, meetings: tuple[Meeting, ...], topic: str, place: Iterable[str], description: str, words: Words
) -> Entry:
    """One of the session's meetings; of several its title says the how manieth it is."""
    order = [other.meeting_id for other in in_order(meetings)]
    number = order.index(meeting.meeting_id) + 1
    several = words.summary_day.format(topic=topic, number=number, total=len(order))
    title = several if len(order) > 1 else title_of(topic, words)
    return Entry(meeting, title, description, ", ".join(place))


def place_lines(arrangement: Arrangement) -> tuple[str, ...]:
    """Where it was to be, as it was told; nothing if that is not known."""
    return tuple(one_line(line) for line in (arrangement.venue, arrangement.address, arrangement.city_name) if line)


def _no_longer(told: Arrangement, named: set[dt.datetime], standing: list[dt.date]) -> set[str]:
    """The days of a recurrence that no file names yet and that are no more. A day that only changed its hours is still
    that day: Outlook knows the days of a recurrence by date, and a file that cancels one would take the new one out."""
    ids = recurrence_of(told.meetings).ids
    gone = Counter(one.date() for one in ids.values()) - Counter(standing)
    return {meeting_id for meeting_id, one in ids.items() if one not in named and gone[one.date()]}


def _names(stem: str, count: int) -> tuple[str, ...]:
    """`szkolenie.ics` when there is one, otherwise `szkolenie-1.ics`, `szkolenie-2.ics` …, in an order that sorts."""
    if count == 1:
        return (f"{stem}.ics",)
    digits = len(str(count))
    return tuple(f"{stem}-{number:0{digits}}.ics" for number in range(1, count + 1))


def _steps(
    mail: PlaceMail, words: Words, told_several: bool, days: tuple[str, ...], dropped: tuple[str, ...]
) -> tuple[str, ...]:
    """What to do, in the order in which it is tried."""
    texts, several = words.calendar_steps, len(mail.meetings) > 1
    if mail.letter == CANCELLATION:
        if not several and not told_several:
            return (texts.cancel,)
        steps = [texts.cancel_days]
        if days:
            steps.append(_with_files(texts, texts.cancel_file, texts.cancel_files, days))
        return tuple(steps)
    if mail.letter == CONFIRMATION:
        steps = [texts.add_days if several else texts.add]
    elif not mail.in_calendar:  # Others told of it: whatever entry there may be is not ours and is not replaced.
        steps = [texts.add_days_again if several else texts.add_again]
    elif mail.in_doubt and mail.certain is None:  # What it would replace may never have come.
        steps = [texts.replace_days_maybe if several else texts.replace_maybe]
    elif several:
        steps = [texts.replace_days]
    else:
        steps = [texts.replace_to_one if told_several else texts.replace]
    if days:
        steps.append(texts.day_files.format(first=days[0], last=days[-1]))
    if dropped:
        steps.append(_with_files(texts, texts.dropped_file, texts.dropped_files, dropped))
    return tuple(steps)


def _with_files(texts: CalendarSteps, one: str, several: str, names: tuple[str, ...]) -> str:
    """The sentence for one file or for several, with their names."""
    if len(names) == 1:
        return one.format(files=names[0])
    listed = texts.two_files if len(names) == 2 else texts.many_files
    return several.format(files=listed.format(first=names[0], last=names[-1]))
