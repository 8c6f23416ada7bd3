"""Who stands still loses what it holds, wherever it stands; and who is told to stop does, whatever it hears instead."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from shared.backoff import Backoff
from shared.contracts.portal import EnrolmentRequested
from shared.deciding.commands import CommandPath, NotYet
from shared.postgres.database import connect
from shared.testing import eventually, heard
from tests.databases import Databases

pytestmark = pytest.mark.long

TRY = sa.text("select pg_try_advisory_xact_lock(1)")


@pytest.mark.parametrize("stands", ["between two statements", "between the halves of one"])
async def test_a_transaction_that_stands_still_is_ended(databases: Databases, stands: str) -> None:
    async with databases.while_needed("enrolment") as url:
        still = connect(url, pool_size=1, statement_timeout_ms=200, application="test")
        awake = create_async_engine(url)
        async with still.connect() as holder, awake.connect() as other:
            assert (await holder.execute(TRY)).scalar_one()
            if stands == "between the halves of one":  # Parsed, not run: the server takes it for one that is at work.
                driver = (await holder.get_raw_connection()).driver_connection
                assert driver is not None
                await driver.prepare("select 1")

            assert await eventually(lambda: is_free(other), what="the lock of whoever stands still")
            await holder.invalidate()
        await still.dispose()
        await awake.dispose()


async def is_free(connection: AsyncConnection) -> bool:
    async with connection.begin():
        return bool((await connection.execute(TRY)).scalar_one())


class Breaks:
    """What it waits for ends with an error of its own when the waiting task is told to stop."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def act(self, *_: object) -> None:
        self.asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise ConnectionError("closed in the middle")


async def tries_again(broken: Breaks) -> None:
    backoff = Backoff(0.01, 0.01)
    while True:
        await backoff.wait()
        try:
            await broken.act()
        except ConnectionError as error:
            backoff.failed(error, where="test")


async def decides_commands(broken: Breaks) -> None:
    may_decide = asyncio.Event()
    may_decide.set()
    commands = CommandPath(broken, may_decide)  # type: ignore[arg-type]
    asked = asyncio.create_task(commands.submit(heard(EnrolmentRequested(session_id="s", person_id="p"))))
    try:
        await commands.run()
    finally:
        assert isinstance(*await asyncio.gather(asked, return_exceptions=True), NotYet)


@pytest.mark.parametrize("loop", [tries_again, decides_commands])
async def test_a_loop_told_to_stop_ends_though_a_broken_connection_says_something_else(
    loop: Callable[[Breaks], Coroutine[Any, Any, None]],
) -> None:
    broken = Breaks()
    running = asyncio.create_task(loop(broken))
    await broken.asked.wait()
    running.cancel()
    await eventually(running.done, seconds=60, what="the loop ended")
    assert running.cancelled()
