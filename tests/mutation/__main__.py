"""Switches off one mechanism at a time, in a copy of the project, and shows which test goes red. Each must: `make mutation`.

A mechanism whose absence no test notices is either not needed or not held. Prints a table; exit code 0 only if every one is noticed.
`python -m tests.mutation WORDS` tries only those whose name or file holds the words; `--jobs 2` two at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from tests.mutation.running import attempt
from tests.mutation.table import MUTATIONS


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs every mutation and prints what noticed it."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation")
    parser.add_argument("words", nargs="*", help="only mechanisms whose name or file holds these words")
    parser.add_argument(
        "--jobs", type=int, default=1, help="how many at once, each with a Kafka and a Postgres of its own"
    )
    asked = parser.parse_args(arguments)
    words = " ".join(asked.words)
    mutations = [one for one in MUTATIONS if words in one.mechanism or words in one.file]
    held = 0
    with ThreadPoolExecutor(asked.jobs) as pool:
        for done in as_completed([pool.submit(attempt, one) for one in mutations]):
            held += bool(done.result().red)
            print(done.result(), flush=True)
    print(f"{held} of {len(mutations)} mechanisms are held by a test")
    return 0 if mutations and held == len(mutations) else 1


if __name__ == "__main__":
    sys.exit(main())
