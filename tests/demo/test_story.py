"""The story: which lines are told first, so that one town's day can be seen before the load."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from demo.days import local
from demo.programme import write_programme
from demo.story import called_scenes, scenes

NOW = dt.datetime(2026, 11, 23, 9, 0, tzinfo=dt.UTC)


def test_the_story_has_all_that_one_town_needs_and_nothing_of_others(tmp_path: Path) -> None:
    programme = write_programme(tmp_path, today=local(NOW).date(), now=NOW, scale="small")
    known, qualified, scanned = scenes(programme)
    lines = {
        name: (tmp_path / name).read_text("utf-8").split("\n") for name in ("01-programme.jsonl", "08-scans.jsonl")
    }
    assert {json.loads(lines[file][number])["data"]["city_id"] for file, number in qualified.lines} == {
        programme.story.town_id
    }
    assert len(scanned.lines) == programme.counts["08-scans.jsonl"]
    said = [*known.lines, *qualified.lines, *scanned.lines]
    assert len(said) == len(set(said))
    sessions = [number for file, number in known.lines if file == "04-sessions.jsonl"]
    assert len(sessions) == 1


def test_the_in_depth_training_is_told_from_its_draft_to_an_answer_in_the_order_of_its_files(tmp_path: Path) -> None:
    programme = write_programme(tmp_path, today=local(NOW).date(), now=NOW, scale="small")
    told = called_scenes(programme)
    assert [scene.name for scene in told] == [
        "drafted",
        "called",
        "nominated",
        "offered",
        "accepted",
        "substituted",
        "refused",
    ]
    assert all(scene.lines for scene in told)
    said = [line for scene in (*scenes(programme), *told) for line in scene.lines]
    assert len(said) == len(set(said))
    asked = [line for scene in told[2:] for line in scene.lines]
    assert asked == sorted(asked)  # The oracle goes through the files in this order.
    about = [
        (path.name, number)
        for path in programme.files
        for number, line in enumerate(path.read_text("utf-8").splitlines())
        if json.loads(line)["data"].get("session_id") == programme.story.called_session_id
    ]
    assert set(about) <= set(said)
