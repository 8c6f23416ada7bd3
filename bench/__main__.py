"""`make bench`: every case, round by round, then one table."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import platform
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.measuring import Figures
from bench.surroundings import servers

CASES = (
    "work",
    "facts",
    "deciding",
    "race",
    "latency",
    "mail",
    "rebuild",
    "memory",
    "starting",
    "guarantees",
    "report",
    "documents",
    "check_in",
)


def table(title: str, figures: list[Figures]) -> Table:
    """Medians with min–max, the ratio to the first contender, and what it cost."""
    shown = Table(title=title, title_justify="left", header_style="bold")
    for column in ("contender", "per second", "min – max", "ratio", "CPU s", "Postgres", "Kafka", "peak MiB", "goal"):
        shown.add_column(column, justify="left" if column in ("contender", "goal") else "right", overflow="fold")
    for one in figures:
        speeds = sorted(run.per_second for run in one.runs)
        more = "".join(f"\n{name} {value:,.1f}" for name, value in one.more().items())
        shown.add_row(
            f"{one.name}\n[dim]{one.what}[/dim]{more}",
            f"{one.median:,.0f}",
            f"{speeds[0]:,.0f} – {speeds[-1]:,.0f}",
            f"{figures[0].median / one.median:.2f}",
            f"{one.middle(lambda run: run.cpu_seconds):.1f}",
            f"{one.middle(lambda run: run.postgres_cpu_seconds):.1f}",
            f"{one.middle(lambda run: run.kafka_cpu_seconds):.1f}",
            f"{one.middle(lambda run: run.peak_mib):,.0f}",
            one.goal,
        )
    return shown


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("cases", nargs="*", help=f"all by default: {', '.join(CASES)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0, help="part of the events; 0.1 for a quick look")
    parser.add_argument("--json", type=Path, help="also write every run's figures here")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    logging.getLogger("aiokafka").setLevel(
        logging.CRITICAL
    )  # A topic just made has no leader for a moment: it retries.
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {options.rounds} rounds, scale {options.scale}"
    )
    told = {}
    for case in options.cases or CASES:
        module = importlib.import_module(f"bench.cases.{case}")
        with servers() as both:
            figures = module.run(both, options.rounds, options.scale)
        told[case] = [one.told() for one in figures]
        console.print(table((module.__doc__ or "").strip().partition("\n")[0], figures))
    if options.json:
        options.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
