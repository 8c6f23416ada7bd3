"""What a request holds back is what its contract declares, whatever that is about: nothing in shared/ knows a session."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.enrolment.app import SERVICE
from shared.books.holding import load_held_about
from shared.books.parking import park, parked_row
from shared.contracts import EVENTS
from shared.contracts.model import Event, Id, Request
from shared.deciding.transaction import Decider
from shared.events.envelope import Heard, Reason, about_of
from shared.postgres.database import connect
from shared.postgres.roundtrips import Reads
from shared.postgres.tables import HELD
from shared.service import Inputs
from shared.state.working import Held, Working
from shared.testing import NOON, heard, message
from tests.databases import Databases

LATER = NOON + dt.timedelta(days=1)


class SurveyReopened(Request):
    """About a town and its campaign; of a town one is decided after the other."""

    stream = "enrolment.requests"
    subject = "campaign/{campaign_id}/city/{city_id}"
    about = ("campaign/{campaign_id}", "city/{city_id}")
    scope = "city/{city_id}"
    asks_for = "survey"

    session_id: Id = "none"
    campaign_id: Id
    city_id: Id


class SurveyedPeople(SurveyReopened):
    """Of several people at once."""

    about = ("campaign/{campaign_id}", "city/{city_id}/person/{people}")

    people: tuple[Id, ...]


class SurveyCounted(Request):
    """About a town, and holds nobody back."""

    stream = "enrolment.requests"
    subject = "city/{city_id}"

    session_id: Id = "none"
    city_id: Id


def reopened(city: str, number: str, at: dt.datetime = NOON) -> Heard[Any]:
    return heard(SurveyReopened(campaign_id="c1", city_id=city), event_id=number, at=at)


async def load(reads: Reads, working: Working, inputs: Inputs) -> None:
    about = [subject for one in inputs if isinstance(one, Heard) for subject in ("city/turek", "city/brzeg")]
    load_held_about(reads, working, about)


def hold_or_pass(working: Working, one: Heard[Any]) -> None:
    if working.waits_its_turn(one.body) or one.event_id.startswith("held"):
        working.hold(one, waits_for="turn", expires_at=LATER)
    else:
        working.leave_unchanged(one, "Reopened", "e-1")


@pytest.fixture
async def decider(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Decider]:
    for contract in (SurveyReopened, SurveyCounted):
        monkeypatch.setitem(EVENTS, contract.type_name(), contract)
    decide: dict[type[Event], Any] = {SurveyReopened: hold_or_pass, SurveyCounted: hold_or_pass}
    touches = (*SERVICE.touches, *decide)
    async with databases.while_needed("enrolment") as url:
        engine: AsyncEngine = connect(url, pool_size=2, statement_timeout_ms=10_000, application="test")
        yield Decider(engine, dataclasses.replace(SERVICE, decide=decide, load=load, touches=touches))
        await engine.dispose()


async def held(decider: Decider) -> list[str]:
    async with decider.engine.connect() as connection:
        return list((await connection.execute(sa.select(HELD.c.request_id).order_by(HELD.c.request_id))).scalars())


async def test_a_held_request_about_a_town_holds_back_the_next_one_about_the_town_and_no_other(
    decider: Decider,
) -> None:
    await decider.act([reopened("turek", "held-1")])
    await decider.act([reopened("turek", "2"), reopened("brzeg", "3")])
    assert await held(decider) == ["2", "held-1"]


async def test_a_parked_request_about_a_town_holds_back_the_next_one_about_the_town_and_no_other(
    decider: Decider,
) -> None:
    first = reopened("turek", "1")
    record = message(first.body, event_id="1").record()
    async with decider.engine.begin() as connection:
        await park(connection, [parked_row(record, Reason.UNDECIDABLE, "", now=NOON, heard=first)])
    inputs = [reopened("turek", "2", LATER), reopened("brzeg", "3", LATER)]
    thought = await decider.act(inputs)
    assert [(one.heard.event_id, one.reason) for one in thought.aside] == [("2", Reason.BEHIND_PARKED)]


async def test_a_request_without_a_scope_holds_back_nothing(decider: Decider) -> None:
    counted = heard(SurveyCounted(city_id="turek"), event_id="held-1")
    again = heard(SurveyCounted(city_id="turek"), event_id="2")
    assert parked_row(message(counted.body).record(), Reason.UNDECIDABLE, "", now=NOON, heard=counted).scope is None
    await decider.act([counted])
    await decider.act([again])
    assert await held(decider) == ["held-1"]


def test_a_request_about_several_people_is_about_each_of_them() -> None:
    asks = SurveyedPeople(campaign_id="c1", city_id="turek", people=("anna", "olga"))
    assert about_of(asks) == ("campaign/c1", "city/turek/person/anna", "city/turek/person/olga")


async def test_news_of_anything_it_is_about_finds_a_held_request(decider: Decider) -> None:
    await decider.act([reopened("turek", "held-1"), heard(SurveyCounted(city_id="turek"), event_id="held-2")])

    async def found(*subjects: str) -> list[str]:
        working = decider.service.working(NOON)
        async with decider.engine.connect() as connection:
            reads = Reads(connection)
            load_held_about(reads, working, subjects)
            await reads.run()
        return sorted(one.request_id for one in working[Held])

    assert await found("campaign/c1") == ["held-1"]
    assert await found("city/turek") == ["held-1", "held-2"]
    assert await found("city/brzeg", "campaign/c2") == []
