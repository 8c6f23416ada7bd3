"""The origin's routes: the page, its live state, and what passes through to the services."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, RedirectResponse, StreamingResponse
from starlette.middleware.base import RequestResponseEndpoint
from starlette.middleware.trustedhost import TrustedHostMiddleware

from rollcall.origin.proxy import router
from rollcall.origin.settings import OriginSettings
from rollcall.origin.telling import state
from rollcall.origin.watching import Watch

_PAGE = Path(__file__).with_name("page")
_ASSETS = {"story.css": "text/css", "story.js": "text/javascript", "story.svg": "image/svg+xml"}
WATCHERS_MOST = 50

# The page loads its own three files; nothing comes from anywhere else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)


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

    app = FastAPI(title="Rollcall origin", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(settings.hosts))

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
            raise HTTPException(404)
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
            raise HTTPException(404, "There is no inbox here: mails go to a real mail server.")
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
            raise HTTPException(503, "Too many pages are open.", {"Retry-After": "10"})
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
