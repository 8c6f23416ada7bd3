"""The reminder to say whether one comes, before the day on which it is decided whether a session takes place.

The mail about the place asks for it; who has said nothing is reminded once, and not after that day has begun. Who replied, or was just
asked, is not; nor who has yet to be told of the place as it is.
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
from shared.contracts.portal import Reply
from shared.values import immutable

NAME = "reply"
RULE = "before-decision"
REPLY_ASKED = "reply_asked"
LAST_MINUTE = dt.timedelta(minutes=1)
"""Who reads "until midnight" takes it for the wrong one: the day before is named, until its last minute."""


@immutable
class ReplyAsked(Matter):
    """That a person has not said whether they come, and that it is soon decided who does."""

    facts: Facts
    told_place: Told | None
    rules: Rules

    @property
    def waits_for(self) -> str | None:
        return self.facts.waits_for

    @property
    def _window(self) -> tuple[dt.datetime, dt.datetime] | None:
        """From when on it is told, and until when it is of use."""
        session = self.facts.session
        if session is None or session.decides_at is None:
            return None
        return session.decides_at - self.rules.reply_before, min(session.decides_at, session.starts_at)

    def difference(self, told: Told | None, to: Addressee, *, now: dt.datetime) -> Difference | None:
        session, place, window = self.facts.session, self.facts.place, self._window
        if session is None or place is None or window is None:
            return None
        at, until = window
        if not at <= now < until or place.reply != Reply.NONE:
            return None
        if not knowing.knows_by(self.facts, self.told_place, to, self.rules, at):
            return None
        if told is not None and told.content == session.content:
            return None
        fields = dict(self.facts.true_now(None).says) | {"of": "reminder"}
        says = ReminderTold(**fields, rule=RULE, useful_until=until)
        waits_for = None if self.facts.settled else ENROLMENT
        found = Difference(REPLY_ASKED, Content(hash=session.content, says=says), waits_for=waits_for)
        return judged(found, told, told or nothing_yet("", ""), to, now=now)

    def missed(self, told: Told | None, to: Addressee, *, now: dt.datetime, since: dt.datetime) -> Difference | None:
        """Only what was on its way: who was not reminded was asked all the same."""
        window = self._window
        if window is None or not since < window[1] <= now:
            return None
        return never_told(self.difference(told, to, now=window[1] - JUST_BEFORE), told or nothing_yet("", ""))

    def named(self, content: Content, language: Language) -> Content:
        return self.facts.named(content, language)

    def mail(self, notice: OpenNotice, found: Difference) -> BriefMail:
        return replace(BriefMail.of(self.facts, notice, found), moment=found.says.until - LAST_MINUTE)


# --- what it says --------------------------------------------------------------------------

_NOTICES = notices_of(NAME, REPLY_ASKED)


def _sheet(mail: BriefMail, office: Office) -> Sheet:
    return replace(brief(mail, office, _NOTICES[mail.language][REPLY_ASKED], CALM), page=mail)


# --- the same in SQL -----------------------------------------------------------------------

_before = sa.bindparam("reply_before", type_=sa.Interval())
_is_now = sa.and_(SESSION.c.decides_at <= NOW + _before, SESSION.c.decides_at > NOW)
_has_place = sa.and_(PLACE.c.state == Standing.ENROLLED, SESSION.c.state == SCHEDULED)
_content = sa.case((sa.and_(_has_place, PLACE.c.reply == Reply.NONE), SESSION.c.content))


def _around(places: sa.FromClause) -> sa.FromClause:
    return knowing.around(places, sessions.about(NAME, RULE))


def _read(reading: Reading, rules: Rules) -> ReplyAsked:
    return ReplyAsked(sessions.read(reading, known=True), reading.next(Told), rules)


REPLY_KIND = Kind(
    name=NAME,
    letters=(REPLY_ASKED,),
    scope=sessions.SESSIONS,
    around=_around,
    about=sessions.about(NAME, RULE),
    content=_content,
    differs=sa.and_(
        _content.is_not(None),
        knowing.knows_by_in_sql(SESSION.c.decides_at - _before),
        TOLD.c.content.is_distinct_from(_content),
        _is_now,
        SESSION.c.starts_at > NOW,
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
