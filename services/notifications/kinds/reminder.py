"""The reminder on the day before a session begins, to whoever has a place in it and knows of it for longer.

It says "tomorrow", so it leaves between the hour that the settings name, by the clocks of the session's town, and midnight; what is later
is dropped. A session that moves is reminded of anew. Nobody is reminded of what the last mail about their place has told them
within a day before that hour, or since; nor before that mail says what is true.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import sqlalchemy as sa

from services.notifications.kinds import knowing, sessions
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.sessions import UNSETTLED, Facts
from services.notifications.ledger import Content, OpenNotice, Told, nothing_yet
from services.notifications.letters import BriefMail
from services.notifications.sheets import CALM, Office, Sheet, brief
from services.notifications.state import SCHEDULED
from services.notifications.tables import NOW, PLACE, SESSION, TOLD
from services.notifications.templates.words import notices_of
from services.notifications.untold import ENROLMENT, JUST_BEFORE, Addressee, Difference, Matter, judged, never_told
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import ReminderTold
from shared.values import immutable

NAME = "reminder"
RULE = "day-before"
REMINDER = "reminder"
MIDNIGHT = dt.timedelta(hours=12)
"""After noon."""


@immutable
class Reminder(Matter):
    """That a person's session begins tomorrow."""

    facts: Facts
    told_place: Told | None
    rules: Rules

    @property
    def waits_for(self) -> str | None:
        return self.facts.waits_for

    @property
    def _at(self) -> dt.datetime:
        assert self.facts.session is not None
        return self.facts.session.noon_before_at + dt.timedelta(hours=self.rules.reminder_hour - 12)

    @property
    def _until(self) -> dt.datetime:
        assert self.facts.session is not None
        return self.facts.session.noon_before_at + MIDNIGHT

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        session = self.facts.session
        if session is None or not self._at <= now < self._until or not self._is_known(to):
            return None
        if told is not None and told.content == session.content:
            return None
        says = ReminderTold(
            **dict(self.facts.true_now(None).says) | {"of": "reminder"}, rule=RULE, useful_until=self._until
        )
        found = Difference(REMINDER, Content(hash=session.content, says=says))
        waits_for = None if self.facts.settled else ENROLMENT
        believed = told or nothing_yet("", "")
        return judged(replace(found, waits_for=waits_for), told, believed, to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """Only what was on its way: who was not reminded knows of the place."""
        if self.facts.session is None or not since < self._until <= now:
            return None
        found = self.difference(told, to, now=self._until - JUST_BEFORE)
        return never_told(found, told or nothing_yet("", ""))

    def named(self, content: Content, language: Language) -> Content:
        return self.facts.named(content, language)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        return BriefMail.of(self.facts, notice, found)

    def _is_known(self, to: Addressee) -> bool:
        return knowing.knows_by(self.facts, self.told_place, to, self.rules, self._at)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, REMINDER)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return brief(mail, office, _NOTICES[mail.language][REMINDER], CALM)


# --- the same in SQL -----------------------------------------------------------------------

_after_noon = sa.bindparam("reminder_after_noon", type_=sa.Interval())
_at = SESSION.c.noon_before_at + _after_noon
_content = sa.case((sa.and_(PLACE.c.state == Standing.ENROLLED, SESSION.c.state == SCHEDULED), SESSION.c.content))
_is_now = sa.and_(_at <= NOW, SESSION.c.noon_before_at > NOW - MIDNIGHT)


def _around(places: sa.FromClause) -> sa.FromClause:
    return knowing.around(places, sessions.about(NAME, RULE))


def _read(reading: Reading, rules: Rules) -> Reminder:
    facts = sessions.read(reading, known=True)
    return Reminder(facts, reading.next(Told), rules)


REMINDER_KIND = Kind(
    name=NAME,
    letters=(REMINDER,),
    scope=sessions.SESSIONS,
    around=_around,
    about=sessions.about(NAME, RULE),
    content=_content,
    differs=sa.and_(
        _content.is_not(None),
        knowing.knows_by_in_sql(_at),
        TOLD.c.content.is_distinct_from(_content),
        _is_now,
    ),
    waits={ENROLMENT: UNSETTLED},
    unknown=sessions.UNKNOWN,
    parts=(_is_now,),
    told_by_others=sa.false(),
    made_of=sessions.MADE_OF,
    columns=(*sessions.READ, *knowing.KNOWN.c, *knowing.TOLD_PLACE.c),
    read=_read,
    sheet=_sheet,
    yields_to=(PLACE, SESSION),
)
