"""The order in which a person looks for a name."""

from __future__ import annotations

import random

import pytest

from shared.alphabet import by_name, folded, is_named, polish

IN_ORDER = [
    "Cwik",
    "Czaja",
    "Ćwik",
    "D'Arc",
    "de Vries",
    "Debski",
    "Dębski",
    "Ender",
    "Lis",
    "Łoś",
    "Muller",
    "Müller",
    "Nowak",
    "Nowak Zięba",
    "Nowak-Zięba",
    "Nowakowska",
    "Weiss",
    "Zych",
    "Źrebak",
    "Żak",
]
"""As ICU sorts them for Polish; compared with it once over some hundred thousand pairs."""


def test_names_stand_in_the_order_of_the_polish_alphabet() -> None:
    for seed in range(20):
        mixed = random.Random(seed).sample(IN_ORDER, len(IN_ORDER))
        assert sorted(mixed, key=polish) == IN_ORDER


def test_capitals_count_only_where_all_else_is_equal() -> None:
    assert sorted(["Nowak", "nowak", "NOWACKI"], key=polish) == ["NOWACKI", "nowak", "Nowak"]


def test_digits_stand_before_letters_one_by_one() -> None:
    assert sorted(["Sala A", "Sala 2", "Sala 10", "Sala"], key=polish) == ["Sala", "Sala 10", "Sala 2", "Sala A"]


def test_letters_that_came_in_two_characters_are_one() -> None:
    assert polish("Z\u0307ak")[:2] == polish("Żak")[:2]
    assert polish("Zych") < polish("Z\u0307ak")


def test_who_has_no_name_stands_last() -> None:
    people = [(None, None, "p1"), ("Żak", "Ala", "p2"), ("Żak", "Ala", "p0"), ("Żak", "Ćma", "p3")]

    assert [one[2] for one in sorted(people, key=lambda one: by_name(*one))] == ["p0", "p2", "p3", "p1"]


@pytest.mark.parametrize(
    ("one", "other"), [("ŁÓDŹ", "łódź"), ("Ørsted", "orsted"), ("ÆRØ", "aero"), ("Strauß", "STRAUSS"), ("Ⅳ", "iv")]
)
def test_neither_accents_nor_capitals_count_where_names_are_compared(one: str, other: str) -> None:
    assert folded(one) == folded(other)
    assert folded(one).isascii()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("w Radomiu", False),  # Declined, it is another word: better said twice than not.
        ("ul. Radomska 5", False),
        ("Nadradom", False),
        ("Dom Kultury, RADOM", True),
        ("Rynek 1 (Radom)", True),
    ],
)
def test_a_name_stands_in_a_text_as_words_of_its_own(text: str, names: bool) -> None:
    assert is_named("Radom", text) is names
