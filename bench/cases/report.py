"""Reports over a million records: the main ones as they stand now and as of a past moment, each a statement of its own."""

from __future__ import annotations

import asyncio
import datetime as dt
import statistics
import time
from collections import Counter, defaultdict

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from bench.measuring import Figures, Measured, peak_mib
from bench.surroundings import Servers
from services.attendance import reporting
from services.attendance.counting import CAME, Asked, By, Figure

RECORDS = 1_000_000
SEATS = 40
MIDDLE = dt.datetime(2026, 7, 1, tzinfo=dt.UTC)
TIMES = 5

_FILL = (
    # Two days a session, forty people each, who all come for one town; one in a hundred records is said a second time, later.
    """create temp table told as select s, 'session-' || s session_id, timestamptz '2026-01-01' + s * interval '365 days' / {sessions} as begins
    from generate_series(1, {sessions}) s""",
    """insert into projection.session select 'bench', 1, true, 'e', begins, session_id, case when s % 2 = 0 then 'in_depth' else 'supplementary' end,
    1 + s % 2, 'topic-' || s % 12, 'town-' || s % 54, 'hall', null, jsonb_build_array(
    jsonb_build_object('meeting_id', 'day-1', 'starts_local', to_char(begins, 'YYYY-MM-DD"T"09:00:00'), 'ends_local', to_char(begins, 'YYYY-MM-DD"T"15:00:00'), 'zone', 'Europe/Warsaw'),
    jsonb_build_object('meeting_id', 'day-2', 'starts_local', to_char(begins + '1 day', 'YYYY-MM-DD"T"09:00:00'), 'ends_local', to_char(begins + '1 day', 'YYYY-MM-DD"T"15:00:00'), 'zone', 'Europe/Warsaw')),
    jsonb_build_array('trainer-' || s % 300), null, begins, begins + '30 hours', 'scheduled' from told""",
    "insert into projection.session_said select * from projection.session",
    """insert into projection.place select 'bench', 1, true, 'e', begins - interval '20 days', session_id, 'person-' || (s * 40 + n) % 20000,
    'town-' || (s * 40 + n) % 20000 % 54, 'enrolled', null, null, begins - interval '20 days' from told, generate_series(1, 40) n""",
    """insert into projection.place_said select source, version, numbered, event_id, heard_at, session_id, person_id, city_id, state, null, decided_at
    from projection.place""",
    """insert into projection.record select 'bench', 1, true, 'e' || s || n || d, begins + d * interval '1 day', session_id, 'day-' || d, 'person-' || (s * 40 + n) % 20000,
    case when (s + n) % 7 = 0 then 'absent' when (s + n) % 11 = 0 then 'late' else 'present' end, true, 'town-' || (s * 40 + n) % 20000 % 54, 'participant',
    case when (s + n) % 7 = 0 then 0 when (s + n) % 11 = 0 then 300 else 360 end, null, null, null, begins, begins, begins, 'scan', 'door-1',
    'urn:example:doors', 'scan-' || s || n || d, 'digest', null, null, null, null, null, null, false, begins from told, generate_series(1, 40) n, generate_series(1, 2) d""",
    "insert into projection.record_said select * from projection.record",
    """update projection.record set version = 2, state = 'present', heard_at = heard_at + interval '60 days' where state = 'absent' and minutes = 0
    and substr(event_id, length(event_id) - 2) < '15'""",
    "insert into projection.record_said select * from projection.record where version = 2",
    """insert into projection.person select 'bench', 1, true, 'e', timestamptz '2026-01-01', 'person-' || n, 'Zofia', 'Żółć', false, null
    from generate_series(0, 19999) n""",
    """insert into projection.town select 'bench', 1, true, 'e', timestamptz '2026-01-01', 'town-' || n, stage, 'Town', 'qualified'
    from generate_series(0, 53) n, generate_series(1, 2) stage where stage = 1 or n < 29""",
    "insert into projection.town_said select * from projection.town",
)


async def _fill(dsn: str, records: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in _FILL:
            await connection.execute(statement.format(sessions=max(1, records // (2 * SEATS))))
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()


async def _report(url: str, by: By, asked: Asked, records: int) -> Measured:
    engine = create_async_engine(url, connect_args={"server_settings": {"jit": "off"}})
    seconds = []
    for _ in range(TIMES):
        async with engine.connect() as connection:
            begun = time.perf_counter()
            report = await reporting.report(connection, by, asked)
            seconds.append(time.perf_counter() - begun)
    await engine.dispose()
    assert report.total.counts[Figure.PRESENT] > 0
    median = statistics.median(seconds)
    return Measured(records, median, 0.0, 0.0, more={"p50 ms": median * 1000})


async def _by_hand(dsn: str, records: int) -> Measured:
    """The report by town as one writes it first: all rows into the program, and counted there."""
    connection = await asyncpg.connect(dsn)
    begun, used = time.perf_counter(), time.process_time()
    counts: Counter[tuple[str, str]] = Counter()
    people: defaultdict[str, set[str]] = defaultdict(set)
    for row in await connection.fetch("select * from projection.record where role = 'participant'"):
        counts[row["city_id"], row["state"]] += 1
        if row["state"] in CAME:
            people[row["city_id"]].add(row["person_id"])
    seconds, cpu = time.perf_counter() - begun, time.process_time() - used
    await connection.close()
    assert sum(counts.values()) == records
    return Measured(records, seconds, cpu, peak_mib("self"), more={"p50 ms": seconds * 1000})


def run(servers: Servers, rounds: int, scale: float) -> list[Figures]:
    """Each report `rounds` times over the same records."""
    records = int(RECORDS * scale)
    place = servers.place(1, "attendance")
    asyncio.run(_fill(place.database, records))
    url = place.database.replace("postgresql://", "postgresql+asyncpg://")
    figures = []
    for by in By:
        for when, asked in (("now", Asked()), ("as of the middle", Asked(as_of=MIDDLE))):
            one = Figures(f"by {by}, {when}", f"{records:,} records", [], "p50 < 1,000 ms")
            for _ in range(rounds):
                before = servers.cpu_seconds()["postgres"]
                run = asyncio.run(_report(url, by, asked, records))
                run.postgres_cpu_seconds = (servers.cpu_seconds()["postgres"] - before) / TIMES
                one.runs.append(run)
            figures.append(one)
    counted = asyncio.run(_by_hand(place.database, records))
    return [*figures, Figures("by town, in Python", "all rows fetched and counted, once", [counted])]
