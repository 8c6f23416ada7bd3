"""Needs declared and met by town and topic: each figure is as many as it shows, as of any moment. On a real database, over HTTP."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.attendance.api import app_of
from shared.contracts.directory import PersonMerged
from shared.contracts.selection import CityQualified
from shared.contracts.survey import NeedState, TrainingNeedDeclared
from shared.events.envelope import Heard
from shared.web.pages.kit import Office, Pages
from tests.attendance.building import BEFORE, DURING, LATER, enrolled, heard, restated, scan, scheduled
from tests.attendance.door import Door, opened

NEEDS = "/api/v1/reports/needs"
SURVEY = "urn:example:survey"


def need(
    need_id: str, people: int, *, town: str = "town-1", topic: str = "climate", at: dt.datetime = BEFORE, **fields: Any
) -> Heard[Any]:
    body = TrainingNeedDeclared(need_id=need_id, city_id=town, topic=topic, level="basic", people=people, **fields)
    return heard(body, at=at, source=SURVEY)


@pytest.fixture
async def door(url: str) -> AsyncIterator[Door]:
    """Two towns: of the first three came for climate, of the second one."""
    async with opened(url) as here:
        await here.runtime.decider.act([scheduled()])
        people = {"anna": "town-1", "jan": "town-1", "ewa": "town-1", "ola": "town-2"}
        await here.runtime.decider.act([enrolled(one) for one in people])
        await here.runtime.decider.act([restated(one, town=town, at=BEFORE) for one, town in people.items()])
        await here.runtime.decider.act([scan(one) for one in people])
        here.clock[0] = LATER
        yield here


async def rows(door: Door, **asked: str) -> dict[tuple[str | None, str | None], tuple[int, int, int, int]]:
    found = (await door.http.get(NEEDS, params=asked)).json()["rows"]
    return {
        (one["city_id"], one["topic"]): (one["declared"], one["trained"], one["met"], one["unmet"]) for one in found
    }


async def test_needs_stand_by_town_and_topic_in_the_order_of_the_alphabet(door: Door) -> None:
    for city_id, name in (("town-1", "Żory"), ("town-2", "Świdnica")):
        town = {"city_id": city_id, "stage": 1, "name": name, "decided_on": "2026-03-02"}
        await door.runtime.decider.act([heard(CityQualified.model_validate(town), at=BEFORE)])
    await door.runtime.decider.act([need("n-1", 1), need("n-2", 1, town="town-2")])
    shown = (await door.http.get(NEEDS)).json()["rows"]
    assert [one["town"] for one in shown] == ["Świdnica", "Żory"]


async def test_what_is_met_is_no_more_than_was_declared_in_each_town_and_topic(door: Door) -> None:
    declared = [need("n-1", 1), need("n-2", 1), need("n-3", 5, town="town-2"), need("n-4", 4, topic="ageing")]
    await door.runtime.decider.act(declared)

    assert await rows(door) == {
        ("town-1", "ageing"): (4, 0, 0, 4),
        ("town-1", "climate"): (2, 3, 2, 0),
        ("town-2", "climate"): (5, 1, 1, 4),
    }
    total = (await door.http.get(NEEDS)).json()
    assert (total["declared"], total["met"], total["unmet"]) == (11, 3, 8)
    assert await rows(door, city_id="town-2") == {("town-2", "climate"): (5, 1, 1, 4)}


async def test_each_figure_opens_whom_and_what_it_counts(door: Door) -> None:
    await door.runtime.decider.act([need("n-1", 1), need("n-2", 1), need("n-3", 5, town="town-2")])
    its = {"city_id": "town-1", "topic": "climate"}

    people = (await door.http.get("/api/v1/reports/people/people", params=its)).json()
    needs = (await door.http.get(f"{NEEDS}/declared", params=its)).json()

    ((declared, trained, *_),) = (await rows(door, **its)).values()
    assert [one["person_id"] for one in people] == ["anna", "ewa", "jan"]
    assert (len(people), sum(one["people"] for one in needs)) == (trained, declared)
    assert [one["need_id"] for one in needs] == ["n-1", "n-2"]


async def test_a_need_counts_as_it_was_declared_at_the_moment_asked_for(door: Door) -> None:
    later = LATER + dt.timedelta(days=1)
    await door.runtime.decider.act([need("n-1", 10)])
    await door.runtime.decider.act([need("n-1", 4, at=LATER), need("n-2", 7, at=LATER)])
    await door.runtime.decider.act([need("n-2", 7, at=later, state=NeedState.WITHDRAWN)])

    key = ("town-1", "climate")
    assert (await rows(door, as_of=DURING.isoformat()))[key] == (10, 3, 3, 7)
    assert (await rows(door, as_of=LATER.isoformat()))[key] == (11, 3, 3, 8)
    assert (await rows(door))[key] == (4, 3, 3, 1)
    assert (await rows(door, as_of=BEFORE.isoformat()))[key] == (10, 0, 0, 10)


async def test_a_human_with_two_ids_meets_one_need(door: Door) -> None:
    await door.runtime.decider.act([need("n-1", 3)])
    await door.runtime.decider.act([heard(PersonMerged(person_id="ewa", into_person_id="anna"), at=LATER)])
    assert (await rows(door))["town-1", "climate"] == (3, 2, 2, 1)


async def test_the_files_say_what_the_report_says(door: Door) -> None:
    await door.runtime.decider.act([need("n-1", 2)])
    said = (await door.http.get(f"{NEEDS}/csv")).content.decode("utf-8-sig").splitlines()
    assert said[1] == "town-1;;climate;;2;3;2;0"
    assert said[-1] == "razem;;;;2;;2;0"
    assert (await door.http.get(f"{NEEDS}/xlsx")).content.startswith(b"PK")


async def test_the_page_says_what_the_api_says_and_each_figure_is_a_link(door: Door) -> None:
    await door.runtime.decider.act([need("n-1", 2), need("n-3", 5, town="town-2")])
    app = app_of(door.runtime, door.runtime.settings)  # type: ignore[arg-type]  # It is attendance's.
    Pages("services.attendance.pages", Office("Biuro", "biuro@example.org")).add_to(app, door.runtime)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://attendance", headers=door.by("door")) as http:
        assert (await http.get("/report/needs", headers={"Authorization": ""})).status_code == 401
        page = (await http.get("/report/needs?lang=en")).text
        links = [
            (html.unescape(link), int(number)) for link, number in re.findall(r'<td><a href="([^"]+)">(\d+)</a>', page)
        ]
        assert [number for _, number in links] == [2, 3, 5, 1]
        for link, number in links:
            behind = (await http.get(f"/report/{link}")).text
            shown = re.findall(r"<tr><td>(?:.*?)</tr>|<tr>\s*<t[dh].*?</tr>", behind, re.DOTALL)
            assert len([one for one in shown if "<td" in one]) == (1 if "declared" in link else number)
