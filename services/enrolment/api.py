"""Enrolment over HTTP: towns, sessions, rosters, and the requests that a person or a coordinator makes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query
from pydantic import BaseModel, ConfigDict

from services.enrolment import views
from shared.books import holding
from shared.contracts.model import ID_PATTERN, Id, OptionalLine
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.process.runtime import Runtime
from shared.web.app import Problem, allowed, command, create_app
from shared.web.tokens import Actor

SessionId = Annotated[str, Path(pattern=ID_PATTERN)]
IdempotencyKey = Annotated[str | None, Header(pattern=r"^[!-~]{1,100}$")]


class Place(BaseModel):
    """Who asks for a place."""

    model_config = ConfigDict(extra="forbid")

    person_id: Id


class Withdrawal(Place):
    """Who gives a place back, and why."""

    reason: OptionalLine | None = None


def app_of(runtime: Runtime) -> FastAPI:
    """The application with enrolment's routes."""
    app = create_app(runtime, "Rollcall enrolment")
    read = APIRouter(prefix="/api/v1", dependencies=[Depends(allowed("read"))])
    write = APIRouter(prefix="/api/v1")

    @read.get("/towns")
    async def towns() -> list[dict[str, Any]]:
        """Towns with their outcome in each stage and the size of their team."""
        async with runtime.engine.connect() as connection:
            return await views.towns(connection)

    @read.get("/towns/{city_id}")
    async def town(city_id: Annotated[str, Path(pattern=ID_PATTERN)]) -> dict[str, Any]:
        async with runtime.engine.connect() as connection:
            found = await views.towns(connection, city_id=city_id)
        if not found:
            raise Problem(404, "No such town", f"nothing has been heard of {city_id}", field="city_id")
        return found[0]

    @read.get("/sessions")
    async def sessions(
        city_id: Annotated[str | None, Query(pattern=ID_PATTERN)] = None,
        phase: Annotated[int | None, Query(ge=1, le=99)] = None,
        state: Annotated[str | None, Query(pattern="^(scheduled|cancelled)$")] = None,
        after: Annotated[str, Query(max_length=64)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> list[dict[str, Any]]:
        """Sessions by id; the next page begins `after` the last one."""
        async with runtime.engine.connect() as connection:
            return await views.sessions(connection, city_id=city_id, phase=phase, state=state, after=after, limit=limit)

    @read.get("/sessions/{session_id}")
    async def session(session_id: SessionId) -> dict[str, Any]:
        async with runtime.engine.connect() as connection:
            return _found(await views.session(connection, session_id), session_id)

    @read.get("/sessions/{session_id}/roster")
    async def roster(session_id: SessionId) -> list[dict[str, Any]]:
        """Everyone with a standing in the session, in the order of the waiting list."""
        async with runtime.engine.connect() as connection:
            _found(await views.session(connection, session_id), session_id)
            return await views.roster(connection, session_id)

    @write.post("/sessions/{session_id}/requests")
    async def request_place(
        session_id: SessionId,
        place: Place,
        actor: Annotated[Actor, Depends(allowed("write"))],
        idempotency_key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Asks for a place. Answered after the decision is committed; the same Idempotency-Key gets the same answer."""
        return await _decided(
            EnrolmentRequested(session_id=session_id, person_id=place.person_id), actor, idempotency_key
        )

    @write.post("/sessions/{session_id}/withdrawals")
    async def withdraw(
        session_id: SessionId,
        place: Withdrawal,
        actor: Annotated[Actor, Depends(allowed("write"))],
        idempotency_key: IdempotencyKey = None,
    ) -> dict[str, Any]:
        """Gives a place back. The seat goes to whoever waits first."""
        body = WithdrawalRequested(session_id=session_id, person_id=place.person_id, reason=place.reason)
        return await _decided(body, actor, idempotency_key)

    async def _decided(
        body: EnrolmentRequested | WithdrawalRequested, actor: Actor, idempotency_key: str | None
    ) -> dict[str, Any]:
        heard = command(runtime, body, actor, idempotency_key)
        await runtime.commands.submit(heard)
        async with runtime.engine.connect() as connection:
            outcome = await holding.outcome(connection, heard.source, heard.event_id)
            if outcome is None:
                raise RuntimeError(f"{heard.event_id} was decided and has no outcome")
            place = await views.place(connection, body.session_id, body.person_id)
        return {
            "request_id": heard.event_id,
            **outcome,
            "place": place and {name: place[name] for name in ("state", "reason", "refusal")},
        }

    app.include_router(read)
    app.include_router(write)
    return app


def _found(session: dict[str, Any] | None, session_id: str) -> dict[str, Any]:
    if session is None:
        raise Problem(404, "No such session", f"nothing has been heard of {session_id}", field="session_id")
    return session
