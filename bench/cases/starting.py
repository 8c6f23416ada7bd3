"""Starting: from the start of a service's process to the first facts that it has heard, Kafka and Postgres answering."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import asyncpg

from bench.measuring import Figures, Measured
from bench.services import service
from bench.surroundings import Place, Servers, fill
from shared.contracts.directory import PersonRegistered
from shared.contracts.model import Event
from shared.contracts.notifications import LinkKeyStated
from shared.contracts.survey import TrainingNeedDeclared
from shared.testing import body_of, message

FACT: dict[str, type[Event]] = {
    "enrolment": TrainingNeedDeclared,
    "attendance": LinkKeyStated,
    "notifications": PersonRegistered,
}
"""What each hears in its fact lane. What makes it act waits until its own words are known."""


async def _start(name: str, place: Place, folder: Path) -> Measured:
    connection = await asyncpg.connect(place.database)
    wanted = "select exists(select from projection.watermark where stream = $1 and next_offset > 0)"
    try:
        await connection.execute(
            "update projection.watermark set next_offset = 0, last_offset = null, last_print = null"
        )
        begun = time.perf_counter()
        async with service(name, place, folder / f"{name}.log", wait=False) as process:
            while not await connection.fetchval(wanted, FACT[name].stream):
                await asyncio.sleep(0.005)
            seconds = time.perf_counter() - begun
            return Measured(1, seconds, process.cpu_seconds(), process.peak_mib(), more={"ms": seconds * 1000})
    finally:
        await connection.close()


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Each service `rounds` times, alone."""
    sent = [message(body_of(model)) for model in set(FACT.values())]
    asyncio.run(fill(servers.kafka.bootstrap, sent))
    figures = []
    with tempfile.TemporaryDirectory(prefix="rollcall-bench-") as folder:
        for name in FACT:
            place = servers.place(1, name)
            one = Figures(name, "process start to the first facts heard", [], "≤ 1,500 ms")
            one.runs = [asyncio.run(_start(name, place, Path(folder))) for _ in range(rounds)]
            figures.append(one)
    return figures
