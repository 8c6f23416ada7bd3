"""The whole system in one folder: brought up in order, watched, taken down in order. One supervisor a folder at a time."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fasteners
import httpx

import deploy
from deploy.embedded import assets
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.ports import LOOPBACK, is_free
from deploy.embedded.processes import Identity, Say, Server, end, last_lines
from deploy.embedded.stack import Stack
from rollcall.children import Supervised
from rollcall.folder import Child, Folder, Run
from rollcall.passing import MODELS, given
from rollcall.preparing import create_databases, create_missing_streams, migrate_all, store_tokens
from rollcall.terminal import Refusal
from rollcall.typed import folder_typed, rollcall, typed
from services import SERVICES

READY_LIMIT_S = 150.0
SUPERVISE_EVERY_S = 0.2


class System:
    """A running Rollcall that this process supervises."""

    def __init__(self, folder: Folder, ports: dict[str, int], say: Say) -> None:
        self.folder = folder
        self.ports = ports
        self._say = say
        self._stack = Stack(folder.path, ports["kafka"], ports["postgres"], ports["smtp"], ports["inbox"], say)
        self._children: dict[str, Supervised] = {}
        self._phase = "starting"
        self._written: Run | None = None
        self._is_unwritable = False
        own = Identity.of(os.getpid())
        assert own is not None
        self._own = own
        self._mending: dict[str, threading.Thread] = {}
        self._turn = threading.Lock()
        self.stopped = threading.Event()
        """Set by whoever wants the system to end."""

    # --- up -------------------------------------------------------------------------------

    def start(self) -> None:
        """Returns once every service answers that it is ready; otherwise one sentence says why, and nothing runs."""
        self._write()
        try:
            self._stack.start()
            self._write()
            databases = create_databases(self.folder, self._stack.postgres)
            streams = create_missing_streams(self._stack.kafka.bootstrap)
            self._say(f"Streams: {streams} created" if streams else "Streams: all there")
            migrate_all(databases, self._say)
            store_tokens(self.folder, databases)
            self._make_children(databases)
            self._say(f"Starting {', '.join(self._children)}")
            self._until_ready()
            self.folder.remember_ports(self.ports)  # First: whoever sees it running looks there.
            self._phase = "running"
            self._write()
        except BaseException:  # also Ctrl-C: whoever gives up waiting leaves nothing running
            self.stop()
            raise

    def _make_children(self, databases: dict[str, str]) -> None:
        common = {
            "ROLLCALL_KAFKA": self._stack.kafka.bootstrap,
            "ROLLCALL_HOST": LOOPBACK,
            "ROLLCALL_LIVE_SINCE": self.folder.live_since.isoformat(),
            **self._what_pages_load(),
        }
        self.folder.logs.mkdir(exist_ok=True)
        self.folder.remember_given({name: value for part in MODELS for name, value in given(os.environ, part).items()})
        for name, one in SERVICES.items():
            if not one.is_installed:
                self._say(f"There is no {one.app} in this installation: {name} is left out.")
                continue
            own = {
                "ROLLCALL_PORT": str(self.ports[name]),
                # Replicas of one service are told apart by it; here there is one of each.
                "ROLLCALL_REPLICA": f"{name}-1",
                "ROLLCALL_DATABASE_URL": databases[name],
            }
            if one.mails:
                own |= {"ROLLCALL_SMTP_HOST": LOOPBACK, "ROLLCALL_SMTP_PORT": str(self.ports["smtp"])}
                # Whoever tries something here looks into the inbox next.
                if "ROLLCALL_SETTLING_SECONDS" not in os.environ:
                    own["ROLLCALL_SETTLING_SECONDS"] = "1"
                if "ROLLCALL_REHEARSE" not in os.environ:  # Nothing leaves the inbox, so there is nothing to rehearse.
                    own["ROLLCALL_REHEARSE"] = "false"
                if "ROLLCALL_BASE_URL" not in os.environ:  # Mails lead to the pages that are shown here.
                    own["ROLLCALL_BASE_URL"] = f"http://{LOOPBACK}:{self.ports['origin']}"
            if "files" in one.settings().model_fields:
                own["ROLLCALL_FILES"] = os.fspath(self.folder.path / "files")
            self._child(name, one.app, common | own)
        page = {f"ROLLCALL_SERVICES__{name.upper()}": f"http://{LOOPBACK}:{self.ports[name]}" for name in SERVICES}
        page |= {
            "ROLLCALL_PORT": str(self.ports["origin"]),
            "ROLLCALL_INBOX_URL": f"http://{LOOPBACK}:{self.ports['inbox']}",
            "ROLLCALL_TOKEN_FILE": os.fspath(self.folder.secret_file("page.token")),
            "ROLLCALL_PROGRAMME": os.fspath(self.folder.programme),
            "ROLLCALL_COMMAND": rollcall(),
            "ROLLCALL_COMMAND_FOLDER": folder_typed(self.folder.path),
        }
        self._child("origin", "rollcall.origin", common | page)

    def _what_pages_load(self) -> dict[str, str]:
        try:
            return {"ROLLCALL_ASSETS": os.fspath(assets.fetch(self._say))}
        except EmbeddedError as error:
            self._say(f"{error} Pages work without.")
            return {}

    def _child(self, name: str, module: str, settings: dict[str, str]) -> None:
        # Children start in "/": they find us also where the package is a checkout and not installed.
        roots = [os.fspath(Path(next(iter(deploy.__path__))).parent), os.environ.get("PYTHONPATH", "")]
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("ROLLCALL_")}
        env = (
            inherited
            | given(os.environ, name)
            | settings
            | {"PYTHONPATH": os.pathsep.join(filter(None, roots)), "PYTHONUNBUFFERED": "1"}
        )
        child = Supervised(name, [sys.executable, "-m", module], env, self.folder.logs / f"{name}.log")
        child.wanted = name not in self.folder.stopped_services()
        self._children[name] = child

    def _until_ready(self) -> None:
        wanted = {name for name, child in self._children.items() if child.wanted}
        waiting = set(wanted)
        deadline = time.monotonic() + READY_LIMIT_S
        while waiting:
            self._tick()
            waiting = {name for name in waiting if not self.is_ready(name)}
            # Also of those that were ready already: one that has ended since is not up.
            failing = [name for name in wanted if self._children[name].seen.restarts]
            if self.stopped.is_set():
                raise Refusal("Stopped before everything was up.")
            if failing or time.monotonic() > deadline:
                name = sorted(failing or waiting)[0]
                log = self.folder.logs / f"{name}.log"
                if failing and log.with_suffix(".previous.log").is_file():
                    log = log.with_suffix(".previous.log")
                why = "ended at once" if failing else f"is not ready within {READY_LIMIT_S:.0f} s"
                if failing and not is_free(self.ports[name]):
                    raise Refusal(
                        f"Port {self.ports[name]} ({name}) was taken by another process while this was starting:"
                        " start again with --free-ports, which finds another one."
                    )
                raise Refusal(f"{name} {why}; {log} ends: {last_lines(log)}")
            self.stopped.wait(SUPERVISE_EVERY_S / 2)

    def is_ready(self, name: str) -> bool:
        """Whether the service or the origin that was started here answers that it is ready."""
        return is_ready(self._children[name].seen, self.ports[name])

    # --- watched --------------------------------------------------------------------------

    def supervise(self) -> None:
        """Returns once `stopped` is set: by a signal here, or by `rollcall down` elsewhere."""
        while not self.stopped.wait(SUPERVISE_EVERY_S):
            with self._turn:
                if self.stopped.is_set():
                    return
                wanted_away = self.folder.stopped_services()
                for name, child in self._children.items():
                    child.wanted = name not in wanted_away
                self._tick()
                self._mend_servers()

    def _tick(self) -> None:
        for child in self._children.values():
            said = child.tick()
            if said:
                self._say(said)
        self._write()

    def _mend_servers(self) -> None:
        """Starts Kafka, Postgres or the inbox again when one of them ended by itself; the services wait for it."""
        servers: dict[str, Server] = {
            "Kafka": self._stack.kafka,
            "Postgres": self._stack.postgres,
            "Inbox": self._stack.inbox,
        }
        for name, server in servers.items():
            mending = self._mending.get(name)
            if server.has_ended() and (mending is None or not mending.is_alive()) and not self.stopped.is_set():
                self._say(f"{name} ended by itself, see {server.log}; starting it again")
                self._mending[name] = threading.Thread(target=self._start_again, args=(server,), daemon=True)
                self._mending[name].start()

    def _start_again(self, server: Server) -> None:
        try:
            server.start()  # type: ignore[attr-defined]  # Every server has it; the base class leaves it to them.
            self._say(f"{server.name} answers again")
        except EmbeddedError as error:
            self._say(str(error))
            self.stopped.wait(5)  # has_ended() stays true: the next look tries again

    # --- down -----------------------------------------------------------------------------

    def stop(self) -> None:
        """Returns once nothing of it runs: the origin first, then the services, then what they stand on."""
        self.stopped.set()
        with self._turn:  # A supervisor in another thread ends its turn first: it would start again what we stop.
            self._phase = "stopping"
        for group in (("origin",), SERVICES):
            children = [self._children[name] for name in group if name in self._children]
            for child in children:
                child.wanted = False
            if any(child.seen.identity for child in children):
                self._say(f"Stopping {', '.join(child.name for child in children)}")
            while any(child.seen.identity for child in children):
                self._tick()
                time.sleep(0.05)
        for mending in self._mending.values():
            mending.join(20)
        self._stack.stop()
        self._phase = "stopped"
        self._write()

    def _write(self) -> None:
        run = Run(self._own, self._phase, {name: child.seen for name, child in self._children.items()})
        if run == self._written:
            return
        try:
            self.folder.write_run(run)
        except (
            OSError
        ) as error:  # A full disk, say: other terminals see how it was, and what runs is still supervised, and stopped.
            if not self._is_unwritable:
                self._say(f"{self.folder.path} cannot be written to: {error.strerror}.")
            self._is_unwritable = True
            return
        self._written, self._is_unwritable = run, False


@contextlib.contextmanager
def only_one(folder: Folder, say: Callable[[str], None]) -> Iterator[None]:
    """Held while a system runs: a second one in the same folder is refused; what a killed one left behind is ended."""
    try:
        folder.path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"The folder {folder.path} cannot be used: {error.strerror}.") from error
    lock = fasteners.InterProcessLock(os.fspath(folder.lock))
    if not lock.acquire(blocking=False):
        run = folder.run()
        who = f" (pid {run.supervisor.pid})" if run else ""
        raise Refusal(
            f"A system already runs in {folder.path}{who}: stop it with `{typed('down', folder.path)}`,"
            " or choose another --folder."
        )
    try:
        if end_leftovers(folder):
            say("Ended what a killed run had left running here.")
        yield
    finally:
        lock.release()


def end_leftovers(folder: Folder) -> bool:
    """Ends the children of a supervisor that is gone; whether there were any."""
    if not folder.is_made():
        return False
    run = folder.last_run()
    left = [child for child in run.children.values() if child.identity and child.identity.is_running()] if run else []
    for child in left:
        end_child(child)
    return Stack.stop_in(folder.path) or bool(left)


def end_child(child: Child) -> None:
    """Ends one child process, gently and then not."""
    if child.identity is not None and not end(child.identity, 15, 20.0):
        end(child.identity, 9, 5.0)


def is_ready(child: Child, port: int) -> bool:
    """Whether this child answers at the port that it is ready. What another process says there is not its word."""
    try:
        said = httpx.get(f"http://{LOOPBACK}:{port}/health/ready", timeout=7).status_code == 200
    except httpx.HTTPError:
        return False
    return said and child.identity is not None and child.identity.listens(port)
