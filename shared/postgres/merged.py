"""Who people turned out to be, in SQL: a name for every id that went into another one. Knows columns, and no service."""

from __future__ import annotations

import functools

import sqlalchemy as sa


@functools.cache
def survivors_of(person: sa.Table) -> sa.Subquery:
    """Every id that went into another one, with the name of whoever it is in the end; nobody for those who went round in a circle."""
    goes = (
        sa.select(person.c.person_id, person.c.merged_into.label("into_id"))
        .where(person.c.merged_into.is_not(None))
        .cte("goes", recursive=True)
    )
    between = person.alias("between")
    further = sa.select(goes.c.person_id, between.c.merged_into).join(between, between.c.person_id == goes.c.into_id)
    goes = goes.union(
        further.where(between.c.merged_into.is_not(None))
    )  # Not `union all`: in a circle that has no end.
    last = person.alias("last")
    return (
        sa.select(goes.c.person_id, goes.c.into_id, last.c.given_name, last.c.family_name)
        .outerjoin(last, last.c.person_id == goes.c.into_id)  # Also somebody of whom nothing has been heard yet.
        .where(last.c.merged_into.is_(None))
        .subquery("survivor")
    )
