"""What the selection system publishes: which towns qualified in which stage of the competition."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar, assert_never

from pydantic import Field

from shared.contracts.model import Count, Date, Fact, Id, Line, OptionalLine


class NotSelected(StrEnum):
    RESERVE = "reserve"
    NOT_SELECTED = "not_selected"


class TownOutcome(StrEnum):
    """What became of a town in a stage."""

    QUALIFIED = "qualified"
    RESERVE = "reserve"
    NOT_SELECTED = "not_selected"
    WITHDRAWN = "withdrawn"


class CityOutcome(Fact):
    """One town's outcome in one stage; the aggregate is the qualification (city, stage)."""

    stream = "programme.cities"
    subject = "city/{city_id}/stage/{stage}"

    city_id: Id
    stage: Annotated[int, Field(strict=True, ge=1, le=99)]
    name: Line
    voivodeship: OptionalLine | None = None
    population: Count | None = None
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    decided_on: Date


_TOWN: dict[str, object] = {
    "city_id": "geonames:776597",
    "stage": 1,
    "name": "Augustów",
    "voivodeship": "podlaskie",
    "population": 29752,
    "latitude": 53.84321,
    "longitude": 22.97979,
    "decided_on": "2026-03-02",
}


class CityQualified(CityOutcome):
    """The committee chose the town in this stage."""

    example: ClassVar[Mapping[str, object]] = _TOWN


class CityNotSelected(CityOutcome):
    """The town was not chosen in this stage, or stands on its reserve list."""

    outcome: NotSelected
    example: ClassVar[Mapping[str, object]] = _TOWN | {"stage": 2, "outcome": "not_selected"}


class CityWithdrawn(CityOutcome):
    """The town left the programme in this stage."""

    reason: OptionalLine | None = None
    example: ClassVar[Mapping[str, object]] = _TOWN | {"reason": "resolution of the town council"}


CityFact = CityQualified | CityNotSelected | CityWithdrawn


def outcome_after(fact: CityFact) -> TownOutcome:
    """What became of the town, by what was said of it last."""
    match fact:
        case CityQualified():
            return TownOutcome.QUALIFIED
        case CityNotSelected(outcome=NotSelected.RESERVE):
            return TownOutcome.RESERVE
        case CityNotSelected():
            return TownOutcome.NOT_SELECTED
        case CityWithdrawn():
            return TownOutcome.WITHDRAWN
        case never:
            assert_never(never)
