"""Rebuild: killed at any point it leaves the live projection alone; done, it equals it row for row and has said nothing."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import datetime as dt
import itertools
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from services.attendance import store as attendance_store
from services.attendance.app import service_of
from services.attendance.certificates import ISSUED_IN
from services.attendance.lists import ListRules
from services.attendance.store import CERTIFICATE
from services.enrolment import app as enrolment
from services.enrolment import tables as enrolment_tables
from services.notifications import app as notifications
from services.notifications import tables as notifications_tables
from shared.contracts.attendance import ParticipantAttended
from shared.contracts.certificates import CertificateIssued
from shared.contracts.checkin import CheckInScanned
from shared.contracts.enrolment import ParticipantEnrolled
from shared.contracts.notifications import NoticeFailed, NoticeSent
from shared.contracts.planner import SessionScheduled
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.contracts.rules import SourceTakenOver
from shared.deciding.retry import ParkedRetry
from shared.postgres.tables import ANSWER
from shared.rebuilding import rebuild, replay
from shared.rebuilding.rebuild import Report, compare, swap
from shared.service import Service
from shared.testing import Message, body_of, eventually, message
from tests.enrolment.surroundings import Make, city, fresh, known, rows, settled
from tests.faults.trained import ATTENDANCE, Trained, about, trained

pytestmark = pytest.mark.long

TAMPERED = {
    "enrolment": enrolment_tables.PLACE,
    "attendance": attendance_store.RECORD,
    "notifications": notifications_tables.NOTICE,
}
services = pytest.mark.parametrize(
    "service", [enrolment.SERVICE, ATTENDANCE, notifications.SERVICE], ids=lambda service: service.name
)


@services
async def test_a_rebuild_finds_and_heals_what_was_changed_by_hand_and_says_and_mails_nothing(
    world: Make, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(self: ParkedRetry) -> int:
        return 0

    async with trained(world, service) as one:
        # Facts of other tests' former writers, let in between two looks, would be changes too.
        monkeypatch.setattr(ParkedRetry, "let_in", nothing)
        catch_up = replay.Replay.catch_up

        async def while_the_service_goes_on(self: replay.Replay, target: Any) -> int:
            number = await catch_up(self, target)
            if waits:
                await waits.pop().someone_comes()
            return number

        waits = [one]
        monkeypatch.setattr(replay.Replay, "catch_up", while_the_service_goes_on)
        async with publishing_towns(one.here):
            report = await compare(service, one.settings)
        assert (report.different_rows, report.differences) == (0, [])
        await settled(one.here)
        assert report.rows[TAMPERED[service.name].name] >= 4

        before = await one.look()
        table = TAMPERED[service.name]
        async with one.here.engine.begin() as connection:
            await connection.execute(sa.update(table).values(event_id="changed by hand"))
        report = await compare(service, one.settings)
        assert {(found["table"], found["only"]) for found in report.differences} == {
            (table.name, "live"),
            (table.name, "rebuilt"),
        }
        assert (await swap(service, one.settings)).different_rows == report.different_rows
        assert await one.look() == before
        assert await schemas(one.here.engine) == {"projection", "kept"}

        await one.someone_comes()  # The service goes on, and says nothing but what is new.
        if one.server is not None:
            assert set(Counter(mail[0] for mail in one.server.mails).values()) == {1}


async def test_a_swap_among_readers_and_writers_is_made_and_nobody_is_thrown_out(world: Make) -> None:
    """Readers who read one table after another in a transaction, and hold each, in every order; and towns that keep coming."""
    async with trained(world, enrolment.SERVICE) as one:
        tables = sorted(table.fullname for table in enrolment.SERVICE.tables.values() if table.schema == "projection")
        readers = [asyncio.create_task(reading(one.here.engine, order)) for order in (tables, tables[::-1]) * 3]
        async with publishing_towns(one.here):
            for _ in range(3):
                report = await swap(one.service, one.settings)
                assert (report.different_rows, report.differences) == (0, [])
        await settled(one.here)
        for reader in readers:
            assert not reader.done(), reader.exception()
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
        assert await schemas(one.here.engine) == {"projection", "kept"}
        assert (await compare(one.service, one.settings)).different_rows == 0


async def reading(engine: AsyncEngine, tables: list[str]) -> None:
    while True:
        async with engine.begin() as connection:
            for table in tables:
                await connection.execute(sa.text(f"select count(*) from {table}"))  # noqa: S608
                await asyncio.sleep(0.01)


async def test_a_swap_for_which_the_service_never_stands_still_changes_nothing_and_says_so(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuild, "MOST_TRIES", 2)
    here = await world(enrolment.SERVICE)
    async with here.engine.begin() as connection:
        await connection.execute(sa.text("lock table projection.town in row exclusive mode"))
        with pytest.raises(RuntimeError, match="nothing was changed, try again"):
            await swap(here.service, here.settings)
    assert await schemas(here.engine) == {"projection", "kept"}
    assert (await swap(here.service, here.settings)).different_rows == 0


@contextlib.asynccontextmanager
async def publishing_towns(here: Any) -> AsyncIterator[None]:
    """Facts keep coming, and the service hears them."""

    async def publish() -> None:
        while True:
            await here.publish(message(city(fresh("town"))))

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def schemas(engine: AsyncEngine) -> set[str]:
    statement = sa.text(
        "select nspname from pg_namespace where nspname not like 'pg\\_%' and nspname not in ('information_schema', 'public')"
    )
    async with engine.connect() as connection:
        return set((await connection.execute(statement)).scalars())


HANGS = """
import asyncio, signal, sys
import sqlalchemy as sa
from pydantic import SecretStr
from services.enrolment.app import SERVICE
from shared.rebuilding import rebuild
from shared.rebuilding import replay
from shared.settings import Settings

async def hang(*arguments, **names):
    print("here", flush=True)
    if sys.argv[3] == "comparing":  # The server is at work for us, and holds our locks.
        await arguments[1].execute(sa.text("select pg_sleep(120)"))
    await asyncio.Event().wait()

module, name = {"hearing": (replay.Replay, "_apply"), "comparing": (rebuild._Rebuild, "_compare"),
                "still": (rebuild._Rebuild, "_compare"),
                "swapping": (rebuild, "_swap")}[sys.argv[3]]
setattr(module, name, hang)
signal.signal(signal.SIGINT, signal.default_int_handler)  # Whoever runs this behind others may have it ignored.
rebuild.STILL_MS = 2_000
settings = Settings(kafka=sys.argv[1], database_url=SecretStr(sys.argv[2]), port=0, replica="rebuild")
asyncio.run(rebuild.swap(SERVICE, settings))
"""


async def begun(one: Any, point: str) -> asyncio.subprocess.Process:
    """A rebuild in a process of its own that has come so far."""
    arguments = (HANGS, one.settings.kafka, one.settings.database_url.get_secret_value(), point)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(180):
        assert await process.stdout.readline() == b"here\n"
    return process


async def killed(one: Trained, point: str) -> None:
    """A rebuild in a process of its own, ended by kill -9 when it has come so far."""
    process = await begun(one, point)
    if point == "comparing":
        await eventually(partial(is_working, one.here.engine), what="the server at work for it")
    process.kill()
    await process.wait()
    assert "projection_rebuild" in await schemas(one.here.engine)


async def is_working(engine: AsyncEngine) -> bool:
    statement = "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep%'"
    async with engine.connect() as connection:
        return bool((await connection.execute(sa.text(statement))).scalar_one())


async def test_a_killed_rebuild_leaves_the_live_projection_at_work_and_the_next_one_starts_over(world: Make) -> None:
    async with trained(world, enrolment.SERVICE) as one:
        for point in ("hearing", "comparing", "swapping"):
            before = await one.look()
            await killed(one, point)

            later = fresh("town")
            await one.here.publish(message(city(later)))
            await eventually(partial(known, one.here, later), what=f"going on after {point}")
            after = await one.look()
            changed = {name for name in before if before[name] != after[name]}
            assert changed == {"projection.town", "projection.told", "projection.watermark"}, point
        report: Any = await eventually(partial(unless_running, one), what="the next rebuild")
        assert report.different_rows == 0
        assert await schemas(one.here.engine) == {"projection", "kept"}


async def test_a_rebuild_that_is_stopped_while_the_service_waits_for_it_does_not_keep_it_waiting(world: Make) -> None:
    """Ctrl-Z, or a machine that sleeps: it goes on having its connections."""
    async with trained(world, enrolment.SERVICE) as one:
        process = await begun(one, "still")
        try:
            process.send_signal(signal.SIGSTOP)
            later = fresh("town")
            await one.here.publish(message(city(later)))
            await eventually(partial(known, one.here, later), what="going on beside the one that is stopped")
            with pytest.raises(RuntimeError, match=r"running since .* pg_terminate_backend\(\d+\)"):
                await compare(one.service, one.settings)
        finally:
            process.kill()
            await process.wait()


async def test_a_rebuild_that_is_told_to_end_leaves_nothing_behind(world: Make) -> None:
    here = await world(enrolment.SERVICE)
    async with here.running():
        await here.publish(message(city(fresh("town"))))
        await settled(here)
        process = await begun(here, "still")
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(180):
            await process.wait()
        assert await schemas(here.engine) == {"projection", "kept"}
        assert (await compare(here.service, here.settings)).different_rows == 0


async def unless_running(one: Trained) -> Report | None:
    """A rebuild; None while the server has not noticed yet that the one before is gone."""
    try:
        return await swap(one.service, one.settings)
    except RuntimeError:
        return None


async def test_a_rebuild_may_take_longer_than_a_transaction_may_be_idle(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(url: str, **limits: Any) -> AsyncEngine:
        settings = {"idle_in_transaction_session_timeout": "1000"}
        return create_async_engine(url, connect_args={"server_settings": settings})

    async def slowly(self: replay.Replay, target: Any) -> int:
        await asyncio.sleep(1.5)
        return await catch_up(self, target)

    catch_up = replay.Replay.catch_up
    monkeypatch.setattr(replay.Replay, "catch_up", slowly)
    monkeypatch.setattr(rebuild, "connect", impatient)
    here = await world(enrolment.SERVICE)
    async with here.running():
        await settled(here)
        assert (await compare(here.service, here.settings)).different_rows == 0


async def test_what_follows_from_facts_is_rebuilt_in_their_own_order_also_if_our_clock_went_back(world: Make) -> None:
    ids = itertools.count(1)
    backwards = dataclasses.replace(enrolment.SERVICE, new_id=lambda: f"own-{10**6 - next(ids)}-{fresh('id')}")
    async with trained(world, backwards) as one:
        person = fresh("person")
        await one.here.publish(*about(one.service, person, one.town, one.session))
        await settled(one.here)
        for ask in (WithdrawalRequested, EnrolmentRequested, WithdrawalRequested):
            await one.here.publish(message(ask(session_id=one.session, person_id=person)))
            await settled(one.here)
        answers = await rows(one.here, ANSWER, ANSWER.c.subject.endswith(f"/person/{person}"))
        assert len(answers) == 3
        report = await compare(one.service, one.settings)
        assert (report.different_rows, report.differences) == (0, [])


async def test_what_people_were_told_is_rebuilt_from_one_fact_after_another(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild reads in batches: what a notice tells depends on the one before, in whichever batch that was."""
    here = await world(notifications.SERVICE)
    person, session = fresh("person"), fresh("session")
    notices = {"recipient": person, "about": f"place/{session}"}
    sent = body_of(NoticeSent, notice_id=fresh("notice"), sequence=0, content="a", **notices)
    doubted = body_of(
        NoticeFailed, notice_id=fresh("notice"), sequence=1, content="b", code="outcome_unknown", **notices
    )
    async with here.running():
        await here.publish(*(message(one, source=here.service.source) for one in (sent, doubted)))
        await settled(here)
    apply = replay.Replay._apply

    async def one_by_one(self: replay.Replay, events: Any) -> None:
        for event in events:
            await apply(self, [event])

    monkeypatch.setattr(replay.Replay, "_apply", one_by_one)
    report = await compare(here.service, here.settings)
    assert (report.different_rows, report.differences) == (0, [])


async def test_a_fact_let_in_while_a_rebuild_reads_is_in_it_and_one_that_was_discarded_is_not(
    world: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = await world(enrolment.SERVICE)
    town, gone, writer, other = fresh("town"), fresh("town"), fresh("urn:writer"), fresh("urn:other")
    rule = SourceTakenOver(rule_id=fresh("takeover"), in_stream="programme.cities", from_source=writer, to_source=other)
    async with here.running() as runtime:
        *_, discarded = await here.publish(
            message(city(town, name="Own"), source=writer),
            message(city(town, name="Other"), source=other),
            message(city(gone, name="Own"), source=writer),
            message(city(gone, name="Other"), source=other),
        )
        await settled(here)
        await runtime.retry.discard(*discarded)
        assert (await compare(here.service, here.settings)).differences == []
        catch_up = replay.Replay.catch_up

        async def meanwhile(self: replay.Replay, target: Any) -> int:
            number = await catch_up(self, target)
            if not await known(here, town, "Other"):
                await here.publish(message(rule))
                await settled(here)
                await runtime.may_decide.wait()
                await runtime.retry.let_in()
                assert await known(here, town, "Other")
            return number

        monkeypatch.setattr(replay.Replay, "catch_up", meanwhile)
        for _ in range(2):  # The second one knows of the takeover before it reads what was discarded.
            assert (await compare(here.service, here.settings)).differences == []
        assert await known(here, gone, "Own")


async def test_takeovers_there_and_back_and_said_again_are_rebuilt_as_they_were_lived(world: Make) -> None:
    here = await world(enrolment.SERVICE)
    first, second, third = fresh("urn:first"), fresh("urn:second"), fresh("urn:third")
    chain, back, rule, other = fresh("town"), fresh("town"), fresh("takeover"), fresh("takeover")

    def handover(rule_id: str, version: int, former: str, new: str) -> Message:
        body = SourceTakenOver(rule_id=rule_id, in_stream="programme.cities", from_source=former, to_source=new)
        return message(body, version=version)

    old = message(city(back, name="Old"), source=second, event_id=fresh("event"))
    async with here.running() as runtime:
        for one in (
            message(city(chain, name="First"), source=first),
            message(city(back, name="First"), source=first),
            handover(rule, 1, first, second),
            message(city(chain, name="Second"), source=second),
            old,
            handover(rule, 2, second, third),
            message(city(chain, name="Second, late"), source=second, version=2),
            handover(other, 1, second, first),
            message(city(back, name="Back"), source=first, version=2),
            old,
        ):
            await here.publish(one)
            await settled(here)
        await runtime.may_decide.wait()
        await runtime.retry.let_in()
        assert await known(here, back, "Back")
        assert (await compare(here.service, here.settings)).differences == []
        await here.publish(message(city(chain, name="Third"), source=third))
        await settled(here)
        await runtime.retry.let_in()
        assert await known(here, chain, "Third")
        assert (await compare(here.service, here.settings)).differences == []


async def test_certificates_and_how_far_they_are_numbered_are_rebuilt_and_none_is_issued(world: Make) -> None:
    live_since = dt.datetime.now(dt.UTC) - dt.timedelta(days=10)
    here = await world(service_of(ListRules(dt.timedelta(hours=6), live_since)))
    session, anna, jan = fresh("session"), fresh("anna"), fresh("jan")
    day = (dt.datetime.now(dt.UTC) - dt.timedelta(days=2)).replace(
        hour=9, minute=0, second=0, microsecond=0, tzinfo=None
    )
    meeting = {"meeting_id": "day-1", "starts_local": day, "ends_local": day.replace(hour=15)}
    in_time = day.replace(hour=7, tzinfo=dt.UTC)
    series = f"RC-{dt.datetime.now(ISSUED_IN).year}"
    archived = body_of(
        CertificateIssued, number=f"{series}-0041", series=series, serial=41, session_id=fresh("old"), person_id=anna
    )
    came = {"session_id": session, "meeting_id": "day-1", "person_id": jan, "minutes": 360}
    found = CERTIFICATE.c.session_id == session
    async with here.running():
        await here.publish(message(archived, source="urn:example:archive"))
        await settled(here)
        await here.publish(
            message(body_of(SessionScheduled, session_id=session, meetings=[meeting])),
            message(body_of(ParticipantEnrolled, session_id=session, person_id=anna), source="rollcall/enrolment"),
            message(CheckInScanned(session_id=session, meeting_id="day-1", person_id=anna, scanned_at=in_time)),
            message(
                body_of(ParticipantAttended, **came, scanned_at=in_time, decided_at=in_time),
                source="urn:example:archive",
            ),
        )
        await eventually(lambda: _are(here, found, 2), what="two certificates")
        await settled(here)
        issued = await rows(here, CERTIFICATE, found)
        assert all(one.serial > 41 for one in issued)
        report = await compare(here.service, here.settings)
        assert (report.different_rows, report.differences) == (0, [])
        assert (await swap(here.service, here.settings)).different_rows == 0
        assert await rows(here, CERTIFICATE, found) == issued


async def _are(here: Any, found: Any, number: int) -> bool:
    return len(await rows(here, CERTIFICATE, found)) == number
