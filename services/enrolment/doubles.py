"""Which people may be one human entered twice: the same name, however it is written, in the team of the same town. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from shared.alphabet import folded
from shared.values import immutable


@immutable
class Entered:
    """One person in the team of one town, as the directory has them."""

    city_id: str
    person_id: str
    given_name: str
    family_name: str


def as_spoken(given_name: str, family_name: str) -> tuple[str, ...]:
    """A name without what two clerks write differently: accents, capitals, hyphens, and which of the names comes first."""
    letters = (letter if letter.isalnum() else " " for letter in folded(f"{given_name} {family_name}"))
    return tuple(sorted("".join(letters).split()))


def likely_doubles(people: Iterable[Entered]) -> list[tuple[Entered, ...]]:
    """Those of one town who are called the same, by town and name; whoever is in its team twice is one of them once."""
    found: dict[tuple[str, tuple[str, ...]], dict[str, Entered]] = {}
    for one in people:
        found.setdefault((one.city_id, as_spoken(one.given_name, one.family_name)), {})[one.person_id] = one
    return [tuple(same[person_id] for person_id in sorted(same)) for _, same in sorted(found.items()) if len(same) > 1]
