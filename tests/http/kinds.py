"""Every kind of problem there is: those of all services, and those that only one of them, or the page in front of them, knows."""

from __future__ import annotations

import rollcall.origin.app
import rollcall.origin.proxy
import services.attendance.paths
import services.enrolment.paths
import services.notifications.api
import services.notifications.asked_api
import services.notifications.going_live_api
import services.notifications.ledger_api
import services.notifications.messages_api
import shared.problems
from shared.problems import Kind

MODULES = (
    shared.problems,
    services.enrolment.paths,
    services.attendance.paths,
    services.notifications.api,
    services.notifications.asked_api,
    services.notifications.going_live_api,
    services.notifications.ledger_api,
    services.notifications.messages_api,
    rollcall.origin.app,
    rollcall.origin.proxy,
)


def all_kinds() -> list[Kind]:
    """In the order in which they are declared, each once."""
    return list(
        dict.fromkeys(value for module in MODULES for value in vars(module).values() if isinstance(value, Kind))
    )
