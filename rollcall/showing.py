"""How the system stands, as a person sees it: services, streams, books. Every name is whole, however narrow the terminal."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rollcall.books import Equation, streams
from rollcall.folder import Run
from rollcall.looking import Answered, Standing
from rollcall.open_matters import Matter


def shown(standing: Standing, run: Run | None) -> RenderableType:
    """The whole answer for a person."""
    holds = (
        "[bold green]✓ The books balance.[/]"
        if standing.balanced
        else "[bold yellow]✗ The books do not balance (yet).[/]"
    )
    problems = [Text(f"  {line}", style="yellow") for line in _problems(standing)]
    parts: list[RenderableType] = [_services(standing, run), *problems, _streams(standing), _books(standing.equations)]
    if standing.open:
        parts.append(_open(standing.open))
    return Group(*parts, Text.from_markup(holds))


def table_of(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """A table whose words are never cut: what does not fit goes on in the next line. `numbers` stand at the right."""
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return table


def _problems(standing: Standing) -> list[str]:
    """Below the table: a column would leave them a few letters a line."""
    said = [f"{name}: {problem}" for name, one in standing.services.items() for problem in one.problems]
    return [*said, *standing.problems]


def _services(standing: Standing, run: Run | None) -> Table:
    numbers = ("pid", "restarts", "held", "parked", "outbox")
    table = table_of("Services", "service", "", *numbers, numbers=numbers)
    for name, one in standing.services.items():
        child = run.children.get(name) if run else None
        books = one.books or {}
        table.add_row(
            name,
            _health(one, child.state if child else None),
            str(child.identity.pid) if child and child.identity else "–",
            str(child.restarts) if child else "–",
            *(f"{books[key]:,}" if key in books else "–" for key in ("held", "parked", "outbox")),
        )
    return table


def _health(one: Answered, state: str | None) -> str:
    if one.ready:
        return "[green]ready[/]"
    if one.reachable:
        return "[yellow]not ready[/]"
    return f"[red]{state if state in ('stopped', 'waiting', 'stopping') else 'away'}[/]"


def _streams(standing: Standing) -> Table:
    counts = ("published", "heard", "parked", "skipped", "lag")
    table = table_of("Streams, as each service heard them", "stream", *counts, "", numbers=counts)
    for name, one in standing.services.items():
        table.add_row(f"[bold]{name}[/]")
        for stream, row in sorted(streams(one.books).items()):
            adds_up = row["published"] == row["heard"] + row["parked"] + row["skipped"]
            quiet = [
                f"[dim]{row[key]:,}[/]" if not row[key] else f"[yellow]{row[key]:,}[/]"
                for key in ("parked", "skipped", "lag")
            ]
            mark = "[green]✓[/]" if adds_up else "[yellow]✗[/]"
            table.add_row(f"  {stream}", f"{row['published']:,}", f"{row['heard']:,}", *quiet, mark)
        table.add_section()
    return table


def _books(lines: list[Equation]) -> Table:
    table = table_of("The books", "", "what must agree", "numbers")
    for service in dict.fromkeys(line.service for line in lines):
        table.add_row("", f"[bold]{service or ''}[/]")
        for line in [line for line in lines if line.service == service]:
            unknown = line.left is None or line.right is None
            mark = "[green]✓[/]" if line.holds else "[dim]?[/]" if unknown else "[yellow]✗[/]"
            table.add_row(mark, line.says, numbers(line))
        table.add_section()
    return table


def _open(matters: list[Matter]) -> Table:
    table = table_of("What stands open", "", "", numbers=("",))
    table.show_header = False
    for service in dict.fromkeys(matter.service for matter in matters):
        table.add_row(f"[bold]{service}[/]")
        for matter in matters:
            if matter.service == service:
                table.add_row(f"  {matter.says}", f"{matter.number:,}")
        table.add_section()
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
