"""Child processes that are started again, with back-off, when they end by themselves. Knows nothing of what they do."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.embedded.processes import Identity, spawn
from rollcall.folder import Child

STOP_LIMIT_S = 25.0
BACKOFF_FIRST_S = 0.5
BACKOFF_MOST_S = 30.0
WORKED_AFTER_S = 60.0
"""A process that lived so long has worked: the next back-off begins small again."""


class Supervised:
    """One child: `tick` brings it a step nearer to what is wanted, and never waits."""

    def __init__(self, name: str, command: Sequence[str | Path], env: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.wanted = True
        self._command = command
        self._env = env
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: Identity | None = None
        self._started_at = self._start_at = self._kill_at = 0.0
        self._failures = 0
        self._stopping = False
        self._restarts = 0
        self._last_exit: int | None = None

    @property
    def seen(self) -> Child:
        """How it stands, for other terminals."""
        if self._process is not None:
            return Child("stopping" if self._stopping else "running", self._identity, self._restarts, self._last_exit)
        return Child("waiting" if self.wanted else "stopped", None, self._restarts, self._last_exit)

    def tick(self) -> str | None:
        """Looks, and does the next thing. Returns a sentence when it ended by itself."""
        now = time.monotonic()
        said = self._reap(now) if self._process is not None and self._process.poll() is not None else None
        if self._process is None:
            if self.wanted and now >= self._start_at:
                self._start(now)
        elif not self.wanted and not self._stopping:
            self._signal(signal.SIGTERM)
            self._stopping, self._kill_at = True, now + STOP_LIMIT_S
        elif self._stopping and now >= self._kill_at:
            self._signal(signal.SIGKILL)
        return said

    def _start(self, now: float) -> None:
        self._process = spawn(self._command, self._log, env=self._env)
        self._identity = Identity.of(self._process.pid)
        self._started_at = now
        self._stopping = False

    def _reap(self, now: float) -> str | None:
        assert self._process is not None
        self._last_exit = self._process.returncode
        self._process = self._identity = None
        asked, self._stopping = self._stopping, False
        if asked or not self.wanted:
            self._failures = 0
            self._start_at = now
            return None
        self._failures = 0 if now - self._started_at > WORKED_AFTER_S else self._failures
        pause_s = min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2**self._failures)
        self._failures += 1
        self._restarts += 1
        self._start_at = now + pause_s
        return f"{self.name} ended by itself (exit {self._last_exit}), see {self._log}; started again in {pause_s:g} s"

    def _signal(self, number: int) -> None:
        # By the process we started and have not reaped: its pid cannot be somebody else's.
        assert self._process is not None
        os.kill(self._process.pid, number)
