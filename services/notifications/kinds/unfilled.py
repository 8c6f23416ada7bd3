"""The reminder to whoever was at a session and has not filled in what follows it: one, when the first of what is open comes near, and of all
that is open.

Not of what the mail about it told within a day before that hour, or since, nor before that mail has left; anew for another link or time.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from services.notifications.kinds import after, filling, sessions
from services.notifications.kinds.after import ATTENDEES, AfterSession
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.whoever import as_known, told_to_former
from services.notifications.ledger import Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, Office, Sheet, brief
from services.notifications.tables import MAILBOX, NOW, SESSION, TOLD, is_another, is_told
from services.notifications.tasks import AFTERWARDS, Task
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee
from services.notifications.untold import is_another as has_another
from shared.contracts.notifications import Mutable
from shared.contracts.planner import OutsideTask
from shared.values import immutable

NAME = "unfilled"
AFTER_TASKS_AWAITED = "after_tasks_awaited"


@immutable
class Unfilled(AfterSession):
    """That somebody was asked for something, and the time for it ends soon."""

    told_first: Told | None
    """What the human was asked for first, under whichever id."""

    @property
    def letter(self) -> str:
        return AFTER_TASKS_AWAITED

    def new(self, told: Told, to: Addressee, now: dt.datetime) -> list[Task]:
        first = self.told_first
        if first is None or first.told_at is None or self._is_elsewhere(first, to):
            return []
        found = []
        for _, task in self.undone:
            at = task.noon_at + dt.timedelta(hours=self.rules.reminder_hour - 12)
            is_near = at <= now < task.until and first.told_at <= at - self.rules.reminder_quiet
            if is_near and filling.is_named(task, first.content) and not filling.is_named(task, told.content):
                found.append(task)
        return found

    def _is_elsewhere(self, first: Told, to: Addressee) -> bool:
        """At another address than they were asked at; what an id was asked that went into theirs they know."""
        is_own = to.contact is not None and first.recipient == to.contact.person_id
        return is_own and has_another(first, to)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, AFTER_TASKS_AWAITED)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(mail, office, _NOTICES.of(office.wording, mail.language)[AFTER_TASKS_AWAITED], CALM)


# --- the same in SQL -----------------------------------------------------------------------

_about = sessions.about(NAME, of=SESSION)
_own_first = sessions.told_of_another(sessions.FOLLOWUP_NAME)
_about_first = sessions.about(sessions.FOLLOWUP_NAME, of=SESSION)
_first_before = told_to_former(
    after.PERSON_ID, _about_first, sessions.nothing_told(_own_first), after.IS_NOW, name="first_before"
)
_told_first = as_known(_own_first, _first_before)
_before = after.told_before(_about)
_known = as_known(TOLD, _before).c.content
_is_elsewhere = sa.and_(_told_first.c.recipient == after.PERSON_ID, is_another(_told_first.c.mailbox, MAILBOX))
_after_noon = sa.bindparam("reminder_after_noon", type_=sa.Interval())
_quiet = sa.bindparam("reminder_quiet", type_=sa.Interval())


def _is_due(task: OutsideTask) -> sa.ColumnElement[bool]:
    at = filling.noon_of(task) + _after_noon
    is_near = sa.func.coalesce(sa.and_(at <= NOW, _told_first.c.told_at <= at - _quiet), sa.false())
    was_told = filling.is_named_in_sql(task, _told_first.c.content)
    return sa.and_(after.IS_OPEN[task], is_near, was_told, ~filling.is_named_in_sql(task, _known))


def _around(found: sa.FromClause) -> sa.FromClause:
    found = after.around(found, _about, _before).outerjoin(
        _own_first, is_told(_own_first, after.PERSON_ID, _about_first)
    )
    return found.outerjoin(_first_before, sa.true())


def _read(reading: Reading, rules: Rules) -> Unfilled:
    facts = after.read(reading)
    return Unfilled(*facts, rules, reading.next(Told), reading.next(Told))


UNFILLED_KIND = Kind(
    name=NAME,
    letters=(AFTER_TASKS_AWAITED,),
    scope=ATTENDEES,
    around=_around,
    about=_about,
    content=after.CONTENT,
    differs=sa.and_(
        after.IS_NOW,
        after.HOLDS,
        ~_is_elsewhere,
        sa.or_(*map(_is_due, AFTERWARDS)),
    ),
    waits={},
    unknown=sessions.UNKNOWN,
    parts=(after.IS_NOW,),
    told_by_others=sa.false(),
    made_of=after.MADE_OF,
    columns=(*after.READ, *_before.c, *_told_first.c),
    read=_read,
    sheet=_sheet,
    concerned_by=frozenset(),
    needed_at=after.UNTIL,
    may_wait=True,
    mutes=Mutable.REMINDERS,
    yields_to=(SESSION,),
)
