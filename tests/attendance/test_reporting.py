"""Reports count what an oracle counts that goes through the rows one by one; as of a moment they say what was said at it; and every figure
is as many as it shows. On a real database."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine

from services.attendance import reporting
from services.attendance.counting import CALENDAR, Asked, By, Figure
from services.attendance.history import PlaceSaid
from services.attendance.reporting import Report
from services.attendance.state import (
    MeetingList,
    Person,
    Place,
    Record,
    RecordSaid,
    Session,
    SessionSaid,
    Town,
    TownSaid,
)
from services.attendance.store import TABLES
from services.attendance.targets import Target
from shared.contracts.attendance import Role
from shared.contracts.directory import PersonMerged, PersonRegistered
from shared.contracts.model import Language
from shared.contracts.selection import CityQualified, CityWithdrawn
from shared.state.rows import mapping
from tests.attendance.building import (
    BEFORE,
    DAY,
    DURING,
    ENROLMENT,
    LATER,
    OURS,
    SESSION,
    STARTS,
    Desk,
    archived_present,
    cancelled,
    close,
    correction,
    day,
    enrolled,
    heard,
    mark,
    reopening,
    rescheduled,
    scan,
    scheduled,
    withdrawn,
)
from tests.attendance.test_balance import MINUTE, Course, steps
from tests.campaigns import cases
from tests.databases import Databases

KINDS = (MeetingList, Person, Place, PlaceSaid, Record, RecordSaid, Session, SessionSaid, Town, TownSaid)
EVERYTHING = Asked()
COMPARED = (By.TOWN, By.STAGE, By.PHASE, By.PERSON)


class Books:
    """A desk's rows in a database, as often as they are written there."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    async def hold(self, desk: Desk) -> None:
        async with self.engine.begin() as connection:
            for kind in KINDS:
                await connection.execute(sa.delete(TABLES[kind]))
                rows = [dict(mapping(row)) for row in desk.mind[kind]]  # type: ignore[type-var]
                if rows:
                    await connection.execute(sa.insert(TABLES[kind]), rows)

    async def report(self, by: By = By.TOWN, asked: Asked = EVERYTHING) -> Report:
        async with self.engine.connect() as connection:
            return await reporting.report(connection, by, asked)

    async def lines(self, figure: Figure, asked: Asked = EVERYTHING, *, limit: int = 1000) -> list[Any]:
        """All of them, page by page."""
        of = reporting.people_of if figure.is_of_people else reporting.lines_of
        found: list[Any] = []
        while True:
            async with self.engine.connect() as connection:
                after = "" if not found else getattr(found[-1], "cursor", None) or found[-1].person_id
                page = await of(connection, figure, asked, after=after, limit=limit)
            found += page
            if len(page) < limit:
                return found

    async def trainers(self, asked: Asked = EVERYTHING, now: dt.datetime = LATER) -> list[reporting.Trainer]:
        async with self.engine.connect() as connection:
            return await reporting.trainers(connection, asked, now)

    async def progress(self, *targets: Target, asked: Asked = EVERYTHING) -> list[reporting.Period]:
        async with self.engine.connect() as connection:
            return await reporting.progress(connection, targets, asked)


@pytest.fixture
def books(databases: Databases, url: str) -> Books:
    return Books(databases.engine(url))


# --- the oracle ----------------------------------------------------------------------------------


def is_of_another_day(desk: Desk, record: Record) -> bool:
    """Whether the meeting was moved to another day since, and its list is open."""
    session, found = desk.mind[Session].get(record.session_id), desk.mind[MeetingList].get(*Record.key_of(record)[:2])
    meeting = session.meeting(record.meeting_id) if session else None
    when = record.scanned_at if record.state.came else record.meeting_starts_at
    if meeting is None or when is None or (found is not None and not found.is_open):
        return False
    if found is not None and found.decided_by and found.awaited_at and meeting.starts_at <= found.awaited_at:
        return False  # It is open to be put right: what it says stands.
    half_a_day, said_at = dt.timedelta(hours=12), record.scanned_at
    was_ahead = not record.state.came and said_at is not None and said_at < meeting.starts_at
    return when < meeting.starts_at - half_a_day or (was_ahead and when > meeting.ends_at + half_a_day)


def was_dropped(desk: Desk, record: Record) -> bool:
    """Whether we have recorded it at a meeting that its session has no more, and whose list never closed."""
    session, found = desk.mind[Session].get(record.session_id), desk.mind[MeetingList].get(*Record.key_of(record)[:2])
    has_none = session is not None and session.meeting(record.meeting_id) is None
    return has_none and record.source == OURS and (found is None or (found.is_open and found.decided_by is None))


def naive(desk: Desk, by: By) -> dict[str | None, dict[str, int]]:
    """The same counted without SQL, one row after the other."""
    survivor = {one.person_id: one.merged_into for one in desk.mind[Person] if one.merged_into}

    def human(person_id: str) -> str:
        while survivor.get(person_id):
            person_id = survivor[person_id] or person_id
        return person_id

    best: dict[tuple[str, str, str], Record] = {}
    for record in desk.mind[Record]:
        if record.role is not Role.PARTICIPANT or not record.state.is_told or is_of_another_day(desk, record):
            continue
        if was_dropped(desk, record):
            continue
        key = (record.session_id, record.meeting_id, human(record.person_id))
        rank = (not record.state.came, record.minutes is None, -(record.minutes or 0), record.person_id)
        old = best.get(key)
        if old is None or rank < (not old.state.came, old.minutes is None, -(old.minutes or 0), old.person_id):
            best[key] = record
    groups: dict[str | None, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    people: dict[str | None, set[str]] = defaultdict(set)

    def keys(session_id: str, city_id: str | None, who: str) -> list[str | None]:
        session = desk.mind[Session].get(session_id)
        stages = [
            str(town.stage) for town in desk.mind[Town] if town.city_id == city_id and town.outcome == "qualified"
        ]
        of_session = {By.PHASE: "phase", By.KIND: "kind", By.TOPIC: "topic"}
        if by is By.TOWN:
            return [city_id]
        if by is By.STAGE:
            return [*stages] or [None]
        if by in of_session:
            return [str(getattr(session, of_session[by])) if session else None]
        return [session_id if by is By.SESSION else who]

    for (session_id, _, who), record in best.items():
        for key in keys(session_id, record.city_id, who):
            if record.state.came:
                people[key].add(who)
                groups[key]["present"] += 1
                groups[key]["minutes"] += record.minutes or 0
                groups[key]["without_place"] += not record.with_place
            groups[key]["absent"] += record.state in ("absent", "excused")
            groups[key]["people"] = len(people[key])
            for state in ("late", "left_early", "excused"):
                groups[key][state] += record.state == state
    counted = set()
    for place in sorted(desk.mind[Place], key=lambda one: (human(one.person_id) != one.person_id, one.person_id)):
        session = desk.mind[Session].get(place.session_id)
        who = human(place.person_id)
        if (
            not place.state.has_seat
            or (session and not session.state.takes_place)
            or (place.session_id, who) in counted
        ):
            continue
        counted.add((place.session_id, who))
        for key in keys(place.session_id, place.city_id, who):
            groups[key]["enrolled"] += 1
    return {key: {name: value for name, value in group.items() if value} for key, group in groups.items()}


def told(report: Report) -> dict[str | None, dict[str, int]]:
    """The groups of a report in the oracle's shape."""
    shown = {}
    for row in report.rows:
        counts = {figure.value: count for figure, count in row.counts.items() if count} | {"minutes": row.minutes}
        shown[row.key] = {name: value for name, value in counts.items() if value}
    return shown


class Observed(Course):
    """A course of which reports are made in between; what is said later was heard later."""

    def take(self, step: tuple[Any, ...]) -> None:
        self.now = max(self.now, self.desk.mind.now)
        match step:
            case ("merge", one, into) if one != into:
                self.now += MINUTE
                self.hear(heard(PersonMerged(person_id=one, into_person_id=into), at=self.now))
            case ("qualify", town, stage):
                self.now += MINUTE
                self.hear(heard(CityQualified(**_town(town, stage)), at=self.now))
            case ("leave", town, stage):
                self.now += MINUTE
                self.hear(heard(CityWithdrawn(**_town(town, stage)), at=self.now))
            case _:
                super().take(step)


def _town(town: str, stage: int) -> dict[str, Any]:
    return {"city_id": town, "stage": stage, "name": town.title(), "decided_on": dt.date(2026, 3, 2)}


towns = st.sampled_from(("town-of-anna", "town-of-ewa"))
observed = st.one_of(
    steps,
    st.tuples(st.just("merge"), st.just("jan"), st.sampled_from(("ewa", "anna"))),
    st.tuples(st.just("merge"), st.just("walk-in"), st.sampled_from(("ewa", "jan"))),
    st.tuples(st.sampled_from(("qualify", "leave")), towns, st.integers(1, 2)),
)


@pytest.mark.long
@settings(
    max_examples=cases(30),
    deadline=None,
    phases=(
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ),  # Each try is a database: to find a smaller one takes minutes.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(taken=st.lists(observed, min_size=2, max_size=10), every=st.integers(4, 6))
async def test_as_of_a_moment_a_report_says_what_was_reported_then_and_both_are_what_the_oracle_counts(
    databases: Databases, taken: list[tuple[Any, ...]], every: int
) -> None:
    async with databases.while_needed("attendance") as url:
        books, course = Books(databases.engine(url)), Observed()
        made: list[tuple[dt.datetime, dict[By, Report]]] = []
        merged: set[str] = set()
        for number, step in enumerate(taken):
            if step[0] == "merge" and step[1] in merged:
                continue  # Of a second merge of the same id the first is not known any more: see `humans`.
            merged |= {step[1]} if step[0] == "merge" else set()
            course.take(step)
            if number % every == 0 or number == len(taken) - 1:
                await books.hold(course.desk)
                reports = {by: await books.report(by) for by in COMPARED}
                assert {by: told(one) for by, one in reports.items()} == {by: naive(course.desk, by) for by in COMPARED}
                made.append((course.desk.mind.now, reports))
        for moment, reports in made:
            asked = Asked(as_of=moment)
            assert {by: await books.report(by, asked) for by in COMPARED} == reports
        await _opens_whom_it_counts(books, Asked(as_of=made[len(made) // 2][0]), By.STAGE)


async def _opens_whom_it_counts(books: Books, asked: Asked, *bys: By) -> None:
    """Each figure of each group is as many as are listed for it."""
    for by in bys or By:
        report = await books.report(by, asked)
        for row, narrowed in [(report.total, asked), *((row, within(asked, by, row.key)) for row in report.rows)]:
            for figure, count in row.counts.items():
                assert len(await books.lines(figure, narrowed, limit=2)) == count, (by, row.key, figure)
            assert sum(one.minutes or 0 for one in await books.lines(Figure.PRESENT, narrowed)) == row.minutes


def within(asked: Asked, by: By, key: str | None) -> Asked:
    return reporting.within(asked, by, key)


# --- rule by rule --------------------------------------------------------------------------------


def a_day() -> Desk:
    """Anna in time, Ewa late, Jan not, and a walk-in; the list is closed."""
    desk = Desk()
    for one in ("anna", "ewa", "jan"):
        desk.hear(heard(PersonRegistered(person_id=one, given_name=one.title(), family_name="Żółć"), at=BEFORE))
    desk.hear(scheduled(trainers=("trainer",)), *(enrolled(one) for one in ("anna", "ewa", "jan")))
    desk.hear(scan("anna"), scan("ewa", at=STARTS + 60 * MINUTE), mark("walk-in"))
    desk.hear(close(at=LATER))
    return desk


async def test_a_report_counts_places_presence_and_minutes_by_town(books: Books) -> None:
    await books.hold(a_day())
    report = await books.report()
    assert told(report) == naive(a_day(), By.TOWN)
    total = report.total
    shown = {figure.value: count for figure, count in total.counts.items()}
    assert shown == {
        "enrolled": 3,
        "present": 3,
        "late": 1,
        "left_early": 0,
        "absent": 1,
        "excused": 0,
        "without_place": 1,
        "people": 3,
    }
    assert (total.minutes, total.rate) == (360 + 300 + 360, 66.7)


@pytest.mark.long  # Every figure by everything.
async def test_every_figure_opens_exactly_whom_it_counts(books: Books) -> None:
    await books.hold(a_day())
    await _opens_whom_it_counts(books, EVERYTHING)
    assert [one.person_id for one in await books.lines(Figure.ABSENT)] == ["jan"]


@pytest.mark.long  # Every figure by everything.
async def test_somebody_under_two_ids_counts_once_and_was_there_once(books: Books) -> None:
    desk = a_day()
    desk.hear(heard(PersonMerged(person_id="ewa", into_person_id="anna"), at=LATER + MINUTE))
    await books.hold(desk)
    total = (await books.report()).total
    assert (total.counts[Figure.PEOPLE], total.counts[Figure.PRESENT], total.counts[Figure.ENROLLED]) == (2, 2, 2)
    assert total.minutes == 720
    before = (await books.report(asked=Asked(as_of=LATER))).total
    assert (before.counts[Figure.PEOPLE], before.minutes) == (3, 1020)
    await _opens_whom_it_counts(books, EVERYTHING)
    assert len(await books.lines(Figure.PRESENT, Asked(person_id="ewa"))) == 1


async def test_as_of_before_a_merge_whoever_went_is_called_as_who_they_turned_out_to_be(books: Books) -> None:
    """As on lists: names are today's, and today that is what they are called."""
    desk = a_day()
    desk.hear(heard(PersonMerged(person_id="ewa", into_person_id="anna"), at=LATER + MINUTE))
    await books.hold(desk)
    asked = Asked(as_of=LATER)
    (late,) = await books.lines(Figure.LATE, asked)
    people = {one.person_id: (one.given_name, one.family_name) for one in await books.lines(Figure.PEOPLE, asked)}
    async with books.engine.connect() as connection:
        called = await reporting.names_of(connection, By.PERSON, ["anna", "ewa"], Language.PL)

    assert (late.human, late.given_name) == ("ewa", "Anna")
    assert people["ewa"] == people["anna"] == ("Anna", "Żółć")
    assert {key: one.name for key, one in called.items()} == dict.fromkeys(("anna", "ewa"), "Anna Żółć")


async def test_a_correction_counts_from_when_it_was_heard(books: Books) -> None:
    desk = a_day()
    desk.hear(correction("jan", at=LATER + 60 * MINUTE))
    await books.hold(desk)
    for moment, present in ((LATER + 59 * MINUTE, 3), (LATER + 60 * MINUTE, 4), (None, 4)):
        assert (await books.report(asked=Asked(as_of=moment))).total.counts[Figure.PRESENT] == present


async def test_before_anything_was_heard_there_is_nothing(books: Books) -> None:
    await books.hold(a_day())
    report = await books.report(asked=Asked(as_of=BEFORE - MINUTE))
    assert (report.rows, set(report.total.counts.values()), report.total.rate) == ((), {0}, None)


async def test_of_a_session_that_is_called_off_nobody_has_a_place_and_as_of_the_day_before_they_had(
    books: Books,
) -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), cancelled(at=DURING), rescheduled(at=LATER))
    await books.hold(desk)
    for at, places in ((BEFORE, 1), (DURING, 0), (LATER, 1)):
        assert (await books.report(asked=Asked(as_of=at))).total.counts[Figure.ENROLLED] == places, at
    # By what the session was then, and not as one that nobody has announced.
    (row,) = (await books.report(By.TOPIC, asked=Asked(as_of=BEFORE))).rows
    assert (row.key, row.counts[Figure.ENROLLED]) == ("climate", 1)


async def test_a_town_that_left_a_stage_stands_in_it_as_of_the_day_before(books: Books) -> None:
    desk = a_day()
    desk.hear(heard(CityQualified(**_town("town-of-anna", 1)), at=BEFORE, version=1))
    desk.hear(heard(CityWithdrawn(**_town("town-of-anna", 1)), at=LATER, version=2))
    await books.hold(desk)
    stages = {
        at: {row.key for row in (await books.report(By.STAGE, asked=Asked(as_of=at))).rows} for at in (DURING, LATER)
    }
    assert "1" in stages[DURING] and "1" not in stages[LATER]


async def test_a_place_given_back_later_counts_as_of_the_day_before(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), withdrawn("anna", at=DURING))
    await books.hold(desk)
    assert (await books.report()).total.counts[Figure.ENROLLED] == 0
    assert (await books.report(asked=Asked(as_of=BEFORE))).total.counts[Figure.ENROLLED] == 1


async def test_trainers_and_observers_are_in_no_figure(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), mark("trainer", role="trainer"))
    guests = [one for one in desk.mind[Record] if one.role is not Role.PARTICIPANT]
    await books.hold(desk)
    assert guests
    assert told(await books.report(By.PERSON)).keys() == {"anna"}


async def test_a_town_that_qualified_twice_stands_in_both_stages_and_once_in_the_whole(books: Books) -> None:
    desk = a_day()
    for stage in (1, 2):
        desk.hear(heard(CityQualified(**_town("town-of-anna", stage)), at=BEFORE))
    await books.hold(desk)
    report = await books.report(By.STAGE)
    assert told(report) == naive(desk, By.STAGE)
    assert [(row.key, row.counts[Figure.PEOPLE]) for row in report.rows] == [("1", 1), ("2", 1), (None, 2)]
    assert report.total.counts[Figure.PEOPLE] == 3


async def test_a_period_has_both_its_days_by_the_calendar_of_poland(books: Books) -> None:
    await books.hold(a_day())
    on = DAY.date()
    for since, until, present in ((on, on, 3), (on + dt.timedelta(1), None, 0), (None, on - dt.timedelta(1), 0)):
        total = (await books.report(asked=Asked(since=since, until=until))).total
        assert total.counts[Figure.PRESENT] == present


async def test_of_an_hour_that_comes_twice_the_first_counts_and_one_that_does_not_exist_is_read_as_everywhere(
    books: Books,
) -> None:
    night = {"starts_local": "2026-10-25T02:30:00", "ends_local": "2026-10-25T04:00:00"}
    spring = {"starts_local": "2027-03-28T02:30:00", "ends_local": "2027-03-28T05:00:00"}
    desk = Desk()
    desk.hear(scheduled({"meeting_id": "day-1", **night}, {"meeting_id": "day-2", **spring}, trainers=("t",)))
    session = desk.mind[Session].get(SESSION)
    assert session is not None
    for meeting in session.meetings:
        desk.hear(enrolled("anna"), scan("anna", meeting.meeting_id, at=meeting.starts_at))
    await books.hold(desk)
    shown = {one.meeting_id: one.entry_at for one in await books.lines(Figure.PRESENT)}
    assert shown == {meeting.meeting_id: meeting.starts_at for meeting in session.meetings}
    over = dt.datetime(2027, 4, 1, tzinfo=dt.UTC)
    whole = sum(int((one.ends_at - one.starts_at) / MINUTE) for one in session.meetings)
    assert [one.minutes for one in await books.trainers(now=over)] == [whole]


async def test_somebody_is_new_in_the_period_of_their_first_meeting_and_counts_on_in_those_after_it(
    books: Books,
) -> None:
    desk = Desk()
    desk.hear(scheduled(day(), day("day-2", days_later=7)), *(enrolled(one) for one in ("anna", "ewa", "jan")))
    desk.hear(scan("anna"), scan("jan"))
    later = STARTS + dt.timedelta(days=7)
    desk.hear(*(scan(one, "day-2", at=later) for one in ("anna", "ewa")))
    await books.hold(desk)
    first, second = DAY.date(), later.astimezone(CALENDAR).date()
    periods = await books.progress(Target(first, 5), Target(second, 2))
    assert [(one.new, one.new_target, one.cumulative, one.cumulative_target) for one in periods] == [
        (2, 5, 2, 5),
        (1, 2, 3, 7),
    ]
    for one in periods:
        asked = Asked(since=one.since, until=one.until)
        assert len(await books.lines(Figure.NEW_PEOPLE, asked)) == one.new
        assert len(await books.lines(Figure.PEOPLE, replace(asked, since=None))) == one.cumulative
    (anna,) = [one for one in await books.lines(Figure.PEOPLE) if one.person_id == "anna"]
    assert (anna.meetings, anna.first_entry_at, anna.last_exit_at) == (2, STARTS, later + 6 * 60 * MINUTE)


async def test_a_trainer_has_held_what_is_over_and_somebody_was_seen_at(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(day(), day("day-2", days_later=1), trainers=("t-1", "t-2")), enrolled("anna"), scan("anna"))
    await books.hold(desk)
    assert [(one.trainer_id, one.meetings, one.minutes) for one in await books.trainers()] == [
        ("t-1", 1, 360),
        ("t-2", 1, 360),
    ]
    assert await books.trainers(now=STARTS) == []
    assert await books.trainers(Asked(as_of=LATER), now=STARTS) == []
    async with books.engine.connect() as connection:
        held = await reporting.meetings_of(connection, "t-1", EVERYTHING, LATER)
    assert [(one.meeting_id, one.minutes) for one in held] == [("day-1", 360)]


async def test_a_trainer_who_was_replaced_has_held_it_as_of_the_day_before(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(trainers=("t-1",)), enrolled("anna"), scan("anna"))
    desk.hear(rescheduled(trainers=("t-2",), at=LATER + MINUTE))
    await books.hold(desk)
    assert [one.trainer_id for one in await books.trainers(now=LATER + 2 * MINUTE)] == ["t-2"]
    assert [one.trainer_id for one in await books.trainers(Asked(as_of=LATER))] == ["t-1"]


async def test_whoever_was_there_on_the_day_from_which_it_was_moved_is_not_yet_there_on_the_new_one(
    books: Books,
) -> None:
    """Reports and what the list shows say the same while it is open, and of the days before the move what was so then."""
    week = dt.timedelta(days=7)
    desk = Desk()
    desk.hear(scheduled(trainers=("t",)), enrolled("anna"), enrolled("jan"), scan("anna"), mark("jan", "excused"))
    desk.hear(rescheduled(day(days_later=7), trainers=("t",), at=DURING + MINUTE))
    await books.hold(desk)
    assert set((await books.report()).total.counts.values()) == {0, 2}  # Two places.
    assert told(await books.report()) == naive(desk, By.TOWN)
    then = (await books.report(asked=Asked(as_of=DURING))).total.counts
    assert (then[Figure.PRESENT], then[Figure.EXCUSED]) == (1, 1)
    assert await books.lines(Figure.PEOPLE) == [] and await books.trainers(now=LATER + week) == []

    desk.hear(scan("anna", at=DURING + week))
    await books.hold(desk)
    assert (await books.report()).total.counts[Figure.PRESENT] == 1
    (anna,) = await books.lines(Figure.PEOPLE)
    assert anna.first_entry_at == STARTS + week
    desk.pass_to(LATER + week)
    await books.hold(desk)
    counts = (await books.report()).total.counts
    assert (counts[Figure.PRESENT], counts[Figure.ABSENT]) == (1, 1)


async def test_an_excuse_for_a_day_that_is_moved_to_an_earlier_one_is_in_no_report_of_that(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(day(days_later=7)), enrolled("anna"), enrolled("jan"), mark("jan", "excused", at=BEFORE))
    desk.hear(rescheduled(at=BEFORE + MINUTE), scan("anna"), mark("anna", "excused"))
    await books.hold(desk)
    assert told(await books.report()) == naive(desk, By.TOWN)
    assert (await books.report()).total.counts[Figure.EXCUSED] == 1  # Anna's is of this day.
    then = (await books.report(asked=Asked(as_of=BEFORE))).total.counts
    assert then[Figure.EXCUSED] == 1


async def test_whoever_was_at_a_meeting_that_was_dropped_before_its_list_closed_is_in_no_report(books: Books) -> None:
    """The planner puts morning and afternoon together at noon: who was there says the one list that will close. As of the morning it was so."""
    afternoon = day("day-2") | {"starts_local": DAY.replace(tzinfo=None, hour=12)}
    desk = Desk()
    desk.hear(scheduled(day(until=12), afternoon, trainers=("t",)), enrolled("anna"), scan("anna"))
    desk.hear(scan("anna", "day-2", at=DURING + 3 * 60 * MINUTE), archived_present("ewa"))
    noon = DURING + 4 * 60 * MINUTE
    desk.hear(rescheduled(day("day-2"), trainers=("t",), at=noon))
    await books.hold(desk)
    assert told(await books.report()) == naive(desk, By.TOWN)
    assert (await books.report()).total.counts[Figure.PRESENT] == 2  # Anna once; and what others state stands.
    assert (await books.report(asked=Asked(as_of=noon - MINUTE))).total.counts[Figure.PRESENT] == 3
    desk.hear(rescheduled(day(until=12), afternoon, trainers=("t",), at=noon + MINUTE))
    await books.hold(desk)
    assert (await books.report()).total.counts[Figure.PRESENT] == 3


async def test_a_trainer_has_held_a_day_that_was_called_otherwise_once_its_list_had_closed(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(trainers=("t",)), enrolled("anna"), scan("anna"))
    desk.pass_to(LATER)
    desk.hear(rescheduled(day("d-1"), trainers=("t",), at=LATER + MINUTE))
    await books.hold(desk)
    held = [(one.trainer_id, one.meetings, one.minutes) for one in await books.trainers(now=LATER + 2 * MINUTE)]
    assert held == [("t", 1, 360)]
    assert (await books.report()).total.minutes == 360


@pytest.mark.parametrize("opened_again", [(), (reopening(at=LATER),)], ids=["closed", "open to be put right"])
async def test_a_trainer_has_held_a_day_whose_list_had_closed_before_the_session_was_called_off(
    books: Books, opened_again: tuple[Any, ...]
) -> None:
    """As whoever was there has been there: thirty people cannot have been trained for six hours by nobody. The day that was to come nobody held."""
    days = (day(), day("day-2", days_later=1))
    desk = Desk()
    desk.hear(scheduled(*days, trainers=("t",)), enrolled("anna"), scan("anna"))
    desk.pass_to(LATER)
    desk.hear(*opened_again, cancelled(*days, at=LATER + MINUTE, trainers=("t",)))
    await books.hold(desk)

    held = [(one.trainer_id, one.meetings, one.minutes) for one in await books.trainers(now=LATER + 2 * MINUTE)]
    assert held == [("t", 1, 360)]
    assert (await books.report()).total.minutes == 360
    assert [one.minutes for one in await books.trainers(Asked(as_of=LATER))] == [360]


async def test_of_a_day_that_was_called_off_while_its_list_was_open_nobody_has_held_anything(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(trainers=("t",)), enrolled("anna"), scan("anna"))
    desk.hear(cancelled(at=DURING + MINUTE, trainers=("t",)))
    await books.hold(desk)
    assert await books.trainers() == []


async def test_a_day_that_is_called_otherwise_while_its_list_is_put_right_stays_in_reports(books: Books) -> None:
    """As of the moments before that, and of after the list has closed anew, it is there anyhow."""
    desk = Desk()
    desk.hear(scheduled(trainers=("t",)), enrolled("anna"), scan("anna"))
    desk.pass_to(LATER)
    desk.hear(reopening(at=LATER), rescheduled(day("d-1"), trainers=("t",), at=LATER + MINUTE))
    await books.hold(desk)

    for as_of in (None, LATER, LATER + 2 * MINUTE):
        report = await books.report(asked=Asked(as_of=as_of))
        assert (report.total.minutes, report.total.counts[Figure.PRESENT]) == (360, 1), as_of
    held = [(one.trainer_id, one.meetings, one.minutes) for one in await books.trainers(now=LATER + 2 * MINUTE)]
    assert held == [("t", 1, 360)]
    assert told(await books.report()) == naive(desk, By.TOWN)


async def test_a_day_that_is_moved_while_its_list_is_put_right_and_dropped_then_is_in_no_report(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(trainers=("t",)), enrolled("anna"), scan("anna"))
    desk.pass_to(LATER)
    desk.hear(reopening(at=LATER), rescheduled(day(days_later=7), trainers=("t",), at=LATER + MINUTE))
    desk.hear(rescheduled(day("d-1", days_later=8), trainers=("t",), at=LATER + 2 * MINUTE))
    await books.hold(desk)

    assert (await books.report()).total.minutes == 0
    assert await books.trainers(now=LATER + 3 * MINUTE) == []


async def test_whoever_was_absent_from_a_day_that_is_called_otherwise_was_so_on_that_day(books: Books) -> None:
    """The service was down and the list is decided two days later; that is no day on which anybody was missed."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    desk.pass_to(LATER + dt.timedelta(days=2))
    desk.hear(rescheduled(day("d-1"), at=LATER + dt.timedelta(days=3)))
    await books.hold(desk)
    its = (await books.report(asked=Asked(since=DAY.date(), until=DAY.date()))).total.counts
    assert (its[Figure.PRESENT], its[Figure.ABSENT]) == (1, 1)


async def test_of_two_closed_days_that_are_put_together_each_hour_was_held_once(books: Books) -> None:
    afternoon = day("day-2", until=16) | {"starts_local": DAY.replace(tzinfo=None, hour=13)}
    desk = Desk()
    desk.hear(scheduled(day(until=12), afternoon, trainers=("t",)), enrolled("anna"), scan("anna"))
    desk.hear(scan("anna", "day-2", at=DURING + 4 * 60 * MINUTE))
    desk.pass_to(LATER)
    desk.hear(rescheduled(day(until=16), trainers=("t",), at=LATER + MINUTE))
    await books.hold(desk)
    held = [(one.trainer_id, one.meetings, one.minutes) for one in await books.trainers(now=LATER + 2 * MINUTE)]
    assert held == [("t", 2, 420)]
    assert (await books.report()).total.minutes == 420


async def test_of_a_meeting_that_was_dropped_while_its_list_was_open_nobody_has_held_anything(books: Books) -> None:
    desk = Desk()
    desk.hear(scheduled(trainers=("t",)), enrolled("anna"), scan("anna"), archived_present("ewa"))
    desk.hear(rescheduled(day("d-1"), trainers=("t",), at=DURING + MINUTE))
    await books.hold(desk)
    assert await books.trainers() == []


@pytest.mark.long  # Every figure by everything.
async def test_a_report_by_stage_that_is_narrowed_to_one_has_no_part_of_another(books: Books) -> None:
    desk = a_day()
    for town, stage in (("town-of-anna", 1), ("town-of-anna", 2), ("town-of-ewa", 2)):
        desk.hear(heard(CityQualified(**_town(town, stage)), at=BEFORE))
    await books.hold(desk)
    report = await books.report(By.STAGE, Asked(stage=1))
    assert [(row.key, row.counts[Figure.PEOPLE]) for row in report.rows] == [("1", 1)]
    await _opens_whom_it_counts(books, Asked(stage=1))


async def test_a_list_that_stays_closed_counts_wherever_its_day_is_moved_by_then(books: Books) -> None:
    """Closed on the evening of the next day; then the planner says that it had been that day, when nobody was read."""
    desk = Desk()
    desk.hear(scheduled(trainers=("t",)), enrolled("anna"), scan("anna"), close(at=DURING + dt.timedelta(hours=36)))
    desk.hear(rescheduled(day(days_later=1), trainers=("t",), at=DURING + dt.timedelta(hours=37)))
    assert not desk.lists[0].is_open
    await books.hold(desk)
    assert (await books.report()).total.counts[Figure.PRESENT] == 1
    assert told(await books.report()) == naive(desk, By.TOWN)


async def test_a_trainer_who_was_replaced_between_two_days_has_held_the_first(books: Books) -> None:
    """Also once the planner says that the session is completed: that names who trains it by then, and changes nobody."""
    days = (day(), day("day-2", days_later=1))
    after = LATER + dt.timedelta(days=2)
    desk = Desk()
    desk.hear(scheduled(*days, trainers=("t-1",)), enrolled("anna"), scan("anna"))
    desk.hear(rescheduled(*days, trainers=("t-2",), at=LATER), scan("anna", "day-2", at=STARTS + dt.timedelta(days=1)))
    desk.hear(rescheduled(*days, trainers=("t-2",), at=after))
    await books.hold(desk)
    held = [(one.trainer_id, one.meetings, one.minutes) for one in await books.trainers(now=after)]
    assert held == [("t-1", 1, 360), ("t-2", 1, 360)]
    async with books.engine.connect() as connection:
        (of_the_first,) = await reporting.meetings_of(connection, "t-1", EVERYTHING, after)
    assert of_the_first.meeting_id == "day-1"


async def test_what_the_owner_said_goes_before_what_an_archive_had_said_of_the_same(books: Books) -> None:
    desk = Desk()
    archive = "urn:example:archive"
    desk.hear(scheduled(), enrolled("anna", source=archive), withdrawn("anna", source=ENROLMENT, at=DURING))
    await books.hold(desk)
    assert (await books.report(asked=Asked(as_of=DURING))).total.counts[Figure.ENROLLED] == 0
    assert (await books.report(asked=Asked(as_of=BEFORE))).total.counts[Figure.ENROLLED] == 1
