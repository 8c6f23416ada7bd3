"""The lines that reports count: one for each place that somebody has in a session, one for each person at a meeting.

A figure is a condition on lines. As of a past moment they are made from what had been heard by then. SQL that changes nothing; what is
counted by what is in reporting.py.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, cast
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance.state import Record
from services.attendance.store import (
    LIST_TABLE,
    OURS,
    PERSON,
    PLACE,
    PLACE_SAID,
    RECORD,
    RECORD_SAID,
    SESSION,
    SESSION_SAID,
    TOWN,
    TOWN_SAID,
)
from shared.contracts.attendance import Presence, Role
from shared.contracts.enrolment import SEATED
from shared.contracts.planner import SessionKind, SessionStanding
from shared.contracts.selection import TownOutcome
from shared.postgres.database import any_of
from shared.postgres.merged import survivors_of
from shared.values import immutable

CALENDAR = ZoneInfo("Europe/Warsaw")
"""By whose days a period begins and ends."""
_NEVER = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)
"""Since when one may be at a meeting that there is no more."""


class By(StrEnum):
    """What a report has a row for."""

    TOWN = "town"
    STAGE = "stage"
    PHASE = "phase"
    KIND = "kind"
    TOPIC = "topic"
    SESSION = "session"
    PERSON = "person"


class Figure(StrEnum):
    """What is counted."""

    ENROLLED = "enrolled"
    """Places in sessions that take place."""
    PRESENT = "present"
    """A person at a meeting: came, however late."""
    LATE = "late"
    LEFT_EARLY = "left_early"
    ABSENT = "absent"
    """Awaited, and did not come, excused or not."""
    EXCUSED = "excused"
    WITHOUT_PLACE = "without_place"
    """Came, and was not awaited: of those present."""
    PEOPLE = "people"
    """Who came at least once; each human once."""
    NEW_PEOPLE = "new_people"
    """Of these, those whose first meeting ever lies in the period."""

    @property
    def is_of_people(self) -> bool:
        return self in (Figure.PEOPLE, Figure.NEW_PEOPLE)


@immutable
class Asked:
    """What a report is about."""

    as_of: dt.datetime | None = None
    """By what had been heard then. None: by all that is known."""
    since: dt.date | None = None
    until: dt.date | None = None
    """Meetings of these days, and places in sessions that begin on them; both included."""
    city_id: str | None = None
    stage: int | None = None
    phase: int | None = None
    kind: SessionKind | None = None
    topic: str | None = None
    session_id: str | None = None
    person_id: str | None = None
    """Under any of their ids, if they have had several."""
    is_unknown: tuple[By, ...] = ()
    """Those of whom none of these is known: of no town, of a session nobody has announced."""
    scans_before: dt.timedelta = dt.timedelta(hours=12)
    scans_after: dt.timedelta = dt.timedelta(hours=12)
    live_since: dt.datetime = dt.datetime.min.replace(tzinfo=dt.UTC)
    """Of the rules by which lists are kept."""


@immutable
class Known:
    """What is known before lines are made: who is who, and what is recorded of another day."""

    into: Mapping[str, str]
    """The id of a human by the other ids that they have had."""
    elsewhere: tuple[tuple[str, str, str], ...] = ()
    """Records (session, meeting, person) that stand on a list which is open, of a day from which its meeting was moved: they say nothing of
    the one that lies ahead, until the list closes and says so."""


Columns = sa.sql.base.ReadOnlyColumnCollection[str, Any]
CAME = tuple(presence for presence in Presence if presence.came)
TAKES_PLACE = tuple(state for state in SessionStanding if state.takes_place)
MOMENT = sa.DateTime(timezone=True)
AS_OF = sa.bindparam("as_of", type_=MOMENT)
_ELSEWHERE = ("away_sessions", "away_meetings", "away_people")
_OPEN = (
    sa.func.unnest(
        *(
            sa.bindparam(f"open_{name}", type_=ARRAY(kind))
            for name, kind in (
                ("sessions", sa.Text()),
                ("meetings", sa.Text()),
                ("since", MOMENT),
                ("starts", MOMENT),
                ("until", MOMENT),
            )
        )
    )
    .table_valued(
        sa.column("session_id", sa.Text),
        sa.column("meeting_id", sa.Text),
        sa.column("at", MOMENT),
        sa.column("starts_at", MOMENT),
        sa.column("until", MOMENT),
        name="still_open",
    )
    .render_derived()
)
"""Meetings whose lists are open: since when one may be at them, when they begin, and until when one may be there."""


# --- as of a moment ------------------------------------------------------------------------------


def as_of(current: sa.Table, said: sa.Table, asked: Asked, *names: str) -> sa.Subquery:
    """The rows as they stood at the moment asked for.

    Whatever was last spoken of by then stands as it does now. Of what somebody has spoken of since, the newest that was said by then;
    its owner's word goes before that of whoever owned it before them.
    """
    if asked.as_of is None:
        return sa.select(*(current.c[name] for name in names)).subquery()
    key = [column.name for column in current.primary_key]
    since = sa.and_(*(said.c[name] == current.c[name] for name in key), current.c.heard_at > AS_OF)
    is_owners = said.c.source == current.c.source
    before = (
        sa.select(*(said.c[name] for name in names))
        .ext(distinct_on(*(said.c[name] for name in key)))
        .join(current, since)
        .where(said.c.heard_at <= AS_OF)
        .order_by(
            *(said.c[name] for name in key),
            is_owners.desc(),
            sa.case((is_owners, said.c.version)).desc().nulls_last(),
            said.c.heard_at.desc(),
            said.c.version.desc(),
        )
    )
    stands = sa.select(*(current.c[name] for name in names)).where(current.c.heard_at <= AS_OF)
    return sa.union_all(stands, before).subquery()


_PERSON_THEN = sa.select(
    PERSON.c.person_id,
    PERSON.c.given_name,
    PERSON.c.family_name,
    PERSON.c.heard_at,
    sa.case((PERSON.c.heard_at <= AS_OF, PERSON.c.merged_into)).label("merged_into"),
).subquery("person_then")
_HUMANS = {then: survivors_of(cast(sa.Table, table)) for then, table in ((False, PERSON), (True, _PERSON_THEN))}


async def humans(connection: AsyncConnection, asked: Asked) -> dict[str, str]:
    """Who turned out to be somebody else: the id of the human by the other ids. Of a stream that is compacted only the newest is known,
    so a merge counts from when it was last said."""
    found = _HUMANS[asked.as_of is not None]
    rows = await connection.execute(sa.select(found.c.person_id, found.c.into_id), moment_of(asked))
    return {row.person_id: row.into_id for row in rows}


async def elsewhere(connection: AsyncConnection, asked: Asked) -> tuple[tuple[str, str, str], ...]:
    """What is recorded on lists that are open of a day that is none of the meeting's any more, as `is_of_another_day` says, and what we
    have recorded at meetings that were dropped before their lists closed. In two steps: of few sessions something was said a second time,
    and only then are records looked at, of lists that are open."""
    meeting = meetings(asked)
    by_then = [SESSION_SAID.c.heard_at <= AS_OF] if asked.as_of else []
    said_again = sa.select(SESSION_SAID.c.session_id).where(*by_then).group_by(SESSION_SAID.c.session_id)
    said_again = said_again.having(sa.func.count() > 1)
    starts = sa.select(meeting.c.session_id, meeting.c.meeting_id, meeting.c.starts_at, meeting.c.ends_at)
    starts = starts.where(meeting.c.session_id.in_(said_again), meeting.c.ends_at >= asked.live_since)
    starts = starts.where(~took_place(meeting, asked))
    gone = dropped(asked)
    lost = sa.select(gone.c.session_id, gone.c.meeting_id).where(~took_place(gone, asked))
    moment = moment_of(asked)
    still_open = [tuple(one) for one in await connection.execute(starts, moment)]
    still_open = [
        (*key, starts_at - asked.scans_before, starts_at, ends_at + asked.scans_after)
        for *key, starts_at, ends_at in still_open
    ]
    still_open += [(*one, _NEVER, _NEVER, _NEVER) for one in await connection.execute(lost, moment)]
    if not still_open:
        return ()
    record = as_of(RECORD, RECORD_SAID, asked, *Record.KEY, "source", "state", "scanned_at", "meeting_starts_at")
    came = record.c.state.in_(CAME)
    when = sa.case((came, record.c.scanned_at), else_=record.c.meeting_starts_at)
    since = _OPEN.c
    was_ahead = sa.and_(~came, when > since.until, record.c.scanned_at < since.starts_at)
    of_list = sa.and_(record.c.session_id == since.session_id, record.c.meeting_id == since.meeting_id)
    is_ours_to_say = sa.or_(since.at < _NEVER, record.c.source == OURS)  # What others state stands as they state it.
    found = (
        sa.select(*(record.c[name] for name in Record.KEY))
        .join(_OPEN, of_list)
        .where(any_of(record.c.session_id, "sessions"), sa.or_(when < since.at, was_ahead), is_ours_to_say)
    )
    names = ("open_sessions", "open_meetings", "open_since", "open_starts", "open_until")
    about = dict(zip(names, map(list, zip(*still_open, strict=True)), strict=True))
    about["sessions"] = sorted({session_id for session_id, *_ in still_open})
    return tuple(tuple(one) for one in await connection.execute(found, about | moment))


def took_place(meeting: sa.FromClause, asked: Asked) -> sa.ColumnElement[bool]:
    """Whether a meeting took place whatever was said of it or of its session since: its list had closed, also if it is open to be put right
    (`lists.had_closed`)."""
    put_right = [is_put_right(meeting)] + ([LIST_TABLE.c.decided_at <= AS_OF] if asked.as_of else [])
    same = (LIST_TABLE.c.session_id == meeting.c.session_id, LIST_TABLE.c.meeting_id == meeting.c.meeting_id)
    return sa.exists().where(*same, sa.or_(_was_closed(asked), sa.and_(*put_right)))


def is_put_right(meeting: sa.FromClause) -> sa.ColumnElement[bool]:
    """Whether a list had closed, and somebody has opened it to be put right (`lists.is_put_right`)."""
    is_opened = sa.and_(LIST_TABLE.c.is_open, LIST_TABLE.c.decided_by.is_not(None))
    return sa.and_(is_opened, LIST_TABLE.c.awaited_at >= meeting.c.starts_at)


def _was_closed(asked: Asked) -> sa.ColumnElement[bool]:
    """Whether a list was closed at the moment asked for. Of one that the office has opened since it is known when it had closed."""
    if asked.as_of is None:
        return ~LIST_TABLE.c.is_open
    before = sa.and_(LIST_TABLE.c.awaited_at <= AS_OF, LIST_TABLE.c.decided_at > AS_OF)
    return sa.or_(before, sa.and_(~LIST_TABLE.c.is_open, LIST_TABLE.c.decided_at <= AS_OF))


def is_here(record: sa.Subquery, known: Known) -> list[sa.ColumnElement[bool]]:
    """A condition on records: none is of another day than its meeting."""
    if not known.elsewhere:
        return []
    arrays = (sa.bindparam(name, type_=ARRAY(sa.Text())) for name in _ELSEWHERE)
    columns = [sa.column(name, sa.Text) for name in Record.KEY]
    away = sa.func.unnest(*arrays).table_valued(*columns, name="away").render_derived()
    return [sa.tuple_(*(record.c[name] for name in Record.KEY)).not_in(sa.select(*away.c))]


# --- lines ---------------------------------------------------------------------------------------


def _instant(wall: sa.ColumnElement[Any], zone: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """When a wall clock shows it; of an hour that comes twice the first time, as everywhere here. Postgres takes the second."""
    local = sa.cast(wall, sa.DateTime())
    second = sa.func.timezone(zone, local)
    first = second - dt.timedelta(hours=1)
    return sa.case((sa.func.timezone(zone, first) == local, first), else_=second)


def meetings(asked: Asked) -> sa.Subquery:
    """Every meeting with its hours."""
    session = as_of(SESSION, SESSION_SAID, asked, "session_id", "state", "meetings", "topic")
    one = _each(session.c.meetings)
    return (
        sa.select(session.c.session_id, session.c.state, session.c.topic, *_of_meeting(one))
        .select_from(session)
        .join(one, sa.true())
        .subquery()
    )


def dropped(asked: Asked) -> sa.Subquery:
    """Every meeting that a session had by an earlier word and has no more, with its hours by the last word that had it. Whether it took
    place its list says: that closed, or never will."""
    session = as_of(SESSION, SESSION_SAID, asked, "session_id", "state", "meetings", "topic")
    its, one = _each(session.c.meetings, "its"), _each(SESSION_SAID.c.meetings)
    meeting_id = one.c.value["meeting_id"].astext
    is_there = sa.exists().select_from(its).where(its.c.value["meeting_id"].astext == meeting_id)
    return (
        sa.select(session.c.session_id, session.c.state, session.c.topic, *_of_meeting(one))
        .ext(distinct_on(session.c.session_id, meeting_id))
        .select_from(session.join(SESSION_SAID, SESSION_SAID.c.session_id == session.c.session_id).join(one, sa.true()))
        .where(SESSION_SAID.c.meetings != session.c.meetings)  # Most words name the same; then nothing is taken apart.
        .where(~is_there, *([SESSION_SAID.c.heard_at <= AS_OF] if asked.as_of else []))
        .order_by(session.c.session_id, meeting_id, SESSION_SAID.c.heard_at.desc(), SESSION_SAID.c.version.desc())
        .subquery()
    )


def _each(meetings: sa.ColumnElement[Any], name: str = "one") -> Any:
    return sa.func.jsonb_array_elements(meetings).table_valued(sa.column("value", JSONB), name=name).lateral()


def _of_meeting(one: Any) -> tuple[sa.ColumnElement[Any], ...]:
    value = one.c.value
    return (
        value["meeting_id"].astext.label("meeting_id"),
        _instant(value["starts_local"].astext, value["zone"].astext).label("starts_at"),
        _instant(value["ends_local"].astext, value["zone"].astext).label("ends_at"),
    )


def other_ids() -> sa.Subquery:
    """The ids that people have had beside the one that counts."""
    arrays = (sa.bindparam(name, type_=ARRAY(sa.Text())) for name in ("other_ids", "into_ids"))
    columns = (sa.column("person_id", sa.Text), sa.column("into_id", sa.Text))
    return sa.select(sa.func.unnest(*arrays).table_valued(*columns, name="other").render_derived()).subquery()


_RECORDED = ("session_id", "meeting_id", "person_id", "city_id", "role", "state", "with_place", "minutes")
_DATED = ("arrived_at", "left_at", "meeting_starts_at", "scanned_at", "decided_at")


def _lines(asked: Asked, known: Known, *, dated: bool) -> sa.Subquery:
    """Places and records as they are counted. `dated`: with when that was."""
    return sa.union_all(_records(asked, known, dated=dated), _places(asked, known)).subquery("line")


def _records(asked: Asked, known: Known, *, dated: bool) -> sa.Select[Any]:
    record = as_of(RECORD, RECORD_SAID, asked, *_RECORDED, *(_DATED if dated else ()))
    joined: Any = record
    human: Any = record.c.person_id
    conditions = [record.c.role == Role.PARTICIPANT, record.c.state != Presence.NOT_AWAITED]
    conditions += is_here(record, known)
    if known.into:
        others = other_ids()
        joined = joined.outerjoin(others, others.c.person_id == record.c.person_id)
        human = sa.func.coalesce(others.c.into_id, record.c.person_id)
        conditions.append(~_is_double(record, human))
    entry: Any = sa.cast(sa.null(), MOMENT)
    day = left = entry
    if dated:
        names = ("session_id", "meeting_id", "starts_at")
        all_of_them = (sa.select(*(one.c[name] for name in names)) for one in (meetings(asked), dropped(asked)))
        meeting = sa.union_all(*all_of_them).subquery()
        same = sa.and_(meeting.c.session_id == record.c.session_id, meeting.c.meeting_id == record.c.meeting_id)
        joined = joined.outerjoin(meeting, same)
        day = sa.func.coalesce(
            meeting.c.starts_at, record.c.meeting_starts_at, record.c.scanned_at, record.c.decided_at
        )
        entry = sa.func.coalesce(record.c.arrived_at, day)
        stay = sa.cast(sa.func.make_interval(0, 0, 0, 0, 0, sa.cast(record.c.minutes, sa.Integer)), sa.Interval())
        left = sa.func.coalesce(record.c.left_at, entry + sa.func.coalesce(stay, dt.timedelta(0)))
    return (
        sa.select(
            sa.false().label("is_place"),
            record.c.session_id,
            record.c.meeting_id,
            record.c.person_id,
            human.label("human"),
            record.c.city_id,
            record.c.state,
            record.c.with_place,
            record.c.minutes,
            sa.type_coerce(day, MOMENT).label("day_at"),
            sa.type_coerce(entry, MOMENT).label("entry_at"),
            sa.type_coerce(left, MOMENT).label("exit_at"),
        )
        .select_from(joined)
        .where(*conditions)
    )


def _is_double(line: sa.Subquery, human: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether the same human stands at the same meeting under another id that says more: they cannot have been there twice."""
    several = sa.bindparam("several", type_=ARRAY(sa.Text()))
    others = other_ids()
    who = sa.func.coalesce(others.c.into_id, line.c.person_id)
    came = line.c.state.in_(CAME)
    rank = sa.func.row_number().over(
        partition_by=(line.c.session_id, line.c.meeting_id, who),
        order_by=(came.desc(), line.c.minutes.desc().nulls_last(), line.c.person_id),
    )
    told = sa.and_(line.c.role == Role.PARTICIPANT, line.c.state != Presence.NOT_AWAITED)
    ranked = (
        sa.select(line.c.session_id, line.c.meeting_id, line.c.person_id, rank.label("rank"))
        .select_from(line.outerjoin(others, others.c.person_id == line.c.person_id))
        .where(told, line.c.person_id == sa.any_(several))
        .subquery()
    )
    doubles = sa.select(ranked.c.session_id, ranked.c.meeting_id, ranked.c.person_id).where(ranked.c.rank > 1)
    return sa.tuple_(line.c.session_id, line.c.meeting_id, line.c.person_id).in_(doubles)


def _places(asked: Asked, known: Known) -> sa.Select[Any]:
    place = as_of(PLACE, PLACE_SAID, asked, "session_id", "person_id", "city_id", "state")
    session = as_of(SESSION, SESSION_SAID, asked, "session_id", "state", "starts_at")
    joined: Any = place.outerjoin(session, session.c.session_id == place.c.session_id)
    human: Any = place.c.person_id
    nothing = sa.cast(sa.null(), MOMENT)
    columns = [place.c.session_id, sa.cast(sa.null(), sa.Text).label("meeting_id")]
    if known.into:
        others = other_ids()
        joined = joined.outerjoin(others, others.c.person_id == place.c.person_id)
        human = sa.func.coalesce(others.c.into_id, place.c.person_id)
    found = (
        sa.select(
            sa.true().label("is_place"),
            *columns,
            place.c.person_id,
            human.label("human"),
            place.c.city_id,
            sa.cast(sa.null(), sa.Text).label("state"),
            sa.true().label("with_place"),
            sa.cast(sa.null(), sa.BigInteger).label("minutes"),
            session.c.starts_at.label("day_at"),
            nothing.label("entry_at"),
            nothing.label("exit_at"),
        )
        .select_from(joined)
        .where(place.c.state.in_(SEATED), sa.func.coalesce(session.c.state.in_(TAKES_PLACE), sa.true()))
    )
    if known.into:  # Two places of one human in one session are one.
        own_first = (place.c.person_id != human, place.c.person_id)  # As on lists (`humans.of_humans`).
        found = found.ext(distinct_on(place.c.session_id, human)).order_by(place.c.session_id, human, *own_first)
        one = found.subquery()
        return sa.select(*one.c)
    return found


# --- which lines ---------------------------------------------------------------------------------


IS: dict[Figure, Callable[[Columns], sa.ColumnElement[bool]]] = {
    Figure.ENROLLED: lambda line: line.is_place,
    Figure.PRESENT: lambda line: line.state.in_(CAME),
    Figure.LATE: lambda line: line.state == Presence.LATE,
    Figure.LEFT_EARLY: lambda line: line.state == Presence.LEFT_EARLY,
    Figure.ABSENT: lambda line: line.state.in_((Presence.ABSENT, Presence.EXCUSED)),
    Figure.EXCUSED: lambda line: line.state == Presence.EXCUSED,
    Figure.WITHOUT_PLACE: lambda line: sa.and_(line.state.in_(CAME), ~line.with_place),
    Figure.PEOPLE: lambda line: line.state.in_(CAME),
    Figure.NEW_PEOPLE: lambda line: line.state.in_(CAME),
}
"""Which lines a figure counts; of people, the humans on them."""
SUMMED = tuple(figure for figure in Figure if not figure.is_of_people)


def qualified(asked: Asked) -> sa.Subquery:
    town = as_of(TOWN, TOWN_SAID, asked, "city_id", "stage", "outcome")
    return sa.select(town.c.city_id, town.c.stage).where(town.c.outcome == TownOutcome.QUALIFIED).subquery("qualified")


def _of_sessions(asked: Asked, by: By | None) -> bool:
    """Whether something about sessions has to be known."""
    about = {By.PHASE, By.KIND, By.TOPIC}
    return not about.isdisjoint({by, *asked.is_unknown}) or any((asked.phase, asked.kind, asked.topic))


def key_of(by: By, line: sa.Subquery, session: sa.Subquery | None) -> sa.ColumnElement[Any]:
    match by:
        case By.TOWN | By.STAGE:
            return line.c.city_id
        case By.SESSION:
            return line.c.session_id
        case By.PERSON:
            return line.c.human
        case By.PHASE | By.KIND | By.TOPIC:
            assert session is not None
            return session.c[by.value]


@immutable
class Lines:
    """The lines of a report, and what else is known of them."""

    line: sa.Subquery
    joined: Any
    session: sa.Subquery | None
    conditions: tuple[sa.ColumnElement[bool], ...]


def asked_for(asked: Asked, by: By | None, known: Known, *, dated: bool, whole: bool = False) -> Lines:
    """`whole`: of all days, whatever the period."""
    dated = dated or bool(asked.since or asked.until)
    line = _lines(asked, known, dated=dated)
    joined: Any = line
    session = None
    if _of_sessions(asked, by):
        session = as_of(SESSION, SESSION_SAID, asked, "session_id", "phase", "kind", "topic")
        joined = joined.outerjoin(session, session.c.session_id == line.c.session_id)
    conditions: list[sa.ColumnElement[bool]] = []
    equal = {
        line.c.city_id: asked.city_id,
        line.c.session_id: asked.session_id,
        **(
            {session.c.phase: asked.phase, session.c.kind: asked.kind, session.c.topic: asked.topic}
            if session is not None
            else {}
        ),
    }
    conditions += [column == value for column, value in equal.items() if value is not None]
    if asked.person_id is not None:
        conditions.append(line.c.human == sa.bindparam("human"))
    if asked.stage is not None:
        in_stage = qualified(asked)
        conditions.append(line.c.city_id.in_(sa.select(in_stage.c.city_id).where(in_stage.c.stage == asked.stage)))
    for one in asked.is_unknown:
        is_unknown = _has_no_stage(line, asked) if one is By.STAGE else key_of(one, line, session).is_(None)
        conditions.append(is_unknown)
    if asked.since is not None and not whole:
        conditions.append(line.c.day_at >= begins(asked.since))
    if asked.until is not None and not whole:
        conditions.append(line.c.day_at < begins(asked.until + dt.timedelta(days=1)))
    return Lines(line, joined, session, tuple(conditions))


def _has_no_stage(line: sa.Subquery, asked: Asked) -> sa.ColumnElement[bool]:
    in_stage = qualified(asked)
    return sa.func.coalesce(line.c.city_id.not_in(sa.select(in_stage.c.city_id)), sa.true())


def begins(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), CALENDAR).astimezone(dt.UTC)


def moment_of(asked: Asked) -> dict[str, Any]:
    return {} if asked.as_of is None else {"as_of": asked.as_of}


def values(asked: Asked, known: Known) -> dict[str, Any]:
    found, into = moment_of(asked), known.into
    if into:
        found |= {"other_ids": list(into), "into_ids": list(into.values())}
        found["several"] = sorted({*into, *into.values()})
    if known.elsewhere:
        found |= dict(zip(_ELSEWHERE, map(list, zip(*known.elsewhere, strict=True)), strict=True))
    if asked.person_id is not None:
        found["human"] = into.get(asked.person_id, asked.person_id)
    return found
