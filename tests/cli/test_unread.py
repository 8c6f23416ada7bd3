"""What is said while nobody reads any more: a pipe that was closed, a terminal that is gone. What was started is stopped all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

UP = """
import sys, threading
from pathlib import Path
from rollcall import running
from rollcall.folder import DEFAULT_PORTS, Folder

class Quickly:
    \"\"\"A system without servers.\"\"\"
    def __init__(self, folder, ports, say):
        self.folder, self.say, self.stopped = folder, say, threading.Event()
    def start(self):
        self.say("Starting")
    def stop(self):
        for number in range(3):
            self.say(f"Stopping {number}")
        (self.folder.path / "stopped").touch()

running.System = Quickly
with running.running(Folder(Path(sys.argv[1])), dict.fromkeys(DEFAULT_PORTS, 0), free_ports=True) as system:
    system.stopped.wait(120)
"""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A system that is up, as far as its terminal knows."""
    command = [sys.executable, "-c", UP, str(tmp_path / "data")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        while b"Ready" not in (line := process.stderr.readline()):
            assert line, "it ended"
        yield process
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_reads_no_more_leaves_nothing_running(
    number: signal.Signals, up: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """`rollcall up 2>&1 | head`, and then its end; or the terminal was closed."""
    assert up.stderr is not None
    up.stderr.close()
    up.send_signal(number)
    assert up.wait(180) == 0
    assert (tmp_path / "data" / "stopped").is_file()


def test_results_that_nobody_reads_end_the_command_without_a_traceback() -> None:
    code = "from rollcall.terminal import out\nfor number in range(100_000): out.print(number)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert (process.wait(180), process.stderr.read()) == (1, b"")


def test_what_a_program_reads_is_to_the_letter_also_where_the_output_has_no_letter_for_it() -> None:
    code = "from rollcall.terminal import print_json; print_json({'name': 'Żółć'})"
    elsewhere = {"PATH": "/usr/bin:/bin", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:replace"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=elsewhere, capture_output=True, check=True, timeout=180)
    assert done.stdout == b'{\n  "name": "\\u017b\\u00f3\\u0142\\u0107"\n}\n'
