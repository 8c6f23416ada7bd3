"""Marks, corrections, walk-ins: who may say what of whom, and what comes of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from services.attendance.history import words_of
from services.attendance.state import MeetingList, Record, RecordSaid
from shared.contracts.attendance import AttendanceCorrected, Method, Presence, Role
from shared.contracts.enrolment import WithdrawalReason
from shared.contracts.marks import MarkRequested
from shared.events.envelope import NO_PARTITION
from shared.state.working import Unchanged
from tests.attendance.building import (
    BEFORE,
    CLOSES,
    DURING,
    ENDS,
    LATER,
    RULES,
    SESSION,
    STARTS,
    Desk,
    archived_list,
    archived_present,
    cancelled,
    close,
    correction,
    day,
    enrolled,
    mark,
    reopening,
    rescheduled,
    scan,
    scheduled,
    withdrawn,
)

MINUTE, HOUR, DAY_LONG = dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=1)
TWO_DAYS = (day(), day("day-2", days_later=1))
CLOSED_1_1 = "day-1 closed: 1 present, 1 absent, 0 unknown, 0 without"


def opened(*more: Any, **terms: Any) -> Desk:
    """A session with places for Anna and Jan."""
    desk = Desk()
    desk.hear(scheduled(**terms), enrolled("anna"), enrolled("jan"), *more)
    return desk


def kept(*more: Any, **terms: Any) -> Desk:
    """Its list has closed: Anna was there, Jan was not."""
    desk = opened(scan("anna"), *more, **terms)
    desk.pass_to(CLOSES)
    return desk


def aside(desk: Desk) -> list[str]:
    return [one.reason for one in desk.mind.aside]


def outcome(desk: Desk, one: Any) -> str | None:
    """What was answered without a fact."""
    found = desk.mind[Unchanged].get(one.source, one.event_id)
    return found.outcome if found else None


# --- while it is open ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "fields", "minutes"),
    [
        ("present", {}, 360),
        ("late", {"arrived_at": STARTS + HOUR}, 300),
        ("left_early", {"left_at": ENDS - HOUR}, 300),
        ("left_early", {"arrived_at": STARTS + HOUR, "left_at": ENDS - HOUR}, 240),
        ("late", {"minutes": 200}, 200),
        ("excused", {}, 0),
        ("absent", {}, 0),
    ],
)
def test_a_mark_sets_what_it_says(state: str, fields: dict[str, Any], minutes: int) -> None:
    desk = opened()

    desk.hear(mark("anna", state, at=ENDS, **fields))

    record = desk.record("anna")
    assert (record.state, record.minutes, record.method) == (state, minutes, Method.MANUAL)
    assert (record.decided_by, record.with_place, record.city_id) == ("trainer", True, "town-of-anna")


def test_one_tap_says_when_somebody_came_or_left() -> None:
    desk = opened(mark("anna", "late", at=STARTS + HOUR), mark("jan", "left_early", at=ENDS - HOUR))

    assert [desk.record(person).minutes for person in ("anna", "jan")] == [300, 300]
    assert desk.record("anna").arrived_at == STARTS + HOUR


def test_who_was_late_and_leaves_early_was_late_all_the_same() -> None:
    """One tap says that they leave. Since when they were there was known, and nobody has said otherwise."""
    desk = opened(scan("anna", at=STARTS + HOUR), mark("anna", "left_early", at=ENDS - HOUR))

    record = desk.record("anna")
    assert (record.state, record.arrived_at, record.left_at, record.minutes) == (
        Presence.LEFT_EARLY,
        STARTS + HOUR,
        ENDS - HOUR,
        240,
    )


def test_who_says_since_when_or_for_how_long_has_said_so() -> None:
    was_late = scan("anna", at=STARTS + HOUR)
    desk = opened(was_late, mark("anna", "left_early", at=ENDS, arrived_at=STARTS, left_at=ENDS - HOUR))
    assert desk.record("anna").minutes == 300
    desk = opened(was_late, mark("anna", "left_early", at=ENDS, minutes=100))
    assert (desk.record("anna").minutes, desk.record("anna").arrived_at) == (100, None)


def test_who_was_late_is_not_known_to_have_been_so_since_when_if_nobody_says() -> None:
    desk = opened(mark("anna", "late", at=ENDS + HOUR))

    assert aside(desk) == ["implausible_time"]


def test_the_clock_of_the_device_and_when_it_was_heard_are_kept_apart() -> None:
    desk = opened(mark("anna", at=ENDS + HOUR, made_at=DURING))

    record = desk.record("anna")
    assert (record.scanned_at, record.received_at) == (DURING, ENDS + HOUR)


@pytest.mark.parametrize(
    ("state", "fields"),
    [
        ("present", {"made_at": ENDS + DAY_LONG}),
        ("present", {"made_at": STARTS - DAY_LONG}),
        ("absent", {"made_at": STARTS - MINUTE}),
        ("late", {"arrived_at": STARTS - HOUR}),
        ("left_early", {"left_at": ENDS + HOUR}),
        ("present", {"minutes": 361}),
        ("left_early", {"arrived_at": ENDS - HOUR, "left_at": STARTS + HOUR}),
    ],
)
def test_what_cannot_have_been_seen_then_is_refused(state: str, fields: dict[str, Any]) -> None:
    desk = opened()

    assert desk.hear(mark("anna", state, at=ENDS + 2 * HOUR, **fields)) == []
    assert aside(desk) == ["implausible_time"]


def test_somebody_may_be_excused_the_day_before() -> None:
    desk = opened(mark("jan", "excused", at=STARTS - DAY_LONG), scan("anna"))

    assert desk.pass_to(CLOSES) == [CLOSED_1_1]
    assert desk.mind[MeetingList].get(SESSION, "day-1").excused == 1  # type: ignore[union-attr]


def test_the_same_again_changes_nothing() -> None:
    desk = opened(scan("anna"))
    again = mark("anna", "present")

    assert desk.hear(again) == []
    assert outcome(desk, again) == "AsItWas"
    assert desk.record("anna").method is Method.SCAN, "a code is the better evidence"


def test_a_mark_sent_again_is_the_same_mark() -> None:
    desk = opened(mark("anna", "absent", id="m"), mark("anna", "present", id="n"))

    assert desk.hear(mark("anna", "absent", id="m")) == []
    assert desk.record("anna").state is Presence.PRESENT


def test_what_was_marked_can_be_taken_back_and_is_as_if_nothing_had_been() -> None:
    desk = opened(mark("jan", "present", at=DURING), mark("jan", "not_recorded", at=DURING + MINUTE), scan("anna"))

    assert desk.pass_to(CLOSES) == ["jan absent", CLOSED_1_1]


def test_what_was_changed_meanwhile_is_not_overwritten_and_says_what_stands() -> None:
    desk = opened(
        mark("anna", "absent", by="first"), mark("anna", "excused", by="second", seen="0", at=DURING + MINUTE)
    )

    assert desk.record("anna").state is Presence.ABSENT
    (one,) = desk.mind.aside
    assert one.reason == "changed_since"
    assert "the record is 1 by now: absent, 0 minutes by first" in one.detail
    assert desk.hear(mark("anna", "excused", by="second", seen="1", at=DURING + HOUR)) == ["anna excused"]


def test_a_mark_waits_for_its_session_and_for_its_meeting() -> None:
    desk = Desk()
    desk.hear(mark("anna", id="m"))
    assert desk.held == [("anna", "session")]

    assert desk.hear(scheduled(day("day-9"), at=DURING)) == []
    assert desk.held == [("anna", "meeting")]
    assert desk.hear(rescheduled(day("day-1"), at=DURING)) == ["anna attended without a place"]


def test_marks_of_what_nobody_announces_are_set_aside_at_last() -> None:
    desk = Desk()
    desk.hear(mark("anna"))
    desk.pass_to(DURING + RULES.held_for)

    assert (desk.held, aside(desk)) == ([], ["unknown_meeting"])


# --- a list is kept if somebody was seen or missed there --------------------------------------


def test_a_mark_of_presence_keeps_a_list_as_a_scan_does() -> None:
    desk = opened(mark("anna", "present"))

    assert desk.pass_to(CLOSES) == ["jan absent", CLOSED_1_1]


def test_a_mark_of_absence_keeps_a_list_too() -> None:
    desk = opened(mark("anna", "absent"))

    assert desk.pass_to(CLOSES) == ["jan absent", "day-1 closed: 0 present, 2 absent, 0 unknown, 0 without"]


def test_an_excuse_alone_makes_nobody_else_absent() -> None:
    desk = opened(mark("anna", "excused"))

    assert desk.pass_to(CLOSES) == ["day-1 closed (not recorded): 0 present, 1 absent, 1 unknown, 0 without"]
    assert desk.counted() == 2


def test_who_was_late_or_left_early_is_among_the_present() -> None:
    desk = opened(scan("anna", at=STARTS + HOUR), mark("jan", "left_early", at=ENDS - HOUR))
    desk.pass_to(CLOSES)

    closed = desk.mind[MeetingList].get(SESSION, "day-1")
    assert closed is not None
    assert (closed.present, closed.late, closed.left_early) == (2, 1, 1)


# --- codes and marks that say different things ------------------------------------------------


def test_somebody_marked_absent_who_comes_after_that_is_there() -> None:
    desk = opened(mark("anna", "absent", at=STARTS + 5 * MINUTE))

    assert desk.hear(scan("anna", at=DURING)) == ["anna attended"]


def test_a_code_read_before_somebody_was_marked_absent_changes_nothing_and_is_known() -> None:
    desk = opened(mark("anna", "absent", at=STARTS + HOUR))
    offline = scan("anna", at=STARTS + 2 * HOUR, made=DURING)

    assert desk.hear(offline) == []
    assert outcome(desk, offline) == "MarkStands"
    assert desk.record("anna").state is Presence.ABSENT


def test_a_code_never_overrides_what_was_put_right_after_the_closing() -> None:
    desk = kept()
    desk.hear(correction("anna", "absent"))
    late = scan("anna", at=LATER + HOUR, made=STARTS + 2 * HOUR)

    assert desk.hear(late) == []
    assert outcome(desk, late) == "MarkStands"


# --- after the closing ------------------------------------------------------------------------


def test_after_the_closing_a_mark_is_refused_and_the_office_corrects() -> None:
    desk = kept()
    assert desk.hear(mark("jan", at=LATER)) == []
    assert aside(desk) == ["list_closed"]

    said = desk.hear(correction("jan", "late", arrived_at=STARTS + HOUR, method="paper", note="signed at ten"))

    assert said == [
        "jan corrected from absent to late",
        "day-1 closed: 2 present, 0 absent, 0 unknown, 0 without",
    ]
    (fact,) = [one.body for one in desk.mind.said if isinstance(one.body, AttendanceCorrected)]
    assert (fact.decided_by, fact.note, fact.was.minutes, fact.minutes) == ("office", "signed at ten", 0, 300)
    assert desk.counted() == 2


def test_a_correction_says_what_it_was_decided_on() -> None:
    desk = kept()
    desk.hear(correction("jan", "present", seen="1"))

    assert desk.hear(correction("jan", "excused", seen="1", at=LATER + MINUTE)) == []
    assert aside(desk) == ["changed_since"]


def test_the_history_has_every_word_with_who_said_it() -> None:
    desk = opened(scan("anna"), correction("jan", "excused", at=CLOSES - HOUR, by="office"))
    desk.pass_to(CLOSES)
    desk.hear(correction("jan", "present", at=LATER, by="second"))

    said = words_of(desk.record("jan"), desk.mind[RecordSaid].where("person_id", "jan"))

    assert [(one.state, one.decided_by, one.corrected) for one in said] == [
        (Presence.EXCUSED, "office", False),
        (Presence.PRESENT, "second", True),
    ]


def test_a_word_of_ours_is_kept_also_if_it_is_heard_behind_a_newer_one() -> None:
    desk = opened(scan("anna"), correction("jan", "excused", at=CLOSES - HOUR, by="office"))
    desk.pass_to(CLOSES)
    desk.hear(correction("jan", "present", at=LATER, by="second"))
    again = Desk()

    for one in reversed([one for one in desk.own_facts() if one.subject.endswith("/jan")]):
        again.hear(one, quiet=True)

    kept = again.mind[RecordSaid].where("person_id", "jan")
    assert words_of(again.record("jan"), kept) == words_of(
        desk.record("jan"), desk.mind[RecordSaid].where("person_id", "jan")
    )
    assert len(kept) == 1


def test_that_nothing_is_known_of_somebody_can_be_said_too_and_stands() -> None:
    desk = kept()

    said = desk.hear(correction("jan", "not_recorded"))

    assert said == [
        "jan corrected from absent to not_awaited",
        "day-1 closed: 1 present, 0 absent, 1 unknown, 0 without",
    ]
    assert desk.hear(scan("ewa", at=LATER + HOUR, made=DURING))[1:] == [
        "day-1 closed: 1 present, 0 absent, 1 unknown, 1 without"
    ]


def test_nobody_is_absent_from_a_list_that_did_not_await_them() -> None:
    desk = kept()

    assert desk.hear(correction("ewa", "absent")) == []
    assert aside(desk) == ["undecidable"]


def test_a_correction_of_who_came_without_a_place_takes_them_off_the_list() -> None:
    desk = kept(scan("ewa"))
    assert desk.numbers() == (1, 1, 0, 1)

    desk.hear(correction("ewa", "absent"))

    assert desk.numbers() == (1, 1, 0, 0)
    assert desk.record("ewa").state is Presence.NOT_AWAITED


def test_what_the_office_put_right_stands_when_a_place_becomes_known_late() -> None:
    desk = kept(scan("ewa"))
    desk.hear(correction("ewa", "left_early", left_at=ENDS - HOUR))

    desk.hear(enrolled("ewa", at=LATER + HOUR, decided=BEFORE))

    record = desk.record("ewa")
    assert (record.state, record.with_place, record.decided_by, record.because) == (
        Presence.LEFT_EARLY,
        True,
        "office",
        "place",
    )
    assert desk.numbers() == (2, 1, 0, 0)


def test_a_correction_of_another_systems_list_is_refused() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), archived_present("anna"), archived_list(present=1))

    assert desk.hear(correction("anna", "absent")) == []
    assert aside(desk) == ["foreign_writer"]


def test_other_hours_after_the_closing_make_other_minutes() -> None:
    desk = kept()

    assert desk.hear(rescheduled(day(until=14), at=LATER)) == ["anna attended"]
    record = desk.record("anna")
    assert (record.minutes, record.because) == (300, "meeting")


def test_a_list_counted_again_keeps_who_closed_it_and_the_recount_says_no_other() -> None:
    desk = opened(scan("anna"), close(at=ENDS))
    desk.hear(scan("jan", at=LATER, made=DURING))

    found = desk.mind[MeetingList].get(SESSION, "day-1")
    assert found is not None
    assert (found.present, found.decided_by) == (2, "trainer")


# --- who asks ----------------------------------------------------------------------------------


def test_a_trainer_of_the_session_may_mark_and_close_and_nobody_elses_may() -> None:
    desk = opened(trainers=("person-9",))
    desk.hear(mark("anna", by="trainer:person-9"), mark("jan", by="trainer:person-8"))

    assert aside(desk) == ["not_theirs"]
    stranger = dataclasses.replace(close(at=ENDS), source="rollcall/attendance/trainer:person-8")
    assert desk.hear(stranger) == []
    assert aside(desk) == ["not_theirs", "not_theirs"]
    theirs = dataclasses.replace(close(at=ENDS), source="rollcall/attendance/trainer:person-9")
    assert desk.hear(theirs) == ["jan absent", CLOSED_1_1]
    assert desk.mind[MeetingList].get(SESSION, "day-1").decided_by == "trainer:person-9"  # type: ignore[union-attr]


def test_a_trainer_replaced_while_offline_marks_nobody_any_more() -> None:
    desk = opened(trainers=("person-9",))
    desk.hear(rescheduled(at=DURING, trainers=("person-8",)))

    assert desk.hear(mark("anna", by="trainer:person-9", at=ENDS, made_at=DURING)) == []
    assert aside(desk) == ["not_theirs"]


def test_a_trainer_who_closes_twice_is_told_so() -> None:
    desk = kept()
    again = close(at=LATER)

    assert desk.hear(again) == []
    assert outcome(desk, again) == "AlreadyClosed"


@pytest.mark.parametrize(("console", "counts"), [("urn:example:console", True), (None, False), ("urn:other", False)])
def test_on_kafka_only_the_offices_console_is_heard(console: str | None, counts: bool) -> None:
    desk = Desk(dataclasses.replace(RULES, console=console))
    desk.hear(scheduled(), enrolled("anna"))
    over_kafka = dataclasses.replace(mark("anna"), source="urn:example:console", partition=3)
    assert mark("anna").partition == NO_PARTITION

    assert desk.hear(over_kafka) == (["anna attended"] if counts else [])
    assert aside(desk) == ([] if counts else ["foreign_writer"])


def test_a_reopening_by_somebody_else_on_kafka_is_set_aside() -> None:
    desk = kept()

    assert desk.hear(dataclasses.replace(reopening(), source="urn:example:other", partition=3)) == []
    assert aside(desk) == ["foreign_writer"]


# --- trainers, observers, substitutes, walk-ins --------------------------------------------------


def test_who_trains_and_has_a_place_is_not_absent_for_want_of_a_record() -> None:
    """They stood in front and sign in the head of the list; that nobody recorded them says nothing."""
    desk = kept(enrolled("teresa"), trainers=("teresa",))
    assert desk.mind[Record].get(SESSION, "day-1", "teresa") is None
    assert desk.numbers() == (1, 1, 1, 0)


@pytest.mark.parametrize("named", [DURING + HOUR, ENDS])
def test_who_trains_and_is_replaced_during_the_day_is_not_absent_for_want_of_a_record(named: Any) -> None:
    desk = opened(scan("anna"), enrolled("teresa"), enrolled("ola"), trainers=("teresa",))
    desk.hear(rescheduled(at=named, trainers=("ola",)))
    desk.pass_to(CLOSES)

    assert desk.numbers() == (1, 1, 2, 0)  # Both have stood in front.


def test_who_trained_a_day_has_trained_it_also_once_it_is_called_otherwise() -> None:
    """Replaced for the second day before the first one's list had closed."""
    desk = Desk()
    desk.hear(scheduled(*TWO_DAYS, trainers=("teresa",)), enrolled("anna"), enrolled("teresa"), scan("anna"))
    desk.hear(rescheduled(*TWO_DAYS, at=ENDS + HOUR, trainers=("ewa",)))
    desk.pass_to(CLOSES)
    assert desk.numbers() == (1, 0, 1, 0)

    assert desk.hear(rescheduled(day("d-1"), TWO_DAYS[1], at=LATER, trainers=("ewa",))) == []


@pytest.mark.parametrize(("state", "numbers"), [("absent", (1, 2, 0, 0)), ("present", (2, 1, 0, 0))])
def test_what_is_recorded_of_a_trainer_who_has_a_place_counts_as_of_anybody(
    state: str, numbers: tuple[int, int, int, int]
) -> None:
    desk = kept(enrolled("teresa"), mark("teresa", state), trainers=("teresa",))
    assert desk.numbers() == numbers
    assert desk.record("teresa").role is Role.PARTICIPANT


def test_who_is_replaced_between_two_days_has_trained_the_first_and_nobody_who_comes_after_them() -> None:
    desk = Desk()
    desk.hear(scheduled(*TWO_DAYS, trainers=("teresa",)), *map(enrolled, ("anna", "jan", "teresa")))
    desk.hear(scan("anna"), scan("ola"))
    desk.pass_to(CLOSES)
    assert desk.numbers() == (1, 1, 1, 1)  # Ola came without a place.

    assert desk.hear(rescheduled(*TWO_DAYS, at=LATER, trainers=("jan", "ola"))) == []

    assert (desk.record("jan").state, desk.record("ola").role) == (Presence.ABSENT, Role.PARTICIPANT)
    assert desk.numbers() == (1, 1, 1, 1)


@pytest.mark.parametrize(
    "said_late",
    [scan("ola", made=DURING, at=LATER + HOUR), correction("ola", at=LATER + HOUR)],
    ids=["a code", "a word"],
)
def test_who_trains_the_second_day_came_to_the_first_as_whoever_they_were(said_late: Any) -> None:
    """Also if that is heard, or put right, once they train."""
    desk = Desk()
    desk.hear(scheduled(*TWO_DAYS, trainers=("teresa",)), enrolled("anna"), scan("anna"))
    desk.pass_to(CLOSES)
    desk.hear(rescheduled(*TWO_DAYS, at=LATER, trainers=("ola",)), said_late)

    assert desk.record("ola").role is Role.PARTICIPANT
    assert desk.numbers() == (1, 0, 0, 1)


@pytest.mark.parametrize(
    "seen",
    [scan("teresa", made=DURING, at=ENDS), mark("teresa", made_at=DURING, at=ENDS)],
    ids=["a code", "a mark"],
)
@pytest.mark.parametrize("closed", [False, True])
def test_a_trainer_who_is_replaced_during_the_day_was_seen_as_a_trainer_also_if_that_is_heard_afterwards(
    seen: Any, closed: bool
) -> None:
    """They have no place: taken for a participant, they would have a certificate."""
    desk = opened(scan("anna"), trainers=("teresa",))
    desk.hear(rescheduled(at=DURING + HOUR, trainers=("jan",)), *([close()] if closed else []))
    if closed and isinstance(seen.body, MarkRequested):
        seen = correction("teresa", made_at=DURING, at=ENDS)

    desk.hear(seen)

    assert (desk.record("teresa").role, desk.held) == (Role.TRAINER, [])
    desk.pass_to(CLOSES)
    assert desk.mind[MeetingList].get(SESSION, "day-1").guests == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("list_is", ["open", "closed", "of a day that was dropped"])
def test_a_walk_in_who_was_read_while_they_trained_came_as_a_trainer_also_if_it_is_said_later_who_that_was(
    list_is: str,
) -> None:
    """Read in the morning, replaced at noon. Taken for a participant, they would have a certificate."""
    desk = opened(scan("anna"), mark("walk-in-1", at=STARTS + 5 * MINUTE), trainers=("teresa",))
    desk.hear(rescheduled(at=STARTS + 3 * HOUR, trainers=("ola",)))
    known = mark("teresa", walk_in="walk-in-1", at=STARTS + 4 * HOUR)
    if list_is != "open":
        desk.pass_to(CLOSES)
        known = correction("teresa", walk_in="walk-in-1", at=LATER + HOUR)
    if list_is == "of a day that was dropped":
        desk.hear(rescheduled(day("d-1"), at=LATER, trainers=("ola",)))

    desk.hear(known)

    assert (desk.record("teresa").state, desk.record("teresa").role) == (Presence.PRESENT, Role.TRAINER)
    desk.pass_to(LATER + 2 * HOUR)
    assert desk.mind[MeetingList].get(SESSION, "day-1").guests == 1  # type: ignore[union-attr]
    assert len(desk.certificates) == 1  # Anna's.


def test_a_walk_in_of_a_day_that_was_moved_to_a_later_one_is_who_they_are_said_to_be() -> None:
    """Nothing has been said since the day as it is planned now drew near, and yet since they were seen."""
    desk = opened(mark("walk-in-1"), trainers=("teresa",))
    moved = day(days_later=7)
    desk.hear(rescheduled(moved, at=DURING + HOUR, trainers=("ola",)))

    desk.hear(mark("teresa", walk_in="walk-in-1", at=STARTS + 7 * DAY_LONG + HOUR))

    assert desk.record("teresa").role is Role.TRAINER


@pytest.mark.parametrize(
    "said_later",
    [
        mark("teresa", "late", arrived_at=STARTS + 5 * MINUTE, at=ENDS - HOUR),
        mark("teresa", at=ENDS + HOUR),
        mark("teresa", at=STARTS + 4 * HOUR),
        mark("teresa", "left_early", at=STARTS + 4 * HOUR),
        scan("teresa", made=ENDS + 5 * MINUTE, at=ENDS + HOUR),
    ],
    ids=["since when", "all day", "all day, said in the afternoon", "until the afternoon", "a code at the exit"],
)
def test_a_trainer_who_was_replaced_came_as_a_trainer_if_they_came_before_that_whenever_it_is_marked(
    said_later: Any,
) -> None:
    desk = opened(scan("anna"), trainers=("teresa",))
    desk.hear(rescheduled(at=STARTS + 3 * HOUR, trainers=("ola",)), said_later)

    assert desk.record("teresa").role is Role.TRAINER
    desk.pass_to(CLOSES)
    assert len(desk.certificates) == 1  # Anna's.


@pytest.mark.parametrize(
    "came_late",
    [mark("teresa", "late", at=STARTS + 4 * HOUR), scan("teresa", made=STARTS + 4 * HOUR, at=ENDS)],
    ids=["a mark", "a code"],
)
def test_a_trainer_who_was_replaced_and_comes_back_after_that_takes_part(came_late: Any) -> None:
    desk = opened(scan("anna"), trainers=("teresa",))
    desk.hear(rescheduled(at=STARTS + 3 * HOUR, trainers=("ola",)), came_late)

    desk.pass_to(CLOSES)

    assert (desk.record("teresa").state, desk.record("teresa").role) == (Presence.LATE, Role.PARTICIPANT)


def test_a_walk_in_who_was_there_all_day_and_trained_until_noon_came_as_a_trainer_also_if_both_is_said_later() -> None:
    desk = opened(scan("anna"), trainers=("teresa",))
    desk.hear(rescheduled(at=STARTS + 3 * HOUR, trainers=("ola",)), mark("walk-in-1", at=STARTS + 4 * HOUR))

    desk.hear(mark("teresa", walk_in="walk-in-1", at=STARTS + 5 * HOUR))

    assert desk.record("teresa").role is Role.TRAINER


def test_a_trainer_who_was_seen_before_the_day_began_and_replaced_before_it_did_was_seen_as_a_trainer() -> None:
    desk = opened(trainers=("teresa",))
    desk.hear(rescheduled(at=STARTS - 5 * MINUTE, trainers=("ola",)))

    desk.hear(mark("teresa", made_at=STARTS - 10 * MINUTE, at=DURING))

    assert desk.record("teresa").role is Role.TRAINER


def test_who_is_named_for_the_second_day_came_to_the_first_as_whoever_they_were_also_on_a_list_that_is_open() -> None:
    desk = Desk()
    desk.hear(scheduled(*TWO_DAYS, trainers=("teresa",)), enrolled("anna"), scan("anna"))
    desk.hear(rescheduled(*TWO_DAYS, at=ENDS + HOUR, trainers=("ola",)), scan("ola", made=DURING, at=ENDS + 2 * HOUR))

    assert desk.held == [("ola", "place")]
    desk.pass_to(CLOSES)
    assert (desk.record("ola").role, desk.numbers()) == (Role.PARTICIPANT, (1, 0, 0, 1))


def test_who_trained_is_put_right_by_what_is_changed_once_all_is_over() -> None:
    """The planner says afterwards that somebody else stood in front. That it says the rest of the session anew changes nothing."""
    desk = kept(enrolled("teresa"), trainers=("teresa",))
    assert desk.hear(rescheduled(at=LATER, trainers=("teresa",))) == []
    assert desk.hear(rescheduled(at=LATER, trainers=("jan",))) == [
        "jan not awaited",
        "teresa absent",
    ]
    assert desk.numbers() == (1, 1, 1, 0)


def test_an_absence_of_a_trainer_is_taken_back_where_the_news_that_they_train_comes_late() -> None:
    desk = kept(enrolled("teresa"))
    assert desk.record("teresa").state is Presence.ABSENT
    named = rescheduled(at=CLOSES, trainers=("teresa",))  # It lay in Kafka when the list closed.
    assert desk.hear(named) == ["teresa not awaited", "day-1 closed: 1 present, 1 absent, 1 unknown, 0 without"]


def test_whoever_was_marked_as_an_observer_is_one_until_it_is_said_that_they_take_part() -> None:
    desk = opened(scan("anna"), mark("guest", role="observer"))
    desk.hear(mark("guest", "late", arrived_at=DURING, at=DURING + HOUR))
    assert desk.record("guest").role is Role.OBSERVER

    desk.hear(mark("guest", "late", arrived_at=DURING, at=DURING + HOUR, role="participant", is_role_said=True))

    assert desk.record("guest").role is Role.PARTICIPANT
    desk.pass_to(CLOSES)
    assert desk.numbers() == (1, 1, 0, 1)
    desk.hear(correction("guest", role="observer"), correction("guest", "left_early", minutes=300))
    assert (desk.record("guest").role, desk.numbers()) == (Role.OBSERVER, (1, 1, 0, 0))


def test_a_walk_in_who_was_an_observer_is_one_also_once_it_is_known_who_that_is() -> None:
    desk = opened(scan("anna"), mark("walk-in-1", role="observer"), mark("ola", walk_in="walk-in-1", at=ENDS))
    desk.pass_to(CLOSES)

    assert desk.record("ola").role is Role.OBSERVER
    assert desk.certificates == ["RC-2026-0001 CertificateIssued"]  # Anna's.


def test_whoever_trains_is_no_participant_by_anybodys_word_but_the_planners() -> None:
    desk = opened(mark("teresa", role="participant", is_role_said=True), trainers=("teresa",))
    assert desk.record("teresa").role is Role.TRAINER


def test_trainers_and_observers_are_present_and_in_no_number_but_their_own() -> None:
    desk = opened(
        scan("anna"),
        scan("person-9"),
        mark("guest", role="observer"),
        trainers=("person-9",),
    )

    assert desk.pass_to(CLOSES) == ["jan absent", CLOSED_1_1]
    assert desk.mind[MeetingList].get(SESSION, "day-1").guests == 2  # type: ignore[union-attr]
    assert [desk.record(one).role for one in ("person-9", "guest")] == [Role.TRAINER, Role.OBSERVER]


def test_whoever_trained_that_day_did_so_also_if_others_train_now() -> None:
    desk = kept(scan("person-9"), trainers=("person-9",))

    desk.hear(rescheduled(at=LATER, trainers=("person-8",)))

    assert desk.record("person-9").role is Role.TRAINER


def test_a_trainer_with_a_place_is_a_participant() -> None:
    desk = opened(scan("anna"), trainers=("anna",))

    assert desk.record("anna").role is Role.PARTICIPANT


def test_a_substitute_counts_as_whoever_is_enrolled() -> None:
    desk = opened()
    desk.hear(withdrawn("jan", reason=WithdrawalReason.SUBSTITUTED), enrolled("ewa"), scan("ewa"))

    assert desk.pass_to(CLOSES) == ["anna absent", CLOSED_1_1]


def test_a_walk_in_becomes_somebody_with_all_that_was_recorded_of_them() -> None:
    desk = opened(mark("walk-in-1", at=DURING), scan("anna"))
    assert desk.record("walk-in-1").with_place is False

    assert desk.hear(mark("jan", walk_in="walk-in-1", note="had no code", at=ENDS)) == [
        "walk-in-1 not awaited",
        "jan attended",
    ]

    record, gone = desk.record("jan"), desk.record("walk-in-1")
    assert (record.scanned_at, record.linked_from, record.with_place) == (DURING, "walk-in-1", True)
    assert (gone.reason, gone.linked_to) == ("linked", "jan")
    assert desk.pass_to(CLOSES) == ["day-1 closed: 2 present, 0 absent, 0 unknown, 0 without"]


def test_after_the_closing_a_walk_in_is_somebody_by_a_correction() -> None:
    desk = kept(mark("walk-in-1"))
    assert desk.numbers() == (1, 1, 0, 1)
    assert desk.hear(mark("jan", walk_in="walk-in-1", at=LATER)) == []

    desk.hear(correction("jan", walk_in="walk-in-1", note="signed as Jan"))

    assert desk.numbers() == (2, 0, 0, 0)
    assert desk.record("jan").corrected


def test_who_is_there_already_stays_so_when_they_turn_out_to_be_a_walk_in_too() -> None:
    desk = opened(scan("anna"), mark("walk-in-1", at=DURING + HOUR))

    assert desk.hear(mark("anna", walk_in="walk-in-1", at=ENDS)) == ["walk-in-1 not awaited"]
    assert desk.record("anna").scanned_at == DURING


def test_a_walk_in_is_somebody_once() -> None:
    desk = opened(mark("walk-in-1"), mark("jan", walk_in="walk-in-1", at=ENDS))
    again, other = mark("jan", walk_in="walk-in-1", at=ENDS), mark("anna", walk_in="walk-in-1", at=ENDS)

    assert desk.hear(again, other) == []
    assert outcome(desk, again) == "AsItWas"
    assert aside(desk) == ["undecidable"]


def test_a_code_of_a_walk_in_that_comes_later_is_theirs_who_it_was() -> None:
    desk = opened(mark("walk-in-1"), mark("jan", walk_in="walk-in-1", at=ENDS))
    late = scan("walk-in-1", at=ENDS, made=DURING)

    assert desk.hear(late) == []
    assert outcome(desk, late) == "AlreadyPresent"


def test_somebody_with_a_place_is_no_walk_in() -> None:
    desk = opened(scan("anna"))

    assert desk.hear(mark("jan", walk_in="anna", at=ENDS)) == []
    assert aside(desk) == ["undecidable"]


# --- moved, dropped, cancelled -------------------------------------------------------------------


def test_an_excuse_is_for_the_day_it_was_given_for() -> None:
    desk = opened(mark("jan", "excused", at=STARTS - DAY_LONG))
    week_later = 7 * DAY_LONG
    desk.hear(rescheduled(day(days_later=7), at=DURING), scan("anna", at=DURING + week_later))

    assert desk.pass_to(CLOSES + week_later) == ["jan absent", CLOSED_1_1]


def test_an_excuse_for_a_day_says_nothing_of_an_earlier_one_to_which_that_is_moved() -> None:
    desk = Desk()
    desk.hear(scheduled(day(days_later=7)), *map(enrolled, ("anna", "jan", "ewa")))
    desk.hear(mark("jan", "excused", at=BEFORE + HOUR), mark("ewa", "excused", at=BEFORE + HOUR))
    desk.hear(rescheduled(at=BEFORE + 2 * HOUR), scan("anna"), mark("ewa", "excused", at=DURING, note="again"))

    assert desk.pass_to(CLOSES) == ["jan absent", "day-1 closed: 1 present, 2 absent, 0 unknown, 0 without"]
    assert desk.record("ewa").state is Presence.EXCUSED


def test_what_was_said_of_a_day_that_had_begun_stands_where_its_date_is_put_right_to_an_earlier_one() -> None:
    """The planner had the wrong day: whoever was excused then was excused from the one that was held."""
    desk = opened(scan("anna"), mark("jan", "excused"))
    desk.hear(rescheduled(day(days_later=-1), at=ENDS))

    desk.pass_to(CLOSES)
    assert (desk.record("jan").state, desk.numbers()) == (Presence.EXCUSED, (1, 1, 0, 0))


def test_what_was_said_of_another_day_is_taken_back_when_the_list_opens_by_itself() -> None:
    desk = kept(mark("jan", "excused", at=DURING))
    desk.hear(correction("anna", "not_recorded"))

    said = desk.hear(rescheduled(day(days_later=7), at=LATER))

    assert said == ["anna not awaited", "jan not awaited", "day-1 reopened"]
    week_later = 7 * DAY_LONG
    desk.hear(scan("jan", at=DURING + week_later))
    assert desk.pass_to(CLOSES + week_later) == ["anna absent", CLOSED_1_1]


def test_a_mark_at_a_meeting_moved_to_another_day_has_to_be_made_on_that_day() -> None:
    desk = opened(mark("anna", at=DURING))
    desk.hear(rescheduled(day(days_later=7), at=DURING + HOUR))

    assert desk.pass_to(CLOSES + 7 * DAY_LONG) == [
        "anna not awaited",
        "day-1 closed (not recorded): 0 present, 0 absent, 2 unknown, 0 without",
    ]
    desk = opened(mark("anna", at=DURING))
    desk.hear(rescheduled(day(days_later=7), at=DURING + HOUR))
    assert desk.hear(mark("anna", at=DURING + 7 * DAY_LONG)) == ["anna attended"]


def test_on_a_list_that_stays_closed_an_excuse_stands_wherever_its_day_is_moved() -> None:
    """Closed by the trainer on the next evening; then the planner says that it had been on that day."""
    desk = opened(scan("anna"), mark("jan", "excused"), close(at=DURING + 36 * HOUR))
    assert desk.hear(rescheduled(day(days_later=1), at=DURING + 37 * HOUR)) == []
    assert (desk.record("jan").state, desk.numbers()) == (Presence.EXCUSED, (1, 1, 0, 0))


@pytest.mark.parametrize("days_later", [-1, 1, 3])
def test_a_date_that_is_put_right_after_the_closing_leaves_who_came_late_or_left_early_as_they_were(
    days_later: int,
) -> None:
    """The times at which they came and left are those of the day that was planned then: by them nobody left before it began."""
    desk = opened(
        enrolled("ola"),
        scan("anna", at=STARTS + HOUR),
        mark("jan", "left_early", at=ENDS - HOUR),
        mark("ola", "late", at=STARTS + 2 * HOUR),
        close(at=DURING + 100 * HOUR),
    )
    records = [(one, desk.record(one).state, desk.record(one).minutes) for one in ("anna", "jan", "ola")]
    assert [minutes for _, _, minutes in records] == [300, 300, 240]

    assert desk.hear(rescheduled(day(days_later=days_later), at=DURING + 101 * HOUR)) == []
    assert [(one, desk.record(one).state, desk.record(one).minutes) for one in ("anna", "jan", "ola")] == records

    desk.hear(rescheduled(day(days_later=days_later, until=13), at=DURING + 102 * HOUR))
    assert [desk.record(one).minutes for one in ("anna", "jan", "ola")] == [240, 240, 240]
    desk.hear(rescheduled(day(), at=DURING + 103 * HOUR))
    assert [desk.record(one).minutes for one in ("anna", "jan", "ola")] == [300, 300, 240]


def test_of_a_day_that_was_dropped_after_it_closed_records_are_still_put_right() -> None:
    desk = kept()
    desk.hear(rescheduled(day("day-2"), at=LATER))

    said = desk.hear(correction("jan", "present", minutes=100))

    assert said[0] == "jan corrected from absent to present"
    assert desk.numbers() == (2, 0, 0, 0)


@pytest.mark.parametrize(
    ("late", "minutes"),
    [
        (scan("jan", made=DURING, at=LATER + HOUR), 360),
        (scan("jan", made=STARTS + HOUR, at=LATER + HOUR), 300),
        (correction("jan", at=LATER + HOUR), 360),
        (correction("jan", "left_early", left_at=ENDS - HOUR, at=LATER + HOUR), 300),
        (scan("jan", made=DURING + DAY_LONG, at=LATER + DAY_LONG), None),  # None of that day's.
    ],
    ids=["a code", "a late code", "a word", "who left", "a code of another day"],
)
def test_what_is_heard_late_of_a_day_that_was_called_otherwise_counts_by_the_hours_that_it_had(
    late: Any, minutes: int | None
) -> None:
    """Its list had closed; a device was offline, or the office knows better. Without them they would have no certificate."""
    desk = kept(trainers=("teresa",))
    desk.hear(rescheduled(day("d-1"), at=LATER, trainers=("teresa",)))

    desk.hear(late)

    assert (desk.record("jan").minutes, desk.numbers()) == (minutes, (2, 0, 0, 0))


def test_a_mark_at_a_cancelled_session_is_kept() -> None:
    desk = opened(cancelled(at=DURING))

    assert desk.hear(mark("anna", at=DURING + MINUTE)) == ["anna attended"]


def test_a_mark_is_kept_as_a_row_that_says_all_of_it() -> None:
    desk = opened(mark("anna", "late", at=STARTS + HOUR, device_id="phone-1", note="train"))

    record: Record = desk.record("anna")
    assert (record.device_id, record.note, record.tag, record.meeting_starts_at) == ("phone-1", "train", "1", STARTS)
