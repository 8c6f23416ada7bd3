"""Until when an offer holds: hours of the clock, or of Polish offices. Pure."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from shared.contracts.planner import OfferHours, Terms
from shared.working_days import is_working_day

POLAND = ZoneInfo("Europe/Warsaw")
OPENS, CLOSES = dt.time(8), dt.time(16)


def offer_ends(terms: Terms, now: dt.datetime, *, latest: dt.datetime) -> dt.datetime:
    """When an offer made now ends: after its hours, and at `latest` when nothing is given any more."""
    lasts = dt.timedelta(hours=terms.offer_hours)
    ends = now + lasts if terms.offer_hours_count == OfferHours.ALL else after_working(now, lasts)
    return min(ends, latest)


def after_working(now: dt.datetime, lasts: dt.timedelta) -> dt.datetime:
    """When so much time has passed in which Polish offices are open."""
    day, left = now.astimezone(POLAND).date(), lasts
    while True:
        if is_working_day(day):
            opens, closes = (dt.datetime.combine(day, at, POLAND).astimezone(dt.UTC) for at in (OPENS, CLOSES))
            begins = max(opens, now)
            if begins < closes:
                if left <= closes - begins:
                    return begins + left
                left -= closes - begins
        day += dt.timedelta(days=1)
