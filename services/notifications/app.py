"""Notifications, wired: what it hears, what sends, and its process. Only this file puts the parts together."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import reading, store
from services.notifications.api import app_of
from services.notifications.attended import Certificate, derive_certified
from services.notifications.ledger import DERIVE
from services.notifications.listening import Listener
from services.notifications.sending import Sender
from services.notifications.settings import NotificationsSettings
from services.notifications.state import MAKE, REMEMBER
from services.notifications.tables import TABLES
from services.notifications.towns import Answered, derive_nominated
from shared import telemetry
from shared.books.watermark import is_heard
from shared.process.runtime import Runtime, run
from shared.service import Service
from shared.web.pages.kit import Office, Pages

SERVICE = Service(
    name="notifications",
    facts=(
        "programme.people",
        "programme.contacts",
        "programme.cities",
        "programme.teams",
        "programme.tasks",
    ),
    decisions=("programme.rules", "programme.sessions", "enrolment.events", "attendance.events"),
    own=("notifications.events", "notifications.keys"),
    patience={"enrolment.events": 0.025},  # So that what many are told is planned, claimed and settled together.
    make=MAKE,
    tables=TABLES,
    derive={**DERIVE, Answered: derive_nominated, Certificate: derive_certified},
    remember=REMEMBER,
    load=store.load,
    load_derived=store.load,
    told_within_seconds=0.2,  # Nobody waits for an outcome to be said.
)


async def streams_heard(runtime: Runtime) -> None:
    """Returns once everything is heard that the streams held at our start, our own words first."""
    await runtime.own_heard.wait()
    ends = await runtime.observer.ends(SERVICE.heard)
    while not await is_heard(runtime.engine, ends):
        await asyncio.sleep(0.2)


def runtime_of() -> tuple[Runtime, Any]:
    """The service as the environment describes it."""
    settings = NotificationsSettings()  # type: ignore[call-arg]  # The rest comes from the environment.
    telemetry.configure_logs(SERVICE.name, level=settings.log_level)
    runtime = Runtime(SERVICE, settings)
    sender = Sender(runtime.decider, settings, streams_heard=partial(streams_heard, runtime))
    runtime.changed.append(sender.news)
    runtime.said.append(sender.said)
    runtime.loops += sender.loops()
    if settings.return_port is not None:
        runtime.loops.append(Listener(runtime.decider, settings, own_heard=runtime.own_heard).run)

    async def books(connection: AsyncConnection) -> dict[str, Any]:
        own = await reading.books(connection, now=SERVICE.clock(), rules=settings.rules)
        return own | {"mail_server": {"problem": sender.problem, "since": sender.problem_since}}

    runtime.health.own_books.append(books)
    runtime.health.own_warnings.append(lambda: sender.problem)
    app = app_of(runtime)
    office = Office(settings.organiser_name, settings.organiser)
    Pages("services.notifications.pages", office, assets=settings.assets).add_to(app, runtime)
    return runtime, app


if __name__ == "__main__":
    run(runtime_of)
