"""A trainer's page of lists without its Kafka: the service on an emptied database, and whoever has the link."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import tempfile
from collections.abc import AsyncIterator, Callable
from dataclasses import field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import SecretStr

from services.attendance import asking_to_close
from services.attendance.api import app_of
from services.attendance.app import service_of
from services.attendance.lists import ListRules
from services.attendance.settings import AttendanceSettings
from services.attendance.state import Record
from services.attendance.store import RECORD
from shared.contracts.directory import PersonRegistered
from shared.contracts.model import Event, Language
from shared.contracts.notifications import LinkKeyStated
from shared.contracts.rules import TopicDefined
from shared.events.envelope import Heard
from shared.outbox.journal import JOURNAL
from shared.postgres.database import rows_as
from shared.process.runtime import Runtime
from shared.web.links import Link, Purpose, Signer, Ticket, new_key
from shared.web.pages.kit import Office, Pages
from tests.attendance.building import BEFORE, DURING, LATER, RULES, SESSION, enrolled, heard, scheduled

OFFICE = Office("Biuro Programu Szkoleń", "szkolenia@rollcall.example.org")
TRAINER = "teresa"
PEOPLE = {
    "anna": ("Anna", "Żółć"),
    "bartek": ("Bartłomiej", "Łoś"),
    "celina": ("Celina", "Ćwik"),
    "dawid": ("Dawid", "Nowak"),
    "ewa": ("Ewa", "Brzęczyszczykiewicz-Konstantynopolitańska"),
    "franek": ("Franciszek", "Wójcik"),
    "grazyna": ("Grażyna", "Śliwa"),
    TRAINER: ("Teresa", "Święch"),
}
YEAR = dt.timedelta(days=366)
_PRIVATE, _PUBLIC = new_key()
SIGNER = Signer("key-1", _PRIVATE, LATER + YEAR, LATER + 3 * YEAR)
STATED = LinkKeyStated(
    key_id="key-1", audience="attendance", public_key=_PUBLIC, verifies_until=LATER + 3 * YEAR, decided_at=BEFORE
)


@dataclasses.dataclass
class TrainersPage:
    """The page, and the service behind it."""

    runtime: Runtime
    app: FastAPI
    http: httpx.AsyncClient
    clock: list[dt.datetime]
    origin: str = ""
    """Where a browser finds it, for tests that have one."""
    versions: dict[str, int] = field(default_factory=dict)

    async def hears(self, *events: Event) -> None:
        """What others say, one after the other."""
        for event in events:
            version = self.versions[event.stream] = self.versions.get(event.stream, 0) + 1
            await self.runtime.decider.act([heard(event, at=min(BEFORE, self.clock[0]), version=version)])

    async def begin(self, *people: str, session: Heard[Any] | None = None, at: dt.datetime = BEFORE) -> None:
        """The training is announced with its trainer, and these have a place."""
        await self.hears(
            STATED,
            TopicDefined(
                rule_id="t", topic="climate", name_pl="Adaptacja do zmian klimatu", name_en="Climate adaptation"
            ),
            *(PersonRegistered(person_id=one, given_name=a, family_name=b) for one, (a, b) in PEOPLE.items()),
        )
        announced = session or scheduled(trainers=(TRAINER,))
        await self.runtime.decider.act([announced, *(enrolled(one, at=at) for one in people)])

    def path(
        self, person: str = TRAINER, *, language: Language = Language.PL, signer: Signer = SIGNER, **changes: Any
    ) -> str:
        link = Link("attendance", Purpose.LISTS, person, SESSION, language, "x", LATER + YEAR)
        return f"/lists/{signer.token(dataclasses.replace(link, **changes))}"

    def ticket(self, person: str, *, session_id: str = SESSION, signer: Signer = SIGNER) -> str:
        return signer.ticket(Ticket("attendance", person, session_id, LATER + YEAR))

    async def get(self, person: str = TRAINER, *, query: str = "", **changes: Any) -> httpx.Response:
        return await self.http.get(self.path(person, **changes) + query)

    async def tap(self, person: str, mark: str, *, seen: str = "0", by: str = TRAINER, **fields: str) -> httpx.Response:
        form = {"act": "mark", "meeting": "day-1", "person": person, "mark": mark, "seen": seen, **fields}
        return await self.http.post(self.path(by), data=form)

    async def send(self, end: str, *kept: dict[str, Any], by: str = TRAINER, query: str = "") -> list[dict[str, Any]]:
        """What the browser has kept, and what it is answered."""
        answer = await self.http.post(f"{self.path(by)}/{end}{query}", json={"kept": list(kept)})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["answers"]
        return found

    async def records(self) -> dict[str, Record]:
        """What is recorded at the first day, by person."""
        async with self.runtime.engine.connect() as connection:
            found = rows_as(Record, await connection.execute(sa.select(RECORD)))
        return {one.person_id: one for one in found if one.meeting_id == "day-1"}

    async def states(self) -> dict[str, str]:
        return {person: one.state.value for person, one in (await self.records()).items()}

    async def said(self) -> int:
        """How many facts were stated of lists and of people on them; of certificates more may follow."""
        of_lists = sa.select(sa.func.count()).where(~JOURNAL.c.type.contains("Certificate"))
        async with self.runtime.engine.connect() as connection:
            return (await connection.execute(of_lists)).scalar_one()


@contextlib.asynccontextmanager
async def trainers_page(
    url: str, *, assets: Path | None = None, now: Callable[[], dt.datetime] | None = None, rules: ListRules = RULES
) -> AsyncIterator[TrainersPage]:
    """The service on an empty database. `now`: another clock than one that stands still until it is moved."""
    clock = [DURING]
    service = dataclasses.replace(service_of(rules), clock=now or (lambda: clock[0]))
    papers = tempfile.TemporaryDirectory(prefix="rollcall-papers-")
    settings = AttendanceSettings(kafka="127.0.0.1:9", database_url=SecretStr(url), port=0, files=Path(papers.name))
    runtime = Runtime(service, settings)
    runtime.may_decide.set()
    deciding = asyncio.create_task(runtime.commands.run())
    app = app_of(runtime, settings)
    Pages("services.attendance.pages", OFFICE, assets=assets).add_to(app, runtime)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    heard_all = asking_to_close._everything_heard

    async def without_kafka(_: Runtime) -> None:
        """There is no Kafka here in which anything could still lie."""

    asking_to_close._everything_heard = without_kafka
    async with httpx.AsyncClient(transport=transport, base_url="http://attendance") as client:
        yield TrainersPage(runtime, app, client, clock)
    asking_to_close._everything_heard = heard_all
    deciding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await deciding
    await runtime.engine.dispose()
    papers.cleanup()
