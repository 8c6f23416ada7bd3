"""`rollcall demo`: everything of `up`, then the programme as outside systems would say it, then where to look."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rollcall.folder import Folder
from rollcall.options import DEFAULT_FOLDER, FolderOption, FreePorts, Ports, with_ports
from rollcall.terminal import Exit

SHOWN_PER_SECOND = 1500
"""How fast the full load comes when somebody watches: slow enough to see the numbers move."""


class DemoScale(StrEnum):
    """How large the programme is."""

    FULL = "full"
    SMALL = "small"


@with_ports
def demo(
    folder: FolderOption = DEFAULT_FOLDER,
    once: Annotated[
        bool,
        typer.Option(
            "--once",
            help="End by itself: settle, compare with the oracle, print, exit. In a folder where nothing else was published:"
            " the oracle counts the demo's files alone.",
        ),
    ] = False,
    scale: Annotated[
        DemoScale, typer.Option("--scale", help="full: 66 towns, 1,800 people, 270 trainings.")
    ] = DemoScale.FULL,
    again: Annotated[
        bool, typer.Option("--again", help="Publish everything a second time: nothing may change.")
    ] = False,
    summary: Annotated[
        Path | None, typer.Option("--summary", help="Where --once writes its JSON; demo-summary.json in the folder.")
    ] = None,
    per_second: Annotated[
        int | None, typer.Option("--per-second", min=0, help="Events published; 0: as fast as it goes.")
    ] = None,
    free_ports: FreePorts = False,
    *,
    ports: Ports,
) -> None:
    """Start everything and play a whole training programme through it: 66 towns, their teams, their trainings, their mail.

    A second run in the same folder finds its data and publishes nothing twice.

    Exit codes: 0 stopped on request, or with --once: everything balances; 1 it could not be done; 3 something does not balance.
    """
    import asyncio

    from rollcall.running import running, supervised, where_to_look
    from rollcall.show import Show, find_programme

    began = time.monotonic()
    kept = Folder(folder)
    with running(kept, ports, free_ports=free_ports, before=lambda: find_programme(kept, scale.value)) as system:
        show = Show(kept, system, once=once, again=again)
        show.seconds["up"] = round(time.monotonic() - began, 2)
        rate = per_second if per_second is not None else (0 if once else SHOWN_PER_SECOND)
        supervised(system)
        where_to_look(kept, system.ports)
        balanced = asyncio.run(show.run(rate))
        if not once:
            system.stopped.wait()
            return
        show.write(summary or kept.path / "demo-summary.json")
    if not balanced:
        raise typer.Exit(Exit.UNBALANCED)
