"""The data folder: which files hold what. `system.json` is for ever, `running.json` for one run, `wanted.json` for operators.

Secrets are kept for their owner alone. Every file is replaced as a whole, so that a reader never finds half of one.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from deploy.embedded.processes import Identity
from rollcall.terminal import Refusal
from rollcall.typed import typed
from services import SERVICES

T = TypeVar("T")

OPERATOR = "operator.token"
"""The secret with which commands ask the services of the folder."""
_GIVEN = "settings.json"
DEFAULT_PORTS = {
    "kafka": 9092,
    "postgres": 55432,
    "smtp": 1025,
    "inbox": 8025,
    **{name: one.port for name, one in SERVICES.items()},
    "origin": 8080,
}


@dataclass(frozen=True, slots=True)
class Child:
    """One process under supervision, as other terminals see it."""

    state: str
    """starting, running, waiting (to be started again), stopping, stopped"""
    identity: Identity | None = None
    restarts: int = 0
    last_exit: int | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the system: who supervises it, and what it supervises."""

    supervisor: Identity
    phase: str
    """starting, running, stopping"""
    children: dict[str, Child] = field(default_factory=dict)


class Folder:
    """Everything that one system keeps, in one place."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.logs = self.path / "logs"
        self.programme = self.path / "programme"
        self.lock = self.path / "rollcall.lock"
        self._system = self.path / "system.json"
        self._running = self.path / "running.json"
        self._wanted = self.path / "wanted.json"
        self._published = self.path / "published.json"
        self._secrets = self.path / "secrets"

    # --- what stays -----------------------------------------------------------------------

    def is_made(self) -> bool:
        """Whether a system was ever started here."""
        return self._system.is_file()

    def make(self, now: dt.datetime) -> None:
        """Makes the folder ours. One that holds other things is refused, so that nothing of theirs is touched."""
        if self.is_made():
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            others = [
                entry.name for entry in self.path.iterdir() if not entry.name.startswith(".") and entry != self.lock
            ]
            if others:
                raise Refusal(
                    f"{self.path} holds other files ({', '.join(sorted(others)[:3])}): choose an empty folder with --folder."
                )
            self._write(self._system, {"live_since": now.isoformat(), "ports": {}})
        except OSError as error:
            raise Refusal(f"The folder {self.path} cannot be used: {error.strerror}.") from error

    @property
    def live_since(self) -> dt.datetime:
        """When the system was first started: what lies before is history, which nobody is mailed about."""
        return self._read(self._system, lambda said: dt.datetime.fromisoformat(said["live_since"]))

    @property
    def ports(self) -> dict[str, int]:
        """The ports of the last start."""
        return self._read(self._system, lambda said: {name: int(port) for name, port in said["ports"].items()})

    def remember_ports(self, ports: dict[str, int]) -> None:
        self._write(self._system, {**self._read(self._system, dict), "ports": ports})

    # --- secrets --------------------------------------------------------------------------

    def secret(self, name: str, made: str | None = None) -> str:
        """A secret of this folder; made at random the first time, or the one given."""
        file = self.secret_file(name)
        if not file.is_file() or not file.stat().st_size:  # An empty one was begun on a disk that was full.
            return self.another_secret(name, made or secrets.token_urlsafe(24))
        return file.read_text("ascii").strip()

    def another_secret(self, name: str, made: str) -> str:
        """Puts this one in the place of the one before, if there was any."""
        file = self.secret_file(name)
        self._secrets.mkdir(mode=0o700, exist_ok=True)
        fresh = file.with_suffix(".new")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as opened:
            opened.write(made)
        fresh.replace(file)
        return made

    def secret_file(self, name: str) -> Path:
        return self._secrets / name

    # --- what one run was told ------------------------------------------------------------

    def remember_given(self, settings: dict[str, str]) -> None:
        """The caller's own settings of this run, passwords among them."""
        file = self.secret_file(_GIVEN)
        file.parent.mkdir(mode=0o700, exist_ok=True)
        self._write(file, settings)

    def given(self) -> dict[str, str]:
        """What the services of the last run were told by whoever started it."""
        file = self.secret_file(_GIVEN)
        if not file.is_file():
            return {}
        return self._read(file, lambda said: {name: str(value) for name, value in said.items()})

    # --- one run --------------------------------------------------------------------------

    def run(self) -> Run | None:
        """The run whose supervisor is alive; None when nothing runs here."""
        run = self.last_run()
        return run if run is not None and run.supervisor.is_running() else None

    def last_run(self) -> Run | None:
        """The last run, whether or not it is over."""
        if not self._running.is_file():
            return None
        return self._read(self._running, _run_of)

    def write_run(self, run: Run) -> None:
        self._write(self._running, asdict(run))

    def require_run(self) -> Run:
        """The run, or a sentence that says how to start one."""
        run = self.run()
        if run is None:
            raise Refusal(
                f"Nothing runs in {self.path}: start it with `{typed('up', self.path)}`, or name another folder with --folder."
            )
        return run

    # --- what operators want --------------------------------------------------------------

    def stopped_services(self) -> set[str]:
        """The services that an operator wants to be away."""
        return self._read(self._wanted, lambda said: set(said["stopped"])) if self._wanted.is_file() else set()

    def want(self, service: str, *, stopped: bool) -> None:
        before = self.stopped_services()
        self._write(self._wanted, {"stopped": sorted(before | {service} if stopped else before - {service})})

    def want_everything(self) -> None:
        """A new start starts all of it, whatever was stopped in the run before."""
        self._write(self._wanted, {"stopped": []})

    # --- what the demo has published ------------------------------------------------------

    def published(self) -> dict[str, Any]:
        return self._read(self._published, dict) if self._published.is_file() else {}

    def remember_published(self, published: dict[str, Any]) -> None:
        self._write(self._published, published)

    # --- files ----------------------------------------------------------------------------

    def _read(self, file: Path, take: Callable[[Any], T]) -> T:
        """What is taken from a file of ours. Also one that somebody else wrote there is one sentence."""
        try:
            return take(json.loads(file.read_text("utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = f"{type(error).__name__}: {error}" if isinstance(error, KeyError) else error
            raise Refusal(f"{file} cannot be read ({why}): put it back, or start with another folder.") from error

    def _write(self, file: Path, content: dict[str, Any]) -> None:
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
        fresh.replace(file)


def _run_of(said: Any) -> Run:
    children = {
        name: Child(**(child | {"identity": child["identity"] and Identity(**child["identity"])}))
        for name, child in said["children"].items()
    }
    return Run(Identity(**said["supervisor"]), said["phase"], children)
