"""When lists close, and what a meeting that is moved, dropped or renamed does to its list."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from typing import Any

import pytest

from services.attendance.lists import LIST
from services.attendance.subjects import list_subject
from shared.contracts.rules import SourceTakenOver
from shared.state.working import Due
from tests.attendance.building import (
    BEFORE,
    CLOSES,
    DAY,
    DURING,
    ENDS,
    LATER,
    RULES,
    SESSION,
    STARTS,
    Desk,
    archived_list,
    archived_reopening,
    cancelled,
    close,
    correction,
    day,
    enrolled,
    heard,
    reopening,
    rescheduled,
    scan,
    scheduled,
)
from tests.mind import knowing_all

OUTSIDE, PLANNER = "urn:example:outside", "urn:example:planner"
MINUTE, HOUR = dt.timedelta(minutes=1), dt.timedelta(hours=1)
DAY_LONG, MONTH = dt.timedelta(days=1), dt.timedelta(days=31)


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

    assert desk.mind.said[-1].body.decided_at == CLOSES  # type: ignore[attr-defined]


# --- two meetings that become one -------------------------------------------------------------------------


MORNING = day(until=12)
AFTERNOON = day("day-2", until=16) | {"starts_local": DAY.replace(tzinfo=None, hour=13)}


def closed_twice() -> Desk:
    """Morning and afternoon of one day had two lists, and they have closed."""
    desk = Desk()
    desk.hear(scheduled(MORNING, AFTERNOON), *map(enrolled, ("anna", "jan", "ewa")))
    one_oclock = STARTS + 4 * HOUR
    desk.hear(scan("anna"), scan("jan"), scan("anna", "day-2", at=one_oclock), scan("ewa", "day-2", at=one_oclock))
    desk.pass_to(LATER)
    return desk


def put_together() -> Desk:
    """Then the planner says that it was one meeting, from 9 to 16."""
    desk = closed_twice()
    assert minutes(desk) == {"anna": (180, 180), "jan": (180, 0), "ewa": (0, 180)}
    desk.hear(rescheduled(day(until=16), at=LATER))
    return desk


def minutes(desk: Desk) -> dict[str, tuple[int | None, int | None]]:
    return {one: (desk.record(one).minutes, desk.record(one, "day-2").minutes) for one in ("anna", "jan", "ewa")}


def test_of_two_closed_days_that_are_put_together_each_hour_counts_once() -> None:
    """Seven hours, of which three lie on the list of the afternoon; whoever was there in the morning alone was so until one o'clock."""
    desk = put_together()

    assert minutes(desk) == {"anna": (240, 180), "jan": (240, 0), "ewa": (0, 180)}
    assert desk.certificates == [
        "RC-2026-0001 CertificateIssued",
        "RC-2026-0002 CertificateIssued",
        "RC-2026-0001 CertificateSuperseded",
    ]


def test_hours_of_a_list_that_is_open_to_be_put_right_count_once_again_when_it_closes() -> None:
    desk = closed_twice()
    desk.hear(reopening("day-2"), rescheduled(day(until=16), at=LATER + MINUTE))

    desk.pass_to(LATER + RULES.close_after)

    assert minutes(desk) == {"anna": (240, 180), "jan": (240, 0), "ewa": (0, 180)}


def test_days_that_are_taken_apart_again_count_as_before() -> None:
    desk = put_together()

    desk.hear(rescheduled(MORNING, AFTERNOON, at=LATER + HOUR))

    assert minutes(desk) == {"anna": (180, 180), "jan": (180, 0), "ewa": (0, 180)}


def test_what_is_put_right_on_the_one_list_counts_no_hour_of_the_other_one_again() -> None:
    desk = put_together()

    assert desk.hear(correction("anna", at=LATER + HOUR)) == []  # It was so already.
    desk.hear(correction("anna", minutes=420, at=LATER + HOUR), correction("ewa", at=LATER + HOUR))
    assert minutes(desk) == {"anna": (240, 180), "jan": (240, 0), "ewa": (240, 180)}

    desk.hear(correction("jan", minutes=420, at=LATER + HOUR))  # Somebody has counted them.
    assert desk.record("jan").minutes == 420


def test_whoever_is_seen_under_the_new_name_of_a_day_was_there_though_the_old_list_says_otherwise() -> None:
    """The old list has closed without them; then the planner calls the day otherwise, and their code is heard."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    desk.pass_to(CLOSES)
    desk.hear(rescheduled(day("d-1"), at=LATER))
    desk.pass_to(LATER + HOUR)

    desk.hear(scan("anna", "d-1", made=DURING, at=LATER + HOUR), scan("jan", "d-1", made=DURING, at=LATER + HOUR))

    assert [desk.record(one, "d-1").minutes for one in ("anna", "jan")] == [0, 360]


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


@pytest.mark.parametrize(
    ("moved", "said"),
    [(day(until=20), ["anna attended"]), (day(days_later=-1), [])],
    ids=["longer, and so of more minutes", "earlier"],
)
def test_a_list_whose_meeting_does_not_lie_after_its_closing_stays_closed(moved: Any, said: list[str]) -> None:
    desk = called_off(scan("anna"))
    numbers = desk.numbers()

    assert desk.hear(rescheduled(moved, at=LATER), enrolled("ewa", at=LATER)) == said
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
    after.hear(*before.own_facts(), *known, rescheduled(day(days_later=7), at=LATER), quiet=True)

    assert after.reconcile() == ["day-1 reopened"]
    assert after.due() == CLOSES + WEEK


def test_an_opening_that_was_said_before_a_restore_is_known_after_it() -> None:
    before = called_off()
    known = [scheduled(), enrolled("anna"), enrolled("jan"), rescheduled(day(days_later=7), at=LATER)]
    before.hear(known[-1])

    after = Desk()
    after.hear(*before.own_facts(), *known, quiet=True)

    assert after.reconcile() == []
    assert after.due() == CLOSES + WEEK


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


# --- live, and made anew --------------------------------------------------------------------------


def made_anew(desk: Desk, *streams: list[Any]) -> dt.datetime | None:
    """When the list is due by what was said, heard in one stream after the other."""
    working = knowing_all(desk.mind.service, desk.mind.service.working(desk.mind.now))
    for one in itertools.chain(*streams):
        working.apply(one)
    found = working[Due].get(LIST, list_subject(SESSION, "day-1"))
    return found.at if found else None


def test_a_list_that_was_opened_with_its_moment_past_is_due_then_whatever_was_said_of_its_session_before_that_was_decided() -> (
    None
):
    """The service was down for days, and hears of two moves before it decides what is due by the first."""
    desk = Desk()
    sessions = [scheduled(), *(rescheduled(day(days_later=2, until=until), at=LATER + MONTH) for until in (15, 18))]
    desk.hear(sessions[0], enrolled("anna"))
    desk.pass_to(CLOSES)
    desk.hear(*sessions[1:])
    ours = list(desk.mind.said)

    assert desk.due() == CLOSES + 2 * DAY_LONG
    assert made_anew(desk, sessions, ours) == made_anew(desk, ours, sessions) == desk.due()


def test_what_is_said_of_a_session_and_comes_when_a_newer_word_is_known_moves_no_list() -> None:
    desk = Desk()
    first, late, newest = scheduled(), rescheduled(day(days_later=14)), rescheduled(day(days_later=7))
    desk.hear(first, newest, dataclasses.replace(late, appended_at=BEFORE + DAY_LONG), archived_reopening(at=LATER))

    assert desk.due() == CLOSES + WEEK


def test_whoever_had_a_session_before_moves_none_of_its_lists_any_more() -> None:
    rule = SourceTakenOver(rule_id="r", in_stream="programme.sessions", from_source=OUTSIDE, to_source=PLANNER)
    desk = Desk()
    desk.hear(scheduled(), heard(rule, at=BEFORE))
    desk.hear(dataclasses.replace(rescheduled(day(days_later=7), at=BEFORE + DAY_LONG), source=PLANNER))
    desk.hear(rescheduled(day(days_later=14), at=BEFORE + 2 * DAY_LONG), archived_reopening(at=LATER))

    assert desk.due() == CLOSES + WEEK
