"""Enrolment's scenarios for the crash points: what the world outside does with a piece of work, and what must have come of it."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import signal
from collections.abc import Sequence
from typing import Any

import httpx
import sqlalchemy as sa
from aiokafka import AIOKafkaProducer

from services.enrolment import tables
from shared.books.parking import PARKED
from shared.books.recovery import HEARD_AGAIN, RECOVERY
from shared.contracts.directory import PersonRegistered
from shared.contracts.model import BODY_LIMIT_BYTES
from shared.contracts.planner import SessionKind
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.contracts.rules import SourceTakenOver, StageOpened
from shared.contracts.survey import TrainingNeedDeclared
from shared.outbox.journal import JOURNAL, OUTBOX
from shared.outbox.relay import LOCK_KEY
from shared.settings import kafka_connection
from shared.testing import SOURCE, Message, body_of, eventually, json_message, message
from shared.web import tokens
from shared.web.scopes import SCOPES
from tests.faults.lineage import Scenario, System
from tests.faults.living import Processes
from tests.faults.programme import ENROLLED, PHASE, REFUSED, SETTLED, WITHDRAWN, Work
from tests.faults.surroundings import Surroundings

STANDING = {ENROLLED: "enrolled", WITHDRAWN: "withdrawn", REFUSED: "none"}


class Enrolment(System):
    app = "services.enrolment.app"
    scenarios = (
        Scenario("ordinary"),
        Scenario("refused"),
        Scenario("late"),
        Scenario("late refused"),
        Scenario("commands"),
        Scenario("takeover"),
        Scenario("operator"),
        Scenario("taken back"),
        Scenario("cut off"),
        Scenario("told to stop"),
        Scenario("heard again"),
        Scenario("backlog", at_start=True),
        Scenario("other relay", at_start=True),
        Scenario("rewound", at_start=True),
        Scenario("restored", at_start=True),
    )

    def __init__(self, around: Surroundings, processes: Processes) -> None:
        super().__init__(around, processes)
        self._all: list[Work] = []
        self._token = ""
        self._other_relay: Any = None

    async def begin(self) -> None:
        opened = StageOpened(rule_id=f"stage:{PHASE}", stage=PHASE, phase=PHASE, opened_on=dt.date(2026, 1, 1))
        await self.around.publish(message(opened))
        # The database refuses some rows for their content, whatever the code thinks of them.
        for name, column in (
            ("town", "city_id"),
            ("person", "person_id"),
            ("need", "need_id"),
            ("answer", "request_id"),
        ):
            constraint = f"check ({column} not like 'refused-%')"
            await self.around.execute(f"alter table projection.{name} add constraint refused {constraint}")
        self._token, row = tokens.new_token("coordinator", SCOPES, now=dt.datetime.now(dt.UTC))
        async with self.around.engine.begin() as connection:
            await tokens.store(connection, row)

    def work(self, scenario: str) -> Work:
        self._all.append(Work(scenario))
        return self._all[-1]

    # --- what the world outside does -------------------------------------------------------

    async def prepare(self, work: Work) -> None:
        match work.scenario:
            case "rewound":
                await self.around.execute(
                    "update projection.watermark set last_print = '0/another-log'"
                    " where stream in ('programme.cities', 'enrolment.events')",
                )
            case "restored":
                await self._forget_everything()
            case "other relay":
                await self._start_other_relay()
        await self.around.publish(*work.programme())

    async def act(self, work: Work) -> None:
        if not self.is_at_start(work.scenario):
            await self.around.publish(*work.programme())
        match work.scenario:
            case "ordinary":
                await self._bad_records(work)
            case "refused":
                identity = PersonRegistered(person_id=work.id("refused"), given_name="A", family_name="B")
                need = body_of(TrainingNeedDeclared, need_id=work.id("refused"), city_id=work.town)
                await self.around.publish(work.city(work.id("refused")), message(identity), message(need))
            case "late" | "late refused":
                await self._nobody_knows(work)
            case "commands":
                await self._commands(work)
            case "takeover":
                await self._takeover(work)
            case "operator":
                await self._operator(work)
            case "taken back":
                await self._take_back(work)
            case "cut off":
                await eventually(self._is_ready, what="a service whose loops all run")
                life = self.processes.life
                await self.around.cut_again_and_again(
                    until=lambda: life is None or life.is_over, waiting_for="kept.parked"
                )
            case "told to stop":
                if self.processes.life is not None and not self.processes.life.is_over:
                    os.kill(self.processes.life.pid, signal.SIGTERM)
            case "heard again":  # What a replica leaves behind that rewinds one of our partitions while this one leads.
                await eventually(self._is_ready, what="a service whose loops all run")
                mark = f"values ('enrolment.events', {HEARD_AGAIN}, {HEARD_AGAIN}) on conflict do nothing"
                await self.around.execute(f"insert into kept.recovery (stream, partition, until_offset) {mark}")
            case "other relay":
                await eventually(lambda: self._is_said(work), what="facts that wait for a relay")
                await self._stop_other_relay()

    async def _bad_records(self, work: Work) -> None:
        """Poison, an unknown type, and second writers on both lanes: parked, skipped, parked."""
        identity = PersonRegistered(person_id=work.people[0], given_name="Not", family_name="Theirs")
        need = body_of(TrainingNeedDeclared, need_id=work.id("need"), city_id=work.town)
        await self.around.publish(
            Message("programme.cities", work.town.encode(), b"{", []),
            json_message("programme.cities", work.town.encode(), {}, "rollcall.Unheard.v1"),
            work.city(source="urn:example:second", name="Not theirs"),
            message(identity, source="urn:example:second"),
            Message("programme.needs", work.town.encode(), b"{", []),
            message(need, source="urn:example:second"),
        )

    async def _nobody_knows(self, work: Work) -> None:
        """Someone unknown gives back a place in a training that is over: held, due at once, refused."""
        session, person = work.id("over"), work.id("stranger")
        work.said[session, person] = [REFUSED]
        request = WithdrawalRequested(session_id=session, person_id=person)
        events = [work.training(session, SessionKind.IN_DEPTH, days_ahead=-3), message(request)]
        if work.scenario == "late refused":  # Another one's answer: it stays due, and holds up nobody.
            also_over = work.id("also-over")
            no_answer = WithdrawalRequested(session_id=also_over, person_id=person)
            events.insert(0, work.training(also_over, SessionKind.IN_DEPTH, days_ahead=-3))
            events.insert(1, message(no_answer, event_id=work.id("refused")))
        await self.around.publish(*events)

    async def _commands(self, work: Work) -> None:
        """One by itself, then several at once, so that they share a transaction: one is refused by the database, and two come again. On a busy
        machine all that come at once may be one transaction, which the refused one fails."""
        one, _, three = work.people
        await eventually(lambda: self._is_said(work), what="the programme decided")
        work.said[work.open_session, one] = [ENROLLED]
        work.said[work.team_session, three] = [ENROLLED, WITHDRAWN]
        asked, back = ("requests", work.open_session, one), ("withdrawals", work.team_session, three)
        await self._command(*back, key=work.id("back"))
        await asyncio.gather(
            *(self._command(*asked, key=work.id("asked")) for _ in range(2)),
            self._command("requests", work.open_session, three, key=work.id("refused"), expected=(422,)),
            self._command(*back, key=work.id("back")),
        )

    async def _command(
        self, what: str, session: str, person: str, *, key: str, expected: Sequence[int] = (200,)
    ) -> None:
        path = f"/api/v1/sessions/{session}/{what}"
        await self._post(path, expected, json={"person_id": person}, headers={"Idempotency-Key": key})

    async def _post(self, path: str, expected: Sequence[int] = (200,), **request: Any) -> Any:
        """As a client does: asks again until it is answered."""
        headers = {"Authorization": f"Bearer {self._token}", **request.pop("headers", {})}
        url = f"http://127.0.0.1:{self.around.settings.port}{path}"

        async def answered() -> httpx.Response | None:
            try:
                async with httpx.AsyncClient(timeout=180) as client:
                    answer = await client.post(url, headers=headers, **request)
            except httpx.TransportError:
                return None
            return None if answer.status_code == 503 else answer

        answer: Any = await eventually(answered, what=f"an answer to {path}")
        assert answer.status_code in expected, (path, answer.status_code, answer.text)
        return answer.json()

    async def _is_ready(self) -> bool:
        try:
            async with httpx.AsyncClient() as client:
                url = f"http://127.0.0.1:{self.around.settings.port}/health/ready"
                return (await client.get(url)).status_code == 200
        except httpx.TransportError:
            return False

    async def _takeover(self, work: Work) -> None:
        """Another writer's fact is parked until it may take over; then it is heard by itself."""
        writer = work.id("urn:example:writer")
        (place,) = await self.around.publish(work.city(source=writer, name="Theirs"))
        await eventually(lambda: self._parked_at(place), what="the other writer's fact parked")
        rule = body_of(
            SourceTakenOver,
            rule_id=work.id("takeover"),
            in_stream="programme.cities",
            from_source=SOURCE,
            to_source=writer,
        )
        work.name = "Theirs"
        await self.around.publish(message(rule))

    async def _operator(self, work: Work) -> None:
        """Tries parked records again, in vain, and gives one up; and a request that another one stands behind."""
        places = await self.around.publish(
            Message("programme.cities", work.town.encode(), b"{", []),
            Message("programme.cities", work.town.encode(), b"x" * (BODY_LIMIT_BYTES + 1), []),
            work.city(source="urn:example:second", name="Not theirs"),
        )
        for place in places:
            await eventually(lambda place=place: self._parked_at(place), what="the record parked")
            path = "/api/v1/parked/{}/{}/{}".format(*place)
            assert (await self._post(f"{path}/retry"))["state"] == "parked"
        assert (await self._post(f"{path}/discard"))["state"] == "discarded"
        assert (await self._post(f"{path}/retry"))["state"] == "discarded"
        await self._post("/api/v1/parked/programme.cities/0/999999999/retry", expected=(404,))
        await eventually(lambda: self._is_said(work), what="the programme decided")
        request = EnrolmentRequested(session_id=work.open_session, person_id=work.people[2])
        work.said[work.open_session, work.people[2]] = [ENROLLED]
        refused, _ = await self.around.publish(message(request, event_id=work.id("refused")), message(request))
        await eventually(lambda: self._parked_at(refused), what="the request parked")
        assert (await self._post("/api/v1/parked/{}/{}/{}/discard".format(*refused)))["state"] == "discarded"

    async def _parked_at(self, place: tuple[str, int, int]) -> list[Any]:
        at = sa.tuple_(PARKED.c.stream, PARKED.c.partition, PARKED.c.offset)
        return await self.around.rows(PARKED, at == sa.tuple_(*place))

    async def _take_back(self, work: Work) -> None:
        """An outside system begins a transaction and aborts it: offsets that hold nothing for a reader."""
        connection = kafka_connection(self.around.settings)
        async with AIOKafkaProducer(**connection, transactional_id=work.id("transaction")) as producer:
            await producer.begin_transaction()
            taken_back = work.city(name="Never said")
            sent = await producer.send(
                taken_back.stream, taken_back.value, key=taken_back.key, headers=taken_back.headers
            )
            await sent
            await producer.abort_transaction()

    async def _start_other_relay(self) -> None:
        """Another replica leads the relay."""
        self._other_relay = await self.around.engine.connect()
        await self._other_relay.execute(sa.select(sa.func.pg_advisory_lock(LOCK_KEY)))

    async def _stop_other_relay(self) -> None:
        await self._other_relay.execute(sa.select(sa.func.pg_advisory_unlock(LOCK_KEY)))
        await self._other_relay.close()

    async def _forget_everything(self) -> None:
        """The database as the oldest backup has it."""
        tables = [f"{table.schema}.{table.name}" for metadata in self.around.service.metadata()
                  for table in metadata.sorted_tables if table.name not in ("token", "decider")]  # fmt: skip
        await self.around.execute(f"truncate {', '.join(tables)}")

    # --- what must have come of it ---------------------------------------------------------

    async def unsettled(self, work: Work) -> list[str]:
        if not await self._is_said(work):
            return ["facts to say"]
        if not await self._is_named(work):
            return [f"the town's name {work.name}"]
        if await self.around.rows(RECOVERY):
            return ["a recovery that has not ended"]
        return await self.around.unsettled()

    async def _is_said(self, work: Work) -> bool:
        entries = await self.around.rows(JOURNAL.c.event_id, JOURNAL.c.key.in_(work.sessions))
        return len(entries) >= sum(map(len, work.said.values())) + len(work.sessions)

    async def _is_named(self, work: Work) -> bool:
        rows = await self.around.rows(tables.TOWN.c.name, tables.TOWN.c.city_id == work.town)
        return [row.name for row in rows] == [work.name]

    async def check(self, *works: Work) -> None:
        """Every person has what the work gives them, by exactly the facts that give it."""
        for work in works:
            entries = await self.around.check_said(JOURNAL.c.key.in_(work.sessions))
            by_subject: dict[str, list[str]] = {}
            for entry in sorted(entries, key=lambda entry: entry.version):
                by_subject.setdefault(entry.subject, []).append(entry.type.split(".")[1])
            expected = {f"session/{session}/person/{person}": types for (session, person), types in work.said.items()}
            expected |= {f"session/{session}/places": [SETTLED] for session in work.sessions}
            assert by_subject == expected
            places = await self.around.rows(tables.PLACE, tables.PLACE.c.session_id.in_(work.sessions))
            assert {(row.session_id, row.person_id): row.state for row in places} == {
                place: STANDING[types[-1]] for place, types in work.said.items()
            }
            needs = await self.around.rows(tables.NEED, tables.NEED.c.need_id == work.id("need"))
            people = await self.around.rows(tables.PERSON, tables.PERSON.c.person_id.in_(work.people))
            assert (len(needs), sorted(row.given_name for row in people)) == (1, ["A", "A", "A"])

    async def check_whole(self) -> None:
        await self.check(*self._all)
        assert await self.around.differing_books() == []
        assert await self.around.rows(OUTBOX) == []
        await self.around.check_whole()
