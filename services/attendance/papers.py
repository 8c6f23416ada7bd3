"""A signed paper list that is typed in: what it says beside what the list says, and what is asked because of it. Pure: no SQL, no clock.

A signature says that somebody came, and nothing more: against whoever was recorded as present, also late, it is no difference. What was
recorded otherwise – absent by a mark, excused, other times – stands until a person decides, and so does whoever was recorded as present and
has not signed.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from services.attendance.importing.planning import Ground, Somebody, is_said
from services.attendance.state import WALK_IN, Record
from shared.contracts.attendance import Role
from shared.contracts.marks import Mark, MarkedBy, MarkRequested, RecordCorrectionRequested
from shared.values import immutable

NOTHING_RECORDED = "0"


class Fate(StrEnum):
    """What would come of a row."""

    SET = "set"
    AS_IT_WAS = "as_it_was"
    """The list says so already."""
    CONTRADICTS = "contradicts"
    """They signed, and the list says otherwise, by a code, a mark or a report: that stands until a person decides."""
    NOT_SIGNED = "not_signed"
    """The list says that they came, and they did not sign: that stands until a person decides."""
    LIST_COUNTS = "list_counts"
    """The paper says otherwise, and somebody has decided that what is recorded is right."""
    UNKNOWN = "unknown"
    """Nobody is known under this id."""

    @property
    def is_open(self) -> bool:
        """Whether a person has to decide."""
        return self not in (Fate.SET, Fate.AS_IT_WAS, Fate.LIST_COUNTS)


class Counts(StrEnum):
    """What a person decides of a line of which paper and list say different things."""

    PAPER = "paper"
    """The paper is right, whatever the list says."""
    LIST = "list"
    """What is recorded is right, as it was seen."""


@immutable
class Typed:
    """A line of the paper as it was typed in."""

    person_id: str
    is_signed: bool
    arrived_at: dt.datetime | None = None
    left_at: dt.datetime | None = None
    minutes: int | None = None
    seen: str | None = None
    """The tag of the record that was looked at."""
    counts: Counts | None = None
    """What was decided, if they differ."""

    @property
    def mark(self) -> Mark:
        if not self.is_signed:
            return Mark.ABSENT
        if self.left_at is not None:
            return Mark.LEFT_EARLY
        return Mark.LATE if self.arrived_at is not None else Mark.PRESENT

    @property
    def says_when(self) -> bool:
        return self.arrived_at is not None or self.left_at is not None or self.minutes is not None


@immutable
class Row:
    """Somebody, what the paper says of them, what the list says, and what would come of it."""

    typed: Typed
    fate: Fate
    person: Somebody | None
    stands: Record | None
    """What somebody or something has said of them."""
    tag: str


def plan(typed: Iterable[Typed], ground: Ground, *, is_whole: bool) -> tuple[Row, ...]:
    """What would come of each line, in the order of the paper. `is_whole`: behind them whoever was there, by the list, and is on no line;
    trainers sign elsewhere."""
    people = {one.person_id: one for one in (*ground.others, *ground.people)}
    rows = [_row(one, ground, people.get(one.person_id)) for one in typed]
    if not is_whole:
        return tuple(rows)
    on_paper = {row.typed.person_id for row in rows}
    there = (one for one in ground.records.values() if one.state.came and one.role is Role.PARTICIPANT)
    unsigned = sorted(one.person_id for one in there if one.person_id not in on_paper)
    missed = (_row(Typed(one, is_signed=False), ground, people.get(one)) for one in unsigned)
    return (*rows, *(row for row in missed if row.fate is Fate.NOT_SIGNED))


def _row(typed: Typed, ground: Ground, person: Somebody | None) -> Row:
    record = ground.records.get(typed.person_id)
    stands = record if record is not None and is_said(record, ground) else None
    tag = record.tag if record is not None else NOTHING_RECORDED
    is_known = person is not None or record is not None or typed.person_id.startswith(WALK_IN)
    fate = _fate(typed, stands) if is_known else Fate.UNKNOWN
    if fate in (Fate.CONTRADICTS, Fate.NOT_SIGNED) and typed.counts is Counts.LIST and typed.seen == tag:
        fate = Fate.LIST_COUNTS  # Of what was recorded since nobody has decided anything.
    return Row(typed, fate, person, stands, tag)


def _fate(typed: Typed, stands: Record | None) -> Fate:
    if not typed.is_signed:
        if stands is None or not stands.state.came:
            return Fate.AS_IT_WAS
        return Fate.SET if typed.counts is Counts.PAPER else Fate.NOT_SIGNED
    if stands is None:
        return Fate.SET
    if stands.state.came and _agrees(typed, stands):
        return Fate.AS_IT_WAS
    return Fate.SET if typed.counts is Counts.PAPER else Fate.CONTRADICTS


def _agrees(typed: Typed, stands: Record) -> bool:
    """Whether the record says what stands on the paper beside the signature, as far as anything stands there."""
    if not typed.says_when:
        return True
    said = {"arrived_at": typed.arrived_at, "left_at": typed.left_at, "minutes": typed.minutes}
    return all(value is None or getattr(stands, name) == value for name, value in said.items())


def is_asked(row: Row) -> bool:
    """Whether this is asked for: of whoever stands on the sheet that was sent. Of a record that stands otherwise than it was seen the one who decides says so: it may be this very row
    that was sent before, and then it gets its answer."""
    if row.typed.seen is None or row.fate is Fate.UNKNOWN:
        return False
    return row.fate is Fate.SET or row.typed.seen != row.tag


def requests_of(
    rows: Iterable[Row], about: tuple[str, str], note: str, *, is_open: bool
) -> list[MarkRequested | RecordCorrectionRequested]:
    """Marks on an open list, corrections on a closed one, each on what was seen."""
    kind = MarkRequested if is_open else RecordCorrectionRequested
    return [
        kind(
            session_id=about[0],
            meeting_id=about[1],
            person_id=row.typed.person_id,
            state=row.typed.mark,
            minutes=row.typed.minutes if row.typed.is_signed else None,
            arrived_at=row.typed.arrived_at,
            left_at=row.typed.left_at,
            method=MarkedBy.PAPER,
            note=note,
            seen=row.typed.seen,
        )
        for row in rows
        if is_asked(row)
    ]


def written(sheet: dict[str, Any]) -> bytes:
    """What was typed in, as it is kept: ids, and no names. The same sheet is the same bytes."""
    return json.dumps(sheet, ensure_ascii=False, sort_keys=True, indent=1).encode()


def key_of(key: str, person_id: str) -> str:
    """What a line of a sheet is known by that was sent under this key."""
    return "paper-" + hashlib.sha256(f"{key}\n{person_id}".encode()).hexdigest()
