"""A real Kafka and a real Postgres for the whole run, started here and stopped by pid; a fresh database for each test."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TypeVar

import hypothesis
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.embedded import ports
from deploy.embedded.kafka import Kafka
from deploy.embedded.postgres import Postgres
from deploy.embedded.processes import Server
from shared.events.streams import create_streams
from shared.service import Service
from shared.settings import Settings
from tests import campaigns, compiling, describing
from tests.databases import Databases
from tests.world import IMPATIENT, Make, World

S = TypeVar("S", bound=Server)
SLOW = ("long", "kafka", "postgres")
os.environ.setdefault("ROLLCALL_DIGEST_DAY", "never")  # Else tests that count mails would count one more on Mondays.
"""Marks and fixtures of tests that take long, the longest first."""

gc.set_threshold(0)  # While tests are collected nothing becomes rubbish: to look for it is an eighth of that.
hypothesis.settings.register_profile(
    "rollcall",
    deadline=None,  # How long an example takes says who else is at work here.
    max_examples=campaigns.cases(100),
)
hypothesis.settings.load_profile("rollcall")
compiling.share()
describing.share()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    campaigns.mark(items)
    for item in items:
        if "kafka" in getattr(item, "fixturenames", ()):  # A broker, a service at work on it: whole systems.
            item.add_marker(pytest.mark.long)
    if hasattr(config, "workerinput"):  # One of several processes: what comes last is short, and they end together.
        items.sort(key=lambda item: [name not in {*item.keywords, *item.fixturenames} for name in SLOW])


def pytest_collection_finish() -> None:
    """What was imported stays: looking for rubbish among it again and again takes a tenth of the run."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Says last what failed, in a line each: a statement of Postgres alone has hundreds, and of a long run often only the end is kept."""
    yield
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    if left_out := campaigns.told(report for report in reports if report.when == "call"):
        terminalreporter.write_line(left_out)
    for report in [*terminalreporter.getreports("failed"), *terminalreporter.getreports("error")]:
        terminalreporter.write_line(f"{report.nodeid}: {_first_line(report)[:200]}")


def _first_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).partition("\n")[0]


@pytest.fixture(autouse=True)
def statements_are_remembered() -> Iterator[None]:
    yield
    assert not (found := compiling.cannot_be_remembered()), f"compiled anew each time: {found[0][:500]}"


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with at_work(Postgres(tmp_path_factory.mktemp("postgres"), ports.choose_free(), durable=False)) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    with at_work(Kafka(tmp_path_factory.mktemp("kafka"), ports.choose_free())) as server:
        yield server


@contextmanager
def at_work(server: S) -> Iterator[S]:
    """A server for the whole run. It says good-bye to nobody, and of its folder the log is left: pytest would keep gigabytes."""
    server.start()
    yield server
    server.kill()
    shutil.rmtree(server.folder / "data")


@pytest.fixture(scope="session")
async def databases(postgres: Postgres) -> AsyncIterator[Databases]:
    made = Databases(postgres)
    yield made
    await made.close()


@pytest.fixture(scope="session")
async def streams(kafka: Kafka) -> str:
    """The bootstrap address of a broker that has every stream."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await create_streams(admin)
    await admin.close()
    return kafka.bootstrap


@pytest.fixture
async def world(databases: Databases, streams: str) -> AsyncIterator[Make]:
    """`await world(SERVICE)` gives a service its surroundings; what other tests published is heard too, so ids must be one's own.

    `kafka` names another broker: one that the test may break."""

    async def make(service: Service, *, kafka: str = streams) -> World:
        url = await needed.enter_async_context(databases.while_needed(service.name))
        settings = Settings(kafka=kafka, database_url=SecretStr(url), port=0, replica="test", **IMPATIENT)
        producer = AIOKafkaProducer(
            bootstrap_servers=kafka,
            enable_idempotence=kafka == streams,  # A broker that lost records refuses the numbers of those that follow.
            max_request_size=2 * 1024 * 1024,
        )
        await producer.start()
        needed.push_async_callback(producer.stop)
        engine = create_async_engine(url)
        needed.push_async_callback(engine.dispose)
        return World(service, settings, engine, producer)

    async with AsyncExitStack() as needed:
        yield make
