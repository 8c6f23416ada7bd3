"""An answer that is heard once something else has become of what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shared.contracts import Event
from shared.contracts.enrolment import (
    RefusalReason,
    Standing,
)
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionRescheduled
from shared.contracts.portal import Reply
from shared.contracts.selection import CityWithdrawn
from shared.testing import NOON
from tests.enrolment.offers import ENDS, LETS_GO, OFFERS, SECOND, offering
from tests.enrolment.office import DAY, OTHER, Office, session

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED, OFFERED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
    "PlaceOffered",
)


TAKES = {
    "its town withdraws": (
        RefusalReason.TOWN_NOT_QUALIFIED,
        lambda office, **how: office.town(model=CityWithdrawn, **how),
    ),
    "they leave the team": (RefusalReason.NOT_IN_TEAM, lambda office, **how: office.leaves("bartek", **how)),
    "it is for others": (
        RefusalReason.NOT_ADMITTED,
        lambda office, **how: office.session(**OFFERS, admits={"kinds": ["coordinator"]}, **how),
    ),
    "the office removes them": (RefusalReason.REMOVED_BY_OFFICE, lambda office, **how: office.removes("bartek", **how)),
    "they are erased": (RefusalReason.PERSON_ERASED, lambda office, **how: office.erased("bartek", **how)),
}


@pytest.mark.parametrize("ends", [SessionCancelled, SessionDrafted])
def test_who_accepted_before_the_session_was_cancelled_and_is_heard_after_that_reads_of_that(
    on_offer: Office, ends: type[Event]
) -> None:
    on_offer.hear(session(model=ends, **OFFERS), at=NOON + 2 * SECOND, now=NOON + DAY)
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.SESSION_CANCELLED
    assert on_offer.with_standing(Standing.WAITLISTED) == ["bartek", "celina"]


@pytest.mark.parametrize(("why_not", "takes"), TAKES.values(), ids=TAKES)
def test_who_accepted_before_something_took_the_offer_and_is_heard_after_that_reads_of_that(
    on_offer: Office, why_not: RefusalReason, takes: Callable[..., object]
) -> None:
    takes(on_offer, at=NOON + 2 * SECOND, now=NOON + DAY)
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [REFUSED]
    assert on_offer.place("bartek").refusal == why_not
    assert on_offer.answer("bartek", "accept", at=NOON + 2 * DAY) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.NO_OFFER, "nothing was on offer then"


@pytest.mark.parametrize(("why_not", "takes"), TAKES.values(), ids=TAKES)
def test_who_confirmed_before_something_took_the_place_and_is_heard_after_that_reads_of_that(
    office: Office, why_not: RefusalReason, takes: Callable[..., object]
) -> None:
    office.session(**OFFERS)
    office.ask("bartek", at=NOON - SECOND)
    takes(office, at=NOON + 2 * SECOND, now=NOON + DAY)
    assert office.reply("bartek", "confirmed", at=NOON + SECOND) == [REFUSED]
    assert office.place("bartek").refusal == why_not


def test_who_gave_back_a_place_before_the_office_took_it_and_is_heard_after_that_reads_of_that(
    on_offer: Office,
) -> None:
    on_offer.removes("bartek", at=NOON + 2 * SECOND, now=NOON + DAY)
    assert on_offer.withdraw("bartek", at=NOON + SECOND) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.REMOVED_BY_OFFICE


def off_and_on(office: Office, **changes: Any) -> None:
    """The session is cancelled two seconds after the offer, and on again the day after."""
    office.hear(session(model=SessionCancelled, **OFFERS), at=NOON + 2 * SECOND, now=NOON + DAY)
    office.hear(session(model=SessionRescheduled, **OFFERS | changes), at=NOON + DAY, now=NOON + DAY)


@pytest.mark.parametrize(("answer", "said"), [("accept", [ENROLLED]), ("decline", [WITHDRAWN, OFFERED])])
def test_an_answer_in_time_counts_for_the_offer_that_was_made_again_since(
    on_offer: Office, answer: str, said: list[str]
) -> None:
    off_and_on(on_offer)
    assert on_offer.place("bartek").offered_at == NOON + DAY
    assert on_offer.answer("bartek", answer, at=NOON + SECOND) == said


def test_who_accepted_an_offer_of_other_times_has_that_which_was_made_again_and_is_asked_anew(on_offer: Office) -> None:
    off_and_on(on_offer, date="2026-12-08")
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [ENROLLED]
    assert on_offer.place("bartek").reply == Reply.NONE


def test_an_answer_sent_while_nothing_was_on_offer_is_none_to_what_is_offered_again(on_offer: Office) -> None:
    off_and_on(on_offer)
    on_offer.hear(session(model=SessionCancelled, **OFFERS), at=NOON + 2 * DAY, now=NOON + 2 * DAY)
    on_offer.hear(session(model=SessionRescheduled, **OFFERS), at=NOON + 4 * DAY, now=NOON + 4 * DAY)
    assert on_offer.answer("bartek", "accept", at=NOON + 3 * DAY) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.NO_OFFER
    assert on_offer.answer("bartek", "accept", at=NOON - SECOND / 2) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.NO_OFFER


def test_who_accepted_before_the_session_was_off_and_waits_since_it_is_on_again_reads_of_that(on_offer: Office) -> None:
    on_offer.prefers("celina", 50, at=NOON + SECOND)
    off_and_on(on_offer)
    assert on_offer.with_standing(Standing.OFFERED) == ["celina"]
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.SESSION_CANCELLED


def test_who_accepted_before_their_town_withdrew_has_what_is_offered_them_once_it_is_back(on_offer: Office) -> None:
    on_offer.town(model=CityWithdrawn, at=NOON + 2 * SECOND, now=NOON + DAY)
    on_offer.town(at=NOON + DAY, now=NOON + DAY)
    assert on_offer.with_standing(Standing.OFFERED) == ["bartek"]
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [ENROLLED]


def test_who_accepted_before_their_town_withdrew_and_waits_now_that_it_is_back_reads_that_it_has_gone_on(
    on_offer: Office,
) -> None:
    on_offer.town(OTHER)
    on_offer.member("olga", OTHER)
    on_offer.town(model=CityWithdrawn, at=NOON + 2 * SECOND, now=NOON + DAY)
    on_offer.ask("olga", at=NOON + DAY)
    on_offer.town(at=NOON + DAY, now=NOON + DAY)
    assert on_offer.with_standing(Standing.WAITLISTED) == ["bartek", "celina"]
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.OFFER_EXPIRED


@pytest.mark.parametrize("after_offer", ["leaves", "to_the_end"])
@pytest.mark.parametrize("how", LETS_GO)
def test_who_accepted_and_then_let_the_offer_go_reads_of_that_whichever_is_heard_first(
    office: Office, how: str, after_offer: str
) -> None:
    offering(office, after_offer=after_offer)
    LETS_GO[how](office)
    stands = office.place("bartek").state
    for answer in ("accept", "decline"):
        assert office.answer("bartek", answer, at=NOON + SECOND) == [REFUSED]
        assert (office.place("bartek").state, office.place("bartek").refusal) == (stands, RefusalReason.WITHDRAWN_SINCE)


def test_what_is_said_after_the_deadline_is_no_answer_to_an_offer_that_a_rule_ends_before_that_is_decided(
    on_offer: Office,
) -> None:
    """Enrolment was down over the deadline; what took the place, and gave it back, is heard first."""
    since = {"at": ENDS + 2 * SECOND, "now": ENDS + DAY}
    on_offer.town(model=CityWithdrawn, **since)
    on_offer.town(**since)
    on_offer.answer("bartek", "accept", at=ENDS + SECOND)
    assert on_offer.place("bartek").state is not Standing.ENROLLED


def test_who_let_an_offer_go_and_is_asked_again_is_not_answered_for_by_what_they_said_before(office: Office) -> None:
    offering(office, after_offer="to_the_end")
    office.answer("bartek", "decline", at=NOON + 2 * SECOND, now=NOON + 2 * SECOND)
    office.answer("celina", "decline", at=NOON + 3 * SECOND, now=NOON + 3 * SECOND)
    assert office.with_standing(Standing.OFFERED) == ["bartek"]
    assert office.answer("bartek", "accept", at=NOON + SECOND) == [REFUSED]
    assert office.place("bartek").refusal == RefusalReason.WITHDRAWN_SINCE
    assert office.answer("bartek", "accept", at=NOON + 4 * SECOND) == [ENROLLED]


def test_who_lets_an_offer_go_has_not_said_that_they_come_by_what_they_confirmed_before(office: Office) -> None:
    """Their town was out meanwhile, and somebody else has the place since."""
    office.session(**OFFERS, after_offer="to_the_end")
    office.ask("anna")
    office.reply("anna", "confirmed")
    office.town(OTHER)
    for person in ("olga", "piotr"):
        office.member(person, OTHER)
        office.ask(person, at=NOON + SECOND)
    office.town(model=CityWithdrawn, at=NOON + 2 * SECOND)
    office.town(at=NOON + 3 * SECOND)
    office.answer("olga", "decline", at=NOON + 4 * SECOND)
    office.answer("anna", "decline", at=NOON + 5 * SECOND)
    assert office.place("anna").state == Standing.WAITLISTED
    office.gives_extra("anna", at=NOON + 6 * SECOND)
    assert (office.place("anna").state, office.place("anna").reply) == (Standing.ENROLLED, Reply.NONE)
