"""Lists that are opened again to be put right: whom they await, when they close anew, and what is said of their day meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from services.attendance.state import MeetingList
from shared.contracts.attendance import Presence
from tests.attendance.building import (
    CLOSES,
    DURING,
    LATER,
    RULES,
    SESSION,
    STARTS,
    Desk,
    archived_list,
    cancelled,
    close,
    day,
    enrolled,
    mark,
    reopening,
    rescheduled,
    scan,
    scheduled,
    withdrawn,
)
from tests.attendance.test_marking import CLOSED_1_1, DAY_LONG, HOUR, MINUTE, aside, kept, opened, outcome


def test_the_office_opens_a_list_and_it_closes_anew_as_long_afterwards_as_after_a_meeting() -> None:
    desk = kept()

    assert desk.hear(reopening(at=LATER)) == ["jan not awaited", "day-1 reopened"]
    assert desk.due() == LATER + RULES.close_after
    desk.hear(mark("jan", "excused", at=LATER + HOUR))
    assert desk.pass_to(LATER + RULES.close_after) == [CLOSED_1_1]
    found = desk.mind[MeetingList].get(SESSION, "day-1")
    assert found is not None
    assert (found.excused, found.awaited_at, found.decided_at) == (1, CLOSES, LATER + RULES.close_after)


def test_a_list_that_was_put_right_awaits_whom_it_awaited() -> None:
    desk = kept()
    desk.hear(reopening(at=LATER), enrolled("ewa", at=LATER + HOUR), withdrawn("jan", at=LATER + HOUR))

    assert desk.pass_to(LATER + RULES.close_after) == ["jan absent", CLOSED_1_1]
    assert desk.counted() == 2


def test_a_first_closing_that_lies_before_the_meeting_by_now_was_none_of_it() -> None:
    """It closed, was opened and closed again; then the planner says that the meeting was between the two."""
    desk = kept()
    desk.hear(reopening(at=LATER), enrolled("ewa", at=LATER + HOUR), withdrawn("jan", at=LATER + HOUR))
    closed_at = LATER + RULES.close_after
    desk.pass_to(closed_at)
    evening = day(until=23) | {"starts_local": day(until=22)["ends_local"]}
    moved = rescheduled(evening, at=closed_at + HOUR)

    assert "ewa absent" in desk.hear(moved)
    found = desk.mind[MeetingList].get(SESSION, "day-1")
    assert found is not None and (found.is_open, found.awaited_at, found.decided_at) == (False, closed_at, closed_at)
    assert desk.counted() == 2


def test_what_people_have_said_is_kept_when_a_list_is_opened() -> None:
    desk = opened(scan("anna"), mark("jan", "absent", at=DURING))
    desk.pass_to(CLOSES)

    assert desk.hear(reopening()) == ["day-1 reopened"]
    assert desk.record("jan").state is Presence.ABSENT


def test_a_list_that_is_open_stays_so_and_one_that_never_closed_cannot_be_opened() -> None:
    desk = opened()
    assert desk.hear(reopening(at=DURING)) == []
    assert aside(desk) == ["no_list"]
    desk = kept()
    desk.hear(reopening())
    again = reopening(at=LATER + MINUTE)

    assert desk.hear(again) == []
    assert outcome(desk, again) == "AlreadyOpen"


def test_a_list_of_another_system_is_not_opened_and_of_a_cancelled_session_neither() -> None:
    desk = Desk()
    desk.hear(scheduled(), archived_list(present=1))
    assert desk.hear(reopening()) == []
    assert aside(desk) == ["foreign_writer"]
    desk = kept()
    desk.hear(cancelled(at=LATER))

    assert desk.hear(reopening(at=LATER)) == []
    assert aside(desk) == ["no_list"]


# --- open to be put right, and something is said of the day ----------------------------------


@pytest.mark.parametrize(
    "said",
    [rescheduled(day("d-1"), at=LATER + HOUR), rescheduled(day("day-2", days_later=7), at=LATER + HOUR)],
    ids=["called otherwise", "dropped"],
)
def test_a_day_whose_list_is_open_to_be_put_right_took_place_whatever_is_said_of_it_meanwhile(said: Any) -> None:
    """Taken for one that did not, everybody's certificate was revoked."""
    desk = kept()
    desk.hear(reopening())

    desk.hear(said, mark("jan", "late", arrived_at=STARTS + 30 * MINUTE, at=LATER + 2 * HOUR, by="office"))

    assert desk.record("jan").state is Presence.LATE
    desk.pass_to(LATER + RULES.close_after)
    found = desk.mind[MeetingList].get(SESSION, "day-1")
    assert found is not None and (found.is_open, found.present, found.absent) == (False, 2, 0)
    assert desk.certificates[0] == "RC-2026-0001 CertificateIssued" and not any(
        "Superseded" in one for one in desk.certificates
    )


def test_a_list_that_is_open_to_be_put_right_closes_also_if_the_session_is_cancelled_meanwhile() -> None:
    desk = kept()
    desk.hear(reopening(), cancelled(at=LATER + HOUR))

    desk.pass_to(LATER + RULES.close_after)

    found = desk.mind[MeetingList].get(SESSION, "day-1")
    assert found is not None and (found.is_open, found.present, found.absent) == (False, 1, 1)
    assert desk.certificates == ["RC-2026-0001 CertificateIssued"]


def test_a_list_that_is_open_to_be_put_right_is_closed_by_whoever_asks_for_it_also_if_the_session_was_cancelled() -> (
    None
):
    desk = kept()
    desk.hear(reopening(), cancelled(at=LATER + HOUR))

    assert desk.hear(close(at=LATER + 2 * HOUR)) == ["jan absent", CLOSED_1_1]


def test_a_list_that_is_open_to_be_put_right_and_whose_day_is_moved_is_that_of_the_new_day() -> None:
    desk = kept()
    moved = day(days_later=7)
    desk.hear(reopening(), rescheduled(moved, at=LATER + HOUR), cancelled(moved, at=LATER + 2 * HOUR))

    desk.pass_to(CLOSES + 8 * DAY_LONG)

    found = desk.mind[MeetingList].get(SESSION, "day-1")
    assert found is not None and found.is_open


def test_a_code_of_a_day_whose_list_is_open_to_be_put_right_and_that_is_dropped_meanwhile_counts_at_once() -> None:
    """By the hours that the day had; kept until the list closes, nobody would see it on the list that is put right."""
    desk = kept()
    desk.hear(reopening(), rescheduled(day("day-2", days_later=7), at=LATER + HOUR))

    desk.hear(scan("jan", made=STARTS + HOUR, at=LATER + 2 * HOUR))

    assert (desk.record("jan").state, desk.record("jan").minutes) == (Presence.LATE, 300)


def test_a_list_that_is_open_to_be_put_right_closes_at_its_hour_also_if_its_day_is_moved_by_mistake_and_back() -> None:
    desk = kept()
    desk.hear(reopening(), rescheduled(day(days_later=7), at=LATER + MINUTE), rescheduled(at=LATER + 2 * MINUTE))

    assert desk.due() == LATER + RULES.close_after


def of_two_days(second: dict[str, Any]) -> Desk:
    """Both lists have closed: Anna was there on both days."""
    desk = Desk()
    desk.hear(scheduled(day(), second), enrolled("anna"), scan("anna"))
    desk.hear(scan("anna", "day-2", made=STARTS + DAY_LONG, at=STARTS + DAY_LONG))
    desk.pass_to(LATER + DAY_LONG)
    return desk


def test_while_the_list_of_a_day_is_put_right_that_was_dropped_since_no_certificate_is_decided() -> None:
    """By the lists that are closed she was there for half of the time that her certificate says."""
    second, at = day("day-2", days_later=1), LATER + DAY_LONG
    desk = of_two_days(second)

    desk.hear(reopening(at=at), rescheduled(second, at=at + HOUR))

    assert desk.certificates == ["RC-2026-0001 CertificateIssued"]
    desk.pass_to(at + RULES.close_after)
    assert desk.certificates == ["RC-2026-0001 CertificateIssued"]


def test_a_list_whose_day_was_moved_while_it_was_put_right_and_dropped_then_holds_up_no_certificate() -> None:
    """The new day did not take place, as if the list had been opened by the move alone."""
    second, at = day("day-2", days_later=1, until=17), LATER + DAY_LONG
    desk = of_two_days(second)
    moved = day(days_later=7)
    desk.hear(reopening(at=at), rescheduled(moved, second, at=at + HOUR), rescheduled(second, at=at + 2 * HOUR))

    assert desk.due() is None
    assert desk.certificates[-2:] == ["RC-2026-0002 CertificateIssued", "RC-2026-0001 CertificateSuperseded"]


def test_a_list_that_is_put_right_leaves_whoever_was_there_as_they_were_also_if_its_date_had_been_put_right() -> None:
    """Closed on the evening of the day that the planner names afterwards: by that date all codes were of another day, so that opened for one
    line the list called everybody absent, and every certificate was revoked."""
    desk = opened(scan("anna"), mark("jan", "excused"), close(at=DURING + 36 * HOUR))
    desk.hear(rescheduled(day(days_later=1), at=DURING + 37 * HOUR))
    stood, numbers = desk.certificates, desk.numbers()
    opened_at = DURING + 38 * HOUR

    desk.hear(reopening(at=opened_at))
    assert desk.hear(scan("anna", made=DURING + DAY_LONG, at=opened_at + MINUTE)) == []  # They are there already.
    desk.pass_to(opened_at + RULES.close_after)

    assert (desk.record("anna").state, desk.record("jan").state) == (Presence.PRESENT, Presence.EXCUSED)
    assert (desk.numbers(), desk.certificates) == (numbers, stood)
