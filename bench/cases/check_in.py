"""Check-ins over HTTP, each answered after its commit: one after the other, by many devices at once, and what devices have kept."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx

from bench.measuring import Figures, Measured
from bench.programme import person, session, town, truth
from bench.services import Process, service
from bench.surroundings import Place, Servers, empty, fill, token_for
from shared.contracts.enrolment import ParticipantEnrolled
from shared.events.streams import STREAMS
from shared.testing import Message, message

PEOPLE = 6_000
"""Of each way but the first, which takes a tenth of them."""
DEVICES = 48
IN_A_BATCH, BATCHES_AT_ONCE = 50, 4
WARM_UP = 300


class Device:
    """A connection that asks and reads the answer, and nothing more: what it costs is not the service's."""

    def __init__(self, url: str, token: str) -> None:
        where = urlsplit(url)
        self._where = (where.hostname or "", where.port or 0)
        self._head = f"Host: {where.netloc}\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"

    async def __aenter__(self) -> Device:
        self._reader, self._writer = await asyncio.open_connection(*self._where)
        return self

    async def __aexit__(self, *failed: object) -> None:
        self._writer.close()

    async def post(self, path: str, body: object, key: str = "") -> bytes:
        content = json.dumps(body).encode()
        named = f"Idempotency-Key: {key}\r\n" if key else ""
        head = f"POST {path} HTTP/1.1\r\n{self._head}{named}Content-Length: {len(content)}\r\n\r\n"
        self._writer.write(head.encode() + content)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length:")[2].partition(b"\r")[0])
        told = await self._reader.readexactly(length)
        if b" 200 " not in answer[:20]:
            raise AssertionError(told.decode())
        return told


def _scan(number: int, at: dt.datetime) -> dict[str, str]:
    about = {"session_id": session(number), "meeting_id": "day-1", "person_id": person(number)}
    return about | {"scanned_at": at.isoformat()}


async def _each(device: Device, numbers: Iterator[int], at: dt.datetime) -> list[float]:
    took = []
    for number in numbers:
        begun = time.perf_counter()
        await device.post("/api/v1/scans", _scan(number, at), key=f"scan-{number}")
        took.append(time.perf_counter() - begun)
    return took


async def _kept(device: Device, batches: Iterator[Sequence[int]], at: dt.datetime) -> list[float]:
    took = []
    for batch in batches:
        scans = [_scan(number, at) | {"id": f"scan-{number}"} for number in batch]
        begun = time.perf_counter()
        told = await device.post("/api/v1/scans/batch", {"scans": scans})
        took.append(time.perf_counter() - begun)
        if told.count(b'"accepted"') != len(scans):
            raise AssertionError(told.decode()[:400])
    return took


async def _measured(
    servers: Servers, processes: Sequence[Process], token: str, numbers: range, *, devices: int, batches: bool
) -> Measured:
    """All of them, by so many devices at once, spread over the replicas. What the devices cost is told beside what is measured: they have the
    same cores."""
    at = dt.datetime.now(dt.UTC)
    shared: Iterator[int] = iter(numbers)
    in_batches = iter([numbers[n : n + IN_A_BATCH] for n in range(0, len(numbers), IN_A_BATCH)])
    urls = itertools.cycle(one.url for one in processes)
    opened = [await Device(next(urls), token).__aenter__() for _ in range(devices)]
    used = [one.cpu_seconds() for one in processes]
    before = servers.cpu_seconds()
    begun, sent = time.perf_counter(), time.process_time()
    parts = await asyncio.gather(*(_kept(one, in_batches, at) if batches else _each(one, shared, at) for one in opened))
    seconds, sent = time.perf_counter() - begun, time.process_time() - sent
    after = servers.cpu_seconds()
    for one in opened:
        await one.__aexit__()
    took = sorted(itertools.chain(*parts))
    spent = sum(one.cpu_seconds() for one in processes) - sum(used)
    more = {
        "p50 ms": statistics.median(took) * 1000,
        "p99 ms": took[int(len(took) * 0.99)] * 1000,
        "CPU µs each": 1e6 * spent / len(numbers),
        "Postgres µs each": 1e6 * (after["postgres"] - before["postgres"]) / len(numbers),
        "devices µs each": 1e6 * sent / len(numbers),
    }
    by_servers = {f"{name}_cpu_seconds": after[name] - before[name] for name in after}
    return Measured(len(numbers), seconds, spent, max(one.peak_mib() for one in processes), more=more, **by_servers)


def _places(people: int) -> Iterator[Message]:
    before = dt.datetime.now(dt.UTC) - dt.timedelta(days=10)
    for number in range(people):
        place = ParticipantEnrolled(
            session_id=session(number), person_id=person(number), city_id=town(number), episode=1, decided_at=before
        )
        yield message(place, source="rollcall/enrolment")


async def _has_heard(process: Process, token: str) -> None:
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client, asyncio.timeout(300):
        while True:
            books = (await client.get(f"{process.url}/api/v1/books")).json()
            if not any(stream["lag"] for stream in books["streams"].values()):
                return
            await asyncio.sleep(0.2)


async def _check(place: Place, people: int) -> None:
    """Whoever was answered is there, once."""
    connection = await asyncpg.connect(place.database)
    found = await connection.fetchval("select count(*) from projection.record where state in ('present', 'late')")
    await connection.close()
    assert found == people, f"{found} are recorded instead of {people}"


def _parts(scale: float) -> list[int]:
    """From which number on each part checks in: to warm up, and each way."""
    many = max(int(PEOPLE * scale), 100)
    return list(itertools.accumulate([0, WARM_UP, many // 10, many, many, many]))


async def _round(servers: Servers, place: Place, parts: list[int], folder: Path) -> list[Measured]:
    kafka, people = place.kafka, parts[-1]
    await empty(kafka, *STREAMS)
    await fill(kafka, truth(people, starts_in=dt.timedelta(minutes=30)))
    await fill(kafka, _places(people))
    token = await token_for(place)
    log = folder / "attendance.log"
    async with service("attendance", place, log) as one:
        await _has_heard(one, token)
        warm, alone, together, kept, two = (range(*pair) for pair in itertools.pairwise(parts))
        await _measured(servers, [one], token, warm, devices=DEVICES, batches=False)
        measured = [
            await _measured(servers, [one], token, alone, devices=1, batches=False),
            await _measured(servers, [one], token, together, devices=DEVICES, batches=False),
            await _measured(servers, [one], token, kept, devices=BATCHES_AT_ONCE, batches=True),
        ]
        async with service("attendance", place, log, REPLICA="bench-2") as other:
            await _has_heard(other, token)
            measured.append(await _measured(servers, [one, other], token, two, devices=DEVICES, batches=False))
        await _check(place, people)
    return measured


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Each round with a database and streams of its own."""
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        parts = _parts(scale)
        places = [servers.place(parts[-1], "attendance") for _ in range(rounds)]
        found = [asyncio.run(_round(servers, place, parts, Path(folder))) for place in places]
    goal = "≥ 1,000/s, p99 < 100 ms"
    named = (
        ("one after the other", "one device that waits for each answer: a commit each", ""),
        (f"{DEVICES} devices at once", "a request each; what comes together shares a commit", goal),
        (
            f"kept, {IN_A_BATCH} in a request",
            f"{BATCHES_AT_ONCE} devices send what they have kept; times are a request's",
            "",
        ),
        (f"{DEVICES} devices, two replicas", "the same over two processes", goal),
    )
    return [
        Figures(*about[:2], list(runs), about[2]) for about, runs in zip(named, zip(*found, strict=True), strict=True)
    ]
