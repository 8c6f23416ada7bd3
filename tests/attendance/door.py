"""Attendance without its Kafka: what a device at the door, a trainer and the office ask over HTTP, and are answered."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from services.attendance.api import app_of
from services.attendance.app import service_of
from services.attendance.settings import AttendanceSettings
from services.attendance.subjects import session_subject
from shared.books.holding import HELD_TOO_LONG
from shared.process.runtime import Runtime
from shared.state.working import Due
from shared.web import tokens
from tests.attendance.building import DURING, RULES, SESSION

NEVER = DURING + RULES.held_for


@dataclasses.dataclass
class Door:
    """The service without its Kafka: commands are decided, and the clock stands still until it is moved."""

    runtime: Runtime
    http: httpx.AsyncClient
    clock: list[dt.datetime]
    tokens: dict[str, str]
    files: Path
    """Where what is attached is kept."""

    def by(self, name: str, **headers: str) -> dict[str, str]:
        """The headers of somebody else than the door."""
        return {"Authorization": f"Bearer {self.tokens[name]}", **headers}

    async def scan(
        self, person: str, *, key: str, made: dt.datetime = DURING, session: str = SESSION
    ) -> httpx.Response:
        body = {"session_id": session, "meeting_id": "day-1", "person_id": person, "scanned_at": made.isoformat()}
        return await self.http.post("/api/v1/scans", json=body, headers={"Idempotency-Key": key})

    async def close(self, meeting: str, *, key: str) -> httpx.Response:
        path = f"/api/v1/sessions/{SESSION}/meetings/{meeting}/close"
        return await self.http.post(path, headers={"Idempotency-Key": key})

    async def parked(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get("/api/v1/parked")).json()
        return found

    async def wait_in_vain(self, session: str) -> None:
        """What was held about the session has waited long enough."""
        self.clock[0] = NEVER
        await self.runtime.decider.act([Due(HELD_TOO_LONG, session_subject(session), NEVER)])


SCOPES = {"door": ("read", "write", "operate"), "other": ("read", "write"), "office": ("read", "write", "office")}


@contextlib.asynccontextmanager
async def opened(url: str, **told: Any) -> AsyncIterator[Door]:
    """One on an empty database, that is told this by its settings."""
    clock = [DURING]
    service = dataclasses.replace(service_of(RULES), clock=lambda: clock[0])
    made = {name: tokens.new_token(name, scopes, now=DURING) for name, scopes in SCOPES.items()}
    papers = tempfile.TemporaryDirectory(prefix="rollcall-papers-")
    folder = Path(papers.name)
    settings = AttendanceSettings(kafka="127.0.0.1:9", database_url=SecretStr(url), port=0, files=folder, **told)
    runtime = Runtime(service, settings)
    async with runtime.engine.begin() as connection:
        for _, row in made.values():
            await tokens.store(connection, row)
    runtime.may_decide.set()
    deciding = asyncio.create_task(runtime.commands.run())
    transport = httpx.ASGITransport(app=app_of(runtime, settings), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {made['door'][0]}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://attendance", headers=headers) as client:
        yield Door(runtime, client, clock, {name: text for name, (text, _) in made.items()}, folder)
    deciding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await deciding
    await runtime.engine.dispose()
    papers.cleanup()
