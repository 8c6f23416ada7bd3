"""Processes we start: in a session of their own, known by pid and start time, stopped by that pid only."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from deploy.embedded import ports
from deploy.embedded.errors import EmbeddedError

Say = Callable[[str], None]


def silent(_line: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A process, told apart from a later one that was given the same pid."""

    pid: int
    started: float  # seconds since the epoch, as the system reports it: who sets the clock moves it
    born: str | None = None  # in which run of the machine, and when in it; None where the system does not tell

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The identity of a running process; None when no such process runs."""
        import psutil  # Here, because most commands only look into the folder, and everything waits for an import.

        try:
            process = psutil.Process(pid)
            # A dead child nobody has waited for still has a pid; in containers orphans may stay so for ever.
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            return cls(pid, process.create_time(), _born(pid))
        except psutil.NoSuchProcess:
            return None

    def is_running(self) -> bool:
        """Whether this very process still runs."""
        now = Identity.of(self.pid)
        if now is None:
            return False
        if self.born is not None and now.born is not None:
            return now.born == self.born
        return abs(now.started - self.started) < 2.0

    def listens(self, port: int) -> bool:
        """Whether this very process holds the port. The system says so: whoever else answers there may say anything."""
        import psutil

        try:
            held = psutil.Process(self.pid).net_connections(kind="tcp")
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
        return self.is_running() and any(one.status == psutil.CONN_LISTEN and one.laddr.port == port for one in held)


def _born(pid: int) -> str | None:
    """Linux counts from the machine's start, which no setting of the clock moves. The same count in another run is another process."""
    try:
        run = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        counts = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return f"{run}/{counts[19]}"


Spawned = Callable[[Identity], None]


def nobody(_identity: Identity) -> None:
    """Remembers no process."""


class Server:
    """A server run as a child process that keeps all it owns in one folder."""

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    stop_limit_s: ClassVar[float] = 20.0

    def __init__(self, folder: Path, say: Say, spawned: Spawned) -> None:
        """`spawned` is told of every process as soon as it exists, so that no crash of ours loses sight of it."""
        self.folder = folder.absolute()
        self.log = self.folder / f"{self.name.lower()}.log"
        self._say = say
        self._spawned = spawned
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: Identity | None = None

    @property
    def pid(self) -> int | None:
        """The server's process; None unless this object started it."""
        return None if self._identity is None else self._identity.pid

    def has_ended(self) -> bool:
        """Whether the process we started is gone without having been asked to."""
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        """Returns once the server is gone: asked to finish first, killed when it does not within the limit."""
        if self._identity is not None:
            self.stop_process(self._identity)
        self._reap()

    def kill(self) -> None:
        """Ends the server on the spot, as a crash of its process would."""
        if self._identity is not None:
            self.kill_process(self._identity)
        self._reap()

    @classmethod
    def stop_process(cls, identity: Identity) -> None:
        """What `stop` does, for a process started by somebody else."""
        if not end(identity, cls.stop_signal, cls.stop_limit_s):
            cls.kill_process(identity)

    @classmethod
    def kill_process(cls, identity: Identity) -> None:
        """What `kill` does, for a process started by somebody else."""
        end(identity, signal.SIGKILL, cls.stop_limit_s)

    def _launch(self, command: Sequence[str | Path], env: Mapping[str, str], user: int | None = None) -> None:
        self._process = spawn(command, self.log, env=env, user=user)
        self._identity = Identity.of(self._process.pid)
        if self._identity is not None:
            self._spawned(self._identity)

    def _holds(self, port: int) -> bool:
        """Whether it is our process that answers there, and nobody who took the port while it was starting."""
        return ports.is_answering(port) and self._identity is not None and self._identity.listens(port)

    def _wait(self, is_ready: Callable[[], bool], limit_s: float, options: Mapping[str, int]) -> None:
        """Returns when the server is ready; otherwise one sentence says why not. `options` names its ports."""
        process = self._process
        assert process is not None
        if wait_until(lambda: process.poll() is not None or is_ready(), limit_s) and process.poll() is None:
            return
        if process.poll() is not None:
            for option, port in options.items():
                ports.require_free(port, option)
        why = f"does not answer within {limit_s:.0f} s" if process.poll() is None else "ended at once"
        raise EmbeddedError(f"{self.name} {why}; {self.log} ends: {last_lines(self.log)}")

    def _reap(self) -> None:
        if self._process is not None:
            self._process.wait(self.stop_limit_s)
        self._process = self._identity = None


def spawn(
    command: Sequence[str | Path],
    log: Path,
    *,
    env: Mapping[str, str],
    user: int | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a process in a session of its own, so that Ctrl-C in the terminal reaches only the one who supervises;
    its output goes to `log`, the output of the run before is kept beside it."""
    if log.exists():
        log.replace(log.with_suffix(".previous.log"))
    with log.open("wb") as output:
        return subprocess.Popen(
            [os.fspath(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",  # keeps no folder of the caller in use, and every user may be there
            env=dict(env),
            start_new_session=True,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
        )


def end(identity: Identity, signal_number: int, limit_s: float) -> bool:
    """Sends the signal and waits; True once the process is gone, False when it outlived the limit."""
    if not identity.is_running():
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(identity.pid, signal_number)
    return wait_until(lambda: not identity.is_running(), limit_s)


def wait_until(condition: Callable[[], bool], limit_s: float, every_s: float = 0.02) -> bool:
    """Whether the condition came true within the limit."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def last_lines(log: Path, count: int = 3) -> str:
    """The end of a log in one line, to be quoted in an error."""
    try:
        lines = log.read_text("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    return " | ".join(line.strip() for line in lines[-count:] if line.strip())
