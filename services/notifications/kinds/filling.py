"""What somebody has to fill in because of a session, and has not: what mails about places and about what follows a session have in common."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.letters import Given
from services.notifications.tables import NOW, PERSON, SESSION, TASK_DONE, code_of
from services.notifications.tasks import Task
from shared.contracts.planner import OutsideTask
from shared.postgres.merged import survivors_of

# --- values --------------------------------------------------------------------------------


def is_open(task: Task | None, is_done: bool, now: dt.datetime) -> bool:
    """Whether it can still be filled in, and has not been."""
    return task is not None and not is_done and now < task.until


def given(kind: OutsideTask, task: Task | None, is_done: bool, now: dt.datetime) -> tuple[Given, ...]:
    """As a mail shows it; nothing of what nobody has to do any more."""
    return (as_given(kind, task),) if task is not None and is_open(task, is_done, now) else ()


def as_given(kind: OutsideTask, task: Task) -> Given:
    return Given(kind, task.link, task.until)


def is_named(task: Task, content: str | None) -> bool:
    """Whether somebody was told of exactly this one."""
    return content is not None and task.name in content


# --- the same in SQL -----------------------------------------------------------------------

_ITS = {
    OutsideTask.PRE_TEST: SESSION.c.pre_test,
    OutsideTask.POST_TEST: SESSION.c.post_test,
    OutsideTask.QUESTIONNAIRE: SESSION.c.questionnaire,
}


def _its(task: OutsideTask, what: str) -> sa.ColumnElement[Any]:
    found: sa.ColumnElement[Any] = sa.type_coerce(_ITS[task], JSONB)[what].astext
    return found


def name_of(task: OutsideTask) -> sa.ColumnElement[Any]:
    """Null: the session has none."""
    return _its(task, "name")


def until_of(task: OutsideTask) -> sa.ColumnElement[Any]:
    return sa.cast(_its(task, "until"), sa.DateTime(timezone=True))


def noon_of(task: OutsideTask) -> sa.ColumnElement[Any]:
    return sa.cast(_its(task, "noon_at"), sa.DateTime(timezone=True))


def is_done(task: OutsideTask, person_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether the person has filled it in, under whatever id of theirs. What a session does not ask for is not looked up."""
    done, survivor = TASK_DONE.alias("done"), survivors_of(PERSON).alias("former")

    def is_theirs(its_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        return sa.or_(done.c.respondent == its_id, done.c.respondent == code_of(SESSION.c.session_id, its_id))

    under_a_former_id = sa.exists().where(survivor.c.into_id == person_id, is_theirs(survivor.c.person_id))
    found = sa.exists().where(
        done.c.session_id == SESSION.c.session_id,
        done.c.task == task,
        sa.or_(is_theirs(person_id), under_a_former_id),
    )
    return sa.case((name_of(task).is_not(None), found), else_=sa.false())


def is_open_in_sql(task: OutsideTask, person_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """`is_open`."""
    return sa.and_(sa.func.coalesce(until_of(task) > NOW, sa.false()), ~is_done(task, person_id))


def is_named_in_sql(task: OutsideTask, content: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """`is_named`."""
    return sa.func.coalesce(sa.func.strpos(content, name_of(task)) > 0, sa.false())
