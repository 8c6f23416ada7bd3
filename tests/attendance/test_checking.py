"""Check-in over HTTP: one scan, what a device has kept, tickets; each answered by a rule with a name that says when it would be right."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.attendance.books import books
from services.attendance.rulebook import TEXTS, ScanRule
from shared.contracts.notifications import LinkKeyStated
from shared.web.links import Signer, Ticket, new_key
from tests.attendance.building import (
    CLOSES,
    DURING,
    ENDS,
    LATER,
    RULES,
    SESSION,
    STARTS,
    archived_list,
    cancelled,
    close,
    correction,
    day,
    enrolled,
    heard,
    mark,
    reopening,
    rescheduled,
    restated,
    scheduled,
    withdrawn,
)
from tests.attendance.door import Door, opened

MINUTE, HOUR, DAY_LONG = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
YEAR = 366 * DAY_LONG
PRIVATE, PUBLIC = new_key()
SIGNER = Signer("k-1", PRIVATE, LATER + YEAR, LATER + 3 * YEAR)


@pytest.fixture
async def door(url: str) -> AsyncIterator[Door]:
    async with opened(url) as here:
        yield here


def kept(person: str, *, id: str = "", made: dt.datetime = DURING, **fields: Any) -> dict[str, Any]:
    said = {"session_id": SESSION, "meeting_id": "day-1", "person_id": person} | fields
    return {"id": id or f"{person}-{made.isoformat()}", "scanned_at": made.isoformat(), **said}


def ticket(
    person: str, *, session_id: str = SESSION, until: dt.datetime = LATER + YEAR, signer: Signer = SIGNER
) -> str:
    return signer.ticket(Ticket("attendance", person, session_id, until))


def by_ticket(token: str, *, id: str, made: dt.datetime = DURING, **fields: Any) -> dict[str, Any]:
    return {"id": id, "ticket": token, "scanned_at": made.isoformat(), **fields}


async def sent(door: Door, *scans: dict[str, Any], by: str = "door") -> list[tuple[str, str]]:
    """(what became of it, by which rule)"""
    return [(one["outcome"], one["rule"]) for one in await answers(door, *scans, by=by)]


async def answers(door: Door, *scans: dict[str, Any], by: str = "door") -> list[dict[str, Any]]:
    answer = await door.http.post("/api/v1/scans/batch", json={"scans": list(scans)}, headers=door.by(by))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    assert [one["id"] for one in found] == [one["id"] for one in scans]
    return found


async def came(door: Door) -> dict[str, int]:
    (meeting, *_) = (await door.http.get(f"/api/v1/sessions/{SESSION}")).json()["meetings"]
    return {name: meeting[name] for name in ("present", "without_place")}


async def known(door: Door) -> None:
    await door.runtime.decider.act([scheduled(), enrolled("anna"), enrolled("jan")])


async def test_each_scan_of_a_batch_is_answered_alone_and_by_a_rule(door: Door) -> None:
    await known(door)
    await door.runtime.decider.act([withdrawn("jan")])
    door.clock[0] = ENDS + 2 * HOUR

    found = await answers(
        door,
        kept("anna"),
        kept("anna", made=DURING + HOUR),
        kept("jan", made=STARTS + HOUR),
        kept("ewa"),
        kept("anna", id="early", made=STARTS - DAY_LONG),
        kept("anna", id="elsewhere", session_id="nowhere"),
        kept("anna", id="later", made=ENDS + 3 * HOUR),
    )

    assert [(one["outcome"], one["rule"]) for one in found] == [
        ("accepted", "in_time"),
        ("repeated", "repeated"),
        ("accepted", "without_place"),
        ("held", "place_unknown"),
        ("refused", "too_early"),
        ("held", "session_unknown"),
        ("refused", "clock_ahead"),
    ]
    early = found[4]
    assert (early["right_from"], early["right_until"]) == ("2026-10-05T19:00:00Z", "2026-10-07T01:00:00Z")
    assert found[1]["record"]["scanned_at"] == found[0]["record"]["scanned_at"]
    assert (found[0]["text"], found[0]["text_pl"]) == TEXTS[ScanRule.IN_TIME]


async def test_what_a_device_kept_may_be_sent_twice_days_later_and_from_another_device(door: Door) -> None:
    await known(door)
    batch = [kept("anna"), kept("jan"), kept("jan", made=DURING + HOUR)]
    door.clock[0] = LATER + 3 * DAY_LONG

    first = await answers(door, *batch)
    again = await answers(door, *batch)
    other = await answers(door, *batch, by="other")

    assert again == first
    assert [one["outcome"] for one in other] == ["repeated"] * 3
    assert await came(door) == {"present": 2, "without_place": 0}


async def test_the_same_id_twice_in_a_batch_is_one_scan_and_another_scan_under_it_is_refused(door: Door) -> None:
    await known(door)

    found = await sent(door, kept("anna", id="one"), kept("anna", id="one"), kept("jan", id="one"))

    assert found == [("accepted", "in_time"), ("accepted", "in_time"), ("refused", "key_taken")]


async def test_scans_are_taken_or_refused_by_what_became_of_the_session(door: Door) -> None:
    await known(door)
    assert await sent(door, kept("anna", made=STARTS + 2 * HOUR)) == [("refused", "clock_ahead")]
    door.clock[0] = ENDS + HOUR
    assert await sent(door, kept("anna", id="at-the-end", made=ENDS + HOUR)) == [("accepted", "after_the_end")]
    await door.runtime.decider.act([cancelled(at=DURING)])
    assert await sent(door, kept("jan")) == [("accepted", "session_cancelled")]


async def test_a_scan_of_a_session_that_was_moved_says_when_it_would_be_right(door: Door) -> None:
    await known(door)
    await door.runtime.decider.act([rescheduled(day(days_later=7), at=DURING)])

    (one,) = await answers(door, kept("anna"))

    assert (one["outcome"], one["rule"], one["right_from"]) == ("refused", "too_early", "2026-10-12T19:00:00Z")


async def test_a_clock_that_is_a_day_wrong_finds_the_other_day_and_moves_nobody_there(door: Door) -> None:
    await door.runtime.decider.act([scheduled(day(), day("day-2", days_later=1)), enrolled("anna")])
    door.clock[0] = DURING + DAY_LONG

    (one,) = await answers(door, kept("anna", meeting_id="day-2", made=DURING - HOUR))

    assert (one["outcome"], one["rule"], one["right_meeting_id"]) == ("refused", "another_day", "day-1")
    assert await came(door) == {"present": 0, "without_place": 0}


async def test_a_scan_after_the_closing_and_one_against_a_mark_say_so(door: Door) -> None:
    await known(door)
    await door.runtime.decider.act([mark("jan", "absent", at=STARTS + HOUR), close(at=ENDS)])
    door.clock[0] = LATER

    found = await answers(door, kept("anna"), kept("jan"))

    assert [(one["outcome"], one["rule"]) for one in found] == [
        ("accepted", "after_closing"),
        ("contradicted", "mark_stands"),
    ]
    assert await contradicted(door) == {"anna": False, "jan": True}


async def contradicted(door: Door) -> dict[str, bool]:
    rows = (await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-1/roster")).json()
    return {row["person_id"]: row["is_contradicted"] for row in rows}


@pytest.mark.parametrize("decided", ["present", "excused"])
async def test_what_a_code_says_otherwise_is_decided_by_another_mark_on_the_list_as_in_the_books(
    door: Door, decided: str
) -> None:
    """Else the list would go on asking about somebody whom it calls present by now."""
    await known(door)
    await door.runtime.decider.act([mark("jan", "absent", at=STARTS + HOUR)])
    door.clock[0] = STARTS + 2 * HOUR
    await sent(door, kept("jan"))
    assert await contradicted(door) == {"anna": False, "jan": True}

    await door.runtime.decider.act([restated("jan", town="town-2", at=STARTS + 2 * HOUR), close(at=ENDS)])
    assert (await contradicted(door))["jan"]  # The list says the mark anew, for another town.
    await door.runtime.decider.act([correction("jan", decided, at=LATER)])

    assert await contradicted(door) == {"anna": False, "jan": False}
    async with door.runtime.engine.connect() as connection:
        assert (await books(connection, RULES))["open"]["contradictions"] == 0


async def test_a_list_of_another_system_is_left_to_it(door: Door) -> None:
    await known(door)
    await door.runtime.decider.act([archived_list(present=1)])
    door.clock[0] = LATER

    assert await sent(door, kept("anna")) == [("refused", "list_of_another_system")]


# --- tickets -------------------------------------------------------------------------------------


async def with_key(door: Door, *, verifies_until: dt.datetime = LATER + 3 * YEAR) -> None:
    body = LinkKeyStated(
        key_id="k-1", audience="attendance", public_key=PUBLIC, verifies_until=verifies_until, decided_at=STARTS
    )
    await door.runtime.decider.act([heard(body, at=STARTS, source="rollcall/notifications")])


async def test_a_ticket_is_taken_instead_of_an_id_and_finds_its_meeting(door: Door) -> None:
    await door.runtime.decider.act([scheduled(day(), day("day-2", days_later=1)), enrolled("anna"), enrolled("jan")])
    await with_key(door)
    door.clock[0] = DURING + DAY_LONG

    found = await answers(
        door,
        by_ticket(ticket("anna"), id="1"),
        by_ticket(ticket("anna"), id="2", made=DURING + DAY_LONG),
        by_ticket(ticket("jan"), id="3", made=DURING + DAY_LONG, session_id=SESSION, meeting_id="day-2"),
    )

    assert [(one["outcome"], one["meeting_id"], one["person_id"]) for one in found] == [
        ("accepted", "day-1", "anna"),
        ("accepted", "day-2", "anna"),
        ("accepted", "day-2", "jan"),
    ]


async def test_a_ticket_survives_a_move_of_its_session(door: Door) -> None:
    await known(door)
    await door.runtime.decider.act([rescheduled(day(days_later=30), at=DURING)])
    await with_key(door)
    door.clock[0] = DURING + 30 * DAY_LONG

    assert await sent(door, by_ticket(ticket("anna"), id="1", made=door.clock[0])) == [("accepted", "in_time")]


async def test_a_ticket_that_a_device_has_kept_is_of_the_day_on_which_it_was_read_also_if_there_is_no_such_day_any_more(
    door: Door,
) -> None:
    """Read on the second day, which was dropped a week after it had taken place."""
    second = day("day-2", days_later=1)
    await door.runtime.decider.act([scheduled(day(), second), enrolled("anna"), enrolled("jan")])
    await with_key(door)
    door.clock[0] = ENDS + DAY_LONG
    assert await sent(door, by_ticket(ticket("jan"), id="1", made=DURING + DAY_LONG)) == [("accepted", "in_time")]
    await door.runtime.decider.act([close("day-2", at=door.clock[0])])
    await door.runtime.decider.act([rescheduled(day(), at=LATER + 7 * DAY_LONG)])
    door.clock[0] = LATER + 8 * DAY_LONG

    (found,) = await answers(door, by_ticket(ticket("anna"), id="2", made=DURING + DAY_LONG))

    assert (found["outcome"], found["meeting_id"], found["record"]["minutes"]) == ("accepted", "day-2", 360)


@pytest.mark.parametrize("named", [{}, {"session_id": SESSION, "meeting_id": "day-2"}], ids=["no day", "the day"])
async def test_a_ticket_of_a_day_whose_list_is_put_right_and_that_is_dropped_meanwhile_is_of_that_day(
    door: Door, named: dict[str, str]
) -> None:
    second = day("day-2", days_later=1)
    await door.runtime.decider.act([scheduled(day(), second), enrolled("anna"), enrolled("jan")])
    await with_key(door)
    door.clock[0] = LATER + DAY_LONG
    await door.runtime.decider.act([close("day-2", at=door.clock[0])])
    await door.runtime.decider.act([reopening("day-2", at=door.clock[0] + MINUTE)])
    await door.runtime.decider.act([rescheduled(day(), at=door.clock[0] + 2 * MINUTE)])
    door.clock[0] += HOUR

    (found,) = await answers(door, by_ticket(ticket("anna"), id="2", made=DURING + DAY_LONG, **named))

    assert (found["outcome"], found["meeting_id"], found["record"]["minutes"]) == ("accepted", "day-2", 360)


async def test_a_ticket_that_was_read_in_an_afternoon_that_there_is_no_more_says_nothing_of_the_morning(
    door: Door,
) -> None:
    morning, afternoon = day("morning", until=12), day("afternoon", until=17)
    afternoon["starts_local"] = afternoon["starts_local"].replace(hour=13)
    await door.runtime.decider.act([scheduled(morning, afternoon), enrolled("anna"), enrolled("jan")])
    await with_key(door)
    door.clock[0] = ENDS + 3 * HOUR
    theirs, hers = by_ticket(ticket("jan"), id="1", made=ENDS), by_ticket(ticket("anna"), id="2", made=ENDS)
    await sent(door, theirs)
    await door.runtime.decider.act([close("afternoon", at=door.clock[0])])
    await door.runtime.decider.act([rescheduled(morning, at=door.clock[0] + HOUR)])
    door.clock[0] += 2 * HOUR

    (found,) = await answers(door, hers)

    assert (found["outcome"], found["meeting_id"]) == ("accepted", "afternoon")


async def test_a_ticket_of_a_day_that_was_dropped_and_did_not_take_place_is_of_none(door: Door) -> None:
    """The first one that was dropped did."""
    others = day("day-2", days_later=1), day("day-3", days_later=2)
    await door.runtime.decider.act([scheduled(day(), *others), enrolled("anna")])
    await with_key(door)
    door.clock[0] = DURING + 2 * DAY_LONG
    await door.runtime.decider.act([close("day-2", at=ENDS + DAY_LONG)])
    await door.runtime.decider.act([rescheduled(day(), at=door.clock[0])])

    assert await sent(door, by_ticket(ticket("anna"), id="1", made=DURING + 2 * DAY_LONG)) == [
        ("refused", "no_meeting_now")
    ]


async def test_every_ticket_that_lets_nobody_in_is_refused_by_name(door: Door) -> None:
    await known(door)
    await with_key(door)
    good, elsewhere = ticket("anna"), dataclasses.replace(SIGNER, key_id="k-of-another-environment")
    head, claims, signature = good.split(".")

    found = await sent(
        door,
        by_ticket("not-a-ticket", id="1"),
        by_ticket(ticket("anna", signer=elsewhere), id="2"),
        by_ticket(f"{head}.{ticket('jan').split('.')[1]}.{signature}", id="3"),
        by_ticket(ticket("anna", until=STARTS - HOUR), id="4"),
        by_ticket(good, id="5", session_id="session-0002"),
        by_ticket(good, id="6", made=STARTS - DAY_LONG),
        by_ticket(good, id="7", person_id="jan"),
        by_ticket(good, id="8", person_id="anna"),
    )

    assert claims
    assert found == [
        ("refused", "ticket_unreadable"),
        ("refused", "ticket_unknown_key"),
        ("refused", "ticket_altered"),
        ("refused", "ticket_expired"),
        ("refused", "ticket_of_another_session"),
        ("refused", "no_meeting_now"),
        ("refused", "ticket_of_another_person"),
        ("accepted", "in_time"),
    ]


async def test_a_ticket_that_was_good_at_the_door_is_good_when_the_device_sends_it_weeks_later(door: Door) -> None:
    await known(door)
    await with_key(door)
    scan = by_ticket(ticket("anna", until=ENDS), id="1")
    first = await sent(door, scan)
    door.clock[0] = LATER + 20 * DAY_LONG

    assert await sent(door, scan, by_ticket(ticket("jan", until=ENDS), id="2")) == [*first, ("accepted", "in_time")]
    assert door.clock[0] > CLOSES


async def test_one_scan_by_ticket_is_answered_as_any_other_and_refused_as_a_problem(door: Door) -> None:
    await known(door)
    await with_key(door)
    body = by_ticket(ticket("anna"), id="x")
    del body["id"]

    taken = await door.http.post("/api/v1/scans", json=body)
    refused = await door.http.post("/api/v1/scans", json=body | {"ticket": "no-ticket"})

    assert (taken.status_code, taken.json()["person_id"]) == (200, "anna")
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:rollcall:problem:ticket-refused")
    assert refused.json()["detail"].startswith("ticket_unreadable: ")
    assert "no-ticket" not in refused.text


@pytest.mark.parametrize(
    "body",
    [
        {"scanned_at": DURING.isoformat()},
        {"scanned_at": DURING.isoformat(), "person_id": "anna"},
        {"scanned_at": DURING.isoformat(), "person_id": None, "ticket": "x.y.z"},
    ],
)
async def test_a_scan_says_of_whom_and_of_which_meeting(door: Door, body: dict[str, Any]) -> None:
    assert (await door.http.post("/api/v1/scans", json=body)).status_code == 422


async def test_the_integrators_page_has_every_rule_with_what_people_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "integrators.md").read_text("utf-8")
    rows = [f"| `{rule}` | {TEXTS[rule][0]} | {TEXTS[rule][1]} |" for rule in ScanRule]
    assert [row for row in rows if row not in page] == []
