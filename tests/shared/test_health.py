"""What a service says of itself beside what keeps it from its work."""

from __future__ import annotations

import asyncio
import datetime as dt
from types import SimpleNamespace
from typing import Any

from sqlalchemy.ext.asyncio import create_async_engine

from services.enrolment.app import SERVICE
from shared.clocks import Clocks
from shared.process.health import Health
from shared.testing import NOON


async def test_what_starting_it_anew_would_not_mend_is_a_warning_also_while_a_backend_is_away() -> None:
    clocks = Clocks(lambda: NOON)
    clocks.note("Kafka", NOON + dt.timedelta(minutes=1), asked_at=NOON, answered_at=NOON)
    lane: Any = SimpleNamespace(
        lag={},
        kafka_answers=True,
        positions=SimpleNamespace(stamped_by_senders={"programme.teams", "programme.cities"}),
    )
    observer: Any = SimpleNamespace(misshapen=lambda streams: f"one of {len(list(streams))} has 1 partition")
    engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:9/nothing")
    try:
        state = await Health(engine, SERVICE, [lane], observer, asyncio.Event(), clocks, stuck_seconds=60).state()
    finally:
        await engine.dispose()
    assert (state.ready, state.problems[0]) == (False, "Postgres does not answer")
    assert state.warnings == [
        "this machine's clock is 60 s behind Kafka's: set both by the same time server",
        f"one of {len(SERVICE.heard)} has 1 partition",
        "when it came is said by whoever sent it: programme.cities, programme.teams (set LogAppendTime)",
    ]
