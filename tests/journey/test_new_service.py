"""A fourth service, made from docs/new-service.md word for word, beside the other three on a real Kafka and a real Postgres."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from rollcall.folder import DEFAULT_PORTS

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "new-service.md").read_text("utf-8")
MOST_EDITS = 9
_HEADING = re.compile(r"\*\*(\d+)\. `([^`]+)`\*\*")
_BELOW = re.compile(r"below `([^`]+)`")


@dataclass(frozen=True, slots=True)
class Edit:
    """A file to write, or something to add to one."""

    step: int
    file: str
    below: str | None
    text: str


def edits_of(page: str) -> Iterator[Edit]:
    """Every block of code on the page, with the file it belongs to and the line it stands below."""
    step, file, below, code = 0, "", None, list[str]()
    is_code = False
    for line in page.splitlines(keepends=True):
        if is_code and line == "```\n":
            yield Edit(step, file, below, "".join(code))
            is_code, below, code = False, None, []
        elif is_code:
            code.append(line)
        elif line in ("```python\n", "```text\n"):
            is_code = True
        else:
            if heading := _HEADING.match(line):
                step, file = int(heading[1]), heading[2]
            if anchor := _BELOW.search(line):
                below = anchor[1]


EDITS = list(edits_of(PAGE))


def test_the_page_counts_its_steps_and_there_are_few() -> None:
    steps = list(dict.fromkeys((edit.step, edit.file) for edit in EDITS))
    assert [number for number, _ in steps] == list(range(1, MOST_EDITS + 1))
    assert len({file for _, file in steps}) == MOST_EDITS
    assert "Nine files to write or edit, one to leave empty, two commands." in PAGE


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of the project with one service more."""

    root: Path
    data: Path

    def run(self, *command: str, given: str | None = None, code: int = 0) -> str:
        env = {name: value for name, value in os.environ.items() if not name.startswith("ROLLCALL_")}
        env |= {"PYTHONPATH": str(self.root)}
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=self.root,
            env=env,
            input=given,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def rollcall(self, *words: str, given: str | None = None, code: int = 0) -> str:
        return self.run("rollcall.main", *words, "--folder", str(self.data), given=given, code=code)

    def lines(self, stream: str) -> list[dict[str, Any]]:
        said = self.rollcall("tail", stream, "--from-start", "--once", "--json")
        return [json.loads(line) for line in said.splitlines()]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    root = tmp_path_factory.mktemp("project")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    for edit in EDITS:
        file = root / edit.file
        if edit.below is None:
            assert not file.exists(), edit.file
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(edit.text, "utf-8")
        else:
            text = file.read_text("utf-8")
            assert f"\n{edit.below}\n" in text, edit
            file.write_text(text.replace(f"\n{edit.below}\n", f"\n{edit.below}\n{edit.text}"), "utf-8")
    (root / "services" / "demand" / "__init__.py").touch()
    made = Project(root, tmp_path_factory.mktemp("folder") / "data")
    made.run("shared.contracts.gate", "write")
    made.run("deploy.generated", "write")
    return made


@pytest.fixture(scope="module")
def running(project: Project) -> Iterator[Project]:
    free = [part for name in (*DEFAULT_PORTS, "demand") for part in (f"--{name}-port", "0")]
    project.rollcall("up", "--detach", *free)
    yield project
    project.rollcall("down")


def test_what_the_page_says_passes_the_checks(project: Project) -> None:
    project.run("shared.contracts.gate", "check")
    project.run("deploy.generated", "check")
    project.run("deploy.docker.example")
    project.run("ruff", "check", "services", "shared")
    project.run("ruff", "format", "--check", "services", "shared")
    project.run("mypy")
    (its_own,) = re.findall(r"```py\n(.*?)```", PAGE, re.DOTALL)
    (project.root / "tests" / "demand").mkdir()
    (project.root / "tests" / "demand" / "test_demand.py").write_text(its_own, "utf-8")
    tests = (
        "tests/demand",
        "tests/contracts",
        "tests/compose/test_registry.py",
        "tests/shared/test_migrations.py",
        "tests/compose/test_declared.py",
        "tests/cli/test_books.py",
        "tests/cli/test_looking.py",
    )
    assert " failed" not in project.run("pytest", "-q", "-p", "no:cacheprovider", *tests)


def test_the_fourth_service_may_do_what_it_declares_and_no_more(project: Project) -> None:
    code = """
from deploy.kafka.access import grants
for one in sorted(grants()):
    if one.user == "demand":
        print(one.operation.name, one.kind.name, one.name)
"""
    (project.root / "asking.py").write_text(code)
    assert project.run("asking").splitlines() == [
        "READ TOPIC demand.events",
        "READ TOPIC programme.needs",
        "READ TOPIC programme.rules",
        "READ GROUP demand",
        "WRITE TOPIC demand.events",
    ]


def need(people: int, version: int, state: str = "declared") -> str:
    data = {"need_id": "need-new", "city_id": "town-new", "topic": "climate", "level": "basic", "people": people}
    event = {"specversion": "1.0", "id": f"need-{version}", "source": "urn:example:survey", "aggregateversion": version}
    about = {"type": "rollcall.TrainingNeedDeclared.v1", "subject": "need/need-new", "time": "2026-11-23T12:00:00Z"}
    return json.dumps(event | about | {"datacontenttype": "application/json", "data": data | {"state": state}})


def test_the_fourth_service_hears_decides_and_says_beside_the_others(running: Project) -> None:
    running.rollcall("publish", "-", given=need(18, 1))
    standing = json.loads(running.rollcall("status", "--json", "--wait", "120"))
    assert [*standing["services"]][-1] == "demand" and standing["services"]["demand"]["ready"]
    assert standing["services"]["demand"]["books"]["streams"]["programme.needs"]["heard"] == 1
    assert [one["data"]["groups"] for one in running.lines("demand.events")] == [2]

    running.rollcall("stop", "demand")
    running.rollcall("publish", "-", given="\n".join([need(40, 2), need(40, 2), need(40, 3, "withdrawn")]))
    running.rollcall("start", "demand")
    running.rollcall("status", "--json", "--wait", "120")
    sizes = running.lines("demand.events")
    assert [one["data"]["groups"] for one in sizes] == [2, 3, 0]
    assert {one["source"] for one in sizes} == {"rollcall/demand"}

    origin = json.loads((running.data / "system.json").read_text())["ports"]["origin"]
    assert httpx.get(f"http://127.0.0.1:{origin}/demand/health/ready", timeout=30).json()["service"] == "demand"
    assert "✓ Every row is the same" in running.rollcall("rebuild", "demand", "--compare")
