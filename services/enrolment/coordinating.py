"""Enrolment over HTTP for who coordinates a town: whom it may nominate, nominations, and who comes instead of whom."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from services.enrolment import views
from services.enrolment.answering import Deciding
from services.enrolment.answers import DecidedNomination, DecidedSubstitution, Nominations
from services.enrolment.nominating import nomination_id
from services.enrolment.paging import LongPage, part_of
from services.enrolment.paths import NO_SUCH_SESSION, SessionId, found
from shared.contracts.model import Id
from shared.contracts.portal import NominationMode, People, PeopleNominated, SubstitutionRequested
from shared.problems import COMMAND, NO_SUCH_PATH, READ
from shared.process.runtime import Runtime
from shared.web.asking import IdempotencyKey, Reader, Writer, command
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor


class Nominating(BaseModel):
    """Whom a town nominates."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "city_id": "geonames:776597",
                    "people": ["person-0001", "person-0002"],
                    "mode": "as_many_as_fit",
                }
            ]
        },
    )

    city_id: Id
    people: People
    mode: NominationMode


class Substituting(BaseModel):
    """Who comes instead of whom."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"city_id": "geonames:776597", "leaves": "person-0001", "comes": "person-0003"}]
        },
    )

    city_id: Id
    leaves: Id
    comes: Id


def routes_of(runtime: Runtime, deciding: Deciding) -> Routes:
    """What may be asked for a town."""
    routes = Routes(prefix="/api/v1/sessions/{session_id}")

    @routes.get("/nominations", responses=may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_PATH), dependencies=[Reader])
    async def list_nominations(session_id: SessionId, page: Annotated[LongPage, Query()]) -> Nominations:
        """Which towns are, or were, called to nominate, by town; and what became of each nomination, in the order in which they were
        decided."""
        async with runtime.reading.connect() as connection:
            found(await views.session(connection, session_id), session_id)
            whole = await views.nominations(connection, session_id)
        answered = part_of(whole.nominations, page, lambda one: one.nomination_id)
        return Nominations(calls=[] if page.after else whole.calls, nominations=answered)

    @routes.post("/nominations", responses=may_answer(*COMMAND, NO_SUCH_PATH))
    async def nominate(
        session_id: SessionId,
        nominating: Nominating,
        actor: Annotated[Actor, Writer],
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedNomination:
        """Nominates people of a town. Answered for everybody after the decision is committed; the same Idempotency-Key gets the same
        answer."""
        body = PeopleNominated(session_id=session_id, **nominating.model_dump())
        heard = command(runtime, body, actor, idempotency_key)
        became = await runtime.commands.submit(heard)
        async with runtime.reading.connect() as connection:
            named = nomination_id(heard.source, heard.event_id)
            answered = await views.nomination(connection, session_id, named)
        return DecidedNomination(
            request_id=heard.event_id,
            session_id=session_id,
            city_id=body.city_id,
            people=answered.people if answered else None,
            **asdict(became),
        )

    @routes.post("/substitutions", responses=may_answer(*COMMAND, NO_SUCH_PATH))
    async def substitute(
        session_id: SessionId,
        substituting: Substituting,
        actor: Annotated[Actor, Writer],
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedSubstitution:
        """Sends somebody else of a town instead of a person who has a place there, or waits. The place stays as it is."""
        body = SubstitutionRequested(session_id=session_id, **substituting.model_dump())
        heard = command(runtime, body, actor, idempotency_key)
        became = await runtime.commands.submit(heard)
        leaves, comes = await asyncio.gather(
            *(deciding.places.get((session_id, one)) for one in (body.leaves, body.comes))
        )
        return DecidedSubstitution(
            request_id=heard.event_id,
            session_id=session_id,
            city_id=body.city_id,
            leaves=leaves,
            comes=comes,
            **asdict(became),
        )

    return routes
