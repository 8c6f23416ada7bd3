"""Whatever is said of a place has its words wherever it is told: no kind of fact, line or request is shown as nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from services.enrolment.answers import DecidedRequest
from services.enrolment.placing import Because, What
from shared.contracts.enrolment import AskedFor, PlaceFact
from shared.contracts.model import members

WHY = (Path(__file__).parents[2] / "services" / "enrolment" / "pages" / "why.html").read_text(encoding="utf-8")


def test_whatever_answers_a_request_is_an_outcome_over_http() -> None:
    outcomes = get_args(DecidedRequest.model_fields["outcome"].annotation)
    assert {fact.__name__ for fact in members(PlaceFact)} <= set(outcomes)


def test_every_line_of_a_why_has_a_sentence() -> None:
    assert set(re.findall(r'what == "(\w+)"', WHY)) == set(What)


@pytest.mark.parametrize(("macro", "kinds"), [("_asked", AskedFor), ("_because", Because)])
def test_every_word_of_a_why_is_there(macro: str, kinds: type[AskedFor] | type[Because]) -> None:
    of_macro = WHY.partition(f"macro {macro}(")[2].partition("endmacro")[0]
    assert set(re.findall(r'^  "(\w+)":', of_macro, re.MULTILINE)) == set(kinds)
