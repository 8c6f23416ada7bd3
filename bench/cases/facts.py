"""Facts into a projection: 200,000 facts about people, through the projector and otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from bench.measuring import Clock, Contender, Figures, Measured, measure
from bench.otherwise import NAIVE_TOPIC, hand_tuned, hand_tuned_trusting, naive, raw_read, raw_upsert
from bench.people import KEEPING, STREAM, check, messages
from bench.surroundings import Place, Servers, ends, fill, make_topic, running
from shared.books.batch import Batch
from shared.kafka.observer import partition_of
from shared.service import Service
from shared.settings import ConsumerLimits

NAIVE_EVENTS = 3_000


def projector_of(service: Service, stream: str, **limits: Any) -> Contender:
    """A service as it is, with its other lane, relay and watch at work, hearing one stream of its fact lane."""

    async def projector(place: Place) -> Measured:
        end = await ends(place.kafka, stream)
        clock = Clock()
        all_heard = asyncio.Event()
        async with running(service, place.settings(consumer=ConsumerLimits(**limits))) as runtime:
            (lane,) = (one for one in runtime.lanes if one.name == "facts")
            assert stream in lane.streams, f"{service.name} does more about {stream} than to keep it"
            hear, heard = lane._hear, lane.positioning.heard

            async def timed(*arguments: Any) -> None:
                clock.start()
                await hear(*arguments)

            def looked(batches: Iterable[Batch]) -> None:
                heard(batches)
                if all(lane.positioning._committed.get(partition_of(tp), 0) >= offset for tp, offset in end.items()):
                    all_heard.set()

            lane._hear = timed
            lane.positioning.heard = looked  # type: ignore[method-assign]
            await all_heard.wait()
            return clock.stop(sum(end.values()))

    return projector


projector = projector_of(KEEPING, STREAM)


CONTENDERS: dict[str, Contender] = {
    "projector": projector,
    "hand-tuned": hand_tuned,
    "hand-tuned, trusting": hand_tuned_trusting,
    "naive": naive,
    "raw read": raw_read,
    "raw upsert": raw_upsert,
}
WHAT = {
    "projector": "the real projector, facts lane of notifications",
    "hand-tuned": "aiokafka + asyncpg by hand, one statement a batch, same checks",
    "hand-tuned, trusting": "the same, believing every record",
    "naive": "FastStream, one event a transaction",
    "raw read": "aiokafka alone, ceiling of reading",
    "raw upsert": "asyncpg alone, ceiling of writing",
}
GOALS = {"projector": "≥ 55,000/s, ≥ 0.8 × hand-tuned, ≥ 200 × naive"}


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """All contenders, one after the other, round by round."""
    events = int(200_000 * scale)
    asyncio.run(fill(servers.kafka.bootstrap, messages(events)))
    asyncio.run(make_topic(servers.kafka.bootstrap, NAIVE_TOPIC))
    few = max(200, int(NAIVE_EVENTS * scale))
    asyncio.run(fill(servers.kafka.bootstrap, messages(few), topic=NAIVE_TOPIC))
    figures = {name: Figures(name, WHAT[name], [], GOALS.get(name, "")) for name in CONTENDERS}
    for _ in range(rounds):
        for name, one in figures.items():
            place = servers.place(few if name == "naive" else events, KEEPING.name if name == "projector" else None)
            one.runs.append(measure(servers, "facts", name, place))
            if name != "raw read":
                asyncio.run(check(place))
    return list(figures.values())
