"""Input and circumstances that once broke the machinery, each found by trying to; none of them may again."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
import struct
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import TopicPartition

import shared.outbox.relay
from services.enrolment import tables
from services.enrolment.api import app_of
from services.enrolment.app import SERVICE
from shared.consuming.positioning import WentBack
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import Basis, ParticipantEnrolled
from shared.contracts.planner import SessionKind, SessionRescheduled
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.selection import CityQualified
from shared.contracts.survey import TrainingNeedDeclared
from shared.events.envelope import STRUCTURED
from shared.outbox.journal import JOURNAL
from shared.outbox.relay import Relay
from shared.postgres.database import connect
from shared.postgres.tables import HELD
from shared.process.runtime import Runtime
from shared.rebuilding.rebuild import compare
from shared.settings import kafka_connection
from shared.testing import Message, body_of, decoded, eventually, json_message, message
from shared.web import tokens
from tests.enrolment.surroundings import (
    SAID_OF_PLACES,
    Make,
    city,
    enrolled_all,
    fresh,
    known,
    parked_at,
    programme,
    rows,
    said_and_sent,
    settled,
    training,
)

pytestmark = pytest.mark.long


async def produce_with_a_header_name_that_is_not_utf8(here: Any, town: str, partition: int) -> None:
    """No client of ours can write such a record: its bytes are made by hand."""
    sent = message(city(town))
    batch = here.producer.create_batch()
    batch.append(key=sent.key, value=sent.value, timestamp=None, headers=[*sent.headers, ("QQ", b"1")])
    batch.close()
    data = bytearray(batch._build())
    place = data.index(b"QQ")
    data[place : place + 2] = b"\xff\xfe"
    data[17:21] = struct.pack(">I", calc_crc32c(bytes(data[21:])))
    client = AIOKafkaClient(bootstrap_servers=here.settings.kafka)
    await client.bootstrap()
    client.set_topics(["programme.cities"])
    await client.force_metadata_update()
    leader = client.cluster.leader_for_partition(TopicPartition("programme.cities", partition))
    records = [("programme.cities", [(partition, bytes(data))])]
    await client.send(leader, ProduceRequest(None, 1, 5000, records))
    await client.close()


async def test_a_header_name_that_is_not_utf8_is_read_over_and_nothing_beside_it_is_lost(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await world(SERVICE)
    before = [fresh("town") for _ in range(40)]
    after = [fresh("town") for _ in range(40)]
    await here.publish(*(message(city(town)) for town in before))
    odd = fresh("town")
    await produce_with_a_header_name_that_is_not_utf8(here, odd, 5)
    async with here.running():
        await here.publish(*(message(city(town)) for town in after))
        await settled(here)
    towns = {row.city_id for row in await rows(here, tables.TOWN)}
    assert {*before, odd, *after} <= towns
    assert odd.encode() not in {row.key for row in await parked(here)}

    monkeypatch.setattr(
        fetcher, "MemoryRecords", MemoryRecords
    )  # A rebuild is a process of its own, and strict at first.
    report = await compare(SERVICE, here.settings)
    # Other tests' takeovers stand on the same streams, and may not be at rest here.
    assert [one for one in report.differences if one["row"].get("city_id") in {*before, odd, *after}] == []


async def parked(here: Any) -> list[Any]:
    from shared.books.parking import PARKED

    return await rows(here, PARKED)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_moment_that_no_calendar_holds_is_poison_and_no_exception(moment: str) -> None:
    body = {"session_id": "s", "meeting_id": "m", "person_id": "p", "scanned_at": moment}
    sent = json_message("attendance.scans", b"s", body, CheckInScanned.type_name())
    found = decoded(sent, at=dt.datetime.now(dt.UTC))
    assert found.reason == "invalid_body"


async def test_a_reason_that_quotes_a_lone_surrogate_can_be_kept(world: Make) -> None:
    here = await world(SERVICE)
    town = fresh("town")
    envelope = {
        "specversion": "1.0",
        "id": "e",
        "source": "urn:x",
        "type": CityQualified.type_name(),
        "time": "2026-11-01T00:00:00Z",
        "aggregateversion": "\ud800",
        "data": city(town).model_dump(mode="json"),
    }
    headers = [("content-type", STRUCTURED.encode())]
    async with here.running():
        bad = Message("programme.cities", town.encode(), json.dumps(envelope).encode(), headers)
        await here.publish(bad, message(city(town)))
        await eventually(lambda: known(here, town), what="the good event behind it")


async def test_the_fact_lane_finds_the_culprit_that_the_database_refuses(world: Make) -> None:
    here = await world(SERVICE)
    need = fresh("need")

    def declared(audience: str) -> TrainingNeedDeclared:
        return body_of(TrainingNeedDeclared, need_id=need, city_id=need, audience=audience)

    async with here.engine.begin() as connection:
        await connection.execute(sa.text("alter table projection.need add constraint no check (audience <> 'BAD')"))
    async with here.running():
        await here.publish(message(declared("A")))
        await eventually(lambda: rows(here, tables.NEED, tables.NEED.c.need_id == need))
        # Alone for its need: a newer event of the same batch would be folded over it, and nobody would meet the culprit.
        (place,) = await here.publish(message(declared("BAD"), version=2))
        (row,) = await eventually(lambda: parked_at(here, place), what="the culprit parked")
        assert row.reason == "refused_by_database"
        await here.publish(message(declared("C"), version=3))
        await eventually(lambda: rows(here, tables.NEED, tables.NEED.c.audience == "C"), what="its successor")


async def test_what_a_transaction_took_back_was_never_said_and_leaves_no_lag(world: Make) -> None:
    here = await world(SERVICE)
    kept, taken_back = fresh("town"), fresh("town")
    async with here.running() as runtime:
        producer = AIOKafkaProducer(bootstrap_servers=here.settings.kafka, transactional_id=fresh("transaction"))
        await producer.start()
        for town, commits in ((kept, True), (taken_back, False)):
            sent = message(city(town))
            await producer.begin_transaction()
            await producer.send_and_wait(sent.stream, sent.value, key=sent.key, headers=sent.headers)
            await (producer.commit_transaction() if commits else producer.abort_transaction())
        await producer.stop()
        await eventually(lambda: known(here, kept), what="the town of the committed transaction")
        await settled(here)
        assert not await known(here, taken_back)
        books = (await runtime.health.books())["streams"]["programme.cities"]
        assert books["lag"] == 0
        assert books["published"] == books["heard"] + books["parked"] + books["skipped"]


async def test_a_database_restored_under_a_running_service_ends_the_process_before_it_decides(world: Make) -> None:
    here = await world(SERVICE)
    town, session = fresh("town"), fresh("session")
    people = [fresh("person") for _ in range(3)]
    with pytest.raises(WentBack):  # noqa: PT012  # It is raised when the service is asked to stop.
        async with here.running() as runtime:
            await here.publish(*programme(town, people, session)[:-1])
            await settled(here)
            await copy_tables(here, "backup")
            await here.publish(message(training(session, town)))
            await eventually(lambda: said_and_sent(here, session, 3))
            await settled(here)
            said = {row.event_id for row in await rows(here, JOURNAL, JOURNAL.c.key == session)}
            await restore_tables(here, "backup")
            await eventually(lambda: any(loop.done() for lane in runtime.lanes for loop in lane.tasks), what="the end")
    async with here.running():
        await here.publish(message(training(session, town, model=SessionRescheduled, capacity=12), version=2))
        await eventually(lambda: enrolled_all(here, session))
        await settled(here)
    assert {row.event_id for row in await rows(here, JOURNAL, JOURNAL.c.key == session, SAID_OF_PLACES)} <= said


async def test_what_was_held_since_a_backup_of_kept_alone_is_decided_after_it_was_restored_beside_newer_rows(
    world: Make,
) -> None:
    """No watermark leads back to it: the request was heard, and the table in which it waited is last night's."""
    here = await world(SERVICE)
    town, session, later = fresh("town"), fresh("session"), fresh("session")
    people = [fresh("person") for _ in range(2)]
    async with here.running():
        await here.publish(*programme(town, people, session)[:-1])
        await settled(here)
        await copy_tables(here, "backup")
        await here.publish(message(EnrolmentRequested(session_id=later, person_id=people[0])))
        await here.publish(message(training(session, town)))
        await eventually(lambda: said_and_sent(here, session, 2))
        await eventually(lambda: is_held(here, later), what="the request, held")
        await settled(here)  # Our own words have come back: by them it is seen.
    said = {row.event_id for row in await rows(here, JOURNAL)}
    await restore_tables(here, "backup", only="kept")
    assert not await is_held(here, later)
    async with here.running():
        await here.publish(message(training(later, town, kind=SessionKind.IN_DEPTH)))
        await eventually(lambda: has_a_place(here, later, people[0]), what="the place that was asked for")
        await settled(here)
    assert said <= {row.event_id for row in await rows(here, JOURNAL)}


async def is_held(here: Any, session_id: str) -> bool:
    """Whether a request about this session is: those of earlier tests may be, too."""
    return any(session_id in row.body for row in await rows(here, HELD))


async def has_a_place(here: Any, session_id: str, person_id: str) -> bool:
    place = tables.PLACE
    return bool(await rows(here, place, place.c.session_id == session_id, place.c.person_id == person_id))


async def tables_of(here: Any) -> list[tuple[str, str]]:
    query = (
        "select schemaname, tablename from pg_tables where schemaname in ('projection', 'kept')"
        " and tablename not in ('decider', 'token', 'outbox', 'alembic_version')"
    )
    async with here.engine.connect() as connection:
        return [(row[0], row[1]) for row in await connection.execute(sa.text(query))]


async def copy_tables(here: Any, backup: str) -> None:
    tables = await tables_of(here)
    async with here.engine.begin() as connection:
        await connection.execute(sa.text(f"create schema {backup}"))
        for schema, table in tables:
            await connection.execute(sa.text(f"create table {backup}.{schema}_{table} as table {schema}.{table}"))


async def restore_tables(here: Any, backup: str, *, only: str | None = None) -> None:
    tables = [(schema, table) for schema, table in await tables_of(here) if only in (None, schema)]
    async with here.engine.begin() as connection:
        if only:
            await connection.execute(sa.text("delete from kept.outbox"))
        for schema, table in tables:
            await connection.execute(sa.text(f"delete from {schema}.{table}"))  # noqa: S608
            await connection.execute(sa.text(f"insert into {schema}.{table} table {backup}.{schema}_{table}"))


async def test_requests_parked_behind_a_culprit_are_heard_in_order_once_it_is_mended(world: Make) -> None:
    here = await world(SERVICE)
    town, session, person = fresh("town"), fresh("session"), fresh("person")
    ask = EnrolmentRequested(session_id=session, person_id=person)
    async with here.running() as runtime:
        await runtime.may_decide.wait()  # Earlier tests' words on the shared stream are a restore to this database.
        await here.publish(*programme(town, [], session))
        await settled(here)
        async with here.engine.begin() as connection:
            await connection.execute(
                sa.text(f"alter table kept.held add constraint no check (subject not like '%/person/{person}')")
            )
        (culprit, follower, last) = await here.publish(message(ask), message(ask), message(ask))
        for place in (culprit, follower, last):
            await eventually(lambda place=place: parked_at(here, place), what=f"{place} parked")
        async with here.engine.begin() as connection:
            await connection.execute(sa.text("alter table kept.held drop constraint no"))

        assert (await runtime.retry.retry(*culprit)).state == "heard"
        for place in (follower, last):
            ((row),) = await parked_at(here, place)
            assert row.state == "heard"


async def test_a_relay_whose_producer_cannot_start_gives_its_lock_back(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await world(SERVICE)
    engine = connect(
        here.settings.database_url.get_secret_value(), pool_size=8, statement_timeout_ms=30_000, application="relay"
    )
    starts: list[bool] = []

    class AwayAtFirst(AIOKafkaProducer):  # type: ignore[misc]
        async def start(self) -> None:
            starts.append(True)
            if len(starts) == 1:
                raise KafkaConnectionError("away")
            await super().start()

    monkeypatch.setattr(shared.outbox.relay, "AIOKafkaProducer", AwayAtFirst)

    async def heard() -> None:
        return None

    relay = Relay(
        engine,
        SERVICE.name,
        SERVICE.source,
        kafka_connection(here.settings),
        own_streams_heard=heard,
        batch=10,
        poll_seconds=0.1,
        timeout_seconds=5,
    )
    running = asyncio.create_task(relay.run())
    try:
        await eventually(lambda: relay.leading, what="leadership at the second try")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await engine.dispose()


async def test_a_place_that_an_archive_stated_meanwhile_holds_up_no_other_due_moment(world: Make) -> None:
    now = dt.datetime.now(dt.UTC)
    here = await world(SERVICE)
    one, two, person = fresh("session"), fresh("session"), fresh("person")
    archived = ParticipantEnrolled(
        session_id=one, person_id=person, city_id="c", episode=1, basis=Basis.REQUEST, queue=1, decided_at=now
    )
    async with here.running():
        await here.publish(message(EnrolmentRequested(session_id=one, person_id=person)))
        await settled(here)
        await here.publish(
            message(archived, source="urn:example:archive"),
            message(EnrolmentRequested(session_id=two, person_id=person)),
        )
        await settled(here)
    month_later = dataclasses.replace(SERVICE, clock=lambda: now + dt.timedelta(days=31))
    async with dataclasses.replace(here, service=month_later).running():
        for session in (one, two):
            await eventually(
                lambda session=session: rows(here, JOURNAL, JOURNAL.c.key == session), what="both refusals"
            )


async def test_http_refuses_what_it_cannot_decide_and_never_hangs(world: Make) -> None:
    here = await world(SERVICE)
    runtime = Runtime(SERVICE, here.settings)
    text, row = tokens.new_token("operator", ("read", "write", "operate"), now=dt.datetime.now(dt.UTC))
    async with here.engine.begin() as connection:
        await tokens.store(connection, row)
    transport = httpx.ASGITransport(app=app_of(runtime), raise_app_exceptions=False)
    authorised = {"Authorization": f"Bearer {text}"}
    ask = {"json": {"person_id": "p"}, "headers": {**authorised, "Idempotency-Key": "k1"}}
    async with httpx.AsyncClient(transport=transport, base_url="http://enrolment", headers=authorised) as client:
        for path in ("/api/v1/sessions?after=%00", "/api/v1/parked?reason=%00", "/api/v1/parked/a%00b/0/0"):
            assert (await client.get(path)).status_code == 422, path
        assert (await client.get("/api/v1/books")).status_code == 503
        assert (await client.post("/api/v1/sessions/s1/requests", **ask)).status_code == 503

        runtime.may_decide.set()
        deciding = asyncio.create_task(runtime.commands.run())
        first = await client.post("/api/v1/sessions/s1/requests", **ask)
        again = await client.post("/api/v1/sessions/s1/requests", **ask)
        other = await client.post("/api/v1/sessions/s2/requests", **ask)
        assert (first.status_code, first.json()["outcome"]) == (200, "Held")
        assert again.json() == first.json()
        assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
        assert other.json()["field"] == "Idempotency-Key"

        bad = await client.post("/api/v1/sessions/s1/requests", json={"person_id": "a b"}, headers=authorised)
        assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "person_id")
        large = await client.post("/api/v1/sessions/s1/requests", content=b"x" * 300_000, headers=authorised)
        assert large.status_code == 413
        for headers, status in (({}, 401), ({"Authorization": "Bearer rc_x_y"}, 401)):
            async with httpx.AsyncClient(transport=transport, base_url="http://enrolment") as stranger:
                assert (await stranger.get("/api/v1/towns", headers=headers)).status_code == status
        deciding.cancel()
        await asyncio.gather(deciding, return_exceptions=True)
    await runtime.engine.dispose()
