"""Rebuild: a million facts made into rows beside the live ones, and compared with them row by row."""

from __future__ import annotations

import asyncio

from bench.cases.facts import projector
from bench.measuring import Clock, Figures, Measured, measure
from bench.people import KEEPING, check, messages
from bench.surroundings import Place, Servers, empty, fill
from shared.rebuilding import rebuild

STREAM = "programme.people"


async def compare(place: Place) -> Measured:
    """As `rollcall rebuild notifications --compare`; the live rows are there."""
    clock = Clock()
    clock.start()
    report = await rebuild.compare(KEEPING, place.settings())
    measured = clock.stop(report.events)
    if report.different_rows or report.events < place.events:
        raise AssertionError(f"{report.events} events applied, {report.different_rows} rows differ")
    return measured


CONTENDERS = {"live": projector, "compare": compare}


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """The first figure is the same million heard live."""
    events = int(1_000_000 * scale)
    asyncio.run(empty(servers.kafka.bootstrap, STREAM))
    asyncio.run(fill(servers.kafka.bootstrap, messages(events)))
    place = servers.place(events, KEEPING.name)
    live = Figures("live", "the projector, for comparison", [measure(servers, "rebuild", "live", place)])
    asyncio.run(check(place))
    rebuilt = Figures("rebuild", "beside the live rows, and compared with them", [], "a million in < 30 s; memory flat")
    rebuilt.runs = [measure(servers, "rebuild", "compare", place) for _ in range(rounds)]
    return [live, rebuilt]
