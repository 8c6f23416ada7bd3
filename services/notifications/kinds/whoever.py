"""To whom something goes that was said to somebody: to whoever that turned out to be, once, under whichever id they were told it.

A notice that was planned under a former id is found here as well: who takes it sees that it is nobody's any more, and closes it.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import distinct_on

from services.notifications.kinds.sessions import is_news
from services.notifications.tables import CONTACT, PERSON, TOLD, is_told
from shared.postgres.merged import paths_of, survivors_of

_before, _since = paths_of(PERSON).alias("had_before"), paths_of(PERSON).alias("had_since")
_former, _has_had = paths_of(PERSON).alias("former_id"), paths_of(PERSON).alias("has_had_another")


@dataclass(frozen=True)
class AsKnown:
    """The columns of what was told, as a table has them."""

    c: Any


def ids_of(
    table: sa.Table, name: str, whose: str = "recipient", *, newest: Sequence[str] = (), last_word: bool = False
) -> sa.Subquery:
    """Every id that the recipient of a row (`whose`) has had since (`person_id`), once for each of what the rows are about (`name`). `newest`:
    where rows of several of one's ids are about the same, that which has more of these stands for all; a row of the very id before all of
    them, unless each is a word of its own (`last_word`): then it does not count where another id has a newer one."""
    its, also, goes = table.alias(f"its_{table.name}"), table.alias(f"also_{table.name}"), paths_of(PERSON)
    is_of_same = also.c[name] == its.c[name]
    is_named_too = sa.exists().where(is_of_same, also.c[whose] == goes.c.into_id)
    themselves = sa.select(its.c[name], its.c[whose].label("recipient"), its.c[whose].label("person_id"))
    if last_word:
        moments = [sa.tuple_(*(of.c[one] for one in newest)) for of in (its, also)]
        is_named_too = is_named_too.where(moments[1] >= moments[0])
        came = goes.alias(f"came_{table.name}")
        is_overtaken = sa.exists().where(is_of_same, also.c[whose] == came.c.person_id, moments[1] > moments[0])
        themselves = themselves.where(~is_overtaken.where(came.c.into_id == its.c[whose]))
    became = (
        sa.select(its.c[name], its.c[whose].label("recipient"), goes.c.into_id)
        .ext(distinct_on(its.c[name], goes.c.into_id))
        .join(goes, goes.c.person_id == its.c[whose])
        .where(~is_named_too)
        .order_by(its.c[name], goes.c.into_id, *(its.c[one].desc() for one in newest), its.c[whose])
        .subquery(f"became_{table.name}")
    )
    return sa.union_all(themselves, sa.select(became)).subquery(f"to_{table.name}")


def with_ids(table: sa.Table, name: str, ids: sa.Subquery, whose: str = "recipient") -> sa.Join:
    is_its = sa.and_(ids.c[name] == table.c[name], ids.c.recipient == table.c[whose])
    return sa.join(table, ids, is_its)


def under_every_id(
    said: sa.Select[Any], recipient: sa.ColumnElement[str], key: sa.ColumnElement[Any]
) -> sa.Select[Any]:
    """(recipient, key) of what was said, under every id that the recipient has had since. Looked up row by row: `ids_of` is of all that was ever
    said, and a look at the news is not to grow with that."""
    became = said.with_only_columns(_since.c.into_id, key).join(_since, _since.c.person_id == recipient)
    return sa.select(sa.union_all(said.with_only_columns(recipient, key), became).subquery("said_to"))


def news_of_ids(table: sa.Table, name: str, whose: str = "recipient") -> dict[sa.Table, sa.Select[Any]]:
    """What was said to whoever something is heard of, also under an id between the first that they had and the last."""
    return {heard: under_every_id(*_said_to(heard, table, name, whose)) for heard in (CONTACT, PERSON)}


def _said_to(heard: sa.Table, table: sa.Table, name: str, whose: str) -> tuple[sa.Select[Any], Any, Any]:
    of, its = heard.alias("heard_of"), table.alias(f"its_{table.name}")
    former = sa.select(_before.c.person_id).join(of, of.c.person_id == _before.c.into_id)
    ids = sa.union(sa.select(of.c.person_id).where(is_news(of)), former.where(is_news(of))).subquery("ids_of_theirs")
    return sa.select(its).join(ids, ids.c.person_id == its.c[whose]), its.c[whose], its.c[name]


def is_for(ids: sa.Subquery, about: sa.ColumnElement[str], content: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether it is to be told under this id: it is the one that stays, and none of the human's others was told."""
    is_former = survivors_of(PERSON).alias("is_former")
    former, told = survivors_of(PERSON).alias("is_of_theirs"), TOLD.alias("told_before")
    stays = ~sa.exists().where(is_former.c.person_id == ids.c.person_id)
    was_told = (
        sa.exists()
        .where(is_told(told, former.c.person_id, about), told.c.content == content)
        .where(former.c.into_id == ids.c.person_id)
    )
    return sa.and_(stays, ~was_told)


def told_to_former(
    person_id: sa.ColumnElement[str],
    about: sa.ColumnElement[str],
    *only_if: sa.ColumnElement[bool],
    name: str = "told_to_former",
) -> Any:
    """What somebody was told last under an id that has gone into theirs. `only_if`: of whom it is asked. It is looked for only of those who
    have had another one, for these are few."""
    told = TOLD.alias("told_formerly")
    return (
        sa.select(told)
        .select_from(_former.join(told, is_told(told, _former.c.person_id, about)))
        .where(_former.c.into_id == person_id, told.c.told_at.is_not(None), *only_if)
        .where(person_id.in_(sa.select(_has_had.c.into_id)))
        .order_by(told.c.told_at.desc(), told.c.recipient.collate("C"))
        .limit(1)
        .correlate_except(_former, told)
        .lateral(name)
    )


def as_known(own: Any, before: Any) -> AsKnown:
    """What a human was told of another matter: under this id (`own`), or where nothing was, what `told_to_former` found (`before`)."""
    is_of_before = before.c.recipient.is_not(None)
    known = {column.name: sa.case((is_of_before, before.c[column.name]), else_=column) for column in own.c}
    return AsKnown(namedtuple("Columns", known)(**known))  # By their names, and in their order.
