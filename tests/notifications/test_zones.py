"""A client that knows only our VTIMEZONE reads the same instants as we do."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from services.notifications.zones import timezone

ZONES = [
    "Europe/Warsaw",
    "Europe/Dublin",  # Its winter is the exception by law.
    "Africa/Casablanca",  # Follows the moon: no rule.
    "Asia/Gaza",  # Follows the moon until 2086, and then a rule.
    "Asia/Tokyo",
    "America/Nuuk",  # Changes on the Saturday before the last Sunday.
    "Australia/Lord_Howe",  # By half an hour, and in the south.
    "America/New_York",
    "UTC",
]


@pytest.mark.parametrize(
    ("zone", "first_year"),
    [*((zone, 2026) for zone in ZONES), ("America/New_York", 2006)],  # Another rule from 2007.
)
def test_every_hour_of_the_years_is_read_as_it_is(zone: str, first_year: int) -> None:
    told, known = timezone(zone, first_year, first_year + 1).to_tz(lookup_tzid=False), ZoneInfo(zone)
    hour = dt.datetime(first_year, 1, 1, tzinfo=dt.UTC)
    while hour.year < first_year + 2:
        local = hour.astimezone(known)
        if local.utcoffset() == local.replace(fold=1).utcoffset():  # On the others readers differ.
            assert local.replace(tzinfo=told).utcoffset() == local.utcoffset(), local
        hour += dt.timedelta(hours=1)


def test_a_zone_with_a_rule_is_told_by_its_rule_in_the_time_before_each_change() -> None:
    told = timezone("Europe/Warsaw", 2026, 2026).to_ical().decode()
    summer, winter = told.split("BEGIN:STANDARD")
    assert "DTSTART:20250330T020000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\n" in summer
    assert "DTSTART:20251026T030000\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\n" in winter
    assert "RDATE" not in told


@pytest.mark.parametrize(
    ("zone", "rules"),
    [
        ("America/New_York", ["BYDAY=2SU;BYMONTH=3", "BYDAY=1SU;BYMONTH=11"]),
        ("America/Nuuk", ["BYDAY=SA;BYMONTHDAY=24,25,26,27,28,29,30;BYMONTH=3", "BYDAY=-1SU;BYMONTH=10"]),
    ],
)
def test_a_rule_says_which_of_the_weekdays_it_is(zone: str, rules: list[str]) -> None:
    told = timezone(zone, 2026, 2026).to_ical().decode()
    assert [line.removeprefix("RRULE:FREQ=YEARLY;") for line in told.splitlines() if "RRULE" in line] == rules


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "UTC"])
def test_a_zone_without_changes_has_one_standard_time(zone: str) -> None:
    told = timezone(zone, 2026, 2027)
    assert (len(told.standard), len(told.daylight)) == (1, 0)
    assert "RRULE" not in told.standard[0]


def test_a_zone_without_a_rule_is_told_change_by_change_and_never_by_rdate() -> None:
    told = timezone("Africa/Casablanca", 2026, 2026).to_ical().decode()
    assert "RRULE" not in told
    assert "RDATE" not in told
    assert told.count("BEGIN:DAYLIGHT") == 3  # The year before, the year itself, the year after.


@pytest.mark.parametrize("year", [1, 9999])
def test_no_year_is_too_far_to_be_told(year: int) -> None:
    assert timezone("Europe/Warsaw", year, year).to_ical()
