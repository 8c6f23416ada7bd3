"""Before whom the office has put somebody in line, and until when that holds."""

from __future__ import annotations

import pytest

from shared.contracts.enrolment import Standing
from shared.contracts.planner import SessionCancelled
from shared.contracts.selection import CityWithdrawn
from shared.events.envelope import Reason
from shared.testing import NOON
from tests.enrolment.explained import lines, why
from tests.enrolment.offers import ENDS, LETS_GO, OFFERS, SECOND, offering
from tests.enrolment.office import DAY, Office, session

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED, OFFERED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
    "PlaceOffered",
)


def test_whoever_lets_an_offer_go_waits_behind_all_others_also_if_the_office_had_preferred_them(office: Office) -> None:
    office.session(**OFFERS, after_offer="to_the_end")
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON - (3 - number) * SECOND)
    office.prefers("celina", 50)
    office.withdraw("anna")
    assert office.with_standing(Standing.OFFERED) == ["celina"]

    office.answer("celina", "decline")
    assert office.with_standing(Standing.OFFERED) == ["bartek"]
    assert office.with_standing(Standing.WAITLISTED) == ["celina"]
    assert office.place("celina").priority == 0
    assert lines(why(office, "celina"))[-1] == "offer_let_go"


@pytest.mark.parametrize("how", ["declines", "lets it pass", "gives it back", "declines, is removed and let in again"])
def test_whoever_let_an_offer_go_and_asks_again_is_not_first_by_what_the_office_had_preferred_them_for(
    office: Office, how: str
) -> None:
    office.session(**OFFERS)
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON - (3 - number) * SECOND)
    office.prefers("celina", 50)
    office.withdraw("anna")
    if how == "lets it pass":
        office.pass_to(ENDS)
    else:
        office.withdraw("celina") if how == "gives it back" else office.answer("celina", "decline")
    if how.endswith("let in again"):
        office.removes("celina")
        office.lifts("celina")
    assert office.with_standing(Standing.OFFERED) == ["bartek"]
    office.ask("dawid", at=ENDS, now=ENDS)
    office.ask("celina", at=ENDS + SECOND)
    assert office.with_standing(Standing.WAITLISTED) == ["dawid", "celina"]


@pytest.mark.parametrize("who", ["anna", "celina"])
def test_who_gives_a_place_back_or_leaves_the_list_and_asks_again_is_at_its_end_whatever_the_office_had_given_them(
    office: Office, who: str
) -> None:
    """As their page says before they do. The office may give another one."""
    office.session(**OFFERS)
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON - (3 - number) * SECOND)
    office.prefers(who, 50)
    office.withdraw(who, at=NOON + SECOND)
    assert office.place(who).priority == 0
    office.ask("dawid", at=NOON + 2 * SECOND)
    office.ask(who, at=NOON + 3 * SECOND)
    assert office.with_standing(Standing.WAITLISTED)[-1] == who
    office.prefers(who, 50, at=NOON + 4 * SECOND)
    assert office.with_standing(Standing.WAITLISTED)[0] == who


def test_a_priority_that_a_rule_took_with_the_place_is_given_back_with_it(on_offer: Office) -> None:
    on_offer.prefers("celina", 50, at=NOON + SECOND)
    on_offer.town(model=CityWithdrawn, at=NOON + 2 * SECOND)
    assert on_offer.town(at=NOON + 3 * SECOND) == [OFFERED, WAITLISTED]
    assert on_offer.place("celina").priority == 50


def test_a_priority_that_is_heard_late_takes_nobodys_offer_and_puts_its_person_before_all_who_wait(
    on_offer: Office,
) -> None:
    for person in ("dawid", "ewa"):
        on_offer.member(person)
        on_offer.ask(person, at=NOON)
    assert on_offer.prefers("ewa", 50, at=NOON - SECOND / 2, now=NOON + DAY) == [WAITLISTED]
    assert on_offer.with_standing(Standing.OFFERED) == ["bartek"], "what was promised stays"
    assert on_offer.with_standing(Standing.WAITLISTED) == ["ewa", "celina", "dawid"]
    assert on_offer.answer("bartek", "decline", at=NOON + DAY) == [WITHDRAWN, OFFERED]
    assert on_offer.with_standing(Standing.OFFERED) == ["ewa"]


def test_a_priority_that_was_given_before_its_person_let_an_offer_go_has_ended_with_that_whichever_is_heard_first(
    office: Office,
) -> None:
    offering(office, after_offer="to_the_end")
    office.answer("bartek", "decline", at=NOON + 2 * SECOND, now=NOON + DAY)
    assert office.prefers("bartek", 50, at=NOON + SECOND) == []
    assert office.mind.aside[-1].reason is Reason.CHANGED_SINCE
    assert (office.place("bartek").priority, office.place("bartek").state) == (0, Standing.WAITLISTED)
    office.ask("dawid", at=NOON + DAY, now=NOON + 2 * DAY)
    assert office.with_standing(Standing.WAITLISTED) == ["bartek", "dawid"]
    assert office.prefers("bartek", 50, at=NOON + 3 * SECOND) == [WAITLISTED], "the office gives another one"


@pytest.mark.parametrize("how", [*LETS_GO, "lets it pass"])
def test_a_priority_from_before_an_offer_was_let_go_has_ended_also_of_who_has_left_and_asked_anew_before_it_is_heard(
    office: Office, how: str
) -> None:
    offering(office)
    LETS_GO[how](office) if how in LETS_GO else office.pass_to(ENDS)
    anew = ENDS + SECOND
    assert office.ask("bartek", at=anew, now=anew) == [WAITLISTED]
    assert office.prefers("bartek", 50, at=NOON + SECOND) == []
    assert office.mind.aside[-1].reason is Reason.CHANGED_SINCE
    assert office.prefers("bartek", 50, at=anew + SECOND) == [WAITLISTED], "the office gives another one"


def test_a_priority_from_before_its_person_left_the_list_has_ended_with_that_whichever_is_heard_first(
    on_offer: Office,
) -> None:
    """They had said before a place was held for them that they do not come."""
    on_offer.withdraw("bartek", at=NOON - SECOND / 2)
    assert on_offer.ask("bartek", at=NOON + 2 * SECOND) == [WAITLISTED]
    assert on_offer.prefers("bartek", 50, at=NOON - SECOND * 3 / 4) == []
    assert on_offer.mind.aside[-1].reason is Reason.CHANGED_SINCE


@pytest.mark.parametrize("how", LETS_GO)
def test_it_has_also_where_they_were_asked_anew_since_and_that_has_ended_by_nothing_they_did(
    office: Office, how: str
) -> None:
    offering(office)
    LETS_GO[how](office)
    anew = NOON + DAY + SECOND
    assert office.ask("bartek", at=anew, now=anew) == [WAITLISTED]
    while (holder := office.with_standing(Standing.OFFERED)) != ["bartek"]:
        office.answer(holder[0], "decline", at=anew + SECOND)
    since = anew + DAY
    assert office.hear(session(model=SessionCancelled, **OFFERS), at=since, now=since) == [WAITLISTED]
    assert office.prefers("bartek", 50, at=NOON + SECOND) == []
    assert office.mind.aside[-1].reason is Reason.CHANGED_SINCE
