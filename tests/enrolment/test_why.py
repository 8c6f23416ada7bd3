"""Why somebody has, had or lacks a place: the chain of each fate, with the numbers of then, and what was known at any moment of it."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from services.enrolment.explanation import ExplainedStep, Explanation
from services.enrolment.history import Told, Unsaid
from shared.contracts.answers import CalendarAnswered
from shared.contracts.directory import PersonMerged, PersonRegistered
from shared.contracts.enrolment import ParticipantEnrolled, RefusalReason
from shared.contracts.planner import SessionCancelled, SessionDrafted, SessionKind, SessionRescheduled
from shared.contracts.selection import CityWithdrawn
from shared.testing import NOON, body_of
from tests.enrolment.explained import fate, last, lines, why
from tests.enrolment.office import DAY, OTHER, START, TOWN, Office, session

SECOND, HOUR = dt.timedelta(seconds=1), dt.timedelta(hours=1)
OFFERS: dict[str, Any] = {"free_places": "offered", "offer_hours": 48}


def code(step: ExplainedStep) -> str | None:
    return step.reason


def numbers(step: ExplainedStep) -> tuple[int, int]:
    """Seats, and how many of them were taken."""
    assert step.numbers is not None
    return step.numbers.seats, step.numbers.taken


def position(answer: Explanation) -> tuple[int, int] | None:
    line = answer.verdict.line
    return (line.position, line.waiting) if line else None


# --- places ---------------------------------------------------------------------------------


def test_a_member_of_the_team_has_a_place_by_the_team_rule(office: Office) -> None:
    office.session(kind=SessionKind.SUPPLEMENTARY, capacity=4)
    answer = why(office, "anna")
    assert (answer.verdict.fate, lines(answer)) == ("has_place", ["by_team"])
    assert [step.what for step in answer.steps] == ["town", "joined_team", "session_scheduled", "by_team"]
    given = last(answer, "by_team")
    assert numbers(given) == (4, 4), "the whole team came at once"
    assert given.statement == given.caused_by == last(answer, "session_scheduled").event_id
    assert answer.verdict.decisive == given.event_id == office.place("anna").event_id


def test_whoever_asked_while_a_seat_was_free_has_it_by_request(office: Office) -> None:
    office.session()
    office.ask("anna", at=NOON - SECOND, event_id="r-1")
    given = last(why(office, "anna"), "by_request")
    assert numbers(given) == (2, 1)
    assert given.request is not None
    assert (given.request.source, given.request.id, given.request.asked_at) == ("urn:portal", "r-1", NOON - SECOND)
    assert given.sentence.en == "A place, because it was asked for and a seat was free. Seats taken: 1 of 2."
    assert given.sentence.pl == "Miejsce przyznane na prośbę: było wolne. Zajęte miejsca: 1 z 2."


def test_a_nominated_person_has_a_place_for_the_town_that_nominated_them(office: Office) -> None:
    office.session(nominations_until="2026-11-20T11:00:00Z")
    office.nominate("anna", "bartek")
    answer = why(office, "anna")
    assert lines(answer) == ["called", "by_nomination", "nominated"]
    assert last(answer, "by_nomination").sentence.en.startswith("A place, because Augustów nominated the person")
    assert last(answer, "called").until == dt.datetime(2026, 11, 20, 11, tzinfo=dt.UTC)


def test_whoever_waits_is_told_why_and_where_in_line_and_hears_of_a_promotion(office: Office) -> None:
    office.session(capacity=1)
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON + number * SECOND, now=NOON + number * SECOND)
    waits = last(why(office, "celina"), "waitlisted")
    assert (waits.because, numbers(waits), waits.line.position if waits.line else 0) == ("full", (1, 1), 2)
    assert position(why(office, "celina")) == (2, 2)
    office.withdraw("anna", at=NOON + HOUR, now=NOON + HOUR)
    assert position(why(office, "celina")) == (1, 1), "it moves with what becomes of others"
    assert position(why(office, "celina", at=NOON + 2 * SECOND)) == (2, 2)
    promoted = why(office, "bartek")
    assert (promoted.verdict.fate, lines(promoted)) == ("has_place", ["waitlisted", "promoted"])


def test_a_town_that_has_its_share_is_why_somebody_waits_beside_free_seats(office: Office) -> None:
    office.session(capacity=10, places_per_town=1)
    office.ask("anna")
    office.ask("bartek")
    waits = last(why(office, "bartek"), "waitlisted")
    assert waits.because == "share"
    assert waits.numbers is not None and (waits.numbers.taken_by_town, waits.numbers.places_per_town) == (1, 1)
    assert waits.sentence.en == (
        "On the waiting list: the town's share was taken. Seats taken: 1 of 10. By the town: 1 of 1. In line: 1 of 1."
    )


def test_before_a_session_begins_no_seat_is_given_and_that_is_why_somebody_waits_on(office: Office) -> None:
    office.session(capacity=1, freeze_hours=24)
    office.ask("anna")
    office.ask("bartek")
    office.gives_extra("bartek", at=START - HOUR, now=START - HOUR)
    assert lines(why(office, "bartek")) == ["waitlisted", "extra_place"]
    office.withdraw("anna", at=START - HOUR, now=START - HOUR)
    gone = last(why(office, "anna"), "withdrawn")
    assert gone.numbers is not None and not gone.numbers.are_given


def test_an_offer_that_is_declined_or_passes_ends_the_chain_until_the_person_asks_again(office: Office) -> None:
    office.session(capacity=1, **OFFERS)
    for number, person in enumerate(("anna", "bartek", "celina")):
        office.ask(person, at=NOON + number * SECOND, now=NOON + number * SECOND)
    office.withdraw("anna", at=NOON + HOUR, now=NOON + HOUR)
    offer = why(office, "bartek")
    assert (offer.verdict.fate, last(offer, "offered").until) == ("has_offer", NOON + HOUR + 2 * DAY)
    office.answer("bartek", "decline", at=NOON + DAY, now=NOON + DAY)
    assert code(last(why(office, "bartek"), "withdrawn")) == "offer_declined"
    office.pass_to(NOON + 4 * DAY)
    expired = why(office, "celina")
    assert (expired.verdict.fate, code(last(expired, "withdrawn"))) == ("withdrawn", "offer_expired")
    assert "no answer came in time" in last(expired, "withdrawn").sentence.en, "what the person reads"


def test_an_accepted_offer_and_replies_are_lines_of_their_own_and_the_place_stays_why(office: Office) -> None:
    office.session(capacity=1, **OFFERS)
    office.ask("anna")
    office.ask("bartek")
    office.withdraw("anna")
    office.answer("bartek", "accept", at=NOON + HOUR, now=NOON + HOUR)
    office.reply("bartek", "none", at=NOON + DAY, now=NOON + DAY)
    answer = why(office, "bartek")
    assert lines(answer) == ["waitlisted", "offered", "offer_accepted", "replied"]
    assert answer.verdict.decisive == last(answer, "offer_accepted").event_id


def test_a_substitution_is_told_of_both(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.substitute("anna", "celina", at=NOON + HOUR, now=NOON + HOUR)
    left, came = last(why(office, "anna"), "withdrawn"), last(why(office, "celina"), "came_instead")
    assert (code(left), left.others, came.others) == ("substituted", ["celina"], ["anna"])
    assert fate(office, "celina") == "has_place"


def test_who_comes_instead_of_somebody_who_waited_beside_a_free_seat_is_said_to_have_got_that(office: Office) -> None:
    office.session(capacity=1)
    office.session("other", date="2026-12-08")
    office.ask("celina", "other")
    for number, person in enumerate(("anna", "celina")):
        office.ask(person, at=NOON + number * SECOND)
    office.session("other", at=NOON + HOUR, now=NOON + HOUR)
    office.withdraw("anna", at=NOON + HOUR, now=NOON + HOUR)
    office.substitute("celina", "dawid", at=NOON + 2 * HOUR, now=NOON + 2 * HOUR)

    came = last(why(office, "dawid"), "came_instead")
    assert "a seat was free" in came.sentence.en and "stays as it was" not in came.sentence.en
    assert "było wolne miejsce" in came.sentence.pl
    assert numbers(came) == (1, 1)
    office.substitute("dawid", "bartek", at=NOON + 3 * HOUR, now=NOON + 3 * HOUR)
    assert "stays as it was" in last(why(office, "bartek"), "came_instead").sentence.en


def test_what_the_office_decides_says_who_and_why(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    office.prefers("bartek", 50, at=NOON + SECOND, now=NOON + SECOND)
    office.removes("anna", at=NOON + HOUR, now=NOON + HOUR)
    office.gives_extra("dawid", at=NOON + HOUR, now=NOON + HOUR)
    office.lifts("anna", at=NOON + DAY, now=NOON + DAY)
    anna, bartek, dawid = (why(office, person) for person in ("anna", "bartek", "dawid"))
    assert [code(step) for step in anna.steps if step.what == "withdrawn"] == ["removed_by_office", "removal_lifted"]
    removed = next(step for step in anna.steps if step.reason == "removed_by_office")
    assert (removed.decided_by, removed.note) == ("urn:console", "absent")
    assert lines(bartek) == ["waitlisted", "priority_given", "promoted"]
    assert (lines(dawid), last(dawid, "extra_place").decided_by) == (["extra_place"], "urn:console")


def test_a_corrected_room_is_part_of_why(office: Office) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.ask("bartek")
    office.corrects(capacity=2, at=NOON + HOUR, now=NOON + HOUR)
    answer = why(office, "bartek")
    assert lines(answer) == ["waitlisted", "corrected", "promoted"]
    assert numbers(last(answer, "promoted")) == (2, 2)


def test_what_a_rule_takes_and_gives_back_names_the_event_that_made_it(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.town(TOWN, CityWithdrawn, at=NOON + HOUR, now=NOON + HOUR)
    withdrawn = why(office, "anna")
    gone = last(withdrawn, "withdrawn")
    assert (withdrawn.verdict.fate, code(gone)) == ("withdrawn", "town_withdrawn")
    assert gone.caused_by == last(withdrawn, "town").event_id
    office.town(at=NOON + DAY, now=NOON + DAY)
    assert lines(why(office, "anna")) == ["by_request", "withdrawn", "given_back"]


def test_a_cancelled_session_or_a_draft_is_why_a_place_is_none(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.session(model=SessionDrafted, at=NOON + HOUR, now=NOON + HOUR)
    assert fate(office, "anna") == "draft"
    office.session(model=SessionCancelled, at=NOON + DAY, now=NOON + DAY)
    answer = why(office, "anna")
    assert (answer.verdict.fate, answer.verdict.standing) == ("called_off", "enrolled")
    assert last(answer, "session_cancelled").heard_at == NOON + DAY
    office.session(model=SessionRescheduled, at=NOON + 2 * DAY, now=NOON + 2 * DAY)
    assert fate(office, "anna") == "has_place"


def test_two_places_at_the_same_time_are_named(office: Office) -> None:
    office.session("a")
    office.session("b")
    office.ask("anna", "a")
    office.ask("anna", "b", at=NOON + SECOND, now=NOON + SECOND)
    refused = last(why(office, "anna", "b"), "refused")
    assert (code(refused), refused.others) == ("overlaps", ["a"])


def test_whoever_turned_out_to_be_somebody_else_is_told_so_and_their_chain_goes_on_there(office: Office) -> None:
    office.session()
    office.ask("anna", at=NOON + SECOND, now=NOON + SECOND)
    office.hear(PersonMerged(person_id="anna", into_person_id="celina"), at=NOON + HOUR, now=NOON + HOUR)
    gone, stays = why(office, "anna"), why(office, "celina")
    assert (gone.verdict.fate, code(last(gone, "withdrawn")), last(gone, "withdrawn").others) == (
        "withdrawn",
        "merged",
        ["celina"],
    )
    assert (stays.verdict.fate, lines(stays)) == ("has_place", ["from_other_id"])
    before = why(office, "celina", at=NOON + 2 * SECOND)
    assert [step.what for step in before.steps if step.what == "joined_team"] == ["joined_team"]
    assert len([step for step in stays.steps if step.what == "joined_team"]) == 2, "of either id, once that is known"


def test_ids_that_went_into_one_another_are_told_of_once_each(office: Office) -> None:
    office.session()
    office.hear(PersonMerged(person_id="anna", into_person_id="celina"), at=NOON + HOUR, now=NOON + HOUR)
    before = why(office, "anna")
    office.hear(PersonMerged(person_id="celina", into_person_id="anna"), at=NOON + DAY, now=NOON + DAY)
    assert why(office, "anna", at=NOON + HOUR) == before
    merged = [step.event_id for step in why(office, "anna").steps if step.what == "person_merged"]
    assert len(merged) == len(set(merged)) == 2


def test_an_id_that_went_on_into_somebody_else_is_not_told_of_any_more(office: Office) -> None:
    office.session()
    office.hear(PersonMerged(person_id="anna", into_person_id="celina"), at=NOON + HOUR, now=NOON + HOUR)
    office.hear(PersonMerged(person_id="anna", into_person_id="dawid"), at=NOON + DAY, now=NOON + DAY)
    of_teams = [step for step in why(office, "celina").steps if step.what == "joined_team"]
    assert len(of_teams) == 1
    assert len([step for step in why(office, "dawid").steps if step.what == "joined_team"]) == 2


def test_a_place_that_is_given_back_to_who_came_instead_of_somebody_is_given_back_and_nobody_is_sent_anew(
    office: Office,
) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.substitute("anna", "dawid", at=NOON + HOUR, now=NOON + HOUR)
    office.town(TOWN, CityWithdrawn, at=NOON + 2 * HOUR, now=NOON + 2 * HOUR)
    office.town(at=NOON + DAY, now=NOON + DAY)
    assert lines(why(office, "dawid")) == ["came_instead", "withdrawn", "given_back"]


def test_who_came_instead_of_somebody_and_turned_out_to_be_somebody_else_has_the_place_from_there(
    office: Office,
) -> None:
    office.session(capacity=1)
    office.ask("anna")
    office.substitute("anna", "dawid", at=NOON + HOUR, now=NOON + HOUR)
    office.merged("dawid", "ewa", at=NOON + DAY, now=NOON + DAY)
    assert lines(why(office, "ewa")) == ["from_other_id"]


def test_a_place_that_follows_once_its_session_lies_ahead_again_comes_from_the_other_id(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.merged("anna", "ania", at=START, now=START)
    office.session(date="2027-01-15", at=START + DAY, now=START + DAY)
    assert lines(why(office, "ania")) == ["from_other_id"]


def test_what_was_refused_under_one_id_is_told_of_the_one_that_stays(office: Office) -> None:
    office.session(by_oneself=False)
    office.ask("anna")
    office.merged("anna", "ania", at=NOON + DAY, now=NOON + DAY)

    assert fate(office, "anna") == "another_id"
    answer = why(office, "ania")
    assert (answer.verdict.fate, answer.verdict.standing) == ("refused", "none")
    line = last(answer, "refused")
    assert (answer.verdict.decisive, line.under) == (line.event_id, "anna")
    assert line.sentence.en.startswith("Of the id anna: Refused")
    assert fate(office, "ania", at=NOON + HOUR) == "person_unknown", "nobody knew it then"


def test_what_was_answered_to_a_town_about_one_id_is_told_of_the_one_that_stays(office: Office) -> None:
    office.town(OTHER)
    office.session()
    office.nominate("anna", city_id=OTHER)
    office.merged("anna", "ania")
    assert (fate(office, "ania"), last(why(office, "ania"), "nomination_refused").under) == ("refused", "anna")


def test_a_place_in_what_has_begun_stays_with_its_id_and_is_told_of_the_one_that_stays(office: Office) -> None:
    office.session(by_oneself=False, capacity=1)
    office.member("ania")
    office.ask("ania")
    office.nominate("anna")
    office.merged("anna", "ania", at=START + HOUR, now=START + HOUR)

    answer = why(office, "ania")
    assert (answer.verdict.fate, answer.verdict.standing) == ("has_place", "enrolled")
    assert answer.verdict.decisive == last(answer, "by_nomination").event_id
    assert fate(office, "anna") == "has_place"


def test_who_waits_in_what_has_begun_is_told_where_in_line_under_whichever_id(office: Office) -> None:
    office.session(capacity=1)
    for person in ("bartek", "celina", "anna"):
        office.ask(person)
    office.merged("anna", "ania", at=START + HOUR, now=START + HOUR)
    line = why(office, "ania").verdict.line
    assert line is not None
    assert (line.position, line.waiting) == (2, 2)


def test_a_place_that_moved_to_the_one_that_stays_is_told_from_there_on(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.merged("anna", "ania")
    assert lines(why(office, "ania")) == ["from_other_id"]


def test_of_an_id_that_turned_out_to_be_another_one_it_is_not_said_that_nobody_asked(office: Office) -> None:
    office.session(opens_at=(NOON + HOUR).isoformat())
    office.ask("anna")
    assert fate(office, "anna") == "refused"
    office.merged("anna", "ania", at=NOON + HOUR, now=NOON + HOUR)
    office.merged("dawid", "ania", at=NOON + HOUR, now=NOON + HOUR)
    office.ask("anna", at=NOON + 2 * HOUR, now=NOON + 2 * HOUR)
    for person in ("anna", "dawid"):
        answer = why(office, person)
        assert (answer.verdict.fate, answer.verdict.sentence.en) == (
            "another_id",
            "This id turned out to be ania: ask why of that one.",
        )
        assert answer.verdict.decisive == last(answer, "person_merged").event_id
    assert (fate(office, "ania"), fate(office, "dawid", at=NOON)) == ("has_place", "nobody_asked")
    office.registered("dawid")
    assert fate(office, "dawid") == "nobody_asked"


def test_of_ids_that_went_into_one_another_the_one_that_stays_is_no_other_one(office: Office) -> None:
    office.session()
    office.merged("anna", "celina", at=NOON + HOUR, now=NOON + HOUR)
    office.merged("celina", "anna", at=NOON + DAY, now=NOON + DAY)
    assert (fate(office, "anna"), fate(office, "celina")) == ("another_id", "nobody_asked")


@pytest.mark.parametrize("was_draft", [False, True])
def test_what_the_person_reads_is_what_their_page_says_of_a_session_that_was_announced_within_its_freeze(
    office: Office, was_draft: bool
) -> None:
    late = START - HOUR
    if was_draft:
        office.session(model=SessionDrafted, capacity=9, freeze_hours=24)
    office.session(capacity=9, freeze_hours=24, at=late, now=late)
    office.ask("anna", at=late, now=late)
    office.withdraw("anna", at=late + SECOND, now=late + SECOND)
    assert "ask for a place again" in last(why(office, "anna"), "withdrawn").sentence.en


def test_an_id_that_went_into_another_one_has_nothing_of_what_that_has_also_if_they_are_said_to_have_gone_in_a_circle(
    office: Office,
) -> None:
    office.session()
    office.ask("bartek", at=NOON + SECOND)
    for number, (goes, into) in enumerate([("bartek", "anna"), ("anna", "bartek")]):
        office.merged(goes, into, at=NOON + (2 + number) * SECOND, now=NOON + (2 + number) * SECOND)
        assert [fate(office, one) for one in ("anna", "bartek")] == ["has_place", "withdrawn"]


def test_who_gave_a_place_back_is_out_for_that_although_their_town_waits_to_send_somebody_else(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.substitute("anna", "mistyped", at=NOON + SECOND, now=NOON + SECOND)
    assert why(office, "mistyped").verdict.fate == "held"
    office.withdraw("anna", at=NOON + HOUR, now=NOON + HOUR)
    assert (why(office, "anna").verdict.fate, lines(why(office, "anna"))[-1]) == ("withdrawn", "withdrawn")
    office.substitute("nobody", "anna", at=NOON + 2 * HOUR, now=NOON + 2 * HOUR)
    assert why(office, "anna").verdict.fate == "held", "they are to come instead of somebody"


def test_a_substitution_that_is_refused_is_quoted_to_nobody_who_did_not_ask(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.substitute("anna", "dawid", city_id=OTHER, at=NOON + HOUR, now=NOON + HOUR)
    refused = last(why(office, "anna"), "refused")
    assert refused.sentence.en == "Refused: a substitution (not_of_town)."


# --- refusals -------------------------------------------------------------------------------


def refused_for(office: Office, reason: RefusalReason) -> Explanation:
    """Brings about a refusal for the reason, of anna."""
    late = {"at": START + HOUR, "now": START + HOUR}
    match reason:
        case RefusalReason.ALREADY_PLACED:
            office.session()
            office.ask("anna")
            office.ask("anna", at=NOON + SECOND, now=NOON + SECOND)
        case RefusalReason.NO_PLACE:
            office.session()
            office.withdraw("anna")
        case RefusalReason.NOT_IN_TEAM:
            office.session(date="2026-12-01")
            office.leaves("anna")
            office.ask("anna")
        case RefusalReason.TOWN_NOT_QUALIFIED:
            office.town(TOWN, CityWithdrawn)
            office.session()
            office.ask("anna")
        case RefusalReason.SESSION_CANCELLED:
            office.session(model=SessionCancelled)
            office.ask("anna", at=NOON + SECOND, now=NOON + SECOND)
        case RefusalReason.SESSION_STARTED:
            office.session()
            office.ask("anna", **late)
        case RefusalReason.NEVER_KNOWN:
            office.ask("anna", "unheard-of")
            office.pass_to(NOON + 40 * DAY)
        case RefusalReason.PERSON_ERASED:
            office.session()
            office.erased("anna")
            office.ask("anna", at=NOON + SECOND, now=NOON + SECOND)
        case RefusalReason.WITHDRAWN_SINCE:
            office.session()
            office.ask("anna")
            office.withdraw("anna", at=NOON + DAY, now=NOON + DAY)
            office.ask("anna", at=NOON + HOUR, now=NOON + 2 * DAY)
        case RefusalReason.ASKED_SINCE:
            office.session()
            office.ask("anna", at=NOON + DAY, now=NOON + DAY)
            office.withdraw("anna", at=NOON + HOUR, now=NOON + 2 * DAY)
        case RefusalReason.SESSION_MOVED:
            office.session()
            office.ask("anna")
            said = body_of(CalendarAnswered, session_id="s", person_id="anna", about_times="0" * 24)
            office.hear(said, at=NOON + SECOND, now=NOON + SECOND)
        case RefusalReason.NOT_OPEN_YET:
            office.session(opens_at="2026-11-10T08:00:00Z")
            office.ask("anna")
        case RefusalReason.ENROLMENT_CLOSED:
            office.session(closes_at="2026-11-01T08:00:00Z")
            office.ask("anna")
        case RefusalReason.FROZEN:
            office.session(freeze_hours=24)
            office.ask("anna", at=START - HOUR, now=START - HOUR)
        case RefusalReason.NOT_BY_ONESELF:
            office.session(by_oneself=False)
            office.ask("anna")
        case RefusalReason.NOT_ADMITTED:
            office.session(admits={"kinds": ["coordinator"]})
            office.ask("anna")
        case RefusalReason.NO_OFFER:
            office.session(capacity=1)
            office.ask("bartek")
            office.ask("anna")
            office.answer("anna", "accept", at=NOON + SECOND, now=NOON + SECOND)
        case RefusalReason.OFFER_EXPIRED:
            office.session(capacity=1, **OFFERS)
            office.ask("bartek")
            office.ask("anna")
            office.withdraw("bartek")
            office.answer("anna", "accept", at=NOON + 3 * DAY, now=NOON + 3 * DAY)
        case RefusalReason.REMOVED_BY_OFFICE:
            office.session()
            office.ask("anna")
            office.removes("anna", at=NOON + SECOND, now=NOON + SECOND)
            office.ask("anna", at=NOON + HOUR, now=NOON + HOUR)
        case RefusalReason.OVERLAPS:
            office.session("other")
            office.session()
            office.ask("anna", "other")
            office.ask("anna", at=NOON + SECOND, now=NOON + SECOND)
        case RefusalReason.NOMINATIONS_CLOSED:
            office.session(nominations_until="2026-11-01T08:00:00Z")
            office.nominate("anna")
        case RefusalReason.TEAM_BY_RULE:
            office.session(kind=SessionKind.SUPPLEMENTARY, city_id=OTHER)
            office.nominate("anna")
        case RefusalReason.NOT_OF_TOWN:
            office.town(OTHER)
            office.session()
            office.nominate("anna", city_id=OTHER)
        case RefusalReason.DOES_NOT_FIT:
            office.session(capacity=1)
            office.nominate("anna", "bartek", mode="all_or_none")
    session_id = "unheard-of" if reason is RefusalReason.NEVER_KNOWN else "s"
    return why(office, "anna", session_id)


def test_a_refusal_quotes_whom_to_ask_where_nobody_may_ask_for_a_place_themselves(office: Office) -> None:
    offers = {"capacity": 1, "free_places": "offered", "offer_hours": 1}
    office.session(**offers)
    for person in ("bartek", "anna"):
        office.ask(person)
    office.withdraw("bartek")
    office.session(**offers, by_oneself=False)
    office.answer("anna", "accept", at=NOON + DAY, now=NOON + DAY)
    text = last(why(office, "anna"), "refused").sentence.en
    assert "talk to your town's coordinator" in text and "Ask for a place again" not in text


@pytest.mark.parametrize("reason", RefusalReason)
def test_every_refusal_is_a_line_with_its_code_and_what_the_person_reads(office: Office, reason: RefusalReason) -> None:
    answer = refused_for(office, reason)
    line = next(step for step in reversed(answer.steps) if step.what in ("refused", "nomination_refused"))
    assert code(line) == reason
    assert f"({reason})" in line.sentence.en and "The person reads: “" in line.sentence.en
    assert f"({reason})" in line.sentence.pl and "Ta osoba czyta: „" in line.sentence.pl
    if answer.verdict.standing == "none":
        assert (answer.verdict.fate, answer.verdict.decisive) == ("refused", line.event_id)


def test_what_did_not_fit_says_how_many_seats_were_taken(office: Office) -> None:
    line = last(refused_for(office, RefusalReason.DOES_NOT_FIT), "nomination_refused")
    assert numbers(line) == (1, 0)


def test_a_refusal_quotes_the_opening_that_held_when_it_was_decided(office: Office) -> None:
    refused_for(office, RefusalReason.NOT_OPEN_YET)
    office.session(model=SessionRescheduled, opens_at="2026-11-20T08:00:00Z", at=NOON + DAY, now=NOON + DAY)
    assert "It opens on 10 November 2026, 9:00" in last(why(office, "anna"), "refused").sentence.en


# --- what became no fact --------------------------------------------------------------------


def test_a_request_that_is_held_says_what_it_waits_for_and_until_when_and_is_remembered_when_decided(
    office: Office,
) -> None:
    office.ask("edyta")
    held = why(office, "edyta")
    assert (held.verdict.fate, last(held, "request_held").waits_for) == ("held", "session")
    assert last(held, "request_held").until == NOON + 30 * DAY
    office.session(at=NOON + HOUR, now=NOON + HOUR)
    assert last(why(office, "edyta"), "request_held").waits_for == "person"
    office.member("edyta", at=NOON + DAY, now=NOON + DAY)
    answer = why(office, "edyta")
    assert (answer.verdict.fate, lines(answer)) == ("has_place", ["request_held", "request_held", "by_request"])
    assert [step.heard_at for step in answer.steps if step.what == "request_held"] == [NOON, NOON + HOUR]
    assert why(office, "edyta", at=NOON).verdict == held.verdict


def test_a_request_that_goes_on_waiting_for_the_same_is_noted_once_however_often_it_is_looked_at(
    office: Office,
) -> None:
    office.session()
    office.ask("edyta")
    for number in range(1, 4):
        office.session(model=SessionRescheduled, capacity=number, at=NOON + number * HOUR, now=NOON + number * HOUR)
    assert len(list(office.mind[Unsaid])) == 1


def test_what_the_office_asks_in_vain_or_what_is_so_already_is_told(office: Office) -> None:
    office.session()
    office.removes("anna")
    assert fate(office, "anna") == "set_aside"
    aside = last(why(office, "anna"), "request_set_aside")
    assert (aside.reason, aside.detail) == ("undecidable", "the person has no place, and had none")
    office.ask("anna", at=NOON + SECOND, now=NOON + SECOND)
    office.removes("anna", at=NOON + HOUR, now=NOON + HOUR)
    office.removes("anna", at=NOON + DAY, now=NOON + DAY)
    assert lines(why(office, "anna")) == ["request_set_aside", "by_request", "withdrawn", "request_unchanged"]


def test_a_substitution_that_is_answered_of_the_other_one_is_told_of_both(office: Office) -> None:
    office.session()
    office.substitute("edyta", "anna")
    assert (fate(office, "edyta"), fate(office, "anna")) == ("held", "held")
    office.member("edyta", at=NOON + HOUR, now=NOON + HOUR)
    assert code(last(why(office, "edyta"), "refused")) == "no_place"
    elsewhere = last(why(office, "anna"), "answered_elsewhere")
    assert (elsewhere.reason, elsewhere.others) == ("no_place", ["edyta"])
    assert fate(office, "anna") == "refused", "nobody can say that nothing was asked"


def test_a_substitution_that_is_refused_at_once_is_told_of_both_with_the_reason(office: Office) -> None:
    office.session()
    office.ask("bartek")
    office.ask("celina")
    office.substitute("bartek", "celina", at=NOON + HOUR, now=NOON + HOUR)
    assert code(last(why(office, "celina"), "refused")) == "already_placed"
    elsewhere = last(why(office, "bartek"), "answered_elsewhere")
    assert (elsewhere.reason, elsewhere.others) == ("already_placed", ["celina"])
    assert elsewhere.sentence.en == "Refused: a substitution (already_placed). The reason is about celina."
    assert elsewhere.sentence.pl == "Odmowa; prośba: o zamianę osób (already_placed). Powód dotyczy osoby celina."
    assert elsewhere.request is not None and elsewhere.request.asked_for == "substitution"
    assert fate(office, "bartek") == "has_place"


def test_who_was_to_come_by_a_substitution_that_is_refused_has_no_place_for_that(office: Office) -> None:
    office.session()
    office.substitute("bartek", "anna", at=NOON + HOUR, now=NOON + HOUR, event_id="s-1")
    answer = why(office, "anna")
    assert (answer.verdict.fate, lines(answer)) == ("refused", ["answered_elsewhere"])
    assert "no_place" in answer.verdict.sentence.en
    assert answer.verdict.decisive == last(why(office, "bartek"), "refused").event_id
    assert fate(office, "anna", at=NOON) == "nobody_asked"
    office.substitute("bartek", "anna", at=NOON + HOUR, event_id="s-1")
    assert lines(why(office, "anna")) == ["answered_elsewhere"], "said again it is the same"

    office.ask("anna", at=NOON + DAY, now=NOON + DAY)
    assert fate(office, "anna") == "has_place"


@pytest.mark.parametrize("how", ["leaves", "comes"])
def test_what_somebody_asked_in_vain_is_why_they_have_no_place_also_if_their_town_could_not_send_them_later(
    office: Office, how: str
) -> None:
    office.session(opens_at=(NOON + DAY).isoformat())
    office.ask("anna", at=NOON + HOUR, now=NOON + HOUR)
    leaves, comes = ("anna", "dawid") if how == "leaves" else ("dawid", "anna")
    office.substitute(leaves, comes, at=NOON + 2 * HOUR, now=NOON + 2 * HOUR)
    answer = why(office, "anna")
    assert (answer.verdict.fate, lines(answer)[0]) == ("refused", "refused")
    assert "not_open_yet" in answer.verdict.sentence.en


def test_a_substitution_that_is_done_was_refused_to_nobody(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.substitute("anna", "late")
    office.member("late", at=NOON + HOUR, now=NOON + HOUR)
    office.withdraw("late", at=NOON + DAY, now=NOON + DAY)
    assert fate(office, "late") == "withdrawn"
    assert "in a fact about anna" in last(why(office, "late"), "answered_elsewhere").sentence.en


def test_that_nobody_asked_that_the_person_or_the_session_is_unknown_are_answers(office: Office) -> None:
    assert fate(office, "anna", "nowhere") == "session_unknown"
    office.session(at=NOON + HOUR, now=NOON + HOUR)
    assert fate(office, "anna") == "nobody_asked"
    assert fate(office, "nobody") == "person_unknown"
    assert fate(office, "anna", at=NOON) == "session_unknown"
    office.hear(body_of(PersonRegistered, person_id="nobody"), at=NOON + DAY, now=NOON + DAY)
    assert (fate(office, "nobody"), fate(office, "nobody", at=NOON + HOUR)) == ("nobody_asked", "person_unknown")


def test_of_a_session_for_a_team_it_is_said_whether_anything_says_that_the_person_is_in_it(office: Office) -> None:
    office.town(OTHER)
    office.session(kind=SessionKind.SUPPLEMENTARY, city_id=OTHER)
    assert fate(office, "anna") == "not_in_team"
    office.town(TOWN, CityWithdrawn)
    office.session("t", kind=SessionKind.SUPPLEMENTARY)
    assert fate(office, "anna", "t") == "not_by_rule"


def test_whoever_is_erased_keeps_their_chain_and_gets_none(office: Office) -> None:
    office.session()
    office.ask("anna")
    office.erased("anna", at=NOON + HOUR, now=NOON + HOUR)
    office.erased("dawid", at=NOON + HOUR, now=NOON + HOUR)
    answer = why(office, "anna")
    assert (code(last(answer, "withdrawn")), lines(answer)) == ("person_erased", ["by_request", "withdrawn"])
    assert fate(office, "dawid") == "erased"


# --- who else speaks ------------------------------------------------------------------------


def test_a_place_that_an_archive_states_is_told_as_theirs_and_our_word_goes_before_it(office: Office) -> None:
    office.session()
    told = ParticipantEnrolled(session_id="s", person_id="anna", episode=1, decided_at=NOON - DAY)
    office.hear(told, at=NOON + SECOND)
    office.mind.now = NOON + HOUR
    answer = why(office, "anna")
    assert (last(answer, "by_request").source, last(answer, "by_request").numbers) == ("urn:test", None)
    office.withdraw("anna", at=NOON + DAY, now=NOON + DAY)
    office.hear(told, at=NOON + 2 * DAY, now=NOON + 2 * DAY)
    assert fate(office, "anna") == "withdrawn"
    assert fate(office, "anna", at=NOON + HOUR) == "has_place"


def test_an_older_statement_that_comes_late_is_not_taken_for_what_held(office: Office) -> None:
    office.versions["session/s"] = 1
    office.session(capacity=5, at=NOON + HOUR, now=NOON + HOUR)
    office.versions["session/s"] = 0
    decided: list[Any] = []
    react = {type(session()): lambda _working, heard: decided.append(heard)}
    office.mind.service = dataclasses.replace(office.mind.service, react=react)
    office.hear(session(capacity=1), at=NOON + DAY, now=NOON + DAY)
    assert decided == [], "kept, and nobody decides anew"
    assert len([one for one in office.mind[Told] if one.subject == "session/s"]) == 1 + 1
    assert [step.what for step in why(office, "anna").steps if step.what.startswith("session_")] == [
        "session_scheduled"
    ]


TWO_STATEMENTS = (session(capacity=5), session(capacity=1))


def said_under_one_version(office: Office, *said: tuple[int, int]) -> None:
    """Which of the two, and how many hours after noon it was appended; in the order in which they are heard."""
    for which, hours in said:
        office.versions["session/s"] = 0
        office.mind.now = max(office.mind.now, NOON + hours * HOUR)
        office.hear(TWO_STATEMENTS[which], at=NOON + hours * HOUR, event_id=f"{which} at {hours}")


def kept(office: Office) -> list[tuple[str, dt.datetime]]:
    return sorted((one.event_id, one.heard_at) for one in office.mind[Told] if one.subject == "session/s")


def test_of_two_statements_under_one_version_each_is_what_was_known_in_its_time(office: Office) -> None:
    said_under_one_version(office, (0, 0), (1, 2))
    steps = [step.event_id for step in why(office, "anna").steps if step.what.startswith("session_")]
    assert steps == ["0 at 0", "1 at 2"]
    before = why(office, "anna", at=NOON + HOUR)
    assert [step.event_id for step in before.steps if step.what.startswith("session_")] == ["0 at 0"]


@pytest.mark.parametrize("again", [0, 1, 2])
def test_what_is_heard_twice_leaves_what_was_said_under_its_version_as_it_was(office: Office, again: int) -> None:
    said = (0, 0), (1, 1), (0, 2)
    said_under_one_version(office, *said)
    before = kept(office)
    assert len(before) == len(said), "what was said again after something else is news"
    said_under_one_version(office, said[again])
    assert kept(office) == before


@pytest.mark.parametrize("heard", [((0, 0), (0, 1)), ((0, 1), (0, 0))])
@pytest.mark.parametrize("is_late", [False, True])
def test_of_what_was_said_twice_under_one_version_the_first_in_the_log_is_kept(
    office: Office, heard: tuple[tuple[int, int], ...], is_late: bool
) -> None:
    if is_late:
        office.versions["session/s"] = 1
        office.hear(session(capacity=3), at=NOON + DAY, now=NOON + DAY, event_id="newer")
    said_under_one_version(office, *heard)
    assert kept(office) == [("0 at 0", NOON), *([("newer", NOON + DAY)] if is_late else [])]


# --- as it was known then -------------------------------------------------------------------


def test_explaining_a_moment_tells_what_was_told_then(office: Office) -> None:
    told: dict[dt.datetime, Explanation] = {}

    def look() -> None:
        told[office.mind.now] = why(office, "bartek")

    def moment(number: int) -> dict[str, Any]:
        return {"at": NOON + number * HOUR, "now": NOON + number * HOUR}

    for number, act in enumerate(
        (
            lambda how: office.ask("bartek", **how),
            lambda how: office.session(capacity=1, **OFFERS, **how),
            lambda how: office.ask("anna", **how),
            lambda how: office.prefers("anna", 3, **how),
            lambda how: office.withdraw("bartek", **how),
            lambda how: office.ask("bartek", **how),
            lambda how: office.corrects(capacity=3, **how),
            lambda how: office.reply("bartek", "confirmed", **how),
            lambda how: office.leaves("bartek", **how),
            lambda how: office.session(model=SessionCancelled, **OFFERS, **how),
        ),
        1,
    ):
        act(moment(number))
        look()
    fates = [str(answer.verdict.fate) for answer in told.values()]
    assert fates[:3] == ["held", "has_place", "has_place"] and len(set(fates)) > 2
    for at, answer in told.items():
        assert why(office, "bartek", at=at) == answer
        assert why(office, "bartek", at=at + HOUR - SECOND).steps == answer.steps


@pytest.mark.parametrize(
    ("by_oneself", "reads"), [(True, "ask for a place again"), (False, "talk to your town's coordinator")]
)
def test_what_the_person_reads_of_a_place_that_was_given_back_is_what_stands_on_their_page(
    office: Office, by_oneself: bool, reads: str
) -> None:
    office.session(by_oneself=by_oneself)
    office.nominate("anna")
    office.withdraw("anna")
    assert reads in last(why(office, "anna"), "withdrawn").sentence.en
