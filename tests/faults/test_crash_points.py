"""A real process dies at every crash point of a service, on a real Kafka and a real Postgres: nothing is lost, nothing doubled.

`make test` takes one moment of each place in the code, before it or after it in turn; `make campaigns` takes all.
The points are found in the code (crashing.py); which work leads to which point is found by a survey (lineage.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from services.enrolment import app as enrolment
from services.notifications import app as notifications
from shared.events.streams import create_streams
from shared.postgres.migrating import migrate
from shared.settings import Settings
from tests.campaigns import LEFT_OUT, SHARE, Share
from tests.faults.enrolling import Enrolment
from tests.faults.lineage import NOT_TRIED, PASSED, TABLE, Lineage, System, count, table
from tests.faults.living import Processes
from tests.faults.mailing import Mail, Sink
from tests.faults.surroundings import Surroundings

pytestmark = [pytest.mark.long, pytest.mark.campaign(counted=True)]

MIGRATING = asyncio.Lock()
"""alembic has one context a process: two migrations at once would wait for each other for ever."""
UNREACHABLE = {
    "shared.outbox.relay:Relay.run:2:after": "leading ends by a fault or a cancellation, never by returning",
    "shared.outbox.relay:Relay._lead:6:after": "so does carrying",
    "shared.outbox.relay:Relay._lead:7:before": "only when Kafka refuses what it was sent (test_one_at_a_time.py)",
    "shared.outbox.relay:Relay._lead:7:after": "the same",
    "services.notifications.planning:Planner.run:8:after": "looking ends by a fault or a cancellation, never by returning",
    "shared.consuming.projector:Lane._fetch_safely:2:before": "only when aiokafka itself fails in a way it does not declare",
    "shared.consuming.projector:Lane._fetch_safely:2:after": "the same",
    "shared.deciding.transaction:Decider._park:1:before": "no decision of enrolment sets aside a request that was held before",
    "shared.deciding.transaction:Decider._park:1:after": "the same",
    "shared.deciding.transaction:Decider.write:1:before": "who decides without an input is the sender and an operator of mail",
    "shared.deciding.transaction:Decider.write:1:after": "the same",
    **{
        f"services.notifications.sending:Sender.{where}": "the mail server of these tests is never as slow as that"
        for where in ("carry:3:before", "carry:3:after", "carry:7:before", "carry:7:after")
    },
    **{
        f"services.notifications.sending:Sender._left_behind:{where}": "the same"
        for where in ("1:before", "1:after", "2:before", "2:after")
    },
    "services.notifications.sending:Sender._next:1:before": "no pace is set",
    "services.notifications.sending:Sender._next:1:after": "the same",
    "services.notifications.smtp:Line._token:1:before": "the mail server of these tests asks for no token",
    "services.notifications.smtp:Line._token:1:after": "the same",
}
"""Crash points that no work of these tests leads to, each with the reason."""


@pytest.fixture
def kafkas(tmp_path: Path) -> Iterator[tuple[Kafka, Kafka]]:
    """Brokers of this test's own: what other tests, or the other service, have said would be heard at every restart."""
    with ExitStack() as stack:
        servers = []
        for name in ("enrolment", "mail"):
            server = Kafka(tmp_path / name / "kafka", ports.choose_free())
            stack.callback(server.stop)
            server.start()
            servers.append(server)
        yield servers[0], servers[1]


@asynccontextmanager
async def surroundings(
    app: str, service: Any, postgres: Postgres, kafka: Kafka, folder: Path, **settings: Any
) -> AsyncIterator[tuple[Surroundings, Processes]]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await create_streams(admin)
    await admin.close()
    name = f"crash_{service.name}"
    url = postgres.ensure(name, name, "secret").replace("postgresql://", "postgresql+asyncpg://")
    async with MIGRATING:
        await asyncio.to_thread(migrate, service.name, url)
    port = ports.choose_free()
    environment = {
        "KAFKA": kafka.bootstrap,
        "DATABASE_URL": url,
        "PORT": port,
        "REPLICA": "crashing",
        "RELAY_POLL_SECONDS": 0.1,
        "DUE_POLL_SECONDS": 0.1,
        "CONSUMER__WATCH_SECONDS": 0.2,
        "CONSUMER__BACKOFF_FIRST_SECONDS": 0.05,
        **settings,
    }
    processes = Processes(app, {f"ROLLCALL_{name}": str(value) for name, value in environment.items()}, folder)
    around = await Surroundings.begin(
        service, Settings(kafka=kafka.bootstrap, database_url=SecretStr(url), port=port, replica="test")
    )
    try:
        await processes.open()
        yield around, processes
    finally:
        await processes.close()
        await around.end()


async def crash_everywhere(system: System, test: pytest.Item, unreachable: dict[str, str]) -> None:
    """Every crash point must be reached, and passed if it is taken, but for those that are explained."""
    lineage = Lineage(system, unreachable, whole=SHARE is Share.WHOLE)
    if not lineage.points:
        return
    await lineage.survey()
    try:
        await lineage.run()
    finally:
        told = table(lineage.trials)
        test.user_properties.append((f"{TABLE}{system.app}", told))
        (system.processes.folder / "crash-points.txt").write_text(told, encoding="utf-8")
    if number := count(lineage.trials, NOT_TRIED):
        test.user_properties.append((LEFT_OUT, f"{number} of {len(lineage.trials)} crash points of {system.app}"))
    missed = {trial.point.name for trial in lineage.trials if trial.outcome not in (PASSED, NOT_TRIED)}
    assert missed == set(unreachable) & {point.name for point in lineage.points}, told


async def crash_enrolment(postgres: Postgres, kafka: Kafka, folder: Path, test: pytest.Item) -> None:
    """Projector, relay, due loop, command path."""
    async with surroundings(Enrolment.app, enrolment.SERVICE, postgres, kafka, folder) as (around, processes):
        system = Enrolment(around, processes)
        await system.begin()
        await crash_everywhere(system, test, UNREACHABLE)


async def crash_mail(postgres: Postgres, kafka: Kafka, folder: Path, test: pytest.Item) -> None:
    """The mail sender."""
    sink = Sink(ports.choose_free())
    settings = {
        "SMTP_PORT": sink.port,
        "REHEARSE": False,
        "CARRIERS": 1,  # One group holds all mails of a piece of work.
        "CONNECTIONS": 4,
        "RETRY_FIRST_SECONDS": 0.05,
        "RETRY_MOST_SECONDS": 0.5,
        "SEND_POLL_SECONDS": 0.1,
        "SETTLING_SECONDS": 0.1,  # A third of a minute at each of a hundred points is most of the run.
        "RECONCILE_SECONDS": 1.0,  # What is heard in between is looked at by itself: a look at the whole takes a while on a busy machine.
        "CATCH_UP_SECONDS": 0.1,
    }
    async with (
        surroundings(Mail.app, notifications.SERVICE, postgres, kafka, folder, **settings) as (around, processes),
        sink.listening(),
    ):
        system = Mail(around, processes, sink)
        await system.begin()
        await crash_everywhere(system, test, UNREACHABLE)


async def test_a_service_dies_at_every_crash_point_and_nothing_is_lost_and_nothing_doubled(
    postgres: Postgres, kafkas: tuple[Kafka, Kafka], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Two services side by side: each waits for its processes most of the time."""
    async with asyncio.TaskGroup() as group:
        group.create_task(crash_enrolment(postgres, kafkas[0], tmp_path / "enrolment", request.node))
        group.create_task(crash_mail(postgres, kafkas[1], tmp_path / "mail", request.node))
