"""The reminder to say whether one comes, before the day on which it is decided whether a session takes place, or before the session freezes
if that is earlier: then no reply is taken any more.

The mail about the place asks for it; who has said nothing is reminded once of each such day, and not after it has begun. Who replied, or
was just asked, is not; nor who has yet to be told of the place as it is.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds.knowing import Reminding, reminder_kind, standing_place
from services.notifications.kinds.sessions import MOVES_UNTIL
from services.notifications.ledger import OpenNotice, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, Office, Sheet, brief
from services.notifications.tables import NOW, PLACE, SESSION, TOLD
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Difference
from shared.contracts.notifications import ReminderTold
from shared.contracts.portal import Reply
from shared.values import immutable

NAME = "reply"
REPLY_ASKED = "reply_asked"


@immutable
class ReplyAsked(Reminding):
    """That a person has not said whether they come, and that it is soon decided who does."""

    RULE, LETTER = "before-decision", REPLY_ASKED

    @property
    def window(self) -> tuple[dt.datetime, dt.datetime] | None:
        session, moves_until = self.facts.session, self.facts.moves_until
        if session is None or session.decides_at is None or moves_until is None:
            return None
        until = min(session.decides_at, session.starts_at, moves_until)
        return until - self.rules.reply_before, until

    @property
    def is_void(self) -> bool:
        return self.facts.place is None or self.facts.place.reply != Reply.NONE

    def is_known(self, told: Told, found: Difference) -> bool:
        """Whoever was reminded of another day believes that they have until then, or that it is too late."""
        return Reminding.is_known(self, told, found) and not _is_until_another(told, found.says.until)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        return replace(BriefMail.of(self.facts, notice, found), moment=found.says.until)


def _is_until_another(told: Told, until: dt.datetime) -> bool:
    says = told.said.says if told.said is not None else None
    return isinstance(says, ReminderTold) and says.useful_until != until


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, REPLY_ASKED)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return standing_place(mail, brief(mail, office, _NOTICES.of(office.wording, mail.language)[REPLY_ASKED], CALM))


# --- the same in SQL -----------------------------------------------------------------------

_before = sa.bindparam("reply_before", type_=sa.Interval())
_until = sa.func.least(SESSION.c.decides_at, SESSION.c.starts_at, MOVES_UNTIL)
_told_until = sa.cast(sa.type_coerce(TOLD.c.said, JSONB)["says"]["useful_until"].astext, sa.DateTime(timezone=True))

REPLY_KIND = reminder_kind(
    ReplyAsked,
    NAME,
    is_now=sa.and_(SESSION.c.decides_at > NOW, _until <= NOW + _before, _until > NOW),
    at=_until - _before,
    besides=PLACE.c.reply == Reply.NONE,
    sheet=_sheet,
    also_untold=sa.func.coalesce(_told_until != _until, sa.false()),
)
