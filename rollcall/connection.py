"""Where a command finds the system: what the environment says wins over what the folder knows. The only reader of either."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.embedded.ports import LOOPBACK
from rollcall.folder import OPERATOR, Folder, Run
from rollcall.terminal import Refusal
from rollcall.typed import typed
from services import SERVICES
from shared.connecting import kafka_client


@dataclass(frozen=True, slots=True)
class Connection:
    """A system to talk to, whoever started it."""

    kafka: dict[str, Any]
    """What Kafka clients are given."""
    urls: dict[str, str]
    """The services' HTTP by name."""
    inbox: str | None
    token: str | None
    run: Run | None
    """Set when the system runs from the folder."""
    folder: Folder

    @property
    def headers(self) -> dict[str, str]:
        """Who asks."""
        if self.token is None:
            raise Refusal(
                "A token is needed: set ROLLCALL_TOKEN, or name the folder of a running system with --folder."
            )
        if not (self.token.isascii() and self.token.isprintable()):
            raise Refusal("ROLLCALL_TOKEN is no token: one has letters, digits, `_` and `-` only.")
        return {"Authorization": f"Bearer {self.token}"}


def connection_of_folder(path: Path) -> Connection:
    """The system that runs in the folder, whatever the environment names: what was started here is spoken to."""
    return connection(path, lambda _name: None)


def connection(path: Path, environment: Callable[[str], str | None] = os.environ.get) -> Connection:
    """The system that the environment names, and for what it does not name the one of the folder.

    Refused when neither names one: then nothing runs.
    """

    def said(name: str) -> str | None:
        return _said(name, environment)

    folder = Folder(path)
    run = folder.run() if folder.is_made() else None
    ports = folder.ports if run is not None else {}
    named = {name for name in ("KAFKA", "TOKEN", *(f"{one.variable}_URL" for one in SERVICES.values())) if said(name)}
    if run is None and not named:
        folder.require_run()
    kafka = said("KAFKA") or (f"{LOOPBACK}:{ports['kafka']}" if ports else f"{LOOPBACK}:9092")
    client = kafka_client(kafka, said("KAFKA_USER"), said("KAFKA_PASSWORD"))
    urls = {
        name: (said(f"{one.variable}_URL") or "").rstrip("/") or _url(ports, name) or f"http://{LOOPBACK}:{one.port}"
        for name, one in SERVICES.items()
    }
    token = said("TOKEN") or (folder.secret(OPERATOR) if run is not None else None)
    return Connection(client, urls, said("INBOX_URL") or _url(ports, "inbox"), token, run, folder)


def database(path: Path, service: str) -> str:
    """Where the service's database is: ROLLCALL_ENROLMENT_DATABASE_URL and so on, or the folder's."""
    said = _said(f"{service.upper()}_DATABASE_URL")
    if said:
        return async_url(said)
    folder = Folder(path)
    if folder.is_made():
        from deploy.embedded.postgres import Postgres

        folder.require_run()
        postgres = Postgres(folder.path / "postgres", folder.ports["postgres"])
        role = SERVICES[service].role
        return async_url(postgres.dsn(role, role, folder.secret(f"{service}.password")))
    raise Refusal(
        f"Where is the database? Set ROLLCALL_{service.upper()}_DATABASE_URL, or start one with `{typed('up')}`."
    )


def async_url(dsn: str) -> str:
    """The address of a database as SQLAlchemy's asyncpg dialect takes it."""
    return "postgresql+asyncpg://" + dsn.partition("://")[2]


def _url(ports: dict[str, int], name: str) -> str | None:
    return f"http://{LOOPBACK}:{ports[name]}" if name in ports else None


def _said(name: str, read: Callable[[str], str | None] = os.environ.get) -> str | None:
    """A setting from the environment; secrets also from the file that `…_FILE` names."""
    file = read(f"ROLLCALL_{name}_FILE")
    if file:
        try:
            return Path(file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise Refusal(f"ROLLCALL_{name}_FILE names {file}, which cannot be read: {why}.") from error
    return read(f"ROLLCALL_{name}") or None
