"""The reminder to fill in the test before a session, to whoever has a place in it and has not: so many days before its last day as the
session says.

The mails about the place ask for it; so does the reminder of the day before. One reminder for each link and time: whoever the mail about
the place asked within a day before, or since, is not reminded of it, and whom no mail has told of this one is told at once. Where its day
is the day before the session, that day's reminder does it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds import filling, knowing, reminder, sessions
from services.notifications.kinds.knowing import TOLD_PLACE, Reminding, reminder_kind, standing_place
from services.notifications.ledger import OpenNotice
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, Office, Sheet, brief
from services.notifications.tables import NOW, PLACE, SESSION
from services.notifications.tasks import Task
from services.notifications.templates.wording import notices_of
from services.notifications.untold import Addressee, Difference
from shared.contracts.notifications import SessionTold
from shared.contracts.planner import OutsideTask
from shared.values import immutable

NAME = "pretest"
PRE_TEST_AWAITED = "pre_test_awaited"
_NOON = dt.timedelta(hours=12)


@immutable
class PreTest(Reminding):
    """That a person has not filled in what is asked before the session."""

    RULE, LETTER = "pre-test", PRE_TEST_AWAITED

    @property
    def task(self) -> Task | None:
        return self.facts.session.pre_test if self.facts.session is not None else None

    @property
    def window(self) -> tuple[dt.datetime, dt.datetime] | None:
        session, task = self.facts.session, self.task
        if session is None or task is None:
            return None
        return self._hour(task.noon_at), min(task.until, session.starts_at)

    @property
    def is_void(self) -> bool:
        return self.pre_test_done

    @property
    def content(self) -> str | None:
        return self.task.name if self.task is not None else None

    def knows(self, to: Addressee, at: dt.datetime) -> bool:
        session = self.facts.session
        since = knowing.knows_since(self.facts, self.told_place, to, self.rules)
        if since is None or session is None or self.task is None:
            return False
        eve = self._hour(session.noon_before_at)
        if self.task.noon_at >= session.noon_before_at and since <= eve - self.rules.reminder_quiet:
            return False
        said = self.told_place.said.says if self.told_place is not None and self.told_place.said is not None else None
        is_unheard = isinstance(said, SessionTold) and said.pre_test != self.task.name
        return is_unheard or since <= at - self.rules.reminder_quiet

    def _hour(self, noon: dt.datetime) -> dt.datetime:
        return noon + dt.timedelta(hours=self.rules.reminder_hour) - _NOON

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        assert notice.stated_at is not None
        tasks = filling.given(OutsideTask.PRE_TEST, self.task, self.pre_test_done, notice.stated_at)
        return replace(BriefMail.of(self.facts, notice, found), tasks=tasks)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, PRE_TEST_AWAITED)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return standing_place(mail, brief(mail, office, _NOTICES.of(office.wording, mail.language)[PRE_TEST_AWAITED], CALM))


# --- the same in SQL -----------------------------------------------------------------------

_after_noon = sa.bindparam("reminder_after_noon", type_=sa.Interval())
_name, _noon, _until = (of(OutsideTask.PRE_TEST) for of in (filling.name_of, filling.noon_of, filling.until_of))
_at = _noon + _after_noon
_is_now = sa.and_(SESSION.c.starts_at > NOW, sa.func.coalesce(sa.and_(_at <= NOW, _until > NOW), sa.false()))
_eve_does_it = sa.and_(_noon >= SESSION.c.noon_before_at, knowing.KNOWS_SINCE <= reminder.AT - knowing.QUIET)
_is_unheard = sa.and_(
    ~sessions.nothing_told(TOLD_PLACE),
    sa.type_coerce(TOLD_PLACE.c.said, JSONB)["says"]["pre_test"].astext.is_distinct_from(_name),
)
_knows = sa.func.coalesce(
    sa.and_(
        knowing.KNOWS_SINCE.is_not(None),
        ~sa.func.coalesce(_eve_does_it, sa.false()),
        sa.or_(_is_unheard, _at - knowing.QUIET >= knowing.KNOWS_SINCE),
    ),
    sa.false(),
)

PRETEST_KIND = reminder_kind(
    PreTest,
    NAME,
    is_now=_is_now,
    at=_at,
    besides=~filling.is_done(OutsideTask.PRE_TEST, PLACE.c.person_id),
    sheet=_sheet,
    says=_name,
    knows=_knows,
)
