"""However little it is that unpacks to much: a service takes its bounded memory, hears what is good, and goes on."""

from __future__ import annotations

import asyncio
import itertools
import socket
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.enrolment.app import SERVICE
from shared.books import parking
from shared.books.parking import OTHERS, PARKED, SKIPPED
from shared.contracts import EVENTS
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.selection import CityQualified
from shared.kafka import fetching
from shared.kafka.inflating import GZIP, SNAPPY, ZSTD
from shared.settings import HttpLimits
from shared.testing import eventually, message
from tests.enrolment.surroundings import Make, city, fresh, known, parked_at, rows, settled
from tests.faults.bombs import bomb, get, many, process
from tests.faults.bombs import parked_at as parked_there
from tests.shared.packing import MIB, pack, record, send, zeros

pytestmark = pytest.mark.long

MOST_MIB = 300
"""Of the 512 that compose gives. Without input a service takes about 100."""


def good(town: str) -> tuple[bytes, bytes, Any]:
    one = message(city(town))
    assert one.key and one.value
    return one.key, one.value, one.headers


async def end_of(here: Any, stream: str, partition: int) -> int:
    consumer = AIOKafkaConsumer(bootstrap_servers=here.settings.kafka, enable_auto_commit=False)
    await consumer.start()
    try:
        part = TopicPartition(stream, partition)
        return int((await consumer.end_offsets([part]))[part])
    finally:
        await consumer.stop()


async def test_a_service_within_its_limit_hears_what_is_good_beside_bombs_in_both_lanes(
    world: Make, tmp_path: Path
) -> None:
    here = await world(SERVICE)
    towns = [fresh("town") for _ in range(8)]
    kafka = here.settings.kafka
    asked = message(EnrolmentRequested(session_id=fresh("session"), person_id=fresh("person")))
    async with process(here.settings, tmp_path / "log") as service:
        offset = await end_of(here, "programme.cities", 1)
        await send(kafka, "programme.cities", 1, bomb(GZIP, 200, good(towns[0]), good(towns[1])))
        await send(kafka, "programme.cities", 2, bomb(ZSTD, 200, good(towns[2]), good(towns[3])))
        await send(kafka, "programme.cities", 3, bomb(SNAPPY, 20, good(towns[4]), good(towns[5])))
        await send(kafka, "enrolment.requests", 1, bomb(ZSTD, 200, (b"a", b"", ()), (b"b", b"", ())))
        for partition in (4, 5):
            await send(kafka, "programme.cities", partition, many(ZSTD, 200, 250_000))
        headers = [(f"h{number}", b"") for number in range(300_000)]
        await send(kafka, "programme.cities", 8, pack(GZIP, [record(0, bytes(MIB), b"", headers)], 1))
        await here.publish(message(city(towns[6])), asked, message(city(towns[7])))
        await settled(here)

        assert not service.is_over() and await service.answers()
        assert service.peak_mib() < MOST_MIB
        for town in towns:
            assert await known(here, town)
        row = await parked_there(here.engine, "programme.cities", 1, offset + 1)
        assert row.reason == "too_large" and len(row.value) <= 4096 and "sha256" in row.detail
        assert str(200 * MIB) in row.detail


async def test_a_bomb_heard_last_is_recognised_when_its_partition_is_positioned_again(world: Make) -> None:
    here = await world(SERVICE)
    first, second = fresh("town"), fresh("town")
    key, value, headers = good(first)
    partition = 9
    batch = pack(ZSTD, [record(0, key, value, headers), b"".join(zeros(1, b"bomb", 20 * MIB))], 2)
    async with here.running():
        await send(here.settings.kafka, "programme.cities", partition, batch)
        await settled(here)
    before = await rows(here, parking.MACHINERY.tables["projection.watermark"])
    async with here.running() as runtime:
        await here.publish(message(city(second)))
        await settled(here)
        assert all(not lane.positions.to_rewind for lane in runtime.lanes)
    after = await rows(here, parking.MACHINERY.tables["projection.watermark"])
    mine = ("programme.cities", partition)
    assert [row for row in after if row[:2] == mine] == [row for row in before if row[:2] == mine]


async def test_a_damaged_batch_is_fetched_again_then_set_aside_and_its_partition_goes_on(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker refuses such a batch: it was damaged on the broker's disk, or on its way."""
    here = await world(SERVICE)
    town, behind = fresh("town"), fresh("town")
    fetched = []
    sound = fetching.Batch.is_sound

    def is_sound(batch: Any) -> bool:
        if key.encode() in bytes(batch._data):
            fetched.append(batch.base_offset)
            return False
        return sound(batch)

    key = town
    async with here.running():
        monkeypatch.setattr(fetching.Batch, "is_sound", is_sound)
        place, other = await here.publish(message(city(town)), message(city(behind)))
        (row,) = await eventually(lambda: parked_at(here, place), what="the damaged batch parked")
        await eventually(lambda: known(here, behind), what="what stands behind it")
        await settled(here)
    assert row.reason == "unreadable" and f"offset {place[2]}" in row.detail
    assert len(fetched) == 2
    assert other[0] == place[0]


async def test_what_is_handed_on_at_once_is_bounded_in_bytes_and_nothing_is_lost(world: Make) -> None:
    here = await world(SERVICE)
    limits = here.settings.consumer.model_copy(update={"hand_on_bytes": 100_000, "unpacked_bytes": 50_000})
    here.settings.consumer = limits
    towns = [fresh("town") for _ in range(200)]
    sizes = []
    async with here.running() as runtime:
        for lane in runtime.lanes:
            take = lane.positions.take

            def taken(parts: Any, take: Any = take) -> Any:
                *records, _last = itertools.chain.from_iterable(parts)
                sizes.append(sum(len(one.value or b"") for one in records))
                return take(parts)

            lane.positions.take = taken  # type: ignore[method-assign]
        records = [good(town) for town in towns]
        padded = [(key, value[:-1] + b',"padding":"' + b"x" * 5000 + b'"}', headers) for key, value, headers in records]
        whole = [record(number, *one) for number, one in enumerate(padded)]
        await send(here.settings.kafka, "programme.cities", 10, pack(GZIP, whole, len(whole)))
        await settled(here)
    for town in towns:
        assert await known(here, town)
    assert max(sizes) < 110_000  # And one record more: others' bombs lie in these streams, too.


async def test_what_was_cut_is_not_tried_again_and_says_so(world: Make) -> None:
    here = await world(SERVICE)
    async with here.running() as runtime:
        offset = await end_of(here, "programme.cities", 11)
        await send(here.settings.kafka, "programme.cities", 11, pack(GZIP, [record(0, b"k", bytes(MIB))], 1))
        await eventually(lambda: parked_at(here, ("programme.cities", 11, offset)), what="the large record parked")
        await runtime.may_decide.wait()
        row = await runtime.retry.retry("programme.cities", 11, offset)
    assert row is not None and (row.state, row.reason, row.retries) == ("parked", "too_large", 1)
    assert "its bytes were not kept" in row.detail


async def test_a_list_of_parked_records_asks_for_no_bytes(world: Make) -> None:
    here = await world(SERVICE)
    async with here.running():
        await here.publish(message(city(fresh("town")), without="ce_id"))
        await settled(here)
    async with here.engine.connect() as connection:
        (*_, listed) = await parking.open_parked(connection)
    assert set(PARKED.c.keys()) - set(listed) == {"key", "value", "headers"}


async def test_types_made_up_one_after_the_other_do_not_fill_the_table(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await world(SERVICE)
    monkeypatch.setattr(parking, "MOST_TYPES", 5)
    town = fresh("town")
    made_up = [message(city(town), ce_type=f"example.Made{number}.v1") for number in range(20)]
    async with here.running():
        for some in (made_up[:10], made_up[10:]):
            await here.publish(*some)
            await settled(here)
        place = (await here.publish(message(city(town))))[0]
        await settled(here)
    found = await rows(here, SKIPPED, SKIPPED.c.stream == "programme.cities", SKIPPED.c.partition == place[1])
    assert len(found) <= 6
    assert sum(row.type.startswith(OTHERS) for row in found) == 1

    monkeypatch.setitem(EVENTS, "example.Made19.v1", CityQualified)  # A release with other contracts.
    async with here.engine.begin() as connection:
        part = parking.Partition("programme.cities", place[1])
        assert await parking.hear_new_types(connection, [part]) == {part}
        assert await parking.hear_new_types(connection, [part]) == set()


async def test_two_thousand_unfinished_requests_do_not_keep_a_service_from_answering(
    world: Make, tmp_path: Path
) -> None:
    here = await world(SERVICE)
    limits = HttpLimits()
    async with process(here.settings, tmp_path / "log") as service:
        sockets: list[socket.socket] = []
        try:
            for number in range(2000):
                one = socket.create_connection(("127.0.0.1", service.port), timeout=180)
                sockets.append(one)
                one.sendall(b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Unfinished: ")
                if number % 200 == 199:
                    await asyncio.sleep(0)
                    assert await get(service.port, "/health/ready", 180) == 200
            for _ in range(20):
                assert await get(service.port, "/health/live", 180) == 200
            open_here = Path(f"/proc/{service.pid}/fd")
            await eventually(
                lambda: len(list(open_here.iterdir())) < limits.connections + 100, what="the crowd bounded"
            )
        finally:
            for one in sockets:
                one.close()
