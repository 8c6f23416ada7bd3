"""A service's HTTP application with all that is common: limits, problems, health, metrics, the books, parked records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from fastapi import FastAPI, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from shared.problems import OUR_FAULT, READ
from shared.process.health import HealthState
from shared.process.runtime import Runtime
from shared.web import parked
from shared.web.answers import Alive, Books
from shared.web.asking import Reader, why_not_theirs
from shared.web.bodies import BodyLimit, HeadIsGet
from shared.web.refusing import may_answer, refuse_alike, schemas
from shared.web.routes import FOR_EVERY_ROUTE, Routes, by_name
from shared.web.tokens import Actors

_ABOUT = """
Everything but this description, health, metrics and the pages for people needs a token: `Authorization: Bearer …`.

- A **list** comes in pages: `limit` rows at most, `after` the last one of the page before.
- A **command** is answered once its decision is committed, and takes an `Idempotency-Key`: sent again under the same key it changes nothing
  and gets the same answer. What an operator does to one record or notice needs none: it names what is to be, and said again changes nothing.
- A **problem** is an `application/problem+json` (RFC 9457), always of the same shape. React to its `type`.
"""


_SAYS_NOTHING = "Successful Response"


def create_app(
    runtime: Runtime, title: str, books: type[Books] = Books, larger: Mapping[str, int] | None = None
) -> FastAPI:
    """The application; the service adds its own routes. `books`: what its books hold, its own beside the common ones. `larger`: paths, by
    their end, on which a body may have so many bytes."""
    app = FastAPI(
        title=title,
        version="1",
        description=_ABOUT,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/v1/openapi.json",
        generate_unique_id_function=by_name,
        dependencies=FOR_EVERY_ROUTE,
        redirect_slashes=False,  # It would name this process, whatever name it was asked by.
    )
    app.state.actors = Actors(runtime.reading)
    http = runtime.settings.http
    refuse_alike(app, why_not_theirs)
    app.add_middleware(
        BodyLimit,
        limit_bytes=http.body_bytes,
        limit_seconds=http.body_seconds,
        bytes_a_second=http.body_bytes_a_second,
        larger=larger,
    )
    app.add_middleware(HeadIsGet)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign]
    _of_its_state(runtime).add_to(app)
    parked.routes(runtime).add_to(app)

    @app.get("/api/v1/books", dependencies=[Reader], responses=may_answer(*READ), response_model=books)
    async def read_books() -> Books:
        """What was published, heard, parked and skipped by stream; outbox, held requests and the service's own books."""
        return books.model_validate(await runtime.health.books())

    return app


def _of_its_state(runtime: Runtime) -> Routes:
    """What whoever supervises the process asks, without a token."""
    state = Routes(responses=may_answer(OUR_FAULT))

    @state.get("/health/live")
    async def is_alive() -> Alive:
        """The process answers."""
        return Alive()

    @state.get(
        "/health/ready", responses={503: {"model": HealthState, "description": "Not ready: `problems` say why."}}
    )
    async def is_ready(response: Response) -> HealthState:
        """Whether it does its work, and what keeps it from it."""
        health = await runtime.health.state()
        response.status_code = 200 if health.ready else 503
        return health

    @state.get("/metrics", response_class=PlainTextResponse)
    async def read_metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return state


def _described(app: FastAPI) -> dict[str, Any]:
    """OpenAPI with what FastAPI does not know: the shape of problems, and that a docstring's first sentence is a promise."""
    if app.openapi_schema is None:
        described = FastAPI.openapi(app)
        shapes = described.setdefault("components", {}).setdefault("schemas", {})
        shapes.update(schemas())
        for model in _answers(app):  # FastAPI leaves out what is null, also of examples.
            shapes[model.__name__]["examples"] = (model.model_config.get("json_schema_extra") or {})["examples"]  # type: ignore[index]
        for path in described["paths"].values():
            for operation in path.values():
                operation["summary"] = _promise(operation["description"])
                for answer in operation["responses"].values():
                    if answer["description"] == _SAYS_NOTHING:
                        answer["description"] = _of_shape(answer, shapes) or operation["summary"]
    return app.openapi_schema or {}


def _answers(app: FastAPI) -> Iterator[type[BaseModel]]:
    for route in app.routes:
        made = getattr(route, "response_model", None)
        for one in (made, *get_args(made)):
            if isinstance(one, type) and issubclass(one, BaseModel):
                yield one


def _promise(text: str) -> str:
    return text.partition(". ")[0].partition(".\n")[0].rstrip(".")


def _of_shape(answer: dict[str, Any], shapes: dict[str, Any]) -> str | None:
    """What an answer is, in the words of what it is made of."""
    schema = answer["content"].get("application/json", {}).get("schema", {}) if "content" in answer else {}
    name = schema.get("items", schema).get("$ref", "").rpartition("/")[2]
    return shapes[name].get("description") if name else None
