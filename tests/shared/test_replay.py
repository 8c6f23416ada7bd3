"""What a rebuild reads of the journal."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.enrolment.app import SERVICE
from shared.contracts.enrolment import EnrolmentRefused
from shared.events.envelope import key_of, subject_of
from shared.outbox.journal import JOURNAL, Entry
from shared.rebuilding.replay import Replay
from shared.state.rows import mapping
from shared.testing import NOON, body_of


async def test_what_a_newer_release_said_of_a_kind_that_this_one_does_not_know_is_passed_over(
    engine: AsyncEngine,
) -> None:
    body = body_of(EnrolmentRefused)
    about = (key_of(body).decode(), EnrolmentRefused.type_name(), subject_of(body))
    said = (1, NOON, None, None, body.model_dump_json())
    known = Entry("a", "enrolment.events", *about, *said)
    newer = Entry("b", "enrolment.events", "k", "rollcall.EnrolmentRefused.v9", "k", 1, NOON, None, None, "{}")
    async with engine.begin() as connection:
        for entry in (known, newer):
            await connection.execute(sa.insert(JOURNAL).values(**mapping(entry)))
    settings: Any = None
    replay = Replay(engine, engine, SERVICE, settings, lambda _number: None)
    read = [one.event_id async for events in replay._from_journal() for one in events]
    assert read == ["a"]
