"""A participant before the page of their place: the service without its Kafka, links signed as notifications signs them, a clock that
stands still until it is moved."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa
from fastapi import FastAPI
from pydantic import SecretStr

from services.enrolment import tables
from services.enrolment.api import app_of
from services.enrolment.app import SERVICE
from services.enrolment.settings import EnrolmentSettings
from shared.contracts import Event
from shared.contracts.directory import PersonErased, PersonRegistered
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import LinkKeyStated
from shared.contracts.portal import EnrolmentRequested, Reply, WithdrawalRequested
from shared.contracts.rules import StageOpened, TopicDefined
from shared.outbox.journal import JOURNAL
from shared.process.runtime import Runtime
from shared.testing import NOON, body_of, heard
from shared.web.links import Link, Purpose, Signer, arrangement, new_key
from shared.web.pages.kit import Office, Pages
from tests.enrolment.office import START, TOWN, membership, session
from tests.enrolment.surroundings import city

DAY = dt.timedelta(days=1)
OFFICE = Office("Biuro Programu Szkoleń", "szkolenia@rollcall.example.org")
PEOPLE = {
    "anna": ("Anna", "Żółć"),
    "bartek": ("Bartosz", "Nowak"),
    "celina": ("Celina", "Łąka"),
    "dawid": ("Dawid", "Mak"),
}
PRIVATE, PUBLIC = new_key()
SIGNER = Signer("key-1", PRIVATE, START + 90 * DAY, START + 400 * DAY)
STATED = LinkKeyStated(
    key_id="key-1", audience="enrolment", public_key=PUBLIC, verifies_until=SIGNER.verifies_until, decided_at=NOON
)


@dataclass
class Participant:
    """One session with two seats, a team of four, and their browsers."""

    runtime: Runtime
    app: FastAPI
    http: httpx.AsyncClient
    clock: list[dt.datetime]
    origin: str = ""
    """Where a browser finds it, for tests that have one."""
    versions: dict[str, int] = field(default_factory=dict)
    told: Any = field(default_factory=session)
    """The session as the mails told it."""

    async def hears(self, *events: Event) -> None:
        said = []
        for event in events:
            one = heard(event, at=self.clock[0])
            version = self.versions[one.subject] = self.versions.get(one.subject, 0) + 1
            said.append(heard(event, at=self.clock[0], version=version))
        await self.runtime.decider.act(said)

    async def begin(self, *people: str, **changes: Any) -> None:
        """The training is announced, and these ask for a place, one after the other."""
        self.told = session(
            **{"venue": "Urząd Miejski w Augustowie, sala 12", "address": "ul. Młyńska 35, Augustów", **changes}
        )
        await self.hears(
            StageOpened(rule_id="stage:1", stage=1, phase=1, opened_on=dt.date(2026, 1, 1)),
            body_of(TopicDefined),
            city(TOWN),
            STATED,
            *(membership(person) for person in PEOPLE),
            *(PersonRegistered(person_id=one, given_name=a, family_name=b) for one, (a, b) in PEOPLE.items()),
            self.told,
        )
        for person in people:
            await self.ask(person)

    async def ask(self, person: str) -> None:
        await self.hears(EnrolmentRequested(session_id="s", person_id=person))

    async def withdraw(self, person: str) -> None:
        await self.hears(WithdrawalRequested(session_id="s", person_id=person))

    async def erased(self, person: str) -> None:
        await self.hears(PersonErased(person_id=person))

    def link(self, person: str = "anna", *, language: Language = Language.PL, **changes: Any) -> Link:
        told = self.told
        link = Link(
            "enrolment",
            Purpose.PLACE,
            person,
            "s",
            language,
            arrangement(told.venue, told.address, told.meetings),
            told.ends_at + 30 * DAY,
        )
        return dataclasses.replace(link, **changes)

    def path(self, person: str = "anna", *, signer: Signer = SIGNER, **changes: Any) -> str:
        return f"/place/{signer.token(self.link(person, **changes))}"

    async def get(self, person: str = "anna", *, query: str = "", **changes: Any) -> httpx.Response:
        return await self.http.get(self.path(person, **changes) + query)

    async def press(self, act: str, person: str = "anna", *, seen: str) -> httpx.Response:
        return await self.http.post(self.path(person), data={"act": act, "seen": seen})

    async def standing(self, person: str = "anna") -> Standing:
        async with self.runtime.engine.connect() as connection:
            place = sa.select(tables.PLACE.c.state).where(tables.PLACE.c.person_id == person)
            return Standing((await connection.execute(place)).scalar_one())

    async def reply(self, person: str = "anna") -> Reply:
        async with self.runtime.engine.connect() as connection:
            place = sa.select(tables.PLACE.c.reply).where(tables.PLACE.c.person_id == person)
            return Reply((await connection.execute(place)).scalar_one())

    async def everything(self) -> dict[str, list[Any]]:
        """Every row there is, for comparison before and after."""
        kept = [*tables.TABLES.values(), JOURNAL]
        async with self.runtime.engine.connect() as connection:
            return {
                str(table): sorted(map(tuple, await connection.execute(sa.select(table))), key=repr) for table in kept
            }


@contextlib.asynccontextmanager
async def participant_at(
    url: str, *, assets: Path | None = None, package: str = "services.enrolment.pages"
) -> AsyncIterator[Participant]:
    """The service on an empty database."""
    clock = [NOON]
    service = dataclasses.replace(SERVICE, clock=lambda: clock[0])
    settings = EnrolmentSettings(kafka="127.0.0.1:9", database_url=SecretStr(url), port=0)
    runtime = Runtime(service, settings)
    runtime.may_decide.set()
    deciding = asyncio.create_task(runtime.commands.run())
    app = app_of(runtime)
    Pages(package, OFFICE, assets=assets).add_to(app, runtime)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://enrolment") as client:
        yield Participant(runtime, app, client, clock)
    deciding.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await deciding
    await runtime.engine.dispose()
