"""What may be done on the page of a place, at one moment: nothing that would be refused."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from fastapi import Request

from services.enrolment.applying import place_of, session_of
from services.enrolment.pages.showing import Act, Found, acts_of, is_as_seen, may_ask_again, seen_of, shown
from services.enrolment.state import Place, Session
from shared.contracts import Event
from shared.contracts.enrolment import (
    ACTIVE,
    FACT_OF,
    Basis,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    Standing,
    WithdrawalReason,
)
from shared.contracts.model import Language
from shared.contracts.planner import SessionKind, SessionScheduled
from shared.contracts.portal import Reply
from shared.testing import NOON, body_of, heard
from shared.web.pages.kit import Office, Pages
from tests.enrolment.office import DAY, START
from tests.enrolment.office import session as stated

HOUR = dt.timedelta(hours=1)


def in_session(session: Session, place: Place, announced_at: dt.datetime = NOON) -> Found:
    return Found(session, place, None, {}, None, 0, None, announced_at)


def scheduled(**terms: Any) -> Session:
    return session_of(heard(stated(**terms)))


def placed(model: type[Event] = ParticipantEnrolled, **fields: Any) -> Place:
    return place_of(heard(body_of(model, **fields)))


def given_back(**fields: Any) -> Place:
    return placed(EnrolmentWithdrawn, **{"reason": WithdrawalReason.REQUESTED, **fields})


@pytest.mark.parametrize("reason", WithdrawalReason)
def test_whoever_is_out_by_their_own_doing_may_ask_again(reason: WithdrawalReason) -> None:
    """What a rule took is given back by itself, the erased ask for nothing, and whom the office removed it would refuse."""
    session = session_of(heard(body_of(SessionScheduled)))
    own = {WithdrawalReason.REQUESTED, WithdrawalReason.OFFER_DECLINED, WithdrawalReason.OFFER_EXPIRED}
    own |= {WithdrawalReason.REMOVAL_LIFTED}
    found = in_session(session, given_back(reason=reason), session.starts_at - 9 * DAY)
    acts = acts_of(found, session.starts_at - DAY)
    assert acts == ((Act.ASK_AGAIN,) if reason in own else ())
    assert may_ask_again(found, session.starts_at - DAY) is (reason in own), (
        "or is told to ask and has no button for it"
    )


CLOSED: dict[str, dict[str, Any]] = {
    "towns nominate": {"by_oneself": False},
    "not open yet": {"opens_at": (NOON + 2 * HOUR).isoformat()},
    "closed": {"closes_at": (NOON + HOUR).isoformat()},
    "frozen": {"freeze_hours": 24 * 40},
}


@pytest.mark.parametrize("terms", CLOSED.values(), ids=CLOSED)
def test_nobody_is_shown_a_way_to_ask_that_would_be_refused(terms: dict[str, Any]) -> None:
    now, before = NOON + HOUR, START - 99 * DAY
    found = in_session(scheduled(**terms), given_back(), before)
    assert acts_of(found, now) == ()
    has_it = in_session(scheduled(**terms), placed(), before)
    assert Act.GIVE_BACK in acts_of(has_it, now) and not may_ask_again(has_it, now)
    open_to_all = in_session(scheduled(), placed(), before)
    assert may_ask_again(open_to_all, now)


@pytest.mark.parametrize("terms", CLOSED.values(), ids=CLOSED)
def test_who_gave_back_a_place_of_their_towns_team_may_ask_for_it_at_any_time(terms: dict[str, Any]) -> None:
    session = scheduled(kind=SessionKind.SUPPLEMENTARY, **terms)
    assert acts_of(in_session(session, given_back(basis=Basis.TEAM)), NOON + HOUR) == (Act.ASK_AGAIN,)
    declined = given_back(basis=Basis.TEAM, reason=WithdrawalReason.OFFER_DECLINED)
    assert acts_of(in_session(session, declined, START - 99 * DAY), NOON + HOUR) == ()


def test_nobody_is_asked_to_confirm_when_replies_stay_as_they_are() -> None:
    session, freezes = scheduled(freeze_hours=24), START - DAY
    found = in_session(session, placed())
    assert acts_of(found, freezes - HOUR) == (Act.CONFIRM, Act.GIVE_BACK)
    assert acts_of(found, freezes) == (Act.GIVE_BACK,)
    late = in_session(session, placed(), announced_at=freezes + HOUR)
    assert acts_of(late, freezes + 2 * HOUR) == (Act.CONFIRM, Act.GIVE_BACK)


def test_what_was_looked_at_is_the_place_and_the_times_of_the_session() -> None:
    place, session = placed(), scheduled()
    seen = seen_of(place, session)
    assert is_as_seen(seen, placed(reply=Reply.CONFIRMED), scheduled(note="bring a pen"))
    assert not is_as_seen(seen, place, scheduled(date="2026-12-08"))
    assert not is_as_seen(seen, placed(episode=2), session)
    assert not is_as_seen("1.enrolled.1", place, session)


@pytest.mark.parametrize("standing", ACTIVE)
def test_however_somebody_stands_in_a_session_they_may_leave_it_and_only_who_has_the_place_is_asked_to_confirm(
    standing: Standing,
) -> None:
    place = placed(FACT_OF[standing], offered_until=(NOON + 2 * HOUR).isoformat())
    acts = acts_of(in_session(scheduled(), place), NOON + HOUR)
    assert {Act.GIVE_BACK, Act.DECLINE} & set(acts)
    assert (Act.CONFIRM in acts) is standing.has_seat
    assert (Act.ACCEPT in acts) is (standing is Standing.OFFERED)


PAGES = Pages("services.enrolment.pages", Office("Biuro", "biuro@example.org"))
GOES_TO = {Language.EN: "goes to", Language.PL: "następn"}
MAY_HAVE = {Language.EN: "who waits may then have", Language.PL: "może wtedy dostać ktoś z listy"}
NOBODY = {Language.EN: "nobody else gets", Language.PL: "nikt już nie dostanie"}
BEHIND = {Language.EN: "wait behind all others", Language.PL: "na koniec listy"}


def page_of(found: Found, language: Language, now: dt.datetime) -> str:
    request = Request({"type": "http", "method": "GET", "path": "/place/x", "query_string": b"", "headers": []})
    place = shown(found, language=language, arranged="", now=now)
    return bytes(PAGES.answer(request, "place.html", language, place=place, overtaken=False).body).decode()


@pytest.mark.parametrize("language", Language)
def test_a_place_that_somebody_may_let_go_is_promised_to_nobody_for_perhaps_nobody_waits_who_could_take_it(
    language: Language,
) -> None:
    offered = placed(FACT_OF[Standing.OFFERED], offered_until=START.isoformat())
    page = page_of(in_session(scheduled(), offered), language, NOON + HOUR)
    assert MAY_HAVE[language] in page and GOES_TO[language] not in page
    assert BEHIND[language] not in page
    assert BEHIND[language] in page_of(in_session(scheduled(after_offer="to_the_end"), offered), language, NOON + HOUR)


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("standing", [Standing.OFFERED, Standing.ENROLLED])
def test_where_nothing_is_given_any_more_nobody_has_what_is_let_go(standing: Standing, language: Language) -> None:
    """Frozen by being moved, an offer that was open stays so."""
    place = placed(FACT_OF[standing], offered_until=START.isoformat() if standing is Standing.OFFERED else None)
    page = page_of(in_session(scheduled(freeze_hours=24), place), language, START - HOUR)
    assert NOBODY[language] in page and MAY_HAVE[language] not in page


@pytest.mark.parametrize("language", Language)
def test_whoever_has_the_place_does_not_read_that_somebody_waits_for_it(language: Language) -> None:
    page = page_of(in_session(scheduled(), placed()), language, NOON + HOUR)
    assert MAY_HAVE[language] in page and GOES_TO[language] not in page
