"""`rollcall notices` and `rollcall mail`: what people were told, and what an operator or the office does about it."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from rollcall.connection import connection
from rollcall.options import DEFAULT_FOLDER, FolderOption
from rollcall.terminal import Commands, Exit, Refusal, out, print_json

app = typer.Typer(
    cls=Commands,
    help="Go live; settle, repeat, preview mails; let an address through; try words.",
    no_args_is_help=True,
)
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's answer and nothing else.")]
NoticeArgument = Annotated[str, typer.Argument(help="The notice's id.")]
PersonArgument = Annotated[str, typer.Argument(help="The person's id.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why, as it is to be read later.")]
MOST = 1000
"""In a page."""


class Outcome(StrEnum):
    """What somebody found out about a mail."""

    SENT = "sent"
    NOT_SENT = "not_sent"


def notices(
    person: Annotated[str | None, typer.Argument(help="The person's id.", show_default=False)] = None,
    session: Annotated[str | None, typer.Option("--session", help="All mails about this session instead.")] = None,
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: AsJson = False,
) -> None:
    """Show what a person was told, when, by which facts, and what became of it; or all mails about a session.

    With --json one person's whole history, to hand over. Exit codes: 0 shown, 1 notifications does not answer, 2 an id is not valid.
    """
    if (person is None) == (session is None):
        raise Refusal("Name a person, or a session with --session.", Exit.INVALID)
    if person is not None:
        answer = _get(folder, f"/api/v1/recipients/{_quoted(person)}/history")
        found = answer["notices"]
    else:
        found = answer = _all(folder, f"/api/v1/notices?session={_quoted(str(session))}&limit={MOST}")
    if as_json:
        print_json(answer)
        return
    for line in shown(answer if person is not None else {}, found):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def shown(person: dict[str, Any], found: list[dict[str, Any]]) -> list[str]:
    """One line a mail, and below it the facts that it followed from."""
    lines = []
    if person.get("is_held_back"):
        lines.append("Nothing is sent to the address that mail came back from.")
    if person and person["mutes"]["muted"]:
        lines.append(f"Does without: {', '.join(person['mutes']['muted'])}.")
    for one in found:
        code = f" ({one['code']})" if one.get("code") else ""
        lines.append(
            f"{one['at']}  {one['recipient']}  {one['kind'] or '-'}  {one['about']}  {one['state']}{code}  {one['notice_id']}"
        )
        if one.get("text_forgotten_at"):
            lines.append(f"    What it said was forgotten on {one['text_forgotten_at']}; that it was sent is kept.")
        lines += [
            f"    {fact['of']} {fact['says']}: {fact['source']} {fact['event_id']}, heard {fact['heard_at']}"
            for fact in one.get("because", ())
        ]
    return lines or ["Nothing was told."]


@app.command()
def settle(
    notice: NoticeArgument,
    as_: Annotated[Outcome, typer.Argument(metavar="sent|not_sent", help="What you found out.")],
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """End the doubt about a mail, or have what failed told anew (`not_sent`). Exit codes: 0 done, 1 no answer, 2 refused."""
    _post(folder, f"/api/v1/notices/{_quoted(notice)}/settle", {"as": as_.value})
    out.print(f"{notice}: {as_.value}.", markup=False)


@app.command()
def repeat(notice: NoticeArgument, reason: ReasonOption, folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Have said once more what a mail told, if it is still true: one mail more. Exit codes: 0 done, 1 no answer, 2 refused."""
    _post(folder, f"/api/v1/notices/{_quoted(notice)}/repeat", {"reason": reason})
    out.print(f"{notice} is said once more.", markup=False)


@app.command()
def release(person: PersonArgument, reason: ReasonOption, folder: FolderOption = DEFAULT_FOLDER) -> None:
    """Let mail to a person's address through again. Exit codes: 0 done, 1 no answer, 2 refused."""
    _post(folder, f"/api/v1/addresses/{_quoted(person)}/release", {"reason": reason})
    out.print(f"Mail to {person} is sent again.", markup=False)


@app.command(name="go-live")
def go_live(reason: ReasonOption, folder: FolderOption = DEFAULT_FOLDER) -> None:
    """End the rehearsal, for good: mail is sent from now on; what was rehearsed is not. Exit codes: 0 live, 1 no answer, 2 refused."""
    stage = _post(folder, "/api/v1/mail/go-live", {"reason": reason})
    said = f"Mail is live since {stage['live_at']}, by {stage['by']}; {stage['rehearsed']} notices were rehearsed."
    out.print(said, markup=False)


@app.command()
def preview(
    person: PersonArgument,
    about: Annotated[str, typer.Argument(help="What the mail is about, such as place/session-0001.")],
    source: Annotated[bool, typer.Option("--source", help="Byte for byte, instead of what is read.")] = False,
    folder: FolderOption = DEFAULT_FOLDER,
) -> None:
    """Show the mail that a person would be sent about this just now; sends nothing. Exit codes: 0 shown, 1 no answer, 2 none would be sent."""
    from urllib.parse import urlencode

    answer = _get(folder, f"/api/v1/recipients/{_quoted(person)}/preview?{urlencode({'about': about})}")
    text = answer["source"] if source else f"{answer['to']}\n{answer['subject']}\n\n{answer['text']}"
    out.print(text, markup=False, highlight=False, soft_wrap=True, end="")


@app.command()
def words(
    own: Annotated[Path, typer.Argument(help="The folder that ROLLCALL_WORDS names.", show_default=False)],
) -> None:
    """Try the words and frames that an installation has of its own, as the service does at start. Exit codes: 0 they say all, 2 refused."""
    from services.notifications.templates.overriding import BrokenWords, wording_of

    try:
        wording_of(own)
    except BrokenWords as error:
        raise Refusal(str(error), Exit.INVALID) from None
    out.print(f"{own}: mails can be written with it.", markup=False)


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


def _get(folder: Any, path: str) -> Any:
    return _asked(folder, path, None)


def _all(folder: Any, path: str) -> list[Any]:
    """Page behind page, until one is not full."""
    found: list[Any] = []
    part: list[Any] = _get(folder, path)
    while len(part) >= MOST:
        found += part
        part = _get(folder, f"{path}&after={_quoted(found[-1]['notice_id'])}")
    return found + part


def _post(folder: Any, path: str, body: dict[str, Any]) -> Any:
    return _asked(folder, path, json.dumps(body).encode())


def _asked(folder: Any, path: str, body: bytes | None) -> Any:
    from rollcall import asking

    found = connection(folder)
    as_json = {} if body is None else {"Content-Type": "application/json"}
    answer = asking.ask(found, "notifications", path, body, headers=as_json)
    if answer.status == 200 and answer.body is not None:
        return answer.body
    raise asking.refused(found, "notifications", answer, invalid=(400, 404, 409, 412, 422))
