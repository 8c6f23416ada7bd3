"""Facts about the demo's oracle: its sums add up, and it refuses to guess."""

from __future__ import annotations

import datetime as dt
import inspect
import json
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from demo import heard, oracle, replay, reported, thanked
from demo.heard import Unpredictable
from demo.oracle import expected, main
from demo.programme import Programme, write_programme
from demo.shape import Scale

Books = dict[str, Any]

TODAY = dt.date(2026, 11, 23)
NOW = dt.datetime(2026, 11, 23, 9, 17, 41, tzinfo=dt.UTC)
SCALES: tuple[Scale, ...] = ("full", "small")
pytestmark = pytest.mark.long  # The whole programme is written, read and counted.


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
    files = (programme.folder / name for name in ("06-requests.jsonl", "09-answers.jsonl"))
    asked = {number for file in files for number in distinct(file, "EnrolmentRequested")}
    assert sum(books["requests"].values()) == len(asked)
    assert all(count for outcome, count in books["requests"].items() if outcome != "offered")  # Those, towns named.
    assert books["requests"]["held"] == 3
    assert sum(books["refusals"].values()) == books["requests"]["refused"]
    assert books["refusals"].keys() == {
        "already_placed",
        "not_admitted",
        "not_by_oneself",
        "not_in_team",
        "not_open_yet",
        "session_cancelled",
        "town_not_qualified",
    }


def test_places_add_up_and_no_training_is_oversold(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    places = books["places"]
    for name in ("enrolled", "offered", "waitlisted"):
        assert places[name] == sum(session[name] for session in places["by_session"].values())
    for name, session in places["by_session"].items():
        taken = session["enrolled"] + session["offered"] - (name == programme.story.called_session_id)  # One is extra.
        assert taken <= session["capacity"]
        assert session["waitlisted"] == 0 or taken == session["capacity"]


def test_the_examples_of_the_story_show_what_they_promise(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    story, places = programme.story, books["places"]["by_session"]
    assert places[story.tight_session_id]["waitlisted"] > 0
    assert places[story.oversubscribed_session_id]["waitlisted"] > 0
    assert places[story.late_session_id]["enrolled"] > 0
    assert story.cancelled_session_id not in places
    assert story.person_id in books["told"]["people"][story.next_session_id]
    assert places[story.session_id]["waitlisted"] == 0


def test_called_trainings_show_everything_that_can_become_of_a_place(demo: tuple[Programme, Books]) -> None:
    _, books = demo
    called = books["called"]
    assert called["nominated"].keys() == {
        "already_placed",
        "does_not_fit",
        "enrolled",
        "not_of_town",
        "not_open_yet",
        "waitlisted",
    }
    assert all(called["offers"].values()) and called["substitutions"] and called["confirmed"] and called["at_risk"]
    ended = sum(called["offers"][name] for name in ("accepted", "declined", "expired"))
    assert called["offers"]["made"] - ended >= books["places"]["offered"] > 0
    for session_id, standing in called["standing"].items():
        counted = books["places"]["by_session"][session_id]
        assert {name: list(standing.values()).count(name) for name in ("enrolled", "offered", "waitlisted")} == {
            name: counted[name] for name in ("enrolled", "offered", "waitlisted")
        }


def test_the_full_demo_calls_all_54_towns(demos: dict[Scale, tuple[Programme, Books]]) -> None:
    _, books = demos["full"]
    assert books["called"]["sessions"] == 9
    assert books["called"]["calls"] == 7 * 54 + 3  # One is not open yet, the story's is for three.


def test_every_coordinator_of_a_called_town_is_told(demo: tuple[Programme, Books]) -> None:
    _, books = demo
    assert books["told"]["call"] >= books["called"]["calls"]
    assert books["told"]["nomination_answered"] >= books["called"]["nominations"]


def test_the_storys_training_ends_as_it_is_told(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    story = programme.story
    standing = books["called"]["standing"][story.called_session_id]
    assert books["places"]["by_session"][story.called_session_id]["enrolled"] == 6
    assert books["called"]["most_of_town"][story.called_session_id] == 2
    for person_id in (story.offered_person_id, story.substitute_person_id, story.extra_person_id):
        assert standing[person_id] == "enrolled"
    assert story.refused_person_id not in standing
    assert sorted(standing.values()) == ["enrolled"] * 6 + ["waitlisted"] + ["withdrawn"] * 2


def test_an_answer_that_was_never_sent_changes_the_books(small: Programme) -> None:
    before = expected(small.folder)
    path = small.folder / "09-answers.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines()
    declined = next(line for line in lines if '"answer":"decline"' in line)
    path.write_text("".join(f"{line}\n" for line in lines if line != declined), encoding="utf-8")
    after = expected(small.folder)
    assert after["called"]["offers"]["declined"] == before["called"]["offers"]["declined"] - 1
    assert after["called"]["standing"] != before["called"]["standing"]


def test_a_called_training_that_is_changed_is_not_guessed(small: Programme) -> None:
    path = small.folder / "04-sessions.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    line = next(line for line in lines if line["data"]["session_id"] == small.story.called_session_id)
    changed = {"type": "rollcall.SessionRescheduled.v1", "id": "another", "aggregateversion": "3"}
    append(path, line | changed)
    with pytest.raises(Unpredictable, match="is changed"):
        expected(small.folder)


def test_somebody_who_may_have_two_places_on_a_day_is_not_guessed(small: Programme) -> None:
    path = small.folder / "04-sessions.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    one, other = [line for line in lines if "nominations_until" in line["data"] and line["aggregateversion"] == "1"][:2]
    other["data"]["meetings"] = one["data"]["meetings"]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
    with pytest.raises(Unpredictable, match="two places"):
        expected(small.folder)


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


def order(line: str) -> str:
    """Another order of lines, that keeps the order within each aggregate, and that of what is asked about a session."""
    said = json.loads(line)
    is_asked = said["type"].split(".")[1] in heard.ASKED
    return str(said["data"]["session_id"] if is_asked else said["subject"])


def test_the_books_do_not_depend_on_the_order_of_lines_between_aggregates(small: Programme) -> None:
    before = expected(small.folder)
    for path in small.files:
        lines = path.read_text(encoding="utf-8").splitlines()
        lines.sort(key=order)
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


def test_reports_add_up_and_whoever_was_put_right_is_among_them(demo: tuple[Programme, Books]) -> None:
    programme, books = demo
    report, attendance = books["reported"], books["attendance"]
    for figure in ("present", "absent", "minutes"):
        assert report["total"][figure] == sum(one[figure] for one in report["by_town"].values())
    assert (report["total"]["present"], report["total"]["absent"]) == (attendance["present"], attendance["absent"])
    (today,) = attendance["today"].values()
    lists = [line["data"] for line in distinct(programme.folder / "05-history.jsonl", "AttendanceListClosed").values()]
    assert attendance["present"] == today["present"] + 1 + sum(one["present"] for one in lists)
    assert 0 < report["certificates"]["issued"] <= today["present"] + 1
    assert books["told"]["certificate"] <= report["certificates"]["issued"]


def test_the_archive_certifies_whoever_was_there_on_enough_days_and_leaves_no_gaps(
    demo: tuple[Programme, Books],
) -> None:
    programme, books = demo
    history = programme.folder / "05-history.jsonl"
    came = Counter(
        (line["data"]["session_id"], line["data"]["person_id"])
        for line in distinct(history, "ParticipantAttended").values()
    )
    lists = Counter(line["data"]["session_id"] for line in distinct(history, "AttendanceListClosed").values())
    certificates = [line["data"] for line in distinct(history, "CertificateIssued").values()]
    assert {(one["session_id"], one["person_id"]) for one in certificates} == {
        (session_id, person_id) for (session_id, person_id), days in came.items() if days >= 0.8 * lists[session_id]
    }
    assert len(certificates) == books["reported"]["certificates"]["archived"]
    for series in {one["series"] for one in certificates}:
        serials = sorted(one["serial"] for one in certificates if one["series"] == series)
        assert serials == list(range(1, len(serials) + 1))


def test_the_command_prints_the_books_as_json(small: Programme, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(small.folder)]) == 0
    printed = json.loads(capsys.readouterr().out)
    books = expected(small.folder)
    del books["told"]["people"], books["called"]["standing"], books["reported"]["by_town"]
    assert printed == books
    assert main([]) == 2


@pytest.mark.parametrize("module", [oracle, heard, replay, reported, thanked])
def test_the_oracle_shares_no_code_with_what_it_judges(module: ModuleType) -> None:
    imported = [
        line.split()[1] for line in inspect.getsource(module).splitlines() if line.startswith(("import ", "from "))
    ]
    assert {name for name in imported if name.startswith(("services", "shared", "deploy"))} <= {"demo.heard"}
