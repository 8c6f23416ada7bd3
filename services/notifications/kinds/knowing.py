"""Since when somebody knows of their place as it is: what reminders have in common. Nobody is reminded of what they were just told."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Rules
from services.notifications.kinds.sessions import Facts
from services.notifications.ledger import Told
from services.notifications.state import SCHEDULED
from services.notifications.tables import MAILBOX, SESSION, SINCE, is_another
from services.notifications.untold import Addressee
from services.notifications.untold import is_another as has_another
from shared.contracts.enrolment import Standing


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


def around(places: sa.FromClause, subject: sa.ColumnElement[str]) -> sa.FromClause:
    found = sessions.around(places, subject, always=True)
    return sessions.with_told(found, TOLD_PLACE, sessions.PLACE_NAME).outerjoin(KNOWN, sa.true())
