"""What the API reads: towns, sessions with their counts, rosters, the books. SQL that changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.enrolment.answers import (
    AnsweredNomination,
    Correction,
    Known,
    LikelyDouble,
    Nominations,
    OfficeDecision,
    OnRoster,
    Place,
    Session,
    StageOutcome,
    Town,
    TownCalled,
)
from services.enrolment.doubles import Entered, likely_doubles
from services.enrolment.rules import capacity_in_force, share_in_force
from services.enrolment.state import in_line
from services.enrolment.tables import (
    CALL,
    CITY_NAME,
    CORRECTION,
    COUNTS,
    IS_SETTLED,
    MEMBERSHIP,
    NOMINATION,
    PERSON,
    PLACE,
    SESSION,
    SETTLED,
    TAKES_SEAT,
    TOPIC_NAMES,
    TOWN,
    taken_of,
)
from shared.alphabet import by_name, polish
from shared.contracts.enrolment import (
    ACTIVE,
    IN_LINE,
    AskedFor,
    Basis,
    EnrolmentRefused,
    RequestFate,
    Standing,
)
from shared.contracts.planner import SessionStanding
from shared.contracts.portal import EnrolmentRequested
from shared.contracts.selection import TownOutcome
from shared.outbox.journal import JOURNAL
from shared.postgres.merged import survivors_of
from shared.postgres.tables import ANSWER, HELD

_SURVIVOR = survivors_of(PERSON)
_tag_of_place = sa.cast(PLACE.c.version, sa.Text).label("tag")
_of_correction = {name: CORRECTION.c[name].label(f"correction_{name}") for name in Correction.model_fields}
_taken = sa.select(PLACE.c.session_id, *COUNTS).group_by(PLACE.c.session_id).subquery()


def _session_list() -> sa.Select[Any]:
    count = sa.func.coalesce
    columns = [
        column for column in SESSION.c if column.name not in ("source", "version", "numbered", "event_id", "heard_at")
    ]
    return (
        sa.select(
            *columns,
            TOPIC_NAMES,
            CITY_NAME,
            *(count(_taken.c[column.name], 0).label(column.name) for column in COUNTS),
            *_of_correction.values(),
            sa.func.concat(SESSION.c.version, "-", count(CORRECTION.c.version, 0)).label("tag"),
        )
        .select_from(SESSION)
        .outerjoin(_taken, _taken.c.session_id == SESSION.c.session_id)
        .outerjoin(CORRECTION, CORRECTION.c.session_id == SESSION.c.session_id)
    )


async def towns(connection: AsyncConnection, *, city_id: str | None = None) -> list[Town]:
    """Towns by name, with their outcome in each stage and the size of their team today."""
    members = (
        sa.select(MEMBERSHIP.c.city_id, sa.func.count(sa.distinct(MEMBERSHIP.c.person_id)).label("members"))
        .where(sa.or_(MEMBERSHIP.c.until_date.is_(None), MEMBERSHIP.c.until_date >= sa.func.current_date()))
        .group_by(MEMBERSHIP.c.city_id)
        .subquery()
    )
    statement = (
        sa.select(
            TOWN.c.city_id,
            TOWN.c.stage,
            TOWN.c.name,
            TOWN.c.voivodeship,
            TOWN.c.outcome,
            TOWN.c.decided_on,
            members.c.members,
        )
        .outerjoin(members, members.c.city_id == TOWN.c.city_id)
        .order_by(TOWN.c.city_id, TOWN.c.stage.desc())  # Called as in its last stage, as on pages and in mails.
        .limit(5000)
    )
    if city_id is not None:
        statement = statement.where(TOWN.c.city_id == city_id)
    found: dict[str, Town] = {}
    for row in await connection.execute(statement):
        town = found.setdefault(
            row.city_id,
            Town(city_id=row.city_id, name=row.name, voivodeship=row.voivodeship, members=row.members or 0, stages=[]),
        )
        town.stages.insert(0, StageOutcome(stage=row.stage, outcome=row.outcome, decided_on=row.decided_on))
    return sorted(found.values(), key=lambda town: (polish(town.name), town.city_id))


async def sessions(
    connection: AsyncConnection, *, city_id: str | None, phase: int | None, state: str | None, after: str, limit: int
) -> list[Session]:
    """Sessions with how many have a place and how many wait, by session id."""
    statement = _session_list().where(SESSION.c.session_id > after).order_by(SESSION.c.session_id).limit(limit)
    for column, value in ((SESSION.c.city_id, city_id), (SESSION.c.phase, phase), (SESSION.c.state, state)):
        if value is not None:
            statement = statement.where(column == value)
    return await _shown(connection, await connection.execute(statement))


async def session(connection: AsyncConnection, session_id: str) -> Session | None:
    found = await connection.execute(_session_list().where(SESSION.c.session_id == session_id))
    return next(iter(await _shown(connection, found)), None)


async def _shown(connection: AsyncConnection, found: Iterable[Any]) -> list[Session]:
    """Sessions with what is free in them, and who came last where more have a place than there are seats."""
    rows = [(dict(row._mapping), *_room(row)) for row in found]
    over = {row["session_id"]: room["over_capacity"] for row, room, _ in rows if room["over_capacity"]}
    last = await _came_last(connection, over)
    shown = []
    for row, room, correction in rows:
        named = {name: value for name, value in row.items() if not name.startswith("correction_")}
        came_last = last.get(row["session_id"], [])
        shown.append(Session(**named, **room, correction=correction, came_last=came_last))
    return shown


def _room(row: Any) -> tuple[dict[str, Any], Correction | None]:
    """How many seats there are, by whoever's word holds, and how many are taken."""
    said = {name: getattr(row, f"correction_{name}") for name in _of_correction}
    correction = Correction(**said) if said["decided_at"] is not None else None
    seats, share = capacity_in_force(row.capacity, correction), share_in_force(row.terms, correction)
    taken = taken_of(row._mapping)
    room = {
        "seats": seats,
        "places_per_town": share,
        "taken": taken,
        "free": max(0, seats - taken),
        "over_capacity": max(0, taken - seats),
    }
    holds = (seats, share) != (row.capacity, row.terms.places_per_town)
    return room, correction if holds else None


async def _came_last(connection: AsyncConnection, over: Mapping[str, int]) -> dict[str, list[str]]:
    """Of each of these sessions so many people with a place, who are the last in line."""
    if not over:
        return {}
    columns = (PLACE.c.session_id, PLACE.c.priority, PLACE.c.queued_at, PLACE.c.queue, PLACE.c.person_id)
    statement = sa.select(*columns).where(
        PLACE.c.session_id.in_(over), TAKES_SEAT, PLACE.c.basis.is_distinct_from(Basis.OFFICE)
    )
    lines: dict[str, list[Any]] = {}
    for session_id, *place in await connection.execute(statement):
        lines.setdefault(session_id, []).append(place)
    return {
        session_id: [place[-1] for place in sorted(line, key=lambda one: in_line(*one), reverse=True)][
            : over[session_id]
        ]
        for session_id, line in lines.items()
    }


async def decisions(
    connection: AsyncConnection, session_id: str, *, after: str = "", limit: int = 1000
) -> list[OfficeDecision]:
    """What the office decided about a session and the places in it, the oldest first."""
    said = sa.cast(JOURNAL.c.body, JSONB)
    statement = (
        sa.select(JOURNAL.c.event_id, JOURNAL.c.said_at, JOURNAL.c.type, said.label("body"))
        .where(
            JOURNAL.c.stream == "enrolment.events",
            JOURNAL.c.key == session_id,
            JOURNAL.c.event_id > after,
            said["decided_by"].isnot(None),
        )
        .order_by(JOURNAL.c.event_id)
        .limit(limit)
    )
    return [
        OfficeDecision(
            event_id=row.event_id,
            decided_at=row.said_at,
            decided_by=row.body["decided_by"],
            note=row.body["note"],
            asked_for=row.body.get("asked_for", AskedFor.CORRECTION),
            person_id=row.body.get("person_id"),
            outcome=row.type.split(".")[1],
        )
        for row in await connection.execute(statement)
    ]


async def roster(connection: AsyncConnection, session_id: str) -> list[OnRoster]:
    """Everyone with a standing in the session: by name those with places, the waiting list in its order, by name the others.

    While it is cancelled, or a draft, nobody is enrolled or waits: `stands` says how the place will stand if it is scheduled again.
    """
    is_called_off = sa.and_(
        PLACE.c.state.in_(ACTIVE), SESSION.c.state.in_([one for one in SessionStanding if not one.takes_place])
    )
    statement = (
        sa.select(
            PLACE.c.person_id,
            sa.func.coalesce(PERSON.c.given_name, _SURVIVOR.c.given_name).label("given_name"),
            sa.func.coalesce(PERSON.c.family_name, _SURVIVOR.c.family_name).label("family_name"),
            PLACE.c.city_id,
            sa.case((is_called_off, SESSION.c.state), else_=PLACE.c.state).label("state"),
            PLACE.c.state.label("stands"),
            PLACE.c.basis,
            PLACE.c.reason,
            PLACE.c.refusal,
            PLACE.c.queue,
            PLACE.c.priority,
            PLACE.c.queued_at,
            PLACE.c.offered_until,
            PLACE.c.reply,
            PLACE.c.clashes_with,
            PLACE.c.nomination_id,
            PLACE.c.substitute_for,
            PLACE.c.substituted_by,
            PLACE.c.episode,
            PLACE.c.decided_at,
            PLACE.c.event_id,
            _tag_of_place,
        )
        .join(SESSION, SESSION.c.session_id == PLACE.c.session_id)
        .outerjoin(PERSON, PERSON.c.person_id == PLACE.c.person_id)
        .outerjoin(_SURVIVOR, _SURVIVOR.c.person_id == PLACE.c.person_id)
        .where(PLACE.c.session_id == session_id)
        .order_by(PLACE.c.state, PLACE.c.queue, PLACE.c.person_id)
        .limit(5000)
    )
    return [OnRoster(**row._mapping) for row in sorted(await connection.execute(statement), key=_in_the_roster)]


def _in_the_roster(row: Any) -> tuple[Any, ...]:
    standing, name = Standing(row.stands), by_name(row.family_name, row.given_name, row.person_id)
    if not standing.is_active:
        return 0, 0, name
    if standing.waits:
        return -standing.weight, in_line(row.priority, row.queued_at, row.queue, row.person_id)
    return -standing.weight, row.offered_until.timestamp() if row.offered_until else 0, name


_asked = (
    sa.func.unnest(sa.bindparam("sessions", type_=ARRAY(sa.Text())), sa.bindparam("people", type_=ARRAY(sa.Text())))
    .table_valued(sa.column("session_id", sa.Text), sa.column("asked", sa.Text), name="asked")
    .render_derived()
)
_merged = sa.select(_SURVIVOR.c.person_id, _SURVIVOR.c.into_id).cte("merged")  # Looked for once.
_goes, _went = _merged.alias("goes_now"), _merged.alias("went")
_stays = sa.func.coalesce(_goes.c.into_id, _asked.c.asked)
_whoever = sa.outerjoin(_asked, _goes, _goes.c.person_id == _asked.c.asked)
_ids = sa.union_all(
    sa.select(_asked, _stays.label("person_id"), sa.true().label("stays")).select_from(_whoever),
    sa.select(_asked, _went.c.person_id, sa.false()).select_from(_whoever.join(_went, _went.c.into_id == _stays)),
).subquery("ids")
_is_in = PLACE.c.state.in_(ACTIVE)
_PLACES_NOW = (
    sa.select(_ids.c.session_id, _ids.c.asked, PLACE.c.state, PLACE.c.reason, PLACE.c.refusal, _tag_of_place)
    .ext(distinct_on(_ids.c.session_id, _ids.c.asked))
    .join(PLACE, sa.and_(PLACE.c.session_id == _ids.c.session_id, PLACE.c.person_id == _ids.c.person_id))
    .where(sa.or_(_ids.c.stays, _is_in))
    # As decisions take it (people.py): what has begun stays with the id that it was said of.
    .order_by(_ids.c.session_id, _ids.c.asked, _is_in.desc(), _ids.c.stays.desc(), _ids.c.person_id)
)


async def places(connection: AsyncConnection, about: set[tuple[str, str]]) -> dict[tuple[str, str], Place]:
    """How these stand in a session, under whichever of their ids: (session, person). Who has no place is not among them."""
    asked = {"sessions": [session_id for session_id, _ in about], "people": [person_id for _, person_id in about]}
    rows = (await connection.execute(_PLACES_NOW, asked)).all()
    return {
        (row.session_id, row.asked): Place(state=row.state, reason=row.reason, refusal=row.refusal, tag=row.tag)
        for row in rows
    }


async def doubles(connection: AsyncConnection) -> list[LikelyDouble]:
    """People who may be one human: of one town and called the same, by town. Who has gone into somebody, or is erased, is not among them."""
    statement = (
        sa.select(MEMBERSHIP.c.city_id, PERSON.c.person_id, PERSON.c.given_name, PERSON.c.family_name)
        .distinct()
        .join(PERSON, PERSON.c.person_id == MEMBERSHIP.c.person_id)
        .where(~PERSON.c.erased, PERSON.c.merged_into.is_(None))
        .limit(20_000)
    )
    entered = [Entered(**row._mapping) for row in await connection.execute(statement)]
    return [
        LikelyDouble(
            city_id=same[0].city_id,
            people=[
                Known(person_id=one.person_id, given_name=one.given_name, family_name=one.family_name) for one in same
            ],
        )
        for same in likely_doubles(entered)
    ]


_NOMINATIONS = sa.select(*(NOMINATION.c[name] for name in AnsweredNomination.model_fields))


async def nominations(connection: AsyncConnection, session_id: str) -> Nominations:
    """Which towns are, or were, called to nominate for the session, and what was answered to each nomination."""
    columns = [CALL.c[name] for name in TownCalled.model_fields]
    calls = sa.select(*columns).where(CALL.c.session_id == session_id).order_by(CALL.c.city_id).limit(5000)
    answered = _NOMINATIONS.where(NOMINATION.c.session_id == session_id)
    answered = answered.order_by(NOMINATION.c.decided_at, NOMINATION.c.nomination_id).limit(5000)
    return Nominations(
        calls=[TownCalled(**row._mapping) for row in await connection.execute(calls)],
        nominations=[AnsweredNomination(**row._mapping) for row in await connection.execute(answered)],
    )


async def nomination(connection: AsyncConnection, session_id: str, nomination_id: str) -> AnsweredNomination | None:
    """What was answered to one nomination."""
    one = _NOMINATIONS.where(NOMINATION.c.session_id == session_id, NOMINATION.c.nomination_id == nomination_id)
    row = (await connection.execute(one)).one_or_none()
    return AnsweredNomination(**row._mapping) if row else None


_TWO_PLACES = (
    sa.select(sa.func.count(sa.distinct(PLACE.c.person_id)))
    .join(SESSION, SESSION.c.session_id == PLACE.c.session_id)
    .where(TAKES_SEAT, sa.func.jsonb_array_length(PLACE.c.clashes_with) > 0, SESSION.c.starts_at > sa.func.now())
)


async def books(connection: AsyncConnection) -> dict[str, Any]:
    """Requests by what became of them, and places against seats: of a session that has begun, those it had when it began.

    A request's place may have gone to a later episode since: then the request's own ended as withdrawn.
    """
    became = sa.case(
        (ANSWER.c.outcome == EnrolmentRefused.__name__, RequestFate.REFUSED),
        (PLACE.c.episode != ANSWER.c.episode, RequestFate.WITHDRAWN),
        *((PLACE.c.state == standing, standing.fate) for standing in Standing),
    ).label("became")
    asked = (
        sa.select(became, sa.func.count())
        .select_from(ANSWER)
        .join(PLACE, ANSWER.c.subject == sa.func.concat("session/", PLACE.c.session_id, "/person/", PLACE.c.person_id))
        .where(ANSWER.c.kind == AskedFor.PLACE)
        .group_by(became)
    )
    requests = dict.fromkeys(map(str, RequestFate), 0)
    requests |= {row[0]: row[1] for row in await connection.execute(asked)}
    held = sa.select(sa.func.count()).select_from(HELD).where(HELD.c.type == EnrolmentRequested.type_name())
    requests["held"] = (await connection.execute(held)).scalar_one()
    over_http = (await connection.execute(held.where(HELD.c.partition < 0))).scalar_one()
    seats = sa.func.coalesce(SETTLED.c.seats, SESSION.c.capacity).label("seats")
    settled = SETTLED.c.session_id == SESSION.c.session_id
    live = (
        _session_list()
        .add_columns(seats)
        .outerjoin(SETTLED, settled)
        .where(SESSION.c.state.in_([one for one in SessionStanding if one.takes_place]))
        .subquery()
    )
    taken, waiting = taken_of(live.c), sum(live.c[standing] for standing in IN_LINE)
    # As `capacity_in_force` has it.
    is_corrected = live.c.correction_planned_capacity == live.c.capacity
    for_how_many = sa.case((is_corrected, live.c.correction_capacity), else_=live.c.capacity)
    totals = sa.select(
        sa.func.count(),
        sa.func.count().filter(taken > live.c.seats),
        sa.func.coalesce(sa.func.sum(waiting).filter(live.c.starts_at > sa.func.now()), 0),
        sa.func.count().filter(taken > for_how_many, live.c.starts_at > sa.func.now()),
        *(sa.func.coalesce(sa.func.sum(live.c[standing]), 0) for standing in ACTIVE),
    )
    number, oversold, waiting_ahead, over, *standing = (await connection.execute(totals)).one()
    qualified = (
        sa.select(TOWN.c.stage, sa.func.count()).where(TOWN.c.outcome == TownOutcome.QUALIFIED).group_by(TOWN.c.stage)
    )
    unsettled = sa.select(sa.func.count()).select_from(SESSION).where(~sa.exists().where(IS_SETTLED))
    return {
        "requests": requests,
        "held_over_http": over_http,
        "places": {
            "sessions": number,
            **dict(zip(map(str, ACTIVE), map(int, standing), strict=True)),
            "oversold_sessions": oversold,
            "waiting_ahead": int(waiting_ahead),
            "unsettled_sessions": (await connection.execute(unsettled)).scalar_one(),
            "sessions_over_capacity": over,
            "two_places_at_once": (await connection.execute(_TWO_PLACES)).scalar_one(),
        },
        "towns_qualified": {str(row[0]): row[1] for row in await connection.execute(qualified)},
        "people": (await connection.execute(sa.select(sa.func.count()).select_from(PERSON))).scalar_one(),
        "cancelled_sessions": (
            await connection.execute(
                sa.select(sa.func.count()).select_from(SESSION).where(SESSION.c.state == SessionStanding.CANCELLED)
            )
        ).scalar_one(),
    }
