"""The demo for real: Kafka, Postgres, inbox, three services; everything balances, and nothing is published twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rollcall.folder import DEFAULT_PORTS

pytestmark = pytest.mark.long


def demo(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    free = [part for name in DEFAULT_PORTS for part in (f"--{name}-port", "0")]
    command = [sys.executable, "-m", "rollcall.main", "demo", "--once", "--scale", "small", "--folder", str(folder)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")} | settings
    return subprocess.run(
        [*command, *free, *options], check=False, capture_output=True, text=True, timeout=600, env=env
    )


def test_the_small_demo_balances_and_a_second_run_publishes_nothing_again(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    first = demo(folder, "--again")
    assert first.returncode == 0, first.stderr
    summary = json.loads((folder / "demo-summary.json").read_text("utf-8"))
    assert summary["balanced"] and summary["again"]["changed"] == []
    assert all(line["agrees"] for line in summary["compared"])
    assert '"event": "started"' in (folder / "logs" / "attendance.log").read_text("utf-8")
    settings = {"ROLLCALL_LOG_LEVEL": "WARNING", "ROLLCALL_KAFKA": "elsewhere:9092"}
    second = demo(folder, "--summary", str(tmp_path / "second.json"), **settings)
    assert second.returncode == 0, second.stderr
    assert '"event": "started"' not in (folder / "logs" / "attendance.log").read_text("utf-8")
    assert "ROLLCALL_KAFKA is set and not used: what is started here has its own.\n" in second.stderr
    assert "what was published is not published again" in second.stderr
    again = json.loads((tmp_path / "second.json").read_text("utf-8"))
    assert again["inbox"] == summary["inbox"]
    assert not json.loads((folder / "running.json").read_text("utf-8"))["children"]["enrolment"]["identity"]
