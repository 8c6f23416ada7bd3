"""`rollcall parked`: records that a service set aside. Look at them, have them heard again, or give them up.

Each service that hears a stream sets a bad record aside for itself. A command here means all of these copies, unless it names a service.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from rollcall.connection import Connection, connection
from rollcall.options import DEFAULT_FOLDER, FolderOption
from rollcall.printing_parked import one_line, whole
from rollcall.terminal import Commands, Exit, Refusal, err, out, print_json
from rollcall.typed import typed
from services import SERVICES

app = typer.Typer(cls=Commands, help="Records that were set aside: list, show, retry, discard.", no_args_is_help=True)

TIMEOUT_S = 30.0
MOST = 1000
"""So many a service lists at once."""
Named = Annotated[
    list[str],
    typer.Argument(
        metavar="[SERVICE] STREAM/PARTITION/OFFSET", help="As `parked list` shows it; without a service, every copy."
    ),
]
NamedOrNot = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SERVICE] [STREAM/PARTITION/OFFSET]",
        help="As `parked list` shows it; without a service, every copy.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
OfReason = Annotated[
    str | None, typer.Option("--reason", help="Instead of one record: all that were set aside for this reason.")
]
_WHERE = re.compile(r"[a-z]+\.[a-z]+/-?\d+/-?\d+")


class NotTold(Exception):
    """One service does not say what it was asked; the sentence says why. The others may."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One record in one service."""

    service: str
    where: str
    row: dict[str, Any]


@app.command("list")
def list_parked(
    folder: FolderOption = DEFAULT_FOLDER,
    reason: Annotated[str | None, typer.Option("--reason", help="Only those set aside for this reason.")] = None,
    state: Annotated[str, typer.Option("--state", help="parked, heard (after a retry) or discarded")] = "parked",
    limit: Annotated[int, typer.Option("--limit", min=1, max=MOST, help="At most so many of each service.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what was set aside, oldest first; a record that several services set aside stands there once.

    Exit codes: 0 shown, 1 no service answers.
    """
    copies, silent = _listed(connection(folder), tuple(SERVICES), state=state, reason=reason, limit=limit)
    _tell(silent)
    if as_json:
        print_json([{"service": copy.service, **copy.row} for copy in copies])
        return
    if not copies:
        out.print(f"Nothing is {state}.")
        return
    for record in _by_record(copies):
        out.print(
            *one_line(record[0].where, [copy.service for copy in record], record[0].row), sep="\n", soft_wrap=True
        )
    if full := [name for name, number in Counter(copy.service for copy in copies).items() if number >= limit]:
        err.print(
            f"There may be more in {', '.join(full)}: --limit shows up to {MOST}.", style="yellow", soft_wrap=True
        )
    if state == "parked":
        where = copies[0].where
        err.print(
            f"\nOne of them whole: {typed(f'parked show {where}', folder)}. Then `retry`, or `discard`, in the same way.",
            style="dim",
            soft_wrap=True,
            markup=False,
        )


@app.command()
def show(names: Named, folder: FolderOption = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Show one record whole: why each service set it aside, headers, body as it came.

    Exit codes: 0 shown, 1 nobody has such a record, or a service that may have it does not answer.
    """
    services, where = _named(names)
    copies = _each(connection(folder), services, where, "GET", "")
    if as_json:
        print_json(_as_json(names, copies))
        return
    out.print(whole(where, [(copy.service, copy.row) for copy in copies]), soft_wrap=True)


@app.command()
def retry(
    names: NamedOrNot = None, folder: FolderOption = DEFAULT_FOLDER, reason: OfReason = None, as_json: AsJson = False
) -> None:
    """Have a record heard again.

    Exit codes: 0 heard, 1 nobody has such a record, or a service does not answer, 3 set aside again (the reason is shown).
    """
    copies = _done(connection(folder), names, reason, "/retry")
    if as_json:
        print_json(_as_json(names, copies))
    for copy in [] if as_json else copies:
        row = copy.row
        became = {"heard": "heard", "discarded": "was discarded: nothing of it is left to be heard"}
        again = f"set aside again: {row.get('reason')}: {row.get('detail')}"
        out.print(f"{copy.service} {copy.where}: {became.get(row['state'], again)}", markup=False, soft_wrap=True)
    if any(copy.row["state"] != "heard" for copy in copies):
        raise typer.Exit(Exit.UNBALANCED)


@app.command()
def discard(
    names: NamedOrNot = None,
    folder: FolderOption = DEFAULT_FOLDER,
    reason: OfReason = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --reason: do not ask first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Give a record up, in every service that has it: its bytes go for good, the reason stays as evidence. It blocks nobody any more.

    Exit codes: 0 discarded, 1 nobody has such a record, or a service does not answer: its copy stays.
    """
    found = connection(folder)
    if reason is not None and not yes:
        _agreed(found, names, reason)
    copies = _done(found, names, reason, "/discard")
    if as_json:
        print_json(_as_json(names, copies))
        return
    for copy in copies:
        became = "discarded" if copy.row["state"] == "discarded" else f"is {copy.row['state']} already: left as it is"
        out.print(f"{copy.service} {copy.where}: {became}", markup=False, soft_wrap=True)


def _agreed(found: Connection, names: list[str] | None, reason: str) -> None:
    """Asks before everything that was set aside for a reason goes; where nobody can be asked, --yes has to say it."""
    copies, _ = _listed(found, _services(names), state="parked", reason=reason, limit=MOST)
    records = len({copy.where for copy in copies})
    if not records:
        return  # `_done` says so.
    question = f"{records} {'record' if records == 1 else 'records'} ({len(copies)} copies) for {reason}"
    if not err.is_terminal:
        raise Refusal(f"{question} would be discarded for good: say --yes.", Exit.INVALID)
    typer.confirm(f"Discard {question} for good?", abort=True, err=True)


def _done(found: Connection, names: list[str] | None, reason: str | None, action: str) -> list[Copy]:
    if (reason is None) == (not names or names[-1] in SERVICES):
        raise Refusal("Name a record (STREAM/PARTITION/OFFSET), or all of a --reason.", Exit.INVALID)
    if reason is None:
        services, where = _named(names or [])
        return _each(found, services, where, "POST", action)
    listed, silent = _listed(found, _services(names), state="parked", reason=reason, limit=MOST)
    if not listed and not silent:
        raise Refusal(f"Nothing is set aside for {reason}.")
    done = _answers(found, [(one.service, one.where) for one in listed], "POST", action, silent)
    if any(number >= MOST for number in Counter(one.service for one in listed).values()):
        err.print("There may be more: say it again.", style="yellow")
    _all_told(done, silent)
    return done


def _services(names: list[str] | None) -> tuple[str, ...]:
    if not names:
        return tuple(SERVICES)
    if len(names) > 1 or names[0] not in SERVICES:
        raise Refusal(f"{names[0]} is no service: there are {', '.join(SERVICES)}.", Exit.INVALID)
    return (names[0],)


def _named(names: list[str]) -> tuple[tuple[str, ...], str]:
    """Which services, and which record."""
    *services, where = names
    if not _WHERE.fullmatch(where):
        raise Refusal(f"{where} is no STREAM/PARTITION/OFFSET such as programme.sessions/9/3.", Exit.INVALID)
    return _services(services), where


def _each(found: Connection, services: tuple[str, ...], where: str, method: str, action: str) -> list[Copy]:
    """The answer of each service that has the record. A service that cannot be asked is named, and keeps its copy."""
    silent: dict[str, str] = {}
    copies = _answers(found, [(service, where) for service in services], method, action, silent)
    _all_told(copies, silent)
    if not copies:
        raise Refusal(f"{' and '.join(services)} {'has' if len(services) == 1 else 'have'} no record {where}.")
    return copies


def _answers(
    found: Connection, asked: Iterable[tuple[str, str]], method: str, action: str, silent: dict[str, str]
) -> list[Copy]:
    """What the services say of these records. Who falls `silent` keeps what is left, and is asked no more."""
    copies = []
    for service, where in asked:
        if service in silent:
            continue
        try:
            row = _ask(found, service, method, f"/{where}{action}")
        except NotTold as refused:
            silent[service] = str(refused)
        else:
            copies += [Copy(service, where, row)] if row is not None else []
    return copies


def _all_told(done: list[Copy], silent: dict[str, str]) -> None:
    """Nothing is done while somebody keeps a copy. What was done is named, and then who did not answer."""
    if silent:
        for copy in done:
            err.print(f"{copy.service} {copy.where}: {copy.row['state']}", markup=False, style="dim", soft_wrap=True)
        raise Refusal("\n".join(silent.values()))


def _tell(silent: dict[str, str]) -> None:
    for sentence in silent.values():
        err.print(sentence, style="yellow", markup=False, soft_wrap=True)


def _listed(found: Connection, services: tuple[str, ...], **query: Any) -> tuple[list[Copy], dict[str, str]]:
    """What they say, and why others of them say nothing. Refused if nobody does."""
    copies: list[Copy] = []
    silent: dict[str, str] = {}
    query = {name: value for name, value in query.items() if value is not None}
    for service in services:
        try:
            rows = _ask(found, service, "GET", "", query)
        except NotTold as refused:
            silent[service] = str(refused)
            continue
        copies += [Copy(service, f"{row['stream']}/{row['partition']}/{row['offset']}", row) for row in rows or ()]
    if len(silent) == len(services):
        raise Refusal("\n".join(silent.values()))
    return copies, silent


def _by_record(copies: list[Copy]) -> Iterator[list[Copy]]:
    """Copies of one record that were set aside for the same reason, together; records in the order of their first copy."""
    together: dict[tuple[str, ...], list[Copy]] = {}
    # Without the Z, which stands behind the point that a fraction of a second begins with.
    for copy in sorted(copies, key=lambda copy: str(copy.row.get("appended_at", "")).removesuffix("Z")):
        row = copy.row
        key = (copy.where, row["reason"], row["detail"], str(row.get("retries")))
        together.setdefault(key, []).append(copy)
    yield from together.values()


def _as_json(names: list[str] | None, copies: list[Copy]) -> object:
    """Of a record in one named service its row alone; else each with the service it is of."""
    if names and len(names) > 1:
        return copies[0].row
    return [{"service": copy.service, **copy.row} for copy in copies]


def _ask(found: Connection, service: str, method: str, path: str, query: dict[str, Any] | None = None) -> Any:
    """The answer as JSON; None: there is no such record."""
    import httpx

    url = f"{found.urls[service]}/api/v1/parked{path}"
    try:
        answer = httpx.request(method, url, params=query or {}, headers=found.headers, timeout=TIMEOUT_S)
        said = answer.json()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise NotTold(f"{service} does not answer at {found.urls[service]}: {type(error).__name__}.") from error
    except (ValueError, RecursionError):
        raise NotTold(f"What answers at {found.urls[service]} is not {service}.") from None
    if answer.status_code == 404 and path:
        return None
    if answer.is_error:
        problem = said if isinstance(said, dict) else {}
        raise NotTold(f"{service}: {problem.get('title', answer.status_code)}: {problem.get('detail', '')}.")
    return said
