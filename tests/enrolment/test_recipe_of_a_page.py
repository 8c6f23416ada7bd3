"""The page that docs/extending.md builds is one: as it stands there, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.enrolment.answers import Session
from shared.contracts.planner import SessionCancelled
from shared.contracts.rules import TopicDefined
from shared.testing import body_of, heard
from tests.databases import Databases
from tests.enrolment.office import TOWN, session
from tests.enrolment.participant import participant_at
from tests.enrolment.surroundings import city

RECIPE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text(encoding="utf-8").partition("\n## A page\n")[2]
WORDS = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\nmsgid "Free places"\nmsgstr "Wolne miejsca"\n'


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", RECIPE, re.DOTALL)
    assert found is not None
    return found[1]


async def test_it_is_found_by_itself_and_speaks_both_languages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, databases: Databases
) -> None:
    package = tmp_path / "recipe_pages"
    package.mkdir()
    files = {"__init__.py": "", "training.py": block("python"), "training.html": block("jinja"), "pl.po": WORDS}
    for name, text in files.items():
        (package / name).write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    async with databases.while_needed("enrolment") as url, participant_at(url, package="recipe_pages") as here:
        topic = body_of(TopicDefined, name_pl="Klimat", name_en="The climate")
        await here.runtime.decider.act(
            [heard(topic), heard(city(TOWN, name="Augustów")), heard(session("s", capacity=7))]
        )
        shown = {language: (await here.http.get(f"/training/s?lang={language}")).text for language in ("pl", "en")}
        nowhere = await here.http.get("/training/nowhere?lang=en")
        await here.runtime.decider.act([heard(body_of(SessionCancelled, session_id="s"), version=2)])
        cancelled = await here.http.get("/training/s?lang=en")
    assert "Wolne miejsca" in shown["pl"]
    assert "Free places" in shown["en"]
    assert all(re.search(r">\s*7\s*<", text) and "Augustów" in text for text in shown.values())
    assert ("Klimat<" in shown["pl"], "The climate<" in shown["en"]) == (True, True)
    assert cancelled.status_code == 404
    assert (nowhere.status_code, "There is nothing here" in nowhere.text) == (404, True)


def test_it_tells_what_a_session_has() -> None:
    told = re.search(r"`session` has what the API answers of one: (.*?) …", RECIPE)
    assert told is not None
    assert set(re.findall(r"`(\w+)`", told[1])) <= set(Session.model_fields)
