"""`rollcall explain`: why somebody has, had or lacks a place in a session."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Annotated, Any

import typer

from rollcall.connection import Connection, connection
from rollcall.options import DEFAULT_FOLDER, FolderOption
from rollcall.terminal import Exit, Refusal, out, print_json

ZONE = "Europe/Warsaw"


class Tongue(StrEnum):
    """What the sentences are in."""

    EN = "en"
    PL = "pl"


def explain(
    person: Annotated[str, typer.Argument(help="The person's id.")],
    session: Annotated[str, typer.Argument(help="The session's id.")],
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="MOMENT",
            help=f"As it was known then, such as 2026-10-03T10:15; without an offset it is the time in {ZONE}.",
            show_default="now",
        ),
    ] = None,
    language: Annotated[Tongue, typer.Option("--language", help="Of the sentences.")] = Tongue.EN,
    folder: FolderOption = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print the API's answer and nothing else.")] = False,
) -> None:
    """Show why a person has, had or lacks a place in a session: what was said of it, by whom, and what was decided by which numbers.

    Exit codes: 0 shown, 1 enrolment does not answer, 2 the moment or an id is not valid.
    """
    answer = _ask(connection(folder), person, session, _moment(at) if at else None)
    if as_json:
        print_json(answer)
        return
    from rollcall.explaining import shown
    from rollcall.showing import printed

    printed(shown(answer, language.value), out)


def _moment(at: str) -> dt.datetime:
    """As it was typed, in UTC; without an offset it is wall time where the programme is."""
    from zoneinfo import ZoneInfo

    try:
        moment = dt.datetime.fromisoformat(at)
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(ZONE))).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Refusal(f"{at} is no moment such as 2026-10-03T10:15 or 2026-10-03T08:15:00Z.", Exit.INVALID) from None


def _ask(found: Connection, person: str, session: str, at: dt.datetime | None) -> dict[str, Any]:
    from urllib.parse import quote, urlencode

    from rollcall import asking

    path = f"/api/v1/sessions/{quote(session, safe='')}/places/{quote(person, safe='')}/explain"
    query = f"?{urlencode({'at': at.isoformat().replace('+00:00', 'Z')})}" if at else ""
    answer = asking.ask(found, "enrolment", path + query)
    if answer.status == 200 and isinstance(answer.body, dict) and "steps" in answer.body:
        return answer.body
    raise asking.refused(found, "enrolment", answer, invalid=(400, 404, 422))
