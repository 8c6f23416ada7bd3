"""What reminders have in common: a window, a rule, and since when somebody knows of their place as it is. Nobody is reminded of what they
were just told; nor twice, but of a session that has moved since."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import Once
from services.notifications.kinds.sessions import UNSETTLED, Facts
from services.notifications.ledger import Content, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import Office, Sheet
from services.notifications.state import SCHEDULED
from services.notifications.tables import MAILBOX, PLACE, SESSION, SINCE, TOLD, is_another
from services.notifications.untold import ENROLMENT, Addressee, Difference
from services.notifications.untold import is_another as has_another
from shared.contracts.enrolment import Standing
from shared.contracts.notifications import Mutable, ReminderTold
from shared.values import immutable


@immutable
class Reminding(Once):
    """That a person who knows of their place has to think of it."""

    told_place: Told | None
    rules: Rules

    RULE: ClassVar[str]
    LETTER: ClassVar[str]

    @property
    @abstractmethod
    def window(self) -> tuple[dt.datetime, dt.datetime] | None:
        """From when on it is told, and until when it is of use."""

    @property
    def is_void(self) -> bool:
        """Whether they have done meanwhile what they would be reminded of."""
        return False

    @property
    def ends_at(self) -> dt.datetime | None:
        return self.window[1] if self.window is not None else None

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        session, window = self.facts.session, self.window
        if session is None or window is None:
            return None
        at, until = window
        if not at <= now < until or self.is_void or not knows_by(self.facts, self.told_place, to, self.rules, at):
            return None
        fields = dict(self.facts.true_now(None).says) | {"of": "reminder"}
        says = ReminderTold(**fields, rule=self.RULE, useful_until=until)
        waits_for = None if self.facts.settled else ENROLMENT
        return Difference(self.LETTER, Content(hash=session.content, says=says), waits_for=waits_for)


def knows_by(facts: Facts, told_place: Told | None, to: Addressee, rules: Rules, at: dt.datetime) -> bool:
    """Whether the person has a place, and was told of it as it is long enough before that moment."""
    session, known = facts.session, facts.known_before
    if session is None or not facts.stands(Standing.ENROLLED):
        return False
    since: dt.datetime | None
    if told_place is not None and told_place.said is not None:
        if told_place.content != session.content or has_another(told_place, to):
            return False
        since = told_place.told_at
    else:
        is_known = known is not None and known.state == SCHEDULED and known.content == session.content
        since = rules.since if is_known else None
    return since is not None and since <= at - rules.reminder_quiet


# --- what it says --------------------------------------------------------------------------


def standing_place(mail: BriefMail, sheet: Sheet) -> Sheet:
    """With the way to their place, and the ticket: for whom others told of the place this may be the first of our mails."""
    return replace(sheet, page=mail, ticket=mail)


# --- the same in SQL -----------------------------------------------------------------------

TOLD_PLACE = sessions.told_of_another(sessions.PLACE_NAME)
KNOWN = sessions.known_before(Standing.ENROLLED, told=TOLD_PLACE)
_since = sa.case(
    (
        sessions.nothing_told(TOLD_PLACE),
        sa.case((sa.and_(KNOWN.c.state == SCHEDULED, KNOWN.c.content == SESSION.c.content), SINCE)),
    ),
    (
        sa.and_(TOLD_PLACE.c.content == SESSION.c.content, ~is_another(TOLD_PLACE.c.mailbox, MAILBOX)),
        TOLD_PLACE.c.told_at,
    ),
)
_quiet = sa.bindparam("reminder_quiet", type_=sa.Interval())


def knows_by_in_sql(at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Of somebody who has a place."""
    return sa.func.coalesce(_since <= at - _quiet, sa.false())


def reminder_kind(
    reminding: type[Reminding],
    name: str,
    *,
    is_now: sa.ColumnElement[bool],
    at: sa.ColumnElement[Any],
    besides: sa.ColumnElement[bool],
    sheet: Callable[[Any, Office], Sheet],
) -> Kind:
    """`is_now`: whether its window is open, found by an index; `besides`: what else has to be so.

    No news makes a reminder: the clock does, so the look at the whole finds it.
    """
    about = sessions.about(name, reminding.RULE)
    has_place = sa.and_(PLACE.c.state == Standing.ENROLLED, SESSION.c.state == SCHEDULED)
    content = sa.case((sa.and_(has_place, besides), SESSION.c.content))

    def around(places: sa.FromClause) -> sa.FromClause:
        found = sessions.around(places, about, always=True)
        return sessions.with_told(found, TOLD_PLACE, sessions.PLACE_NAME).outerjoin(KNOWN, sa.true())

    def read(reading: Reading, rules: Rules) -> Reminding:
        facts = sessions.read(reading, known=True)
        return reminding(facts, reading.next(Told), rules)

    return Kind(
        name=name,
        letters=(reminding.LETTER,),
        scope=sessions.SESSIONS,
        around=around,
        about=about,
        content=content,
        differs=sa.and_(content.is_not(None), knows_by_in_sql(at), TOLD.c.content.is_distinct_from(content), is_now),
        waits={ENROLMENT: UNSETTLED},
        unknown=sessions.UNKNOWN,
        parts=(is_now,),
        told_by_others=sa.false(),
        made_of=sessions.MADE_OF,
        columns=(*sessions.READ, *KNOWN.c, *TOLD_PLACE.c),
        read=read,
        sheet=sheet,
        may_wait=True,
        concerned_by=frozenset(),
        mutes=Mutable.REMINDERS,
        yields_to=(PLACE, SESSION),
    )
