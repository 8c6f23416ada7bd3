"""The newest answer of each calendar: the rows of what was said of it. Pure.

An older one that comes late, as mail does, is known by it; also in a database that was restored from last night's backup.
"""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from shared.contracts.answers import CalendarAnswered
from shared.contracts.portal import Reply
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.values import immutable


@immutable
class CalendarAnswer(FactRow):
    """What somebody's calendar answered last about one session."""

    KEY: ClassVar = ("session_id", "person_id")

    session_id: str
    person_id: str
    reply: Reply
    sequence: int
    answered_at: dt.datetime
    stamped_at: dt.datetime | None
    notice_id: str
    decided_at: dt.datetime


def calendar_answer_of(heard: Heard[CalendarAnswered]) -> CalendarAnswer:
    body = heard.body
    return CalendarAnswer(
        *meta(heard),
        body.session_id,
        body.person_id,
        body.reply,
        body.sequence,
        body.answered_at,
        body.stamped_at,
        body.notice_id,
        body.decided_at,
    )
