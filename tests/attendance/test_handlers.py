"""What attendance does about each event: effects, redelivery, reordering, late parents, due moments."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import random
from typing import Any

import pytest

from services.attendance.state import Session
from tests.attendance.building import (
    BEFORE,
    CLOSES,
    DURING,
    ENDS,
    LATER,
    RULES,
    SESSION,
    Desk,
    archived_list,
    archived_present,
    archived_reopening,
    cancelled,
    close,
    day,
    enrolled,
    rescheduled,
    restated,
    scan,
    scheduled,
    waitlisted,
    withdrawn,
)

DAY_LONG, MONTH = dt.timedelta(days=1), dt.timedelta(days=31)


# --- held scans ----------------------------------------------------------------------------


def test_a_scan_waits_for_the_session_then_for_the_place() -> None:
    desk = Desk()

    assert desk.hear(scan("anna")) == []
    assert desk.held == [("anna", "session")]
    assert desk.hear(scheduled(at=DURING)) == []
    assert desk.held == [("anna", "place")]
    assert desk.hear(enrolled("anna", at=DURING)) == ["anna attended"]
    assert desk.held == []


def test_a_place_wakes_nobody_elses_scan() -> None:
    desk = Desk()
    desk.hear(scheduled(), scan("anna"))

    assert desk.hear(enrolled("jan")) == []
    assert desk.held == [("anna", "place")]


def test_a_scan_of_an_unknown_meeting_waits_for_a_reschedule() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", "evening"))

    assert desk.held == [("anna", "meeting")]
    assert desk.hear(rescheduled(day(), day("evening"), at=DURING)) == ["anna attended"]


def test_a_scan_of_an_unknown_meeting_is_judged_by_its_time_once_that_is_known() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", "day-9"))

    assert desk.hear(rescheduled(day(), day("day-9", days_later=8), at=DURING)) == []
    desk.pass_to(CLOSES)
    assert (desk.held, [one.reason for one in desk.working.aside]) == ([], ["implausible_time"])


def test_scans_that_waited_are_decided_in_the_order_in_which_they_came() -> None:
    desk = Desk()
    desk.hear(scheduled(), scan("anna", at=DURING, id="first"), scan("anna", at=LATER, id="second"))

    assert desk.hear(enrolled("anna", at=LATER)) == ["anna attended"]
    assert desk.record("anna").request_id == "first"
    assert desk.held == []


def test_every_order_of_session_place_and_scan_ends_the_same() -> None:
    ends = set()
    for order in itertools.permutations([scheduled(), enrolled("anna"), enrolled("jan"), scan("anna")]):
        desk = Desk()
        desk.hear(*order)
        desk.pass_to(CLOSES)
        ends.add((*desk.numbers(), desk.record("anna").state, desk.record("jan").state))
    assert ends == {(1, 1, 0, 0, "present", "absent")}


def test_a_scan_of_someone_never_heard_of_counts_without_a_place_when_the_list_closes() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("ewa"))

    said = desk.pass_to(CLOSES)

    assert sorted(said) == [
        "anna absent",
        "day-1 closed: 0 present, 1 absent, 0 unknown, 1 without",
        "ewa attended without a place",
    ]
    assert desk.held == []


def test_a_stranger_at_a_cancelled_session_is_kept_although_its_list_never_closes() -> None:
    desk = Desk()
    desk.hear(cancelled(), scan("ewa"))

    assert desk.pass_to(CLOSES) == ["ewa attended without a place"]


def test_a_scan_of_a_session_never_announced_is_parked_after_thirty_days() -> None:
    desk = Desk()
    desk.hear(scan("anna"))

    assert desk.pass_to(DURING + dt.timedelta(days=29)) == []
    assert desk.held == [("anna", "session")]
    assert desk.pass_to(DURING + MONTH) == []
    assert (desk.held, [one.reason for one in desk.working.aside]) == ([], ["unknown_meeting"])


def test_a_scan_of_a_meeting_that_never_was_is_parked_when_the_session_is_over() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", "day-9"))
    desk.pass_to(CLOSES)

    assert (desk.held, [one.reason for one in desk.working.aside]) == ([], ["unknown_meeting"])


def test_a_held_scan_waits_longer_when_the_session_moves() -> None:
    desk = Desk()
    desk.hear(scheduled(), scan("anna"), rescheduled(day(until=20), at=DURING))

    assert desk.pass_to(CLOSES) == []
    assert desk.held == [("anna", "place")]


def test_a_held_scan_on_a_list_that_another_source_closed_is_parked_in_its_time() -> None:
    desk = Desk()
    desk.hear(scheduled(), scan("anna"), archived_list(), enrolled("anna", at=LATER))
    assert desk.held == [("anna", "place")]

    desk.pass_to(LATER)

    assert (desk.held, [one.reason for one in desk.working.aside]) == ([], ["foreign_writer"])


# --- redelivery ----------------------------------------------------------------------------


def test_the_same_scan_again_changes_nothing() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna", id="one"))
    desk.pass_to(CLOSES)

    assert desk.hear(scan("anna", at=LATER, id="one")) == []


def test_the_same_scan_again_while_it_is_held_is_held_once() -> None:
    desk = Desk()
    desk.hear(scan("anna", id="one"), scan("anna", id="one"))

    assert desk.held == [("anna", "session")]


# --- closing -------------------------------------------------------------------------------


def test_a_list_is_due_six_hours_after_its_meeting() -> None:
    desk = Desk()
    desk.hear(scheduled(day(), day("day-2", days_later=1)))

    assert (desk.due(), desk.due("day-2")) == (CLOSES, CLOSES + dt.timedelta(days=1))


def test_a_moved_session_moves_its_lists_and_a_lost_meeting_has_none() -> None:
    desk = Desk()
    desk.hear(scheduled(day(), day("day-2", days_later=1)), rescheduled(day(days_later=7)))

    assert (desk.due(), desk.due("day-2")) == (CLOSES + dt.timedelta(days=7), None)


def test_a_cancelled_session_closes_no_list() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), cancelled())

    assert desk.due() is None
    assert desk.hear(close()) == []


def test_history_closes_no_list() -> None:
    desk = Desk(dataclasses.replace(RULES, live_since=LATER))
    desk.hear(scheduled(), enrolled("anna"))

    assert desk.due() is None
    assert desk.hear(close(at=LATER)) == []


def test_a_list_closed_by_another_source_is_due_no_more_whichever_is_heard_first() -> None:
    for order in itertools.permutations([scheduled(), archived_list(present=1)]):
        desk = Desk()
        desk.hear(*order)
        assert desk.due() is None


def test_a_trainer_closes_the_list_before_its_time() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))

    assert desk.hear(close(at=ENDS)) == ["jan absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]
    assert desk.due() is None
    assert desk.hear(close(at=LATER)) == []
    assert desk.pass_to(LATER) == []


def test_each_meeting_has_a_list_of_its_own() -> None:
    desk = Desk()
    desk.hear(scheduled(day(), day("day-2", days_later=1)), enrolled("anna"), enrolled("jan"), scan("anna"))

    assert desk.pass_to(CLOSES) == ["jan absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]
    assert desk.due("day-2") is not None


def test_a_list_that_closes_after_days_of_downtime_closed_at_its_moment() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"))
    desk.pass_to(LATER + dt.timedelta(days=3))

    assert desk.working.said[-1].body.decided_at == CLOSES  # type: ignore[attr-defined]


# --- a meeting that is moved ----------------------------------------------------------------

WEEK = dt.timedelta(days=7)


def called_off(*scans: Any) -> Desk:
    """A day on which these came, closed with them, then moved to a week later under the same id."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), *scans)
    desk.pass_to(CLOSES)
    return desk


def test_a_list_whose_meeting_is_moved_to_after_its_closing_is_open_again() -> None:
    desk = called_off()

    assert desk.hear(rescheduled(day(days_later=7), at=LATER)) == ["day-1 reopened"]
    assert desk.due() == CLOSES + WEEK
    assert desk.hear(scan("anna", at=DURING + WEEK)) == ["anna attended"]
    assert desk.pass_to(CLOSES + WEEK) == ["jan absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]
    assert desk.lists[0].decided_at == CLOSES + WEEK


def test_nobody_is_absent_from_a_day_that_lies_ahead() -> None:
    desk = called_off(scan("anna"))

    assert desk.hear(rescheduled(day(days_later=7), at=LATER)) == ["jan not awaited", "day-1 reopened"]
    assert desk.hear(enrolled("ewa", at=LATER, decided=BEFORE)) == []


def test_who_was_scanned_on_the_day_that_was_called_off_has_to_come_on_the_new_one() -> None:
    desk = called_off(scan("anna"))
    desk.hear(rescheduled(day(days_later=7), at=LATER))
    desk.hear(scan("jan", at=DURING + WEEK))

    assert desk.pass_to(CLOSES + WEEK) == ["anna absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]


def test_who_comes_on_the_new_day_is_present_though_they_came_on_the_old_one_too() -> None:
    desk = called_off(scan("anna"))
    desk.hear(rescheduled(day(days_later=7), at=LATER))

    assert desk.hear(scan("anna", at=DURING + WEEK)) == ["anna attended"]
    assert desk.record("anna").scanned_at == DURING + WEEK
    assert desk.hear(scan("anna", at=DURING + WEEK)) == []


def test_without_a_scan_on_the_new_day_the_list_is_not_recorded() -> None:
    desk = called_off(scan("anna"))
    desk.hear(rescheduled(day(days_later=7), at=LATER))

    assert desk.pass_to(CLOSES + WEEK) == [
        "anna not awaited",
        "day-1 closed (not recorded): 0 present, 0 absent, 2 unknown, 0 without",
    ]
    assert desk.counted() == 2


def test_a_meeting_moved_by_a_slip_and_back_ends_as_it_was() -> None:
    desk = called_off(scan("anna"))
    desk.hear(rescheduled(day(days_later=7), at=LATER), rescheduled(day(), at=LATER + DAY_LONG))

    assert desk.pass_to(LATER + DAY_LONG) == ["jan absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]
    assert (desk.lists[0].decided_at, desk.record("anna").scanned_at) == (CLOSES, DURING)


def test_a_meeting_moved_before_its_closing_was_decided_comes_to_the_same() -> None:
    """The service was down: it hears of the move before it decides what was due."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), rescheduled(day(days_later=7), at=LATER))

    assert desk.pass_to(LATER) == []
    assert desk.due() == CLOSES + WEEK


@pytest.mark.parametrize("moved", [day(until=20), day(days_later=-1)], ids=["longer", "earlier"])
def test_a_list_whose_meeting_does_not_lie_after_its_closing_stays_closed(moved: Any) -> None:
    desk = called_off(scan("anna"))
    numbers = desk.numbers()

    assert desk.hear(rescheduled(moved, at=LATER), enrolled("ewa", at=LATER)) == []
    assert (desk.due(), desk.numbers()) == (None, numbers)


def test_a_session_that_is_cancelled_and_moved_closes_no_list_until_it_is_scheduled_again() -> None:
    desk = called_off()

    assert desk.hear(cancelled(day(days_later=7), at=LATER)) == ["day-1 reopened"]
    assert desk.due() is None
    desk.hear(rescheduled(day(days_later=7), at=LATER))
    assert desk.due() == CLOSES + WEEK


def test_a_list_that_is_open_again_is_not_closed_before_its_meeting_begins() -> None:
    desk = called_off()
    desk.hear(rescheduled(day(days_later=7), at=LATER))

    assert desk.hear(close(at=LATER)) == []
    assert desk.hear(close(at=ENDS + WEEK))[-1].startswith("day-1 closed (not recorded)")


def test_a_list_of_another_source_is_never_opened_by_us() -> None:
    desk = Desk()
    desk.hear(scheduled(), archived_list(present=1))

    assert desk.hear(rescheduled(day(days_later=7), at=LATER)) == []
    assert desk.due() is None


def test_a_list_that_another_source_opened_again_is_theirs_to_close() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), archived_list(present=1), archived_reopening(at=CLOSES + DAY_LONG))

    assert desk.pass_to(LATER + MONTH) == []
    assert desk.hear(close(at=LATER + MONTH)) == []


def test_a_move_that_was_heard_quietly_opens_the_list_when_all_is_known() -> None:
    before = called_off()
    known = [scheduled(), enrolled("anna"), enrolled("jan")]

    after = Desk()
    after.hear_quietly(*before.own_facts(), *known, rescheduled(day(days_later=7), at=LATER))

    assert after.reconcile() == ["day-1 reopened"]
    assert after.due() == CLOSES + WEEK


def test_an_opening_that_was_said_before_a_restore_is_known_after_it() -> None:
    before = called_off()
    known = [scheduled(), enrolled("anna"), enrolled("jan"), rescheduled(day(days_later=7), at=LATER)]
    before.hear(known[-1])

    after = Desk()
    after.hear_quietly(*before.own_facts(), *known)

    assert after.reconcile() == []
    assert after.due() == CLOSES + WEEK


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


# --- after a restore -----------------------------------------------------------------------


def test_hearing_everything_again_quietly_says_nothing_new() -> None:
    """Our own stream is heard first. Before all is known, a place given back in time would look like a late enrolment."""
    others = [
        scheduled(),
        enrolled("anna"),
        enrolled("jan"),
        enrolled("ewa"),
        withdrawn("ewa", at=BEFORE + dt.timedelta(days=1)),
        scan("anna", id="first"),
    ]
    before = Desk()
    before.hear(*others)
    before.pass_to(CLOSES)

    after = Desk()
    after.hear_quietly(*before.own_facts(), *others, scan("anna", id="second"))

    assert after.reconcile() == []
    assert after.held == []
    assert after.pass_to(LATER) == []
    assert after.numbers() == before.numbers()


def test_what_was_never_decided_before_a_restore_is_decided_after_it() -> None:
    before = Desk()
    known = [scheduled(), enrolled("anna"), enrolled("jan"), scan("anna")]
    before.hear(*known)
    before.pass_to(CLOSES)

    after = Desk()
    after.hear_quietly(*before.own_facts(), *known, enrolled("ewa", at=LATER, decided=BEFORE), scan("jan", at=LATER))

    assert after.reconcile() == [
        "jan attended",
        "ewa absent",
        "day-1 closed: 2 present, 1 absent, 0 unknown, 0 without",
    ]


# --- the books -----------------------------------------------------------------------------


def test_the_books_add_up_whatever_happens() -> None:
    """present + absent + not_recorded = the persons counted on the list, after every single event."""
    people = [f"person-{number}" for number in range(6)]
    for seed in range(300):
        rng = random.Random(seed)
        desk = Desk()
        moments = sorted(BEFORE + rng.random() * (LATER + MONTH - BEFORE) for _ in range(40))
        desk.hear(scheduled(day(), day("day-2", days_later=1)))
        for at in moments:
            desk.pass_to(at)
            say = rng.choice([enrolled, enrolled, waitlisted, withdrawn, scan, scan, close, rescheduled])
            if say is rescheduled:
                moved = [day("day-1", days_later=rng.randint(-1, 20)), day("day-2", days_later=rng.randint(0, 21))]
                desk.hear(rescheduled(*moved, at=at))
            elif say is close:
                desk.hear(close(rng.choice(["day-1", "day-2"]), at=at))
            elif say is scan:
                where = rng.choice(["day-1", "day-2"])
                meeting = desk.working[Session].get(SESSION).meeting(where)  # type: ignore[union-attr]
                made = min(at, meeting.starts_at)  # type: ignore[union-attr]
                desk.hear(scan(rng.choice(people), where, at=at, made=made))
            else:
                decided = at - rng.choice([dt.timedelta(0), dt.timedelta(0), dt.timedelta(days=1), MONTH])
                desk.hear(say(rng.choice(people), at=at, decided=decided))  # type: ignore[operator]
            closed = {row.meeting_id for row in desk.lists if not row.is_open}
            for meeting_id in closed:
                present, absent, not_recorded, _ = desk.numbers(meeting_id)
                assert present + absent + not_recorded == desk.counted(meeting_id), f"seed {seed}"
        desk.pass_to(LATER + 2 * MONTH)
        assert [row.is_open for row in desk.lists] == [False, False]


@pytest.mark.parametrize("renamed", [(), (day("day-1b"),)], ids=["dropped", "renamed"])
def test_a_day_that_was_dropped_after_its_list_was_to_close_took_place_also_if_that_is_heard_before_it_is_decided(
    renamed: tuple[dict[str, Any], ...],
) -> None:
    desk = Desk()
    second = day("day-2", days_later=5)
    desk.hear(scheduled(day(), second), enrolled("anna"), enrolled("ewa"), scan("anna"))
    desk.hear(rescheduled(*renamed, second, at=LATER))
    assert desk.pass_to(LATER)[:2] == ["ewa absent", "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"]


def test_a_day_that_was_dropped_before_its_list_was_to_close_has_no_list() -> None:
    desk = Desk()
    desk.hear(scheduled(day(), day("day-2", days_later=5)), enrolled("anna"), scan("anna"))
    desk.hear(rescheduled(day("day-2", days_later=5), at=CLOSES))
    assert desk.pass_to(LATER) == []
