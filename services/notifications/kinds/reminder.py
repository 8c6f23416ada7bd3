"""The reminder on the day before a session begins, to whoever has a place in it and knows of it for longer.

It says "tomorrow", so it leaves between the hour that the settings name, by the clocks of the session's town, and midnight; what is later
is dropped. A session that moves is reminded of anew. Nobody is reminded of what the last mail about their place has told them
within a day before that hour, or since; nor before that mail says what is true.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from services.notifications.kinds.knowing import Reminding, reminder_kind, standing_place
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, Office, Sheet, brief
from services.notifications.tables import NOW, SESSION
from services.notifications.templates.wording import notices_of
from shared.values import immutable

NAME = "reminder"
REMINDER = "reminder"
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


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, REMINDER)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return standing_place(mail, brief(mail, office, _NOTICES.of(office.wording, mail.language)[REMINDER], CALM))


# --- the same in SQL -----------------------------------------------------------------------

_at = SESSION.c.noon_before_at + sa.bindparam("reminder_after_noon", type_=sa.Interval())

REMINDER_KIND = reminder_kind(
    Reminder,
    NAME,
    is_now=sa.and_(_at <= NOW, SESSION.c.noon_before_at > NOW - MIDNIGHT),
    at=_at,
    besides=sa.true(),
    sheet=_sheet,
)
