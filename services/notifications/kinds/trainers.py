"""Who trains a session, or did once: what mails to trainers have in common. SQL only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.notifications.kinds import sessions
from services.notifications.kinds.kind import Reading, Scope
from services.notifications.state import SCHEDULED, Session
from services.notifications.tables import (
    CONTACT,
    OPEN,
    PERSON,
    SESSION,
    SESSION_SAID,
    SETTLED,
    TOLD,
    WRITTEN_TO,
    digest,
    is_told,
)
from shared.postgres.merged import paths_of, survivors_of

_said = (
    sa.select(
        SESSION_SAID.c.session_id,
        sa.func.jsonb_array_elements_text(sa.type_coerce(SESSION_SAID.c.trainers, JSONB)).label("person_id"),
    )
    .distinct()
    .cte("said_to_train")
)
_goes = paths_of(PERSON)
TRAINER = sa.union(
    sa.select(_said.c.session_id, _said.c.person_id),
    sa.select(_said.c.session_id, _goes.c.into_id).join(_goes, _goes.c.person_id == _said.c.person_id),
).subquery("trainer")
"""Whoever was ever named as one, under every id that they have had: who is no longer has to hear that."""
_person = TRAINER.c.person_id


def is_named(person: sa.ColumnElement[str], session: Any, *within: Any) -> sa.ColumnElement[bool]:
    """Whether a session names somebody as its trainer, under whichever id of theirs. `within`: where the person stands."""
    named = (
        sa.func.jsonb_array_elements_text(sa.type_coerce(session.c.trainers, JSONB))
        .table_valued(sa.column("value", sa.Text), name="named_trainer")
        .render_derived()
    )
    survivor = survivors_of(PERSON).alias("trainer_survivor")
    human = sa.func.coalesce(survivor.c.into_id, named.c.value)
    found = sa.select(sa.literal(1)).select_from(named.outerjoin(survivor, survivor.c.person_id == named.c.value))
    return sa.exists(found.where(human == person).correlate(session, *within))


TRAINS = sa.and_(is_named(_person, SESSION, TRAINER), SESSION.c.state == SCHEDULED)
MADE_OF = digest(*WRITTEN_TO, sessions.CITY_NAME, *sessions.TOPIC_NAMES, sessions.RELEASE)
_also = TRAINER.alias("also_trainer")
_pairs = sa.select(_person, SESSION.c.session_id).join(TRAINER, TRAINER.c.session_id == SESSION.c.session_id)
_key = sa.func.split_part(OPEN.c.about, "/", 2)
TRAINERS = Scope(
    keys=sa.join(SESSION, TRAINER, TRAINER.c.session_id == SESSION.c.session_id),
    recipient=_person,
    key=SESSION.c.session_id,
    news={
        SESSION: _pairs.where(sessions.is_news(SESSION)),
        **sessions.news_of_people(_pairs, _person),
        PERSON: _pairs.join(_also, _also.c.session_id == TRAINER.c.session_id)
        .join(PERSON, PERSON.c.person_id == _also.c.person_id)
        .where(sessions.is_news(PERSON)),
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
