"""What reports of online meetings say, read from the bytes that their programs write."""

from __future__ import annotations

import datetime as dt

import pytest

from services.attendance.importing.report import Report, Unreadable, Why
from services.attendance.importing.tables import MOST_BYTES, MOST_LINES
from tests.attendance.reports import WARSAW, reading, said, teams, utf16, zoom

ANNA = "Anna Nowak\t10/6/26, 9:02:11 AM\t10/6/26, 3:00:00 PM\t5h 57m 49s\tanna@example.org\tAttendee"


def whys(report: Report) -> list[tuple[int, Why]]:
    return [(one.line, one.why) for one in report.remarks]


def refused(content: bytes) -> Why:
    with pytest.raises(Unreadable) as found:
        reading(content)
    return found.value.why


def test_several_joins_of_one_person_are_several_times_of_one_person() -> None:
    again = "Anna Nowak\t10/6/26, 9:30:00 AM\t10/6/26, 11:00:00 AM\t1h 30m 0s\tanna@example.org\tAttendee"
    first = "Anna Nowak\t10/6/26, 9:00:00 AM\t10/6/26, 9:20:00 AM\t20m 0s\tanna@example.org\tAttendee"
    report = reading(utf16(teams(first, again)))

    assert said(report) == [("Anna Nowak", ["07:00-07:20", "07:30-09:00"])]
    assert (report.attendees[0].address, report.encoding, report.remarks) == ("anna@example.org", "utf-16", ())


def test_polish_headings_dates_and_durations_are_read_like_english_ones() -> None:
    row = "Łukasz Żak (Gość)\t6.10.2026, 09:02:11\t6.10.2026, 15:00:00\t5 godz. 57 min 49 s\t\tUczestnik"
    assert said(reading(utf16(teams(row, language="pl")))) == [("Łukasz Żak", ["07:02-13:00"])]


@pytest.mark.parametrize("empty", ["", ",,,,,"])
def test_behind_an_empty_line_people_stand_all_the_same(empty: str) -> None:
    """Whoever has sorted or saved the file anew may have left one."""
    anna, jan = (f"{one},,10/06/2026 09:00:00 AM,10/06/2026 03:00:00 PM,360,No" for one in ("Anna Nowak", "Jan Lis"))
    report = reading(zoom(anna, empty, jan))
    assert said(report) == [("Anna Nowak", ["07:00-13:00"]), ("Jan Lis", ["07:00-13:00"])]


def test_what_stands_behind_an_empty_line_and_is_nobody_is_named() -> None:
    anna = "Anna Nowak,,10/06/2026 09:00:00 AM,10/06/2026 03:00:00 PM,360,No"
    report = reading(zoom(anna, "", "Printed by the office") + b"\r\n")
    assert [one.name for one in report.attendees] == ["Anna Nowak"]
    assert whys(report) == [(7, Why.CUT_OFF)]


def test_who_stands_in_the_participants_alone_was_there_no_longer_than_that_says() -> None:
    span = "Jan Lis\t10/6/26, 9:00:00 AM\t10/6/26, 3:00:00 PM\t2h 10m 0s\tjan@example.org\tjan@example.org\tAttendee"
    anna = "Anna Nowak\t10/6/26, 9:02:11 AM\t10/6/26, 3:00:00 PM\t5h 57m 49s\t\t\tAttendee"
    report = reading(utf16(teams(ANNA, span=(anna, span))))

    assert [(one.name, one.at_most_minutes) for one in report.attendees] == [("Jan Lis", 130), ("Anna Nowak", None)]


def test_whoever_stands_among_the_participants_twice_was_there_for_as_long_as_both_lines_say() -> None:
    """A guest without an address, who came again after lunch. The same line twice says the same."""
    morning = "Jan Lis\t10/6/26, 9:00:00 AM\t10/6/26, 12:00:00 PM\t3h\t\t\tAttendee"
    afternoon = "Jan Lis\t10/6/26, 1:00:00 PM\t10/6/26, 3:00:00 PM\t1h 50m\t\t\tAttendee"
    report = reading(utf16(teams(ANNA, span=(morning, afternoon, morning))))

    assert [(one.name, one.at_most_minutes) for one in report.attendees] == [("Jan Lis", 290), ("Anna Nowak", None)]
    assert said(report)[0] == ("Jan Lis", ["07:00-10:00", "11:00-13:00"])


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (utf16(teams(ANNA)), "utf-16"),
        (b"\xfe\xff" + teams(ANNA).encode("utf-16-be"), "utf-16"),
        (teams(ANNA).encode("utf-16-le"), "utf-16-le"),
        (teams(ANNA).encode("utf-16-be"), "utf-16-be"),
        (b"\xef\xbb\xbf" + teams(ANNA).encode(), "utf-8-sig"),
        (teams(ANNA).encode(), "utf-8"),
        (teams(ANNA, language="pl").encode("cp1250"), "cp1250"),
    ],
    ids=["as it is", "the other end first", "no mark", "no mark, the other end", "UTF-8", "UTF-8, no mark", "Windows"],
)
def test_a_report_that_was_saved_anew_in_another_encoding_says_the_same(content: bytes, encoding: str) -> None:
    report = reading(content)
    assert (said(report), report.encoding) == ([("Anna Nowak", ["07:02-13:00"])], encoding)


def test_a_line_for_each_coming_and_going_gives_times_and_who_never_went_is_named() -> None:
    text = (
        "Full Name\tUser Action\tTimestamp\r\n"
        "Anna Nowak\tJoined\t10/6/2026, 9:00:00 AM\r\n"
        "Anna Nowak\tLeft\t10/6/2026, 10:00:00 AM\r\n"
        "Jan Lis\tJoined before\t10/6/2026, 9:10:00 AM\r\n"
        "Anna Nowak\tJoined\t10/6/2026, 11:00:00 AM\r\n"
        "Ewa Mak\tWaved\t10/6/2026, 11:00:00 AM\r\n"
    )
    report = reading(utf16(text))

    assert said(report) == [("Anna Nowak", ["07:00-08:00", "09:00-09:00"]), ("Jan Lis", ["07:10-09:00"])]
    assert whys(report) == [(4, Why.STILL_THERE), (5, Why.STILL_THERE), (6, Why.NO_ACTION)]


@pytest.mark.parametrize("head", [True, False])
def test_zoom_is_read_with_and_without_the_meeting_above_the_people(head: bool) -> None:
    rows = (
        '"Ola (Aleksandra Kot)",,10/06/2026 08:58:11 AM,10/06/2026 10:00:00 AM,62,Yes',
        "Jan Lis,jan@example.org,10/06/2026 09:00:00 AM,10/06/2026 03:00:00 PM,360,No",
    )
    report = reading(zoom(*rows, head=head))

    assert said(report) == [("Ola", ["06:58-08:00"]), ("Jan Lis", ["07:00-13:00"])]
    assert (report.attendees[0].other_name, report.attendees[0].address) == ("Aleksandra Kot", None)


def test_in_the_waiting_room_nobody_takes_part() -> None:
    text = (
        "Name (original name),Email,Join time,Leave time,Duration (minutes),Guest,In waiting room\n"
        "Jan Lis,,2026-10-06 08:50:00,2026-10-06 09:00:00,10,Yes,Yes\n"
        "Jan Lis,,2026-10-06 09:00:00,2026-10-06 15:00:00,360,Yes,No\n"
    )
    assert said(reading(text.encode())) == [("Jan Lis", ["07:00-13:00"])]


@pytest.mark.parametrize(
    "joined",
    [
        "10/06/2026 09:00:00 AM",
        "6/10/2026, 09:00:00",
        "06/10/26, 9:00 am",
        "6.10.2026 09:00",
        "06-10-2026 09:00:00",
        "2026-10-06T07:00:00Z",
        "Oct 6, 2026 09:00:00 AM",
        "6 paź 2026, 09:00",
    ],
)
def test_dates_are_read_in_the_order_of_whatever_country_wrote_them(joined: str) -> None:
    rows = f'"Jan Lis",,"{joined}","{joined.replace("9:00", "9:30").replace("07:00", "07:30")}",30,No'
    assert said(reading(zoom(rows, head=False))) == [("Jan Lis", ["07:00-07:30"])]


def test_the_order_of_day_and_month_is_that_by_which_the_file_is_of_the_meeting() -> None:
    row = "Jan Lis,,10/06/2026 09:00,10/06/2026 15:00,360,No"
    june = dt.datetime(2026, 6, 10, 7, tzinfo=dt.UTC)
    assert reading(zoom(row, head=False)).attendees[0].intervals[0].joined_at.month == 10
    in_june = reading(zoom(row, head=False), starts_at=june, ends_at=june + dt.timedelta(hours=6))
    assert in_june.attendees[0].intervals[0].joined_at.month == 6


def test_a_file_of_another_day_is_refused_and_says_which() -> None:
    with pytest.raises(Unreadable, match="2026-10-06, the file speaks of 2026-11-27") as found:
        reading(zoom("Jan Lis,,11/27/2026 09:00,11/27/2026 15:00,360,No", head=False))
    assert found.value.why is Why.ANOTHER_DAY


@pytest.mark.parametrize(("day", "until"), [(5, "15:00"), (7, "15:00"), (6, "09:00")])
def test_a_file_of_the_day_before_or_after_or_of_another_hour_is_refused_and_says_so(day: int, until: str) -> None:
    """Of a training of two days the wrong file is taken easily: it would lie among the papers as evidence, and set nobody."""
    row = f"Jan Lis,,10/0{day}/2026 08:00,10/0{day}/2026 {until},360,No"
    with pytest.raises(
        Unreadable, match=f"from 2026-10-06 09:00 to 2026-10-06 15:00; the file is of 2026-10-0{day} 08:00"
    ) as found:
        reading(zoom(row, head=False))
    assert found.value.why is Why.ANOTHER_DAY


def test_every_line_that_cannot_be_read_is_named_with_its_number_and_the_others_count() -> None:
    rows = (
        ANNA,
        "Jan Lis\tyesterday\t10/6/26, 3:00:00 PM\t6h\t\tAttendee",
        "\t10/6/26, 9:00:00 AM\t10/6/26, 3:00:00 PM\t6h\t\tAttendee",
        "Ewa Mak\t10/6/26, 3:00:00 PM\t10/6/26, 9:00:00 AM\t6h\t\tAttendee",
        "Olga Sum\t10/6/26, 3:00:00 PM",
        '"Iga Kos\t10/6/26, 9:00:00 AM\t10/6/26, 3:00:00 PM\t6h\t\tAttendee',
        ANNA.replace("Anna", "Hanna"),
    )
    report = reading(utf16(teams(*rows)))
    first = report.attendees[0].line

    assert [one.name for one in report.attendees] == ["Anna Nowak", "Hanna Nowak"]
    assert whys(report) == [
        (first + 1, Why.NO_TIME),
        (first + 2, Why.NO_NAME),
        (first + 3, Why.LEFT_BEFORE),
        (first + 4, Why.CUT_OFF),
        (first + 5, Why.CUT_OFF),
    ]


def test_a_file_that_was_cut_off_in_the_middle_of_a_letter_names_its_last_line() -> None:
    whole = utf16(teams(ANNA, ANNA.replace("Anna", "Hanna")))
    report = reading(whole[:-73])

    assert [one.name for one in report.attendees] == ["Anna Nowak"]
    assert [one.why for one in report.remarks] == [Why.CUT_OFF]


def test_a_time_that_was_cut_off_before_it_says_which_half_of_the_day_is_no_time() -> None:
    row = "Jan Lis\t10/6/26, 9:00:00 AM\t10/6/26, 3:00:00"
    head = "Name\tJoin Time\tLeave Time\r\n"
    report = reading(utf16(head + "Anna Nowak\t10/6/26, 9:00:00 AM\t10/6/26, 3:00:00 PM\r\n" + row))
    assert ([one.name for one in report.attendees], whys(report)) == (["Anna Nowak"], [(3, Why.CUT_OFF)])


def test_rows_that_say_the_same_twice_count_once_and_are_counted() -> None:
    report = reading(utf16(teams(ANNA, ANNA)))
    assert (said(report), report.repeated) == ([("Anna Nowak", ["07:02-13:00"])], 1)


def night(month: int, day: int) -> tuple[dt.datetime, dt.datetime]:
    """From midnight to six in Warsaw."""
    at = dt.datetime(2026, month, day, tzinfo=WARSAW)
    return at.astimezone(dt.UTC), at.replace(hour=6).astimezone(dt.UTC)


def test_half_past_two_that_does_not_exist_is_named() -> None:
    starts, ends = night(3, 29)
    row = "Jan Lis,,2026-03-29 02:30:00,2026-03-29 04:00:00,30,No"
    report = reading(zoom(row, head=False), starts_at=starts, ends_at=ends)
    assert ([one.name for one in report.attendees], whys(report)) == ([], [(2, Why.SKIPPED_TIME)])


@pytest.mark.parametrize(("minutes", "joined"), [("210", "00:30"), ("150", "01:30")])
def test_half_past_two_that_comes_twice_is_the_one_that_lasted_as_long_as_the_row_says(
    minutes: str, joined: str
) -> None:
    starts, ends = night(10, 25)
    row = f"Jan Lis,,2026-10-25 02:30:00,2026-10-25 05:00:00,{minutes},No"
    (one,) = reading(zoom(row, head=False), starts_at=starts, ends_at=ends).attendees[0].intervals
    assert (f"{one.joined_at:%H:%M}", one.or_else) == (joined, None)


def test_where_it_may_be_either_hour_both_are_kept() -> None:
    starts, ends = night(10, 25)
    row = "Jan Lis,,2026-10-25 02:30:00,2026-10-25 02:50:00,20,No"
    (one,) = reading(zoom(row, head=False), starts_at=starts, ends_at=ends).attendees[0].intervals
    assert one.or_else is not None
    assert (one.or_else[0] - one.joined_at, one.or_else[1] - one.left_at) == (dt.timedelta(hours=1),) * 2


def test_what_is_no_report_is_refused_by_name() -> None:
    assert refused(b"PK\x03\x04" + bytes(100)) is Why.NOT_TEXT
    assert refused(b"") is Why.NOT_TEXT
    assert refused(bytes(range(256)) * 10) is Why.NOT_TEXT
    assert refused(b"a letter\nto somebody") is Why.NO_PEOPLE
    assert refused(b"Name (Original Name),User Email,Total Duration (Minutes),Guest\nJan Lis,,360,No\n") is Why.NO_TIMES
    assert refused(bytes(MOST_BYTES + 1)) is Why.TOO_LONG
    assert refused(b"x\n" * MOST_LINES) is Why.TOO_LONG
