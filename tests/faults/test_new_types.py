"""A type that this release does not know is skipped and remembered; a release that knows it hears it where it stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from services.enrolment import tables
from services.enrolment.app import SERVICE
from shared.books.parking import SKIPPED
from shared.contracts import EVENTS
from shared.contracts.model import Event
from shared.contracts.planner import SessionKind
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.contracts.selection import CityWithdrawn
from shared.events.streams import Partition
from shared.outbox.journal import JOURNAL
from shared.service import Service
from shared.testing import body_of, eventually, message
from tests.enrolment.surroundings import (
    SAID_OF_PLACES,
    Make,
    city,
    fresh,
    programme,
    rows,
    said_and_sent,
    settled,
    training,
)

pytestmark = pytest.mark.long


@contextmanager
def release_without(model: type[Event]) -> Iterator[None]:
    """A release from before the type's contract."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(EVENTS, model.type_name())
        yield


async def standing(here: Any, session_id: str) -> dict[str, str]:
    places = await rows(here, tables.PLACE, tables.PLACE.c.session_id == session_id)
    return {row.person_id: row.state for row in places}


async def skipped(here: Any, place: tuple[str, int, int], model: type[Event]) -> bool:
    stream, partition, offset = place
    found = await rows(here, SKIPPED, SKIPPED.c.stream == stream, SKIPPED.c.partition == partition)
    return any(row.type == model.type_name() and row.first_offset <= offset for row in found)


async def test_a_type_that_becomes_known_is_heard_in_its_order_and_once(world: Make) -> None:
    here = await world(SERVICE)
    town, session_id, one, two = fresh("town"), fresh("session"), fresh("person"), fresh("person")
    *known, _ = programme(town, [one, two], session_id)
    with release_without(WithdrawalRequested):
        async with here.running() as runtime:
            await runtime.may_decide.wait()
            await here.publish(*known, message(training(session_id, town, kind=SessionKind.IN_DEPTH, capacity=1)))
            await settled(here)
            asked = EnrolmentRequested(session_id=session_id, person_id=one)
            withdraws = WithdrawalRequested(session_id=session_id, person_id=one)
            asked_too = EnrolmentRequested(session_id=session_id, person_id=two)
            _, unknown, _ = await here.publish(message(asked), message(withdraws), message(asked_too))
            await settled(here)
            assert await skipped(here, unknown, WithdrawalRequested)
            assert await standing(here, session_id) == {one: "enrolled", two: "waitlisted"}

    async with here.running() as runtime:
        await eventually(lambda: moved_up(here, session_id, two), what="the withdrawal heard")
        await settled(here)
        books = (await runtime.health.books())["streams"]["enrolment.requests"]
        assert books["published"] == books["heard"] + books["parked"] + books["skipped"]
    assert await standing(here, session_id) == {one: "withdrawn", two: "enrolled"}
    assert len(await rows(here, JOURNAL, JOURNAL.c.key == session_id, SAID_OF_PLACES)) == 4
    assert not await skipped(here, unknown, WithdrawalRequested)


async def moved_up(here: Any, session_id: str, person_id: str) -> bool:
    return (await standing(here, session_id))[person_id] == "enrolled"


async def test_what_is_heard_late_undoes_nothing_newer(world: Make) -> None:
    here = await world(SERVICE)
    came_back, stays_out, session_id = fresh("town"), fresh("town"), fresh("session")
    with release_without(CityWithdrawn):
        async with here.running():
            await here.publish(*programme(came_back, [fresh("person")], session_id))
            await here.publish(message(out(came_back, 77), version=2), message(city(came_back, stage=77), version=3))
            await here.publish(message(city(stays_out)), message(out(stays_out, 1), version=2))
            await eventually(lambda: said_and_sent(here, session_id, 1), what="the enrolment")
            await settled(here)
    async with here.running():
        await eventually(lambda: outcome(here, stays_out, "withdrawn"), what="the withdrawal that is the newest")
        await eventually(lambda: nothing_skipped(here), what="every partition heard again")
        await settled(here)
        assert await outcome(here, came_back, "qualified")
        assert await said_and_sent(here, session_id, 1)  # Nobody lost the place meanwhile.


async def nothing_skipped(here: Any) -> bool:
    return not await rows(here, SKIPPED, SKIPPED.c.type == CityWithdrawn.type_name())


def out(town: str, stage: int) -> CityWithdrawn:
    return body_of(CityWithdrawn, city_id=town, stage=stage)


async def outcome(here: Any, town: str, expected: str) -> bool:
    ((row),) = await rows(here, tables.TOWN, tables.TOWN.c.city_id == town)
    return bool(row.outcome == expected)


class Upgraded(Service):
    """Enrolment in a consumer group of its own: it still is enrolment who speaks."""

    @property
    def source(self) -> str:
        return SERVICE.source


async def test_a_partition_that_comes_to_an_upgraded_replica_is_heard_again(world: Make) -> None:
    here = await world(SERVICE)
    town = fresh("town")
    here.service = Upgraded(**{**vars(SERVICE), "name": fresh("upgraded")})
    limits = here.settings.consumer.model_copy(update={"session_timeout_ms": 6_000})

    def replica(name: str) -> Any:
        settings = here.settings.model_copy(update={"replica": name, "consumer": limits})
        return dataclasses.replace(here, settings=settings)

    def holds(runtime: Any, partition: Partition) -> bool:
        return any(partition in lane.positions for lane in runtime.lanes)

    async with replica("one").running() as one, replica("two").running() as two:
        with release_without(CityWithdrawn):
            await eventually(lambda: all(lane.positioning.assigned() for each in (one, two) for lane in each.lanes))
            _, unknown = await here.publish(message(city(town), version=1), message(out(town, 1), version=2))
            await eventually(lambda: skipped(here, unknown, CityWithdrawn), what="the unknown type remembered")
        partition = Partition(*unknown[:2])
        old, upgraded = (one, two) if holds(one, partition) else (two, one)
        assert await outcome(here, town, "qualified")
        await old.broker.stop()  # Gone: after the session time-out its partitions go to the other one.
        await eventually(lambda: holds(upgraded, partition), what="the partition taken over")
        await eventually(lambda: outcome(here, town, "withdrawn"), what="the type heard")
