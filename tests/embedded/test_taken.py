"""A port that somebody takes between our choosing it and our server's binding it: they answer there, and are not our server."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded import ports
from deploy.embedded.errors import EmbeddedError
from deploy.embedded.inbox_server import Inbox
from deploy.embedded.kafka import Kafka
from deploy.embedded.ports import choose_free
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Server, nobody, silent, wait_until

pytestmark = pytest.mark.long


@pytest.fixture
def taken_meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Takes the port as soon as our server has looked and found it free."""
    sockets: list[socket.socket] = []
    look = ports.require_free

    def arrange(wanted: int) -> None:
        def look_then_take(port: int, option: str) -> None:
            look(port, option)
            if port == wanted and not sockets:
                sockets.append(socket.create_server((ports.LOOPBACK, port)))

        monkeypatch.setattr(ports, "require_free", look_then_take)

    yield arrange
    for one in sockets:
        one.close()


class Listener(Server):
    """A program that listens somewhere, and does nothing else."""

    name = "Listener"

    def start(self, port: int) -> None:
        code = "import socket, sys, time; held = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
        self._launch([sys.executable, "-c", code, str(port)], os.environ)


def test_a_server_holds_a_port_only_if_its_own_process_listens_there(tmp_path: Path) -> None:
    server, port = Listener(tmp_path, silent, nobody), choose_free()
    with socket.create_server((ports.LOOPBACK, 0)) as somebody:
        server.start(port)
        try:
            assert wait_until(lambda: server._holds(port), 180)
            assert not server._holds(somebody.getsockname()[1])
        finally:
            server.kill()


@pytest.mark.parametrize(
    ("option", "make"),
    [
        ("--kafka-port", lambda folder, port: Kafka(folder, port)),
        ("--postgres-port", lambda folder, port: Postgres(folder, port, durable=False)),
        ("--smtp-port", lambda folder, port: Inbox(folder, port, choose_free())),
        ("--inbox-port", lambda folder, port: Inbox(folder, choose_free(), port)),
    ],
    ids=["kafka", "postgres", "smtp", "inbox"],
)
def test_whoever_took_the_port_is_not_taken_for_our_server(
    option: str, make: Callable[[Path, int], Any], tmp_path: Path, taken_meanwhile: Callable[[int], None]
) -> None:
    port = choose_free()
    server = make(tmp_path / "server", port)
    taken_meanwhile(port)
    with pytest.raises(
        EmbeddedError, match=rf"^Port {port} is in use: .* or start again with {option} 0, which finds a free one\.$"
    ):
        server.start()
    assert server.pid is None
