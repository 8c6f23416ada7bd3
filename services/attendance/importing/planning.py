"""What would come of a report: who it speaks of, for how many minutes they were there, and what a person has to decide first. Pure: no
SQL, no clock. Nothing here is set: a plan is looked at, and asked for with what was decided.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from enum import StrEnum

from services.attendance.importing.names import words_of
from services.attendance.importing.report import Attendee, Interval, Report
from services.attendance.lists import ListRules
from services.attendance.minutes import MINUTE, whole_of
from services.attendance.scanning import is_of_another_day
from services.attendance.state import Record
from shared.contracts.marks import Mark
from shared.contracts.planner import Meeting
from shared.values import immutable

MOST_OFFERED = 10
"""Of those whom a row may be of, if nobody bears its name."""


class Fate(StrEnum):
    """What would come of a row."""

    SET = "set"
    AS_IT_WAS = "as_it_was"
    """The list says so already."""
    LEFT_OUT = "left_out"
    """It was decided that the row says nothing of anybody."""
    OUTSIDE = "outside"
    """Connected for no whole minute of the meeting."""
    CONTRADICTS = "contradicts"
    """The list says otherwise, by a code, a mark or another report: that stands until a person decides."""
    SEVERAL = "several"
    """Several people of the session bear this name."""
    SEVERAL_ROWS = "several_rows"
    """The same name stands there with several addresses: one person, or two."""
    TWO_HOURS = "two_hours"
    """In the hour that comes twice, and the minutes depend on which it was: somebody has to say them."""
    UNKNOWN = "unknown"
    """Nobody bears this name."""
    ANOTHER_SESSION = "another_session"
    """Nobody of this session bears this name, somebody of another one does."""

    @property
    def is_open(self) -> bool:
        """Whether a person has to decide."""
        return self not in (Fate.SET, Fate.AS_IT_WAS, Fate.LEFT_OUT, Fate.OUTSIDE)


class Match(StrEnum):
    """By what it is known who a row is of."""

    NAME = "name"
    FORMER_NAME = "former_name"
    """By what they were called before they renamed themselves in the meeting."""
    DECIDED = "decided"


@immutable
class Somebody:
    """Who a row may be of."""

    person_id: str
    given_name: str | None
    family_name: str | None
    sessions: tuple[str, ...] = ()
    """Other sessions in which they have a place."""


@immutable
class Decision:
    """What a person decided of the row that begins in this line. `person_id` None: of nobody."""

    line: int
    person_id: str | None
    minutes: int | None = None


@immutable
class Stay:
    """For how long somebody was connected during a meeting."""

    state: Mark
    minutes: int
    arrived_at: dt.datetime | None
    left_at: dt.datetime | None


@immutable
class Row:
    """Somebody in the report, and what would come of it."""

    lines: tuple[int, ...]
    name: str
    address: str | None
    fate: Fate
    match: Match | None = None
    person: Somebody | None = None
    stay: Stay | None = None
    or_else: Stay | None = None
    stands: Record | None = None
    tag: str = "0"
    may_be: tuple[Somebody, ...] = field(default=())


@immutable
class Ground:
    """What a plan is made on: the meeting, who may be in it, and what its list says."""

    meeting: Meeting
    rules: ListRules
    people: Sequence[Somebody]
    """Of this session: with a place or without, and its trainers."""
    records: Mapping[str, Record]
    is_open: bool
    others: Sequence[Somebody] = ()
    """Who else bears a name in the report."""
    had_closed: bool = False
    """Also if it is open to be put right."""


def plan(report: Report, ground: Ground, decisions: Iterable[Decision] = ()) -> tuple[Row, ...]:
    """What would come of each row, by the lines of the file. A decision names a row by its line."""
    decided = {one.line: one for one in decisions}
    names = _Names(ground)
    rows: list[Row] = []
    theirs: dict[str, list[tuple[Attendee, Match, Somebody]]] = defaultdict(list)
    for attendee in report.attendees:
        decision = decided.get(attendee.line)
        if decision is not None:
            if decision.person_id is None:
                rows.append(_row([attendee], Fate.LEFT_OUT))
            else:
                theirs[decision.person_id].append((attendee, Match.DECIDED, _named(ground, decision.person_id)))
            continue
        match, found = names.of(attendee)
        if len(found) == 1:
            theirs[found[0].person_id].append((attendee, match, found[0]))
        else:
            rows.append(names.unmatched(attendee, found))
    for ones in theirs.values():
        rows += _of_one(ones, decided, ground)
    return tuple(sorted(rows, key=lambda one: one.lines))


class _Names:
    """Who bears which name. Made once: a report may have thousands of rows."""

    def __init__(self, ground: Ground) -> None:
        self._people: dict[tuple[str, ...], list[Somebody]] = defaultdict(list)
        self._others: dict[tuple[str, ...], list[Somebody]] = defaultdict(list)
        self._by_word: dict[str, list[tuple[set[str], Somebody]]] = defaultdict(list)
        for one in ground.people:
            words = words_of(one.given_name, one.family_name)
            self._people[words].append(one)
            for word in set(words):
                self._by_word[word].append((set(words), one))
        for one in ground.others:
            self._others[words_of(one.given_name, one.family_name)].append(one)

    def of(self, attendee: Attendee) -> tuple[Match, list[Somebody]]:
        """Who bears the name, or the one they had before. Initials and single words are nobody's."""
        for match, name in ((Match.NAME, attendee.name), (Match.FORMER_NAME, attendee.other_name)):
            words = words_of(name)
            if words and (found := self._people.get(words)):
                return match, found
        return Match.NAME, []

    def unmatched(self, attendee: Attendee, found: list[Somebody]) -> Row:
        """A row that is nobody's yet, and whose it may be."""
        if found:
            return _row([attendee], Fate.SEVERAL, may_be=tuple(found))
        names = dict.fromkeys((words_of(attendee.name), words_of(attendee.other_name)))
        others = [one for words in names if words for one in self._others.get(words, ())]
        if any(one.sessions for one in others):
            return _row([attendee], Fate.ANOTHER_SESSION, may_be=tuple(others))
        alike = [one for words in names for one in self._alike(set(words))]
        return _row([attendee], Fate.UNKNOWN, may_be=tuple([*others, *alike][:MOST_OFFERED]))

    def _alike(self, words: set[str]) -> list[Somebody]:
        """Of whom one name has all the words of the other: a second given name, or half of a double one, is missing. Offered, never
        taken."""
        # In order: what a plan shows is in its tag, and has to be the same in every process.
        near = (one for word in sorted(words) for one in self._by_word.get(word, ()))
        return list(dict.fromkeys(one for theirs, one in near if theirs <= words or words <= theirs))


def _named(ground: Ground, person_id: str) -> Somebody:
    known = (one for one in (*ground.people, *ground.others) if one.person_id == person_id)
    return next(known, Somebody(person_id, None, None))


def _of_one(ones: list[tuple[Attendee, Match, Somebody]], decided: Mapping[int, Decision], ground: Ground) -> list[Row]:
    """The rows of one person. Under several addresses they are nobody's, until a person says so of each."""
    addresses = {attendee.address for attendee, _, _ in ones if attendee.address}
    if len(addresses) > 1 and any(match is not Match.DECIDED for _, match, _ in ones):
        person = ones[0][2]
        return [
            _row(
                [attendee], Fate.SEVERAL_ROWS, may_be=(person,), stay=_stay(_intervals([attendee]), [attendee], ground)
            )
            for attendee, _, _ in ones
        ]
    attendees = [attendee for attendee, _, _ in ones]
    match, person = ones[0][1], ones[0][2]
    said = [decided[one.line].minutes for one in attendees if one.line in decided]
    minutes = next((one for one in said if one is not None), None)
    return [_settled(attendees, match, person, ground, minutes=minutes, is_decided=bool(said))]


def _settled(
    attendees: list[Attendee],
    match: Match,
    person: Somebody,
    ground: Ground,
    *,
    minutes: int | None,
    is_decided: bool,
) -> Row:
    stay = _stay(_intervals(attendees), attendees, ground)
    or_else = _stay(_intervals(attendees, later=True), attendees, ground)
    record = ground.records.get(person.person_id)
    tag = record.tag if record is not None else "0"
    stands = record if record is not None and is_said(record, ground) else None
    row = _row(
        attendees,
        Fate.SET,
        match=match,
        person=person,
        stay=stay,
        or_else=or_else if or_else != stay else None,
        stands=stands,
        tag=tag,
    )
    if minutes is not None:
        base = stay or or_else or Stay(Mark.PRESENT, 0, None, None)
        row = replace(row, stay=replace(base, minutes=min(minutes, whole_of(ground.meeting))), or_else=None)
    if or_else != stay and minutes is None:
        return replace(row, fate=Fate.TWO_HOURS)
    if row.stay is None:
        return replace(row, fate=Fate.OUTSIDE)
    if stands is None:
        return row
    if _is_so(stands, row.stay):
        return replace(row, fate=Fate.AS_IT_WAS)
    return row if is_decided else replace(row, fate=Fate.CONTRADICTS)


def is_said(record: Record, ground: Ground) -> bool:
    """Whether somebody or something has said how they were there; also that it is not known, once the list had closed. That a list closed
    without them is said by nobody."""
    if not (record.state.is_told or record.corrected) or record.method is None:
        return False
    stands = not ground.is_open or ground.had_closed
    return stands or not is_of_another_day(record, ground.meeting, ground.rules)


def _is_so(record: Record, stay: Stay) -> bool:
    said = (record.state.value, record.minutes, record.arrived_at, record.left_at)
    return said == (stay.state.value, stay.minutes, stay.arrived_at, stay.left_at)


def _row(attendees: list[Attendee], fate: Fate, **fields: object) -> Row:
    address = next((one.address for one in attendees if one.address), None)
    lines = tuple(sorted(one.line for one in attendees))
    return Row(lines, attendees[0].name, address, fate, **fields)  # type: ignore[arg-type]  # Fields of a row, by their names.


def _intervals(attendees: Iterable[Attendee], *, later: bool = False) -> list[tuple[dt.datetime, dt.datetime]]:
    def reading(one: Interval) -> tuple[dt.datetime, dt.datetime]:
        return one.or_else if later and one.or_else is not None else (one.joined_at, one.left_at)

    return [reading(one) for attendee in attendees for one in attendee.intervals]


def _stay(
    intervals: list[tuple[dt.datetime, dt.datetime]], attendees: Sequence[Attendee], ground: Ground
) -> Stay | None:
    """How long they were connected during the meeting: each minute once, however many connections there were. None: not one whole minute."""
    spans = joined(intervals, ground.meeting)
    length = sum(((until - since) for since, until in spans), dt.timedelta())
    minutes = int(length // MINUTE)
    most = [one.at_most_minutes for one in attendees if one.at_most_minutes is not None]
    if most and len(most) == len(attendees):
        minutes = min(minutes, sum(most))
    if minutes < 1:
        return None
    since, until, grace = spans[0][0], spans[-1][1], ground.rules.late_after
    came_late = since > ground.meeting.starts_at + grace
    left_early = until < ground.meeting.ends_at - grace
    state = Mark.LEFT_EARLY if left_early else Mark.LATE if came_late else Mark.PRESENT
    return Stay(state, minutes, since if came_late else None, until if left_early else None)


def joined(
    intervals: Iterable[tuple[dt.datetime, dt.datetime]], meeting: Meeting
) -> list[tuple[dt.datetime, dt.datetime]]:
    """These times as times of the meeting that do not overlap, in order. Between instants: a night on which clocks change is as long as
    it was."""
    found: list[tuple[dt.datetime, dt.datetime]] = []
    for since, until in sorted(intervals):
        cut = max(since, meeting.starts_at), min(until, meeting.ends_at)
        if cut[0] >= cut[1]:
            continue
        if found and cut[0] <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], cut[1]))
        else:
            found.append(cut)
    return found
