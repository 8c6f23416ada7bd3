"""Needs declared and met: of each town and topic for how many training was asked, and how many came for the town to trainings on the topic.

The people are those of the lines that every report counts (0044), each human once in a town and topic. Whoever came beyond what was declared
meets no need: so what is met of all of it is the sum of what is met of each. SQL that changes nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance.counting import IS, Asked, By, Figure, as_of, asked_for, qualified, values
from services.attendance.reporting import begin, without
from services.attendance.store import NEED, NEED_SAID
from shared.contracts.survey import NeedState
from shared.values import immutable


@immutable
class Met:
    """What a town has declared on a topic, and what came of it. `city_id` None: people came of whom no town is known."""

    city_id: str | None
    topic: str | None
    declared: int
    """People, over all its needs."""
    trained: int
    """Humans who came for the town to a training on the topic."""

    @property
    def met(self) -> int:
        return min(self.declared, self.trained)

    @property
    def unmet(self) -> int:
        return self.declared - self.met


@immutable
class Declared:
    """One need."""

    need_id: str
    city_id: str
    topic: str
    level: str
    audience: str | None
    people: int


async def needs_met(connection: AsyncConnection, asked: Asked) -> list[Met]:
    """By town and topic, in one snapshot. The period that is asked for is that of the trainings; what was declared is so by the moment
    asked for."""
    known = await begin(connection, asked)
    need = _declared(asked).subquery()
    wanted = (
        sa.select(need.c.city_id, need.c.topic, sa.func.sum(need.c.people).label("declared"))
        .group_by(need.c.city_id, need.c.topic)
        .subquery()
    )
    lines = asked_for(asked, By.TOPIC, known, dated=False)
    assert lines.session is not None
    town, topic = lines.line.c.city_id, lines.session.c.topic
    came = (
        sa.select(town, topic, sa.func.count(lines.line.c.human.distinct()).label("trained"))
        .select_from(lines.joined)
        .where(IS[Figure.PEOPLE](lines.line.c), *lines.conditions)
        .group_by(town, topic)
        .subquery()
    )
    same = sa.and_(came.c.city_id == wanted.c.city_id, came.c.topic == wanted.c.topic)
    columns = (
        sa.func.coalesce(wanted.c.city_id, came.c.city_id).label("city_id"),
        sa.func.coalesce(wanted.c.topic, came.c.topic).label("topic"),
        sa.cast(sa.func.coalesce(wanted.c.declared, 0), sa.BigInteger),
        sa.func.coalesce(came.c.trained, 0),
    )
    statement = sa.select(*columns).select_from(wanted.join(came, same, full=True)).order_by(sa.text("1, 2"))
    return [Met(*one) for one in await connection.execute(statement, values(asked, known))]


async def declared(connection: AsyncConnection, asked: Asked, *, after: str = "", limit: int) -> list[Declared]:
    """Exactly the needs whose people are counted as declared, by id."""
    known = await begin(connection, asked)
    need = _declared(asked).subquery()
    statement = sa.select(*need.c).where(need.c.need_id > after).order_by(need.c.need_id).limit(limit)
    return [Declared(*one) for one in await connection.execute(statement, values(asked, known))]


def _declared(asked: Asked) -> sa.Select[Any]:
    need = as_of(NEED, NEED_SAID, asked, "need_id", "city_id", "topic", "level", "audience", "people", "state")
    conditions = [need.c.state == NeedState.DECLARED]
    conditions += [need.c.city_id == asked.city_id] if asked.city_id is not None else []
    conditions += [need.c.topic == asked.topic] if asked.topic is not None else []
    if asked.stage is not None:
        in_stage = qualified(asked)
        its = sa.select(in_stage.c.city_id).where(in_stage.c.stage == asked.stage)
        conditions.append(need.c.city_id.in_(its))
    if asked.is_unknown:
        conditions.append(sa.false())  # Of whom no town is known, or no topic: nobody has declared anything for them.
    named = ("need_id", "city_id", "topic", "level", "audience", "people")
    return sa.select(*(need.c[name] for name in named)).where(*conditions)


def within(asked: Asked, row: Met) -> Asked:
    """What is asked of one row: its figures count those people, and those needs."""
    known = {By.TOWN: row.city_id, By.TOPIC: row.topic}
    its = replace(asked, city_id=row.city_id, topic=row.topic)
    return without(its, *(by for by, key in known.items() if key is None))
