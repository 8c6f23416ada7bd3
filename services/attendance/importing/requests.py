"""What is asked of a list by a plan, and how a person's decisions are written. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence

from services.attendance.importing.planning import Decision, Fate, Row
from services.attendance.importing.report import Report
from shared.contracts.marks import MarkedBy, MarkRequested, RecordCorrectionRequested

_ONE = r"\d{1,5}:[A-Za-z0-9._:-]{0,64}(?:@[1-9]\d{0,4})?"
PATTERN = rf"^(?:{_ONE}(?:,{_ONE})*)?$"
"""Of decisions as they are sent: `12:person-0001,15:,20:person-0002@45`. After the line a person, or nobody; after `@` the minutes."""
_PARTS = re.compile(r"(\d+):([^@]*)(?:@([1-9]\d*))?")
MOST_LINES_NAMED = 5


def decisions_of(text: str) -> tuple[Decision, ...]:
    """What was decided. ValueError: of one line two things, or of one person's minutes."""
    found: dict[int, Decision] = {}
    minutes_of: dict[str | None, int] = {}
    for one in filter(None, text.split(",")):
        parts = _PARTS.fullmatch(one)
        if parts is None:
            raise ValueError(f"{one!r} is no decision such as 12:person-0001")
        line, person_id, minutes = parts.groups()
        decision = Decision(int(line), person_id or None, int(minutes) if minutes else None)
        if found.setdefault(decision.line, decision) != decision:
            raise ValueError(f"of line {line} two things are decided")
        if (
            decision.minutes is not None
            and minutes_of.setdefault(decision.person_id, decision.minutes) != decision.minutes
        ):
            raise ValueError(f"for how many minutes {person_id} was there two things are decided")
    return tuple(found.values())


def requests_of(
    rows: Iterable[Row], report: Report, about: tuple[str, str], *, is_open: bool
) -> list[MarkRequested | RecordCorrectionRequested]:
    """Marks on an open list, corrections on a closed one, each on what the plan showed: what changed meanwhile is not overwritten."""
    kind = MarkRequested if is_open else RecordCorrectionRequested
    return [
        kind(
            session_id=about[0],
            meeting_id=about[1],
            person_id=row.person.person_id,
            state=row.stay.state,
            minutes=row.stay.minutes,
            arrived_at=row.stay.arrived_at,
            left_at=row.stay.left_at,
            method=MarkedBy.IMPORT,
            note=_note(row, report),
            seen=row.tag,
        )
        for row in rows
        if row.fate is Fate.SET and row.person is not None and row.stay is not None
    ]


def _note(row: Row, report: Report) -> str:
    """Where it stands, and in which file."""
    lines = ", ".join(map(str, row.lines[:MOST_LINES_NAMED]))
    more = " …" if len(row.lines) > MOST_LINES_NAMED else ""
    return f"attendance report, line {lines}{more}, sha256 {report.sha256}"


def key_of(tag: str, decisions: Sequence[Decision], person_id: str) -> str:
    """What a request of an import is known by: sent again on the same plan with the same decisions, it is the same."""
    decided = sorted((one.line, one.person_id or "", one.minutes or 0) for one in decisions)
    return "import-" + hashlib.sha256(repr((tag, decided, person_id)).encode()).hexdigest()
