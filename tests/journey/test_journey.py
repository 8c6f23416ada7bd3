"""The whole system as processes, through the command an operator uses: everything is killed once, and the books balance."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.stack import Stack
from rollcall.folder import DEFAULT_PORTS, Folder
from services import SERVICES
from shared.testing import eventually

pytestmark = pytest.mark.long

ROLLCALL = (sys.executable, "-m", "rollcall.main")
ANY_PORTS = [argument for name in DEFAULT_PORTS for argument in (f"--{name}-port", "0")]


class Journey:
    """One demo in a folder of its own."""

    def __init__(self, path: Path) -> None:
        self.folder = Folder(path)
        self.summary_file = path.with_suffix(".summary.json")
        self.log = path.with_suffix(".log")
        self.process: asyncio.subprocess.Process | None = None

    async def begin(self, *arguments: str) -> None:
        command = [*ROLLCALL, "demo", "--once", "--folder", str(self.folder.path), "--summary", str(self.summary_file)]
        with self.log.open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *command, *arguments, *ANY_PORTS, stdout=output, stderr=output, stdin=asyncio.subprocess.DEVNULL
            )

    async def end(self, *, minutes: float) -> int:
        assert self.process is not None
        async with asyncio.timeout(minutes * 60):
            return await self.process.wait()

    async def stop(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            await self.end(minutes=1)

    @property
    def summary(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.summary_file.read_text(encoding="utf-8"))
        return content

    def service_pid(self, name: str) -> int | None:
        run = self.folder.run() if self.folder.is_made() else None
        child = run.children.get(name) if run and run.phase == "running" else None
        return child.identity.pid if child and child.identity else None

    async def kill(self, name: str) -> None:
        """kill -9, then waits until its successor runs."""
        pid = await eventually(lambda: self.service_pid(name), what=f"{name} running")
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: self.service_pid(name) not in (None, pid), what=f"{name} running again")

    async def kill_broker(self) -> None:
        running = await eventually(lambda: Stack.running(self.folder.path), what="the broker")
        pid = running.processes["kafka"].pid
        os.kill(pid, signal.SIGKILL)
        await eventually(lambda: self.broker_pid() not in (None, pid), what="the broker running again")

    def broker_pid(self) -> int | None:
        running = Stack.running(self.folder.path)
        kafka = running.processes.get("kafka") if running else None
        return kafka.pid if kafka else None


@pytest.fixture
async def journey(tmp_path: Path) -> AsyncIterator[Journey]:
    journey = Journey(tmp_path / "data")
    yield journey
    await journey.stop()


async def test_everything_is_killed_once_and_the_books_balance(journey: Journey) -> None:
    await journey.begin("--scale", "full", "--per-second", "900")
    await eventually(lambda: journey.service_pid("enrolment"), what="the system up")
    for name in SERVICES:
        await journey.kill(name)
    await journey.kill_broker()
    for name in reversed(SERVICES):
        await journey.kill(name)

    code = await journey.end(minutes=20)

    told = journey.log.read_text(encoding="utf-8", errors="replace")[-6000:]
    assert code == 0, told
    summary = journey.summary
    assert summary["balanced"], told
    disagreeing = [line for line in summary["compared"] if not line["agrees"]]
    assert disagreeing == []
    restarts = Counter({name: child.restarts for name, child in journey.folder.last_run().children.items()})  # type: ignore[union-attr]
    assert all(restarts[name] >= 2 for name in SERVICES), restarts


async def test_the_same_input_a_second_time_changes_nothing(journey: Journey) -> None:
    await journey.begin("--scale", "small", "--again")

    assert await journey.end(minutes=20) == 0, journey.log.read_text(encoding="utf-8", errors="replace")[-6000:]
    again = journey.summary["again"]
    assert (again["changed"], again["looked_at"] > 20, again["published"] > 300) == ([], True, True)
