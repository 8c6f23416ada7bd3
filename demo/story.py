"""Which lines of the programme tell the story of one town, in the order it is told. The rest is the full load. Sends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from demo.programme import FILES, Programme

PROGRAMME, PEOPLE, _NEEDS, SESSIONS, *_REST, SCANS = FILES


@dataclass(frozen=True, slots=True)
class Scene:
    """What is said together; the next scene begins when this one's consequences are there."""

    name: str
    lines: tuple[tuple[str, int], ...]
    """File and line, counted from 0."""


def scenes(programme: Programme) -> tuple[Scene, ...]:
    """What is known before, the town that qualifies, and the scans at the door."""
    story = programme.story
    people_of_town = {
        event["data"]["person_id"]
        for _, event in _events(programme, PEOPLE)
        if event["data"].get("city_id") == story.town_id
    }
    rules = [(PROGRAMME, number) for number, event in _events(programme, PROGRAMME) if "rule_id" in event["data"]]
    team = [
        (PEOPLE, number) for number, event in _events(programme, PEOPLE) if event["data"]["person_id"] in people_of_town
    ]
    session = [
        (SESSIONS, number)
        for number, event in _events(programme, SESSIONS)
        if event["data"]["session_id"] == story.session_id
    ]
    town = [
        (PROGRAMME, number)
        for number, event in _events(programme, PROGRAMME)
        if event["data"].get("city_id") == story.town_id
    ]
    scans = [(SCANS, number) for number, _ in _events(programme, SCANS)]
    return (Scene("known", (*rules, *team, *session)), Scene("qualified", tuple(town)), Scene("scanned", tuple(scans)))


def _events(programme: Programme, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    text = (programme.folder / name).read_text("utf-8")
    yield from ((number, json.loads(line)) for number, line in enumerate(text.split("\n")) if line)
