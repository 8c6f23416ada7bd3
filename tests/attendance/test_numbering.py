"""Certificates are numbered without gaps and never twice, whoever decides at the same moment; on a real database."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from collections.abc import AsyncIterator

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.attendance.app import service_of
from services.attendance.certificates import Certificate, Series
from services.attendance.lists import LIST
from services.attendance.store import CERTIFICATE, SERIES
from services.attendance.subjects import list_subject
from shared.contracts.attendance import ParticipantAbsent, ParticipantAttended
from shared.contracts.certificates import CertificateIssued
from shared.deciding.transaction import Decider
from shared.events.envelope import Heard
from shared.outbox.journal import JOURNAL
from shared.postgres.database import rows_as
from shared.state.working import Due
from tests.attendance.building import ARCHIVE, BEFORE, CLOSES, DURING, LATER, RULES, heard, scheduled

pytestmark = pytest.mark.long

PEOPLE = 3
SESSIONS = [f"session-{number:02}" for number in range(16)]


@pytest.fixture
async def replicas(url: str) -> AsyncIterator[list[Decider]]:
    """Two processes of the service, as far as the database can tell."""
    engines = [create_async_engine(url, pool_size=10) for _ in range(2)]
    service = dataclasses.replace(service_of(RULES), clock=lambda: LATER)
    yield [Decider(engine, service) for engine in engines]
    for engine in engines:
        await engine.dispose()


def was_there(session_id: str, person: str, minutes: int = 360) -> Heard:  # type: ignore[type-arg]
    body = ParticipantAttended(
        session_id=session_id,
        meeting_id="day-1",
        person_id=person,
        minutes=minutes,
        decided_at=DURING,
        scanned_at=DURING,
    )
    return heard(body, at=DURING, source=ARCHIVE)


def closing(session_id: str) -> Due:
    return Due(LIST, list_subject(session_id, "day-1"), CLOSES)


async def ready_to_close(decider: Decider, sessions: list[str] = SESSIONS) -> None:
    for session_id in sessions:
        came = [was_there(session_id, f"{session_id}-{number}") for number in range(PEOPLE)]
        await decider.act([scheduled(session_id=session_id, at=BEFORE), *came])


async def certificates(engine: AsyncEngine) -> list[Certificate]:
    async with engine.connect() as connection:
        rows = await connection.execute(sa.select(CERTIFICATE).order_by(CERTIFICATE.c.series, CERTIFICATE.c.serial))
        return rows_as(Certificate, rows)


async def issued(engine: AsyncEngine) -> list[str]:
    """The numbers that were ever said."""
    async with engine.connect() as connection:
        said = sa.select(JOURNAL.c.subject).where(JOURNAL.c.type == CertificateIssued.type_name())
        return sorted(subject.removeprefix("certificate/") for subject in (await connection.execute(said)).scalars())


async def test_lists_that_close_at_the_same_moment_number_without_gap_or_double(replicas: list[Decider]) -> None:
    await ready_to_close(replicas[0])

    await asyncio.gather(
        *(replicas[number % 2].act([closing(session_id)]) for number, session_id in enumerate(SESSIONS))
    )

    expected = [f"RC-2026-{number:04}" for number in range(1, PEOPLE * len(SESSIONS) + 1)]
    found = await certificates(replicas[0].engine)
    assert [one.number for one in found] == expected
    assert len({one.person_id for one in found}) == len(expected)
    assert len({one.code for one in found}) == len(expected)
    assert await issued(replicas[0].engine) == expected


async def test_what_is_rolled_back_leaves_no_gap(replicas: list[Decider]) -> None:
    decider = replicas[0]
    await ready_to_close(decider, SESSIONS[:2])
    inputs = [closing(SESSIONS[0])]
    async with decider.engine.connect() as connection:
        await decider.service.lock(connection, inputs)
        working = await decider.think(connection, inputs)
        assert sum(isinstance(one.body, CertificateIssued) for one in working.said) == PEOPLE
        await connection.rollback()
    assert await certificates(decider.engine) == []

    for session_id in SESSIONS[:2]:
        await decider.act([closing(session_id)])
    assert await issued(decider.engine) == [f"RC-2026-{number:04}" for number in range(1, 2 * PEOPLE + 1)]


async def test_an_import_that_is_heard_while_lists_close_is_never_numbered_over(replicas: list[Decider]) -> None:
    await ready_to_close(replicas[0])
    body = CertificateIssued(
        number="RC-2026-0500",
        series="RC-2026",
        serial=500,
        session_id="session-old",
        person_id="somebody",
        minutes=360,
        issued_on=dt.date(2026, 3, 1),
        decided_at=BEFORE,
    )
    imported = heard(body, at=BEFORE, source=ARCHIVE)

    closings = [replicas[number % 2].act([closing(session_id)]) for number, session_id in enumerate(SESSIONS[:-1])]
    await asyncio.gather(*closings, replicas[1].act([imported]))
    await replicas[0].act([closing(SESSIONS[-1])])

    found = await certificates(replicas[0].engine)
    ours = [one.serial for one in found if one.source != ARCHIVE]
    below, above = [one for one in ours if one < 500], [one for one in ours if one > 500]
    assert len(ours) == PEOPLE * len(SESSIONS)
    assert below == list(range(1, len(below) + 1))
    assert above == list(range(501, 501 + len(above)))
    assert len(above) >= PEOPLE  # At least of the list that closed after it.
    async with replicas[0].engine.connect() as connection:
        series = rows_as(Series, await connection.execute(sa.select(SERIES)))
    assert series == [Series("RC-2026", max(ours))]


async def test_a_correction_after_the_certificate_supersedes_it_and_both_name_the_other(
    replicas: list[Decider],
) -> None:
    decider, session_id = replicas[0], SESSIONS[0]
    await ready_to_close(decider, [session_id])
    await decider.act([closing(session_id)])

    await decider.act([was_there(session_id, f"{session_id}-0", 300)])
    gone = ParticipantAbsent(session_id=session_id, meeting_id="day-1", person_id=f"{session_id}-1", decided_at=LATER)
    await decider.act([heard(gone, at=LATER, source=ARCHIVE)])

    found = {one.number: one for one in await certificates(decider.engine)}
    assert (found["RC-2026-0001"].superseded_by, found["RC-2026-0004"].supersedes) == ("RC-2026-0004", "RC-2026-0001")
    assert (found["RC-2026-0002"].is_valid, found["RC-2026-0002"].superseded_by) == (False, None)
    assert found["RC-2026-0003"].is_valid
    assert len(found) == 4


async def test_a_correction_in_another_year_ends_the_certificate_of_this_one(replicas: list[Decider]) -> None:
    decider, session_id = replicas[0], SESSIONS[0]
    await ready_to_close(decider, [session_id])
    await decider.act([closing(session_id)])

    next_year = dataclasses.replace(decider.service, clock=lambda: LATER + dt.timedelta(days=366))
    await Decider(decider.engine, next_year).act([was_there(session_id, f"{session_id}-0", 300)])

    found = {one.number: one for one in await certificates(decider.engine)}
    assert (found["RC-2026-0001"].superseded_by, found["RC-2027-0001"].supersedes) == ("RC-2027-0001", "RC-2026-0001")
