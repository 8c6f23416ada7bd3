"""The story: which lines are told first, so that one town's day can be seen before the load."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

from demo.days import local
from demo.programme import write_programme
from demo.story import scenes

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
