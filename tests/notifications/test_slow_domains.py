"""A domain that takes nothing just now, and a mail that takes for ever: neither holds back the others, nor eats up what it is tried with."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
import sqlalchemy as sa
from aiosmtpd.smtp import SMTP, Envelope

from services.notifications import sending
from services.notifications.claiming import Claims, Group
from services.notifications.decisions import CLOSING, Attempt, Outcome, Result, settle
from services.notifications.ledger import Notice, OpenNotice, Told
from services.notifications.tables import OPEN
from services.notifications.turns import LONGEST_HOLD, MOST_HELD, Held
from shared.contracts.notifications import NoticeFailed
from shared.postgres.database import rows_as
from shared.state.rows import EVERY_ROW
from shared.testing import eventually
from tests.notifications.building import NOW, TERMS, contact, content, open_notice, person, place
from tests.notifications.office import SERVICE, Office, Server
from tests.notifications.office import settled as settled_notices

pytestmark = pytest.mark.long

FIRST = dt.timedelta(seconds=2)


# --- left alone --------------------------------------------------------------------------------


def test_a_domain_that_was_closed_is_left_alone_each_time_for_twice_as_long() -> None:
    held, now, pauses = Held(FIRST), NOW, []
    for _ in range(12):
        held.closed("slow", now)
        until = held.until("slow", now, is_first=True)
        assert until is not None
        pauses.append(until - now)
        now = until
    assert pauses[:3] == [FIRST, 2 * FIRST, 4 * FIRST] and pauses[-1] == LONGEST_HOLD


def test_mails_that_were_on_their_way_together_leave_it_alone_once() -> None:
    held = Held(FIRST)
    for _ in range(24):
        held.closed("slow", NOW)
    assert held.until("slow", NOW, is_first=True) == NOW + FIRST


def test_after_the_pause_one_mail_is_sent_there_and_the_others_once_that_is_answered() -> None:
    held, later = Held(FIRST), NOW + FIRST
    held.closed("slow", NOW)
    assert held.until("slow", later, is_first=True) is None
    assert held.until("slow", later, is_first=False) == later + FIRST
    held.answered("slow")
    assert held.until("slow", later, is_first=False) is None


def test_another_domain_is_not_left_alone_and_not_all_the_world_is_remembered() -> None:
    held = Held(FIRST)
    for number in range(MOST_HELD + 1):
        held.closed(f"town-{number}", NOW)
    assert held.until("quick", NOW, is_first=False) is None
    assert held.until(f"town-{MOST_HELD}", NOW, is_first=True) is None
    assert held.until("town-0", NOW, is_first=True) is not None


def test_a_closing_server_costs_no_attempt_but_is_not_waited_for_for_ever() -> None:
    taken = open_notice(
        kind="confirmation", language="pl", content=content(), attempts=1, tried_since=NOW, lease="1", lease_until=NOW
    )
    for tried_since, is_over in ((NOW, False), (NOW - TERMS.give_up_after, True)):
        working = SERVICE.working(NOW)
        tried = replace(taken, tried_since=tried_since)
        for kind, rows in ((OpenNotice, [tried]), (Told, []), (Notice, [])):
            working[kind].loaded(rows, EVERY_ROW)  # type: ignore[type-var]
        settle(working, tried, Outcome(Result.LATER, CLOSING), TERMS)
        assert [type(said.body) for said in working.said] == ([NoticeFailed] if is_over else [])
        for still in working[OpenNotice]:
            assert (still.attempts, still.problem, still.lease) == (0, CLOSING, None)


# --- at work -----------------------------------------------------------------------------------


async def people(office: Office, *emails: str) -> None:
    for number, email in enumerate(emails):
        name = f"person-{number + 10}"
        await office.is_true(person(name), contact(name, email=email), place(person_id=name))


async def test_a_domain_that_closes_holds_back_no_other_and_loses_no_mail(office: Office) -> None:
    office.server.closed = {"slow.example.org"}
    await people(office, *(f"{name}@slow.example.org" for name in "abcdef"), "g@quick.example.org")
    async with office.server.listening(), office.sending():
        await eventually(lambda: _are_closed(office, 6))
        assert [mail[0] for mail in office.server.mails] == ["g@quick.example.org"]
        office.server.closed = set()
        await settled_notices(office, 7)
    async with office.engine.connect() as connection:
        attempts = await connection.execute(sa.text("select attempts, doubts from projection.notice"))
        assert {tuple(row) for row in attempts} == {(1, 0)}


async def test_whoever_writes_to_a_domain_that_closed_is_not_asked_for_one_by_one(office: Office) -> None:
    office.server.closed = {"slow.example.org"}
    office.settings.retry_first_seconds = 600.0
    at_once = office.settings.carriers * office.settings.connections
    await people(office, *(f"person-{number}@slow.example.org" for number in range(3 * at_once)))
    await people(office, "g@quick.example.org")
    async with office.server.listening(), office.sending():
        await eventually(lambda: _are_closed(office, 3 * at_once - 1))
    assert len(office.server.asked) <= at_once + 1


async def _are_closed(office: Office, number: int) -> bool:
    async with office.engine.connect() as connection:
        found = list(rows_as(OpenNotice, await connection.execute(sa.select(OPEN))))
    is_so = all(one.problem == CLOSING and one.attempts == 0 for one in found if one.lease is None)
    return len(found) == number and is_so and len(await office.outcomes()) == 1


@dataclass
class Tarpit(Server):
    """Answers the first mail when it is let go, and all others at once."""

    let_go: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle_DATA(self, server: SMTP, session: object, envelope: Envelope) -> str:  # type: ignore[override]  # noqa: N802
        is_first = not self.mails
        answer = await super().handle_DATA(server, session, envelope)  # type: ignore[arg-type]
        if is_first:
            await self.let_go.wait()
        return answer


@pytest.fixture
def tarpit(office: Office, monkeypatch: pytest.MonkeyPatch) -> Tarpit:
    monkeypatch.setattr(sending, "PATIENCE_SECONDS", 0.05)
    office.settings.carriers, office.settings.connections = 1, 2
    office.server = Tarpit(office.server.port)
    return office.server


async def test_one_mail_that_takes_for_ever_holds_back_no_other(office: Office, tarpit: Tarpit) -> None:
    await people(office, *(f"{name}@town.example.org" for name in "abcdefgh"))
    async with office.server.listening(), office.sending():
        await eventually(lambda: _settled_but_one(office, 7))
        tarpit.let_go.set()
        assert await settled_notices(office, 8) == [("confirmation", "sent", None)] * 8
    assert len({mail[2] for mail in tarpit.mails}) == len(tarpit.mails) == 8


async def _settled_but_one(office: Office, number: int) -> bool:
    return len(await office.outcomes()) == number and await office.open() == 1


async def test_what_takes_longer_than_its_group_is_finished_before_we_stop(office: Office, tarpit: Tarpit) -> None:
    await people(office, "a@town.example.org", "b@town.example.org")
    async with office.server.listening():
        async with office.sending():
            await eventually(lambda: _settled_but_one(office, 1))
            asyncio.get_running_loop().call_later(0.2, tarpit.let_go.set)
        assert await office.outcomes() == [("confirmation", "sent", None)] * 2
    assert not await office.open()


async def test_what_cannot_be_written_of_one_that_took_long_costs_the_others_nothing(
    office: Office, tarpit: Tarpit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PATIENCE_SECONDS", 0.0)
    settling, tried = Claims.settle, list[str]()

    async def refused_first(claims: Claims, group: Group, outcomes: Sequence[tuple[Attempt, Outcome]]) -> None:
        tried.extend(attempt.notice.recipient for attempt, _ in outcomes)
        if outcomes and len(tried) == 1:
            raise RuntimeError("a fault of our own")
        await settling(claims, group, outcomes)

    monkeypatch.setattr(Claims, "settle", refused_first)
    await people(office, "a@town.example.org", "b@town.example.org")
    async with office.server.listening(), office.sending():
        await eventually(lambda: len(tried) == 1)
        tarpit.let_go.set()
        await eventually(lambda: _settled_but_one(office, 1))
    assert await office.outcomes() == [("confirmation", "sent", None)]


async def test_one_free_connection_is_enough_to_go_on(
    office: Office, tarpit: Tarpit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the whole of a group took too long, and one of it is answered at last."""
    monkeypatch.setattr(sending, "PATIENCE_SECONDS", 0.0)
    await people(office, *(f"{name}@town.example.org" for name in "abcd"))
    async with office.server.listening(), office.sending():
        await eventually(lambda: _settled_but_one(office, 3))
        tarpit.let_go.set()
        assert await settled_notices(office, 4) == [("confirmation", "sent", None)] * 4
    assert len(tarpit.mails) == 4  # Else it had waited for what was late until that was in doubt.
