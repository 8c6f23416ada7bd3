"""What is kept of one person and one session, to say why. SQL that changes nothing: by keys and subjects, and nothing looks through a table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.enrolment.history import Became, Told, Unsaid, people_of
from services.enrolment.statements import also_known_as, body_of, towns_named
from services.enrolment.subjects import place_subject, session_subject, town_subject
from services.enrolment.tables import NOMINATION, PERSON, SOURCE, TOLD, UNSAID
from services.enrolment.why import Known, Parked, Stood
from shared.books.parking import PARKED, stored
from shared.books.parking import Parked as ParkedRecord
from shared.contracts import EVENTS
from shared.contracts.enrolment import AskedFor, ParticipantWaitlisted, PlaceFact, PlaceState, what_it_asks
from shared.contracts.model import members
from shared.events.decoding import decode
from shared.events.envelope import Heard
from shared.outbox.journal import JOURNAL, Entry, said_again
from shared.postgres.database import any_of, rows_as
from shared.postgres.merged import survivors_of
from shared.postgres.tables import ANSWER, HELD, TAKEOVER
from shared.state.ownership import Takeover

_ABOUT = sa.select(TOLD).where(sa.or_(any_of(TOLD.c.about, "about"), any_of(TOLD.c.subject, "people")))
_SAID = (
    sa.select(JOURNAL)
    .where(JOURNAL.c.key == sa.bindparam("session"), any_of(JOURNAL.c.subject, "subjects"))
    .order_by(JOURNAL.c.event_id)
)
_UNSAID = sa.select(UNSAID).where(UNSAID.c.session_id == sa.bindparam("session"), any_of(UNSAID.c.person_id, "ids"))
_HELD = sa.select(
    HELD.c.request_source,
    HELD.c.request_id,
    HELD.c.type,
    HELD.c.appended_at,
    HELD.c.stated_at,
    HELD.c.waits_for,
    HELD.c.expires_at,
).where(HELD.c.about.has_all(sa.bindparam("about", type_=ARRAY(sa.Text()))))
_PLACE_IN_LOG = (PARKED.c.stream, PARKED.c.partition, PARKED.c.offset)
_PARKED_AT = sa.select(*_PLACE_IN_LOG).where(any_of(PARKED.c.scope, "scopes")).order_by(*_PLACE_IN_LOG)
_PARKED = sa.select(PARKED).where(sa.tuple_(*_PLACE_IN_LOG).in_(sa.bindparam("places", expanding=True)))
AT_A_TIME = 20
"""How many parked records are held in memory at once."""
_NOMINATIONS = sa.select(NOMINATION.c.nomination_id).where(
    NOMINATION.c.session_id == sa.bindparam("session"),
    sa.cast(NOMINATION.c.people, JSONB).contains(sa.bindparam("named", type_=JSONB)),
)
_ANSWERS = (
    sa.select(ANSWER.c.request_source, ANSWER.c.request_id, JOURNAL)
    .join(JOURNAL, JOURNAL.c.event_id == ANSWER.c.event_id)
    .where(any_of(ANSWER.c.request_id, "requests"))
)
_EVERYBODY = sa.select(JOURNAL).where(JOURNAL.c.key == sa.bindparam("session"), any_of(JOURNAL.c.type, "types"))


_SURVIVOR = survivors_of(PERSON)
_NAMES = (
    sa.select(
        sa.func.coalesce(PERSON.c.given_name, _SURVIVOR.c.given_name).label("given_name"),
        sa.func.coalesce(PERSON.c.family_name, _SURVIVOR.c.family_name).label("family_name"),
    )
    .outerjoin(_SURVIVOR, _SURVIVOR.c.person_id == PERSON.c.person_id)
    .where(PERSON.c.person_id == sa.bindparam("person"))
)


async def known(connection: AsyncConnection, session_id: str, person_id: str) -> Known:
    """All that was ever said of it, of others and ourselves, and what became of requests without a fact."""
    session = session_subject(session_id)
    told = await _told(connection, [session, f"person/{person_id}"], [f"person/{person_id}"])
    ids = [person_id]
    while also := also_known_as(told, ids):
        theirs = [f"person/{one}" for one in also]
        told += await _told(connection, theirs, theirs)
        ids += also
    unsaid = rows_as(Unsaid, await connection.execute(_UNSAID, {"session": session_id, "ids": ids}))
    nominated = set[str]()
    for one in ids:
        named = {"session": session_id, "named": [{"person_id": one}]}
        nominated |= {*(await connection.execute(_NOMINATIONS, named)).scalars()}
    answers = [f"{session}/nomination/{one}" for one in sorted(nominated)]
    place, *others = (place_subject(session_id, one) for one in ids)
    said = await _our_words(connection, session_id, [place, *others, f"{session}/correction", *answers])
    towns = sorted(towns_named(told) | {one.body.city_id for one in said if getattr(one.body, "city_id", None)})
    told += await _told(connection, [f"city/{one}" for one in towns], [])
    if towns:
        said += await _our_words(connection, session_id, [town_subject(session_id, one) for one in towns])
    scopes = [place, *(town_subject(session_id, one) for one in towns)]
    return Known(
        session_id,
        person_id,
        tuple(told),
        tuple(said),
        (*unsaid, *await _held(connection, session_id, person_id, unsaid)),
        tuple(await _parked(connection, scopes, place, person_id)),
        tuple(await _answers(connection, unsaid)),
        tuple(await _stood(connection, session_id, told, said)),
        tuple(one.handover() for one in rows_as(Takeover, await connection.execute(_TAKEOVERS))),
    )


async def names(connection: AsyncConnection, person_id: str) -> tuple[str | None, str | None]:
    """What the person, or whoever they turned out to be, is called, as far as that may still be known."""
    row = (await connection.execute(_NAMES, {"person": person_id})).one_or_none()
    return (row.given_name, row.family_name) if row else (None, None)


async def _told(connection: AsyncConnection, about: list[str], people: list[str]) -> list[Told]:
    """`people`: by their own subjects, for what says that they are somebody else."""
    if not about:
        return []
    return rows_as(Told, await connection.execute(_ABOUT, {"about": about, "people": people}))


async def _our_words(connection: AsyncConnection, session_id: str, subjects: list[str]) -> list[Heard[Any]]:
    found = await connection.execute(_SAID, {"session": session_id, "subjects": subjects})
    return [said_again(entry, SOURCE) for entry in rows_as(Entry, found)]


async def _held(
    connection: AsyncConnection, session_id: str, person_id: str, unsaid: Collection[Unsaid]
) -> list[Unsaid]:
    """What is held without our having decided so: until all has been heard again after a restore."""
    noted = {(one.request_source, one.request_id) for one in unsaid}
    about = [session_subject(session_id), f"person/{person_id}"]
    return [
        Unsaid(
            row.request_source,
            row.request_id,
            person_id,
            row.appended_at,
            session_id,
            AskedFor(EVENTS[row.type].asks_for),  # type: ignore[attr-defined]  # Only requests are held.
            row.appended_at,
            row.stated_at,
            Became.HELD,
            row.waits_for,
            row.expires_at,
            None,
            None,
        )
        for row in await connection.execute(_HELD, {"about": about})
        if row.type in EVENTS  # One that only a newer release knows waits for that one.
        if (row.request_source, row.request_id) not in noted
    ]


async def _parked(connection: AsyncConnection, scopes: list[str], place: str, person_id: str) -> list[Parked]:
    """What was set aside and is about the person, as far as its bytes can be read; of one that was emptied, where it is about this place."""
    found = []
    async for row in _few_at_a_time(connection, scopes):
        heard = decode(stored(row))
        body = heard.body if isinstance(heard, Heard) else None
        if row.event_id and (row.scope == place or (body is not None and person_id in people_of(body))):
            asked_for = what_it_asks(body) if body is not None else None  # type: ignore[arg-type]
            about = (row.source or "", row.event_id, asked_for, row.appended_at)
            found.append(Parked(*about, row.reason, row.detail, row.parked_at))
    return found


async def _few_at_a_time(connection: AsyncConnection, scopes: list[str]) -> AsyncIterator[ParkedRecord]:
    """Records are as large as a record may be, and as many as are sent."""
    places = [tuple(row) for row in await connection.execute(_PARKED_AT, {"scopes": scopes})]
    for first in range(0, len(places), AT_A_TIME):
        few = {"places": places[first : first + AT_A_TIME]}
        for row in rows_as(ParkedRecord, await connection.execute(_PARKED, few)):
            yield row


async def _answers(connection: AsyncConnection, unsaid: Collection[Unsaid]) -> list[tuple[tuple[str, str], Heard[Any]]]:
    """What answered these requests later."""
    asked = {(one.request_source, one.request_id) for one in unsaid}
    if not asked:
        return []
    rows = await connection.execute(_ANSWERS, {"requests": sorted(request for _, request in asked)})
    found = (((row[0], row[1]), rows_as(Entry, [row[2:]])[0]) for row in rows)
    return [(key, said_again(entry, SOURCE)) for key, entry in found if key in asked]


_TAKEOVERS = sa.select(TAKEOVER)
_TYPES = [kind.type_name() for kind in members(PlaceFact)]


async def _stood(
    connection: AsyncConnection, session_id: str, told: Collection[Told], said: Collection[Heard[Any]]
) -> list[Stood]:
    """How everybody in the session stood, if the person has ever waited: else nobody asks who was before them."""
    types = {one.type for one in told} | {one.type for one in said}
    if ParticipantWaitlisted.type_name() not in types:
        return []
    found = [
        Stood.after(one.body, one.stated_at, one.event_id, is_ours=True)
        for one in await _of_everybody(connection, session_id)
        if isinstance(one.body, PlaceState)
    ]
    theirs = [one for one in told if one.type in _TYPES]
    return [*found, *(Stood.after(body_of(one), one.heard_at, one.event_id, is_ours=False) for one in theirs)]


async def _of_everybody(connection: AsyncConnection, session_id: str) -> list[Heard[Any]]:
    found = await connection.execute(_EVERYBODY, {"session": session_id, "types": _TYPES})
    return [said_again(entry, SOURCE) for entry in rows_as(Entry, found)]
