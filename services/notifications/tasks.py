"""What people fill in elsewhere because of a session: its tests and its questionnaire, and who has done so. Pure.

Where and by when the session says; that somebody has, an outside tool says, under a code that stood in their link. The code is made under
our own key, is the same for all tasks of a person in a session – what somebody knew before and after can be compared –, and nobody
without the key learns from it who it is, or that two sessions had the same person.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import ClassVar
from zoneinfo import ZoneInfo

from shared.contracts.model import Moment, Part
from shared.contracts.outside import OutsideTaskDone
from shared.contracts.planner import CODE_FIELD, Meeting, OutsideTask, SessionFact, TaskGiven
from shared.events.envelope import Heard
from shared.state.rows import FactRow, meta
from shared.values import immutable
from shared.working_days import is_working_day

AFTERWARDS = (OutsideTask.POST_TEST, OutsideTask.QUESTIONNAIRE)
LASTS, AT_MOST = dt.timedelta(days=14), dt.timedelta(days=180)
"""For so long after a session what follows it can be filled in, if it does not say, and at most."""
CODE, CODE_DIGITS = "code-", 24


class Task(Part):
    """One of them, as its session says it."""

    link: str
    until: Moment
    noon_at: Moment
    """Noon of the day on which whoever has not filled it in is reminded: hours of that day are counted from it."""
    name: str
    """Another one for another link, or another time."""


@immutable
class TaskDone(FactRow):
    """That somebody has filled it in."""

    KEY: ClassVar = ("session_id", "task", "respondent")

    session_id: str
    task: OutsideTask
    respondent: str
    """A code, or a person's id."""
    done_at: dt.datetime


def task_done_of(heard: Heard[OutsideTaskDone]) -> TaskDone:
    body = heard.body
    return TaskDone(*meta(heard), body.session_id, body.task, body.respondent, body.done_at)


def tasks_of(body: SessionFact, first: Meeting) -> tuple[Task | None, Task | None, Task | None]:
    """The test before, the test after and the questionnaire, by the clocks of the first meeting."""
    zone, begins, ends = ZoneInfo(first.zone), body.starts_at, body.ends_at
    return (
        _task(OutsideTask.PRE_TEST, body.pre_test, zone, begins, latest=begins),
        _task(OutsideTask.POST_TEST, body.post_test, zone, ends + LASTS, latest=ends + AT_MOST),
        _task(OutsideTask.QUESTIONNAIRE, body.questionnaire, zone, ends + LASTS, latest=ends + AT_MOST),
    )


def _task(
    task: OutsideTask, given: TaskGiven | None, zone: ZoneInfo, usual: dt.datetime, *, latest: dt.datetime
) -> Task | None:
    if given is None:
        return None
    until = min(given.until or usual, latest)
    # Whoever may until midnight may on the day before.
    last = (until - dt.timedelta(microseconds=1)).astimezone(zone).date()
    day = last - dt.timedelta(days=given.remind_days)
    while not is_working_day(day):
        day -= dt.timedelta(days=1)
    noon_at = dt.datetime.combine(day, dt.time(12), zone).astimezone(dt.UTC)
    which = hashlib.blake2b(f"{given.link} {until.isoformat()}".encode(), digest_size=6).hexdigest()
    return Task(link=given.link, until=until, noon_at=noon_at, name=f"{task}.{which}")


def code_of(key: str, session_id: str, person_id: str) -> str:
    """A person's code in a session. `tables.code_of` says it in SQL."""
    digest = hashlib.sha256("\x1f".join((key, "code", session_id, person_id)).encode()).hexdigest()
    return CODE + digest[:CODE_DIGITS]


def link_of(template: str, code: str) -> str:
    return template.replace(CODE_FIELD, code)
