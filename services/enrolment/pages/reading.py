"""What the page of a place reads: all that is known about it. SQL that changes nothing."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.enrolment import views
from services.enrolment.answers import Place as Answer
from services.enrolment.pages.showing import Found
from services.enrolment.state import Person, Place, Session, Settled, in_line
from services.enrolment.subjects import place_subject
from services.enrolment.tables import CITY_NAME, PERSON, PLACE, SESSION, SETTLED, TOPIC_NAMES
from shared.contracts import EVENTS
from shared.contracts.answers import CalendarAnswered
from shared.contracts.enrolment import IN_LINE, AskedFor, EnrolmentRefused, RefusalReason
from shared.contracts.portal import AboutOnePlace, WithdrawalRequested
from shared.events.envelope import subject_of
from shared.outbox.journal import JOURNAL
from shared.postgres.database import rows_as
from shared.postgres.merged import survivors_of
from shared.postgres.tables import HELD


async def place(connection: AsyncConnection, session_id: str, person_id: str) -> Found | None:
    """All about this person's place in this session. None: nobody has announced the session here."""
    session = await _one(connection, Session, SESSION, session_id=session_id)
    if session is None:
        return None
    person = await _one(connection, Person, PERSON, person_id=person_id)
    own = await _one(connection, Place, PLACE, session_id=session_id, person_id=person_id)
    settled = await _one(connection, Settled, SETTLED, session_id=session_id)
    names = sa.select(TOPIC_NAMES, CITY_NAME).where(SESSION.c.session_id == session_id)
    called = (await connection.execute(names)).one()
    is_erased = (await connection.execute(_IS_ERASED, {"person": person_id})).scalar_one()
    its = (session_id, person_id)
    under_any_id = (await views.places(connection, {its})).get(its)
    return Found(
        session=session,
        place=own,
        person=person,
        topic_names=called.topic_names,
        city_name=called.city_name,
        ahead=await _ahead(connection, own),
        waits_for_answer=await _waits_for(connection, session_id, person_id),
        announced_at=settled.announced_at if settled and settled.announced_at else session.heard_at,
        refused=await _refused(connection, own),
        is_erased=is_erased,
        is_under_another_id=_is_active(under_any_id) and not _is_active(own),
    )


_survivor = survivors_of(PERSON)
_into = sa.select(_survivor.c.into_id).where(_survivor.c.person_id == sa.bindparam("person")).scalar_subquery()
_stays = sa.func.coalesce(_into, sa.bindparam("person", type_=sa.Text()))
_IS_ERASED = sa.select(sa.exists().where(PERSON.c.person_id == _stays, PERSON.c.erased))
"""Of whoever an id is in the end."""


def _is_active(place: Place | Answer | None) -> bool:
    return place is not None and place.state.is_active


async def _ahead(connection: AsyncConnection, place: Place | None) -> int:
    """How many wait before this place."""
    if place is None or place.state not in IN_LINE:
        return 0
    waiting = sa.select(PLACE).where(PLACE.c.session_id == place.session_id, PLACE.c.state.in_(IN_LINE))
    waiting = waiting.with_only_columns(PLACE.c.priority, PLACE.c.queued_at, PLACE.c.queue, PLACE.c.person_id)
    return sum(in_line(*one) < place.in_line for one in await connection.execute(waiting))


async def _waits_for(connection: AsyncConnection, session_id: str, person_id: str) -> AskedFor | None:
    """What the newest request about this place asks for that is held."""
    subject = subject_of(WithdrawalRequested(session_id=session_id, person_id=person_id))
    held = (
        sa.select(HELD.c.type)
        .where(HELD.c.subject == subject, HELD.c.stream.in_((AboutOnePlace.stream, CalendarAnswered.stream)))
        .where(HELD.c.type.in_(EVENTS))
        .order_by(HELD.c.appended_at.desc())
        .limit(1)
    )
    kind = (await connection.execute(held)).scalar_one_or_none()
    return AskedFor(EVENTS[kind].asks_for) if kind else None  # type: ignore[attr-defined]  # Only requests are held.


_fact = sa.cast(JOURNAL.c.body, JSONB)
_of_substitution = sa.and_(
    JOURNAL.c.type == EnrolmentRefused.type_name(), _fact["asked_for"].astext == AskedFor.SUBSTITUTION
)
_IS_OF_SUBSTITUTION = sa.select(_of_substitution).where(JOURNAL.c.event_id == sa.bindparam("event"))
_SAID_BEFORE = (
    sa.select(sa.case((JOURNAL.c.type == EnrolmentRefused.type_name(), _fact["reason"].astext)))
    .where(JOURNAL.c.key == sa.bindparam("key"), JOURNAL.c.subject == sa.bindparam("subject"), ~_of_substitution)
    .order_by(JOURNAL.c.version.desc())
    .limit(1)
)


async def _refused(connection: AsyncConnection, place: Place | None) -> RefusalReason | None:
    """Why what was asked of this place last was turned down. Whom a town could not replace, or send, has asked for nothing by that: the
    coordinator who did is answered, and what had been answered to them stays so."""
    if place is None or place.refusal is None:
        return None
    if not (await connection.execute(_IS_OF_SUBSTITUTION, {"event": place.event_id})).scalar():
        return place.refusal
    named = {"key": place.session_id, "subject": place_subject(place.session_id, place.person_id)}
    before = (await connection.execute(_SAID_BEFORE, named)).scalar()
    return RefusalReason(before) if before else None


async def _one(connection: AsyncConnection, kind: Any, table: sa.Table, **key: str) -> Any:
    statement = sa.select(table).where(*(table.c[name] == value for name, value in key.items()))
    found = rows_as(kind, await connection.execute(statement))
    return found[0] if found else None
