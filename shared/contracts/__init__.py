"""The published language of Rollcall: every event type, by name. One file per publisher."""

from __future__ import annotations

from shared.contracts import (
    attendance,
    checkin,
    directory,
    enrolment,
    notifications,
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
    rules,
    portal,
    enrolment,
    checkin,
    attendance,
    notifications,
)

EVENTS: dict[str, type[Event]] = {
    model.type_name(): model
    for publisher in PUBLISHERS
    for model in vars(publisher).values()
    if isinstance(model, type)
    and issubclass(model, Event)
    and model.__module__ == publisher.__name__
    and "example" in vars(model)
}
"""Every contract by its `ce_type`. A type that is not here is skipped and remembered."""

__all__ = ["EVENTS", "PUBLISHERS", "Event", "Fact", "Request"]
