"""A service as a process: its lanes, relay, due loop, command path and HTTP, started in order and stopped in order."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
import structlog
import uvicorn
from faststream.kafka import KafkaBroker
from faststream.security import SASLScram512
from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.backoff import Backoff
from shared.books import parking, recovery, watermark
from shared.books.watermark import is_heard
from shared.clocks import Clocks
from shared.consuming.projector import Lane
from shared.deciding.commands import CommandPath
from shared.deciding.due import DueLoop
from shared.deciding.facts import FactWriter
from shared.deciding.news import News
from shared.deciding.retry import ParkedRetry
from shared.deciding.transaction import Decider
from shared.events.streams import STREAMS, Partition
from shared.faults import Fault, classify, told
from shared.garbage import look_seldom
from shared.kafka.observer import Observer
from shared.outbox import journal
from shared.outbox.relay import Relay
from shared.postgres.database import PROJECTION, any_of, connect
from shared.process.connections import bounded
from shared.process.health import Health
from shared.service import Service
from shared.settings import Settings, kafka_connection, said_wrongly, variable_of
from shared.state.rows import FactRow
from shared.state.working import Due, Said

log = structlog.get_logger()

EXIT_INVALID = 2
"""A setting with which it could not do its work: started anew it would have the same one."""
EXIT_STUCK = 75
"""The process made no progress although everything it needs answers: whoever supervises it starts it anew."""
ENDS_AGAIN_SECONDS = 5.0
"""So often whoever waits for offsets to be heard asks whether the logs still reach them."""
EVERYTHING = News(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
"""What is news, when nobody knows."""


class Runtime:
    """One running service. Its listeners are told after every commit, whichever way it came about: `said` of the facts that were said,
    `changed` of news (our own echoes are none)."""

    def __init__(self, service: Service, settings: Settings) -> None:
        self.service = service
        self.settings = settings
        self.engine: AsyncEngine = connect(
            settings.database_url.get_secret_value(),
            pool_size=settings.pool_size,
            statement_timeout_ms=settings.statement_timeout_ms,
            application=f"rollcall-{service.name}",
        )
        self.reading: AsyncEngine = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        """For whoever only looks: each statement is whole, and takes no two round trips more for a transaction around it."""
        connection = kafka_connection(settings)
        self.own_heard = asyncio.Event()
        """What we said before is known: the lanes may go on."""
        self.may_decide = asyncio.Event()
        """Nothing is being recovered: commands and due moments may be decided."""
        self.changed: list[Callable[[News], None]] = []
        self.said: list[Callable[[Sequence[Said]], None]] = []
        self.loops: list[Callable[[], Coroutine[Any, Any, None]]] = []
        """What a service runs beside the common loops."""
        self.clocks = Clocks(service.clock)
        self.broker = self._broker(settings)
        self.observer = Observer(connection)
        self.relay = Relay(
            self.engine,
            service.name,
            service.source,
            connection,
            own_streams_heard=self._own_streams_heard,
            batch=settings.relay_batch,
            poll_seconds=settings.relay_poll_seconds,
            timeout_seconds=settings.relay_timeout_seconds,
            clocks=self.clocks,
        )
        self.decider = Decider(self.engine, service, said=self._tell_relay, changed=self.tell)
        self.commands = CommandPath(self.decider, self.may_decide)
        self.retry = ParkedRetry(self.engine, service, self.decider, may_decide=self.may_decide)
        self.decider.handed_over = self.retry.wake
        self.due = DueLoop(
            self.engine,
            service,
            self.decider,
            self.observer,
            may_decide=self.may_decide,
            poll_seconds=settings.due_poll_seconds,
            batch=settings.due_batch,
            partitions=lambda: frozenset(part for lane in self.lanes for part in lane.positions.partitions()),
        )
        self.lanes = self._lanes()
        self.health = Health(
            self.engine,
            service,
            [lane.positioning for lane in self.lanes],
            self.observer,
            self.may_decide,
            self.clocks,
            stuck_seconds=settings.consumer.stuck_seconds,
        )
        self.health.failed_looks = self.due.failed_looks
        self.health.own_warnings.append(self.relay.warning)

    def _broker(self, settings: Settings) -> KafkaBroker:
        security = None
        if settings.kafka_user and settings.kafka_password:
            security = SASLScram512(settings.kafka_user, settings.kafka_password.get_secret_value(), use_ssl=False)
        return KafkaBroker(
            settings.kafka.split(","),
            client_id=f"rollcall-{self.service.name}",
            logger=None,  # It logs a line a message otherwise.
            apply_types=False,
            serializer=None,  # What it would validate is ours already: batches of decoded events.
            allow_auto_create_topics=False,  # Streams are created by an explicit step.
            consumer_only=True,  # What we say goes through the relay alone.
            security=security,
        )

    def _lanes(self) -> list[Lane]:
        service, limits = self.service, self.settings.consumer
        common: dict[str, Any] = {
            "service": service.name,
            "source": service.source,
            "own": service.own,
            "replica": self.settings.replica,
        }
        deciding = tuple(dict.fromkeys((*service.own, *service.decisions)))
        smaller = limits.model_copy(update={"batch_records": limits.deciding_batch_records})
        lanes = [
            Lane(
                "decisions",
                self.broker,
                self.engine,
                streams=deciding,
                hear=self.decider.hear,
                limits=smaller,
                gate=self.own_heard,
                patience=service.patience,
                **common,
            )
        ]
        if service.facts:
            facts = FactWriter(self.engine, service, self.decider, changed=self.tell)
            lanes.append(
                Lane(
                    "facts",
                    self.broker,
                    self.engine,
                    streams=service.facts,
                    hear=facts.hear,
                    limits=limits,
                    gate=None,
                    **common,
                )
            )
        return lanes

    def _tell_relay(self, said: Sequence[Said]) -> None:
        self.relay.wake(within=self.service.told_within_seconds)
        for listener in self.said:
            listener(said)

    def tell(self, news: News) -> None:
        """After a commit: something was heard or decided."""
        for listener in self.changed:
            listener(news)

    # --- life ----------------------------------------------------------------------------

    async def run(self, app: Any) -> int:
        """Runs until SIGTERM or SIGINT, or until the process is found stuck. Returns the exit code."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=self.settings.host,
                port=self.settings.port,
                log_level="warning",
                access_log=False,
                lifespan="off",
                http=bounded(self.settings.http),
                ws="none",
                timeout_keep_alive=self.settings.http.idle_seconds,
                h11_max_incomplete_event_size=self.settings.http.header_bytes,
            )
        )
        server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # Signals are ours.
        serving = asyncio.create_task(_serve(server), name="http")
        stuck = asyncio.create_task(self.health.until_stuck(), name="watchdog")
        starting = asyncio.create_task(self.start(), name="start")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        tasks = [starting]
        code = 0
        try:
            while not stop.is_set():
                await asyncio.wait([*tasks, serving, stuck, stopping], return_when=asyncio.FIRST_COMPLETED)
                if starting in tasks and starting.done():
                    tasks = starting.result()
                ended = [task for task in (*tasks, serving, stuck) if task.done()]
                if ended:
                    log.error("a part of the service ended", parts=[task.get_name() for task in ended],
                              errors=[told(error) for task in ended if not task.cancelled() and (error := task.exception())])  # fmt: skip
                    code = EXIT_STUCK
                    break
        finally:
            await self.stop([*tasks, starting, stuck, stopping])
            server.should_exit = True
            await asyncio.wait([serving], timeout=5)
            await self.engine.dispose()
        log.info("stopped", code=code)
        return code

    async def start(self) -> list[asyncio.Task[Any]]:
        """Connects to Kafka, with patience, and starts every loop."""
        backoff = Backoff(0.5, 10)
        while True:
            try:
                async with asyncio.timeout(30):
                    await self.observer.start()
                    await self._hear_new_types()
                    await self._hear_what_kept_lacks()
                    await self._join()
                break
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    raise
                backoff.failed(error, where="start")
                await self.observer.stop()
                await self.broker.stop()
                await backoff.wait()
        for lane in self.lanes:
            lane.start()
        loops = [self.relay.run, self.commands.run, self.retry.run, self._wait_for_own_streams, *self.loops]
        if self.service.due:
            loops.append(self.due.run)
        look_seldom()
        log.info("started", streams=len(self.service.heard))
        tasks = [asyncio.create_task(loop(), name=loop.__qualname__) for loop in loops]
        return [*tasks, *(task for lane in self.lanes for task in lane.tasks)]

    async def _join(self) -> None:
        """Both lanes at once: one that joins the group after the other makes it join again, a heartbeat later."""
        await self.broker.connect()
        starting = (subscriber.start() for subscriber in self.broker.subscribers)
        for failed in await asyncio.gather(*starting, return_exceptions=True):
            if failed is not None:
                raise failed  # Once nobody is starting any more: all are stopped now, and tried again.

    async def stop(self, tasks: Sequence[asyncio.Task[Any]]) -> None:
        """Ends loops and lanes; what is in flight commits or is rolled back by itself."""
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            async with asyncio.timeout(10):
                await self.broker.stop()
                for lane in self.lanes:
                    await lane.stop()
                await self.observer.stop()
        except TimeoutError:
            log.warning("Kafka clients did not stop in time")

    # --- own streams ---------------------------------------------------------------------

    async def _wait_for_own_streams(self) -> None:
        """Opens the gates once everything we ever said is known here, also if this database is last night's."""
        backoff = Backoff(0.5, 10)
        while True:
            try:
                await self._own_streams_heard()
                ends = await self.observer.ends(self.service.heard)
                async with self.engine.begin() as connection:
                    self.decider.quiet_until = await recovery.begin(connection, ends)
                self.own_heard.set()
                self.decider.own_heard = True
                for lane in self.lanes:
                    lane.positioning.wake()
                if self.decider.quiet_until:
                    await self._recover()
                self.may_decide.set()
                await asyncio.Event().wait()
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    raise
                backoff.failed(error, where="own streams")
                await backoff.wait()

    async def _recover(self) -> None:
        """Hears quietly what was heard before the restore, then looks once at everything that is open. What our own code fails on keeps it
        from being over: it is done again at the next start, by then perhaps by a release that can, and costs only the looks. What the
        database refuses it would refuse again."""
        log.warning("this database is older than our own stream: hearing the others up to their ends without deciding")
        await self._until_heard(self.decider.quiet_until)
        now = self.service.clock()
        async with self.engine.connect() as connection:
            subjects = await self.service.open_subjects(connection, now)
        failed = 0
        for subject in subjects:
            moment = Due(recovery.RECONCILE, subject, now)
            try:
                await self.decider.act([moment])
            except Exception as error:
                if classify(error) is Fault.TRANSIENT:
                    raise
                log.exception("a subject could not be settled after the restore", subject=subject)
                self.due.try_later(moment)
                failed += classify(error) is Fault.BUG
        if not failed:
            async with self.engine.begin() as connection:
                await recovery.end(connection)
        self.decider.quiet_until = {}
        log.info("recovered", subjects=len(subjects), failed=failed)

    async def _own_streams_heard(self) -> None:
        backoff = Backoff(0.5, 10)
        while True:
            try:
                await self._until_heard(await self.observer.ends(self.service.own), is_sure=self._know_their_own)
                return
            except Exception as error:
                if classify(error) is not Fault.TRANSIENT:
                    raise
                backoff.failed(error, where="own streams")
                await backoff.wait()

    def _know_their_own(self) -> bool:
        """A watermark alone says nothing of a log that was cut behind it."""
        return all(lane.positioning.knows_its_own() for lane in self.lanes)

    async def _until_heard(self, until: Mapping[Partition, int], *, is_sure: Callable[[], bool] = lambda: True) -> None:
        """Returns once these offsets are heard, as far as there are any: a log that was made anew meanwhile, or restored from an older
        copy than we have seen, may end before them for good."""
        until, look_at = dict(until), time.monotonic() + ENDS_AGAIN_SECONDS
        streams = {part.stream for part in until}.intersection(
            self.service.heard
        )  # A newer release may have heard others.
        while not (is_sure() and await is_heard(self.engine, until)):
            await asyncio.sleep(0.05)
            if time.monotonic() > look_at:
                ends = await self.observer.ends(streams)
                until = {part: min(offset, ends.get(part, 0)) for part, offset in until.items()}
                look_at = time.monotonic() + ENDS_AGAIN_SECONDS

    async def _hear_new_types(self) -> None:
        """Before any gate asks how far the streams are heard; what another replica skips later is found when its partition comes
        to us (Positioning)."""
        heard = [Partition(name, number) for name in self.service.heard for number in range(STREAMS[name].partitions)]
        async with self.engine.begin() as connection:
            await parking.hear_new_types(connection, heard)

    async def _hear_what_kept_lacks(self) -> None:
        """A schema `kept` that was restored alone is older than the rows beside it: what was said, held or set aside since stands in no table,
        and no watermark leads back to it. It is seen by our own words: rows were made of some that the journal does not hold."""
        async with self.engine.begin() as connection:
            marks = await watermark.read(connection, self.service.heard)
            last = [
                mark.last_print for part, mark in marks.items() if part.stream in self.service.own and mark.last_print
            ]
            missing, _ = await journal.missing(connection, [known.partition("/")[2] for known in last])
            if missing and await self._made_rows_of(connection, missing):
                log.warning("what is kept is older than what was made of it: hearing everything from the start")
                for partition in sorted(marks):
                    await watermark.rewind(connection, partition)

    async def _made_rows_of(self, connection: AsyncConnection, event_ids: Collection[str]) -> bool:
        """Whether one of these is a fact of ours: on our own streams others may have stated what was before us."""
        for kind, table in self.service.tables.items():
            if issubclass(kind, FactRow) and table.schema == PROJECTION:
                of_ours = sa.exists().where(
                    table.c.source == self.service.source, any_of(table.c.event_id, "event_ids")
                )
                if (await connection.execute(sa.select(of_ours), {"event_ids": sorted(event_ids)})).scalar_one():
                    return True
        return False


async def _serve(server: uvicorn.Server) -> None:
    """uvicorn ends the process when its port is taken; here that is a part that ended, said in one sentence."""
    try:
        await server.serve()
    except SystemExit:
        raise OSError(f"port {server.config.port} of {server.config.host} cannot be listened on") from None


def run(runtime_of: Callable[[], tuple[Runtime, Any]]) -> None:
    """Runs a service's process: `runtime_of` makes the runtime and the HTTP app inside the event loop."""

    async def main() -> int:
        try:
            runtime, app = runtime_of()
        except (ValidationError, SettingsError) as error:
            for where, why in said_wrongly(error):
                print(f"{variable_of(where) if where else 'The settings'}: {why}.", file=sys.stderr)
            return EXIT_INVALID
        return await runtime.run(app)

    code = asyncio.run(main())
    if code == EXIT_STUCK:
        os._exit(code)  # A thread that hangs must not keep a stuck process alive.
    if code:
        sys.exit(code)
