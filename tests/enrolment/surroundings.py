"""What tests on enrolment's real surroundings share: a town with a team and a training, and looking at what came of it."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import sqlalchemy as sa

from services.enrolment import tables
from shared.books.parking import PARKED
from shared.books.recovery import RECOVERY
from shared.books.watermark import is_heard
from shared.contracts import Event
from shared.contracts.directory import MemberKind, TeamMemberJoined
from shared.contracts.enrolment import PlacesSettled
from shared.contracts.planner import SessionKind, SessionScheduled
from shared.contracts.rules import StageOpened
from shared.contracts.selection import CityQualified
from shared.kafka.observer import Observer
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.postgres.tables import TAKEOVER
from shared.settings import kafka_connection
from shared.testing import Message, body_of, eventually, message
from tests.world import Make as Make

SAID_OF_PLACES = JOURNAL.c.type != PlacesSettled.type_name()
"""Of what enrolment says about a session, all but that it is settled."""

_names = itertools.count(1)


def fresh(kind: str) -> str:
    """An id no other test uses: the streams are shared."""
    return f"{kind}-{next(_names)}"


def city(city_id: str, **changes: Any) -> CityQualified:
    return body_of(CityQualified, city_id=city_id, **{"stage": 1, **changes})


async def rows(world: Any, table: sa.Table, *where: Any) -> list[Any]:
    async with world.engine.connect() as connection:
        return list(await connection.execute(sa.select(table).where(*where)))


async def known(world: Any, city_id: str, name: str | None = None) -> bool:
    found = await rows(world, tables.TOWN, tables.TOWN.c.city_id == city_id)
    return bool(found) and (name is None or found[0].name == name)


async def snapshot(world: Any) -> dict[str, list[Any]]:
    """Every row that matters, for comparison before and after."""
    kept = [*tables.TABLES.values(), JOURNAL, OUTBOX]
    return {table.name: sorted(map(tuple, await rows(world, table)), key=repr) for table in kept}


def training(
    session_id: str, city_id: str, *, days_ahead: int = 30, model: type[Event] = SessionScheduled, **changes: Any
) -> Event:
    date = (dt.datetime.now(dt.UTC) + dt.timedelta(days=days_ahead)).date()
    meeting = {"meeting_id": "day-1", "starts_local": f"{date}T09:00:00", "ends_local": f"{date}T15:00:00"}
    fields = {"kind": SessionKind.SUPPLEMENTARY, "phase": 77, "capacity": 10, "meetings": [meeting]}
    return body_of(model, session_id=session_id, city_id=city_id, **{**fields, **changes})


def programme(city_id: str, people: list[str], session_id: str) -> list[Message]:
    """A town with a team and a training for it, in a phase of its own."""
    opened = StageOpened(rule_id="stage:77", stage=77, phase=77, opened_on=dt.date(2026, 1, 1))
    return [
        message(opened, event_id="stage-77", at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        message(city(city_id, stage=77)),
        *(
            message(
                TeamMemberJoined(
                    person_id=person, city_id=city_id, from_date=dt.date(2026, 1, 1), kind=MemberKind.COORDINATOR
                )
            )
            for person in people
        ),
        message(training(session_id, city_id)),
    ]


async def enrolled(world: Any, session_id: str) -> int:
    found = await rows(world, tables.PLACE, tables.PLACE.c.session_id == session_id, tables.PLACE.c.state == "enrolled")
    return len(found)


async def parked_at(world: Any, place: tuple[str, int, int]) -> list[Any]:
    stream, partition, offset = place
    return await rows(
        world, PARKED, PARKED.c.stream == stream, PARKED.c.partition == partition, PARKED.c.offset == offset
    )


async def taken_over(world: Any, rule_id: str) -> list[Any]:
    return await rows(world, TAKEOVER, TAKEOVER.c.rule_id == rule_id)


async def said_and_sent(world: Any, session_id: str, number: int) -> bool:
    entries = await rows(world, JOURNAL, JOURNAL.c.key == session_id, SAID_OF_PLACES)
    return len(entries) == number and not await rows(world, OUTBOX)


async def settled(world: Any) -> None:
    """Everything published so far has been heard, and everything said because of it has been sent and heard."""
    observer = Observer(kafka_connection(world.settings))
    await observer.start()
    try:
        for _ in range(2):  # What was said meanwhile is heard in the second round.
            ends = await observer.ends(world.service.heard)
            await eventually(lambda ends=ends: is_heard(world.engine, ends), what="everything heard")
            await eventually(lambda: nothing_left(world), what="an empty outbox and nothing to recover")
    finally:
        await observer.stop()


async def nothing_left(world: Any) -> bool:
    """A new database on a stream with a history is a restored one: requests are held until it has heard all of it."""
    return not await rows(world, OUTBOX) and not await rows(world, RECOVERY)


async def enrolled_all(world: Any, session_id: str) -> bool:
    return await enrolled(world, session_id) == 3
