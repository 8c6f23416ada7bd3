"""The mail to the trainers of a session on the evening before it begins: how many people are expected, and the way to its lists.

It leaves from the hour that reminders leave at, and is of use until the session begins; a session that is moved has another evening. It
names nobody: who is on the list the page says, as long as whoever opens it trains the session.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import sessions, trainers
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import Once
from services.notifications.kinds.sessions import UNSETTLED
from services.notifications.kinds.trainers import TRAINERS, TRAINS
from services.notifications.ledger import Content, OpenNotice
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, Office, Sheet, brief
from services.notifications.tables import NOW, PLACE, SESSION, SINCE, TOLD, stands
from services.notifications.templates.wording import notices_of
from services.notifications.untold import ENROLMENT, Addressee, Difference
from shared.contracts.enrolment import SEATED
from shared.contracts.notifications import ReminderTold
from shared.values import immutable
from shared.web.links import Purpose

NAME = "roster"
ROSTER = "roster"
RULE = "evening-before"


@immutable
class Roster(Once):
    """That somebody's training begins tomorrow, and how many people are expected."""

    trains: bool
    expected: int
    rules: Rules

    @property
    def ends_at(self) -> dt.datetime | None:
        return self.facts.session.starts_at if self.facts.session is not None else None

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        if session is None or not self.trains:
            return None
        at = session.noon_before_at + dt.timedelta(hours=self.rules.reminder_hour - 12)
        if not at <= now < session.starts_at or at < self.rules.since:  # Or it was evening when others still told them.
            return None
        fields = dict(self.facts.true_now(None).says) | {"of": "reminder"}
        says = ReminderTold(**fields, rule=RULE, useful_until=session.starts_at)
        waits_for = None if self.facts.settled else ENROLMENT
        return Difference(ROSTER, Content(hash=session.content, says=says), waits_for=waits_for)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        mail = BriefMail.of(self.facts, notice, found)
        return replace(mail, figures=(("expected", self.expected),), leads_to=Purpose.LISTS)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, ROSTER)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return replace(brief(mail, office, _NOTICES.of(office.wording, mail.language)[ROSTER], CALM), page=mail)


# --- the same in SQL -----------------------------------------------------------------------

_about = trainers.about(NAME, RULE)
_at = SESSION.c.noon_before_at + sa.bindparam("reminder_after_noon", type_=sa.Interval())
_is_now = sa.and_(_at <= NOW, SESSION.c.starts_at > NOW, _at >= SINCE)
_content = sa.case((TRAINS, SESSION.c.content))
_expected = (
    sa.select(sa.func.count())
    .select_from(PLACE)
    .where(PLACE.c.session_id == SESSION.c.session_id, stands(PLACE, SEATED))
    .correlate(SESSION)
    .scalar_subquery()
)


def _around(found: sa.FromClause) -> sa.FromClause:
    return trainers.around(found, _about)


def _read(reading: Reading, rules: Rules) -> Roster:
    facts, trains = trainers.read(reading)
    (expected,) = reading.values(1)
    return Roster(facts, trains, expected, rules)


ROSTER_KIND = Kind(
    name=NAME,
    letters=(ROSTER,),
    scope=TRAINERS,
    around=_around,
    about=_about,
    content=_content,
    differs=sa.and_(_content.is_not(None), _is_now, TOLD.c.content.is_distinct_from(_content)),
    waits={ENROLMENT: UNSETTLED},
    unknown=sessions.UNKNOWN,
    parts=(_is_now,),
    told_by_others=sa.false(),
    made_of=trainers.MADE_OF,
    columns=(*trainers.READ, _expected),
    read=_read,
    sheet=_sheet,
    concerned_by=frozenset(),
    yields_to=(SESSION,),
)
