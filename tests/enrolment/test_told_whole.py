"""Whatever is said of a place has its words wherever it is told: no kind of fact, line or request is shown as nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.enrolment.answers import Places, Requests, Session
from services.enrolment.listed import TownsPlaces
from services.enrolment.meaning import Because, Fate, What
from services.enrolment.pages.showing import Time
from services.enrolment.tables import taken_of
from shared.contracts.enrolment import ACTIVE, AskedFor, RequestFate, Standing

PAGES = Path(__file__).parents[2] / "services" / "enrolment" / "pages"
NAMES = ("why.html", "place.html", "standings.html")
WHY, PLACE, STANDINGS = ((PAGES / name).read_text(encoding="utf-8") for name in NAMES)


@pytest.mark.parametrize("answer", [Session, TownsPlaces, Places])
def test_wherever_places_are_counted_each_standing_has_its_number(
    answer: type[Session] | type[TownsPlaces] | type[Places],
) -> None:
    assert set(ACTIVE) <= set(answer.model_fields)


def test_a_seat_on_offer_is_taken_and_one_beside_the_rules_is_not() -> None:
    assert taken_of(dict.fromkeys(ACTIVE, 0) | {"enrolled": 5, "offered": 2, "waitlisted": 9, "extra": 1}) == 6


def test_the_books_name_each_fate_of_a_request() -> None:
    assert set(Requests.model_fields) == set(RequestFate)


def test_the_page_of_a_place_has_a_badge_for_each_standing_and_a_sentence_for_whoever_is_in_the_session() -> None:
    assert badges_in(STANDINGS) == set(Standing)
    assert badges_in(PLACE) == {*Time, "given_back"} - {Time.AHEAD}
    assert set(re.findall(r'if place.standing == "(\w+)"', STANDINGS)) == set(ACTIVE)


def badges_in(page: str) -> set[str]:
    badges = page.partition("set badges = {")[2].partition("} %}")[0]
    return set(re.findall(r'^  "(\w+)":', badges, re.MULTILINE))


def test_every_line_of_a_why_has_a_sentence() -> None:
    assert set(re.findall(r'what == "(\w+)"', WHY + STANDINGS)) == set(What)


def test_whatever_it_ends_with_has_a_sentence() -> None:
    assert set(re.findall(r'fate == "(\w+)"', WHY + STANDINGS)) == set(Fate)


@pytest.mark.parametrize(("page", "macro", "kinds"), [(WHY, "_asked", AskedFor), (STANDINGS, "because", Because)])
def test_every_word_of_a_why_is_there(page: str, macro: str, kinds: type[AskedFor] | type[Because]) -> None:
    of_macro = page.partition(f"macro {macro}(")[2].partition("endmacro")[0]
    assert set(re.findall(r'^  "(\w+)":', of_macro, re.MULTILINE)) == set(kinds)
