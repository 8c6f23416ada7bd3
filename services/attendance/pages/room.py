"""The screen of a room: a code that changes, with which participants check in by themselves. Opened from the trainer's page.

Its address has a pass of its own and not the trainer's link: it stands on the wall for everybody to read, and must open no list. The code
is made anew for each answer; nothing of it is kept.
"""

from __future__ import annotations

import hmac

from fastapi import Request, Response

from services.attendance.lists import ListRules
from services.attendance.pages import reading
from services.attendance.pages.opening import is_closed
from services.attendance.rooms import screen_pass
from services.attendance.store import room_key
from shared.process.runtime import Runtime
from shared.web.pages.kit import Pages
from shared.web.routes import Routes

LOOK_AGAIN_SECONDS = 5
"""So often the screen asks what the code is; without a network it says so after three times as long."""


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    rules: ListRules = runtime.service.rules

    @routes.get("/room/{session_id}/{meeting_id}/{person_id}/{told}")
    async def show(request: Request, session_id: str, meeting_id: str, person_id: str, told: str) -> Response:
        key = await room_key(runtime.reading)
        is_ours = hmac.compare_digest(
            screen_pass(key, session_id, meeting_id, person_id).encode(), told.encode("utf-8", "replace")
        )
        session = await reading.session(runtime.reading, session_id) if is_ours else None
        meeting = session.meeting(meeting_id) if session else None
        if session is None or meeting is None or not await reading.trains(runtime.reading, session, person_id):
            return pages.message(request, "no_link", 404)
        language, now = pages.language(request), runtime.service.clock()
        lists = await reading.lists(runtime.reading, session_id)
        has_closed = is_closed(meeting, lists, rules)
        is_over = now >= meeting.ends_at or has_closed or not session.state.takes_place
        is_open = rules.rooms.is_open(meeting, now) and not is_over
        return pages.answer(
            request,
            "room.html",
            language,
            session=session,
            meeting=meeting,
            title=await reading.title(runtime.reading, session, language),
            is_over=is_over,
            opens_at=rules.rooms.opens_at(meeting),
            code=rules.rooms.code(key, session_id, meeting_id, now) if is_open else None,
            came=await reading.came(
                runtime.reading, session_id, meeting_id, since=None if has_closed else rules.scans_since(meeting)
            ),
            again=LOOK_AGAIN_SECONDS,
        )
