"""What the survey system publishes: the training needs that towns declare."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.model import Fact, Id, OptionalLine


class NeedLevel(StrEnum):
    BASIC = "basic"
    ADVANCED = "advanced"


class NeedState(StrEnum):
    DECLARED = "declared"
    WITHDRAWN = "withdrawn"


class TrainingNeedDeclared(Fact):
    """What a town wants to learn: topic, level, for whom and for how many."""

    stream = "programme.needs"
    subject = "need/{need_id}"
    example: ClassVar[Mapping[str, object]] = {
        "need_id": "need-776597-climate",
        "city_id": "geonames:776597",
        "topic": "climate",
        "level": "basic",
        "audience": "departments of environment and investments",
        "people": 18,
        "state": "declared",
    }

    need_id: Id
    city_id: Id
    topic: Id
    level: NeedLevel
    audience: OptionalLine | None = None
    people: Annotated[int, Field(strict=True, ge=1, le=10_000)]
    state: NeedState = NeedState.DECLARED
