"""The mail after a session to whoever was there, about what they are to fill in now: the test after it, the questionnaire, or both.

It leaves once the session is over, whatever becomes of its lists. Each link and time is told once; what somebody has filled in already is
not in it, and a mail with nothing else in it is not sent.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from services.notifications.kinds import after, filling, sessions
from services.notifications.kinds.after import ATTENDEES, AfterSession
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.whoever import as_known
from services.notifications.ledger import Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import GOOD, Office, Sheet, brief
from services.notifications.tables import SESSION, TOLD
from services.notifications.tasks import AFTERWARDS, Task
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee
from shared.values import immutable

NAME = sessions.FOLLOWUP_NAME
AFTER_TASKS = "after_tasks"


@immutable
class FollowUp(AfterSession):
    """That somebody is asked for something after the session."""

    @property
    def letter(self) -> str:
        return AFTER_TASKS

    def new(self, told: Told, to: Addressee, now: dt.datetime) -> list[Task]:
        return [task for _, task in self.undone if now < task.until and not filling.is_named(task, told.content)]


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, AFTER_TASKS)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(mail, office, _NOTICES.of(office.wording, mail.language)[AFTER_TASKS], GOOD)


# --- the same in SQL -----------------------------------------------------------------------

_about = sessions.about(NAME, of=SESSION)
_before = after.told_before(_about)
_known = as_known(TOLD, _before).c.content
_is_new = sa.or_(*(sa.and_(after.IS_OPEN[task], ~filling.is_named_in_sql(task, _known)) for task in AFTERWARDS))


def _around(found: sa.FromClause) -> sa.FromClause:
    return after.around(found, _about, _before)


def _read(reading: Reading, rules: Rules) -> FollowUp:
    return FollowUp(*after.read(reading), rules, reading.next(Told))


FOLLOWUP_KIND = Kind(
    name=NAME,
    letters=(AFTER_TASKS,),
    scope=ATTENDEES,
    around=_around,
    about=_about,
    content=after.CONTENT,
    differs=sa.and_(after.IS_NOW, after.HOLDS, _is_new),
    waits={},
    unknown=sessions.UNKNOWN,
    parts=(after.IS_NOW,),
    told_by_others=sa.false(),
    made_of=after.MADE_OF,
    columns=(*after.READ, *_before.c),
    read=_read,
    sheet=_sheet,
    concerned_by=frozenset(),
    needed_at=after.UNTIL,
    yields_to=(SESSION,),
)
