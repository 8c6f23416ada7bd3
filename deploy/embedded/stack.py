"""Kafka, Postgres and the inbox together, in one folder. `stack.json` there says what runs and where."""

import contextlib
import json
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Self

import fasteners

from deploy.embedded import ports
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.inbox_server import Inbox
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Identity, Say, Server, silent

_SERVERS: dict[str, type[Server]] = {"kafka": Kafka, "postgres": Postgres, "inbox": Inbox}
_OPTIONS = {"kafka": "--kafka-port", "postgres": "--postgres-port", "smtp": "--smtp-port", "inbox": "--inbox-port"}


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers listen, on loopback; 0 asks for a free port, the same at every start while it stays free."""

    kafka: int = 9092
    postgres: int = 55432
    smtp: int = 1025
    inbox: int = 8025


@dataclass(frozen=True, slots=True)
class Running:
    """A stack that runs, seen from any process."""

    folder: Path
    ports: Ports
    processes: dict[str, Identity]  # by "kafka", "postgres", "inbox"; one that ended is missing
    stopping: bool = False  # somebody is stopping it, or did

    @property
    def bootstrap(self) -> str:
        """What Kafka clients are given."""
        return f"{ports.LOOPBACK}:{self.ports.kafka}"

    @property
    def inbox_url(self) -> str:
        """Where to look at the mails."""
        return f"http://{ports.LOOPBACK}:{self.ports.inbox}"

    @property
    def postgres(self) -> Postgres:
        """The Postgres of this stack, to be asked for DSNs and databases; its process belongs to whoever started it."""
        return Postgres(self.folder / "postgres", self.ports.postgres)


class Stack:
    """The three servers of one folder, started and stopped together."""

    def __init__(
        self,
        folder: Path,
        kafka_port: int = 9092,
        postgres_port: int = 55432,
        smtp_port: int = 1025,
        inbox_port: int = 8025,
        say: Say = silent,
        *,
        durable: bool = True,
    ) -> None:
        """`durable` False: Postgres does not wait for the disk. For tests."""
        self.folder = folder.absolute()
        self.ports = _chosen(self.folder, Ports(kafka_port, postgres_port, smtp_port, inbox_port))
        self._say = say
        self._file = _StateFile(self.folder)
        spawned = self._file.remember
        self.kafka = Kafka(self.folder / "kafka", self.ports.kafka, say=say, spawned=partial(spawned, "kafka"))
        self.postgres = Postgres(
            self.folder / "postgres",
            self.ports.postgres,
            durable=durable,
            say=say,
            spawned=partial(spawned, "postgres"),
        )
        self.inbox = Inbox(
            self.folder / "mail", self.ports.smtp, self.ports.inbox, say=say, spawned=partial(spawned, "inbox")
        )

    def start(self) -> Self:
        """Returns once all three answer; otherwise one sentence says why, and none of them runs."""
        with _OnlyOne(self.folder):
            running = Stack.running(self.folder)
            if running is not None:
                names = ", ".join(f"{name} (pid {one.pid})" for name, one in running.processes.items())
                raise EmbeddedError(f"A stack already runs in {self.folder}: {names}; stop it first.")
            # All of them before anything starts: the second port in use must not cost the start of the first server.
            for name, port in asdict(self.ports).items():
                ports.require_free(port, _OPTIONS[name])
            self._file.begin(self.ports)
            try:
                self._each("start")
            except BaseException:
                self._each("stop")
                self._file.forget()
                raise
        return self

    def stop(self) -> None:
        """Returns once nothing of this folder's stack runs, whoever started it."""
        self._each("stop")
        Stack.stop_in(self.folder, self._say)

    def ended(self) -> list[str]:
        """The servers that ended though nobody stopped them, each with where its log is."""
        state = self._file.read()
        if state is None or state.stopping:  # another process was asked to stop the stack
            return []
        servers = (self.kafka, self.postgres, self.inbox)
        return [f"{server.name} ended by itself, see {server.log}" for server in servers if server.has_ended()]

    @staticmethod
    def running(folder: Path) -> Running | None:
        """The stack that runs in this folder; None when none of its processes does."""
        state = _StateFile(folder.absolute()).read()
        if state is None:
            return None
        alive = {name: identity for name, identity in state.processes.items() if identity.is_running()}
        return replace(state, processes=alive) if alive else None

    @staticmethod
    def stop_in(folder: Path, say: Say = silent) -> bool:
        """Stops whatever of a stack runs in this folder, from any process; whether there was something to stop."""
        file = _StateFile(folder.absolute())
        running = Stack.running(folder)
        if running is not None:
            with contextlib.suppress(OSError):  # A full disk keeps nobody from being stopped.
                file.write(replace(running, stopping=True))
            say(f"Stopping {', '.join(_SERVERS[name].name for name in running.processes)}")
            _together([partial(_SERVERS[name].stop_process, one) for name, one in running.processes.items()])
        file.forget()
        return running is not None

    def _each(self, action: str) -> None:
        _together([getattr(server, action) for server in (self.kafka, self.postgres, self.inbox)])


class _StateFile:
    """`stack.json`: the ports chosen for this folder and the processes that run; replaced as a whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "stack.json"
        self._lock = threading.Lock()  # the three servers start in threads

    def read(self) -> Running | None:
        try:
            state = json.loads(self._file.read_text("utf-8"))
            processes = {name: Identity(**one) for name, one in state["processes"].items() if name in _SERVERS}
            return Running(self._folder, Ports(**state["ports"]), processes, state["stopping"])
        except FileNotFoundError:
            return None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise EmbeddedError(
                f"{self._file} cannot be read as the state of a stack: if none runs in this folder, remove the file."
            ) from error

    def begin(self, chosen: Ports) -> None:
        self.write(Running(self._folder, chosen, {}))

    def remember(self, name: str, identity: Identity) -> None:
        with self._lock:
            state = self.read()
            if state is not None:
                self.write(replace(state, processes={**state.processes, name: identity}))

    def forget(self) -> None:
        """Notes that no process runs any more; the ports stay those of this folder."""
        state = self.read()
        if state is not None and state.processes:
            with contextlib.suppress(OSError):  # Unwritten it names processes that do not run: nobody believes that.
                self.write(replace(state, processes={}, stopping=True))

    def write(self, state: Running) -> None:
        processes = {name: asdict(one) for name, one in state.processes.items()}
        fresh = self._file.with_suffix(".new")
        content = {"ports": asdict(state.ports), "processes": processes, "stopping": state.stopping}
        fresh.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        fresh.replace(self._file)


def _chosen(folder: Path, wanted: Ports) -> Ports:
    """The ports wanted, with a free one for every 0: the one this folder had before, if it is still free."""
    state = _StateFile(folder).read()
    before = {} if state is None else asdict(state.ports)
    taken = {port for port in asdict(wanted).values() if port}
    chosen = {}
    for name, port in asdict(wanted).items():
        chosen[name] = port or _free_port(before.get(name, 0), taken)
        taken.add(chosen[name])
    if len(set(chosen.values())) < len(chosen):
        raise EmbeddedError(f"Two servers cannot share a port: {', '.join(f'{k} {v}' for k, v in chosen.items())}.")
    return Ports(**chosen)


def _free_port(before: int, taken: set[int]) -> int:
    port = before
    while port == 0 or port in taken or not ports.is_free(port):
        port = ports.choose_free()
    return port


class _OnlyOne:
    """Held while a stack starts: two starts in one folder at the same time would each believe to be the first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = fasteners.InterProcessLock(os.fspath(folder / "stack.lock"))

    def __enter__(self) -> None:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(f"The folder {self._folder} cannot be made: {error.strerror}.") from error
        if not self._lock.acquire(blocking=False):
            raise EmbeddedError(f"A stack is being started in {self._folder} at this moment.")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _together(actions: list[Callable[[], object]]) -> None:
    """Does all of them at the same time; when some fail, the first one's reason is raised once all are done."""
    with ThreadPoolExecutor(max_workers=max(1, len(actions))) as threads:
        futures = [threads.submit(action) for action in actions]
    for future in futures:
        future.result()
