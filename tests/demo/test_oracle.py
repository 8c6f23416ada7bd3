"""Facts about the demo's oracle: its sums add up, and it refuses to guess."""

from __future__ import annotations

import datetime as dt
import inspect
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from demo import heard, oracle
from demo.oracle import Unpredictable, expected, main
from demo.programme import Programme, write_programme
from demo.shape import Scale

Books = dict[str, Any]

TODAY = dt.date(2026, 11, 23)
NOW = dt.datetime(2026, 11, 23, 9, 17, 41, tzinfo=dt.UTC)
SCALES: tuple[Scale, ...] = ("full", "small")


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory) -> dict[Scale, tuple[Programme, Books]]:
    programmes = {
        scale: write_programme(tmp_path_factory.mktemp(scale), today=TODAY, now=NOW, scale=scale) for scale in SCALES
    }
    return {scale: (programme, expected(programme.folder)) for scale, programme in programmes.items()}


@pytest.fixture(params=SCALES)
def demo(request: pytest.FixtureRequest, demos: dict[Scale, tuple[Programme, Books]]) -> tuple[Programme, Books]:
    scale: Scale = request.param
    return demos[scale]


@pytest.fixture
def small(tmp_path: Path) -> Programme:
    return write_programme(tmp_path, today=TODAY, now=NOW, scale="small")


def distinct(path: Path, name: str) -> dict[str, Books]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {line["id"]: line for line in lines if line["type"] == f"rollcall.{name}.v1"}


def append(path: Path, line: Books) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def test_the_books_of_the_full_demo(demos: dict[Scale, tuple[Programme, Books]]) -> None:
    _, books = demos["full"]
    assert books["towns"]["known"] == 66
    assert books["towns"]["qualified"] == {"1": 54, "2": 29}
    assert books["towns"]["outcomes"]["1/reserve"] == 12
    assert books["people"] == 1800
    assert books["sessions"]["total"] == 270
    assert books["sessions"]["by_kind_and_state"]["in_depth/scheduled"] > 40


def test_every_published_line_is_counted(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    assert sum(books["events"].values()) == sum(programme.counts[path.name] for path in programme.files)
    assert sum(books["distinct_events"].values()) < sum(books["events"].values())


def test_every_request_has_one_outcome_and_every_outcome_occurs(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    asked = distinct(programme.folder / "06-requests.jsonl", "EnrolmentRequested")
    assert sum(books["requests"].values()) == len(asked)
    assert all(books["requests"].values())
    assert books["requests"]["held"] == 3
    assert sum(books["refusals"].values()) == books["requests"]["refused"]
    assert books["refusals"].keys() == {"already_placed", "not_in_team", "session_cancelled", "town_not_qualified"}


def test_places_add_up_and_no_training_is_oversold(demo: tuple[Programme, Books]) -> None:
    _, books = demo
    places = books["places"]
    for name in ("enrolled", "waitlisted"):
        assert places[name] == sum(session[name] for session in places["by_session"].values())
    for session in places["by_session"].values():
        assert session["enrolled"] <= session["capacity"]
        assert session["waitlisted"] == 0 or session["enrolled"] == session["capacity"]


def test_the_examples_of_the_story_show_what_they_promise(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    story, places = programme.story, books["places"]["by_session"]
    assert places[story.tight_session_id]["waitlisted"] > 0
    assert places[story.oversubscribed_session_id]["waitlisted"] > 0
    assert places[story.late_session_id]["enrolled"] > 0
    assert story.cancelled_session_id not in places
    assert story.person_id in books["told"]["people"][story.next_session_id]
    assert places[story.session_id]["waitlisted"] == 0


def test_attendance_accounts_for_every_place_at_every_closed_meeting(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    attendance = books["attendance"]
    counted = attendance["present"] + attendance["absent"] + attendance["not_recorded"]
    assert counted == attendance["places_times_meetings"]
    (today,) = attendance["today"].values()
    assert today["present"] + today["absent"] == books["places"]["by_session"][programme.story.session_id]["enrolled"]
    assert today["absent"] > 0


def test_everyone_with_a_place_ahead_is_told_or_has_no_address(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    told = books["told"]
    ahead = books["places"]["enrolled"] - books["places"]["by_session"][programme.story.session_id]["enrolled"]
    assert told["confirmed"] + told["without_address"] == ahead
    assert told["without_address"] > 0
    assert told["begun_by_session"].keys() == {programme.story.session_id}
    for session_id, people in told["people"].items():
        assert len(people) == told["confirmed_by_session"][session_id]


def test_the_books_do_not_depend_on_the_order_of_lines_between_aggregates(small: Programme) -> None:
    before = expected(small.folder)
    for path in small.files:
        lines = path.read_text(encoding="utf-8").splitlines()
        lines.sort(key=lambda line: str(json.loads(line)["subject"]))  # Keeps the order within each aggregate.
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    assert expected(small.folder) == before


def test_mine_is_not_part_of_the_books(small: Programme) -> None:
    before = expected(small.folder)
    small.mine.unlink()
    assert expected(small.folder) == before


def test_a_request_for_a_training_cancelled_later_is_not_guessed(small: Programme) -> None:
    line = next(iter(distinct(small.folder / "06-requests.jsonl", "EnrolmentRequested").values()))
    line["data"]["session_id"] = small.story.cancelled_session_id
    line["id"] = "another"
    append(small.folder / "06-requests.jsonl", line)
    with pytest.raises(Unpredictable):
        expected(small.folder)


def test_a_waiting_list_with_someone_without_address_is_not_guessed(small: Programme) -> None:
    contacts = small.folder / "02-people.jsonl"
    lines = contacts.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if "ContactRegistered" not in line]
    contacts.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    with pytest.raises(Unpredictable, match="no address"):
        expected(small.folder)


def test_the_command_prints_the_books_as_json(small: Programme, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(small.folder)]) == 0
    printed = json.loads(capsys.readouterr().out)
    books = expected(small.folder)
    del books["told"]["people"]
    assert printed == books
    assert main([]) == 2


@pytest.mark.parametrize("module", [oracle, heard])
def test_the_oracle_shares_no_code_with_what_it_judges(module: ModuleType) -> None:
    imported = [
        line.split()[1] for line in inspect.getsource(module).splitlines() if line.startswith(("import ", "from "))
    ]
    assert {name for name in imported if name.startswith(("services", "shared", "deploy"))} <= {"demo.heard"}
