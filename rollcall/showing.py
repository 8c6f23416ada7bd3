"""How the system stands, as a person sees it: services, streams, books. Every name is whole, however narrow the terminal."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from rollcall.books import Equation, streams
from rollcall.folder import Run
from rollcall.looking import Answered, Standing

_NAMED = {"untold", "mail"}
"""Lines whose terms are other ones each time, and say so themselves."""


def shown(standing: Standing, run: Run | None) -> RenderableType:
    """The whole answer for a person; the verdict last, where the eye is once it has scrolled by."""
    problems = [Text(f"  {line}", style="yellow") for line in _problems(standing)]
    parts: list[RenderableType] = [_services(standing, run), *problems, _streams(standing), _books(standing.equations)]
    if standing.open or _silent(standing):
        parts.append(_open(standing))
    apart: list[RenderableType] = []
    for part in parts:
        apart += [Text(""), part] if isinstance(part, Table) else [part]
    return Group(*apart[1:], Text(""), _verdict(standing))


def printed(shown_here: RenderableType, console: Console) -> None:
    """Prints it; where a program reads, without the blanks that fill a terminal's lines."""
    if console.is_terminal:
        console.print(shown_here)
        return
    with console.capture() as text:
        console.print(shown_here)
    console.print("\n".join(line.rstrip() for line in text.get().splitlines()), markup=False, soft_wrap=True)


def table_of(title: str, *columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """A table whose words are never cut: what does not fit goes on in the next line. `numbers` stand at the right."""
    table = Table(
        box=None,
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        padding=(0, 2, 0, 0),
        pad_edge=False,
        show_header=any(columns),
    )
    for name in columns:
        table.add_column(name, justify="right" if name in numbers else "left", overflow="fold")
    return table


def _verdict(standing: Standing) -> Text:
    if standing.balanced:
        return Text("✓ The books balance.", style="bold green")
    unknown = sum(line.is_unknown for line in standing.equations)
    wrong = sum(not line.holds for line in standing.equations) - unknown
    said = [f"{wrong} of {len(standing.equations)} lines {'does' if wrong == 1 else 'do'} not agree"] if wrong else []
    said += [f"{unknown} cannot be computed"] if unknown else []
    text = Text(f"✗ The books do not balance (yet): {', '.join(said)}.", style="bold yellow")
    return text.append(" `--wait 60` gives them time.", style="not bold")


def _problems(standing: Standing) -> list[str]:
    """Below the table: a column would leave them a few letters a line."""
    said = [f"{name}: {problem}" for name, one in standing.services.items() for problem in one.problems]
    return [*said, *standing.problems]


def _silent(standing: Standing) -> list[str]:
    return [name for name, one in standing.services.items() if one.books is None]


def _services(standing: Standing, run: Run | None) -> Table:
    numbers = ("pid", "restarts", "held", "parked", "outbox")
    table = table_of("Services", "service", "state", *numbers, numbers=numbers)
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
        table.add_row(f"[bold]{name}[/]", *(("[dim]?[/]",) * len(counts) if one.books is None else ()))
        for stream, row in sorted(streams(one.books).items()):
            adds_up = row["published"] == row["heard"] + row["parked"] + row["skipped"]
            quiet = [
                f"[dim]{row[key]:,}[/]" if not row[key] else f"[yellow]{row[key]:,}[/]"
                for key in ("parked", "skipped", "lag")
            ]
            mark = "[green]✓[/]" if adds_up else "[yellow]✗[/]"
            table.add_row(f"  {stream}", f"{row['published']:,}", f"{row['heard']:,}", *quiet, mark)
    return table


def _books(lines: list[Equation]) -> Table:
    table = table_of("The books", "", "what must agree", "numbers")
    for service in dict.fromkeys(line.service for line in lines):
        table.add_row("", f"[bold]{service or ''}[/]")
        for line in [line for line in lines if line.service == service]:
            mark = "[dim]?[/]" if line.is_unknown else "[green]✓[/]" if line.holds else "[yellow]✗[/]"
            table.add_row(mark, line.short or line.says, numbers(line))
    return table


def _open(standing: Standing) -> Table:
    table = table_of("What stands open", "", "", "")
    table.columns[0].justify = "right"
    for service in standing.services:
        matters = [matter for matter in standing.open if matter.service == service]
        if matters or service in _silent(standing):
            table.add_row("", f"[bold]{service}[/]")
        for matter in matters:
            table.add_row(f"{matter.number:,}", matter.says, f"[dim]{matter.means}[/]")
        if service in _silent(standing):
            table.add_row("?", "not known", "[dim]its books cannot be read now[/]")
    return table


def _kind(line: Equation) -> str:
    return line.name.rpartition(".")[2]


def numbers(line: Equation) -> str:
    """The numbers of an equation: `2,099 = 2,050 + 49`."""
    left = "?" if line.left is None else f"{line.left:,}"
    right = "?" if line.right is None else f"{line.right:,}"
    counted = {words: number for words, number in line.parts.items() if number or _kind(line) not in _NAMED}
    if line.short and line.right is not None:
        return "0" if line.holds else ", ".join(f"{number:,} {words}" for words, number in counted.items() if number)
    if not line.parts and line.right == 0 and line.left is not None:
        return left  # "… = 0" is what it says.
    if counted and line.right is not None and (len(line.parts) > 1 or _kind(line) in _NAMED):
        named = _kind(line) in _NAMED
        right = " + ".join(f"{number:,} {words}" if named else f"{number:,}" for words, number in counted.items())
        right += f" = {line.right:,}" if not line.holds else ""
    relation = line.relation if line.holds or line.is_unknown else "≠"
    return f"{left} {relation} {right}"
