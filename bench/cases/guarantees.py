"""What a guarantee costs: the same work with one of them switched off at a time, in CPU. The tables that come of it are not looked at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from bench import people, work
from bench.cases import deciding
from bench.cases.facts import SERVICE as ATTENDANCE
from bench.cases.facts import projector_of
from bench.measuring import Contender, Figures, Measured, measure
from bench.surroundings import Place, Servers, empty, fill
from services.enrolment.app import SERVICE as ENROLMENT
from shared.deciding import facts
from shared.deciding.facts import FactWriter
from shared.events.envelope import Heard
from shared.outbox import journal
from shared.postgres.database import values_of

_clean, _as_it_comes = projector_of(ATTENDANCE, people.STREAM), projector_of(ENROLMENT, work.STREAM)


async def _no_watermark(place: Place) -> Measured:
    """Nothing is locked, compared or moved; what was heard is known in memory alone."""
    write = FactWriter._write_all

    async def unmarked(self: FactWriter, connection: Any, moves: Any, fold: Any) -> Any:
        return await write(self, connection, (), fold)

    with patch.object(FactWriter, "_write_all", unmarked):
        return await projector_of(ATTENDANCE, people.STREAM, watch_seconds=3600)(place)


def _over_whatever_stands(table: sa.Table, new: Any, condition: Any) -> Any:
    statement = insert(table).from_select(table.c.keys(), sa.select(*values_of(table, new)).where(condition))
    key = [column.name for column in table.primary_key]
    rest = {name: statement.excluded[name] for name in table.c.keys() if name not in key}
    return statement.on_conflict_do_update(index_elements=key, set_=rest)


async def _no_version_guard(place: Place) -> Measured:
    """What comes last to the database stands."""
    with patch.object(facts, "upsert_newest", _over_whatever_stands):
        return await _clean(place)


def _nothing_strange(table: sa.Table) -> Any:
    return sa.select(sa.literal(1)).where(sa.false())


async def _no_writer_check(place: Place) -> Measured:
    """Nobody looks whose the aggregate is, how it was numbered, and whether something else was said under the same id."""
    with (
        patch.object(facts, "_strange_of", _nothing_strange),
        patch.object(facts, "_strange_superseded_of", _nothing_strange),
    ):
        return await _clean(place)


async def _no_parking(place: Place) -> Measured:
    """What cannot be read is forgotten."""
    hear = FactWriter.hear

    async def hear_what_is_sound(self: FactWriter, batches: Any, decoded: Sequence[Sequence[Any]]) -> None:
        await hear(self, batches, [[one for one in part if isinstance(one, Heard)] for part in decoded])

    with patch.object(FactWriter, "hear", hear_what_is_sound):
        return await _as_it_comes(place)


async def _no_journal(place: Place) -> Measured:
    """What is decided makes rows, and is told to nobody."""
    with patch.object(journal, "enter", lambda writes, said: None):
        return await deciding.attendance(place)


CONTENDERS: dict[str, Contender] = {
    "clean facts": _clean,
    "… without watermarks": _no_watermark,
    "… without the version guard": _no_version_guard,
    "… without the writer check": _no_writer_check,
    "work as it comes": _as_it_comes,
    "… without parking": _no_parking,
    "scans": deciding.attendance,
    "… without journal, outbox and relay": _no_journal,
}
_DECIDING = ("scans", "… without journal, outbox and relay")


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """All by turns, round by round."""
    events, scans = int(200_000 * scale), int(30_000 * scale)
    asyncio.run(fill(servers.kafka.bootstrap, people.messages(events)))
    asyncio.run(fill(servers.kafka.bootstrap, work.messages(events)))
    figures = {name: Figures(name, (made.__doc__ or "").strip(), []) for name, made in CONTENDERS.items()}
    for _ in range(rounds):
        for name, one in figures.items():
            place = servers.place(
                scans if name in _DECIDING else events,
                "enrolment" if CONTENDERS[name] in _OF_ENROLMENT else "attendance",
            )
            if name in _DECIDING:
                streams = (deciding.OWN, deciding.SCANS, "programme.sessions", "enrolment.events")
                asyncio.run(empty(servers.kafka.bootstrap, *streams))
            measured = measure(servers, "guarantees", name, place)
            measured.more = {
                "CPU µs": measured.cpu_seconds / place.events * 1e6,
                "Postgres µs": measured.postgres_cpu_seconds / place.events * 1e6,
            }
            one.runs.append(measured)
    return list(figures.values())


_OF_ENROLMENT = (_as_it_comes, _no_parking)
