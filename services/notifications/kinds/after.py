"""Who was at a session, or is on one of its lists, and what they have to fill in after it: what the first mail about that and its reminder
have in common."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from services.notifications.kinds import filling, sessions
from services.notifications.kinds.filling import is_open_in_sql, name_of, until_of
from services.notifications.kinds.kind import Reading, Rules, Scope
from services.notifications.kinds.matters import TOLD_NOTHING, OfSession, known_of, missed_until
from services.notifications.kinds.whoever import told_to_former
from services.notifications.ledger import Content, OpenNotice, Told
from services.notifications.letters import BriefMail
from services.notifications.state import SCHEDULED, Session
from services.notifications.tables import CONTACT, NOW, RECORD, SESSION, SINCE, TOLD, WRITTEN_TO, digest, is_told
from services.notifications.tasks import AFTERWARDS, AT_MOST, Task
from services.notifications.untold import Addressee, Difference, judged
from shared.contracts.attendance import Presence, Role
from shared.contracts.notifications import TasksTold
from shared.contracts.planner import OutsideTask
from shared.values import immutable


@immutable
class AfterSession(OfSession):
    """That somebody was there, and has not filled in what follows it."""

    came: bool
    done: tuple[OutsideTask, ...]
    rules: Rules
    told_before: Told | None
    """What they were told of it under an id that went into this one."""

    @abstractmethod
    def new(self, told: Told, to: Addressee, now: dt.datetime) -> list[Task]:
        """What of it they are to be told now."""

    @property
    @abstractmethod
    def letter(self) -> str: ...

    @property
    def stated(self) -> list[tuple[OutsideTask, Task]]:
        session = self.facts.session
        its = (session.post_test, session.questionnaire) if session is not None else (None, None)
        return [(kind, task) for kind, task in zip(AFTERWARDS, its, strict=True) if task is not None]

    @property
    def undone(self) -> list[tuple[OutsideTask, Task]]:
        return [(kind, task) for kind, task in self.stated if kind not in self.done]

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        if session is None or not self.came or not self._is_now(session, now):
            return None
        if not self.new(known_of(told, self.told_before), to, now):  # A human is asked once, and reminded once.
            return None
        found = Difference(self.letter, self._says(now))
        return judged(found, told, told or TOLD_NOTHING, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """Only what was on its way."""
        end = max((task.until for _, task in self.undone), default=None)
        return missed_until(end, self, told, to, now=now, since=since)

    def _is_now(self, session: Session, now: dt.datetime) -> bool:
        """Whoever was there before go-live was asked by others."""
        is_its_time = session.ends_at <= now < session.ends_at + AT_MOST
        return is_its_time and session.ends_at >= self.rules.since and session.state == SCHEDULED

    def _says(self, now: dt.datetime) -> Content:
        """It is known by all that the session asks for: what is filled in meanwhile makes it no other."""
        open_now = [task for _, task in self.undone if now < task.until]
        fields = dict(self.facts.true_now(None).says) | {"of": "tasks"}
        until = max(task.until for task in open_now)
        says = TasksTold(**fields, tasks=tuple(task.name for task in open_now), useful_until=until)
        return Content(hash="+".join(task.name for _, task in self.stated), says=says)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        names = found.says.says.tasks if isinstance(found.says.says, TasksTold) else ()
        tasks = [filling.as_given(kind, task) for kind, task in self.stated if task.name in names]
        return replace(BriefMail.of(self.facts, notice, found), tasks=tuple(tasks))


# --- the same in SQL -----------------------------------------------------------------------

_one, _earlier = RECORD.alias("one"), RECORD.alias("earlier")
ATTENDEE = (
    sa.select(_one.c.session_id, _one.c.person_id)
    .where(
        ~sa.exists().where(
            _earlier.c.session_id == _one.c.session_id,
            _earlier.c.person_id == _one.c.person_id,
            _earlier.c.meeting_id < _one.c.meeting_id,
        )
    )
    .subquery("attendee")
)
"""Whoever any list of a session speaks of, also as absent: what was said of them may have been put right."""
PERSON_ID = ATTENDEE.c.person_id
_CAME = tuple(state for state in Presence if state.came)
CAME = sa.exists().where(
    RECORD.c.session_id == ATTENDEE.c.session_id,
    RECORD.c.person_id == PERSON_ID,
    RECORD.c.role == Role.PARTICIPANT,
    RECORD.c.state.in_(_CAME),
)
ATTENDEES = Scope(
    keys=sa.join(SESSION, ATTENDEE, ATTENDEE.c.session_id == SESSION.c.session_id),
    recipient=PERSON_ID,
    key=SESSION.c.session_id,
    news={},
    soon={},
)
"""The clock makes what is told of them: the end of the session, or the last days of what is asked."""
IS_NOW = sa.and_(SESSION.c.ends_at <= NOW, SESSION.c.ends_at > NOW - AT_MOST)
IS_OPEN = {task: is_open_in_sql(task, PERSON_ID) for task in AFTERWARDS}
HOLDS = sa.and_(CAME, SESSION.c.ends_at >= SINCE, SESSION.c.state == SCHEDULED)
CONTENT = sa.case(
    (sa.or_(*IS_OPEN.values()), sa.func.concat_ws("+", *(name_of(task) for task in AFTERWARDS))),
)
UNTIL = sa.func.greatest(*(sa.case((IS_OPEN[task], until_of(task))) for task in AFTERWARDS))
MADE_OF = digest(*WRITTEN_TO, sessions.CITY_NAME, *sessions.TOPIC_NAMES, sessions.RELEASE)
DONE = tuple(filling.is_done(task, PERSON_ID) for task in AFTERWARDS)
READ = (*SESSION.c, sessions.CITY_NAME, *sessions.TOPIC_NAMES, CAME, *DONE)


def told_before(about: sa.ColumnElement[str]) -> Any:
    """What was told to an id that went into theirs, of whoever was told nothing under this one."""
    return told_to_former(PERSON_ID, about, sessions.NOTHING_TOLD, IS_NOW)


def around(found: sa.FromClause, about: sa.ColumnElement[str], before: Any) -> sa.FromClause:
    found = found.outerjoin(TOLD, is_told(TOLD, PERSON_ID, about)).outerjoin(CONTACT, CONTACT.c.person_id == PERSON_ID)
    return found.outerjoin(before, sa.true())


def read(reading: Reading) -> tuple[sessions.Facts, bool, tuple[OutsideTask, ...]]:
    """What `READ` selected."""
    session = reading.next(Session)
    city_name, name_pl, name_en, came, *done = reading.values(4 + len(DONE))
    names: Any = (name_pl, name_en) if name_pl else None
    is_done = tuple(task for task, is_so in zip(AFTERWARDS, done, strict=True) if is_so)
    return sessions.Facts(None, session, city_name, names), bool(came), is_done
