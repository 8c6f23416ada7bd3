"""The recipes of docs/extending.md, and the way that docs/architecture.md describes, name files that are there, and no more of them than a
newcomer should have to open."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
RECIPES = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")[1:]}
PATH = re.compile(r"`((?:services|shared|rollcall|docs|tests|deploy|demo)/[\w./<>{},-]+)`")
MOST_FILES = 8
"""Of a recipe's table. Whoever needs more has found a shape that is missing."""
MOST_ON_THE_WAY = 13


def files_of(recipe: str) -> list[str]:
    """The first column of the recipe's table. What stands behind it, and is no file of a row, is to be read at most."""
    return [
        file for line in recipe.splitlines() if line.startswith("| `") for file in PATH.findall(line.split(" | ")[0])
    ]


@pytest.mark.parametrize("path", sorted(set(PATH.findall(PAGE))))
def test_every_path_on_the_page_is_there_or_has_its_folder(path: str) -> None:
    there = ROOT / path
    assert there.parent.is_dir() if "<" in path else there.exists()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_has_a_table_of_few_files(name: str) -> None:
    assert 1 <= len(files_of(RECIPES[name])) <= MOST_FILES


def test_the_way_from_a_request_to_its_mail_is_short_and_names_what_stands_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    way = page.partition("\n## From a request to its mail")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([\w./]+)` \| (.+) \|$", way, re.MULTILINE)
    assert 1 <= len(rows) <= MOST_ON_THE_WAY
    for file, sentence in rows:
        text = (ROOT / file).read_text(encoding="utf-8")
        assert [name for name in re.findall(r"`(\w+)[`.]", sentence) if name not in text] == []


def test_there_is_a_recipe_for_what_is_added_most() -> None:
    assert {"An event", "A request", "A rule with a number", "A kind of mail", "A page", "A service"} <= set(RECIPES)
