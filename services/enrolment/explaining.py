"""Enrolment over HTTP for whoever asks why."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from services.enrolment import reading
from services.enrolment.explanation import ExplainedStep, Explanation, Fated, PlaceInLine, Sentence
from services.enrolment.fates import verdict
from services.enrolment.pages import sentences
from services.enrolment.paths import PersonId, SessionId
from services.enrolment.why import Known, Step, chain, names_of_towns
from shared.contracts.model import Moment
from shared.problems import NO_SUCH_PATH, READ
from shared.process.runtime import Runtime
from shared.web.asking import Reader
from shared.web.refusing import may_answer
from shared.web.routes import Routes

_PLAIN = tuple(name for name in ExplainedStep.model_fields if name not in ("sentence", "request", "line", "others"))


class Then(BaseModel):
    """Which moment is asked about."""

    model_config = ConfigDict(extra="forbid")

    at: Moment | None = Field(
        None,
        description="As it was known then, RFC 3339; without it, or if it lies ahead: as it is known now.",
        examples=["2026-10-03T08:15:00Z"],
    )


def explain_routes(runtime: Runtime) -> Routes:
    """Why somebody has, had or lacks a place."""
    routes = Routes(prefix="/api/v1/sessions/{session_id}", dependencies=[Reader])

    @routes.get("/places/{person_id}/explain", responses=may_answer(*READ, NO_SUCH_PATH))
    async def explain(session_id: SessionId, person_id: PersonId, then: Annotated[Then, Query()]) -> Explanation:
        """Why this person has, had or lacks a place in this session.

        The chain of what was said of it and what came of it, with the numbers of that moment. Nothing is worked out anew, and nothing told that was heard later than the moment asked about. That
        the session, or the person, is not known is an answer, too.
        """
        now = runtime.service.clock()
        async with runtime.reading.connect() as connection:
            known = await reading.known(connection, session_id, person_id)
            names = await reading.names(connection, person_id)
        return explained(known, min(then.at or now, now), *names)

    return routes


def explained(
    known: Known, at: dt.datetime, given_name: str | None = None, family_name: str | None = None
) -> Explanation:
    """The answer, from all that is kept of it."""
    steps, found, towns = chain(known, at), verdict(known, at), names_of_towns(known, at)
    return Explanation(
        session_id=known.session_id,
        person_id=known.person_id,
        given_name=given_name,
        family_name=family_name,
        at=at,
        verdict=Fated(
            fate=found.fate,
            standing=found.standing,
            sentence=Sentence(**sentences.verdict(found, towns)),
            line=PlaceInLine(**dataclasses.asdict(found.line)) if found.line else None,
            decisive=found.decisive.event_id if found.decisive else None,
        ),
        steps=[_shown(step, Sentence(**sentences.line(step, towns, steps))) for step in steps],
    )


def _shown(step: Step, sentence: Sentence) -> ExplainedStep:
    said = {name: getattr(step, name) for name in _PLAIN}
    said |= {"request": _plain(step.request), "line": _plain(step.line), "others": list(step.others)}
    return ExplainedStep(sentence=sentence, **said)


def _plain(value: Any) -> dict[str, Any] | None:
    return None if value is None else dataclasses.asdict(value)
