"""The answer to "why", as a person reads it: how it stood, and below it line by line why, each with the event that says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rollcall.explain import ZONE

_GOOD, _BAD = "bold green", "bold yellow"
_MOMENT_COLUMNS = 18
WORDS = {
    "en": {
        "as known": "as known on",
        "said": "said",
        "asked": "asked for by",
        "sent": "sent",
        "because of": "because of",
        "by": "decided by",
        "nothing": "Nothing was said of it.",
    },
    "pl": {
        "as known": "stan wiedzy:",
        "said": "powiedziano",
        "asked": "prośba:",
        "sent": "wysłana",
        "because of": "z powodu",
        "by": "zdecydowano w biurze:",
        "nothing": "Nic o tym nie powiedziano.",
    },
}


def shown(answer: dict[str, Any], language: str) -> RenderableType:
    """The whole answer; nothing in it is cut, however narrow the terminal is."""
    words, verdict = WORDS[language], answer["verdict"]
    name = " ".join(filter(None, (answer["given_name"], answer["family_name"])))
    head = Text(f"{answer['person_id']} · {answer['session_id']}", style="bold")
    if name:
        head.append(f"\n{name}", style="not bold")
    head.append(f"\n{words['as known']} {moment(answer['at'])}", style="not bold dim")
    style = _GOOD if verdict["fate"] in ("has_place", "has_offer") else _BAD
    said = Text(verdict["sentence"][language], style=style)
    chain = _chain(answer["steps"], words, language) if answer["steps"] else Text(words["nothing"], style="dim")
    return Group(head, Text(""), said, Text(""), chain)


def _chain(steps: list[dict[str, Any]], words: dict[str, str], language: str) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    table.add_column(width=_MOMENT_COLUMNS, no_wrap=True)
    table.add_column(overflow="fold")
    for number, step in enumerate(steps):
        if number:
            table.add_row()
        line = Text(step["sentence"][language])
        for more in _evidence(step, words):
            line.append(f"\n{more}", style="dim")
        table.add_row(Text(moment(step["heard_at"])), line)
    return table


def _evidence(step: dict[str, Any], words: dict[str, str]) -> Iterator[str]:
    """By which one can look it up: who said it under which id, and what it followed from."""
    if step["note"]:
        yield f"{words['by']} {step['decided_by']}: {step['note']}"
    if step["detail"]:
        yield str(step["detail"])
    request = step["request"]
    if step["event_id"] is not None:
        said = f", {words['said']} {moment(step['said_at'])}" if _apart(step["said_at"], step["heard_at"]) else ""
        yield f"{step['source']} {step['event_id']}{said}"
    if request is not None and request["id"] != step["event_id"]:
        sent = f", {words['sent']} {moment(request['asked_at'])}" if request["asked_at"] else ""
        yield f"{words['asked']} {request['source']} {request['id']}{sent}"
    if step["caused_by"] and (request is None or step["caused_by"] != request["id"]):
        yield f"{words['because of']} {step['caused_by']}"


def _apart(one: str, other: str) -> bool:
    """Whether a reader would see two moments."""
    return moment(one) != moment(other)


def moment(said: str) -> str:
    """To the minute, as a clock on the wall shows it where the programme is."""
    return dt.datetime.fromisoformat(said).astimezone(ZoneInfo(ZONE)).strftime("%d.%m.%Y %H:%M")
