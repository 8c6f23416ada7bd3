"""A broker's log that lost its end, or is another one: what was heard is absorbed, what was said is said again, nothing is doubled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from services.enrolment import tables
from services.enrolment.app import SERVICE
from shared.books.parking import PARKED
from shared.contracts.enrolment import Basis, ParticipantEnrolled
from shared.contracts.portal import WithdrawalRequested
from shared.contracts.selection import CityQualified
from shared.deciding.transaction import Decider
from shared.events.streams import Partition, create_streams
from shared.kafka.observer import topic_partition
from shared.outbox.journal import JOURNAL
from shared.rebuilding.rebuild import compare
from shared.testing import Message, body_of, eventually, heard, json_message, message
from tests.enrolment.surroundings import (
    Make,
    city,
    enrolled,
    fresh,
    known,
    programme,
    rows,
    said_and_sent,
    settled,
    training,
)
from tests.faults.breaking import (
    ends,
    everything_said_once,
    header,
    how_often_said,
    make_anew,
    partition_of_key,
    records_of,
    restart,
)

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
async def broker(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kafka]:
    """A broker that may be broken."""
    server = Kafka(tmp_path_factory.mktemp("breakable"), ports.choose_free())
    await asyncio.to_thread(server.start)
    admin = AIOKafkaAdminClient(bootstrap_servers=server.bootstrap)
    await admin.start()
    await create_streams(admin)
    await admin.close()
    yield server
    await asyncio.to_thread(server.stop)


def elsewhere(stream: str, kind: str, *others: str) -> str:
    """An id whose partition is none of the others'."""
    taken = {partition_of_key(stream, other) for other in others}
    return next(one for one in iter(lambda: fresh(kind), "") if partition_of_key(stream, one) not in taken)


def beside(stream: str, kind: str, other: str) -> str:
    """An id in the same partition as the other."""
    wanted = partition_of_key(stream, other)
    return next(one for one in iter(lambda: fresh(kind), "") if partition_of_key(stream, one) == wanted)


async def places(here: Any, *sessions: str) -> list[tuple[Any, ...]]:
    found = await rows(here, tables.PLACE, tables.PLACE.c.session_id.in_(sessions))
    return sorted((row.session_id, row.person_id, row.state, row.version, row.event_id) for row in found)


def event_of(found: list[tuple[Any, ...]], session_id: str, person_id: str) -> str:
    """The fact by which a place stands."""
    return str(next(place for place in found if place[:2] == (session_id, person_id))[-1])


async def in_order(here: Any, session_id: str) -> list[str]:
    """What we said about a session, as its stream has it."""
    records = await records_of(here, "enrolment.events")
    return [header(record, "ce_id") for record in records if record.key == session_id.encode()]


async def parked_in(here: Any, part: Partition, number: int) -> list[Any]:
    """The parked records of a partition, if there are so many."""
    found = await rows(here, PARKED, PARKED.c.stream == part.stream, PARKED.c.partition == part.number)
    return found if len(found) == number else []


async def books_balance(runtime: Any) -> bool:
    streams = (await runtime.health.books())["streams"].values()
    return all(s["lag"] == 0 and s["published"] == s["heard"] + s["parked"] + s["skipped"] for s in streams)


def withdrawal(session_id: str, person_id: str) -> WithdrawalRequested:
    return WithdrawalRequested(session_id=session_id, person_id=person_id)


async def test_what_a_log_lost_is_absorbed_if_heard_and_said_again_if_it_was_ours(world: Make, broker: Kafka) -> None:
    """Two partitions of our own lose their ends, one is appended to since; so does an input that somebody else writes."""
    here = await world(SERVICE, kafka=broker.bootstrap)
    own, town, person, other = "enrolment.events", fresh("town"), fresh("person"), fresh("person")
    shorter = fresh("session")
    refilled = elsewhere(own, "session", shorter)
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await here.publish(*programme(town, [person, other], shorter))
        await here.publish(message(training(refilled, town, days_ahead=31)))  # Nobody has two places at once.
        await eventually(lambda: said_and_sent(here, shorter, 2))
        await eventually(lambda: said_and_sent(here, refilled, 2))
        await settled(here)
        kept = await ends(here, own)
        for session in (shorter, refilled):
            await here.publish(message(withdrawal(session, person)))
            await eventually(lambda session=session: said_and_sent(here, session, 3))
        input_kept = await ends(here, "programme.cities")
        lost_town = beside("programme.cities", "town", town)
        await here.publish(message(city(lost_town)))
        await settled(here)
    said = await how_often_said(here, shorter, refilled)
    cuts = [(part, kept[part]) for part in (partition_of_key(own, shorter), partition_of_key(own, refilled))]
    cities = partition_of_key("programme.cities", town)

    await restart(broker, *cuts, (cities, input_kept[cities]))
    assert sum((await how_often_said(here, shorter, refilled)).values()) == sum(said.values()) - 2
    archived = beside(own, "session", refilled)
    for number in range(2):
        fact = body_of(
            ParticipantEnrolled, session_id=archived, person_id=f"p{number}", city_id=town, basis=Basis.REQUEST
        )
        await here.publish(message(fact, source="urn:example:archive"))
    new_town = beside("programme.cities", "town", town)
    await here.publish(message(city(new_town)))

    # Decided, and not sent before the power cut.
    await Decider(here.engine, SERVICE).act([heard(withdrawal(shorter, other))])
    before = await places(here, shorter, refilled)

    async with here.running() as runtime:
        await eventually(lambda: known(here, new_town), what="the town in the place of a lost one")
        await eventually(lambda: everything_said_once(here, shorter, refilled), what="the lost facts said again")
        await settled(here)
        assert await known(here, lost_town)
        await eventually(lambda: books_balance(runtime), what="balanced books")
    assert (await in_order(here, shorter))[-1] == event_of(before, shorter, other)
    assert await places(here, shorter, refilled) == before
    assert await enrolled(here, archived) == 2


async def test_a_running_service_says_again_what_its_stream_lost_before_it_says_more(
    world: Make, broker: Kafka
) -> None:
    here = await world(SERVICE, kafka=broker.bootstrap)
    town, session = fresh("town"), fresh("session")
    people = [fresh("person") for _ in range(3)]
    own = partition_of_key("enrolment.events", session)
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await here.publish(*programme(town, people, session))
        await eventually(lambda: said_and_sent(here, session, 3))
        kept = await ends(here, own.stream)
        await here.publish(message(withdrawal(session, people[0])))
        await eventually(lambda: said_and_sent(here, session, 4))
        await settled(here)

        await restart(broker, (own, kept[own]))
        await eventually(lambda: everything_said_once(here, session), what="the lost fact said again")
        await here.publish(message(withdrawal(session, people[1])))
        await eventually(lambda: said_and_sent(here, session, 5))
        await settled(here)
        assert await everything_said_once(here, session)
        await eventually(lambda: books_balance(runtime), what="balanced books")


async def test_a_bad_record_is_kept_when_a_stream_made_anew_holds_another_one_at_its_offset(
    world: Make, broker: Kafka
) -> None:
    here = await world(SERVICE, kafka=broker.bootstrap)
    town, stream = fresh("town"), "programme.cities"
    part = partition_of_key(stream, town)

    def bad(number: int) -> Message:
        return json_message(stream, town.encode(), {"city_id": number}, CityQualified.type_name())

    async with here.running() as runtime:
        await runtime.may_decide.wait()
    await make_anew(here, stream)
    await here.publish(bad(1), bad(2))
    async with here.running():  # A watermark of the log before may stand beyond both.
        await eventually(lambda: parked_in(here, part, 2), what="both parked")
    await make_anew(here, stream)
    await here.publish(bad(3), message(city(town)))
    async with here.running() as runtime:
        await eventually(lambda: known(here, town), what="the town behind the third")
        await settled(here)
        await eventually(lambda: books_balance(runtime), what="balanced books")
        parked = await parked_in(here, part, 3)
        assert sorted(json.loads(row.value)["city_id"] for row in parked) == [1, 2, 3]
        (displaced,) = (row for row in parked if row.offset < 0)
        assert (await runtime.retry.discard(*part, displaced.offset)).state == "discarded"
        # What stands where the second one stood is a good record: it is left out of nothing.
        report = await compare(SERVICE, here.settings)
        assert town not in str(report.differences)


async def test_streams_made_anew_under_a_running_service_are_heard_from_the_start_and_ours_is_said_again(
    world: Make, broker: Kafka
) -> None:
    here = await world(SERVICE, kafka=broker.bootstrap)
    town, session = fresh("town"), fresh("session")
    people = [fresh("person") for _ in range(3)]
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await here.publish(*programme(town, people, session))
        await eventually(lambda: said_and_sent(here, session, 3))
        await settled(here)
        said = {entry.event_id for entry in await rows(here, JOURNAL)}

        await make_anew(here, "programme.cities", "enrolment.events")
        await eventually(lambda: everything_said_once(here, session), what="our facts said again")
        newcomer = fresh("town")
        await here.publish(message(city(town, stage=77)), message(city(newcomer)))
        await eventually(lambda: known(here, newcomer), what="a town of the new stream")
        await settled(here)
        await eventually(lambda: books_balance(runtime), what="balanced books")
    assert {entry.event_id for entry in await rows(here, JOURNAL)} == said
    assert await enrolled(here, session) == 3


async def test_a_stream_that_lost_everything_between_two_looks_is_said_again(world: Make, broker: Kafka) -> None:
    """aiokafka goes back to the start of a shorter log without a word, and an empty one hands out no record that could be checked."""
    here = await world(SERVICE, kafka=broker.bootstrap)
    looks = here.settings.consumer.watch_seconds
    never = here.settings.consumer.model_copy(update={"watch_seconds": 3600, "session_timeout_ms": 120_000})
    here.settings = here.settings.model_copy(update={"consumer": never})
    town, session = fresh("town"), fresh("session")
    own = partition_of_key("enrolment.events", session)
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await here.publish(*programme(town, [fresh("person")], session))
        await eventually(lambda: said_and_sent(here, session, 1))
        await settled(here)
        (positioning,) = (lane.positioning for lane in runtime.lanes if own.stream in lane.streams)

        await restart(broker, (own, 0))

        async def is_reset() -> bool:
            return await positioning.consumer().position(topic_partition(own)) == 0

        await eventually(is_reset, what="aiokafka's own reset")
        assert positioning.positions.reached()[own] > 0
        positioning.watch_seconds = looks
        looking = asyncio.create_task(positioning.watch())
        await eventually(lambda: everything_said_once(here, session), what="our fact said again")
        await settled(here)
        looking.cancel()


async def test_streams_made_anew_while_the_service_is_stopped_are_heard_from_the_start_and_ours_is_said_again(
    world: Make, broker: Kafka
) -> None:
    here = await world(SERVICE, kafka=broker.bootstrap)
    town, session, person = fresh("town"), fresh("session"), fresh("person")
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await here.publish(*programme(town, [person, fresh("person")], session))
        await eventually(lambda: said_and_sent(here, session, 2))
        await settled(here)
    # Decided, and not sent yet: it may not pass what was said before it.
    await Decider(here.engine, SERVICE).act([heard(withdrawal(session, person))])
    everything = sorted(entry.event_id for entry in await rows(here, JOURNAL))

    await make_anew(here, "programme.cities", "enrolment.events")
    newcomer = fresh("town")
    await here.publish(message(city(newcomer)))
    async with here.running() as runtime:
        await eventually(lambda: known(here, newcomer), what="a town of the new stream")
        await eventually(lambda: everything_said_once(here, session), what="our facts said again")
        await settled(here)
        await eventually(lambda: books_balance(runtime), what="balanced books")
    assert sorted(entry.event_id for entry in await rows(here, JOURNAL)) == everything
    assert await enrolled(here, session) == 1
    assert (await in_order(here, session))[-1] == event_of(await places(here, session), session, person)
