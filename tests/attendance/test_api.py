"""Attendance over HTTP: what a door is answered, and what an operator does about scans that came to nothing."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from shared.books.watermark import WATERMARK
from shared.contracts.checkin import CheckInScanned
from shared.deciding.transaction import Decider
from tests.attendance.building import (
    DURING,
    SESSION,
    cancelled,
    close,
    day,
    enrolled,
    reopening,
    rescheduled,
    scan,
    scheduled,
)
from tests.attendance.door import NEVER, Door, opened


@pytest.fixture
async def door(url: str) -> AsyncIterator[Door]:
    async with opened(url) as here:
        yield here


async def test_a_scan_at_a_time_that_cannot_be_is_refused_with_both_times(door: Door) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna")])

    for made in (DURING - dt.timedelta(days=1), DURING + dt.timedelta(hours=1), dt.datetime(2001, 1, 1, tzinfo=dt.UTC)):
        refused = await door.scan("anna", key=made.isoformat(), made=made)
        assert (refused.status_code, refused.json()["reason"]) == (422, "implausible_time")
        assert f"scanned at {made.isoformat()}" in refused.json()["detail"]
    assert (await door.scan("anna", key="good")).json()["record"]["state"] == "present"
    assert await door.parked() == []


async def test_two_scans_of_the_same_microsecond_that_wait_in_vain_are_both_kept(door: Door) -> None:
    for key in ("one", "two"):
        assert (await door.scan("anna", key=key, session="nowhere")).json()["outcome"] == "Held"
    await door.wait_in_vain("nowhere")

    found = await door.parked()
    assert sorted(row["event_id"] for row in found) == ["one", "two"]
    assert {(row["stream"], row["partition"]) for row in found} == {("attendance.scans", -1)}
    assert all(row["offset"] < 0 for row in found)


async def test_what_came_over_http_and_was_parked_can_be_seen_retried_and_discarded(door: Door) -> None:
    for key in ("one", "two"):
        await door.scan(key, key=key, session=SESSION)
    await door.wait_in_vain(SESSION)
    one, two = sorted(await door.parked(), key=lambda row: row["event_id"])
    await door.runtime.decider.act([scheduled(), enrolled("one")])

    where = f"/api/v1/parked/{one['stream']}/{one['partition']}/{one['offset']}"
    assert (await door.http.get(where)).json()["reason"] == "unknown_meeting"
    assert (await door.http.post(where + "/retry")).json()["state"] == "heard"
    discarded = await door.http.post(f"/api/v1/parked/{two['stream']}/{two['partition']}/{two['offset']}/discard")
    assert discarded.json()["state"] == "discarded"
    assert (await door.scan("one", key="three")).json()["record"]["state"] == "present"
    async with door.runtime.engine.connect() as connection:
        counted = sa.select(sa.func.count()).select_from(WATERMARK).where(WATERMARK.c.partition < 0)
        assert (await connection.execute(counted)).scalar_one() == 0, "of no partition, and in nobody's counts"


async def test_a_parked_scan_holds_back_no_other_scan_of_the_same_person(door: Door) -> None:
    await door.scan("anna", key="wrong")
    await door.wait_in_vain(SESSION)
    assert [row["reason"] for row in await door.parked()] == ["unknown_meeting"]
    door.clock[0] = DURING
    await door.runtime.decider.act([scheduled(), enrolled("anna")])
    door.clock[0] = NEVER

    found = await door.scan("anna", key="right", made=DURING)

    assert (found.status_code, found.json()["record"]["state"]) == (200, "present")


async def test_a_scan_set_aside_for_its_time_is_heard_once_the_date_is_corrected(door: Door) -> None:
    await door.runtime.decider.act([scheduled()])
    assert (await door.scan("anna", key="one")).json()["outcome"] == "Held"
    await door.runtime.decider.act([rescheduled(day(days_later=7), at=DURING)])
    await door.wait_in_vain(SESSION)
    (parked,) = await door.parked()
    assert parked["reason"] == "implausible_time"

    await door.runtime.decider.act([rescheduled(day(), at=DURING), enrolled("anna")])
    retried = await door.http.post(f"/api/v1/parked/attendance.scans/-1/{parked['offset']}/retry")

    assert retried.json()["state"] == "heard"
    (row,) = (await door.http.get(f"/api/v1/sessions/{SESSION}/roster")).json()
    assert row["meetings"][0]["state"] == "present"


async def test_the_next_page_of_parked_records_begins_after_the_last_one(door: Door) -> None:
    for key in ("one", "two", "three"):
        await door.scan("anna", key=key, session="nowhere")
    await door.wait_in_vain("nowhere")
    whole = [row["offset"] for row in await door.parked()]

    first = (await door.http.get("/api/v1/parked", params={"limit": 2})).json()
    last = "{stream}/{partition}/{offset}".format(**first[-1])
    second = (await door.http.get("/api/v1/parked", params={"limit": 2, "after": last})).json()
    assert (len(first), len(second)) == (2, 1)
    assert [row["offset"] for row in (*first, *second)] == whole


@pytest.mark.parametrize("made", [1_761_289_930, 1_761_289_930_000, "1761289930", True, "yesterday", "2026-10-24"])
async def test_a_scan_says_when_it_was_made_as_a_time_is_written(door: Door, made: object) -> None:
    body = {"session_id": SESSION, "meeting_id": "day-1", "person_id": "anna", "scanned_at": made}
    refused = await door.http.post("/api/v1/scans", json=body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "scanned_at")


# --- commands that have nothing to say ---------------------------------------------------------


async def test_a_scan_that_changes_nothing_is_known_by_its_key_as_any_other(door: Door) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna"), enrolled("jan")])
    await door.scan("anna", key="first")

    again = await door.scan("anna", key="second")
    assert (again.status_code, again.json()["outcome"]) == (200, "AlreadyPresent")
    assert again.json()["event_id"] == again.json()["record"]["event_id"]
    assert (await door.scan("anna", key="second")).json() == again.json()
    assert (await door.scan("jan", key="second")).status_code == 422
    assert (await door.scan("anna", key="second", made=DURING - dt.timedelta(minutes=1))).status_code == 422


async def test_a_scan_that_was_held_and_then_changes_nothing_is_known_by_its_key_too(door: Door) -> None:
    await door.runtime.decider.act([scheduled()])
    for key in ("first", "second"):
        assert (await door.scan("anna", key=key)).json()["outcome"] == "Held"
    await door.runtime.decider.act([enrolled("anna")])

    outcomes = {key: (await door.scan("anna", key=key)).json()["outcome"] for key in ("first", "second")}
    assert sorted(outcomes.values()) == ["AlreadyPresent", "ParticipantAttended"]
    assert {(await door.scan("jan", key=key)).status_code for key in outcomes} == {422}


async def test_what_was_answered_without_a_fact_is_known_after_a_restart(door: Door, url: str) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna"), scan("anna")])
    await door.scan("anna", key="second")

    engine = create_async_engine(url)
    other = Decider(engine, door.runtime.service, said=lambda: None)
    heard = [(key, person) for key in ("second", "third") for person in ("anna", "jan")]
    aside = []
    for key, person in heard:
        body = CheckInScanned(
            session_id=SESSION, meeting_id="day-1", person_id=person, scanned_at=DURING, device_id=None
        )
        sent = dataclasses.replace(scan(person, id=key), source="rollcall/attendance/door", body=body)
        aside += [(key, person, one.reason) for one in (await other.act([sent])).aside]
    await engine.dispose()
    assert aside == [("second", "jan", "id_reused"), ("third", "jan", "id_reused")]


async def test_closing_a_list_that_is_closed_changes_nothing_and_is_known_by_its_key(door: Door) -> None:
    await door.runtime.decider.act([scheduled(day(), day("day-2")), enrolled("anna"), close(at=DURING)])

    closed = await door.close("day-1", key="mine")
    assert (closed.status_code, closed.json()["outcome"]) == (200, "AlreadyClosed")
    assert (await door.close("day-1", key="mine")).json() == closed.json()
    assert (await door.close("day-2", key="mine")).status_code == 422
    assert (await door.scan("anna", key="mine")).status_code == 422


async def test_the_same_closing_again_gets_the_same_answer_also_when_the_list_is_open_again(door: Door) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna"), close(at=DURING)])
    await door.close("day-1", key="mine")
    await door.runtime.decider.act([rescheduled(day(days_later=7), at=DURING + dt.timedelta(days=1))])

    again = await door.close("day-1", key="mine")
    assert (again.status_code, again.json()["outcome"], again.json()["is_open"]) == (200, "AlreadyClosed", True)


async def test_a_list_that_cannot_be_closed_is_not_closed_and_its_key_is_free(door: Door) -> None:
    await door.runtime.decider.act([scheduled(day(days_later=7)), enrolled("anna")])

    assert (await door.close("day-1", key="mine")).status_code == 409
    assert (await door.close("day-9", key="mine")).status_code == 404
    assert (await door.scan("anna", key="mine", session="elsewhere")).json()["outcome"] == "Held"


@pytest.mark.parametrize(("opened_again", "status"), [((), 409), ((close(at=DURING), reopening(at=DURING)), 503)])
async def test_the_list_of_a_cancelled_session_is_closed_only_if_it_had_closed_before(
    door: Door, opened_again: tuple[Any, ...], status: int
) -> None:
    """Then it is asked what has been heard, which without a Kafka nobody knows."""
    await door.runtime.decider.act([scheduled(), enrolled("anna"), *opened_again, cancelled(at=DURING)])

    assert (await door.close("day-1", key="mine")).status_code == status


async def test_a_closing_that_came_to_nothing_in_the_meantime_says_so(door: Door) -> None:
    """It was checked before it was decided; what is decided counts."""
    thought = await door.runtime.decider.act([close("day-1"), close("day-2")])
    assert [one.reason for one in thought.aside] == ["no_list"] * 2
    await door.runtime.decider.act([scheduled(day(days_later=7))])
    thought = await door.runtime.decider.act([close("day-1")])
    assert [one.reason for one in thought.aside] == ["no_list"]
