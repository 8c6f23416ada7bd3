"""What the command line says and how it ends: results on stdout, one sentence on stderr, exit codes that mean something."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import logging
import os
import re
import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment
from typer.core import TyperGroup

from deploy.embedded.errors import EmbeddedError

if TYPE_CHECKING:
    from rich.progress import Progress

PIPED_COLUMNS = 200
"""Where nobody looks, a program reads: lines are not broken for a width that is not there."""


_COMMANDS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What a terminal takes for a command, and what turns the direction of writing."""


class _OnlyText(RenderHook):
    """A name, a header or a body is what somebody sent: it is shown, and moves no cursor, clears no screen and sets no title."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Shown(one) for one in renderables]


@dataclass(frozen=True, slots=True)
class _Shown:
    what: ConsoleRenderable

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for one in console.render(self.what, options):
            yield one if one.control else Segment(_COMMANDS.sub(_escaped, one.text), one.style)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class _Console(Console):
    """Where nobody reads results any more (`rollcall status | head`), the command ends. Progress that nobody reads ends nothing: what is
    started or stopped meanwhile would be left half done."""

    def on_broken_pipe(self) -> None:
        if not self.stderr:
            super().on_broken_pipe()
        self.quiet = True
        _to_nobody(sys.stderr)


def nobody_reads() -> None:
    """The terminal is gone: what is said from now on is said to nobody, and fails nowhere."""
    for stream in (sys.stdout, sys.stderr):
        _to_nobody(stream)


def _to_nobody(stream: Any) -> None:
    with contextlib.suppress(OSError, ValueError):  # It may be no file at all.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    wide = not stream.isatty() and "COLUMNS" not in os.environ
    # No emoji: it reads ":key:" in an id or a source as one, and ids may hold colons.
    console = _Console(stderr=stderr, highlight=False, emoji=False, width=PIPED_COLUMNS if wide else None)
    console.push_render_hook(_OnlyText())
    return console


out = _console(stderr=False)
err = _console(stderr=True)

EXIT_CODES = "Exit codes: 0 done, 1 it could not be done (one sentence on stderr says why), 2 the input is not valid, 3 the books do not balance."


class Exit(IntEnum):
    """What an exit code of ours means."""

    DONE = 0
    IMPOSSIBLE = 1
    INVALID = 2
    UNBALANCED = 3


class Refusal(Exception):
    """Why a command cannot do what it was asked, as one sentence for the person at the terminal."""

    def __init__(self, sentence: str, code: Exit = Exit.IMPOSSIBLE) -> None:
        super().__init__(sentence)
        self.code = code


class Commands(TyperGroup):
    """A group of commands in which a refusal is a sentence and an exit code, never a traceback."""

    def main(self, *arguments: Any, **keywords: Any) -> Any:
        # A terminal that has no letter for a check mark or a Polish name shows a question mark, and no traceback.
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        _ask_this_machine_directly()
        # It logs each attempt to connect, with a traceback; what a person needs to know, we say.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        return super().main(*arguments, **keywords)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # typer carries a click of its own
        try:
            return super().invoke(ctx)
        except (Refusal, EmbeddedError) as refused:
            err.print(str(refused), style="red", soft_wrap=True, markup=False)
            raise typer.Exit(refused.code if isinstance(refused, Refusal) else Exit.IMPOSSIBLE) from None
        except OSError as error:
            if error.errno in (None, errno.EPIPE):
                raise
            where = f": {error.filename}" if error.filename else ""
            err.print(f"It cannot be done: {error.strerror}{where}.", style="red", soft_wrap=True, markup=False)
            raise typer.Exit(Exit.IMPOSSIBLE) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _ask_this_machine_directly() -> None:
    """A proxy that the environment names is for the way out: what runs here is asked here, also by what is started from here."""
    named = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
    os.environ["no_proxy"] = ",".join(dict.fromkeys(filter(None, [*named, "127.0.0.1", "localhost"])))


def say(line: str) -> None:
    """Progress for the person at the terminal: on stderr, so that stdout holds results only."""
    err.print(line, style="dim", soft_wrap=True, markup=False)


def print_json(result: object) -> None:
    """The whole answer of a command run with --json."""
    sys.stdout.write(to_the_letter(result, indent=2) + "\n")
    sys.stdout.flush()


def to_the_letter(result: object, *, indent: int | None = None) -> str:
    """JSON for a program: what the output has no letter for is escaped, and becomes no question mark."""
    is_utf8 = (sys.stdout.encoding or "utf-8").lower().replace("-", "") == "utf8"
    return json.dumps(result, ensure_ascii=not is_utf8, indent=indent, default=str)


def progress() -> Progress:
    """A bar on stderr that goes away when done."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,  # elsewhere it would be a line of signs that nobody sees move
    )
