"""What a sample of the crash points is: no place in the code is missing, no moment is always the same one; and a run says what is not in it."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from tests.campaigns import LEFT_OUT, one_of_each, told
from tests.faults.crashing import MODULES, points_of
from tests.faults.lineage import Lineage


def lineage(app: str, explained: frozenset[str] = frozenset(), *, whole: bool = False) -> Lineage:
    system: Any = SimpleNamespace(app=app, processes=None)
    return Lineage(system, explained, whole=whole)


@pytest.mark.parametrize("app", MODULES)
def test_each_place_at_which_a_process_can_die_is_in_the_sample_once(app: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROLLCALL_CRASH_POINTS", raising=False)
    taken = lineage(app).taken
    assert [point.place for point in taken] == list(dict.fromkeys(point.place for point in lineage(app).points))


@pytest.mark.parametrize("app", MODULES)
def test_each_moment_has_its_share_of_the_sample(app: str) -> None:
    moments = Counter(point.name.rpartition(":")[2] for point in lineage(app).taken)
    assert set(moments) == {"before", "after", "entering", "entered", "leaving", "left"}
    assert abs(moments["before"] - moments["after"]) <= len(lineage(app).taken) / 10


@pytest.mark.parametrize("app", MODULES)
def test_the_whole_is_every_point_of_the_code(app: str) -> None:
    assert lineage(app, whole=True).taken == [point for module in MODULES[app] for point in points_of(module)]


def test_a_moment_that_no_work_leads_to_does_not_stand_for_its_place() -> None:
    first = lineage("services.enrolment.app").taken[0]
    instead = lineage("services.enrolment.app", frozenset({first.name})).taken[0]
    assert (instead.place, instead.name == first.name) == (first.place, False)


def test_the_same_ones_are_taken_in_every_run() -> None:
    assert one_of_each(["a1", "b1", "b2", "a2", "c1"], lambda one: one[0]) == ["a1", "b2", "c1"]


def report(*left_out: str) -> Any:
    return SimpleNamespace(user_properties=[(LEFT_OUT, what) for what in left_out])


def test_a_run_that_left_nothing_out_says_nothing() -> None:
    assert told([report(), report()]) is None


def test_a_run_says_in_one_line_what_it_left_out() -> None:
    said = told([report(""), report("", "7 of 9 crash points")])
    assert said is not None
    assert said.startswith("Left out: 7 of 9 crash points; 2 campaigns tried a ")
    assert said.endswith(" of their cases (make campaigns takes them all)")


def test_one_whose_cases_are_counted_speaks_for_itself() -> None:
    assert told([report("7 of 9 crash points")]) == "Left out: 7 of 9 crash points (make campaigns takes them all)"
