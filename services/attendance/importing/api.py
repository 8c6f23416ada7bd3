"""Importing the report of an online meeting over HTTP: first a plan that changes nothing, then the same file with the plan's tag and what
a person has decided. What is set is asked for as whoever keeps the list asks, and decided by the same rules.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Query, Request

from services.attendance import views
from services.attendance.attaching import Sent, attach
from services.attendance.importing.answers import Imported, Plan, plan_of, shown
from services.attendance.importing.ground import ground_of
from services.attendance.importing.planning import Decision, Fate, Ground, plan
from services.attendance.importing.reading import read
from services.attendance.importing.report import Report, Unreadable
from services.attendance.importing.requests import PATTERN, decisions_of, key_of, requests_of
from services.attendance.importing.tables import MOST_BYTES
from services.attendance.keeping import set_several
from services.attendance.lists import had_closed
from services.attendance.paths import (
    FILES_AWAY,
    IS_HISTORY,
    NO_SUCH_MEETING,
    NO_SUCH_SESSION,
    NOT_OVER,
    SESSION_CANCELLED,
    UNREADABLE_REPORT,
    MeetingId,
    SessionId,
    found,
    meeting_of,
)
from services.attendance.settings import AttendanceSettings
from services.attendance.state import WALK_IN, MeetingList, Session
from shared.contracts.files import FileKind
from shared.contracts.planner import Meeting
from shared.problems import CHANGED_SINCE, NO_SUCH_PATH, NOT_ALLOWED, NOT_VALID, WRITE, Problem
from shared.process.runtime import Runtime
from shared.web.asking import IfMatch, Writer
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

LARGER = {"/report": MOST_BYTES, "/report/import": MOST_BYTES}
"""The paths on which a body may be larger than a command, by their end."""
_HEADINGS = "Name\tJoin Time\tLeave Time\tDuration\tEmail\tRole\r\n"
_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The file as it was downloaded from Teams or Zoom.",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "maxLength": MOST_BYTES},
                "examples": {"teams": {"summary": "Headings of a Teams report", "value": _HEADINGS}},
            }
        },
    }
}
Zone = Annotated[
    str | None,
    Query(
        pattern=r"^[A-Za-z0-9_+/-]{1,64}$",
        description="On whose clocks the times of the file are; left out: the meeting's own.",
        examples=["Europe/Warsaw"],
    ),
]
Decisions = Annotated[
    str,
    Query(
        pattern=PATTERN,
        max_length=12_000,
        description=(
            "What a person decided, separated by commas: the first line of a row, a colon, and whose it is (nothing: nobody's); behind"
            " an `@` for how many minutes they were there. Said of a row that contradicts the list: it is to stand."
        ),
        examples=["12:person-0001,15:,20:person-0002@45"],
    ),
]


def importing_routes(runtime: Runtime, settings: AttendanceSettings) -> Routes:
    """The routes of whoever imports a report."""
    routes = Routes(prefix="/api/v1/sessions/{session_id}/meetings/{meeting_id}")
    why_not = (NO_SUCH_SESSION, NO_SUCH_MEETING, NO_SUCH_PATH, SESSION_CANCELLED, NOT_OVER, IS_HISTORY)
    asked = may_answer(*WRITE, *why_not, UNREADABLE_REPORT)
    rules, store = settings.rules, settings.store

    @routes.post("/report", responses=asked, openapi_extra=_FILE)
    async def plan_import(
        session_id: SessionId,
        meeting_id: MeetingId,
        request: Request,
        actor: Annotated[Actor, Writer],
        zone: Zone = None,
    ) -> Plan:
        """Says what would come of a report of Teams or Zoom, and sets nothing. Whoever is in it is known by their name; what is not clear is
        left to a person."""
        report, ground, named, _ = await _planned(session_id, meeting_id, await request.body(), zone, "")
        return await asyncio.to_thread(plan_of, report, ground, session_id, named)

    @routes.post(
        "/report/import",
        responses=may_answer(*WRITE, *why_not, UNREADABLE_REPORT, CHANGED_SINCE, FILES_AWAY),
        openapi_extra=_FILE,
    )
    async def import_report(
        session_id: SessionId,
        meeting_id: MeetingId,
        request: Request,
        actor: Annotated[Actor, Writer],
        if_match: IfMatch,
        zone: Zone = None,
        decisions: Decisions = "",
    ) -> Imported:
        """Sets what the plan with this tag shows, with what was decided of the rows that it leaves open. If anything that it showed has
        changed, nothing is set. What nobody decided is not set; once the list has closed, by a token of scope `office`. The file is kept among
        the session's."""
        content = await request.body()
        report, ground, named, decided = await _planned(session_id, meeting_id, content, zone, decisions)
        stands = await asyncio.to_thread(plan_of, report, ground, session_id, named)
        if stands.tag != if_match.strip('"'):
            raise Problem(CHANGED_SINCE, f"the plan is {stands.tag} by now: ask for it and look at it again")
        _check(decided, report, ground)
        if not ground.is_open and "office" not in actor.scopes:
            raise Problem(NOT_ALLOWED, "the list has closed: this token lacks the scope 'office'")
        rows = await asyncio.to_thread(plan, report, ground, decided)
        left = [row for row in rows if row.fate is not Fate.SET]
        undecided = sum(row.fate.is_open for row in left)
        name = f"report-{meeting_id}.csv"
        sent = Sent(session_id, meeting_id, FileKind.REPORT, name, "text/csv", content, undecided)
        await attach(runtime, store, sent, actor, None)  # The evidence first: what is set names it.
        bodies = requests_of(rows, report, (session_id, meeting_id), is_open=ground.is_open)
        keys = [key_of(stands.tag, decided, body.person_id) for body in bodies]
        became = await set_several(runtime, list(zip(keys, bodies, strict=True)), actor)
        if unsettled := sum(not mark.outcome.is_settled for mark, _ in became):
            await attach(runtime, store, replace(sent, undecided=undecided + unsettled), actor, None)
        return Imported(sha256=report.sha256, marks=[mark for mark, _ in became], left=[shown(row) for row in left])

    async def _planned(
        session_id: str, meeting_id: str, content: bytes, zone: str | None, decisions: str
    ) -> tuple[Report, Ground, str, tuple[Decision, ...]]:
        """The report and what a plan of it is made on, on whose clocks it was read, and what was decided of its rows."""
        async with runtime.reading.connect() as connection:
            session = found(await views.session_row(connection, session_id), session_id)
            meeting = meeting_of(session, meeting_id)
            its = await views.list_row(connection, session_id, meeting_id)
            _check_may_import(session, meeting, its)
            named = zone or meeting.zone
            report = await _read(content, named, meeting)
            decided = _decided(decisions)
            persons = {one.person_id for one in decided if one.person_id}
            return report, await ground_of(connection, rules, session, meeting, report, persons), named, decided

    def _check_may_import(session: Session, meeting: Meeting, its: MeetingList | None) -> None:
        """As of a signed list (entering.py): of a session that was cancelled there is one only if it had closed before that."""
        if not session.state.takes_place and not had_closed(its, meeting):
            raise Problem(SESSION_CANCELLED, "a session that does not take place has no list")
        if runtime.service.clock() < meeting.ends_at:
            raise Problem(NOT_OVER, f"it ends at {meeting.ends_at.isoformat()}: until then everybody has left early")
        if (its is None or its.is_open) and rules.is_history(meeting):
            raise Problem(IS_HISTORY, "it was over before Rollcall went live; whoever kept its list states it")

    return routes


async def _read(content: bytes, zone: str, meeting: Meeting) -> Report:
    try:
        clocks = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Problem(NOT_VALID, f"{zone} is no zone such as Europe/Warsaw", field="zone") from None
    try:
        # In a thread of its own, as the plan: a large one takes as long as a hundred decisions.
        return await asyncio.to_thread(read, content, zone=clocks, starts_at=meeting.starts_at, ends_at=meeting.ends_at)
    except Unreadable as error:
        raise Problem(UNREADABLE_REPORT, f"{error.why}: {error}") from error


def _decided(text: str) -> tuple[Decision, ...]:
    try:
        return decisions_of(text)
    except ValueError as error:
        raise Problem(NOT_VALID, str(error), field="decisions") from error


def _check(decided: tuple[Decision, ...], report: Report, ground: Ground) -> None:
    """A slip of the pen makes nobody up: lines are those of the file, people those who are known. Walk-ins have ids of their own."""
    lines = {one.line for one in report.attendees}
    known = {one.person_id for one in (*ground.people, *ground.others)}
    for one in decided:
        if one.line not in lines:
            raise Problem(NOT_VALID, f"nobody's first row is in line {one.line}", field="decisions")
        if one.person_id and one.person_id not in known and not one.person_id.startswith(WALK_IN):
            raise Problem(NOT_VALID, f"nobody is known as {one.person_id}", field="decisions")
