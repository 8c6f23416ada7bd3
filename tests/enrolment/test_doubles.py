"""Who may be one human entered twice."""

from __future__ import annotations

import pytest

from services.enrolment.doubles import Entered, as_spoken, likely_doubles
from tests.enrolment.office import OTHER, TOWN


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("Żaneta", "Wiśniewska"), ("ZANETA", "Wisniewska")),
        (("Łukasz", "Gęś"), ("Lukasz", "Ges")),
        (("Anna", "Nowak-Kowalska"), ("Anna", "Nowak Kowalska")),
        (("Jan", "Adam"), ("Adam", "Jan")),
        (("Z\u0307aneta", "Wis\u0301niewska"), ("Żaneta", "Wiśniewska")),
    ],
    ids=["case and accents", "letters that are not composed", "hyphen", "order", "spelled out"],
)
def test_a_name_is_the_same_however_it_is_written(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert as_spoken(*one) == as_spoken(*other)


def test_names_that_differ_in_a_letter_are_two() -> None:
    assert as_spoken("Anna", "Nowak") != as_spoken("Hanna", "Nowak")


def test_those_of_one_town_who_are_called_the_same_are_listed_once_each() -> None:
    people = [
        Entered(TOWN, "p2", "Łucja", "Żak"),
        Entered(TOWN, "p1", "Lucja", "Zak"),
        Entered(TOWN, "p1", "Lucja", "Zak"),
        Entered(OTHER, "p3", "Łucja", "Żak"),
        Entered(TOWN, "p4", "Adam", "Żak"),
    ]
    assert [[one.person_id for one in same] for same in likely_doubles(people)] == [["p1", "p2"]]
