"""A mail is written from what is true and from all that the person may have been told."""

from __future__ import annotations

import datetime as dt

import pytest

from services.notifications.decisions import Attempt
from services.notifications.ledger import Belief, Content, Told
from services.notifications.letters import Arrangement, mail_of
from services.notifications.state import Place
from services.notifications.untold import difference
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from shared.contracts.notifications import NoticeKind
from tests.notifications.building import MONDAY, NOW, TUESDAY, content, open_notice, place, session, truth

WEDNESDAY = TUESDAY.model_copy(
    update={one: getattr(TUESDAY, one) + dt.timedelta(days=1) for one in ("starts_local", "ends_local")}
)


def in_doubt(said: Content, certain: Content | None) -> Told:
    key, nothing_given_up = ("person-1", "session-1"), (None, None, None)
    return Told(*key, "notice-1", 1, Belief.MAYBE, said.hash, None, said, certain, *nothing_given_up, said.ends_at)


@pytest.mark.parametrize(
    ("its_place", "kind"),
    [(place(), NoticeKind.CHANGE), (place(Standing.WITHDRAWN), NoticeKind.CANCELLATION)],
)
def test_while_the_last_mail_is_in_doubt_the_next_knows_what_was_told_for_certain(
    its_place: Place, kind: NoticeKind
) -> None:
    certain = content(session(MONDAY))
    told = in_doubt(content(session(TUESDAY)), certain)
    known = truth(its_place, session(WEDNESDAY))
    found = difference(told, known, now=NOW)
    assert found is not None
    mail = mail_of(Attempt(open_notice(language=Language.PL, sequence=2), found, known))
    assert mail.kind is kind
    assert mail.told[-1] == Arrangement(certain.meetings, certain.venue, certain.address)


def test_a_place_that_was_called_off_for_certain_left_nothing_in_the_calendar() -> None:
    called_off = content(session(MONDAY)).model_copy(update={"hash": None})
    told = in_doubt(content(session(TUESDAY)), called_off)
    found = difference(told, truth(place(), session(WEDNESDAY)), now=NOW)
    assert found is not None
    assert found.certain is None
