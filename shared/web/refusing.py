"""Refusing: every problem leaves in the same shape, whoever found it, and OpenAPI says which ones a route may answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.deciding.commands import IdReused, NotYet, Undecidable
from shared.events.envelope import Reason
from shared.faults import Fault, classify, told
from shared.problems import (
    CHANGED_SINCE,
    IMPLAUSIBLE_TIME,
    KEY_TAKEN,
    MEDIA_TYPE,
    MOST_ERRORS,
    NO_SUCH_METHOD,
    NO_SUCH_PATH,
    NOT_VALID,
    OUR_FAULT,
    TRY_AGAIN,
    UNDECIDABLE,
    Kind,
    Problem,
    Refusal,
    WrongField,
)

log = structlog.get_logger()

SCHEMA = "#/components/schemas/{model}"
LONGEST_TEXT = 200


def response_to(problem: Problem) -> Response:
    return Response(problem.document(), problem.refusal.status, problem.headers, media_type=MEDIA_TYPE)


async def _may(request: Request) -> None:
    """Whoever asks may."""


def refuse_alike(app: FastAPI, why_not_theirs: Callable[[Request], Awaitable[Problem | None]] = _may) -> None:
    """Answers whatever a route, a dependency or the framework refuses with a problem document, and what nobody caught, too.
    `why_not_theirs`: what whoever asks is told before they are told what is wrong with what they sent."""
    app.add_middleware(NothingUnanswered)

    async def answer(request: Request, problem: Problem) -> Response:
        not_theirs = await why_not_theirs(request) if problem.refusal.type == NOT_VALID.type else None
        return response_to(not_theirs or problem)

    @app.exception_handler(Problem)
    async def refused(request: Request, problem: Problem) -> Response:
        return await answer(request, problem)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        wrong = [_wrong_field(one) for one in error.errors()[:MOST_ERRORS]]
        said = "; ".join(f"{one.field}: {one.detail}" for one in wrong)
        return await answer(request, Problem(NOT_VALID, said, errors=wrong))

    @app.exception_handler(HTTPException)
    async def by_the_framework(request: Request, error: HTTPException) -> Response:
        return await answer(request, _of_the_framework(request, error))


def _wrong_field(error: Any) -> WrongField:
    where = ".".join(str(step) for step in error["loc"] if step != "body") or "body"
    return WrongField(field=where[:LONGEST_TEXT], detail=str(error["msg"])[:LONGEST_TEXT])


def _of_the_framework(request: Request, error: HTTPException) -> Problem:
    """What the framework refuses by itself, or a page of ours without a word of its own."""
    headers = dict(error.headers or {})
    if error.status_code == NO_SUCH_PATH.status:
        return Problem(NO_SUCH_PATH, f"nothing is at {request.url.path[:LONGEST_TEXT]}")
    if error.status_code == NO_SUCH_METHOD.status:
        allowed = [method for method in _METHODS if _is_a_route(request, method)]
        headers["Allow"] = ", ".join(sorted([*allowed, *(["HEAD"] if "GET" in allowed else [])]))
        return Problem(NO_SUCH_METHOD, f"here one can {headers['Allow']}", headers=headers)
    return Problem(NOT_VALID, "the body cannot be read")


_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def _is_a_route(request: Request, method: str) -> bool:
    """Whether somebody answers this method at the path; the framework names only those of the first route that it finds there."""
    scope = {**request.scope, "method": method}
    return any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)


_UNDECIDED = {
    # A time that cannot be is wrong in what was sent, and stays so whatever happens here.
    Reason.IMPLAUSIBLE_TIME: IMPLAUSIBLE_TIME,
    Reason.CHANGED_SINCE: CHANGED_SINCE,
}


def problem_of(error: Exception) -> Problem:
    """What is said of an error that nobody on its way had an answer to."""
    if isinstance(error, Undecidable):
        return Problem(_UNDECIDED.get(error.reason, UNDECIDABLE), str(error), reason=error.reason)
    if isinstance(error, IdReused):
        return Problem(KEY_TAKEN, str(error), field="Idempotency-Key")
    if isinstance(error, NotYet):
        return Problem(TRY_AGAIN, str(error))
    fault = classify(error)
    if fault is Fault.CONTENT:
        return Problem(NOT_VALID, "it holds a value that cannot be kept")
    if fault is Fault.TRANSIENT:
        return Problem(TRY_AGAIN, "a service behind this one does not answer")
    log.error("a request failed in our own code", error=told(error), exc_info=error)
    return Problem(OUR_FAULT, "this should not have happened; it has been logged")


class NothingUnanswered:
    """Answers what no handler took, inside of the server's own handler: that one would write each of them into the log, with its text."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            return  # Nobody is there to be answered.
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await response_to(problem_of(error))(scope, receive, send)


# --- as OpenAPI describes it -----------------------------------------------------------------


def may_answer(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """For a route's `responses`: by status what each of these kinds means, with an example."""
    by_status: dict[int, list[Kind]] = defaultdict(list)
    for kind in dict.fromkeys(kinds):
        by_status[kind.status].append(kind)
    return {status: _described(found) for status, found in sorted(by_status.items())}


def _described(kinds: list[Kind]) -> dict[str, Any]:
    one_of_these = {"properties": {"type": {"enum": [kind.type for kind in kinds]}}}
    examples = {
        kind.name: {"summary": kind.title, "value": Problem(kind, kind.title).refusal.model_dump(exclude_none=True)}
        for kind in kinds
    }
    headers = {
        name: {"schema": {"type": "string"}, "example": value}
        for name, value in (kind.header for kind in kinds if kind.header)
    }
    return {
        "description": "\n\n".join(f"**{kind.title}** (`{kind.name}`). {kind.remedy}" for kind in kinds),
        "content": {
            MEDIA_TYPE: {
                "schema": {"allOf": [{"$ref": SCHEMA.format(model="Problem")}, one_of_these]},
                "examples": examples,
            }
        },
        **({"headers": headers} if headers else {}),
    }


def schemas() -> dict[str, Any]:
    """The schemas that such answers refer to."""
    schema = Refusal.model_json_schema(ref_template=SCHEMA)
    return {**schema.pop("$defs", {}), "Problem": schema}
