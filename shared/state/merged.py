"""Who somebody turned out to be, as every service that decides about people keeps it. Reads loaded rows; decides nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import ClassVar

from shared.state.rows import Row
from shared.state.working import Working, worked_out_of
from shared.values import immutable


@immutable
class Merged(Row):
    """An id that has gone into another one. All of them are loaded with every decision: people are merged seldom."""

    KEY: ClassVar = ("person_id",)

    person_id: str
    into_id: str
    heard_at: dt.datetime


def survivor(working: Working, person_id: str) -> str:
    """Who somebody turned out to be; themselves, if nobody has said anything else.

    Of ids that went into one another in a circle, the one of which that was said last: that word is void, whichever was heard first.
    """
    merged = working[Merged]
    row = merged.get(person_id)
    if row is None:  # Nearly everybody.
        return person_id
    path: list[Merged] = []
    while row is not None and row not in path:
        path.append(row)
        row = merged.get(row.into_id)
    if row is None:
        return path[-1].into_id
    return max(path[path.index(row) :], key=lambda one: (one.heard_at, one.person_id)).person_id


def ids_of(working: Working, person_id: str) -> list[str]:
    """All ids of one human, the surviving one first."""
    if person_id not in of_several(working):  # Nearly everybody.
        return [person_id]
    merged = working[Merged]
    found = [survivor(working, person_id)]
    for one in found:
        if became := merged.where("into_id", one):
            found += sorted(row.person_id for row in became if row.person_id not in found)
    return found


@worked_out_of(Merged)
def of_several(working: Working) -> frozenset[str]:
    """The ids of all those who have several."""
    return frozenset(one for row in working[Merged].all() for one in (row.person_id, row.into_id))


def all_of_one(merged: Iterable[tuple[str, str]], people: Iterable[str]) -> set[str]:
    """These people with everybody who went into them, or into whom they went, however far: nobody knows yet who stays. `merged`: who
    goes, and into whom."""
    pairs = list(merged)
    found, left = set[str](), set(people)
    while left:
        found |= left
        left = {other for pair in pairs for other in pair if found.intersection(pair)} - found
    return found


def follow_merge(working: Working, person_id: str, into_id: str | None, heard_at: dt.datetime) -> None:
    """Who has gone into somebody else, until something else is said of them."""
    if into_id is not None:
        working[Merged].put(Merged(person_id, into_id, heard_at))
    else:
        working[Merged].remove(person_id)
