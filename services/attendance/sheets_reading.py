"""What stands on documents: from rows to sheets, and the certificates that the API lists. SQL that changes nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance.certificates import ISSUED_IN, Certificate, Topic
from services.attendance.documents.sheets import (
    AttendanceListSheet,
    CertificateSheet,
    DaySheet,
    Listed,
    Programme,
    Training,
)
from services.attendance.lists import ListRules, had_closed, in_order, who_trained
from services.attendance.scanning import was_there
from services.attendance.state import Place, Record, Session, SessionSaid
from services.attendance.store import CERTIFICATE, PERSON, PLACE, RECORD, SESSION_SAID, TOPIC
from services.attendance.views import (
    MOST_PEOPLE,
    NOBODY,
    Name,
    awaited,
    by_human,
    days_gone,
    ids_of,
    lists_of,
    names_of_people,
    survivors,
    town_names,
)
from shared.alphabet import by_name
from shared.contracts.model import Language
from shared.contracts.planner import Meeting
from shared.postgres.database import any_of, rows_as
from shared.values import immutable

_WORDS = sa.select(SESSION_SAID).where(SESSION_SAID.c.session_id == sa.bindparam("session_id"))
_TOPICS = sa.select(TOPIC).where(TOPIC.c.topic == sa.bindparam("topic")).order_by(TOPIC.c.rule_id).limit(1)


async def certificates(
    connection: AsyncConnection, *, session_id: str | None, person_id: str | None, after: str, limit: int
) -> list[Certificate]:
    """Certificates by number: of a person under any of their ids, of a session, of both, or all."""
    found = sa.select(CERTIFICATE).where(CERTIFICATE.c.number > after)
    if session_id is not None:
        found = found.where(CERTIFICATE.c.session_id == session_id)
    if person_id is not None:
        found = found.where(CERTIFICATE.c.person_id.in_(await ids_of(connection, person_id)))
    return rows_as(Certificate, await connection.execute(found.order_by(CERTIFICATE.c.number).limit(limit)))


async def certificate(connection: AsyncConnection, number: str) -> Certificate | None:
    found = rows_as(Certificate, await connection.execute(sa.select(CERTIFICATE).where(CERTIFICATE.c.number == number)))
    return found[0] if found else None


async def certificate_sheet(
    connection: AsyncConnection, found: Certificate, programme: Programme, language: Language, address: str | None
) -> CertificateSheet:
    """A certificate as it was issued. The name is the person's as the directory says it, and none once they are erased."""
    people = await names_of_people(connection, [found.person_id])
    title = {Language.PL: found.title_pl, Language.EN: found.title_en}[language]
    return CertificateSheet(
        language=language,
        programme=programme,
        number=found.number,
        name=_as_called(people.get(found.person_id, NOBODY)),
        title=title or found.topic or found.session_id,
        days=found.days,
        minutes=found.minutes,
        issued_on=found.issued_on,
        address=address,
        supersedes=found.supersedes,
        superseded_by=found.superseded_by,
        is_valid=found.is_valid,
    )


async def list_sheet(
    connection: AsyncConnection,
    rules: ListRules,
    session: Session,
    meetings: Sequence[Meeting],
    programme: Programme,
    language: Language,
    *,
    as_of: dt.datetime,
    empty_rows: int,
) -> AttendanceListSheet:
    """Everybody who has a place, or was awaited by a list that has closed, and who came to one of these meetings without one, by name as the
    Polish alphabet has it."""
    of_session = {"session_id": session.session_id, "meetings": [one.meeting_id for one in meetings]}
    in_session = PLACE.c.session_id == sa.bindparam("session_id")
    placed = rows_as(Place, await connection.execute(sa.select(PLACE).where(in_session).limit(MOST_PEOPLE), of_session))
    at = sa.and_(RECORD.c.session_id == sa.bindparam("session_id"), any_of(RECORD.c.meeting_id, "meetings"))
    records = rows_as(Record, await connection.execute(sa.select(RECORD).where(at).limit(MOST_PEOPLE), of_session))
    its = {one.meeting_id: one for one in meetings}
    lists = await lists_of(connection, session.session_id)
    closed = {meeting_id: one for meeting_id, one in lists.items() if meeting_id in its and not one.is_open}
    stands = {meeting_id for meeting_id, one in its.items() if had_closed(lists.get(meeting_id), one)}
    then = await awaited(connection, rules, session.session_id, closed.values())
    came = (one for one in records if was_there(one, its[one.meeting_id], rules, is_closed=one.meeting_id in stands))
    towns = {one.person_id: one.city_id for one in came}
    is_open = len(closed) < len(its)
    towns |= {one.person_id: one.city_id for one in placed if one.state.has_seat and is_open}
    their_town = {one.person_id: one.city_id for one in placed}
    towns = dict.fromkeys(set[str]().union(*then.values())) | towns
    towns = {one: city_id or their_town.get(one) for one, city_id in towns.items()}
    train = await _trainers_of(connection, session, meetings, as_of)
    into = await survivors(connection, {*towns, *train})
    train = tuple(dict.fromkeys(into.get(one, one) for one in train))
    towns = by_human(towns, into, lambda town: town is not None)
    for trainer in train:
        towns.pop(trainer, None)  # They sign in the head of it.
    people = await names_of_people(connection, [*towns, *train])
    named = await town_names(connection, [one for one in towns.values() if one])
    order = sorted(towns, key=lambda one: by_name(*people.get(one, NOBODY), one))
    return AttendanceListSheet(
        language=language,
        programme=programme,
        training=await _training(connection, session, people, language, train),
        meetings=tuple(sorted(meetings, key=lambda one: one.starts_at)),
        people=tuple(Listed(_as_listed(people.get(one, NOBODY)), named.get(towns[one] or "")) for one in order),
        as_of=as_of.astimezone(ISSUED_IN).date(),
        empty_rows=empty_rows,
    )


async def day_sheet(
    connection: AsyncConnection,
    session: Session,
    there: Attended,
    programme: Programme,
    language: Language,
    *,
    now: dt.datetime,
) -> DaySheet:
    """That somebody was at a meeting, as its list says. For how long they are there is known when it is over, or they have left."""
    meeting, record = there.meeting, there.record
    people = await names_of_people(connection, [record.person_id])
    towns = await town_names(connection, [record.city_id] if record.city_id else [])
    return DaySheet(
        language=language,
        programme=programme,
        training=await _training(connection, session, people, language, ()),
        name=_as_called(people.get(record.person_id, NOBODY)),
        town=towns.get(record.city_id or ""),
        meeting=meeting,
        minutes=record.minutes if meeting.ends_at <= now or record.left_at is not None else None,
        recorded_on=record.decided_at.astimezone(ISSUED_IN).date(),
    )


@immutable
class Attended:
    """A meeting that somebody came to, as it is planned now: of a day that was dropped after its list had closed, as it was, for it took place."""

    meeting: Meeting
    record: Record


@immutable
class Papers:
    """What one person may print of one session."""

    certificate: Certificate | None
    """Their newest, valid or not."""
    days: Mapping[str, Attended]
    """The meetings that they came to, with what says so: of several ids that which says most, as for a certificate."""


async def is_erased(connection: AsyncConnection, ids: Sequence[str]) -> bool:
    """Under any of the ids of one human."""
    said = sa.select(sa.func.bool_or(PERSON.c.erased)).where(PERSON.c.person_id.in_(ids))
    return bool(await connection.scalar(said))


async def papers(connection: AsyncConnection, rules: ListRules, session: Session, ids: Sequence[str]) -> Papers:
    """Of one human, by all ids that they have had."""
    session_id = session.session_id
    theirs = sa.and_(CERTIFICATE.c.session_id == session_id, CERTIFICATE.c.person_id.in_(ids))
    issued = rows_as(Certificate, await connection.execute(sa.select(CERTIFICATE).where(theirs)))
    newest = max(issued, key=lambda one: (one.is_valid, one.issued_on, one.series, one.serial), default=None)
    of_them = sa.and_(RECORD.c.session_id == session_id, RECORD.c.person_id.in_(ids))
    records = rows_as(Record, await connection.execute(sa.select(RECORD).where(of_them)))
    lists = await lists_of(connection, session_id)
    known = {one.meeting_id: one for one in session.meetings}
    if {one.meeting_id for one in records} - known.keys():
        gone = await days_gone(connection, {session_id: session})
        known |= {one.meeting_id: one for one in gone.get(session_id, ())}
    came: dict[str, Attended] = {}
    for one in sorted(records, key=lambda one: (one.minutes or 0, one.person_id)):
        meeting = known.get(one.meeting_id)
        if meeting is None:
            continue
        if was_there(one, meeting, rules, is_closed=had_closed(lists.get(one.meeting_id), meeting)):
            came[one.meeting_id] = Attended(meeting, one)
    return Papers(newest, came)


async def _trainers_of(
    connection: AsyncConnection, session: Session, meetings: Sequence[Meeting], now: dt.datetime
) -> tuple[str, ...]:
    """Who leads these meetings: of those that are over whoever trained them then, of the others whoever trains the session now."""
    over = sorted((one for one in meetings if one.ends_at <= now), key=lambda one: one.starts_at)
    of_session = {"session_id": session.session_id}
    said = rows_as(SessionSaid, await connection.execute(_WORDS, of_session)) if over else []
    heard = in_order(said, session.source)
    trained = [trainer for one in over for trainer in who_trained(heard, one.ends_at)]
    return (*trained, *(session.trainers if len(over) < len(meetings) else ()))


async def _training(
    connection: AsyncConnection,
    session: Session,
    people: dict[str, Name],
    language: Language,
    train: Sequence[str],
) -> Training:
    topics = rows_as(Topic, await connection.execute(_TOPICS, {"topic": session.topic}))
    names = {Language.PL: topics[0].name_pl, Language.EN: topics[0].name_en} if topics else {}
    towns = await town_names(connection, [session.city_id])
    return Training(
        session_id=session.session_id,
        title=names.get(language, session.topic),
        venue=session.venue,
        address=session.address,
        town=towns.get(session.city_id),
        trainers=tuple(name for one in train if (name := _as_called(people.get(one, NOBODY)))),
    )


def _as_called(name: Name) -> str | None:
    family, given = name
    return " ".join(filter(None, (given, family))) or None


def _as_listed(name: Name) -> str | None:
    return " ".join(filter(None, name)) or None
