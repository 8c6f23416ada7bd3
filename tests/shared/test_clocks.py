"""How far a clock is from ours is said as far as it is sure, and only once it matters."""

from __future__ import annotations

import datetime as dt

import pytest

from shared.clocks import Clocks
from shared.testing import NOON


def seconds(number: float) -> dt.timedelta:
    return dt.timedelta(seconds=number)


@pytest.mark.parametrize(
    ("said", "warning"),
    [
        (-65, "this machine's clock is 65 s ahead of Kafka's: set both by the same time server"),
        (-2.1, "this machine's clock is 2 s ahead of Kafka's: set both by the same time server"),
        (-2, None),
        (1, None),
        (5, None),  # The answer took so long: it may have been given in its last moment.
        (7, None),
        (3605, "this machine's clock is 3,600 s behind Kafka's: set both by the same time server"),
    ],
)
def test_a_clock_that_is_elsewhere_is_a_warning_as_far_as_that_is_sure(said: float, warning: str | None) -> None:
    clocks = Clocks(lambda: NOON)
    assert clocks.warning() is None
    clocks.note("Kafka", NOON + seconds(said), asked_at=NOON, answered_at=NOON + seconds(5))
    assert clocks.warning() == warning


def test_what_was_put_right_is_said_no_more_and_each_is_named() -> None:
    clocks = Clocks(lambda: NOON)
    for whose in ("Postgres", "Kafka"):
        clocks.note(whose, NOON + seconds(60), asked_at=NOON, answered_at=NOON)
    assert "60 s behind Kafka's and 60 s behind Postgres's" in str(clocks.warning())
    for whose in ("Postgres", "Kafka"):
        clocks.note(whose, NOON, asked_at=NOON, answered_at=NOON)
    assert clocks.warning() is None
