"""What is answered to "why". Only shapes."""

from __future__ import annotations

import datetime as dt

from pydantic import Field

from services.enrolment.meaning import Because, Fate, What
from shared.contracts.enrolment import AskedFor, Numbers, Standing
from shared.web.answers import Shape, exemplified


class Sentence(Shape):
    """The same in both languages."""

    pl: str
    en: str


class AskedBy(Shape):
    """The request that a line is about."""

    source: str
    id: str
    asked_for: AskedFor
    asked_at: dt.datetime | None = Field(description="When it had been appended; null: that is not kept.")


class PlaceInLine(Shape):
    """Where somebody was in line."""

    position: int = Field(description="The first is 1.")
    waiting: int = Field(description="How many waited.")


class ExplainedStep(Shape):
    """One line of the chain: an event, or what became of a request of which no event says so."""

    what: What
    sentence: Sentence
    event_id: str | None = Field(description="Of a request that became no fact: its own id.")
    source: str
    type: str | None
    said_at: dt.datetime = Field(description="As its source has it.")
    heard_at: dt.datetime = Field(description="From when on it was known here: appended; of our own word, decided.")
    reason: str | None = Field(description="The code of a refusal, a withdrawal, or of why it was set aside.")
    because: Because | None = Field(description="Why somebody waits.")
    numbers: Numbers | None = Field(description="By which it was decided, as they were recorded with it.")
    line: PlaceInLine | None = Field(description="Where they were in line once it was decided.")
    until: dt.datetime | None = Field(description="The deadline, of an offer, a call, or a request that is held.")
    waits_for: str | None
    decided_by: str | None = Field(description="Who of the office decided it.")
    note: str | None
    detail: str | None
    request: AskedBy | None
    caused_by: str | None = Field(description="The event that made us decide.")
    statement: str | None = Field(description="The statement of the session by which it was decided.")
    city_id: str | None
    others: list[str] = Field(description="The other people or sessions that it names.")
    under: str | None = Field(
        description="The other id of the same human of which it was said; null: the one asked about."
    )


class Fated(Shape):
    """How it stood."""

    fate: Fate
    standing: Standing
    sentence: Sentence
    line: PlaceInLine | None = Field(description="Where they were in line then.")
    decisive: str | None = Field(description="The `event_id` of the line that says why.")


class Explanation(Shape):
    """Why somebody has, had or lacks a place in a session, as it was known at a moment."""

    model_config = exemplified(
        session_id="session-0001",
        person_id="person-0001",
        given_name="Zofia",
        family_name="Zielińska",
        at="2026-10-03T08:15:00Z",
        verdict={
            "fate": "waits",
            "standing": "waitlisted",
            "sentence": {
                "pl": "Ta osoba jest na liście rezerwowej. Kolejność na liście: 2 z 3.",
                "en": "The person is on the waiting list. In line: 2 of 3.",
            },
            "line": {"position": 2, "waiting": 3},
            "decisive": "0199aa00-0000-7000-8000-000000000009",
        },
        steps=[
            {
                "what": "waitlisted",
                "sentence": {
                    "pl": "Na liście rezerwowej: wszystkie miejsca były zajęte. Zajęte miejsca: 20 z 20. Kolejność na liście: 3 z 3.",
                    "en": "On the waiting list: all seats were taken. Seats taken: 20 of 20. In line: 3 of 3.",
                },
                "event_id": "0199aa00-0000-7000-8000-000000000009",
                "source": "rollcall/enrolment",
                "type": "rollcall.ParticipantWaitlisted.v1",
                "said_at": "2026-10-01T08:15:00Z",
                "heard_at": "2026-10-01T08:15:00Z",
                "reason": None,
                "because": "full",
                "numbers": {
                    "seats": 20,
                    "taken": 20,
                    "places_per_town": None,
                    "taken_by_town": 2,
                    "are_given": True,
                },
                "line": {"position": 3, "waiting": 3},
                "until": None,
                "waits_for": None,
                "decided_by": None,
                "note": None,
                "detail": None,
                "request": {
                    "source": "urn:example:portal",
                    "id": "0199aa00-0000-7000-8000-000000000001",
                    "asked_for": "place",
                    "asked_at": "2026-10-01T08:14:59Z",
                },
                "caused_by": "0199aa00-0000-7000-8000-000000000001",
                "statement": "0199aa00-0000-7000-8000-000000000007",
                "city_id": "geonames:776597",
                "others": [],
                "under": None,
            }
        ],
    )

    session_id: str
    person_id: str
    given_name: str | None = Field(description="As it is known today. Null: not known, or erased.")
    family_name: str | None
    at: dt.datetime = Field(description="The moment that is explained.")
    verdict: Fated
    steps: list[ExplainedStep] = Field(description="In the order in which it became known.")
