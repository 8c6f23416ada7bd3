"""Enrolment's mind without a database, for tests of its rules: it hears events and remembers what it said."""

from __future__ import annotations

import datetime as dt
from typing import Any

from services.enrolment.app import service_of
from services.enrolment.rules import EnrolmentRules
from services.enrolment.state import Place
from shared.books.recovery import RECONCILE
from shared.contracts import Event, Request
from shared.contracts.directory import (
    MemberKind,
    PersonErased,
    PersonMerged,
    PersonRegistered,
    TeamMemberJoined,
    TeamMemberLeft,
)
from shared.contracts.enrolment import NominationAnswered, PlacesSettled, PlaceState, Standing
from shared.contracts.office import (
    CorrectionRequested,
    ExtraPlaceRequested,
    OfficeRequest,
    PriorityRequested,
    RemovalLiftRequested,
    RemovalRequested,
)
from shared.contracts.planner import SessionKind, SessionScheduled
from shared.contracts.portal import (
    EnrolmentRequested,
    NominationMode,
    OfferAnswer,
    OfferAnswered,
    PeopleNominated,
    Reply,
    ReplyGiven,
    SubstitutionRequested,
    WithdrawalRequested,
)
from shared.contracts.rules import SourceTakenOver, StageOpened
from shared.contracts.selection import CityQualified
from shared.events.envelope import subject_of
from shared.state.working import Due
from shared.testing import NOON, body_of, heard
from tests.mind import Mind

TOWN = "geonames:776597"
OTHER = "geonames:3103709"
DAY = dt.timedelta(days=1)
LATER = "2026-12-01"


START = dt.datetime(2026, 12, 1, 8, 0, tzinfo=dt.UTC)
"""When a session LATER begins: 9:00 in Warsaw, in winter."""


PLANNER = "urn:test"
"""Who states what everybody else does, unless it says otherwise."""
CONSOLE = "urn:console"
"""Who speaks for the programme office on Kafka."""


class Office:
    """Enrolment at one moment after the other: `at` is when an event came, `now` when it is heard."""

    def __init__(self, rules: EnrolmentRules = EnrolmentRules(console=CONSOLE)) -> None:  # A value.
        self.mind = Mind(service_of(rules), NOON)
        self.versions: dict[str, int] = {}

    def hear(
        self,
        body: Event,
        *,
        at: dt.datetime = NOON,
        event_id: str | None = None,
        now: dt.datetime | None = None,
        source: str | None = None,
    ) -> list[str]:
        """Returns the names of the facts about places that were said because of it."""
        self.mind.now = now or self.mind.now
        if isinstance(body, Request):
            by = CONSOLE if isinstance(body, OfficeRequest) else "urn:portal"
            one = heard(body, at=at, event_id=event_id, source=source or by)
        else:
            version = self.versions[subject_of(body)] = self.versions.get(subject_of(body), 0) + 1
            one = heard(body, at=at, version=version, source=source or PLANNER, event_id=event_id)
        return [type(said.body).__name__ for said in self.mind.hear(one) if isinstance(said.body, PlaceState)]

    def reconcile(self, session_id: str = "s", *, now: dt.datetime | None = None) -> list[str]:
        """Looks at the session with all that is known, as after a restore."""
        return self.is_due(RECONCILE, session_id, now=now)

    def is_due(
        self, kind: str, session_id: str = "s", *, at: dt.datetime | None = None, now: dt.datetime | None = None
    ) -> list[str]:
        """A moment of the session has come."""
        self.mind.now = now or self.mind.now
        moment = Due(kind, f"session/{session_id}", at or self.mind.now)
        return [type(said.body).__name__ for said in self.mind.hear(moment)]

    @property
    def settled(self) -> list[PlacesSettled]:
        """All that was said of sessions whose places are settled."""
        return [said.body for said in self.mind.said if isinstance(said.body, PlacesSettled)]

    def phase(self, *, stage: int = 1, phase: int | None = None, rule: str = "") -> list[str]:
        rule_id, opened_on = rule or f"stage:{stage}", dt.date(2026, 1, 1)
        return self.hear(StageOpened(rule_id=rule_id, stage=stage, phase=phase or stage, opened_on=opened_on))

    def taken_over(self, source: str, before: str = PLANNER, *, at: dt.datetime = NOON) -> list[str]:
        """Another one speaks for the sessions from now on."""
        names = {"in_stream": SessionScheduled.stream, "from_source": before, "to_source": source}
        return self.hear(SourceTakenOver(rule_id=f"after:{before}", **names), at=at)

    def town(
        self,
        city_id: str = TOWN,
        model: type[Event] = CityQualified,
        *,
        at: dt.datetime = NOON,
        now: dt.datetime | None = None,
        **changes: Any,
    ) -> list[str]:
        return self.hear(body_of(model, city_id=city_id, **{"stage": 1, **changes}), at=at, now=now)

    def member(self, person_id: str, city_id: str = TOWN, *, since: str = "2026-01-01", **how: Any) -> list[str]:
        return self.hear(membership(person_id, city_id, since=since), **how)

    def leaves(
        self, person_id: str, city_id: str = TOWN, *, until: str = "2026-11-15", since: str = "2026-01-01", **how: Any
    ) -> list[str]:
        return self.hear(membership(person_id, city_id, until=until, since=since), **how)

    def registered(self, person_id: str) -> list[str]:
        return self.hear(body_of(PersonRegistered, person_id=person_id))

    def erased(self, person_id: str, **how: Any) -> list[str]:
        return self.hear(PersonErased(person_id=person_id), **how)

    def merged(self, person_id: str, into: str, **how: Any) -> list[str]:
        """The two are one human."""
        return self.hear(PersonMerged(person_id=person_id, into_person_id=into), **how)

    def session(
        self,
        session_id: str = "s",
        *,
        at: dt.datetime = NOON,
        now: dt.datetime | None = None,
        source: str | None = None,
        **changes: Any,
    ) -> list[str]:
        return self.hear(session(session_id, **changes), at=at, now=now, source=source)

    def ask(self, person_id: str, session_id: str = "s", **how: Any) -> list[str]:
        return self.hear(EnrolmentRequested(session_id=session_id, person_id=person_id), **how)

    def answer(self, person_id: str, answer: str, session_id: str = "s", **how: Any) -> list[str]:
        """To an offer."""
        body = OfferAnswered(session_id=session_id, person_id=person_id, answer=OfferAnswer(answer))
        return self.hear(body, **how)

    def reply(self, person_id: str, reply: str, session_id: str = "s", **how: Any) -> list[str]:
        """To a place."""
        return self.hear(ReplyGiven(session_id=session_id, person_id=person_id, reply=Reply(reply)), **how)

    def nominate(
        self,
        *people: str,
        session_id: str = "s",
        city_id: str = TOWN,
        mode: str = "as_many_as_fit",
        at: dt.datetime = NOON,
        now: dt.datetime | None = None,
        event_id: str | None = None,
    ) -> dict[str, str]:
        """Returns what became of everybody: how they stand, or why they were refused. Empty: it waits."""
        before = len(self.mind.said)
        how = NominationMode(mode)
        body = PeopleNominated(session_id=session_id, city_id=city_id, people=people, mode=how)
        self.hear(body, at=at, now=now, event_id=event_id)
        answers = [said.body for said in self.mind.said[before:] if isinstance(said.body, NominationAnswered)]
        return became(answers[0]) if answers else {}

    def substitute(
        self, leaves: str, comes: str, *, session_id: str = "s", city_id: str = TOWN, **how: Any
    ) -> list[str]:
        """A town sends somebody else instead."""
        body = SubstitutionRequested(session_id=session_id, city_id=city_id, leaves=leaves, comes=comes)
        return self.hear(body, **how)

    @property
    def nominations(self) -> list[dict[str, str]]:
        """What was answered to each nomination, in the order in which they were answered."""
        return [became(said.body) for said in self.mind.said if isinstance(said.body, NominationAnswered)]

    def pass_to(self, moment: dt.datetime) -> None:
        """Decides all that is due by then."""
        self.mind.pass_to(moment)

    def withdraw(self, person_id: str, session_id: str = "s", **how: Any) -> list[str]:
        return self.hear(WithdrawalRequested(session_id=session_id, person_id=person_id), **how)

    def gives_extra(self, person_id: str, session_id: str = "s", *, seen: str | None = None, **how: Any) -> list[str]:
        """The programme office gives a place beside the rules."""
        body = ExtraPlaceRequested(session_id=session_id, person_id=person_id, note="speaks", seen=seen)
        return self.hear(body, **how)

    def prefers(self, person_id: str, priority: int, session_id: str = "s", **how: Any) -> list[str]:
        body = PriorityRequested(session_id=session_id, person_id=person_id, note="travels", priority=priority)
        return self.hear(body, **how)

    def removes(self, person_id: str, session_id: str = "s", *, seen: str | None = None, **how: Any) -> list[str]:
        return self.hear(RemovalRequested(session_id=session_id, person_id=person_id, note="absent", seen=seen), **how)

    def lifts(self, person_id: str, session_id: str = "s", **how: Any) -> list[str]:
        return self.hear(RemovalLiftRequested(session_id=session_id, person_id=person_id, note="mistaken"), **how)

    def corrects(
        self,
        session_id: str = "s",
        *,
        capacity: int | None = None,
        places_per_town: int | None = None,
        seen: str | None = None,
        **how: Any,
    ) -> list[str]:
        room = {"capacity": capacity, "places_per_town": places_per_town}
        return self.hear(CorrectionRequested(session_id=session_id, note="counted anew", seen=seen, **room), **how)

    def place(self, person_id: str, session_id: str = "s") -> Place:
        place = self.mind[Place].get(session_id, person_id)
        assert place is not None
        return place

    def with_standing(self, standing: Standing, session_id: str = "s") -> list[str]:
        places = self.mind[Place].where("session_id", session_id)
        return [place.person_id for place in sorted(places, key=lambda one: one.in_line) if place.state == standing]


def became(answer: NominationAnswered) -> dict[str, str]:
    return {one.person_id: str(one.reason or one.standing) for one in answer.people}


def membership(
    person_id: str, city_id: str = TOWN, until: str | None = None, *, since: str = "2026-01-01", **changes: Any
) -> Event:
    fields = {
        "person_id": person_id,
        "city_id": city_id,
        "from_date": dt.date.fromisoformat(since),
        "kind": MemberKind.PROJECT_STAFF,
        **changes,
    }
    return TeamMemberLeft(**fields, until_date=dt.date.fromisoformat(until)) if until else TeamMemberJoined(**fields)


def session(
    session_id: str = "s", *, model: type[Event] = SessionScheduled, date: str = LATER, **changes: Any
) -> Event:
    meeting = {"meeting_id": "day-1", "starts_local": f"{date}T09:00:00", "ends_local": f"{date}T15:00:00"}
    fields = {
        "session_id": session_id,
        "kind": SessionKind.IN_DEPTH,
        "capacity": 2,
        "city_id": TOWN,
        "meetings": [meeting],
    }
    return body_of(model, **{**fields, **changes})
