"""Tries a mechanism: in a copy of the project without it, which of its tests goes red?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutation import ROOT, Mutation

LIMIT_SECONDS = 900
"""For a machine on which others are at work: a mechanism without which a test hangs is held, but takes this long."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one mutation: the test that went red; or what it was instead."""

    mutation: Mutation
    red: str = ""
    instead: str = ""

    def __str__(self) -> str:
        word = "red " if self.red else "GREEN"
        return f"{word:5}  {self.mutation.mechanism:60} {self.red or self.instead}"


def attempt(mutation: Mutation) -> Outcome:
    """Runs its tests without the mechanism, up to the first that fails."""
    if why_not := mutation.why_not():
        return Outcome(mutation, instead=why_not)
    with tempfile.TemporaryDirectory(prefix="rollcall-mutation-") as folder:
        copy_project(Path(folder))
        mutation.switch_off(Path(folder))
        return _tested(mutation, Path(folder))


def copy_project(folder: Path) -> None:
    """What git knows or would take up, as it stands here."""
    listing = ["git", "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)


def _tested(mutation: Mutation, folder: Path) -> Outcome:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *mutation.tests]
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    try:
        run = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return Outcome(mutation, red=f"{mutation.tests[0]} (hangs)")
    for word, note in (("FAILED", ""), ("ERROR", " (before it began)")):
        for line in run.stdout.splitlines():
            if line.startswith(f"{word} tests/"):
                return Outcome(mutation, red=line.split()[1] + note)
    return Outcome(
        mutation, instead="no test noticed" if run.returncode == 0 else f"pytest ended with {run.returncode}"
    )
