"""Which lines of the programme tell the story, in the order it is told: one town's day, and one in-depth training. The rest is the full
load. Sends nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from demo.programme import FILES, Programme

PROGRAMME, PEOPLE, _NEEDS, SESSIONS, _HISTORY, REQUESTS, _CHANGES, SCANS, ANSWERS = FILES
_OF_THE_CALLED = (
    ("drafted", SESSIONS, "SessionDrafted"),
    ("called", SESSIONS, "SessionScheduled"),
    ("nominated", REQUESTS, "PeopleNominated"),
    ("offered", REQUESTS, "WithdrawalRequested"),
    ("accepted", ANSWERS, "OfferAnswered"),
    ("substituted", ANSWERS, "SubstitutionRequested"),
    ("refused", ANSWERS, "EnrolmentRequested"),
)
"""The scenes about the in-depth training: what is said of it, in which file."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is said together; the next scene begins when this one's consequences are there."""

    name: str
    lines: tuple[tuple[str, int], ...]
    """File and line, counted from 0."""


def scenes(programme: Programme) -> tuple[Scene, ...]:
    """What is known before, the town that qualifies, and the scans at the door."""
    story = programme.story
    rules = [(PROGRAMME, number) for number, event in _events(programme, PROGRAMME) if "rule_id" in event["data"]]
    session = [
        (SESSIONS, number)
        for number, event in _events(programme, SESSIONS)
        if event["data"]["session_id"] == story.session_id
    ]
    scans = [(SCANS, number) for number, _ in _events(programme, SCANS)]
    town = {story.town_id}
    return (
        Scene("known", (*rules, *_teams(programme, town), *session)),
        Scene("qualified", _towns(programme, town)),
        Scene("scanned", tuple(scans)),
    )


def called_scenes(programme: Programme) -> tuple[Scene, ...]:
    """The in-depth training of three towns: drafted, scheduled so that they are called, filled, given back, offered on. The two towns that
    the story has not met come with its draft."""
    story = programme.story
    others = set(story.called_town_ids) - {story.town_id}
    found = []
    for name, file, kind in _OF_THE_CALLED:
        lines = tuple(
            (file, number)
            for number, event in _events(programme, file)
            if event["data"].get("session_id") == story.called_session_id and event["type"].split(".")[1] == kind
        )
        known = (*_towns(programme, others), *_teams(programme, others)) if name == "drafted" else ()
        found.append(Scene(name, (*known, *lines)))
    return tuple(found)


def scanned_at(programme: Programme, person_id: str) -> str:
    """When somebody was scanned today, for the first time."""
    said = (event["data"] for _, event in _events(programme, SCANS))
    return next(str(one["scanned_at"]) for one in said if one["person_id"] == person_id)


def _towns(programme: Programme, city_ids: set[str]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (PROGRAMME, number)
        for number, event in _events(programme, PROGRAMME)
        if event["data"].get("city_id") in city_ids
    )


def _teams(programme: Programme, city_ids: set[str]) -> tuple[tuple[str, int], ...]:
    """Who works in these towns, and how to reach them."""
    events = list(_events(programme, PEOPLE))
    people = {event["data"]["person_id"] for _, event in events if event["data"].get("city_id") in city_ids}
    return tuple((PEOPLE, number) for number, event in events if event["data"]["person_id"] in people)


def _events(programme: Programme, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    text = (programme.folder / name).read_text("utf-8")
    yield from ((number, json.loads(line)) for number, line in enumerate(text.split("\n")) if line)
