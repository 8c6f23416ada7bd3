"""What the API's paths name, and what is answered where there is no such thing."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path

from services.enrolment.answers import Session
from shared.contracts.model import ID_PATTERN
from shared.problems import Kind, Problem

NO_SUCH_TOWN = Kind("no-such-town", 404, "No such town", "Look its id up in the list of towns.")
NO_SUCH_SESSION = Kind(
    "no-such-session",
    404,
    "No such session",
    "Look its id up in the list of sessions; its planner may not have stated it yet.",
)
SessionId = Annotated[str, Path(pattern=ID_PATTERN, description="The session.", examples=["session-0001"])]
PersonId = Annotated[str, Path(pattern=ID_PATTERN, description="The person.", examples=["person-0001"])]
CityId = Annotated[str, Path(pattern=ID_PATTERN, description="The town.", examples=["geonames:776597"])]


def found(session: Session | None, session_id: str) -> Session:
    if session is None:
        raise Problem(NO_SUCH_SESSION, f"nothing has been heard of {session_id}", field="session_id")
    return session
