"""Bytes of a report to what it says. Pure: no SQL, no clock. Known by its shape, not by its words: headings are in the language of
whoever downloaded it.

Teams writes UTF-16 with tabs and numbered sections; the third one has each coming and going, the second the first and last of them.
Older ones have one table of them, or a line for each coming and each going. Zoom writes UTF-8 with commas, with or without the meeting
above the people.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from services.attendance.importing.moments import Order, instants, is_time, order_of, says_half, wall_time
from services.attendance.importing.names import plain, without_signs
from services.attendance.importing.report import Attendee, Interval, Remark, Report, Unreadable, Why
from services.attendance.importing.tables import Table, lines_of, tables_of

LONGEST_NAME = 200
LONGEST_ADDRESS = 254
_MAILS = ("mail", "upn")
_WAITING = ("waiting room", "poczekalni")
_CAME = ("join", "dolacz")
_WENT = ("left", "leave", "opusc", "opuszcz", "wysz", "wyjsc")
_YES = ("yes", "tak")
_LENGTH = re.compile(r"(\d+)\s*(h|g|m|s)", re.IGNORECASE)


def read(content: bytes, *, zone: ZoneInfo, starts_at: dt.datetime, ends_at: dt.datetime) -> Report:
    """What the report says of a meeting at these hours; its times are on clocks of the zone. Raises Unreadable."""
    lines, encoding = lines_of(content)
    tables = tables_of(lines)
    if not tables:
        raise Unreadable(Why.NO_PEOPLE, "no row of headings begins with a name")
    tables = [one for one in tables if one.rows]
    if tables and not any(one.times for one in tables):
        raise Unreadable(Why.NO_TIMES, "it does not say when anybody came: export it with every coming and going")
    texts = [cells[at] for one in tables for at in one.times for _, cells in one.rows if at < len(cells)]
    order = order_of([one for one in texts if one.strip()], zone, starts_at, ends_at)
    reader = _Reader(zone, order, halves=any(map(says_half, texts)), last_line=len(lines) if lines[-1].strip() else 0)
    found = [one for one in tables if one.section == 3 and one.times]
    for table in found or [one for one in tables if one.times]:
        reader.hear(table, is_span=table.section == 2)
    if found:  # Whoever the sections name only as having been there.
        for table in (one for one in tables if one.section == 2 and one.times):
            reader.hear(table, is_span=True, only_new=True)
    report = reader.report(encoding, hashlib.sha256(content).hexdigest())
    _check_is_of(report, zone, starts_at, ends_at)
    return report


@dataclass(slots=True)
class _Said:
    line: int
    name: str
    other: str | None
    address: str | None
    intervals: dict[tuple[dt.datetime, dt.datetime], Interval] = field(default_factory=dict)
    lengths: list[int | None] = field(default_factory=list)
    """In seconds, of each time of which only the beginning and the end are known. None: it does not say how long of that."""

    @property
    def at_most_minutes(self) -> int | None:
        known = [one for one in self.lengths if one is not None]
        return sum(known) // 60 if known and len(known) == len(self.lengths) else None


class _Reader:
    """Hears one table after the other."""

    def __init__(self, zone: ZoneInfo, order: Order, *, halves: bool, last_line: int) -> None:
        self._zone = zone
        self._order = order
        self._halves = halves
        self._last_line = last_line
        self._named: dict[tuple[str, str], _Said] = {}
        self._people: dict[tuple[str, str], _Said] = {}
        self._remarks: list[Remark] = []
        self._repeated = 0

    def report(self, encoding: str, sha256: str) -> Report:
        attendees = [
            Attendee(one.line, one.name, one.other, one.address, tuple(one.intervals.values()), one.at_most_minutes)
            for one in sorted(self._people.values(), key=lambda one: one.line)
        ]
        remarks = tuple(sorted(self._remarks, key=lambda one: one.line))
        return Report(tuple(attendees), remarks, encoding, sha256, self._repeated)

    def hear(self, table: Table, *, is_span: bool, only_new: bool = False) -> None:
        known: dict[str, set[str]] = {}
        for name, address in self._people:
            known.setdefault(name, set()).add(address)
        times, mail, waiting = table.times, table.column(_MAILS), table.column(_WAITING)
        length = next(
            (at for at in range(1, len(table.headings)) if at not in times and self._is_length(table, at)), None
        )
        if len(times) == 1 and (action := self._action_column(table, times[0])) is not None:
            self._hear_actions(table, times[0], action)
            return
        for line, cells in table.rows:
            if line == self._last_line and len(cells) < len(table.headings):
                self._not(line, Why.CUT_OFF, "the file ends here")
                continue
            who = self._who(line, cells, mail)
            if who is None or (only_new and _is_known(who, known)):
                continue
            if waiting is not None and waiting < len(cells) and plain(cells[waiting]) in _YES:
                continue  # In the waiting room nobody takes part.
            lasted = _seconds(cells[length]) if length is not None and length < len(cells) else None
            interval = self._interval(line, cells, times, lasted)
            if interval is None:
                continue
            is_new = self._add(who, interval)
            if is_span and is_new:
                self._people[who].lengths.append(lasted)

    def _hear_actions(self, table: Table, when: int, action: int) -> None:
        """A line for each coming and each going; whoever did not go was there until the last thing that the file knows."""
        events: dict[tuple[str, str], list[tuple[tuple[dt.datetime, ...], bool, int]]] = {}
        for line, cells in table.rows:
            if len(cells) <= max(when, action):
                self._not(line, Why.CUT_OFF, f"it has {len(cells)} of {len(table.headings)} columns")
                continue
            said = plain(cells[action])
            came, went = any(one in said for one in _CAME), any(one in said for one in _WENT)
            if came == went:
                self._not(line, Why.NO_ACTION, f"{cells[action][:40]!r} is neither coming nor going")
                continue
            found, who = self._moment(line, cells[when]), self._who(line, cells, table.column(_MAILS))
            if found and who:
                events.setdefault(who, []).append((found, came, line))
        end = max((one[0][-1] for ones in events.values() for one in ones), default=None)
        for who, ones in events.items():
            ones.sort(key=lambda one: one[0][0])
            for (joined, came, line), (left, _, _) in zip(ones, [*ones[1:], (None, False, 0)], strict=True):
                if not came:
                    continue
                if left is None:
                    self._not(line, Why.STILL_THERE, "it does not say when they left")
                until = left or (end or joined[-1],)
                interval = self._fitting(line, joined, until, None)
                if interval is not None:
                    self._add(who, interval)

    def _action_column(self, table: Table, when: int) -> int | None:
        for at in range(1, len(table.headings)):
            values = [plain(cells[at]) for _, cells in table.rows if at < len(cells)] if at != when else []
            if any(word in one for one in values for word in (*_CAME, *_WENT)):
                return at
        return None

    def _is_length(self, table: Table, at: int) -> bool:
        return any(at < len(cells) and _seconds(cells[at]) is not None for _, cells in table.rows)

    def _who(self, line: int, cells: list[str], mail: int | None) -> tuple[str, str] | None:
        """Whose row it is: by name and address."""
        name, other = without_signs(cells[0]) if len(cells[0]) <= LONGEST_NAME else ("", None)
        if not name:
            self._not(line, Why.NO_NAME, "no name stands there, or one that is too long")
            return None
        said = cells[mail] if mail is not None and mail < len(cells) else ""
        address = said.casefold() if "@" in said and len(said) <= LONGEST_ADDRESS else ""
        key = (plain(name), address)
        self._named.setdefault(key, _Said(line, name, other, address or None))
        return key

    def _interval(self, line: int, cells: list[str], times: list[int], lasted: int | None) -> Interval | None:
        if len(cells) <= times[min(1, len(times) - 1)]:
            self._not(line, Why.CUT_OFF, f"it has {len(cells)} columns, and the times stand behind them")
            return None
        found = [self._moment(line, cells[at]) for at in times[:2]]
        joined, left = found[0], found[1] if len(found) > 1 else None
        if joined is None or left is None:
            if len(times) < 2:
                self._not(line, Why.NO_TIME, "it does not say when they left")
            return None
        return self._fitting(line, joined, left, lasted)

    def _fitting(
        self, line: int, joined: tuple[dt.datetime, ...], left: tuple[dt.datetime, ...], lasted: int | None
    ) -> Interval | None:
        """The time between; where an hour comes twice, that which is as long as the row says."""
        found = [(one, other) for one in joined for other in left if one <= other]
        if not found:
            self._not(line, Why.LEFT_BEFORE, "they left before they came")
            return None
        if lasted is not None and len(found) > 1:
            fitting = [one for one in found if abs((one[1] - one[0]).total_seconds() - lasted) <= 60]
            found = fitting or found
        return Interval(*found[0], line, found[-1] if len(found) > 1 else None)

    def _moment(self, line: int, text: str) -> tuple[dt.datetime, ...] | None:
        wall = wall_time(text, self._order)
        if wall is None or (self._halves and wall.tzinfo is None and not says_half(text)):
            cut = line == self._last_line
            self._not(line, Why.CUT_OFF if cut else Why.NO_TIME, f"{text[:40]!r} is no time")
            return None
        found = instants(wall, self._zone)
        if not found:
            self._not(line, Why.SKIPPED_TIME, f"{text[:40]!r} is in the hour that the clocks skip")
        return found or None

    def _add(self, who: tuple[str, str], interval: Interval) -> bool:
        """Whether no row of theirs had said so."""
        said, key = self._people.setdefault(who, self._named[who]), (interval.joined_at, interval.left_at)
        is_new = key not in said.intervals
        self._repeated += not is_new
        said.intervals.setdefault(key, interval)
        return is_new

    def _not(self, line: int, why: Why, detail: str) -> None:
        self._remarks.append(Remark(line, why, detail))


def _check_is_of(report: Report, zone: ZoneInfo, starts_at: dt.datetime, ends_at: dt.datetime) -> None:
    """Raises Unreadable: whoever it names was connected, and nobody during the meeting. So it is of the day before, or of the morning."""
    intervals = [interval for one in report.attendees for interval in one.intervals]
    spans = [(one.joined_at, one.left_at) for one in intervals]
    spans += [one.or_else for one in intervals if one.or_else is not None]
    if not spans or any(since < ends_at and until > starts_at for since, until in spans):
        return
    was, is_from = (
        f"{since.astimezone(zone):%Y-%m-%d %H:%M} to {until.astimezone(zone):%Y-%m-%d %H:%M}"
        for since, until in ((min(spans)[0], max(until for _, until in spans)), (starts_at, ends_at))
    )
    raise Unreadable(Why.ANOTHER_DAY, f"nobody was connected during the meeting, from {is_from}; the file is of {was}")


def _is_known(who: tuple[str, str], known: dict[str, set[str]]) -> bool:
    """Whether the rows of another section are theirs, also if an address stands in one of them alone."""
    name, address = who
    found = known.get(name, set())
    return bool(found) and (not address or address in found or "" in found)


def _seconds(text: str) -> int | None:
    """How long something lasted: `1h 2m 3s`, `1 godz. 2 min 3 s`, or minutes alone."""
    if text.isdecimal():
        return int(text) * 60
    found = _LENGTH.findall(text)
    if not found or is_time(text) or "@" in text:
        return None
    each = {"h": 3600, "g": 3600, "m": 60, "s": 1}
    return sum(int(number) * each[unit.lower()] for number, unit in found)
