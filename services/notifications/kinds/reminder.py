"""The reminder on the day before a session begins, to whoever has a place in it and knows of it for longer.

It says "tomorrow", so it leaves between the hour that the settings name, by the clocks of the session's town, and midnight; what is later
is dropped. A session that moves is reminded of anew. Nobody is reminded of what the last mail about their place has told them
within a day before that hour, or since; nor before that mail says what is true.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import filling
from services.notifications.kinds.knowing import Reminding, reminder_kind, standing_place
from services.notifications.ledger import OpenNotice
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, Office, Sheet, brief
from services.notifications.tables import NOW, SESSION
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Difference
from shared.contracts.planner import OutsideTask
from shared.values import immutable

NAME = "reminder"
REMINDER = "reminder"
FROZEN = "frozen"
"""Why it says that a place which is given back goes to nobody."""
MIDNIGHT = dt.timedelta(hours=12)
"""After noon."""


@immutable
class Reminder(Reminding):
    """That a person's session begins tomorrow."""

    RULE, LETTER = "day-before", REMINDER

    @property
    def window(self) -> tuple[dt.datetime, dt.datetime] | None:
        if self.facts.session is None:
            return None
        noon = self.facts.session.noon_before_at
        return noon + dt.timedelta(hours=self.rules.reminder_hour - 12), noon + MIDNIGHT

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        mail, session, now = BriefMail.of(self.facts, notice, found), self.facts.session, notice.stated_at
        if session is None or now is None:
            return mail
        tasks = filling.given(OutsideTask.PRE_TEST, session.pre_test, self.pre_test_done, now)
        because = FROZEN if self.facts.goes_to_nobody(now) else None
        return replace(mail, because=because, tasks=tasks, note=session.note.text if session.note is not None else None)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, REMINDER, FROZEN)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    notice = _NOTICES.of(office.wording, mail.language)[mail.because or REMINDER]
    return standing_place(mail, brief(mail, office, notice, CALM))


# --- the same in SQL -----------------------------------------------------------------------

AT = SESSION.c.noon_before_at + sa.bindparam("reminder_after_noon", type_=sa.Interval())

REMINDER_KIND = reminder_kind(
    Reminder,
    NAME,
    is_now=sa.and_(AT <= NOW, SESSION.c.noon_before_at > NOW - MIDNIGHT),
    at=AT,
    besides=sa.true(),
    sheet=_sheet,
)
