"""What may wait and what may not: how long a change settles before it is told, and which mail overtakes which. Pure.

`differences.py` says the same in SQL when a notice is opened; a claim decides.
"""

from __future__ import annotations

import datetime as dt
from enum import IntEnum

from services.notifications.ledger import Belief, OpenNotice, Told
from services.notifications.untold import Difference, Truth, standing

SOON = dt.timedelta(days=1)
"""What somebody has to act on within so long is told at once, and first."""


class Priority(IntEnum):
    """Which mails leave first. The lowest number; among equals what has been due for longest."""

    URGENT = 0
    """What ends, and what somebody acts on within a day."""
    USUAL = 1
    WHENEVER = 2
    """What says again what was told: reminders and digests. It overtakes nothing, whatever it is about."""


def is_urgent(found: Difference, told: Told | None, now: dt.datetime) -> bool:
    """Whether somebody acts on it within a day, as it is or as they believe it to be, or may be preparing for what has ended. Who may have been
    told anything is told at once what is true."""
    if found.says.hash is None:
        return True
    believed = (found.before, standing(told.said) if told is not None else None)
    ahead = [content.says for content in believed if content is not None and content.until > now]
    is_soon = any(says.needed_at <= now + SOON for says in (found.says.says, *ahead))
    return is_soon or (told is not None and told.state == Belief.MAYBE)


def priority_of(found: Difference, told: Told | None, truth: Truth, now: dt.datetime) -> Priority:
    if truth.may_wait:
        return Priority.WHENEVER
    return Priority.URGENT if is_urgent(found, told, now) else Priority.USUAL


def settles_until(
    notice: OpenNotice, found: Difference, told: Told | None, truth: Truth, now: dt.datetime
) -> dt.datetime | None:
    """Until when it may still become something else, or nothing, before anybody is told; None: it is told now.

    Counted from when it was first found, so whoever changes their mind without end delays nobody's mail beyond that. What was attempted
    has settled.
    """
    end = notice.planned_at + truth.settling
    if notice.attempts or notice.doubts or now >= end or is_urgent(found, told, now):
        return None
    return end
