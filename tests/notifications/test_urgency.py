"""What may wait and what may not: a change settles before it is told, and what is urgent overtakes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from services.notifications import differences, tables
from services.notifications.decisions import claim
from services.notifications.kinds import Subject
from services.notifications.ledger import NoticeState, OpenNotice, Told, told_after
from services.notifications.state import CANCELLED, Place, Session
from services.notifications.tables import OPEN
from services.notifications.untold import Truth
from services.notifications.urgency import Priority
from shared.contracts.enrolment import Standing
from shared.testing import eventually
from tests.mind import knowing_all
from tests.notifications.building import (
    BEFORE,
    MONDAY,
    NOW,
    TERMS,
    TUESDAY,
    contact,
    content,
    meeting,
    notice,
    open_notice,
    person,
    place,
    session,
    truth,
)
from tests.notifications.building import settled as settled_by_enrolment
from tests.notifications.office import SERVICE, Office
from tests.notifications.office import settled as settled_notices

pytestmark = pytest.mark.long

SETTLING = dt.timedelta(minutes=1)
LATER_TODAY = meeting("2026-11-20T18:00", "2026-11-20T20:00")
WITHDRAWN = place(Standing.WITHDRAWN)
FRIDAY = meeting("2026-11-27T09:00", "2026-11-27T15:00")


def told(its_session: Session, **changes: Any) -> Told:
    return told_after(None, notice(said=content(its_session), **changes))


def claimed(its: Truth, known: Told | None = None, **changes: Any) -> OpenNotice | str | None:
    """A notice that was planned just now, after its claim: attempted, put off until it has settled, or closed."""
    working = knowing_all(SERVICE, SERVICE.working(NOW))
    row = open_notice(**{"planned_at": NOW, "next_attempt_at": NOW} | changes)
    working[OpenNotice].put(row)
    if known is not None:
        working[Told].put(known)
    attempt = claim(working, row, replace(its, settling=SETTLING), "lease-1", TERMS)
    left = working[OpenNotice].get("person-1", "place/session-1")
    return "attempted" if attempt is not None else left


def test_a_change_settles_before_it_is_told() -> None:
    put_off = claimed(truth(its_session=session(TUESDAY)), told(session(MONDAY)))
    assert isinstance(put_off, OpenNotice)
    assert (put_off.next_attempt_at, put_off.attempts, put_off.lease) == (NOW + SETTLING, 0, None)


def test_it_is_told_once_it_has_settled_counted_from_when_it_was_first_found() -> None:
    assert claimed(truth(its_session=session(TUESDAY)), told(session()), planned_at=NOW - SETTLING) == "attempted"


@pytest.mark.parametrize(
    ("its_place", "its_session", "known"),
    [
        (WITHDRAWN, session(), told(session())),
        (place(), session(state=CANCELLED), told(session())),
        (place(), session(LATER_TODAY), None),
        (place(), session(FRIDAY), told(session(LATER_TODAY))),
        (place(), session(TUESDAY), told(session(), state=NoticeState.UNKNOWN)),
    ],
    ids=["ends", "cancelled", "begins within a day", "was to begin within a day", "nobody knows what they believe"],
)
def test_what_is_urgent_settles_nothing(its_place: Place, its_session: Session, known: Told | None) -> None:
    assert claimed(truth(its_place, its_session), known) == "attempted"


def test_what_was_attempted_has_settled() -> None:
    assert claimed(truth(), attempts=1, content=content()) == "attempted"


def test_what_became_nothing_meanwhile_is_nothing_at_once() -> None:
    assert claimed(truth(), told(session())) is None
    assert claimed(truth(WITHDRAWN)) is None


def test_how_urgent_it_is_its_claim_tells_anew() -> None:
    put_off = claimed(truth(), priority=int(Priority.URGENT))
    assert isinstance(put_off, OpenNotice)
    assert put_off.priority == Priority.USUAL


# --- at work -------------------------------------------------------------------------------


async def open_of(office: Office) -> list[tuple[str, int, float]]:
    """What settles: subject, priority, and seconds from its plan until it is due."""
    async with office.engine.connect() as connection:
        rows = await connection.execute(
            sa.text("select about, priority, extract(epoch from next_attempt_at - planned_at) from kept.open_notice")
        )
        return [(row[0], row[1], float(row[2])) for row in rows]


async def settling(office: Office, expected: int = 1) -> None:
    async def are_there() -> bool:
        return len(await open_of(office)) == expected

    await eventually(are_there, seconds=40)


@pytest.fixture
async def slow(office: Office) -> Office:
    """An office whose changes settle for longer than the test lasts."""
    office.settings.settling_seconds = 3600
    return office


async def test_moved_twice_and_cancelled_within_a_minute_is_one_mail(slow: Office) -> None:
    slow.settings.settling_seconds = 0
    await slow.is_true(place())
    async with slow.server.listening(), slow.sending():
        await settled_notices(slow, 1)
    slow.settings.settling_seconds = 3600
    async with slow.server.listening(), slow.sending():
        await slow.hears(session(TUESDAY))
        await settling(slow)
        await slow.hears(session(FRIDAY), settled_by_enrolment(session(FRIDAY)))
        assert (await open_of(slow))[0][0] == "place/session-1"
        await slow.hears(session(FRIDAY, state=CANCELLED))
        assert await settled_notices(slow, 2) == [("confirmation", "sent", None), ("cancellation", "sent", None)]
    assert [mail[1] for mail in slow.server.mails] == ["confirmation", "cancellation"]


async def test_enrolled_and_withdrawn_before_the_first_mail_left_is_none(slow: Office) -> None:
    async with slow.server.listening(), slow.sending():
        await slow.hears(place())
        await settling(slow)
        await slow.hears(WITHDRAWN)
        await settling(slow, 0)
        await slow.has_looked()
    assert slow.server.mails == []


async def test_several_changes_are_one_mail_also_with_a_restart_in_their_middle(slow: Office) -> None:
    await slow.is_true(place())
    async with slow.server.listening():
        async with slow.sending():
            await settling(slow)
            await slow.hears(session(TUESDAY), settled_by_enrolment(session(TUESDAY)))
        first = await open_of(slow)
        assert first == [("place/session-1", Priority.USUAL, 3600.0)]
        async with slow.sending():
            await slow.hears(session(FRIDAY), settled_by_enrolment(session(FRIDAY)))
            assert await open_of(slow)
            async with slow.engine.begin() as connection:  # An hour later.
                an_hour_ago = OPEN.c.planned_at - dt.timedelta(hours=1)
                await connection.execute(sa.update(OPEN).values(planned_at=an_hour_ago, next_attempt_at=an_hour_ago))
            assert await settled_notices(slow, 1) == [("confirmation", "sent", None)]
    assert len(slow.server.mails) == 1


async def test_a_look_opens_what_settles_for_later_and_what_is_urgent_for_now(slow: Office) -> None:
    soon = session(LATER_TODAY, session_id="session-2")
    await slow.is_true(soon, settled_by_enrolment(soon), place(session_id="session-2"), place())
    parameters = {"now": NOW, "most": 9} | slow.settings.rules.parameters()
    async with slow.engine.begin() as connection:
        await tables.ensure_key(connection)
        found = await differences.plan_all(connection, parameters)
    assert found == {(Priority.URGENT, Subject.PLACE): 1, None: 1}
    assert sorted(await open_of(slow)) == [
        ("place/session-1", Priority.USUAL, 3600.0),
        ("place/session-2", Priority.URGENT, 0.0),
    ]


async def test_offered_expired_and_promoted_again_is_one_mail(slow: Office) -> None:
    until = NOW + dt.timedelta(days=3)
    async with slow.server.listening(), slow.sending():
        await slow.hears(place(Standing.OFFERED, offered_at=NOW, offered_until=until))
        await settling(slow)
        await slow.hears(place(Standing.WAITLISTED, version=2))
        await slow.hears(place(version=3))

        async def only_the_place() -> bool:
            return [about for about, *_ in await open_of(slow)] == ["place/session-1"]

        await eventually(only_the_place, seconds=40)
    assert slow.server.mails == []


# --- what goes first -----------------------------------------------------------------------


async def test_what_is_urgent_overtakes_a_backlog(office: Office) -> None:
    """Of the same kind: kinds have an order of their own."""
    people = [f"person-{number}" for number in range(2, 30)]
    backlog = [
        open_notice(recipient=one, notice_id=f"notice-{one}", planned_at=BEFORE, next_attempt_at=BEFORE)
        for one in people
    ]
    await office.is_true(*map(person, people), *map(contact, people), *(place(person_id=one) for one in people))
    soon = session(LATER_TODAY, session_id="session-2")
    await office.is_true(soon, settled_by_enrolment(soon), place(session_id="session-2"), *backlog)
    office.settings.carriers, office.settings.connections = 1, 2
    urgent = open_notice(
        about="place/session-2", priority=int(Priority.URGENT), notice_id="notice-u", next_attempt_at=NOW
    )
    await office.is_true(urgent)
    async with office.server.listening(), office.sending():
        await settled_notices(office, len(people) + 1)
    recipients = [mail[0] for mail in office.server.mails]
    assert recipients.index("person-1@example.org") < 6


async def test_what_waits_for_longest_has_every_eighth_group(office: Office) -> None:
    """However much there is that goes first."""
    people = [f"person-{number}" for number in range(2, 60)]
    await office.is_true(*map(person, people), *map(contact, people), *(place(person_id=one) for one in people))
    first = [
        open_notice(recipient=one, notice_id=f"notice-{one}", priority=int(Priority.URGENT), next_attempt_at=NOW)
        for one in people
    ]
    last = open_notice(priority=int(Priority.WHENEVER), next_attempt_at=BEFORE)
    await office.is_true(place(), *first, last)
    office.settings.carriers, office.settings.connections = 1, 1
    async with office.server.listening(), office.sending():
        await settled_notices(office, len(people) + 1)
    recipients = [mail[0] for mail in office.server.mails]
    assert recipients.index("person-1@example.org") <= 10
