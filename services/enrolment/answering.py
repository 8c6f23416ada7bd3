"""Enrolment over HTTP for whoever answers for somebody: offers and replies, and what is listed of a session."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict

from services.enrolment import listing, views
from services.enrolment.answers import DecidedRequest, Place
from services.enrolment.listed import AnsweredRequest, GivenReply, HeldRequest, OpenOffer, TownsPlaces
from services.enrolment.paths import NO_SUCH_SESSION, SessionId, found
from shared.contracts.model import Id
from shared.contracts.office import AboutAPlace
from shared.contracts.portal import OfferAnswer, OfferAnswered, PlaceRequest, Reply, ReplyGiven
from shared.postgres.together import Together
from shared.problems import COMMAND, NO_SUCH_PATH, READ
from shared.process.runtime import Runtime
from shared.web.asking import IdempotencyKey, Page, Reader, Writer, command
from shared.web.refusing import may_answer
from shared.web.routes import Routes
from shared.web.tokens import Actor

Part = Annotated[Page, Query()]


class AnsweringOffer(BaseModel):
    """What somebody answers to the offer of a place."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"person_id": "person-0001", "answer": "accept"}]}
    )

    person_id: Id
    answer: OfferAnswer


class Replying(BaseModel):
    """What somebody says to the place that they have."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"person_id": "person-0001", "reply": "confirmed"}]}
    )

    person_id: Id
    reply: Reply


class Deciding:
    """Commands about one place, and how it stands after each: asked together by all whose answers wait for it."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.places: Together[tuple[str, str], Place] = Together(runtime.reading, views.places)

    async def decided(
        self, body: PlaceRequest | AboutAPlace, actor: Actor, idempotency_key: str | None
    ) -> DecidedRequest:
        """Decided and committed, with how the place stands after it."""
        heard = command(self._runtime, body, actor, idempotency_key)
        became = await self._runtime.commands.submit(heard)
        return DecidedRequest(
            request_id=heard.event_id,
            session_id=body.session_id,
            person_id=body.person_id,
            place=await self.places.get((body.session_id, body.person_id)),
            **asdict(became),
        )


def answer_routes(runtime: Runtime, deciding: Deciding) -> Routes:
    """Answers to offers and places, and lists of what is open in a session."""
    routes = Routes(prefix="/api/v1/sessions/{session_id}")
    listed = {"responses": may_answer(*READ, NO_SUCH_SESSION, NO_SUCH_PATH), "dependencies": [Reader]}
    asked = {"responses": may_answer(*COMMAND, NO_SUCH_PATH)}

    @routes.get("/offers", **listed)  # type: ignore[arg-type]
    async def list_offers(session_id: SessionId, page: Part) -> list[OpenOffer]:
        """Seats that are held for somebody until they answer, by person; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            found(await views.session(connection, session_id), session_id)
            return await listing.offers(connection, session_id, **page.model_dump())

    @routes.post("/offers/answers", **asked)  # type: ignore[arg-type]
    async def answer_offer(
        session_id: SessionId,
        answering: AnsweringOffer,
        actor: Annotated[Actor, Writer],
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedRequest:
        """Accepts or declines an offer for somebody, as they would on their page."""
        body = OfferAnswered(session_id=session_id, person_id=answering.person_id, answer=answering.answer)
        return await deciding.decided(body, actor, idempotency_key)

    @routes.get("/replies", **listed)  # type: ignore[arg-type]
    async def list_replies(session_id: SessionId, page: Part) -> list[GivenReply]:
        """What everybody with a place says to it, by person; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            found(await views.session(connection, session_id), session_id)
            return await listing.replies(connection, session_id, **page.model_dump())

    @routes.post("/replies", **asked)  # type: ignore[arg-type]
    async def reply(
        session_id: SessionId,
        replying: Replying,
        actor: Annotated[Actor, Writer],
        idempotency_key: IdempotencyKey = None,
    ) -> DecidedRequest:
        """Says for somebody that they will come or not, or takes that back. Declining gives the place back; of a place that is on offer it
        is the answer."""
        body = ReplyGiven(session_id=session_id, person_id=replying.person_id, reply=replying.reply)
        return await deciding.decided(body, actor, idempotency_key)

    @routes.get("/requests", **listed)  # type: ignore[arg-type]
    async def list_requests(session_id: SessionId, page: Part) -> list[AnsweredRequest]:
        """Requests about the session that were answered by a fact, the oldest first; the next page begins `after` the `event_id` of the
        last one. Those of a session that is not known wait, and are listed there."""
        async with runtime.reading.connect() as connection:
            found(await views.session(connection, session_id), session_id)
            return await listing.requests(connection, session_id, **page.model_dump())

    @routes.get("/requests/held", responses=may_answer(*READ, NO_SUCH_PATH), dependencies=[Reader])
    async def list_held(session_id: SessionId, page: Part) -> list[HeldRequest]:
        """Requests about the session that wait, also for the session itself; the next page begins `after` the `cursor` of the last one."""
        async with runtime.reading.connect() as connection:
            return await listing.held(connection, session_id, **page.model_dump())

    @routes.get("/towns", **listed)  # type: ignore[arg-type]
    async def list_towns_places(session_id: SessionId, page: Part) -> list[TownsPlaces]:
        """What each town has in the session and could still have, by town; the next page begins `after` the last one."""
        async with runtime.reading.connect() as connection:
            session = found(await views.session(connection, session_id), session_id)
            return await listing.towns(connection, session, runtime.service.clock(), **page.model_dump())

    return routes
