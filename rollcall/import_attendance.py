"""`rollcall import-attendance`: what would come of a report of Teams or Zoom; with `--yes` it is set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rollcall.connection import Connection, connection
from rollcall.options import DEFAULT_FOLDER, FolderOption
from rollcall.terminal import Exit, Refusal, err, out, print_json

MOST_BYTES = 10 * 1024 * 1024
"""More than any report has; what is larger is not read."""
CHANGED_SINCE = 412


def import_attendance(
    file: Annotated[
        Path, typer.Argument(help="The CSV file, as it was downloaded.", exists=True, dir_okay=False, readable=True)
    ],
    session: Annotated[str, typer.Argument(help="The session's id.")],
    meeting: Annotated[str, typer.Argument(help="The meeting's id, such as day-1.")],
    decide: Annotated[
        list[str] | None,
        typer.Option(
            "--decide",
            metavar="LINE:PERSON[@MINUTES]",
            help="Whose the row in this line is; without a person it is nobody's. Also that it is to stand against what the list says.",
        ),
    ] = None,
    zone: Annotated[
        str | None,
        typer.Option("--zone", help="On whose clocks the times of the file are.", show_default="the meeting's"),
    ] = None,
    plan: Annotated[
        str | None,
        typer.Option(
            "--plan",
            metavar="TAG",
            help="The plan that was looked at: another one is not set.",
            show_default="the one shown",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Set it. Without this, it is only shown.")] = False,
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's answer and nothing else.")] = False,
) -> None:
    """Show what would come of an attendance report of Teams or Zoom, and with --yes set it.

    Exit codes: 0 shown or set, 1 attendance does not answer, the plan has changed, or somebody could not be set, 2 the file or a decision
    is not valid.
    """
    content = _content(file)
    found = connection(folder)
    query = {"zone": zone} if zone else {}
    shown = _ask(found, _path(session, meeting, "", query), content)
    if not yes:
        _print(shown, as_json)
        return
    tag = plan or shown["tag"]
    query |= {"decisions": ",".join(decide)} if decide else {}
    done = _ask(found, _path(session, meeting, "/import", query), content, if_match=tag)
    if done is None:
        _print(shown, as_json)
        raise Refusal("The plan has changed since: this is how it is now. Look at it, and import it anew.")
    if as_json:
        print_json(done)
    else:
        from rollcall.importing_shown import result
        from rollcall.showing import printed

        _print(shown, as_json)
        printed(result(done), out)
    if any(one["outcome"] not in ("set", "as_it_was") for one in done["marks"]):
        raise typer.Exit(Exit.IMPOSSIBLE)


def _content(file: Path) -> bytes:
    with file.open("rb") as opened:
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise Refusal(f"{file} has more than {MOST_BYTES} bytes: that is no report.", Exit.INVALID)
    return content


def _print(plan: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(plan)
        return
    from rollcall.importing_shown import planned
    from rollcall.showing import printed

    printed(planned(plan), out)
    if any(one["is_open"] for one in plan["rows"]):
        err.print("Decide with --decide LINE:PERSON; set it with --yes.", style="dim", soft_wrap=True)


def _path(session: str, meeting: str, verb: str, query: dict[str, str]) -> str:
    from urllib.parse import quote, urlencode

    asked = f"?{urlencode(query)}" if query else ""
    return f"/api/v1/sessions/{quote(session, safe='')}/meetings/{quote(meeting, safe='')}/report{verb}{asked}"


def _ask(found: Connection, path: str, content: bytes, *, if_match: str | None = None) -> Any:
    """The answer; None: the plan is another one by now."""
    from rollcall import asking

    answer = asking.ask(found, "attendance", path, content, headers={"If-Match": f'"{if_match}"'} if if_match else {})
    if answer.status == 200 and isinstance(answer.body, dict) and "sha256" in answer.body:
        return answer.body
    if answer.status == CHANGED_SINCE:
        return None
    raise asking.refused(found, "attendance", answer, invalid=(404, 413, 422))
