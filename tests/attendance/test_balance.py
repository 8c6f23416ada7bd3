"""Whatever is scanned, marked, closed, opened, corrected, moved and cancelled, in any order and twice: the history explains every value, and
every closed list adds up."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.attendance.certificates import Certificate, Series
from services.attendance.certifying import all_closed, earned_in
from services.attendance.history import PlaceSaid, places_at, words_of
from services.attendance.lists import awaited_at
from services.attendance.state import MeetingList, Record, RecordSaid, Session
from shared.contracts.attendance import AttendanceState, Presence
from shared.events.envelope import Heard
from shared.state.rows import fields_of
from tests.attendance.building import (
    BEFORE,
    CLOSES,
    ENDS,
    RULES,
    SESSION,
    STARTS,
    Desk,
    cancelled,
    close,
    correction,
    day,
    enrolled,
    mark,
    reopening,
    rescheduled,
    scan,
    scheduled,
    withdrawn,
)
from tests.campaigns import cases

PEOPLE = ("anna", "ewa", "jan", "walk-in")
STATES = ("present", "late", "left_early", "excused", "absent", "not_recorded")
MINUTE, HOUR, DAY_LONG = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)

people = st.sampled_from(PEOPLE)
seen = st.sampled_from([None, None, "0", "1", "2", "3"])
steps = st.one_of(
    st.tuples(st.just("scan"), people, st.integers(-60, 420)),
    st.tuples(st.just("mark"), people, st.sampled_from(STATES), seen),
    st.tuples(st.just("correct"), people, st.sampled_from(STATES), seen),
    st.tuples(st.just("link"), people),
    st.tuples(st.just("close")),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("move"), st.integers(-1, 3)),
    st.tuples(st.just("lengthen"), st.integers(11, 20)),
    st.tuples(st.just("cancel")),
    st.tuples(st.just("drop")),
    st.tuples(st.just("enrol"), people),
    st.tuples(st.just("withdraw"), people),
    st.tuples(st.just("pass"), st.integers(1, 30)),
    st.tuples(st.just("again"), st.integers(0, 40)),
)


class Course:
    """One session, hour by hour."""

    def __init__(self) -> None:
        self.desk = Desk()
        self.now = BEFORE
        self.heard: list[Heard[Any]] = []
        self.moved, self.until = 0, 15
        self.hear(scheduled())
        for person in ("anna", "ewa"):
            self.hear(enrolled(person))
        self.now = STARTS

    def hear(self, one: Heard[Any]) -> None:
        self.heard.append(one)
        self.desk.hear(one)

    def _meeting(self) -> dict[str, Any]:
        return day(days_later=self.moved, until=self.until)

    def take(self, step: tuple[Any, ...]) -> None:
        self.now = (
            max(self.now, self.desk.mind.now) + MINUTE
        )  # A code may have been heard when it was made: no clock goes back.
        match step:
            case ("scan", person, minutes):
                made = STARTS + self.moved * DAY_LONG + minutes * MINUTE
                self.hear(scan(person, at=max(self.now, made), made=made))
            case ("mark", person, state, version):
                self.hear(mark(person, state, at=self.now, seen=version, minutes=90 if "l" in state[:1] else None))
            case ("correct", person, state, version):
                self.hear(
                    correction(person, state, at=self.now, seen=version, minutes=90 if "l" in state[:1] else None)
                )
            case ("link", person) if person != "walk-in":
                self.hear(correction(person, at=self.now, walk_in="walk-in"))
            case ("close",):
                self.hear(close(at=self.now))
            case ("reopen",):
                self.hear(reopening(at=self.now))
            case ("move", days):
                self.moved = days
                self.hear(rescheduled(self._meeting(), at=self.now))
            case ("lengthen", until):
                self.until = until
                self.hear(rescheduled(self._meeting(), at=self.now))
            case ("cancel",):
                self.hear(cancelled(self._meeting(), at=self.now))
            case ("drop",):
                self.hear(rescheduled(day("day-2"), at=self.now))
            case ("enrol", person) if person != "walk-in":
                self.hear(enrolled(person, at=self.now))
            case ("withdraw", person) if person != "walk-in":
                self.hear(withdrawn(person, at=self.now))
            case ("pass", hours):
                self.now += hours * HOUR
                self.desk.pass_to(self.now)
            case ("again", number) if number < len(self.heard):
                self.desk.hear(self.heard[number])


def explained(desk: Desk) -> None:
    """The newest of what was said is what is so, and each was said after the one before."""
    for record in desk.mind[Record]:
        key = (record.session_id, record.meeting_id, record.person_id)
        kept = [one for one in desk.mind[RecordSaid] if (one.session_id, one.meeting_id, one.person_id) == key]
        said = words_of(record, kept)
        assert len(said) == len(kept) + 1
        assert [one.version for one in said] == list(range(1, record.version + 1))
        assert [getattr(said[-1], name) for name in fields_of(Record)] == [
            getattr(record, name) for name in fields_of(Record)
        ]
        for one in said:
            assert one.decided_by is None or one.request_id is not None


def corrections_say_what_was(desk: Desk) -> None:
    before: dict[str, Any] = {}
    for one in desk.mind.said:
        body: Any = one.body
        if not isinstance(body, AttendanceState):
            continue
        if hasattr(body, "was"):
            assert (body.was.state if body.was else None) == before.get(body.person_id)
            assert body.note
        state = desk.mind.service.make[type(body)](one).state  # type: ignore[attr-defined]
        before[body.person_id] = state


def adds_up(desk: Desk) -> None:
    """present + absent + not_recorded = enrolled, told apart by state too."""
    working = desk.mind.working()
    for closed in desk.mind[MeetingList]:
        if closed.is_open:
            continue
        stood = places_at(working, SESSION, awaited_at(closed), RULES)
        awaited = {person for person, place in stood.items() if place.state.has_seat}
        assert closed.present + closed.absent + closed.not_recorded == len(awaited)
        records = {one.person_id: one for one in desk.mind[Record] if one.meeting_id == closed.meeting_id}
        states = Counter(
            records[person].state if person in records else Presence.NOT_AWAITED for person in sorted(awaited)
        )
        assert states[Presence.PRESENT] == closed.present - closed.late - closed.left_early
        assert (states[Presence.LATE], states[Presence.LEFT_EARLY]) == (closed.late, closed.left_early)
        assert (states[Presence.EXCUSED], states[Presence.ABSENT]) == (closed.excused, closed.absent - closed.excused)
        assert states[Presence.NOT_AWAITED] == closed.not_recorded
        assert closed.recorded or states[Presence.ABSENT] == 0
        strangers = [one for person, one in records.items() if person not in awaited and one.state.is_told]
        assert all(one.state.came for one in strangers)
        assert len(strangers) == closed.without_place + closed.guests
        session = desk.mind[Session].get(SESSION)
        meeting = session.meeting(closed.meeting_id) if session else None
        whole = (meeting.ends_at - meeting.starts_at) // MINUTE if meeting else 24 * 60
        assert all(0 <= (one.minutes or 0) <= whole for one in records.values())


def certified(desk: Desk) -> None:
    """Numbers without gap or double; once every list is closed, everybody who was there for long enough has one certificate that is
    valid and says so, and nobody who was not."""
    certificates = list(desk.mind[Certificate])
    assert sorted(one.serial for one in certificates) == list(range(1, len(certificates) + 1))
    for one in certificates:
        assert one.superseded_by is None or desk.mind[Certificate].get(one.superseded_by).supersedes == one.number  # type: ignore[union-attr]
    working, session = desk.mind.working(), desk.mind[Session].get(SESSION)
    if session is None or not session.state.takes_place or not all_closed(working, SESSION):
        return
    required = RULES.certificates.required(session)
    earned = earned_in(working, session)
    valid = [one for one in certificates if one.is_valid]
    assert len({one.person_id for one in valid}) == len(valid)
    for one in valid:
        assert one.minutes == earned[one.person_id].minutes >= min(required, one.required_minutes)
    enough = {person for person, one in earned.items() if one.minutes >= required}
    assert enough <= {one.person_id for one in valid}


def rebuilt(course: Course) -> None:
    """Everything heard and said, told again to somebody who decides nothing, comes to the same rows."""
    again = Desk()
    others = [one for one in course.heard if type(one.body) in again.mind.service.make]
    for one in others:
        again.hear(one, quiet=True)
    for one in course.desk.own_facts():
        again.hear(one, quiet=True)
    for kind in (Record, RecordSaid, MeetingList, PlaceSaid, Certificate, Series):
        assert sorted(again.mind[kind], key=repr) == sorted(course.desk.mind[kind], key=repr)  # type: ignore[type-var]


@settings(max_examples=cases(300), deadline=None)
@given(st.lists(steps, min_size=1, max_size=25))
def test_whatever_happens_the_history_explains_it_and_the_books_add_up(taken: list[tuple[Any, ...]]) -> None:
    course = Course()
    for step in taken:
        course.take(step)
        adds_up(course.desk)
        certified(course.desk)
    course.now = max(course.now, CLOSES, ENDS) + 10 * DAY_LONG
    course.desk.pass_to(course.now)
    adds_up(course.desk)
    explained(course.desk)
    corrections_say_what_was(course.desk)
    rebuilt(course)
