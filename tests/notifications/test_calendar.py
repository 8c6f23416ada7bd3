"""What a participant's calendar is told: one entry a meeting, at the right instant on both sides of a clock change."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from icalendar import Calendar

from services.notifications.calendar import Entry, Layout, Method, lay_out, meeting_uid
from shared.contracts.planner import Meeting

STATED_AT = dt.datetime(2026, 10, 1, 8, 15, 2, tzinfo=dt.UTC)


def meeting(meeting_id: str, starts: str, ends: str, zone: str = "Europe/Warsaw") -> Meeting:
    return Meeting(
        meeting_id=meeting_id,
        starts_local=dt.datetime.fromisoformat(starts),
        ends_local=dt.datetime.fromisoformat(ends),
        zone=zone,
    )


DAY = meeting("day-1", "2026-11-26T09:00", "2026-11-26T15:00")


def layout(*meetings: Meeting, method: Method = Method.REQUEST, sequence: int = 1, topic: str = "Klimat") -> Layout:
    entries = tuple(Entry(each, f"Szkolenie: {topic}", "Opis\ndrugi wiersz", "Urząd, sala 12") for each in meetings)
    return lay_out(method, "session-1", sequence, entries, "szkolenia@example.org", "Biuro „Programu”")


def for_person(laid_out: Layout, person_id: str = "person-1", full_name: str = "Żaneta Wiśniewska") -> bytes:
    return laid_out.for_person(person_id, full_name, "zaneta@example.org", STATED_AT)


def parsed(laid_out: Layout, **person: str) -> Any:
    """`Any`, because a property of `icalendar` may be any of thirty types."""
    return Calendar.from_ical(for_person(laid_out, **person))


def test_each_meeting_is_one_event_with_the_person_as_its_attendee() -> None:
    calendar = parsed(layout(DAY, meeting("day-2", "2026-11-27T09:00", "2026-11-27T14:30")))
    assert calendar["METHOD"] == "REQUEST"
    assert [event["DTSTART"].dt.isoformat() for event in calendar.events] == [
        "2026-11-26T09:00:00+01:00",
        "2026-11-27T09:00:00+01:00",
    ]
    for event in calendar.events:
        assert event["ATTENDEE"] == "mailto:zaneta@example.org"
        assert event["ATTENDEE"].params["CN"] == "Żaneta Wiśniewska"
        assert event["ORGANIZER"] == "mailto:szkolenia@example.org"
        assert event["DTSTAMP"].dt == STATED_AT
        assert event["STATUS"] == "CONFIRMED"


def test_a_change_and_a_cancellation_name_the_entry_that_the_confirmation_made() -> None:
    moved = meeting("day-1", "2026-12-03T09:00", "2026-12-03T15:00")
    told = [
        parsed(layout(DAY, sequence=1)).events[0],
        parsed(layout(moved, sequence=2)).events[0],
        parsed(layout(moved, sequence=3, method=Method.CANCEL)).events[0],
    ]
    assert len({event["UID"] for event in told}) == 1
    assert [event["SEQUENCE"] for event in told] == [1, 2, 3]
    assert len({event["ORGANIZER"] for event in told}) == 1
    assert told[2]["STATUS"] == "CANCELLED"


def test_the_uid_never_changes_between_releases() -> None:
    assert meeting_uid("session-1", "day-1", "person-1") == "83f9666d-507d-5567-b16e-25b8918e97d2"


def test_two_people_or_two_meetings_never_share_an_entry() -> None:
    uids = {meeting_uid(s, m, p) for s in ("a", "a-b") for m in ("1", "b-1") for p in ("x", "1-x")}
    assert len(uids) == 8


@pytest.mark.parametrize(
    ("starts", "ends", "starts_utc", "ends_utc"),
    [
        ("2026-10-24T09:00", "2026-10-24T15:00", "2026-10-24T07:00", "2026-10-24T13:00"),  # the last day of summer time
        ("2026-10-25T09:00", "2026-10-25T15:00", "2026-10-25T08:00", "2026-10-25T14:00"),  # clocks went back that night
        ("2027-03-27T09:00", "2027-03-27T15:00", "2027-03-27T08:00", "2027-03-27T14:00"),
        ("2027-03-28T09:00", "2027-03-28T15:00", "2027-03-28T07:00", "2027-03-28T13:00"),  # clocks went forward
        (
            "2026-10-24T22:00",
            "2026-10-25T06:00",
            "2026-10-24T20:00",
            "2026-10-25T05:00",
        ),  # nine hours through the change
        (
            "2026-10-25T02:30",
            "2026-10-25T04:00",
            "2026-10-25T00:30",
            "2026-10-25T03:00",
        ),  # 2:30 happens twice: the first
        ("2027-03-28T02:30", "2027-03-28T04:00", "2027-03-28T01:30", "2027-03-28T02:00"),  # 2:30 does not happen
    ],
)
def test_wall_time_keeps_its_instant_on_both_sides_of_a_clock_change(
    starts: str, ends: str, starts_utc: str, ends_utc: str
) -> None:
    event = parsed(layout(meeting("day-1", starts, ends))).events[0]
    assert event["DTSTART"].params["TZID"] == "Europe/Warsaw"
    assert event["DTSTART"].dt.replace(tzinfo=None) == dt.datetime.fromisoformat(starts)
    assert event["DTSTART"].dt.astimezone(dt.UTC).replace(tzinfo=None) == dt.datetime.fromisoformat(starts_utc)
    assert event["DTEND"].dt.astimezone(dt.UTC).replace(tzinfo=None) == dt.datetime.fromisoformat(ends_utc)


@pytest.mark.parametrize("day", ["2026-03-28", "2026-03-29", "2026-10-24", "2026-10-25", "2026-07-01", "2026-12-31"])
def test_a_client_that_knows_only_our_vtimezone_reads_the_same_instant(day: str) -> None:
    each = meeting("day-1", f"{day}T09:00", f"{day}T15:00")
    calendar = parsed(layout(each))
    zone = next(iter(calendar.timezones)).to_tz(lookup_tzid=False)
    assert each.starts_local.replace(tzinfo=zone).astimezone(dt.UTC) == each.starts_at
    assert each.ends_local.replace(tzinfo=zone).astimezone(dt.UTC) == each.ends_at


def test_each_zone_in_use_is_told_once_and_before_the_events() -> None:
    abroad = meeting("day-2", "2026-11-27T09:00", "2026-11-27T14:30", zone="Europe/Vilnius")
    calendar = parsed(layout(DAY, abroad, meeting("day-3", "2027-01-05T09:00", "2027-01-05T10:00")))
    names = [component.name for component in calendar.subcomponents]
    assert names == ["VTIMEZONE", "VTIMEZONE", "VEVENT", "VEVENT", "VEVENT"]
    assert [zone.tz_name for zone in calendar.timezones] == ["Europe/Vilnius", "Europe/Warsaw"]


@pytest.mark.parametrize(
    "words", ["BEGIN:VEVENT", 'a; b, c\\n: "d"', "END:VCALENDAR", "<b>O'Neill & Żółć</b>", "x" * 150]
)
def test_no_words_of_a_session_or_a_person_break_out_of_their_line(words: str) -> None:
    calendar = parsed(layout(DAY, topic=words), full_name=words)
    (event,) = calendar.events
    assert event["SUMMARY"] == f"Szkolenie: {words}"
    assert event["ATTENDEE"].params["CN"] == words
    assert [component.name for component in calendar.subcomponents] == ["VTIMEZONE", "VEVENT"]


def test_lines_are_folded_as_the_standard_asks() -> None:
    content = for_person(layout(DAY, topic="Zażółć gęślą jaźń " * 12), full_name="Żółć " * 30)
    assert content.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_the_same_values_give_the_same_bytes() -> None:
    assert for_person(layout(DAY)) == for_person(layout(DAY))
