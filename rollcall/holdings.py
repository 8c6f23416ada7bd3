"""Everything that the services hold, as one number and one hash a table: what must not change when everything is said again."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from rollcall.connection import Connection, database
from rollcall.preparing import installed_services

_MOVES_ON = {"watermark"}
"""It says how far the streams were heard, and they are longer the second time."""

_TABLES = sa.text(
    "select table_schema, table_name from information_schema.tables where table_schema in ('projection', 'kept') order by 1, 2"
)


async def holdings(folder: Path, found: Connection, client: httpx.AsyncClient) -> dict[str, str]:
    """`rows:hash` by service and table, and how many mails the inbox took."""
    parts = await asyncio.gather(*(_tables(name, database(folder, name)) for name in installed_services()))
    held = {name: rows for part in parts for name, rows in part.items()}
    if found.inbox is not None:
        held["mails"] = str((await client.get(f"{found.inbox}/api/v1/summary")).raise_for_status().json()["accepted"])
    return held


async def _tables(service: str, url: str) -> dict[str, str]:
    engine = create_async_engine(url, hide_parameters=True)
    held: dict[str, str] = {}
    try:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="REPEATABLE READ")
            for schema, name in (await connection.execute(_TABLES)).all():
                if name in _MOVES_ON:
                    continue
                table = sa.table(name, schema=schema)
                line = sa.func.md5(sa.cast(sa.literal_column(f'"{name}"'), sa.Text))
                rows = sa.select(line.label("line")).select_from(table).subquery()
                whole = sa.func.md5(sa.func.string_agg(rows.c.line, sa.literal_column("'' order by line")))
                count, digest = (await connection.execute(sa.select(sa.func.count(), whole).select_from(rows))).one()
                held[f"{service}.{schema}.{name}"] = f"{count}:{digest}"
    finally:
        await engine.dispose()
    return held
