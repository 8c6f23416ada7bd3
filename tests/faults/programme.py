"""A piece of enrolment's work: a town with a team and trainings, and which facts must come of it, in order."""

from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import dataclass, field
from typing import Any

from shared.contracts.directory import MemberKind, PersonRegistered, TeamMemberJoined
from shared.contracts.planner import SessionKind, SessionScheduled
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.contracts.selection import CityQualified
from shared.contracts.survey import TrainingNeedDeclared
from shared.testing import Message, body_of, message

PHASE = 77
ENROLLED, WITHDRAWN, REFUSED = "ParticipantEnrolled", "EnrolmentWithdrawn", "EnrolmentRefused"
SETTLED = "PlacesSettled"

_numbers = itertools.count(1)


@dataclass
class Work:
    """A town with a team, a training for it and one for several towns; and which facts must come of it, in order."""

    scenario: str
    number: int = field(default_factory=lambda: next(_numbers))
    said: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    """By (session, person)."""
    name: str = CityQualified.example["name"]  # type: ignore[assignment]
    """The town's in the end."""

    def __post_init__(self) -> None:
        one, two, three = self.people
        self.said = {
            (self.team_session, one): [ENROLLED, WITHDRAWN],
            (self.team_session, two): [ENROLLED],
            (self.team_session, three): [ENROLLED],
            (self.open_session, two): [ENROLLED],
        }

    def id(self, kind: str) -> str:
        return f"{kind}-{self.number}"

    @property
    def town(self) -> str:
        return self.id("town")

    @property
    def people(self) -> tuple[str, str, str]:
        return self.id("one"), self.id("two"), self.id("three")

    @property
    def team_session(self) -> str:
        return self.id("team")

    @property
    def open_session(self) -> str:
        return self.id("open")

    @property
    def sessions(self) -> list[str]:
        return sorted({session for session, _ in self.said})

    def training(self, session_id: str, kind: SessionKind, *, days_ahead: int = 30) -> Message:
        date = (dt.datetime.now(dt.UTC) + dt.timedelta(days=days_ahead)).date()
        meeting = {"meeting_id": "day-1", "starts_local": f"{date}T09:00:00", "ends_local": f"{date}T15:00:00"}
        fields = {"kind": kind, "phase": PHASE, "capacity": 10, "meetings": [meeting]}
        return message(body_of(SessionScheduled, session_id=session_id, city_id=self.town, **fields))

    def member(self, person: str) -> Message:
        joined = dt.date(2026, 1, 1)
        body = TeamMemberJoined(person_id=person, city_id=self.town, from_date=joined, kind=MemberKind.COORDINATOR)
        return message(body)

    def city(self, city_id: str | None = None, *, source: str | None = None, **changes: Any) -> Message:
        body = body_of(CityQualified, city_id=city_id or self.town, stage=PHASE, **changes)
        return message(body, source=source) if source else message(body)

    def programme(self) -> list[Message]:
        """Everything that the facts in `said` follow from, on seven streams without an order among them."""
        one, two, _ = self.people
        identities = [PersonRegistered(person_id=person, given_name="A", family_name="B") for person in self.people]
        return [
            *map(message, identities),
            message(body_of(TrainingNeedDeclared, need_id=self.id("need"), city_id=self.town)),
            message(EnrolmentRequested(session_id=self.open_session, person_id=two)),
            message(WithdrawalRequested(session_id=self.team_session, person_id=one)),
            self.city(),
            *map(self.member, self.people),
            self.training(self.team_session, SessionKind.SUPPLEMENTARY),
            self.training(self.open_session, SessionKind.IN_DEPTH, days_ahead=31),  # Nobody has two places at once.
        ]
