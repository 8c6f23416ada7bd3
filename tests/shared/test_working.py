"""What a fact is to the row before: newer, stale, a duplicate, someone else's, or about someone erased."""

from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import pytest

from services.enrolment.app import SERVICE
from services.enrolment.state import Person, Town
from shared.books.holding import heard_again
from shared.contracts.directory import PersonErased, PersonRegistered
from shared.contracts.portal import WithdrawalRequested
from shared.contracts.rules import SourceTakenOver
from shared.contracts.selection import CityQualified
from shared.deciding.thinking import _hear
from shared.events.envelope import Heard
from shared.state.ownership import Verdict
from shared.state.rows import EVERY_ROW
from shared.state.working import Held, Working, worked_out_of
from shared.testing import NOON, body_of, decoded, heard
from shared.testing import Message as Record
from tests.mind import knowing_all

CITY = body_of(CityQualified)
LATER = NOON + dt.timedelta(minutes=1)
TAKEN_OVER = heard(
    body_of(SourceTakenOver, in_stream="programme.cities", from_source="urn:a", to_source="urn:b"), source="urn:office"
)


@pytest.fixture
def working() -> Working:
    return knowing_all(SERVICE, SERVICE.working(NOON))


def named(name: str) -> CityQualified:
    return CITY.model_copy(update={"name": name})


def test_the_newest_version_wins_in_any_order(working: Working) -> None:
    assert working.apply(heard(named("new"), version=2)) is Verdict.NEWER
    assert working.apply(heard(named("old"), version=1)) is Verdict.STALE
    assert working[Town].get(CITY.city_id, 1).name == "new"  # type: ignore[union-attr]


def test_the_same_event_again_writes_nothing(working: Working) -> None:
    working.apply(heard(CITY, event_id="e-1"))
    assert working.apply(heard(CITY, event_id="e-1")) is Verdict.DUPLICATE


@pytest.mark.parametrize("numbered", [True, False])
def test_another_statement_under_the_id_and_version_of_one_that_was_heard_is_no_duplicate(
    working: Working, numbered: bool
) -> None:
    version = 1 if numbered else None
    working.apply(heard(named("first"), event_id="the-same", version=version))
    assert working.apply(heard(named("second"), event_id="the-same", version=version)) is Verdict.ID_REUSED
    assert working[Town].get(CITY.city_id, 1).name == "first"  # type: ignore[union-attr]


def test_a_higher_version_is_news_also_of_a_writer_with_one_id_for_all_it_says(working: Working) -> None:
    for version, name in enumerate(("first", "second", "third")):
        assert working.apply(heard(named(name), event_id="the-same", version=version)) is Verdict.NEWER


def test_of_two_statements_under_one_id_and_version_the_first_in_the_log_stands_whichever_is_heard_first(
    working: Working,
) -> None:
    later = NOON + dt.timedelta(seconds=1)
    working.apply(heard(named("second"), event_id="the-same", at=later))
    assert working.apply(heard(named("first"), event_id="the-same")) is Verdict.NEWER
    assert working.apply(heard(named("second"), event_id="the-same", at=later)) is Verdict.ID_REUSED


def test_what_a_writer_who_does_not_own_it_said_under_one_id_is_compared_too(working: Working) -> None:
    working.apply(heard(CITY, source="urn:a"))
    working.apply(heard(named("first"), source="urn:b", event_id="the-same"))
    assert working.apply(heard(named("second"), source="urn:b", event_id="the-same")) is Verdict.ID_REUSED


def test_the_same_content_under_the_same_version_writes_nothing(working: Working) -> None:
    working.apply(heard(CITY))
    assert working.apply(heard(CITY)) is Verdict.DUPLICATE


def test_a_tie_with_other_content_goes_to_the_later_one(working: Working) -> None:
    working.apply(heard(named("first")))
    assert working.apply(heard(named("second"))) is Verdict.NEWER


def test_the_first_writer_owns_the_aggregate(working: Working) -> None:
    working.apply(heard(CITY, source="urn:a"))
    assert working.apply(heard(named("theirs"), source="urn:b", version=9)) is Verdict.FOREIGN


@pytest.mark.parametrize(
    ("before", "said", "reason", "detail"),
    [
        (
            [heard(CITY, source="urn:a")],
            heard(named("theirs"), source="urn:b"),
            "foreign_writer",
            "SUBJECT belongs to urn:a, and urn:b states it",
        ),
        (
            [heard(CITY, source="urn:a"), TAKEN_OVER, heard(named("new"), source="urn:b", at=LATER)],
            heard(named("late"), source="urn:a", version=2, at=LATER),
            "former_writer",
            "SUBJECT was taken over by urn:b from urn:a, who goes on stating it",
        ),
        (
            [heard(CITY, source="urn:a", version=2)],
            heard(named("x"), source="urn:a", version=None),
            "numbering_changed",
            "urn:a numbered it before and does not now: SUBJECT",
        ),
    ],
    ids=["foreign", "former", "renumbered"],
)
def test_what_is_set_aside_between_writers_names_both(
    working: Working, before: list[Heard[Any]], said: Heard[Any], reason: str, detail: str
) -> None:
    for one in before:
        _hear(SERVICE, working, one, quiet=True)
    _hear(SERVICE, working, said, quiet=True)
    (aside,) = working.aside
    assert (aside.reason, aside.detail) == (reason, detail.replace("SUBJECT", said.subject))


def test_a_writer_that_took_over_replaces_whatever_its_version(working: Working) -> None:
    rule = body_of(SourceTakenOver, in_stream="programme.cities", from_source="urn:a", to_source="urn:b")
    working.apply(heard(rule, source="urn:office"))
    working.apply(heard(CITY, source="urn:a", version=9))

    assert working.apply(heard(named("theirs"), source="urn:b", version=1)) is Verdict.NEWER
    assert working.apply(heard(named("late"), source="urn:a", version=10)) is Verdict.STALE


def test_a_writer_may_not_change_its_way_of_numbering(working: Working) -> None:
    working.apply(heard(CITY, version=3))
    assert working.apply(heard(CITY, version=None, at=NOON + dt.timedelta(days=1))) is Verdict.RENUMBERED


def test_nothing_is_known_again_about_someone_erased(working: Working) -> None:
    person = body_of(PersonRegistered)
    working.apply(heard(person, version=1))
    working.apply(heard(PersonErased(person_id=person.person_id), version=2))

    assert working.apply(heard(person, version=3)) is Verdict.ERASED
    row = working[Person].get(person.person_id)
    assert row is not None
    assert (row.given_name, row.family_name, row.erased) == (None, None, True)


def test_a_bare_tombstone_erases_whoever_wrote_it(working: Working) -> None:
    person = body_of(PersonRegistered)
    working.apply(heard(person, source="urn:directory", version=5))

    assert working.apply(decoded(Record("programme.people", person.person_id.encode(), None))) is Verdict.NEWER
    row = working[Person].get(person.person_id)
    assert row is not None
    assert (row.erased, row.source) == (
        True,
        "tombstone",
    )  # The same row once compaction has taken the facts before it.


def test_an_erasure_counts_however_late_it_is_heard(working: Working) -> None:
    person = body_of(PersonRegistered)
    working.apply(heard(person, source="urn:directory", version=5))

    assert working.apply(heard(PersonErased(person_id=person.person_id), source="urn:stranger")) is Verdict.FOREIGN
    erasure = heard(PersonErased(person_id=person.person_id), source="urn:directory", version=3)
    assert working.apply(erasure) is Verdict.NEWER
    assert working.apply(heard(person, source="urn:directory", version=6)) is Verdict.ERASED


def test_of_two_facts_with_one_version_the_one_later_in_the_log_counts_in_whichever_order_they_are_heard(
    working: Working,
) -> None:
    one, two = (body_of(PersonRegistered, given_name=name) for name in ("A", "B"))
    later = NOON + dt.timedelta(seconds=1)
    assert working.apply(heard(two, event_id="two", at=later)) is Verdict.NEWER
    assert working.apply(heard(one, event_id="one")) is Verdict.STALE
    assert working.apply(heard(two, event_id="two")) is Verdict.NEWER  # Sent twice: it was first heard at noon.
    assert working.apply(heard(two, event_id="two", at=later)) is Verdict.DUPLICATE
    assert working[Person].get(two.person_id).heard_at == NOON  # type: ignore[union-attr]


def test_a_held_request_keeps_what_its_contract_names_and_no_more(working: Working) -> None:
    asked = heard(body_of(WithdrawalRequested, reason="ill", padding="x" * 100_000))
    working.hold(asked, waits_for="session", expires_at=NOON)
    (held,) = working[Held]
    assert heard_again(held).body.model_dump() == body_of(WithdrawalRequested, reason="ill").model_dump()
    assert len(held.body) < 200


def test_a_request_that_is_neither_answered_nor_held_nor_set_aside_is_a_fault_of_ours(working: Working) -> None:
    """Nobody would know it again, and another one under its id would be taken for it, or decided."""
    forgetful = dataclasses.replace(SERVICE, decide={WithdrawalRequested: lambda working, heard: None})
    with pytest.raises(RuntimeError, match="neither answered"):
        _hear(forgetful, working, heard(body_of(WithdrawalRequested)), quiet=False)


def test_what_was_worked_out_of_rows_is_worked_out_anew_when_one_of_them_changes(working: Working) -> None:
    asked: list[str] = []

    @worked_out_of(Town)
    def name_of(working: Working, city_id: str) -> str | None:
        asked.append(city_id)
        town = working[Town].get(city_id, 1)
        return town.name if town is not None else None

    assert [name_of(working, CITY.city_id) for _ in range(2)] == [None, None]
    assert name_of(working, "town-9") is None
    for version, name in enumerate(("old", "new")):
        working.apply(heard(named(name), version=version))
        assert [name_of(working, CITY.city_id) for _ in range(2)] == [name, name]
    working[Town].remove(CITY.city_id, 1)
    assert name_of(working, CITY.city_id) is None
    assert asked == [CITY.city_id, "town-9", *3 * [CITY.city_id]]


def test_what_was_worked_out_of_rows_is_worked_out_anew_when_more_are_loaded(working: Working) -> None:
    @worked_out_of(Town)
    def number_of(working: Working) -> int:
        return len(working[Town].all())

    working.apply(heard(CITY))
    (town,) = working[Town].all()
    other = SERVICE.working(NOON)
    other[Town].loaded((), EVERY_ROW)
    assert number_of(other) == 0
    other[Town].loaded([town])
    assert number_of(other) == 1
