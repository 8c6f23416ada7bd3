"""Notifications over HTTP: what an operator found out about a mail in doubt."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications.api import app_of
from services.notifications.ledger import OUTCOME_UNKNOWN, Notice, OpenNotice, Told
from services.notifications.settings import NotificationsSettings
from shared.contracts.notifications import NoticeFailed
from shared.deciding.thinking import to_write
from shared.outbox.journal import JOURNAL
from shared.process.runtime import Runtime
from shared.state.rows import EVERY_ROW
from shared.testing import body_of
from shared.web import tokens
from tests.notifications.building import NOW
from tests.notifications.office import SERVICE

NOTICE = f"/api/v1/notices/{NoticeFailed.example['notice_id']}"


@pytest.fixture
async def operator(engine: AsyncEngine, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """Asks a service that has one notice of which nobody knows whether it left."""
    text, row = tokens.new_token("operator", ("read", "operate"), now=NOW)
    async with engine.begin() as connection:
        await tokens.store(connection, row)
        working = SERVICE.working(NOW)
        for kind in (Notice, Told, OpenNotice):
            working[kind].loaded([], EVERY_ROW)  # There is none yet.
        working.say(body_of(NoticeFailed, code=OUTCOME_UNKNOWN, decided_at=NOW))
        await to_write(SERVICE, working).run(connection)
    settings = NotificationsSettings(kafka="127.0.0.1:9", database_url=SecretStr(database_url))
    runtime = Runtime(SERVICE, settings)
    runtime.own_heard.set()
    transport = httpx.ASGITransport(app=app_of(runtime))
    headers = {"Authorization": f"Bearer {text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://notifications", headers=headers) as client:
        yield client
    await runtime.engine.dispose()


@pytest.mark.parametrize(("found", "state"), [("sent", "sent"), ("not_sent", "failed")])
async def test_what_an_operator_found_out_may_be_said_twice_and_is_stated_once(
    operator: httpx.AsyncClient, engine: AsyncEngine, found: str, state: str
) -> None:
    assert (await operator.get(NOTICE)).json()["state"] == "unknown"

    first = await operator.post(f"{NOTICE}/settle", json={"as": found})
    again = await operator.post(f"{NOTICE}/settle", json={"as": found})

    assert (first.status_code, first.json()["state"]) == (200, state)
    assert (again.status_code, again.json()) == (200, first.json())
    async with engine.connect() as connection:
        stated = sa.select(sa.func.count()).select_from(JOURNAL)
        assert (await connection.execute(stated)).scalar_one() == 2, "the doubt, and what ended it"


async def test_a_notice_that_was_sent_cannot_be_unsent(operator: httpx.AsyncClient) -> None:
    await operator.post(f"{NOTICE}/settle", json={"as": "sent"})
    refused = await operator.post(f"{NOTICE}/settle", json={"as": "not_sent"})
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:rollcall:problem:nothing-to-settle")
