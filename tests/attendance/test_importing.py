"""What would come of a report: who it is, how long they were there, and what is left for a person to decide."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from services.attendance.importing.names import words_of
from services.attendance.importing.planning import Decision, Fate, Ground, Row, Somebody, is_said, joined, plan
from services.attendance.importing.report import Report
from services.attendance.importing.requests import decisions_of, key_of, requests_of
from services.attendance.state import Record, Session
from shared.contracts.marks import Mark, MarkRequested, RecordCorrectionRequested
from shared.contracts.planner import Meeting
from tests.attendance.building import (
    ENDS,
    LATER,
    RULES,
    SESSION,
    STARTS,
    Desk,
    close,
    correction,
    day,
    enrolled,
    mark,
    over_http,
    rescheduled,
    scan,
    scheduled,
)
from tests.attendance.reports import reading, teams, utf16, zoom

ANNA, JAN = Somebody("anna", "Anna", "Nowak"), Somebody("jan", "Jan", "Lis")


def row(name: str, joined_at: str = "09:00:00", left_at: str = "15:00:00", address: str = "") -> str:
    return f"{name}\t6.10.2026, {joined_at}\t6.10.2026, {left_at}\t\t{address}\tUczestnik"


def report(*rows: str) -> Report:
    return reading(utf16(teams(*rows, language="pl")))


def desk(*events: Any) -> Desk:
    here = Desk()
    here.hear(scheduled(), enrolled("anna"), enrolled("jan"), *events)
    return here


def ground(
    here: Desk | None = None, *people: Somebody, others: tuple[Somebody, ...] = (), is_open: bool = True
) -> Ground:
    known = here or desk()
    session = known.mind[Session].get(SESSION)
    assert session is not None
    records = {one.person_id: one for one in known.mind[Record]}
    return Ground(session.meetings[0], RULES, people or (ANNA, JAN), records, is_open, others)


def fates(rows: tuple[Row, ...]) -> list[tuple[str, Fate]]:
    return [(one.name, one.fate) for one in rows]


def of(*rows: str, on: Ground | None = None, decisions: tuple[Decision, ...] = ()) -> tuple[Row, ...]:
    return plan(report(*rows), on or ground(), decisions)


@pytest.mark.parametrize(
    "name",
    [
        "Łucja Święć-Żak",
        "lucja swiec zak",
        "ŚWIĘĆ-ŻAK Łucja",
        "Święć-Żak, Łucja",
        "Łucja Święć-Żak (Gość)",
        "Żak Święć Łucja [Guest]",
    ],
)
def test_a_name_is_the_same_whatever_its_accents_capitals_order_and_signs(name: str) -> None:
    lucja = Somebody("lucja", "Łucja", "Święć-Żak")
    (one,) = of(row(name), on=ground(None, lucja, ANNA))
    assert (one.fate, one.person) == (Fate.SET, lucja)


@pytest.mark.parametrize("name", ["A. Nowak", "Anna N.", "Anna", "iPhone (Anna)", "Anna Nowakowska", "48 123 456 789"])
def test_initials_single_words_and_other_names_are_nobody(name: str) -> None:
    (one,) = of(row(name))
    assert (one.fate, one.person) == (Fate.UNKNOWN, None)


def test_whoever_renamed_themselves_is_known_by_what_they_were_called_before() -> None:
    content = zoom("Ania (Anna Nowak),,10/06/2026 09:00:00 AM,10/06/2026 03:00:00 PM,360,Yes")
    (one,) = plan(reading(content), ground())
    assert (one.fate, one.match, one.person) == (Fate.SET, "former_name", ANNA)


def test_of_two_people_with_the_same_name_nobody_is_guessed() -> None:
    other = Somebody("anna-2", "Anna", "Nowak")
    (one,) = of(row("Anna Nowak"), on=ground(None, ANNA, other, JAN))
    assert (one.fate, one.person, one.may_be) == (Fate.SEVERAL, None, (ANNA, other))


def test_one_name_with_two_addresses_is_one_person_only_if_a_person_says_so() -> None:
    rows = (row("Anna Nowak", left_at="11:00:00", address="a@x.pl"), row("Anna Nowak", "12:00:00", address="b@x.pl"))
    open_ones = of(*rows)
    assert [one.fate for one in open_ones] == [Fate.SEVERAL_ROWS] * 2

    lines = [one.lines[0] for one in open_ones]
    (one,) = of(*rows, decisions=tuple(Decision(line, "anna") for line in lines))
    assert (one.fate, one.stay and one.stay.minutes) == (Fate.SET, 300)
    half = of(*rows, decisions=(Decision(lines[0], "anna"), Decision(lines[1], None)))
    assert fates(half) == [("Anna Nowak", Fate.SET), ("Anna Nowak", Fate.LEFT_OUT)]


def test_somebody_of_another_session_is_named_with_it_and_not_set() -> None:
    guest = Somebody("ewa", "Ewa", "Mak", sessions=("session-0002",))
    (one,) = of(row("Ewa Mak"), on=ground(None, ANNA, others=(guest,)))
    assert (one.fate, one.may_be) == (Fate.ANOTHER_SESSION, (guest,))


def test_who_has_a_second_name_is_offered_and_not_taken() -> None:
    (one,) = of(row("Anna Maria Nowak"))
    assert (one.fate, one.may_be) == (Fate.UNKNOWN, (ANNA,))


def test_each_minute_counts_once_however_many_connections_there_were() -> None:
    rows = (
        row("Anna Nowak", "08:30:00", "10:00:00"),
        row("Anna Nowak", "09:30:00", "11:00:00"),
        row("Anna Nowak", "14:00:00", "16:00:00"),
    )
    (one,) = of(*rows)
    assert one.stay is not None
    assert (one.stay.state, one.stay.minutes, len(one.lines)) == (Mark.PRESENT, 180, 1)


@pytest.mark.parametrize(
    ("since", "until", "state", "minutes"),
    [
        ("08:59:00", "15:30:00", Mark.PRESENT, 360),
        ("09:15:00", "14:45:00", Mark.PRESENT, 330),
        ("09:15:01", "15:00:00", Mark.LATE, 344),
        ("09:00:00", "14:44:59", Mark.LEFT_EARLY, 344),
        ("10:00:00", "12:00:00", Mark.LEFT_EARLY, 120),
    ],
)
def test_who_came_or_went_beyond_the_quarter_of_an_hour_was_late_or_left_early(
    since: str, until: str, state: Mark, minutes: int
) -> None:
    (one,) = of(row("Anna Nowak", since, until))
    assert one.stay is not None
    assert (one.stay.state, one.stay.minutes) == (state, minutes)


def test_who_was_connected_only_outside_the_meeting_was_not_there() -> None:
    rows = of(row("Anna Nowak", "08:00:00", "09:00:59"), row("Jan Lis", "15:00:00", "18:00:00"))
    assert fates(rows) == [("Anna Nowak", Fate.OUTSIDE), ("Jan Lis", Fate.OUTSIDE)]


@pytest.mark.parametrize(("month", "day", "minutes"), [(3, 29, 300), (10, 25, 420)])
def test_a_night_on_which_the_clocks_change_has_as_many_minutes_as_it_had(month: int, day: int, minutes: int) -> None:
    start, end = dt.datetime(2026, month, day), dt.datetime(2026, month, day, 6)  # noqa: DTZ001  # Wall times.
    night = Meeting(meeting_id="night", starts_local=start, ends_local=end, zone="Europe/Warsaw")
    content = zoom(f"Jan Lis,,2026-{month:02}-{day} 00:00:00,2026-{month:02}-{day} 06:00:00,,No", head=False)
    found = reading(content, starts_at=night.starts_at, ends_at=night.ends_at)
    (one,) = plan(found, Ground(night, RULES, (JAN,), {}, True))
    assert (one.stay and one.stay.minutes) == minutes


def test_minutes_that_depend_on_which_hour_it_was_are_said_by_a_person() -> None:
    start, end = dt.datetime(2026, 10, 25), dt.datetime(2026, 10, 25, 3)  # noqa: DTZ001  # Wall times.
    night = Meeting(meeting_id="night", starts_local=start, ends_local=end, zone="Europe/Warsaw")
    content = zoom("Jan Lis,,2026-10-25 00:00:00,2026-10-25 02:30:00,,No", head=False)
    found = reading(content, starts_at=night.starts_at, ends_at=night.ends_at)
    on = Ground(night, RULES, (JAN,), {}, True)
    (one,) = plan(found, on)
    assert (one.fate, one.stay and one.stay.minutes, one.or_else and one.or_else.minutes) == (Fate.TWO_HOURS, 150, 210)
    (one,) = plan(found, on, [Decision(one.lines[0], "jan", 210)])
    assert (one.fate, one.stay and one.stay.minutes) == (Fate.SET, 210)


def test_of_whom_only_the_first_and_the_last_is_known_no_more_counts_than_the_report_says() -> None:
    span = "Jan Lis\t6.10.2026, 09:00:00\t6.10.2026, 15:00:00\t2 godz. 10 min 59 s\t\t\tUczestnik"
    found = reading(utf16(teams(row("Anna Nowak"), span=(span,), language="pl")))
    (jan,) = (one for one in plan(found, ground()) if one.name == "Jan Lis")
    assert (jan.fate, jan.stay and jan.stay.minutes) == (Fate.SET, 130)


def test_what_the_list_says_otherwise_stands_until_a_person_decides() -> None:
    on = ground(desk(scan("anna"), mark("jan", "excused")))
    rows = of(row("Anna Nowak", "10:00:00"), row("Jan Lis"), on=on)
    assert fates(rows) == [("Anna Nowak", Fate.CONTRADICTS), ("Jan Lis", Fate.CONTRADICTS)]
    assert [one.stands and one.stands.state for one in rows] == ["present", "excused"]
    decided = of(row("Anna Nowak", "10:00:00"), row("Jan Lis"), on=on, decisions=(Decision(rows[0].lines[0], "anna"),))
    assert [one.fate for one in decided] == [Fate.SET, Fate.CONTRADICTS]


def test_what_the_list_says_already_is_not_said_again() -> None:
    (one,) = of(row("Anna Nowak"), on=ground(desk(scan("anna"))))
    assert one.fate is Fate.AS_IT_WAS


def test_whom_a_closing_called_absent_is_set_without_a_decision() -> None:
    here = desk(scan("anna"), close(at=ENDS))
    (one,) = of(row("Jan Lis"), on=ground(here, is_open=False))
    assert (one.fate, one.stands, one.tag) == (Fate.SET, None, "1")


def test_what_the_office_put_right_stands_also_where_it_said_that_nothing_is_known() -> None:
    """A row was taken for somebody else of that name, and the file comes again, for what was left open of it."""
    here = desk(scan("anna"), mark("jan", minutes=360, at=ENDS), close(at=ENDS), correction("jan", "not_recorded"))
    on = ground(here, is_open=False)
    (one,) = of(row("Jan Lis"), on=on)
    assert (one.fate, one.stands and one.stands.decided_by) == (Fate.CONTRADICTS, "office")
    (decided,) = of(row("Jan Lis"), on=on, decisions=(Decision(one.lines[0], "jan"),))
    assert decided.fate is Fate.SET


def test_a_mark_that_was_taken_back_says_nothing() -> None:
    here = desk(mark("jan", "excused"), mark("jan", "not_recorded"))
    (one,) = of(row("Jan Lis"), on=ground(here))
    assert (one.fate, one.stands) == (Fate.SET, None)


def test_what_a_list_said_when_it_closed_stands_against_a_report_while_it_is_put_right() -> None:
    """Wherever its day is by then."""
    here = desk(scan("anna"))
    here.hear(rescheduled(day(days_later=1), at=LATER))
    on = ground(here)
    record = on.records["anna"]
    assert not is_said(record, on)  # On a list that never closed it is of another day.
    assert is_said(record, dataclasses.replace(on, had_closed=True))


def asked(here: Desk, *rows: str, is_open: bool) -> list[Any]:
    found = report(*rows)
    return list(requests_of(plan(found, ground(here, is_open=is_open)), found, (SESSION, "day-1"), is_open=is_open))


def test_on_an_open_list_it_is_a_mark_with_the_file_as_its_reason() -> None:
    here = desk()
    (body,) = asked(here, row("Anna Nowak", "10:00:00"), is_open=True)
    assert isinstance(body, MarkRequested)
    found = report(row("Anna Nowak", "10:00:00"))
    assert body.note == f"attendance report, line {found.attendees[0].line}, sha256 {found.sha256}"

    assert here.hear(over_http(body, at=ENDS, by="trainer")) == ["anna attended"]
    record = here.record("anna")
    assert (record.state, record.minutes, record.method, record.arrived_at) == (
        "late",
        300,
        "import",
        STARTS + dt.timedelta(hours=1),
    )


def test_on_a_closed_list_it_is_a_correction_of_what_was_seen() -> None:
    here = desk(scan("anna"), close(at=ENDS))
    (body,) = asked(here, row("Jan Lis"), is_open=False)
    assert isinstance(body, RecordCorrectionRequested)
    assert (body.seen, body.method, body.minutes) == ("1", "import", 360)


def test_decisions_are_written_by_line_person_and_minutes() -> None:
    assert decisions_of("12:person:1,15:,20:p@45,15:") == (
        Decision(12, "person:1"),
        Decision(15, None),
        Decision(20, "p", 45),
    )
    assert decisions_of("") == ()
    with pytest.raises(ValueError, match="of line 12 two things"):
        decisions_of("12:anna,12:jan")


def test_how_long_one_person_was_there_is_decided_once_for_all_of_their_rows() -> None:
    assert len(decisions_of("12:anna@100,15:anna@100,20:anna,21:jan@30")) == 4
    with pytest.raises(ValueError, match="for how many minutes anna was there"):
        decisions_of("12:anna@100,15:anna@200")


def test_another_decision_is_another_request() -> None:
    assert key_of("tag", (Decision(1, "a"),), "a") == key_of("tag", (Decision(1, "a"),), "a")
    assert key_of("tag", (Decision(1, "a"),), "a") != key_of("tag", (Decision(1, "a", 45),), "a")
    assert len(key_of("tag", (), "a")) <= 100


def test_times_are_cut_to_the_meeting_and_joined() -> None:
    session = desk().mind[Session].get(SESSION)
    assert session is not None
    hour = dt.timedelta(hours=1)
    found = joined([(STARTS - hour, STARTS + hour), (STARTS, STARTS + 2 * hour), (ENDS, LATER)], session.meetings[0])
    assert found == [(STARTS, STARTS + 2 * hour)]


def test_words_of_a_name_need_two() -> None:
    assert words_of("Anna") == words_of("A. Nowak") == words_of(None) == ()


def test_the_integrators_page_names_every_fate_and_whose_it_is_to_decide() -> None:
    text = (Path(__file__).parents[2] / "docs" / "integrators.md").read_text(encoding="utf-8")
    table = text.partition("| fate | means |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| .+? \| (yes)? ?\|$", table, re.M)
    assert rows == [(str(one), "yes" if one.is_open else "") for one in sorted(Fate, key=list(Fate).index)]
