"""A parked record heard again, in a real database: what it makes us say is told, and what fails again says why."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from services.enrolment.app import SERVICE
from shared.books import parking
from shared.books.parking import Parked
from shared.contracts.planner import SessionKind
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.rules import SourceTakenOver
from shared.deciding.retry import ParkedRetry
from shared.deciding.transaction import Decider
from shared.events.decoding import decode
from shared.events.envelope import Heard, Poison, Reason
from shared.service import Service, utc_now
from shared.testing import NOON, decoded, message
from tests.enrolment.surroundings import city, programme, training

PLACE = ("enrolment.requests", 0, 7)


def decides() -> asyncio.Event:
    may_decide = asyncio.Event()
    may_decide.set()
    return may_decide


async def heard_again(engine: AsyncEngine, service: Service) -> tuple[Parked, list[str]]:
    """A request that was parked for a reason that is gone; and what was told of it."""
    told: list[str] = []
    record = message(EnrolmentRequested(session_id="s", person_id="anna"), at=NOON).record(offset=PLACE[2])
    async with engine.begin() as connection:
        await parking.park(connection, [parking.poison_row(Poison(record, Reason.UNDECIDABLE, "before"), now=NOON)])
    decider = Decider(engine, service, said=lambda facts: told.extend(type(one.body).__name__ for one in facts))
    row = await ParkedRetry(engine, service, decider, may_decide=decides()).retry(*PLACE)
    assert row is not None
    return row, told


async def test_what_a_record_heard_again_makes_us_say_is_told_to_the_relay(engine: AsyncEngine) -> None:
    *team, _ = programme("town", ["anna"], "s")
    seats = message(training("s", "town", kind=SessionKind.IN_DEPTH))
    await Decider(engine, SERVICE).act([decoded(one, at=utc_now()) for one in (*team, seats)])
    row, told = await heard_again(engine, SERVICE)
    assert (row.state, told) == ("heard", ["ParticipantEnrolled"])


async def test_what_fails_again_stays_parked_and_says_why(engine: AsyncEngine) -> None:
    def fails(*_: Any) -> None:
        raise LookupError("still broken")

    row, told = await heard_again(engine, dataclasses.replace(SERVICE, decide={EnrolmentRequested: fails}))
    assert (row.state, told) == ("parked", [])
    assert "LookupError" in row.detail


async def test_what_could_not_be_read_and_can_be_now_says_whose_it_is_and_is_let_go_with_what_it_waited_behind(
    engine: AsyncEngine,
) -> None:
    """Parked by an older release, which did not know a word of it, and heard again by this one."""
    request = EnrolmentRequested(session_id="s", person_id="anna")
    first, second = (message(request, at=NOON).record(offset=number) for number in (7, 8))
    stuck = decode(first)
    assert isinstance(stuck, Heard)
    async with engine.begin() as connection:
        await parking.park(connection, [parking.parked_row(first, Reason.UNDECIDABLE, "stuck", now=NOON, heard=stuck)])
        await parking.park(connection, [parking.poison_row(Poison(second, Reason.INVALID_BODY, "old"), now=NOON)])
    retry = ParkedRetry(engine, SERVICE, Decider(engine, SERVICE), may_decide=decides())

    row = await retry.retry(second.topic, second.partition, second.offset)
    assert row is not None and (row.state, row.reason) == ("parked", Reason.BEHIND_PARKED)
    assert (row.source, row.type, row.scope) == (stuck.source, stuck.type, "session/s/person/anna")

    await retry.discard(first.topic, first.partition, first.offset)
    async with engine.connect() as connection:
        row = await parking.find(connection, second.topic, second.partition, second.offset)
    assert row is not None and row.state == "heard"


async def test_one_that_our_own_code_fails_on_keeps_nobody_else_from_being_let_in(engine: AsyncEngine) -> None:
    records = [
        message(city(town), source=source, at=NOON).record(offset=offset)
        for offset, (town, source) in enumerate(
            [("a", "urn:old"), ("b", "urn:old"), ("a", "urn:new"), ("b", "urn:new")]
        )
    ]
    heard = [decode(one) for one in records]
    assert all(isinstance(one, Heard) for one in heard)
    rule = SourceTakenOver(rule_id="r", in_stream="programme.cities", from_source="urn:old", to_source="urn:new")
    await Decider(engine, SERVICE).act([*heard[:2], decoded(message(rule), at=utc_now())])  # type: ignore[list-item]
    async with engine.begin() as connection:
        rows = [
            parking.parked_row(one, Reason.FOREIGN_WRITER, "not yet", now=NOON, heard=its)  # type: ignore[arg-type]
            for one, its in zip(records[2:], heard[2:], strict=True)
        ]
        await parking.park(connection, rows)

    async def lock(_connection: Any, inputs: Any) -> None:
        if any(one.body.city_id == "a" for one in inputs):
            raise LookupError("only for this one")

    service = dataclasses.replace(SERVICE, lock=lock)
    await ParkedRetry(engine, service, Decider(engine, service), may_decide=decides()).let_in()
    async with engine.connect() as connection:
        states = [(await parking.find(connection, "programme.cities", 0, offset)) for offset in (2, 3)]
    assert [one.state for one in states if one is not None] == ["parked", "heard"]
