"""The race for the last chairs: 10,000 people of 20 towns ask for 20 places, two a town, over Kafka, over HTTP, and both at once."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil

from bench.measuring import Figures, Measured, measure
from bench.services import Process, service
from bench.surroundings import (
    HEARD,
    RELAYED,
    Place,
    Servers,
    cpu_seconds,
    empty,
    fill,
    pid_of_postgres,
    token_for,
    until,
)
from services.enrolment.state import in_line
from shared.contracts.directory import MemberKind, TeamMemberJoined
from shared.contracts.planner import SessionKind, SessionScheduled
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityQualified
from shared.testing import Message, body_of, message

SESSION = "session-race"
SEATS, SHARE, TOWNS = 20, 2, 20
AT_ONCE = 32
"""Connections over which HTTP asks, each one request after the other."""
STREAMS = (
    "programme.rules",
    "programme.cities",
    "programme.teams",
    "programme.sessions",
    "enrolment.requests",
    "enrolment.events",
)


def person(number: int) -> str:
    return f"person-{number:06}"


def town(number: int) -> str:
    return f"town-{number % TOWNS:02}"


def truth(people: int) -> Iterator[Message]:
    """The towns, their teams, and the session they all want."""
    yield message(StageOpened(rule_id="stage:1", stage=1, phase=1, opened_on=dt.date(2026, 1, 1)))
    for number in range(TOWNS):
        yield message(body_of(CityQualified, city_id=town(number), stage=1))
    starts = (dt.datetime.now(dt.UTC) + dt.timedelta(days=30)).replace(tzinfo=None, microsecond=0)
    meeting = {"meeting_id": "day-1", "starts_local": starts, "ends_local": starts + dt.timedelta(hours=6)}
    for number in range(people):
        since, kind = dt.date(2026, 1, 1), MemberKind.COORDINATOR
        yield message(TeamMemberJoined(person_id=person(number), city_id=town(number), from_date=since, kind=kind))
    terms = {"capacity": SEATS, "places_per_town": SHARE, "kind": SessionKind.IN_DEPTH, "phase": 1}
    yield message(body_of(SessionScheduled, session_id=SESSION, meetings=[meeting], city_id=town(0), **terms))


def requests(people: Sequence[int]) -> Iterator[Message]:
    for number in people:
        yield message(EnrolmentRequested(session_id=SESSION, person_id=person(number)), event_id=f"r-{number}")


async def _race(place: Place, *, kafka: Sequence[int], http: Sequence[int]) -> Measured:
    """Everybody asks at once; it is over when everything that was decided is in Kafka."""
    await fill(place.kafka, truth(place.events))
    database = await asyncpg.connect(place.database)
    token = await token_for(place)
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        async with _enrolment(place, Path(folder)) as enrolment:
            await until(database, "select count(*) = $1 from projection.membership", place.events)
            await until(database, "select count(*) = 1 from projection.settled")
            servers = await _servers(place, database)
            began, used = time.perf_counter(), enrolment.cpu_seconds()
            others = {name: cpu_seconds(pid) for name, pid in servers.items()}
            sent = asyncio.create_task(fill(place.kafka, requests(kafka)))
            took = await _ask(enrolment.url, token, http)
            await sent
            everybody = len(kafka) + len(http)
            await until(database, HEARD, "enrolment.requests", len(kafka))
            await until(database, RELAYED)
            seconds, own = time.perf_counter() - began, enrolment.cpu_seconds() - used
            # Of the requests alone: before them every team was heard.
            more = {f"{name} µs": (cpu_seconds(pid) - others[name]) / everybody * 1e6 for name, pid in servers.items()}
            more = {"own µs": own / everybody * 1e6, **more}
            if took:
                took.sort()
                more |= {"answered/s": len(took) / seconds}
                more |= {"p50 ms": 1000 * statistics.median(took), "p99 ms": 1000 * took[int(len(took) * 0.99)]}
            measured = Measured(everybody, seconds, own, enrolment.peak_mib(), more=more)
    await database.close()
    return measured


@asynccontextmanager
async def _enrolment(place: Place, folder: Path) -> AsyncIterator[Process]:
    async with service("enrolment", place, folder / "enrolment.log") as enrolment:
        yield enrolment


async def _servers(place: Place, database: asyncpg.Connection) -> dict[str, int]:
    """The processes of Postgres and Kafka."""
    listening = {
        one.laddr.port: one.pid
        for one in psutil.net_connections("tcp")
        if one.laddr and one.status == psutil.CONN_LISTEN
    }
    kafka = listening[int(place.kafka.rpartition(":")[2])]
    assert kafka is not None
    return {"Postgres": await pid_of_postgres(database), "Kafka": kafka}


async def _ask(url: str, token: str, people: Sequence[int]) -> list[float]:
    """Asks for all of them over kept connections. Returns how long each answer took, in seconds. A client of ten lines: one that can
    do more would take more of the two cores than what is measured."""
    host, port = url.removeprefix("http://").split(":")
    todo, took = iter(people), list[float]()

    async def one_after_the_other() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        for number in todo:
            body = json.dumps({"person_id": person(number)}).encode()
            head = (
                f"POST /api/v1/sessions/{SESSION}/requests HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
                f"Idempotency-Key: r-{number}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            asked = time.perf_counter()
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(answer.partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            if b" 200 " not in answer[:20]:
                raise AssertionError(answer.decode())
            took.append(time.perf_counter() - asked)
        writer.close()

    if people:
        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return took


async def over_kafka(place: Place) -> Measured:
    return await _race(place, kafka=range(place.events), http=())


async def over_http(place: Place) -> Measured:
    return await _race(place, kafka=(), http=range(place.events))


async def at_once(place: Place) -> Measured:
    half = place.events // 2
    return await _race(place, kafka=range(half), http=range(half, place.events))


async def check(place: Place, *, one_way: bool) -> None:
    """The oracle: every seat is taken, none twice, no town has more than its share, and everybody else waits. Of those who all asked the
    same way the first have the seats; asked both ways at once, whoever is heard first is served first."""
    connection = await asyncpg.connect(place.database)
    rows = await connection.fetch("select * from projection.place where session_id = $1", SESSION)
    answers = await connection.fetchval("select count(*) from projection.answer")
    await connection.close()
    enrolled, waiting = ([row for row in rows if row["state"] == state] for state in ("enrolled", "waitlisted"))
    shares = Counter(row["city_id"] for row in enrolled)
    everybody = place.events
    if (len(enrolled), len(waiting), answers) != (SEATS, everybody - SEATS, everybody) or max(shares.values()) > SHARE:
        raise AssertionError(
            f"{len(enrolled)} of {SEATS} seats, {len(waiting)} wait, {answers} answers, shares {shares}"
        )
    order = {
        row["person_id"]: in_line(row["priority"], row["queued_at"], row["queue"], row["person_id"]) for row in rows
    }
    last = max(order[row["person_id"]] for row in enrolled)
    overtaken = [
        row["person_id"] for row in waiting if shares[row["city_id"]] < SHARE and order[row["person_id"]] < last
    ]
    if one_way and overtaken:
        raise AssertionError(f"{len(overtaken)} were passed over, such as {overtaken[0]}")


CONTENDERS = {"kafka": over_kafka, "http": over_http, "both": at_once}
_WHAT = {
    "kafka": ("request → decision → Kafka", "≥ 8,000/s"),
    "http": (f"POST over {AT_ONCE} connections → answer after the commit", "≥ 800/s, p99 < 150 ms"),
    "both": ("half of them each way", ""),
}


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Round by round on streams made anew."""
    events = int(10_000 * scale)
    found = {name: Figures(f"the race, {name}", what, [], goal) for name, (what, goal) in _WHAT.items()}
    for _ in range(rounds):
        for name, figures in found.items():
            place = servers.place(events, "enrolment")
            asyncio.run(empty(servers.kafka.bootstrap, *STREAMS))
            figures.runs.append(measure(servers, "race", name, place))
            asyncio.run(check(place, one_way=name != "both"))
    return list(found.values())
