"""The origin's routes: the page, its live state, and what passes through to the services."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Collection
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, Response
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse
from starlette.datastructures import Headers
from starlette.middleware.base import RequestResponseEndpoint
from starlette.types import ASGIApp, Receive, Scope, Send

from rollcall.origin.proxy import router
from rollcall.origin.settings import OriginSettings
from rollcall.origin.telling import state
from rollcall.origin.watching import Watch
from shared.problems import NO_SUCH_PATH, Kind, Problem
from shared.web.bodies import HeadIsGet
from shared.web.refusing import refuse_alike, response_to

NO_INBOX = Kind("no-inbox", 404, "There is no inbox here", "Look into the inbox of whoever the mail is to.")
TOO_MANY_PAGES = Kind(
    "too-many-pages", 503, "Too many pages are open", "Close one, or wait for others to.", ("Retry-After", "10")
)
FOREIGN_NAME = Kind("foreign-name", 421, "Not under this name", "Use a name that the operator has allowed for it.")
_PORT = re.compile(r":\d*$")
_PAGE = Path(__file__).with_name("page")
_ASSETS = {"story.css": "text/css", "story.js": "text/javascript", "story.svg": "image/svg+xml"}
WATCHERS_MOST = 50

# The page loads its own three files; nothing comes from anywhere else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


class OnlyOurNames:
    """Another page in the same browser cannot give itself our address under a name of its own (DNS rebinding)."""

    def __init__(self, app: ASGIApp, names: Collection[str]) -> None:
        self.app = app
        self.names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = Headers(scope=scope).get("host", "") if scope["type"] == "http" else ""
        if scope["type"] == "http" and _PORT.sub("", asked.lower()) not in self.names:
            await response_to(Problem(FOREIGN_NAME, "nothing is served under this name"))(scope, receive, send)
            return
        await self.app(scope, receive, send)


def app_of(settings: OriginSettings) -> FastAPI:
    """The origin as the settings describe it."""
    client = httpx.AsyncClient(limits=httpx.Limits(max_connections=100), follow_redirects=False)
    watch = Watch(settings, client)
    watchers = 0

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        hearing = asyncio.create_task(watch.hear(), name="hear")
        try:
            yield
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)
            await client.aclose()

    app = FastAPI(
        title="Rollcall origin",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    refuse_alike(app)
    app.add_middleware(HeadIsGet)
    app.add_middleware(OnlyOurNames, names=settings.hosts)

    @app.middleware("http")
    async def harden(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        if not request.url.path.startswith(tuple(f"/{name}/" for name in settings.services)):
            response.headers["Content-Security-Policy"] = _POLICY
            response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(_PAGE / "index.html")

    @app.get("/story/{name}.{kind}", include_in_schema=False)
    async def asset(name: str, kind: str) -> FileResponse:
        if f"{name}.{kind}" not in _ASSETS:
            raise Problem(NO_SUCH_PATH, f"the page has no {name}.{kind}")
        return FileResponse(_PAGE / f"{name}.{kind}", media_type=_ASSETS[f"{name}.{kind}"])

    @app.get("/favicon.ico", include_in_schema=False)
    async def icon() -> FileResponse:
        return FileResponse(_PAGE / "story.svg", media_type="image/svg+xml")

    @app.get("/health/live")
    @app.get("/health/ready")
    async def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/inbox", include_in_schema=False)
    async def inbox() -> RedirectResponse:
        if settings.inbox_url is None:
            raise Problem(NO_INBOX, "mails go to a real mail server")
        return RedirectResponse(settings.inbox_url)

    @app.get("/story/state")
    async def now() -> dict[str, object]:
        """Everything the page shows, at this moment."""
        await watch.look()
        return state(watch)

    @app.get("/story/live")
    async def live(request: Request) -> StreamingResponse:
        """The same whenever it changes, as server-sent events."""
        if watchers >= WATCHERS_MOST:
            raise Problem(TOO_MANY_PAGES, f"{WATCHERS_MOST} are open")
        return StreamingResponse(_changes(request), media_type="text/event-stream")

    async def _changes(request: Request) -> AsyncIterator[str]:
        nonlocal watchers
        watchers += 1
        before = ""
        try:
            while not await request.is_disconnected():
                await watch.look()
                whole = state(watch)
                text = json.dumps({**whole, "at": ""}, ensure_ascii=False)
                # Also when nothing changed: the page shows that it is live.
                yield f"data: {json.dumps(whole, ensure_ascii=False)}\n\n" if text != before else ": alive\n\n"
                before = text
                await asyncio.sleep(settings.look_seconds)
        finally:
            watchers -= 1

    app.include_router(router(settings, client))
    return app
