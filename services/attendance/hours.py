"""Minutes as hours, always said which: clock hours of 60 minutes, teaching hours of 45. Pure."""

from __future__ import annotations

CLOCK_MINUTES = 60
TEACHING_MINUTES = 45
"""The *godzina lekcyjna* in which Polish trainings are counted."""


def clock_hours(minutes: int) -> tuple[int, int]:
    """Whole clock hours, and the minutes beyond them."""
    return divmod(minutes, CLOCK_MINUTES)


def teaching_hours(minutes: int) -> str:
    """Teaching hours with one digit behind the point, where they are not whole. Never more than there was: cut off, not rounded."""
    whole, tenth = divmod(minutes * 10 // TEACHING_MINUTES, 10)
    return f"{whole}.{tenth}" if tenth else str(whole)
