"""A service as a process of its own, with something to show: what tests ask over HTTP as any client does."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from aiokafka import AIOKafkaProducer
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.embedded import ports
from deploy.embedded.postgres import Postgres
from shared.contracts.directory import ContactRegistered, PersonRegistered
from shared.contracts.enrolment import ParticipantEnrolled
from shared.contracts.portal import EnrolmentRequested
from shared.postgres.migrating import migrate
from shared.testing import Message, body_of, eventually, message
from shared.web import tokens
from shared.web.scopes import SCOPES
from tests.enrolment.surroundings import programme, training


@dataclass(frozen=True, slots=True)
class Served:
    """Where a service answers, and a token that may do everything."""

    name: str
    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def something_to_show(tag: str) -> list[Message]:
    """A town with a team, a training that has begun and one that comes, a place, a contact, and a record that cannot be read."""
    town, person, begun, ahead = (f"{tag}-{what}" for what in ("town", "person", "begun", "ahead"))
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    place = ParticipantEnrolled(session_id=begun, person_id=person, city_id=town, episode=1, decided_at=yesterday)
    return [
        *programme(town, [person], ahead),
        message(training(begun, town, days_ahead=0)),
        message(body_of(PersonRegistered, person_id=person)),
        message(body_of(ContactRegistered, person_id=person)),
        message(EnrolmentRequested(session_id=ahead, person_id=person)),
        message(place, source="rollcall/enrolment"),
        Message("programme.cities", town.encode(), b"{", []),
        Message("programme.sessions", begun.encode(), b"\xff", [("ce_id", b"\xff")]),
    ]


@asynccontextmanager
async def served(name: str, postgres: Postgres, kafka: str) -> AsyncIterator[Served]:
    """The service at work, once it has heard what there is to hear."""
    database = f"http_{name}"
    url = postgres.ensure(database, database, "secret").replace("postgresql://", "postgresql+asyncpg://")
    await asyncio.to_thread(migrate, name, url)
    text, row = tokens.new_token("tester", SCOPES, now=dt.datetime.now(dt.UTC))
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await tokens.store(connection, row)
    await engine.dispose()
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    for one in something_to_show(f"http-{name}"):
        await producer.send_and_wait(one.stream, one.value, key=one.key, headers=one.headers)
    await producer.stop()
    port = ports.choose_free()
    papers = tempfile.TemporaryDirectory(prefix="rollcall-papers-")
    told = {
        "ROLLCALL_FILES": papers.name,
        "ROLLCALL_KAFKA": kafka,
        "ROLLCALL_DATABASE_URL": url,
        "ROLLCALL_PORT": str(port),
        "ROLLCALL_SMTP_PORT": str(ports.choose_free()),  # Nobody is there: mails wait.
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"services.{name}.app", env={**os.environ, **told}
    )
    found = Served(name, f"http://127.0.0.1:{port}", text)
    try:
        await eventually(lambda: _has_heard(found, process), what=f"{name} ready")
        yield found
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        papers.cleanup()


async def _has_heard(found: Served, process: asyncio.subprocess.Process) -> bool:
    assert process.returncode is None, f"{found.name} ended"
    try:
        async with httpx.AsyncClient(base_url=found.url, headers=found.headers) as client:
            if (await client.get("/health/ready")).status_code != 200:
                return False
            streams: dict[str, Any] = (await client.get("/api/v1/books")).json()["streams"]
    except httpx.TransportError:
        return False
    return not any(stream["lag"] for stream in streams.values())
