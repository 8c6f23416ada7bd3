"""A broker's log that lost its end, or is another one: what was heard is absorbed, what was said is said again, nothing is doubled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from services.enrolment import store
from services.enrolment.app import SERVICE
from shared.contracts.enrolment import Basis, ParticipantEnrolled
from shared.contracts.portal import WithdrawalRequested
from shared.deciding import Desk
from shared.journal import JOURNAL
from shared.streams import create_streams
from shared.testing import body_of, eventually, heard, message
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
    found = await rows(here, store.PLACE, store.PLACE.c.session_id.in_(sessions))
    return sorted((row.session_id, row.person_id, row.state, row.version, row.event_id) for row in found)


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
        await here.publish(programme(town, [], refilled)[-1])
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
    await Desk(here.engine, SERVICE, said=lambda: None).act([heard(withdrawal(shorter, other))])
    before = await places(here, shorter, refilled)

    async with here.running() as runtime:
        await eventually(lambda: known(here, new_town), what="the town in the place of a lost one")
        await eventually(lambda: everything_said_once(here, shorter, refilled), what="the lost facts said again")
        await settled(here)
        assert await known(here, lost_town)
        assert await books_balance(runtime)
    in_order = [header(record, "ce_id") for record in await records_of(here, own) if record.key == shorter.encode()]
    waited = next(place for place in before if place[:2] == (shorter, other))[-1]
    assert (in_order[-1], sorted(in_order[:-1])) == (waited, sorted(set(said) & set(in_order)))
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
        await eventually(lambda: everything_said_once(here, session), what="the lost fact said again", seconds=60)
        await here.publish(message(withdrawal(session, people[1])))
        await eventually(lambda: said_and_sent(here, session, 5))
        await settled(here)
        assert await everything_said_once(here, session)
        assert await books_balance(runtime)


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
        await eventually(lambda: everything_said_once(here, session), what="our facts said again", seconds=60)
        newcomer = fresh("town")
        await here.publish(message(city(town, stage=77)), message(city(newcomer)))
        await eventually(lambda: known(here, newcomer), what="a town of the new stream", seconds=60)
        await settled(here)
        assert await books_balance(runtime)
    assert {entry.event_id for entry in await rows(here, JOURNAL)} == said
    assert await enrolled(here, session) == 3


async def test_streams_made_anew_while_the_service_is_stopped_are_heard_from_the_start_and_ours_is_said_again(
    world: Make, broker: Kafka
) -> None:
    here = await world(SERVICE, kafka=broker.bootstrap)
    town, session = fresh("town"), fresh("session")
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await here.publish(*programme(town, [fresh("person"), fresh("person")], session))
        await eventually(lambda: said_and_sent(here, session, 2))
        await settled(here)
    everything = sorted(entry.event_id for entry in await rows(here, JOURNAL))

    await make_anew(here, "programme.cities", "enrolment.events")
    newcomer = fresh("town")
    await here.publish(message(city(newcomer)))
    async with here.running() as runtime:
        await eventually(lambda: known(here, newcomer), what="a town of the new stream")
        await eventually(lambda: everything_said_once(here, session), what="our facts said again")
        await settled(here)
        assert await books_balance(runtime)
    assert sorted(entry.event_id for entry in await rows(here, JOURNAL)) == everything
    assert await enrolled(here, session) == 2
