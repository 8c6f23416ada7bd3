"""One long-lived system whose process is killed again and again, each time at another crash point with new work before it.

First a survey runs every scenario once without a crash and notes which points it passes; so nobody says by hand which work
leads to which point. Then, point by point: the work is given to a process that dies there, another process is started, and
when that has settled, everything the work should have led to is checked.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.journal import JOURNAL, OUTBOX
from shared.observer import Observer
from shared.rebuild import compare
from shared.service import Service
from shared.settings import Settings, kafka_connection
from shared.streams import STREAMS
from shared.testing import Message, eventually
from shared.watermark import WATERMARK, Partition
from tests.faults.crashing import MODULES, Point, points_of

ROOT = Path(__file__).parents[2]
TABLES = pytest.StashKey[dict[str, str]]()
TRIES = 3
QUIET_SECONDS = 1.0
"""Several times the longest pause of any loop, as the services of these tests are set."""


# --- processes -----------------------------------------------------------------------------


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


# --- the system ----------------------------------------------------------------------------


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


@dataclass
class Surroundings:
    """The broker, the database, a producer that is every outside system, and a reader of what the service says."""

    service: Service
    settings: Settings
    engine: AsyncEngine
    producer: AIOKafkaProducer
    observer: Observer
    reader: AIOKafkaConsumer
    published: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    """What stands in the service's own streams: the records with each event id."""
    reading: asyncio.Task[None] | None = None

    @classmethod
    async def begin(cls, service: Service, settings: Settings) -> Surroundings:
        connection = kafka_connection(settings)
        producer = AIOKafkaProducer(**connection, enable_idempotence=True)
        await producer.start()
        observer = Observer(connection)
        await observer.start()
        reader = AIOKafkaConsumer(**connection, enable_auto_commit=False)
        await reader.start()
        parts = [TopicPartition(name, number) for name in service.own for number in range(STREAMS[name].partitions)]
        reader.assign(parts)
        await reader.seek_to_beginning(*parts)
        engine = create_async_engine(settings.database_url.get_secret_value(), pool_size=3)
        made = cls(service, settings, engine, producer, observer, reader)
        made.reading = asyncio.create_task(made._read())
        return made

    async def end(self) -> None:
        if self.reading is not None:
            self.reading.cancel()
            await asyncio.gather(self.reading, return_exceptions=True)
        for one in (self.reader, self.producer, self.observer):
            await one.stop()
        await self.engine.dispose()

    async def _read(self) -> None:
        while True:
            for records in (await self.reader.getmany(timeout_ms=200)).values():
                for record in records:
                    event_id = dict(record.headers)["ce_id"].decode()
                    copy = (record.topic, record.partition, record.key, record.value, record.headers)
                    self.published.setdefault(event_id, []).append(copy)

    async def publish(self, *messages: Message) -> list[tuple[str, int, int]]:
        """Sends records in order and returns where each one stands."""
        sends = [await self.producer.send(one.stream, one.value, key=one.key, headers=one.headers) for one in messages]
        done = await asyncio.gather(*sends)
        return [(one.topic, one.partition, one.offset) for one in done]

    async def rows(self, table: Any, *where: Any) -> list[Any]:
        async with self.engine.connect() as connection:
            return list(await connection.execute(sa.select(table).where(*where)))

    async def execute(self, *statements: str) -> None:
        async with self.engine.begin() as connection:
            for statement in statements:
                await connection.execute(sa.text(statement))

    async def cut_again_and_again(
        self, *, until: Callable[[], bool], waiting_for: str, locked: Callable[[], None] = lambda: None
    ) -> None:
        """What a fail-over of the database does to the service: for a while all its connections end. Whoever reads the
        table `waiting_for` is certain to be met by it: the table is locked meanwhile. `locked` is called when it is."""
        cut = f"select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rollcall-{self.service.name}'"  # noqa: S608  # A name of ours.
        rounds = itertools.count(1)

        async def is_enough() -> bool:
            await self.execute(cut)
            return next(rounds) > 20 or until()

        async with self.engine.begin() as connection:
            await connection.execute(sa.text(f"lock table {waiting_for} in access exclusive mode"))
            locked()
            await eventually(is_enough)

    # --- what is the same for every service ------------------------------------------------

    async def differing_books(self) -> list[str]:
        """Partitions in which published is not heard + parked + skipped, or whose end the watermark has not reached."""
        ends = await self.observer.ends(self.service.heard)
        marks = {Partition(row.stream, row.partition): row for row in await self.rows(WATERMARK)}
        wrong = []
        for part, end in ends.items():
            mark = marks.get(part)
            stands = (mark.next_offset, mark.heard + mark.parked + mark.skipped) if mark else (0, 0)
            if stands != (end, end):
                wrong.append(f"{part}: {end} published, watermark and count at {stands}")
        return wrong

    async def unsettled(self) -> list[str]:
        """What the service still has to send or to hear."""
        return [
            f"to send: {row.position}" for row in await self.rows(OUTBOX.c.position)
        ] or await self.differing_books()

    async def check_said(self, *where: Any) -> list[Any]:
        """Journal and Kafka agree about these entries, and their versions grow from 1 without a gap. Returns the entries."""
        entries = await self.rows(JOURNAL, *where)
        ids = [entry.event_id for entry in entries]
        await eventually(lambda: all(one in self.published for one in ids), what="every journal entry in Kafka")
        for entry in entries:
            copies = self.published[entry.event_id]
            assert all(copy == copies[0] for copy in copies), copies
            assert (copies[0][0], copies[0][2], copies[0][3]) == (entry.stream, entry.key.encode(), entry.body.encode())
        by_subject: dict[str, list[int]] = {}
        for entry in entries:
            by_subject.setdefault(entry.subject, []).append(entry.version)
        gaps = {subject: versions for subject, versions in by_subject.items()
                if sorted(versions) != list(range(1, len(versions) + 1))}  # fmt: skip
        assert gaps == {}
        return entries

    async def check_whole(self) -> None:
        """What was ever said is in Kafka and nothing else is; a rebuild comes to the same rows."""
        said = await self.check_said()
        assert {entry.event_id for entry in said} == set(self.published)
        report = await compare(self.service, self.settings)
        assert report.different_rows == 0, report.differences


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

    def __init__(self, system: System) -> None:
        self.system = system
        only = os.environ.get("ROLLCALL_CRASH_POINTS", "")
        self.points = [one for module in MODULES[system.app] for one in points_of(module) if only in one.name]
        """All of them, unless the environment names a part: while working on one file, nobody waits for the others."""
        self.processes = system.processes
        self.trials: list[Trial] = []
        self._idle: set[str] = set()
        self._passed: dict[str, set[str]] = {}
        """By scenario."""

    async def survey(self, explained: Collection[str]) -> None:
        """First what is passed when nothing happens; then every scenario once, without a crash. Again, if a point that should be
        was not passed: whether two commands meet in one transaction is a matter of chance."""
        await self.processes.born()
        await self._quiet()
        await self.processes.arm(None, ())
        self._idle = set((await self._quiet()).sections()[-1])
        for _ in range(TRIES):
            await self._survey_once()
            if all(self._candidates(point.name) for point in self.points if point.name not in explained):
                return

    async def _survey_once(self) -> None:
        for scenario in self.system.scenarios:
            work = self.system.work(scenario.name)
            if scenario.at_start:
                await self._down()
                await self.system.prepare(work)
                life = await self.processes.born()
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
        """Every point; those that need an early history come first."""
        order = {scenario.name: number for number, scenario in enumerate(self.system.scenarios)}
        points = self.points
        first = {point.name: self._candidates(point.name)[:1] for point in points}
        late = [point for point in points if first[point.name] and first[point.name][0].name == "restored"]
        for number, point in enumerate([*late, *(point for point in points if point not in late)], start=1):
            await self._try(point)
            if number % self.WHOLE_EVERY == 0:
                await self.system.check_whole()
        await self.system.check_whole()
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
                self.trials.append(Trial(point, scenario.name, "passed", time.monotonic() - begun))
                return
        self.trials.append(Trial(point, scenario.name if scenario else "-", "not reached"))

    async def _crash(self, point: str, scenario: Scenario) -> bool:
        """Gives work to a process that dies at the point, and checks what became of it. False: it did not die there."""
        work = self.system.work(scenario.name)
        if scenario.at_start:
            await self._down()
            await self.system.prepare(work)
            life = await self.processes.born(point)
        else:
            life = await self._up()
            await self.processes.arm(point, self._idle)
        acting = asyncio.create_task(self.system.act(work))

        async def over() -> bool:
            return life.is_over or (acting.done() and not await self.system.unsettled(work))

        await eventually(over, what="a crash, or an end of the work", seconds=60)
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
            await eventually(done, what=f"the end of {work}", seconds=60)
        except AssertionError as error:
            error.add_note(f"missing: {missing[:20]}")
            raise
        await acting

    async def _up(self) -> Life:
        life = self.processes.life
        return await self.processes.born() if life is None or life.is_over else life

    async def _down(self) -> None:
        if self.processes.life is not None:
            await self.processes.life.kill()


def table(trials: Sequence[Trial]) -> str:
    """The points with what became of them, one a line."""
    if not trials:
        return "none was tried"
    width = max(len(trial.point.name) for trial in trials)
    lines = [
        f"{trial.outcome:11} {trial.point.name:{width}} {trial.scenario:11} {trial.seconds:4.1f} s  {trial.point.text[:70]}"
        for trial in trials
    ]
    passed = sum(trial.outcome == "passed" for trial in trials)
    return "\n".join([*lines, f"{passed} of {len(trials)} crash points passed"])
