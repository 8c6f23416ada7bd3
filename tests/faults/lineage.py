"""One long-lived system whose process is killed again and again, each time at another crash point with new work before it.

First a survey runs every scenario once without a crash and notes which points it passes; so nobody says by hand which work
leads to which point. Then, point by point: the work is given to a process that dies there, another process is started, and
when that has settled, everything the work should have led to is checked.
"""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from shared.testing import eventually
from tests.campaigns import one_of_each
from tests.faults.crashing import MODULES, Point, points_of
from tests.faults.living import Life, Processes
from tests.faults.surroundings import Surroundings

TABLE = "crash points of "
"""Begins the name of the property under which a test reports what became of each point."""
PASSED, NOT_REACHED, NOT_TRIED = "passed", "not reached", "not tried"
TRIES = 3
QUIET_SECONDS = 1.0
"""Several times the longest pause of any loop, as the services of these tests are set."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of work. `at_start`: it is prepared while no process runs, and the process dies while it starts or later."""

    name: str
    at_start: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one crash point."""

    point: Point
    scenario: str
    outcome: str
    seconds: float = 0.0


class System(ABC):
    """One service under test: its scenarios, and what each must have led to."""

    app: str
    scenarios: Sequence[Scenario]

    def __init__(self, around: Surroundings, processes: Processes) -> None:
        self.around = around
        self.processes = processes

    def is_at_start(self, scenario: str) -> bool:
        return any(one.name == scenario and one.at_start for one in self.scenarios)

    @abstractmethod
    def work(self, scenario: str) -> Any:
        """New work with ids of its own."""

    async def prepare(self, work: Any) -> None:  # noqa: B027
        """What happens before the process starts; only for scenarios at start."""

    @abstractmethod
    async def act(self, work: Any) -> None:
        """What the world outside does; it goes on while the process is down, and repeats what was not answered."""

    async def bury(self) -> None:  # noqa: B027
        """What a dead process held is held no longer, as if the time had passed that it may be held."""

    @abstractmethod
    async def unsettled(self, work: Any) -> list[str]:
        """What is still missing of what the work leads to; empty when nothing more will happen."""

    @abstractmethod
    async def check(self, work: Any) -> None:
        """Nothing lost and nothing doubled of this work."""

    @abstractmethod
    async def check_whole(self) -> None: ...


class Lineage:
    """Drives a system from crash to crash."""

    WHOLE_EVERY = 40

    def __init__(self, system: System, explained: Collection[str], *, whole: bool) -> None:
        """The process dies at every point, or else at one of each place in the code; whether any work leads to a point is seen
        of all. `explained`: those that none leads to."""
        self.system = system
        self.explained = explained
        only = os.environ.get("ROLLCALL_CRASH_POINTS", "")
        self.points = [one for module in MODULES[system.app] for one in points_of(module) if only in one.name]
        """All of them, unless the environment names a part: while working on one file, nobody waits for the others."""
        reachable = [point for point in self.points if point.name not in explained]
        self.taken = self.points if whole or only else one_of_each(reachable, lambda point: point.place)
        self.processes = system.processes
        self.trials: list[Trial] = []
        self._idle: set[str] = set()
        self._passed: dict[str, set[str]] = {}
        """By scenario."""

    async def survey(self) -> None:
        """First what is passed when nothing happens; then every scenario once, without a crash. Again, if a point that should be
        was not passed: whether two commands meet in one transaction is a matter of chance."""
        await self._born()
        await self._quiet()
        await self.processes.arm(None, ())
        self._idle = set((await self._quiet()).sections()[-1])
        for _ in range(TRIES):
            await self._survey_once()
            if all(self._candidates(point.name) for point in self.points if point.name not in self.explained):
                return

    async def _survey_once(self) -> None:
        for scenario in self.system.scenarios:
            work = self.system.work(scenario.name)
            if scenario.at_start:
                await self._down()
                await self.system.prepare(work)
                life = await self._born()
            else:
                life = await self._up()
                await self.processes.arm(None, ())
            await self._done(work, asyncio.create_task(self.system.act(work)))
            await self._quiet()
            self._passed.setdefault(scenario.name, set()).update(life.sections()[-1])

    async def _quiet(self) -> Life:
        """Every loop has come by, and nothing new was passed for a while."""
        life = await self._up()
        await eventually(lambda: any(life.sections()), what="a process that has begun")
        await eventually(lambda: time.time() - life.trace.stat().st_mtime > QUIET_SECONDS, what="nothing new to pass")
        return life

    async def run(self) -> None:
        """Every point that is taken; where a process starts with hearing much again, while the history is short."""
        order = {scenario.name: number for number, scenario in enumerate(self.system.scenarios)}
        points, taken = self.points, self.taken
        late = {point.name: not any(one.at_start for one in self._candidates(point.name)[:1]) for point in points}
        for number, point in enumerate(sorted(taken, key=lambda point: late[point.name]), start=1):
            await self._try(point)
            if number % self.WHOLE_EVERY == 0:
                await self.system.check_whole()
        await self.system.check_whole()
        self.trials += [self._not_tried(point) for point in points if point not in taken]
        place = {point.name: number for number, point in enumerate(points)}
        self.trials.sort(key=lambda trial: (place[trial.point.name], order.get(trial.scenario, 0)))

    def _candidates(self, point: str) -> list[Scenario]:
        return [scenario for scenario in self.system.scenarios if point in self._passed[scenario.name]]

    async def _try(self, point: Point) -> None:
        scenario = None
        for scenario in self._candidates(point.name) * TRIES:
            begun = time.monotonic()
            try:
                crashed = await self._crash(point.name, scenario)
            except Exception as error:
                error.add_note(f"crashed at {point.name}, scenario {scenario.name}; log: {self.processes.log}")
                raise
            if crashed:
                self.trials.append(Trial(point, scenario.name, PASSED, time.monotonic() - begun))
                return
        self.trials.append(Trial(point, scenario.name if scenario else "-", NOT_REACHED))

    def _not_tried(self, point: Point) -> Trial:
        candidates = self._candidates(point.name)
        return Trial(point, candidates[0].name, NOT_TRIED) if candidates else Trial(point, "-", NOT_REACHED)

    async def _crash(self, point: str, scenario: Scenario) -> bool:
        """Gives work to a process that dies at the point, and checks what became of it. False: it did not die there."""
        work = self.system.work(scenario.name)
        if scenario.at_start:
            await self._down()
            await self.system.prepare(work)
            life = await self._born(point)
        else:
            life = await self._up()
            await self.processes.arm(point, self._idle)
        acting = asyncio.create_task(self.system.act(work))

        async def over() -> bool:
            return life.is_over or (acting.done() and not await self.system.unsettled(work))

        await eventually(over, what="a crash, or an end of the work")
        if not life.is_over:
            with suppress(AssertionError):  # A loop that comes by seldom.
                await eventually(lambda: life.is_over, seconds=2 * QUIET_SECONDS)
        crashed = life.died_at(point)
        if not life.is_over:
            await self.processes.arm(None, ())
        await self._done(work, acting)
        await self.system.check(work)
        return crashed

    async def _done(self, work: Any, acting: asyncio.Task[None]) -> None:
        """Keeps a process running until the work is done and everything has settled."""

        missing: list[str] = []

        async def done() -> bool:
            await self._up()
            missing[:] = await self.system.unsettled(work) if acting.done() else ["the world outside is not done"]
            return not missing

        try:
            await eventually(done, what=f"the end of {work}")
        except AssertionError as error:
            error.add_note(f"missing: {missing[:20]}")
            raise
        await acting

    async def _up(self) -> Life:
        life = self.processes.life
        return await self._born() if life is None or life.is_over else life

    async def _born(self, point: str | None = None) -> Life:
        await self.system.bury()
        return await self.processes.born(point)

    async def _down(self) -> None:
        if self.processes.life is not None:
            await self.processes.life.kill()


def table(trials: Sequence[Trial]) -> str:
    """The points with what became of them, one a line; those that were not tried are only counted."""
    if not trials:
        return "none was tried"
    width = max(len(trial.point.name) for trial in trials)
    lines = [
        f"{trial.outcome:11} {trial.point.name:{width}} {trial.scenario:11} {trial.seconds:4.1f} s  {trial.point.text[:70]}"
        for trial in trials
        if trial.outcome != NOT_TRIED
    ]
    return "\n".join([*lines, f"{count(trials, PASSED)} of {len(trials)} crash points passed"])


def count(trials: Sequence[Trial], outcome: str) -> int:
    return sum(trial.outcome == outcome for trial in trials)
