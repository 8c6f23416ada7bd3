"""Which news concern which kinds of mail: a kind that none concerns is not asked, and none that one concerns is forgotten."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import AsyncIterator, Callable
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications import differences, tables
from services.notifications.kinds import KINDS, Subject
from services.notifications.ledger import Told
from services.notifications.state import CANCELLED, MAKE, Place, PlaceSaid, Session
from services.notifications.tables import COMPARED_AS_A_WHOLE, HEARD_IN, TABLES
from shared.contracts.answers import CalendarAnswered
from shared.contracts.attendance import (
    AttendanceListReopened,
    ListFact,
    PresenceFact,
    presence_after,
)
from shared.contracts.certificates import CertificateEnds, CertificateFact, CertificateSuperseded
from shared.contracts.directory import ContactForgotten, ContactRegistered, PersonErased, PersonMerged, PersonRegistered
from shared.contracts.enrolment import (
    CallEnd,
    CallFact,
    EnrolmentRefused,
    NominationAnswered,
    NominationsCalledOff,
    ParticipantEnrolled,
    PlaceFact,
    PlaceOffered,
    PlacesSettled,
    RefusalReason,
    SessionAtRisk,
)
from shared.contracts.model import Event, members
from shared.contracts.notices import NoticeRequested
from shared.contracts.notifications import (
    AddressReleased,
    AddressSuppressed,
    GoLiveStated,
    LinkKeyStated,
    MessageAddressed,
    NoticeBounced,
    NoticeFailed,
    NoticeRehearsed,
    NoticeRepeated,
    NoticeSent,
    NoticesMuted,
)
from shared.contracts.outside import OutsideTaskDone
from shared.contracts.planner import SessionCancelled, SessionFact
from shared.deciding.news import News
from shared.postgres.database import connect
from shared.state.rows import Row
from shared.testing import body_of, eventually, heard
from tests.campaigns import SHARE, Share, cases, some
from tests.databases import Databases
from tests.notifications.building import (
    MATERIALS,
    NOW,
    TASK,
    answered,
    asked,
    call,
    certificate,
    certified,
    contact,
    meeting,
    meeting_list,
    nominated,
    person,
    place,
    record,
    refusal,
    risk,
    said_then,
    session,
    settled,
)
from tests.notifications.building import topic as its_topic
from tests.notifications.building import town as its_town
from tests.notifications.office import Office, write_rows
from tests.notifications.office import settled as settled_notices
from tests.notifications.test_kinds import DAYS, RULES, made_up
from tests.sent import sent

PEOPLE = max(cases(500), (8 if SHARE is Share.TASTE else 100) * len(Subject))
"""At least so many of each kind that each fact makes something true of somebody."""
LATER = NOW + dt.timedelta(microseconds=1)
OURS = (
    CalendarAnswered,
    GoLiveStated,
    NoticeRehearsed,
    NoticeSent,
    NoticeFailed,
    NoticeBounced,
    NoticeRepeated,
    AddressSuppressed,
    AddressReleased,
    NoticesMuted,
    MessageAddressed,
    CalendarAnswered,
    LinkKeyStated,
)
NOT_KNOWN_YET = (tables.PERSON, tables.CONTACT, tables.TOWN, tables.TOPIC)
OF_PLACES = frozenset(members(PlaceFact)) - {EnrolmentRefused}


def test_every_fact_is_heard_where_its_row_stands() -> None:
    assert set(HEARD_IN) == {*MAKE, NoticeRequested} - set(OURS)
    for kind, table in HEARD_IN.items():
        if kind is NoticeRequested:  # Its row is what we answered.
            continue
        assert TABLES[type(MAKE[kind](heard(body_of(kind))))] is table


# --- what becomes true -----------------------------------------------------------------------


Tellable = dict[Subject, set[tuple[str, str]]]


async def tellable(connection: AsyncConnection) -> Tellable:
    """(recipient, about) of everything that a look at the whole would open a notice for."""
    found = {}
    for subject, kind in KINDS.items():
        statement = differences._found(kind, kind.around(kind.scope.keys), *kind.parts)
        rows = await connection.execute(statement, {"now": NOW} | RULES.parameters())
        found[subject] = {(row[0], row[1]) for row in rows}
    return found


@cache
def made_up_people() -> list[list[Row]]:
    """All that is known of each, the same for every fact that comes next."""
    chance = random.Random(12)
    return [_possible(made_up(number, chance, list(Subject)[number % len(Subject)])) for number in range(PEOPLE)]


def said_next(kind: type[Event], rows: list[Row], chance: random.Random) -> list[Row]:
    """What the next statement of this kind makes of everybody's rows."""
    made: list[Row] = []
    its_session = next(row for row in rows if type(row) is Session)
    ids = {"session_id": its_session.session_id, "heard_at": LATER}
    city_id = f"city-{its_session.session_id.partition('-')[2]}"
    person_id = f"person-{its_session.session_id.partition('-')[2]}"
    match kind:
        case _ if kind in OF_PLACES:
            body = body_of(
                kind, session_id=ids["session_id"], person_id=person_id, reply=chance.choice(("none", "confirmed"))
            )
            row = MAKE[kind](heard(body))
            until = {"offered_at": NOW, "offered_until": NOW + dt.timedelta(hours=5)} if kind is PlaceOffered else {}
            row = replace(row, version=99, heard_at=LATER, source="urn:example:source", **until)
            made += [row, said_then(row)]
        case _ if kind is EnrolmentRefused:
            made += [refusal(person_id=person_id, version=99, event_id="event-9", **ids)]
        case _ if kind is SessionAtRisk:
            made += [risk(event_id="event-9", **ids)]
        case _ if kind is NominationAnswered:
            reason = RefusalReason.NOT_ADMITTED
            made += [nominated(reason, person_id=person_id, nomination_id="nomination-9", **ids)]
            made += [answered(nomination_id="nomination-9", city_id=city_id, event_id="event-9", **ids)]
        case _ if kind in members(CallFact):
            ended = CallEnd.CLOSED if kind is NominationsCalledOff else None
            made += [call(NOW + dt.timedelta(days=3), city_id=city_id, ended=ended, version=99, places=7, **ids)]
        case _ if kind in members(PresenceFact):
            state = presence_after(body_of(kind))
            made += [record(state, person_id=person_id, version=99, **ids)]
        case _ if kind in members(ListFact):
            made += [replace(meeting_list(is_open=kind is AttendanceListReopened, **ids), version=99)]
        case _ if kind in members(CertificateFact):
            ended = CertificateEnds.NOT_EARNED if kind is CertificateSuperseded else None
            its = certificate("RC-2026-0009", person_id=person_id, ended=ended, **ids)
            made += [its, certified(its)]
        case _ if kind is NoticeRequested:
            name = f"asked-9-{person_id}"
            made += [asked(chance.choice((MATERIALS, TASK)), recipient=person_id, asked_id=name, **ids)]
        case _ if kind is PlacesSettled:
            made += [replace(settled(its_session), heard_at=LATER)]
        case _ if kind in members(SessionFact):
            state = CANCELLED if kind is SessionCancelled else its_session.state
            row = session(
                chance.choice((*DAYS, meeting("2026-11-25T09:00", "2026-11-25T15:00"))), state=state, version=99, **ids
            )
            made += [row, said_then(row), settled(row)]
        case _ if kind in (PersonRegistered, PersonErased):
            made += [replace(person(person_id), heard_at=LATER, erased=kind is PersonErased)]
        case _ if kind in (ContactRegistered, ContactForgotten):
            made += [
                replace(
                    contact(person_id, f"new.{person_id}@example.org"), heard_at=LATER, erased=kind is ContactForgotten
                )
            ]
    return made


def _possible(rows: list[Row]) -> list[Row]:
    """Nobody was told anything about a place that there never was."""
    if any(isinstance(row, Place) and not isinstance(row, PlaceSaid) for row in rows):
        return rows
    return [row for row in rows if not isinstance(row, Told | PlaceSaid)]


@pytest.fixture(scope="module")
async def everybody(databases: Databases) -> AsyncIterator[tuple[AsyncConnection, Tellable]]:
    """Where all that is known of everybody was written, once for all facts, and what is to be told of it; it is never committed: one
    transaction for all of them, which may last."""
    async with databases.while_needed("notifications") as url:
        engine = connect(url, pool_size=1, statement_timeout_ms=600_000, application="tests")
        async with engine.connect() as connection:
            await tables.ensure_key(connection)
            await write_rows(connection, *NAMES, *(row for rows in made_up_people() for row in rows))
            yield connection, await tellable(connection)
        await engine.dispose()


NAMES: list[Row] = [its_town(), its_topic()]


@pytest.mark.campaign
@pytest.mark.parametrize("kind", some(sorted(HEARD_IN, key=lambda kind: kind.__name__)), ids=lambda kind: kind.__name__)
async def test_no_kind_is_forgotten_that_a_fact_concerns(
    everybody: tuple[AsyncConnection, Tellable], kind: type[Event]
) -> None:
    """If a fact makes something true that a look at the whole would tell, the look at that news finds it."""
    chance = random.Random(8)
    connection, before = everybody
    async with connection.begin_nested() as nothing_stays:
        if HEARD_IN[kind] in NOT_KNOWN_YET:
            await connection.execute(sa.delete(HEARD_IN[kind]))
            before = await tellable(connection)
        heard_next = [row for rows in made_up_people() for row in said_next(kind, rows, chance)]
        heard_next += [replace(row, heard_at=LATER) for row in NAMES if TABLES[type(row)] is HEARD_IN[kind]]
        await write_rows(connection, *heard_next)
        after = await tellable(connection)
        keys, _ = await differences.news(connection, frozenset({kind}), mark=LATER, now=NOW)
        await nothing_stays.rollback()
    asked = differences.concerned_by(frozenset({kind}))
    for subject, mail in KINDS.items():
        if mail.concerned_by and kind not in COMPARED_AS_A_WHOLE:
            new = after[subject] - before[subject]
            assert not new or subject in asked, (subject, len(new), sorted(new)[:3])
            assert {(recipient, about.split("/")[1]) for recipient, about in new} <= keys, subject
    if (
        # A taste meets what is usual; that every kind of fact made something true, the sample says.
        SHARE is not Share.TASTE
        # An open list says nothing, and who has filled something in is told nothing more of it.
        and kind not in (PersonErased, PersonMerged, ContactForgotten, AttendanceListReopened, OutsideTaskDone)
        and HEARD_IN[kind] is not tables.MEMBER
    ):
        assert any(after[subject] - before[subject] for subject in Subject)


# --- what is asked ---------------------------------------------------------------------------


@contextmanager
def asked_of_postgres(asked: list[str]) -> Any:
    """What looks ask, one entry a statement: the kinds that are looked for in it."""
    with sent() as statements:
        yield
    for statement in statements:
        kinds = [str(subject) for subject in Subject if f"differing_{subject} AS" in statement]
        if kinds:
            asked.append("+".join(kinds))


async def test_for_one_place_one_kind_is_looked_for_and_nothing_else(office: Office) -> None:
    """Once when it is heard, and once when its mail has left."""
    asked: list[str] = []
    office.settings.reconcile_seconds = 3600.0
    async with office.server.listening(), office.sending() as sender:
        await office.has_looked()
        planner = sender.planner
        with asked_of_postgres(asked):
            now = office_now(office)
            await office.is_true(replace(place(), heard_at=now))
            sender.planner.news(News(now, frozenset({ParticipantEnrolled})))
            await settled_notices(office, 1)
            await looked_again(planner)
    assert asked == ["place", "place"]


def office_now(office: Office) -> dt.datetime:
    assert office.sender is not None
    return office.sender._service.clock()


async def looked_again(planner: Any) -> None:
    await eventually(lambda: not planner._look_again and planner._heard is None)


def test_what_nobody_is_told_of_wakes_nobody() -> None:
    assert differences.concerned_by(frozenset({LinkKeyStated})) == frozenset()
    assert differences.concerned_by(None) == frozenset(Subject)


def test_a_mail_that_left_is_followed_by_those_that_waited_for_it() -> None:
    after: Callable[..., Any] = differences.concerned_after
    assert after(Subject.PLACE, has_ended=False) == {Subject.PLACE}
    assert {Subject.OFFER, Subject.WAITING, Subject.REFUSAL, Subject.NOTE} < after(Subject.PLACE, has_ended=True)
    assert Subject.WAITING in after(Subject.OFFER, has_ended=False)
