"""What attendance does about each event: effects, redelivery, reordering, late parents, and that its books add up."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import random

import pytest

from services.attendance.history import PlaceSaid
from services.attendance.state import Place, Session
from tests.attendance.building import (
    ARCHIVE,
    BEFORE,
    CLOSES,
    DURING,
    LATER,
    SESSION,
    Desk,
    archived_list,
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
from tests.campaigns import cases

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


def test_what_a_backup_still_holds_and_was_answered_since_is_not_answered_again() -> None:
    live, restored, asked = Desk(), Desk(), scan("anna")
    for desk in (live, restored):
        desk.hear(scheduled(), asked)
        assert desk.held == [("anna", "place")]
    assert live.hear(enrolled("anna")) == ["anna attended"]
    restored.hear(*live.own_facts(), quiet=True)
    assert restored.held == []
    assert restored.hear(enrolled("anna")) == []


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
    assert (desk.held, [one.reason for one in desk.mind.aside]) == ([], ["implausible_time"])


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
    assert (desk.held, [one.reason for one in desk.mind.aside]) == ([], ["unknown_meeting"])


def test_a_scan_of_a_meeting_that_never_was_is_parked_when_the_session_is_over() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", "day-9"))
    desk.pass_to(CLOSES)

    assert (desk.held, [one.reason for one in desk.mind.aside]) == ([], ["unknown_meeting"])


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

    assert (desk.held, [one.reason for one in desk.mind.aside]) == ([], ["foreign_writer"])


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
    after.hear(*before.own_facts(), *others, scan("anna", id="second"), quiet=True)

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
    after.hear(
        *before.own_facts(), *known, enrolled("ewa", at=LATER, decided=BEFORE), scan("jan", at=LATER), quiet=True
    )

    assert after.reconcile() == [
        "jan attended",
        "ewa absent",
        "day-1 closed: 2 present, 1 absent, 0 unknown, 0 without",
    ]


# --- the books -----------------------------------------------------------------------------


@pytest.mark.campaign
def test_the_books_add_up_whatever_happens() -> None:
    """present + absent + not_recorded = the persons counted on the list, after every single event."""
    people = [f"person-{number}" for number in range(6)]
    for seed in range(cases(300)):
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
                meeting = desk.mind[Session].get(SESSION).meeting(where)  # type: ignore[union-attr]
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


def test_what_two_writers_say_of_one_place_comes_to_the_same_in_one_batch_as_in_two() -> None:
    """Who owns the place by then is judged by all that was said of it."""
    archived = dataclasses.replace(enrolled("anna", decided=BEFORE), source=ARCHIVE)
    ours = dataclasses.replace(withdrawn("anna", at=DURING), source="rollcall/enrolment", version=2)
    apart, together = Desk(), Desk()
    for desk in (apart, together):
        desk.hear(scheduled())
    apart.hear(archived, ours, archived)
    together.mind.hear(archived, ours, archived)

    for kind in (Place, PlaceSaid):
        assert set(together.mind[kind]) == set(apart.mind[kind])
    assert len(together.mind[PlaceSaid]) == 2
