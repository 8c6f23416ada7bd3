"""What goes to the driver without a detour comes to what it comes to by SQLAlchemy, also where something goes wrong."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, PendingRollbackError, ResourceClosedError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.faults import Fault, classify, told
from shared.postgres.database import connect
from shared.postgres.directly import Transaction, rows_of
from tests.databases import Databases
from tests.sent import sent

pytestmark = pytest.mark.long  # What goes wrong between two processes, each of it both ways.

METADATA = sa.MetaData()
WORD = sa.Table(
    "word",
    METADATA,
    sa.Column("word_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("text", sa.Text),
    sa.Column("said_at", sa.DateTime(timezone=True)),
    sa.Column("parts", JSONB),
    sa.Column("share", sa.Numeric),
)
NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
ADD = sa.insert(WORD).values(
    word_id=sa.bindparam("id"), text=sa.bindparam("said"), said_at=NOON, parts={"a": [1]}, share=1
)
ALL = sa.select(WORD).order_by(WORD.c.word_id)
ONE_OF = sa.select(WORD.c.text).where(
    WORD.c.word_id.in_([1, 2]), WORD.c.text == sa.bindparam("said"), WORD.c.word_id < 9
)
SOME = (
    sa.select(WORD.c.word_id)
    .order_by(WORD.c.word_id)
    .limit(sa.bindparam("most", type_=sa.Integer, literal_execute=True))
)
IN = sa.select(WORD).where(sa.tuple_(WORD.c.word_id, WORD.c.text).in_(sa.bindparam("pairs", expanding=True)))
SLEEP = sa.select(sa.func.pg_sleep(sa.bindparam("seconds", type_=sa.Double)))
PID = sa.select(sa.func.pg_backend_pid())
COMMITS = sa.text("select 1 from pg_stat_activity where pid = :pid and state = 'active' and query ilike 'commit%'")
Ask = Callable[..., Awaitable[Any]]


async def by_sqlalchemy(connection: AsyncConnection, statement: Any, parameters: Any = None) -> Any:
    result = await connection.execute(statement, parameters)
    return result.all() if result.returns_rows else ()


@pytest.fixture
async def engine(databases: Databases) -> AsyncIterator[AsyncEngine]:
    made = connect(databases.empty(), pool_size=2, statement_timeout_ms=1_000, application="test")
    async with made.begin() as connection:
        await connection.run_sync(METADATA.create_all)
    yield made
    await made.dispose()


@pytest.fixture(params=[rows_of, by_sqlalchemy])
def ask(request: pytest.FixtureRequest) -> Ask:
    """Both ways: what is said here is so either way."""
    return request.param  # type: ignore[no-any-return]


async def test_the_same_rows_come_back(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        for number, said in ((1, "yes"), (2, "no"), (3, None)):
            assert await rows_of(connection, ADD, {"id": number, "said": said}) == []
        for statement, parameters in (
            (ALL, {}),
            (ONE_OF, {"said": "no"}),
            (SOME, {"most": 1}),
            (SOME, {"most": 2}),
            (IN, {"pairs": [(1, "yes")]}),
            (IN, {"pairs": [(1, "yes"), (2, "no")]}),
        ):
            directly = [tuple(row) for row in await rows_of(connection, statement, parameters)]
            assert directly == [tuple(row) for row in await by_sqlalchemy(connection, statement, parameters)]
            assert directly


async def test_a_statement_is_looked_at_once(engine: AsyncEngine) -> None:
    looked_at = 0

    class Looking(sa.Select[Any]):
        inherit_cache = True

        def compile(self, *arguments: Any, **other: Any) -> Any:  # type: ignore[override]
            nonlocal looked_at
            looked_at += 1
            return super().compile(*arguments, **other)

    statement = Looking(WORD).where(WORD.c.text == sa.bindparam("said"))
    async with engine.begin() as connection:
        for said in ("yes", "no"):
            await rows_of(connection, statement, {"said": said})
    assert looked_at == 1


async def test_what_is_not_committed_is_gone(engine: AsyncEngine, ask: Ask) -> None:
    async with engine.connect() as connection:
        await ask(connection, ADD, {"id": 1, "said": "yes"})
        assert connection.in_transaction()
    async with engine.begin() as connection:
        assert not await ask(connection, ALL)
        await ask(connection, ADD, {"id": 1, "said": "yes"})
    async with engine.connect() as connection:
        assert len(await ask(connection, ALL)) == 1


async def test_a_savepoint_takes_back_what_came_after_it(engine: AsyncEngine, ask: Ask) -> None:
    async with engine.begin() as connection:
        await ask(connection, ADD, {"id": 1, "said": "yes"})
        savepoint = await connection.begin_nested()
        await ask(connection, ADD, {"id": 2, "said": "yes"})
        with pytest.raises(DBAPIError):
            await ask(connection, ADD, {"id": 1, "said": "no"})
        await savepoint.rollback()
        assert len(await ask(connection, ALL)) == 1


async def test_without_a_transaction_each_statement_stands_by_itself(engine: AsyncEngine, ask: Ask) -> None:
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        await ask(connection, ADD, {"id": 1, "said": "yes"})
        async with engine.connect() as other:
            assert len(await ask(other, ALL)) == 1


async def test_another_schema_may_stand_in_the_place_of_ours(engine: AsyncEngine, ask: Ask) -> None:
    """A rebuild writes beside what is live."""
    async with engine.begin() as connection:
        await connection.execute(sa.schema.CreateSchema("beside"))
        beside = await connection.execution_options(schema_translate_map={None: "beside"})
        await beside.run_sync(METADATA.create_all)
    async with engine.execution_options(schema_translate_map={None: "beside"}).begin() as connection:
        await ask(connection, ADD, {"id": 1, "said": "yes"})
    async with engine.begin() as connection:
        assert not await ask(connection, ALL)


@pytest.mark.parametrize(
    ("statement", "parameters", "fault", "says"),
    [
        (ADD, {"id": 1, "said": "again"}, Fault.CONTENT, "IntegrityError 23505 word_pkey word"),
        (ADD, {"id": 2**70, "said": "no number of Postgres"}, Fault.CONTENT, "DBAPIError 22000"),
        (ADD, {"id": 2, "said": "a\0b"}, Fault.CONTENT, "DBAPIError 22021"),
        (ADD, {"id": 2, "said": 7}, Fault.CONTENT, "DBAPIError 22000"),
        (SLEEP, {"seconds": 5.0}, Fault.TRANSIENT, "DBAPIError 57014"),
        (sa.select(sa.literal_column("nothing")), {}, Fault.TRANSIENT, "ProgrammingError 42703"),
    ],
)
async def test_what_is_refused_is_the_same_fault(
    engine: AsyncEngine, ask: Ask, statement: Any, parameters: Any, fault: Fault, says: str
) -> None:
    async with engine.begin() as connection:
        await ask(connection, ADD, {"id": 1, "said": "yes"})
    with pytest.raises(DBAPIError) as raised:
        async with engine.begin() as connection:
            await ask(connection, statement, parameters)
    assert (classify(raised.value), told(raised.value)) == (fault, says)
    assert not raised.value.connection_invalidated
    assert "hidden" in str(raised.value) or not parameters
    async with engine.connect() as connection:
        assert len(await ask(connection, ALL)) == 1


async def test_what_is_missing_is_a_fault_of_ours(engine: AsyncEngine, ask: Ask) -> None:
    async with engine.connect() as connection:
        with pytest.raises(Exception) as raised:  # Which one it is says nothing.
            await ask(connection, ADD, {"id": 1})
    assert classify(raised.value) is Fault.BUG


async def test_a_connection_that_ended_is_given_up_with_all_others(engine: AsyncEngine, ask: Ask) -> None:
    async with engine.connect() as one, engine.connect() as other:
        [(before,)], [(of_other,)] = await ask(one, PID), await ask(other, PID)
        await by_sqlalchemy(other, sa.select(sa.func.pg_terminate_backend(before)))
        with pytest.raises(DBAPIError) as raised:
            await ask(one, PID)
    assert raised.value.connection_invalidated
    assert classify(raised.value) is Fault.TRANSIENT
    async with engine.connect() as one, engine.connect() as other:
        assert {(await ask(connection, PID))[0][0] for connection in (one, other)}.isdisjoint({before, of_other})


async def test_what_ended_in_an_error_is_not_gone_on_with(engine: AsyncEngine, ask: Ask) -> None:
    async with engine.connect() as one, engine.connect() as other:
        await by_sqlalchemy(other, sa.select(sa.func.pg_terminate_backend((await ask(one, PID))[0][0])))
        with pytest.raises(DBAPIError):
            await ask(one, PID)
        with pytest.raises(PendingRollbackError):
            await ask(one, PID)
        await one.rollback()
        assert await ask(one, PID)
    with pytest.raises(ResourceClosedError):
        await ask(one, PID)


async def test_whoever_is_cancelled_leaves_no_statement_behind(engine: AsyncEngine, ask: Ask) -> None:
    """A connection that still waits for an answer would give it to the next one."""
    started = asyncio.Event()

    async def wait() -> None:
        async with engine.begin() as connection:
            await ask(connection, PID)
            started.set()
            await ask(connection, SLEEP, {"seconds": 0.9})

    task = asyncio.create_task(wait())
    await started.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with engine.connect() as one, engine.connect() as other:
        assert await ask(one, ALL) == await ask(other, ALL) == []


async def test_a_column_that_changes_meanwhile_costs_one_transaction(engine: AsyncEngine, ask: Ask) -> None:
    """What was prepared is prepared anew: a migration runs beside a service that goes on."""
    async with engine.begin() as connection:
        await ask(connection, ALL)
        await ask(connection, ADD, {"id": 1, "said": "yes"})
    async with engine.begin() as other:
        await other.execute(sa.text("alter table word alter text type varchar(20), alter share type real"))
    with pytest.raises(DBAPIError) as raised:
        async with engine.begin() as connection:
            await ask(connection, ALL)
    assert classify(raised.value) is Fault.TRANSIENT
    async with engine.begin() as connection:
        assert len(await ask(connection, ALL)) == 1


async def test_it_is_the_driver_that_is_asked(engine: AsyncEngine) -> None:
    async with engine.begin() as connection:
        with sent() as statements:
            await rows_of(connection, ONE_OF, {"said": "yes"})
    assert len(statements) == 1


PLANS = sa.select(sa.func.current_setting("plan_cache_mode"))


async def test_only_what_is_asked_directly_keeps_the_plan_it_was_given(engine: AsyncEngine) -> None:
    for level in ("AUTOCOMMIT", "READ COMMITTED"):  # Having been set once, it is named whenever a transaction begins.
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level=level)
            await connection.execute(sa.text("set plan_cache_mode = force_custom_plan"))
            await connection.commit()
            [[begun_directly]] = await rows_of(connection, PLANS)
            await connection.commit()
            [[begun_by_sqlalchemy]] = await by_sqlalchemy(connection, PLANS)
        by_values, kept = "force_custom_plan", "force_generic_plan"
        assert (begun_directly, begun_by_sqlalchemy) == (by_values if level == "AUTOCOMMIT" else kept, by_values)


# --- transactions ----------------------------------------------------------------------------

Begin = Callable[[AsyncEngine], Any]
REFUSE = "create function refuse() returns trigger language plpgsql as $$ begin raise unique_violation; end $$"
TAKE_LONG = (
    "create function refuse() returns trigger language plpgsql as $$ begin perform pg_sleep(0.9); return null; end $$"
)
AT_THE_COMMIT = "create constraint trigger late after insert on word deferrable initially deferred for each row execute function refuse()"


@pytest.fixture(params=[Transaction, AsyncEngine.begin])
def begin(request: pytest.FixtureRequest) -> Begin:
    return request.param  # type: ignore[no-any-return]


async def count(engine: AsyncEngine) -> int:
    """What stands there for others, once nobody holds a connection."""
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]
    async with engine.connect() as one, engine.connect() as other:
        [of_one, of_other] = [len(await rows_of(connection, ALL)) for connection in (one, other)]
    assert of_one == of_other
    return of_one


async def test_a_transaction_is_all_or_nothing(engine: AsyncEngine, begin: Begin, ask: Ask) -> None:
    async with begin(engine):
        pass
    async with begin(engine) as connection:
        await ask(connection, ADD, {"id": 1, "said": "yes"})
    assert await count(engine) == 1
    transaction = begin(engine)
    await ask(await transaction.__aenter__(), ADD, {"id": 2, "said": "yes"})
    error = ZeroDivisionError()
    assert not await transaction.__aexit__(ZeroDivisionError, error, None)
    assert await count(engine) == 1


async def test_what_is_refused_at_the_commit_is_not_there(engine: AsyncEngine, begin: Begin, ask: Ask) -> None:
    async with engine.begin() as connection:
        for statement in (REFUSE, AT_THE_COMMIT):
            await connection.execute(sa.text(statement))
    with pytest.raises(DBAPIError) as raised:
        async with begin(engine) as connection:
            await ask(connection, ADD, {"id": 1, "said": "yes"})
    assert (classify(raised.value), told(raised.value)) == (Fault.CONTENT, "IntegrityError 23505")
    assert await count(engine) == 0


async def test_a_commit_whose_connection_ends_is_a_fault_that_passes(
    engine: AsyncEngine, begin: Begin, ask: Ask
) -> None:
    transaction = begin(engine)
    connection = await transaction.__aenter__()
    await ask(connection, ADD, {"id": 1, "said": "yes"})
    async with engine.connect() as other:
        await by_sqlalchemy(other, sa.select(sa.func.pg_terminate_backend((await ask(connection, PID))[0][0])))
    with pytest.raises(DBAPIError) as raised:
        await transaction.__aexit__(None, None, None)
    assert raised.value.connection_invalidated
    assert classify(raised.value) is Fault.TRANSIENT
    assert await count(engine) == 0


async def test_a_transaction_whose_connection_was_given_up_cannot_be_committed(
    engine: AsyncEngine, begin: Begin, ask: Ask
) -> None:
    transaction = begin(engine)
    connection = await transaction.__aenter__()
    await ask(connection, ADD, {"id": 1, "said": "yes"})
    await connection.invalidate()
    with pytest.raises(PendingRollbackError):
        await transaction.__aexit__(None, None, None)
    assert await count(engine) == 0


@pytest.fixture
async def slow(engine: AsyncEngine) -> AsyncEngine:
    """Whose commits take long."""
    async with engine.begin() as connection:
        for statement in (TAKE_LONG, AT_THE_COMMIT):
            await connection.execute(sa.text(statement))
    return engine


async def test_whoever_is_cancelled_while_it_commits_leaves_no_connection_that_still_does(
    slow: AsyncEngine, begin: Begin, ask: Ask
) -> None:
    asked = asyncio.Queue[int]()

    async def say() -> None:
        async with begin(slow) as connection:
            await ask(connection, ADD, {"id": 1, "said": "yes"})
            asked.put_nowait((await ask(connection, PID))[0][0])

    task = asyncio.create_task(say())
    process = await asked.get()
    async with slow.connect() as other:
        while not await by_sqlalchemy(other, COMMITS, {"pid": process}):
            assert not task.done()
            await other.rollback()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(slow) == 0
    async with slow.connect() as one, slow.connect() as other:
        assert process not in [(await ask(connection, PID))[0][0] for connection in (one, other)]


async def test_a_commit_that_is_not_answered_in_time_is_a_fault_that_passes(
    slow: AsyncEngine, begin: Begin, ask: Ask
) -> None:
    """By the driver's clock: Postgres may be stopped, and notice nothing."""
    impatient = create_async_engine(slow.url, pool_size=2, connect_args={"command_timeout": 0.3})
    with pytest.raises(TimeoutError) as raised:
        async with begin(impatient) as connection:
            await ask(connection, ADD, {"id": 1, "said": "yes"})
    assert classify(raised.value) is Fault.TRANSIENT
    assert await count(impatient) == 0
    await impatient.dispose()


@pytest.mark.parametrize("turns", range(12))
async def test_whoever_is_cancelled_on_the_way_leaves_no_connection_out(
    engine: AsyncEngine, begin: Begin, ask: Ask, turns: int
) -> None:
    """Wherever: while it begins, while something is asked, while it commits, while it ends."""

    async def say() -> None:
        async with begin(engine) as connection:
            await ask(connection, ADD, {"id": 1, "said": "yes"})

    await count(engine)  # What is prepared then is prepared already.
    task = asyncio.create_task(say())
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    assert await count(engine) in (0, 1)
