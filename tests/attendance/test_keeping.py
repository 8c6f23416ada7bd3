"""Keeping a list over HTTP: what a trainer and the office are answered, and what they may look at."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.contracts.directory import PersonRegistered
from shared.contracts.enrolment import ParticipantEnrolled
from tests.attendance.building import (
    DURING,
    ENDS,
    LATER,
    SESSION,
    STARTS,
    close,
    enrolled,
    heard,
    scan,
    scheduled,
)
from tests.attendance.door import Door, opened

HOUR = dt.timedelta(hours=1)
LIST = f"/api/v1/sessions/{SESSION}/meetings/day-1"


@pytest.fixture
async def door(url: str) -> AsyncIterator[Door]:
    async with opened(url) as here:
        yield here


async def kept(door: Door) -> None:
    """Anna was there, Jan was not, and the list has closed."""
    await door.runtime.decider.act([scheduled(), enrolled("anna"), enrolled("jan")])
    await door.runtime.decider.act([scan("anna")])
    await door.runtime.decider.act([close(at=ENDS)])
    door.clock[0] = LATER


async def asked(
    door: Door, person: str, verb: str, body: dict[str, Any], *, by: str = "door", tag: str | None = None, key: str = ""
) -> httpx.Response:
    headers = door.by(
        by, **({"If-Match": f'"{tag}"'} if tag is not None else {}), **({"Idempotency-Key": key} if key else {})
    )
    return await door.http.post(f"{LIST}/people/{person}/{verb}", json=body, headers=headers)


async def test_a_mark_is_answered_with_the_record_and_its_tag(door: Door) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna")])

    answer = await asked(door, "anna", "mark", {"state": "present"}, tag="0")

    assert (answer.status_code, answer.json()["outcome"]) == (200, "ParticipantAttended")
    record = answer.json()["record"]
    assert (record["state"], record["minutes"], record["decided_by"], record["tag"]) == ("present", 360, "door", "1")


async def test_a_key_under_which_something_of_another_session_is_held_is_taken(door: Door) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna")])
    about = {"meeting_id": "day-1", "person_id": "anna", "state": "present", "id": "1", "made_at": DURING.isoformat()}
    door.clock[0] = DURING
    told = []
    for session_id in ("nowhere", SESSION):
        marks = [about | {"session_id": session_id}]
        (one,) = (await door.http.post("/api/v1/marks/batch", json={"marks": marks})).json()
        told.append((one["outcome"], one["reason"]))

    assert told == [("held", None), ("refused", "id_reused")]


async def test_whoever_says_as_what_somebody_is_there_may_say_it_otherwise_and_whoever_says_nothing_leaves_it(
    door: Door,
) -> None:
    await door.runtime.decider.act([scheduled()])
    about = {"session_id": SESSION, "meeting_id": "day-1", "person_id": "guest", "state": "present"}
    marks = [
        about | {"id": "1", "role": "observer"},
        about | {"id": "2", "state": "late", "arrived_at": DURING.isoformat()},
        about | {"id": "3", "role": "participant"},
    ]
    roles = []
    for one in marks:
        door.clock[0] = DURING + HOUR
        (told,) = (await door.http.post("/api/v1/marks/batch", json={"marks": [one]})).json()
        roles.append(told["record"]["role"])

    assert roles == ["observer", "observer", "participant"]


async def test_of_two_people_who_correct_the_same_record_the_second_is_told_what_changed(door: Door) -> None:
    await kept(door)
    first = await asked(door, "jan", "correction", {"state": "excused", "note": "ill"}, by="office", tag="1", key="a")
    second = await asked(door, "jan", "correction", {"state": "present", "note": "came"}, by="office", tag="1", key="b")

    assert (first.status_code, first.json()["outcome"]) == (200, "AttendanceCorrected")
    assert (second.status_code, second.json()["type"]) == (412, "urn:rollcall:problem:changed-since")
    assert "excused, 0 minutes by office" in second.json()["detail"]
    again = await asked(door, "jan", "correction", {"state": "excused", "note": "ill"}, by="office", tag="1", key="a")
    assert again.json() == first.json()


async def test_only_the_office_corrects_and_only_with_a_reason_and_a_tag(door: Door) -> None:
    await kept(door)

    assert (await asked(door, "jan", "correction", {"state": "present", "note": "x"}, tag="1")).status_code == 403
    assert (await asked(door, "jan", "correction", {"state": "present"}, by="office", tag="1")).status_code == 422
    assert (await asked(door, "jan", "correction", {"state": "present", "note": "x"}, by="office")).status_code == 422
    refused = await asked(door, "jan", "mark", {"state": "present"})
    assert (refused.status_code, refused.json()["reason"]) == (409, "list_closed")
    who = {"state": "present", "note": "x", "decided_by": "somebody else"}
    assert (await asked(door, "jan", "correction", who, by="office", tag="1")).status_code == 422


async def test_the_history_of_a_record_says_who_what_why_and_what_had_been(door: Door) -> None:
    await kept(door)
    body = {"state": "late", "arrived_at": (STARTS + HOUR).isoformat(), "method": "paper", "note": "signed at ten"}
    await asked(door, "jan", "correction", body, by="office", tag="1")

    found = (await door.http.get(f"{LIST}/people/jan/history")).json()

    assert [(one["was"], one["state"], one["was_minutes"], one["minutes"], one["decided_by"]) for one in found] == [
        (None, "absent", None, 0, None),
        ("absent", "late", 0, 300, "office"),
    ]
    assert (found[1]["note"], found[1]["method"], found[1]["tag"]) == ("signed at ten", "paper", "2")
    assert (await door.http.get(f"{LIST}/people/nobody/history")).json() == []


async def test_a_list_that_is_opened_again_says_by_whom_and_why(door: Door) -> None:
    await kept(door)
    why = {"note": "closed before the afternoon"}

    assert (await door.http.post(f"{LIST}/reopen", json=why)).status_code == 403
    answer = await door.http.post(f"{LIST}/reopen", json=why, headers=door.by("office"))
    again = await door.http.post(f"{LIST}/reopen", json=why, headers=door.by("office"))

    told = answer.json()
    assert (told["outcome"], told["is_open"], told["decided_by"], told["note"]) == (
        "AttendanceListReopened",
        True,
        "office",
        "closed before the afternoon",
    )
    assert again.json()["outcome"] == "AlreadyOpen"
    assert (await asked(door, "jan", "mark", {"state": "excused"})).json()["record"]["state"] == "excused"


async def test_marks_that_a_device_kept_are_answered_each_and_conflicts_are_shown(door: Door) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna"), enrolled("jan"), scan("anna")])
    door.clock[0] = DURING + HOUR
    about = {"session_id": SESSION, "meeting_id": "day-1", "made_at": DURING.isoformat()}
    marks = [
        about | {"id": "1", "person_id": "anna", "state": "absent", "seen": "0"},
        about | {"id": "2", "person_id": "jan", "state": "present", "seen": "0"},
        about | {"id": "3", "person_id": "jan", "state": "present"},
        about | {"id": "4", "person_id": "jan", "session_id": "nowhere", "state": "present"},
    ]

    first = (await door.http.post("/api/v1/marks/batch", json={"marks": marks})).json()
    again = (await door.http.post("/api/v1/marks/batch", json={"marks": marks})).json()

    assert [one["outcome"] for one in first] == ["changed_since", "set", "as_it_was", "held"]
    assert first[0]["record"]["state"] == "present"
    assert "the record is 1 by now: present" in first[0]["detail"]
    assert again == first


async def test_a_list_comes_in_pages_by_name_with_towns_places_and_substitutes(door: Door) -> None:
    names = {"anna": ("Anna", "Ćwik"), "jan": ("Jan", "Zając"), "ewa": ("Ewa", "Cis")}
    people = [
        heard(PersonRegistered(person_id=one, given_name=given, family_name=family), at=STARTS)
        for one, (given, family) in names.items()
    ]
    substitute = enrolled("ewa")
    body = ParticipantEnrolled(**substitute.body.model_dump() | {"substitute_for": "old"})
    await door.runtime.decider.act([*people, scheduled(), enrolled("anna"), enrolled("jan")])
    await door.runtime.decider.act([heard(body, at=STARTS, source="rollcall/enrolment"), scan("anna")])

    first = (await door.http.get(f"{LIST}/roster", params={"limit": 2})).json()
    rest = (await door.http.get(f"{LIST}/roster", params={"limit": 2, "after": first[-1]["person_id"]})).json()

    assert [one["family_name"] for one in (*first, *rest)] == ["Cis", "Ćwik", "Zając"]
    assert (first[0]["substitute_for"], first[0]["tag"], first[0]["state"]) == ("old", "0", "not_yet")
    assert (first[1]["state"], first[1]["city_id"], first[1]["record"]["method"]) == ("present", "town-of-anna", "scan")
    assert (await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-9/roster")).status_code == 404
    assert (await door.http.get("/api/v1/sessions/nowhere/meetings/day-1/roster")).status_code == 404


async def test_a_walk_in_is_linked_over_http_and_after_the_closing_by_the_office(door: Door) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna"), enrolled("jan")])
    await asked(door, "walk-in-1", "mark", {"state": "present"})
    await asked(door, "walk-in-2", "mark", {"state": "present"})
    who = {"person_id": "jan", "note": "knows the badge"}

    linked = await asked(door, "walk-in-1", "link", who, tag="1")
    assert (linked.json()["person_id"], linked.json()["record"]["linked_from"]) == ("jan", "walk-in-1")
    assert (await asked(door, "jan", "link", who)).json()["reason"] == "undecidable"
    await door.runtime.decider.act([close(at=ENDS)])
    door.clock[0] = LATER
    later = {"person_id": "anna", "note": "signed"}
    assert (await asked(door, "walk-in-2", "link", later)).json()["reason"] == "list_closed"
    assert (await asked(door, "walk-in-2", "link", later, by="office")).json()["record"]["corrected"] is True


async def test_a_trainer_who_closes_twice_is_told_how_it_stands(door: Door) -> None:
    await kept(door)

    again = await door.close("day-1", key="again")

    assert (again.json()["outcome"], again.json()["decided_by"], again.json()["present"]) == (
        "AlreadyClosed",
        "trainer",
        1,
    )
