"""What may be done on the page of a place, at one moment."""

from __future__ import annotations

import datetime as dt

import pytest

from services.enrolment.applying import place_of, session_of
from services.enrolment.pages.showing import Act, Found, acts_of
from shared.contracts.enrolment import EnrolmentWithdrawn, WithdrawalReason
from shared.contracts.planner import SessionScheduled
from shared.testing import body_of, heard


@pytest.mark.parametrize("reason", WithdrawalReason)
def test_whoever_is_out_by_their_own_doing_may_ask_again(reason: WithdrawalReason) -> None:
    """What a rule took is given back by itself, the erased ask for nothing, and whom the office removed it would refuse."""
    session = session_of(heard(body_of(SessionScheduled)))
    place = place_of(heard(body_of(EnrolmentWithdrawn, reason=reason)))
    found = Found(session, place, None, {}, None, 0, None)
    own = {WithdrawalReason.REQUESTED, WithdrawalReason.OFFER_DECLINED, WithdrawalReason.OFFER_EXPIRED}
    own |= {WithdrawalReason.REMOVAL_LIFTED}
    acts = acts_of(found, session.starts_at - dt.timedelta(days=1))
    assert acts == ((Act.ASK_AGAIN,) if reason in own else ())
