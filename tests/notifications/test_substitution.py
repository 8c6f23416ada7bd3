"""Somebody comes instead of somebody else of their town: each of the two is told once, by the mail that says how they stand."""

from __future__ import annotations

import pytest

from services.notifications.kinds.sessions import SUBSTITUTE, SUBSTITUTED
from services.notifications.ledger import told_after
from services.notifications.letters import CANCELLATION, CONFIRMATION
from services.notifications.state import CANCELLED
from shared.contracts.enrolment import Standing, WithdrawalReason
from shared.contracts.model import Language
from tests.notifications.building import NOW, addressee, content, notice, offered, place, session, truth
from tests.notifications.mails import body, calendar, cancellation, received, session_mail
from tests.notifications.test_offer import offer
from tests.notifications.test_offer import told as told_of_offer
from tests.notifications.test_waiting import told as told_to_wait
from tests.notifications.test_waiting import waiting

GONE = place(Standing.WITHDRAWN, reason=WithdrawalReason.SUBSTITUTED)
COMES = place(substitute_for="person-2")


def test_who_comes_instead_is_confirmed_and_told_why() -> None:
    found = truth(COMES).difference(None, now=NOW)
    assert found is not None
    assert (found.letter, found.because) == (CONFIRMATION, SUBSTITUTED)
    told = told_after(None, notice(said=found.says))
    assert truth(COMES).difference(told, now=NOW) is None


def test_who_goes_is_told_that_somebody_else_comes_and_nothing_besides() -> None:
    told = told_after(None, notice())
    found = truth(GONE).difference(told, now=NOW)
    assert found is not None
    assert (found.letter, found.because) == (CANCELLATION, SUBSTITUTED)
    assert waiting(GONE, told_place=told).difference(None, addressee(), now=NOW) is None
    assert offer(GONE, told_place=told).difference(None, addressee(), now=NOW) is None
    assert truth(GONE).difference(None, now=NOW) is None  # Who was never told of the place lacks nothing.


def test_where_the_session_is_cancelled_that_is_what_counts() -> None:
    found = truth(GONE, session(state=CANCELLED)).difference(told_after(None, notice(said=content())), now=NOW)
    assert found is not None
    assert found.because == CANCELLED


def test_who_waited_or_had_an_offer_hears_of_it_from_that_mail() -> None:
    ended = waiting(GONE).difference(told_to_wait(), addressee(), now=NOW)
    assert ended is not None
    assert ended.because == SUBSTITUTED
    ended = offer(GONE).difference(told_of_offer(), addressee(), now=NOW)
    assert ended is not None
    assert ended.because == SUBSTITUTED
    listed = place(Standing.WAITLISTED, substitute_for="person-2")
    for its in (waiting(listed), offer(offered(substitute_for="person-2"))):
        begun = its.difference(None, addressee(), now=NOW)
        assert begun is not None
        assert begun.because == SUBSTITUTE


@pytest.mark.parametrize(
    ("language", "comes", "goes"),
    [
        (Language.PL, "w zastępstwie innej osoby", "inną osobę z zespołu"),
        (Language.EN, "instead of", "another person of"),
    ],
)
def test_both_mails_carry_what_calendars_need(language: Language, comes: str, goes: str) -> None:
    mail = received(session_mail(CONFIRMATION, language, substituted=True))
    assert comes in body(mail, "plain").replace("\n", " ")
    assert calendar(mail)["method"] == "REQUEST"
    mail = received(cancellation(language, session_cancelled=False, substituted=True))
    assert goes in body(mail, "plain").replace("\n", " ")
    assert calendar(mail)["method"] == "CANCEL"
