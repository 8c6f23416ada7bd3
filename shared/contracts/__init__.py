"""The published language of Rollcall: every event type, by name. One file per publisher."""

from __future__ import annotations

from shared.contracts import (
    answers,
    attendance,
    certificates,
    checkin,
    directory,
    enrolment,
    files,
    marks,
    notices,
    notifications,
    office,
    outside,
    planner,
    portal,
    rules,
    selection,
    survey,
)
from shared.contracts.model import Event, Fact, Request

PUBLISHERS = (
    selection,
    directory,
    survey,
    planner,
    outside,
    rules,
    portal,
    office,
    enrolment,
    checkin,
    marks,
    attendance,
    certificates,
    files,
    notices,
    notifications,
    answers,
)

CONTRACTS: tuple[type[Event], ...] = tuple(
    declared
    for publisher in PUBLISHERS
    for declared in vars(publisher).values()
    if isinstance(declared, type)
    and issubclass(declared, Event)
    and declared.__module__ == publisher.__name__
    and "example" in vars(declared)
)
"""Every contract there is: what a publisher's file declares with an example of its own. What has none is a base of others."""

EVENTS: dict[str, type[Event]] = {model.type_name(): model for model in CONTRACTS}
"""Every contract by its `ce_type`. A type that is not here is skipped and remembered."""

__all__ = ["CONTRACTS", "EVENTS", "PUBLISHERS", "Event", "Fact", "Request"]
