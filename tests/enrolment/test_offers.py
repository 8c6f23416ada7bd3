"""A free place that is offered, the answers to it, and what people reply to the place they have."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.enrolment.moments import OFFER_ENDS
from services.enrolment.offering import after_working
from shared.contracts import Event
from shared.contracts.enrolment import (
    Basis,
    EnrolmentRefused,
    ParticipantEnrolled,
    ParticipantWaitlisted,
    PlaceOffered,
    RefusalReason,
    SessionAtRisk,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionKind, SessionRescheduled
from shared.contracts.portal import Reply
from shared.contracts.selection import CityWithdrawn
from shared.events.envelope import Reason
from shared.state.working import Due
from shared.testing import NOON, body_of, heard
from tests.enrolment.explained import last, lines, why
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, session

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED, OFFERED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
    "PlaceOffered",
)
SECOND = dt.timedelta(seconds=1)
OFFERS: dict[str, Any] = {"capacity": 1, "free_places": "offered", "offer_hours": 48}
ENDS = NOON + 2 * DAY
"""When an offer made at noon ends."""


@pytest.fixture
def on_offer(office: Office) -> Office:
    """Anna had the only place and gave it back: it is held for Bartek, and Celina waits."""
    return offering(office)


def offering(office: Office, **terms: Any) -> Office:
    office.session(**OFFERS, **terms)
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON - (3 - number) * SECOND)
    assert office.withdraw("anna") == [WITHDRAWN, OFFERED]
    return office


def reason(office: Office, person_id: str) -> WithdrawalReason | None:
    return office.place(person_id).reason


# --- the offer ------------------------------------------------------------------------------


def test_a_place_that_becomes_free_is_held_for_the_first_in_line_until_its_deadline(on_offer: Office) -> None:
    place = on_offer.place("bartek")
    assert (place.state, place.offered_until) == (Standing.OFFERED, ENDS)
    assert on_offer.with_standing(Standing.WAITLISTED) == ["celina"]
    assert on_offer.ask("dawid") == [WAITLISTED], "a place on offer is not free"


def test_whoever_asks_while_a_place_is_free_has_it_at_once(office: Office) -> None:
    office.session(**OFFERS)
    assert office.ask("anna") == [ENROLLED]


def test_whoever_accepts_has_the_place_and_has_confirmed(on_offer: Office) -> None:
    assert on_offer.answer("bartek", "accept", at=ENDS - SECOND) == [ENROLLED]
    place = on_offer.place("bartek")
    assert (place.reply, place.offered_until) == (Reply.CONFIRMED, None)
    on_offer.pass_to(ENDS)
    assert on_offer.with_standing(Standing.ENROLLED) == ["bartek"]


def test_an_answer_in_time_counts_although_it_is_heard_after_three_days_of_downtime(on_offer: Office) -> None:
    assert on_offer.answer("bartek", "accept", at=ENDS - SECOND, now=ENDS + 3 * DAY) == [ENROLLED]


def test_whoever_declines_leaves_the_list_and_the_place_is_offered_to_the_next(on_offer: Office) -> None:
    assert on_offer.answer("bartek", "decline") == [WITHDRAWN, OFFERED]
    assert reason(on_offer, "bartek") == WithdrawalReason.OFFER_DECLINED
    assert on_offer.with_standing(Standing.OFFERED) == ["celina"]


def test_an_offer_that_nobody_answers_goes_on_at_its_deadline_and_not_before(on_offer: Office) -> None:
    on_offer.pass_to(ENDS - SECOND)
    assert on_offer.with_standing(Standing.OFFERED) == ["bartek"]
    on_offer.pass_to(ENDS)
    assert on_offer.with_standing(Standing.OFFERED) == ["celina"]
    assert reason(on_offer, "bartek") == WithdrawalReason.OFFER_EXPIRED
    assert on_offer.place("celina").offered_until == ENDS + 2 * DAY


@pytest.mark.parametrize("how", ["declines", "lets it pass"])
def test_whoever_lets_an_offer_go_waits_behind_all_others_if_the_session_says_so(office: Office, how: str) -> None:
    offering(office, after_offer="to_the_end")
    office.ask("dawid", at=NOON)
    if how == "declines":
        office.answer("bartek", "decline", at=NOON)
    else:
        office.pass_to(ENDS)
    assert office.with_standing(Standing.OFFERED) == ["celina"]
    assert office.with_standing(Standing.WAITLISTED) == ["dawid", "bartek"]


def test_whoever_says_to_an_offer_that_they_will_not_come_waits_for_none_also_if_the_session_would_let_them(
    office: Office,
) -> None:
    """As who says so while they wait. They would be asked again, and in the freeze have a place at once."""
    offering(office, after_offer="to_the_end", freeze_hours=24)
    assert office.reply("bartek", "declined", at=NOON + SECOND, now=NOON + SECOND) == [WITHDRAWN, OFFERED]
    assert (reason(office, "bartek"), office.place("bartek").reply) == (
        WithdrawalReason.OFFER_DECLINED,
        Reply.DECLINED,
    )
    office.answer("celina", "accept", at=NOON + 2 * SECOND)
    before = START - DAY - SECOND
    assert office.withdraw("celina", at=before, now=START - DAY + SECOND) == [WITHDRAWN], "nobody waits"


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


def test_where_nobody_else_waits_there_is_no_end_of_the_list_to_go_to(office: Office) -> None:
    offering(office, after_offer="to_the_end")
    office.withdraw("celina")
    assert office.answer("bartek", "decline") == [WITHDRAWN]


def test_whoever_lets_an_offer_go_is_not_asked_again_at_once_where_nobody_else_could_take_it(office: Office) -> None:
    office.town(OTHER)
    for person in ("ewa", "filip"):
        office.member(person, OTHER)
    office.session(**OFFERS | {"capacity": 2}, after_offer="to_the_end", places_per_town=1)
    for number, person in enumerate(("anna", "ewa", "filip", "bartek")):
        office.ask(person, at=NOON - (4 - number) * SECOND)
    assert office.withdraw("anna") == [WITHDRAWN, OFFERED], "filip waits before bartek, and ewa has their town's place"

    assert office.answer("bartek", "decline") == [WITHDRAWN]
    assert office.with_standing(Standing.WAITLISTED) == ["filip"]


def test_who_let_an_offer_go_is_not_brought_back_by_the_team_rule(office: Office) -> None:
    office.session(**OFFERS | {"capacity": 3}, kind=SessionKind.SUPPLEMENTARY)
    office.withdraw("anna")
    assert office.with_standing(Standing.OFFERED) == ["dawid"]
    office.pass_to(ENDS)
    assert reason(office, "dawid") == WithdrawalReason.OFFER_EXPIRED
    assert office.reconcile() == []


def test_a_moment_that_was_made_for_an_earlier_deadline_ends_no_offer(on_offer: Office) -> None:
    on_offer.mind.hear(Due(OFFER_ENDS, "session/s/person/bartek", ENDS - SECOND))
    assert on_offer.with_standing(Standing.OFFERED) == ["bartek"]


def test_a_room_that_grows_by_one_seat_is_offered_to_one(on_offer: Office) -> None:
    on_offer.town(OTHER)
    on_offer.member("olga", OTHER)
    on_offer.ask("olga")
    assert on_offer.hear(session(model=SessionRescheduled, **OFFERS | {"capacity": 2})) == [OFFERED]
    assert on_offer.with_standing(Standing.WAITLISTED) == ["olga"]


def test_an_answer_that_is_late_is_refused_and_the_place_has_gone_on(on_offer: Office) -> None:
    on_offer.pass_to(ENDS)
    assert on_offer.answer("bartek", "accept", at=ENDS) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.OFFER_EXPIRED
    assert on_offer.with_standing(Standing.OFFERED) == ["celina"]


def test_a_late_answer_that_is_heard_before_the_deadline_is_decided_counts_for_nothing(on_offer: Office) -> None:
    assert on_offer.answer("bartek", "accept", at=ENDS) == [REFUSED]
    assert on_offer.place("bartek").state == Standing.OFFERED


def test_a_second_acceptance_changes_nothing(on_offer: Office) -> None:
    on_offer.answer("bartek", "accept")
    assert on_offer.answer("bartek", "accept") == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.ALREADY_PLACED


def test_who_accepts_and_has_got_the_place_beside_the_rules_meanwhile_has_confirmed(on_offer: Office) -> None:
    on_offer.gives_extra("bartek", at=NOON + SECOND)
    assert on_offer.answer("bartek", "accept", at=NOON + 2 * SECOND) == [ENROLLED]
    assert (on_offer.place("bartek").basis, on_offer.place("bartek").reply) == (Basis.OFFICE, Reply.CONFIRMED)
    assert lines(why(on_offer, "bartek"))[-1] == "replied"


def test_an_acceptance_sent_before_the_offer_was_made_is_no_answer_to_it(on_offer: Office) -> None:
    assert on_offer.answer("bartek", "accept", at=NOON - DAY) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.NO_OFFER


def test_whoever_was_offered_nothing_has_nothing_to_accept(on_offer: Office) -> None:
    assert on_offer.answer("celina", "accept") == on_offer.answer("nobody", "accept") == [REFUSED]
    assert on_offer.place("celina").refusal == on_offer.place("nobody").refusal == RefusalReason.NO_OFFER


def test_a_withdrawal_sent_after_the_acceptance_and_heard_before_it_counts(on_offer: Office) -> None:
    assert on_offer.withdraw("bartek", at=NOON + 2 * SECOND) == [WITHDRAWN, OFFERED]
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [REFUSED]
    assert reason(on_offer, "bartek") == WithdrawalReason.REQUESTED


def test_an_offer_stands_when_the_session_moves_and_may_be_accepted_then(on_offer: Office) -> None:
    assert on_offer.hear(session(model=SessionRescheduled, date="2026-12-15", **OFFERS)) == []
    assert on_offer.answer("bartek", "accept") == [ENROLLED]


def test_an_offer_ends_when_the_session_is_cancelled_and_the_person_is_the_next_to_be_asked_should_it_take_place(
    on_offer: Office,
) -> None:
    assert on_offer.hear(session(model=SessionCancelled, **OFFERS)) == [WAITLISTED]
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [REFUSED]
    on_offer.pass_to(ENDS + DAY)
    assert on_offer.hear(session(model=SessionRescheduled, **OFFERS), at=ENDS + DAY) == [OFFERED]
    assert on_offer.place("bartek").offered_until == ENDS + 3 * DAY


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


@pytest.mark.parametrize("ends", [SessionCancelled, SessionDrafted])
def test_who_accepted_before_the_session_was_cancelled_and_is_heard_after_that_reads_of_that(
    on_offer: Office, ends: type[Event]
) -> None:
    on_offer.hear(session(model=ends, **OFFERS), at=NOON + 2 * SECOND, now=NOON + DAY)
    assert on_offer.answer("bartek", "accept", at=NOON + SECOND) == [REFUSED]
    assert on_offer.place("bartek").refusal == RefusalReason.SESSION_CANCELLED
    assert on_offer.with_standing(Standing.WAITLISTED) == ["bartek", "celina"]


def test_somebody_erased_while_a_place_is_held_for_them_loses_it_to_the_next(on_offer: Office) -> None:
    assert on_offer.erased("bartek") == [WITHDRAWN, OFFERED]
    assert on_offer.erased("celina") == [WITHDRAWN]


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


def test_a_smaller_room_takes_no_offer_back(on_offer: Office) -> None:
    on_offer.hear(session(model=SessionRescheduled, **OFFERS | {"capacity": 2}))
    assert on_offer.with_standing(Standing.OFFERED) == ["bartek", "celina"]
    assert on_offer.hear(session(model=SessionRescheduled, **OFFERS)) == []
    assert on_offer.answer("celina", "decline") == [WITHDRAWN]
    assert on_offer.answer("bartek", "accept") == [ENROLLED]


def test_an_offer_ends_at_the_latest_when_nothing_is_given_any_more(office: Office) -> None:
    freezes = START - DAY
    office.session(**OFFERS, freeze_hours=24)
    office.ask("anna")
    office.ask("bartek")
    office.withdraw("anna", at=freezes - DAY, now=freezes - DAY)
    assert office.place("bartek").offered_until == freezes
    office.pass_to(freezes)
    assert office.with_standing(Standing.OFFERED) == []


def test_a_seat_that_became_free_before_the_freeze_is_nobodys_offer_when_it_is_heard_in_it(office: Office) -> None:
    """Nobody could answer any more: they would lose the place in line by an offer of which they never knew."""
    freezes = START - DAY
    office.session(**OFFERS, freeze_hours=24)
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON + number * SECOND)
    assert office.withdraw("anna", at=freezes - SECOND, now=freezes + SECOND) == [WITHDRAWN, ENROLLED]
    office.pass_to(START)
    assert office.with_standing(Standing.ENROLLED) == ["bartek"]
    assert office.with_standing(Standing.WAITLISTED) == ["celina"]


@pytest.mark.parametrize(
    ("freeze_hours", "ends"),
    [
        (0, "2026-11-04T08:00"),  # When it begins.
        (12, "2026-11-03T20:00"),  # When nothing is given any more.
        (24, "2026-11-04T08:00"),  # That is so already: as long as anybody can answer.
    ],
)
def test_an_offer_in_a_session_that_moves_nearer_ends_before_it_does(
    on_offer: Office, freeze_hours: int, ends: str
) -> None:
    terms = OFFERS | {"date": "2026-11-04", "freeze_hours": freeze_hours}
    assert on_offer.session(**terms, at=NOON + DAY, now=NOON + DAY) == [OFFERED]
    assert on_offer.place("bartek").offered_until == dt.datetime.fromisoformat(f"{ends}+00:00")
    assert on_offer.reconcile() == []
    assert why(on_offer, "bartek").steps[-1].until == on_offer.place("bartek").offered_until
    assert last(why(on_offer, "bartek"), "offered").until == on_offer.place("bartek").offered_until

    on_offer.pass_to(dt.datetime.fromisoformat(f"{ends}+00:00"))
    assert reason(on_offer, "bartek") == WithdrawalReason.OFFER_EXPIRED


@pytest.mark.parametrize(
    ("made", "ends"),
    [
        ("2026-11-02T09:00", "2026-11-03T09:00"),  # Monday to Tuesday.
        ("2026-11-06T15:00", "2026-11-09T15:00"),  # Over a weekend.
        ("2026-11-07T12:00", "2026-11-09T16:00"),  # Made on a Saturday.
        ("2026-11-10T12:00", "2026-11-12T12:00"),  # Independence Day is in between.
        ("2026-11-10T20:00", "2026-11-12T16:00"),  # After hours.
        ("2026-10-23T12:00", "2026-10-26T12:00"),  # Clocks change on the Sunday.
    ],
)
def test_working_hours_are_those_of_polish_offices(made: str, ends: str) -> None:
    zone = "Europe/Warsaw"
    begin, end = (dt.datetime.fromisoformat(one).replace(tzinfo=ZoneInfo(zone)) for one in (made, ends))
    assert after_working(begin.astimezone(dt.UTC), dt.timedelta(hours=8)) == end.astimezone(dt.UTC)


# --- an answer that is heard once something else has become of the offer --------------------


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


LETS_GO = {
    "declines": lambda office: office.answer("bartek", "decline", at=NOON + 2 * SECOND, now=NOON + DAY),
    "gives it back": lambda office: office.withdraw("bartek", at=NOON + 2 * SECOND, now=NOON + DAY),
    "is replaced": lambda office: office.substitute("bartek", "dawid", at=NOON + 2 * SECOND, now=NOON + DAY),
}


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


# --- what people reply ---------------------------------------------------------------------


def test_somebody_may_confirm_take_that_back_and_decline(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    assert office.reply("anna", "confirmed") == [ENROLLED]
    assert office.place("anna").reply == Reply.CONFIRMED
    office.reply("anna", "none", at=NOON + SECOND)
    assert office.place("anna").reply == Reply.NONE
    assert office.reply("anna", "declined", at=NOON + 2 * SECOND) == [WITHDRAWN, ENROLLED]
    place = office.place("anna")
    assert (place.reply, place.reason) == (Reply.DECLINED, WithdrawalReason.REQUESTED)
    assert office.reply("anna", "confirmed", at=NOON + 3 * SECOND) == [REFUSED], "the place is somebody else's"


def test_of_several_replies_the_one_sent_last_counts_in_whatever_order_they_are_heard(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.reply("anna", "none", at=NOON + 2 * SECOND)
    assert office.reply("anna", "confirmed", at=NOON + SECOND) == [REFUSED]
    assert office.place("anna").reply == Reply.NONE


def test_whoever_confirmed_for_other_times_has_not_confirmed_for_these(office: Office) -> None:
    office.session(capacity=2)
    office.ask("anna")
    office.reply("anna", "confirmed")
    assert office.hear(session(model=SessionRescheduled, capacity=3)) == []
    assert office.hear(session(model=SessionRescheduled, capacity=3, date="2026-12-08")) == [ENROLLED]
    assert office.place("anna").reply == Reply.NONE


def confirms_before_a_move_that_is_heard_first(office: Office, **changes: Any) -> None:
    moves, hears = NOON + 2 * SECOND, NOON + DAY
    office.session(**OFFERS | {"note": "other words"}, at=moves, now=hears, **changes)
    office.reply("anna", "confirmed", at=moves - SECOND, now=hears)


def test_who_confirmed_before_the_session_moved_has_not_confirmed_for_its_new_times(office: Office) -> None:
    office.session(**OFFERS)
    office.ask("anna")
    confirms_before_a_move_that_is_heard_first(office, date="2026-12-08")
    place = office.place("anna")
    assert (place.state, place.reply, place.refusal) == (Standing.ENROLLED, Reply.NONE, RefusalReason.SESSION_MOVED)
    office.reply("anna", "confirmed", at=NOON + 3 * SECOND)
    assert office.place("anna").reply == Reply.CONFIRMED


@pytest.mark.parametrize("says", ["accept", "confirmed"])
def test_the_times_that_a_session_had_are_those_of_whoever_spoke_for_it_then(office: Office, says: str) -> None:
    """Another planner takes over, and moves it before what was sent about the times of the first one is heard."""
    offering(office) if says == "accept" else office.session(**OFFERS)
    moves, hears, who = NOON + 2 * SECOND, NOON + DAY, "bartek"
    if says == "confirmed":
        office.ask(who)
    office.taken_over("urn:other-planner", at=NOON + SECOND)
    office.session(**OFFERS, date="2026-12-08", at=moves, now=hears, source="urn:other-planner")
    if says == "accept":
        assert office.answer(who, says, at=moves - SECOND / 2) == [ENROLLED]
    else:
        assert office.reply(who, says, at=moves - SECOND / 2) == [REFUSED]
    assert office.place(who).reply == Reply.NONE


def test_who_confirmed_before_something_else_was_said_of_the_session_has_confirmed(office: Office) -> None:
    office.session(**OFFERS)
    office.ask("anna")
    confirms_before_a_move_that_is_heard_first(office)
    assert office.place("anna").reply == Reply.CONFIRMED


def test_who_gives_the_place_back_before_the_session_moved_is_out(office: Office) -> None:
    office.session(**OFFERS)
    office.ask("anna")
    office.session(**OFFERS, date="2026-12-08", at=NOON + 2 * SECOND, now=NOON + DAY)
    assert office.reply("anna", "declined", at=NOON + SECOND) == [WITHDRAWN]


@pytest.mark.parametrize("says", ["accepts", "confirms"])
def test_who_takes_a_place_before_the_session_moved_has_it_and_is_asked_anew_whether_they_come(
    on_offer: Office, says: str
) -> None:
    on_offer.session(**OFFERS, date="2026-12-08", at=NOON + 2 * SECOND, now=NOON + DAY)
    if says == "accepts":
        said = on_offer.answer("bartek", "accept", at=NOON + SECOND)
    else:
        said = on_offer.reply("bartek", "confirmed", at=NOON + SECOND)
    assert said == [ENROLLED]
    assert on_offer.place("bartek").reply == Reply.NONE


def test_a_reply_that_waited_for_its_session_is_about_the_times_that_were_announced(office: Office) -> None:
    told = {"session_id": "s", "request_id": None, "request_source": None, "request_digest": None, "city_id": TOWN}
    office.mind.hear(heard(body_of(ParticipantEnrolled, **told, person_id="anna"), source="urn:archive"))
    assert office.reply("anna", "confirmed") == []
    assert office.session(at=NOON + DAY, now=NOON + DAY) == [ENROLLED]
    assert office.place("anna").reply == Reply.CONFIRMED


def test_during_the_freeze_replies_stay_as_they_are_but_whoever_cannot_come_may_say_so(office: Office) -> None:
    late = START - SECOND
    office.session(capacity=1, freeze_hours=24)
    office.ask("anna")
    assert office.reply("anna", "confirmed", at=late, now=late) == [REFUSED]
    assert office.place("anna").refusal == RefusalReason.FROZEN
    assert office.reply("anna", "declined", at=late, now=late) == [WITHDRAWN]


def test_a_reply_to_an_offer_is_its_answer(on_offer: Office) -> None:
    assert on_offer.reply("bartek", "confirmed") == [ENROLLED]


@pytest.mark.parametrize("at", [NOON - SECOND / 2, ENDS], ids=["before", "after"])
def test_whoever_says_they_do_not_come_while_nothing_is_on_offer_says_it_of_their_place_in_line(
    on_offer: Office, at: dt.datetime
) -> None:
    assert on_offer.reply("bartek", "declined", at=at) == [WITHDRAWN, OFFERED]
    assert reason(on_offer, "bartek") == WithdrawalReason.REQUESTED


def test_whoever_confirms_a_place_that_they_do_not_have_has_not_taken_back_that_they_do_not_come(
    office: Office,
) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    office.withdraw("anna")
    assert office.reply("anna", "confirmed", at=NOON + SECOND) == [REFUSED]

    assert office.member("ewa") == [ENROLLED]
    assert office.place("anna").state == Standing.WITHDRAWN


def test_who_has_no_place_has_nothing_to_confirm(on_offer: Office) -> None:
    assert on_offer.reply("celina", "confirmed") == [REFUSED]
    assert on_offer.place("celina").refusal == RefusalReason.NO_PLACE


# --- an archive's offer ----------------------------------------------------------------------


@pytest.mark.parametrize("answered", [False, True])
def test_an_offer_that_ended_before_the_session_was_known_ends_with_it_unless_it_was_accepted_in_time(
    office: Office, answered: bool
) -> None:
    told = {"session_id": "s", "request_id": None, "request_source": None, "request_digest": None, "city_id": TOWN}
    on_offer = body_of(PlaceOffered, **told, person_id="anna", offered_at=NOON, offered_until=ENDS)
    office.mind.hear(heard(on_offer, source="urn:archive"))
    office.mind.hear(heard(body_of(ParticipantWaitlisted, **told, person_id="bartek"), source="urn:archive"))
    if answered:
        office.answer("anna", "accept", at=NOON + DAY)
    office.pass_to(ENDS)

    office.session(capacity=1)
    assert office.with_standing(Standing.ENROLLED) == (["anna"] if answered else ["bartek"])
    assert office.with_standing(Standing.OFFERED) == []


# --- at risk -------------------------------------------------------------------------------


def risks(office: Office) -> list[tuple[int, int, int]]:
    facts = [said.body for said in office.mind.said if isinstance(said.body, SessionAtRisk)]
    return [(fact.minimum, fact.confirmed, fact.enrolled) for fact in facts]


def test_on_the_decision_day_it_is_said_if_too_few_have_confirmed(office: Office) -> None:
    office.session(capacity=9, minimum=2, decision_date="2026-11-20")
    for person in ("anna", "bartek", "celina"):
        office.ask(person)
    office.reply("anna", "confirmed")
    office.pass_to(dt.datetime(2026, 11, 19, 22, 59, 59, tzinfo=dt.UTC))
    assert risks(office) == []
    office.pass_to(dt.datetime(2026, 11, 19, 23, tzinfo=dt.UTC))
    assert risks(office) == [(2, 1, 3)]


def test_on_the_decision_day_of_another_date_it_is_said_again_also_with_the_same_numbers(office: Office) -> None:
    terms: dict[str, Any] = {"capacity": 9, "minimum": 2}
    office.session(**terms, decision_date="2026-11-20")
    office.ask("anna")
    office.pass_to(dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
    moves = dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    office.session(**terms, date="2027-02-01", decision_date="2027-01-20", at=moves, now=moves)
    office.pass_to(dt.datetime(2027, 1, 19, 22, 59, 59, tzinfo=dt.UTC))
    assert risks(office) == [(2, 0, 1)]
    office.pass_to(dt.datetime(2027, 1, 20, tzinfo=dt.UTC))
    assert risks(office) == [(2, 0, 1)] * 2
    office.session(**terms, date="2027-02-01", decision_date="2027-01-20", note="other words", at=office.mind.now)
    office.pass_to(dt.datetime(2027, 1, 21, tzinfo=dt.UTC))
    assert risks(office) == [(2, 0, 1)] * 2


def test_whether_enough_have_confirmed_is_looked_at_once_whatever_else_is_said_of_the_session_later(
    office: Office,
) -> None:
    terms: dict[str, Any] = {"capacity": 9, "minimum": 1, "decision_date": "2026-11-20"}
    day = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    office.session(**terms)
    office.ask("anna")
    office.reply("anna", "confirmed")
    office.pass_to(day)
    office.reply("anna", "none", at=day + DAY, now=day + DAY)
    office.session(**terms, note="other words", at=day + 2 * DAY, now=day + 2 * DAY)
    office.pass_to(day + 2 * DAY)
    assert risks(office) == [], "on that day there were enough"
    office.session(**terms | {"minimum": 2}, at=day + 3 * DAY, now=day + 3 * DAY)
    office.pass_to(day + 3 * DAY)
    assert risks(office) == [(2, 0, 1)], "another plan"


def test_a_session_for_which_enough_have_confirmed_is_at_no_risk(office: Office) -> None:
    office.session(capacity=9, minimum=1, decision_date="2026-11-20")
    office.ask("anna")
    office.reply("anna", "confirmed")
    office.pass_to(dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC))
    assert risks(office) == []


def test_a_decision_day_that_lies_in_the_past_when_it_is_heard_is_looked_at_at_once(office: Office) -> None:
    office.session(capacity=9, minimum=1, decision_date="2026-10-20")
    office.pass_to(NOON)
    assert risks(office) == [(1, 0, 0)]


def test_the_answer_to_an_offer_that_is_not_there_says_nothing_of_whether_they_come(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=9)
    assert office.answer("anna", "decline") == ["EnrolmentRefused"]

    assert office.member("ewa") == ["ParticipantEnrolled"]
    assert office.place("anna").state == Standing.ENROLLED


@pytest.mark.parametrize("answer", ["accept", "decline"])
@pytest.mark.parametrize("how", ["too late", "nothing was on offer", "never known"])
def test_an_answer_to_an_offer_that_is_refused_says_which_it_was(office: Office, answer: str, how: str) -> None:
    if how == "never known":
        office.answer("anna", answer)
        office.pass_to(NOON + 40 * DAY)
    else:
        office.session(capacity=1, free_places="offered", offer_hours=1)
        for person in ("bartek", "anna"):
            office.ask(person)
        if how == "too late":
            office.withdraw("bartek")
        office.answer("anna", answer, at=NOON + DAY, now=NOON + DAY)
    said = office.mind.said[-1].body
    assert isinstance(said, EnrolmentRefused)
    assert said.answered == answer
