"""What is read of attendance: rosters, counts and the books, from a real database."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.attendance import answers, books, rosters, views
from services.attendance.app import service_of
from services.attendance.counting import Asked, By, Figure
from services.attendance.lists import LIST
from services.attendance.reporting import report
from services.attendance.subjects import list_subject
from shared.contracts.directory import PersonMerged, PersonRegistered
from shared.deciding.transaction import Decider
from shared.events.envelope import Heard
from shared.state.working import Due
from tests.attendance.building import (
    ARCHIVE,
    BEFORE,
    CLOSES,
    DURING,
    LATER,
    RULES,
    SESSION,
    archived_list,
    archived_present,
    close,
    day,
    enrolled,
    heard,
    mark,
    reopening,
    rescheduled,
    scan,
    scheduled,
    waitlisted,
    withdrawn,
)
from tests.databases import Databases

WEEK = dt.timedelta(days=7)


class Attendance:
    """The service's one transaction after the other, and what is read between them."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.now = DURING
        service = dataclasses.replace(service_of(RULES), clock=lambda: self.now)
        self.decider = Decider(engine, service)

    async def hear(self, *events: Heard[Any]) -> None:
        for one in events:
            self.now = max(self.now, one.appended_at)
            await self.decider.act([one])

    async def close(self, at: dt.datetime = CLOSES) -> None:
        self.now = at
        await self.decider.act([Due(LIST, list_subject(SESSION, "day-1"), at)])

    async def roster(self) -> list[answers.OnRoster]:
        async with self.engine.connect() as connection:
            session = await views.session_row(connection, SESSION)
            assert session is not None
            return await views.roster(connection, RULES, session)

    async def states(self) -> dict[str, str | None]:
        return {row.person_id: row.meetings[0].state for row in await self.roster()}

    async def meeting(self) -> answers.Meeting:
        async with self.engine.connect() as connection:
            session = await views.session(connection, RULES, SESSION)
        assert session is not None
        return session.meetings[0]

    async def books(self) -> dict[str, Any]:
        async with self.engine.connect() as connection:
            found: dict[str, Any] = (await books.books(connection, RULES))["attendance"]
        presence = found["present"] + found["absent"] + found["not_recorded"]
        assert presence == found["enrolled_on_closed_lists"]
        names = ("present", "absent", "without_place")
        if found["lists_not_recorded"] == 0:
            assert {name: found["records"][name] for name in names} == {name: found[name] for name in names}
        return found


@pytest.fixture(scope="module")
async def database(databases: Databases) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(await databases.migrated("attendance"))
    yield engine
    await engine.dispose()


@pytest.fixture
async def here(database: AsyncEngine) -> Attendance:
    made = Attendance(database)
    async with database.begin() as connection:
        for metadata in made.decider.service.metadata():
            for table in reversed(metadata.sorted_tables):
                await connection.execute(sa.delete(table))
    return made


def person(person_id: str, given_name: str, family_name: str) -> Heard[Any]:
    body = PersonRegistered(person_id=person_id, given_name=given_name, family_name=family_name)
    return heard(body, at=DURING)


async def test_a_roster_stands_in_the_order_of_the_polish_alphabet(here: Attendance) -> None:
    names = ["Zych", "Łoś", "de Vries", "Ćwik", "Lis", "Czaja", "Żak", "Ender", "Cwik"]
    await here.hear(scheduled())
    for name in names:
        await here.hear(person(f"p-{names.index(name)}", "Ala", name), enrolled(f"p-{names.index(name)}"))

    shown = [row.family_name for row in await here.roster()]

    assert shown == ["Cwik", "Czaja", "Ćwik", "de Vries", "Ender", "Lis", "Łoś", "Zych", "Żak"]


async def test_who_turned_out_to_be_somebody_else_is_on_the_list_once_with_place_and_record(
    here: Attendance,
) -> None:
    await here.hear(scheduled(), person("anna", "Anna", "Nowak"), person("anka", "Anka", "Nowak"), enrolled("anna"))
    await here.hear(scan("anna"))
    for goes, into in (("anna", "ania"), ("ania", "anka")):
        merge = PersonMerged(person_id=goes, into_person_id=into)
        await here.hear(heard(merge, at=DURING))

    (row,) = await here.roster()
    assert (row.person_id, row.given_name, row.meetings[0].state) == ("anka", "Anka", "present")


async def test_someone_scanned_whose_place_is_not_known_is_on_the_roster_at_once(here: Attendance) -> None:
    await here.hear(scheduled(), enrolled("anna"), scan("ewa"))

    assert await here.states() == {"anna": "not_yet", "ewa": "scanned"}
    row = next(row for row in await here.roster() if row.person_id == "ewa")
    assert (row.place, row.meetings[0].scanned_at) == ("none", DURING)
    meeting = await here.meeting()
    assert (meeting.present, meeting.scanned) == (0, 1)

    await here.hear(enrolled("ewa", at=DURING))
    assert await here.states() == {"anna": "not_yet", "ewa": "present"}
    assert (await here.meeting()).scanned == 0


async def test_a_scan_of_a_meeting_that_is_not_known_is_on_no_roster(here: Attendance) -> None:
    await here.hear(scheduled(), enrolled("anna"), scan("ewa", "day-9"))

    assert await here.states() == {"anna": "not_yet"}
    assert (await here.meeting()).scanned == 0


async def test_the_books_count_who_had_a_place_when_the_list_closed(here: Attendance) -> None:
    await here.hear(scheduled(), *map(enrolled, ["anna", "jan", "ewa", "ola"]), scan("anna"), scan("ewa"))
    await here.close()
    assert (await here.books())["enrolled_on_closed_lists"] == 4

    await here.hear(enrolled("kim", at=LATER), withdrawn("anna", at=LATER))
    assert (await here.books())["enrolled_on_closed_lists"] == 4
    await here.hear(withdrawn("jan", at=LATER, decided=DURING), withdrawn("ewa", at=LATER, decided=DURING))
    found = await here.books()
    assert (found["enrolled_on_closed_lists"], found["present"], found["without_place"]) == (2, 1, 1)
    assert (await here.states())["jan"] is None


async def test_the_books_count_the_places_of_a_list_that_was_not_recorded(here: Attendance) -> None:
    await here.hear(scheduled(), enrolled("anna"), enrolled("jan"))
    await here.close()
    await here.hear(enrolled("ewa", at=LATER), withdrawn("jan", at=LATER))

    assert (await here.books())["not_recorded"] == 2


async def test_the_books_know_since_when_a_place_stood_as_the_lists_do(here: Attendance) -> None:
    await here.hear(scheduled(), *map(enrolled, ["anna", "jan"]), scan("anna"))
    await here.close()

    await here.hear(enrolled("ewa", at=LATER, decided=DURING, source=ARCHIVE))
    assert (await here.books())["enrolled_on_closed_lists"] == 2
    await here.hear(withdrawn("jan", at=LATER, sent=DURING))
    assert (await here.books())["enrolled_on_closed_lists"] == 1


async def test_the_books_count_a_list_of_another_source_as_it_stands(here: Attendance) -> None:
    await here.hear(scheduled(), enrolled("anna"), archived_present("anna"), archived_list(present=1))

    assert (await here.books())["enrolled_on_closed_lists"] == 1


async def test_the_books_count_the_places_of_an_archived_list_as_its_archive_tells_them(here: Attendance) -> None:
    """Both are history and heard long after; a list that nobody recorded leaves nothing else to count by."""
    places = [enrolled(person, at=LATER, decided=DURING, source=ARCHIVE) for person in ("anna", "jan")]
    await here.hear(scheduled(), *places, archived_list(not_recorded=2, heard_at=LATER))

    assert (await here.books())["enrolled_on_closed_lists"] == 2


async def test_the_books_let_whoever_keeps_a_list_tell_who_had_a_place_then(here: Attendance) -> None:
    places = [enrolled(person, at=LATER, decided=DURING, source=ARCHIVE) for person in ("anna", "jan")]
    await here.hear(scheduled(), archived_list(not_recorded=2), *places)

    assert (await here.books())["enrolled_on_closed_lists"] == 2


async def test_a_fact_heard_behind_a_newer_one_still_tells_how_the_place_stood(here: Attendance) -> None:
    late, given_back = enrolled("jan"), withdrawn("jan", at=LATER)
    await here.hear(scheduled(), enrolled("anna"), scan("anna"), given_back)
    await here.close()

    await here.hear(late)

    assert await here.states() == {"anna": "present", "jan": "absent"}
    assert (await here.books())["enrolled_on_closed_lists"] == 2


def by_enrolment(said: Heard[Any]) -> Heard[Any]:
    """Enrolment's own word, on a place that somebody else stated first."""
    return dataclasses.replace(said, source="rollcall/enrolment", version=1)


async def test_the_word_of_whoever_took_a_place_over_goes_before_what_was_said_before(here: Attendance) -> None:
    """Their numbers say nothing about those of the writer before them."""
    taken_over = by_enrolment(withdrawn("jan", at=DURING))
    await here.hear(scheduled(), enrolled("anna"), enrolled("jan", source=ARCHIVE), scan("anna"), taken_over)
    await here.close()

    assert (await here.states())["jan"] is None
    await here.hear(enrolled("jan", at=CLOSES, source=ARCHIVE))
    assert (await here.states())["jan"] is None
    assert (await here.books())["enrolled_on_closed_lists"] == 1


async def test_a_former_writer_who_numbers_otherwise_is_not_remembered_any_more_than_an_owner_would_be(
    here: Attendance,
) -> None:
    """Heard before the takeover it would have been parked as renumbered: it must come to the same."""
    otherwise = dataclasses.replace(withdrawn("jan", at=DURING, source=ARCHIVE), numbered=False, version=10**15)
    await here.hear(scheduled(), enrolled("anna"), enrolled("jan", source=ARCHIVE), scan("anna"))
    await here.hear(by_enrolment(enrolled("jan", at=LATER)), otherwise)
    await here.close()

    assert await here.states() == {"anna": "present", "jan": "absent"}
    assert (await here.books())["enrolled_on_closed_lists"] == 2


async def test_a_place_taken_over_after_closing_leaves_what_was_so_before(here: Attendance) -> None:
    """The places came from an archive, and enrolment went on with them between the first day and the second."""
    places = [enrolled(person, source=ARCHIVE) for person in ("anna", "jan")]
    await here.hear(scheduled(), *places, scan("anna"))
    await here.close()

    await here.hear(by_enrolment(withdrawn("anna", at=LATER)), by_enrolment(withdrawn("jan", at=LATER)))

    assert await here.states() == {"anna": "present", "jan": "absent"}
    found = await here.books()
    assert (found["enrolled_on_closed_lists"], found["without_place"]) == (2, 0)


async def test_a_list_that_is_open_again_is_in_no_books_and_shows_nobody_of_the_day_before(here: Attendance) -> None:
    await here.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    await here.close()
    await here.hear(rescheduled(day(days_later=7), at=LATER))

    assert (await here.books())["lists_closed"] == 0
    assert await here.states() == {"anna": "not_yet", "jan": "not_yet"}
    meeting = await here.meeting()
    assert (meeting.closed_at, meeting.present, meeting.absent) == (None, 0, 0)

    await here.hear(scan("jan", at=DURING + WEEK))
    assert await here.states() == {"anna": "not_yet", "jan": "present"}
    await here.close(CLOSES + WEEK)
    assert await here.states() == {"anna": "absent", "jan": "present"}
    assert (await here.books())["lists_closed"] == 1


async def test_an_excuse_for_a_day_that_is_moved_to_an_earlier_one_shows_nowhere(here: Attendance) -> None:
    await here.hear(scheduled(day(days_later=7)), enrolled("anna"), enrolled("jan"), mark("jan", "excused", at=BEFORE))
    await here.hear(rescheduled(at=BEFORE + dt.timedelta(hours=1)), mark("anna", "excused"))

    assert await here.states() == await lists(here) == {"anna": "excused", "jan": "not_yet"}
    assert (await here.meeting()).excused == 1


async def lists(here: Attendance) -> dict[str, str | None]:
    """What the list of the day itself shows."""
    async with here.engine.connect() as connection:
        session = await views.session_row(connection, SESSION)
        assert session is not None
        listed = await rosters.of_meeting(connection, RULES, session, session.meetings[0], ("", 100))
    return {one.person_id: one.state for one in listed}


async def test_not_recorded_is_who_was_awaited_when_the_list_closed_and_nobody_who_came_in_since(
    here: Attendance,
) -> None:
    """As many as the list says in its number."""
    await here.hear(scheduled(), enrolled("anna"), waitlisted("ewa"))
    await here.close()
    await here.hear(enrolled("jan", at=LATER), withdrawn("anna", at=LATER))

    assert await here.states() == await lists(here) == {"anna": "not_recorded", "ewa": None, "jan": None}
    assert (await here.meeting()).not_recorded == 1


async def test_a_trainer_with_a_place_of_whom_nothing_is_recorded_is_not_recorded_everywhere(here: Attendance) -> None:
    await here.hear(scheduled(trainers=("teresa",)), enrolled("anna"), enrolled("teresa"), scan("anna"))
    await here.close()

    assert await here.states() == await lists(here) == {"anna": "present", "teresa": "not_recorded"}
    found = await here.books()
    assert (found["absent"], found["not_recorded"], found["enrolled_on_closed_lists"]) == (0, 1, 2)
    meeting = await here.meeting()
    assert (meeting.absent, meeting.not_recorded) == (0, 1)


async def test_a_list_that_is_put_right_shows_who_was_there_also_if_its_date_had_been_put_right(
    here: Attendance,
) -> None:
    """As it says when it closes anew: by the new date all codes are of another day."""
    closed_at = CLOSES + dt.timedelta(days=1)
    await here.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"), mark("jan", "excused"))
    await here.hear(close(at=closed_at))
    await here.hear(rescheduled(day(days_later=1), at=closed_at), reopening(at=closed_at))

    assert await here.states() == await lists(here) == {"anna": "present", "jan": "excused"}
    meeting = await here.meeting()
    assert (meeting.closed_at, meeting.present, meeting.excused) == (None, 1, 1)
    async with here.engine.connect() as connection:
        total = (await report(connection, By.TOWN, Asked())).total
    assert (total.counts[Figure.PRESENT], total.counts[Figure.EXCUSED]) == (1, 1)
