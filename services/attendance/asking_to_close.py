"""Closing a list before it closes by itself, as a trainer asks for it: over HTTP, or on their page."""

from __future__ import annotations

import asyncio

from services.attendance import views
from services.attendance.lists import CloseList, ListRules, had_closed
from services.attendance.paths import IS_HISTORY, NOT_BEGUN, SESSION_CANCELLED, found, meeting_of
from services.attendance.state import MeetingList, Session
from shared.books.holding import Outcome, is_known
from shared.books.watermark import is_heard
from shared.contracts.model import Event
from shared.events.envelope import Heard
from shared.problems import TRY_AGAIN, Problem
from shared.process.runtime import Runtime
from shared.web.asking import command
from shared.web.tokens import Actor

HEARD_WITHIN_SECONDS = 10


async def ask_to_close(
    runtime: Runtime, rules: ListRules, meeting: tuple[str, str], actor: Actor, key: str | None
) -> tuple[Heard[Event], Outcome]:
    """Closes the list of the meeting (session, meeting) and says what came of it. Problem: it cannot be closed, or not yet."""
    session_id, meeting_id = meeting
    heard = command(runtime, CloseList(session_id=session_id, meeting_id=meeting_id), actor, key)
    async with runtime.reading.connect() as connection:
        session = await views.session_row(connection, session_id)
        its = await views.list_row(connection, session_id, meeting_id)
        known = await is_known(connection, heard)
    if (its is None or its.is_open) and not known:
        _check_may_close(session, meeting, its, rules, runtime)
        await _everything_heard(runtime)
    # Also if it is closed: the key may be that of another command.
    return heard, await runtime.commands.submit(heard)


def _check_may_close(
    session: Session | None, about: tuple[str, str], its: MeetingList | None, rules: ListRules, runtime: Runtime
) -> None:
    """Of a session that was cancelled there is a list only if it had closed before that."""
    session_id, meeting_id = about
    session = found(session, session_id)
    meeting = meeting_of(session, meeting_id)
    if not session.state.takes_place and not had_closed(its, meeting):
        raise Problem(SESSION_CANCELLED, "a session that does not take place has no list")
    if runtime.service.clock() < meeting.starts_at:
        raise Problem(NOT_BEGUN, f"it begins at {meeting.starts_at.isoformat()}")
    if rules.is_history(meeting):
        raise Problem(IS_HISTORY, "it was over before Rollcall went live; whoever kept its list states it")


async def _everything_heard(runtime: Runtime) -> None:
    """Scans and places that were in Kafka when the trainer asked are on the list: what comes later is late, and known to be."""
    ends = await runtime.observer.ends(runtime.service.decisions)
    try:
        async with asyncio.timeout(HEARD_WITHIN_SECONDS):
            while not await is_heard(runtime.engine, ends):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise Problem(TRY_AGAIN, "scans or places that have arrived are still being heard") from None
