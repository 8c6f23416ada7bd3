"""When certificates are said: behind whatever changes what the lists say, once, and never by hearing again what was said."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from services.attendance.certificates import Certificate, Series
from shared.contracts.attendance import AttendanceListClosed
from shared.events.envelope import Heard
from tests.attendance.building import (
    ARCHIVE,
    CLOSES,
    DURING,
    ENDS,
    LATER,
    SESSION,
    STARTS,
    Desk,
    archived_absent,
    archived_list,
    archived_reopening,
    cancelled,
    close,
    day,
    enrolled,
    heard,
    rescheduled,
    scan,
    scheduled,
)

NEXT_DAY = DURING + dt.timedelta(days=1)
HOUR = dt.timedelta(hours=1)
ISSUED = "RC-2026-0001 CertificateIssued"


def replaced(one: Heard[Any], **fields: Any) -> Heard[Any]:
    """The same word, but for this."""
    return dataclasses.replace(one, body=one.body.model_copy(update=fields))


def test_a_list_that_closes_by_itself_certifies() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"))
    assert desk.certificates == []
    desk.pass_to(CLOSES)
    assert desk.certificates == [ISSUED]


def test_a_list_that_a_trainer_closes_certifies_and_the_same_closing_again_does_not() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), close())
    assert desk.certificates == [ISSUED]
    desk.hear(close(at=LATER))
    desk.hear(scan("anna", at=LATER, made=DURING))
    assert desk.certificates == [ISSUED]


def test_only_when_the_last_list_is_closed() -> None:
    desk = Desk()
    two_days = (day(), day("day-2", days_later=1))
    desk.hear(scheduled(*two_days), enrolled("anna"), scan("anna"))
    desk.pass_to(CLOSES)
    assert desk.certificates == []
    desk.hear(scan("anna", "day-2", at=NEXT_DAY))
    desk.pass_to(CLOSES + dt.timedelta(days=1))
    assert desk.certificates == [ISSUED]


def test_the_last_list_may_be_one_that_somebody_else_closes() -> None:
    desk = Desk()
    whole = scheduled(day(), day("day-2", days_later=1))
    asks_little = whole.body.model_copy(update={"certificate_minutes": 300})
    desk.hear(
        dataclasses.replace(whole, body=asks_little),
        enrolled("anna"),
        archived_reopening(at=DURING),
        scan("anna", "day-2", at=NEXT_DAY),
    )
    desk.pass_to(CLOSES + dt.timedelta(days=1))
    assert desk.certificates == []
    desk.hear(archived_list(present=0, at=LATER))
    assert desk.certificates == [ISSUED]


def test_a_scan_that_comes_after_the_list_has_closed_is_certified_too() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"), close())
    desk.hear(scan("jan", at=LATER, made=DURING))
    assert desk.certificates == [ISSUED, "RC-2026-0002 CertificateIssued"]


def test_a_session_that_is_cancelled_afterwards_takes_nothing() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), close())
    desk.hear(cancelled(at=LATER))
    assert desk.certificates == [ISSUED]


@pytest.mark.parametrize(
    ("kind", "fields"),
    [(rescheduled, {"certificate_minutes": 350}), (cancelled, {})],
    ids=["a higher threshold", "cancelled"],
)
def test_what_is_said_after_the_closing_takes_nothing_also_if_the_closing_is_decided_later(
    kind: Callable[..., Heard[Any]], fields: dict[str, Any]
) -> None:
    """The service was down when the list was to close. What is heard first then was said an hour after that."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", at=STARTS + HOUR))
    desk.hear(replaced(kind(at=CLOSES + HOUR), **fields))
    desk.pass_to(LATER)
    assert desk.certificates == [ISSUED]
    (certificate,) = desk.mind[Certificate]
    assert (certificate.minutes, certificate.required_minutes) == (300, 288)


def test_a_threshold_that_is_lowered_while_the_closing_waits_gives_to_those_who_have_reached_it() -> None:
    desk = Desk()
    desk.hear(replaced(scheduled(), certificate_minutes=350), enrolled("anna"), scan("anna", at=STARTS + HOUR))
    desk.hear(replaced(rescheduled(at=CLOSES + HOUR), certificate_minutes=200))
    desk.pass_to(LATER)
    assert desk.certificates == [ISSUED]


def test_hearing_what_we_said_again_says_nothing_and_makes_the_same_rows() -> None:
    desk = Desk()
    inputs = [scheduled(), enrolled("anna"), enrolled("jan"), scan("anna"), close(at=ENDS)]
    desk.hear(*inputs, scan("jan", at=LATER, made=DURING))

    restored = Desk()
    restored.hear(*desk.own_facts())
    restored.hear(*inputs, quiet=True)
    restored.reconcile()

    assert restored.certificates == []
    for kind in (Certificate, Series):
        rows = [{kind.key_of(row): row for row in one.mind[kind]} for one in (desk, restored)]  # type: ignore[attr-defined]
        assert rows[0] == rows[1] != {}
    assert restored.hear(scan("ewa", at=LATER, made=DURING))[0].startswith("ewa attended")
    assert restored.certificates == ["RC-2026-0003 CertificateIssued"]


def test_a_restore_that_has_lost_nothing_but_the_decision_decides_it_then() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna"), close())
    lists_alone = [one for one in desk.own_facts() if "certificate" not in one.subject]

    restored = Desk()
    restored.hear(*lists_alone)
    restored.hear(scheduled(), enrolled("anna"), quiet=True)
    assert restored.certificates == []
    restored.reconcile()
    assert restored.certificates == [ISSUED]


def test_history_is_certified_by_whoever_kept_it() -> None:
    desk = Desk()
    desk.hear(scheduled(), archived_absent("anna"))
    numbers = {"recorded": True, "present": 0, "absent": 1, "not_recorded": 0}
    closed = AttendanceListClosed(session_id=SESSION, meeting_id="day-1", decided_at=CLOSES, **numbers)
    desk.hear(heard(closed, at=CLOSES, source=ARCHIVE))
    desk.pass_to(LATER)
    assert desk.certificates == []


def test_a_day_that_is_called_otherwise_stays_the_day_it_was_also_for_whoever_was_read_on_the_evening_before() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("anna"), scan("anna", at=STARTS - 11 * HOUR))
    desk.pass_to(CLOSES)
    desk.hear(rescheduled(day("d-1"), at=CLOSES + HOUR))
    desk.pass_to(CLOSES + 2 * HOUR)

    assert desk.certificates == ["RC-2026-0001 CertificateIssued"]
