"""Shows the crash points with what became of them at the end of a run."""

from __future__ import annotations

import pytest

from tests.faults.lineage import TABLE


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    for name, told in dict(said for report in reports for said in report.user_properties).items():
        if name.startswith(TABLE):
            terminalreporter.section(name)
            terminalreporter.write_line(told)
