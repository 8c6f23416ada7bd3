"""How a person types our command: the words that work in the shell they have, and not in the one that started us."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from rollcall.typed import rollcall, typed


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the command in its own environment, where the person stands."""
    there = tmp_path / ".venv" / "bin"
    there.mkdir(parents=True)
    (there / "rollcall").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(there / "python"))
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.delenv("UV_RUN_RECURSION_DEPTH", raising=False)
    monkeypatch.chdir(tmp_path)
    return there


def test_where_the_shell_does_not_find_it_the_path_is_said(installed: Path) -> None:
    assert rollcall() == ".venv/bin/rollcall"


def test_where_the_shell_finds_it_the_name_is_enough(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{installed}{os.pathsep}/usr/bin")
    assert rollcall() == "rollcall"


def test_what_uv_run_puts_on_the_path_is_not_there_in_the_next_terminal(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_RUN_RECURSION_DEPTH", "1")
    monkeypatch.setenv("PATH", f"{installed}{os.pathsep}/usr/bin")
    assert rollcall() == ".venv/bin/rollcall"
    monkeypatch.setenv("PATH", f"{installed}{os.pathsep}{installed}{os.pathsep}/usr/bin")  # active before `make`, too
    assert rollcall() == "rollcall"


def test_another_command_of_the_same_name_is_not_ours(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "rollcall").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    assert rollcall() == ".venv/bin/rollcall"


def test_from_elsewhere_the_whole_path_is_said(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (installed / "elsewhere").mkdir()
    monkeypatch.chdir(installed / "elsewhere")
    assert rollcall() == str(installed / "rollcall")


def test_a_folder_is_named_unless_it_is_the_usual_one(installed: Path, tmp_path: Path) -> None:
    assert typed("status", Path("data")) == ".venv/bin/rollcall status"
    assert typed("status", tmp_path / "data") == ".venv/bin/rollcall status"
    assert typed("down", Path("my town")) == ".venv/bin/rollcall down --folder 'my town'"
