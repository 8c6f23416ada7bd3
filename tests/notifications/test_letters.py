"""A mail is written from what is true and from all that the person may have been told."""

from __future__ import annotations

import datetime as dt

import pytest

from services.notifications.ledger import Belief, Content, Told
from services.notifications.letters import CANCELLATION, CHANGE, Arrangement, PlaceMail
from services.notifications.state import Place
from shared.contracts.enrolment import Standing
from shared.contracts.model import Language
from tests.notifications.building import MONDAY, NOW, TUESDAY, content, open_notice, place, session, truth

WEDNESDAY = TUESDAY.model_copy(
    update={one: getattr(TUESDAY, one) + dt.timedelta(days=1) for one in ("starts_local", "ends_local")}
)


def in_doubt(said: Content, certain: Content | None) -> Told:
    key, nothing_given_up = ("person-1", "place/session-1"), (None, None, None)
    return Told(
        *key, "notice-1", 1, Belief.MAYBE, said.hash, None, said, certain, *nothing_given_up, said.until, NOW, None
    )


@pytest.mark.parametrize(
    ("its_place", "kind"),
    [(place(), CHANGE), (place(Standing.WITHDRAWN), CANCELLATION)],
)
def test_while_the_last_mail_is_in_doubt_the_next_knows_what_was_told_for_certain(its_place: Place, kind: str) -> None:
    certain = content(session(MONDAY))
    told = in_doubt(content(session(TUESDAY)), certain)
    known = truth(its_place, session(WEDNESDAY))
    found = known.difference(told, now=NOW)
    assert found is not None
    notice = open_notice(language=Language.PL, sequence=2, content=found.says)
    mail = known.matter.mail(notice, found)
    assert isinstance(mail, PlaceMail)
    assert mail.letter == kind
    assert mail.told[-1] == Arrangement(certain.says.meetings, certain.says.venue, certain.says.address)


def test_a_place_that_was_called_off_for_certain_left_nothing_in_the_calendar() -> None:
    called_off = content(session(MONDAY)).model_copy(update={"hash": None})
    told = in_doubt(content(session(TUESDAY)), called_off)
    found = truth(place(), session(WEDNESDAY)).difference(told, now=NOW)
    assert found is not None
    assert found.certain is None
