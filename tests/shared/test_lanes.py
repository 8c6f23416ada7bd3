"""The fact lane's one statement and the deciding lane's thinking come to the same rows, counts and parked records."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.enrolment import tables
from services.enrolment.app import SERVICE
from services.notifications import app as notifications
from shared.books import watermark
from shared.books.batch import Batch, NotContinuous
from shared.books.parking import PARKED
from shared.books.watermark import WATERMARK
from shared.contracts.directory import PersonErased, PersonRegistered
from shared.deciding import facts, thinking, transaction
from shared.deciding.facts import FactWriter
from shared.deciding.transaction import Decider
from shared.events.decoding import decode
from shared.events.streams import Partition
from shared.postgres.database import arrays_of
from shared.service import Service
from shared.testing import NOON, Message, body_of, message
from shared.testing import heard as heard_
from tests.campaigns import cases
from tests.databases import Databases
from tests.faults.trained import ATTENDANCE

PART = Partition("programme.people", 3)


@dataclass
class Lanes:
    """The same service twice: once through each lane."""

    fast: AsyncEngine
    slow: AsyncEngine

    async def empty(self) -> None:
        for engine in (self.fast, self.slow):
            async with engine.begin() as connection:
                for table in (tables.PERSON, WATERMARK, PARKED):
                    await connection.execute(sa.delete(table))
                # A partition nobody has heard yet has no watermark, and then the first batch is no ordinary one.
                await watermark.lock(connection, [PART])

    def hearers(self) -> tuple[Any, Any]:
        fast = FactWriter(self.fast, SERVICE, Decider(self.fast, SERVICE))
        return fast, Decider(self.slow, SERVICE)


@pytest.fixture(scope="module")
async def lanes(databases: Databases) -> AsyncIterator[Lanes]:
    engines = [create_async_engine(await databases.migrated("enrolment")) for _ in range(2)]
    yield Lanes(*engines)
    for engine in engines:
        await engine.dispose()


async def contents(engine: AsyncEngine, table: sa.Table, *leave_out: str) -> list[tuple[Any, ...]]:
    columns = [column for column in table.c if column.name not in leave_out]
    async with engine.connect() as connection:
        return sorted(map(tuple, await connection.execute(sa.select(*columns))), key=repr)


def batch(messages: Sequence[Message], first_offset: int) -> tuple[Batch, list[Any]]:
    """Appended two a millisecond: what is said again is mostly heard at another moment."""
    moments = (NOON + dt.timedelta(milliseconds=(first_offset + n) // 2) for n in range(len(messages)))
    records = [
        one.record(offset=first_offset + n, partition=PART.number, at=at)
        for n, (one, at) in enumerate(zip(messages, moments, strict=True))
    ]
    return Batch(PART, first_offset, records), [decode(record) for record in records]


def person(person_id: str, name: str, source: str, version: int | None, event: int) -> Message:
    body = PersonRegistered(person_id=person_id, given_name=name, family_name="x")
    return message(body, source=source, version=version, event_id=f"e-{event}", at=NOON)


people, names, events = st.sampled_from(["p1", "p2"]), st.sampled_from(["a", "b", "c"]), st.integers(1, 6)
ordinary = st.builds(person, people, names, st.just("urn:one"), st.integers(1, 4), events)
strange = st.builds(
    person, people, names, st.sampled_from(["urn:one", "urn:two"]), st.sampled_from([1, 2, None]), events
)
erased = st.builds(
    lambda person_id, version: message(PersonErased(person_id=person_id), source="urn:one", version=version, at=NOON),
    st.sampled_from(["p1", "p2"]),
    st.integers(1, 6),
)
oddities = st.sampled_from(
    [
        Message("programme.people", b"p1", None),
        Message("programme.people", b"p1", b"{"),
        message(PersonErased(person_id="p3"), ce_type="rollcall.Unknown.v1", at=NOON),
    ]
)
streams = st.one_of(
    st.lists(ordinary, min_size=2, max_size=24),
    st.lists(st.one_of(ordinary, ordinary, ordinary, erased), min_size=2, max_size=24),
    st.lists(st.one_of(ordinary, strange, erased, oddities), min_size=2, max_size=24),
)


def stated(*all_of_them: str) -> list[Message]:
    """Names with versions, each under the same id."""
    return [person("p1", one[0], "urn:one", int(one[1:]), 1) for one in all_of_them]


@settings(max_examples=cases(150), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(streams, st.integers(1, 9))
@example(stated("a1", "b1"), 1)
@example(stated("a1", "b1"), 2)
@example(stated("a1", "a1", "b1", "a2"), 2)
async def test_both_lanes_come_to_the_same(lanes: Lanes, messages: list[Message], size: int) -> None:
    await lanes.empty()
    for hearer in lanes.hearers():
        for start in range(0, len(messages), size):
            part, decoded = batch(messages[start : start + size], start)
            await hearer.hear([part], [decoded])
    assert await contents(lanes.fast, tables.PERSON) == await contents(lanes.slow, tables.PERSON)
    assert await contents(lanes.fast, WATERMARK) == await contents(lanes.slow, WATERMARK)
    assert await contents(lanes.fast, PARKED, "parked_at") == await contents(lanes.slow, PARKED, "parked_at")


@pytest.mark.parametrize("service", [SERVICE, ATTENDANCE, notifications.SERVICE], ids=lambda service: service.name)
async def test_whatever_the_fact_lane_hears_it_can_write(databases: Databases, service: Service) -> None:
    """Also a row that is nothing but its key."""
    heard = {model: make for model, make in service.make.items() if model.stream in service.facts}
    kinds = {type(make(heard_(body_of(model)))) for model, make in heard.items()}
    engine = create_async_engine(await databases.migrated(service.name))
    try:
        async with engine.connect() as connection:
            for table in map(service.table, kinds):
                nothing = watermark.parameters([]) | arrays_of(table, [])
                assert (await connection.execute(facts._statement((table,)), nothing)).one() == (True, 0)
    finally:
        await engine.dispose()
    assert kinds


async def test_a_batch_that_does_not_continue_the_watermark_writes_nothing(lanes: Lanes) -> None:
    await lanes.empty()
    for engine, hearer in zip((lanes.fast, lanes.slow), lanes.hearers(), strict=True):
        part, decoded = batch([person("p1", "a", "urn:one", 1, 1)], 7)
        with pytest.raises(NotContinuous):
            await hearer.hear([part], [decoded])
        assert await contents(engine, tables.PERSON) == []


async def test_what_was_heard_before_is_dropped_and_the_rest_is_heard(lanes: Lanes) -> None:
    await lanes.empty()
    for engine, hearer in zip((lanes.fast, lanes.slow), lanes.hearers(), strict=True):
        first = [person("p1", "a", "urn:one", 1, 1), person("p2", "a", "urn:one", 1, 2)]
        await hearer.hear(*([one] for one in batch(first, 0)))
        await hearer.hear(*([one] for one in batch([*first, person("p3", "a", "urn:one", 1, 3)], 0)))
        async with engine.connect() as connection:
            mark = (await watermark.read(connection))[PART]
        assert (mark.next_offset, mark.heard) == (3, 3)


NOT_JSON = Message("programme.people", b"p8", b"{", person("p8", "a", "urn:one", 1, 8).headers)
KNOWN = [person(name, "a", "urn:one", 1, number) for number, name in enumerate(("p1", "p2", "p3"))]
ORDINARY = [person("p1", "b", "urn:one", 2, 11), person("p4", "a", "urn:one", 1, 14), KNOWN[2]]


@pytest.mark.parametrize(
    ("bad", "thought_about"),
    [
        ([NOT_JSON], []),
        ([message(PersonErased(person_id="p3"), ce_type="rollcall.Unknown.v1", at=NOON)], []),
        ([person("p2", "b", "urn:two", 1, 12)], ["p2"]),
        ([person("p2", "b", "urn:one", None, 12), person("p2", "c", "urn:one", 2, 13)], ["p2", "p2"]),
        ([person("p2", "b", "urn:one", 1, 1)], ["p2"]),
        ([person("p2", "b", "urn:one", 1, 1), person("p2", "c", "urn:one", 2, 13)], ["p2", "p2"]),
        ([message(PersonErased(person_id="p2"), source="urn:one", version=2, at=NOON)], ["p2"]),
    ],
    ids=["not json", "unknown type", "foreign", "renumbered", "id reused", "id reused and superseded", "erasure"],
)
async def test_a_bad_record_costs_itself_and_not_its_batch(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch, bad: list[Message], thought_about: list[str]
) -> None:
    """Only the aggregate with which something is wrong is thought about; the others are written as in any batch."""
    await lanes.empty()
    thought: list[str] = []

    async def think(service: Service, connection: Any, inputs: Sequence[Any], **how: Any) -> Any:
        thought.extend(one.body.person_id for one in inputs)
        return await thinking.think(service, connection, inputs, **how)

    for hearer in lanes.hearers():
        await hearer.hear(*([one] for one in batch(KNOWN, 0)))
        with monkeypatch.context() as patch:
            if isinstance(hearer, FactWriter):
                patch.setattr(transaction, "think", think)
            await hearer.hear(*([one] for one in batch([*ORDINARY[:2], *bad, ORDINARY[2]], 3)))
    assert thought == thought_about
    for table, *leave_out in ((tables.PERSON,), (WATERMARK,), (PARKED, "parked_at")):
        assert await contents(lanes.fast, table, *leave_out) == await contents(lanes.slow, table, *leave_out)


async def test_what_is_delivered_again_within_a_batch_leaves_the_batch_ordinary(lanes: Lanes) -> None:
    await lanes.empty()
    fast, _ = lanes.hearers()
    again = person("p1", "a", "urn:one", 1, 1)
    part, decoded = batch([again, person("p2", "a", "urn:one", 1, 2), again, again], 0)
    assert len({one.appended_at for one in decoded}) == 2
    assert await fast._hear_ordinary([part], [decoded])


async def test_a_transaction_that_fails_leaves_nothing(lanes: Lanes) -> None:
    await lanes.empty()
    async with lanes.slow.begin() as connection:
        await connection.execute(
            sa.text(
                "create function fail() returns trigger language plpgsql as 'begin perform pg_terminate_backend(pg_backend_pid()); return null; end'"
            )
        )
        await connection.execute(
            sa.text("create trigger fail after update on projection.watermark execute function fail()")
        )
    _, decider = lanes.hearers()
    with pytest.raises(sa.exc.DBAPIError):
        await decider.hear(*([one] for one in batch([person("p1", "a", "urn:one", 1, 1)], 0)))
    async with lanes.slow.begin() as connection:
        await connection.execute(sa.text("drop trigger fail on projection.watermark"))
    assert await contents(lanes.slow, tables.PERSON) == []
