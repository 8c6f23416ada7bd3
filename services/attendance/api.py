"""Attendance over HTTP: rosters, scans from a phone at the door, and closing a list."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import FastAPI, Query

from services.attendance import files_api, papers_api, rosters, views
from services.attendance.answers import AttendanceBooks, OnList, OnRoster, Said
from services.attendance.answers import Session as SessionShown
from services.attendance.asking_to_close import ask_to_close
from services.attendance.certificates_api import certificate_routes
from services.attendance.checking import NotAsked, Scan, Scans, requests_of, take
from services.attendance.decided import DecidedClosing, DecidedScan, TakenScan
from services.attendance.importing.api import LARGER, importing_routes
from services.attendance.keeping import keeping_routes
from services.attendance.lists import OF_A_LIST
from services.attendance.needs_api import need_routes
from services.attendance.paths import (
    IS_HISTORY,
    NO_SUCH_MEETING,
    NO_SUCH_SESSION,
    NO_TICKET,
    NOT_BEGUN,
    SESSION_CANCELLED,
    MeetingId,
    PersonId,
    SessionId,
    found,
    meeting_of,
)
from services.attendance.reports_api import report_routes
from services.attendance.rulebook import TEXTS
from services.attendance.settings import AttendanceSettings
from shared.postgres.together import Together
from shared.problems import COMMAND, IMPLAUSIBLE_TIME, NO_SUCH_PATH, READ, WRITE, Problem
from shared.process.runtime import Runtime
from shared.web.app import create_app
from shared.web.asking import IdempotencyKey, Page, Reader, Writer, command
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor


def app_of(runtime: Runtime, settings: AttendanceSettings) -> FastAPI:
    """The application with attendance's routes."""
    app = create_app(
        runtime, "Rollcall attendance", AttendanceBooks, larger=LARGER | files_api.LARGER | papers_api.LARGER
    )
    read = Routes(prefix="/api/v1", dependencies=[Reader])
    write = Routes(prefix="/api/v1")
    records = Together(runtime.reading, rosters.records_of_humans)
    no_such = (NO_SUCH_SESSION, NO_SUCH_MEETING)
    of_a_session = may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_PATH)

    @read.get("/sessions", responses=may_answer(*READ))
    async def list_sessions(page: Annotated[Page, Query()]) -> list[SessionShown]:
        """Sessions by id with their meetings and who came; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            return await views.sessions(connection, settings.rules, after=page.after, limit=page.limit)

    @read.get("/sessions/{session_id}", responses=of_a_session)
    async def show_session(session_id: SessionId) -> SessionShown:
        """One session with its meetings and who came."""
        async with runtime.reading.connect() as connection:
            return found(await views.session(connection, settings.rules, session_id), session_id)

    @read.get("/sessions/{session_id}/roster", responses=of_a_session)
    async def show_roster(session_id: SessionId) -> list[OnRoster]:
        """Everyone in the session by name, their place, and for each meeting whether they were there."""
        async with runtime.reading.connect() as connection:
            session = found(await views.session_row(connection, session_id), session_id)
            return await views.roster(connection, settings.rules, session)

    @read.get(
        "/sessions/{session_id}/meetings/{meeting_id}/roster", responses=may_answer(*READ, *no_such, NO_SUCH_PATH)
    )
    async def show_list(session_id: SessionId, meeting_id: MeetingId, page: Annotated[Page, Query()]) -> list[OnList]:
        """Everybody on the list of one meeting by name, with what is recorded of them; the next page begins `after` the last person."""
        async with runtime.reading.connect() as connection:
            session = found(await views.session_row(connection, session_id), session_id)
            meeting = meeting_of(session, meeting_id)
            part = (page.after, page.limit)
            return await rosters.of_meeting(connection, settings.rules, session, meeting, part)

    @read.get(
        "/sessions/{session_id}/meetings/{meeting_id}/people/{person_id}/history",
        responses=may_answer(*READ, NO_SUCH_PATH),
    )
    async def show_history(session_id: SessionId, meeting_id: MeetingId, person_id: PersonId) -> list[Said]:
        """All that was ever said of one person at one meeting, the oldest first: by whom, why, and what had been so before. Of whom nothing
        was said there is nothing."""
        async with runtime.reading.connect() as connection:
            return await rosters.history_of(connection, session_id, meeting_id, person_id)

    @write.post("/scans", responses=may_answer(*COMMAND, IMPLAUSIBLE_TIME, NO_TICKET))
    async def record_scan(
        scan: Scan, actor: Annotated[Actor, Writer], idempotency_key: IdempotencyKey = None
    ) -> DecidedScan:
        """Records that someone is there. Answered after the decision is committed; the same Idempotency-Key gets the same answer."""
        (body,) = await requests_of(runtime, settings.rules, [scan])
        if isinstance(body, NotAsked):
            raise Problem(NO_TICKET, f"{body.rule}: {TEXTS[body.rule][0]}", field="ticket")
        heard = command(runtime, body, actor, idempotency_key)
        became = await runtime.commands.submit(heard)
        record = await records.get((body.session_id, body.meeting_id, body.person_id))
        return DecidedScan(
            request_id=heard.event_id,
            session_id=body.session_id,
            meeting_id=body.meeting_id,
            person_id=body.person_id,
            record=views.shown(record) if record is not None else None,
            **asdict(became),
        )

    @write.post("/scans/batch", responses=may_answer(*WRITE))
    async def record_scans(what: Scans, actor: Annotated[Actor, Writer]) -> list[TakenScan]:
        """Records scans that a device has kept while it was offline, each decided for itself. They are answered in the order in which they
        were sent, after all of it is committed. Sent again, also days later or from another device, nothing counts twice."""
        return await take(runtime, settings.rules, what.scans, actor)

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
        heard, became = await ask_to_close(runtime, settings.rules, (session_id, meeting_id), actor, idempotency_key)
        async with runtime.reading.connect() as connection:
            stands = await views.list_row(connection, session_id, meeting_id)
        if stands is None:
            raise RuntimeError(f"{heard.event_id} was decided and has no list")
        told: dict[str, Any] = {name: getattr(stands, name) for name in OF_A_LIST}
        told |= {"outcome": became.outcome, "event_id": became.event_id}
        return DecidedClosing(request_id=heard.event_id, **told)

    read.add_to(app)
    write.add_to(app)
    keeping_routes(runtime).add_to(app)
    importing_routes(runtime, settings).add_to(app)
    papers_api.paper_routes(runtime, settings).add_to(app)
    files_api.file_routes(runtime, settings).add_to(app)
    certificate_routes(runtime, settings).add_to(app)
    report_routes(runtime, settings).add_to(app)
    need_routes(runtime).add_to(app)
    return app
