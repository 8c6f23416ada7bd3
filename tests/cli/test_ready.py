"""Who may say that a service is ready: the process that was started here, and nobody who answers in its place."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from deploy.embedded.ports import choose_free
from deploy.embedded.processes import Identity
from rollcall.children import Supervised
from rollcall.folder import DEFAULT_PORTS, Child, Folder
from rollcall.system import System, is_ready
from rollcall.terminal import Refusal

pytestmark = pytest.mark.long

SAYS_READY = """
import http.server, os, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"{}")
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready)
"""
FOR_EVER = SAYS_READY + "server.serve_forever()"
# It answers once, and is seen to hold its port, before it ends.
ONCE = SAYS_READY + "import time; server.handle_request(); time.sleep(1); os._exit(3)"
NEVER = "import time; time.sleep(600)"
ENDS = "raise SystemExit(1)"


@pytest.fixture
def somebody() -> Iterator[int]:
    """The port of somebody else, who answers that all is well."""

    class Ready(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = HTTPServer(("127.0.0.1", 0), Ready)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_word_of_another_process_is_not_that_of_the_child(somebody: int) -> None:
    ours, parent = Identity.of(os.getpid()), Identity.of(os.getppid())
    assert is_ready(Child("running", ours), somebody)
    assert not is_ready(Child("running", parent), somebody)
    assert not is_ready(Child("waiting"), somebody)
    assert ours is not None and not is_ready(Child("running", Identity(ours.pid, ours.started - 3600)), somebody)


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """A system without the servers: children are put into it."""
    folder = Folder(tmp_path / "data")
    folder.path.mkdir()
    ports = {name: choose_free() for name in DEFAULT_PORTS}
    made = System(folder, ports, lambda _: None)
    yield made
    made.stop()


def start(system: System, name: str, code: str) -> None:
    command = [sys.executable, "-c", code, str(system.ports[name])]
    system._children[name] = Supervised(name, command, dict(os.environ), system.folder.path / f"{name}.log")


def test_everything_is_ready_once_each_child_answers_itself(system: System) -> None:
    for name in ("enrolment", "attendance"):
        start(system, name, FOR_EVER)
    system._until_ready()
    assert all(system.is_ready(name) for name in ("enrolment", "attendance"))


def test_whoever_answers_at_a_port_that_was_taken_meanwhile_makes_nothing_ready(system: System, somebody: int) -> None:
    system.ports["enrolment"] = somebody
    start(system, "enrolment", ENDS)
    with pytest.raises(Refusal, match=rf"^Port {somebody} \(enrolment\) was taken by another process .*--free-ports"):
        system._until_ready()


def test_one_that_was_ready_and_has_ended_since_is_not_up(system: System) -> None:
    start(system, "enrolment", ONCE)
    start(system, "attendance", NEVER)
    with pytest.raises(Refusal, match=r"^enrolment ended at once"):
        system._until_ready()
