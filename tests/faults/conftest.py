"""Shows the crash points with what became of them at the end of a run."""

from __future__ import annotations

import pytest

from tests.faults.lineage import TABLES


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for app, table in config.stash.get(TABLES, {}).items():
        terminalreporter.section(f"crash points of {app}")
        terminalreporter.write_line(table)
