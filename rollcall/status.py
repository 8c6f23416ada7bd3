"""`rollcall status`: who runs, what was heard, and whether the books balance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rollcall.connection import Connection, connection
from rollcall.options import DEFAULT_FOLDER, FolderOption
from rollcall.terminal import Exit, out, print_json

if TYPE_CHECKING:
    from rollcall.looking import Standing

WATCH_EVERY_S = 1.0


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
    import asyncio

    from rollcall.looking import settled

    found = connection(folder)
    standing = asyncio.run(_watch(found) if watch else settled(found, wait))
    if as_json:
        print_json(standing.as_json())
    elif not watch:
        from rollcall.showing import printed, shown

        printed(shown(standing, found.run), out)
    if not standing.balanced:
        raise typer.Exit(Exit.UNBALANCED)


async def _watch(found: Connection) -> Standing:
    import asyncio

    from rich.live import Live

    from rollcall.looking import look
    from rollcall.showing import shown

    standing = await look(found)
    with Live(shown(standing, found.run), console=out, screen=True, auto_refresh=False) as live:
        try:
            while True:
                await asyncio.sleep(WATCH_EVERY_S)
                standing = await look(found)
                live.update(shown(standing, found.folder.run() if found.run else None), refresh=True)
        except asyncio.CancelledError:  # Ctrl-C is how one stops looking
            return standing
