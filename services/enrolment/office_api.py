"""The office over HTTP: what it decides beside the rules, each with a reason, and only of what still stands as it was looked at."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, Strict

from services.enrolment.answering import Deciding
from services.enrolment.answers import DecidedCorrection, DecidedRequest
from services.enrolment.paths import PersonId, SessionId
from shared.contracts.model import Line
from shared.contracts.office import (
    HIGHEST_PRIORITY,
    MOST_PLACES,
    CorrectionRequested,
    ExtraPlaceRequested,
    PriorityRequested,
    RemovalLiftRequested,
    RemovalRequested,
)
from shared.problems import CHANGED_SINCE, COMMAND, NO_SUCH_PATH
from shared.process.runtime import Runtime
from shared.web.asking import IdempotencyKey, IfMatch, Office, command
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

Decider = Annotated[Actor, Office]


def _whole(value: object) -> object:
    """To JSON 70.0 is 70; a text with digits is a text."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole), Strict()]
Places = Annotated[int, Field(ge=1, le=MOST_PLACES), BeforeValidator(_whole), Strict()]


class Reason(BaseModel):
    """Why the office decides so."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"note": "speaks on the second day"}]})

    note: Line = Field(description="As it is to be read later, by everybody who may look at what was decided.")


class Priority(Reason):
    """Where in line somebody is to be, and why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"priority": 50, "note": "travels with two others"}]}
    )

    priority: Whole = Field(ge=0, le=HIGHEST_PRIORITY, description="The highest is next.")


class Room(Reason):
    """What holds instead of the planner's word about the room, and why. What is not said is as the planner says."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"capacity": 24, "places_per_town": 3, "note": "the room was counted anew"}]},
    )

    capacity: Places | None = None
    places_per_town: Places | None = None


def office_routes(runtime: Runtime, deciding: Deciding) -> Routes:
    """The routes of what only a token of scope `office` may ask for."""
    routes = Routes(prefix="/api/v1/sessions/{session_id}", responses=may_answer(*COMMAND, CHANGED_SINCE, NO_SUCH_PATH))

    @routes.post("/places/{person_id}/extra")
    async def give_extra_place(
        session_id: SessionId,
        person_id: PersonId,
        why: Reason,
        actor: Decider,
        if_match: IfMatch,
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedRequest:
        """Gives a place beside the rules: it counts against neither the room nor the share of a town, and nobody asks whether the person
        may come. The tag is that of the place; of somebody who has none, `"0"`."""
        body = ExtraPlaceRequested(session_id=session_id, person_id=person_id, note=why.note, seen=_seen(if_match))
        return await deciding.decided(body, actor, idempotency_key)

    @routes.post("/places/{person_id}/priority")
    async def give_priority(
        session_id: SessionId,
        person_id: PersonId,
        what: Priority,
        actor: Decider,
        if_match: IfMatch,
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedRequest:
        """Gives somebody's place in line a priority: the highest is next, then whoever is in line for longest."""
        body = PriorityRequested(session_id=session_id, person_id=person_id, seen=_seen(if_match), **what.model_dump())
        return await deciding.decided(body, actor, idempotency_key)

    @routes.post("/places/{person_id}/removal")
    async def remove(
        session_id: SessionId,
        person_id: PersonId,
        why: Reason,
        actor: Decider,
        if_match: IfMatch,
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedRequest:
        """Takes somebody's place. They get none by asking again until the office gives one or lifts this."""
        body = RemovalRequested(session_id=session_id, person_id=person_id, note=why.note, seen=_seen(if_match))
        return await deciding.decided(body, actor, idempotency_key)

    @routes.post("/places/{person_id}/removal/lift")
    async def lift_removal(
        session_id: SessionId,
        person_id: PersonId,
        why: Reason,
        actor: Decider,
        if_match: IfMatch,
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedRequest:
        """Lets somebody whom the office has removed ask for a place again."""
        body = RemovalLiftRequested(session_id=session_id, person_id=person_id, note=why.note, seen=_seen(if_match))
        return await deciding.decided(body, actor, idempotency_key)

    @routes.post("/correction")
    async def correct(
        session_id: SessionId, what: Room, actor: Decider, if_match: IfMatch, idempotency_key: IdempotencyKey = None
    ) -> DecidedCorrection:
        """Lays another capacity, or another share of a town, over the planner's, until the planner states another value. Nobody loses a
        place to a smaller one. The tag is that of the session."""
        body = CorrectionRequested(session_id=session_id, seen=_seen(if_match), **what.model_dump())
        heard = command(runtime, body, actor, idempotency_key)
        became = await runtime.commands.submit(heard)
        return DecidedCorrection(request_id=heard.event_id, session_id=session_id, **asdict(became))

    return routes


def _seen(if_match: str) -> str:
    return if_match.strip('"')
