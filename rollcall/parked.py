"""`rollcall parked`: records that a service set aside. Look at them, have them heard again, or give them up."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer

from rollcall.connection import Connection, connection
from rollcall.folder import SERVICES
from rollcall.options import DEFAULT_FOLDER, FolderOption, ServiceArgument
from rollcall.terminal import Commands, Exit, Refusal, err, out, print_json

app = typer.Typer(cls=Commands, help="Records that were set aside: list, show, retry, discard.", no_args_is_help=True)

TIMEOUT_S = 30.0
Where = Annotated[str, typer.Argument(metavar="STREAM/PARTITION/OFFSET", help="As `rollcall parked list` shows it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]


class NoAnswer(Exception):
    """A service cannot be asked; says how it failed."""


@app.command("list")
def list_parked(
    folder: FolderOption = DEFAULT_FOLDER,
    reason: Annotated[str | None, typer.Option("--reason", help="Only those set aside for this reason.")] = None,
    state: Annotated[str, typer.Option("--state", help="parked, heard (after a retry) or discarded")] = "parked",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="At most so many of each service.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what was set aside, oldest first.

    Exit codes: 0 shown, 1 no service answers.
    """
    found = connection(folder)
    rows: list[dict[str, Any]] = []
    silent: list[str] = []
    for service in SERVICES:
        query = {"state": state, "limit": limit} | ({"reason": reason} if reason else {})
        try:
            rows += [{"service": service, **row} for row in _ask(found, service, "GET", "", query)]
        except NoAnswer:
            silent.append(service)
    if len(silent) == len(SERVICES):
        raise Refusal(f"No service answers at {', '.join(found.urls.values())}.")
    if silent:
        err.print(f"Not asked, for they do not answer: {', '.join(silent)}.", style="yellow")
    if as_json:
        print_json(rows)
        return
    if not rows:
        out.print(f"Nothing is {state}.")
        return
    for row in rows:
        where = f"{row['stream']}/{row['partition']}/{row['offset']}"
        tried = f" · tried again {row['retries']} times" if row["retries"] else ""
        out.print(
            f"[bold]{row['service']} {where}[/]  [yellow]{row['reason']}[/]  {row['type'] or 'no type'}", soft_wrap=True
        )
        out.print(f"    {row['detail'][:400]}{tried}", soft_wrap=True, markup=False, style="dim")


@app.command()
def show(
    service: ServiceArgument, where: Where, folder: FolderOption = DEFAULT_FOLDER, as_json: AsJson = False
) -> None:
    """Show one record whole: reason, headers, body as it came."""
    row = _one(connection(folder), service, "GET", where, "")
    if as_json:
        print_json(row)
        return
    for name, value in row.items():
        out.print(f"[dim]{name:>12}[/]  ", end="")
        out.print(str(value), markup=False, soft_wrap=True)


@app.command()
def retry(
    service: ServiceArgument, where: Where, folder: FolderOption = DEFAULT_FOLDER, as_json: AsJson = False
) -> None:
    """Have a record heard again.

    Exit codes: 0 heard, 3 set aside again (the reason is shown).
    """
    row = _one(connection(folder), service, "POST", where, "/retry")
    if as_json:
        print_json(row)
    elif row["state"] == "discarded":
        out.print("It was discarded: nothing of it is left to be heard.")
    else:
        out.print(
            "Heard." if row["state"] == "heard" else f"Set aside again: {row['reason']}: {row['detail']}", markup=False
        )
    if row["state"] != "heard":
        raise typer.Exit(Exit.UNBALANCED)


@app.command()
def discard(
    service: ServiceArgument, where: Where, folder: FolderOption = DEFAULT_FOLDER, as_json: AsJson = False
) -> None:
    """Give a record up. It is kept as evidence, and blocks nobody any more."""
    row = _one(connection(folder), service, "POST", where, "/discard")
    if as_json:
        print_json(row)
    else:
        out.print("Discarded.")


def _one(found: Connection, service: str, method: str, where: str, action: str) -> dict[str, Any]:
    if not re.fullmatch(r"[a-z]+\.[a-z]+/-?\d+/-?\d+", where):
        raise Refusal(f"{where} is no STREAM/PARTITION/OFFSET such as programme.sessions/9/3.", Exit.INVALID)
    try:
        row: dict[str, Any] = _ask(found, service, method, f"/{where}{action}", {})
        return row
    except NoAnswer as error:
        raise Refusal(f"{service} does not answer at {found.urls[service]}: {error}.") from error


def _ask(found: Connection, service: str, method: str, path: str, query: dict[str, Any]) -> Any:
    import httpx

    url = f"{found.urls[service]}/api/v1/parked{path}"
    try:
        answer = httpx.request(method, url, params=query, headers=found.headers, timeout=TIMEOUT_S)
        if answer.is_client_error:
            problem = answer.json()
            raise Refusal(f"{service}: {problem.get('title', answer.status_code)}: {problem.get('detail', '')}.")
        return answer.raise_for_status().json()
    except httpx.HTTPError as error:
        raise NoAnswer(type(error).__name__) from error
