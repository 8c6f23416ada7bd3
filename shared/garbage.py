"""How seldom the garbage collector looks, wherever events come and go by the thousand (decision 0008)."""

from __future__ import annotations

import gc


def look_seldom() -> None:
    """Once, when everything that lives as long as the process has been made."""
    gc.collect()
    gc.freeze()  # Without this the collector walks every decoded batch: decoding costs 3.3 instead of 1.3 µs a fact.
    # Two batches in flight are 50,000 objects, and none of them makes a cycle: each look at them takes 25 ms.
    gc.set_threshold(500_000, 50, 50)
