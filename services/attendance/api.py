"""Attendance over HTTP: rosters, scans from a phone at the door, and closing a list."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query
from pydantic import BaseModel, ConfigDict
from pydantic.config import JsonDict

from services.attendance import views
from services.attendance.answers import AttendanceBooks, DecidedClosing, DecidedScan, OnRoster
from services.attendance.answers import Session as SessionShown
from services.attendance.lists import CloseList
from services.attendance.settings import AttendanceSettings
from services.attendance.state import Session
from shared.books.holding import is_known
from shared.books.watermark import is_heard
from shared.contracts.checkin import CheckInScanned
from shared.contracts.model import ID_PATTERN, Id, Moment
from shared.problems import COMMAND, IMPLAUSIBLE_TIME, NO_SUCH_PATH, READ, TRY_AGAIN, Kind, Problem
from shared.process.runtime import Runtime
from shared.web.app import create_app
from shared.web.asking import IdempotencyKey, Page, Reader, Writer, command
from shared.web.refusing import may_answer
from shared.web.tokens import Actor

HEARD_WITHIN_SECONDS = 10
NO_SUCH_SESSION = Kind(
    "no-such-session",
    404,
    "No such session",
    "Look its id up in the list of sessions; its planner may not have stated it yet.",
)
NO_SUCH_MEETING = Kind("no-such-meeting", 404, "No such meeting", "Look its id up in the session.")
SESSION_CANCELLED = Kind(
    "session-cancelled", 409, "The session is cancelled", "Nothing: a session that does not take place has no list."
)
NOT_BEGUN = Kind("not-begun", 409, "The meeting has not begun", "Close the list once the meeting has begun.")
IS_HISTORY = Kind("is-history", 409, "The meeting is history", "Have whoever kept its list state it as events.")
SessionId = Annotated[str, Path(pattern=ID_PATTERN, description="The session.", examples=["session-0001"])]
MeetingId = Annotated[
    str, Path(pattern=ID_PATTERN, description="The meeting, unique in its session.", examples=["day-1"])
]


_EXAMPLE: JsonDict = {
    "session_id": "session-0001",
    "meeting_id": "day-1",
    "person_id": "person-0001",
    "scanned_at": "2026-10-24T06:52:10Z",
    "device_id": "door-1",
}

_OF_A_LIST = (
    *("session_id", "meeting_id", "is_open", "recorded"),
    *("present", "absent", "not_recorded", "without_place", "decided_at"),
)


class Scan(BaseModel):
    """A code that was read at the door of a meeting."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [_EXAMPLE]},
    )

    session_id: Id
    meeting_id: Id
    person_id: Id
    scanned_at: Moment
    device_id: Id | None = None


def app_of(runtime: Runtime, settings: AttendanceSettings) -> FastAPI:
    """The application with attendance's routes."""
    app = create_app(runtime, "Rollcall attendance", AttendanceBooks)
    read = APIRouter(prefix="/api/v1", dependencies=[Reader])
    write = APIRouter(prefix="/api/v1")
    of_a_session = may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_PATH)

    @read.get("/sessions", responses=may_answer(*READ))
    async def list_sessions(page: Annotated[Page, Query()]) -> list[SessionShown]:
        """Sessions by id with their meetings and who came; the next page begins `after` the last one."""
        async with runtime.engine.connect() as connection:
            return await views.sessions(connection, settings.rules, after=page.after, limit=page.limit)

    @read.get("/sessions/{session_id}", responses=of_a_session)
    async def show_session(session_id: SessionId) -> SessionShown:
        """One session with its meetings and who came."""
        async with runtime.engine.connect() as connection:
            found = await views.session(connection, settings.rules, session_id)
        if found is None:
            raise _unknown_session(session_id)
        return found

    @read.get("/sessions/{session_id}/roster", responses=of_a_session)
    async def show_roster(session_id: SessionId) -> list[OnRoster]:
        """Everyone in the session by name, their place, and for each meeting whether they were there."""
        async with runtime.engine.connect() as connection:
            found = await views.session_row(connection, session_id)
            if found is None:
                raise _unknown_session(session_id)
            return await views.roster(connection, settings.rules, found)

    @write.post("/scans", responses=may_answer(*COMMAND, IMPLAUSIBLE_TIME))
    async def record_scan(
        scan: Scan, actor: Annotated[Actor, Writer], idempotency_key: IdempotencyKey = None
    ) -> DecidedScan:
        """Records that someone is there. Answered after the decision is committed; the same Idempotency-Key gets the same answer."""
        heard = command(runtime, CheckInScanned.model_validate(scan.model_dump()), actor, idempotency_key)
        became = await runtime.commands.submit(heard)
        async with runtime.engine.connect() as connection:
            record = await views.record(connection, scan.session_id, scan.meeting_id, scan.person_id)
        return DecidedScan(
            request_id=heard.event_id,
            session_id=scan.session_id,
            meeting_id=scan.meeting_id,
            person_id=scan.person_id,
            record=record,
            **asdict(became),
        )

    @write.post(
        "/sessions/{session_id}/meetings/{meeting_id}/close",
        responses=may_answer(
            *COMMAND,
            *(NO_SUCH_SESSION, NO_SUCH_MEETING, NO_SUCH_PATH),
            *(SESSION_CANCELLED, NOT_BEGUN, IS_HISTORY),
        ),
    )
    async def close_list(
        session_id: SessionId,
        meeting_id: MeetingId,
        actor: Annotated[Actor, Writer],
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedClosing:
        """Closes a meeting's list before it closes by itself. A list that is closed stays as it is. Beside the outcome: how
        the list stands now."""
        heard = command(runtime, CloseList(session_id=session_id, meeting_id=meeting_id), actor, idempotency_key)
        async with runtime.engine.connect() as connection:
            found = await views.session_row(connection, session_id)
            closed = await views.closed_list(connection, session_id, meeting_id)
            known = await is_known(connection, heard)
        if closed is None and not known:
            _check_may_close(found, session_id, meeting_id)
            await _everything_heard()
        became = await runtime.commands.submit(heard)  # Also if it is closed: the key may be that of another command.
        async with runtime.engine.connect() as connection:
            stands = await views.list_row(connection, session_id, meeting_id)
        if stands is None:
            raise RuntimeError(f"{heard.event_id} was decided and has no list")
        told: dict[str, Any] = {name: getattr(stands, name) for name in _OF_A_LIST}
        told |= {"outcome": became.outcome, "event_id": became.event_id}
        return DecidedClosing(request_id=heard.event_id, **told)

    def _check_may_close(session: Session | None, session_id: str, meeting_id: str) -> None:
        if session is None:
            raise _unknown_session(session_id)
        meeting = session.meeting(meeting_id)
        if meeting is None:
            raise Problem(NO_SUCH_MEETING, f"{session_id} has no meeting {meeting_id}", field="meeting_id")
        if not session.state.takes_place:
            raise Problem(SESSION_CANCELLED, "a session that does not take place has no list")
        if runtime.service.clock() < meeting.starts_at:
            raise Problem(NOT_BEGUN, f"it begins at {meeting.starts_at.isoformat()}")
        if settings.rules.is_history(meeting):
            raise Problem(IS_HISTORY, "it was over before Rollcall went live; whoever kept its list states it")

    async def _everything_heard() -> None:
        """Scans and places that were in Kafka when the trainer asked are on the list: what comes later is late, and known to be."""
        ends = await runtime.observer.ends(runtime.service.decisions)
        try:
            async with asyncio.timeout(HEARD_WITHIN_SECONDS):
                while not await is_heard(runtime.engine, ends):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise Problem(TRY_AGAIN, "scans or places that have arrived are still being heard") from None

    app.include_router(read)
    app.include_router(write)
    return app


def _unknown_session(session_id: str) -> Problem:
    return Problem(NO_SUCH_SESSION, f"nothing has been heard of {session_id}", field="session_id")
