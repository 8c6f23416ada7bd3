"""A record that was set aside, as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rich.text import Text

_FACTS = ("state", "type", "source", "event_id", "appended_at", "parked_at")
_DETAIL_SHOWN = 400


def one_line(where: str, services: Sequence[str], row: dict[str, Any]) -> Iterator[Text]:
    """Where it stands, why, and in which services."""
    line = Text(where, style="bold").append(f"  {row['reason']}", style="not bold yellow")
    yield line.append(f"  {row['type'] or 'no type'}", style="not bold").append(f"  {', '.join(services)}", style="dim")
    yield Text(f"    {row['detail'][:_DETAIL_SHOWN]}{_tried(row)}", style="dim")


def whole(where: str, copies: Sequence[tuple[str, dict[str, Any]]]) -> Text:
    """Why each service set it aside, and then the record, which is the same in all of them."""
    text = Text(where, style="bold")
    for service, row in copies:
        text.append(f"\n{service:>13}  ", style="not bold dim").append(
            str(row.get("reason", "")), style="yellow not bold"
        )
        text.append(f": {row.get('detail', '')}{_tried(row)}", style="not bold")
    row = copies[0][1]
    for name in _FACTS:
        told = [str(one[name]) for _, one in copies if one.get(name)]
        if told:
            # Each service set it aside at a moment of its own: the first one tells enough.
            _field(text, name, min(told) if name == "parked_at" else ", ".join(dict.fromkeys(told)))
    _field(text, "key", _said(row.get("key")))
    for number, (name, value) in enumerate(row.get("headers") or ()):
        _field(text, "" if number else "headers", f"{name}: {_said(value)}")
    _field(text, "body", _body(row.get("value")))
    return text


def _field(text: Text, name: str, value: str) -> None:
    text.append(f"\n{name.replace('_', ' '):>13}  ", style="not bold dim").append(value, style="not bold")


def _tried(row: dict[str, Any]) -> str:
    times = int(row.get("retries") or 0)
    return f" · tried again {'once' if times == 1 else f'{times} times'}" if times else ""


def _said(value: object) -> str:
    return "– (none)" if value is None else str(value)


def _body(value: object) -> str:
    """As it came; JSON on lines of its own."""
    if value is None:
        return "– (none)"
    try:
        said = json.loads(str(value))
    except (ValueError, RecursionError):
        return str(value)
    return "\n".join(
        f"{'' if number == 0 else ' ' * 15}{line}"
        for number, line in enumerate(json.dumps(said, ensure_ascii=False, indent=2).splitlines())
    )
