"""Anything may happen to places, in any order, late, twice, with restarts between: what the office was promised holds all the same."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from services.enrolment.app import service_of
from services.enrolment.explaining import explained
from services.enrolment.explanation import Explanation
from services.enrolment.rules import EnrolmentRules
from services.enrolment.state import Place
from shared.books.recovery import RECONCILE
from shared.contracts.directory import (
    MemberKind,
    PersonErased,
    PersonMerged,
    PersonRegistered,
    TeamMemberJoined,
    TeamMemberLeft,
)
from shared.contracts.enrolment import Standing, WithdrawalReason
from shared.contracts.model import Event, Request
from shared.contracts.office import (
    CorrectionRequested,
    ExtraPlaceRequested,
    OfficeRequest,
    PriorityRequested,
    RemovalLiftRequested,
    RemovalRequested,
)
from shared.contracts.planner import (
    SessionCancelled,
    SessionCompleted,
    SessionDrafted,
    SessionRescheduled,
    SessionScheduled,
)
from shared.contracts.portal import (
    EnrolmentRequested,
    OfferAnswered,
    PeopleNominated,
    ReplyGiven,
    SubstitutionRequested,
    WithdrawalRequested,
)
from shared.contracts.rules import SourceTakenOver, StageOpened
from shared.contracts.selection import CityNotSelected, CityQualified, CityWithdrawn
from shared.events.envelope import Heard, subject_of
from shared.postgres.database import PROJECTION
from shared.state.merged import ids_of, survivor
from shared.state.rows import Row
from shared.state.working import Answer, Due, Held, Unchanged, Working
from shared.testing import NOON, body_of, heard
from tests.campaigns import SHARE, Share, cases
from tests.enrolment.explained import known_of
from tests.enrolment.office import CONSOLE
from tests.enrolment.witness import Before, Witness, wrong, wrong_step
from tests.mind import Mind, knowing_all

STEPS = 50
HISTORIES = cases(400)
"""So many steps each: 20,000 in `make test`."""

PEOPLE = [f"p{number}" for number in range(8)]
TOWNS = ["t1", "t2", "t3"]
SESSIONS = ["s0", "s1", "s2", "s3"]
KIND = {"s0": "supplementary", "s1": "supplementary", "s2": "in_depth", "s3": "in_depth"}
DATES = ["2026-11-10", "2026-11-20", "2026-12-01"]

people, towns, sessions = st.sampled_from(PEOPLE), st.sampled_from(TOWNS), st.sampled_from(SESSIONS)
some_sessions = st.sampled_from(["s2", "s3", "s2", "s3", "s0", "s1"])


def _optional(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.none(), values)


moments = st.integers(-24, 24 * 28).map(lambda hours: (NOON + dt.timedelta(hours=hours)).isoformat())
days = st.integers(0, 28).map(lambda number: str((NOON + dt.timedelta(days=number)).date()))
terms = st.fixed_dictionaries(
    {
        "date": st.sampled_from(DATES),
        "hour": st.sampled_from([9, 9, 13]),
        "capacity": st.integers(1, 4),
        "places_per_town": _optional(st.integers(1, 2)),
        "release_date": _optional(days),
        "by_oneself": st.sampled_from([True, True, True, False]),
        "opens_at": _optional(_optional(moments)),
        "closes_at": _optional(moments),
        "nominations_until": _optional(moments),
        "free_places": st.sampled_from(["at_once", "offered"]),
        "offer_hours": st.integers(1, 60),
        "after_offer": st.sampled_from(["leaves", "to_the_end"]),
        "freeze_hours": st.sampled_from([0, 0, 24, 72]),
        "minimum": _optional(st.integers(1, 3)),
        "decision_date": _optional(days),
        "admits": _optional(
            st.sampled_from(
                [
                    {"kinds": ["coordinator"]},
                    {"cities": ["t1", "t2"]},
                    {"phases": [1, 2]},
                    {"stages": [1], "kinds": ["project_staff"]},
                ]
            )
        ),
        "phase": st.sampled_from([1, 1, 1, 2]),
        "city_id": towns,
    }
)


class Places(RuleBasedStateMachine):
    """Enrolment in memory, the log it hears, and a witness of both."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)
        self.mind = Mind(service_of(EnrolmentRules(console=CONSOLE)), NOON)
        self.witness = Witness()
        self.now = NOON
        self.is_up = True
        self.unheard: dict[str, list[Heard[Any]]] = defaultdict(list)
        self.log: list[Heard[Any]] = []
        """All that was heard, in the order of hearing."""
        self.versions: dict[str, int] = {}
        self.stated: dict[str, dict[str, Any]] = {}
        self.sources: dict[str, str] = {}
        self.vain: set[str] = set()
        """What was set aside, for somebody to try again or not."""
        self.told_why: dict[tuple[str, str, dt.datetime], Explanation] = {}
        """To "why", by when it was asked."""

    # --- saying and hearing ---

    def say(self, body: Event, *, version: int | None = None) -> None:
        """Appends it to its stream; it is heard at once, unless enrolment is away."""
        self.now += dt.timedelta(seconds=1)
        number = next(self.numbers)
        if isinstance(body, Request):
            by, version = (CONSOLE if isinstance(body, OfficeRequest) else "urn:portal"), 1
        else:
            by = self.sources.get(type(body).stream, "urn:test")
            subject = subject_of(body)
            if version is None:
                version = self.versions[subject] = self.versions.get(subject, 0) + 2
        one = heard(body, at=self.now, event_id=f"e{number}", version=version, source=by, offset=number)
        if self.is_up:
            self.hear(one)
        else:
            self.unheard[one.stream].append(one)

    def hear(self, *inputs: Heard[Any]) -> None:
        before = Before.of(self.witness)
        self.mind.now = self.now
        for one in inputs:
            self.log.append(one)
            self.witness.hears(one)
        self.look(before, inputs, [one.body for one in self.mind.hear(*inputs)])

    def look(self, before: Before, inputs: Any, said: list[Any]) -> None:
        for one in self.mind.aside:
            self.witness.asked.pop(one.heard.event_id, None)
            self.vain.add(one.heard.event_id)
        self.mind.aside.clear()
        for fact in said:
            self.witness.told(fact)
        if len(inputs) == 1:
            found = list(wrong_step(self.witness, before, inputs[0], said, self.now))
            assert not found, "; ".join(found)

    def decide_due(self) -> None:
        """Decides what is due, each in a transaction of its own, as the moments are by then."""
        from shared.books.holding import HELD_TOO_LONG

        self.mind.now = self.now
        while True:
            held = {one.about[0]: one.expires_at for one in self.mind[Held] if one.expires_at <= self.now}
            too_long = [Due(HELD_TOO_LONG, subject, at) for subject, at in held.items()]
            due = sorted(
                [*too_long, *(one for one in self.mind[Due] if one.at <= self.now)],
                key=lambda one: (one.at, one.kind, one.subject),
            )
            if not due:
                return
            before = Before.of(self.witness)
            self.look(before, [due[0]], [one.body for one in self.mind.hear(due[0])])

    @initialize(how=terms, is_up=st.sampled_from([True, True, True, False]))
    def begins(self, how: dict[str, Any], is_up: bool) -> None:
        """`is_up`: else all of it is heard later, many events in one transaction."""
        self.is_up = is_up
        for stage in (1, 2):
            self.say(StageOpened(rule_id=f"stage:{stage}", stage=stage, phase=stage, opened_on=dt.date(2026, 1, 1)))
        for town in TOWNS[:2]:
            self._town(town, 1, CityQualified)
        for number, person in enumerate(PEOPLE[:6]):
            self._member(person, TOWNS[number % 2], "project_staff" if number % 3 else "coordinator")
        plain = {"hour": 9, "capacity": 2, "phase": 1, "city_id": "t1"}
        self._session("s0", SessionScheduled, plain | {"date": DATES[1]})
        self._session("s2", SessionScheduled, plain | {"date": DATES[2]})
        offers = {"free_places": "offered", "places_per_town": 1}
        self._session("s1", SessionScheduled, how)
        varies = ("by_oneself", "closes_at", "nominations_until", "freeze_hours", "release_date", "after_offer")
        varied = {name: how[name] for name in varies}
        self._session("s3", SessionScheduled, plain | offers | varied | {"date": DATES[2], "hour": 13, "capacity": 3})

    def _town(self, city_id: str, stage: int, model: type[Event], version: int | None = None, **more: Any) -> None:
        self.say(body_of(model, city_id=city_id, stage=stage, name=city_id, **more), version=version)

    def _member(self, person_id: str, city_id: str, kind: str, until: str | None = None) -> None:
        fields = {
            "person_id": person_id,
            "city_id": city_id,
            "from_date": dt.date(2026, 1, 1),
            "kind": MemberKind(kind),
        }
        if until:
            self.say(TeamMemberLeft(**fields, until_date=dt.date.fromisoformat(until)))
        else:
            self.say(TeamMemberJoined(**fields))

    def _session(self, session_id: str, model: type[Event], how: dict[str, Any]) -> None:
        fields = dict(how)
        date, hour = fields.pop("date"), fields.pop("hour")
        meeting = {
            "meeting_id": "day-1",
            "starts_local": f"{date}T{hour:02}:00:00",
            "ends_local": f"{date}T{hour + 5:02}:00:00",
        }
        if model is not SessionCancelled:
            self.stated[session_id] = how
        self.say(body_of(model, session_id=session_id, kind=KIND[session_id], meetings=[meeting], **fields))

    # --- the planner ---

    @rule(session=sessions, how=terms)
    def scheduled(self, session: str, how: dict[str, Any]) -> None:
        self._session(session, SessionScheduled, how)

    @rule(session=sessions, how=terms, fields=st.sets(st.sampled_from(["capacity", "date", "hour", "places_per_town", "city_id", "admits", "freeze_hours", "opens_at", "release_date"]), min_size=1, max_size=2))  # fmt: skip
    def changed(self, session: str, how: dict[str, Any], fields: set[str]) -> None:
        old = self.stated.get(session)
        if old is not None:
            self._session(session, SessionRescheduled, {**old, **{name: how[name] for name in sorted(fields)}})

    @rule(
        session=sessions, model=st.sampled_from([SessionCancelled, SessionDrafted, SessionCompleted, SessionScheduled])
    )
    def becomes(self, session: str, model: type[Event]) -> None:
        old = self.stated.get(session)
        if old is not None:
            self._session(session, model, old)

    # --- towns and people ---

    @rule(city=towns, stage=st.sampled_from([1, 1, 1, 2]), model=st.sampled_from([CityQualified, CityQualified, CityWithdrawn, CityNotSelected]))  # fmt: skip
    def town(self, city: str, stage: int, model: type[Event]) -> None:
        more = {"outcome": "reserve"} if model is CityNotSelected else {}
        self._town(city, stage, model, **more)

    @rule(city=towns, model=st.sampled_from([CityQualified, CityWithdrawn]))
    def stale_word_of_a_town(self, city: str, model: type[Event]) -> None:
        version = self.versions.get(f"city/{city}/stage/1", 0)
        if version and "programme.cities" not in self.sources:
            self._town(city, 1, model, version=version - 1)

    @rule(stage=st.sampled_from([1, 2]), phase=st.sampled_from([1, 2]))
    def stage(self, stage: int, phase: int) -> None:
        self.say(StageOpened(rule_id=f"stage:{stage}", stage=stage, phase=phase, opened_on=dt.date(2026, 1, 1)))

    @rule(person=people, city=towns, kind=st.sampled_from(["project_staff", "coordinator"]))
    def joins(self, person: str, city: str, kind: str) -> None:
        self._member(person, city, kind)

    @rule(person=people, city=towns, until=st.sampled_from(["2026-11-05", "2026-11-15", "2026-11-25"]))
    def leaves(self, person: str, city: str, until: str) -> None:
        self._member(person, city, "project_staff", until)

    @rule(person=people, really=st.sampled_from([False, False, False, True]))
    def erased(self, person: str, really: bool) -> None:
        self.say(PersonErased(person_id=person) if really else body_of(PersonRegistered, person_id=person))

    @rule(person=people, into=people)
    def merged(self, person: str, into: str) -> None:
        if person != into:
            self.say(PersonMerged(person_id=person, into_person_id=into))

    @precondition(lambda self: self.is_up)
    @rule(stream=st.sampled_from(["programme.cities", "programme.teams", "programme.sessions"]))
    def taken_over(self, stream: str) -> None:
        former = self.sources.get(stream, "urn:test")
        new = f"{former}:n"
        if len(new) > len("urn:test") + 4:
            return
        body = SourceTakenOver(rule_id=f"t:{stream}:{len(new)}", in_stream=stream, from_source=former, to_source=new)
        self.say(body)
        self.sources[stream] = new

    # --- what is asked ---

    @rule(session=some_sessions, person=people)
    def asks(self, session: str, person: str) -> None:
        self.say(EnrolmentRequested(session_id=session, person_id=person))

    @rule(session=some_sessions, who=st.permutations(PEOPLE[:6]))
    def crowd_asks(self, session: str, who: list[str]) -> None:
        for person in who:
            self.say(EnrolmentRequested(session_id=session, person_id=person))

    @rule(session=some_sessions, person=people, nth=st.integers(0, 5))
    def withdraws(self, session: str, person: str, nth: int) -> None:
        seated = sorted(one for one, stand in self.witness.places[session].items() if stand.seated)
        if nth < len(seated):
            person = seated[nth]
        self.say(WithdrawalRequested(session_id=session, person_id=person))

    @rule(session=some_sessions, person=people, answer=st.sampled_from(["accept", "decline"]))
    def answers(self, session: str, person: str, answer: str) -> None:
        offered = [
            (place.session_id, place.person_id)
            for places in ([*self.witness.places.values()],)
            for of in places
            for place in (stand.fact for stand in of.values() if stand.kind == "PlaceOffered")
        ]
        session, person = sorted(offered)[0] if offered else (session, person)
        self.say(OfferAnswered(session_id=session, person_id=person, answer=answer))

    @rule(session=some_sessions, person=people, reply=st.sampled_from(["confirmed", "declined", "none"]))
    def replies(self, session: str, person: str, reply: str) -> None:
        self.say(ReplyGiven(session_id=session, person_id=person, reply=reply))

    @rule(session=st.sampled_from(["s2", "s3"]), city=towns, who=st.lists(people, min_size=1, max_size=3, unique=True), mode=st.sampled_from(["all_or_none", "as_many_as_fit"]))  # fmt: skip
    def nominates(self, session: str, city: str, who: list[str], mode: str) -> None:
        self.say(PeopleNominated(session_id=session, city_id=city, people=tuple(who), mode=mode))

    @rule(session=some_sessions, city=towns, leaves=people, comes=people)
    def substitutes(self, session: str, city: str, leaves: str, comes: str) -> None:
        if leaves != comes:
            self.say(SubstitutionRequested(session_id=session, city_id=city, leaves=leaves, comes=comes))

    # --- the office ---

    @rule(session=some_sessions, person=people, what=st.sampled_from(["extra", "removal", "lift", "priority", "priority"]), priority=st.integers(0, 3))  # fmt: skip
    def office(self, session: str, person: str, what: str, priority: int) -> None:
        about: dict[str, Any] = {"session_id": session, "person_id": person, "note": "because"}
        bodies = {
            "extra": ExtraPlaceRequested,
            "removal": RemovalRequested,
            "lift": RemovalLiftRequested,
        }
        if what == "priority":
            self.say(PriorityRequested(**about, priority=priority))
        else:
            self.say(bodies[what](**about))

    @rule(session=some_sessions, capacity=_optional(st.integers(1, 5)), share=_optional(st.integers(1, 3)))
    def corrects(self, session: str, capacity: int | None, share: int | None) -> None:
        self.say(CorrectionRequested(session_id=session, note="because", capacity=capacity, places_per_town=share))

    # --- time, and what machines do ---

    @rule(hours=st.sampled_from([1, 12, 30, 100, 200]))
    def time_passes(self, hours: int) -> None:
        self.now += dt.timedelta(hours=hours)
        if self.is_up:
            self.decide_due()

    @precondition(lambda self: self.is_up)
    @rule()
    def goes_away(self) -> None:
        self.is_up = False

    @precondition(lambda self: not self.is_up)
    @rule(seed=st.integers(0, 2**16), most=st.sampled_from([1, 1, 3, 40]))
    def comes_back(self, seed: int, most: int) -> None:
        self.is_up = True
        chance = random.Random(seed)
        while waiting := [stream for stream, queue in sorted(self.unheard.items()) if queue]:
            batch = []
            for _ in range(chance.randint(1, most)):
                stream = chance.choice(waiting)
                if self.unheard[stream]:
                    batch.append(self.unheard[stream].pop(0))
            if batch:
                self.hear(*batch)
        self.decide_due()

    @precondition(lambda self: self.is_up and self.log)
    @rule(which=st.integers(0, 10**6))
    def heard_twice(self, which: int) -> None:
        one = self.log[which % len(self.log)]
        if one.event_id in self.vain:
            return
        self.mind.now = self.now
        said = [said.body for said in self.mind.hear(one)]
        assert said == [], f"{one.body!r} came again: {said!r}"

    @precondition(lambda self: self.is_up)
    @rule(seed=st.integers(0, 2**16))
    def restarts(self, seed: int) -> None:
        """On a projection that was made anew of what was said, in any order of the streams."""
        made = self.rebuilt(random.Random(seed))
        kinds = [*self.projected, Answer, Due]
        for kind in kinds:
            live = {self.mind[kind].key(row): row for row in self.mind[kind]}
            anew = {made[kind].key(row): row for row in made[kind]}
            assert anew == live, kind.__name__
        for kind in self.projected:
            self.mind._tables[kind] = made[kind]

    @property
    def projected(self) -> list[type[Row]]:
        """The tables that a rebuild makes anew; the others are kept."""
        return [kind for kind, table in self.mind.service.tables.items() if table.schema == PROJECTION]

    def rebuilt(self, chance: random.Random) -> Working:
        streams: dict[str, list[Any]] = defaultdict(list)
        for one in self.log:
            if not isinstance(one.body, Request):
                streams[one.stream].append(one)
        streams["enrolment.events"] = list(self.mind.said)
        working = knowing_all(self.mind.service, self.mind.service.working(self.now))
        for one in streams.pop("programme.rules", []):
            working.apply(one)
        while left := [stream for stream in sorted(streams) if streams[stream]]:
            stream = chance.choice(left)
            for _ in range(chance.randint(1, 20)):
                if streams[stream]:
                    working.apply(streams[stream].pop(0))
        return working

    @precondition(lambda self: self.is_up)
    @rule(session=sessions, person=people)
    def asks_why(self, session: str, person: str) -> None:
        """What is answered at a moment is answered about it for ever."""
        known = known_of(self.mind, person, session)
        answer = explained(known, self.now)
        assert answer.verdict.standing in self.standings(session, person)
        self.told_why[session, person, self.now] = answer

    def standings(self, session: str, person: str) -> set[Standing]:
        """As the human of this id stands: under it; if nothing is there, under another one that stays with what was said of it."""
        working = self.mind.working()
        ids = ids_of(working, person) if survivor(working, person) == person else [person]
        places = [place for one in ids if (place := self.mind[Place].get(session, one)) is not None]
        found = [one for one in places if one.person_id == person or one.reason != WithdrawalReason.MERGED]
        own = [one for one in found if one.person_id == person]
        own = own if any(one.is_active for one in own) else [one for one in found if one.is_active] or own or found
        return {one.state for one in own} or {Standing.NONE}

    @precondition(lambda self: self.is_up)
    @rule(session=sessions)
    def reconciles(self, session: str) -> None:
        if session in self.witness.sessions:
            self.decide_due()
            before = {kind: list(self.mind[kind]) for kind in self.mind.service.tables}
            self.mind.now = self.now
            said = self.mind.hear(Due(RECONCILE, f"session/{session}", self.now))
            assert [one.body for one in said] == [], "all is known, and something was not decided"
            assert before == {kind: list(self.mind[kind]) for kind in self.mind.service.tables}

    def check(self) -> None:
        found = list(wrong(self.witness, self.now))
        assert not found, "; ".join(found)
        known = {row.request_id for kind in (Answer, Unchanged, Held) for row in self.mind[kind]}
        assert self.witness.asked.keys() - known == set(), "forgotten"

    def teardown(self) -> None:
        for (session, person, at), answer in self.told_why.items():
            assert explained(known_of(self.mind, person, session), at) == answer, f"{person} in {session} at {at}"


def _checked(machine: type[Places]) -> None:
    from hypothesis.stateful import invariant

    def what_holds(self: Places) -> None:
        if self.is_up:
            self.check()

    machine.what_holds = invariant()(what_holds)  # type: ignore[attr-defined]


_checked(Places)

TestPlaces = Places.TestCase
TestPlaces.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=SHARE is not Share.WHOLE,
    database=None,
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.filterwarnings("default")
