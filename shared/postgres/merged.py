"""Who people turned out to be, in SQL: a name for every id that went into another one. Knows columns, and no service."""

from __future__ import annotations

import functools

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on


def index_of_merges() -> sa.Index:
    """What the two below begin with: of a million people few have gone into another one."""
    return sa.Index("person_merged", "merged_into", postgresql_where=sa.text("merged_into IS NOT NULL"))


@functools.cache
def paths_of(person: sa.Table) -> sa.CTE:
    """Every id that went into another one, with each that it has gone into since, however far."""
    goes = (
        sa.select(person.c.person_id, person.c.merged_into.label("into_id"))
        .where(person.c.merged_into.is_not(None))
        .cte("goes", recursive=True)
    )
    between = person.alias("between")
    further = sa.select(goes.c.person_id, between.c.merged_into).join(between, between.c.person_id == goes.c.into_id)
    # Not `union all`: in a circle that has no end.
    return goes.union(further.where(between.c.merged_into.is_not(None)))


@functools.cache
def survivors_of(person: sa.Table) -> sa.Subquery:
    """Every id that went into another one, with the name of whoever it is in the end, as `shared.state.merged.survivor` says it: of ids
    that went into one another in a circle, the one of which that was said last stays."""
    goes = paths_of(person)
    last, circle = person.alias("last"), goes.alias("circle")
    is_in_a_circle = goes.c.into_id.in_(sa.select(circle.c.person_id).where(circle.c.person_id == circle.c.into_id))
    stays = (
        sa.select(goes.c.person_id, goes.c.into_id, last.c.given_name, last.c.family_name)
        .ext(distinct_on(goes.c.person_id))
        .outerjoin(last, last.c.person_id == goes.c.into_id)  # Also somebody of whom nothing has been heard yet.
        .where(sa.or_(last.c.merged_into.is_(None), is_in_a_circle))
        .order_by(goes.c.person_id, last.c.heard_at.desc(), goes.c.into_id.collate("C").desc())
        .subquery("stays")
    )
    return sa.select(stays).where(stays.c.person_id != stays.c.into_id).subquery("survivor")
