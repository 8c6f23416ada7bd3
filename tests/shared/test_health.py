"""What a service says of itself beside what keeps it from its work."""

from __future__ import annotations

import asyncio
import datetime as dt
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.docker import ready
from rollcall.origin.watching import ASK_SECONDS
from services.enrolment.app import SERVICE
from shared.clocks import Clocks
from shared.outbox import relay
from shared.outbox.relay import Relay
from shared.process import health
from shared.process.health import Health
from shared.testing import NOON

COMPOSE = (Path(__file__).resolve().parents[2] / "docker-compose.yml").read_text("utf-8")


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


def test_whoever_sends_says_why_what_was_said_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a number that does not fall: which stream it is, or that ours are not heard to their ends."""
    now = 1_000.0
    monkeypatch.setattr(relay, "time", SimpleNamespace(monotonic=lambda: now))
    how: dict[str, Any] = {"own_streams_heard": nobody, "batch": 10, "poll_seconds": 1.0, "timeout_seconds": 30.0}
    engine: Any = None
    one = Relay(engine, "enrolment", "rollcall/enrolment", {}, **how)
    one._settles_since = now
    assert one.warning() is None
    now += relay.PATIENCE_SECONDS + 1
    assert one.warning() == "nothing is sent until our own streams are heard to their ends"
    one._settles_since = None
    one._leave_alone("enrolment.events", TimeoutError())
    assert one.warning() is None  # Another replica sends.
    one.leading = True
    assert one.warning() == "Kafka takes nothing of enrolment.events: what was said there waits"
    now += 60  # Nothing waits there any more, or it would have been tried again.
    assert one.warning() is None


async def nobody() -> None:
    """Nobody is asked."""


def test_whoever_asks_for_health_waits_until_it_is_said_that_postgres_hangs() -> None:
    """Else a container would be called silent, and a service away, where what is wrong could have been read."""
    (docker_waits,) = re.findall(r"deploy.docker.ready\]\n +interval: 5s\n +timeout: (\d+)s", COMPOSE)
    assert min(ready.TIMEOUT_S, ASK_SECONDS) > health.POSTGRES_SECONDS + health.CLOSING_SECONDS
    assert int(docker_waits) > ready.TIMEOUT_S


async def test_a_postgres_that_takes_connections_and_says_nothing_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "POSTGRES_SECONDS", 0.1)
    held = list[asyncio.StreamWriter]()
    server = await asyncio.start_server(lambda _, writer: held.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    engine = create_async_engine(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/nothing")
    observer: Any = SimpleNamespace(misshapen=lambda streams: None)
    asked = Health(engine, SERVICE, [], observer, asyncio.Event(), Clocks(lambda: NOON), stuck_seconds=60)
    try:
        assert (await asyncio.wait_for(asked.state(), 60)).problems[0] == "Postgres does not answer"
    finally:
        await engine.dispose()
        for writer in held:
            writer.close()
        server.close()
