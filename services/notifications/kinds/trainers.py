"""Who trains a session, or did once: what mails to trainers have in common. SQL only."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Reading, Scope
from services.notifications.state import SCHEDULED, Session
from services.notifications.tables import (
    CONTACT,
    OPEN,
    SESSION,
    SESSION_SAID,
    SETTLED,
    TOLD,
    WRITTEN_TO,
    digest,
    is_told,
)

TRAINER = (
    sa.select(
        SESSION_SAID.c.session_id,
        sa.func.jsonb_array_elements_text(sa.type_coerce(SESSION_SAID.c.trainers, JSONB)).label("person_id"),
    )
    .distinct()
    .subquery("trainer")
)
"""Whoever was ever named as one: who is no longer has to hear that."""
_person = TRAINER.c.person_id
TRAINS = sa.and_(
    sa.type_coerce(SESSION.c.trainers, JSONB).has_key(_person),
    SESSION.c.state == SCHEDULED,
)
MADE_OF = digest(*WRITTEN_TO, sessions.CITY_NAME, *sessions.TOPIC_NAMES, sessions.RELEASE)
_pairs = sa.select(_person, SESSION.c.session_id).join(TRAINER, TRAINER.c.session_id == SESSION.c.session_id)
_key = sa.func.split_part(OPEN.c.about, "/", 2)
TRAINERS = Scope(
    keys=sa.join(SESSION, TRAINER, TRAINER.c.session_id == SESSION.c.session_id),
    recipient=_person,
    key=SESSION.c.session_id,
    news={
        SESSION: _pairs.where(sessions.is_news(SESSION)),
        **sessions.news_of_people(_pairs, _person),
    },
    soon={},
)
"""What is put off is brought forward by what all mails about a session have in common."""


def about(kind: str, *more: str) -> sa.ColumnElement[str]:
    return sessions.about(kind, *more, of=SESSION)


def around(trainers: sa.FromClause, subject: sa.ColumnElement[str]) -> sa.FromClause:
    return (
        trainers.outerjoin(TOLD, is_told(TOLD, _person, subject))
        .outerjoin(CONTACT, CONTACT.c.person_id == _person)
        .outerjoin(SETTLED, sessions.IS_SETTLED)
    )


READ = (*SESSION.c, sessions.CITY_NAME, *sessions.TOPIC_NAMES, SETTLED.c.event_id.is_not(None), TRAINS)


def read(reading: Reading) -> tuple[sessions.Facts, bool]:
    """What `READ` selected."""
    session = reading.next(Session)
    city_name, name_pl, name_en, settled, trains = reading.values(5)
    return sessions.Facts(None, session, city_name, (name_pl, name_en) if name_pl else None, settled), bool(trains)
