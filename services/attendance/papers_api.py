"""Typing in a signed paper list over HTTP: first what it says beside what is recorded, which sets nothing; then the same sheet with the tags of
what was looked at, and what a person has decided (entering.py).
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, JsonValue

from services.attendance import views
from services.attendance.answers import RECORD_EXAMPLE, Record
from services.attendance.decided import TakenMark
from services.attendance.entering import MOST_BYTES, Sheet, compare, enter
from services.attendance.papers import Fate, Row
from services.attendance.paths import (
    FILES_AWAY,
    IS_HISTORY,
    NO_SUCH_MEETING,
    NO_SUCH_SESSION,
    NOT_OVER,
    SESSION_CANCELLED,
    MeetingId,
    SessionId,
)
from services.attendance.settings import AttendanceSettings
from shared.contracts.marks import Mark
from shared.problems import COMMAND, NO_SUCH_PATH, WRITE
from shared.process.runtime import Runtime
from shared.web.answers import Shape, exemplified
from shared.web.asking import IdempotencyKey, Writer
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

LARGER = {"/paper": MOST_BYTES, "/paper/enter": MOST_BYTES, "/signed": MOST_BYTES}
"""The last is the trainer's page, as the form of it sends more than the sheet."""


_ROW: dict[str, JsonValue] = {
    "person_id": "person-0002",
    "given_name": "Zofia",
    "family_name": "Zielińska",
    "is_signed": True,
    "state": "present",
    "fate": "contradicts",
    "is_open": True,
    "stands": RECORD_EXAMPLE | {"state": "absent", "minutes": 0, "method": "manual", "decided_by": "trainer"},
    "tag": "3",
}


class PaperRow(Shape):
    """Somebody, what the paper says of them, and what is recorded."""

    person_id: str
    given_name: str | None = Field(description="Null: not known, or erased.")
    family_name: str | None
    is_signed: bool
    state: Mark = Field(description="What would stand on the list by the paper.")
    fate: Fate
    is_open: bool = Field(description="Whether a person has to decide; until then nothing is set.")
    stands: Record | None = Field(description="What a code, a mark or a report has said of them.")
    tag: str = Field(description="Of their record as it stands; `0`: there is none.")


class PaperPlan(Shape):
    """A signed list beside what is recorded. Nothing is set by asking for it."""

    model_config = exemplified(
        session_id="session-0001", meeting_id="day-1", list_is_open=False, rows=[_ROW], differences=1
    )

    session_id: str
    meeting_id: str
    list_is_open: bool = Field(description="False: a token of scope `office` is needed, and these are corrections.")
    rows: list[PaperRow] = Field(
        description="In the order of the paper; behind them whoever was there and did not sign."
    )
    differences: int = Field(description="How many of them a person has to decide.")


class PaperEntered(Shape):
    """What became of a signed list: each person for themselves."""

    model_config = exemplified(
        sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        marks=[
            {
                "id": "paper-6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b",
                "outcome": "set",
                "reason": None,
                "detail": None,
                "session_id": "session-0001",
                "meeting_id": "day-1",
                "person_id": "person-0001",
                "record": RECORD_EXAMPLE | {"method": "paper"},
            }
        ],
        left=[_ROW],
        differences=1,
    )

    sha256: str = Field(description="Of what was typed in, as it is kept among the session's files.")
    marks: list[TakenMark]
    left: list[PaperRow] = Field(description="Rows of which nothing was asked; where `is_open`, nobody has decided.")
    differences: int = Field(description="How many are left for a person to decide.")


def paper_routes(runtime: Runtime, settings: AttendanceSettings) -> Routes:
    """The routes of whoever types in a signed list."""
    routes = Routes(prefix="/api/v1/sessions/{session_id}/meetings/{meeting_id}/paper")
    why_not = (NO_SUCH_SESSION, NO_SUCH_MEETING, NO_SUCH_PATH, SESSION_CANCELLED, NOT_OVER, IS_HISTORY)
    store = settings.store

    @routes.post("", responses=may_answer(*WRITE, *why_not))
    async def compare_paper(
        session_id: SessionId, meeting_id: MeetingId, sheet: Sheet, actor: Annotated[Actor, Writer]
    ) -> PaperPlan:
        """Shows a signed list beside what is recorded, and sets nothing: what would be set, and what a person has to decide."""
        ground, rows = await compare(runtime, session_id, meeting_id, sheet)
        return PaperPlan(
            session_id=session_id,
            meeting_id=meeting_id,
            list_is_open=ground.is_open,
            rows=[_shown(row) for row in rows],
            differences=sum(row.fate.is_open for row in rows),
        )

    @routes.post("/enter", responses=may_answer(*COMMAND, *why_not, FILES_AWAY))
    async def enter_paper(
        session_id: SessionId,
        meeting_id: MeetingId,
        sheet: Sheet,
        actor: Annotated[Actor, Writer],
        idempotency_key: IdempotencyKey = None,
    ) -> PaperEntered:
        """Sets what stands on a signed list, each on the record that was seen. What is recorded otherwise stands unless `counts` says
        that somebody has decided; once the list has closed, by a token of scope `office`. What was typed in is kept with its hash."""
        entered = await enter(runtime, store, (session_id, meeting_id), sheet, actor, idempotency_key)
        return PaperEntered(
            sha256=entered.sha256,
            marks=list(entered.marks),
            left=[_shown(row) for row in entered.left],
            differences=entered.undecided,
        )

    return routes


def _shown(row: Row) -> PaperRow:
    person = row.person
    return PaperRow(
        person_id=row.typed.person_id,
        given_name=person.given_name if person else None,
        family_name=person.family_name if person else None,
        is_signed=row.typed.is_signed,
        state=row.typed.mark,
        fate=row.fate,
        is_open=row.fate.is_open,
        stands=views.shown(row.stands) if row.stands else None,
        tag=row.tag,
    )
