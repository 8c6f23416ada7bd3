"""Two ids turned out to be one human: recorded once, counted once, certified once, whichever is heard first; the history of both is kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from services.attendance.books import books
from services.attendance.certificates import Certificate
from services.attendance.history import words_of
from services.attendance.lists import LIST
from services.attendance.state import Record, RecordSaid
from services.attendance.subjects import list_subject
from shared.contracts.attendance import Presence, Role
from shared.contracts.directory import PersonMerged, PersonRegistered
from shared.contracts.enrolment import WithdrawalReason
from shared.events.envelope import Heard
from shared.state.working import Due
from tests.attendance.building import (
    ARCHIVE,
    BEFORE,
    CLOSES,
    DURING,
    LATER,
    RULES,
    SESSION,
    STARTS,
    Desk,
    archived_present,
    correction,
    day,
    enrolled,
    heard,
    mark,
    rescheduled,
    scan,
    scheduled,
    withdrawn,
)
from tests.attendance.door import Door, opened
from tests.attendance.papers import text_of

HOUR = dt.timedelta(hours=1)


def merged(person: str = "old", into: str = "new", *, at: dt.datetime = LATER) -> Heard[Any]:
    return heard(PersonMerged(person_id=person, into_person_id=into), at=at)


def test_what_was_recorded_under_the_former_id_is_recorded_of_who_stays_and_the_history_of_both_says_so() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), scan("old"))

    assert desk.hear(merged(at=DURING)) == ["old not awaited", "new attended"]

    gone, stays = desk.record("old"), desk.record("new")
    assert (gone.linked_to, stays.linked_from, stays.because) == ("new", "old", "person")
    assert (stays.scanned_at, stays.minutes, stays.with_place, stays.city_id) == (DURING, 360, True, "town-of-old")
    said = words_of(gone, desk.mind[RecordSaid].where("person_id", "old"))
    assert [one.state for one in said] == ["present", "not_awaited"]


def test_a_merge_after_the_closing_leaves_the_numbers_and_the_certificate_as_they_were() -> None:
    """Who was awaited then is awaited still: under the id that stays."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), enrolled("anna"), scan("old"))
    desk.pass_to(CLOSES)
    before = desk.numbers()

    desk.hear(merged())

    assert desk.numbers() == before == (1, 1, 0, 0)
    assert desk.certificates == ["RC-2026-0001 CertificateIssued"]
    desk.hear(correction("new", "late", arrived_at=DURING.replace(hour=8), minutes=300))
    assert desk.certificates[1:] == ["RC-2026-0002 CertificateIssued", "RC-2026-0001 CertificateSuperseded"]


def test_whoever_trains_the_second_day_under_the_id_that_stays_took_part_in_the_first_under_the_former_one() -> None:
    desk = Desk()
    days = (day(), day("day-2", days_later=1))
    desk.hear(scheduled(*days), enrolled("anna"), scan("anna"), mark("old"))
    desk.pass_to(CLOSES)
    desk.hear(rescheduled(*days, at=CLOSES + HOUR, trainers=("new",)))

    desk.hear(merged())

    assert (desk.record("new").role, desk.numbers()) == (Role.PARTICIPANT, (1, 0, 0, 1))


def test_whoever_trained_a_day_under_the_id_that_stays_was_a_trainer_there_also_once_it_is_called_otherwise() -> None:
    """Seen in the morning under the former one, and replaced at noon."""
    desk = Desk()
    desk.hear(scheduled(trainers=("new",)), enrolled("anna"), scan("anna"), mark("old", at=STARTS + HOUR / 12))
    desk.hear(rescheduled(at=STARTS + 3 * HOUR, trainers=("u",)))
    desk.pass_to(CLOSES)
    desk.hear(rescheduled(day("d-1"), at=CLOSES + HOUR, trainers=("u",)))

    desk.hear(merged())

    assert (desk.record("new").state, desk.record("new").role) == (Presence.PRESENT, Role.TRAINER)


def test_whoever_trained_until_noon_and_is_marked_after_that_under_the_former_id_was_a_trainer() -> None:
    """Marked as there since the morning."""
    desk = Desk()
    desk.hear(scheduled(trainers=("new",)), enrolled("anna"), scan("anna"))
    desk.hear(rescheduled(at=STARTS + 3 * HOUR, trainers=("u",)), mark("old", at=STARTS + 4 * HOUR))

    desk.hear(merged())

    assert (desk.record("new").state, desk.record("new").role) == (Presence.PRESENT, Role.TRAINER)


def test_a_walk_in_who_is_said_to_be_a_former_id_is_who_stays_whatever_was_said_of_the_session_since() -> None:
    """Their code was read at ten to nine, the planner named another trainer at five to, and it is linked in the afternoon."""
    desk = Desk()
    desk.hear(scheduled(trainers=("t",)), merged(at=BEFORE), mark("walk-in-1", at=STARTS - HOUR / 6))
    desk.hear(rescheduled(trainers=("u",), at=STARTS - HOUR / 12))

    desk.hear(mark("old", walk_in="walk-in-1", at=STARTS + 5 * HOUR))

    assert (desk.record("new").state, desk.record("new").role) == (Presence.PRESENT, Role.PARTICIPANT)


def test_two_who_were_both_there_are_one_who_was_there_once() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), enrolled("new"), scan("old"), mark("new", "late", arrived_at=DURING))
    desk.pass_to(CLOSES)
    assert desk.numbers() == (2, 0, 0, 0)
    assert len(desk.certificates) == 2

    desk.hear(merged())

    assert desk.numbers() == (1, 0, 0, 0)
    assert desk.record("new").minutes == 360  # Which says more.
    assert desk.record("old").linked_to == "new"
    valid = [one for one in desk.mind[Certificate] if one.is_valid]
    assert [(one.person_id, one.minutes) for one in valid] == [("new", 360)]


def test_of_two_certificates_of_one_human_that_of_the_id_that_stays_is_valid() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), enrolled("new"), scan("old"), scan("new"))
    desk.pass_to(CLOSES)
    desk.hear(merged())
    (valid,) = [one for one in desk.mind[Certificate] if one.is_valid]
    assert (valid.person_id, valid.number) == ("new", "RC-2026-0001")
    assert desk.certificates[2:] == ["RC-2026-0002 CertificateSuperseded"]


def test_an_absence_gives_way_to_whoever_came_and_not_the_other_way_round() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), enrolled("new"), scan("new"))
    desk.pass_to(CLOSES)
    assert desk.hear(merged()) == ["old not awaited", "day-1 closed: 1 present, 0 absent, 0 unknown, 0 without"]
    assert desk.record("new").linked_from is None


@pytest.mark.parametrize("merged_first", [True, False])
def test_whoever_shows_the_former_ticket_is_there_under_the_id_that_stays(merged_first: bool) -> None:
    """Enrolment has moved the place; the mail with the ticket left before that."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"))
    moved = (
        enrolled("new", at=DURING),
        withdrawn("old", at=DURING, reason=WithdrawalReason.MERGED),
    )
    desk.hear(*([merged(at=DURING), *moved, scan("old")] if merged_first else [*moved, scan("old"), merged(at=DURING)]))

    assert (desk.record("new").state, desk.record("old").linked_to) == ("present", "new")
    desk.pass_to(CLOSES)

    assert desk.numbers() == (1, 0, 0, 0)
    assert (desk.record("new").state, desk.record("new").with_place) == ("present", True)
    assert desk.hear(scan("old", at=DURING)) == []  # Read once more: the first one counts.


def test_a_former_ticket_that_comes_late_says_that_they_came_although_the_list_had_them_as_absent() -> None:
    """A device that was offline sends it after the closing, and after it has become known who that is."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), enrolled("anna"), scan("anna"))
    desk.pass_to(CLOSES)
    desk.hear(merged())
    assert desk.record("new").state == "absent"

    desk.hear(scan("old", made=DURING, at=LATER + HOUR))

    assert (desk.record("new").state, desk.record("new").scanned_at) == ("present", DURING)
    assert desk.numbers() == (2, 0, 0, 0)


def test_a_former_ticket_undoes_no_mark_of_the_same_human_that_knew_of_it() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("new"), merged(at=BEFORE), mark("new", "absent", at=DURING + HOUR))

    assert desk.hear(scan("old", made=DURING, at=DURING + 2 * HOUR)) == []
    assert desk.record("new").state == "absent"

    desk.hear(scan("old", at=DURING + 3 * HOUR))  # Who is read after the mark came after all.
    assert (desk.record("new").state, desk.record("new").with_place) == ("late", True)


def test_a_former_ticket_undoes_no_correction() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("new"), enrolled("anna"), scan("anna"), merged(at=DURING))
    desk.pass_to(CLOSES)
    desk.hear(correction("new", "excused"))

    assert desk.hear(scan("old", made=DURING, at=LATER + HOUR)) == []
    assert desk.record("new").state == "excused"


def test_what_is_marked_of_a_former_id_is_refused_where_something_is_recorded_of_who_stays() -> None:
    """A telephone that was offline knows only the former one. Nothing is overwritten, and nobody is told that it was set."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("new"), scan("new"), merged(at=DURING))

    assert desk.hear(mark("old", "absent", at=DURING + HOUR, seen="0")) == []

    assert [one.reason for one in desk.mind.aside] == ["undecidable"]
    assert desk.record("new").state == "present"


def test_whoever_trains_under_a_former_id_is_a_trainer_under_the_one_that_stays() -> None:
    desk = Desk()
    desk.hear(scheduled(trainers=("old",)), enrolled("anna"), merged(at=BEFORE), scan("new"))
    assert desk.record("new").role == "trainer"  # At once: nobody waits for a place of theirs.
    desk.pass_to(CLOSES)

    assert desk.record("new").role == "trainer"
    assert desk.numbers() == (0, 1, 0, 0)


def of_their_own_again(person: str = "old", *, at: dt.datetime) -> Heard[Any]:
    return heard(PersonRegistered(person_id=person, given_name="Ewa", family_name="Ćwik"), at=at)


def test_whoever_is_somebody_of_their_own_again_is_read_and_marked_as_anybody() -> None:
    """The directory had taken two people for one. What was recorded of the former id stays with the other until somebody puts it right."""
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), enrolled("new"), scan("old"), merged(at=DURING))
    desk.hear(of_their_own_again(at=DURING + HOUR))
    assert desk.hear(scan("old", at=DURING + 2 * HOUR)) == ["old attended"]
    assert desk.hear(mark("new", "absent", at=DURING + 2 * HOUR)) == ["new absent"]

    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), enrolled("new"), scan("old"), merged(at=DURING))
    desk.hear(of_their_own_again(at=DURING + HOUR))
    assert desk.hear(mark("old", at=DURING + 2 * HOUR)) == ["old attended"]
    desk.pass_to(CLOSES)
    assert desk.hear(correction("new", "absent"))[0] == "new corrected from present to absent"
    assert desk.numbers() == (1, 1, 0, 0)


def test_a_chain_of_merges_ends_with_who_stays() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), scan("old"), merged("old", "between", at=DURING))
    desk.hear(merged("between", "new", at=DURING))
    assert (desk.record("new").state, desk.record("new").linked_from) == ("present", "between")
    assert (desk.record("between").linked_to, desk.record("old").linked_to) == ("new", "between")


def test_what_others_state_stands_as_they_state_it() -> None:
    desk = Desk()
    desk.hear(scheduled(), archived_present("old"))
    assert desk.hear(merged()) == []
    assert desk.record("old").state == "present"


def test_two_places_of_one_human_are_one_when_the_list_closes() -> None:
    desk = Desk()
    desk.hear(scheduled(), enrolled("old"), enrolled("new"), enrolled("anna"), scan("anna"), merged(at=DURING))
    desk.pass_to(CLOSES)
    assert desk.numbers() == (1, 1, 0, 0)
    assert desk.record("new").state == "absent"
    assert desk.mind[Record].get(SESSION, "day-1", "old") is None


async def test_lists_reports_and_books_count_one_human_once(url: str) -> None:
    async with opened(url) as door:
        await door.runtime.decider.act(
            [heard(PersonRegistered(person_id="new", given_name="Ewa", family_name="Ćwik"), at=DURING)]
        )
        await door.runtime.decider.act([scheduled(), enrolled("old"), enrolled("anna"), scan("old"), scan("anna")])
        await door.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])
        door.clock[0] = LATER

        await door.runtime.decider.act([merged()])

        on_list = (await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-1/roster")).json()
        came = {one["person_id"]: (one["state"], one["place"]) for one in on_list}
        assert came == {"anna": ("present", "enrolled"), "new": ("present", "enrolled")}
        roster = (await door.http.get(f"/api/v1/sessions/{SESSION}/roster")).json()
        assert {one["person_id"]: one["meetings"][0]["state"] for one in roster} == {
            "anna": "present",
            "new": "present",
        }
        total = (await door.http.get("/api/v1/reports/by/town")).json()["total"]
        assert (total["present"], total["people"]) == (2, 2)
        books = await books_of(door)
        assert (books["attendance"]["present"], books["attendance"]["enrolled_on_closed_lists"]) == (2, 2)
        assert books["attendance"]["records"]["present"] == 2
        assert books["open"]["certificates_in_doubt"] == 0
        history = f"/api/v1/sessions/{SESSION}/meetings/day-1/people/old/history"
        assert [one["linked_to"] for one in (await door.http.get(history)).json()] == [None, "new"]


async def test_two_places_of_one_human_are_one_wherever_they_are_counted_and_of_the_town_of_the_id_that_stays(
    url: str,
) -> None:
    """Enrolment moves no place in what has begun, so both stay seats."""
    async with opened(url) as door:
        await door.runtime.decider.act([scheduled(), *map(enrolled, ("anna", "ewa", "jan")), scan("jan")])
        await door.runtime.decider.act([merged("anna", "ewa", at=DURING)])
        await door.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])
        door.clock[0] = LATER

        session = (await door.http.get(f"/api/v1/sessions/{SESSION}")).json()
        report = (await door.http.get("/api/v1/reports/by/town")).json()

        shown = [session["meetings"][0][name] for name in ("present", "absent", "not_recorded")]
        assert (session["enrolled"], shown) == (2, [1, 1, 0])
        towns = {row["key"]: (row["enrolled"], row["present"], row["absent"]) for row in report["rows"]}
        assert towns == {"town-of-ewa": (1, 0, 1), "town-of-jan": (1, 1, 0)}


async def test_of_one_human_whom_two_writers_have_seen_no_certificate_is_in_doubt(url: str) -> None:
    """What an archive states of the former id stays with it: they were there once, for the longer of the two."""
    async with opened(url) as door:
        body = archived_present("old").body.model_copy(update={"minutes": 300})
        archived = heard(body, at=DURING, source=ARCHIVE)
        await door.runtime.decider.act([scheduled(), enrolled("new"), archived, scan("new")])
        await door.runtime.decider.act([merged(at=DURING)])
        await door.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])

        (certificate,) = (await door.http.get("/api/v1/certificates?person_id=new")).json()
        assert certificate["minutes"] == 360
        assert (await books_of(door))["open"]["certificates_in_doubt"] == 0


async def test_a_merge_is_heard_in_one_transaction_with_what_is_recorded_of_them_first(url: str) -> None:
    """After an outage one fetch brings both; nothing has been recorded in the session before."""
    async with opened(url) as door:
        await door.runtime.decider.act([scheduled(), enrolled("old"), scan("old"), merged(at=DURING)])

        on_list = (await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-1/roster")).json()
        assert [(one["person_id"], one["state"]) for one in on_list] == [("new", "present")]


async def test_whoever_is_read_by_a_former_ticket_is_told_how_they_stand_under_the_id_that_stays(url: str) -> None:
    async with opened(url) as door:
        await door.runtime.decider.act([scheduled(), enrolled("old")])
        await door.runtime.decider.act([merged(at=BEFORE)])
        await door.runtime.decider.act([enrolled("new"), withdrawn("old", reason=WithdrawalReason.MERGED)])

        read = {"session_id": SESSION, "meeting_id": "day-1", "person_id": "old", "scanned_at": DURING.isoformat()}
        (told,) = (await door.http.post("/api/v1/scans/batch", json={"scans": [read | {"id": "one"}]})).json()
        assert (told["rule"], told["record"]["linked_from"], told["record"]["state"]) == ("in_time", "old", "present")
        again = (await door.http.post("/api/v1/scans", json=read)).json()
        assert (again["outcome"], again["record"]["state"]) == ("AlreadyPresent", "present")


async def test_certificates_and_confirmations_are_found_under_any_id(url: str) -> None:
    async with opened(url) as door:
        await door.runtime.decider.act([scheduled(), enrolled("old"), scan("old")])
        await door.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])
        door.clock[0] = LATER
        await door.runtime.decider.act([merged()])

        for person in ("old", "new"):
            listed = (await door.http.get(f"/api/v1/certificates?person_id={person}")).json()
            assert [one["number"] for one in listed] == ["RC-2026-0001"]
            path = f"/api/v1/sessions/{SESSION}/meetings/day-1/people/{person}/confirmation/pdf"
            assert (await door.http.get(path)).status_code == 200


async def test_a_trainer_whom_the_planner_names_by_a_former_id_signs_in_the_head_of_the_list_alone(url: str) -> None:
    async with opened(url) as door:
        ewa = PersonRegistered(person_id="new", given_name="Ewa", family_name="Ćwik")
        await door.runtime.decider.act([heard(ewa, at=BEFORE), scheduled(trainers=("old",)), enrolled("new")])
        await door.runtime.decider.act([merged(at=BEFORE)])

        printed = await door.http.get(f"/api/v1/sessions/{SESSION}/list/pdf")
        assert "Ewa Ćwik" in text_of(printed.content) and "Ćwik Ewa" not in text_of(printed.content)


@pytest.mark.parametrize("said_first", [0, 1])
async def test_of_a_circle_lists_reports_and_books_name_who_stays_as_whoever_decides_does(
    url: str, said_first: int
) -> None:
    """That word is void which was said last, whichever is heard first. The third id went into the circle."""
    circle = [("new", "old"), ("old", "new")]
    words = [
        merged(*pair, at=DURING + dt.timedelta(minutes=number != said_first)) for number, pair in enumerate(circle)
    ]
    stays = circle[1 - said_first][0]
    async with opened(url) as door:
        await door.runtime.decider.act([scheduled(), enrolled("old"), enrolled("third"), scan("old"), scan("third")])
        for one in (*words, merged("third", "old", at=DURING)):
            await door.runtime.decider.act([one])
        await door.runtime.decider.act([Due(LIST, list_subject(SESSION, "day-1"), CLOSES)])

        on_list = (await door.http.get(f"/api/v1/sessions/{SESSION}/meetings/day-1/roster")).json()
        assert [(one["person_id"], one["state"]) for one in on_list] == [(stays, "present")]
        total = (await door.http.get("/api/v1/reports/by/town")).json()["total"]
        assert (total["present"], total["people"]) == (1, 1)
        books = await books_of(door)
        assert (books["attendance"]["present"], books["attendance"]["enrolled_on_closed_lists"]) == (1, 1)
        assert books["open"]["certificates_in_doubt"] == 0


async def books_of(door: Door) -> dict[str, Any]:
    async with door.runtime.engine.connect() as connection:
        return await books(connection, RULES)
