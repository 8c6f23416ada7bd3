"""Who came, and what a list says: facts about the pure decisions."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from services.attendance.closing import decide_count
from services.attendance.scanning import decide_scan
from services.attendance.state import MeetingList
from shared.contracts.attendance import ParticipantAttended
from tests.attendance.building import (
    CLOSES,
    DAY,
    DURING,
    ENDS,
    LATER,
    RULES,
    SESSION,
    STARTS,
    Desk,
    archived_absent,
    archived_list,
    archived_present,
    cancelled,
    close,
    day,
    enrolled,
    rescheduled,
    scan,
    scheduled,
    waitlisted,
    withdrawn,
)


def test_deciding_changes_nothing_by_itself() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"))

    assert isinstance(decide_scan(desk.mind.working(), scan("anna"), RULES), ParticipantAttended)
    assert desk.mind.said == []


def test_someone_with_a_place_attends_for_the_town_of_the_place() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"))

    assert desk.hear(scan("anna")) == ["anna attended"]
    record = desk.record("anna")
    assert (record.city_id, record.scanned_at, record.device_id) == ("town-of-anna", DURING, "door-1")


@pytest.mark.parametrize("place", [waitlisted, withdrawn])
def test_someone_whose_place_is_not_theirs_attends_without_one(place) -> None:  # type: ignore[no-untyped-def]
    desk = Desk()
    desk.hear(scheduled(), place("anna"))

    assert desk.hear(scan("anna")) == ["anna attended without a place"]


def test_a_repeated_scan_shows_the_first_one() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", at=DURING))

    assert desk.hear(scan("anna", at=LATER)) == []
    assert desk.record("anna").scanned_at == DURING


def test_an_earlier_scan_that_arrives_late_changes_nothing() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", at=DURING))

    assert desk.hear(scan("anna", at=DAY)) == []
    assert desk.record("anna").scanned_at == DURING


def test_a_scan_at_a_cancelled_session_is_kept() -> None:
    desk = Desk()
    desk.hear(cancelled(), enrolled("anna"))

    assert desk.hear(scan("anna")) == ["anna attended"]


def test_a_recorded_list_names_the_absent_and_counts_everyone_with_a_place() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), waitlisted("ewa"), scan("anna"), scan("ewa"))

    said = desk.pass_to(CLOSES)

    assert said == ["jan absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 1 without"]
    assert desk.counted() == 2


def test_a_list_without_a_single_scan_calls_nobody_absent() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"))

    assert desk.pass_to(CLOSES) == ["day-1 closed (not recorded): 0 present, 0 absent, 2 unknown, 0 without"]


def test_it_does_not_matter_whether_a_scan_or_the_loss_of_the_place_is_heard_first() -> None:
    outcomes = set()
    before = [scheduled(), enrolled("anna"), enrolled("jan")]
    for order in itertools.permutations([scan("anna"), withdrawn("anna"), scan("jan")]):
        desk = Desk()
        desk.hear(*before, *order)
        desk.pass_to(CLOSES)
        outcomes.add((*desk.numbers(), desk.record("anna").with_place))
    assert outcomes == {(1, 0, 0, 1, False)}


def test_a_scan_after_closing_corrects_the_absence_and_the_numbers() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    desk.pass_to(CLOSES)

    said = desk.hear(scan("jan", at=LATER))

    assert said == ["jan attended", "day-1 closed: 2 present, 0 absent, 0 unknown, 0 without"]
    assert desk.record("jan").version == 2
    assert desk.counted() == 2


def test_the_first_scan_after_closing_makes_the_list_a_recorded_one() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"))
    desk.pass_to(CLOSES)

    said = desk.hear(scan("anna", at=LATER))

    assert said == ["anna attended", "jan absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]


def test_a_stranger_after_closing_is_counted_apart_at_once() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"))
    desk.pass_to(CLOSES)

    said = desk.hear(scan("ewa", at=LATER))

    assert said == ["ewa attended without a place", "day-1 closed: 1 present, 0 absent, 0 unknown, 1 without"]


def test_an_absence_corrected_after_the_place_was_given_back_still_counts_with_a_place() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    desk.pass_to(CLOSES)
    desk.hear(withdrawn("jan", at=LATER))

    assert desk.hear(scan("jan", at=LATER))[0] == "jan attended"
    assert desk.numbers() == (2, 0, 0, 0)
    assert desk.counted() == 2


def test_a_list_counted_again_keeps_the_moment_it_closed() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"), close())
    closed_at = desk.mind.said[-1].body.decided_at  # type: ignore[attr-defined]

    desk.hear(scan("jan", at=LATER))

    closed = desk.mind[MeetingList].get(SESSION, "day-1")
    assert closed is not None and closed.decided_at == closed_at


def test_a_list_that_stands_as_it_is_is_not_said_again() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"))
    desk.pass_to(CLOSES)

    assert decide_count(desk.mind.working(), SESSION, "day-1", RULES) == []


def test_a_list_of_another_source_is_never_counted_by_us() -> None:
    desk = Desk()
    desk.hear(scheduled(), archived_present("anna"), archived_list(present=1))

    assert desk.hear(enrolled("jan", at=LATER)) == []
    assert desk.numbers() == (1, 0, 0, 0)


@pytest.mark.parametrize("before", [[archived_absent("anna")], [archived_list()]])
def test_a_scan_on_a_list_of_another_source_is_set_aside(before) -> None:  # type: ignore[no-untyped-def]
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), *before)

    assert desk.hear(scan("anna", at=LATER)) == []
    assert [one.reason for one in desk.mind.aside] == ["foreign_writer"]


def test_a_record_of_another_source_is_counted_as_it_stands() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), archived_present("anna"))

    assert desk.pass_to(CLOSES) == ["jan absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]
    assert desk.record("anna").source == "urn:example:archive"


# --- when a code can have been read --------------------------------------------------------

HOURS_12 = dt.timedelta(hours=12)
SECOND = dt.timedelta(seconds=1)


def aside(desk: Desk) -> list[tuple[str, str]]:
    return [(one.heard.body.person_id, one.reason) for one in desk.mind.aside]


@pytest.mark.parametrize(
    ("made", "counts"),
    [
        (STARTS - HOURS_12, True),
        (STARTS - HOURS_12 - SECOND, False),
        (ENDS + HOURS_12, True),
        (ENDS + HOURS_12 + SECOND, False),
        (dt.datetime(2001, 1, 1, tzinfo=dt.UTC), False),
    ],
)
def test_a_scan_counts_if_it_was_made_around_the_meeting(made: dt.datetime, counts: bool) -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"))

    assert desk.hear(scan("anna", at=LATER + HOURS_12, made=made)) == (["anna attended"] if counts else [])
    assert aside(desk) == ([] if counts else [("anna", "implausible_time")])


@pytest.mark.parametrize(("ahead", "counts"), [(5, True), (6, False)])
def test_a_scan_was_not_made_after_it_was_heard_of_but_for_a_clock_that_is_minutes_fast(
    ahead: int, counts: bool
) -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"))

    said = desk.hear(scan("anna", at=DURING, made=DURING + dt.timedelta(minutes=ahead)))

    assert said == (["anna attended"] if counts else [])


def test_a_scan_from_the_future_is_set_aside_before_its_meeting_is_known() -> None:
    desk = Desk()
    desk.hear(scan("anna", at=DURING, made=LATER))

    assert (desk.held, aside(desk)) == ([], [("anna", "implausible_time")])


def test_what_is_set_aside_says_when_it_was_made_and_when_the_meeting_is() -> None:
    desk = Desk()
    desk.hear(scheduled(), scan("anna", made=STARTS - 3 * HOURS_12))

    (one,) = desk.mind.aside
    assert "scanned at 2026-10-04T19:00:00+00:00" in one.detail
    assert "day-1 is from 2026-10-06T07:00:00+00:00 to 2026-10-06T13:00:00+00:00" in one.detail


def test_a_scan_that_cannot_be_is_set_aside_also_if_the_person_is_present_already() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), scan("anna", made=STARTS - 3 * HOURS_12))

    assert aside(desk) == [("anna", "implausible_time")]


def test_a_meeting_moved_to_an_earlier_day_keeps_who_came() -> None:
    """Who was scanned after it was late; who was scanned before it was there on another day."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), rescheduled(day(days_later=-1), at=DURING))

    assert desk.pass_to(DURING) == ["day-1 closed: 1 present, 0 absent, 0 unknown, 0 without"]
