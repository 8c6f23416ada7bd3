"""For how many of a meeting's minutes somebody was there: one rule, by instants."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.attendance.minutes import as_it_was, by_code, length_of, minutes_of, own_hours, whole_of
from services.attendance.state import Record
from shared.contracts.attendance import Presence
from shared.contracts.planner import Meeting
from tests.attendance.building import ENDS, RULES, STARTS, Desk, archived_present, day, enrolled, mark, scan, scheduled

MEETING = Meeting.model_validate(day())
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)


def night(date: str, starts: str, ends: str) -> Meeting:
    return Meeting.model_validate(
        {"meeting_id": "night", "starts_local": f"{date}T{starts}:00", "ends_local": f"{date}T{ends}:00"}
    )


def test_whoever_was_there_throughout_was_there_for_all_of_its_minutes() -> None:
    assert whole_of(MEETING) == minutes_of(MEETING) == 360


@pytest.mark.parametrize(
    ("after", "state", "minutes"),
    [
        (-HOUR, Presence.PRESENT, 360),
        (dt.timedelta(), Presence.PRESENT, 360),
        (15 * MINUTE, Presence.PRESENT, 360),
        (15 * MINUTE + dt.timedelta(seconds=1), Presence.LATE, 344),
        (2 * HOUR, Presence.LATE, 240),
        (6 * HOUR - MINUTE, Presence.LATE, 1),
        (6 * HOUR, Presence.PRESENT, 360),
        (8 * HOUR, Presence.PRESENT, 360),
    ],
)
def test_a_code_counts_from_the_beginning_within_the_grace_then_from_when_it_was_read(
    after: dt.timedelta, state: Presence, minutes: int
) -> None:
    stay = by_code(MEETING, STARTS + after, RULES)
    assert (stay.state, stay.minutes) == (state, minutes)
    assert (stay.arrived_at is not None) == (state is Presence.LATE)


def test_of_a_meeting_that_is_not_known_no_minutes_are() -> None:
    assert by_code(None, STARTS, RULES).minutes is None


@pytest.mark.parametrize(
    ("fields", "minutes"),
    [
        ({"arrived_at": STARTS + HOUR}, 300),
        ({"left_at": ENDS - HOUR}, 300),
        ({"arrived_at": STARTS + HOUR, "left_at": ENDS - 2 * HOUR}, 180),
        ({"arrived_at": STARTS - HOUR, "left_at": ENDS + HOUR}, 360),
        ({"stated": 100, "arrived_at": STARTS + HOUR}, 100),
        ({"stated": 500}, 360),
        ({"arrived_at": STARTS + dt.timedelta(seconds=1)}, 359),
        ({"arrived_at": ENDS + HOUR}, 0),
    ],
)
def test_minutes_lie_within_the_meeting_and_begun_ones_do_not_count(fields: dict[str, Any], minutes: int) -> None:
    assert minutes_of(MEETING, **fields) == minutes


@pytest.mark.parametrize(
    ("date", "starts", "ends", "minutes"),
    [
        ("2026-10-25", "01:00", "04:00", 240),  # 02:30 comes twice.
        ("2026-03-29", "01:00", "04:00", 120),  # 02:30 does not come.
        ("2026-10-25", "02:30", "04:00", 150),
        ("2026-03-29", "02:30", "04:00", 30),  # It begins when it would have: at 03:30.
        ("2026-10-24", "09:00", "15:00", 360),
    ],
)
def test_a_night_on_which_the_clocks_change_has_the_minutes_that_it_had(
    date: str, starts: str, ends: str, minutes: int
) -> None:
    assert minutes_of(night(date, starts, ends)) == minutes


def test_a_scan_in_the_hour_that_comes_twice_is_late_by_the_instant_at_which_it_was_made() -> None:
    meeting = night("2026-10-25", "01:00", "04:00")
    first, second = (dt.datetime(2026, 10, 25, hour, 30, tzinfo=dt.UTC) for hour in (0, 1))  # Both are 02:30 in Warsaw.
    assert [by_code(meeting, one, RULES).minutes for one in (first, second)] == [150, 90]


def test_what_somebody_has_marked_stays_as_marked_when_the_hours_change_and_its_minutes_follow() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), mark("anna", "present", at=STARTS + 2 * HOUR))
    desk.hear(mark("jan", "late", arrived_at=STARTS + HOUR, at=STARTS + 2 * HOUR))

    shorter = Meeting.model_validate(day(until=14))
    stays = [as_it_was(desk.record(person), shorter, RULES) for person in ("anna", "jan")]

    assert [(one.state, one.minutes) for one in stays] == [(Presence.PRESENT, 300), (Presence.LATE, 240)]


def test_what_an_archive_says_of_a_code_that_nobody_here_heard_is_as_it_says() -> None:
    desk = Desk()
    desk.hear(scheduled(), archived_present("anna", at=STARTS + HOUR))

    stay = as_it_was(desk.record("anna"), MEETING, RULES)

    assert (stay.state, stay.minutes) == (Presence.PRESENT, None)


def test_a_code_is_judged_anew_by_the_hours_as_they_are_known_now() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", at=STARTS + HOUR))
    record: Record = desk.record("anna")
    assert (record.state, record.minutes) == (Presence.LATE, 300)

    later = Meeting.model_validate(day() | {"starts_local": "2026-10-06T10:00:00"})

    stay = as_it_was(record, later, RULES)
    assert (stay.state, stay.minutes) == (Presence.PRESENT, 300)


@pytest.mark.parametrize(
    ("but", "minutes"),
    [
        ([(0, 60)], 300),
        ([(-60, 30), (300, 420)], 270),
        ([(60, 120), (90, 180)], 240),
        ([(0, 360)], 0),
        ([(-60, 420), (0, 60)], 0),
        ([(360, 420)], 360),
    ],
)
def test_hours_that_are_counted_elsewhere_are_none_of_a_meetings_own(but: list[tuple[int, int]], minutes: int) -> None:
    spans = [(STARTS + one * MINUTE, STARTS + until * MINUTE) for one, until in but]

    assert length_of(own_hours((STARTS, ENDS), spans)) == minutes_of(MEETING, but=spans) == minutes
    assert minutes_of(MEETING, stated=360, but=spans) == minutes
