"""What reminders have in common: a window, a rule, and since when somebody knows of their place as it is. Nobody is reminded of what they
were just told; nor twice, but of a session that has moved since."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import sqlalchemy as sa

from services.notifications.kinds import filling, sessions
from services.notifications.kinds.kind import Kind, Reading, Rules
from services.notifications.kinds.matters import Once
from services.notifications.kinds.sessions import UNSETTLED, Facts
from services.notifications.ledger import Content, Told
from services.notifications.letters import BriefMail
from services.notifications.sheets import Office, Sheet
from services.notifications.state import SCHEDULED
from services.notifications.tables import MAILBOX, PLACE, SESSION, SINCE, TOLD, is_another, stands
from services.notifications.untold import ENROLMENT, Addressee, Difference
from services.notifications.untold import is_another as has_another
from shared.contracts.enrolment import SEATED
from shared.contracts.notifications import Mutable, ReminderTold
from shared.contracts.planner import OutsideTask
from shared.values import immutable


@immutable
class Reminding(Once):
    """That a person who knows of their place has to think of it."""

    told_place: Told | None
    rules: Rules
    pre_test_done: bool = False

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
    def content(self) -> str | None:
        """What it is known by: another one is told anew."""
        return self.facts.session.content if self.facts.session is not None else None

    def knows(self, to: Addressee, at: dt.datetime) -> bool:
        """Whether they know of it for long enough at that moment."""
        return knows_by(self.facts, self.told_place, to, self.rules, at)

    @property
    def ends_at(self) -> dt.datetime | None:
        return self.window[1] if self.window is not None else None

    def found(self, to: Addressee, now: dt.datetime) -> Difference | None:
        session, window = self.facts.session, self.window
        if session is None or window is None:
            return None
        at, until = window
        if not at <= now < until or self.is_void or not self.knows(to, at):
            return None
        fields = dict(self.facts.true_now(None).says) | {"of": "reminder"}
        says = ReminderTold(**fields, rule=self.RULE, useful_until=until)
        waits_for = None if self.facts.settled else ENROLMENT
        return Difference(self.LETTER, Content(hash=self.content, says=says), waits_for=waits_for)


def knows_since(facts: Facts, told_place: Told | None, to: Addressee, rules: Rules) -> dt.datetime | None:
    """Since when the person knows of the place that they have, as it is."""
    session, known = facts.session, facts.known_before
    if session is None or not facts.stands(SEATED):
        return None
    if told_place is not None and told_place.said is not None:
        if told_place.content != session.content or has_another(told_place, to):
            return None
        return told_place.told_at
    is_known = known is not None and known.state == SCHEDULED and known.content == session.content
    return rules.since if is_known else None


def knows_by(facts: Facts, told_place: Told | None, to: Addressee, rules: Rules, at: dt.datetime) -> bool:
    """Whether the person has a place, and was told of it as it is long enough before that moment."""
    since = knows_since(facts, told_place, to, rules)
    return since is not None and since <= at - rules.reminder_quiet


# --- what it says --------------------------------------------------------------------------


def standing_place(mail: BriefMail, sheet: Sheet) -> Sheet:
    """With the way to their place, and the ticket: for whom others told of the place this may be the first of our mails."""
    return replace(sheet, page=mail, ticket=mail)


# --- the same in SQL -----------------------------------------------------------------------

TOLD_PLACE = sessions.told_of_another(sessions.PLACE_NAME)
PRE_TEST_DONE = filling.is_done(OutsideTask.PRE_TEST, PLACE.c.person_id)
KNOWN = sessions.known_before(SEATED, told=TOLD_PLACE)
KNOWS_SINCE = sa.case(
    (
        sessions.nothing_told(TOLD_PLACE),
        sa.case((sa.and_(KNOWN.c.state == SCHEDULED, KNOWN.c.content == SESSION.c.content), SINCE)),
    ),
    (
        sa.and_(TOLD_PLACE.c.content == SESSION.c.content, ~is_another(TOLD_PLACE.c.mailbox, MAILBOX)),
        TOLD_PLACE.c.told_at,
    ),
)
"""`knows_since`, of somebody who has a place."""
QUIET = sa.bindparam("reminder_quiet", type_=sa.Interval())


def knows_by_in_sql(at: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Of somebody who has a place."""
    return sa.func.coalesce(at - QUIET >= KNOWS_SINCE, sa.false())


def reminder_kind(
    reminding: type[Reminding],
    name: str,
    *,
    is_now: sa.ColumnElement[bool],
    at: sa.ColumnElement[Any],
    besides: sa.ColumnElement[bool],
    sheet: Callable[[Any, Office], Sheet],
    says: sa.ColumnElement[Any] = SESSION.c.content,
    knows: sa.ColumnElement[bool] | None = None,
    also_untold: sa.ColumnElement[bool] | None = None,
) -> Kind:
    """`is_now`: whether its window is open, found by an index; `besides`: what else has to be so; `says`: what it is known by; `knows`:
    whether they knew of it for long enough, if that is another rule; `also_untold`: whether it is told anew although it is known by the same.

    No news makes a reminder: the clock does, so the look at the whole finds it.
    """
    about = sessions.about(name, reminding.RULE)
    has_place = sa.and_(stands(PLACE, SEATED), SESSION.c.state == SCHEDULED)
    content = sa.case((sa.and_(has_place, besides), says))
    has_known = knows if knows is not None else knows_by_in_sql(at)
    untold: sa.ColumnElement[bool] = TOLD.c.content.is_distinct_from(content)
    if also_untold is not None:
        untold = sa.or_(untold, also_untold)

    def around(places: sa.FromClause) -> sa.FromClause:
        found = sessions.around(places, about, always=True)
        return sessions.with_told(found, TOLD_PLACE, sessions.PLACE_NAME).outerjoin(KNOWN, sa.true())

    def read(reading: Reading, rules: Rules) -> Reminding:
        facts = sessions.read(reading, known=True)
        (pre_test_done,) = reading.values(1)
        return reminding(facts, reading.next(Told), rules, pre_test_done)

    return Kind(
        name=name,
        letters=(reminding.LETTER,),
        scope=sessions.SESSIONS,
        around=around,
        about=about,
        content=content,
        differs=sa.and_(content.is_not(None), has_known, untold, is_now),
        waits={ENROLMENT: UNSETTLED},
        unknown=sessions.UNKNOWN,
        parts=(is_now,),
        told_by_others=sa.false(),
        made_of=sessions.MADE_OF,
        columns=(*sessions.READ, *KNOWN.c, PRE_TEST_DONE, *TOLD_PLACE.c),
        read=read,
        sheet=sheet,
        may_wait=True,
        concerned_by=frozenset(),
        mutes=Mutable.REMINDERS,
        yields_to=(PLACE, SESSION),
    )
