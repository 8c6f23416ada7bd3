"""HTTP, the same in every service: problem documents, bearer tokens, health, metrics, the books. No service's own pages."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.books import parking
from shared.books.parking import Parked
from shared.contracts.model import Event
from shared.deciding.commands import IdReused, NotYet, Undecidable
from shared.events.envelope import Heard, Reason, microseconds, subject_of
from shared.faults import Fault, classify, told
from shared.process.runtime import Runtime
from shared.state.rows import mapping
from shared.web import tokens
from shared.web.tokens import Actor

log = structlog.get_logger()

PROBLEM = "application/problem+json"
NO_PARTITION = -1
"""Where commands come from."""


class Problem(HTTPException):
    """A refusal in the words of RFC 9457."""

    def __init__(
        self, status: int, title: str, detail: str, *, field: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, headers)
        self.title = title
        self.field = field


def problem_response(
    status: int, title: str, detail: str, *, headers: dict[str, str] | None = None, **members: object
) -> JSONResponse:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **members}
    return JSONResponse(body, status, headers, media_type=PROBLEM)


class BodyLimit:
    """Refuses bodies above the limit while they arrive, whatever Content-Length says, and those that take too long."""

    def __init__(self, app: ASGIApp, limit_bytes: int, limit_seconds: float) -> None:
        self.app = app
        self.limit_bytes = limit_bytes
        self.limit_seconds = limit_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        chunks: list[bytes] = []
        size, more = 0, True
        deadline = time.monotonic() + self.limit_seconds
        while more:
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    message = await receive()
            except TimeoutError:
                slow = problem_response(
                    408, "Too slow", "the body did not arrive in time", headers={"Connection": "close"}
                )
                await slow(scope, receive, send)
                return
            if message["type"] != "http.request":
                return
            chunks.append(message.get("body", b""))
            size += len(chunks[-1])
            more = message.get("more_body", False)
            if size > self.limit_bytes:
                detail = f"the body is larger than {self.limit_bytes} bytes"
                response = problem_response(413, "Content too large", detail, headers={"Connection": "close"})
                await response(scope, receive, send)
                return
        pending: list[Message] = [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)


def create_app(runtime: Runtime, title: str) -> FastAPI:
    """The service's HTTP application with all that is common; the service adds its own routes."""
    app = FastAPI(title=title, version="1", docs_url=None, redoc_url=None, openapi_url="/api/v1/openapi.json")
    app.state.runtime = runtime
    http = runtime.settings.http
    app.add_middleware(BodyLimit, limit_bytes=http.body_bytes, limit_seconds=http.body_seconds)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [
            {"field": ".".join(str(step) for step in one["loc"] if step != "body") or "body", "detail": one["msg"]}
            for one in error.errors()
        ]
        return problem_response(
            422, "The request is not valid", "; ".join(f"{f['field']}: {f['detail']}" for f in fields), errors=fields
        )

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> JSONResponse:
        title = getattr(error, "title", HTTPStatus(error.status_code).phrase)
        members = {"field": error.field} if isinstance(error, Problem) and error.field else {}
        return problem_response(
            error.status_code, title, str(error.detail), headers=dict(error.headers or {}), **members
        )

    @app.exception_handler(Undecidable)
    async def undecidable(request: Request, error: Undecidable) -> JSONResponse:
        if error.reason is Reason.IMPLAUSIBLE_TIME:  # What was sent is wrong, and stays so whatever happens here.
            return problem_response(422, "The request is not valid", str(error), reason=error.reason)
        return problem_response(409, "This cannot be decided", str(error), reason=error.reason)

    @app.exception_handler(IdReused)
    async def id_reused(request: Request, error: IdReused) -> JSONResponse:
        return problem_response(422, "The key is taken", str(error), field="Idempotency-Key")

    @app.exception_handler(NotYet)
    async def not_yet(request: Request, error: NotYet) -> JSONResponse:
        return problem_response(503, "Try again", str(error), headers={"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> JSONResponse:
        fault = classify(error)
        if fault is Fault.CONTENT:
            return problem_response(422, "The request is not valid", "it holds a value that cannot be kept")
        if fault is Fault.TRANSIENT:
            return problem_response(
                503, "Try again", "a service behind this one does not answer", headers={"Retry-After": "5"}
            )
        log.error("request failed", path=request.url.path, error=told(error))
        return problem_response(500, "Our fault", "this should not have happened; it has been logged")

    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> JSONResponse:
        health = await runtime.health.state()
        return JSONResponse(health, 200 if health["ready"] else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/api/v1/books", dependencies=[Depends(allowed("read"))])
    async def books() -> dict[str, Any]:
        """What was published, heard, parked and skipped by stream; outbox, held requests and the service's own books."""
        return await runtime.health.books()

    _add_parked(app, runtime)
    return app


def _add_parked(app: FastAPI, runtime: Runtime) -> None:
    """Parked records: an operator lists, inspects, retries, discards them."""
    one = "/api/v1/parked/{stream}/{partition}/{offset}"

    @app.get("/api/v1/parked", dependencies=[Depends(allowed("read"))])
    async def parked(
        state: Annotated[str, Query(pattern="^(parked|heard|discarded)$")] = "parked",
        reason: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[dict[str, Any]]:
        """What was set aside, oldest first, without the bytes."""
        async with runtime.engine.connect() as connection:
            return await parking.open_parked(connection, limit=limit, reason=reason, state=state)

    @app.get(one, dependencies=[Depends(allowed("operate"))])
    async def show(stream: str, partition: int, offset: int) -> dict[str, Any]:
        """One record with its headers and its body as it came."""
        async with runtime.engine.connect() as connection:
            row = _there(await parking.find(connection, stream, partition, offset))
        record = parking.stored(row)
        return {
            **_summary(row),
            "key": _text(record.key),
            "headers": [[name, _text(value)] for name, value in record.headers],
            "value": _text(record.value),
        }

    @app.post(one + "/retry", dependencies=[Depends(allowed("operate"))])
    async def retry(stream: str, partition: int, offset: int) -> dict[str, Any]:
        """Hears the record again: `heard` if that went well, else `parked` with the new reason."""
        return _summary(_there(await runtime.retry.retry(stream, partition, offset)))

    @app.post(one + "/discard", dependencies=[Depends(allowed("operate"))])
    async def discard(stream: str, partition: int, offset: int) -> dict[str, Any]:
        """Gives the record up. It stays as evidence and counts as parked for ever."""
        return _summary(_there(await runtime.retry.discard(stream, partition, offset)))


def _there(row: Parked | None) -> Parked:
    if row is None:
        raise Problem(404, "No such record", "nothing was parked at this stream, partition and offset", field="offset")
    return row


def _summary(row: Parked) -> dict[str, Any]:
    return {name: value for name, value in mapping(row).items() if name not in parking.BYTES}


def _text(value: bytes | None) -> str | None:
    """Bytes to look at; what is not UTF-8 shows as its escape."""
    return None if value is None else value.decode(errors="backslashreplace")


_bearer = HTTPBearer(auto_error=False)


def allowed(scope: str) -> Callable[..., Awaitable[Actor]]:
    """A dependency: the actor behind the bearer token, if it has this scope."""

    async def actor(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Actor:
        if credentials is None:
            raise Problem(401, "Who are you?", "a bearer token is needed", headers={"WWW-Authenticate": "Bearer"})
        runtime: Runtime = request.app.state.runtime
        async with runtime.engine.connect() as connection:
            found = await tokens.recognise(connection, credentials.credentials)
        if found is None:
            raise Problem(
                401,
                "Unknown token",
                "the bearer token is not known or was revoked",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if scope not in found.scopes:
            raise Problem(403, "Not allowed", f"this token lacks the scope {scope!r}")
        return found

    return actor


def command(runtime: Runtime, body: Event, actor: Actor, idempotency_key: str | None) -> Heard[Event]:
    """A command in the shape of an event: who asks comes from the token, its identity from the Idempotency-Key."""
    now: dt.datetime = runtime.service.clock()
    source, event_id = f"{runtime.service.source}/{actor.name}", idempotency_key or runtime.service.new_id()
    return Heard(
        stream=type(body).stream,
        partition=NO_PARTITION,
        offset=_offset_of(source, event_id),
        appended_at=now,
        event_id=event_id,
        source=source,
        subject=subject_of(body),
        stated_at=now,
        version=microseconds(now),
        numbered=False,
        correlation_id=None,
        causation_id=None,
        traceparent=None,
        body=body,
    )


def _offset_of(source: str, event_id: str) -> int:
    """What tells a command from all others should it be held, and parked later: made of all that it is known by. Below every
    offset there is."""
    digest = hashlib.blake2b(f"{source}\n{event_id}".encode(), digest_size=8).digest()
    return -1 - (int.from_bytes(digest) >> 1)
