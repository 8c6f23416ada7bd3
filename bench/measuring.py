"""Measures one contender in a process of its own: seconds, CPU seconds and peak memory, from its first record to its last commit."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.surroundings import Place, Servers

LIMIT_SECONDS = 900


@dataclass(slots=True)
class Measured:
    """What one run took."""

    events: int
    seconds: float
    cpu_seconds: float
    peak_mib: float
    kafka_cpu_seconds: float = 0.0
    postgres_cpu_seconds: float = 0.0
    more: dict[str, float] = field(default_factory=dict)
    """Figures that only this contender has."""

    @property
    def per_second(self) -> float:
        return self.events / self.seconds


class Clock:
    """Started at the first record, stopped at the last commit."""

    def __init__(self) -> None:
        self._began: tuple[float, float] | None = None

    def start(self) -> None:
        """Only the first call counts."""
        if self._began is None:
            self._began = (time.perf_counter(), time.process_time())

    def stop(self, events: int, **more: float) -> Measured:
        assert self._began is not None, "nothing was heard"
        seconds, cpu_seconds = time.perf_counter() - self._began[0], time.process_time() - self._began[1]
        return Measured(events, seconds, cpu_seconds, peak_mib("self"), more=more)


def peak_mib(pid: int | str) -> float:
    """The most memory a process ever had. Not `ru_maxrss`: that begins with the peak of whoever started it."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


Contender = Callable[[Place], Coroutine[Any, Any, Measured]]


def measure(servers: Servers, case: str, contender: str, place: Place) -> Measured:
    """Runs a contender in a fresh interpreter. Raises with its last lines if it fails."""
    before = servers.cpu_seconds()
    done = subprocess.run(
        [sys.executable, "-m", "bench.process", case, contender],
        input=json.dumps(asdict(place)),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{case}: {contender} failed\n{done.stderr[-4000:]}")
    after = servers.cpu_seconds()
    measured = Measured(**json.loads(done.stdout.splitlines()[-1]))
    measured.kafka_cpu_seconds = after["kafka"] - before["kafka"]
    measured.postgres_cpu_seconds = after["postgres"] - before["postgres"]
    return measured


@dataclass(slots=True)
class Figures:
    """One contender over all rounds."""

    name: str
    what: str
    runs: list[Measured]
    goal: str = ""

    @property
    def median(self) -> float:
        return statistics.median(run.per_second for run in self.runs)

    def middle(self, of: Callable[[Measured], float]) -> float:
        return statistics.median(of(run) for run in self.runs)

    def more(self) -> dict[str, float]:
        return {name: self.middle(lambda run, name=name: run.more[name]) for name in self.runs[0].more}  # type: ignore[misc]

    def told(self) -> dict[str, Any]:
        return {"name": self.name, "what": self.what, "goal": self.goal, "runs": [asdict(run) for run in self.runs]}
