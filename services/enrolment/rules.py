"""The rules of enrolment that have a number: told by its settings, asked by its decisions. And which number of a session holds, where the
planner says one and the office another. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Protocol

from shared.contracts.planner import Terms
from shared.state.working import Working
from shared.values import immutable


@immutable
class EnrolmentRules:
    """What an installation may set. The same rules hold in a rebuild."""

    held_for: dt.timedelta = dt.timedelta(days=30)
    """How long a request waits for a session that nobody has announced."""
    console: str | None = None
    """The `ce_source` of the office's console, if one asks over Kafka. None: the office is heard over HTTP alone."""


def rules_of(working: Working) -> EnrolmentRules:
    """The rules that this decision goes by."""
    rules: EnrolmentRules = working.rules
    return rules


class Laid(Protocol):
    """What the office has laid over the planner's numbers, and what these were then: as a row, or as the API answers it."""

    @property
    def capacity(self) -> int | None: ...
    @property
    def planned_capacity(self) -> int | None: ...
    @property
    def places_per_town(self) -> int | None: ...
    @property
    def planned_places_per_town(self) -> int | None: ...


def capacity_in_force(planned: int, laid: Laid | None) -> int:
    """How many the room is for: as the office has it, while the planner says what that was laid over."""
    if laid is None or laid.capacity is None or laid.planned_capacity != planned:
        return planned
    return laid.capacity


def share_in_force(terms: Terms, laid: Laid | None) -> int | None:
    """How many of one town may have a place, likewise, until that is released. None: as many as there are seats.

    Whatever goes by it asks here: who is given a place (`room_of`), for how many a town is called, and what the API tells.
    """
    planned = terms.places_per_town
    if laid is None or laid.places_per_town is None or laid.planned_places_per_town != planned:
        return planned
    return laid.places_per_town
