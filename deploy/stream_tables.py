"""The tables of streams in docs/design.md and docs/integrators.md, from streams and contracts: what is said where, and by whom. Written by
`make generated`, so that nobody enters a new event by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from shared.contracts import CONTRACTS
from shared.events.streams import STREAMS, Stream

_OF_OTHERS = {
    "programme.rules": "enrolment's console",
    "programme.cities": "selection system, console",
    "programme.people": "directory, console, attendance (walk-ins)",
    "programme.contacts": "directory, console",
    "programme.teams": "directory, console",
    "programme.needs": "survey system, console",
    "programme.sessions": "planner, console",
    "programme.tasks": "outside tools for tests and surveys",
    "enrolment.requests": "portal, coordinators",
    "enrolment.office": "the office's console alone",
    "attendance.scans": "check-in devices, turnstiles",
    "attendance.office": "the office's console alone",
    "notifications.requests": "other systems that the operator names",
}
"""Who writes a stream that no service owns: known to people alone."""


def _all() -> Iterator[str]:
    yield "| stream | key | kept | written by | says |"
    yield "|---|---|---|---|---|"
    for stream in STREAMS.values():
        kept = "compacted" if stream.compacted else "for ever"
        writer = stream.owner.rpartition("/")[2] if stream.owner else _OF_OTHERS[stream.name]
        yield f"| `{stream.name}` | {stream.key} | {kept} | {writer} | {_says(stream)} |"


def _owned() -> Iterator[str]:
    yield "| stream | key | says |"
    yield "|---|---|---|"
    for stream in STREAMS.values():
        if stream.owner:
            yield f"| `{stream.name}` | `{stream.key}` | {_says(stream)} |"


def _says(stream: Stream) -> str:
    return ", ".join(model.__name__ for model in CONTRACTS if model.stream == stream.name)


PARTS: dict[str, dict[str, Callable[[], Iterator[str]]]] = {
    "docs/design.md": {"streams": _all},
    "docs/integrators.md": {"streams": _owned},
}
