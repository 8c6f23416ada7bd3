"""Attendance, wired: what it hears, what it decides, and its process. Only this file puts the parts together."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Any

from services.attendance import books, handlers, store
from services.attendance.api import app_of
from services.attendance.certificate_handling import and_certify, on_list
from services.attendance.certificates import DERIVE_SERIES, MAKE_CERTIFICATES
from services.attendance.declared import MAKE_NEEDS
from services.attendance.files import DERIVE_FILES, MAKE_FILES
from services.attendance.history import DERIVE_RECORDS, REMEMBER
from services.attendance.lists import DERIVE, ListRules
from services.attendance.settings import AttendanceSettings
from services.attendance.state import MAKE, Person, follow_person
from shared import telemetry
from shared.contracts.attendance import ListFact
from shared.contracts.directory import PersonMerged
from shared.contracts.enrolment import CallFact, NominationAnswered, PlacesSettled, SessionAtRisk, TermsCorrected
from shared.contracts.model import members
from shared.contracts.rules import StageOpened
from shared.process.runtime import Runtime, run
from shared.service import Service
from shared.web.pages.kit import Office, Pages


def service_of(rules: ListRules) -> Service:
    """Attendance, whose lists close by these rules."""
    return Service(
        name="attendance",
        facts=("notifications.keys",),
        decisions=(
            "programme.rules",
            "programme.cities",
            "programme.people",
            "programme.needs",
            "programme.sessions",
            "enrolment.events",
            "attendance.scans",
            "attendance.office",
        ),
        own=("attendance.events",),
        patience={"enrolment.events": 0.25},  # Whoever comes before their place was heard is held until it is.
        make={**MAKE, **MAKE_CERTIFICATES, **MAKE_FILES, **MAKE_NEEDS},
        ignores=(StageOpened, PlacesSettled, SessionAtRisk, TermsCorrected, NominationAnswered, *members(CallFact)),
        tables=store.TABLES,
        react={
            **and_certify({**dict.fromkeys(members(ListFact), on_list), **handlers.REACT}),
            PersonMerged: handlers.on_merge,
        },
        decide=and_certify(handlers.DECIDE),
        due=and_certify(handlers.DUE),
        derive={**DERIVE, **DERIVE_RECORDS, **DERIVE_SERIES, **DERIVE_FILES, Person: follow_person},
        rules=rules,
        remember=REMEMBER,
        late_news=REMEMBER,
        lock=store.lock,
        load=store.load,
        touches=members(handlers.Touching),
        load_derived=store.load_derived,
        open_subjects=store.open_subjects,
    )


SERVICE = service_of(ListRules(dt.timedelta(hours=6), dt.datetime(1970, 1, 1, tzinfo=dt.UTC)))
"""As whoever only asks what it hears and says may know it. What runs has the rules of its settings."""


def runtime_of() -> tuple[Runtime, Any]:
    """The service as the environment describes it."""
    settings = AttendanceSettings()  # type: ignore[call-arg]  # The rest comes from the environment.
    service = service_of(settings.rules)
    telemetry.configure_logs(service.name, level=settings.log_level)
    runtime = Runtime(service, settings)
    runtime.health.own_books.append(partial(books.books, rules=settings.rules))
    app = app_of(runtime, settings)
    office = Office(settings.organiser_name, settings.organiser)
    Pages("services.attendance.pages", office, assets=settings.assets).add_to(app, runtime)
    return runtime, app


if __name__ == "__main__":
    run(runtime_of)
