"""A signed paper list that is typed in: compared first, then entered; what else was recorded stands until a person decides. Over HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.attendance.folder import Folder
from services.attendance.lists import LIST
from services.attendance.subjects import list_subject
from shared.contracts.directory import PersonRegistered
from shared.state.working import Due
from tests.attendance.building import (
    BEFORE,
    CLOSES,
    DURING,
    ENDS,
    LATER,
    SESSION,
    cancelled,
    close,
    enrolled,
    heard,
    mark,
    reopening,
    scan,
    scheduled,
)
from tests.attendance.door import Door, opened

PAPER = f"/api/v1/sessions/{SESSION}/meetings/day-1/paper"
FILES = f"/api/v1/sessions/{SESSION}/files"


@pytest.fixture
async def door(url: str) -> AsyncIterator[Door]:
    async with opened(url) as here:
        named = [
            PersonRegistered(person_id=one, given_name=one.title(), family_name="Ćwik")
            for one in ("anna", "jan", "ewa")
        ]
        await here.runtime.decider.act([heard(one, at=BEFORE) for one in named])
        await here.runtime.decider.act([scheduled(trainers=("ola",)), *map(enrolled, ("anna", "jan"))])
        await here.runtime.decider.act([mark("ola", at=DURING)])
        here.clock[0] = ENDS
        yield here


def line(person: str, **fields: Any) -> dict[str, Any]:
    return {"person_id": person, **fields}


async def compared(door: Door, *rows: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await door.http.post(PAPER, json={"rows": rows, **fields})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def entered(
    door: Door, *rows: dict[str, Any], key: str = "sheet-1", by: str = "door", **fields: Any
) -> httpx.Response:
    """`rows` with the tags that were looked at."""
    headers = door.by(by, **{"Idempotency-Key": key})
    return await door.http.post(f"{PAPER}/enter", json={"rows": rows, **fields}, headers=headers)


async def seen(door: Door, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    """The same rows with what is shown of them."""
    tags = {one["person_id"]: one["tag"] for one in (await compared(door, *rows))["rows"]}
    return [row | {"seen": tags[row["person_id"]]} for row in rows]


async def records(door: Door) -> dict[str, Any]:
    found = (await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-1/roster")).json()
    return {one["person_id"]: one["record"] for one in found}


async def test_comparing_shows_each_difference_and_sets_nothing(door: Door) -> None:
    await door.runtime.decider.act([scan("jan"), scan("ewa"), mark("anna", "excused", at=DURING)])

    plan = await compared(door, line("anna"), line("jan"), line("nobody"), line("walk-in-7f3a"))

    assert [(one["person_id"], one["fate"], one["is_open"]) for one in plan["rows"]] == [
        ("anna", "contradicts", True),
        ("jan", "as_it_was", False),
        ("nobody", "unknown", True),
        ("walk-in-7f3a", "set", False),
    ]
    assert (plan["rows"][0]["stands"]["state"], plan["differences"], plan["list_is_open"]) == ("excused", 2, True)
    assert "walk-in-7f3a" not in await records(door)


async def test_whoever_was_recorded_as_present_and_did_not_sign_is_shown_unless_part_of_the_list_is_typed_in(
    door: Door,
) -> None:
    await door.runtime.decider.act([scan("jan")])

    assert [(one["person_id"], one["fate"]) for one in (await compared(door, line("anna")))["rows"]] == [
        ("anna", "set"),
        ("jan", "not_signed"),  # Not the trainer, who signs in the head of the list.
    ]
    answer = (await entered(door, line("anna", seen="0"))).json()
    assert ([one["person_id"] for one in answer["marks"]], answer["differences"]) == (["anna"], 1)
    assert (await records(door))["jan"]["state"] == "present"
    assert len((await compared(door, line("anna"), is_whole=False))["rows"]) == 1


async def test_what_is_on_paper_alone_is_entered_and_the_history_explains_it(door: Door) -> None:
    answer = (
        await entered(door, *await seen(door, line("anna"), line("jan", arrived_at="2026-10-06T08:00:00Z")))
    ).json()

    assert [(one["person_id"], one["outcome"]) for one in answer["marks"]] == [("anna", "set"), ("jan", "set")]
    found = await records(door)
    assert (found["anna"]["state"], found["anna"]["method"], found["anna"]["minutes"]) == ("present", "paper", 360)
    assert (found["jan"]["state"], found["jan"]["minutes"], found["jan"]["decided_by"]) == ("late", 300, "door")
    history = (await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-1/people/anna/history")).json()
    assert answer["sha256"] in history[-1]["note"]
    (file,) = (await door.http.get(FILES)).json()
    assert (file["sha256"], file["kind"], file["undecided"]) == (answer["sha256"], "typed_list", 0)
    kept = json.loads(await Folder(door.files).get(SESSION, file["sha256"]) or b"")
    assert [one["person_id"] for one in kept["rows"]] == ["anna", "jan"]


async def test_what_was_recorded_otherwise_stands_until_somebody_decides(door: Door) -> None:
    await door.runtime.decider.act([mark("anna", "absent", at=DURING), scan("jan")])
    rows = await seen(door, line("anna"), line("jan", is_signed=False))

    undecided = (await entered(door, *rows)).json()

    assert ([one["fate"] for one in undecided["left"]], undecided["differences"]) == (["contradicts", "not_signed"], 2)
    assert ((await records(door))["anna"]["state"], (await records(door))["jan"]["state"]) == ("absent", "present")
    decided = (await entered(door, *(one | {"counts": "paper"} for one in rows), key="sheet-2")).json()
    assert [one["outcome"] for one in decided["marks"]] == ["set", "set"]
    found = await records(door)
    assert (found["anna"]["state"], found["jan"]["state"], found["jan"]["method"]) == ("present", "absent", "paper")


async def test_where_the_list_is_right_somebody_says_so_and_is_not_asked_again_while_it_says_the_same(
    door: Door,
) -> None:
    await door.runtime.decider.act([mark("anna", "absent", at=DURING), scan("jan")])
    rows = [one | {"counts": "list"} for one in await seen(door, line("anna"), line("jan", is_signed=False))]

    decided = (await entered(door, *rows)).json()

    assert ([one["fate"] for one in decided["left"]], decided["differences"]) == (["list_counts"] * 2, 0)
    assert ((await records(door))["anna"]["state"], (await records(door))["jan"]["state"]) == ("absent", "present")
    (file,) = (await door.http.get(FILES)).json()
    assert (file["undecided"], file["decided_by"]) == (0, "door")
    await door.runtime.decider.act([mark("anna", "excused", at=ENDS)])
    assert [one["fate"] for one in (await compared(door, *rows))["rows"]] == ["contradicts", "list_counts"]


async def test_the_same_sheet_under_the_same_key_changes_nothing_and_gets_the_same_answer(door: Door) -> None:
    rows = await seen(door, line("anna"), line("jan"))

    first = (await entered(door, *rows)).json()
    again = (await entered(door, *rows)).json()

    assert again["marks"] == first["marks"]
    assert len((await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-1/people/anna/history")).json()) == 1
    assert len((await door.http.get(FILES)).json()) == 1
    other = await entered(door, *(one | {"minutes": 60} for one in rows))
    assert (other.status_code, other.json()["type"]) == (422, "urn:rollcall:problem:key-taken")


async def test_what_changed_since_it_was_looked_at_is_not_overwritten(door: Door) -> None:
    rows = await seen(door, line("anna"))
    await door.runtime.decider.act([mark("anna", "excused", at=DURING)])

    answer = (await entered(door, *(one | {"counts": "paper"} for one in rows))).json()

    assert (answer["marks"][0]["outcome"], answer["differences"]) == ("changed_since", 1)
    assert (await records(door))["anna"]["state"] == "excused"


async def test_a_row_that_nobody_has_looked_at_is_not_entered(door: Door) -> None:
    assert (await entered(door, line("anna"))).status_code == 422
    assert (await entered(door, line("anna", seen="0"), line("anna", seen="0"))).status_code == 422
    assert (await records(door))["anna"] is None


async def test_somebody_who_is_not_enrolled_is_present_without_a_place(door: Door) -> None:
    await entered(door, *await seen(door, line("ewa"), line("walk-in-7f3a"), line("anna")))

    found = await records(door)
    assert (found["ewa"]["state"], found["ewa"]["with_place"]) == ("present", False)
    assert (found["walk-in-7f3a"]["state"], found["walk-in-7f3a"]["with_place"]) == ("present", False)


async def test_after_the_closing_the_office_enters_it_as_corrections_and_certificates_follow(door: Door) -> None:
    """Anna's certificate says 360 minutes; she had come an hour late, as she wrote herself. Jan was absent, and had signed."""
    await door.runtime.decider.act([scan("anna")])
    await door.runtime.decider.act([close(at=ENDS)])
    (issued,) = (await door.http.get("/api/v1/certificates")).json()
    door.clock[0] = LATER
    rows = await seen(door, line("anna", arrived_at="2026-10-06T08:00:00Z"), line("jan"))
    assert (await entered(door, *rows)).json()["type"] == "urn:rollcall:problem:not-allowed"

    answer = await entered(door, *(one | {"counts": "paper"} for one in rows), by="office")

    assert [one["outcome"] for one in answer.json()["marks"]] == ["set", "set"]
    found = await records(door)
    assert (found["jan"]["corrected"], found["jan"]["state"], found["jan"]["method"]) == (True, "present", "paper")
    certificates = {one["number"]: one for one in (await door.http.get("/api/v1/certificates")).json()}
    old = certificates.pop(issued["number"])
    assert (old["is_valid"], certificates[old["superseded_by"]]["minutes"]) == (False, 300)
    assert {one["person_id"] for one in certificates.values()} == {"anna", "jan"}


async def test_a_session_that_does_not_take_place_has_no_list_unless_it_had_closed_before(door: Door) -> None:
    await door.runtime.decider.act([cancelled(at=ENDS)])
    refused = await door.http.post(PAPER, json={"rows": [line("anna")]})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:rollcall:problem:session-cancelled")


@pytest.mark.parametrize("opened_again", [(), (reopening(at=LATER),)], ids=["closed", "open to be put right"])
async def test_a_list_that_had_closed_before_its_session_was_cancelled_is_put_right_by_its_paper(
    door: Door, opened_again: tuple[Any, ...]
) -> None:
    """Also if the office had opened it for that."""
    await door.runtime.decider.act([scan("jan")])
    await door.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])
    door.clock[0] = LATER
    await door.runtime.decider.act([*opened_again, cancelled(at=LATER)])

    answer = await entered(door, *await seen(door, line("anna"), line("jan")), by="office")

    assert [one["outcome"] for one in answer.json()["marks"]] == ["set"]
    assert (await records(door))["anna"]["state"] == "present"


async def test_before_the_end_nothing_is_signed(door: Door) -> None:
    door.clock[0] = DURING
    assert (await door.http.post(PAPER, json={"rows": [line("anna")]})).json()["type"].endswith("not-over")
