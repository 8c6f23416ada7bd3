"""`rollcall down`, `stop` and `start`: said in the folder, done by the supervisor, answered once it is true."""

from __future__ import annotations

import os
import signal

from deploy.embedded.processes import wait_until
from rollcall.folder import Child, Folder
from rollcall.options import DEFAULT_FOLDER, FolderOption, ServiceArgument
from rollcall.terminal import Refusal, out, say
from rollcall.typed import typed

DOWN_LIMIT_S = 90.0


def down(folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Stop everything that runs in the folder; what it keeps stays.

    Exit codes: 0 nothing runs any more, 1 nothing ran.
    """
    from rollcall.system import end_leftovers

    kept = Folder(folder)
    run = kept.run() if kept.is_made() else None
    if run is None:
        if end_leftovers(kept):
            out.print("Ended what a killed run had left running.", soft_wrap=True)
            return
        raise Refusal(f"Nothing runs in {kept.path}.")
    say(f"Stopping the system in {kept.path}")
    os.kill(run.supervisor.pid, signal.SIGTERM)
    if not wait_until(lambda: not run.supervisor.is_running(), DOWN_LIMIT_S, every_s=0.1):
        raise Refusal(f"The supervisor (pid {run.supervisor.pid}) has not stopped within {DOWN_LIMIT_S:.0f} s.")
    out.print("Stopped. Everything heard, decided and mailed is kept in the folder.", soft_wrap=True)


def stop(service: ServiceArgument, folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Stop one service until `rollcall start`; the others go on, and its streams wait for it.

    Exit codes: 0 it is away, 1 nothing runs, or it does not stop.
    """
    from rollcall.children import STOP_LIMIT_S

    kept = Folder(folder)
    _child(kept, service)
    kept.want(service, stopped=True)
    if not wait_until(lambda: _child(kept, service).state == "stopped", STOP_LIMIT_S + 10, every_s=0.05):
        raise Refusal(f"{service} has not stopped within {STOP_LIMIT_S + 10:.0f} s, see {kept.logs / service}.log.")
    out.print(
        f"{service} is away. What is published for it waits in Kafka: `{typed(f'start {service}', folder)}` brings it back.",
        soft_wrap=True,
    )


def start(service: ServiceArgument, folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Start one service that was stopped; it goes on where it was.

    Exit codes: 0 it is ready, 1 nothing runs, or it does not get ready.
    """
    from rollcall.system import READY_LIMIT_S, is_ready

    kept = Folder(folder)
    _child(kept, service)
    kept.want(service, stopped=False)
    port = kept.ports[service]
    if not wait_until(lambda: is_ready(_child(kept, service), port), READY_LIMIT_S, every_s=0.1):
        raise Refusal(f"{service} is not ready within {READY_LIMIT_S:.0f} s, see {kept.logs / service}.log.")
    out.print(f"{service} is ready.", soft_wrap=True)


def _child(folder: Folder, service: str) -> Child:
    child = folder.require_run().children.get(service)
    if child is None:
        raise Refusal(f"{service} is not part of the system that runs in {folder.path}.")
    return child
