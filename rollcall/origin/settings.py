"""What the origin is told. The only file here that reads the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, PositiveInt, SecretStr

from services import SERVICES
from shared.settings import Settings


class OriginSettings(Settings):
    """Where everybody is, and what the page may show."""

    port: int = 8080
    database_url: SecretStr = SecretStr("")
    """It has none."""
    services: dict[str, str] = Field(
        default_factory=lambda: {name: f"http://127.0.0.1:{one.port}" for name, one in SERVICES.items()}
    )
    """Where each of them answers (`ROLLCALL_SERVICES__ATTENDANCE`)."""
    inbox_url: str | None = None
    """Where a person opens the mails; none: the page has no links to them."""
    token: SecretStr | None = None
    """For the page alone, and for reading only: what passes through brings its own."""
    programme: Path | None = None
    """The folder with the programme that the demo publishes; none: the page tells no story."""
    command: str = "rollcall"
    """How a person runs the command line here."""
    command_folder: str = ""
    """What they add to it when the folder is not the usual one."""
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost", "[::1]")
    """The names it answers to: another page in the same browser cannot borrow one (DNS rebinding)."""
    forward_limit_bytes: PositiveInt = 30_000_000
    """How large a body may be each service says in its own words; this is more than the largest."""
    forward_seconds: float = 30.0
    look_seconds: float = 0.7
    """How often the page's numbers are looked up while somebody watches."""
