"""What a participant's calendar is told: one entry a session, each day at the right instant for whoever reads it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import recurring_ical_events
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from services.notifications.calendar import (
    RULE_DAYS_MAX,
    Attendee,
    Entry,
    Layout,
    Method,
    Organiser,
    entry_uid,
    lay_out,
    person_lines,
    recurrence_of,
)
from services.notifications.templates.timetable import in_order
from shared.contracts.planner import Meeting
from tests.campaigns import cases
from tests.notifications.reading_calendars import read_by_ical_js

STATED_AT = dt.datetime(2026, 10, 1, 8, 15, 2, tzinfo=dt.UTC)
Occurrence = tuple[str, str, str]


def meeting(meeting_id: str, starts: str, ends: str, zone: str = "Europe/Warsaw") -> Meeting:
    return Meeting(
        meeting_id=meeting_id,
        starts_local=dt.datetime.fromisoformat(starts),
        ends_local=dt.datetime.fromisoformat(ends),
        zone=zone,
    )


DAY = meeting("day-1", "2026-11-26T09:00", "2026-11-26T15:00")
NEXT_DAY = meeting("day-2", "2026-11-27T09:00", "2026-11-27T14:30")
LATER = meeting("day-3", "2026-12-02T10:00", "2026-12-02T13:00")


def layout(*meetings: Meeting, method: Method = Method.REQUEST, sequence: int = 1, topic: str = "Klimat") -> Layout:
    entries = tuple(
        Entry(each, f"{topic}: {each.meeting_id}", "Opis\ndrugi wiersz", "Urząd, sala 12") for each in meetings
    )
    return lay_out(method, sequence, topic, entries)


def for_person(laid_out: Layout, person_id: str = "person-1", full_name: str = "Żaneta Wiśniewska") -> bytes:
    attendee, organiser = (
        Attendee(full_name, "zaneta@example.org"),
        Organiser("szkolenia@example.org", "Biuro „Programu”"),
    )
    return laid_out.for_person(person_lines("session-1", person_id, attendee, organiser, STATED_AT))


def parsed(laid_out: Layout, **person: str) -> Any:
    """`Any`, because a property of `icalendar` may be any of thirty types."""
    return Calendar.from_ical(for_person(laid_out, **person))


def in_utc(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def expected(meetings: tuple[Meeting, ...]) -> list[Occurrence]:
    return sorted((in_utc(one.starts_at), in_utc(one.ends_at), f"Klimat: {one.meeting_id}") for one in meetings)


def read_by_python(content: bytes) -> list[Occurrence]:
    found = recurring_ical_events.of(Calendar.from_ical(content)).all()
    return sorted((in_utc(event.start), in_utc(event.end), str(event["SUMMARY"])) for event in found)


@st.composite
def sessions(draw: st.DrawFn) -> tuple[Meeting, ...]:
    """Up to as many meetings as the contract allows, near clock changes and New Year as often as not."""
    first = dt.datetime(2026, 9, 1)  # noqa: DTZ001 - wall time
    zones = draw(
        st.sampled_from(
            [["Europe/Warsaw"], ["Africa/Casablanca"], ["Europe/Warsaw", "Europe/Vilnius", "America/New_York", "UTC"]]
        )
    )
    usual = draw(st.sampled_from([9 * 60, 150, 23 * 60 + 30]))
    times = st.one_of(st.just(usual), st.just(150), st.integers(0, 24 * 60 - 1))
    days = st.one_of(st.integers(0, 40), st.integers(0, 250), st.sampled_from([54, 55, 121, 122, 207, 208, 380]))
    meetings = []
    for number in range(draw(st.one_of(st.integers(1, 6), st.integers(7, 60)))):
        starts = first + dt.timedelta(days=draw(days), minutes=draw(times))
        ends = starts + dt.timedelta(minutes=draw(st.sampled_from([120, 360, 1600])))
        meetings.append(
            Meeting(meeting_id=f"day-{number}", starts_local=starts, ends_local=ends, zone=draw(st.sampled_from(zones)))
        )
    return in_order(tuple(meetings))


def nine_to(*days: str) -> tuple[Meeting, ...]:
    return tuple(meeting(f"day-{n}", f"{day}T09:00", f"{day}T15:00") for n, day in enumerate(days, start=1))


@settings(max_examples=cases(40))
@given(sessions())
@example((DAY, NEXT_DAY, LATER))
@example(nine_to("2026-10-24", "2026-10-25", "2027-03-28", "2027-09-01"))
@example(nine_to("2026-11-26", "2026-11-26", "2026-11-27"))  # Two at the same time.
@example((meeting("night", "2026-10-25T02:30", "2026-10-25T02:45"), *nine_to("2026-10-26")))
def test_a_reader_finds_exactly_the_meetings(meetings: tuple[Meeting, ...]) -> None:
    recurrence = recurrence_of(meetings)
    clocks = {one.isoformat()[:16] for one in (*recurrence.slots, *recurrence.ids.values())}
    # `recurring-ical-events` takes a time in UTC and the same reading of another clock for one.
    assume(not any(in_utc(one)[:16] in clocks - {one.isoformat()[:16]} for one in recurrence.ids.values()))
    assert read_by_python(for_person(layout(*meetings))) == expected(meetings)


def test_ical_js_finds_exactly_the_meetings_too() -> None:
    across = nine_to("2026-10-24", "2026-10-25", "2026-12-31", "2027-01-04", "2027-03-28", "2027-09-01")
    for meetings in (
        (DAY,),
        (DAY, NEXT_DAY, LATER),
        across,
        nine_to("2026-11-26", "2026-11-26", "2026-11-27"),
        (meeting("day-1", "2026-10-25T02:30", "2026-10-25T04:00"), LATER),
        (meeting("day-1", "2027-03-27T02:30", "2027-03-27T04:00"), meeting("day-2", "2027-03-28T02:30", "2027-03-28T04:00")),
        (DAY, meeting("day-2", "2026-11-27T09:00", "2026-11-27T14:30", zone="America/New_York")),
        tuple(meeting(f"day-{n}", f"2027-0{2 + n // 20}-{n % 20 + 1:02}T09:00", f"2027-0{2 + n // 20}-{n % 20 + 1:02}T15:00", "Africa/Casablanca") for n in range(60)),
    ):  # fmt: skip
        assert read_by_ical_js(for_person(layout(*meetings))) == expected(meetings)


def test_one_meeting_is_one_event_with_the_person_as_its_attendee() -> None:
    calendar = parsed(layout(DAY))
    (event,) = calendar.events
    assert calendar["METHOD"] == "REQUEST"
    assert event["DTSTART"].dt.isoformat() == "2026-11-26T09:00:00+01:00"
    assert event["ATTENDEE"] == "mailto:zaneta@example.org"
    assert event["ATTENDEE"].params["CN"] == "Żaneta Wiśniewska"
    assert event["ORGANIZER"] == "mailto:szkolenia@example.org"
    assert event["DTSTAMP"].dt == STATED_AT
    assert event["STATUS"] == "CONFIRMED"
    assert "RRULE" not in event


def test_several_meetings_are_one_entry_that_recurs_with_a_day_for_each() -> None:
    series, *days = parsed(layout(DAY, NEXT_DAY, LATER)).events
    assert series["SUMMARY"] == "Klimat"
    assert [day["SUMMARY"] for day in days] == ["Klimat: day-1", "Klimat: day-2", "Klimat: day-3"]
    assert [day["RECURRENCE-ID"].dt.isoformat() for day in days] == [
        "2026-11-26T09:00:00+01:00",
        "2026-11-27T09:00:00+01:00",
        "2026-12-02T09:00:00+01:00",  # It begins at ten; the rule says nine.
    ]
    assert all(day["RECURRENCE-ID"].params["TZID"] == "Europe/Warsaw" for day in days)
    assert len({event["UID"] for event in (series, *days)}) == 1


@pytest.mark.parametrize(
    ("meetings", "rule", "excluded"),
    [
        (nine_to("2026-11-26", "2026-11-27"), "FREQ=DAILY;COUNT=2;INTERVAL=1", 0),
        (nine_to("2026-11-26", "2026-12-03", "2026-12-10"), "FREQ=DAILY;COUNT=3;INTERVAL=7", 0),
        (nine_to("2026-11-26", "2026-11-27", "2026-12-02"), "FREQ=DAILY;COUNT=7;INTERVAL=1", 4),
    ],
)
def test_outlook_refuses_a_recurrence_without_a_rule_so_there_is_one(
    meetings: tuple[Meeting, ...], rule: str, excluded: int
) -> None:
    series = parsed(layout(*meetings)).events[0]
    assert series["RRULE"].to_ical().decode() == rule
    assert len(series["EXDATE"].dts if "EXDATE" in series else ()) == excluded
    assert "RDATE" not in series


def test_a_rule_has_a_limit_beyond_which_days_are_listed() -> None:
    far = (DAY, NEXT_DAY, meeting("day-3", "2036-11-26T09:00", "2036-11-26T15:00"))
    recurrence = recurrence_of(far)
    assert (len(recurrence.slots), len(recurrence.excluded), len(recurrence.added)) == (1, 0, 2)
    assert RULE_DAYS_MAX == 366


def test_a_cancellation_is_of_the_whole_entry_and_names_no_day() -> None:
    (event,) = parsed(layout(DAY, NEXT_DAY, method=Method.CANCEL)).events
    assert event["STATUS"] == "CANCELLED"
    assert "RECURRENCE-ID" not in event


def test_the_uid_never_changes_between_releases() -> None:
    assert entry_uid("session-1", "person-1") == "412ba910-ea95-5d7e-92b4-1d17cda02e05"


def test_two_people_or_two_sessions_never_share_an_entry() -> None:
    assert len({entry_uid(session_id, person_id) for session_id in ("a", "a-b") for person_id in ("x", "b-x")}) == 4


@pytest.mark.parametrize(
    ("starts", "written"),
    [
        ("2026-10-24T09:00", "TZID=Europe/Warsaw:20261024T090000"),
        ("2026-10-25T02:30", "20261025T003000Z"),  # Clocks show it twice: the first.
        ("2027-03-28T02:30", "20270328T013000Z"),  # Clocks skip it: as far after two as it says.
    ],
)
def test_a_time_on_which_readers_differ_is_written_in_utc(starts: str, written: str) -> None:
    ends = starts[:11] + "14:00"
    content = for_person(layout(meeting("day-1", starts, ends))).decode()
    assert f"DTSTART{';' if 'TZID' in written else ':'}{written}\r\n" in content
    assert f"DTEND;TZID=Europe/Warsaw:{ends.replace('-', '').replace(':', '')}00\r\n" in content


def test_each_zone_in_use_is_told_once_and_before_the_events() -> None:
    abroad = meeting("day-2", "2026-11-27T09:00", "2026-11-27T14:30", zone="Europe/Vilnius")
    calendar = parsed(layout(DAY, abroad, meeting("day-3", "2027-01-05T09:00", "2027-01-05T10:00")))
    names = [component.name for component in calendar.subcomponents]
    assert names == ["VTIMEZONE", "VTIMEZONE", *["VEVENT"] * 4]
    assert [zone.tz_name for zone in calendar.timezones] == ["Europe/Vilnius", "Europe/Warsaw"]


@pytest.mark.parametrize(
    "words", ["BEGIN:VEVENT", 'a; b, c\\n: "d"', "END:VCALENDAR", "<b>O'Neill & Żółć</b>", "x" * 150]
)
def test_no_words_of_a_session_or_a_person_break_out_of_their_line(words: str) -> None:
    calendar = parsed(layout(DAY, topic=words), full_name=words)
    (event,) = calendar.events
    assert event["SUMMARY"] == f"{words}: day-1"
    assert event["ATTENDEE"].params["CN"] == words
    assert [component.name for component in calendar.subcomponents] == ["VTIMEZONE", "VEVENT"]


def test_lines_are_folded_as_the_standard_asks() -> None:
    content = for_person(layout(DAY, topic="Zażółć gęślą jaźń " * 12), full_name="Żółć " * 30)
    assert content.endswith(b"END:VCALENDAR\r\n")
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_the_same_values_give_the_same_bytes() -> None:
    assert for_person(layout(DAY)) == for_person(layout(DAY))
