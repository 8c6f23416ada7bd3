"""Asking: who asks, under which key, for which part of a list. What routes of every service take."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.model import Event
from shared.events.envelope import Heard
from shared.problems import NO_TOKEN, NOT_ALLOWED, NOT_VALID, UNKNOWN_TOKEN, Problem
from shared.process.runtime import Runtime
from shared.web.tokens import Actor, Actors

MOST_LISTED = 1000

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,100}$",
        description=(
            "What this command is known by. Sent again under the same key, it is not decided again and gets the same answer; another"
            " command under it is refused. Without one, sent again is asked again."
        ),
        examples=["0199aa00-0000-7000-8000-000000000001"],
    ),
]

IfMatch = Annotated[
    str,
    Header(
        alias="If-Match",
        pattern=r'^"[!#-~]{1,100}"$',
        description=(
            "The `tag`, in quotes, of what was looked at when this was decided. If that stands otherwise by now, nothing is done, and"
            " the answer says how it stands."
        ),
        examples=['"3"'],
    ),
]


class Filter(BaseModel):
    """What a list is asked for. A name that is not known is refused: passed over, it would show what nobody asked for."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=MOST_LISTED, description="How many at most.")


class Page(Filter):
    """A part of a list whose rows have ids."""

    after: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._:-]{0,64}$",
        description="The id of the last row of the page before; empty: the first page. Fewer rows than `limit`: there are no more.",
        examples=["session-0001"],
    )


MOST_NAMES = 100
"""In a query. No route knows a tenth of them; for each of them all are looked through, here and by the framework."""
_ONE_MEANING = ("authorization", "content-type", "idempotency-key", "if-match")


async def says_one_thing(request: Request) -> None:
    """Two that say different things are no answer to which is meant. A dependency of every route."""
    if len(request.query_params) > MOST_NAMES:
        raise Problem(NOT_VALID, f"more than {MOST_NAMES} names are asked about", field="query")
    asked = ((name, request.query_params.getlist(name)) for name in request.query_params)
    told = ((name, request.headers.getlist(name)) for name in _ONE_MEANING)
    for name, values in (*asked, *told):
        if len(set(values)) > 1:
            raise _says_two(name)
    if getattr(request.scope.get("route"), "body_field", None) is None:
        return  # Its body, if it has one, is a file: as JSON it would take thirty times its size, whoever sends it.
    # What is no JSON is refused elsewhere, where it has to be some.
    with contextlib.suppress(ValueError, RecursionError):
        json.loads(await request.body(), object_pairs_hook=_said_once)


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):  # What is said once may still differ from itself: NaN does.
        for name, value in pairs:
            if said[name] != value:
                raise _says_two(name)
    return said


def _says_two(name: str) -> Problem:
    told = f"{name[:100]!a}"
    return Problem(NOT_VALID, f"{told} stands there twice and says different things", field=told)


_WHO_ASKS = set[Callable[..., Awaitable[Actor]]]()
"""The dependencies that look at who asks."""
_bearer = HTTPBearer(auto_error=False, description="A token that an operator made; it has a name and scopes.")


def allowed(scope: str) -> Callable[..., Awaitable[Actor]]:
    """A dependency: the actor behind the bearer token, if it has this scope."""

    async def actor(
        request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
    ) -> Actor:
        if credentials is None:
            raise Problem(NO_TOKEN, "a bearer token is needed")
        actors: Actors = request.app.state.actors
        found = await actors.recognise(credentials.credentials)
        if found is None:
            raise Problem(UNKNOWN_TOKEN, "the bearer token is not known or was revoked")
        if scope not in found.scopes:
            raise Problem(NOT_ALLOWED, f"this token lacks the scope {scope!r}")
        return found

    _WHO_ASKS.add(actor)
    return actor


async def why_not_theirs(request: Request) -> Problem | None:
    """Why whoever asks may not ask this; None: they may, or need not say who they are. The framework reads a body before it asks anybody: who
    may not ask is told that alone, however what they sent is written."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    try:
        for one in dependant.dependencies if dependant is not None else ():
            if one.call in _WHO_ASKS:
                await one.call(request, await _bearer(request))
    except Problem as refused:
        return refused
    return None


Reader, Writer, Office, Operator = (Depends(allowed(scope)) for scope in ("read", "write", "office", "operate"))


def command(runtime: Runtime, body: Event, actor: Actor, idempotency_key: str | None) -> Heard[Event]:
    """A command in the shape of an event: who asks comes from the token, its identity from the Idempotency-Key."""
    source, event_id = f"{runtime.service.source}/{actor.name}", idempotency_key or runtime.service.new_id()
    return Heard.over_http(body, source=source, event_id=event_id, now=runtime.service.clock())
