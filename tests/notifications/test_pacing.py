"""How fast mails leave: overall and to one domain, for all replicas together; and that one domain holds back no other, nor the urgent."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import store
from services.notifications.ledger import OpenNotice
from services.notifications.pacing import ALL, PACED, Pace, Rate, Rates, put_off, take_turns, turn_of, unused
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import OPEN, ensure_key
from services.notifications.turns import put_back
from services.notifications.urgency import Priority
from shared.postgres.database import rows_as
from shared.state.rows import EVERY_ROW
from shared.testing import eventually
from tests.notifications.building import BEFORE, NOW, contact, open_notice, person, place
from tests.notifications.office import SERVICE, Office
from tests.notifications.office import settled as settled_notices

pytestmark = pytest.mark.long

ONE_A_SECOND = Rate(1.0, saved_seconds=1.0)
SECOND = dt.timedelta(seconds=1)
URGENT, USUAL, WHENEVER = Priority


def at(seconds: float) -> dt.datetime:
    return NOW + dt.timedelta(seconds=seconds)


# --- turns -------------------------------------------------------------------------------------


def test_a_turn_is_an_interval_after_the_last_one() -> None:
    pace = replace(unused("x"), given_until=NOW)
    assert turn_of(pace, USUAL, ONE_A_SECOND, at(0.9)) is None
    assert turn_of(pace, USUAL, ONE_A_SECOND, at(1)) == at(1)


def test_after_a_rest_no_more_leaves_at_once_than_was_saved() -> None:
    pace, rate, left = unused("x"), Rate(10.0, saved_seconds=0.5), 0
    for _ in range(50):
        if (turn := turn_of(pace, USUAL, rate, NOW)) is not None:
            pace, left = replace(pace, given_until=turn), left + 1
    assert left == 5


def test_who_finds_no_turn_asks_again_behind_those_who_came_first() -> None:
    pace = replace(unused("x"), given_until=NOW)
    pace, first = put_off(pace, USUAL, ONE_A_SECOND, NOW)
    pace, second = put_off(pace, USUAL, ONE_A_SECOND, NOW)
    assert (first, second) == (at(1), at(2))
    assert turn_of(pace, USUAL, ONE_A_SECOND, at(1)) is None  # A newcomer takes nobody's turn,
    assert turn_of(pace, USUAL, ONE_A_SECOND, at(1), has_waited=True) == at(1)  # and whoever was told to come finds it.


def test_what_is_urgent_overtakes_ten_thousand_that_wait() -> None:
    pace = replace(unused("x"), given_until=NOW)
    for _ in range(10_000):
        pace, _ = put_off(pace, WHENEVER, ONE_A_SECOND, NOW)
    pace, urgent = put_off(pace, URGENT, ONE_A_SECOND, NOW)
    assert urgent == at(1)
    assert turn_of(pace, WHENEVER, ONE_A_SECOND, at(1), has_waited=True) is None  # It is the urgent one's.
    assert turn_of(pace, URGENT, ONE_A_SECOND, at(1), has_waited=True) == at(1)


def test_behind_what_is_urgent_others_line_up() -> None:
    pace = replace(unused("x"), given_until=NOW)
    pace, _ = put_off(pace, URGENT, ONE_A_SECOND, NOW)
    assert put_off(pace, USUAL, ONE_A_SECOND, NOW)[1] == at(2)


def asked(rates: Rates, *wanted: tuple[str, Priority, bool], paces: tuple[Pace, ...] = ()) -> tuple[Any, ...]:
    working = SERVICE.working(NOW)
    working[Pace].loaded(paces, EVERY_ROW)
    again, free_at = take_turns(working, wanted, rates)
    return again, free_at, working


def test_one_domain_holds_back_no_other() -> None:
    rates = Rates(to_a_domain=ONE_A_SECOND)
    again, _, _ = asked(rates, ("a", USUAL, False), ("a", USUAL, False), ("b", USUAL, False), ("a", USUAL, False))
    assert again == [None, at(1), None, at(2)]


def test_without_a_turn_of_all_nobody_loses_one_of_their_domain_nor_their_place_in_line() -> None:
    rates = Rates(overall=Rate(10.0, saved_seconds=0.1), to_a_domain=ONE_A_SECOND)
    again, free_at, working = asked(rates, ("a", USUAL, False), ("b", USUAL, False))
    assert (again, free_at) == ([None, NOW], at(0.1))
    assert working[Pace].get("b") is None and working[Pace].get(ALL).given_until == NOW


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from(Priority)), min_size=1, max_size=60))
def test_in_no_second_more_leave_than_the_rate_and_what_was_saved(mails: list[tuple[float, Priority]]) -> None:
    """However they come, and however often they ask again. And each leaves in the end."""
    rate, pace, left = Rate(4.0, saved_seconds=0.5), unused("x"), list[float]()
    waiting = sorted((when, int(priority), False) for when, priority in mails)
    for _ in range(100 * len(mails)):
        if not waiting:
            break
        when, priority, has_waited = waiting.pop(0)
        turn = turn_of(pace, Priority(priority), rate, at(when), has_waited=has_waited)
        if turn is not None:
            pace = replace(pace, given_until=turn)
            left.append(when)
        else:
            pace, until = put_off(pace, Priority(priority), rate, at(when))
            waiting.append((max(when, (until - NOW).total_seconds()), priority, True))
            waiting.sort()
    assert len(left) == len(mails)
    for begin in left:
        assert sum(begin <= one < begin + 0.999 for one in left) <= 4 + 2


def test_who_is_put_back_was_not_tried_but_a_lost_lease_is_still_a_doubt() -> None:
    before = open_notice(lease="gone", lease_until=BEFORE)

    class Made:
        notice = replace(before, attempts=1, doubts=1, lease="mine", lease_until=NOW, tried_since=NOW, priority=0)

    back = put_back(before, Made())  # type: ignore[arg-type]  # It reads nothing else of it.
    assert (back.attempts, back.doubts, back.lease, back.lease_until, back.tried_since) == (0, 1, None, None, None)


def test_a_rate_of_nothing_is_refused() -> None:
    with pytest.raises(ValidationError):
        NotificationsSettings(database_url=SecretStr("postgresql://nobody"), mails_a_second=0)


# --- at work -----------------------------------------------------------------------------------


async def people(office: Office, *emails: str) -> None:
    for number, email in enumerate(emails):
        name = f"person-{number + 10}"
        await office.is_true(person(name), contact(name, email=email), place(person_id=name))


async def test_a_domain_gets_its_mails_one_after_the_other_and_the_others_wait_for_none(office: Office) -> None:
    office.settings.mails_a_minute_to_a_domain = 1.0
    await people(office, "a@slow.example.org", "b@slow.example.org", "c@slow.example.org", "d@quick.example.org")
    async with office.server.listening(), office.sending():
        await eventually(lambda: _paced(office, 2))
    domains = Counter(mail[0].partition("@")[2] for mail in office.server.mails)
    assert domains == {"slow.example.org": 1, "quick.example.org": 1}
    books = (await office.books())["notices"]
    assert (books["paced"], books["refused_for_now"], books["to_do"]) == (2, 0, 2)


async def _paced(office: Office, number: int) -> bool:
    async with office.engine.connect() as connection:
        found = rows_as(OpenNotice, await connection.execute(sa.select(OPEN)))
        return [one.problem for one in found] == [PACED] * number and len(await office.outcomes()) == 2


async def test_two_senders_and_a_restart_share_one_pace(office: Office) -> None:
    office.settings.mails_a_minute_to_a_domain = 1.0
    await people(office, *(f"{name}@slow.example.org" for name in "abcdef"))
    async with office.server.listening():
        async with office.sending(), office.sending():
            await eventually(lambda: _open_and_waiting(office, 5))
        async with office.sending():
            await asyncio.wait_for(office.has_planned(), 60)
    assert len(office.server.mails) == 1


async def _open_and_waiting(office: Office, number: int) -> bool:
    async with office.engine.connect() as connection:
        found = list(rows_as(OpenNotice, await connection.execute(sa.select(OPEN))))
        return len(found) == number and all(one.problem == PACED and one.lease is None for one in found)


async def test_all_mails_leave_at_the_pace_of_all(office: Office) -> None:
    office.settings.mails_a_second = 20.0
    await people(office, *(f"somebody@town-{number}.example.org" for number in range(12)))
    async with office.server.listening(), office.sending():
        begun = SERVICE.clock()
        assert len(await settled_notices(office, 12)) == 12
    assert SERVICE.clock() - begun >= dt.timedelta(seconds=(12 - 2) / 20)


async def test_what_is_urgent_takes_the_next_turn_of_its_domain(engine: AsyncEngine) -> None:
    """Also after a restart: the line is where the ledger is."""
    rates = Rates(to_a_domain=ONE_A_SECOND)
    async with engine.begin() as connection:
        await ensure_key(connection)
        working = SERVICE.working(NOW)
        await store.load_paces(connection, working, {"slow"})
        assert take_turns(working, [("slow", WHENEVER, False)] * 50, rates)[0][-1] == at(49)
        await _write(connection, working)
    async with engine.begin() as connection:
        working = SERVICE.working(NOW)
        await store.load_paces(connection, working, {"slow"})
        assert take_turns(working, [("slow", URGENT, False)], rates)[0] == [at(1)]


async def _write(connection: Any, working: Any) -> None:
    from shared.postgres.roundtrips import Writes

    writes = Writes()
    writes.save(SERVICE.table(Pace), working[Pace])
    await writes.run(connection)
