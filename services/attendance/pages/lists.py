"""The page on which a trainer keeps the lists of a session, opened by the link from a mail: who is there, marked with one tap.

GET shows. POST acts, as a form where there is no script; with one the browser keeps marks and codes while there is no network and sends
them when there is (taking.py). Who asks, and about which session, comes from the link and never from what is sent along.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException

from services.attendance import rosters
from services.attendance.asking_to_close import ask_to_close
from services.attendance.checking import AUDIENCE
from services.attendance.decided import MarkFate
from services.attendance.keeping import asked_by, set_several
from services.attendance.lists import ListRules, open_until
from services.attendance.marking import TRAINER
from services.attendance.pages import reading
from services.attendance.pages.opening import (
    Opening,
    is_closed,
    meeting_shown,
    opening,
    opens_at,
    page_of,
    row_of,
)
from services.attendance.pages.taking import Batch, PageMark, kept_mark, take_marks, take_scans
from services.attendance.rooms import screen_pass
from services.attendance.state import WALK_IN
from services.attendance.store import LINK_KEY, room_key
from services.attendance.views import MOST_PEOPLE
from shared.contracts.model import ID_PATTERN
from shared.contracts.planner import Meeting
from shared.deciding.commands import Undecidable
from shared.events.envelope import Reason
from shared.problems import Problem
from shared.process.runtime import Runtime
from shared.web.links import Link, Purpose, Refused, Rejection
from shared.web.opening import opened
from shared.web.pages.kit import HEADERS, WITH_CAMERA, Pages, form_of
from shared.web.routes import Routes
from shared.web.tokens import Actor

SEARCH_MOST = 60
_ID = re.compile(ID_PATTERN)
KEPT_UNTIL = "Rollcall-Kept-Until"
"""Until when a browser may show what it has kept of the page, in milliseconds since 1970."""
WORKER = {
    "Content-Security-Policy": HEADERS["Content-Security-Policy"],
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
}


def add(routes: Routes, pages: Pages, runtime: Runtime) -> None:
    rules: ListRules = runtime.service.rules

    link_of = partial(opened, runtime, LINK_KEY, audience=AUDIENCE, purpose=Purpose.LISTS)

    # Before the pages: its address is that of no token. From here it may serve them all, and nothing else.
    @routes.get("/lists/worker.js")
    async def worker(request: Request) -> Response:
        return Response(pages.asset("lists-worker.js"), media_type="text/javascript", headers=WORKER)

    @routes.get("/lists/{token}/app.webmanifest")
    async def manifest(request: Request, token: str) -> Response:
        """With it a telephone puts the page among its programs."""
        _link(await link_of(token))
        icon = {"src": f"../../pages/{pages.served('icon.svg')}", "sizes": "any", "type": "image/svg+xml"}
        told = {
            "name": pages.office.name,
            "short_name": "Rollcall",
            "start_url": f"../{token}",
            "scope": "../",
            "display": "standalone",
            "icons": [icon],
        }
        return JSONResponse(told, headers=HEADERS, media_type="application/manifest+json")

    @routes.get("/lists/{token}")
    async def show(request: Request, token: str) -> Response:
        return await page(request, token, await link_of(token))

    @routes.post("/lists/{token}")
    async def act(request: Request, token: str) -> Response:
        form, link = await form_of(request), await link_of(token)
        if isinstance(link, Rejection):
            return await page(request, token, link)
        match form.get("act"):
            case "mark" | "walk_in":
                return await mark(request, token, link, form)
            case "close":
                return await close(request, token, link, form)
            case _:
                return pages.message(request, "unreadable", 400, readers=link.language)

    @routes.post("/lists/{token}/marks")
    async def send_marks(request: Request, token: str, what: Batch) -> Response:
        """Marks that the browser has kept; each is answered for itself."""
        link = _link(await link_of(token))
        session = await reading.session(runtime.reading, link.session_id)
        told = await take_marks(runtime, session, what.kept, _actor(link)) if session else None
        return _json(told, runtime)

    @routes.post("/lists/{token}/scans")
    async def send_scans(request: Request, token: str, what: Batch) -> Response:
        """Codes that the browser has kept; each is answered for itself."""
        link = _link(await link_of(token))
        session = await reading.session(runtime.reading, link.session_id)
        language = pages.language(request, link.language)
        told = await take_scans(runtime, rules, session, what.kept, _actor(link), language) if session else None
        return _json(told, runtime)

    async def mark(request: Request, token: str, link: Link, form: dict[str, str]) -> Response:
        session = await reading.session(runtime.reading, link.session_id)
        if session is None:
            return await page(request, token, link)
        asked = {"meeting_id": form.get("meeting"), "person_id": form.get("person"), "state": form.get("mark")}
        asked |= {name: form[name] for name in ("seen", "at") if form.get(name)}
        try:
            # The same button on the same page is the same mark, however often it is pressed.
            sent = PageMark.model_validate(asked | {"id": _id(link.session_id, *asked.values())})
            kept = kept_mark(session, sent)
        except ValueError:
            return pages.message(request, "unreadable", 400, readers=link.language)
        ((became, _),) = await set_several(runtime, [asked_by(kept)], _actor(link))
        match became.outcome:
            case MarkFate.SET | MarkFate.AS_IT_WAS | MarkFate.HELD:
                return _again(request, token, kept.meeting_id, done=kept.person_id)
            case MarkFate.TRY_AGAIN:
                return pages.message(request, "later", 503, readers=link.language)
            case _:
                return await page(request, token, link, status=409, refused=became.reason, about=kept.person_id)

    async def close(request: Request, token: str, link: Link, form: dict[str, str]) -> Response:
        meeting_id = form.get("meeting", "")
        if not _ID.fullmatch(meeting_id):
            return pages.message(request, "unreadable", 400, readers=link.language)
        try:
            await ask_to_close(runtime, rules, (link.session_id, meeting_id), _actor(link), None)
        except Undecidable as error:
            return await page(request, token, link, status=409, refused=error.reason)
        except Problem as problem:
            if problem.refusal.status not in (404, 409):
                raise
            return await page(request, token, link, status=409, refused=Reason.NO_LIST)
        return _again(request, token, meeting_id)

    async def page(
        request: Request,
        token: str,
        link: Link | Rejection,
        *,
        status: int | None = None,
        refused: Reason | None = None,
        about: str | None = None,
    ) -> Response:
        if isinstance(link, Rejection):
            return pages.opens_nothing(request, link)
        session = await reading.session(runtime.reading, link.session_id)
        if session is None:
            return pages.message(request, "unknown", 404, readers=link.language)
        now, language, asked = runtime.service.clock(), pages.language(request, link.language), request.query_params
        lists = await reading.lists(runtime.reading, link.session_id)
        trains = await reading.trains(runtime.reading, session, link.person_id)
        state = opening(session, lists, rules, now, trains=trains)
        shown: dict[str, Any] = {
            "token": token,
            "opening": state.value,
            "session": session,
            "opens_at": opens_at(session),
            "now": int(now.timestamp() * 1000),
            "refused": refused.value if refused else None,
            "search": asked.get("q", "")[:SEARCH_MOST],
            "title": await reading.title(runtime.reading, session, language),
        }
        if state is not Opening.OPEN:
            return pages.answer(request, "lists.html", language, status=state.status, headers=WITH_CAMERA, **shown)
        meeting = meeting_shown(session, asked.get("meeting"), now)
        async with runtime.reading.connect() as connection:
            listed = await rosters.of_meeting(connection, rules, session, meeting, ("", MOST_PEOPLE))
        named = about or asked.get("done")
        shown |= {
            "meetings": sorted(session.meetings, key=lambda one: one.starts_at),
            "meeting": meeting,
            "closed": is_closed(meeting, lists, rules),
            "has_begun": now >= meeting.starts_at,
            "has_ended": now >= meeting.ends_at,
            "page": page_of(listed, shown["search"]),
            "about": next((row_of(one) for one in listed if one.person_id == named), None),
            "walk_in": f"{WALK_IN}{secrets.token_hex(4)}",
            "actor": _actor(link).name,
            "screen": await _screen(runtime, meeting, link),
        }
        until = max(max(rules.closes_at(one), open_until(lists.get(one.meeting_id), rules)) for one in session.meetings)
        headers = WITH_CAMERA | {KEPT_UNTIL: str(int(until.timestamp() * 1000))}
        return pages.answer(request, "lists.html", language, status=status or 200, headers=headers, **shown)


def _again(request: Request, token: str, meeting_id: str, **said: str) -> RedirectResponse:
    """The page got anew after an act, with what was looked for."""
    asked = {name: value for name in ("lang", "q") if (value := request.query_params.get(name, "")[:SEARCH_MOST])}
    return RedirectResponse(f"{token}?{urlencode({'meeting': meeting_id, **said, **asked})}", 303, HEADERS)


async def _screen(runtime: Runtime, meeting: Meeting, link: Link) -> str:
    """Where the screen of the room shows its code, from here."""
    about = (link.session_id, meeting.meeting_id, link.person_id)
    return "/".join(("../room", *about, screen_pass(await room_key(runtime.reading), *about)))


def _link(found: Link | Rejection) -> Link:
    if isinstance(found, Rejection):
        raise HTTPException(410 if found.why is Refused.EXPIRED else 404)
    return found


def _actor(link: Link) -> Actor:
    return Actor(f"{TRAINER}{link.person_id}", frozenset())


def _id(*parts: str | None) -> str:
    return f"page.{hashlib.blake2b(repr(parts).encode(), digest_size=16).hexdigest()}"


def _json(told: list[dict[str, Any]] | None, runtime: Runtime) -> Response:
    if told is None:
        raise HTTPException(404)
    now = int(runtime.service.clock().timestamp() * 1000)
    return JSONResponse({"answers": told, "now": now}, headers=HEADERS)
