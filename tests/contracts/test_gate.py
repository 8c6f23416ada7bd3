"""The contract gate refuses what a reader or an old event could not stand."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from pydantic import ValidationError

from shared.contracts import EVENTS
from shared.contracts.gate import breaks, problems, samples_of, schema_of
from shared.contracts.model import Request
from shared.contracts.planner import SessionScheduled
from shared.contracts.selection import CityNotSelected
from shared.events.envelope import about_of, scope_of
from shared.events.streams import STREAMS


def published() -> dict[str, Any]:
    return json.loads(json.dumps(schema_of(CityNotSelected)))


def changed(**change: Any) -> dict[str, Any]:
    schema = copy.deepcopy(published())
    for name, rule in change.items():
        if rule is None:
            del schema["properties"][name]
        else:
            schema["properties"][name] = rule
    return schema


def test_schemas_and_samples_are_in_step_with_the_models() -> None:
    assert problems() == []


def test_every_type_has_a_golden_sample_and_a_stream() -> None:
    for name, model in EVENTS.items():
        assert samples_of(name)
        assert STREAMS[model.stream].key in model.model_fields


def test_what_a_request_is_about_and_holds_back_is_named_by_its_fields() -> None:
    for name, model in EVENTS.items():
        if issubclass(model, Request):
            request = model.model_validate(model.example)
            assert all("{" not in one for one in about_of(request)), name
            scope_of(request)  # Raises if a field is not there.


def test_a_number_is_no_time_in_any_contract() -> None:
    """Neither are digits that look like one: whether they count seconds or milliseconds would be a guess."""
    tried = 0
    for model in EVENTS.values():
        for name, field in schema_of(model)["properties"].items():
            if "'format': 'date" not in str(field):
                continue
            for number in (1_761_289_930, 1_761_289_930_000, 0, "1761289930"):
                with pytest.raises(ValidationError, match=name):
                    model.model_validate_json(json.dumps({**model.example, name: number}))
                tried += 1
    assert tried > 40


def test_the_schema_of_a_wall_time_takes_none_with_an_offset() -> None:
    """`date-time` would: it has one by definition."""
    wall = schema_of(SessionScheduled)["$defs"]["Meeting"]["properties"]["starts_local"]
    assert "format" not in wall
    assert re.match(wall["pattern"], "2026-10-24T09:00:00") and re.match(wall["pattern"], "2026-10-24T09:00")
    assert not re.match(wall["pattern"], "2026-10-24T09:00:00Z")
    assert not re.match(wall["pattern"], "2026-10-24T09:00:00+02:00")


def test_a_new_optional_field_is_compatible() -> None:
    assert breaks(published(), changed(mayor={"type": "string"})) == []


@pytest.mark.parametrize(
    ("new", "why"),
    [
        (changed(population=None), "population is gone"),
        (changed(population={"type": "string"}), "population means something else"),
        ({**published(), "required": [*published()["required"], "population"]}, "population is required"),
        ({**published(), "x-stream": "programme.towns"}, "the stream or the subject changed"),
    ],
)
def test_a_change_that_breaks_readers_is_refused(new: dict[str, Any], why: str) -> None:
    assert any(why in one for one in breaks(published(), new))


def test_a_value_taken_from_an_enum_is_refused() -> None:
    new = copy.deepcopy(published())
    new["$defs"]["NotSelected"]["enum"] = ["reserve"]
    assert breaks(published(), new) == ["NotSelected: the value 'not_selected' is gone"]
