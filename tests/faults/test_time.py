"""Days of downtime, as the services' own clock tells them. Kafka's append times are real: what came in time still wins over a
deadline that passed meanwhile, what came late does not."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime as dt
import re
from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from deploy.embedded.ports import choose_free
from services.attendance.app import service_of
from services.attendance.lists import ListRules
from services.enrolment.app import SERVICE
from services.notifications import app as notifications
from services.notifications.sending import Sender
from services.notifications.settings import NotificationsSettings
from shared.contracts.attendance import AttendanceListClosed, ParticipantAbsent, ParticipantAttended
from shared.contracts.certificates import CertificateIssued
from shared.contracts.checkin import CheckInScanned
from shared.contracts.directory import ContactRegistered, MemberKind, PersonRegistered, TeamMemberJoined
from shared.contracts.enrolment import EnrolmentRefused, ParticipantEnrolled
from shared.contracts.planner import SessionCancelled, SessionKind
from shared.contracts.portal import EnrolmentRequested, WithdrawalRequested
from shared.contracts.rules import TopicDefined
from shared.outbox.journal import JOURNAL
from shared.postgres.tables import HELD, HELD_SUBJECT
from shared.process.runtime import Runtime
from shared.service import utc_now
from shared.testing import body_of, eventually, message
from shared.testing import settled as places_settled
from tests.enrolment.surroundings import (
    SAID_OF_PLACES,
    Make,
    city,
    fresh,
    programme,
    rows,
    said_and_sent,
    settled,
    training,
)
from tests.notifications.office import Server

pytestmark = pytest.mark.long

TO_PUBLISH = dt.timedelta(seconds=10)
"""For a few records on a busy machine: the broker judges by its own clock what came in time, and nobody can set that."""

LIVE_SINCE = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def later(here: Any, **ahead: float) -> Any:
    """The same service, its clock so far ahead."""
    gone = dt.timedelta(**ahead)
    return dataclasses.replace(here, service=dataclasses.replace(here.service, clock=lambda: utc_now() + gone))


def between(starts_at: dt.datetime, ends_at: dt.datetime) -> dict[str, Any]:
    """A training day of seconds."""
    at = {"starts_local": starts_at, "ends_local": ends_at}
    return {"meeting_id": "day-1", "zone": "UTC", **{name: f"{when:%Y-%m-%dT%H:%M:%S}" for name, when in at.items()}}


async def said(here: Any, session_id: str) -> Counter[tuple[str, str]]:
    """(type, person) of everything said about a session's people and lists."""
    entries = await rows(here, JOURNAL, JOURNAL.c.key == session_id, SAID_OF_PLACES)
    return Counter((row.type.split(".")[1], row.subject.split("/person/")[-1]) for row in entries)


async def test_requests_and_members_are_judged_by_when_they_came_not_by_when_they_are_heard(world: Make) -> None:
    here = await world(SERVICE)
    town, asked, team = fresh("town"), fresh("session"), fresh("session")
    early, tardy = fresh("person"), fresh("person")
    joined_early, over = fresh("person"), fresh("session")

    def joined(person: str) -> TeamMemberJoined:
        return TeamMemberJoined(
            person_id=person, city_id=town, from_date=dt.date(2026, 1, 1), kind=MemberKind.COORDINATOR
        )

    async with here.running():
        await here.publish(*programme(town, [], team)[:-1])
        await here.publish(message(training(over, town, days_ahead=-1)))
        await settled(here)

    # The service is down; a training comes and goes.
    starts_at = utc_now().replace(microsecond=0) + TO_PUBLISH
    day = between(starts_at, ends_at := starts_at + dt.timedelta(seconds=1))
    await here.publish(
        message(training(asked, fresh("town"), kind=SessionKind.IN_DEPTH, meetings=[day])),
        message(training(team, town, meetings=[between(ends_at, ends_at + dt.timedelta(seconds=1))])),
        message(joined(early)),
        message(joined(tardy)),
        message(EnrolmentRequested(session_id=asked, person_id=early)),
        message(joined(joined_early)),
    )
    assert utc_now() < starts_at
    await eventually(lambda: utc_now() > ends_at + dt.timedelta(seconds=1), what="the end of both trainings")
    await here.publish(
        message(EnrolmentRequested(session_id=asked, person_id=tardy)),
        message(WithdrawalRequested(session_id=asked, person_id=early)),
    )

    async with later(here, days=3).running():
        await eventually(lambda: said_and_sent(here, asked, 3), what="three answers")
        await settled(here)
    enrolled, refused = ParticipantEnrolled.__name__, EnrolmentRefused.__name__
    assert await said(here, asked) == Counter([(enrolled, early), (refused, tardy), (refused, early)])
    assert await said(here, team) == Counter((enrolled, person) for person in (early, tardy, joined_early))
    assert await said(here, over) == Counter()  # They joined when it was over.


async def test_a_member_who_joined_in_time_has_the_place_although_the_training_is_over_by_now(world: Make) -> None:
    here = await world(SERVICE)
    town, session_id, person = fresh("town"), fresh("session"), fresh("person")
    joined = programme(town, [person], session_id)[2]
    async with here.running():
        await here.publish(*programme(town, [], session_id))
        await settled(here)
    await here.publish(joined)

    async with later(here, days=60).running():
        await eventually(lambda: said_and_sent(here, session_id, 1), what="the enrolment")
    assert await said(here, session_id) == Counter([(ParticipantEnrolled.__name__, person)])


async def test_a_clock_that_is_not_the_brokers_is_a_warning_that_names_whose(world: Make) -> None:
    """Requests are judged by when Kafka got them, and what has begun by the service's own clock."""
    here = await world(SERVICE)
    async with later(here, minutes=3).running() as runtime:
        await here.publish(*programme(fresh("town"), [fresh("person")], fresh("session")))
        await eventually(lambda: "Kafka" in (runtime.clocks.warning() or ""), what="something said")
        (warning,) = (await runtime.health.state()).warnings
    assert re.fullmatch(
        r"this machine's clock is 1(79|80) s ahead of Kafka's and 1(79|80) s ahead of Postgres's: .*", warning
    )


async def test_what_a_held_request_waited_for_wins_over_its_deadline_only_if_it_came_before(world: Make) -> None:
    here = await world(SERVICE)
    town, person = fresh("town"), fresh("person")
    in_time, too_late = fresh("session"), fresh("session")
    async with here.running() as runtime:
        await runtime.may_decide.wait()
        await here.publish(*programme(town, [person], in_time)[:-1])
        for session_id in (in_time, too_late):
            await here.publish(message(EnrolmentRequested(session_id=session_id, person_id=person)))
        await eventually(lambda: holds(here, in_time, too_late), what="both requests held")

    # The service is down. One session is announced within the thirty days, the other one after its request's last moment.
    await here.publish(
        message(city(fresh("town")))
    )  # Unread too: the moment waits for it, and has to hear further than that.
    async with here.engine.begin() as connection:
        await connection.execute(
            sa.update(HELD).where(f"session/{too_late}" == HELD_SUBJECT).values(expires_at=utc_now())
        )
    announced = [training(one, fresh("town"), days_ahead=90, kind=SessionKind.IN_DEPTH) for one in (in_time, too_late)]
    await here.publish(*map(message, announced))

    async with later(here, days=31).running():
        for session_id in (in_time, too_late):
            await eventually(lambda session_id=session_id: said_and_sent(here, session_id, 1), what="an answer")
        await settled(here)
    assert await said(here, in_time) == Counter([(ParticipantEnrolled.__name__, person)])
    assert await said(here, too_late) == Counter([(EnrolmentRefused.__name__, person)])


async def holds(here: Any, *sessions: str) -> bool:
    return {row.about[0] for row in await rows(here, HELD)} >= {f"session/{one}" for one in sessions}


async def test_a_list_that_closed_meanwhile_counts_the_scans_that_came_before(world: Make) -> None:
    rules = ListRules(dt.timedelta(hours=6), LIVE_SINCE)
    here = await world(service_of(rules))
    session_id, came, stayed_away = fresh("session"), fresh("person"), fresh("person")
    starts_at = utc_now().replace(microsecond=0) - dt.timedelta(minutes=10)
    day = between(starts_at, ends_at := starts_at + dt.timedelta(hours=1))

    def place(person: str) -> ParticipantEnrolled:
        ids = {"session_id": session_id, "person_id": person, "request_id": fresh("request")}
        return body_of(ParticipantEnrolled, **ids, decided_at=starts_at)

    async with here.running():
        await here.publish(message(training(session_id, fresh("town"), meetings=[day])))
        await here.publish(*(message(place(one), source="rollcall/enrolment") for one in (came, stayed_away)))
        await settled(here)
    scan = CheckInScanned(session_id=session_id, meeting_id="day-1", person_id=came, scanned_at=utc_now())
    await here.publish(message(scan))

    async with later(here, days=3).running():
        await eventually(lambda: said_and_sent(here, session_id, 4), what="the closed list, and a certificate")
        await settled(here)
    subject = f"session/{session_id}/meeting/day-1"
    facts = await said(here, session_id)
    assert [number for (kind, _), number in facts.items() if kind == CertificateIssued.__name__] == [1]
    facts = Counter({key: number for key, number in facts.items() if key[0] != CertificateIssued.__name__})
    assert facts == Counter(
        [
            (ParticipantAttended.__name__, came),
            (ParticipantAbsent.__name__, stayed_away),
            (AttendanceListClosed.__name__, subject),
        ]
    )
    (closed,) = await rows(
        here, JOURNAL, JOURNAL.c.type == AttendanceListClosed.type_name(), JOURNAL.c.key == session_id
    )
    body = AttendanceListClosed.model_validate_json(closed.body)
    assert (body.present, body.absent, body.decided_at) == (1, 1, rules.close_after + ends_at)


async def test_a_cancellation_that_came_after_a_list_was_due_does_not_keep_it_from_closing(world: Make) -> None:
    rules = ListRules(dt.timedelta(seconds=1), LIVE_SINCE)
    here = await world(service_of(rules))
    session_id, came = fresh("session"), fresh("person")
    ends_at = utc_now().replace(microsecond=0) + TO_PUBLISH
    day = between(ends_at - dt.timedelta(hours=1), ends_at)
    ids = {"session_id": session_id, "person_id": came, "request_id": fresh("request")}
    place = body_of(ParticipantEnrolled, **ids, decided_at=utc_now())
    scan = CheckInScanned(session_id=session_id, meeting_id="day-1", person_id=came, scanned_at=utc_now())
    held_in = fresh("town")
    await here.publish(message(training(session_id, held_in, meetings=[day])), message(scan))
    await here.publish(message(place, source="rollcall/enrolment"))
    assert utc_now() < ends_at
    await eventually(lambda: utc_now() > ends_at + rules.close_after, what="the moment at which the list closes")
    await here.publish(message(training(session_id, held_in, meetings=[day], model=SessionCancelled), version=2))

    async with later(here, days=3).running():
        await eventually(lambda: said_and_sent(here, session_id, 2), what="the closed list")
    subject = f"session/{session_id}/meeting/day-1"
    assert await said(here, session_id) == Counter(
        [(ParticipantAttended.__name__, came), (AttendanceListClosed.__name__, subject)]
    )


class Post:
    """Notifications at work, with a mail server that may be away."""

    def __init__(self, here: Any) -> None:
        self.here = here
        self.server = Server(choose_free())
        self.settings = NotificationsSettings(
            database_url=here.settings.database_url,
            kafka=here.settings.kafka,
            replica="test",
            smtp_port=self.server.port,
            retry_first_seconds=0.1,
            send_poll_seconds=0.1,
            settling_seconds=0,
            rehearse=False,
            reconcile_seconds=0.5,
        )

    @contextlib.asynccontextmanager
    async def open(self, **ahead: float) -> AsyncIterator[Runtime]:
        gone = dt.timedelta(**ahead)
        service = dataclasses.replace(notifications.SERVICE, clock=lambda: utc_now() + gone)
        runtime = Runtime(service, self.settings)
        sender = Sender(runtime.decider, self.settings, streams_heard=partial(notifications.streams_heard, runtime))
        runtime.changed.append(sender.planner.news)
        runtime.said.append(sender.said)
        runtime.loops += sender.loops()
        tasks = await runtime.start()
        try:
            yield runtime
            assert not any(task.done() for task in tasks)
        finally:
            await runtime.stop(tasks)
            await runtime.engine.dispose()

    async def open_notices(self, person_id: str) -> set[str]:
        query = sa.text("select about from kept.open_notice where recipient = :person")
        async with self.here.engine.connect() as connection:
            return {row[0] for row in await connection.execute(query, {"person": person_id})}

    async def told(self, person_id: str) -> set[str]:
        query = sa.text("select about from projection.notice where recipient = :person and state = 'sent'")
        async with self.here.engine.connect() as connection:
            return {row[0] for row in await connection.execute(query, {"person": person_id})}


async def test_after_days_down_nothing_is_mailed_about_what_is_past_and_what_is_ahead_is_mailed_once(
    world: Make,
) -> None:
    here = await world(notifications.SERVICE)
    post, person = Post(here), fresh("person")
    past, ahead, past_unread, ahead_unread = (fresh("session") for _ in range(4))
    town, address = fresh("town"), f"{fresh('anna')}@example.org"

    async def announce(session_id: str, days: int) -> None:
        ids = {"session_id": session_id, "person_id": person, "request_id": fresh("request")}
        place = body_of(ParticipantEnrolled, **ids, decided_at=utc_now())
        its_training = training(session_id, town, days_ahead=days, topic="time")
        said = message(its_training)
        await here.publish(said, message(place, source="rollcall/enrolment"), places_settled(said))

    async with post.open():  # The mail server is away.
        await here.publish(
            message(body_of(TopicDefined, rule_id="topic:time", topic="time"), event_id="topic-time"),
            message(city(town)),
            message(body_of(PersonRegistered, person_id=person)),
            message(body_of(ContactRegistered, person_id=person, email=address)),
        )
        await announce(past, 2)
        await announce(ahead, 30)
        await eventually(lambda: waits(post, person, {past, ahead}), what="two mails waiting")
    await announce(past_unread, 2)
    await announce(ahead_unread, 30)

    async with post.server.listening():
        for _ in range(2):  # And again: once is enough.
            async with post.open(days=5):
                await eventually(lambda: has_been_told(post, person, {ahead, ahead_unread}), what="two mails sent")
                await eventually(lambda: waits(post, person, set()), what="no mail waiting")
                await settled(here)
    mails = [mail for mail in post.server.mails if mail[0] == address]
    assert [kind for _, kind, _ in mails] == ["confirmation", "confirmation"]
    assert await post.told(person) == about({ahead, ahead_unread})


async def waits(post: Post, person_id: str, sessions: set[str]) -> bool:
    return await post.open_notices(person_id) == about(sessions)


async def has_been_told(post: Post, person_id: str, sessions: set[str]) -> bool:
    return await post.told(person_id) == about(sessions)


def about(sessions: set[str]) -> set[str]:
    """As mails about places are called."""
    return {f"place/{session}" for session in sessions}
