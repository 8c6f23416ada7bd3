"""What follows from a mail that came back: decided over rows in memory."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifications import store
from services.notifications.app import SERVICE
from services.notifications.bounces import Bounce
from services.notifications.decisions import SOFT_PAUSES, came_back, claim, release
from services.notifications.ledger import OVERTAKEN, Belief, Notice, NoticeState, OpenNotice, Told, told_after
from services.notifications.suppressing import Suppression
from shared.contracts.notifications import AddressReleased, AddressSuppressed, NoticeBounced, NoticeFailed
from shared.state.rows import loaded_by
from shared.state.working import Working
from tests.notifications.building import (
    NOW,
    TERMS,
    TUESDAY,
    YESTERDAY,
    content,
    notice,
    open_notice,
    session,
    suppression,
    truth,
)
from tests.notifications.office import write_rows

HARD, SOFT = Bounce("5.1.1"), Bounce("5.2.2")
MAILBOX = "7c1e.5b0c7a1f"
SENT = notice(kind="confirmation", said=content().model_copy(update={"mailbox": MAILBOX}))


def mind(sent: Notice | None = SENT, known: Suppression | None = None, told: Told | None = None) -> Working:
    working = SERVICE.working(NOW)
    working[Notice].loaded([sent] if sent else [], loaded_by("notice_id", ["notice-1"]))
    working[Suppression].loaded([known] if known else [], loaded_by("recipient", ["person-1"]))
    told = told or (told_after(None, sent) if sent else None)
    working[Told].loaded([told] if told else [], loaded_by("recipient", ["person-1"]))
    working[OpenNotice].loaded([], loaded_by("recipient", ["person-1"]))
    return working


def said(working: Working) -> list[type]:
    return [type(one.body) for one in working.said]


def test_a_mail_that_came_back_for_good_holds_back_the_next_ones_to_that_address() -> None:
    working = mind()
    came_back(working, SENT, HARD, soft_before=0)
    assert said(working) == [NoticeBounced, AddressSuppressed]
    held = working[Suppression].get("person-1")
    assert held is not None
    assert (held.holds, held.mailbox, held.status) == (True, MAILBOX, "5.1.1")
    after = working[Notice].get("notice-1")
    assert after is not None
    assert (after.state, after.code) == (NoticeState.BOUNCED, "bounced_5.1.1")


def test_the_same_report_again_says_nothing() -> None:
    working = mind()
    came_back(working, SENT, HARD, soft_before=0)
    again = working[Notice].get("notice-1")
    assert again is not None
    came_back(working, again, HARD, soft_before=0)
    assert len(working.said) == 2


def test_mails_that_came_back_for_something_that_passes_are_counted() -> None:
    for before in range(len(SOFT_PAUSES) + 1):
        working = mind()
        came_back(working, SENT, SOFT, soft_before=before)
        assert (AddressSuppressed in said(working)) == (before == len(SOFT_PAUSES))


def test_what_passes_is_given_time_to_pass_and_what_does_not_is_given_none() -> None:
    """Three mails within a minute to a mailbox that is full tonight would hold back all that follow."""
    waited = []
    for before in range(len(SOFT_PAUSES) + 1):
        working = mind()
        came_back(working, SENT, SOFT, soft_before=before)
        told = working[Told].get("person-1", "place/session-1")
        assert told is not None
        waited.append(told.not_before and told.not_before - NOW)
    assert waited == [dt.timedelta(hours=1), dt.timedelta(hours=8), None]
    working = mind()
    came_back(working, SENT, HARD, soft_before=0)
    told = working[Told].get("person-1", "place/session-1")
    assert told is not None and told.not_before is None


def test_a_corrected_address_waits_for_nothing_also_with_what_follows() -> None:
    working = mind()
    came_back(working, SENT, SOFT, soft_before=1)
    waits = working[Told].get("person-1", "place/session-1")
    assert waits is not None and waits.not_before is not None
    elsewhere = content().model_copy(update={"mailbox": "7c1e.00000000"})
    told = told_after(waits, replace(SENT, notice_id="notice-2", sequence=1, said=elsewhere))
    assert told.not_before is None


def test_what_never_left_cannot_come_back() -> None:
    for state in (NoticeState.FAILED, NoticeState.TOO_LATE, NoticeState.BOUNCED):
        other = replace(SENT, state=state, code="x")
        working = mind(other)
        came_back(working, other, HARD, soft_before=0)
        assert working.said == []


def test_a_mail_in_doubt_that_came_back_is_in_doubt_no_more() -> None:
    unknown = replace(SENT, state=NoticeState.UNKNOWN, code="outcome_unknown")
    working = mind(unknown)
    came_back(working, unknown, HARD, soft_before=0)
    told = working[Told].get("person-1", "place/session-1")
    assert told is not None
    assert (told.state, told.content) == (Belief.NO, None)


def test_who_did_not_get_their_first_mail_believes_nothing() -> None:
    working = mind()
    came_back(working, SENT, HARD, soft_before=0)
    told = working[Told].get("person-1", "place/session-1")
    assert told is not None
    assert (told.state, told.content, told.until) == (Belief.NO, None, None)
    found = truth().difference(told, now=NOW)
    assert found is not None
    assert found.letter == "confirmation"


def test_who_did_not_get_a_change_is_told_whatever_is_true() -> None:
    """Also what they knew before it: of that, nobody remembers which of both they believe."""
    later = replace(SENT, sequence=1)
    working = mind(later)
    came_back(working, later, HARD, soft_before=0)
    told = working[Told].get("person-1", "place/session-1")
    assert told is not None
    assert told.content == OVERTAKEN
    for its_session in (session(), session(TUESDAY)):
        assert truth(None, its_session).difference(told, now=NOW) is not None


def test_a_later_mail_that_arrived_outlives_an_earlier_one_that_came_back() -> None:
    told = told_after(told_after(None, SENT), replace(SENT, notice_id="notice-2", sequence=1))
    working = mind(SENT, told=told)
    came_back(working, SENT, HARD, soft_before=0)
    assert working[Told].get("person-1", "place/session-1") == told


def test_nothing_is_sent_to_an_address_that_is_held_back_and_its_end_says_why() -> None:
    working = mind(None)
    held = truth(withheld=True)
    assert claim(working, open_notice(), held, "lease", TERMS) is None
    assert working.said == []
    over = truth(None, session(YESTERDAY), withheld=True)
    assert claim(working, open_notice(), over, "lease", TERMS) is None
    (failed,) = [one.body for one in working.said]
    assert isinstance(failed, NoticeFailed)
    assert (failed.code, failed.problem) == ("too_late", "withheld")


def test_an_operator_lets_an_address_through_again_and_a_later_report_holds_it_back_again() -> None:
    held = suppression(mailbox=MAILBOX)
    working = mind(known=held)
    came_back(working, SENT, HARD, soft_before=0)
    assert said(working) == [NoticeBounced]  # It is held back as it is.
    working = mind(known=held)
    release(working, held, by="Anna", reason=None)
    assert said(working) == [AddressReleased]
    came_back(working, SENT, HARD, soft_before=0)
    assert said(working)[1:] == [NoticeBounced, AddressSuppressed]


def test_another_address_of_theirs_that_takes_no_mail_is_held_back_as_well() -> None:
    working = mind(known=suppression(mailbox="7c1e.00000000"))
    came_back(working, SENT, HARD, soft_before=0)
    assert said(working) == [NoticeBounced, AddressSuppressed]


async def test_only_mails_that_came_back_in_a_row_are_counted(engine: AsyncEngine) -> None:
    """A mailbox that is full once a year takes mail."""

    def mail(number: int, days: int, state: NoticeState = NoticeState.BOUNCED) -> Notice:
        return replace(SENT, notice_id=f"notice-{number}", state=state, decided_at=NOW - dt.timedelta(days=days))

    async def counted(*rows: Notice) -> int:
        async with engine.begin() as connection:
            await write_rows(connection, replace(SENT, decided_at=NOW), *rows)
            _, soft = await store.load_returned(connection, SERVICE.working(NOW), SENT.notice_id)
            return soft

    assert await counted(mail(2, 200), mail(3, 100)) == 2
    assert await counted(mail(4, 50, NoticeState.FAILED)) == 2
    assert await counted(mail(5, 0, NoticeState.SENT)) == 2, "it may come back as well"
    elsewhere = replace(mail(6, 50, NoticeState.SENT), said=content().model_copy(update={"mailbox": "7c1e.00000000"}))
    assert await counted(elsewhere) == 2
    assert await counted(mail(7, 150, NoticeState.SENT)) == 1
