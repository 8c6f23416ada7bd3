"""What a command loads: nothing that it does not need. Everything waits for an import."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

# What takes long to load. (pydantic too, but typer itself loads that to look at parameters.)
HEAVY = {
    "asyncio",
    "sqlalchemy",
    "alembic",
    "aiokafka",
    "faststream",
    "fastapi",
    "httpx",
    "asyncpg",
    "psutil",
    "icalendar",
}


def loaded(*arguments: str) -> set[str]:
    """The libraries that are loaded once the command has run."""
    code = f"""
import sys
sys.argv = ["rollcall", *{list(arguments)!r}]
from rollcall.main import app
try:
    app(prog_name="rollcall")
except SystemExit:
    pass
print("loaded:", *{{name.partition(".")[0] for name in sys.modules}})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=180)
    return set(done.stdout.rpartition("loaded:")[2].split())


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *([name, "--help"] for name in ("demo", "status", "rebuild"))],
    ids=" ".join,
)
def test_help_loads_no_engine(arguments: list[str]) -> None:
    assert not loaded(*arguments) & HEAVY


def test_completion_loads_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("rollcall st", "rollcall status --"):
        monkeypatch.setenv("_ROLLCALL_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
        assert not loaded() & HEAVY


def test_publishing_and_looking_need_no_database_library() -> None:
    needs_none = {"sqlalchemy", "alembic", "asyncpg", "faststream", "fastapi", "httpx"}
    code = "import sys, rollcall.publishing, rollcall.looking, rollcall.showing; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=180)
    assert not {name.partition(".")[0] for name in done.stdout.split()} & needs_none
