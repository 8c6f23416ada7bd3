"""The published language of Rollcall: every event type, by name. One file per publisher; whatever lies here is one, and need not be named."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from shared.contracts.model import Event, Fact, Request

PUBLISHERS = tuple(
    import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__) if found.name not in ("gate", "model")
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
