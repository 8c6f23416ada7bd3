"""Reports: one projection behind the page, the CSV, the XLSX and the API, so that they cannot disagree.

Each is one statement over the lines of counting.py. Whoever asks whom a figure counts gets the lines that meet its condition: it cannot
count others than it shows. SQL that changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance.counting import (
    AS_OF,
    CAME,
    IS,
    MOMENT,
    SUMMED,
    TAKES_PLACE,
    Asked,
    By,
    Figure,
    Known,
    asked_for,
    begins,
    dropped,
    elsewhere,
    humans,
    is_here,
    key_of,
    meetings,
    moment_of,
    qualified,
    took_place,
    values,
)
from services.attendance.counting import as_of as stood
from services.attendance.lists import in_order, who_trained
from services.attendance.minutes import Span, length_of, own_hours
from services.attendance.state import Record, Session, SessionSaid
from services.attendance.store import PERSON, RECORD, RECORD_SAID, SESSION, SESSION_SAID, TOPIC
from services.attendance.targets import Target
from services.attendance.views import FAMILY_NAME, GIVEN_NAME, NOBODY, SURVIVOR, names_of_people, town_names
from shared.alphabet import by_name, polish
from shared.contracts.model import Language
from shared.contracts.planner import SessionKind
from shared.postgres.database import any_of, rows_as
from shared.values import immutable

MEMORY = "192MB"
"""For the groups of one report: beyond it Postgres sorts on disk, and takes three times as long."""


@immutable
class Row:
    """The figures of one group; `key` None: of whom it is not known."""

    key: str | None
    counts: dict[Figure, int]
    minutes: int

    @property
    def rate(self) -> float | None:
        """Of those awaited about whom something is known, how many percent came. None: nothing is known of anybody."""
        came = self.counts[Figure.PRESENT] - self.counts[Figure.WITHOUT_PLACE]
        awaited = came + self.counts[Figure.ABSENT]
        return round(100 * came / awaited, 1) if awaited else None


@immutable
class Report:
    """Groups by key, and all of it: a person counts once in that, and once in each group."""

    total: Row
    rows: tuple[Row, ...]


async def report(connection: AsyncConnection, by: By, asked: Asked) -> Report:
    """The report of one snapshot: the connection's transaction begins here, and reads only."""
    known = await begin(connection, asked)
    part = _part(by, asked, known)
    came_once = part.c.present > 0
    each_human = sa.select(part.c.human).where(came_once).distinct().subquery()
    everybody = sa.select(sa.func.count()).select_from(each_human).scalar_subquery()
    people = sa.func.count().filter(came_once).label("people")
    # Of a town, for stages: each line is in one of these groups, so that all of it is their sum.
    each = sa.select(part.c.key, *_sums(part), people).group_by(part.c.key).cte("each")
    nobody = sa.cast(sa.null(), sa.Text).label("key")
    total = sa.select(sa.true().label("is_total"), nobody, *_sums(each), everybody.label("people"))
    groups: Any = sa.select(sa.false().label("is_total"), *each.c)
    if by is By.STAGE:
        groups = _of_stages(part, each, asked)
    statement = sa.union_all(total, groups)
    found = (await connection.execute(statement, values(asked, known))).all()
    rows = sorted((_row(one) for one in found if not one.is_total), key=_in_order)
    return Report(next(_row(one) for one in found if one.is_total), tuple(rows))


async def begin(connection: AsyncConnection, asked: Asked) -> Known:
    """Begins a transaction that sees one moment, and says who is who in it and what is recorded of another day."""
    await connection.execute(sa.text("set transaction isolation level repeatable read, read only"))
    await connection.execute(sa.text(f"set local work_mem = '{MEMORY}'"))
    return Known(await humans(connection, asked), await elsewhere(connection, asked))


def _part(by: By, asked: Asked, known: Known) -> sa.CTE:
    """What each person has in each group. Of stages the towns are the groups here: one may have qualified in several."""
    lines = asked_for(asked, by, known, dated=False)
    line = lines.line
    key = sa.cast(key_of(by, line, lines.session), sa.Text).label("key")
    count = sa.func.count()
    statement = sa.select(
        key,
        line.c.human,
        *(count.filter(IS[figure](line.c)).label(figure.value) for figure in SUMMED),
        sa.func.sum(line.c.minutes).filter(IS[Figure.PRESENT](line.c)).label("minutes"),
    )
    return statement.select_from(lines.joined).where(*lines.conditions).group_by(sa.text("1, 2")).cte("part")


def _of_stages(part: sa.CTE, each: sa.CTE, asked: Asked) -> sa.Select[Any]:
    """What towns have, by the stages in which they have qualified. Whoever came for two towns of a stage is one person in it."""
    in_stage = qualified(asked)
    if asked.stage is not None:  # Whoever asks for one stage gets no part of another.
        in_stage = sa.select(*in_stage.c).where(in_stage.c.stage == asked.stage).subquery("in_stage")
    key = sa.cast(in_stage.c.stage, sa.Text).label("key")
    human = part.outerjoin(in_stage, in_stage.c.city_id == part.c.key)
    came = sa.select(key, part.c.human).select_from(human).where(part.c.present > 0).distinct().subquery()
    people = sa.select(came.c.key, sa.func.count().label("people")).group_by(came.c.key).subquery()
    town = each.outerjoin(in_stage, in_stage.c.city_id == each.c.key)
    found = sa.select(key, *_sums(each)).select_from(town).group_by(sa.text("1")).subquery()
    same = found.c.key.is_not_distinct_from(people.c.key)
    names = [*(figure.value for figure in SUMMED), "minutes"]
    counted = sa.func.coalesce(people.c.people, 0).label("people")
    return sa.select(
        sa.false().label("is_total"), found.c.key, *(found.c[name] for name in names), counted
    ).select_from(found.outerjoin(people, same))


def _sums(part: sa.CTE) -> list[sa.ColumnElement[Any]]:
    named = [*(figure.value for figure in SUMMED), "minutes"]
    return [sa.cast(sa.func.coalesce(sa.func.sum(part.c[name]), 0), sa.BigInteger).label(name) for name in named]


def _row(one: Any) -> Row:
    counts = {figure: int(getattr(one, figure.value)) for figure in (*SUMMED, Figure.PEOPLE)}
    return Row(one.key, counts, int(one.minutes))


def _in_order(row: Row) -> tuple[bool, int, str]:
    key = row.key or ""
    return row.key is None, int(key) if key.isdecimal() else 0, key


def within(asked: Asked, by: By, key: str | None) -> Asked:
    """What is asked of one group of a report: its figures count those lines."""
    if key is None:
        return without(asked, by)
    match by:
        case By.TOWN:
            return replace(asked, city_id=key)
        case By.STAGE:
            return replace(asked, stage=int(key))
        case By.PHASE:
            return replace(asked, phase=int(key))
        case By.KIND:
            return replace(asked, kind=SessionKind(key))
        case By.TOPIC:
            return replace(asked, topic=key)
        case By.SESSION:
            return replace(asked, session_id=key)
        case By.PERSON:
            return replace(asked, person_id=key)
        case never:
            assert_never(never)


def without(asked: Asked, *these: By) -> Asked:
    """The same, of those of whom these are not known either."""
    return replace(asked, is_unknown=tuple(dict.fromkeys((*asked.is_unknown, *these))))


# --- whom a figure counts ------------------------------------------------------------------------


@immutable
class Line:
    """A place, or a person at a meeting, that a figure counts."""

    session_id: str
    meeting_id: str | None
    """None: it is a place."""
    person_id: str
    human: str
    """Who that is, if they have had several ids."""
    given_name: str | None
    family_name: str | None
    city_id: str | None
    state: str | None
    with_place: bool
    minutes: int | None
    entry_at: dt.datetime | None
    exit_at: dt.datetime | None

    @property
    def cursor(self) -> str:
        return f"{self.session_id}/{self.meeting_id or ''}/{self.person_id}"


async def lines_of(
    connection: AsyncConnection, figure: Figure, asked: Asked, *, after: str = "", limit: int
) -> list[Line]:
    """Exactly the lines that a figure counts, in the order of their ids; the next page begins `after` the cursor of the last."""
    known = await begin(connection, asked)
    lines = asked_for(asked, None, known, dated=True)
    line = lines.line.c
    order = (line.session_id, sa.func.coalesce(line.meeting_id, ""), line.person_id)
    statement = (
        sa.select(
            *(line[name] for name in ("session_id", "meeting_id", "person_id", "human")),
            GIVEN_NAME,
            FAMILY_NAME,
            *(line[name] for name in ("city_id", "state", "with_place", "minutes", "entry_at", "exit_at")),
        )
        .select_from(_with_names(lines.joined, line.human))
        .where(IS[figure](line), *lines.conditions)
        .order_by(*order)
        .limit(limit)
    )
    if after:
        session_id, meeting_id, person_id = after.split("/")
        statement = statement.where(sa.tuple_(*order) > sa.tuple_(session_id, meeting_id, person_id))
    found = await connection.execute(statement, values(asked, known))
    return [Line(*tuple(one)) for one in found]


def _with_names(rows: Any, human: sa.ColumnElement[Any]) -> Any:
    """These rows, with what each human is called today: also who has turned out to be somebody else since the moment asked for."""
    named = rows.outerjoin(PERSON, PERSON.c.person_id == human)
    return named.outerjoin(SURVIVOR, SURVIVOR.c.person_id == human)


@immutable
class Human:
    """Somebody who came, once, whatever ids they have had."""

    person_id: str
    given_name: str | None
    family_name: str | None
    meetings: int
    minutes: int
    first_entry_at: dt.datetime
    last_exit_at: dt.datetime


async def people_of(
    connection: AsyncConnection, figure: Figure, asked: Asked, *, after: str = "", limit: int
) -> list[Human]:
    """Exactly the people whom a figure counts, by id, with when they first came and last left."""
    known = await begin(connection, asked)
    is_new = figure is Figure.NEW_PEOPLE
    first = _first_and_last(asked, known, whole=is_new)
    statement = (
        sa.select(
            first.c.human,
            GIVEN_NAME,
            FAMILY_NAME,
            first.c.meetings,
            first.c.minutes,
            first.c.first_at,
            first.c.last_at,
        )
        .select_from(_with_names(first, first.c.human))
        .where(first.c.human > after, *(_in_period(first.c.day_at, asked) if is_new else ()))
        .order_by(first.c.human)
        .limit(limit)
    )
    return [Human(*one) for one in await connection.execute(statement, values(asked, known))]


def _first_and_last(asked: Asked, known: Known, *, whole: bool) -> sa.Subquery:
    """Of everybody who came, when first and when last. `whole`: ever, whatever the period."""
    lines = asked_for(asked, None, known, dated=True, whole=whole)
    line = lines.line.c
    return (
        sa.select(
            line.human,
            sa.func.count().label("meetings"),
            sa.cast(sa.func.coalesce(sa.func.sum(line.minutes), 0), sa.BigInteger).label("minutes"),
            sa.func.min(line.entry_at).label("first_at"),
            sa.func.max(line.exit_at).label("last_at"),
            sa.func.min(line.day_at).label("day_at"),
        )
        .select_from(lines.joined)
        .where(IS[Figure.PEOPLE](line), *lines.conditions)
        .group_by(line.human)
        .subquery("first")
    )


def _in_period(day: sa.ColumnElement[Any], asked: Asked) -> list[sa.ColumnElement[bool]]:
    since = [day >= begins(asked.since)] if asked.since else []
    return [*since, *([day < begins(asked.until + dt.timedelta(days=1))] if asked.until else [])]


def _is_in_period(day: dt.datetime, asked: Asked) -> bool:
    since, until = asked.since, asked.until
    return (since is None or day >= begins(since)) and (until is None or day < begins(until + dt.timedelta(days=1)))


# --- targets -------------------------------------------------------------------------------------


@immutable
class Period:
    """What came of a target, and of all up to it."""

    since: dt.date | None
    until: dt.date
    new: int
    new_target: int
    cumulative: int
    cumulative_target: int


async def progress(connection: AsyncConnection, targets: Sequence[Target], asked: Asked) -> list[Period]:
    """New and cumulative people of each target's period; the period that was asked for plays no part."""
    if not targets:
        return []
    known = await begin(connection, asked)
    first = _first_and_last(asked, known, whole=True)
    by_then = [
        sa.func.count().filter(first.c.day_at < begins(one.until + dt.timedelta(days=1))).label(f"by_{number}")
        for number, one in enumerate(targets)
    ]
    counted = (await connection.execute(sa.select(*by_then).select_from(first), values(asked, known))).one()
    periods: list[Period] = []
    since, before, wanted = None, 0, 0
    for target, people in zip(targets, counted, strict=True):
        wanted += target.people
        periods.append(Period(since, target.until, people - before, target.people, people, wanted))
        since, before = target.until + dt.timedelta(days=1), people
    return periods


# --- trainers ------------------------------------------------------------------------------------


@immutable
class Delivered:
    """A meeting that somebody has held: it is over, took place, and somebody was seen there."""

    trainer_id: str
    session_id: str
    meeting_id: str
    topic: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    minutes: int


@immutable
class Trainer:
    """What somebody has held; of several trainers each has held it."""

    trainer_id: str
    given_name: str | None
    family_name: str | None
    meetings: int
    minutes: int


async def _delivered(connection: AsyncConnection, asked: Asked, now: dt.datetime) -> tuple[list[Delivered], Known]:
    """Every meeting that was held, once for each who trained it; and who is who."""
    known = await begin(connection, asked)
    meeting = _that_took_place(asked)
    record = stood(RECORD, RECORD_SAID, asked, *Record.KEY, "state")
    came = (record.c.state.in_(CAME), *is_here(record, known))
    seen = sa.select(record.c.session_id, record.c.meeting_id).where(*came).distinct().subquery()
    same = sa.and_(seen.c.session_id == meeting.c.session_id, seen.c.meeting_id == meeting.c.meeting_id)
    names = ("session_id", "meeting_id", "topic", "starts_at", "ends_at", "is_gone")
    statement = (
        sa.select(*(meeting.c[name] for name in names))
        .select_from(meeting.join(seen, same))
        .where(meeting.c.ends_at <= sa.bindparam("over_at", type_=MOMENT))
        .order_by(meeting.c.starts_at, meeting.c.session_id, meeting.c.meeting_id)
    )
    over = {"over_at": min(asked.as_of or now, now)}  # Of a moment to come nothing is over yet that is not over now.
    every = (await connection.execute(statement, values(asked, known) | over)).all()
    gone: dict[str, list[Span]] = defaultdict(list)
    for one in every:
        if one.is_gone:
            gone[one.session_id].append((one.starts_at, one.ends_at))
    held = [one for one in every if _is_in_period(one.starts_at, asked)]
    said = await _said_of(connection, {one.session_id for one in held}, asked)
    found = [
        Delivered(
            trainer_id=trainer_id,
            session_id=one.session_id,
            meeting_id=one.meeting_id,
            topic=one.topic,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            minutes=_length(one, gone[one.session_id]),
        )
        for one in held
        for trainer_id in sorted(
            {known.into.get(each, each) for each in who_trained(said[one.session_id], one.ends_at)}
        )
    ]
    return found, known


def _length(meeting: Any, gone: Sequence[Span]) -> int:
    """In minutes; hours of a day that was put together with this one are counted there (`counted_elsewhere`)."""
    return length_of(own_hours((meeting.starts_at, meeting.ends_at), () if meeting.is_gone else gone))


def _that_took_place(asked: Asked) -> sa.Subquery:
    """Every meeting of a session that takes place, and each whose list had closed before its session was called off, or it was dropped or
    called otherwise."""
    meeting, gone = meetings(asked), dropped(asked)
    takes_place = sa.or_(meeting.c.state.in_(TAKES_PLACE), took_place(meeting, asked))
    planned = sa.select(*meeting.c, sa.false().label("is_gone")).where(takes_place)
    return sa.union_all(planned, sa.select(*gone.c, sa.true()).where(took_place(gone, asked))).subquery()


async def _said_of(connection: AsyncConnection, sessions: set[str], asked: Asked) -> dict[str, list[Session]]:
    """What had been said of these sessions by the moment asked for, as it was heard."""
    its = any_of(SESSION_SAID.c.session_id, "sessions")
    statement = sa.select(SESSION_SAID).where(its, *([SESSION_SAID.c.heard_at <= AS_OF] if asked.as_of else []))
    owned = sa.select(SESSION.c.session_id, SESSION.c.source).where(any_of(SESSION.c.session_id, "sessions"))
    about: dict[str, Any] = {"sessions": sorted(sessions)}
    owners = {row.session_id: row.source for row in await connection.execute(owned, about)}
    said: dict[str, list[Session]] = {one: [] for one in sessions}
    for row in rows_as(SessionSaid, await connection.execute(statement, about | moment_of(asked))):
        said[row.session_id].append(row)
    return {one: in_order(each, owners[one]) for one, each in said.items()}


async def trainers(connection: AsyncConnection, asked: Asked, now: dt.datetime) -> list[Trainer]:
    """Delivered hours by trainer: of the period, and of nothing else that may be asked for."""
    held, _ = await _delivered(connection, asked, now)
    meetings_held: dict[str, list[Delivered]] = defaultdict(list)
    for one in held:
        meetings_held[one.trainer_id].append(one)
    names = await names_of_people(connection, meetings_held)
    return [
        Trainer(trainer_id, given, family, len(each), sum(one.minutes for one in each))
        for trainer_id, each in sorted(meetings_held.items())
        for family, given in [names.get(trainer_id, NOBODY)]
    ]


async def meetings_of(connection: AsyncConnection, trainer_id: str, asked: Asked, now: dt.datetime) -> list[Delivered]:
    """Exactly the meetings whose hours a trainer has."""
    held, known = await _delivered(connection, asked, now)
    human = known.into.get(trainer_id, trainer_id)
    return [one for one in held if one.trainer_id == human]


# --- what groups are called ----------------------------------------------------------------------


@immutable
class Called:
    """What a group is called, and by what it stands among the others where people read them."""

    name: str
    order: tuple[Any, ...]


_KINDS: Mapping[SessionKind, Mapping[Language, str]] = {
    SessionKind.SUPPLEMENTARY: {Language.PL: "Szkolenie uzupełniające", Language.EN: "Supplementary training"},
    SessionKind.IN_DEPTH: {Language.PL: "Szkolenie pogłębione", Language.EN: "In-depth training"},
}


def in_alphabet(named: Mapping[str, Called], key: str | None) -> tuple[bool, bool, tuple[Any, ...], str]:
    """Where a group stands: by its name as the Polish alphabet has it, behind all with a name what has none, last of all what is not known."""
    called = named.get(key or "")
    return key is None, called is None, called.order if called else (), key or ""


async def names_of(connection: AsyncConnection, by: By, keys: Sequence[str], language: Language) -> dict[str, Called]:
    """What groups are called today; one that has no name, or has it no longer, is left out."""
    match by:
        case By.TOWN:
            return {key: Called(name, polish(name)) for key, name in (await town_names(connection, keys)).items()}
        case By.PERSON:
            people = await names_of_people(connection, keys)
            return {
                person_id: Called(name, by_name(family, given, person_id))
                for person_id, (family, given) in people.items()
                if (name := " ".join(filter(None, (given, family))))
            }
        case By.TOPIC:
            called = {Language.PL: TOPIC.c.name_pl, Language.EN: TOPIC.c.name_en}[language]
            topics = (
                sa.select(TOPIC.c.topic, called).where(any_of(TOPIC.c.topic, "keys")).order_by(TOPIC.c.rule_id.desc())
            )
            found = await connection.execute(topics, {"keys": list(keys)})
            return {topic: Called(name, polish(name)) for topic, name in found}
        case By.KIND:
            named = {kind.value: _KINDS[kind][language] for kind in SessionKind}
            return {key: Called(named[key], polish(named[key])) for key in keys}
        case By.STAGE | By.PHASE | By.SESSION:
            return {}
        case never:
            assert_never(never)
