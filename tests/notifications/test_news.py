"""What something is heard about is found under every id that its people have had, and by indexes: it costs nothing of what was said to others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifications import differences
from services.notifications.kinds import KINDS, Subject
from services.notifications.ledger import told_after
from services.notifications.tables import ASKED, CONTACT, MESSAGE, PERSON, SESSION, TOLD
from shared.contracts.directory import ContactRegistered, PersonMerged, PersonRegistered
from shared.state.rows import Row
from tests.notifications.building import MATERIALS, NOW, asked, contact, message, notice, person, session
from tests.notifications.office import write_rows

LATER = NOW + dt.timedelta(hours=1)
OTHERS = 20_000


@pytest.mark.parametrize("kind", [PersonRegistered, ContactRegistered])
@pytest.mark.parametrize("heard_of", ["person-1", "person-2", "person-3"])
async def test_news_of_any_of_ones_ids_are_news_of_what_was_said_to_the_first(
    engine: AsyncEngine, kind: Any, heard_of: str
) -> None:
    """Also of the one in the middle: that it went on into another one is what brings the message to its reader."""
    table = differences.HEARD_IN[kind]
    ids: list[Row] = [
        replace(person("person-1"), merged_into="person-2"),
        replace(person("person-2"), merged_into="person-3"),
        person("person-3"),
        *map(contact, ("person-1", "person-2", "person-3")),
    ]
    async with engine.begin() as connection:
        await write_rows(connection, *ids, message("person-1"), asked(MATERIALS, recipient="person-1"))
        await connection.execute(sa.update(table).where(table.c.person_id == heard_of).values(heard_at=LATER))
        keys, _ = await differences.news(connection, frozenset({kind}), mark=LATER, now=NOW)
    assert {("person-3", "message-1"), ("person-3", "asked-1")} <= keys


async def test_a_merge_of_a_merged_id_is_news_to_nobody_else(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await write_rows(connection, *map(person, ("person-1", "person-2")), message("person-1"), message("person-2"))
        await write_rows(connection, replace(person("person-9"), merged_into="person-8", heard_at=LATER))
        assert await differences.news(connection, frozenset({PersonMerged}), mark=LATER, now=NOW) == (set(), {})


async def _fill(connection: AsyncConnection, table: sa.Table, **by_number: str) -> None:
    """As many more rows like the first one as an installation has after years."""
    values = [sa.literal_column(by_number.get(one.name, one.name)) for one in table.columns]
    others = sa.select(*values).select_from(table.join(sa.text(f"generate_series(2, {OTHERS}) n"), sa.true()))
    await connection.execute(sa.insert(table).from_select(list(table.c.keys()), others))


async def _planned(connection: AsyncConnection, statement: Any) -> str:
    """How Postgres would go about it."""
    caught: list[tuple[str, Sequence[Any]]] = []

    def _catch(connection: Any, cursor: Any, sql: str, parameters: Any, *_: Any) -> None:
        caught.append((sql, parameters))

    sa.event.listen(Engine, "before_cursor_execute", _catch)
    try:
        await connection.execute(statement, {"mark": LATER})
    finally:
        sa.event.remove(Engine, "before_cursor_execute", _catch)
    ((sql, parameters),) = caught
    raw = await connection.get_raw_connection()
    rows = await raw.driver_connection.fetch(f"explain {sql}", *parameters)  # type: ignore[union-attr]
    return "\n".join(row[0] for row in rows)


async def test_of_what_was_said_to_others_nothing_is_read(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        await write_rows(connection, person("person-1"), contact("person-1"), session(), message("person-1"))
        await write_rows(connection, asked(MATERIALS, recipient="person-1"))
        await write_rows(connection, told_after(None, notice()))
        await _fill(connection, TOLD, recipient="'person-' || n")
        for table in (PERSON, CONTACT):
            await _fill(connection, table, person_id="'person-' || n")
        await _fill(connection, MESSAGE, recipient="'person-' || n", message_id="'message-' || n % 50")
        of_many = {"asked_id": "'asked-' || n", "session_id": "'session-' || n % 300"}
        await _fill(connection, ASKED, recipient="'person-' || n", **of_many)
        await _fill(connection, SESSION, session_id="'session-' || n")
        await write_rows(connection, replace(person("person-0"), merged_into="person-1"))
        for table in (PERSON, CONTACT, MESSAGE, ASKED, SESSION, TOLD):
            await connection.execute(sa.text(f"analyze projection.{table.name}"))
        for subject in (Subject.MESSAGE, Subject.TASK, Subject.FORMER):
            for heard, news in KINDS[subject].scope.news.items():
                plan = await _planned(connection, news)
                is_read = [name for name in ("message", "asked", "told") if f"Seq Scan on {name} " in plan]
                assert is_read == [], (subject, heard, plan)
