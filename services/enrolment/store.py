"""Enrolment's tables and SQL: what a transaction loads, and what the API reads. The only file here that speaks SQL."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.enrolment.state import SCHEDULED, Membership, Need, Person, Place, Session, Stage, Topic, Town
from shared.alphabet import by_name, polish
from shared.contracts.directory import TeamMembership
from shared.contracts.enrolment import AskedFor, Standing
from shared.contracts.planner import SessionKind, SessionState
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityOutcome
from shared.database import any_of, table_of
from shared.envelope import Heard
from shared.holding import ANSWER, HELD, load_held_about
from shared.roundtrips import Reads
from shared.service import Inputs
from shared.working import Due, Held, Working

METADATA = sa.MetaData()

STAGE = table_of(Stage, "stage", METADATA)
TOPIC = table_of(Topic, "topic", METADATA)
TOWN = table_of(Town, "town", METADATA)
PERSON = table_of(Person, "person", METADATA)
MEMBERSHIP = table_of(Membership, "membership", METADATA, extra=[sa.Index("membership_city", "city_id")])
NEED = table_of(Need, "need", METADATA, extra=[sa.Index("need_city", "city_id")])
SESSION = table_of(
    Session,
    "session",
    METADATA,
    extra=[
        sa.Index("session_city", "city_id"),
        sa.Index("session_ends", "ends_at"),
        sa.Index("session_phase", "phase"),
    ],
)
PLACE = table_of(
    Place,
    "place",
    METADATA,
    extra=[
        sa.Index("place_person", "person_id"),
        sa.CheckConstraint("state <> 'waitlisted' or queue is not null", name="place_waits_in_a_queue"),
    ],
)
TABLES = {
    Stage: STAGE,
    Topic: TOPIC,
    Town: TOWN,
    Person: PERSON,
    Membership: MEMBERSHIP,
    Need: NEED,
    Session: SESSION,
    Place: PLACE,
}

SOURCE = "rollcall/enrolment"

DECIDER = sa.Table("decider", METADATA, sa.Column("id", sa.Integer, primary_key=True), schema="kept")
"""One row, locked first by every deciding transaction: a lock hierarchy deadlocks or cannot be obeyed."""

_DECIDER = sa.select(DECIDER.c.id).with_for_update()
_STAGES = sa.select(STAGE)
_MEMBERS_OF = sa.select(MEMBERSHIP.c.person_id).where(any_of(MEMBERSHIP.c.city_id, "changed_cities")).distinct()
_SESSIONS = sa.select(SESSION).where(
    sa.or_(
        any_of(SESSION.c.session_id, "sessions"),
        sa.and_(
            SESSION.c.ends_at > sa.bindparam("since"),
            sa.or_(
                sa.and_(any_of(SESSION.c.city_id, "cities"), SESSION.c.kind == SessionKind.SUPPLEMENTARY),
                any_of(SESSION.c.phase, "phases", sa.BigInteger()),
                SESSION.c.session_id.in_(sa.select(PLACE.c.session_id).where(any_of(PLACE.c.person_id, "people"))),
            ),
        ),
    )
)
_PLACES = sa.select(PLACE).where(any_of(PLACE.c.session_id, "sessions"))
_MEMBERSHIPS = sa.select(MEMBERSHIP).where(
    sa.or_(any_of(MEMBERSHIP.c.person_id, "people"), any_of(MEMBERSHIP.c.city_id, "cities"))
)
_TOWNS = sa.select(TOWN).where(any_of(TOWN.c.city_id, "cities"))


async def lock(connection: AsyncConnection, inputs: Inputs) -> None:
    """One decider at a time. Hearing our own echo decides nothing and locks nothing."""
    if any(isinstance(one, Due) or one.source != SOURCE for one in inputs):
        await connection.execute(_DECIDER)


async def load(reads: Reads, working: Working, inputs: Inputs) -> None:
    """The working set: sessions in question, their places, the teams and towns of everyone in them, and held requests.

    Grows outwards once: events name towns, people and sessions; towns name their people; people name their sessions.
    """
    cities, people, sessions, phases = set[str](), set[str](), set[str](), set[int]()
    asking = set[str]()
    for one in inputs:
        match one:
            case Due():
                sessions.add(one.subject)
            case Heard(body=CityOutcome() as body):
                cities.add(body.city_id)
            case Heard(body=TeamMembership() as body):
                cities.add(body.city_id)
                people.add(body.person_id)
            case Heard(body=SessionState() as body):
                sessions.add(body.session_id)
                cities.add(body.city_id)
            case Heard(body=StageOpened() as body):
                phases.add(body.phase)
            case Heard(body=EnrolmentRequested() | WithdrawalRequested() as body):
                sessions.add(body.session_id)
                asking.add(body.person_id)
    if not (cities or people or sessions or phases):
        return
    reads.rows(working[Stage], _STAGES)
    towns_changed = {one.body.city_id for one in inputs if isinstance(one, Heard) and isinstance(one.body, CityOutcome)}
    if towns_changed:
        changed = {"changed_cities": sorted(towns_changed)}
        reads.add(_MEMBERS_OF, changed, lambda found: people.update(row[0] for row in found))
        await reads.run()
    load_held_about(reads, working, sessions=sessions, persons=people)
    await reads.run()
    sessions |= {held.session_id for held in working[Held]}
    asked_for: dict[str, Any] = {
        "sessions": sorted(sessions),
        "cities": sorted(cities),
        "people": sorted(people),
        "phases": sorted(phases),
        # Judged by when it came: after days of downtime the session may be over by now, and was not then.
        "since": min((one.appended_at for one in inputs if isinstance(one, Heard)), default=working.now),
    }
    reads.rows(working[Session], _SESSIONS, asked_for)
    await reads.run()
    sessions |= {session.session_id for session in working[Session]}
    if phases:
        load_held_about(reads, working, sessions=sessions, persons=())
        await reads.run()
    reads.rows(working[Place], _PLACES, {"sessions": sorted(sessions)})
    await reads.run()
    people |= asking | {place.person_id for place in working[Place]} | {held.person_id for held in working[Held]}
    # A scheduled session may bring in the team of a town that no event named.
    cities |= {session.city_id for session in working[Session] if session.kind == SessionKind.SUPPLEMENTARY}
    reads.rows(working[Membership], _MEMBERSHIPS, {"people": sorted(people), "cities": sorted(cities)})
    await reads.run()
    cities |= {membership.city_id for membership in working[Membership]}
    reads.rows(working[Town], _TOWNS, {"cities": sorted(cities)})


async def open_subjects(connection: AsyncConnection, now: dt.datetime) -> list[str]:
    """Sessions that are not over, and those that held requests are about."""
    sessions = sa.select(SESSION.c.session_id).where(SESSION.c.ends_at > now)
    held = sa.select(HELD.c.session_id)
    return sorted((await connection.execute(sa.union(sessions, held))).scalars())


# --- what the API reads --------------------------------------------------------------------

_taken = (
    sa.select(
        PLACE.c.session_id,
        sa.func.count().filter(PLACE.c.state == Standing.ENROLLED).label("enrolled"),
        sa.func.count().filter(PLACE.c.state == Standing.WAITLISTED).label("waitlisted"),
    )
    .group_by(PLACE.c.session_id)
    .subquery()
)


def _session_list() -> sa.Select[Any]:
    count = sa.func.coalesce
    columns = [
        column for column in SESSION.c if column.name not in ("source", "version", "numbered", "event_id", "heard_at")
    ]
    return (
        sa.select(
            *columns, count(_taken.c.enrolled, 0).label("enrolled"), count(_taken.c.waitlisted, 0).label("waitlisted")
        )
        .select_from(SESSION)
        .outerjoin(_taken, _taken.c.session_id == SESSION.c.session_id)
    )


async def towns(connection: AsyncConnection, *, city_id: str | None = None) -> list[dict[str, Any]]:
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
        .order_by(TOWN.c.city_id, TOWN.c.stage)
        .limit(5000)
    )
    if city_id is not None:
        statement = statement.where(TOWN.c.city_id == city_id)
    found: dict[str, dict[str, Any]] = {}
    for row in await connection.execute(statement):
        town = found.setdefault(
            row.city_id,
            {
                "city_id": row.city_id,
                "name": row.name,
                "voivodeship": row.voivodeship,
                "members": row.members or 0,
                "stages": [],
            },
        )
        town["stages"].append({"stage": row.stage, "outcome": row.outcome, "decided_on": row.decided_on})
    return sorted(found.values(), key=lambda town: (polish(town["name"]), town["city_id"]))


async def sessions(
    connection: AsyncConnection, *, city_id: str | None, phase: int | None, state: str | None, after: str, limit: int
) -> list[dict[str, Any]]:
    """Sessions with how many have a place and how many wait, by session id."""
    statement = _session_list().where(SESSION.c.session_id > after).order_by(SESSION.c.session_id).limit(limit)
    for column, value in ((SESSION.c.city_id, city_id), (SESSION.c.phase, phase), (SESSION.c.state, state)):
        if value is not None:
            statement = statement.where(column == value)
    return [dict(row._mapping) for row in await connection.execute(statement)]


async def session(connection: AsyncConnection, session_id: str) -> dict[str, Any] | None:
    row = (await connection.execute(_session_list().where(SESSION.c.session_id == session_id))).one_or_none()
    return dict(row._mapping) if row else None


async def roster(connection: AsyncConnection, session_id: str) -> list[dict[str, Any]]:
    """Everyone with a standing in the session: by name those with places, the waiting list in its order, by name the others."""
    statement = (
        sa.select(
            PLACE.c.person_id,
            PERSON.c.given_name,
            PERSON.c.family_name,
            PLACE.c.city_id,
            PLACE.c.state,
            PLACE.c.basis,
            PLACE.c.reason,
            PLACE.c.refusal,
            PLACE.c.queue,
            PLACE.c.episode,
            PLACE.c.decided_at,
            PLACE.c.event_id,
        )
        .outerjoin(PERSON, PERSON.c.person_id == PLACE.c.person_id)
        .where(PLACE.c.session_id == session_id)
        .order_by(PLACE.c.state, PLACE.c.queue, PLACE.c.person_id)
        .limit(5000)
    )
    return [dict(row._mapping) for row in sorted(await connection.execute(statement), key=_in_the_roster)]


def _in_the_roster(row: Any) -> tuple[Any, ...]:
    waits = row.state == Standing.WAITLISTED
    name = by_name(row.family_name, row.given_name, row.person_id)
    return row.state != Standing.ENROLLED, not waits, (row.queue or 0 if waits else 0), name


async def outcome(connection: AsyncConnection, source: str, request_id: str) -> dict[str, Any] | None:
    """What became of a request: its answer, or that it is held and what it waits for."""
    answer = sa.select(ANSWER.c.outcome, ANSWER.c.event_id, ANSWER.c.session_id, ANSWER.c.person_id).where(
        ANSWER.c.request_source == source, ANSWER.c.request_id == request_id
    )
    row = (await connection.execute(answer)).one_or_none()
    if row:
        return dict(row._mapping)
    held = sa.select(HELD.c.waits_for, HELD.c.expires_at, HELD.c.session_id, HELD.c.person_id).where(
        HELD.c.request_source == source, HELD.c.request_id == request_id
    )
    row = (await connection.execute(held)).one_or_none()
    return {"outcome": "Held", **row._mapping} if row else None


async def place(connection: AsyncConnection, session_id: str, person_id: str) -> dict[str, Any] | None:
    statement = sa.select(PLACE).where(PLACE.c.session_id == session_id, PLACE.c.person_id == person_id)
    row = (await connection.execute(statement)).one_or_none()
    return dict(row._mapping) if row else None


async def books(connection: AsyncConnection) -> dict[str, Any]:
    """Requests by what became of them, and places against seats.

    A request's place may have gone to a later episode since: then the request's own ended as withdrawn.
    """
    became = sa.case(
        (ANSWER.c.outcome == "EnrolmentRefused", "refused"),
        (sa.and_(PLACE.c.episode == ANSWER.c.episode, PLACE.c.state == Standing.ENROLLED), "enrolled"),
        (sa.and_(PLACE.c.episode == ANSWER.c.episode, PLACE.c.state == Standing.WAITLISTED), "waitlisted"),
        else_="withdrawn",
    ).label("became")
    asked = (
        sa.select(became, sa.func.count())
        .select_from(ANSWER)
        .join(PLACE, sa.and_(PLACE.c.session_id == ANSWER.c.session_id, PLACE.c.person_id == ANSWER.c.person_id))
        .where(ANSWER.c.kind == AskedFor.PLACE)
        .group_by(became)
    )
    requests = dict.fromkeys(("enrolled", "waitlisted", "refused", "withdrawn", "held"), 0)
    requests |= {row[0]: row[1] for row in await connection.execute(asked)}
    held = sa.select(sa.func.count()).select_from(HELD).where(HELD.c.type == EnrolmentRequested.type_name())
    requests["held"] = (await connection.execute(held)).scalar_one()
    live = _session_list().where(SESSION.c.state == SCHEDULED).subquery()
    totals = sa.select(
        sa.func.count(),
        sa.func.coalesce(sa.func.sum(live.c.enrolled), 0),
        sa.func.coalesce(sa.func.sum(live.c.waitlisted), 0),
        sa.func.count().filter(live.c.enrolled > live.c.capacity),
    )
    number, enrolled, waitlisted, oversold = (await connection.execute(totals)).one()
    qualified = sa.select(TOWN.c.stage, sa.func.count()).where(TOWN.c.outcome == "qualified").group_by(TOWN.c.stage)
    return {
        "requests": requests,
        "places": {
            "sessions": number,
            "enrolled": int(enrolled),
            "waitlisted": int(waitlisted),
            "oversold_sessions": oversold,
        },
        "towns_qualified": {str(row[0]): row[1] for row in await connection.execute(qualified)},
        "people": (await connection.execute(sa.select(sa.func.count()).select_from(PERSON))).scalar_one(),
        "cancelled_sessions": (
            await connection.execute(
                sa.select(sa.func.count()).select_from(SESSION).where(SESSION.c.state != SCHEDULED)
            )
        ).scalar_one(),
    }
