"""A free place that is offered, and the answers to it."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from services.enrolment.moments import OFFER_ENDS
from services.enrolment.offering import after_working
from shared.contracts.enrolment import (
    Basis,
    EnrolmentRefused,
    ParticipantWaitlisted,
    PlaceOffered,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionCancelled, SessionKind, SessionRescheduled
from shared.contracts.portal import Reply
from shared.state.working import Due
from shared.testing import NOON, body_of, heard
from tests.enrolment.explained import last, lines, why
from tests.enrolment.offers import ENDS, OFFERS, SECOND, offering, reason
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, session

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED, OFFERED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
    "PlaceOffered",
)


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


def test_somebody_erased_while_a_place_is_held_for_them_loses_it_to_the_next(on_offer: Office) -> None:
    assert on_offer.erased("bartek") == [WITHDRAWN, OFFERED]
    assert on_offer.erased("celina") == [WITHDRAWN]


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
