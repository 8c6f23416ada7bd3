"""Codes, marks, closings, openings, corrections, moves and cancellations in any order, late and twice, with restarts between: the history
explains what is so, certificates say what was earned, and what a report of a moment counts is what it counted then.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.attendance.app import service_of
from services.attendance.lists import CloseList, ListRules
from services.attendance.state import MeetingList, Record
from shared.books.recovery import RECONCILE
from shared.contracts.checkin import CheckedIn, CheckInScanned
from shared.contracts.enrolment import EnrolmentWithdrawn, ParticipantEnrolled, WithdrawalReason
from shared.contracts.marks import Mark, MarkRequested, RecordCorrectionRequested, ReopeningRequested
from shared.contracts.model import Event, Request
from shared.contracts.planner import SessionCancelled, SessionRescheduled, SessionScheduled
from shared.events.envelope import Heard
from shared.postgres.database import PROJECTION
from shared.state.rows import Row
from shared.state.working import Answer, Due, Held, Unchanged, Working
from tests.attendance.building import DAY, ENROLMENT, RULES, heard, over_http
from tests.attendance.witness import Witness, stands, stood, wrong, wrong_step
from tests.campaigns import SHARE, Share, cases
from tests.mind import Mind, knowing_all

STEPS = 40
HISTORIES = cases(300)
"""So many steps each: 12,000 in `make test`."""

CONSOLE = "urn:example:console"
PEOPLE = ["anna", "ewa", "jan", "ola", "walk-in", "teresa"]
SESSIONS = {"s1": ("day-1", "day-2"), "s2": ("day-1",)}
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
people = st.sampled_from(PEOPLE)
sessions = st.sampled_from(["s1", "s2", "s2"])
meetings = st.sampled_from(["day-1", "day-1", "day-2"])
states = st.sampled_from(list(Mark))
seen = st.sampled_from([None, None, "0", "1", "2", "3"])


class Lists(RuleBasedStateMachine):
    """Attendance in memory, the log it hears, and a witness of both."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = itertools.count(1)
        rules = ListRules(RULES.close_after, RULES.live_since, console=CONSOLE)
        self.now = DAY - 24 * HOUR
        self.mind = Mind(service_of(rules), self.now)
        self.witness = Witness()
        self.is_up = True
        self.unheard: dict[str, list[Heard[Any]]] = defaultdict(list)
        self.log: list[Heard[Any]] = []
        self.planned: dict[str, tuple[int, int]] = {}
        """Of each session by how many days it was moved, and until which hour it lasts."""
        self.reported: list[tuple[dt.datetime, dict[Any, Any]]] = []

    # --- hearing ---

    def tick(self) -> None:
        self.now += MINUTE

    def say(self, body: Event, *, source: str = "urn:example:outside", id: str = "", at_once: bool = True) -> None:
        """Somebody else says it on a stream; it is heard at once, or when the service comes back. `at_once`: so is decided what is due."""
        self.tick()
        one = heard(body, at=self.now, source=source, id=id)
        if self.is_up:
            self.hear(one)
            if at_once:
                self.decide_due()  # What is due already, such as a list that was opened long after its meeting.
        else:
            self.unheard[one.stream].append(one)

    def ask(self, body: Event, by: str) -> None:
        """Over HTTP, so only while somebody answers."""
        if self.is_up:
            self.tick()
            self.hear(over_http(body, at=self.now, by=by))

    def hear(self, one: Heard[Any]) -> None:
        self.log.append(one)
        self.witness.hears(one)
        self.step(one)

    def step(self, one: Heard[Any] | Due) -> list[Any]:
        records = {(row.session_id, row.meeting_id, row.person_id): row for row in self.mind[Record]}
        closed = {(row.session_id, row.meeting_id) for row in self.mind[MeetingList] if not row.is_open}
        self.mind.now = self.now
        said = [each.body for each in self.mind.hear(one)]
        found = list(
            wrong_step(self.witness, self.mind, one if isinstance(one, Heard) else None, said, records, closed)
        )
        assert not found, "; ".join(found)
        return said

    def decide_due(self) -> None:
        self.mind.now = self.now
        before = len(self.mind.said)
        self.mind.pass_to(self.now)
        said = [one.body for one in self.mind.said[before:]]
        found = list(wrong_step(self.witness, self.mind, None, said, {}, set()))
        assert not found, "; ".join(found)

    # --- the planner, and enrolment ---

    def _session(
        self,
        model: type[Event],
        session: str,
        *,
        dropped: bool = False,
        threshold: int | None = None,
        at_once: bool = True,
    ) -> None:
        moved, until = self.planned.setdefault(session, (0, 15))
        days = [
            {
                "meeting_id": name,
                "starts_local": (DAY + dt.timedelta(days=moved + number)).replace(tzinfo=None, hour=9),
                "ends_local": (DAY + dt.timedelta(days=moved + number)).replace(tzinfo=None, hour=until),
            }
            for number, name in enumerate(SESSIONS[session])
        ]
        about = {
            "session_id": session,
            "kind": "in_depth",
            "phase": 1,
            "topic": "climate",
            "city_id": "t",
            "venue": "v",
        }
        more = {"capacity": 40, "trainers": ("teresa",), "certificate_minutes": threshold}
        meetings = tuple(days[1:] if dropped and len(days) > 1 else days)
        self.say(model(**about, **more, meetings=meetings), at_once=at_once)

    @initialize()
    def begins(self) -> None:
        for session in SESSIONS:
            self._session(SessionScheduled, session)
        for session, person in itertools.product(SESSIONS, ("anna", "ewa", "jan")):
            self._place(ParticipantEnrolled, session, person)
        self._place(ParticipantEnrolled, "s1", "teresa")  # Who trains it, too.
        self.now = DAY + 8 * HOUR

    @rule(session=sessions, days=st.integers(-1, 2), until=st.sampled_from([11, 15, 15, 18]), threshold=st.sampled_from([None, None, 60, 300]))  # fmt: skip
    def moved(self, session: str, days: int, until: int, threshold: int | None) -> None:
        self.planned[session] = (days, until)
        self._session(SessionRescheduled, session, threshold=threshold)

    @precondition(lambda self: self.is_up)
    @rule(session=sessions, moves=st.lists(st.tuples(st.integers(-1, 2), st.sampled_from([11, 15, 18])), min_size=2, max_size=3), seed=st.integers(0, 2**16))  # fmt: skip
    def moved_more_than_once(self, session: str, moves: list[tuple[int, int]], seed: int) -> None:
        """Back to back: what is due by the first is decided after the last, and meanwhile what is known is compared."""
        for move in moves:
            self.planned[session] = move
            self._session(SessionRescheduled, session, at_once=False)
        self._compares(random.Random(seed))
        self.decide_due()

    @rule(session=sessions, model=st.sampled_from([SessionCancelled, SessionRescheduled, SessionRescheduled]), dropped=st.booleans())  # fmt: skip
    def becomes(self, session: str, model: type[Event], dropped: bool) -> None:
        self._session(model, session, dropped=dropped)

    def _place(self, model: type[Event], session: str, person: str) -> None:
        about = {"session_id": session, "person_id": person, "city_id": f"town-of-{person}", "episode": 1}
        more = {"reason": WithdrawalReason.REQUESTED} if model is EnrolmentWithdrawn else {}
        self.say(model(**about, **more, decided_at=self.now + MINUTE), source=ENROLMENT)

    @rule(session=sessions, person=st.sampled_from(PEOPLE[:4]), model=st.sampled_from([ParticipantEnrolled, EnrolmentWithdrawn]))  # fmt: skip
    def place(self, session: str, person: str, model: type[Event]) -> None:
        self._place(model, session, person)

    # --- codes, marks and lists ---

    @rule(session=sessions, meeting=meetings, person=people, ago=st.sampled_from([0, 0, 5, 60, 300, -3]), method=st.sampled_from(CheckedIn))  # fmt: skip
    def code_is_read(self, session: str, meeting: str, person: str, ago: int, method: CheckedIn) -> None:
        made = self.now + MINUTE - ago * MINUTE
        self.say(
            CheckInScanned(session_id=session, meeting_id=meeting, person_id=person, scanned_at=made, method=method)
        )

    @rule(session=sessions, meeting=meetings, who=st.lists(people, min_size=2, max_size=4, unique=True))
    def several_codes(self, session: str, meeting: str, who: list[str]) -> None:
        for person in who:
            self.say(CheckInScanned(session_id=session, meeting_id=meeting, person_id=person, scanned_at=self.now))

    @rule(session=sessions, meeting=meetings, person=people, state=states, was_seen=seen, minutes=st.sampled_from([None, None, 90]), online=st.booleans())  # fmt: skip
    def marked(
        self,
        session: str,
        meeting: str,
        person: str,
        state: Mark,
        was_seen: str | None,
        minutes: int | None,
        online: bool,
    ) -> None:
        about = {"session_id": session, "meeting_id": meeting, "person_id": person, "state": state, "seen": was_seen}
        body = MarkRequested(**about, minutes=minutes if state in ("late", "left_early") else None)
        if online:
            self.ask(body, "trainer:teresa")
        else:
            self.say(body, source=CONSOLE)

    @rule(session=sessions, meeting=meetings, person=people, state=states, was_seen=seen, minutes=st.sampled_from([None, 90]))  # fmt: skip
    def corrected(
        self, session: str, meeting: str, person: str, state: Mark, was_seen: str | None, minutes: int | None
    ) -> None:
        about = {"session_id": session, "meeting_id": meeting, "person_id": person, "state": state, "seen": was_seen}
        more = {"minutes": minutes if state in ("late", "left_early") else None, "note": "signed on paper"}
        self.say(RecordCorrectionRequested(**about, **more), source=CONSOLE)

    @rule(session=sessions, meeting=meetings, person=st.sampled_from(PEOPLE[:4]))
    def walk_in_is_known(self, session: str, meeting: str, person: str) -> None:
        about = {"session_id": session, "meeting_id": meeting, "person_id": person, "walk_in": "walk-in"}
        self.ask(RecordCorrectionRequested(**about, note="it was them"), "office")

    @rule(session=sessions, meeting=meetings, person=people, state=st.sampled_from([Mark.ABSENT, Mark.EXCUSED]), ago=st.sampled_from([5, 60, -3]))  # fmt: skip
    def marked_and_then_a_code(self, session: str, meeting: str, person: str, state: Mark, ago: int) -> None:
        """One that was read before the mark, and comes after it; or one that says that the person came after all."""
        about = {"session_id": session, "meeting_id": meeting, "person_id": person}
        self.ask(MarkRequested(**about, state=state), "trainer:teresa")
        self.say(CheckInScanned(**about, scanned_at=self.now + MINUTE - ago * MINUTE))

    @rule(session=sessions, meeting=meetings)
    def closed(self, session: str, meeting: str) -> None:
        self.ask(CloseList(session_id=session, meeting_id=meeting), "trainer:teresa")

    @rule(session=sessions, meeting=meetings)
    def opened_again(self, session: str, meeting: str) -> None:
        self.say(ReopeningRequested(session_id=session, meeting_id=meeting, note="too soon"), source=CONSOLE)

    @precondition(lambda self: self.is_up)
    @rule(session=sessions)
    def whole_day_is_kept(self, session: str) -> None:
        """Somebody comes in the morning to every meeting, and the lists close: the way to a certificate."""
        for meeting in SESSIONS[session]:
            for person in ("anna", "ewa"):
                self.ask(MarkRequested(session_id=session, meeting_id=meeting, person_id=person, state=Mark.PRESENT), "trainer:teresa")  # fmt: skip
        self.now = max(self.now, DAY + dt.timedelta(days=5))
        self.decide_due()

    # --- time, and what machines do ---

    @rule(hours=st.sampled_from([1, 3, 8, 30]))
    def time_passes(self, hours: int) -> None:
        self.now += hours * HOUR
        if self.is_up:
            self.decide_due()

    @precondition(lambda self: self.is_up)
    @rule()
    def goes_away(self) -> None:
        self.is_up = False

    @precondition(lambda self: not self.is_up)
    @rule(seed=st.integers(0, 2**16))
    def comes_back(self, seed: int) -> None:
        self.is_up = True
        self.tick()
        chance = random.Random(seed)
        while waiting := [stream for stream, queue in sorted(self.unheard.items()) if queue]:
            self.hear(self.unheard[chance.choice(waiting)].pop(0))
        self.decide_due()

    @precondition(lambda self: self.is_up and self.log)
    @rule(which=st.integers(0, 10**6))
    def heard_twice(self, which: int) -> None:
        one = self.log[which % len(self.log)]
        if one.event_id not in {each.heard.event_id for each in self.mind.aside}:
            assert self.step(one) == [], f"{one.body!r} came again"

    @precondition(lambda self: self.is_up)
    @rule(seed=st.integers(0, 2**16))
    def restarts(self, seed: int) -> None:
        """On a projection that was made anew of what was said, in any order of the streams."""
        made = self._compares(random.Random(seed))
        for kind in self.projected:
            self.mind._tables[kind] = made[kind]

    def _compares(self, chance: random.Random) -> Working:
        made = self.rebuilt(chance)
        for kind in [*self.projected, Answer, Due]:
            live = {self.mind[kind].key(row): row for row in self.mind[kind]}
            assert {made[kind].key(row): row for row in made[kind]} == live, kind.__name__
        return made

    @property
    def projected(self) -> list[type[Row]]:
        return [kind for kind, table in self.mind.service.tables.items() if table.schema == PROJECTION]

    def rebuilt(self, chance: random.Random) -> Working:
        streams: dict[str, list[Any]] = defaultdict(list)
        for one in self.log:
            if not isinstance(one.body, Request):
                streams[one.stream].append(one)
        streams["attendance.events"] = list(self.mind.said)
        working = knowing_all(self.mind.service, self.mind.service.working(self.now))
        while left := [stream for stream in sorted(streams) if streams[stream]]:
            working.apply(streams[chance.choice(left)].pop(0))
        return working

    @precondition(lambda self: self.is_up)
    @rule(session=sessions)
    def reconciles(self, session: str) -> None:
        assert self.step(Due(RECONCILE, f"session/{session}", self.now)) == [], (
            "all is known, and something was not decided"
        )

    @precondition(lambda self: self.is_up)
    @rule()
    def is_reported(self) -> None:
        self.tick()
        self.reported.append((self.now, stands(self.mind)))
        self.tick()

    @invariant()
    def what_holds(self) -> None:
        if self.is_up:
            found = list(wrong(self.witness, self.mind))
            assert not found, "; ".join(found)
            known = {row.request_id for kind in (Answer, Unchanged, Held) for row in self.mind[kind]}
            known |= {one.heard.event_id for one in self.mind.aside}
            assert self.witness.requests.keys() - known == set(), "forgotten"

    def teardown(self) -> None:
        for moment, then in self.reported:
            assert stood(self.mind, moment) == then, moment


TestLists = Lists.TestCase
TestLists.settings = settings(
    max_examples=HISTORIES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=SHARE is not Share.WHOLE,
    database=None,
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.filterwarnings("default")
