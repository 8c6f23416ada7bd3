"""Importing a report over HTTP: a plan that sets nothing, and the same file with the plan's tag and what was decided."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.attendance.importing.tables import MOST_BYTES
from shared.contracts.directory import PersonMerged, PersonRegistered
from shared.contracts.enrolment import ParticipantEnrolled
from shared.contracts.files import FileAttached
from shared.web.bodies import MOST_LARGE
from tests.attendance.building import (
    ARCHIVE,
    BEFORE,
    DAY,
    ENDS,
    ENROLMENT,
    LATER,
    SESSION,
    cancelled,
    close,
    day,
    enrolled,
    heard,
    reopening,
    rescheduled,
    scan,
    scheduled,
)
from tests.attendance.door import Door, opened
from tests.attendance.reports import teams, utf16

REPORT = f"/api/v1/sessions/{SESSION}/meetings/day-1/report"
NAMES = {
    "anna": ("Anna", "Ćwik"),
    "jan": ("Jan", "Lis"),
    "jan-2": ("Jan", "Lis"),
    "ewa": ("Ewa", "Żak"),
    "ola": ("Ola", "Sum"),
}


@pytest.fixture
async def door(url: str) -> AsyncIterator[Door]:
    async with opened(url) as here:
        await here.runtime.decider.act(
            [
                heard(PersonRegistered(person_id=one, given_name=given, family_name=family), at=BEFORE)
                for one, (given, family) in NAMES.items()
            ]
        )
        await here.runtime.decider.act(
            [
                scheduled(trainers=("ola",)),
                scheduled(session_id="session-0002"),
                *map(enrolled, ("anna", "jan", "jan-2")),
                heard(
                    ParticipantEnrolled(
                        session_id="session-0002", person_id="ewa", city_id="town-1", episode=1, decided_at=BEFORE
                    ),
                    at=BEFORE,
                    source=ENROLMENT,
                ),
            ]
        )
        here.clock[0] = ENDS
        yield here


def row(name: str, joined: str = "9:00:00 AM", left: str = "3:00:00 PM") -> str:
    return f"{name}\t10/6/26, {joined}\t10/6/26, {left}\t\t\tAttendee"


FILE = utf16(teams(row("cwik anna", "10:00:00 AM"), row("Jan Lis"), row("Ewa Zak"), row("Ola Sum (Presenter)")))


async def planned(door: Door, file: bytes = FILE, *, path: str = REPORT, **query: str) -> dict[str, Any]:
    answer = await door.http.post(path, content=file, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def imported(
    door: Door, tag: str, decisions: str = "", *, file: bytes = FILE, by: str = "door", path: str = REPORT
) -> httpx.Response:
    headers = door.by(by, **{"If-Match": f'"{tag}"'})
    return await door.http.post(f"{path}/import", content=file, params={"decisions": decisions}, headers=headers)


async def roster(door: Door) -> dict[str, Any]:
    found = (await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-1/roster")).json()
    return {one["person_id"]: one["record"] for one in found}


async def test_a_plan_says_who_is_who_and_what_is_left_to_decide_and_sets_nothing(door: Door) -> None:
    plan = await planned(door)

    assert [(one["name"], one["fate"], one["person"] and one["person"]["person_id"]) for one in plan["rows"]] == [
        ("cwik anna", "set", "anna"),
        ("Jan Lis", "several", None),
        ("Ewa Zak", "another_session", None),
        ("Ola Sum", "set", "ola"),
    ]
    assert (plan["rows"][0]["state"], plan["rows"][0]["minutes"]) == ("late", 300)
    assert [one["person_id"] for one in plan["rows"][1]["may_be"]] == ["jan", "jan-2"]
    assert plan["rows"][2]["may_be"][0]["sessions"] == ["session-0002"]
    assert (plan["encoding"], plan["list_is_open"], plan["without_a_row"]) == ("utf-16", True, [])
    assert set((await roster(door)).values()) == {None}
    assert (await planned(door))["tag"] == plan["tag"]


async def test_a_trainer_whom_the_planner_names_by_a_former_id_is_known_by_the_name_of_who_stays(door: Door) -> None:
    new = PersonRegistered(person_id="ola-2", given_name="Ola", family_name="Sum")
    for said in (new, PersonMerged(person_id="ola", into_person_id="ola-2")):
        await door.runtime.decider.act([heard(said, at=BEFORE)])
    (ola,) = [one for one in (await planned(door))["rows"] if one["name"].startswith("Ola")]
    assert (ola["fate"], ola["person"]["person_id"]) == ("set", "ola-2")


async def test_what_was_decided_is_set_by_the_rules_of_marks_with_the_file_as_evidence(door: Door) -> None:
    plan = await planned(door)
    line = plan["rows"][1]["lines"][0]

    answer = (await imported(door, plan["tag"], f"{line}:jan-2@45")).json()

    assert [(one["person_id"], one["outcome"]) for one in answer["marks"]] == [
        ("anna", "set"),
        ("jan-2", "set"),
        ("ola", "set"),
    ]
    assert [(one["name"], one["is_open"]) for one in answer["left"]] == [("Ewa Zak", True)]
    records = await roster(door)
    assert (records["anna"]["state"], records["anna"]["minutes"], records["anna"]["method"]) == ("late", 300, "import")
    assert (records["jan-2"]["minutes"], records["ola"]["role"], records["jan"]) == (45, "trainer", None)
    assert plan["sha256"] in records["anna"]["note"]
    assert (await planned(door))["rows"][0]["fate"] == "as_it_was"


async def test_a_plan_whose_ground_has_changed_is_refused_and_nothing_is_set(door: Door) -> None:
    plan = await planned(door)
    await door.runtime.decider.act([scan("anna")])

    answer = await imported(door, plan["tag"])

    assert (answer.status_code, answer.json()["type"]) == (412, "urn:rollcall:problem:changed-since")
    assert (await roster(door))["anna"]["method"] == "scan"
    anew = await planned(door)
    assert anew["tag"] in answer.json()["detail"]
    assert (anew["rows"][0]["fate"], anew["rows"][0]["stands"]["state"]) == ("contradicts", "present")
    other = utf16(teams(row("cwik anna")))
    assert (await imported(door, anew["tag"], file=other)).status_code == 412


async def test_after_the_closing_the_office_imports_as_corrections(door: Door) -> None:
    await door.runtime.decider.act([scan("jan")])
    await door.runtime.decider.act([close(at=ENDS)])
    door.clock[0] = LATER
    plan = await planned(door)

    assert (await imported(door, plan["tag"])).json()["type"] == "urn:rollcall:problem:not-allowed"
    answer = await imported(door, plan["tag"], by="office")

    assert (answer.status_code, answer.json()["marks"][0]["outcome"]) == (200, "set")
    record = (await roster(door))["anna"]
    assert (record["corrected"], record["state"], record["decided_by"]) == (True, "late", "office")


async def test_a_report_of_two_meetings_is_one_file_and_what_is_left_is_left_of_each(door: Door) -> None:
    """A morning and an afternoon in one online meeting. What is decided of the one is not decided of the other."""
    afternoon = day("day-2") | {"starts_local": DAY.replace(tzinfo=None, hour=13)}
    await door.runtime.decider.act([rescheduled(day(until=12), afternoon, trainers=("ola",))])

    async def imports(meeting_id: str, decisions: str = "") -> dict[str, Any]:
        path = REPORT.replace("day-1", meeting_id)
        answer = await imported(door, (await planned(door, path=path))["tag"], decisions, path=path)
        assert answer.status_code == 200, answer.text
        (file,) = (await door.http.get(f"/api/v1/sessions/{SESSION}/files")).json()
        return {"all": file["undecided"], **{one["meeting_id"]: one["undecided"] for one in file["meetings"]}}

    _, jan, ewa, _ = (one["lines"][0] for one in (await planned(door))["rows"])
    decided = f"{jan}:jan,{ewa}:"
    assert await imports("day-1") == {"all": 2, "day-1": 2}
    assert await imports("day-2", decided) == {"all": 2, "day-1": 2, "day-2": 0}
    assert await imports("day-1", decided) == {"all": 0, "day-1": 0, "day-2": 0}
    on_roster = (await door.http.get(f"/api/v1/sessions/{SESSION}/roster")).json()
    (of_jan,) = (one["meetings"] for one in on_roster if one["person_id"] == "jan")
    assert [one["minutes"] for one in of_jan] == [180, 120]  # Each minute of the file once.


async def test_what_cannot_be_kept_as_evidence_sets_nothing(door: Door) -> None:
    """The file is another system's among the session's papers: nobody is present by what the session's own papers do not name."""
    theirs = {"name": "r.csv", "media_type": "text/csv", "size": len(FILE), "decided_by": "archive", "kind": "report"}
    sha256 = hashlib.sha256(FILE).hexdigest()
    attached = FileAttached(session_id=SESSION, sha256=sha256, decided_at=BEFORE, **theirs)  # type: ignore[arg-type]
    await door.runtime.decider.act([heard(attached, at=BEFORE, source=ARCHIVE)])

    answer = await imported(door, (await planned(door))["tag"])

    assert answer.status_code >= 400
    assert set((await roster(door)).values()) == {None}


@pytest.mark.parametrize("opened_again", [(), (reopening(at=LATER),)], ids=["closed", "open to be put right"])
async def test_a_list_that_had_closed_before_its_session_was_cancelled_is_put_right_by_a_report(
    door: Door, opened_again: tuple[Any, ...]
) -> None:
    """As by a signed list, also if the office had opened it for that. One that was open then there is no more."""
    await door.runtime.decider.act([scan("jan")])
    await door.runtime.decider.act([close(at=ENDS)])
    door.clock[0] = LATER
    await door.runtime.decider.act([*opened_again, cancelled(at=LATER)])
    answer = await imported(door, (await planned(door))["tag"], by="office")
    assert (answer.status_code, answer.json()["marks"][0]["outcome"]) == (200, "set")

    await door.runtime.decider.act([cancelled(session_id="session-0002", at=LATER)])
    elsewhere = await door.http.post(REPORT.replace(SESSION, "session-0002"), content=FILE)
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (409, "urn:rollcall:problem:session-cancelled")


async def test_a_slip_of_the_pen_makes_nobody_up(door: Door) -> None:
    plan = await planned(door)
    line = plan["rows"][1]["lines"][0]
    for wrong in ("1:jan", f"{line}:nobody", f"{line}:jan,{line}:jan-2", "jan"):
        answer = await imported(door, plan["tag"], wrong)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:rollcall:problem:not-valid"), wrong
    assert set((await roster(door)).values()) == {None}


async def test_what_cannot_be_imported_is_refused_by_name(door: Door) -> None:
    async def why(file: bytes = FILE, path: str = REPORT, **query: str) -> tuple[int, str]:
        answer = await door.http.post(path, content=file, params=query)
        return answer.status_code, answer.json()["type"].rpartition(":")[2]

    assert await why(b"PK\x03\x04") == (422, "unreadable-report")
    assert await why(zone="Mars/Olympus") == (422, "not-valid")
    assert await why(path=REPORT.replace(SESSION, "nowhere")) == (404, "no-such-session")
    assert await why(path=REPORT.replace("day-1", "day-9")) == (404, "no-such-meeting")
    assert await why(b"x" * (MOST_BYTES + 1)) == (413, "too-large")
    assert await why(b"x" * 100_000, "/api/v1/scans") == (413, "too-large")
    door.clock[0] = BEFORE
    assert await why() == (409, "not-over")


async def test_times_are_on_the_clocks_of_the_zone_that_is_named(door: Door) -> None:
    plan = await planned(door, zone="Europe/London")
    assert (plan["rows"][0]["minutes"], plan["zone"]) == (240, "Europe/London")


async def test_of_large_bodies_no_more_are_held_than_there_is_memory_for(door: Door) -> None:
    """Whoever sends them need not have said who they are."""
    arrived, all_arrived, go_on = [0], asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b"x" * 100_000
        arrived[0] += 1
        if arrived[0] == MOST_LARGE:
            all_arrived.set()
        await go_on.wait()
        yield b"x"

    held = [asyncio.create_task(door.http.post(REPORT, content=slowly())) for _ in range(MOST_LARGE)]
    async with asyncio.timeout(60):
        await all_arrived.wait()
    assert (await door.http.post(REPORT, content=b"x" * 100_000)).status_code == 503
    assert (await door.http.post(REPORT, content=FILE)).status_code == 200
    go_on.set()
    assert {one.status_code for one in await asyncio.gather(*held)} == {422}
    assert (await door.http.post(REPORT, content=b"x" * 100_000)).status_code == 422
