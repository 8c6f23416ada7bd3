"""Servers started for a test end with it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.embedded.inbox_server import Inbox
from deploy.embedded.ports import choose_free


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    server = Inbox(tmp_path / "mail", choose_free(), choose_free())
    server.start()
    yield server
    server.stop()
