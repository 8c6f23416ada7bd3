"""What is worked out once for all whose codes are read at one door: it says what it would say if it were worked out for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shared.contracts.directory import PersonMerged
from shared.contracts.rules import SourceTakenOver
from shared.events.envelope import Heard
from tests.attendance.building import (
    ARCHIVE,
    BEFORE,
    DURING,
    LATER,
    OURS,
    SESSION,
    Desk,
    archived_list,
    cancelled,
    close,
    correction,
    day,
    enrolled,
    heard,
    rescheduled,
    scan,
    scheduled,
)
from tests.mind import Mind, reads_what_it_names, worked_out_in


def merged(goes: str, into: str) -> Heard[Any]:
    return heard(PersonMerged(person_id=goes, into_person_id=into), at=DURING, source="urn:example:directory")


@pytest.mark.parametrize(
    "meanwhile",
    [
        rescheduled(day(days_later=2), at=DURING),
        rescheduled(day("day-2"), at=DURING),
        cancelled(at=DURING),
        close(at=DURING),
        archived_list(present=1, at=DURING),
        merged("ben", "anna"),
        rescheduled(trainers=("ben",), at=BEFORE),
    ],
    ids=["moved", "renamed", "cancelled", "closed", "closed by others", "merged", "trained"],
)
def test_what_changes_between_two_codes_of_one_transaction_counts_for_the_second(meanwhile: Heard[Any]) -> None:
    together, apart = Desk(), Desk()
    before = (scheduled(), enrolled("anna"))
    codes = (scan("anna", id="first"), meanwhile, scan("ben", id="second"))
    for desk in (together, apart):
        desk.hear(*before)
    for one in codes:
        apart.hear(one)
    together.mind.now = apart.mind.now
    together.mind.hear(*codes)

    assert [_said(one) for one in together.mind.said] == [_said(one) for one in apart.mind.said]
    assert [one.reason for one in together.mind.aside] == [one.reason for one in apart.mind.aside]
    assert together.held == apart.held


def _said(one: Heard[Any]) -> tuple[str, Any]:
    return one.type, one.body.model_copy(update={"decided_at": None})


def _told_all() -> Iterator[Mind]:
    """Minds that know a session whose lists are open, closed by us, closed by others, and put right; a day dropped, and who is who."""
    two = scheduled(day(), day("day-2", days_later=1), trainers=("tom",))
    takes_over = SourceTakenOver(rule_id="rule-1", in_stream="attendance.events", from_source=ARCHIVE, to_source=OURS)
    for more in (
        (),
        (close(),),
        (archived_list(present=1),),
        (archived_list(present=1), heard(takes_over, at=LATER)),
        (close(), correction("anna"), rescheduled(day("day-2", days_later=1), trainers=("eve",), at=LATER)),
    ):
        desk = Desk()
        desk.hear(two, enrolled("anna"), merged("ben", "anna"), merged("tom", "eve"), scan("anna"), scan("ben"), *more)
        yield desk.mind


@pytest.mark.parametrize("function", worked_out_in("services.attendance", "shared"), ids=lambda one: one.__name__)
def test_what_is_worked_out_once_reads_no_rows_but_those_that_it_names(function: Any) -> None:
    for mind in _told_all():
        reads_what_it_names(function, mind, {"session_id": SESSION, "meeting_id": "day-1"})
