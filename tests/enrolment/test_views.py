"""What enrolment's API reads: a roster that says what is so, and books that count begun sessions with the seats they had."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from services.enrolment import listing, reading, views
from services.enrolment.app import SERVICE
from services.enrolment.tables import PLACE, SETTLED
from shared.contracts import Event
from shared.contracts.directory import PersonMerged, PersonRegistered
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionKind, SessionRescheduled
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.rules import StageOpened
from shared.deciding.transaction import Decider
from shared.testing import NOON, heard
from tests.enrolment.office import START, TOWN, membership, session
from tests.enrolment.surroundings import Make, city

AFTER = START + dt.timedelta(minutes=1)
OPENED = StageOpened(rule_id="stage:1", stage=1, phase=1, opened_on=dt.date(2026, 1, 1))
PEOPLE = ("anna", "bartek")


async def hears(here: Any, *events: Event, now: dt.datetime = NOON, version: int = 1) -> None:
    """The service hears these events at that moment; it has a database and nothing else."""
    decider = Decider(here.engine, dataclasses.replace(SERVICE, clock=lambda: now))
    await decider.act([heard(event, at=now, version=version) for event in events])


async def filled(world: Make, **changes: Any) -> Any:
    """A session in which two people have a place each."""
    here = await world(SERVICE)
    await hears(here, OPENED, city(TOWN), *(membership(person) for person in PEOPLE), session(**changes))
    await hears(here, *(EnrolmentRequested(session_id="s", person_id=person) for person in PEOPLE))
    return here


async def oversold(here: Any) -> int:
    async with here.engine.connect() as connection:
        return int((await views.books(connection))["places"]["oversold_sessions"])


async def test_whose_id_went_into_another_one_is_called_the_same_wherever_they_are_named(world: Make) -> None:
    """What has begun stays as it was said, under the id that it was said of."""
    here = await filled(world)
    knows = PersonRegistered(person_id="ania", given_name="Ania", family_name="Żółć")
    await hears(here, knows, PersonMerged(person_id="anna", into_person_id="ania"), now=AFTER)
    async with here.engine.connect() as connection:
        roster = await views.roster(connection, "s")
        replies = await listing.replies(connection, "s", after="", limit=10)
        given_name, family_name = await reading.names(connection, "anna")
    names = [
        {one.person_id: (one.given_name, one.family_name) for one in listed}["anna"] for listed in (roster, replies)
    ]
    assert [*names, (given_name, family_name)] == [("Ania", "Żółć")] * 3


@pytest.mark.parametrize(("model", "says"), [(SessionCancelled, "cancelled"), (SessionDrafted, "draft")])
async def test_while_a_session_does_not_take_place_its_roster_calls_nobody_enrolled(
    world: Make, model: type[Event], says: str
) -> None:
    here = await filled(world)

    async def roster() -> list[tuple[str, str]]:
        async with here.engine.connect() as connection:
            return [(row.state, row.stands) for row in await views.roster(connection, "s")]

    await hears(here, session(model=model), version=2)
    assert await roster() == [(says, "enrolled")] * 2
    await hears(here, session(model=SessionRescheduled), version=3)
    assert await roster() == [("enrolled", "enrolled")] * 2


async def test_a_statement_that_was_heard_quietly_is_looked_at_until_it_is_settled_also_of_a_session_that_is_over(
    world: Make,
) -> None:
    here = await filled(world)
    long_after = START + dt.timedelta(days=365)

    async def open_subjects() -> list[str]:
        async with here.engine.connect() as connection:
            return list(await SERVICE.open_subjects(connection, long_after))

    assert await open_subjects() == []
    async with here.engine.begin() as connection:
        await connection.execute(sa.update(SETTLED).values(session_event_id="the one before"))
    assert await open_subjects() == ["session/s"]


async def test_a_begun_session_whose_room_became_smaller_is_not_oversold_for_ever(world: Make) -> None:
    here = await filled(world)
    await hears(here, session(model=SessionRescheduled, capacity=1), now=AFTER, version=2)
    assert await oversold(here) == 0


async def test_a_seat_sold_twice_is_seen_also_in_a_session_that_has_begun(world: Make) -> None:
    here = await filled(world, kind=SessionKind.IN_DEPTH)
    await hears(here, session(model=SessionRescheduled, capacity=3, venue="Elsewhere"), now=AFTER, version=2)
    async with here.engine.begin() as connection:
        another = sa.select(*(sa.literal("celina") if one.name == "person_id" else one for one in PLACE.c))
        await connection.execute(sa.insert(PLACE).from_select(PLACE.c.keys(), another.limit(1)))
    assert await oversold(here) == 1


async def test_the_books_tell_which_held_requests_lie_in_no_stream(world: Make) -> None:
    here = await world(SERVICE)
    request = heard(EnrolmentRequested(session_id="nowhere", person_id="anna"), event_id="over-http", partition=-1)
    other = heard(EnrolmentRequested(session_id="nowhere", person_id="bartek"), event_id="in-kafka")
    await Decider(here.engine, SERVICE).act([request, other])
    async with here.engine.connect() as connection:
        its = await views.books(connection)
    assert (its["requests"]["held"], its["held_over_http"]) == (2, 1)


async def test_a_stage_that_is_stated_again_for_another_phase_takes_its_sessions_with_it_whoever_they_are_for(
    world: Make,
) -> None:
    here = await filled(world, kind=SessionKind.SUPPLEMENTARY)
    moved = StageOpened(rule_id="stage:1", stage=1, phase=2, opened_on=dt.date(2026, 1, 1))
    held = session("in-depth", phase=2)
    await hears(here, held, EnrolmentRequested(session_id="in-depth", person_id="anna"))

    await hears(here, moved, version=2)

    async with here.engine.connect() as connection:
        first = [(row.state, row.reason) for row in await views.roster(connection, "s")]
        second = [(row.person_id, row.state) for row in await views.roster(connection, "in-depth")]
    assert first == [("withdrawn", "town_not_qualified")] * 2
    assert second == [("anna", "enrolled")]


async def test_a_town_that_is_renamed_in_a_later_stage_is_called_by_its_newest_name_in_every_list(world: Make) -> None:
    here = await filled(world)
    await hears(here, OPENED.model_copy(update={"rule_id": "stage:2", "stage": 2}), city(TOWN, stage=2, name="Nowe"))
    async with here.engine.connect() as connection:
        (town,) = await views.towns(connection)
        shown = await views.session(connection, "s")
        assert shown is not None
        (of_session,) = await listing.towns(connection, shown, NOON, after="", limit=9)
    assert (town.name, [one.stage for one in town.stages]) == ("Nowe", [1, 2])
    assert of_session.name == shown.city_name == town.name
