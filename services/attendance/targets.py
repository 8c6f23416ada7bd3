"""How many people are to come. Pure: no SQL, no clock, no settings."""

from __future__ import annotations

import datetime as dt

from shared.values import immutable


@immutable
class Target:
    """So many people who had not come before are to come by the end of this day, counted from the day after the target before."""

    until: dt.date
    people: int
