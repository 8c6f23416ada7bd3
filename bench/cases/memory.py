"""Memory against backlog: the peak of the projector with ten times as much to hear."""

from __future__ import annotations

import asyncio

from bench.cases.facts import projector
from bench.measuring import Figures, measure
from bench.people import KEEPING, STREAM, check, messages
from bench.surroundings import Servers, empty, fill

CONTENDERS = {"projector": projector}
BACKLOGS = (50_000, 500_000)


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Peak memory is what to read here."""
    found = []
    for backlog in BACKLOGS:
        events = int(backlog * scale)
        asyncio.run(empty(servers.kafka.bootstrap, STREAM))
        asyncio.run(fill(servers.kafka.bootstrap, messages(events)))
        figures = Figures(f"{events:,} waiting", "facts lane of notifications", [], "the same peak")
        for _ in range(rounds):
            place = servers.place(events, KEEPING.name)
            figures.runs.append(measure(servers, "memory", "projector", place))
            asyncio.run(check(place))
        found.append(figures)
    return found
