"""One process of a service after the other: each is born, takes orders where to die, and leaves a trace of what it passed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from shared.testing import eventually

ROOT = Path(__file__).parents[2]


class Life:
    """One process of the service, from birth to death."""

    def __init__(self, pid: int, trace: Path, ended: asyncio.Task[int]) -> None:
        self.pid = pid
        self.trace = trace
        self.ended = ended

    @property
    def is_over(self) -> bool:
        return self.ended.done()

    def sections(self) -> list[list[str]]:
        """The points it passed, in the order in which it first passed them, anew in each section."""
        text = self.trace.read_text(encoding="utf-8") if self.trace.exists() else ""
        return [section.split() for section in text.split("--\n")[1:]]

    def died_at(self, point: str) -> bool:
        return self.is_over and self.ended.result() == signal.SIGKILL and self.sections()[-1][-1:] == [point]

    async def kill(self) -> None:
        if not self.is_over:
            os.kill(self.pid, signal.SIGKILL)
            await self.ended


class Processes:
    """Starts one life after the other (tests/faults/crashing.py, `serve`)."""

    def __init__(self, app: str, environment: dict[str, str], folder: Path) -> None:
        self._app = app
        self._environment = os.environ | environment
        self._orders = folder / "orders"
        self.folder = folder
        self._server: asyncio.subprocess.Process | None = None
        self.life: Life | None = None
        self.lives = 0

    @property
    def log(self) -> Path:
        return Path(f"{self._orders}.log")

    async def open(self) -> None:
        self._server = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.crashing",
            self._app,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            env=self._environment,
        )

    async def close(self) -> None:
        if self.life is not None:
            await self.life.kill()
        if self._server is not None:
            assert self._server.stdin is not None
            self._server.stdin.close()
            await self._server.wait()

    def _order(self, point: str | None, idle: Iterable[str]) -> None:
        order = {"point": point, "idle": sorted(idle), "trace": str(self.folder / f"trace-{self.lives}")}
        fresh = self._orders.with_suffix(".new")
        fresh.write_text(json.dumps(order), encoding="utf-8")
        fresh.rename(self._orders)

    async def born(self, point: str | None = None) -> Life:
        """A new process; it dies at the point, if one is named, also while it starts."""
        assert self._server is not None and self._server.stdin is not None
        assert self.life is None or self.life.is_over
        self.lives += 1
        self._order(point, ())
        self._server.stdin.write(f"{self._orders}\n".encode())
        pid = await self._answer()
        self.life = Life(pid, self.folder / f"trace-{self.lives}", asyncio.create_task(self._answer()))
        return self.life

    async def arm(self, point: str | None, idle: Iterable[str]) -> None:
        """From now on the running process dies at the point; also begins a new section of its trace."""
        life = self.life
        assert life is not None
        await eventually(lambda: life.sections(), what="a process that takes orders")
        sections = len(life.sections())
        self._order(point, idle)
        os.kill(life.pid, signal.SIGUSR1)
        await eventually(lambda: len(life.sections()) > sections or life.is_over, what="the new orders read")

    async def _answer(self) -> int:
        assert self._server is not None and self._server.stdout is not None
        return int(await self._server.stdout.readline())
