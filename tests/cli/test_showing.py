"""What a person sees, and a program reads: every name whole, at 80 columns and without a terminal."""

from __future__ import annotations

import io
import re
import subprocess
import sys

import pytest
from rich.console import Console
from rich.text import Text

from rollcall.books import equations
from rollcall.comparing import Compared
from rollcall.looking import Answered, Standing
from rollcall.show import compared_table
from rollcall.showing import shown
from rollcall.terminal import err, out
from services import SERVICES
from shared.events.streams import STREAMS
from tests.cli.accounts import books

ROW = {"published": 1_234_567, "heard": 1_234_560, "parked": 7, "skipped": 0, "lag": 0}


def standing(**more: Answered) -> Standing:
    streams = {"streams": dict.fromkeys(STREAMS, ROW)}
    services = {name: Answered(True, True, (), its | streams) for name, its in books().items()} | more
    lines = equations({name: one.books for name, one in services.items()}, requests_published=2, mails=None)
    return Standing(services, None, lines, ("Kafka at kafka:9092 does not answer.",))


def text(of: object, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width).print(of)
    return file.getvalue()


def test_at_80_columns_every_stream_stands_whole_in_its_line() -> None:
    lines = text(shown(standing(), None), 80).splitlines()
    assert max(map(len, lines)) <= 80
    for name in STREAMS:
        found = [line for line in lines if re.search(rf"\b{re.escape(name)}\s+1,234,567", line)]
        assert len(found) == len(SERVICES), name


@pytest.mark.parametrize("width", [40, 60, 80])
def test_nothing_is_cut_however_narrow(width: int) -> None:
    whole = text(shown(standing(), None), width) + text(compared_table([Compared("sessions " * 12, 1, 2)]), width)
    assert "…" not in whole


def test_what_is_wrong_with_a_service_has_a_line_of_its_own() -> None:
    away = Answered(False, False, ("does not answer at http://127.0.0.1:8102: ConnectionRefusedError",), None)
    whole = text(shown(standing(attendance=away), None), 120)
    assert "  attendance: does not answer at http://127.0.0.1:8102: ConnectionRefusedError" in whole
    assert "  Kafka at kafka:9092 does not answer." in whole


def test_an_id_that_holds_colons_is_shown_as_it_is() -> None:
    for console in (out, err):
        with console.capture() as shown_here:
            console.print("urn:key:directory")
        assert shown_here.get() == "urn:key:directory\n"


def test_a_program_gets_lines_that_are_not_broken() -> None:
    code = "from rollcall.terminal import out; out.print('word ' * 30)"
    env = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True, timeout=180
    )
    assert len(done.stdout.splitlines()) == 1


def test_a_terminal_without_the_letters_shows_a_question_mark_and_no_traceback() -> None:
    env = {"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "rollcall.main", "token", "create", "--actor", "Żółć", "--scope", "łapa"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 2
    assert done.stderr.startswith("There is no scope ?apa")


def test_what_somebody_sent_gives_the_terminal_no_command() -> None:
    """A name, a header or a body of anybody's: not the title of the window, and not the lines above."""
    sent = "a\x1b]0;mine\x07b\x1b[2Jc\x9b1Ad\u202ee"
    for console in (out, err):
        with console.capture() as shown_here:
            console.print(Text(sent), markup=False)
            console.print(sent, markup=False, soft_wrap=True)
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", shown_here.get())
        assert "a\\x1b]0;mineb\\x1b[2Jc\\x9b1Ad\\u202ee" in shown_here.get().replace("\\x07", "")


def test_what_we_say_in_colours_stays_in_colours() -> None:
    assert (
        "\x1b["
        in subprocess.run(
            [sys.executable, "-c", "from rollcall.terminal import out; out.print('[bold red]x[/]')"],
            env={"PATH": "/usr/bin:/bin", "FORCE_COLOR": "1", "TERM": "xterm"},
            capture_output=True,
            text=True,
            check=True,
            timeout=180,
        ).stdout
    )
