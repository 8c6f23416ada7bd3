"""Streams have no order among themselves: whatever the interleaving and the batches, facts come to the same rows.

Contested places are held to what must be true of them in any order instead: never oversold, everyone accounted for, fair.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, currently_in_test_context, given, note, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.attendance import books as attendance_books
from services.attendance import store as attendance_store
from services.attendance.app import service_of
from services.attendance.lists import ListRules
from services.enrolment import app as enrolment
from services.enrolment import tables as enrolment_tables
from services.enrolment.overlaps import meet_at_the_same_time
from services.enrolment.state import in_line
from services.notifications import app as notifications
from shared.books.recovery import RECONCILE
from shared.contracts import EVENTS
from shared.contracts.directory import PersonErased, PersonRegistered
from shared.contracts.enrolment import (
    EnrolmentRefused,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlacesSettled,
    PlaceState,
)
from shared.contracts.model import Event
from shared.contracts.rules import SourceTakenOver
from shared.deciding.facts import FactWriter
from shared.deciding.retry import ParkedRetry
from shared.deciding.transaction import Decider
from shared.events.decoding import decode
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.postgres.tables import ANSWER, DUE, HELD, SHARED_TABLES
from shared.service import Service
from shared.state.working import Due
from shared.testing import NOON, body_of
from tests.campaigns import SHARE, Share, cases
from tests.databases import Databases
from tests.simulation.interleavings import Programme, Said, Step, batches_of, decoded, interleavings
from tests.simulation.programmes import programmes

pytestmark = pytest.mark.long

thorough = settings(
    max_examples=cases(60),
    deadline=None,
    derandomize=SHARE is not Share.WHOLE,  # CI hears the same programmes each time: it never flakes.
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
ANY_TIME = dt.timedelta(days=365)
"""The clock of the log stands still while trainings are weeks apart: whatever is scanned may be of any of them."""
RULES = ListRules(dt.timedelta(hours=6), NOON - ANY_TIME, ANY_TIME, ANY_TIME)
ATTENDANCE = service_of(RULES)
WITHDRAWN, SETTLED = EnrolmentWithdrawn.type_name(), PlacesSettled.type_name()
CLOSING = ("programme.sessions", "attendance.events")
"""Moments at which lists close follow from the one unless the other has closed them."""
Contents = dict[str, list[tuple[Any, ...]]]


class Hearing:
    """One service on a database of its own, through its real lanes."""

    def __init__(self, service: Service, engine: AsyncEngine) -> None:
        self._numbers = itertools.count(1)
        tables = [table for metadata in service.metadata() for table in reversed(metadata.sorted_tables)]
        self._empty = ";".join(str(sa.delete(table)) for table in tables if table.name != "decider")
        self.now = NOON + dt.timedelta(days=1)
        self.engine = engine
        self.service = dataclasses.replace(service, clock=lambda: self.now, new_id=lambda: f"own-{next(self._numbers)}")

    async def empty(self) -> None:
        """As after migrating."""
        async with self.engine.begin() as connection:
            raw = await connection.get_raw_connection()
            await raw.driver_connection.execute(self._empty)  # type: ignore[union-attr]  # Many statements at once.

    async def hear(self, programme: Programme, turns: Sequence[Step], *, close_after: int | None = None) -> Decider:
        """Hears everything, and lets in whoever may take over by then. After so many batches, what is due is decided."""
        decider = Decider(self.engine, self.service)
        facts = FactWriter(self.engine, self.service, decider)
        lanes = (self.service.facts, (*self.service.own, *self.service.decisions))
        for number, batches in enumerate(batches_of(programme.of(self.service.heard), lanes, turns)):
            if number == close_after:
                await self.decide_due(decider)
            lane: Any = facts if batches[0].partition.stream in self.service.facts else decider
            await lane.hear(batches, decoded(batches))
        may_decide = asyncio.Event()
        may_decide.set()
        retry = ParkedRetry(self.engine, self.service, decider, may_decide=may_decide)
        while await retry.let_in():
            pass  # Each looks at what is parked a few times, then leaves it to the office.
        return decider

    async def decide_due(self, decider: Decider) -> None:
        for moment in sorted(await records(self.engine, DUE), key=lambda row: (row.at, row.subject)):
            await decider.act([Due(*moment)])

    async def contents(self, *leave_out: str) -> Contents:
        found = {}
        async with self.engine.connect() as connection:
            for table in {**SHARED_TABLES, **self.service.tables}.values():
                if table.schema == "projection" and table.name not in leave_out:
                    statement = sa.select(table)
                    if (
                        table.name == "record_said"
                    ):  # Of what we decide ourselves, by what was known then, there is `record`.
                        statement = statement.where(table.c.source != self.service.source)
                    found[table.name] = sorted(map(tuple, await connection.execute(statement)), key=repr)
        return found


def difference(one: Contents, other: Contents) -> list[str]:
    """The rows that only one of them has, legibly."""
    return [
        f"{table}: only {which}: {row}"
        for table in one
        for which, ours, theirs in (
            ("canonical", one[table], other[table]),
            ("interleaved", other[table], one[table]),
        )
        for row in ours
        if row not in theirs
    ]


@pytest.fixture(scope="module")
async def hearings(databases: Databases) -> AsyncIterator[dict[str, Hearing]]:
    made = {}
    for service in (enrolment.SERVICE, ATTENDANCE, notifications.SERVICE):
        made[service.name] = Hearing(service, create_async_engine(await databases.migrated(service.name)))
    yield made
    for hearing in made.values():
        await hearing.engine.dispose()


async def twice(hearing: Hearing, programme: Programme, turns: list[Step], *leave_out: str) -> None:
    """Heard in canonical order and in another one."""
    if currently_in_test_context():
        note(f"{programme!r}\nTurns: {turns}")
    found = []
    for one in ([], turns):
        await hearing.empty()
        await hearing.hear(programme, one)
        found.append(await hearing.contents(*leave_out))
    assert difference(*found) == []


@thorough
@given(programmes(enrolment.SERVICE), interleavings)
async def test_enrolment_makes_the_same_rows_in_any_interleaving(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step]
) -> None:
    await twice(hearings["enrolment"], programme, turns, "place", "answer", "settled", "line")


@thorough
@given(st.one_of(programmes(ATTENDANCE), programmes(ATTENDANCE, CLOSING)), interleavings)
async def test_attendance_makes_the_same_rows_in_any_interleaving(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step]
) -> None:
    await twice(hearings["attendance"], programme, turns, "record", "answer")


@thorough
@given(programmes(notifications.SERVICE), interleavings)
async def test_notifications_makes_the_same_rows_in_any_interleaving(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step]
) -> None:
    await twice(hearings["notifications"], programme, turns)


def person(source: str, version: int, model: type[Event] = PersonRegistered) -> Said:
    return Said(body_of(model, person_id="p1"), source, version, f"{source}-{version}-{model.__name__}")


def takeover(former: str, new: str) -> Said:
    rule = SourceTakenOver(rule_id=f"{former}-{new}", in_stream="programme.people", from_source=former, to_source=new)
    return Said(rule, "urn:office", 1, rule.rule_id)


@pytest.mark.parametrize(
    "said",
    [
        [person("one", 1), person("two", 1), person("one", 2)],
        [person("one", 1), person("two", 1), person("three", 1), person("two", 2)],
        [person("one", 1), person("three", 1), person("two", 1)],
        [person("one", 1), person("two", 1), person("one", 1, PersonErased)],
        [person("two", 1), person("one", 2, PersonErased)],
        [person("one", 1), person("two", 1), person("three", 1), person("one", 2, PersonErased)],
        [person("one", 1), person("two", 1, PersonErased), person("one", 2, PersonErased)],
    ],
    ids=lambda said: " ".join(one.id for one in said),
)
async def test_it_does_not_matter_when_a_takeover_is_heard(hearings: dict[str, Hearing], said: list[Said]) -> None:
    programme = Programme([takeover("one", "two"), takeover("two", "three"), *said])
    rules_last = [Step(first=1, partitions=1, records=1, again=0)] * len(said)
    # Who owned what they told is judged when it is read: what is kept of it may differ.
    await twice(hearings["enrolment"], programme, rules_last, "told")


# --- what is contested ---------------------------------------------------------------------


async def records(engine: AsyncEngine, table: sa.Table, *columns: str) -> list[Any]:
    async with engine.connect() as connection:
        return list(await connection.execute(sa.select(*(table.c[name] for name in columns or table.c.keys()))))


DECIDED = (
    "programme.rules",
    "programme.cities",
    "programme.people",
    "programme.teams",
    "programme.sessions",
    "enrolment.requests",
)


def elsewhere(place: Any, places: Sequence[Any], sessions: Mapping[str, Any]) -> tuple[str, ...]:
    """The sessions at the same time in which somebody who has a place, or waits, has a place too."""
    session = sessions[place.session_id]
    if place.state not in ("enrolled", "waitlisted") or session.state != "scheduled":
        return ()
    others = (
        sessions[one.session_id]
        for one in places
        if one.person_id == place.person_id and one.state == "enrolled" and one.session_id in sessions
    )
    return tuple(
        sorted(
            other.session_id for other in others if other.state == "scheduled" and meet_at_the_same_time(session, other)
        )
    )


@thorough
@given(programmes(enrolment.SERVICE, DECIDED), interleavings)
async def test_in_any_interleaving_nobody_is_oversold_forgotten_or_overtaken(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step]
) -> None:
    note(f"{programme!r}\nTurns: {turns}")
    hearing = hearings["enrolment"]
    await hearing.empty()
    decider = await hearing.hear(programme, turns)

    places = await records(hearing.engine, enrolment_tables.PLACE)
    people = await records(hearing.engine, enrolment_tables.PERSON)
    erased = {person.person_id for person in people if person.erased}
    said = await records(hearing.engine, JOURNAL, "key", "type", "subject", "version", "event_id", "body")
    sessions = {row.session_id: row for row in await records(hearing.engine, enrolment_tables.SESSION)}
    for session in sessions.values():
        mine = [place for place in places if place.session_id == session.session_id]
        enrolled = [place for place in mine if place.state == "enrolled"]
        waiting = [place for place in mine if place.state == "waitlisted"]
        if session.state == "scheduled":
            assert len(enrolled) <= most_seats(programme, session.session_id), "oversold"
            free = [place for place in waiting if not place.clashes_with]
            assert not free or len(enrolled) >= session.capacity, "a seat is free and somebody waits who could have it"
            assert [one for one in mine if one.clashes_with != elsewhere(one, places, sessions)] == []
            assert not erased & {one.person_id for one in mine if one.state != "withdrawn" and one.state != "none"}
        assert overtaken(await said_in_order(hearing.engine, session.session_id)) == []
        settled = [row for row in said if (row.key, row.type) == (session.session_id, SETTLED)]
        settled.sort(key=lambda row: row.version)
        statements = [PlacesSettled.model_validate_json(row.body) for row in settled]
        assert (statements[-1].session_source, statements[-1].session_event_id) == (session.source, session.event_id)
        named = [(one.session_source, one.session_event_id) for one in statements]
        assert len(set(named)) == len(named), "a statement was settled twice"

    asked = {one.event_id for one in heard_by(programme, "enrolment.requests")}
    answered = {row.request_id for row in await records(hearing.engine, ANSWER, "request_id")}
    held = {row.request_id for row in await records(hearing.engine, HELD, "request_id")}
    assert answered | held == asked, "forgotten"
    assert not answered & held

    facts_of = by_subject([(row.subject, row.version, row.event_id) for row in said])
    newest = {subject: max(facts)[1] for subject, facts in facts_of.items() if "/person/" in subject}
    assert newest == {f"session/{one.session_id}/person/{one.person_id}": one.event_id for one in places}
    for facts in facts_of.values():
        assert sorted(version for version, _ in facts) == list(range(1, len(facts) + 1)), "doubled"

    async with hearing.engine.connect() as connection:
        subjects = await hearing.service.open_subjects(connection, hearing.now)
    for subject in subjects:
        thought = await decider.act([Due(RECONCILE, subject, hearing.now)])
        assert thought.said == [], "all is known, and something was not decided"


def heard_by(programme: Programme, stream: str) -> list[Any]:
    return [decode(record) for part in programme.of([stream]).values() for record in part]


def by_subject(said: Sequence[Any]) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for subject, version, event_id in said:
        found.setdefault(subject, []).append((version, event_id))
    return found


CAME = ("enrolment.events", "attendance.scans")
NUMBERS = ("session_id", "meeting_id", "recorded", "present", "absent", "not_recorded", "without_place")
PRESENCE = ("session_id", "meeting_id", "person_id", "state", "with_place", "city_id", "scanned_at")


@thorough
@given(st.one_of(programmes(ATTENDANCE, CAME), programmes(ATTENDANCE, (*CAME, "programme.sessions"))), interleavings)
async def test_in_any_interleaving_the_lists_close_with_the_same_people_and_numbers(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step]
) -> None:
    note(f"{programme!r}\nTurns: {turns}")
    hearing = hearings["attendance"]
    assert difference(*[await listed(hearing, programme, one) for one in ([], turns)]) == []


@thorough
@given(programmes(ATTENDANCE, CAME), interleavings, st.integers(0, 30))
async def test_who_was_awaited_does_not_depend_on_what_is_heard_after_the_list_closed(
    hearings: dict[str, Hearing], programme: Programme, turns: list[Step], close_after: int
) -> None:
    note(f"{programme!r}\nTurns: {turns}, closed after {close_after}")
    hearing = hearings["attendance"]
    found = [await listed(hearing, programme, []), await listed(hearing, programme, turns, close_after=close_after)]
    assert difference(*found) == []


def most_seats(programme: Programme, session_id: str) -> int:
    """The largest room that was stated: nobody loses a seat, and none is given beyond the room there is."""
    bodies = [one.body for one in heard_by(programme, "programme.sessions")]
    return max(body.capacity for body in bodies if body.session_id == session_id)


async def said_in_order(engine: AsyncEngine, session_id: str) -> list[PlaceState]:
    """What was said of the session's places, as it was decided."""
    statement = sa.select(JOURNAL.c.type, JOURNAL.c.body).join(OUTBOX, OUTBOX.c.event_id == JOURNAL.c.event_id)
    async with engine.connect() as connection:
        found = await connection.execute(statement.where(JOURNAL.c.key == session_id).order_by(OUTBOX.c.position))
    bodies = [EVENTS[row.type].model_validate_json(row.body) for row in found]
    return [body for body in bodies if isinstance(body, PlaceState)]


def overtaken(said: Sequence[PlaceState]) -> list[str]:
    """Who waited and was passed by somebody behind them who waited too, and was not elsewhere at the time."""
    waits: dict[str, Any] = {}
    found = []
    for fact in said:
        mine = waits.pop(fact.person_id, None)
        order = in_line(fact.priority, fact.queued_at, fact.queue, fact.person_id)
        if isinstance(fact, ParticipantWaitlisted) or (isinstance(fact, EnrolmentRefused) and mine is not None):
            waits[fact.person_id] = order, bool(fact.clashes_with)
        elif isinstance(fact, ParticipantEnrolled) and mine is not None:
            found += [one for one, (other, is_elsewhere) in waits.items() if other < order and not is_elsewhere]
    return found


async def listed(
    hearing: Hearing, programme: Programme, turns: list[Step], *, close_after: int | None = None
) -> Contents:
    """The closed lists and whoever is on them, when everything was heard; the books must add up."""
    await hearing.empty()
    decider = await hearing.hear(programme, turns, close_after=close_after)
    await hearing.decide_due(decider)
    lists = await records(hearing.engine, attendance_store.LIST_TABLE, *NUMBERS, "is_open")
    closed = {(row.session_id, row.meeting_id) for row in lists if not row.is_open}
    came = await records(hearing.engine, attendance_store.RECORD, *PRESENCE)
    on_lists = [row for row in came if (row.session_id, row.meeting_id) in closed and row.state != "not_awaited"]
    async with hearing.engine.connect() as connection:
        books = (await attendance_books.books(connection, RULES))["attendance"]
    presence = books["present"] + books["absent"] + books["not_recorded"]
    assert presence == books["enrolled_on_closed_lists"], "the books do not add up"
    return {"list": sorted(map(tuple, lists)), "record": sorted(map(tuple, on_lists), key=repr)}
