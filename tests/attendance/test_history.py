"""Who was awaited at a meeting whose list is closed: who had a place when it closed, whenever that is heard of."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from typing import Any

import pytest

from shared.contracts.enrolment import WithdrawalReason
from shared.contracts.rules import SourceTakenOver
from tests.attendance.building import (
    ARCHIVE,
    BEFORE,
    CLOSES,
    DURING,
    LATER,
    RULES,
    Desk,
    archived_list,
    archived_present,
    day,
    enrolled,
    heard,
    rescheduled,
    restated,
    scan,
    scheduled,
    waitlisted,
    withdrawn,
)

DAY_LONG, MONTH = dt.timedelta(days=1), dt.timedelta(days=31)


# --- places after closing ------------------------------------------------------------------


@pytest.mark.parametrize("late", [enrolled, waitlisted])
def test_who_is_given_a_place_after_closing_was_not_awaited(late: Any) -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), waitlisted("ewa"), scan("anna"), scan("ewa"))
    desk.pass_to(CLOSES)

    assert desk.hear(late("jan", at=LATER), enrolled("ewa", at=LATER)) == []
    assert desk.numbers() == (1, 0, 0, 1)
    assert desk.counted() == 1


def test_the_second_day_awaits_who_was_not_awaited_on_the_first() -> None:
    desk = Desk()
    two_days = [day(), day("day-2", days_later=1)]
    desk.hear(scheduled(*two_days), enrolled("anna"), scan("anna"))
    desk.pass_to(CLOSES)
    desk.hear(enrolled("jan", at=LATER), scan("anna", "day-2", at=DURING + DAY_LONG))

    assert desk.pass_to(CLOSES + DAY_LONG) == [
        "jan absent",
        "day-2 closed: 1 present, 1 absent, 0 unknown, 0 without",
    ]
    assert desk.numbers("day-1") == (1, 0, 0, 0)


def test_a_place_given_before_closing_and_heard_after_it_was_awaited() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), scan("ewa"))
    desk.pass_to(CLOSES)

    assert desk.hear(enrolled("jan", at=LATER, decided=BEFORE)) == [
        "jan absent",
        "day-1 closed: 1 present, 1 absent, 0 unknown, 1 without",
    ]
    assert desk.hear(enrolled("ewa", at=LATER, decided=DURING)) == [
        "ewa attended",
        "day-1 closed: 2 present, 1 absent, 0 unknown, 0 without",
    ]
    assert desk.counted() == 3


def test_a_place_given_back_before_closing_and_heard_after_it_was_not_awaited() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), enrolled("ewa"), scan("anna"), scan("ewa"))
    desk.pass_to(CLOSES)

    assert desk.hear(withdrawn("jan", at=LATER, decided=DURING)) == [
        "jan not awaited",
        "day-1 closed: 2 present, 0 absent, 0 unknown, 0 without",
    ]
    assert desk.hear(withdrawn("ewa", at=LATER, decided=DURING)) == [
        "ewa attended without a place",
        "day-1 closed: 1 present, 0 absent, 0 unknown, 1 without",
    ]
    assert desk.counted() == 1


def test_a_place_is_judged_by_the_last_that_was_decided_before_closing_in_whatever_order_it_is_heard() -> None:
    """The first is late because its writer was not let in at once."""
    facts = [
        enrolled("jan", at=BEFORE),
        withdrawn("jan", at=DURING),
        enrolled("jan", at=DURING + dt.timedelta(hours=1)),
        withdrawn("jan", at=LATER),
    ]
    for order in itertools.permutations(facts):
        desk = Desk()
        desk.hear(scheduled(), enrolled("anna"), scan("anna"))
        desk.pass_to(CLOSES)
        desk.hear(*order)
        assert (desk.numbers(), desk.record("jan").state) == ((1, 1, 0, 0), "absent")


def test_a_list_that_was_not_recorded_counts_the_places_there_were_when_it_closed() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"))
    desk.pass_to(CLOSES)

    assert desk.hear(enrolled("ewa", at=LATER), withdrawn("jan", at=LATER)) == []
    assert desk.numbers() == (0, 0, 2, 0)
    desk.hear(enrolled("ola", at=LATER, decided=BEFORE))
    assert desk.numbers() == (0, 0, 3, 0)
    assert desk.counted() == 3


def test_the_town_of_a_record_is_the_one_the_place_was_for_when_the_list_closed() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    desk.hear(restated("anna", town="town-2", at=DURING), restated("jan", town="town-2", at=DURING))
    desk.pass_to(CLOSES)
    desk.hear(restated("anna", town="town-3", at=LATER), restated("jan", town="town-3", at=LATER))
    desk.hear(scan("jan", at=LATER))

    assert (desk.record("anna").city_id, desk.record("jan").city_id) == ("town-2", "town-2")


def test_a_place_given_back_after_closing_leaves_the_records_as_they_were() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    desk.pass_to(CLOSES)

    assert desk.hear(withdrawn("anna", at=LATER), withdrawn("jan", at=LATER)) == []
    assert desk.numbers() == (1, 1, 0, 0)
    assert desk.counted() == 2


def test_a_record_stated_by_another_source_after_closing_is_counted() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"))
    desk.pass_to(CLOSES)

    assert desk.hear(archived_present("ewa", at=LATER)) == ["day-1 closed: 2 present, 0 absent, 0 unknown, 0 without"]


# --- sent in time, and decided late ----------------------------------------------------------


@pytest.mark.parametrize("reason", [WithdrawalReason.REQUESTED, WithdrawalReason.SUBSTITUTED])
def test_who_gave_the_place_back_in_time_is_not_absent_also_if_that_is_decided_after_the_list_closed(
    reason: WithdrawalReason,
) -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), enrolled("ewa"), scan("anna"), scan("ewa"))
    desk.pass_to(CLOSES)
    assert desk.numbers() == (2, 1, 0, 0)

    assert desk.hear(withdrawn("jan", at=LATER, sent=BEFORE, reason=reason)) == [
        "jan not awaited",
        "day-1 closed: 2 present, 0 absent, 0 unknown, 0 without",
    ]
    assert (desk.record("jan").state, desk.record("jan").reason) == ("not_awaited", "withdrew_in_time")
    assert desk.hear(withdrawn("ewa", at=LATER, sent=BEFORE)) == [
        "ewa attended without a place",
        "day-1 closed: 1 present, 0 absent, 0 unknown, 1 without",
    ]
    assert desk.counted() == 1


def test_a_list_without_a_scan_counts_nobody_who_gave_the_place_back_in_time() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"))
    desk.pass_to(CLOSES)

    desk.hear(withdrawn("jan", at=LATER, sent=BEFORE))
    assert desk.numbers() == (0, 0, 1, 0)


def test_a_withdrawal_sent_after_the_list_closed_comes_too_late_for_it() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    desk.pass_to(CLOSES)

    assert desk.hear(withdrawn("jan", at=LATER, sent=CLOSES + dt.timedelta(minutes=1))) == []


def test_what_is_taken_back_says_why() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), enrolled("ewa"), scan("anna"))
    desk.pass_to(CLOSES)
    desk.hear(withdrawn("jan", at=LATER, decided=DURING))
    assert desk.record("jan").reason == "no_place"

    desk.hear(rescheduled(day(days_later=7), at=LATER))
    assert desk.record("ewa").reason == "list_reopened"
    desk.pass_to(CLOSES + dt.timedelta(days=7))
    assert desk.record("anna").reason == "nobody_scanned"


# --- what somebody else tells of the past ----------------------------------------------------


@pytest.mark.parametrize("said", [enrolled, withdrawn])
def test_what_a_stranger_tells_of_the_past_changes_nothing_on_a_list_that_was_closed_when_it_was_heard(
    said: Any,
) -> None:
    desk = Desk()
    place = enrolled("jan", source=ARCHIVE) if said is withdrawn else enrolled("ewa")
    desk.hear(scheduled(), enrolled("anna"), place, scan("anna"))
    desk.pass_to(CLOSES)
    numbers = desk.numbers()

    assert desk.hear(said("jan", at=LATER, decided=DURING, source=ARCHIVE)) == []
    assert (desk.numbers(), desk.counted()) == (numbers, 2)


def test_a_stranger_cannot_say_that_somebody_had_given_the_place_back_in_time() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan", source=ARCHIVE), scan("anna"))
    desk.pass_to(CLOSES)

    assert desk.hear(withdrawn("jan", at=LATER, sent=BEFORE, source=ARCHIVE)) == []
    assert desk.numbers() == (1, 1, 0, 0)


def test_a_place_that_a_stranger_stated_before_the_list_closed_is_awaited() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), enrolled("jan", at=DURING, decided=BEFORE, source=ARCHIVE))

    assert desk.pass_to(CLOSES) == ["jan absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]


def test_a_stranger_who_says_the_same_again_after_the_list_closed_had_said_it_before() -> None:
    desk = Desk()
    first = enrolled("jan", at=DURING, decided=BEFORE, source=ARCHIVE)
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), first)
    desk.pass_to(CLOSES)

    again = dataclasses.replace(first, event_id="again", appended_at=LATER)
    assert desk.hear(again) == []
    assert desk.numbers() == (1, 1, 0, 0)


def test_what_was_before_go_live_is_an_archives_to_tell_also_once_its_lists_are_ours_to_count() -> None:
    """Places and lists are imported on two streams, in any order, long after they were so."""
    history = dataclasses.replace(RULES, live_since=LATER)
    taken_over = SourceTakenOver(
        rule_id="r", in_stream="attendance.events", from_source=ARCHIVE, to_source="rollcall/attendance"
    )
    desk = Desk(history)
    desk.hear(scheduled(), archived_present("anna", at=DURING), archived_list(present=1, absent=1))
    desk.hear(heard(taken_over, at=LATER))

    desk.hear(*(enrolled(person, at=LATER, decided=BEFORE, source=ARCHIVE) for person in ("anna", "jan")))
    assert [desk.record(person).state for person in ("anna", "jan")] == ["present", "absent"]
    assert desk.numbers() == (1, 1, 0, 0)
