"""Deciding, through to Kafka: scans at the doors of 50 sessions become ParticipantAttended in attendance.events."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import os
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.measuring import Clock, Figures, Measured, measure
from bench.services import service
from bench.surroundings import (
    HEARD,
    RELAYED,
    Place,
    Servers,
    cpu_seconds,
    empty,
    ends,
    fill,
    pid_of_postgres,
    running,
    until,
)
from services.attendance.app import service_of
from services.attendance.lists import ListRules
from shared.books.batch import Batch
from shared.contracts.attendance import ParticipantAttended
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import Basis, ParticipantEnrolled
from shared.contracts.planner import SessionScheduled
from shared.testing import Message, body_of, message

OWN = "attendance.events"
SCANS = "attendance.scans"
SESSIONS = 50


def _seen(events: int) -> Iterator[tuple[str, str]]:
    """(session, person) of every scan, the sessions by turns as at many doors at once."""
    return ((f"session-{n % SESSIONS:03}", f"person-{n // SESSIONS:06}") for n in range(events))


def _at() -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)


def truth(events: int) -> Iterator[Message]:
    """The sessions, and a place for everyone who will come."""
    starts = (dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)).replace(tzinfo=None, microsecond=0)  # Nobody is late.
    meeting = {
        "meeting_id": "day-1",
        "starts_local": starts,
        "ends_local": starts + dt.timedelta(hours=6),
        "zone": "UTC",
    }
    at = _at()
    for n in range(SESSIONS):
        session = body_of(SessionScheduled, session_id=f"session-{n:03}", meetings=[meeting], capacity=5000)
        yield message(session, at=at)
    for session_id, person_id in _seen(events):
        place = ParticipantEnrolled(
            session_id=session_id,
            person_id=person_id,
            city_id="geonames:776597",
            episode=1,
            basis=Basis.REQUEST,
            decided_at=at,
        )
        yield message(place, source="rollcall/enrolment", at=at)


def scans(events: int) -> Iterator[Message]:
    at = _at()
    for n, (session_id, person_id) in enumerate(_seen(events)):
        scan = CheckInScanned(
            session_id=session_id, meeting_id="day-1", person_id=person_id, scanned_at=at, device_id=f"door-{n % 7}"
        )
        yield message(scan, source="urn:example:doors", event_id=f"scan-{n}", version=None, at=at)


async def attendance(place: Place) -> Measured:
    """The service attendance: locks, loads, decides, writes rows, journal and outbox, and relays to Kafka."""
    ours = service_of(ListRules(dt.timedelta(hours=6), dt.datetime(2020, 1, 1, tzinfo=dt.UTC)))
    clock = Clock()
    database = await asyncpg.connect(place.database)
    server = await pid_of_postgres(database)
    before: list[float] = []

    await fill(place.kafka, truth(place.events))
    async with running(ours, place.settings()) as runtime:
        await asyncio.wait_for(runtime.may_decide.wait(), 60)
        await until(database, HEARD, "enrolment.events", place.events, within_s=120)
    await fill(place.kafka, scans(place.events))
    async with running(ours, place.settings()) as runtime:
        (lane,) = (one for one in runtime.lanes if one.name == "decisions")
        hear = lane._hear

        async def timed(batches: Sequence[Batch], decoded: Any) -> Any:
            if any(batch.partition.stream == SCANS for batch in batches):
                if not before:
                    before.append(cpu_seconds(server))
                clock.start()
            return await hear(batches, decoded)

        lane._hear = timed
        await until(database, HEARD, SCANS, place.events, within_s=120)
        decided_at = time.perf_counter()
        await until(database, RELAYED)
        measured = clock.stop(place.events, **{"relay behind, ms": (time.perf_counter() - decided_at) * 1000})
        # Of the scans alone: before them it has heard every place.
        measured.more["Postgres µs a scan"] = (cpu_seconds(server) - before[0]) / place.events * 1e6
    await database.close()
    return measured


async def check(place: Place) -> None:
    """The oracle: every scan is one ParticipantAttended in Kafka and one row present, and there is nothing else."""
    wanted = set(_seen(place.events))
    consumer = AIOKafkaConsumer(bootstrap_servers=place.kafka)
    await consumer.start()
    end = await ends(place.kafka, OWN)
    consumer.assign([TopicPartition(tp.topic, tp.partition) for tp in end])
    await consumer.seek_to_beginning()
    said: list[tuple[str, str]] = []
    while len(said) < sum(end.values()):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                assert dict(record.headers)["ce_type"] == ParticipantAttended.type_name().encode()
                body = ParticipantAttended.model_validate_json(record.value)
                said.append((body.session_id, body.person_id))
    await consumer.stop()
    connection = await asyncpg.connect(place.database)
    rows = await connection.fetch(
        "select session_id, person_id from projection.record where state = 'present' and with_place"
    )
    await connection.close()
    if len(said) != len(wanted) or set(said) != wanted or {tuple(row) for row in rows} != wanted:
        raise AssertionError(
            f"{len(wanted)} scans, {len(said)} facts said of {len(set(said))} places, {len(rows)} rows"
        )


async def _in_replicas(servers: Servers, place: Place, log: Path) -> Measured:
    """Two processes of the service, as operators run them: each hears half of the partitions, and one of them relays what both say. They
    stand still while the doors' scans are filled in."""
    database = await asyncpg.connect(place.database)
    await fill(place.kafka, truth(place.events))
    async with (
        service("attendance", place, log) as one,
        service("attendance", place, log, REPLICA="bench-2") as other,
    ):
        both = (one, other)
        await until(database, HEARD, "enrolment.events", place.events, within_s=300)
        for process in both:
            os.kill(process.pid, signal.SIGSTOP)
        await fill(place.kafka, scans(place.events))
        used, before = sum(process.cpu_seconds() for process in both), servers.cpu_seconds()
        begun = time.perf_counter()
        for process in both:
            os.kill(process.pid, signal.SIGCONT)
        await until(database, HEARD, SCANS, place.events, within_s=300)
        decided_at = time.perf_counter()
        await until(database, RELAYED)
        ended = time.perf_counter()
        spent, after = sum(process.cpu_seconds() for process in both) - used, servers.cpu_seconds()
        peak = max(process.peak_mib() for process in both)
    await database.close()
    by_servers = {f"{name}_cpu_seconds": after[name] - before[name] for name in after}
    more = {
        "relay behind, ms": (ended - decided_at) * 1000,
        "Postgres µs a scan": by_servers["postgres_cpu_seconds"] / place.events * 1e6,
    }
    return Measured(place.events, ended - begun, spent, peak, more=more, **by_servers)


CONTENDERS = {"attendance": attendance}


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Round by round on streams made anew."""
    events = int(30_000 * scale)
    goal = "≥ 10,000/s"
    alone = Figures("attendance", "scan → decision, row, answer, journal, outbox → Kafka", [], goal)
    both = Figures("attendance, two replicas", "the same by two processes, each with half of the doors", [], goal)
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        for _, figures in itertools.product(range(rounds), (alone, both)):
            place = servers.place(events, "attendance")
            asyncio.run(empty(servers.kafka.bootstrap, OWN, SCANS, "programme.sessions", "enrolment.events"))
            if figures is alone:
                figures.runs.append(measure(servers, "deciding", "attendance", place))
            else:
                figures.runs.append(asyncio.run(_in_replicas(servers, place, Path(folder) / "attendance.log")))
            asyncio.run(check(place))
    return [alone, both]
