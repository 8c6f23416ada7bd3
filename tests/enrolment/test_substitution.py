"""A town sends somebody else instead of a person who has a place or waits: the place stays as it is, and is another one's."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from shared.contracts.directory import MemberKind
from shared.contracts.enrolment import (
    AskedFor,
    Basis,
    EnrolmentRefused,
    EnrolmentWithdrawn,
    ParticipantEnrolled,
    PlaceOffered,
    RefusalReason,
    Standing,
    WithdrawalReason,
)
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionKind, SessionRescheduled
from shared.contracts.portal import Reply
from shared.contracts.selection import CityWithdrawn
from shared.events.envelope import Reason
from shared.state.working import Answer, Held
from shared.testing import NOON, body_of, heard
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, membership, session

ENROLLED, WAITLISTED, WITHDRAWN, REFUSED, OFFERED = (
    "ParticipantEnrolled",
    "ParticipantWaitlisted",
    "EnrolmentWithdrawn",
    "EnrolmentRefused",
    "PlaceOffered",
)
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def full(office: Office) -> Office:
    """Two places, which Anna and Bartek have; Celina waits."""
    office.session(capacity=2, freeze_hours=24)
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON + number * SECOND)
    return office


def refusal(office: Office, person_id: str) -> RefusalReason | None:
    return office.place(person_id).refusal


# --- the place stays as it is ---------------------------------------------------------------


def test_somebody_else_has_the_place_and_nobody_who_waits_is_passed_over(full: Office) -> None:
    before = full.place("anna")
    assert full.substitute("anna", "dawid", at=NOON + DAY) == [ENROLLED, WITHDRAWN]
    comes, leaves = full.place("dawid"), full.place("anna")
    assert (comes.state, comes.substitute_for, comes.city_id) == (Standing.ENROLLED, "anna", before.city_id)
    assert (comes.queue, comes.queued_at, comes.priority, comes.basis) == (
        before.queue,
        before.queued_at,
        before.priority,
        Basis.REQUEST,
    )
    assert (leaves.reason, leaves.substituted_by) == (WithdrawalReason.SUBSTITUTED, "dawid")
    assert full.with_standing(Standing.WAITLISTED) == ["celina"]


def test_the_facts_name_both_and_the_one_about_who_leaves_answers(full: Office) -> None:
    full.substitute("anna", "dawid", event_id="s-1")
    came, left = (said.body for said in full.mind.said[-2:])
    assert isinstance(came, ParticipantEnrolled) and isinstance(left, EnrolmentWithdrawn)
    assert (came.substitute_for, left.substituted_by) == ("anna", "dawid")
    answer = full.mind[Answer].get("urn:portal", "s-1")
    assert answer is not None and answer.event_id == full.mind.said[-1].event_id


def test_a_priority_goes_with_the_place_and_is_not_theirs_who_left(full: Office) -> None:
    full.prefers("celina", 50, at=NOON + 3 * SECOND)
    full.substitute("celina", "dawid", at=NOON + DAY)
    full.ask("celina", at=NOON + 2 * DAY)
    assert (full.place("dawid").priority, full.place("celina").priority) == (50, 0)


def test_a_priority_from_before_a_substitution_is_not_theirs_who_left_also_if_it_is_heard_once_they_have_asked_anew(
    full: Office,
) -> None:
    full.substitute("celina", "dawid", at=NOON + DAY, now=NOON + DAY)
    assert full.ask("celina", at=NOON + 2 * DAY, now=NOON + 2 * DAY) == [WAITLISTED]
    assert full.prefers("celina", 50, at=NOON + 3 * SECOND) == []
    assert full.mind.aside[-1].reason is Reason.CHANGED_SINCE
    assert full.prefers("celina", 50, at=NOON + 2 * DAY + SECOND) == [WAITLISTED], "the office gives another one"


def test_the_newcomer_has_replied_nothing(full: Office) -> None:
    full.reply("anna", "confirmed")
    full.substitute("anna", "dawid", at=NOON + DAY)
    assert full.place("dawid").reply == Reply.NONE


def test_who_waits_in_the_place_of_another_is_where_they_were(full: Office) -> None:
    full.member("ewa")
    full.ask("ewa", at=NOON + 5 * SECOND)
    assert full.substitute("celina", "dawid", at=NOON + DAY) == [WAITLISTED, WITHDRAWN]
    assert full.with_standing(Standing.WAITLISTED) == ["dawid", "ewa"]


def test_an_offer_that_is_open_is_the_newcomers_until_the_same_moment(office: Office) -> None:
    office.session(capacity=1, free_places="offered", offer_hours=48)
    office.ask("anna")
    office.ask("bartek", at=NOON + SECOND)
    office.withdraw("anna", at=NOON + 2 * SECOND)
    ends = office.place("bartek").offered_until
    assert ends is not None
    assert office.substitute("bartek", "celina", at=NOON + 3 * SECOND) == [OFFERED, WITHDRAWN]
    assert (office.place("celina").offered_until, office.place("bartek").offered_until) == (ends, None)
    office.pass_to(ends)
    assert office.place("celina").reason == WithdrawalReason.OFFER_EXPIRED
    assert office.place("bartek").reason == WithdrawalReason.SUBSTITUTED


def test_an_offer_is_taken_at_once_although_their_town_waits_to_send_somebody_else(office: Office) -> None:
    """Behind it they would lose what they had taken: until when it is held goes by."""
    office.session(capacity=1, free_places="offered", offer_hours=48)
    office.ask("anna")
    office.ask("bartek", at=NOON + SECOND)
    office.withdraw("anna", at=NOON + 2 * SECOND)
    office.substitute("bartek", "late", at=NOON + 3 * SECOND)
    assert office.answer("bartek", "accept", at=NOON + 4 * SECOND) == [ENROLLED]
    assert office.member("late") == [REFUSED]
    assert refusal(office, "bartek") == RefusalReason.ASKED_SINCE


def test_an_offer_that_has_ended_is_nobody_elses_either(office: Office) -> None:
    office.session(capacity=1, free_places="offered", offer_hours=48)
    office.ask("anna")
    office.ask("bartek", at=NOON + SECOND)
    office.withdraw("anna", at=NOON + 2 * SECOND)
    ends = office.place("bartek").offered_until
    assert ends is not None
    assert office.substitute("bartek", "celina", at=ends) == [REFUSED]
    assert refusal(office, "bartek") == RefusalReason.OFFER_EXPIRED


@pytest.fixture
def elsewhere(office: Office) -> Office:
    """A place is free that Celina waits for: she has one in another session that has moved onto this one."""
    office.session(capacity=1)
    office.session("other", date="2026-12-08")
    office.ask("celina", "other")
    for number, person in enumerate(("anna", "celina")):
        office.ask(person, at=NOON + number * SECOND)
    office.session("other", at=NOON + 2 * SECOND, now=NOON + 2 * SECOND)
    assert office.withdraw("anna", at=NOON + 3 * SECOND, now=NOON + 3 * SECOND) == [WITHDRAWN]
    return office


def test_a_seat_that_is_free_and_that_who_leaves_could_not_take_is_the_newcomers(elsewhere: Office) -> None:
    assert elsewhere.substitute("celina", "dawid", at=NOON + DAY) == [ENROLLED, WITHDRAWN]
    assert elsewhere.place("celina", "other").state == Standing.ENROLLED


def test_it_is_not_where_nothing_is_given_any_more(elsewhere: Office) -> None:
    elsewhere.session(capacity=1, freeze_hours=24, at=NOON + DAY, now=NOON + DAY)
    late = START - SECOND
    assert elsewhere.substitute("celina", "dawid", at=late, now=late) == [WAITLISTED, WITHDRAWN]


def test_it_is_not_where_their_town_has_its_share(office: Office) -> None:
    office.session(capacity=5, places_per_town=1)
    office.session("other", date="2026-12-08")
    office.ask("celina", "other")
    for number, person in enumerate(("anna", "celina")):
        office.ask(person, at=NOON + number * SECOND)
    office.session("other", at=NOON + 2 * SECOND, now=NOON + 2 * SECOND)
    assert office.substitute("celina", "dawid", at=NOON + DAY) == [WAITLISTED, WITHDRAWN]


def test_it_is_not_where_somebody_before_them_in_line_is_to_have_it(office: Office) -> None:
    """On the release day, before that is decided."""
    office.session(capacity=2, places_per_town=1, release_date="2026-11-20")
    office.session("other", date="2026-12-08")
    office.ask("celina", "other")
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON + number * SECOND)
    office.session("other", at=NOON + 4 * SECOND, now=NOON + 4 * SECOND)
    day = dt.datetime(2026, 11, 19, 23, tzinfo=dt.UTC)
    assert office.substitute("celina", "dawid", at=day, now=day) == [WAITLISTED, WITHDRAWN]
    office.pass_to(day)
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek"]


def test_the_same_substitution_a_second_time_changes_nothing(full: Office) -> None:
    full.substitute("anna", "dawid", event_id="s-1")
    assert full.substitute("anna", "dawid", event_id="s-1") == []
    assert full.substitute("anna", "dawid", event_id="s-2") == [REFUSED]
    assert refusal(full, "anna") == RefusalReason.NO_PLACE


# --- a town's whole team --------------------------------------------------------------------


@pytest.fixture
def at_home(office: Office) -> Office:
    """A supplementary session with two places for a team of four: the first to join have them."""
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=2)
    assert office.with_standing(Standing.ENROLLED) == ["anna", "bartek"]
    return office


def test_of_a_team_somebody_who_waits_may_have_the_seat_of_another(at_home: Office) -> None:
    assert at_home.substitute("anna", "dawid") == [ENROLLED, WITHDRAWN]
    assert at_home.with_standing(Standing.ENROLLED) == ["dawid", "bartek"]
    assert at_home.with_standing(Standing.WAITLISTED) == ["celina"]
    assert at_home.place("dawid").episode == 1


def test_who_left_is_not_brought_back_by_the_team_rule_and_may_ask_again(at_home: Office) -> None:
    at_home.substitute("anna", "dawid")
    at_home.hear(session(model=SessionRescheduled, kind=SessionKind.SUPPLEMENTARY, capacity=9))
    assert at_home.place("anna").state == Standing.WITHDRAWN
    assert at_home.ask("anna", at=NOON + SECOND) == [ENROLLED]
    assert (at_home.place("anna").substituted_by, at_home.place("anna").episode) == (None, 2)


def test_who_waits_cannot_change_places_with_somebody_who_waits(at_home: Office) -> None:
    assert at_home.substitute("celina", "dawid") == [REFUSED]
    assert refusal(at_home, "dawid") == RefusalReason.ALREADY_PLACED


# --- why not --------------------------------------------------------------------------------


def test_who_has_no_place_is_replaced_by_nobody(full: Office) -> None:
    assert full.substitute("dawid", "celina") == [REFUSED]
    assert refusal(full, "dawid") == RefusalReason.NO_PLACE


def test_a_substitution_that_is_refused_is_nobodys_own_word(full: Office) -> None:
    """Their coordinator asked: it counts neither as their request nor as their withdrawal."""
    full.substitute("dawid", "celina")
    assert (full.place("dawid").place_asked_at, full.place("dawid").last_asked_for) == (None, None)


def test_a_town_does_not_replace_the_people_of_another(full: Office) -> None:
    full.town(OTHER)
    full.member("olga", OTHER)
    assert full.substitute("anna", "olga", city_id=OTHER) == [REFUSED]
    assert refusal(full, "anna") == RefusalReason.NOT_OF_TOWN


def test_nobody_comes_instead_of_a_guest_of_the_office_who_is_of_no_town(full: Office) -> None:
    full.registered("guest")
    full.gives_extra("guest")
    assert full.substitute("guest", "dawid", at=NOON + DAY) == [REFUSED]
    assert (full.place("guest").state, full.place("guest").refusal) == (Standing.ENROLLED, RefusalReason.NOT_OF_TOWN)


def test_a_place_that_an_archive_tells_waits_for_the_team_that_may_give_it_on(office: Office) -> None:
    told = {"session_id": "s", "request_id": None, "request_source": None, "request_digest": None, "city_id": None}
    office.session()
    office.mind.hear(heard(body_of(ParticipantEnrolled, **told, person_id="late"), source="urn:archive"))
    assert office.substitute("late", "dawid", at=NOON + SECOND) == []
    assert office.member("late") == [ENROLLED, WITHDRAWN]


@pytest.mark.parametrize("city_id", [TOWN, OTHER])
def test_a_place_of_which_nobody_said_for_which_town_it_is_is_that_of_the_team_they_are_in(
    full: Office, city_id: str
) -> None:
    full.registered("guest")
    full.gives_extra("guest")
    full.town(OTHER)
    full.member("guest", city_id)
    came = full.substitute("guest", "dawid", at=NOON + DAY)
    assert came == ([ENROLLED, WITHDRAWN] if city_id == TOWN else [REFUSED])


def test_who_is_in_no_team_of_the_town_does_not_come_for_it(full: Office) -> None:
    full.town(OTHER)
    full.member("olga", OTHER)
    assert full.substitute("anna", "olga") == [REFUSED]
    assert refusal(full, "olga") == RefusalReason.NOT_OF_TOWN
    assert full.place("anna").state == Standing.ENROLLED


@pytest.mark.parametrize("comes", ["bartek", "anna"])
def test_who_has_a_place_already_comes_for_nobody(full: Office, comes: str) -> None:
    assert full.substitute("anna", comes, at=NOON + DAY) == [REFUSED]
    assert refusal(full, comes) == RefusalReason.ALREADY_PLACED


def test_who_came_instead_of_somebody_who_is_in_again_does_not_come_for_them_twice(full: Office) -> None:
    full.substitute("anna", "dawid", at=NOON + DAY)
    full.withdraw("bartek", at=NOON + DAY)
    full.withdraw("celina", at=NOON + DAY)
    assert full.ask("anna", at=NOON + DAY + SECOND) == [ENROLLED]

    assert full.substitute("anna", "dawid", at=NOON + DAY + 2 * SECOND) == [REFUSED]
    assert refusal(full, "dawid") == RefusalReason.ALREADY_PLACED
    assert full.with_standing(Standing.ENROLLED) == ["dawid", "anna"]


def test_nobody_erased_comes(full: Office) -> None:
    full.erased("dawid")
    assert full.substitute("anna", "dawid") == [REFUSED]
    assert refusal(full, "dawid") == RefusalReason.PERSON_ERASED


@pytest.mark.parametrize(
    ("how", "reason"),
    [("erased", RefusalReason.PERSON_ERASED), ("town withdrawn", RefusalReason.TOWN_NOT_QUALIFIED)],
)
def test_who_was_to_be_replaced_before_the_place_was_taken_is_said_to_have_lost_it_by_that(
    full: Office, how: str, reason: RefusalReason
) -> None:
    since = {"at": NOON + 2 * DAY, "now": NOON + 2 * DAY}
    if how == "erased":
        full.erased("anna", **since)
    else:
        full.town(model=CityWithdrawn, **since)
    assert full.substitute("anna", "dawid", at=NOON + DAY) == [REFUSED]
    assert refusal(full, "anna") == reason


def test_nobody_comes_for_whom_the_session_is_not(office: Office) -> None:
    office.session(admits={"kinds": ["coordinator"]})
    office.hear(membership("olga", kind=MemberKind.COORDINATOR))
    office.ask("olga")
    assert office.substitute("olga", "anna", at=NOON + SECOND) == [REFUSED]
    assert refusal(office, "anna") == RefusalReason.NOT_ADMITTED


def test_a_refusal_is_nobodys_own_word_about_the_place(at_home: Office) -> None:
    at_home.withdraw("dawid", at=NOON)
    at_home.substitute("celina", "dawid", at=NOON - SECOND)
    assert refusal(at_home, "dawid") == RefusalReason.WITHDRAWN_SINCE
    at_home.substitute("bartek", "anna", at=NOON + SECOND)
    assert at_home.place("dawid").state == Standing.WITHDRAWN


# --- when -----------------------------------------------------------------------------------


def test_it_is_taken_until_the_session_begins_also_when_nothing_else_moves(full: Office) -> None:
    last = START - SECOND
    assert full.substitute("anna", "dawid", at=last, now=last) == [ENROLLED, WITHDRAWN]
    full.member("ewa")
    assert full.substitute("bartek", "ewa", at=START, now=START) == [REFUSED]
    assert refusal(full, "bartek") == RefusalReason.SESSION_STARTED


def test_what_is_sent_in_time_counts_although_it_is_heard_after_the_start(full: Office) -> None:
    assert full.substitute("anna", "dawid", at=START - SECOND, now=START + DAY) == [ENROLLED, WITHDRAWN]


@pytest.mark.parametrize("who", ["anna", "dawid"])
def test_what_either_said_later_counts_although_it_was_heard_before(full: Office, who: str) -> None:
    if who == "anna":
        full.ask("anna", at=NOON + 4 * SECOND)  # She has a place, and says so again.
    else:
        full.withdraw("dawid", at=NOON + 4 * SECOND)
    assert full.substitute("anna", "dawid", at=NOON + 3 * SECOND) == [REFUSED]
    reason = RefusalReason.ASKED_SINCE if who == "anna" else RefusalReason.WITHDRAWN_SINCE
    assert refusal(full, who) == reason


def test_what_who_leaves_had_asked_before_gives_them_no_place_although_it_is_heard_later(full: Office) -> None:
    full.substitute("anna", "dawid", at=NOON + 4 * SECOND)
    assert full.ask("anna", at=NOON + 3 * SECOND) == [REFUSED]
    assert refusal(full, "anna") == RefusalReason.WITHDRAWN_SINCE


def test_a_session_that_is_cancelled_takes_none_but_what_was_sent_before_waits(full: Office) -> None:
    full.hear(session(model=SessionCancelled), at=NOON + DAY)
    assert full.substitute("anna", "dawid", at=NOON + DAY) == [REFUSED]
    assert refusal(full, "anna") == RefusalReason.SESSION_CANCELLED
    full.member("ewa")
    assert full.substitute("bartek", "ewa", at=NOON + 9 * SECOND) == []
    assert full.hear(session(model=SessionRescheduled), at=NOON + 2 * DAY) == [ENROLLED, WITHDRAWN]


def test_in_a_draft_it_waits_until_that_is_scheduled_again(full: Office) -> None:
    full.hear(session(model=SessionDrafted))
    assert full.substitute("anna", "dawid") == []
    assert full.hear(session(model=SessionRescheduled)) == [ENROLLED, WITHDRAWN]


# --- what is not known yet ------------------------------------------------------------------


def test_it_waits_for_who_comes_to_become_known(full: Office) -> None:
    assert full.substitute("anna", "late") == []
    assert full.member("late") == [ENROLLED, WITHDRAWN]


@pytest.mark.parametrize("how", ["gives it back", "declines"])
def test_who_is_to_leave_gives_the_place_back_at_once_although_it_waits_perhaps_for_a_mistyped_id(
    full: Office, how: str
) -> None:
    """And it goes to whoever is next. What the town had asked before is then too late."""
    full.substitute("anna", "late", at=NOON + 3 * SECOND)
    at = {"at": NOON + 4 * SECOND}
    says = full.withdraw("anna", **at) if how == "gives it back" else full.reply("anna", "declined", **at)
    assert says == [WITHDRAWN, ENROLLED]
    assert full.member("late") == [REFUSED]
    assert refusal(full, "anna") == RefusalReason.WITHDRAWN_SINCE
    assert full.with_standing(Standing.ENROLLED) == ["bartek", "celina"]


def test_who_is_to_leave_and_says_meanwhile_that_they_come_has_the_place(full: Office) -> None:
    full.substitute("anna", "late", at=NOON + 3 * SECOND)
    assert full.reply("anna", "confirmed", at=NOON + 4 * SECOND) == [ENROLLED]
    assert full.member("late") == [REFUSED]
    assert refusal(full, "anna") == RefusalReason.ASKED_SINCE


def test_a_town_that_had_mistyped_who_comes_names_the_right_one_and_waits_for_nobody(full: Office) -> None:
    full.substitute("anna", "mistyped", at=NOON + 3 * SECOND)
    assert full.substitute("anna", "dawid", at=NOON + 4 * SECOND) == [ENROLLED, WITHDRAWN]
    assert full.member("mistyped") == [REFUSED], "it is somebody after all"
    assert full.with_standing(Standing.ENROLLED) == ["dawid", "bartek"]


def test_while_a_session_does_not_take_place_what_was_said_after_it_waits_behind_it(full: Office) -> None:
    full.hear(session(model=SessionDrafted))
    full.substitute("anna", "dawid", at=NOON + 3 * SECOND)
    assert full.withdraw("anna", at=NOON + 4 * SECOND) == []
    assert full.hear(session(model=SessionRescheduled)) == [ENROLLED, WITHDRAWN, REFUSED]


def test_it_waits_behind_what_who_leaves_had_asked_before_it(office: Office) -> None:
    office.session()
    office.ask("late", at=NOON)
    office.substitute("late", "dawid", at=NOON + SECOND)
    office.withdraw("late", at=NOON + 2 * SECOND)
    assert [held.waits_for for held in office.mind[Held]] == ["person", "turn", "turn"]
    assert office.member("late") == [ENROLLED, ENROLLED, WITHDRAWN, REFUSED]


@pytest.fixture
def asked(office: Office) -> Office:
    """A place is held for Bartek, and their town sends somebody instead who is not known yet."""
    office.session(capacity=1, free_places="offered", offer_hours=48)
    office.ask("anna")
    office.ask("bartek", at=NOON + SECOND)
    office.withdraw("anna", at=NOON + 2 * SECOND)
    assert office.substitute("bartek", "late", at=NOON + 3 * SECOND) == []
    return office


@pytest.mark.parametrize("says", ["accept", "confirmed"])
def test_what_who_comes_says_to_the_offer_waits_behind_the_substitution_that_gives_it_to_them(
    asked: Office, says: str
) -> None:
    at = {"at": NOON + 4 * SECOND}
    assert (asked.answer("late", says, **at) if says == "accept" else asked.reply("late", says, **at)) == []
    assert asked.member("late") == [OFFERED, WITHDRAWN, ENROLLED]
    assert asked.place("late").reply == Reply.CONFIRMED


@pytest.mark.parametrize("who", ["late", "late-too"])
def test_it_is_decided_with_it_also_where_what_it_waited_for_is_news_of_who_leaves(asked: Office, who: str) -> None:
    asked.merged("late", "late-too") if who != "late" else None
    asked.answer(who, "accept", at=NOON + 4 * SECOND)
    assert asked.erased("bartek") == [WITHDRAWN, REFUSED, REFUSED]
    assert refusal(asked, who) == RefusalReason.NO_OFFER


def test_it_is_decided_with_it_also_where_that_waited_behind_another_one(office: Office) -> None:
    told = {"session_id": "s", "request_id": None, "request_source": None, "request_digest": None, "city_id": None}
    until = {"offered_at": NOON, "offered_until": NOON + DAY}
    office.session()
    office.mind.hear(heard(body_of(PlaceOffered, **told, **until, person_id="late"), source="urn:archive"))
    for number, (leaves, comes) in enumerate([("late", "dawid"), ("dawid", "anna")]):
        assert office.substitute(leaves, comes, at=NOON + (1 + 2 * number) * SECOND) == []
        assert office.answer(comes, "accept", at=NOON + (2 + 2 * number) * SECOND) == []
    assert office.member("late") == [OFFERED, WITHDRAWN, ENROLLED, ENROLLED, WITHDRAWN, ENROLLED]
    assert office.place("anna").reply == Reply.CONFIRMED


def test_what_was_said_before_the_substitution_is_no_answer_to_what_it_gives(asked: Office) -> None:
    assert asked.answer("late", "accept", at=NOON + 2 * SECOND) == [REFUSED]


def test_who_is_asked_themselves_answers_at_once_also_if_they_are_to_come_for_another_one(asked: Office) -> None:
    asked.erased("late")
    assert asked.substitute("somebody", "bartek", at=NOON + 3 * SECOND) == []
    assert asked.answer("bartek", "accept", at=NOON + 4 * SECOND) == [ENROLLED]


@pytest.mark.parametrize("says", ["accept", "confirmed"])
def test_who_waits_themselves_is_answered_at_once_so_that_what_they_say_to_their_own_offer_waits_for_nobody(
    office: Office, says: str
) -> None:
    office.session(capacity=1, free_places="offered", offer_hours=48)
    for number, person in enumerate(("anna", "bartek")):
        office.ask(person, at=NOON + number * SECOND)
    assert office.substitute("nobody", "bartek", at=NOON + 2 * SECOND) == []
    at = {"at": NOON + 3 * SECOND}
    office.answer("bartek", says, **at) if says == "accept" else office.reply("bartek", says, **at)
    office.withdraw("anna", at=NOON + 4 * SECOND)
    assert office.answer("bartek", "accept", at=NOON + 5 * SECOND) == [ENROLLED]


@pytest.mark.parametrize("how", ["asks", "is nominated", "is given an extra place"])
@pytest.mark.parametrize("says", ["accept", "confirmed"])
def test_who_answered_to_a_place_that_is_to_come_from_nobody_known_gets_one_of_their_own_and_has_answered_to_that(
    office: Office, says: str, how: str
) -> None:
    office.session(capacity=1, free_places="offered", offer_hours=48)
    assert office.substitute("nobody", "dawid", at=NOON + SECOND) == []
    at = {"at": NOON + 2 * SECOND}
    assert (office.answer("dawid", says, **at) if says == "accept" else office.reply("dawid", says, **at)) == []
    later = NOON + 3 * SECOND
    if how == "is nominated":
        office.nominate("dawid", at=later)
    else:
        office.ask("dawid", at=later) if how == "asks" else office.gives_extra("dawid", at=later)
    assert (office.place("dawid").state, office.place("dawid").reply) == (Standing.ENROLLED, Reply.CONFIRMED)
    assert [held.about[-1] for held in office.mind[Held]] == ["person/dawid"], "the substitution itself"
    assert len(office.mind[Held]) == 1
    assert office.reply("dawid", "declined", at=NOON + 4 * SECOND) == [WITHDRAWN]


def test_who_is_to_come_themselves_may_be_replaced_before_they_have(office: Office) -> None:
    told = {"session_id": "s", "request_id": None, "request_source": None, "request_digest": None, "city_id": None}
    office.session()
    office.mind.hear(heard(body_of(ParticipantEnrolled, **told, person_id="late"), source="urn:archive"))
    for number, (leaves, comes) in enumerate([("late", "dawid"), ("dawid", "anna")]):
        assert office.substitute(leaves, comes, at=NOON + (1 + number) * SECOND) == []
    assert office.member("late") == [ENROLLED, WITHDRAWN, ENROLLED, WITHDRAWN]
    assert office.with_standing(Standing.ENROLLED) == ["anna"]


def test_nobody_waits_to_be_replaced_for_a_place_that_is_to_come_once_they_have_one(office: Office) -> None:
    """Their own request was sent before, and is heard last."""
    office.session()
    office.substitute("nobody", "dawid", at=NOON + SECOND)
    assert office.substitute("dawid", "anna", at=NOON + 3 * SECOND) == []
    assert office.ask("dawid", at=NOON + 2 * SECOND) == [ENROLLED, ENROLLED, WITHDRAWN]
    assert office.with_standing(Standing.ENROLLED) == ["anna"]


def test_who_waits_themselves_leaves_the_list_at_once(office: Office) -> None:
    office.session(capacity=1)
    for number, person in enumerate(("anna", "bartek")):
        office.ask(person, at=NOON + number * SECOND)
    office.substitute("nobody", "bartek", at=NOON + 2 * SECOND)
    assert office.reply("bartek", "declined", at=NOON + 3 * SECOND) == [WITHDRAWN]


def test_it_waits_for_the_place_that_the_team_rule_may_still_give(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=5)
    assert office.substitute("late", "dawid") == []
    office.withdraw("dawid", at=NOON - SECOND)
    assert office.member("late") == [ENROLLED, ENROLLED, WITHDRAWN]
    assert office.place("dawid").substitute_for == "late"


@pytest.mark.parametrize(("leaves", "comes", "about"), [("anna", "never", "never"), ("never", "dawid", "never")])
def test_it_is_refused_at_last_for_the_one_who_never_became_known(
    full: Office, leaves: str, comes: str, about: str
) -> None:
    full.substitute(leaves, comes)
    full.pass_to(START + DAY)
    assert refusal(full, about) == RefusalReason.NEVER_KNOWN


def test_a_substitution_of_which_a_restored_database_knows_half_is_brought_to_its_end(full: Office) -> None:
    half = full.mind[type(full.place("anna"))]
    before: Any = full.place("anna")
    full.substitute("anna", "dawid", at=NOON + DAY, event_id="s-1")
    half.put(before)  # The answer, which was said last, is lost.
    full.mind[Answer].remove("urn:portal", "s-1")
    assert full.substitute("anna", "dawid", at=NOON + DAY, event_id="s-1") == [WITHDRAWN]
    assert full.place("dawid").state == Standing.ENROLLED


def test_a_refused_substitution_is_no_refusal_of_what_the_person_asked(full: Office) -> None:
    full.substitute("dawid", "ewa", at=NOON + DAY)
    (refused,) = [one.body for one in full.mind.said if isinstance(one.body, EnrolmentRefused)]
    assert (refused.person_id, refused.asked_for) == ("dawid", AskedFor.SUBSTITUTION)
