"""A system that is up for as long as a command runs, or that goes on behind it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping

from deploy.embedded.processes import last_lines
from rollcall import ports
from rollcall.folder import Folder
from rollcall.passing import refuse_invalid, said_in_vain
from rollcall.system import System, only_one
from rollcall.terminal import Refusal, err, nobody_reads, say
from rollcall.typed import typed
from shared.service import utc_now

DETACH_LIMIT_S = 180.0


@contextlib.contextmanager
def running(
    folder: Folder, asked: dict[str, int | None], *, free_ports: bool, before: Callable[[], None] = lambda: None
) -> Iterator[System]:
    """A system that is up for as long as the block runs; Ctrl-C, SIGTERM and the end of the terminal set its `stopped`. `before` it starts,
    the caller may put into the folder what it needs."""
    _heed_settings()
    with only_one(folder, say):
        folder.make(utc_now())
        folder.want_everything()
        chosen = ports.choose(asked, folder.ports, take_free=free_ports)
        system = System(folder, chosen, say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: system.stopped.set())
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # `nohup` means that it goes on.
            signal.signal(signal.SIGHUP, lambda *_: _without_terminal(system))
        began = time.monotonic()
        before()
        system.start()
        say(f"Ready after {time.monotonic() - began:.1f} s")
        try:
            yield system
        finally:
            system.stopped.set()
            system.stop()
            say("Stopped.")


def _without_terminal(system: System) -> None:
    """Whoever closes the terminal stops what runs in it, as by Ctrl-C: left to itself it would go on with nobody who supervises it."""
    nobody_reads()
    system.stopped.set()


def _heed_settings() -> None:
    refuse_invalid(os.environ)
    for sentence in said_in_vain(os.environ):
        err.print(sentence, style="yellow", soft_wrap=True, markup=False)


def where_to_look(folder: Folder, ports: Mapping[str, int], *, behind: bool = False) -> None:
    """The addresses a person opens, and the commands that go with them. `behind`: it goes on without this terminal."""
    err.print()
    err.print(f"  The story   [bold cyan]http://127.0.0.1:{ports['origin']}/[/]")
    err.print(f"  The inbox   [cyan]http://127.0.0.1:{ports['inbox']}/[/]")
    err.print(f"  Kafka       127.0.0.1:{ports['kafka']}     Postgres 127.0.0.1:{ports['postgres']}")
    err.print(f"  Kept in     {folder.path} (logs: {folder.logs})", soft_wrap=True)
    asks, ends = (typed(words, folder.path) for words in ("status", "down"))
    then = f"How it stands: [bold]{asks}[/]. What stops it: [bold]{ends}[/]."
    here = f"In another terminal: [bold]{asks}[/]. Ctrl-C here stops everything."
    err.print(f"\n  {then if behind else here}\n", soft_wrap=True)


def supervised(system: System) -> threading.Thread:
    """Supervises in a thread, for a command that has something else to do meanwhile."""
    thread = threading.Thread(target=system.supervise, name="supervisor", daemon=True)
    thread.start()
    return thread


def detached(folder: Folder) -> None:
    """Runs the same command without --detach in a session of its own, and waits for it to be up."""
    run = folder.run() if folder.is_made() else None
    if run is not None:
        raise Refusal(f"A system already runs in {folder.path} (pid {run.supervisor.pid}).")
    _heed_settings()  # here, where somebody reads it
    folder.make(utc_now())
    arguments = [argument for argument in sys.argv[1:] if argument != "--detach"]
    log = folder.path / "supervisor.log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "rollcall.main", *arguments]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    deadline = time.monotonic() + DETACH_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Refusal(last_lines(log, 1) or f"It ended at once, see {log}.")
        run = folder.run()
        if run is not None and run.supervisor.pid == process.pid and run.phase == "running":
            say(f"Up, supervised by pid {process.pid}.")
            where_to_look(folder, folder.ports, behind=True)
            return
        time.sleep(0.1)
    raise Refusal(f"It is not up within {DETACH_LIMIT_S:.0f} s, see {log}.")
