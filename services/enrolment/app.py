"""Enrolment, wired: what it hears, what it decides, and its process. Only this file puts the parts together."""

from __future__ import annotations

from typing import Any

from services.enrolment import store, tables, views
from services.enrolment.api import app_of
from services.enrolment.applying import DERIVE, MAKE
from services.enrolment.handlers import DECIDE, DUE, REACT, Acting
from services.enrolment.history import REMEMBER
from services.enrolment.rules import EnrolmentRules
from services.enrolment.settings import EnrolmentSettings
from shared import telemetry
from shared.contracts.model import members
from shared.process.runtime import Runtime, run
from shared.service import Service
from shared.web.pages.kit import Office, Pages


def service_of(rules: EnrolmentRules) -> Service:
    """Enrolment, which decides by these rules."""
    return Service(
        name="enrolment",
        facts=("programme.needs", "notifications.keys"),
        decisions=(
            "programme.rules",
            "programme.cities",
            "programme.people",
            "programme.teams",
            "programme.sessions",
            "enrolment.requests",
            "enrolment.office",
            "notifications.answers",
        ),
        own=("enrolment.events",),
        patience={"enrolment.requests": 0.03},  # When many ask they wait anyway, and together they take less.
        make=MAKE,
        ignores=(),
        tables=tables.TABLES,
        react=REACT,
        decide=DECIDE,
        due=DUE,
        derive=DERIVE,
        remember=REMEMBER,
        rules=rules,
        lock=store.lock,
        load=store.load,
        load_derived=store.load_derived,
        touches=members(Acting),
        open_subjects=store.open_subjects,
    )


SERVICE = service_of(EnrolmentRules())
"""As whoever only asks what it hears and says may know it. What runs has the rules of its settings."""


def runtime_of() -> tuple[Runtime, Any]:
    """The service as the environment describes it."""
    settings = EnrolmentSettings()  # type: ignore[call-arg]  # The rest comes from the environment.
    service = service_of(settings.rules)
    telemetry.configure_logs(service.name, level=settings.log_level)
    runtime = Runtime(service, settings)
    runtime.health.own_books.append(views.books)
    app = app_of(runtime)
    office = Office(settings.organiser_name, settings.organiser)
    Pages("services.enrolment.pages", office, assets=settings.assets).add_to(app, runtime)
    return runtime, app


if __name__ == "__main__":
    run(runtime_of)
