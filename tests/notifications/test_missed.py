"""What the lists of a session say of somebody: read by SQL alone, of this session and this person, and of all its days."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import tables
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.missed import QUIET, Missed
from shared.contracts.attendance import Presence, Role
from shared.contracts.certificates import CertificateEnds
from shared.state.rows import Row
from tests.notifications.building import NOW, certified, meeting, meeting_list, place, record, session
from tests.notifications.office import write_rows
from tests.notifications.test_kinds import judged

FIRST, SECOND = (
    meeting("2026-11-18T09:00", "2026-11-18T15:00"),
    meeting("2026-11-19T09:00", "2026-11-19T15:00", "day-2"),
)
CLOSED, CLOSED_TOO = meeting_list(), replace(meeting_list(), meeting_id="day-2")
OTHERS = {"session_id": "session-2"}


async def said_of_them(engine: AsyncEngine, *rows: Row) -> Missed:
    """Of person-1 in session-1, which lasts two days."""
    of_others = (session(FIRST, **OTHERS), place(**OTHERS))
    async with engine.connect() as connection:
        await tables.ensure_key(connection)
        await write_rows(connection, session(FIRST, SECOND), place(), *of_others, *rows)
        found = [one["truth"].matter for one in await judged(connection, KINDS[Subject.MISSED])]
    (its,) = [one for one in found if one.facts.session.session_id == "session-1"]
    assert isinstance(its, Missed)
    return its


@pytest.mark.parametrize(
    ("lists", "are_closed"),
    [
        ((), False),
        ((CLOSED,), False),
        ((CLOSED, CLOSED_TOO), True),
        ((CLOSED, replace(CLOSED_TOO, is_open=True)), False),
        ((replace(CLOSED, **OTHERS), replace(CLOSED_TOO, **OTHERS)), False),
        ((CLOSED, replace(CLOSED_TOO, **OTHERS)), False),
    ],
)
async def test_the_lists_are_closed_if_that_of_each_day_of_this_session_is(
    engine: AsyncEngine, lists: tuple[Row, ...], are_closed: bool
) -> None:
    assert (await said_of_them(engine, *lists)).lists_are_closed is are_closed


def second(state: Presence, **changes: Any) -> Row:
    return record(state, meeting_id="day-2", **changes)


@pytest.mark.parametrize(
    ("records", "is_absent"),
    [
        ((), False),
        ((record(),), True),
        ((record(), second(Presence.ABSENT)), True),
        ((record(), second(Presence.PRESENT)), False),
        ((record(), second(Presence.EXCUSED)), False),
        ((record(), second(Presence.PRESENT, person_id="person-2")), True),
        ((record(), second(Presence.PRESENT, **OTHERS)), True),
        ((record(**OTHERS),), False),
        ((record(with_place=False),), False),
        ((record(role=Role.TRAINER),), False),
    ],
)
async def test_absent_is_who_is_marked_so_on_some_day_and_neither_came_nor_is_excused_on_any(
    engine: AsyncEngine, records: tuple[Row, ...], is_absent: bool
) -> None:
    assert (await said_of_them(engine, *records)).is_absent is is_absent


@pytest.mark.parametrize(
    ("heard_at", "are_quiet"), [(NOW - QUIET, True), (NOW - QUIET + dt.timedelta(seconds=1), False)]
)
async def test_lists_are_quiet_once_nothing_was_heard_of_any_of_them_for_a_while(
    engine: AsyncEngine, heard_at: dt.datetime, are_quiet: bool
) -> None:
    of_others = replace(meeting_list(heard_at=NOW), **OTHERS)
    lists = (CLOSED, replace(CLOSED_TOO, heard_at=heard_at), of_others)
    assert (await said_of_them(engine, *lists)).lists_are_quiet is are_quiet


@pytest.mark.parametrize(
    ("its", "is_certified"),
    [
        (certified(), True),
        (certified(ended=CertificateEnds.NOT_EARNED), False),
        (certified(person_id="person-2"), False),
        (certified(**OTHERS), False),
    ],
)
async def test_certified_is_who_has_a_certificate_of_this_session_that_is_valid(
    engine: AsyncEngine, its: Row, is_certified: bool
) -> None:
    assert (await said_of_them(engine, its)).is_certified is is_certified
