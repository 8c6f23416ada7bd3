"""`rollcall explain`: why, as a person reads it in a terminal of eighty columns, and as a program does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from rollcall import asking
from rollcall.asking import Answer, NoAnswer
from rollcall.explaining import shown
from rollcall.main import app
from services.enrolment.explanation import Explanation

EXAMPLE: dict[str, Any] = Explanation.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index, call-overload]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What enrolment was asked; it answers with the example of its description."""
    urls: list[str] = []

    async def get(url: str, headers: dict[str, str] | None = None) -> Answer:
        urls.append(url)
        assert headers == {"Authorization": "Bearer rc_a_b"}
        return Answer(200, EXAMPLE)

    monkeypatch.setenv("ROLLCALL_ENROLMENT_URL", "http://enrolment")
    monkeypatch.setenv("ROLLCALL_TOKEN", "rc_a_b")
    monkeypatch.setattr(asking, "get", get)
    return urls


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["explain", "person-0001", "session-0001", *words])


def test_it_says_how_it_stands_and_why_with_the_event_that_says_so(asked: list[str]) -> None:
    done = run()
    assert done.exit_code == 0
    assert asked == ["http://enrolment/api/v1/sessions/session-0001/places/person-0001/explain"]
    for told in (
        "Zofia Zielińska",
        "as known on 03.10.2026 10:15",
        "The person is on the waiting list. In line: 2 of 3.",
        "01.10.2026 10:15",
        "Seats taken: 20 of 20.",
        "rollcall/enrolment 0199aa00-0000-7000-8000-000000000009",
        "asked for by urn:example:portal 0199aa00-0000-7000-8000-000000000001, sent 01.10.2026 10:14",
    ):
        assert told in " ".join(done.stdout.split()), done.stdout  # Wrapped where a terminal of that width ends.
    assert "Na liście rezerwowej" in run("--language", "pl").stdout


@pytest.mark.parametrize("said", ["2026-02-30", "0001-01-01", "9999-12-31T23:30-01:00", "yesterday"])
def test_a_moment_that_there_is_not_is_one_sentence(said: str, asked: list[str]) -> None:
    done = run("--at", said)
    assert (done.exit_code, asked) == (2, [])
    assert done.stderr.startswith(f"{said} is no moment such as")


def test_a_moment_without_an_offset_is_the_time_where_the_programme_is(asked: list[str]) -> None:
    run("--at", "2026-10-03T10:15")
    run("--at", "2026-11-03T10:15+00:00")
    assert [url.partition("?")[2] for url in asked] == ["at=2026-10-03T08%3A15%3A00Z", "at=2026-11-03T10%3A15%3A00Z"]
    refused = run("--at", "yesterday")
    assert (refused.exit_code, len(asked)) == (2, 2)


def test_a_program_gets_the_answer_of_the_api(asked: list[str]) -> None:
    assert json.loads(run("--json").stdout) == EXAMPLE


def test_who_does_not_answer_is_named(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(url: str, headers: dict[str, str] | None = None) -> Answer:
        raise NoAnswer("ConnectionRefusedError")

    monkeypatch.setattr(asking, "get", get)
    away = run()
    assert (away.exit_code, away.stderr.strip()) == (
        1,
        "enrolment does not answer at http://enrolment: ConnectionRefusedError.",
    )


@pytest.mark.parametrize(("status", "code"), [(422, 2), (403, 1)])
def test_what_is_refused_is_told_in_the_words_of_the_api(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    async def get(url: str, headers: dict[str, str] | None = None) -> Answer:
        return Answer(status, {"title": "Not allowed", "detail": "this token lacks the scope 'read'"})

    monkeypatch.setattr(asking, "get", get)
    refused = run()
    assert (refused.exit_code, refused.stderr.strip()) == (
        code,
        "enrolment: Not allowed: this token lacks the scope 'read'.",
    )


@pytest.mark.parametrize("language", ["en", "pl"])
def test_in_a_terminal_of_eighty_columns_no_line_is_longer_and_no_id_is_cut(language: str) -> None:
    console = Console(width=80, highlight=False)
    with console.capture() as text:
        console.print(shown(EXAMPLE, language))
    lines = text.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert any("0199aa00-0000-7000-8000-000000000009" in line for line in lines), "an id stands in one line"
