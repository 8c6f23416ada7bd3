"""What is read of a session's papers: its files, what is recorded, and what was ever said of it. SQL that changes nothing."""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.attendance.files import File
from services.attendance.history import words_of
from services.attendance.state import Record, RecordSaid
from services.attendance.store import FILE, RECORD, RECORD_SAID
from shared.postgres.database import rows_as

MOST_FILES = 1_000
MOST_SAID = 100_000


async def files_of(connection: AsyncConnection, session_id: str, *, after: str = "", limit: int) -> list[File]:
    """By their hashes, also those that were taken away."""
    its = sa.select(FILE).where(FILE.c.session_id == session_id, FILE.c.sha256 > after)
    return rows_as(File, await connection.execute(its.order_by(FILE.c.sha256).limit(limit)))


async def file(connection: AsyncConnection, session_id: str, sha256: str) -> File | None:
    its = sa.select(FILE).where(FILE.c.session_id == session_id, FILE.c.sha256 == sha256)
    found = rows_as(File, await connection.execute(its))
    return found[0] if found else None


async def said_of(connection: AsyncConnection, session_id: str) -> list[RecordSaid]:
    """All that was ever said of anybody in the session, by meeting and person, the oldest first."""
    its = {"session_id": session_id}
    stands = rows_as(
        Record, await connection.execute(sa.select(RECORD).filter_by(**its))
    )  # First: no word falls between.
    kept = rows_as(RecordSaid, await connection.execute(sa.select(RECORD_SAID).filter_by(**its).limit(MOST_SAID)))
    records = {(one.meeting_id, one.person_id): one for one in stands}
    before: dict[tuple[str, str], list[RecordSaid]] = defaultdict(list)
    for one in kept:
        before[one.meeting_id, one.person_id].append(one)
    whose = sorted(records.keys() | before.keys())
    return [one for key in whose for one in words_of(records.get(key), before[key])]
