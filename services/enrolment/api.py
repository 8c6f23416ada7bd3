"""Enrolment over HTTP: towns, sessions, rosters, and the requests that a person or a coordinator makes; puts together what stands in
files of their own."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field

from services.enrolment import coordinating, views
from services.enrolment.answering import Deciding, answer_routes
from services.enrolment.answers import (
    DecidedRequest,
    EnrolmentBooks,
    LikelyDouble,
    OfficeDecision,
    OnRoster,
    Session,
    Town,
)
from services.enrolment.explaining import explain_routes
from services.enrolment.office_api import office_routes
from services.enrolment.paging import LongPage, part_of
from services.enrolment.paths import NO_SUCH_SESSION, NO_SUCH_TOWN, CityId, SessionId, found
from shared.contracts.model import Id, OptionalLine
from shared.contracts.planner import SessionStanding
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.problems import COMMAND, NO_SUCH_PATH, READ, Problem
from shared.process.runtime import Runtime
from shared.web.app import create_app
from shared.web.asking import IdempotencyKey, Page, Reader, Writer
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor


class SessionPage(Page):
    """Which sessions."""

    city_id: Id | None = Field(None, description="Only those of, or in, this town.", examples=["geonames:776597"])
    phase: int | None = Field(None, ge=1, le=99)
    state: SessionStanding | None = None


class Asking(BaseModel):
    """Who asks for a place."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"person_id": "person-0001"}]})

    person_id: Id


class Withdrawal(BaseModel):
    """Who gives a place back, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"person_id": "person-0001", "reason": "ill"}]}
    )

    person_id: Id
    reason: OptionalLine | None = None


def app_of(runtime: Runtime) -> FastAPI:
    """The application with enrolment's routes."""
    app = create_app(runtime, "Rollcall enrolment", EnrolmentBooks)
    deciding = Deciding(runtime)
    read = Routes(prefix="/api/v1", dependencies=[Reader])
    write = Routes(prefix="/api/v1")
    of_a_session = may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_PATH)

    @read.get("/towns", responses=may_answer(*READ))
    async def list_towns(page: Annotated[LongPage, Query()]) -> list[Town]:
        """Towns by name, with their outcome in each stage and the size of their team; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            return part_of(await views.towns(connection), page, lambda one: one.city_id)

    @read.get("/towns/{city_id}", responses=may_answer(*READ, NO_SUCH_TOWN, NO_SUCH_PATH))
    async def show_town(city_id: CityId) -> Town:
        """One town with its outcome in each stage and the size of its team."""
        async with runtime.reading.connect() as connection:
            towns = await views.towns(connection, city_id=city_id)
        if not towns:
            raise Problem(NO_SUCH_TOWN, f"nothing has been heard of {city_id}", field="city_id")
        return towns[0]

    @read.get("/people/doubles", responses=may_answer(*READ))
    async def list_doubles() -> list[LikelyDouble]:
        """People who may be one human entered twice: of one town, and called the same. That they are one the directory says."""
        async with runtime.reading.connect() as connection:
            return await views.doubles(connection)

    @read.get("/sessions", responses=may_answer(*READ))
    async def list_sessions(page: Annotated[SessionPage, Query()]) -> list[Session]:
        """Sessions by id, with how many have a place and how many wait; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            return await views.sessions(connection, **page.model_dump())

    @read.get("/sessions/{session_id}", responses=of_a_session)
    async def show_session(session_id: SessionId) -> Session:
        """One session with how many have a place and how many wait."""
        async with runtime.reading.connect() as connection:
            return found(await views.session(connection, session_id), session_id)

    @read.get("/sessions/{session_id}/roster", responses=of_a_session)
    async def show_roster(session_id: SessionId, page: Annotated[LongPage, Query()]) -> list[OnRoster]:
        """Everyone with a standing in the session: who has a place, the waiting list, the others.

        By name those with a place and the others, the waiting list in its order; the next page begins `after` the last person.
        """
        async with runtime.reading.connect() as connection:
            found(await views.session(connection, session_id), session_id)
            return part_of(await views.roster(connection, session_id), page, lambda one: one.person_id)

    @read.get("/sessions/{session_id}/decisions", responses=of_a_session)
    async def list_decisions(session_id: SessionId, page: Annotated[LongPage, Query()]) -> list[OfficeDecision]:
        """What the office decided about the session and its places beside the rules, the oldest first.

        The next page begins `after` the `event_id` of the last one.
        """
        async with runtime.reading.connect() as connection:
            found(await views.session(connection, session_id), session_id)
            return await views.decisions(connection, session_id, after=page.after, limit=page.limit)

    @write.post("/sessions/{session_id}/requests", responses=may_answer(*COMMAND, NO_SUCH_PATH))
    async def request_place(
        session_id: SessionId, asking: Asking, actor: Annotated[Actor, Writer], idempotency_key: IdempotencyKey = None
    ) -> DecidedRequest:
        """Asks for a place. Answered after the decision is committed; the same Idempotency-Key gets the same answer."""
        body = EnrolmentRequested(session_id=session_id, person_id=asking.person_id)
        return await deciding.decided(body, actor, idempotency_key)

    @write.post("/sessions/{session_id}/withdrawals", responses=may_answer(*COMMAND, NO_SUCH_PATH))
    async def withdraw(
        session_id: SessionId,
        withdrawal: Withdrawal,
        actor: Annotated[Actor, Writer],
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedRequest:
        """Gives a place back. The seat goes to whoever waits first."""
        body = WithdrawalRequested(session_id=session_id, person_id=withdrawal.person_id, reason=withdrawal.reason)
        return await deciding.decided(body, actor, idempotency_key)

    read.add_to(app)
    write.add_to(app)
    answer_routes(runtime, deciding).add_to(app)
    coordinating.routes_of(runtime, deciding).add_to(app)
    office_routes(runtime, deciding).add_to(app)
    explain_routes(runtime).add_to(app)
    return app
