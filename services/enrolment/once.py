"""What follows from a few rows alone is worked out once for all who ask while these stand: most of a batch is about few sessions. Pure."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

Rows = TypeVarTuple("Rows")
T = TypeVar("T")
MOST = 1000
"""Answers that are remembered of one question. A transaction is about fewer sessions, and the next one has rows of its own."""


def of_these_rows(work_out: Callable[[*Rows], T]) -> Callable[[*Rows], T]:
    """Remembers what came of rows, by which they are and not by what they say: comparing them would take as long as working it out. Nobody
    changes a row, and whoever is remembered stays, so that nothing else gets its identity."""
    known: dict[tuple[int, ...], tuple[tuple[*Rows], T]] = {}

    @functools.wraps(work_out)
    def once(*rows: *Rows) -> T:
        which = tuple(map(id, rows))
        found = known.get(which)
        if found is None:
            if len(known) >= MOST:
                known.clear()
            found = known[which] = rows, work_out(*rows)
        return found[1]

    return once
