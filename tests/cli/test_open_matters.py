"""Books that cannot look well when they are not: each state in which something stands open is made in a real database, and has a line."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from rollcall.open_matters import BY_SERVICE, EVERY_SERVICE, kinds_of, open_matters
from services.attendance import books as attendance_books
from services.attendance.certificates import Certificate, certificate_of
from services.attendance.files import File
from services.attendance.lists import ListRules
from services.attendance.scanning import MARK_STANDS
from services.attendance.state import NUMBERS, MeetingList, Record, record_of, record_said_of
from services.attendance.state import session_of as attendance_session
from services.enrolment import app as enrolment
from services.enrolment import views as enrolment_views
from services.enrolment.applying import place_of, session_of
from services.enrolment.state import Settled
from services.notifications.going_live import GoLive
from services.notifications.ledger import Belief, NoticeState, nothing_yet
from shared.books import parking
from shared.books.erasing import STRAY
from shared.books.holding import OVERDUE_AFTER
from shared.books.parking import SKIPPED, ParkedState
from shared.clocks import Clocks
from shared.contracts.attendance import Because, ParticipantAbsent, ParticipantAttended
from shared.contracts.certificates import CertificateIssued
from shared.contracts.enrolment import ParticipantWaitlisted, Standing
from shared.contracts.files import FileKind
from shared.contracts.notifications import Audience, DeclineReason, Mutable
from shared.contracts.planner import SessionScheduled, SessionStanding
from shared.contracts.selection import CityQualified
from shared.events.envelope import Poison, Reason
from shared.events.streams import Partition
from shared.outbox import journal
from shared.postgres.roundtrips import Writes
from shared.postgres.tables import HELD
from shared.process.health import Health
from shared.service import Service, utc_now
from shared.state.rows import Row, Rows
from shared.state.working import Unchanged
from shared.testing import NOON, body_of, heard, message
from tests.enrolment.surroundings import Make
from tests.faults.trained import ATTENDANCE
from tests.notifications.building import (
    BEFORE,
    NOW,
    asked,
    call,
    contact,
    content,
    message_text,
    notice,
    open_notice,
    person,
    place,
    said_then,
    session,
    suppression,
)
from tests.notifications.building import message as written
from tests.notifications.conftest import database_url, engine, office  # noqa: F401  # Fixtures.
from tests.notifications.office import Office
from tests.notifications.test_muting import mute

OPERATORS = Path(__file__).parents[2] / "docs" / "operators.md"
META = ("urn:example:source", 1, True, "event-1", NOON)
FAR_AHEAD = dt.datetime(2999, 1, 1, tzinfo=dt.UTC)
LIVE = ListRules(dt.timedelta(hours=6), dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
OWN_BOOKS: dict[str, Any] = {
    "enrolment": enrolment_views.books,
    "attendance": partial(attendance_books.books, rules=LIVE),
}


async def put(engine: AsyncEngine, service: Service, *rows: Row) -> None:  # noqa: F811
    async with engine.begin() as connection:
        for row in rows:
            some, writes = Rows(type(row)), Writes()
            some.put(row)
            writes.save(service.table(type(row)), some)
            await writes.run(connection)


async def standing_open(here: Any, *, unheard: int = 0) -> dict[str, int]:
    """What `status` would name of this service."""

    async def ends(_streams: Any) -> dict[Partition, int]:
        return {Partition(here.service.heard[0], 0): unheard}

    observer: Any = SimpleNamespace(ends=ends)
    health = Health(here.engine, here.service, [], observer, asyncio.Event(), Clocks(utc_now), stuck_seconds=60)
    health.own_books.append(OWN_BOOKS[here.service.name])
    books = await health.books()
    return {matter.says: matter.number for matter in open_matters({here.service.name: books})}


def poison(offset: int) -> Any:
    record = message(body_of(CityQualified)).record(offset=offset)
    return parking.poison_row(Poison(record, Reason.NOT_JSON, "no JSON"), now=NOON)


async def execute(engine: AsyncEngine, *statements: Any) -> None:  # noqa: F811
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(statement)


async def makes(name: str, here: Any) -> None:
    """Brings every service's state of this name about."""
    match name:
        case "not sent yet":
            said = heard(body_of(_own(here.service)), at=NOON)
            writes = Writes()
            journal.enter(writes, [said])
            async with here.engine.begin() as connection:
                await writes.run(connection)
        case "set aside" | "given up by an operator":
            async with here.engine.begin() as connection:
                await parking.park(connection, [poison(1)])
                if name != "set aside":
                    row = await parking.find(connection, "programme.cities", 0, 1)
                    assert row is not None
                    await parking.settle(connection, row, ParkedState.DISCARDED)
        case "of unknown types":
            unknown = {"type": "rollcall.Odd.v1", "stream": "programme.cities", "partition": 0, "first_offset": 3}
            await execute(here.engine, sa.insert(SKIPPED).values(unknown))
        case "held" | "held for a newer release" | "moments overdue":
            now = dt.datetime.now(dt.UTC)
            expires_at = now - 2 * OVERDUE_AFTER if name == "moments overdue" else FAR_AHEAD
            kind = "rollcall.Newer.v1" if name == "held for a newer release" else here.service.asked_types()[0]
            texts = {"request_source": "urn:x", "request_id": "r", "type": kind, "stream": "s", "waits_for": "session"}
            ids = {
                "subject": "session/s",
                "about": ("session/s",),
                "scope": None,
                "partition": 0,
                "offset": 0,
                "body": "{}",
            }
            times = {"appended_at": NOON, "stated_at": NOON, "expires_at": expires_at}
            await execute(here.engine, sa.insert(HELD).values(**texts, **ids, **times))
        case "erasures beside their partition":
            where = {"stream": "programme.people", "partition": 0, "offset": 0}
            await execute(here.engine, sa.insert(STRAY).values(**where, key="p", appended_at=NOON))


def _own(service: Service) -> Any:
    return next(model for model in service.make if model.stream in service.own)


@pytest.mark.parametrize("service", [enrolment.SERVICE, ATTENDANCE], ids=lambda service: service.name)
@pytest.mark.parametrize("kind", EVERY_SERVICE, ids=lambda kind: kind.says)
async def test_what_stands_open_in_any_service_has_a_line(world: Make, service: Service, kind: Any) -> None:
    here = await world(service)
    assert await standing_open(here) == {}
    await makes(kind.says, here)
    is_held_too = kind.says in ("moments overdue", "held for a newer release")  # Until somebody decides it.
    beside = {"held"} if is_held_too else set()
    found = await standing_open(here, unheard=int(kind.says == "not heard yet"))
    assert found == dict.fromkeys({kind.says, *beside}, 1)


async def test_what_stands_open_in_enrolment_has_a_line(world: Make) -> None:
    here = await world(enrolment.SERVICE)
    stated = dataclasses.replace(
        session_of(heard(body_of(SessionScheduled, session_id="s", capacity=1))), starts_at=FAR_AHEAD
    )
    waiting = body_of(ParticipantWaitlisted, session_id="s", person_id="p", city_id="c", decided_at=NOON)
    waits = dataclasses.replace(place_of(heard(waiting)), source=META[0])
    ours = (here.service.source, *META[1:])  # Nobody else's word counts.
    settled = Settled(*ours, "s", stated.source, stated.event_id, stated.version, 1, NOON, (), NOON)
    await put(here.engine, here.service, stated, waits)
    assert await standing_open(here) == {"on waiting lists": 1, "sessions not settled": 1}
    has = [dataclasses.replace(waits, person_id=one, state=Standing.ENROLLED) for one in ("p", "q")]
    await put(here.engine, here.service, settled, *has)
    assert await standing_open(here) == {"sessions oversold": 1, "sessions over capacity": 1}
    await put(here.engine, here.service, dataclasses.replace(has[0], clashes_with=("t",)))
    assert (await standing_open(here))["people with two places at once"] == 1


async def test_what_stands_open_in_attendance_has_a_line(world: Make) -> None:
    here = await world(ATTENDANCE)
    empty = MeetingList(*META, "s", "day-1", False, False, *[0] * len(NUMBERS), NOON, None, None, NOON)
    await put(here.engine, here.service, empty)
    assert await standing_open(here) == {"lists nobody recorded": 1}


async def test_a_list_that_nothing_has_closed_has_a_line(world: Make) -> None:
    here = await world(ATTENDANCE)
    took_place = attendance_session(heard(body_of(SessionScheduled, session_id="s")))
    await put(here.engine, here.service, took_place)
    assert await standing_open(here) == {"lists left open": len(took_place.meetings)}
    await put(here.engine, here.service, dataclasses.replace(took_place, state=SessionStanding.CANCELLED))
    assert await standing_open(here) == {}
    meeting_ids = [one.meeting_id for one in took_place.meetings]
    closed = [
        MeetingList(*META, "s", one, False, True, *[0] * len(NUMBERS), NOON, None, None, NOON) for one in meeting_ids
    ]
    await put(here.engine, here.service, took_place, *closed)
    assert await standing_open(here) == {}
    reopened = dataclasses.replace(closed[0], is_open=True, decided_by="office", decided_at=dt.datetime.now(dt.UTC))
    await put(here.engine, here.service, reopened)
    assert await standing_open(here) == {}  # It closes by itself, some hours after it was opened.


async def test_a_code_against_a_mark_has_a_line_until_somebody_decides_anew(world: Make) -> None:
    here = await world(ATTENDANCE)
    about = {"session_id": "s", "meeting_id": "day-1", "person_id": "p"}
    asked = {"request_source": "rollcall/attendance/trainer", "request_id": "r", "decided_by": "trainer"}
    marked = heard(ParticipantAbsent(**about, **asked, decided_at=NOON), at=NOON)
    read = Unchanged(
        "doors", "scan-1", "session/s/meeting/day-1/person/p", "check-in", None, MARK_STANDS, 0, marked.event_id
    )
    await put(here.engine, here.service, record_of(marked), record_said_of(marked))
    assert await standing_open(here) == {}
    await put(here.engine, here.service, read)
    assert await standing_open(here) == {"contradictions undecided": 1}
    by_rule = dataclasses.replace(record_of(marked), event_id="event-9", version=9, because=Because.PLACE)
    await put(here.engine, here.service, by_rule)
    assert await standing_open(here) == {"contradictions undecided": 1}
    decided = dataclasses.replace(by_rule, request_source="rollcall/attendance/office", decided_by="office")
    await put(here.engine, here.service, decided)
    assert await standing_open(here) == {}


async def test_what_was_entered_with_undecided_rows_has_a_line_until_they_are_decided(world: Make) -> None:
    here = await world(ATTENDANCE)
    report = File(
        *META, "s", "a" * 64, "day-1", FileKind.REPORT, "r.csv", "text/csv", 9, 2, False, "office", None, NOON
    )
    typed = dataclasses.replace(report, sha256="b" * 64, kind=FileKind.TYPED_LIST)
    await put(here.engine, here.service, report, dataclasses.replace(report, sha256="c" * 64), typed)
    assert await standing_open(here) == {"imports with undecided rows": 3}
    anew = dataclasses.replace(typed, sha256="d" * 64, undecided=0, decided_at=NOON + dt.timedelta(hours=1))
    await put(here.engine, here.service, anew, dataclasses.replace(report, undecided=0))
    assert await standing_open(here) == {"imports with undecided rows": 1}
    await put(here.engine, here.service, dataclasses.replace(report, sha256="c" * 64, is_removed=True))
    assert await standing_open(here) == {}


async def test_certificates_that_lists_speak_against_have_a_line(world: Make) -> None:
    """Of a session that asks for 300 minutes: one was not issued, one says something else, one is nobody's any more."""
    here = await world(ATTENDANCE)
    took_place = dataclasses.replace(
        attendance_session(heard(body_of(SessionScheduled, session_id="s"))), certificate_minutes=300
    )
    ours = (here.service.source, *META[1:])
    lists = [
        MeetingList(*ours, "s", one.meeting_id, False, True, *[0] * len(NUMBERS), NOON, None, None, NOON)
        for one in took_place.meetings
    ]
    day = took_place.meetings[0].meeting_id

    def came(person: str, minutes: int) -> Record:
        body = ParticipantAttended(
            session_id="s", meeting_id=day, person_id=person, minutes=minutes, scanned_at=NOON, decided_at=NOON
        )
        return record_of(heard(body, at=NOON))

    def certified(person: str, minutes: int) -> Certificate:
        fields = {"session_id": "s", "person_id": person, "minutes": minutes, "required_minutes": 300}
        number = {"number": f"RC-{person}", "serial": ord(person)}
        made = certificate_of(heard(body_of(CertificateIssued, **fields, **number)))
        return dataclasses.replace(made, source=here.service.source)

    right = [came("a", 360), certified("a", 360), came("b", 200)]
    await put(here.engine, here.service, took_place, *lists, *right)
    assert await standing_open(here) == {}
    another = certified("f", 360)
    theirs = dataclasses.replace(another, source="urn:example:archive")
    await put(here.engine, here.service, came("f", 350), theirs)
    assert await standing_open(here) == {}  # Another issuer's says enough.
    await put(here.engine, here.service, came("c", 300))
    assert await standing_open(here) == {"certificates in doubt": 1}
    await put(here.engine, here.service, came("d", 310), certified("d", 360), certified("e", 360))
    assert await standing_open(here) == {"certificates in doubt": 3}
    await put(here.engine, here.service, dataclasses.replace(lists[0], is_open=True))
    assert await standing_open(here) == {"lists left open": 1}  # An open list takes nothing.


NOBODY = nothing_yet("person-1", "place/session-1")
GIVEN_UP = dataclasses.replace(NOBODY, given_up=content().hash, given_up_by="n")
IN_DOUBT = dataclasses.replace(
    NOBODY, state=Belief.MAYBE, content=content().hash, said=content(), until=NOW, told_at=NOW
)

TOO_LATE = notice(state=NoticeState.TOO_LATE, code="too_late")
CAME_BACK = notice(state=NoticeState.BOUNCED, code="bounced_5.1.1")
REHEARSED = notice(state=NoticeState.REHEARSED)
GOES_LIVE = GoLive("rollcall/notifications", 1, True, "event-1", BEFORE, "all", "anna", "why", BEFORE)
KNOWN = [said_then(row, heard_at=BEFORE - dt.timedelta(days=9)) for row in (place(), session())]
TOLD_OF_IT = dataclasses.replace(IN_DOUBT, state=Belief.YES, until=session().ends_at)
IN_VAIN = asked(about=None, until=None, declined=DeclineReason.PERSON_ERASED)
ON_ITS_WAY = ("mails on their way",)


@pytest.mark.parametrize(
    ("says", "rows", "gone", "beside"),
    [
        ("to be planned", [place()], None, ()),
        ("mails on their way", [place(), open_notice()], None, ()),
        ("mails refused for now", [place(), open_notice(problem="smtp_451")], None, ON_ITS_WAY),
        ("mails that wait for their turn", [place(), open_notice(problem="paced")], None, ON_ITS_WAY),
        ("mails postponed", [place(), open_notice(problem=Reason.UNDECIDABLE)], None, ON_ITS_WAY),
        ("mails given up", [place(), GIVEN_UP], None, ()),
        ("mails withheld", [place(), suppression()], None, ()),
        ("mails muted", [written(audience=Audience.TOWN), message_text(), mute(Mutable.MESSAGES)], None, ()),
        ("waiting for a text", [written()], None, ()),
        ("mails that came back", [CAME_BACK], None, ()),
        ("mails whose outcome nobody knows", [place(), IN_DOUBT], None, ()),
        ("towns called and nobody to tell", [call()], None, ()),
        ("people unreachable", [place(), dataclasses.replace(contact(), erased=True)], None, ()),
        ("waiting for a person", [place(person_id="p"), contact("p")], None, ()),
        ("waiting for a contact", [place(person_id="p"), person("p")], None, ()),
        ("waiting for a town", [place()], "town", ()),
        ("waiting for a topic", [place()], "topic", ()),
        ("waiting for enrolment", [place(), session(event_id="event-2", version=2)], None, ()),
        ("mails that came too late", [TOO_LATE], None, ()),
        ("waiting for another mail", [place(Standing.WAITLISTED), TOLD_OF_IT], None, ("to be planned",)),
        ("told by others", [place(), *KNOWN], None, ()),
        ("mail is rehearsed", [], None, ()),
        ("mails rehearsed, not sent", [REHEARSED, GOES_LIVE], None, ()),
        ("waiting for a session", [asked(session_id="session-9")], None, ()),
        ("mails asked for in vain", [IN_VAIN], None, ()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_what_stands_open_in_notifications_has_a_line(
    office: Office,  # noqa: F811
    says: str,
    rows: list[Row],
    gone: str | None,
    beside: tuple[str, ...],
) -> None:
    if says == "told by others":
        office.settings.mail_since = BEFORE - dt.timedelta(days=4)
    office.settings.rehearse = says == "mail is rehearsed"
    await office.is_true(*rows)
    if gone is not None:
        await execute(office.engine, sa.text(f"delete from projection.{gone}"))  # noqa: S608  # A name of ours.
    kinds = BY_SERVICE["notifications"]
    books = await office.books()
    assert {kind.says for kind in kinds if kind.count(books)} == {says, *beside}


def test_every_state_is_made_by_a_test() -> None:
    """Whoever adds a line adds a case."""
    here = Path(__file__).read_text(encoding="utf-8")
    for service in BY_SERVICE:
        for kind in kinds_of(service):
            assert f'"{kind.says}"' in here, kind.says


def test_operators_find_every_state_in_their_page() -> None:
    page = OPERATORS.read_text(encoding="utf-8")
    for service in ("every service", *BY_SERVICE):
        for kind in EVERY_SERVICE if service == "every service" else BY_SERVICE[service]:
            assert f"| {service} | {kind.says} | {kind.means} |" in page, kind.says
