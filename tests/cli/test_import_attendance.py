"""`rollcall import-attendance`: the plan at eighty columns, and what is sent when a person has looked at it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from rollcall import asking
from rollcall.asking import Answer
from rollcall.importing_shown import planned
from rollcall.main import app
from services.attendance.importing.answers import Imported, Plan
from tests.attendance.reports import teams, utf16

FILE = utf16(teams())
PLAN: dict[str, Any] = Plan.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index, call-overload]
DONE: dict[str, Any] = Imported.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index, call-overload]
OPEN = PLAN["rows"][0] | {
    "fate": "several",
    "is_open": True,
    "person": None,
    "may_be": [
        {"person_id": f"person-{one}", "given_name": "Jan", "family_name": "Lis", "sessions": []} for one in "12"
    ],
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, str], bytes]]:
    """What attendance was sent; it answers with the examples of its description."""
    sent: list[tuple[str, dict[str, str], bytes]] = []

    async def post(url: str, headers: dict[str, str], body: bytes) -> Answer:
        sent.append((url, headers, body))
        if "/import" not in url:
            return Answer(200, PLAN | {"rows": [PLAN["rows"][0], OPEN]})
        if headers["If-Match"] != f'"{PLAN["tag"]}"':
            return Answer(412, {"title": "It has changed since"})
        return Answer(200, DONE | {"marks": [DONE["marks"][0] | {"outcome": "set", "detail": None}]})

    monkeypatch.setenv("ROLLCALL_ATTENDANCE_URL", "http://attendance")
    monkeypatch.setenv("ROLLCALL_TOKEN", "rc_a_b")
    monkeypatch.setattr(asking, "post", post)
    return sent


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "report.csv"
    path.write_bytes(FILE)
    return path


def run(file: Path, *words: str) -> Any:
    return CliRunner().invoke(app, ["import-attendance", str(file), "session-0001", "day-1", *words])


def test_without_yes_it_is_only_shown(asked: list[Any], file: Path) -> None:
    done = run(file)
    assert done.exit_code == 0
    assert [(url, body) for url, _, body in asked] == [
        ("http://attendance/api/v1/sessions/session-0001/meetings/day-1/report", FILE)
    ]
    for told in ("person-0001: late", "301", "several people bear this name", "perhaps person-2 Jan Lis", "cut_off"):
        assert told in done.stdout, done.stdout
    assert "1 to be set, 1 to be decided." in done.stdout
    assert json.loads(run(file, "--json").stdout)["tag"] == PLAN["tag"]


def test_with_yes_the_same_file_is_sent_with_the_plan_and_what_was_decided(asked: list[Any], file: Path) -> None:
    done = run(file, "--decide", "12:person-0001", "--decide", "15:", "--yes", "--zone", "Europe/Warsaw")
    assert done.exit_code == 0, done.output
    url, headers, body = asked[-1]
    assert url.endswith("/report/import?zone=Europe%2FWarsaw&decisions=12%3Aperson-0001%2C15%3A")
    assert (headers["If-Match"], body) == (f'"{PLAN["tag"]}"', FILE)
    assert "1 set, 1 left to be decided." in done.stdout


def test_a_plan_that_has_changed_is_shown_anew_and_not_set(asked: list[Any], file: Path) -> None:
    done = run(file, "--yes", "--plan", "another")
    assert (done.exit_code, "The plan has changed since" in done.stderr) == (1, True)
    assert PLAN["tag"] in done.stdout


def test_who_could_not_be_set_is_named_and_the_command_fails(
    asked: list[Any], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def post(url: str, headers: dict[str, str], body: bytes) -> Answer:
        return Answer(200, DONE if "/import" in url else PLAN)

    monkeypatch.setattr(asking, "post", post)
    done = run(file, "--yes")
    assert (done.exit_code, "person-0001: try again – too many commands" in done.stdout) == (1, True)


def test_what_attendance_refuses_is_one_sentence(asked: list[Any], file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def post(url: str, headers: dict[str, str], body: bytes) -> Answer:
        return Answer(422, {"title": "This is no report that can be read", "detail": "no_people: nothing"})

    monkeypatch.setattr(asking, "post", post)
    done = run(file)
    assert (done.exit_code, done.stderr) == (
        2,
        "attendance: This is no report that can be read: no_people: nothing.\n",
    )


def test_at_eighty_columns_nothing_of_the_plan_is_lost() -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    long = OPEN | {
        "fate": "contradicts",
        "name": "Aleksandra Wierzbicka-Kowalczyk (dział)",
        "address": "aleksandra.wierzbicka@example.org",
    }
    console.print(planned(PLAN | {"rows": [PLAN["rows"][0], long]}))
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= 80
    whole = "".join(text.split())
    assert PLAN["sha256"] in whole and PLAN["tag"] in whole and "…" not in text
