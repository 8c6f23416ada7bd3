"""Attendance over HTTP: rosters, scans from a phone at the door, and closing a list."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query
from pydantic import BaseModel, ConfigDict

from services.attendance import views
from services.attendance.lists import CloseList
from services.attendance.settings import AttendanceSettings
from services.attendance.state import Session
from shared.books import holding
from shared.books.watermark import is_heard
from shared.contracts.checkin import CheckInScanned
from shared.contracts.model import ID_PATTERN, Id, Moment
from shared.contracts.planner import SessionStanding
from shared.process.runtime import Runtime
from shared.state.rows import mapping
from shared.web.app import Problem, allowed, command, create_app
from shared.web.tokens import Actor

HEARD_WITHIN_SECONDS = 10
SessionId = Annotated[str, Path(pattern=ID_PATTERN)]
MeetingId = Annotated[str, Path(pattern=ID_PATTERN)]
IdempotencyKey = Annotated[str | None, Header(pattern=r"^[!-~]{1,100}$")]


class Scan(BaseModel):
    """A code that was read at the door of a meeting."""

    model_config = ConfigDict(extra="forbid")

    session_id: Id
    meeting_id: Id
    person_id: Id
    scanned_at: Moment
    device_id: Id | None = None


def app_of(runtime: Runtime, settings: AttendanceSettings) -> FastAPI:
    """The application with attendance's routes."""
    app = create_app(runtime, "Rollcall attendance")
    read = APIRouter(prefix="/api/v1", dependencies=[Depends(allowed("read"))])
    write = APIRouter(prefix="/api/v1")

    @read.get("/sessions")
    async def sessions(
        after: Annotated[str, Query(max_length=64)] = "", limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> list[dict[str, Any]]:
        """Sessions by id with their meetings and who came; the next page begins `after` the last one."""
        async with runtime.engine.connect() as connection:
            return await views.sessions(connection, settings.rules, after=after, limit=limit)

    @read.get("/sessions/{session_id}")
    async def session(session_id: SessionId) -> dict[str, Any]:
        async with runtime.engine.connect() as connection:
            found = await views.session(connection, settings.rules, session_id)
        if found is None:
            raise _unknown_session(session_id)
        return found

    @read.get("/sessions/{session_id}/roster")
    async def roster(session_id: SessionId) -> list[dict[str, Any]]:
        """Everyone in the session by name, their place, and for each meeting whether they were there."""
        async with runtime.engine.connect() as connection:
            found = await views.session_row(connection, session_id)
            if found is None:
                raise _unknown_session(session_id)
            return await views.roster(connection, settings.rules, found)

    @write.post("/scans")
    async def scan(
        body: Scan, actor: Annotated[Actor, Depends(allowed("write"))], idempotency_key: IdempotencyKey = None
    ) -> dict[str, Any]:
        """Records that someone is there. Answered after the decision is committed; the same Idempotency-Key gets the same answer."""
        heard = command(runtime, CheckInScanned.model_validate(body.model_dump()), actor, idempotency_key)
        await runtime.commands.submit(heard)
        async with runtime.engine.connect() as connection:
            outcome = await holding.outcome(connection, heard.source, heard.event_id)
            record = await views.record(connection, body.session_id, body.meeting_id, body.person_id)
        if outcome is None:
            raise RuntimeError(f"{heard.event_id} was decided and has no outcome")
        return {"request_id": heard.event_id, **outcome, "record": record}

    @write.post("/sessions/{session_id}/meetings/{meeting_id}/close")
    async def close(
        session_id: SessionId,
        meeting_id: MeetingId,
        actor: Annotated[Actor, Depends(allowed("write"))],
        idempotency_key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Closes a meeting's list before it closes by itself. A list that is closed stays as it is. Beside the outcome: how
        the list stands now."""
        heard = command(runtime, CloseList(session_id=session_id, meeting_id=meeting_id), actor, idempotency_key)
        async with runtime.engine.connect() as connection:
            found = await views.session_row(connection, session_id)
            closed = await views.closed_list(connection, session_id, meeting_id)
            known = await holding.outcome(connection, heard.source, heard.event_id)
        if closed is None and known is None:
            _check_may_close(found, session_id, meeting_id)
            await _everything_heard()
        await runtime.commands.submit(heard)  # Also if it is closed: the key may be that of another command.
        async with runtime.engine.connect() as connection:
            outcome = await holding.outcome(connection, heard.source, heard.event_id)
            stands = await views.list_row(connection, session_id, meeting_id)
        if outcome is None or stands is None:
            raise RuntimeError(f"{heard.event_id} was decided and has no outcome")
        return {"request_id": heard.event_id, "outcome": outcome["outcome"], **mapping(stands)}

    def _check_may_close(session: Session | None, session_id: str, meeting_id: str) -> None:
        if session is None:
            raise _unknown_session(session_id)
        meeting = session.meeting(meeting_id)
        if meeting is None:
            raise Problem(404, "No such meeting", f"{session_id} has no meeting {meeting_id}", field="meeting_id")
        if session.state == SessionStanding.CANCELLED:
            raise Problem(409, "The session is cancelled", "a session that does not take place has no list")
        if runtime.service.clock() < meeting.starts_at:
            raise Problem(409, "The meeting has not begun", f"it begins at {meeting.starts_at.isoformat()}")
        if settings.rules.is_history(meeting):
            raise Problem(
                409, "The meeting is history", "it was over before Rollcall went live; whoever kept its list states it"
            )

    async def _everything_heard() -> None:
        """Scans and places that were in Kafka when the trainer asked are on the list: what comes later is late, and known to be."""
        ends = await runtime.observer.ends(runtime.service.decisions)
        try:
            async with asyncio.timeout(HEARD_WITHIN_SECONDS):
                while not await is_heard(runtime.engine, ends):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            detail = "scans or places that have arrived are still being heard"
            raise Problem(503, "Try again", detail, headers={"Retry-After": "5"}) from None

    app.include_router(read)
    app.include_router(write)
    return app


def _unknown_session(session_id: str) -> Problem:
    return Problem(404, "No such session", f"nothing has been heard of {session_id}", field="session_id")
