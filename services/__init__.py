"""The services of Rollcall: the one list of them. Whoever has to know which there are, and where, asks here (docs/new-service.md).

What a service hears and says stands in its `app.py`, what it is told in its `settings.py`. Both are loaded only when somebody asks,
so that reading the list costs nothing. Files that are not Python are written from it (`make generated`).
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from shared.garbage import load_undisturbed

if TYPE_CHECKING:
    from shared.service import Service
    from shared.settings import Settings

load_undisturbed()  # Here, because a process of a service loads nothing before this file.


@dataclass(frozen=True, slots=True)
class Registered:
    """One service. Its name is also that of its Kafka user, its consumer group, its path at the origin and its container."""

    name: str
    port: int
    """Where its HTTP listens unless it is told otherwise."""
    takes_history: bool = False
    """Past phases enter as facts on the streams that it says (decision 0005)."""
    mails: bool = False
    """It needs a mail server: where nothing else is said, the inbox."""

    @property
    def app(self) -> str:
        """The module that is its process, and that declares it."""
        return f"services.{self.name}.app"

    @property
    def role(self) -> str:
        """Its role in Postgres, and the database that belongs to it."""
        return f"rollcall_{self.name}"

    @property
    def variable(self) -> str:
        """How the names of environment variables about it begin or go on: ATTENDANCE_REPLICAS, KAFKA_ATTENDANCE_PASSWORD."""
        return self.name.upper()

    @property
    def is_installed(self) -> bool:
        """Whether this installation can run it."""
        return _is_there(self.app)

    def declared(self) -> Service:
        """What it hears, says and makes of it. How its settings tune that does not matter to whoever asks here."""
        service: Service = import_module(self.app).SERVICE
        return service

    def settings(self) -> type[Settings]:
        """What it is told; those of every service, where it adds nothing."""
        from shared.settings import Settings

        if not _is_there(f"services.{self.name}.settings"):
            return Settings
        found: type[Settings] = getattr(import_module(f"services.{self.name}.settings"), f"{self.name.title()}Settings")
        return found

    def metadata(self) -> Any:
        """Its tables, as SQLAlchemy knows them."""
        return next(iter(self.declared().tables.values())).metadata


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # Not even the package that it would be in.
        return False


SERVICES: dict[str, Registered] = {
    one.name: one
    for one in (
        Registered("enrolment", 8101, takes_history=True),
        Registered("attendance", 8102, takes_history=True),
        Registered("notifications", 8103, mails=True),
    )
}
"""By name, in the order in which everything lists them."""
