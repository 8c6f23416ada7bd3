"""The inbox over HTTP: its page and its JSON. GET changes nothing."""

import json
import sqlite3
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse
from pydantic import BaseModel

from deploy.embedded.inbox.reading import calendar_of, page_of, read_body, read_headers
from deploy.embedded.inbox.store import LIST_LIMIT, Store

_PAGE = Path(__file__).with_name("page")

# The page loads its own two files and shows mails in frames; nothing comes from anywhere else.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A mail runs no script, loads nothing from anywhere and sends no form; its links open in a tab of their own.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)


class Listed(BaseModel):
    """A mail as the list shows it."""

    id: int
    received_at: str
    sender: str
    recipients: list[str]
    header_from: str
    header_to: str
    subject: str
    message_id: str | None
    kind: str | None
    size_bytes: int
    seen: bool
    preview: str
    has_calendar: bool


class Page(BaseModel):
    """Mails, newest first; `next_before` asks for the page after, None on the last one."""

    messages: list[Listed]
    total: int
    next_before: int | None


class Header(BaseModel):
    name: str
    value: str


class Attachment(BaseModel):
    file_name: str
    content_type: str
    size_bytes: int


class Message(Listed):
    """A mail as its reader shows it; the parts have addresses of their own."""

    headers: list[Header]
    attachments: list[Attachment]
    has_html: bool
    has_text: bool


class Repeated(BaseModel):
    message_id: str
    count: int


class Summary(BaseModel):
    """What the inbox accepted since it was last emptied."""

    accepted: int
    unseen: int
    latest: int
    distinct_message_ids: int
    without_message_id: int
    repeated: list[Repeated]
    by_kind: dict[str, int]


class Deleted(BaseModel):
    deleted: int


def make_app(store: Store, lifespan: AbstractAsyncContextManager[None]) -> FastAPI:
    """The inbox's HTTP side; `lifespan` is entered before the first request and left after the last."""

    app = FastAPI(
        title="Rollcall inbox", lifespan=lambda _app: lifespan, docs_url=None, redoc_url=None
    )  # docs would load a CDN's script
    api = "/api/v1/messages"

    @app.middleware("http")
    async def harden(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    def found(message: int) -> tuple[sqlite3.Row, bytes]:
        row = store.one(message)
        if row is None:
            raise HTTPException(404, f"There is no mail {message} here; the inbox may have been emptied.")
        return row

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(_PAGE / "index.html")

    @app.get("/inbox.{kind}", include_in_schema=False)
    def asset(kind: str) -> FileResponse:
        if kind not in ("css", "js", "svg"):
            raise HTTPException(404)
        return FileResponse(_PAGE / f"inbox.{kind}")

    @app.get("/health/live")
    def live() -> dict[str, str]:
        return {"status": "live"}

    @app.get(api)
    def messages(
        query: str = "",
        to: str = "",
        kind: str = "",
        limit: Annotated[int, Query(ge=1, le=LIST_LIMIT)] = 50,
        before: int | None = None,
        after: int | None = None,
    ) -> Page:
        rows = store.page(query, to, kind, limit, before, after)
        return Page(
            messages=[Listed(**_listed(row)) for row in rows],
            total=store.count(query, to, kind),
            next_before=rows[-1]["id"] if len(rows) == limit else None,
        )

    @app.delete(api)
    def delete() -> Deleted:
        return Deleted(deleted=store.delete_all())

    @app.post(f"{api}/seen", status_code=204)
    def see_all() -> None:
        store.mark_seen(None)

    @app.get(f"{api}/{{message}}")
    def one(message: int) -> Message:
        row, raw = found(message)
        body = read_body(raw)
        return Message(
            **_listed(row) | {"has_calendar": bool(body.calendars)},
            headers=[Header(name=name, value=value) for name, value in read_headers(raw)],
            attachments=[Attachment(**attachment) for attachment in body.attachments],
            has_html=body.html is not None,
            has_text=body.text is not None,
        )

    @app.post(f"{api}/{{message}}/seen", status_code=204)
    def see(message: int) -> None:
        store.mark_seen(message)

    @app.get(f"{api}/{{message}}/raw")
    def raw(message: int) -> Response:
        return Response(found(message)[1], media_type="text/plain; charset=utf-8")

    @app.get(f"{api}/{{message}}/html")
    def html(message: int) -> HTMLResponse:
        shown = page_of(found(message)[1])
        if shown is None:
            raise HTTPException(404, "This mail has no HTML.")
        return HTMLResponse(shown, headers={"Content-Security-Policy": _MAIL_POLICY})

    @app.get(f"{api}/{{message}}/text")
    def text(message: int) -> PlainTextResponse:
        shown = read_body(found(message)[1]).text
        if shown is None:
            raise HTTPException(404, "This mail has no plain text.")
        return PlainTextResponse(shown)

    @app.get(f"{api}/{{message}}/calendar")
    def calendar(message: int) -> list[dict[str, Any]]:
        return [calendar_of(data) for data in read_body(found(message)[1]).calendars]

    @app.get("/api/v1/summary")
    def summary() -> Summary:
        return Summary(**store.counts())

    return app


def _listed(row: sqlite3.Row) -> dict[str, Any]:
    values = {name: row[name] for name in Listed.model_fields}
    return values | {"recipients": json.loads(row["recipients"]), "seen": bool(row["seen"])}
