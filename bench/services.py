"""The services as processes, run as operators run them, and what each of them has used."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from bench.measuring import peak_mib
from bench.surroundings import Place
from deploy.embedded import ports

READY_SECONDS = 60


@dataclass
class Process:
    """A running service."""

    name: str
    pid: int
    url: str
    counts_file: Path

    async def counts(self) -> Counter[str]:
        """What it has asked of Postgres and Kafka so far, as `bench.counted` calls it."""
        before = self.counts_file.stat().st_ino
        os.kill(self.pid, signal.SIGUSR1)
        async with asyncio.timeout(READY_SECONDS):
            while self.counts_file.stat().st_ino == before:
                await asyncio.sleep(0.01)
        return Counter(json.loads(self.counts_file.read_text("utf-8")))

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def peak_mib(self) -> float:
        return peak_mib(self.pid)


@asynccontextmanager
async def service(
    name: str, place: Place, log: Path, *, wait: bool = True, counted: bool = False, **settings: object
) -> AsyncIterator[Process]:
    """Starts a service and waits until it is ready; stops it by its pid. `counted`: what it asks is counted."""
    port = ports.choose_free()
    told = {
        "KAFKA": place.kafka,
        "DATABASE_URL": place.database.replace("postgresql://", "postgresql+asyncpg://"),
        "PORT": port,
        "REPLICA": "bench",
        "LOG_LEVEL": "WARNING",
        "SETTLING_SECONDS": 0,  # What a mail takes is measured, and not how long it is kept back.
        **settings,
    }
    environment = os.environ | {f"ROLLCALL_{key}": str(value) for key, value in told.items()}
    module, counts = f"services.{name}.app", log.with_suffix(".counts")
    command = ["bench.counted", module, str(counts)] if counted else [module]
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command, env=environment, stdout=output, stderr=output
        )
    running = Process(name, process.pid, f"http://127.0.0.1:{port}", counts)
    try:
        if wait:
            await _ready(process, running, log)
        yield running
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _ready(process: asyncio.subprocess.Process, running: Process, log: Path) -> None:
    async with httpx.AsyncClient() as client, asyncio.timeout(READY_SECONDS):
        while process.returncode is None:
            try:
                if (await client.get(f"{running.url}/health/ready")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError(f"{running.name} ended: {await asyncio.to_thread(log.read_text, 'utf-8')}"[-2000:])
