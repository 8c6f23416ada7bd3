"""Partitions that change hands, are held by two at once, or whose batches fail: every event is heard once, whoever hears it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services.enrolment import tables
from services.enrolment.app import SERVICE
from shared.books import watermark
from shared.books.batch import Batch
from shared.consuming.projector import Lane
from shared.contracts.survey import TrainingNeedDeclared
from shared.deciding.transaction import Thought
from shared.events.streams import Partition
from shared.process.runtime import Runtime
from shared.state.ownership import Verdict
from shared.testing import body_of, eventually, message
from tests.enrolment.surroundings import Make, city, fresh, programme, rows, said_and_sent, settled
from tests.faults.breaking import everything_said_once

pytestmark = pytest.mark.long

Hearing = Callable[..., Awaitable[Thought | None]]
OURS = ("programme.cities", "programme.needs")
"""One stream of each lane."""


def around(lane: Lane, hear: Callable[[Hearing, Sequence[Batch], Any], Awaitable[Any]]) -> None:
    """Puts a test between a lane and what hears its batches: before it, after it, or instead of it once."""
    inner = lane._hear
    lane._hear = lambda batches, decoded: hear(inner, batches, decoded)


@asynccontextmanager
async def at_work(runtime: Runtime) -> AsyncIterator[Runtime]:
    """A runtime that the test has prepared."""
    tasks = await runtime.start()
    try:
        yield runtime
        assert [task for task in tasks if task.done()] == []
    finally:
        await runtime.stop(tasks)
        await runtime.engine.dispose()


def counting(runtime: Runtime, verdicts: Counter[Verdict]) -> None:
    """Counts what the deciding lane did with the facts of others."""

    async def hear(inner: Hearing, batches: Sequence[Batch], decoded: Any) -> Any:
        thought = await inner(batches, decoded)
        if isinstance(thought, Thought):
            verdicts.update(verdict for verdict, source in thought.verdicts if source != SERVICE.source)
        return thought

    for lane in runtime.lanes:
        around(lane, hear)


async def publish_towns_and_needs(here: Any, number: int) -> tuple[list[str], list[str]]:
    towns, needs = [fresh("town") for _ in range(number)], [fresh("need") for _ in range(number)]
    await here.publish(*(message(city(town)) for town in towns))
    await here.publish(*(message(body_of(TrainingNeedDeclared, need_id=need, city_id=need)) for need in needs))
    return towns, needs


async def heard_once(here: Any, runtime: Runtime, towns: list[str], needs: list[str]) -> None:
    """Rows, watermarks and books say the same: each event once."""
    assert set(towns) <= {row.city_id for row in await rows(here, tables.TOWN)}
    assert set(needs) <= {row.need_id for row in await rows(here, tables.NEED)}
    for name, stream in (await runtime.health.books())["streams"].items():
        assert (stream["lag"], stream["published"]) == (0, stream["heard"] + stream["parked"] + stream["skipped"]), name


async def test_a_batch_in_flight_when_another_replica_takes_its_partition_is_heard_once(world: Make) -> None:
    here = await world(SERVICE)
    other = here.second()
    verdicts: Counter[Verdict] = Counter()
    released = asyncio.Event()
    in_flight: dict[Partition, int] = {}

    async def slowly(inner: Hearing, batches: Sequence[Batch], decoded: Any) -> Any:
        in_flight.update({batch.partition: batch.next_offset for batch in batches if batch.partition.stream in OURS})
        await released.wait()
        return await inner(batches, decoded)

    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await publish_towns_and_needs(
            here, 60
        )  # There is a watermark for every partition: the fact lane does it alone.
        await settled(here)
    towns, needs = await publish_towns_and_needs(here, 60)  # Many partitions in one batch.
    first, second = Runtime(SERVICE, here.settings), Runtime(SERVICE, other.settings)
    counting(first, verdicts)
    counting(second, verdicts)
    for lane in first.lanes:
        around(lane, slowly)
    async with at_work(first):
        await eventually(
            lambda: set(OURS) <= {part.stream for part in in_flight}, what="a batch of each lane in flight"
        )
        async with at_work(second):
            await eventually(
                lambda: took_over(here, second, in_flight), what="what is in flight heard by the other one"
            )
            released.set()
            await settled(here)
            await heard_once(here, second, towns, needs)
    assert (verdicts[Verdict.NEWER], verdicts[Verdict.DUPLICATE]) == (60, 0)


async def took_over(here: Any, runtime: Runtime, in_flight: dict[Partition, int]) -> bool:
    """Whether this replica has heard, in each lane, what another one still holds in flight."""
    async with here.engine.connect() as connection:
        marks = await watermark.read(connection, OURS)
    taken = {part for lane in runtime.lanes for part in lane.positioning.assigned()} & set(in_flight)
    heard = {part.stream for part in taken if part in marks and marks[part].next_offset >= in_flight[part]}
    return heard == set(OURS)


async def test_two_consumers_that_both_believe_a_partition_is_theirs_hear_each_event_once(world: Make) -> None:
    """The second one belongs to another group: nobody ever revokes anything, as for a zombie that was not told."""
    here = await world(SERVICE)
    other = here.second()
    verdicts: Counter[Verdict] = Counter()
    async with here.running() as first:
        await first.may_decide.wait()
        await settled(here)
        stranger = Runtime(SERVICE, other.settings)
        for lane in stranger.lanes:
            lane._subscriber.group_id = fresh("group")
        counting(first, verdicts)
        counting(stranger, verdicts)
        async with at_work(stranger):
            await eventually(lambda: all_positioned(first, stranger), what="both on every partition")
            towns, needs = await publish_towns_and_needs(here, 150)
            session, member = fresh("session"), [fresh("person") for _ in range(3)]
            await here.publish(*programme(fresh("town"), member, session))
            await eventually(lambda: said_and_sent(here, session, 3))
            await settled(here)
            await heard_once(here, first, towns, needs)
            assert await everything_said_once(here, session)
    facts = 150 + 6  # Towns; the stage, which other tests may have said before; a town with its team and its session.
    assert verdicts[Verdict.NEWER] + verdicts[Verdict.DUPLICATE] == facts


def all_positioned(*runtimes: Runtime) -> bool:
    lanes = [lane for runtime in runtimes for lane in runtime.lanes]
    return all(
        Partition(stream, 0) in lane.positions
        and lane.positioning.assigned()
        and all(p in lane.positions for p in lane.positioning.assigned())
        for lane in lanes
        for stream in lane.streams
    )


@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "at the commit"])
async def test_a_batch_decoded_ahead_of_one_that_failed_waits_for_it(world: Make, *, committed: bool) -> None:
    here = await world(SERVICE)
    need = fresh("need")
    tried: list[int] = []

    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await settled(here)
        (lane,) = (lane for lane in runtime.lanes if lane.name == "facts")

        async def fails_once(inner: Hearing, batches: Sequence[Batch], decoded: Any) -> Any:
            (batch,) = batches
            tried.append(batch.from_offset)
            if len(tried) > 1:
                return await inner(batches, decoded)
            await here.publish(message(declared(need, "Second"), version=2))
            await eventually(lambda: lane.positions.reached().get(batch.partition, 0) > batch.next_offset)
            for _ in range(10):  # Its successor is decoded, and stands before the write.
                await asyncio.sleep(0)
            if committed:
                await inner(batches, decoded)
            raise ConnectionError("nobody knows whether it was written")

        around(lane, fails_once)
        (place,) = await here.publish(message(declared(need, "First"), version=1))
        await eventually(lambda: rows(here, tables.NEED, tables.NEED.c.audience == "Second"), what="the second")
        await settled(here)
        await heard_once(here, runtime, [], [need])
    offset = place[2]
    assert tried[:2] == [offset, offset + 1 if committed else offset]


def declared(need_id: str, audience: str) -> TrainingNeedDeclared:
    return body_of(TrainingNeedDeclared, need_id=need_id, city_id=need_id, audience=audience)
