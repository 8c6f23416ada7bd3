"""Work as it comes into a projection: 200,000 statements with corrections, re-deliveries, older versions and what is not JSON."""

from __future__ import annotations

import asyncio

from bench import work
from bench.cases.facts import projector_of
from bench.measuring import Contender, Figures, measure
from bench.otherwise import hand_tuned_work
from bench.surroundings import Servers, fill
from services.enrolment.app import SERVICE

EVENTS = 200_000
CONTENDERS: dict[str, Contender] = {"projector": projector_of(SERVICE, work.STREAM), "hand-tuned": hand_tuned_work}
WHAT = {
    "projector": "the real projector, facts lane of enrolment",
    "hand-tuned": "aiokafka + asyncpg by hand, one statement a batch, same checks, same columns",
}
GOALS = {"projector": "≥ 0.8 × hand-tuned, ≤ 27 µs an event"}


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Both by turns, round by round. `--scale 5` is a million."""
    events = int(EVENTS * scale)
    asyncio.run(fill(servers.kafka.bootstrap, work.messages(events)))
    figures = {name: Figures(name, WHAT[name], [], GOALS.get(name, "")) for name in CONTENDERS}
    for _ in range(rounds):
        for name, one in figures.items():
            place = servers.place(events, "enrolment" if name == "projector" else None)
            one.runs.append(measure(servers, "work", name, place))
            asyncio.run(work.check(place))
    return list(figures.values())
