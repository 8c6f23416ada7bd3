"""The services as processes, run as operators run them, and what each of them has used."""

from __future__ import annotations

import asyncio
import os
import sys
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

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system

    def peak_mib(self) -> float:
        return peak_mib(self.pid)


@asynccontextmanager
async def service(
    name: str, place: Place, log: Path, *, wait: bool = True, **settings: object
) -> AsyncIterator[Process]:
    """Starts a service and waits until it is ready; stops it by its pid."""
    port = ports.choose_free()
    told = {
        "KAFKA": place.kafka,
        "DATABASE_URL": place.database.replace("postgresql://", "postgresql+asyncpg://"),
        "PORT": port,
        "REPLICA": "bench",
        "LOG_LEVEL": "WARNING",
        **settings,
    }
    environment = os.environ | {f"ROLLCALL_{key}": str(value) for key, value in told.items()}
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", f"services.{name}.app", env=environment, stdout=output, stderr=output
        )
    running = Process(name, process.pid, f"http://127.0.0.1:{port}")
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
