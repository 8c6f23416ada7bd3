"""Who is asked whether they come, and who is reminded to say so before it is decided."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from services.notifications.kinds.kind import Rules
from services.notifications.kinds.reply import REPLY_ASKED, ReplyAsked
from services.notifications.ledger import Told, told_after
from services.notifications.letters import CHANGE
from services.notifications.state import CANCELLED, Place, Session, session_of
from services.notifications.untold import ENROLMENT, Difference
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import ReminderTold
from shared.contracts.planner import SessionScheduled
from shared.contracts.portal import Reply
from shared.testing import body_of, heard
from tests.notifications.building import (
    BEFORE,
    LONG_AGO,
    NOW,
    TUESDAY,
    addressee,
    content,
    facts,
    meeting,
    notice,
    open_notice,
    place,
    session,
)
from tests.notifications.mails import body, received, session_mail

RULES = Rules(LONG_AGO)
DECIDES = NOW + dt.timedelta(days=2)
ASKED = DECIDES - RULES.reply_before
WEEKS_AGO = NOW - dt.timedelta(days=20)
ITS = session(decides_at=DECIDES)
SECOND = dt.timedelta(seconds=1)


def told_of_place(its_session: Session = ITS, *, at: dt.datetime = WEEKS_AGO) -> Told:
    return told_after(None, notice(said=content(its_session), decided_at=at))


def asked(its_place: Place | None = None, its_session: Session = ITS, **changes: Any) -> ReplyAsked:
    known = changes.pop("told_place", told_of_place(its_session))
    return ReplyAsked(facts(its_place, its_session, **changes), known, RULES)


def differs(its: ReplyAsked, told: Told | None = None, *, now: dt.datetime = ASKED) -> Difference | None:
    return its.difference(told, addressee(), now=now)


def test_who_has_said_nothing_is_reminded_before_the_decision_day_and_not_on_it() -> None:
    found = differs(asked())
    assert found is not None
    assert isinstance(found.says.says, ReminderTold)
    assert (found.letter, found.says.until, found.says.says.rule) == (REPLY_ASKED, DECIDES, "before-decision")
    assert differs(asked(), now=ASKED - SECOND) is None
    assert differs(asked(), now=DECIDES - SECOND) is not None
    assert differs(asked(), now=DECIDES) is None


def test_nobody_is_reminded_to_reply_twice_or_who_has_replied() -> None:
    found = differs(asked())
    assert found is not None
    said = told_after(None, notice(about="reply/session-1/before-decision", said=found.says, decided_at=ASKED))
    assert differs(asked(), said) is None
    assert differs(asked(place(reply=Reply.CONFIRMED))) is None


@pytest.mark.parametrize("days", [-1, 9])
def test_who_was_reminded_of_another_decision_day_is_reminded_of_this_one(days: int) -> None:
    """Else they believe that they may still answer when they may not, or that it is too late when it is not."""
    its = session(meeting("2026-12-14T09:00", "2026-12-14T15:00"), decides_at=DECIDES)
    moved = replace(its, decides_at=DECIDES + dt.timedelta(days=days))
    found = differs(asked(its_session=its))
    assert found is not None
    said = told_after(None, notice(about="reply/session-1/before-decision", said=found.says, decided_at=ASKED))
    assert differs(asked(its_session=its), said, now=NOW) is None
    again = differs(asked(its_session=moved), said, now=max(NOW, ASKED + dt.timedelta(days=days)))
    assert again is not None
    assert again.says.until == moved.decides_at


@pytest.mark.parametrize(
    ("its_place", "its_session"),
    [
        (place(Standing.WAITLISTED), ITS),
        (place(Standing.WITHDRAWN), ITS),
        (place(), replace(ITS, state=CANCELLED)),
        (place(), session(minimum=5)),
        (place(), session(meeting("2026-11-20T08:00", "2026-11-20T15:00"), decides_at=DECIDES)),
    ],
    ids=["waits", "has none", "cancelled", "no decision day", "begun"],
)
def test_nobody_is_reminded_to_reply_where_nothing_is_to_be_decided(its_place: Place, its_session: Session) -> None:
    assert differs(asked(its_place, its_session), now=NOW) is None


def test_who_was_just_asked_or_has_yet_to_hear_that_it_moved_is_not_reminded_to_reply() -> None:
    just_now = ASKED - RULES.reminder_quiet + SECOND
    assert differs(asked(told_place=told_of_place(at=just_now))) is None
    assert differs(asked(told_place=None)) is None
    moved = session(TUESDAY, decides_at=DECIDES)
    assert differs(asked(its_session=moved, told_place=told_of_place())) is None
    assert differs(asked(its_session=moved)) is not None


def test_nobody_is_reminded_to_reply_before_enrolment_has_heard_of_the_session() -> None:
    """The reply may be void."""
    found = differs(asked(settled=False))
    assert found is not None
    assert found.waits_for == ENROLMENT


def test_a_reminder_to_reply_that_came_too_late_is_a_fact_if_it_was_on_its_way() -> None:
    assert asked().missed(None, addressee(), now=DECIDES, since=LONG_AGO) is not None
    assert asked().missed(None, addressee(), now=DECIDES, since=DECIDES) is None


def test_the_decision_day_begins_by_the_clocks_of_the_session() -> None:
    row = session_of(heard(body_of(SessionScheduled, decision_date="2026-10-16", minimum=4)))
    assert (row.minimum, row.decides_at) == (4, dt.datetime(2026, 10, 15, 22, tzinfo=dt.UTC))
    assert session_of(heard(body_of(SessionScheduled))).decides_at is None


@pytest.mark.parametrize(
    ("its_place", "its_session", "asks"),
    [
        (place(), session(minimum=5), True),
        (place(), ITS, True),
        (place(), session(), False),
        (place(reply=Reply.CONFIRMED), ITS, False),
        (place(Standing.WAITLISTED), ITS, False),
        (place(), replace(ITS, state=CANCELLED), False),
    ],
)
def test_a_session_that_needs_to_know_asks_whoever_has_not_said(
    its_place: Place, its_session: Session, asks: bool
) -> None:
    assert facts(its_place, its_session).asks_for_reply(NOW) is asks


FREEZES = ITS.starts_at - dt.timedelta(hours=30)
FROZEN = replace(ITS, freeze_hours=30)


def test_in_the_freeze_nobody_is_asked_for_a_reply_that_would_be_refused() -> None:
    for session_ in (FROZEN, replace(FROZEN, decides_at=None, minimum=5)):
        assert facts(place(), session_).asks_for_reply(FREEZES - SECOND)
        assert not facts(place(), session_).asks_for_reply(FREEZES)
    begun = facts(place(), ITS)
    assert begun.asks_for_reply(ITS.starts_at - SECOND) and not begun.asks_for_reply(ITS.starts_at)


def test_whoever_hears_of_a_session_within_its_own_freeze_may_answer_until_it_begins() -> None:
    late = replace(FROZEN, heard_at=FREEZES + SECOND)
    assert facts(place(), late).asks_for_reply(ITS.starts_at - SECOND)
    moved = facts(place(), late, announced_at=BEFORE)
    assert not moved.asks_for_reply(FREEZES + SECOND), (
        "it had been announced long before, and was moved into its freeze"
    )


def test_a_decision_day_within_the_freeze_is_too_late_to_answer_on() -> None:
    """The mail says until when an answer counts, and leaves as long before that."""
    its = asked(its_session=replace(FROZEN, decides_at=ITS.starts_at - dt.timedelta(hours=6)))
    at = FREEZES - RULES.reply_before
    found = differs(its, now=at)
    assert found is not None and found.says.until == FREEZES
    assert differs(its, now=at - SECOND) is None and differs(its, now=FREEZES) is None
    mail = its.mail(open_notice(language=Language.PL, content=its.named(found.says, Language.PL)), found)
    assert mail.moment == FREEZES


@pytest.mark.parametrize(
    ("language", "words", "otherwise"),
    [
        (Language.PL, "Nikt z listy rezerwowej nie dostanie", "Miejsce może wtedy dostać"),
        (Language.EN, "Nobody on the waiting list gets the place", "may get the place"),
    ],
)
def test_in_the_freeze_no_mail_says_that_somebody_else_may_get_the_place(
    language: Language, words: str, otherwise: str
) -> None:
    for letter in ("confirmation", CHANGE):
        frozen, usual = (
            " ".join(body(received(session_mail(letter, language, goes_to_nobody=one)), "plain").split())
            for one in (True, False)
        )
        assert words in frozen and otherwise not in frozen
        assert words not in usual
    instead = session_mail("confirmation", language, goes_to_nobody=True, substituted=True)
    for mail in (session_mail("cancellation", language, goes_to_nobody=True), instead):
        assert words not in " ".join(body(received(mail), "plain").split())


@pytest.mark.parametrize(
    ("language", "words"), [(Language.PL, "Przyjdziesz? Potwierdź to"), (Language.EN, "Will you come? Confirm it")]
)
def test_the_mail_about_the_place_asks_whether_the_person_comes(language: Language, words: str) -> None:
    for letter in ("confirmation", CHANGE):
        assert words in body(received(session_mail(letter, language, asks_for_reply=True)), "plain")
        assert words not in body(received(session_mail(letter, language)), "plain")
    assert words not in body(received(session_mail("cancellation", language, asks_for_reply=True)), "plain")
