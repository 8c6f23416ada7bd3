"""Typing in a signed paper list over HTTP: first what it says beside what is recorded, which sets nothing; then the same sheet with the tags of
what was looked at, and what a person has decided. What is set is asked for as whoever keeps the list asks, and decided by the same rules.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from services.attendance import views
from services.attendance.answers import RECORD_EXAMPLE, Record
from services.attendance.attaching import Sent, attach
from services.attendance.decided import TakenMark
from services.attendance.filing import sha256_of
from services.attendance.importing.ground import list_ground_of
from services.attendance.importing.planning import Ground
from services.attendance.keeping import Minutes, set_several
from services.attendance.papers import Fate, Row, Typed, is_asked, key_of, plan, requests_of, written
from services.attendance.paths import (
    FILES_AWAY,
    IS_HISTORY,
    NO_SUCH_MEETING,
    NO_SUCH_SESSION,
    NOT_OVER,
    SESSION_CANCELLED,
    MeetingId,
    SessionId,
    found,
    meeting_of,
)
from services.attendance.settings import AttendanceSettings
from services.attendance.state import Session
from shared.contracts.files import FileKind, Sha256
from shared.contracts.marks import Mark
from shared.contracts.model import Id, Line, Moment
from shared.contracts.planner import Meeting
from shared.events.envelope import Reason
from shared.problems import COMMAND, KEY_TAKEN, NO_SUCH_PATH, NOT_ALLOWED, NOT_VALID, WRITE, Problem
from shared.process.runtime import Runtime
from shared.web.answers import Shape, exemplified
from shared.web.asking import IdempotencyKey, Writer
from shared.web.refusing import may_answer
from shared.web.tokens import Actor

MOST_ROWS = 1_000
MOST_BYTES = 512 * 1024
MOST_NAMED = 5
LARGER = {"/paper": MOST_BYTES, "/paper/enter": MOST_BYTES}
TYPED = "application/json"


class TypedRow(BaseModel):
    """A line of the paper."""

    model_config = ConfigDict(extra="forbid")

    person_id: Id = Field(
        description="Of somebody who is known; or `walk-in-` and some letters, until it is known who it was."
    )
    is_signed: bool = Field(True, description="False: the line is empty.")
    arrived_at: Moment | None = Field(None, description="If it stands there that they came late.")
    left_at: Moment | None = Field(None, description="If it stands there that they left early.")
    minutes: Minutes | None = Field(None, description="If somebody has counted them.")
    seen: Line | None = Field(None, description="To enter it: the `tag` of this row as it was looked at.")
    paper_counts: bool = Field(
        False, description="It was decided that the paper is right, whatever else was recorded. Without it that stands."
    )


class Sheet(BaseModel):
    """What was typed in of a signed list."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "rows": [
                        {"person_id": "person-0001", "seen": "0"},
                        {"person_id": "person-0002", "seen": "3", "paper_counts": True},
                    ]
                }
            ]
        },
    )

    rows: Annotated[list[TypedRow], Field(min_length=1, max_length=MOST_ROWS)]
    is_whole: bool = Field(
        True, description="Everybody who signed stands here: whoever was recorded as present and does not is shown."
    )
    file: Sha256 | None = Field(
        None, description="The hash of the scan that it was typed in from, if that is attached."
    )


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


def paper_routes(runtime: Runtime, settings: AttendanceSettings) -> APIRouter:
    """The routes of whoever types in a signed list."""
    routes = APIRouter(prefix="/api/v1/sessions/{session_id}/meetings/{meeting_id}/paper")
    why_not = (NO_SUCH_SESSION, NO_SUCH_MEETING, NO_SUCH_PATH, SESSION_CANCELLED, NOT_OVER, IS_HISTORY)
    rules, store = settings.rules, settings.store

    @routes.post("", responses=may_answer(*WRITE, *why_not))
    async def compare_paper(
        session_id: SessionId, meeting_id: MeetingId, sheet: Sheet, actor: Annotated[Actor, Writer]
    ) -> PaperPlan:
        """Shows a signed list beside what is recorded, and sets nothing: what would be set, and what a person has to decide."""
        ground, rows = await _compared(session_id, meeting_id, sheet)
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
        """Sets what stands on a signed list, each on the record that was seen. What is recorded otherwise stands unless `paper_counts` says
        that somebody has decided; once the list has closed, by a token of scope `office`. What was typed in is kept with its hash."""
        if any(one.seen is None for one in sheet.rows):
            raise Problem(NOT_VALID, "each row names the tag that was looked at: compare the sheet first", field="rows")
        ground, rows = await _compared(session_id, meeting_id, sheet)
        if not ground.is_open and "office" not in actor.scopes:
            raise Problem(NOT_ALLOWED, "the list has closed: this token lacks the scope 'office'")
        content = written(sheet.model_dump(mode="json") | {"session_id": session_id, "meeting_id": meeting_id})
        sha256 = sha256_of(content)
        key = idempotency_key or sha256
        sent = Sent(session_id, meeting_id, FileKind.TYPED_LIST, f"typed-list-{meeting_id}.json", TYPED, content)
        await store.put(session_id, content)  # The evidence first: what is set names it.
        bodies = requests_of(rows, (session_id, meeting_id), _note(sheet, sha256), is_open=ground.is_open)
        became = await set_several(runtime, [(key_of(key, body.person_id), body) for body in bodies], actor)
        left = [row for row in rows if not is_asked(row)]
        undecided = sum(row.fate.is_open for row in left) + sum(not mark.outcome.is_settled for mark, _ in became)
        await attach(runtime, store, replace(sent, undecided=undecided), actor, None)
        if taken := [mark.person_id for mark, _ in became if mark.reason is Reason.ID_REUSED]:
            detail = f"under this key something else was entered of {', '.join(taken[:MOST_NAMED])}"
            raise Problem(KEY_TAKEN, detail, field="Idempotency-Key")
        return PaperEntered(
            sha256=sha256,
            marks=[mark for mark, _ in became],
            left=[_shown(row) for row in left],
            differences=undecided,
        )

    async def _compared(session_id: str, meeting_id: str, sheet: Sheet) -> tuple[Ground, tuple[Row, ...]]:
        named = [one.person_id for one in sheet.rows]
        if len(set(named)) < len(named):
            raise Problem(NOT_VALID, "somebody stands there twice", field="rows")
        async with runtime.engine.connect() as connection:
            session = found(await views.session_row(connection, session_id), session_id)
            meeting = meeting_of(session, meeting_id)
            ground = await list_ground_of(connection, rules, session, meeting, named)
        _check_may_enter(session, meeting, ground)
        typed = [Typed(**one.model_dump()) for one in sheet.rows]
        return ground, plan(typed, ground, is_whole=sheet.is_whole)

    def _check_may_enter(session: Session, meeting: Meeting, ground: Ground) -> None:
        """Of a session that was cancelled there is a list only if it had closed before that."""
        if not session.state.takes_place and ground.is_open:
            raise Problem(SESSION_CANCELLED, "a session that does not take place has no list")
        if runtime.service.clock() < meeting.ends_at:
            raise Problem(NOT_OVER, f"it ends at {meeting.ends_at.isoformat()}: a list is signed by then")
        if ground.is_open and rules.is_history(meeting):
            raise Problem(IS_HISTORY, "it was over before Rollcall went live; whoever kept its list states it")

    return routes


def _note(sheet: Sheet, sha256: str) -> str:
    """By what it is known: the scan, if it is attached, else what was typed in."""
    return f"signed list, scan sha256 {sheet.file}" if sheet.file else f"signed list, typed in, sha256 {sha256}"


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
