"""Facts about people, one in ten of them a newer, an older or the same version again; and which rows must come of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import asyncpg

from bench.surroundings import Place
from services.notifications.app import SERVICE
from shared.contracts.directory import PersonRegistered
from shared.testing import Message, message

STREAM = "programme.people"
KEEPING = replace(
    SERVICE,
    facts=(*SERVICE.facts, STREAM),
    decisions=tuple(name for name in SERVICE.decisions if name != STREAM),
    react={kind: react for kind, react in SERVICE.react.items() if kind.stream != STREAM},
    touches=tuple(kind for kind in SERVICE.touches if kind.stream != STREAM),
)
"""Notifications, but for what it does about people beside keeping them: whoever becomes known wakes mails that were asked for."""
SOURCE = "urn:example:directory"
GIVEN = ("Łucja", "Jan", "Zofia", "Stanisław", "Żaneta", "Michał")
FAMILY = ("Wiśniewska", "Kowalski", "Zając", "Dąbrowska", "Źrebiec")

Row = tuple[int, str, str]
"""(version, given name, family name)"""


def facts(events: int) -> Iterator[tuple[str, int, str, str, int]]:
    """(person, version, given name, family name, which fact it is), in the order of publishing."""
    for n in range(events):
        again = n % 10 == 9
        person = n - 7 if again else n  # The one again: seven facts after the first.
        kind = (n // 10) % 3
        version = (2, 1, 1)[kind] if again else (1, 1, 2)[((n + 7) // 10) % 3] if n % 10 == 2 else 1
        same = again and kind == 1
        told = person if same else n
        yield f"person-{person:07}", version, GIVEN[told % len(GIVEN)], FAMILY[told % len(FAMILY)], told


def messages(events: int) -> Iterator[Message]:
    at = dt.datetime.now(dt.UTC) - dt.timedelta(seconds=1)
    for person_id, version, given, family, told in facts(events):
        body = PersonRegistered(person_id=person_id, given_name=given, family_name=family)
        yield message(body, source=SOURCE, event_id=f"fact-{told}", version=version, at=at)


def expected(events: int) -> dict[str, Row]:
    """The oracle: the newest version of each person, computed from the facts alone."""
    newest: dict[str, Row] = {}
    for person_id, version, given, family, _ in facts(events):
        old = newest.get(person_id)
        if old is None or version > old[0]:
            newest[person_id] = version, given, family
    return newest


async def check(place: Place) -> None:
    """The contender's table must be the oracle's, row for row."""
    connection = await asyncpg.connect(place.database)
    try:
        found = {
            row[0]: (row[1], row[2], row[3])
            for row in await connection.fetch(
                "select person_id, version, given_name, family_name from projection.person"
            )
        }
    finally:
        await connection.close()
    wanted = expected(place.events)
    wrong = [key for key in wanted.keys() | found.keys() if wanted.get(key) != found.get(key)]
    if wrong:
        raise AssertionError(f"{len(wrong)} of {len(wanted)} rows are wrong, such as {wrong[0]}: "
                             f"{found.get(wrong[0])} instead of {wanted.get(wrong[0])}")  # fmt: skip
