"""What the programme office states in enrolment's console: stages, topics, who may write what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.model import Date, Fact, Id, Line, OptionalLine


class Rule(Fact):
    stream = "programme.rules"
    subject = "rule/{rule_id}"

    rule_id: Id


class StageOpened(Rule):
    """A stage of the competition and the training phase that the towns it selects take part in."""

    example: ClassVar[Mapping[str, object]] = {"rule_id": "stage:1", "stage": 1, "phase": 1, "opened_on": "2026-03-01"}

    stage: Annotated[int, Field(strict=True, ge=1, le=99)]
    phase: Annotated[int, Field(strict=True, ge=1, le=99)]
    opened_on: Date


class TopicDefined(Rule):
    """A training topic: a code and its names."""

    example: ClassVar[Mapping[str, object]] = {
        "rule_id": "topic:climate",
        "topic": "climate",
        "name_pl": "Adaptacja do zmian klimatu",
        "name_en": "Climate adaptation",
    }

    topic: Id
    name_pl: Line
    name_en: Line


class SourceTakenOver(Rule):
    """Facts of `to_source` on `in_stream` replace those of `from_source` from now on."""

    example: ClassVar[Mapping[str, object]] = {
        "rule_id": "takeover:directory-2",
        "in_stream": "programme.people",
        "from_source": "urn:example:directory",
        "to_source": "urn:example:directory-2",
        "reason": "the directory was replaced",
    }

    in_stream: Id
    from_source: Line
    to_source: Line
    reason: OptionalLine | None = None


RuleFact = StageOpened | TopicDefined | SourceTakenOver
