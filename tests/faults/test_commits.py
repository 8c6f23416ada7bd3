"""A COMMIT whose connection dies: it reached Postgres and the answer is lost, or it never arrived. Nobody can tell which;
nothing is lost, nothing is doubled, and everything goes on by itself."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import SecretStr

from services.enrolment import tables
from services.enrolment.api import app_of
from services.enrolment.app import SERVICE
from shared.contracts.enrolment import ParticipantEnrolled
from shared.contracts.planner import SessionKind
from shared.contracts.survey import TrainingNeedDeclared
from shared.events.streams import STREAMS
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.postgres.database import connect
from shared.process.runtime import Runtime
from shared.testing import body_of, eventually, message
from shared.web import tokens
from tests.databases import Databases
from tests.enrolment.surroundings import SAID_OF_PLACES, Make, fresh, programme, rows, said_and_sent, settled, training
from tests.faults.cutting import Proxy
from tests.notifications.building import contact, person, place, session, topic, town
from tests.notifications.building import settled as places_settled
from tests.notifications.office import Office
from tests.notifications.office import settled as notices_settled

pytestmark = pytest.mark.long

WHERE = pytest.mark.parametrize("arrives", [True, False], ids=["answer lost", "never arrived"])


def through(proxy: Proxy, url: str) -> str:
    return url.replace(f":{urlsplit(url).port}/", f":{proxy.port}/")


@dataclasses.dataclass
class Surroundings:
    """A service whose own connections to Postgres pass a proxy; the test looks past it."""

    here: Any
    proxy: Proxy


@pytest.fixture
async def behind(world: Make) -> AsyncIterator[Surroundings]:
    here = await world(SERVICE)
    url = here.settings.database_url.get_secret_value()
    async with Proxy(urlsplit(url).port or 0).listening() as proxy:
        settings = here.settings.model_copy(update={"database_url": SecretStr(through(proxy, url))})
        yield Surroundings(dataclasses.replace(here, settings=settings), proxy)


async def on_the_stream(here: Any, stream: str, key: str) -> list[tuple[str, str]]:
    """(id, body) of every record with this key, doubles included."""
    consumer = AIOKafkaConsumer(bootstrap_servers=here.settings.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        parts = [TopicPartition(stream, number) for number in range(STREAMS[stream].partitions)]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        ends = await consumer.end_offsets(parts)
        found: list[tuple[str, str]] = []
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += [
                    (dict(record.headers)["ce_id"].decode(), record.value.decode())
                    for record in batch
                    if record.key == key.encode()
                ]
        return found
    finally:
        await consumer.stop()


async def balanced(runtime: Runtime) -> None:
    for stream, counts in (await runtime.health.books())["streams"].items():
        assert counts["published"] == counts["heard"] + counts["parked"] + counts["skipped"], stream


@WHERE
async def test_the_fact_lanes_commit(behind: Surroundings, arrives: bool) -> None:
    here, needs = behind.here, [fresh("need") for _ in range(5)]
    async with here.running() as runtime:
        await settled(here)
        cut = behind.proxy.cut("INSERT INTO projection.need", arrives=arrives)
        await here.publish(*(message(body_of(TrainingNeedDeclared, need_id=one, city_id=one)) for one in needs))
        await asyncio.wait_for(cut.done.wait(), 180)
        await settled(here)
        await balanced(runtime)
    known = Counter(row.need_id for row in await rows(here, tables.NEED) if row.need_id in needs)
    assert known == Counter(needs)


@WHERE
async def test_the_deciding_lanes_commit(behind: Surroundings, arrives: bool) -> None:
    here, people, session_id = behind.here, [fresh("person") for _ in range(3)], fresh("session")
    async with here.running() as runtime:
        await settled(here)
        cut = behind.proxy.cut("INSERT INTO kept.journal", arrives=arrives)
        await here.publish(*programme(fresh("town"), people, session_id))
        await asyncio.wait_for(cut.done.wait(), 180)
        await eventually(lambda: said_and_sent(here, session_id, 3), what="three enrolments said")
        await settled(here)
        await balanced(runtime)
    said = [row.event_id for row in await rows(here, JOURNAL, JOURNAL.c.key == session_id)]
    sent = [event_id for event_id, _ in await on_the_stream(here, "enrolment.events", session_id)]
    assert (len(said), sorted(sent)) == (4, sorted(said))


@WHERE
async def test_a_commands_commit(behind: Surroundings, arrives: bool) -> None:
    here, session_id, asking = behind.here, fresh("session"), fresh("person")
    text, row = tokens.new_token("portal", ("read", "write"), now=dt.datetime.now(dt.UTC))
    async with here.engine.begin() as connection:
        await tokens.store(connection, row)
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        *known, _ = programme(fresh("town"), [asking], session_id)
        await here.publish(*known, message(training(session_id, fresh("town"), kind=SessionKind.IN_DEPTH)))
        await settled(here)
        cut = behind.proxy.cut("INSERT INTO kept.journal", arrives=arrives)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app_of(runtime), raise_app_exceptions=False),
            base_url="http://enrolment",
            headers={"Authorization": f"Bearer {text}", "Idempotency-Key": fresh("key")},
        ) as client:
            answers = [
                await client.post(f"/api/v1/sessions/{session_id}/requests", json={"person_id": asking})
                for _ in range(3)
            ]
        assert cut.done.is_set()
        await settled(here)
    assert [answer.status_code for answer in answers] == [503, 200, 200]
    assert "same Idempotency-Key" in answers[0].json()["detail"]
    assert answers[1].json()["outcome"] == "ParticipantEnrolled"
    assert answers[2].json() == answers[1].json()
    entries = await rows(here, JOURNAL, JOURNAL.c.key == session_id, SAID_OF_PLACES)
    assert [row.type for row in entries] == [ParticipantEnrolled.type_name()]


@WHERE
async def test_the_relays_acknowledgement(behind: Surroundings, arrives: bool) -> None:
    here, people, session_id = behind.here, [fresh("person") for _ in range(3)], fresh("session")
    async with here.running() as runtime:
        await settled(here)
        cut = behind.proxy.cut("DELETE FROM kept.outbox", arrives=arrives)
        await here.publish(*programme(fresh("town"), people, session_id))
        await asyncio.wait_for(cut.done.wait(), 180)
        await eventually(lambda: said_and_sent(here, session_id, 3), what="an empty outbox")
        await settled(here)
        await balanced(runtime)
        await eventually(lambda: runtime.relay.leading, what="the relay leading again")
    assert await rows(here, OUTBOX) == []
    sent = await on_the_stream(here, "enrolment.events", session_id)
    assert {event_id for event_id, _ in sent} == {
        row.event_id for row in await rows(here, JOURNAL, JOURNAL.c.key == session_id)
    }
    # Sent again because nobody knew: the same fact with the same id, which every reader absorbs.
    assert len(set(sent)) == 4
    places = await rows(here, tables.PLACE, tables.PLACE.c.session_id == session_id)
    assert sorted(row.person_id for row in places) == sorted(people)
    assert {row.version for row in places} == {1}


@pytest.fixture
async def office(databases: Databases) -> AsyncIterator[tuple[Office, Proxy]]:
    async with databases.while_needed("notifications") as url:
        async with Proxy(urlsplit(url).port or 0).listening() as proxy:
            engine = connect(through(proxy, url), pool_size=8, statement_timeout_ms=10_000, application="tests")
            made = Office(engine, through(proxy, url))
            await made.is_true(person(), contact(), town(), topic(), session(), places_settled())
            yield made, proxy
            await engine.dispose()


@WHERE
async def test_a_mails_attempt(office: tuple[Office, Proxy], arrives: bool) -> None:
    here, proxy = office
    here.gives_up_soon()
    cut = proxy.cut("SKIP LOCKED", "INSERT INTO kept.open_notice", arrives=arrives)
    await here.is_true(place())
    async with here.server.listening(), here.sending():
        assert await notices_settled(here, 1) == [("confirmation", "sent", None)]
    assert cut.done.is_set()
    assert len(here.server.mails) == 1


@WHERE
async def test_a_mails_outcome(office: tuple[Office, Proxy], arrives: bool) -> None:
    here, proxy = office
    cut = proxy.cut("INSERT INTO kept.journal", arrives=arrives)
    await here.is_true(place())
    async with here.server.listening(), here.sending():
        assert await notices_settled(here, 1) == [("confirmation", "sent", None)]
    assert cut.done.is_set()
    assert len(here.server.mails) == 1
