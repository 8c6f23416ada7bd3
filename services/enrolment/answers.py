"""What enrolment's API answers. Only shapes."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import Field, JsonValue

from shared.contracts.enrolment import (
    ACTIVE,
    AskedFor,
    Basis,
    CallEnd,
    Nominee,
    PlaceFact,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.model import Language, members
from shared.contracts.planner import Details, Meeting, SessionKind, SessionStanding, Terms
from shared.contracts.portal import NominationMode, Reply
from shared.contracts.selection import TownOutcome
from shared.web.answers import BOOKS, DECIDED, Books, Decided, Shape, exemplified


class StageOutcome(Shape):
    """What became of a town in one stage."""

    stage: int
    outcome: TownOutcome
    decided_on: dt.date


class Town(Shape):
    """A town with its history and its team."""

    model_config = exemplified(
        city_id="geonames:776597",
        name="Augustów",
        voivodeship="podlaskie",
        members=31,
        stages=[{"stage": 1, "outcome": "qualified", "decided_on": "2026-03-02"}],
    )

    city_id: str
    name: str
    voivodeship: str | None
    members: int = Field(description="Of its team today, each once.")
    stages: list[StageOutcome]


class Counted(Shape):
    """How many places stand so."""

    # Pydantic reads here which fields there are: a number for each standing of somebody in a session.
    __annotations__ = {standing.value: int for standing in ACTIVE}
    offered = Field(description="Places held for somebody until they answer.")


def counts(**numbers: int) -> dict[str, JsonValue]:
    """For examples: so many stand so, and nobody otherwise."""
    return {**{standing.value: 0 for standing in ACTIVE}, **numbers}


class Correction(Shape):
    """What the office says instead of the planner, and what the planner said then. Null: that is as the planner says."""

    capacity: int | None
    planned_capacity: int | None
    places_per_town: int | None
    planned_places_per_town: int | None
    decided_at: dt.datetime


class Session(Counted):
    """A dated training, and how many have a place or wait."""

    model_config = exemplified(
        session_id="session-0001",
        kind="supplementary",
        phase=1,
        topic="climate",
        topic_names={"pl": "Adaptacja do zmian klimatu", "en": "Climate adaptation"},
        city_id="geonames:776597",
        city_name="Augustów",
        venue="Urząd Miejski w Augustowie, sala 12",
        address="ul. Młyńska 35, Augustów",
        capacity=40,
        meetings=[
            {
                "meeting_id": "day-1",
                "starts_local": "2026-10-24T09:00:00",
                "ends_local": "2026-10-24T15:00:00",
                "zone": "Europe/Warsaw",
            }
        ],
        starts_at="2026-10-24T07:00:00Z",
        ends_at="2026-10-24T13:00:00Z",
        state="scheduled",
        terms={},
        details={"contact": "szkolenia@example.org"},
        **counts(enrolled=41, waitlisted=2),
        seats=38,
        places_per_town=None,
        taken=40,
        extra=1,
        free=0,
        over_capacity=2,
        came_last=["person-0031", "person-0017"],
        correction={
            "capacity": 38,
            "planned_capacity": 40,
            "places_per_town": None,
            "planned_places_per_town": None,
            "decided_at": "2026-10-01T08:15:00Z",
        },
        tag="3-1",
    )

    session_id: str
    kind: SessionKind
    phase: int
    topic: str
    topic_names: dict[Language, str] = Field(description="What people call it; empty: nobody has said.")
    city_id: str
    city_name: str | None = Field(description="As the town is called in its last stage.")
    venue: str
    address: str | None
    capacity: int
    meetings: tuple[Meeting, ...]
    starts_at: dt.datetime
    ends_at: dt.datetime
    state: SessionStanding
    terms: Terms = Field(description="Who gets a place, how and until when.")
    details: Details
    seats: int = Field(description="For how many it is: by the planner, or by the office instead.")
    places_per_town: int | None = Field(description="How many of one town may have a place, likewise.")
    taken: int = Field(description="Of the seats: who has one, and who is offered one.")
    extra: int = Field(description="Places that the office gave beside the rules: in no other figure but `enrolled`.")
    free: int = Field(ge=0, description="Seats that nobody has, and that nobody is offered: also once none is given.")
    over_capacity: int = Field(
        ge=0, description="How many more have a place than there are seats: until then none is given."
    )
    came_last: list[str] = Field(description="So many people, who came last of those with a place; the last first.")
    correction: Correction | None = Field(
        description="What the office has laid over the planner's word, while that holds."
    )
    tag: str = Field(description="For `If-Match`: the same while neither planner nor office says anything anew.")


class OnRoster(Shape):
    """One person's standing in a session."""

    model_config = exemplified(
        person_id="person-0001",
        given_name="Zofia",
        family_name="Zielińska",
        city_id="geonames:776597",
        state="waitlisted",
        stands="waitlisted",
        basis="request",
        reason=None,
        refusal=None,
        queue=3,
        priority=0,
        queued_at="2026-10-01T08:15:00Z",
        offered_until=None,
        reply="none",
        clashes_with=[],
        nomination_id=None,
        substitute_for=None,
        substituted_by=None,
        episode=1,
        decided_at="2026-10-01T08:15:00Z",
        event_id="0199aa00-0000-7000-8000-000000000009",
        tag="1",
    )

    person_id: str
    given_name: str | None = Field(description="Null: not known, or erased.")
    family_name: str | None
    city_id: str | None
    state: Standing | Literal[SessionStanding.CANCELLED, SessionStanding.DRAFT]
    stands: Standing = Field(
        description="While the session is cancelled, or a draft: how the place will stand if it is scheduled again."
    )
    basis: Basis | None
    reason: WithdrawalReason | None = Field(description="Why it was withdrawn.")
    refusal: RefusalReason | None = Field(description="Why the latest request about it was turned down.")
    queue: int | None = Field(description="The number of arrival.")
    priority: int = Field(description="Given by the office: the highest is next; then whoever is in line for longest.")
    queued_at: dt.datetime | None = Field(description="Since when the person is in line.")
    offered_until: dt.datetime | None = Field(description="Until when the place is held for them, if it is on offer.")
    reply: Reply
    clashes_with: list[str] = Field(
        description="The sessions at the same time in which they have a place: to be resolved, or why others are before them."
    )
    nomination_id: str | None = Field(description="Which nomination brought them in.")
    substitute_for: str | None = Field(description="Instead of whom they came.")
    substituted_by: str | None = Field(description="Who came instead of them.")
    episode: int
    decided_at: dt.datetime
    event_id: str
    tag: str = Field(description="For `If-Match`: the same while nothing is said anew of this place.")


class Known(Shape):
    """Somebody, as the directory has them."""

    person_id: str
    given_name: str
    family_name: str


class LikelyDouble(Shape):
    """People of one town's team who are called the same, however it is written: perhaps one human, entered twice."""

    model_config = exemplified(
        city_id="geonames:776597",
        people=[
            {"person_id": "person-0001", "given_name": "Żaneta", "family_name": "Wiśniewska"},
            {"person_id": "person-0007", "given_name": "Zaneta", "family_name": "Wisniewska"},
        ],
    )

    city_id: str
    people: list[Known]


class Place(Shape):
    """How a place stands now."""

    state: Standing
    reason: WithdrawalReason | None
    refusal: RefusalReason | None
    tag: str = Field(description="For `If-Match`: the same while nothing is said anew of it.")


class DecidedRequest(Decided):
    """What became of a request for a place, or of a withdrawal."""

    model_config = exemplified(
        **DECIDED,
        session_id="session-0001",
        person_id="person-0001",
        outcome="ParticipantEnrolled",
        place={"state": "enrolled", "reason": None, "refusal": None, "tag": "1"},
    )

    session_id: str
    person_id: str
    outcome: str = Field(
        json_schema_extra={"enum": [*(kind.__name__ for kind in members(PlaceFact)), "AlreadySo", "Held"]},
        description="The fact that answered it. `Held`: it waits for what it is about. `AlreadySo`: what the office wants is so already.",
    )
    place: Place | None = Field(description="How the place stands now, also if another request has changed it since.")


class DecidedCorrection(Decided):
    """What became of a correction of a session's room."""

    model_config = exemplified(**DECIDED, session_id="session-0001", outcome="TermsCorrected")

    session_id: str
    outcome: Literal["TermsCorrected", "AlreadySo", "Held"] = Field(
        description="The fact that answered it. `Held`: nobody has announced the session yet. `AlreadySo`: it is so already."
    )


class OfficeDecision(Shape):
    """Something that the office decided about a session, or about a place in it."""

    model_config = exemplified(
        event_id="0199aa00-0000-7000-8000-000000000009",
        decided_at="2026-10-01T08:15:00Z",
        decided_by="anna",
        note="speaks on the second day",
        asked_for="extra_place",
        person_id="person-0001",
        outcome="ParticipantEnrolled",
    )

    event_id: str
    decided_at: dt.datetime
    decided_by: str
    note: str
    asked_for: AskedFor
    person_id: str | None = Field(description="Null: it was about the session.")
    outcome: str = Field(description="The fact that says so.")


class TownCalled(Shape):
    """That a town is, or was, called to nominate."""

    city_id: str
    places: int = Field(description="How many of the town may have a place.")
    until: dt.datetime
    ended: CallEnd | None = Field(description="Why the call was taken back; null: it holds until its deadline.")
    decided_at: dt.datetime
    event_id: str


class AnsweredNomination(Shape):
    """What became of everybody in one nomination."""

    nomination_id: str
    city_id: str
    mode: NominationMode
    people: tuple[Nominee, ...]
    request_source: str
    request_id: str
    asked_at: dt.datetime
    decided_at: dt.datetime
    event_id: str


_NOMINEES: list[JsonValue] = [
    {"person_id": "person-0001", "standing": "enrolled", "reason": None, "other_session_id": None},
    {"person_id": "person-0002", "standing": "none", "reason": "not_of_town", "other_session_id": None},
]


class Nominations(Shape):
    """Who was called to nominate for a session, and what was answered."""

    model_config = exemplified(
        calls=[
            {
                "city_id": "geonames:776597",
                "places": 4,
                "until": "2026-10-09T22:00:00Z",
                "ended": None,
                "decided_at": "2026-09-01T06:00:00Z",
                "event_id": "0199aa00-0000-7000-8000-000000000008",
            }
        ],
        nominations=[
            {
                "nomination_id": "0b9d2f6c1e7a4853a9c0d1e2",
                "city_id": "geonames:776597",
                "mode": "as_many_as_fit",
                "people": _NOMINEES,
                "request_source": "rollcall/enrolment/portal",
                "request_id": "0199aa00-0000-7000-8000-000000000001",
                "asked_at": "2026-10-01T08:15:00Z",
                "decided_at": "2026-10-01T08:15:00Z",
                "event_id": "0199aa00-0000-7000-8000-000000000009",
            }
        ],
    )

    calls: list[TownCalled]
    nominations: list[AnsweredNomination]


class DecidedNomination(Decided):
    """What became of a nomination."""

    model_config = exemplified(
        **DECIDED,
        session_id="session-0001",
        city_id="geonames:776597",
        outcome="NominationAnswered",
        people=_NOMINEES,
    )

    session_id: str
    city_id: str
    outcome: Literal["NominationAnswered", "Held"] = Field(
        description="The fact that answered it. `Held`: somebody, the town or the session is not known yet."
    )
    people: tuple[Nominee, ...] | None = Field(
        description="What became of everybody when it was decided, in the order in which they were named; null while it is held."
    )


class DecidedSubstitution(Decided):
    """What became of a substitution."""

    model_config = exemplified(
        **DECIDED,
        session_id="session-0001",
        city_id="geonames:776597",
        outcome="EnrolmentWithdrawn",
        leaves={"state": "withdrawn", "reason": "substituted", "refusal": None, "tag": "4"},
        comes={"state": "enrolled", "reason": None, "refusal": None, "tag": "1"},
    )

    session_id: str
    city_id: str
    outcome: Literal["EnrolmentWithdrawn", "EnrolmentRefused", "Held"] = Field(
        description="The fact that answered it: `EnrolmentWithdrawn`, one has left and the other has the place; `EnrolmentRefused`, the"
        " `refusal` of one of them says why; `Held`, it waits for what it is about."
    )
    leaves: Place | None = Field(
        description="How the places stand now, also if another request has changed them since."
    )
    comes: Place | None


class Requests(Counted):
    """Requests for a place, by what became of them."""

    refused: int
    withdrawn: int
    held: int


class Places(Counted):
    """Places against seats, in sessions that take place."""

    sessions: int
    oversold_sessions: int
    waiting_ahead: int = Field(description="Who waits for a session that has not begun.")
    unsettled_sessions: int
    sessions_over_capacity: int = Field(
        description="Of those that have not begun: more have a place than there are seats."
    )
    two_places_at_once: int = Field(description="People who have two places at the same time of day, ahead.")


class EnrolmentBooks(Books):
    """The books of enrolment."""

    model_config = exemplified(
        **BOOKS,
        service="enrolment",
        requests={**counts(enrolled=180, waitlisted=6), "refused": 3, "withdrawn": 9, "held": 0},
        held_over_http=0,
        places={
            "sessions": 270,
            **counts(enrolled=4100, waitlisted=6),
            "oversold_sessions": 0,
            "waiting_ahead": 6,
            "unsettled_sessions": 0,
            "sessions_over_capacity": 1,
            "two_places_at_once": 0,
        },
        towns_qualified={"1": 54},
        people=1800,
        cancelled_sessions=4,
    )

    requests: Requests
    held_over_http: int
    places: Places
    towns_qualified: dict[str, int] = Field(description="By stage.")
    people: int
    cancelled_sessions: int
