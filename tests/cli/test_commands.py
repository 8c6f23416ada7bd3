"""Commands where nothing runs, and the folder they look into: one sentence, an exit code, no traceback."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from aiokafka.errors import KafkaTimeoutError
from typer.testing import CliRunner

from deploy.embedded.processes import Identity, wait_until
from rollcall import ports, reading
from rollcall.children import Supervised
from rollcall.connection import connection, connection_of_folder
from rollcall.folder import DEFAULT_PORTS, Child, Folder, Run
from rollcall.main import app
from rollcall.system import System
from rollcall.terminal import Refusal
from services import SERVICES
from shared.contracts.selection import CityQualified
from shared.testing import NOON, body_of, message

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("ROLLCALL_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    "command",
    [
        ["status"],
        ["down"],
        ["stop", "attendance"],
        ["start", "attendance"],
        ["tail", "enrolment.events"],
        ["parked", "list"],
    ],
)
def test_where_nothing_runs_a_command_says_so_in_one_sentence(command: list[str], tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*command, "--folder", str(tmp_path / "none")])
    assert result.exit_code == 1
    assert result.stderr.startswith("Nothing runs in ") and result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_a_folder_that_holds_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    result = CliRunner().invoke(app, ["up", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "holds other files (thesis.txt)" in result.stderr
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_what_cannot_be_made_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("mine")
    for path in (tmp_path / "letter", tmp_path / "letter" / "data"):
        result = CliRunner().invoke(app, ["up", "--folder", str(path)])
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert result.stderr.startswith(f"The folder {path} cannot be used: ")


def test_a_damaged_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "system.json").write_text("{half")
    (tmp_path / "running.json").write_text("{half")
    result = CliRunner().invoke(app, ["status", "--folder", str(tmp_path)])
    assert result.exit_code == 1
    assert "running.json cannot be read" in result.stderr


@pytest.mark.parametrize(
    "said", ["{}", "[]", "null", '{"supervisor": 7, "children": {}}', '{"ports": {"kafka": "x"}}', "\udcff"]
)
@pytest.mark.parametrize("name", ["system.json", "running.json", "wanted.json"])
def test_a_folder_of_which_somebody_wrote_a_file_is_one_sentence(name: str, said: str, tmp_path: Path) -> None:
    own = Identity.of(os.getpid())
    assert own is not None
    folder = Folder(tmp_path)
    folder.make(NOW)
    folder.write_run(Run(own, "running", {}))
    folder.want("attendance", stopped=True)
    (tmp_path / name).write_text(said, "utf-8", "surrogateescape")
    for look in (folder.run, lambda: (folder.ports, folder.live_since), folder.stopped_services):
        with contextlib.suppress(Refusal):  # Whatever else comes out of it would be a traceback.
            look()
    with pytest.raises(Refusal, match=f"{name} cannot be read"):
        {"system.json": lambda: folder.ports, "running.json": folder.run, "wanted.json": folder.stopped_services}[
            name
        ]()


def test_a_token_that_is_no_text_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff")
    monkeypatch.setenv("ROLLCALL_TOKEN_FILE", str(tmp_path / "token"))
    done = CliRunner().invoke(app, ["status"])
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.endswith("which cannot be read: it is no text.\n")


@pytest.mark.parametrize("address", ["http://[::1", "http://nobody:port", "nobody", "http://a b"])
@pytest.mark.parametrize(
    "command", ["status", "parked list", "notices person-0001", "explain person-0001 session-0001"]
)
def test_an_address_that_is_none_is_said_and_no_traceback(
    command: str, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "until_end", _nothing)
    monkeypatch.setenv("ROLLCALL_TOKEN", "rc_a_b")
    for one in SERVICES.values():
        monkeypatch.setenv(f"ROLLCALL_{one.variable}_URL", address)
    done = CliRunner().invoke(app, command.split())
    assert (done.exit_code, type(done.exception)) == (1, SystemExit)
    assert address in done.stderr


async def _nothing(*_: object, **__: object) -> AsyncIterator[object]:
    for one in ():
        yield one


@pytest.mark.parametrize("token", ["rc_żółć_x", "rc_a\nb"])
def test_a_token_that_is_none_is_one_sentence(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_TOKEN", token)
    for command in ("status", "parked list", "notices person-0001"):
        done = CliRunner().invoke(app, command.split())
        assert (done.exit_code, done.stderr) == (
            1,
            "ROLLCALL_TOKEN is no token: one has letters, digits, `_` and `-` only.\n",
        )


def test_an_address_may_end_with_a_slash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ROLLCALL_ENROLMENT_URL", "http://127.0.0.1:8080/enrolment/")
    assert connection(tmp_path).urls["enrolment"] == "http://127.0.0.1:8080/enrolment"


def test_an_unknown_stream_or_scope_is_an_input_that_is_not_valid(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["tail", "nope"]).exit_code == 2
    assert CliRunner().invoke(app, ["token", "create", "--actor", "a", "--scope", "rad"]).exit_code == 2


def test_the_environment_wins_over_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("rc_1_secret\n")
    monkeypatch.setenv("ROLLCALL_KAFKA", "kafka:9092")
    monkeypatch.setenv("ROLLCALL_ENROLMENT_URL", "http://enrolment:8101")
    monkeypatch.setenv("ROLLCALL_TOKEN_FILE", str(file))
    found = connection(tmp_path / "none")
    assert found.kafka["bootstrap_servers"] == ["kafka:9092"]
    assert found.urls["enrolment"] == "http://enrolment:8101"
    assert found.headers == {"Authorization": "Bearer rc_1_secret"}


def test_what_was_started_here_is_spoken_to_whatever_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ROLLCALL_KAFKA", "elsewhere:9092")  # where the demo's people must not end up
    with pytest.raises(Refusal, match="Nothing runs in "):
        connection_of_folder(tmp_path / "none")


def test_a_folder_that_takes_no_more_is_one_sentence(tmp_path: Path) -> None:
    """A disk that is full, or read-only, or somebody else's."""
    folder, own = Folder(tmp_path), Identity.of(os.getpid())
    assert own is not None
    folder.make(NOW)
    folder.write_run(Run(own, "running", {"attendance": Child("running")}))
    (tmp_path / "wanted.new").mkdir()
    result = CliRunner().invoke(app, ["stop", "attendance", "--folder", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (
        1,
        f"It cannot be done: Is a directory: {tmp_path / 'wanted.new'}.\n",
    )


def test_a_folder_that_takes_no_more_keeps_nobody_from_stopping_what_runs(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.make(NOW)
    said = list[str]()
    system = System(folder, dict.fromkeys(DEFAULT_PORTS, 0), said.append)
    one = system._children["attendance"] = child(tmp_path, "import time; time.sleep(600)")
    assert until(one, "running")
    (tmp_path / "running.new").mkdir()
    system.stop()
    assert one.seen.identity is None
    assert [line for line in said if "written" in line] == [f"{tmp_path} cannot be written to: Is a directory."]


def test_secrets_are_for_their_owner_alone_and_stay_the_same(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    folder.make(NOW)
    made = folder.secret("operator.token")
    assert folder.secret("operator.token", "another") == made
    folder.secret_file("page.token").touch()  # As on a disk that was full.
    assert folder.secret("page.token", "made") == folder.secret("page.token") == "made"
    assert stat.S_IMODE(folder.secret_file("operator.token").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.secret_file("operator.token").parent.stat().st_mode) == 0o700


def test_a_folder_remembers_its_first_start(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    folder.make(NOW)
    folder.make(NOW + dt.timedelta(days=1))
    assert folder.live_since == NOW


def test_a_run_whose_supervisor_is_gone_is_no_run(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "data")
    folder.make(NOW)
    own = Identity.of(os.getpid())
    assert own is not None
    folder.write_run(Run(own, "running"))
    assert folder.run() is not None
    folder.write_run(Run(Identity(own.pid, own.started - 3600), "running"))
    assert folder.run() is None


def test_ports_are_those_asked_for_else_the_folders_else_the_usual_ones() -> None:
    chosen = ports.choose({"kafka": 1, "inbox": None}, {"inbox": 2}, take_free=False, free=lambda _: True)
    assert (chosen["kafka"], chosen["inbox"], chosen["origin"]) == (1, 2, 8080)


def test_zero_keeps_the_folders_port_while_it_is_free() -> None:
    kept = ports.choose({"kafka": 0}, {"kafka": 7}, take_free=False, free=lambda _: True)
    moved = ports.choose({"kafka": 0}, {"kafka": 7}, take_free=False, free=lambda port: port != 7, any_free=lambda: 9)
    assert (kept["kafka"], moved["kafka"]) == (7, 9)


def test_a_port_in_use_is_refused_with_the_option_that_helps() -> None:
    with pytest.raises(Refusal, match=r"Port 8080 \(origin\) is in use: .*--origin-port.*--free-ports"):
        ports.choose({}, {}, take_free=False, free=lambda port: port != 8080)
    assert ports.choose({}, {}, take_free=True, free=lambda port: port != 8080, any_free=lambda: 9)["origin"] == 9


def child(tmp_path: Path, code: str) -> Supervised:
    return Supervised("child", [sys.executable, "-c", code], dict(os.environ), tmp_path / "child.log")


def until(one: Supervised, state: str) -> bool:
    def there() -> bool:
        one.tick()
        return one.seen.state == state

    return wait_until(there, 180)


def test_a_child_that_ends_by_itself_is_started_again_after_a_pause(tmp_path: Path) -> None:
    one = child(tmp_path, "raise SystemExit(3)")
    assert until(one, "running") and until(one, "waiting")
    assert (one.seen.restarts, one.seen.last_exit) == (1, 3)
    began = time.monotonic()
    assert until(one, "running") and time.monotonic() - began > 0.2
    one.wanted = False
    assert until(one, "stopped")


def test_a_child_that_is_not_wanted_is_stopped_and_stays_so(tmp_path: Path) -> None:
    one = child(tmp_path, "import time; time.sleep(60)")
    assert until(one, "running")
    one.wanted = False
    assert until(one, "stopped")
    one.tick()
    assert one.seen.state == "stopped" and one.seen.restarts == 0


@pytest.mark.parametrize("action", ["show", "retry", "discard"])
def test_what_came_over_http_is_named_as_the_list_shows_it(action: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies in no partition: both of its numbers begin with a minus, which is none of an option."""
    asked: list[str] = []

    def answer(method: str, url: str, **_: object) -> httpx.Response:
        asked.append(f"{method} {url}")
        row = {"state": "heard", "reason": "", "detail": ""}
        return httpx.Response(200, json=row, request=httpx.Request(method, url))

    monkeypatch.setenv("ROLLCALL_ATTENDANCE_URL", "http://attendance")
    monkeypatch.setenv("ROLLCALL_TOKEN", "rc_a_b")
    monkeypatch.setattr(httpx, "request", answer)

    result = CliRunner().invoke(app, ["parked", action, "attendance", "attendance.scans/-1/-1767225600000000"])

    path = "http://attendance/api/v1/parked/attendance.scans/-1/-1767225600000000"
    method, suffix = ("GET", "") if action == "show" else ("POST", f"/{action}")
    assert (result.exit_code, asked) == (0, [f"{method} {path}{suffix}"])


def test_a_broker_that_goes_away_while_a_stream_is_shown_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ends_midway(*_: object, **__: object) -> AsyncIterator[object]:
        yield message(body_of(CityQualified), at=NOON).record()
        raise KafkaTimeoutError("nobody leads the partition")

    monkeypatch.setenv("ROLLCALL_KAFKA", "127.0.0.1:9")
    monkeypatch.setattr(reading, "until_end", ends_midway)
    done = CliRunner().invoke(app, ["tail", "programme.cities", "--once"])
    assert done.exit_code == 1 and "CityQualified" in done.stdout
    assert done.stderr == "Kafka does not answer any more: KafkaTimeoutError: nobody leads the partition.\n"


class _Nothing(BaseHTTPRequestHandler):
    """Answers every question with an empty list."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"[]")

    def log_message(self, *_: object) -> None: ...


@pytest.mark.parametrize(
    ("command", "says"),
    [("parked list", "Nothing is parked."), ("notices --session session-0001", "Nothing was told.")],
)
def test_what_runs_on_this_machine_is_not_asked_through_a_proxy(
    command: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose way out leads through one says so in the environment, and seldom what it is not for."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "elsewhere.example")
    monkeypatch.setenv("ROLLCALL_TOKEN", "rc_a_b")
    with HTTPServer(("127.0.0.1", 0), _Nothing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for one in SERVICES.values():
            monkeypatch.setenv(f"ROLLCALL_{one.variable}_URL", f"http://127.0.0.1:{server.server_port}")
        done = CliRunner().invoke(app, command.split())
        server.shutdown()
    assert (done.exit_code, done.stdout.strip()) == (0, says)
    assert "elsewhere.example" in os.environ["no_proxy"]


def test_what_names_no_record_is_refused_before_anybody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_ATTENDANCE_URL", "http://attendance")
    for where in ("attendance.scans/1", "attendance.scans/--1/2", "scans/1/2/3", "../1/2"):
        result = CliRunner().invoke(app, ["parked", "show", "attendance", where])
        assert result.exit_code == 2
        assert "is no STREAM/PARTITION/OFFSET" in result.stderr
