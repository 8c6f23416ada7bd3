"""The AsyncAPI document names everything that is said, where, and by whom; whatever it points to is there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deploy import asyncapi
from services import SERVICES
from shared.contracts import EVENTS
from shared.events.streams import STREAMS

DOCUMENT = asyncapi.document()
FOLDER = Path(__file__).parents[2] / "docs"


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "$ref")
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def test_every_event_is_on_the_channel_of_its_stream_and_on_no_other() -> None:
    found = Counter(name for channel in DOCUMENT["channels"].values() for name in channel["messages"])
    assert found == Counter(list(EVENTS))
    for name, model in EVENTS.items():
        assert name in DOCUMENT["channels"][model.stream]["messages"]


def test_everything_that_it_points_to_is_there() -> None:
    for reference in set(references(DOCUMENT)):
        file, _, inside = reference.partition("#/")
        part = json.loads((FOLDER / file).read_text(encoding="utf-8")) if file else DOCUMENT
        for name in filter(None, inside.split("/")):
            part = part[name]


def test_what_a_service_declares_is_what_it_does() -> None:
    for name, one in SERVICES.items():
        service = one.declared()
        does = {
            operation["channel"]["$ref"].rpartition("/")[2]: operation["action"]
            for operation_name, operation in DOCUMENT["operations"].items()
            if operation_name.startswith(f"{name} ")
        }
        said = dict.fromkeys(service.own, "send")
        assert does == dict.fromkeys((*service.facts, *service.decisions), "receive") | said
    assert set(STREAMS) == set(DOCUMENT["channels"])
