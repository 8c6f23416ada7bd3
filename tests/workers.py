"""How `make quick` and `make test` share the tests among processes: a file stays in one, and all that want a broker in the same one.

Each process has a Postgres of its own. A second broker would cost more than it gains, and those on one hear each other's events.
"""

from __future__ import annotations

from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling

KAFKA = "kafka"


def group(items: list[pytest.Item]) -> None:
    """The group of those that want a broker goes first, then what is long, then what wants a database: what comes last is short."""
    wanted: dict[Any, set[str]] = {}
    for item in items:
        wanted.setdefault(item.path, set()).update(
            getattr(item, "fixturenames", ()), (one.name for one in item.iter_markers())
        )
    for item in items:
        if KAFKA in wanted[item.path]:
            item.add_marker(pytest.mark.xdist_group(KAFKA))
    items.sort(key=lambda item: [what not in wanted[item.path] for what in (KAFKA, "long", "postgres")])


class ByFile(LoadGroupScheduling):
    """Groups are files, but for the one that is named."""

    def _split_scope(self, nodeid: str) -> str:
        return KAFKA if nodeid.endswith(f"@{KAFKA}") else nodeid.partition("::")[0]
