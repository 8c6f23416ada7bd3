"""Our clock beside others': what came in time is judged by Kafka's, what is over now by ours. Pure but for the clock that it is given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

APART = dt.timedelta(seconds=2)
"""Further apart, somebody may be told that they were late who were not."""


class Clocks:
    """How far others' clocks are from ours, as far as that is sure: an answer takes its time, and was given somewhere within it."""

    def __init__(self, now: Callable[[], dt.datetime]) -> None:
        self.now = now
        self._ahead: dict[str, dt.timedelta] = {}

    def note(self, whose: str, said: dt.datetime, *, asked_at: dt.datetime, answered_at: dt.datetime) -> None:
        """What another one's clock said between two moments of ours."""
        self._ahead[whose] = max(said - answered_at, dt.timedelta(0)) + min(said - asked_at, dt.timedelta(0))

    def warning(self) -> str | None:
        """Whose clock and ours are too far apart; None: nobody's, as far as is known."""
        wrong = [
            f"{_seconds(ahead)} {'behind' if ahead > dt.timedelta(0) else 'ahead of'} {whose}'s"
            for whose, ahead in sorted(self._ahead.items())
            if abs(ahead) > APART
        ]
        return f"this machine's clock is {' and '.join(wrong)}: set both by the same time server" if wrong else None


def _seconds(apart: dt.timedelta) -> str:
    return f"{abs(apart).total_seconds():,.0f} s"
