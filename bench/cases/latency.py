"""Latency at 100 a second, open loop: request → decision in Kafka → mail accepted, and scan → attendance in Kafka."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from bench.counted import KAFKA, STATEMENT, TRANSACTION, WAKE_UP
from bench.measuring import Figures, Measured
from bench.programme import address, person, session, truth
from bench.services import Process, service
from bench.sink import Sink
from bench.surroundings import Place, Servers, empty, fill
from services import SERVICES
from shared.contracts.checkin import CheckInScanned
from shared.contracts.portal import EnrolmentRequested
from shared.events.streams import STREAMS
from shared.testing import Message, message

RATE = int(os.environ.get("BENCH_RATE", "100"))
SECONDS = 45
WARM_UP = 1 / 3
"""The part that does not count: caches, plans, connections, and a broker that has just started compiles itself."""

ALONE = 200
"""Requests of which each is sent once the mail about the one before has been accepted: what one costs then depends on no load."""
REST_SECONDS = 5
STATISTICS_SECONDS = 1.5
"""After which Postgres has counted what was committed."""

Times = dict[str, float]


class Watch:
    """Notes when each person's fact appears on a stream."""

    def __init__(self, kafka: str, stream: str) -> None:
        self._kafka = kafka
        self._stream = stream
        self.seen: Times = {}

    async def run(self) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._kafka, fetch_max_wait_ms=100)
        await consumer.start()
        try:
            parts = [TopicPartition(self._stream, number) for number in range(STREAMS[self._stream].partitions)]
            consumer.assign(parts)
            await consumer.seek_to_end()
            async for record in consumer:
                subject = dict(record.headers)["ce_subject"].decode()
                self.seen.setdefault(subject.rpartition("/")[2], time.time())
        finally:
            await consumer.stop()


async def _at_a_steady_rate(producer: AIOKafkaProducer, messages: list[Message], costs: Costs) -> list[float]:
    """Sends each at its time, whether the ones before have been answered or not. Returns the times at which they were due."""
    begun = time.time()
    due = [begun + number / RATE for number in range(len(messages))]
    counted: asyncio.Task[None] | None = None
    for moment, one in zip(due, messages, strict=True):
        await asyncio.sleep(max(0.0, moment - time.time()))
        if counted is None and moment >= due[int(len(due) * WARM_UP)]:
            counted = asyncio.create_task(costs.begin())
        await producer.send(one.stream, one.value, key=one.key, headers=one.headers)
    await producer.flush()
    return due


class Costs:
    """What everything has used since a moment, and what each service has asked."""

    def __init__(self, servers: Servers, processes: list[Process], places: Mapping[str, Place]) -> None:
        self._servers = servers
        self._processes = processes
        self._places = places
        self._cpu: Mapping[str, float] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._commits: Mapping[str, int] = {}

    def _used(self) -> dict[str, float]:
        load = psutil.Process().cpu_times()
        return {
            **{one.name: one.cpu_seconds() for one in self._processes},
            **self._servers.cpu_seconds(),
            "load and sink": load.user + load.system,
        }

    async def _committed(self) -> dict[str, int]:
        found = {}
        for one in self._processes:
            connection = await asyncpg.connect(self._places[one.name].database)
            found[one.name] = await connection.fetchval(
                "select xact_commit from pg_stat_database where datname = current_database()"
            )
            await connection.close()
        return found

    async def begin(self) -> None:
        self._commits = await self._committed()
        self._cpu = self._used()
        self._counts = {one.name: await one.counts() for one in self._processes}

    async def told(self, events: int) -> dict[str, float]:
        """An event, or a second: milliseconds of CPU, and numbers of what was asked and committed."""
        spent = {name: 1000 * (used - self._cpu[name]) / events for name, used in self._used().items()}
        found = {f"CPU ms: {name}": ms for name, ms in (spent | {"all": sum(spent.values())}).items()}
        for one in self._processes:
            counts = await one.counts()
            counts.subtract(self._counts[one.name])
            for prefix, what in _COUNTED:
                number = sum(number for name, number in counts.items() if name.startswith(prefix))
                found[f"{one.name}: {what}"] = number / events
            found |= {f"{one.name}: {name}": number / events
                      for name, number in sorted(counts.items()) if name.startswith(KAFKA) and number}  # fmt: skip
            _show(one.name, counts, events)
        await asyncio.sleep(STATISTICS_SECONDS)
        for name, commits in (await self._committed()).items():
            found[f"{name}: commits"] = (commits - self._commits[name]) / events
        return found


_COUNTED = (
    (WAKE_UP, "wake-ups"),
    (TRANSACTION, "transactions"),
    (STATEMENT, "statements"),
    (KAFKA, "Kafka requests"),
)


async def _alone(costs: Costs, producer: AIOKafkaProducer, sink: Sink, numbers: range) -> dict[str, float]:
    """What a request costs when nothing else is asked, without what is done in the meantime whether anything is asked or not."""
    await costs.begin()
    await asyncio.sleep(REST_SECONDS)
    at_rest = await costs.told(REST_SECONDS)
    begun = time.perf_counter()
    await costs.begin()
    for number in numbers:
        one = message(EnrolmentRequested(session_id=session(number), person_id=person(number)), version=None)
        await producer.send(one.stream, one.value, key=one.key, headers=one.headers)
        async with asyncio.timeout(60):
            while address(number) not in sink.accepted:
                await asyncio.sleep(0.002)
    seconds = (time.perf_counter() - begun) / len(numbers)
    spent = await costs.told(len(numbers))
    without = {name: value - at_rest.get(name, 0.0) * seconds for name, value in spent.items()}
    return without | {f"at rest, a second: {name}": value for name, value in at_rest.items() if name.startswith("CPU")}


def _show(service: str, counts: Counter[str], events: int) -> None:
    """Each statement with how often it was asked an event, for whoever wants to know which of them nobody needs."""
    folder = os.environ.get("BENCH_STATEMENTS")
    if folder:
        lines = (f"{number / events:.3f}  {' '.join(name.split())}" for name, number in counts.most_common() if number)
        with Path(folder, f"{service}.txt").open("a", encoding="utf-8") as file:
            file.write("\n".join([f"=== {events} events", *lines, ""]))


def _told(name: str, due: list[float], arrived: Times, wanted: list[str], processes: list[Process]) -> Figures:
    late = [wanted[n] for n in range(len(wanted)) if wanted[n] not in arrived]
    if late:
        raise AssertionError(f"{name}: {len(late)} of {len(wanted)} never arrived, such as {late[0]}")
    first = int(len(wanted) * WARM_UP)
    took = sorted(arrived[key] - moment for key, moment in zip(wanted[first:], due[first:], strict=True))
    spent = sum(one.cpu_seconds() for one in processes)
    measured = Measured(
        len(took), len(took) / RATE, spent, max(one.peak_mib() for one in processes),
        more={
            "p50 ms": statistics.median(took) * 1000,
            "p99 ms": took[int(len(took) * 0.99)] * 1000,
            "most ms": took[-1] * 1000,
        },
    )  # fmt: skip
    return Figures(name, "", [measured])


async def _round(servers: Servers, places: dict[str, Place], people: int, folder: Path) -> list[Figures]:
    kafka = servers.kafka.bootstrap
    await empty(kafka, *STREAMS)
    await fill(kafka, truth(people + ALONE, starts_in=dt.timedelta(minutes=30)))
    sink, decided, present = Sink(), Watch(kafka, "enrolment.events"), Watch(kafka, "attendance.events")
    producer = AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=0)
    await producer.start()
    watches: list[asyncio.Task[Any]] = [asyncio.create_task(one.run()) for one in (decided, present)]
    async with (
        sink.listening(),
        service("enrolment", places["enrolment"], folder / "enrolment.log", counted=True) as enrolment,
        service("attendance", places["attendance"], folder / "attendance.log", counted=True) as attendance,
        service(
            "notifications",
            places["notifications"],
            folder / "mail.log",
            counted=True,
            SMTP_PORT=sink.port,
            REHEARSE=False,
        ) as mail,
    ):
        wanted = [person(number) for number in range(people)]
        costs, counting = Costs(servers, [enrolment, attendance, mail], places), people - int(people * WARM_UP)
        asked = [message(EnrolmentRequested(session_id=session(n), person_id=one), version=None)
                 for n, one in enumerate(wanted)]  # fmt: skip
        due = await _at_a_steady_rate(producer, asked, costs)
        addresses = [address(number) for number in range(people)]
        async with asyncio.timeout(60):
            while len(sink.accepted) < people:
                await asyncio.sleep(0.1)
        spent = await costs.told(counting)
        alone = await _alone(costs, producer, sink, range(people, people + ALONE))
        twice = [one for one, times in sink.accepted.items() if len(times) > 1]
        assert not twice, f"{len(twice)} were told twice"
        mailed = {one: times[0] for one, times in sink.accepted.items()}
        figures = [
            _told("request → decision", due, decided.seen, wanted, [enrolment]),
            _told("request → mail accepted", due, mailed, addresses, [enrolment, mail]),
        ]
        figures[0].runs[0].more |= spent
        figures[1].runs[0].more |= {f"alone: {name}": value for name, value in alone.items()}
        at = dt.datetime.now(dt.UTC)
        scans = [
            message(
                CheckInScanned(
                    session_id=session(n), meeting_id="day-1", person_id=one, scanned_at=at, device_id="door"
                ),
                version=None,
            )
            for n, one in enumerate(wanted)
        ]
        due = await _at_a_steady_rate(producer, scans, costs)
        async with asyncio.timeout(60):
            while len(present.seen) < people:
                await asyncio.sleep(0.1)
        spent_on_scans = await costs.told(counting)
        figures.append(_told("scan → attendance", due, present.seen, wanted, [attendance]))
        figures[-1].runs[0].more |= spent_on_scans
    for watch in watches:
        watch.cancel()
    await asyncio.gather(*watches, return_exceptions=True)
    await producer.stop()
    return figures


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """One round is enough: it holds thousands of latencies."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        people = int(RATE * max(3.0, SECONDS * scale))
        places = {name: servers.place(people, name) for name in SERVICES}
        figures = asyncio.run(_round(servers, places, people, Path(folder)))
    what = (
        "enrolment: read, decide, commit, relay, seen by another consumer",
        "the same, then notifications: read, plan, claim, render, SMTP",
        "attendance: read, decide, commit, relay, seen by another consumer",
    )
    for one, told in zip(figures, what, strict=True):
        one.what = told
        one.goal = "p50 < 25 ms, p99 < 100 ms"
    return figures
