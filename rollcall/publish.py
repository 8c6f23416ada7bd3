"""`rollcall publish`: events from files or stdin, as an outside system would send them."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rollcall.connection import connection
from rollcall.options import DEFAULT_FOLDER, FolderOption
from rollcall.terminal import Exit, Refusal, err, out, print_json, progress

if TYPE_CHECKING:
    from rollcall.publishing import Line, Problem

SHOWN_PROBLEMS = 20


def publish(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="CloudEvents as JSON lines; - for stdin.", allow_dash=True)
    ],
    folder: FolderOption = DEFAULT_FOLDER,
    check: Annotated[bool, typer.Option("--check", help="Only check the lines; publish nothing.")] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Publish the good lines although others are bad.")
    ] = False,
    per_second: Annotated[int, typer.Option("--per-second", min=0, help="At most so many; 0: as fast as it goes.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Publish CloudEvents, one JSON object a line, to the streams their types belong to.

    Every line is checked first; when one is bad, nothing is published and each is named with file, line and field.

    Exit codes: 0 Kafka has all of it, 1 Kafka does not answer, 2 a file or a line is not valid.
    """
    import asyncio

    from rollcall.publishing import send

    lines, problems = _read_all(files)
    for problem in problems[:SHOWN_PROBLEMS]:
        err.print(str(problem), soft_wrap=True, markup=False, style="yellow")
    if problems and not skip_bad:
        more = f" ({len(problems) - SHOWN_PROBLEMS} more are not shown)" if len(problems) > SHOWN_PROBLEMS else ""
        raise Refusal(
            f"{len(problems)} of {len(lines) + len(problems)} lines {'is' if len(problems) == 1 else 'are'} not valid{more}:"
            " nothing was published.",
            Exit.INVALID,
        )
    counts = Counter(line.stream for line in lines)
    if not check:
        with progress() as bars:
            task = bars.add_task("Publishing", total=len(lines))
            asyncio.run(
                send(connection(folder).kafka, lines, lambda count: bars.advance(task, count), per_second=per_second)
            )
    if as_json:
        print_json(
            {"published": 0 if check else len(lines), "bad": len(problems), "streams": dict(sorted(counts.items()))}
        )
        return
    for stream, count in sorted(counts.items()):
        out.print(f"{count:>8,}  {stream}")
    out.print(f"{len(lines):>8,}  {'lines are good' if check else 'published'}")


def _read_all(files: list[Path]) -> tuple[list[Line], list[Problem]]:
    from rollcall.publishing import read

    lines: list[Line] = []
    problems: list[Problem] = []
    for file in files:
        name = "stdin" if str(file) == "-" else str(file)
        try:
            text = (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise Refusal(f"{name} cannot be read: {why}.", Exit.INVALID) from error
        good, bad = read(name, text.split("\n"))
        lines += good
        problems += bad
    return lines, problems
