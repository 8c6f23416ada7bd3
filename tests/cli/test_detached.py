"""`up --detach`: what a person is told when their terminal is given back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from deploy.embedded.processes import Identity
from rollcall import running
from rollcall.folder import DEFAULT_PORTS, Folder, Run


def test_whoever_gets_the_terminal_back_knows_the_addresses_the_folder_and_how_to_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Folder(tmp_path / "data")

    class Started:
        """The supervisor, up at once."""

        pid = os.getpid()

        def __init__(self, *_: Any, **__: Any) -> None:
            own = Identity.of(self.pid)
            assert own is not None
            folder.remember_ports(DEFAULT_PORTS | {"origin": 9999})
            folder.write_run(Run(own, "running"))

        def poll(self) -> None:
            """It runs."""

    monkeypatch.setattr(running.subprocess, "Popen", Started)
    monkeypatch.setattr(running, "typed", lambda words, where: f"rollcall {words} --folder {where}")
    with running.err.capture() as said:
        running.detached(folder)
    for words in (
        "http://127.0.0.1:9999/",
        "http://127.0.0.1:8025/",
        "127.0.0.1:9092",
        str(folder.path),
        f"rollcall status --folder {folder.path}",
        f"rollcall down --folder {folder.path}",
    ):
        assert words in said.get()
