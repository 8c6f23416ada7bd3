"""Attendance's tables and the SQL of its transactions: what they lock and load. What the API reads is in views.py."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.attendance.certificates import Certificate, Series, Topic, issued_on
from services.attendance.certifying import all_closed
from services.attendance.closing import counts_as
from services.attendance.declared import Need, NeedSaid
from services.attendance.files import AttachFile, File, RemoveFile
from services.attendance.handlers import request_of, touches_a_session
from services.attendance.history import ENROLMENT, PlaceSaid
from services.attendance.lists import LIST, AboutSomebody, CloseList, rules_of, seen_at
from services.attendance.outcomes import is_ours
from services.attendance.state import (
    MeetingList,
    Person,
    Place,
    Record,
    RecordSaid,
    Session,
    SessionSaid,
    Town,
    TownSaid,
)
from services.attendance.subjects import list_subject, session_named, session_subject
from shared.books.holding import load_held_about
from shared.contracts.attendance import (
    AttendanceListClosed,
    AttendanceState,
    ListState,
    Presence,
    PresenceFact,
    Role,
)
from shared.contracts.certificates import CertificateState
from shared.contracts.checkin import CheckInScanned
from shared.contracts.directory import PersonMerged
from shared.contracts.enrolment import PlaceFact, PlaceState
from shared.contracts.marks import MarkRequested, RecordCorrectionRequested, ReopeningRequested
from shared.contracts.model import Event, members
from shared.contracts.planner import SessionFact, SessionState
from shared.contracts.selection import CityOutcome
from shared.contracts.survey import TrainingNeedDeclared
from shared.events.envelope import Heard
from shared.events.streams import STREAMS
from shared.outbox.journal import JOURNAL
from shared.postgres.database import KEPT, any_of, table_of
from shared.postgres.directly import NONE, rows_of
from shared.postgres.merged import index_of_merges
from shared.postgres.roundtrips import Reads
from shared.postgres.tables import DUE, HELD_SUBJECT
from shared.service import Inputs
from shared.state.link_keys import LinkKey
from shared.state.merged import Merged, all_of_one, ids_of, of_several, survivor
from shared.state.rows import EVERY_ROW, Rows, loaded_by
from shared.state.working import Due, Held, Working

METADATA = sa.MetaData()
OURS = STREAMS[AttendanceListClosed.stream].owner

PERSON = table_of(Person, "person", METADATA, extra=[index_of_merges()])
MERGED = table_of(Merged, "merged", METADATA)
TOWN = table_of(Town, "town", METADATA)
TOWN_SAID = table_of(TownSaid, "town_said", METADATA)
NEED = table_of(Need, "need", METADATA)
NEED_SAID = table_of(NeedSaid, "need_said", METADATA)
SESSION = table_of(Session, "session", METADATA)
SESSION_SAID = table_of(SessionSaid, "session_said", METADATA)
PLACE = table_of(Place, "place", METADATA)
PLACE_SAID = table_of(PlaceSaid, "place_said", METADATA)
RECORD = table_of(
    Record,
    "record",
    METADATA,
    extra=[
        sa.CheckConstraint(
            "state not in ('present', 'late', 'left_early') or scanned_at is not null", name="record_came_since"
        ),
        sa.Index("record_person", "person_id"),  # Whoever turns out to be somebody else is looked up in all sessions.
    ],
)
RECORD_SAID = table_of(RecordSaid, "record_said", METADATA)
LINK_KEY = table_of(LinkKey, "link_key", METADATA)
LIST_TABLE = table_of(MeetingList, "list", METADATA)
IS_CLOSED = ~LIST_TABLE.c.is_open
TOPIC = table_of(Topic, "topic", METADATA)
CERTIFICATE = table_of(
    Certificate,
    "certificate",
    METADATA,
    extra=[
        sa.UniqueConstraint("series", "serial", name="certificate_once_in_its_series"),
        sa.Index("certificate_session", "session_id"),
        sa.Index("certificate_person", "person_id"),
    ],
)
SERIES = table_of(Series, "series", METADATA)
FILE = table_of(File, "file", METADATA)
ROOM_KEY = sa.Table(
    "room_key",
    METADATA,
    sa.Column("id", sa.BigInteger, autoincrement=False),
    sa.Column("key", sa.LargeBinary, nullable=False),
    sa.PrimaryKeyConstraint("id", name="room_key_key"),
    sa.CheckConstraint("id = 1", name="room_key_is_one"),
    schema=KEPT,
)
"""What the codes on the screens of rooms are made of: one row, made when the first is needed. It never leaves this database."""
CAME = RECORD.c.state.in_([presence for presence in Presence if presence.came])
TABLES = {
    Person: PERSON,
    Merged: MERGED,
    Town: TOWN,
    TownSaid: TOWN_SAID,
    Need: NEED,
    NeedSaid: NEED_SAID,
    Session: SESSION,
    SessionSaid: SESSION_SAID,
    Place: PLACE,
    PlaceSaid: PLACE_SAID,
    Record: RECORD,
    RecordSaid: RECORD_SAID,
    LinkKey: LINK_KEY,
    MeetingList: LIST_TABLE,
    Topic: TOPIC,
    Certificate: CERTIFICATE,
    Series: SERIES,
    File: FILE,
}


HELD_THEN = sa.case(
    (
        PLACE_SAID.c.source == ENROLMENT,
        sa.func.least(PLACE_SAID.c.decided_at, PLACE_SAID.c.given_back_at) <= LIST_TABLE.c.awaited_at,
    ),
    else_=sa.and_(
        PLACE_SAID.c.decided_at <= LIST_TABLE.c.awaited_at,
        sa.or_(
            PLACE_SAID.c.heard_at <= LIST_TABLE.c.awaited_at,
            LIST_TABLE.c.awaited_at < sa.bindparam("live_since", type_=sa.DateTime(timezone=True)),
            LIST_TABLE.c.source != OURS,  # Whoever keeps a list tells who had a place then.
        ),
    ),
)
"""`PlaceSaid.held_at` when a list closed; the least of what is known."""


def counted_as(number: str) -> sa.ColumnElement[bool]:
    """Whether a record stands in this number of a list, as `counts_as` says."""
    kinds = [
        sa.and_(RECORD.c.state == presence, RECORD.c.with_place.is_(with_place), RECORD.c.role == role)
        for presence in Presence
        for with_place in (True, False)
        for role in Role
        if counts_as(presence, with_place, role) == number
    ]
    return sa.or_(*kinds)


def is_so(presence: Presence) -> sa.ColumnElement[bool]:
    """Whether a record says this of somebody who was awaited."""
    return sa.and_(RECORD.c.state == presence, RECORD.c.with_place)


SCOPE = sa.Table("scope", METADATA, sa.Column("session_id", sa.Text, primary_key=True), schema=KEPT)
"""One row a session, locked first by every transaction that decides something about it; and one for the numbers of certificates, which
is locked last."""
NUMBERS = "/certificates"
"""No session is called so: no id holds a slash."""

_wanted = sa.func.unnest(sa.bindparam("sessions", type_=ARRAY(sa.Text()))).table_valued(
    sa.column("session_id", sa.Text), name="wanted"
)
# A row that is there is locked by the conflict and stays as it is; rows are taken in the order in which they are given.
_ENTER = (
    insert(SCOPE)
    .from_select(["session_id"], sa.select(_wanted.render_derived().c.session_id))
    .on_conflict_do_update(
        index_elements=[SCOPE.c.session_id], set_={"session_id": SCOPE.c.session_id}, where=sa.false()
    )
)
_MERGED = sa.select(MERGED)
_OF_PEOPLE: dict[type[Any], sa.Select[Any]] = {
    kind: sa.select(table).where(any_of(table.c.person_id, "people"))
    for kind, table in ((Record, RECORD), (Place, PLACE), (Certificate, CERTIFICATE))
}
_SESSIONS_OF = sa.union(
    *(
        sa.select(table.c.session_id).where(any_of(table.c.person_id, "people"))
        for table in (RECORD, PLACE, CERTIFICATE)
    )
)
_TOWNS_SAID = sa.select(TOWN_SAID).where(any_of(TOWN_SAID.c.city_id, "towns"))
_NEEDS_SAID = sa.select(NEED_SAID).where(any_of(NEED_SAID.c.need_id, "needs"))
_SESSIONS_SAID = sa.select(SESSION_SAID).where(any_of(SESSION_SAID.c.session_id, "timed"))
_SESSIONS = sa.select(SESSION).where(any_of(SESSION.c.session_id, "sessions"))
_LISTS = sa.select(LIST_TABLE).where(any_of(LIST_TABLE.c.session_id, "sessions"))
_PLACES = sa.select(PLACE).where(any_of(PLACE.c.session_id, "sessions"))
_SAID = sa.select(PLACE_SAID).where(any_of(PLACE_SAID.c.session_id, "sessions"))
_ALL_SAID = sa.select(RECORD_SAID).where(any_of(RECORD_SAID.c.session_id, "sessions"))
_CERTIFICATES = sa.select(CERTIFICATE).where(any_of(CERTIFICATE.c.session_id, "sessions"))
_TOPICS = sa.select(TOPIC).where(any_of(TOPIC.c.topic, "topics"))
_HAVE_A_CLOSED_LIST = sa.select(sa.exists().where(any_of(LIST_TABLE.c.session_id, "sessions"), IS_CLOSED))
_RECORDS = sa.select(RECORD).where(any_of(RECORD.c.session_id, "sessions"))


@dataclass(slots=True)
class _Touched:
    """What the inputs are about."""

    sessions: set[str] = field(default_factory=set)
    woken: set[str] = field(default_factory=set)
    """Subjects: what held scans may be about that can be decided now."""
    timed: set[str] = field(default_factory=set)
    """Sessions whose lists may close, or whose due moments may move: those follow from all that was said of them."""
    counted: set[str] = field(default_factory=set)
    """Sessions whose lists are counted: everyone in them is needed."""
    placed: set[str] = field(default_factory=set)
    """Sessions that changed, or in which a place or somebody else's record or list did: counted if a list of ours is closed there."""
    due: set[tuple[str, str]] = field(default_factory=set)
    scans: set[tuple[str, str, str]] = field(default_factory=set)
    """(session, meeting, person)"""
    said: set[tuple[str, str, str, int]] = field(default_factory=set)
    """What is said of places: (session, person, source, version)"""
    recorded: set[tuple[str, str, str, str, int]] = field(default_factory=set)
    """What others say of who came: (session, meeting, person, source, version)"""
    topics: set[str] = field(default_factory=set)
    """Of sessions that are stated."""
    series: set[str] = field(default_factory=set)
    """In which certificates are stated."""
    files: set[tuple[str, str]] = field(default_factory=set)
    """That are to be attached or taken away: (session, hash)"""


_NUMBER_NOTHING = frozenset[type[Event]](
    (
        *members(SessionFact),
        *members(PlaceFact),
        *members(PresenceFact),
        *(CheckInScanned, MarkRequested, RecordCorrectionRequested),
        *(AttachFile, RemoveFile),
    )
)
"""Kinds by which no list closes and no certificate is stated. Whatever is not among them is taken to be able to do that."""


def _session_of(one: Heard[Any] | Due) -> str | None:
    """Which session a moment or an event is about; None: it touches none."""
    if isinstance(one, Due):
        return session_named(one.subject)
    return one.body.session_id if touches_a_session(one) else None


def _touched(inputs: Inputs) -> _Touched:
    found = _Touched()
    for one in inputs:
        if isinstance(one, Due):
            session_id = session_named(one.subject)
            found.woken.add(session_subject(session_id))
            for about in (found.timed, found.counted):
                about.add(session_id)
        elif touches_a_session(one):
            body = one.body
            session_id = body.session_id
            match body:
                case CheckInScanned():
                    found.scans.add((session_id, body.meeting_id, body.person_id))
                case MarkRequested() | RecordCorrectionRequested():
                    found.scans |= _about(body)
                case PlaceState():
                    found.said.add((session_id, body.person_id, one.source, one.version))
                    found.woken.add(one.subject)
                    found.placed.add(session_id)
                case AttendanceState():
                    found.placed.add(session_id)
                    if one.source != OURS:
                        found.recorded.add((session_id, body.meeting_id, body.person_id, one.source, one.version))
                case SessionState():
                    found.woken.add(session_subject(session_id))
                    found.topics.add(body.topic)
                    for about in (found.timed, found.placed):
                        about.add(session_id)
                    found.due |= {(LIST, list_subject(session_id, meeting.meeting_id)) for meeting in body.meetings}
                case ListState():
                    found.timed.add(session_id)
                    found.due.add((LIST, list_subject(session_id, body.meeting_id)))
                    if one.source != OURS:
                        found.placed.add(session_id)
                case CertificateState():
                    found.series.add(body.series)
                case AttachFile() | RemoveFile():
                    found.files.add((session_id, body.sha256))
                case CloseList() | ReopeningRequested():
                    found.woken.add(session_subject(session_id))
                    for about in (found.timed, found.counted):
                        about.add(session_id)
                case never:
                    assert_never(never)
        else:
            continue
        found.sessions.add(session_id)
    return found


async def lock(connection: AsyncConnection, inputs: Inputs) -> None:
    """One decider a session at a time. Rows are entered and then locked in key order, so that no two wait for each other."""
    sessions = sorted({session_id for one in inputs if (session_id := _session_of(one)) is not None})
    sessions = sorted({*sessions, *await _sessions_of(connection, inputs)})
    if sessions:
        await _enter(connection, sessions)
        if await _may_number(connection, inputs, sessions):
            await _enter(connection, [NUMBERS])


async def _sessions_of(connection: AsyncConnection, inputs: Inputs) -> list[str]:
    """In which something is recorded of those who turn out to be one human, under any of their ids."""
    merging = _merging(inputs)
    if not merging:
        return []
    merged = [(row.person_id, row.into_id) for row in await connection.execute(_MERGED)]
    people = all_of_one([*merged, *merging], {one for pair in merging for one in pair})
    return list((await connection.execute(_SESSIONS_OF, {"people": sorted(people)})).scalars())


def _merging(inputs: Inputs) -> list[tuple[str, str]]:
    """Who goes into whom, by what is heard."""
    said = (one.body for one in inputs if isinstance(one, Heard) and isinstance(one.body, PersonMerged))
    return [(body.person_id, body.into_person_id) for body in said]


async def _enter(connection: AsyncConnection, scopes: list[str]) -> None:
    await rows_of(connection, _ENTER, {"sessions": scopes})


async def _may_number(connection: AsyncConnection, inputs: Inputs, sessions: list[str]) -> bool:
    """Whether a certificate may be issued, or is stated by somebody: then nobody else numbers any meanwhile.

    Scans and facts alone issue none where no list is closed. Asked when the sessions are ours: a list that was being closed is."""
    if any(not isinstance(one, Heard) or type(one.body) not in _NUMBER_NOTHING for one in inputs):
        return True
    [(is_closed,)] = await rows_of(connection, _HAVE_A_CLOSED_LIST, {"sessions": sessions})
    return bool(is_closed)


async def load_derived(reads: Reads, working: Working, inputs: Inputs) -> None:
    """What `derive` reads and changes beside a fact's own row: the lists of a session, the moments at which they close, how far a
    series is numbered, and who has gone into whom."""
    reads.rows(working[Merged], _MERGED, NONE, EVERY_ROW)
    _load_said_of_towns(reads, working, inputs)
    await _load_derived(reads, working, _touched(inputs))


def _load_said_of_towns(reads: Reads, working: Working, inputs: Inputs) -> None:
    """What was ever said of the towns, and of the needs, that are spoken of: there are few of them."""
    needs = {
        one.body.need_id for one in inputs if isinstance(one, Heard) and isinstance(one.body, TrainingNeedDeclared)
    }
    if needs:
        reads.rows(working[NeedSaid], _NEEDS_SAID, {"needs": sorted(needs)}, loaded_by("need_id", needs))
    towns = {one.body.city_id for one in inputs if isinstance(one, Heard) and isinstance(one.body, CityOutcome)}
    if towns:
        reads.rows(working[TownSaid], _TOWNS_SAID, {"towns": sorted(towns)}, loaded_by("city_id", towns))


async def _load_derived(reads: Reads, working: Working, touched: _Touched) -> None:
    if not touched.sessions:
        return
    parameters = {"sessions": sorted(touched.sessions)}
    asked = loaded_by("session_id", touched.sessions)
    reads.rows(working[Session], _SESSIONS, parameters, asked)
    reads.rows(working[MeetingList], _LISTS, parameters, asked)
    reads.by_key(working[PlaceSaid], PLACE_SAID, touched.said)
    reads.by_key(working[RecordSaid], RECORD_SAID, touched.recorded)
    if touched.timed:
        its = loaded_by("session_id", touched.timed)
        reads.rows(working[SessionSaid], _SESSIONS_SAID, {"timed": sorted(touched.timed)}, its)
    await reads.run()
    if changing_hands := _changing_hands(working[Place], touched.said):
        its = loaded_by("session_id", changing_hands)
        reads.rows(working[PlaceSaid], _SAID, {"sessions": sorted(changing_hands)}, its)
        await reads.run()  # Apart from what else is asked about sessions.
    if changing_hands := _changing_hands(working[Record], touched.recorded):
        its = loaded_by("session_id", changing_hands)
        reads.rows(working[RecordSaid], _ALL_SAID, {"sessions": sorted(changing_hands)}, its)
        await reads.run()
    due = touched.due | {
        (LIST, list_subject(session.session_id, meeting.meeting_id))
        for session_id in touched.timed
        if (session := working[Session].get(session_id)) is not None
        for meeting in session.meetings
    }
    # Whoever counts a list says it anew, also that of a meeting that was dropped since.
    due |= {(LIST, list_subject(row.session_id, row.meeting_id)) for row in working[MeetingList]}
    reads.by_key(working[Due], DUE, due)
    reads.by_key(working[Series], SERIES, {(series,) for series in touched.series})


async def load(reads: Reads, working: Working, inputs: Inputs) -> None:
    """The working set. A scan needs its session, list, place and record; a list that is counted needs everyone in the session."""
    touched = _touched(inputs)
    reads.rows(working[Merged], _MERGED, NONE, EVERY_ROW)
    _load_said_of_towns(reads, working, inputs)
    in_question = await _load_merging(reads, working, inputs)
    for about in (touched.sessions, touched.counted):
        about.update(in_question)
    if _merging(inputs):  # Of whom something may be recorded by what is heard beside it.
        touched.counted |= touched.sessions
    if not touched.sessions:
        return
    await _load_derived(reads, working, touched)
    reads.by_key(working[File], FILE, touched.files)
    if touched.woken:
        load_held_about(reads, working, touched.woken)
        await reads.run()
    scans = touched.scans.union(*(_about(request_of(held).body) for held in working[Held]))
    several = of_several(working)
    scans |= {(session, meeting, survivor(working, one)) for session, meeting, one in scans if one in several}
    ours = (row for row in working[MeetingList] if not row.is_open and is_ours(working, row))
    lists = {(row.session_id, row.meeting_id) for row in ours}
    counted = touched.counted | {session_id for session_id, meeting_id, _ in scans if (session_id, meeting_id) in lists}
    counted |= touched.placed & {session_id for session_id, _ in lists}
    counted |= {session.session_id for session in working[Session] if all_closed(working, session.session_id)}
    spoken_of = sorted((counted | _spoken_of_since(working, inputs, touched.sessions)) - touched.timed)
    if spoken_of:  # Who trained when a list closed, or when somebody was seen.
        reads.rows(working[SessionSaid], _SESSIONS_SAID, {"timed": spoken_of}, loaded_by("session_id", spoken_of))
    if counted:
        if touched.series:
            await reads.run()  # Apart from the series that is asked for now.
        parameters, asked = {"sessions": sorted(counted)}, loaded_by("session_id", counted)
        reads.rows(working[Place], _PLACES, parameters, asked)
        reads.rows(working[PlaceSaid], _SAID, parameters, asked)
        reads.rows(working[Record], _RECORDS, parameters, asked)
        reads.rows(working[Certificate], _CERTIFICATES, parameters, asked)
        topics = sorted(touched.topics | {session.topic for session in working[Session]})
        reads.rows(working[Topic], _TOPICS, {"topics": topics}, loaded_by("topic", topics))
        series = rules_of(working).certificates.series_of(issued_on(working.now))
        reads.by_key(working[Series], SERIES, {(series,)})
        await reads.run()
        people = {(record.session_id, record.person_id) for record in working[Record]}
        await _load_free_numbers(reads, working, series, most=len(people) + len(scans) + len(inputs))
    single = {scan for scan in scans if scan[0] not in counted}
    places = {(session_id, one) for session_id, _, person_id in single for one in ids_of(working, person_id)}
    reads.by_key(working[Place], PLACE, places)
    reads.by_key(working[Record], RECORD, single)


def _spoken_of_since(working: Working, inputs: Inputs, touched: set[str]) -> set[str]:
    """Sessions of which something was said since somebody was seen there, or since a code may have been read: of few, and then late. Only where
    nothing was is who trains now who trained then (`humans.trained`). Or whose meeting they have no more: which hours it had."""
    rules = rules_of(working)
    asked = [one for one in inputs if isinstance(one, Heard)]
    found = set[str]()
    first: dict[tuple[str, str], dt.datetime] = {}
    """When somebody was first seen at each meeting."""
    for one in (*asked, *map(request_of, working[Held])):
        body = one.body
        if not isinstance(body, _ABOUT_SOMEBODY) or body.session_id not in touched:
            continue  # What is held under the id of one of these may be about another session.
        if not isinstance(body, CheckInScanned) and body.walk_in is not None:
            found.add(body.session_id)  # Who that was is said at any time after they were seen.
        about, seen = (body.session_id, body.meeting_id), seen_at(one)
        first[about] = min(first.get(about, seen), seen)
    for (session_id, meeting_id), seen in first.items():
        session = working[Session].get(session_id)
        meeting = session.meeting(meeting_id) if session else None
        if session and (meeting is None or session.heard_at > min(seen, rules.scans_since(meeting))):
            found.add(session_id)
    return found


_ABOUT_SOMEBODY = members(AboutSomebody)


async def _load_merging(reads: Reads, working: Working, inputs: Inputs) -> set[str]:
    """All that is recorded of those who turn out to be one human; returns in which sessions that is."""
    merging = _merging(inputs)
    if not merging:
        return set()
    await reads.run()
    merged = [(row.person_id, row.into_id) for row in working[Merged]]
    people = all_of_one([*merged, *merging], {one for pair in merging for one in pair})
    for kind, statement in _OF_PEOPLE.items():
        reads.rows(working[kind], statement, {"people": sorted(people)}, loaded_by("person_id", people))
    await reads.run()
    return {row.session_id for kind in _OF_PEOPLE for row in working[kind] if row.person_id in people}


async def _load_free_numbers(reads: Reads, working: Working, series: str, *, most: int) -> None:
    """Of so many numbers that would come next, that nobody has stated a certificate under them. One that somebody has, in a series
    that they call otherwise, is passed over."""
    known = working[Series].get(series)
    serial = known.last if known else 0
    while most > 0:
        numbers = {(rules_of(working).certificates.number_of(series, serial + one),) for one in range(1, most + 1)}
        reads.by_key(working[Certificate], CERTIFICATE, numbers)
        await reads.run()
        serial += most
        most = sum(working[Certificate].get(*number) is not None for number in numbers)


async def room_key(engine: AsyncEngine) -> bytes:
    """The key of the codes on the screens; whichever process needs it first has made it."""
    wanted = sa.select(ROOM_KEY.c.key)
    async with engine.connect() as connection:
        found = (await connection.execute(wanted)).scalar_one_or_none()
    if found is None:
        made = insert(ROOM_KEY).values(id=1, key=secrets.token_bytes(32)).on_conflict_do_nothing()
        async with engine.begin() as connection:
            await connection.execute(made)
            found = (await connection.execute(wanted)).scalar_one()
    return bytes(found)


async def open_subjects(connection: AsyncConnection, now: dt.datetime) -> list[str]:
    """The subjects of sessions that held scans are about, and those with a closed list of ours: what was restored may change its numbers."""
    about = sa.literal(session_subject("")) + LIST_TABLE.c.session_id
    ours = sa.select(about).join(JOURNAL, JOURNAL.c.event_id == LIST_TABLE.c.event_id)
    return sorted((await connection.execute(sa.union(ours, sa.select(HELD_SUBJECT)))).scalars())


def _changing_hands(rows: Rows[Any], said: Iterable[tuple[Any, ...]]) -> set[str]:
    """Sessions with a place, or a record, about which several writers have spoken. Of what is said: its key, source and version."""
    writers: dict[tuple[str, ...], set[str]] = {}
    for *key, source, _ in said:
        current = rows.get(*key)
        writers.setdefault(tuple(key), {current.source} if current else set()).add(source)
    return {key[0] for key, sources in writers.items() if len(sources) > 1}


def _about(body: AboutSomebody | ReopeningRequested) -> set[tuple[str, str, str]]:
    """Whose records a request is about: (session, meeting, person)."""
    people = {body.person_id} if not isinstance(body, ReopeningRequested) else set[str]()
    if isinstance(body, MarkRequested | RecordCorrectionRequested) and body.walk_in is not None:
        people.add(body.walk_in)
    return {(body.session_id, body.meeting_id, person_id) for person_id in people}
