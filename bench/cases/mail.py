"""Mail: 5,000 confirmations planned, claimed, rendered, sent over kept connections and settled."""

from __future__ import annotations

import asyncio
import datetime as dt
import tempfile
import time
from pathlib import Path

import asyncpg

from bench.measuring import Figures, Measured
from bench.programme import address, person, session, town, truth
from bench.services import service
from bench.sink import Sink
from bench.surroundings import Place, Servers, empty, fill
from shared.contracts.enrolment import Basis, ParticipantEnrolled
from shared.events.streams import STREAMS
from shared.testing import Message, message, settled


def _places(people: int) -> list[Message]:
    now = dt.datetime.now(dt.UTC)
    return [
        message(
            ParticipantEnrolled(
                session_id=session(number),
                person_id=person(number),
                city_id=town(number),
                episode=1,
                basis=Basis.REQUEST,
                decided_at=now,
            ),
            source="rollcall/enrolment",
        )
        for number in range(people)
    ]


async def _round(place: Place, folder: Path) -> Measured:
    await empty(place.kafka, *STREAMS)
    known = list(truth(place.events, starts_in=dt.timedelta(days=30)))
    await fill(place.kafka, [*known, *(settled(one) for one in known if one.stream == "programme.sessions")])
    sink = Sink()
    async with (
        sink.listening(),
        service("notifications", place, folder / "mail.log", SMTP_PORT=sink.port, REHEARSE=False) as mail,
    ):
        before = mail.cpu_seconds()
        await fill(place.kafka, _places(place.events))
        while not sink.accepted:
            await asyncio.sleep(0.001)
        begun = time.perf_counter()
        async with asyncio.timeout(300):
            while len(sink.accepted) < place.events:
                await asyncio.sleep(0.005)
            seconds = time.perf_counter() - begun
            connection = await asyncpg.connect(place.database)
            while await connection.fetchval(
                "select exists(select from kept.outbox) or exists(select from kept.open_notice)"
            ):
                await asyncio.sleep(0.05)
        told = await connection.fetchval("select count(*) from projection.notice where state = 'sent'")
        await connection.close()
        wanted = {address(number) for number in range(place.events)}
        if set(sink.accepted) != wanted or told != place.events or any(len(one) > 1 for one in sink.accepted.values()):
            raise AssertionError(f"{place.events} mails, {told} told, {sum(map(len, sink.accepted.values()))} accepted")
        return Measured(place.events, seconds, mail.cpu_seconds() - before, mail.peak_mib())


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """From the first mail accepted to the last; told exactly once, says the oracle, or the figure does not count."""
    figures = Figures(
        "notifications", "ledger, rendering, groups of 24, 48 kept connections to a local sink", [], "≥ 1,000/s"
    )
    for _ in range(rounds):
        place = servers.place(int(5_000 * scale), "notifications")
        before = servers.cpu_seconds()
        with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
            measured = asyncio.run(_round(place, Path(folder)))
        after = servers.cpu_seconds()
        measured.kafka_cpu_seconds = after["kafka"] - before["kafka"]
        measured.postgres_cpu_seconds = after["postgres"] - before["postgres"]
        figures.runs.append(measured)
    return [figures]
