import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from deploy.embedded.errors import EmbeddedError
from deploy.embedded.ports import choose_free
from deploy.embedded.processes import Identity
from deploy.embedded.stack import Stack

pytestmark = pytest.mark.long


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    made = Stack(tmp_path, 0, 0, 0, 0, durable=False)
    made.start()
    yield made
    made.stop()


def test_a_started_stack_is_seen_from_outside_and_refuses_a_second_start(stack: Stack) -> None:
    running = Stack.running(stack.folder)
    assert running is not None
    assert set(running.processes) == {"kafka", "postgres", "inbox"}
    assert running.ports == stack.ports
    assert running.postgres.admin_dsn == stack.postgres.admin_dsn
    with pytest.raises(EmbeddedError, match=rf"^A stack already runs in {stack.folder}: .*; stop it first\.$"):
        Stack(stack.folder, 0, 0, 0, 0).start()


def test_another_process_stops_it_and_nothing_is_left(stack: Stack) -> None:
    running = Stack.running(stack.folder)
    assert running is not None
    command = [sys.executable, "-m", "deploy.embedded", "down", "--folder", str(stack.folder)]
    assert subprocess.run(command, check=False).returncode == 0
    assert not [one for one in running.processes.values() if one.is_running()]
    assert Stack.running(stack.folder) is None
    assert stack.ended() == []  # it did not end by itself


def test_a_server_that_ends_by_itself_is_named_with_its_log(stack: Stack) -> None:
    assert stack.inbox.pid is not None
    process = psutil.Process(stack.inbox.pid)
    process.kill()
    process.wait(180)
    assert stack.ended() == [f"Inbox ended by itself, see {stack.inbox.log}"]


def test_ports_chosen_freely_stay_those_of_the_folder(stack: Stack) -> None:
    stack.stop()
    assert Stack(stack.folder, 0, 0, 0, 0).ports == stack.ports


def test_one_port_in_use_starts_nothing(tmp_path: Path, inbox: object) -> None:
    taken = inbox.smtp_port  # type: ignore[attr-defined]
    stack = Stack(tmp_path / "stack", 0, 0, taken, 0)
    with pytest.raises(EmbeddedError, match=rf"^Port {taken} is in use: .* choose another with --smtp-port, .*\.$"):
        stack.start()
    assert Stack.running(tmp_path / "stack") is None
    assert not (tmp_path / "stack" / "kafka").exists()


def test_when_one_server_cannot_start_none_is_left_running(tmp_path: Path) -> None:
    foreign = tmp_path / "postgres" / "data"
    foreign.mkdir(parents=True)
    (foreign / "thesis.txt").write_text("mine")
    stack = Stack(tmp_path, 0, 0, 0, 0)
    with pytest.raises(EmbeddedError, match=r"thesis|holds files but no PG_VERSION"):
        stack.start()
    assert stack.kafka.pid is None and stack.inbox.pid is None
    assert Stack.running(tmp_path) is None


def test_a_pid_given_to_another_process_meanwhile_is_not_ours(tmp_path: Path) -> None:
    ours = Identity.of(psutil.Process().pid)
    assert ours is not None and ours.is_running()
    earlier = {"pid": ours.pid, "started": ours.started - 3600}
    ports = {"kafka": 1, "postgres": 2, "smtp": 3, "inbox": 4}
    state = {"ports": ports, "processes": {"kafka": earlier}, "stopping": False}
    (tmp_path / "stack.json").write_text(json.dumps(state))
    assert Stack.running(tmp_path) is None
    assert Stack.stop_in(tmp_path) is False


@pytest.mark.skipif(
    not Path("/proc/sys/kernel/random/boot_id").exists(), reason="elsewhere a start is told as the time of day alone"
)
def test_a_process_stays_the_same_when_somebody_sets_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """By an hour, in either direction: what runs would be taken for gone, and nobody could stop it any more."""
    ours = Identity.of(psutil.Process().pid)
    assert ours is not None
    began = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: began - 3600)
    now = Identity.of(ours.pid)
    assert now is not None and ours.started - now.started == pytest.approx(3600)
    assert ours.is_running()
    assert not Identity(ours.pid, now.started, f"another run of the machine/{ours.born}").is_running()


def test_a_damaged_state_file_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{half")
    with pytest.raises(EmbeddedError, match=r"stack.json cannot be read .* remove the file\.$"):
        Stack.running(tmp_path)


def test_two_servers_are_not_given_the_same_port(tmp_path: Path) -> None:
    port = choose_free()
    with pytest.raises(EmbeddedError, match=r"cannot share a port"):
        Stack(tmp_path, port, port, 0, 0)
