"""Claims and leases: what the database refuses holds nobody back, and outcomes are written only under the lease."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from services.notifications import reading, store
from services.notifications.claiming import Group
from services.notifications.decisions import Attempt, Outcome
from services.notifications.kinds import Subject
from services.notifications.sending import Sender
from services.notifications.tables import OPEN
from services.notifications.urgency import Priority
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.testing import eventually
from tests.notifications.building import BEFORE, NOW, contact, content, open_notice, person, place
from tests.notifications.office import SERVICE, Office, settled

pytestmark = pytest.mark.long


@pytest.mark.parametrize("outcome", ["unknown", "overtaken"])
async def test_an_outcome_that_the_database_refuses_at_a_claim_holds_back_no_other_mail(
    office: Office, outcome: str
) -> None:
    others = [f"person-{number}" for number in range(2, 9)]
    standing = Standing.ENROLLED if outcome == "unknown" else Standing.WITHDRAWN
    said = content()
    names = {"city_name": "Augustów", "topic_name": "Adaptacja do zmian klimatu"}
    said = said.model_copy(update={"says": said.says.model_copy(update=names)})
    in_doubt = open_notice(
        kind="confirmation", language=Language.PL, content=said, stated_at=BEFORE,
        attempts=2, doubts=1, lease="of one who is gone", lease_until=BEFORE,
    )  # fmt: skip
    await office.is_true(*map(person, others), *map(contact, others), *(place(person_id=one) for one in others))
    await office.is_true(place(standing), in_doubt)
    refusing = sa.text(f"alter table projection.notice add constraint no check (state <> '{outcome}')")
    office.settings.retry_most_seconds = 0.5
    async with office.engine.begin() as connection:
        await connection.execute(refusing)
    async with office.server.listening(), office.sending():
        await eventually(lambda: len(office.server.mails) >= len(others))
        async with office.engine.connect() as connection:
            page = await reading.notices(connection, state=None, recipient="person-1", after="", limit=10)
            books = await reading.books(connection, now=NOW, rules=office.settings.rules)
        (shown,) = page
        assert (shown["code"], shown["attempts"], shown["doubts"]) == ("refused_by_database", 2, 1)
        assert books["notices"]["postponed"] == 1

        async with office.engine.begin() as connection:
            await connection.execute(sa.text("alter table projection.notice drop constraint no"))
        # What may have left and is true no more is called off; the others' mails left once.
        told_after = [("person-1@example.org", "cancellation")] if outcome == "overtaken" else []
        outcomes = await settled(office, len(others) + 1 + len(told_after))
    assert [state for _, state, _ in outcomes if state != "sent"] == [outcome]
    expected = [(f"{one}@example.org", "confirmation") for one in others] + told_after
    assert sorted(mail[:2] for mail in office.server.mails) == sorted(expected)


class Drowsy(Sender):
    """A sender that is stopped between the server's answer and the outcome's writing, as SIGSTOP would stop it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asleep, self.waking = asyncio.Event(), asyncio.Event()

    async def _ended(self, group: Group, outcomes: Sequence[tuple[Attempt, Outcome]]) -> bool:
        if outcomes:  # Another carrier, woken for nothing, shall not sleep as well.
            self.asleep.set()
            await self.waking.wait()
        return await super()._ended(group, outcomes)


async def test_a_sender_that_slept_beyond_its_lease_writes_no_outcome_over_its_successors(office: Office) -> None:
    office.server.answers = ["250 ok", "silence"]
    office.gives_up_soon()
    office.settings.carriers = 1
    await office.is_true(place())
    async with office.server.listening(), office.sending(Drowsy) as first:
        assert isinstance(first, Drowsy)
        await asyncio.wait_for(first.asleep.wait(), 180)
        async with office.sending():
            await eventually(
                lambda: len(office.server.mails) == 2
            )  # The lease has run out: another makes its own attempt.
            first.waking.set()
            assert await settled(office, 1) == [("confirmation", "unknown", "outcome_unknown")]
    assert len(office.server.mails) == 2


async def test_a_mail_that_has_left_is_in_no_doubt_while_its_outcome_waits_for_the_database(office: Office) -> None:
    await office.is_true(place())
    async with office.server.listening(), office.sending(Drowsy) as sender:
        assert isinstance(sender, Drowsy)
        await asyncio.wait_for(sender.asleep.wait(), 180)
        async with office.engine.begin() as connection:
            await connection.execute(sa.update(OPEN).values(lease_until=BEFORE))
        await office.is_true(person("person-2"), contact("person-2"), place(person_id="person-2"))
        # The other carrier takes what there is to take.
        await eventually(lambda: "person-2@example.org" in [mail[0] for mail in office.server.mails])
        assert len(office.server.mails) == 2
        sender.waking.set()
        assert await settled(office, 2) == [("confirmation", "sent", None)] * 2


async def test_no_mail_about_the_place_overtakes_one_about_the_waiting_list_that_is_being_sent(office: Office) -> None:
    being_sent = open_notice(
        about="waiting/session-1", notice_id="notice-w", kind="waiting", language=Language.PL, content=content(),
        stated_at=BEFORE, attempts=1, lease="of somebody at work", lease_until=NOW + dt.timedelta(days=1),
    )  # fmt: skip
    await office.is_true(place(), being_sent)
    async with office.server.listening(), office.sending():

        async def are_planned() -> bool:
            return await office.open() == 2

        await eventually(are_planned)
        await office.is_true(person("person-2"), contact("person-2"), place(person_id="person-2"))
        await eventually(lambda: office.server.mails)  # Planned later, and of the same kind.
        assert [mail[0] for mail in office.server.mails] == ["person-2@example.org"]
        async with office.engine.begin() as connection:
            await connection.execute(sa.delete(OPEN).where(OPEN.c.notice_id == "notice-w"))
        assert await settled(office, 2) == [("confirmation", "sent", None)] * 2


async def test_what_a_waiting_mail_is_judged_by_does_not_change_while_it_is_taken(office: Office) -> None:
    """So a mail about a place that is given meanwhile finds its lease, and waits."""
    await office.is_true(place(Standing.WAITLISTED), open_notice(about="waiting/session-1"))
    given = sa.text("update projection.place set version = version + 1")
    async with office.engine.begin() as taking:
        working, rules = SERVICE.working(NOW), office.settings.rules
        assert (
            len(await store.take(taking, working, (Priority.USUAL, Subject.WAITING), most=9, under_way=(), rules=rules))
            == 1
        )
        async with office.engine.connect() as connection:
            await connection.execute(sa.text("set lock_timeout = 200"))
            with pytest.raises(DBAPIError, match="lock timeout"):
                await connection.execute(given)
    async with office.engine.begin() as connection:
        await connection.execute(given)
