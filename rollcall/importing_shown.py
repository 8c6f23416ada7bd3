"""The plan of an import as a person reads it, at eighty columns: who would be what, and below each row why not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rollcall.showing import table_of

_WORDS = {
    "set": "will be set",
    "as_it_was": "is so already",
    "left_out": "left out",
    "outside": "not during the meeting",
    "contradicts": "the list says otherwise",
    "several": "several people bear this name",
    "several_rows": "one name, several addresses",
    "two_hours": "which of the two hours?",
    "unknown": "nobody of this name is known",
    "another_session": "of another session",
}


def planned(plan: dict[str, Any]) -> RenderableType:
    """The whole plan; nothing in it is cut, however narrow the terminal is."""
    kind = "marks" if plan["list_is_open"] else "corrections: the list has closed"
    head = Text(f"{plan['session_id']} · {plan['meeting_id']}", style="bold")
    head.append(f"\n{plan['encoding']}, times of {plan['zone']}, {kind}\nsha256 {plan['sha256']}", style="not bold dim")
    parts: list[RenderableType] = [head, Text(""), _rows(plan["rows"])]
    if plan["not_taken"]:
        lines = (f"  {one['line']}  {one['why']}: {one['detail']}" for one in plan["not_taken"])
        parts += [Text(""), Text("Lines that are not taken, or not as they stand", style="bold"), *map(Text, lines)]
    if plan["without_a_row"]:
        parts += [Text(""), Text(f"On the list and in no row: {', '.join(plan['without_a_row'])}")]
    if plan["repeated"]:
        parts += [Text(""), Text(f"Rows that say what another one has said: {plan['repeated']}")]
    open_ones = sum(one["is_open"] for one in plan["rows"])
    sets = sum(one["fate"] == "set" for one in plan["rows"])
    verdict = Text(f"{sets} to be set, {open_ones} to be decided.", style="bold yellow" if open_ones else "bold green")
    return Group(*parts, Text(""), verdict, Text(f"Plan {plan['tag']}", style="dim"))


def _rows(rows: Iterable[dict[str, Any]]) -> Table:
    table = table_of("", "line", "in the report", "min", "what comes of it", numbers=("line", "min"))
    for row in rows:
        style = "yellow" if row["is_open"] else "dim" if row["fate"] != "set" else ""
        minutes = "" if row["minutes"] is None else str(row["minutes"])
        if row["or_else_minutes"] is not None:
            minutes += f" or {row['or_else_minutes']}"
        table.add_row(", ".join(map(str, row["lines"])), _who(row), minutes, Text("\n").join(_fate(row)), style=style)
    return table


def _who(row: dict[str, Any]) -> Text:
    text = Text(row["name"])
    return text.append(f"\n{row['address']}", style="dim") if row["address"] else text


def _fate(row: dict[str, Any]) -> Iterable[Text]:
    if row["fate"] in ("set", "as_it_was", "contradicts", "two_hours") and row["person"]:
        by = {"former_name": ", by the former name", "decided": ", as decided"}.get(row["match"], "")
        yield Text(f"{row['person']['person_id']}: {_state(row['state'])}{by}")
    if row["fate"] != "set":
        yield Text(_WORDS.get(row["fate"], row["fate"]))
    if row["stands"]:
        stands = row["stands"]
        long = f", {stands['minutes']} min" if stands["minutes"] is not None else ""
        yield Text(f"there stands: {_state(stands['state'])}{long}, by {stands['method'] or 'the closing'}")
    for one in row["may_be"]:
        name = " ".join(filter(None, (one["given_name"], one["family_name"])))
        yield Text(
            f"perhaps {one['person_id']} {name}" + (f" ({', '.join(one['sessions'])})" if one["sessions"] else "")
        )


def _state(state: str | None) -> str:
    return (state or "nothing").replace("_", " ")


def result(done: dict[str, Any]) -> RenderableType:
    """What became of each, and what was left."""
    lines = []
    for one in done["marks"]:
        why = f" – {one['detail']}" if one["detail"] else ""
        good = one["outcome"] in ("set", "as_it_was")
        lines.append(Text(f"{one['person_id']}: {_state(one['outcome'])}{why}", style="" if good else "bold yellow"))
    undecided = [row for row in done["left"] if row["is_open"]]
    lines += [
        Text(f"line {row['lines'][0]}: {row['name']} – {_WORDS.get(row['fate'], row['fate'])}", style="yellow")
        for row in undecided
    ]
    sets = sum(one["outcome"] == "set" for one in done["marks"])
    lines.append(Text(f"{sets} set, {len(undecided)} left to be decided.", style="bold"))
    return Group(*lines)
