"""Notifications, wired: what it hears, what sends, and its process. Only this file puts the parts together."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import asking, handlers, reading, store
from services.notifications.api import app_of
from services.notifications.asked import MAKE_ASKED, Asked, AskingRules, derive_asked
from services.notifications.attended import Certificate, derive_certified
from services.notifications.forgetting import Forgetting
from services.notifications.ledger import DERIVE
from services.notifications.listening import Listener
from services.notifications.sending import Sender
from services.notifications.settings import NotificationsSettings
from services.notifications.state import MAKE, REMEMBER
from services.notifications.tables import TABLES
from services.notifications.towns import Answered, derive_nominated
from shared import telemetry
from shared.books.watermark import is_heard
from shared.contracts.enrolment import TermsCorrected
from shared.contracts.files import FileFact
from shared.contracts.model import members
from shared.contracts.rules import StageOpened
from shared.process.runtime import Runtime, run
from shared.service import Service
from shared.web.pages.kit import Office, Pages


def service_of(rules: AskingRules) -> Service:
    """Notifications, which is asked for mails by these rules."""
    return Service(
        name="notifications",
        facts=(
            "programme.contacts",
            "programme.cities",
            "programme.teams",
            "programme.tasks",
        ),
        decisions=(
            "programme.rules",
            "programme.people",
            "programme.sessions",
            "enrolment.events",
            "attendance.events",
            "notifications.requests",
        ),
        own=("notifications.events", "notifications.answers", "notifications.keys"),
        # So that what many are told is planned, claimed and settled together. Of who was there nobody is told at once.
        patience={"enrolment.events": 0.025, "attendance.events": 0.25},
        make={**MAKE, **MAKE_ASKED},
        ignores=(StageOpened, TermsCorrected, *members(FileFact)),
        tables=TABLES,
        react=handlers.REACT,
        decide=handlers.DECIDE,
        due=handlers.DUE,
        derive={**DERIVE, Answered: derive_nominated, Certificate: derive_certified, Asked: derive_asked},
        rules=rules,
        remember=REMEMBER,
        lock=asking.lock,
        load=asking.load,
        touches=(*handlers.REACT, *handlers.DECIDE),
        load_derived=store.load,
        open_subjects=asking.open_subjects,
        told_within_seconds=0.2,  # Nobody waits for an outcome to be said.
    )


SERVICE = service_of(AskingRules())
"""As whoever only asks what it hears and says may know it. What runs has the rules of its settings."""


async def streams_heard(runtime: Runtime) -> None:
    """Returns once everything is heard that the streams held at our start, our own words first."""
    await runtime.own_heard.wait()
    ends = await runtime.observer.ends(SERVICE.heard)
    while not await is_heard(runtime.engine, ends):
        await asyncio.sleep(0.2)


def runtime_of() -> tuple[Runtime, Any]:
    """The service as the environment describes it."""
    settings = NotificationsSettings()  # type: ignore[call-arg]  # The rest comes from the environment.
    service = service_of(settings.asking)
    telemetry.configure_logs(service.name, level=settings.log_level)
    runtime = Runtime(service, settings)
    sender = Sender(runtime.decider, settings, streams_heard=partial(streams_heard, runtime))
    runtime.changed.append(sender.planner.news)
    runtime.said.append(sender.said)
    runtime.loops += [*sender.loops(), Forgetting(runtime.decider, settings).run]
    if settings.return_port is not None:
        runtime.loops.append(Listener(runtime.decider, settings, own_heard=runtime.own_heard).run)

    async def books(connection: AsyncConnection) -> dict[str, Any]:
        stage = await store.stage(connection, by_settings=settings.rehearse)
        own = await reading.books(connection, now=service.clock(), rules=settings.rules_at(stage))
        return own | {"mail_server": {"problem": sender.problem, "since": sender.problem_since}}

    runtime.health.own_books.append(books)
    runtime.health.own_warnings.append(lambda: sender.problem)
    app = app_of(runtime)
    office = Office(settings.organiser_name, settings.organiser)
    Pages("services.notifications.pages", office, assets=settings.assets).add_to(app, runtime)
    return runtime, app


if __name__ == "__main__":
    run(runtime_of)
