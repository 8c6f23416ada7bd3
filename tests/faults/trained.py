"""A service of whichever kind that has said something, in its real surroundings: what tests of all three share."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any
from unittest import mock

import sqlalchemy as sa

from deploy.embedded import ports
from services.attendance.app import service_of
from services.attendance.lists import ListRules
from services.enrolment import app as enrolment
from services.notifications import app as notifications
from services.notifications.sending import Sender
from services.notifications.settings import NotificationsSettings
from shared.books.parking import PARKED
from shared.contracts.checkin import CheckInScanned
from shared.contracts.directory import ContactRegistered, MemberKind, PersonRegistered, TeamMemberJoined
from shared.contracts.enrolment import ParticipantEnrolled
from shared.contracts.rules import TopicDefined
from shared.deciding import retry
from shared.kafka.observer import Observer
from shared.outbox.journal import JOURNAL
from shared.process.runtime import Runtime
from shared.service import Service
from shared.settings import kafka_connection
from shared.testing import Message, body_of, eventually, message
from shared.testing import settled as places_settled
from tests.enrolment.surroundings import Make, fresh, programme, rows, settled, training
from tests.notifications.office import Server

TODAY = dt.datetime.now(dt.UTC)
ATTENDANCE = service_of(ListRules(dt.timedelta(hours=6), TODAY - dt.timedelta(days=1), dt.timedelta(days=60)))
"""Its trainings lie a month ahead, and are come to today."""
ENROLMENT_SOURCE = enrolment.SERVICE.source


@dataclasses.dataclass
class Trained:
    """A service that has said something: about a town, its team, a training, and who came or was told."""

    here: Any
    server: Server | None
    town: str
    session: str

    @property
    def service(self) -> Service:
        service: Service = self.here.service
        return service

    @property
    def settings(self) -> Any:
        return self.here.settings

    async def someone_comes(self, *, people: int = 1) -> None:
        """Somebody more joins, comes or is enrolled: the service says exactly one thing about each."""
        newcomers = [fresh("person") for _ in range(people)]
        for person in newcomers:
            await self.here.publish(*about(self.service, person, self.town, self.session))
        await eventually(lambda: self._said_of(newcomers), what=f"what {self.service.name} says about them")
        await settled(self.here)
        assert await self._said_of(newcomers)

    async def _said_of(self, people: Sequence[str]) -> bool:
        """Of each of them exactly once. Of others it may say something at any time: a moment of theirs has come."""
        said = [await rows(self.here, JOURNAL, JOURNAL.c.body.contains(f'"{person}"')) for person in people]
        return [len(entries) for entries in said] == [1] * len(people)

    async def look(self) -> dict[str, Any]:
        """Every row, how far the own streams reach, and every mail."""
        found: dict[str, Any] = {}
        for metadata in self.service.metadata():
            for table in metadata.sorted_tables:
                found[table.fullname] = sorted(map(tuple, await rows(self.here, table)), key=repr)
        observer = Observer(kafka_connection(self.settings))
        await observer.start()
        found["ends"] = await observer.ends(self.service.own)
        await observer.stop()
        found["indexes"] = await self._selected("select indexdef from pg_indexes where schemaname = 'projection'")
        found["constraints"] = await self._selected(
            "select conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'projection'::regnamespace"
        )
        found["mails"] = Counter(self.server.mails if self.server else ())
        return found

    async def _selected(self, statement: str) -> list[Any]:
        async with self.here.engine.connect() as connection:
            return sorted(map(tuple, await connection.execute(sa.text(statement))))


def about(service: Service, person: str, town: str, session: str) -> list[Message]:
    """What makes the service say one thing about a person."""
    enrolled = body_of(ParticipantEnrolled, person_id=person, session_id=session, request_id=fresh("request"))
    if service.name == "enrolment":
        joined = TeamMemberJoined(
            person_id=person, city_id=town, from_date=dt.date(2026, 1, 1), kind=MemberKind.PROJECT_STAFF
        )
        return [message(joined)]
    if service.name == "attendance":
        scan = CheckInScanned(session_id=session, meeting_id="day-1", person_id=person, scanned_at=TODAY)
        return [message(enrolled, source=ENROLMENT_SOURCE), message(scan)]
    return [
        message(body_of(PersonRegistered, person_id=person)),
        message(ContactRegistered(person_id=person, email=f"{person}@example.org")),
        message(enrolled, source=ENROLMENT_SOURCE),
    ]


@contextlib.asynccontextmanager
async def trained(world: Make, service: Service) -> AsyncIterator[Trained]:
    """The service at work, after three people have gone through it; nothing changes in it any more unless it hears something."""
    with mock.patch.object(retry, "POLL_SECONDS", 3600):  # What was parked is looked at once, when the service begins.
        async with _at_work(world, service) as one:
            yield one


@contextlib.asynccontextmanager
async def _at_work(world: Make, service: Service) -> AsyncIterator[Trained]:
    here = await world(service)
    town, session = fresh("town"), fresh("session")
    server = Server(ports.choose_free()) if service.name == "notifications" else None
    if server is None:
        async with here.running():
            yield await _trained(here, server, town, session)
        return
    settings = NotificationsSettings(
        **here.settings.model_dump(exclude={"port", "pool_size"}),
        port=0,
        smtp_port=server.port,
        mail_since=dt.datetime.now(dt.UTC),
        rehearse=False,
        reconcile_seconds=0.2,
        catch_up_seconds=0.1,
        send_poll_seconds=0.1,
        settling_seconds=0,
    )
    async with server.listening():
        runtime = Runtime(service, settings)
        sender = Sender(runtime.decider, settings, streams_heard=partial(notifications.streams_heard, runtime))
        runtime.changed.append(sender.planner.news)
        runtime.said.append(sender.said)
        runtime.loops += sender.loops()
        tasks = await runtime.start()
        try:
            yield await _trained(dataclasses.replace(here, settings=settings), server, town, session)
        finally:
            await runtime.stop(tasks)
            await runtime.engine.dispose()


async def _trained(here: Any, server: Server | None, town: str, session: str) -> Trained:
    one = Trained(here, server, town, session)
    topic = TopicDefined(rule_id=fresh("topic"), topic=fresh("topic"), name_pl="Klimat", name_en="Climate")
    await here.publish(message(topic), *programme(town, [], session)[:-1])
    its_training = message(training(session, town, topic=topic.topic))
    # Who hears enrolment waits for what it says of the session.
    hears = here.service.name == "notifications"
    await here.publish(its_training, *([places_settled(its_training)] if hears else []))
    await settled(here)  # What earlier tests said enters this journal too.
    await one.someone_comes(people=3)
    await eventually(
        partial(nothing_to_let_in, here), what="a try with everything that takeovers of other tests let in"
    )
    return one


async def nothing_to_let_in(here: Any) -> bool:
    async with here.engine.connect() as connection:
        allowed = await connection.execute(retry._TAKEN_OVER.where(PARKED.c.retries == 0))
        return not allowed.all()
