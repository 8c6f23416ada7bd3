"""What is read of enrolment: lists that a person reads, in the order of the alphabet."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.enrolment import views
from services.enrolment.app import SERVICE
from shared.contracts.directory import PersonRegistered
from shared.contracts.enrolment import ParticipantEnrolled, ParticipantWaitlisted
from shared.contracts.planner import SessionScheduled
from shared.contracts.selection import CityQualified
from shared.deciding.transaction import Decider
from shared.testing import body_of, heard
from tests.databases import Databases


@pytest.fixture
async def database(databases: Databases) -> AsyncIterator[AsyncEngine]:
    async with databases.while_needed("enrolment") as url:
        engine = create_async_engine(url)
        yield engine
        await engine.dispose()


async def test_lists_stand_in_the_order_of_the_alphabet_and_the_waiting_list_in_its_own(database: AsyncEngine) -> None:
    decider = Decider(database, SERVICE)
    placed = [
        ("Zych", ParticipantEnrolled, 1),
        ("Ćwik", ParticipantEnrolled, 2),
        ("Adam", ParticipantWaitlisted, 4),
        ("Żak", ParticipantWaitlisted, 3),
    ]
    await decider.act([heard(body_of(SessionScheduled, session_id="s"))])
    for name, standing, queue in placed:
        person = f"p-{queue}"
        known = heard(body_of(PersonRegistered, person_id=person, family_name=name))
        place = heard(body_of(standing, session_id="s", person_id=person, queue=queue), source="urn:example:archive")
        await decider.act([known, place])
    for number, name in enumerate(["Zamość", "Łomża", "Lublin", "Ćmielów"]):
        await decider.act([heard(body_of(CityQualified, city_id=f"c-{number}", name=name))])

    async with database.connect() as connection:
        people = [row.family_name for row in await views.roster(connection, "s")]
        towns = [town.name for town in await views.towns(connection)]

    assert people == ["Ćwik", "Zych", "Żak", "Adam"]
    assert towns == ["Ćmielów", "Lublin", "Łomża", "Zamość"]
