"""What coordinators are told of an address of one of theirs that takes no mail."""

from __future__ import annotations

import datetime as dt
import email
import email.policy
from dataclasses import replace
from email.message import EmailMessage
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import tables
from services.notifications.kinds import KINDS, Subject
from services.notifications.kinds.bounced import ADDRESS_BOUNCED, LASTS, Bounced
from services.notifications.ledger import Told, told_after
from services.notifications.letters import BouncedMail, Missing
from services.notifications.untold import Difference
from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import BouncedTold
from shared.state.rows import Row
from shared.testing import eventually
from tests.notifications.building import (
    BEFORE,
    IN_TWO_DAYS,
    LONG_AGO,
    MONDAY,
    NOW,
    addressee,
    contact,
    member,
    notice,
    offered,
    person,
    place,
    session,
    suppression,
    topic,
    town,
)
from tests.notifications.mails import LETTER, RENDERER, ZANETA, body
from tests.notifications.office import Office, write_rows
from tests.notifications.test_kinds import judged

pytestmark = pytest.mark.long

SECOND = dt.timedelta(seconds=1)
MATE = "person-2"
COORDINATING = (member(), person(), contact(), town())
THEIRS = (member(MATE, kind=MemberKind.PROJECT_STAFF), person(MATE), contact(MATE))


def bounced(**changes: Any) -> Bounced:
    its = Bounced(suppression(recipient=MATE), True, True, True, False, "Jan Mazur", "Augustów", (), LONG_AGO)
    return replace(its, **changes)


def differs(its: Bounced, told: Told | None = None, *, now: dt.datetime = NOW) -> Difference | None:
    return its.difference(told, addressee(), now=now)


def test_each_address_that_is_held_back_is_told_once() -> None:
    found = differs(bounced())
    assert found is not None
    assert isinstance(found.says.says, BouncedTold)
    assert (found.letter, found.says.says.person_id) == (ADDRESS_BOUNCED, MATE)
    said = told_after(None, notice(about=f"bounced/{MATE}/geonames:776597", said=found.says))
    assert differs(bounced(), said) is None
    assert differs(bounced(suppression=suppression(recipient=MATE, event_id="event-9")), said) is not None


@pytest.mark.parametrize(
    "changes",
    [{"is_held": False}, {"is_theirs": False}, {"coordinates": False}, {"is_oneself": True}, {"since": NOW}],
    ids=["not any more", "not in the team", "not a coordinator", "their own", "before go-live"],
)
def test_nobody_is_told_of_what_is_not_theirs_to_mend(changes: dict[str, Any]) -> None:
    assert differs(bounced(**changes)) is None


def test_it_is_of_use_for_a_month() -> None:
    assert differs(bounced(), now=BEFORE + LASTS - SECOND) is not None
    assert differs(bounced(), now=BEFORE + LASTS) is None
    assert bounced().missed(None, addressee(), now=BEFORE + LASTS, since=LONG_AGO) is not None


async def seen(engine: AsyncEngine, *rows: Row) -> list[Bounced]:
    async with engine.begin() as connection:
        await tables.ensure_key(connection)
        await write_rows(connection, *rows)
        return [one["truth"].matter for one in await judged(connection, KINDS[Subject.BOUNCED])]


async def test_another_address_or_an_erasure_ends_it(engine: AsyncEngine) -> None:
    (its,) = await seen(engine, *COORDINATING, *THEIRS, suppression(recipient=MATE))
    assert (its.is_held, its.is_theirs, its.coordinates, its.name) == (True, True, True, "Żaneta Wiśniewska")
    async with engine.connect() as connection:
        key = await connection.scalar(sa.select(tables.KEY_NAME))
    (its,) = await seen(engine, suppression(recipient=MATE, mailbox=f"{key}.00000000"))
    assert not its.is_held
    (its,) = await seen(engine, suppression(recipient=MATE), replace(contact(MATE), erased=True))
    assert not its.is_held
    (its,) = await seen(engine, contact(MATE), replace(person(MATE), merged_into="person-3"))
    assert not its.is_held and not its.is_theirs, "found, so that a mail on its way is closed"
    (its,) = await seen(engine, replace(person(MATE), given_name=None, family_name=None))
    assert its.name == MATE


async def test_whose_it_is_may_be_in_the_team_under_a_former_id(engine: AsyncEngine) -> None:
    former = (replace(person("person-8"), merged_into=MATE), member("person-8", kind=MemberKind.PROJECT_STAFF))
    (its,) = await seen(engine, *COORDINATING, person(MATE), contact(MATE), *former, suppression(recipient=MATE))
    assert its.is_theirs


async def test_what_lies_ahead_of_them_is_named(engine: AsyncEngine) -> None:
    sessions = [session(), session(session_id="session-2"), session(session_id="session-3", state="cancelled")]
    places = [offered(person_id=MATE), place(Standing.WITHDRAWN, person_id=MATE, session_id="session-2")]
    places += [place(person_id=MATE, session_id="session-3"), place(person_id="person-3", session_id="session-2")]
    (its,) = await seen(engine, *COORDINATING, *THEIRS, suppression(recipient=MATE), topic(), *sessions, *places)
    names = ("Adaptacja do zmian klimatu", "Climate adaptation")
    assert its.missing == (Missing("climate", names, (MONDAY,), Standing.OFFERED, IN_TWO_DAYS),)


async def test_a_coordinator_hears_of_it_and_whose_address_it_is_does_not(office: Office) -> None:
    theirs = suppression(recipient=MATE)
    async with office.server.listening(), office.sending():
        await office.is_true(*COORDINATING, *THEIRS, member(MATE, kind=MemberKind.COORDINATOR), theirs)
        await eventually(lambda: office.server.mails)
        await office.has_looked()
    assert [(to, kind) for to, kind, _ in office.server.mails] == [("person-1@example.org", ADDRESS_BOUNCED)]
    assert (await office.books())["told_is_true"]


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            Language.PL,
            ("Jan Mazur", "Augustów", "jest dla niej zarezerwowane miejsce, odpowiedź do niedziela, 22 listopada"),
        ),
        (Language.EN, ("Jan Mazur", "Augustów", "a place is held for them, to be answered by Sunday, 22 November")),
    ],
)
def test_the_mail_says_whose_it_is_and_what_they_may_not_know(language: Language, words: tuple[str, ...]) -> None:
    missing = Missing("climate", ("Klimat", "Climate"), (MONDAY,), Standing.OFFERED, IN_TWO_DAYS)
    mail = BouncedMail(ADDRESS_BOUNCED, language, "Jan Mazur", "Augustów", (missing,))
    sheet = KINDS[Subject.BOUNCED].sheet(mail, RENDERER.office)
    message = email.message_from_bytes(
        RENDERER.message(RENDERER.shared(sheet), ZANETA, LETTER), policy=email.policy.default
    )
    assert isinstance(message, EmailMessage)
    text = f"{message['Subject']} {body(message, 'plain')}"
    for one in words:
        assert one in " ".join(text.split()), (one, text)
