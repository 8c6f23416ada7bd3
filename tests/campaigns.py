"""How much of its campaigns a run takes, and what it says of the rest.

A campaign is a test that tries very many cases: crash points, interleavings, histories by chance. `make quick` takes a taste of
each, `make test` a sample, `make campaigns` the whole of what can be counted and ten times as much of what cannot.
"""

from __future__ import annotations

import itertools
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

import hypothesis
import pytest

T = TypeVar("T")


class Share(StrEnum):
    TASTE = "taste"
    SAMPLE = "sample"
    WHOLE = "whole"


SHARE = Share(os.environ.get("ROLLCALL_CAMPAIGNS", Share.SAMPLE))
OF_A_SAMPLE = {Share.TASTE: 0.1, Share.SAMPLE: 1, Share.WHOLE: 10}
LEFT_OUT = "left out"
"""The property by which a test reports what it did not try: it reaches the end also of a run of several processes."""


def cases(usual: int) -> int:
    """How many to try where there is no end of cases: so many in `make test`."""
    return max(int(usual * OF_A_SAMPLE[SHARE]), 1)


def some(of: Sequence[T]) -> Sequence[T]:
    """All of them, and of a taste every fifth."""
    return of[::5] if SHARE is Share.TASTE else of


def one_of_each(of: Iterable[T], kind: Callable[[T], object]) -> list[T]:
    """The same ones in every run: of the first kind the first, of the next one as large the second, and round again."""
    kinds: dict[object, list[T]] = {}
    for one in of:
        kinds.setdefault(kind(one), []).append(one)
    turns: defaultdict[int, Iterator[int]] = defaultdict(itertools.count)
    return [members[next(turns[len(members)]) % len(members)] for members in kinds.values()]


def mark(items: Sequence[pytest.Item]) -> None:
    """What hypothesis tries is a campaign. Each says that it leaves something out; one whose cases are counted says by itself which."""
    for item in items:
        if hypothesis.is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker(pytest.mark.campaign)
        campaign = item.get_closest_marker("campaign")
        if campaign and not campaign.kwargs.get("counted") and SHARE is not Share.WHOLE:
            item.user_properties.append((LEFT_OUT, ""))


def told(reports: Iterable[pytest.TestReport]) -> str | None:
    """What a run left out, in one line; nothing if it left nothing out."""
    said = [str(what) for report in reports for name, what in report.user_properties if name == LEFT_OUT]
    if not said:
        return None
    counted, others = [what for what in said if what], said.count("")
    if others:
        counted.append(
            f"{others} campaigns tried {'a tenth' if SHARE is Share.SAMPLE else 'a hundredth'} of their cases"
        )
    return f"Left out: {'; '.join(counted)} (make campaigns takes them all)"
