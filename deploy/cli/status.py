"""`rollcall status`: who runs, what was heard, and whether the books balance."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import httpx
import typer
from rich import box
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.cli.books import Equation, streams
from deploy.cli.connection import Connection, connection
from deploy.cli.folder import Run
from deploy.cli.looking import TIMEOUT_S, Answered, Standing, look
from deploy.cli.terminal import Exit, out, print_json
from deploy.cli.up import DEFAULT_FOLDER, FolderOption

WATCH_EVERY_S = 1.0
WAIT_EVERY_S = 0.5
STEADY_LOOKS = 2
"""What is balanced for so many looks has settled: between two looks nothing came to disturb it."""


def status(
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Go on looking until Ctrl-C.")] = False,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="Wait so long for the books to balance.")
    ] = 0,
) -> None:
    """Show the services, their streams and the books.

    Exit codes: 0 the books balance, 1 nothing runs, 3 the books do not balance (yet: --wait gives them time).
    """
    found = connection(folder)
    standing = asyncio.run(_watch(found) if watch else settled(found, wait))
    if as_json:
        print_json(standing.as_json())
    elif not watch:
        out.print(shown(standing, found.run))
    if not standing.balanced:
        raise typer.Exit(Exit.UNBALANCED)


async def settled(found: Connection, wait_s: float) -> Standing:
    """How it stands once the books have balanced and stayed so, or when the time is up."""
    deadline = time.monotonic() + wait_s
    steady = 0
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        while True:
            standing = await look(found, client)
            steady = steady + 1 if standing.balanced else 0
            if steady >= STEADY_LOOKS or time.monotonic() >= deadline:
                return standing
            await asyncio.sleep(WAIT_EVERY_S)


async def _watch(found: Connection) -> Standing:
    async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
        standing = await look(found, client)
        with Live(shown(standing, found.run), console=out, screen=True, auto_refresh=False) as live:
            try:
                while True:
                    await asyncio.sleep(WATCH_EVERY_S)
                    standing = await look(found, client)
                    live.update(shown(standing, found.folder.run() if found.run else None), refresh=True)
            except asyncio.CancelledError:  # Ctrl-C is how one stops looking
                return standing


def shown(standing: Standing, run: Run | None) -> RenderableType:
    """The whole answer for a person."""
    holds = (
        "[bold green]✓ The books balance.[/]"
        if standing.balanced
        else "[bold yellow]✗ The books do not balance (yet).[/]"
    )
    return Group(_services(standing, run), _streams(standing), _books(standing.equations), Text.from_markup(holds))


def _services(standing: Standing, run: Run | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Services", title_justify="left", title_style="bold")
    for name in ("service", "", "pid", "restarts", "held", "parked", "outbox", "problems"):
        table.add_column(name, justify="right" if name in ("pid", "restarts", "held", "parked", "outbox") else "left")
    for name, one in standing.services.items():
        child = run.children.get(name) if run else None
        books = one.books or {}
        table.add_row(
            name,
            _health(one, child.state if child else None),
            str(child.identity.pid) if child and child.identity else "–",
            str(child.restarts) if child else "–",
            *(f"{books[key]:,}" if key in books else "–" for key in ("held", "parked", "outbox")),
            "; ".join(one.problems) if one.reachable else "",
        )
    return table


def _health(one: Answered, state: str | None) -> str:
    if one.ready:
        return "[green]ready[/]"
    if one.reachable:
        return "[yellow]not ready[/]"
    return f"[red]{state if state in ('stopped', 'waiting', 'stopping') else 'away'}[/]"


def _streams(standing: Standing) -> Table:
    table = Table(
        box=box.SIMPLE_HEAD, title="Streams, as each service heard them", title_justify="left", title_style="bold"
    )
    for name in ("service", "stream", "published", "heard", "parked", "skipped", "lag", ""):
        table.add_column(name, justify="right" if name not in ("service", "stream", "") else "left")
    for name, one in standing.services.items():
        for number, (stream, row) in enumerate(sorted(streams(one.books).items())):
            adds_up = row["published"] == row["heard"] + row["parked"] + row["skipped"]
            quiet = [
                f"[dim]{row[key]:,}[/]" if not row[key] else f"[yellow]{row[key]:,}[/]"
                for key in ("parked", "skipped", "lag")
            ]
            mark = "[green]✓[/]" if adds_up else "[yellow]✗[/]"
            table.add_row("" if number else name, stream, f"{row['published']:,}", f"{row['heard']:,}", *quiet, mark)
        table.add_section()
    return table


def _books(lines: list[Equation]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="The books", title_justify="left", title_style="bold")
    for name in ("", "service", "what must agree", "numbers"):
        table.add_column(name)
    for line in lines:
        mark = (
            "[green]✓[/]" if line.holds else "[dim]?[/]" if line.left is None or line.right is None else "[yellow]✗[/]"
        )
        table.add_row(mark, line.service or "", line.says, numbers(line))
    return table


def numbers(line: Equation) -> str:
    """The numbers of an equation: `2,099 = 2,050 + 49`."""
    left = "?" if line.left is None else f"{line.left:,}"
    right = "?" if line.right is None else f"{line.right:,}"
    if len(line.parts) > 1 and line.right is not None:
        right = " + ".join(f"{number:,}" for number in line.parts.values())
        right += f" = {line.right:,}" if not line.holds else ""
    relation = line.relation if line.holds or line.left is None or line.right is None else "≠"
    return f"{left} {relation} {right}"
