"""Entering a signed paper list: what it says beside what is recorded, and what is set because of it. The API and the trainer's page do it
alike: what is set is asked for as whoever keeps the list asks, and decided by the same rules.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from services.attendance import files_reading, views
from services.attendance.attaching import Sent, attach
from services.attendance.decided import TakenMark
from services.attendance.filing import Store, sha256_of
from services.attendance.importing.ground import list_ground_of
from services.attendance.importing.planning import Ground
from services.attendance.keeping import Minutes, set_several
from services.attendance.lists import ListRules
from services.attendance.papers import Counts, Row, Typed, is_asked, key_of, plan, requests_of, written
from services.attendance.paths import IS_HISTORY, NOT_OVER, SESSION_CANCELLED, found, meeting_of
from services.attendance.state import Session
from shared.contracts.files import FileKind, Sha256
from shared.contracts.model import Id, Line, Moment
from shared.contracts.planner import Meeting
from shared.events.envelope import Reason
from shared.problems import KEY_TAKEN, NOT_ALLOWED, NOT_VALID, Problem
from shared.process.runtime import Runtime
from shared.values import immutable
from shared.web.tokens import Actor

MOST_ROWS = 1_000
MOST_BYTES = 512 * 1024
MOST_NAMED = 5
TYPED = "application/json"


class TypedRow(BaseModel):
    """A line of the paper."""

    model_config = ConfigDict(extra="forbid")

    person_id: Id = Field(
        description="Of somebody who is known; or `walk-in-` and some letters, until it is known who it was."
    )
    is_signed: StrictBool = Field(True, description="False: the line is empty.")
    arrived_at: Moment | None = Field(None, description="If it stands there that they came late.")
    left_at: Moment | None = Field(None, description="If it stands there that they left early.")
    minutes: Minutes | None = Field(None, description="If somebody has counted them.")
    seen: Line | None = Field(None, description="To enter it: the `tag` of this row as it was looked at.")
    counts: Counts | None = Field(
        None, description="What was decided, if they differ. Without it what is recorded stands, and is asked about."
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
                        {"person_id": "person-0002", "seen": "3", "counts": "paper"},
                    ]
                }
            ]
        },
    )

    rows: Annotated[list[TypedRow], Field(min_length=1, max_length=MOST_ROWS)]
    is_whole: StrictBool = Field(
        True, description="Everybody who signed stands here: whoever was recorded as present and does not is shown."
    )
    file: Sha256 | None = Field(
        None, description="The hash of the scan that it was typed in from, if that is attached."
    )


@immutable
class Entered:
    """What became of a signed list."""

    sha256: str
    """Of what was typed in, as it is kept."""
    marks: tuple[TakenMark, ...]
    left: tuple[Row, ...]
    """Rows of which nothing was asked."""
    undecided: int


async def compare(runtime: Runtime, session_id: str, meeting_id: str, sheet: Sheet) -> tuple[Ground, tuple[Row, ...]]:
    """What the sheet says beside what is recorded. Sets nothing. Problem: of this meeting no list is typed in now."""
    named = [one.person_id for one in sheet.rows]
    if len(set(named)) < len(named):
        raise Problem(NOT_VALID, "somebody stands there twice", field="rows")
    rules: ListRules = runtime.service.rules
    async with runtime.reading.connect() as connection:
        session = found(await views.session_row(connection, session_id), session_id)
        meeting = meeting_of(session, meeting_id)
        ground = await list_ground_of(connection, rules, session, meeting, named)
    _check_may_enter(runtime, session, meeting, ground)
    typed = [Typed(**one.model_dump()) for one in sheet.rows]
    return ground, plan(typed, ground, is_whole=sheet.is_whole)


async def enter(
    runtime: Runtime, store: Store, about: tuple[str, str], sheet: Sheet, actor: Actor, key: str | None = None
) -> Entered:
    """Sets what the sheet says, each line on the record that was seen. `about`: session and meeting; `key`: none is that of what was typed
    in, so that the same is entered once."""
    session_id, meeting_id = about
    if any(one.seen is None for one in sheet.rows):
        raise Problem(NOT_VALID, "each row names the tag that was looked at: compare the sheet first", field="rows")
    ground, rows = await compare(runtime, session_id, meeting_id, sheet)
    if not ground.is_open and "office" not in actor.scopes:
        raise Problem(NOT_ALLOWED, "the list has closed: this token lacks the scope 'office'")
    content = written(sheet.model_dump(mode="json") | {"session_id": session_id, "meeting_id": meeting_id})
    sha256 = sha256_of(content)
    left = tuple(row for row in rows if not is_asked(row))
    undecided = sum(row.fate.is_open for row in left)
    name = f"typed-list-{meeting_id}.json"
    sent = Sent(session_id, meeting_id, FileKind.TYPED_LIST, name, TYPED, content, undecided)
    await attach(runtime, store, sent, actor, None)  # The evidence first: what is set names it.
    bodies = requests_of(rows, about, _note(sheet, sha256), is_open=ground.is_open)
    asked = [(key_of(key or sha256, body.person_id), body) for body in bodies]
    became = await set_several(runtime, asked, actor)
    if unsettled := sum(not mark.outcome.is_settled for mark, _ in became):
        undecided += unsettled
        await attach(runtime, store, replace(sent, undecided=undecided), actor, None)
    if taken := [mark.person_id for mark, _ in became if mark.reason is Reason.ID_REUSED]:
        detail = f"under this key something else was entered of {', '.join(taken[:MOST_NAMED])}"
        raise Problem(KEY_TAKEN, detail, field="Idempotency-Key")
    return Entered(sha256, tuple(mark for mark, _ in became), left, undecided)


async def typed_before(runtime: Runtime, store: Store, about: tuple[str, str], sha256: str) -> Sheet | None:
    """A sheet of this meeting that was entered, as it is kept: what stands on the paper, and of whom it was decided that the list counts.
    What the paper was to count against is entered, or stands otherwise by now: that is decided anew."""
    session_id, meeting_id = about
    async with runtime.reading.connect() as connection:
        file = await files_reading.file(connection, session_id, sha256)
    if file is None or file.is_removed or (file.kind, file.meeting_id) != (FileKind.TYPED_LIST, meeting_id):
        return None
    content = await store.get(session_id, sha256)
    try:
        sheet = _Kept.model_validate_json(content or b"")
    except ValidationError:
        return None
    rows = [one.model_copy(update={"counts": Counts.LIST if one.counts is Counts.LIST else None}) for one in sheet.rows]
    return Sheet(rows=rows, is_whole=sheet.is_whole, file=sheet.file)


class _Kept(Sheet):
    """As it lies there: it says of which list it is."""

    session_id: Id
    meeting_id: Id


def _check_may_enter(runtime: Runtime, session: Session, meeting: Meeting, ground: Ground) -> None:
    """Of a session that was cancelled there is a list only if it had closed before that."""
    if not session.state.takes_place and not ground.had_closed:
        raise Problem(SESSION_CANCELLED, "a session that does not take place has no list")
    if runtime.service.clock() < meeting.ends_at:
        raise Problem(NOT_OVER, f"it ends at {meeting.ends_at.isoformat()}: a list is signed by then")
    if ground.is_open and ground.rules.is_history(meeting):
        raise Problem(IS_HISTORY, "it was over before Rollcall went live; whoever kept its list states it")


def _note(sheet: Sheet, sha256: str) -> str:
    """By what it is known: the scan, if it is attached, else what was typed in."""
    return f"signed list, scan sha256 {sheet.file}" if sheet.file else f"signed list, typed in, sha256 {sha256}"
