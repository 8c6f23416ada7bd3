"""How a person types our command where they stand. Every sentence that names a command asks here, and nobody else decides it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

USUAL_FOLDER = Path("data")


def typed(words: str = "", folder: Path | None = None) -> str:
    """The command with these words, and with --folder unless it is the usual one."""
    where = folder_typed(folder) if folder is not None else ""
    return " ".join(filter(None, (rollcall(), words, f"--folder {where}" if where else "")))


def rollcall() -> str:
    """`rollcall` where the person's own shell finds this very one; else the path to it, from here if it lies below."""
    beside = Path(sys.executable).with_name("rollcall")
    if not beside.exists():
        return "rollcall"
    found = shutil.which("rollcall", path=os.pathsep.join(_path_of_the_person(beside.parent)))
    return "rollcall" if found is not None and Path(found).samefile(beside) else _short(beside)


def folder_typed(folder: Path) -> str:
    """What stands behind --folder; nothing where nothing needs to."""
    return "" if folder.absolute() == USUAL_FOLDER.absolute() else _short(folder.absolute())


def _path_of_the_person(ours: Path) -> list[str]:
    """PATH without what `uv run` (and so `make`) puts before it: in the next terminal it is not there."""
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    depth = os.environ.get("UV_RUN_RECURSION_DEPTH", "0")
    for _ in range(int(depth) if depth.isdecimal() else 0):
        if path and path[0] == os.fspath(ours):
            path = path[1:]
    return path


def _short(path: Path) -> str:
    try:
        return shlex.quote(os.fspath(path.relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(os.fspath(path))
