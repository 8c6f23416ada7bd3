"""An older release on a database in which a newer one held requests that it cannot read: they wait for the newer one, and hold nobody back."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.enrolment import listing, reading
from services.enrolment.app import SERVICE
from services.enrolment.pages import reading as page_of
from services.enrolment.tables import PLACE
from shared.books import recovery, watermark
from shared.books.holding import WAKE, count_held, count_overdue
from shared.books.recovery import RECONCILE
from shared.books.watermark import WATERMARK
from shared.clocks import Clocks
from shared.contracts import EVENTS
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import EnrolmentWithdrawn
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.deciding.due import FAILED_AGAIN_AFTER, DueLoop
from shared.deciding.transaction import Decider
from shared.events.streams import Partition
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.postgres.tables import DUE, HELD
from shared.process.health import Health
from shared.process.runtime import Runtime
from shared.service import utc_now
from shared.state.working import Due
from shared.testing import SOURCE, body_of, decoded, heard
from tests.databases import Databases
from tests.enrolment.surroundings import programme
from tests.faults.trained import ATTENDANCE
from tests.shared.test_retry import decides

LONG_AGO = dt.timedelta(days=31)


STRANGE = (
    sa.update(HELD)
    .where(HELD.c.type == WithdrawalRequested.type_name())
    .values(body='{"session_id": "s", "person_id": {"newer": 1}}')
)
NEWER = sa.update(HELD).values(type="rollcall.Newer.v1")


OLDER = dataclasses.replace(SERVICE, decide={EnrolmentRequested: SERVICE.decide[EnrolmentRequested]})


@contextmanager
def older_release() -> Iterator[None]:
    """One that has no contract for withdrawals yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(EVENTS, WithdrawalRequested.type_name())
        yield


def known(*messages: Any) -> list[Any]:
    return [decoded(one, at=utc_now()) for one in messages]


def due_loop(engine: AsyncEngine, **more: Any) -> DueLoop:
    async def ends_at(*_: Any) -> dict[Any, int]:
        return {}

    observer: Any = SimpleNamespace(ends_at=ends_at)
    how: dict[str, Any] = {"may_decide": decides(), "poll_seconds": 0.1, "batch": 10, **more}
    return DueLoop(engine, SERVICE, Decider(engine, SERVICE), observer, **how)


async def execute(engine: AsyncEngine, statement: sa.Update) -> None:
    async with engine.begin() as connection:
        await connection.execute(statement)


async def held(engine: AsyncEngine) -> list[str]:
    async with engine.connect() as connection:
        return list((await connection.execute(sa.select(HELD.c.type).order_by(HELD.c.type))).scalars())


async def standing(engine: AsyncEngine) -> dict[str, str]:
    async with engine.connect() as connection:
        rows = await connection.execute(sa.select(PLACE.c.person_id, PLACE.c.state))
        return {row.person_id: row.state for row in rows}


async def asked_by_both(engine: AsyncEngine, *, at: dt.datetime) -> None:
    """One asks for a place, the other gives one back, in a session of which nobody has heard."""
    asking = EnrolmentRequested(session_id="s", person_id="anna")
    await Decider(engine, SERVICE).act([heard(asking, at=at), heard(leaving("ewa"), at=at)])


def leaving(person_id: str) -> WithdrawalRequested:
    return WithdrawalRequested(session_id="s", person_id=person_id)


async def test_what_cannot_be_read_waits_for_a_release_that_can_and_keeps_nobody_from_being_heard(
    engine: AsyncEngine,
) -> None:
    await asked_by_both(engine, at=utc_now())
    with older_release():
        for one in known(*programme("town", ["anna", "ewa"], "s")):
            thought = await Decider(engine, SERVICE).act([one])
            assert thought.parked == []
        assert (await standing(engine))["anna"] == "enrolled"
        assert await held(engine) == [WithdrawalRequested.type_name()]
    assert await due_loop(engine).round(utc_now()) == 1  # The newer release again: nothing was heard since.
    assert await held(engine) == []
    assert await standing(engine) == {"anna": "enrolled", "ewa": "withdrawn"}


async def test_what_an_older_release_hears_beside_a_newer_one_wakes_what_waited_once_its_partitions_come_to_that(
    engine: AsyncEngine,
) -> None:
    heard_here: set[Partition] = {Partition("programme.cities", 0)}
    newer = due_loop(engine, partitions=lambda: frozenset(heard_here))
    await asked_by_both(engine, at=utc_now())
    while await newer.round(utc_now()):
        pass
    with older_release():
        for one in known(*programme("town", ["anna", "ewa"], "s")):
            await Decider(engine, SERVICE).act([one])
    assert await newer.round(utc_now()) == 0
    assert await held(engine) == [WithdrawalRequested.type_name()]
    heard_here.add(Partition("programme.cities", 1))
    assert await newer.round(utc_now()) == 1
    assert await held(engine) == []


async def test_what_cannot_be_read_is_no_moment_that_is_due_again_and_again(engine: AsyncEngine) -> None:
    await asked_by_both(engine, at=utc_now() - LONG_AGO)
    with older_release():
        loop = due_loop(engine)
        rounds = [await loop.round(utc_now()) for _ in range(4)]
        assert rounds[-1] == 0
        async with engine.connect() as connection:
            # No stream is behind: it waits for another release.
            assert await count_overdue(connection, OLDER.asked_types(), utc_now()) == 0
        assert await held(engine) == [WithdrawalRequested.type_name()]
    await due_loop(engine).round(utc_now())
    assert await held(engine) == []


async def test_what_cannot_be_read_for_a_word_of_its_body_waits_too(engine: AsyncEngine) -> None:
    await asked_by_both(engine, at=utc_now())
    await execute(engine, STRANGE)
    for one in known(*programme("town", ["anna", "ewa"], "s")):
        assert (await Decider(engine, SERVICE).act([one])).parked == []
    assert (await standing(engine))["anna"] == "enrolled"
    assert await held(engine) == [WithdrawalRequested.type_name()]


async def test_what_is_known_and_not_decided_here_waits_too(engine: AsyncEngine) -> None:
    """A newer release of the service decides it; the code of this one has the contract already."""
    await asked_by_both(engine, at=utc_now())
    for one in known(*programme("town", ["anna", "ewa"], "s")):
        assert (await Decider(engine, OLDER).act([one])).parked == []
    assert (await standing(engine))["anna"] == "enrolled"
    assert await held(engine) == [WithdrawalRequested.type_name()]
    async with engine.connect() as connection:
        assert await count_held(connection, OLDER.asked_types()) == (1, 1)
        assert await count_overdue(connection, OLDER.asked_types(), utc_now() + LONG_AGO) == 0


async def test_what_cannot_be_read_waits_no_longer_once_a_fact_has_answered_it(engine: AsyncEngine) -> None:
    """A database of last night, and a release of last week: what was said since is heard."""
    at = utc_now()
    await Decider(engine, SERVICE).act([heard(leaving("ewa"), at=at, event_id="r-1")])
    await execute(engine, NEWER)
    answered = body_of(
        EnrolmentWithdrawn, session_id="s", person_id="ewa", request_source=SOURCE, request_id="r-1", decided_at=at
    )
    await Decider(engine, SERVICE).act([heard(answered, source=SERVICE.source, at=at)])
    assert await held(engine) == []


async def test_an_id_under_which_something_is_held_that_cannot_be_read_belongs_to_that(engine: AsyncEngine) -> None:
    at = utc_now()
    await Decider(engine, SERVICE).act([heard(leaving("ewa"), at=at, event_id="r-1")])
    again = heard(EnrolmentRequested(session_id="s", person_id="ewa"), at=at, event_id="r-1")
    with older_release():
        thought = await Decider(engine, SERVICE).act([again])
    assert [one.reason for one in thought.aside] == ["id_reused"]
    assert await held(engine) == [WithdrawalRequested.type_name()]


async def test_an_id_under_which_a_word_is_held_that_cannot_be_read_belongs_to_that(engine: AsyncEngine) -> None:
    at = utc_now()
    await Decider(engine, SERVICE).act([heard(leaving("ewa"), at=at, event_id="r-1")])
    await execute(engine, STRANGE)
    thought = await Decider(engine, SERVICE).act([heard(leaving("ewa"), at=at, event_id="r-1")])
    assert [one.reason for one in thought.aside] == ["id_reused"]


async def test_attendance_takes_nothing_under_such_an_id_and_looks_at_nothing_of_it(databases: Databases) -> None:
    at = utc_now()
    scan = heard(
        CheckInScanned(session_id="s", meeting_id="day-1", person_id="ewa", scanned_at=at), at=at, event_id="r-1"
    )
    async with databases.while_needed("attendance") as url:
        engine = create_async_engine(url)
        await Decider(engine, ATTENDANCE).act([scan])
        await execute(engine, NEWER)
        thought = await Decider(engine, ATTENDANCE).act([scan])
        await engine.dispose()
    assert [one.reason for one in thought.aside] == ["id_reused"]


async def test_whoever_looks_is_told_of_all_but_what_cannot_be_read(engine: AsyncEngine) -> None:
    """Lists, pages and the answer to "why" name a request by what it asks for: of this one nobody knows that."""
    await asked_by_both(engine, at=utc_now())
    with older_release():
        async with engine.connect() as connection:
            assert [one.people for one in await listing.held(connection, "s", after="", limit=100)] == [["anna"]]
        for one in known(*programme("town", ["anna", "ewa"], "s")):
            await Decider(engine, SERVICE).act([one])
        async with engine.connect() as connection:
            found = await page_of.place(connection, "s", "ewa")
            assert found is not None and found.waits_for_answer is None
            assert (await reading.known(connection, "s", "ewa")).session_id == "s"


async def test_a_look_at_what_is_held_that_failed_is_taken_again_as_whatever_fails_is(engine: AsyncEngine) -> None:
    await asked_by_both(engine, at=utc_now())
    loop, taken, well = due_loop(engine), list[str](), False

    async def decides(moments: Any) -> None:
        if not well:
            raise LookupError("broken")
        taken.extend(one.kind for one in moments)

    loop._decider = SimpleNamespace(act=decides)  # type: ignore[assignment]
    now = utc_now()
    assert await loop.round(now) == 1
    well = True
    assert await loop.round(now) == 0
    assert await loop.round(now + 2 * FAILED_AGAIN_AFTER) == 1
    assert await loop.round(now + 3 * FAILED_AGAIN_AFTER) == 0
    assert taken == [RECONCILE]


async def test_what_could_not_be_settled_after_a_restore_is_tried_again_too(engine: AsyncEngine) -> None:
    async def open_subjects(*_: Any) -> list[str]:
        return ["session/s"]

    async def fails(moments: Any) -> None:
        raise LookupError("broken")

    async def decides(moments: Any) -> None:
        taken.extend(moments)

    loop, taken = due_loop(engine), list[Due]()
    await Runtime._recover(restored(engine, loop, act=fails, open_subjects=open_subjects))
    assert loop.failed_looks() == 1
    loop._decider = SimpleNamespace(act=decides)  # type: ignore[assignment]
    assert await loop.round(utc_now() + 2 * FAILED_AGAIN_AFTER) == 1
    assert [(one.kind, one.subject) for one in taken] == [(RECONCILE, "session/s")]
    assert loop.failed_looks() == 0


async def test_what_could_not_be_looked_at_keeps_the_books_from_looking_well(engine: AsyncEngine) -> None:
    loop, now = due_loop(engine), utc_now()
    observer: Any = SimpleNamespace(ends=lambda streams: asyncio.sleep(0, {}), misshapen=lambda streams: None)
    health = Health(engine, SERVICE, [], observer, asyncio.Event(), Clocks(utc_now), stuck_seconds=60)
    health.failed_looks = loop.failed_looks
    assert (await health.books())["overdue"] == 0
    loop.try_later(Due(RECONCILE, "session/s", now))
    assert (await health.books())["overdue"] == 1


CITIES = Partition("programme.cities", 0)


async def nothing(*_: Any) -> list[str]:
    return []


def restored(
    engine: AsyncEngine, loop: DueLoop, *, act: Any = nothing, open_subjects: Any = nothing, **more: Any
) -> Any:
    """A process that is being started; `until`: what was in Kafka when the restore was noticed, `ends`: what is."""
    ends = more.get("ends", {})

    async def ends_now(_streams: Any) -> dict[Partition, int]:
        return next(ends) if isinstance(ends, Iterator) else ends

    one = SimpleNamespace(
        engine=engine,
        service=dataclasses.replace(SERVICE, open_subjects=open_subjects),
        decider=SimpleNamespace(act=act, quiet_until=more.get("until", {})),
        due=loop,
        observer=SimpleNamespace(ends=ends_now),
        _know_their_own=lambda: True,
    )
    one._until_heard = functools.partial(Runtime._until_heard, one)  # type: ignore[arg-type]  # As much of a runtime as it asks.
    return one


async def is_recovering(engine: AsyncEngine) -> bool:
    async with engine.begin() as connection:
        return bool(await recovery.begin(connection, {}))


async def test_what_could_not_be_settled_after_a_restore_is_looked_at_again_at_the_next_start(
    engine: AsyncEngine,
) -> None:
    """That it failed is known in one process only; that something may have to be settled must not end with that."""

    async def open_subjects(*_: Any) -> list[str]:
        return ["session/s"]

    async def fails(moments: Any) -> None:
        raise LookupError("broken")

    async with engine.begin() as connection:
        await recovery.notice(connection, "enrolment.events")
        await recovery.begin(connection, {CITIES: 0})
    await Runtime._recover(restored(engine, due_loop(engine), act=fails, open_subjects=open_subjects))
    assert await is_recovering(engine)
    await Runtime._recover(restored(engine, due_loop(engine), open_subjects=open_subjects))
    assert not await is_recovering(engine)


async def test_what_the_database_refuses_after_a_restore_is_not_asked_of_it_again_at_each_start(
    engine: AsyncEngine,
) -> None:
    """It would refuse it at each."""

    async def open_subjects(*_: Any) -> list[str]:
        return ["session/s"]

    async def is_refused(moments: Any) -> None:
        raise asyncpg.CheckViolationError("refused")

    async with engine.begin() as connection:
        await recovery.notice(connection, "enrolment.events")
        await recovery.begin(connection, {CITIES: 0})
    loop = due_loop(engine)
    await Runtime._recover(restored(engine, loop, act=is_refused, open_subjects=open_subjects))
    assert (await is_recovering(engine), loop.failed_looks()) == (False, 1)


async def test_a_restore_ends_though_a_log_was_made_anew_since_it_was_noticed(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka, too, was restored, or a topic was deleted: what is waited for never comes, and nothing would ever be decided again."""
    monkeypatch.setattr("shared.process.runtime.ENDS_AGAIN_SECONDS", 0.01)
    async with asyncio.timeout(60):
        await Runtime._recover(restored(engine, due_loop(engine), until={CITIES: 7}, ends={CITIES: 0}))


async def test_our_own_streams_are_heard_though_one_was_made_anew_while_they_were_waited_for(
    engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.process.runtime.ENDS_AGAIN_SECONDS", 0.01)
    own = Partition("enrolment.events", 0)
    async with asyncio.timeout(60):
        await Runtime._own_streams_heard(restored(engine, due_loop(engine), ends=iter([{own: 7}, {own: 0}])))


async def test_looks_that_fail_are_as_many_as_a_round_decides_and_one_of_each_subject(engine: AsyncEngine) -> None:
    loop, taken = due_loop(engine, batch=2), list[list[str]]()

    async def decides(moments: Any) -> None:
        taken.append([one.subject for one in moments])

    loop._decider = SimpleNamespace(act=decides)  # type: ignore[assignment]
    now = utc_now()
    for subject in ("session/a", "session/b", "session/c", "session/a"):
        loop.try_later(Due(RECONCILE, subject, now))
        now += dt.timedelta(seconds=1)
    assert [await loop.round(utc_now() + 2 * FAILED_AGAIN_AFTER) for _ in range(3)] == [2, 1, 0]
    assert taken == [["session/b", "session/c"], ["session/a"]]


async def test_a_look_that_is_asked_for_again_while_it_is_taken_is_taken_again(engine: AsyncEngine) -> None:
    """Nothing in it is unreadable: somebody heard something meanwhile."""
    async with engine.begin() as connection:
        await connection.execute(sa.insert(DUE).values(kind=WAKE, subject="session/s", at=utc_now() - LONG_AGO))
    loop = due_loop(engine)

    async def decides_nothing(moments: Any) -> None:
        return None

    loop._decider = SimpleNamespace(act=decides_nothing)  # type: ignore[assignment]
    assert [await loop.round(utc_now()) for _ in range(3)] == [1, 1, 1]


async def test_a_schema_kept_that_was_restored_alone_is_found_out_and_everything_is_heard_again(
    engine: AsyncEngine,
) -> None:
    """The dump that the operators' page tells to make holds no watermarks: what was held since would be asked of nobody any more."""
    for one in known(*programme("town", ["anna"], "s")):
        await Decider(engine, SERVICE).act([one])
    async with engine.begin() as connection:
        (ours,) = (await connection.execute(sa.select(PLACE.c.event_id))).scalars()
        await connection.execute(sa.insert(WATERMARK), [
            {"stream": stream, "partition": 0, "next_offset": 5, "last_offset": 4, "last_print": f"1/{last}",
             "heard": 5, "parked": 0, "skipped": 0}
            for stream, last in (("enrolment.events", ours), ("programme.cities", "theirs"))
        ])  # fmt: skip
    one: Any = SimpleNamespace(engine=engine, service=SERVICE)
    one._made_rows_of = functools.partial(Runtime._made_rows_of, one)
    await Runtime._hear_what_kept_lacks(one)
    assert await heard_to(engine) == {"enrolment.events": 5, "programme.cities": 5}
    async with engine.begin() as connection:  # An archive's last word: it never stood in our journal.
        await connection.execute(
            sa.update(WATERMARK).where(WATERMARK.c.stream == "enrolment.events").values(last_print="1/past")
        )
    await Runtime._hear_what_kept_lacks(one)
    assert await heard_to(engine) == {"enrolment.events": 5, "programme.cities": 5}
    async with engine.begin() as connection:
        await connection.execute(
            sa.update(WATERMARK).where(WATERMARK.c.stream == "enrolment.events").values(last_print=f"1/{ours}")
        )
        await connection.execute(sa.delete(OUTBOX))
        await connection.execute(sa.delete(JOURNAL))
    await Runtime._hear_what_kept_lacks(one)
    assert await heard_to(engine) == {"enrolment.events": 0, "programme.cities": 0}


async def heard_to(engine: AsyncEngine) -> dict[str, int]:
    async with engine.connect() as connection:
        return {part.stream: mark.next_offset for part, mark in (await watermark.read(connection)).items()}
