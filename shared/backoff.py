"""Waiting longer after each failure, and saying so once in a while instead of at every try."""

from __future__ import annotations

import asyncio
import random

import structlog

from shared.faults import told

log = structlog.get_logger()


def end_if_told() -> None:
    """Raises CancelledError in a task that was told to stop and goes on all the same.

    A connection that breaks while it is closed puts its own error in the place of that word, and a loop takes it for a fault that passes.
    So every loop that outlives faults asks, here or by its back-off.
    """
    if (task := asyncio.current_task()) is not None and task.cancelling():
        raise asyncio.CancelledError


class Backoff:
    """Doubles the wait with each failure, up to a limit, with jitter; one success sets it back."""

    def __init__(self, first_seconds: float, most_seconds: float) -> None:
        self._first = first_seconds
        self._most = most_seconds
        self._failures = 0

    def failed(self, error: BaseException, *, where: str) -> None:
        self._failures += 1
        if self._failures & (self._failures - 1) == 0:  # 1, 2, 4, 8, …: the log of a long outage stays readable.
            log.warning("will try again", where=where, failures=self._failures, error=told(error))

    def worked(self) -> None:
        self._failures = 0

    async def wait(self) -> None:
        """Waits as long as the failures so far ask for; not at all after a success. Ends a task that was told to stop."""
        end_if_told()
        if self._failures:
            seconds = min(self._most, self._first * 2 ** (self._failures - 1))
            await asyncio.sleep(seconds * random.uniform(0.5, 1.0))
