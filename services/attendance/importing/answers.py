"""What whoever imports a report is answered. Only shapes."""

from __future__ import annotations

import datetime as dt
import hashlib

from pydantic import Field, JsonValue

from services.attendance import views
from services.attendance.answers import Record
from services.attendance.decided import TakenMark
from services.attendance.importing import planning
from services.attendance.importing.planning import Fate, Ground, Match
from services.attendance.importing.report import Report, Why
from shared.contracts.marks import Mark
from shared.web.answers import Shape, exemplified


class MayBe(Shape):
    """Somebody whom a row may be of."""

    person_id: str
    given_name: str | None
    family_name: str | None
    sessions: list[str] = Field(description="Other sessions in which they have a place.")


class PlannedRow(Shape):
    """Somebody in the report, and what would come of it."""

    lines: list[int] = Field(
        description="Where they stand in the file: the first row under each name and address. A decision names such a line."
    )
    name: str = Field(description="As the report has it.")
    address: str | None = Field(description="As the report has it. Shown to whoever decides, compared with nothing.")
    fate: Fate
    is_open: bool = Field(description="Whether a person has to decide; until then nothing is set.")
    match: Match | None = Field(description="By what it is known who that is; null: it is not known.")
    person: MayBe | None
    state: Mark | None = Field(description="What would stand on the list; null: not one whole minute of the meeting.")
    minutes: int | None = Field(description="Of the meeting's own, each once.")
    or_else_minutes: int | None = Field(description="If it was the other of the two hours that the clock shows twice.")
    arrived_at: dt.datetime | None
    left_at: dt.datetime | None
    stands: Record | None = Field(description="What a code, a mark or another report has said of them.")
    tag: str = Field(description="Of their record as the plan was made; `0`: there is none.")
    may_be: list[MayBe] = Field(description="Who it may be, if that has to be decided.")


class NotTaken(Shape):
    """A line that is not taken, or not as it stands."""

    line: int
    why: Why
    detail: str


_ROW: dict[str, JsonValue] = {
    "lines": [12, 14],
    "name": "Zielinska Zofia (Gość)",
    "address": None,
    "fate": "set",
    "is_open": False,
    "match": "name",
    "person": {"person_id": "person-0001", "given_name": "Zofia", "family_name": "Zielińska", "sessions": []},
    "state": "late",
    "minutes": 301,
    "or_else_minutes": None,
    "arrived_at": "2026-10-24T07:40:00Z",
    "left_at": None,
    "stands": None,
    "tag": "0",
    "may_be": [],
}


class Plan(Shape):
    """What would come of a report. Nothing is set by asking for it."""

    model_config = exemplified(
        tag="6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
        session_id="session-0001",
        meeting_id="day-1",
        starts_at="2026-10-24T07:00:00Z",
        ends_at="2026-10-24T13:00:00Z",
        zone="Europe/Warsaw",
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        encoding="utf-16",
        list_is_open=True,
        rows=[_ROW],
        without_a_row=["person-0002"],
        not_taken=[{"line": 17, "why": "cut_off", "detail": "the file ends here"}],
        repeated=0,
    )

    tag: str = Field(description="For `If-Match`: another one as soon as anything that is shown here has changed.")
    session_id: str
    meeting_id: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    zone: str = Field(description="On whose clocks the times of the report were read.")
    sha256: str = Field(description="Of the file; it stands in the reason of whatever is set by it.")
    encoding: str
    list_is_open: bool = Field(description="False: a token of scope `office` is needed, and these are corrections.")
    rows: list[PlannedRow]
    without_a_row: list[str] = Field(description="Who is on the list and in no row. Nothing is said of them.")
    not_taken: list[NotTaken]
    repeated: int = Field(description="Rows that say what another one has said.")


class Imported(Shape):
    """What became of an import: each person for themselves."""

    model_config = exemplified(
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        marks=[
            {
                "id": "import-6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                "outcome": "try_again",
                "reason": None,
                "detail": "too many commands are waiting",
                "session_id": "session-0001",
                "meeting_id": "day-1",
                "person_id": "person-0001",
                "record": None,
            }
        ],
        left=[_ROW | {"fate": "several", "is_open": True, "match": None, "person": None}],
    )

    sha256: str
    marks: list[TakenMark] = Field(description="Their ids are made of the plan, the decisions and the person.")
    left: list[PlannedRow] = Field(description="Rows of which nothing was asked; where `is_open`, nobody has decided.")


def shown(row: planning.Row) -> PlannedRow:
    """A row as the API shows it."""
    stay = row.stay
    return PlannedRow(
        lines=list(row.lines),
        name=row.name,
        address=row.address,
        fate=row.fate,
        is_open=row.fate.is_open,
        match=row.match,
        person=_may_be(row.person) if row.person else None,
        state=stay.state if stay else None,
        minutes=stay.minutes if stay else None,
        or_else_minutes=row.or_else.minutes if row.or_else else None,
        arrived_at=stay.arrived_at if stay else None,
        left_at=stay.left_at if stay else None,
        stands=views.shown(row.stands) if row.stands else None,
        tag=row.tag,
        may_be=[_may_be(one) for one in row.may_be],
    )


def _may_be(one: planning.Somebody) -> MayBe:
    return MayBe(
        person_id=one.person_id,
        given_name=one.given_name,
        family_name=one.family_name,
        sessions=list(one.sessions),
    )


def plan_of(report: Report, ground: Ground, session_id: str, zone: str) -> Plan:
    """The plan as it is shown, and its tag: made of everything else in it, so that nothing that is shown changes unseen."""
    rows = planning.plan(report, ground)
    found = {row.person.person_id for row in rows if row.person} | {one.person_id for row in rows for one in row.may_be}
    plan = Plan(
        tag="",
        session_id=session_id,
        meeting_id=ground.meeting.meeting_id,
        starts_at=ground.meeting.starts_at,
        ends_at=ground.meeting.ends_at,
        zone=zone,
        sha256=report.sha256,
        encoding=report.encoding,
        list_is_open=ground.is_open,
        rows=[shown(row) for row in rows],
        without_a_row=sorted(one.person_id for one in ground.people if one.person_id not in found),
        not_taken=[NotTaken(line=one.line, why=one.why, detail=one.detail) for one in report.remarks],
        repeated=report.repeated,
    )
    return plan.model_copy(update={"tag": hashlib.sha256(plan.model_dump_json().encode()).hexdigest()})
