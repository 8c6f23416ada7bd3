"""What names every service in files that are not Python: written from the registry, and held to it in `make check`. So is what names every
event: the tables of streams and standings for people, and their description for tools, which is a file of its own.

`python -m deploy.generated write` or `check`. A part stands between a line with `>>> its name` and one with `<<<`; the rest of the
file is a person's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from deploy import asyncapi, standing_table, stream_tables
from deploy.docker.example import settings_of
from services import SERVICES, Registered
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
_INIT = "run deploy/docker/init"
FOLDER = "/var/lib/rollcall/files"
"""Whoever keeps files does so here, in a volume that its replicas share."""
_PART = re.compile(
    r"^([ \t]*)(\S+ >>> ([a-z ]+?)(?: ·[^\n]*)?)\n(.*?)^([ \t]*\S+ <<<[^\n]*)$", re.MULTILINE | re.DOTALL
)


def own_settings(one: Registered) -> list[str]:
    """What only this service is told, by environment variable, in the order of its settings.py; secrets also by the file they stand in."""
    own = {name: field for name, field in settings_of(one.settings()).items() if name not in settings_of(Settings)}
    return [each for name, field in own.items() for each in (name, *_file_of(name, field))]


def _file_of(name: str, field: FieldInfo) -> tuple[str, ...]:
    return (f"{name}_FILE",) if SecretStr in (field.annotation, *get_args(field.annotation)) else ()


def _common_settings() -> Iterator[str]:
    yield from (f"{name}:" for name in settings_of(Settings) if name != "ROLLCALL_LIVE_SINCE")  # It must be said.


def _databases() -> Iterator[str]:
    for one in SERVICES.values():
        yield f"ROLLCALL_{one.variable}_DATABASE_URL: {_database(one, 'postgresql')}"


def _database(one: Registered, scheme: str) -> str:
    return f"{scheme}://{one.role}:${{POSTGRES_{one.variable}_PASSWORD:?{_INIT}}}@postgres:5432/{one.role}"


def _services() -> Iterator[str]:
    for number, one in enumerate(SERVICES.values()):
        if number:
            yield ""
        yield f"{one.name}:"
        yield "  <<: *service"
        yield f"  scale: ${{{one.variable}_REPLICAS:-1}}"
        yield f"  command: [python, -m, {one.app}]"
        yield "  environment:"
        yield "    <<: *settings"
        yield f'    ROLLCALL_PORT: "{one.port}"'
        yield f"    ROLLCALL_KAFKA_USER: {one.name}"
        yield f"    ROLLCALL_KAFKA_PASSWORD: ${{KAFKA_{one.variable}_PASSWORD:?{_INIT}}}"
        yield f"    ROLLCALL_DATABASE_URL: {_database(one, 'postgresql+asyncpg')}"
        for name in own_settings(one):
            is_inbox = one.mails and name == "ROLLCALL_SMTP_HOST"
            yield f"    {name}: ${{ROLLCALL_SMTP_HOST:-inbox}}" if is_inbox else f"    {name}:"
        if "files" in one.settings().model_fields:
            yield f"  volumes: [files:{FOLDER}]"


def _healthy() -> Iterator[str]:
    yield from (f"{name}: {{condition: service_healthy}}" for name in SERVICES)


def _passwords(of: str) -> Callable[[], Iterator[str]]:
    def written() -> Iterator[str]:
        for name in (f"{of}_{one.variable}_PASSWORD" for one in SERVICES.values()):
            yield f"{name}: ${{{name}:?{_INIT}}}"

    return written


def _empty_passwords(of: str) -> Callable[[], Iterator[str]]:
    return lambda: (f"{of}_{one.variable}_PASSWORD=" for one in SERVICES.values())


def _addresses() -> Iterator[str]:
    yield from (f"ROLLCALL_{one.variable}_URL: http://{one.name}:{one.port}" for one in SERVICES.values())


def _told_to_any() -> Iterator[str]:
    yield from dict.fromkeys(f"{name}:" for one in SERVICES.values() for name in own_settings(one))


def _replicas() -> Iterator[str]:
    yield from (f"#{one.variable}_REPLICAS=1" for one in SERVICES.values())


def _routes() -> Iterator[str]:
    yield from (f"import service {one.name} {one.port}" for one in SERVICES.values())


def _links() -> Iterator[str]:
    yield from (f'<li><a href="/{name}/health/ready" data-service="{name}">{name}</a></li>' for name in SERVICES)


PARTS: dict[str, dict[str, Callable[[], Iterator[str]]]] = {
    "docker-compose.yml": {
        "common settings": _common_settings,
        "databases": _databases,
        "services": _services,
        "healthy": _healthy,
        "kafka passwords": _passwords("KAFKA"),
        "postgres passwords": _passwords("POSTGRES"),
        "addresses": _addresses,
        "own settings": _told_to_any,
    },
    ".env.example": {
        "postgres passwords": _empty_passwords("POSTGRES"),
        "kafka passwords": _empty_passwords("KAFKA"),
        "replicas": _replicas,
    },
    "deploy/docker/Caddyfile": {"services": _routes},
    "deploy/docker/page/index.html": {"services": _links},
}
_ALL = PARTS | stream_tables.PARTS | standing_table.PARTS


def renewed(file: str, text: str) -> str:
    """The text with every part as the registry has it now. ValueError: a part is missing, or nobody knows it."""
    found, parts = list[str](), _ALL[file]

    def renew(match: re.Match[str]) -> str:
        indent, opening, name, _, closing = match.groups()
        found.append(name)
        if name not in parts:
            raise ValueError(f"{file}: nobody writes a part {name!r}")
        lines = "".join(f"{indent}{line}\n" if line else "\n" for line in parts[name]())
        return f"{indent}{opening}\n{lines}{closing}"

    made = _PART.sub(renew, text)
    if sorted(found) != sorted(parts):
        raise ValueError(f"{file}: there are the parts {', '.join(found) or 'none'} instead of {', '.join(parts)}")
    return made


def main(action: str) -> int:
    """Returns 0 when every part is as the registry has it; `write` makes it so."""
    wrong: list[str] = []
    for name in (*_ALL, asyncapi.FILE):
        text = file.read_text("utf-8") if (file := ROOT / name).exists() else ""
        made = renewed(name, text) if name in _ALL else asyncapi.text()
        if made != text and action == "write":
            (ROOT / name).write_text(made, "utf-8")
            print(f"{name} written")
        elif made != text:
            wrong.append(name)
    for name in wrong:
        print(f"{name} is not what the registry and the contracts make of it: `make generated`", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "check"))
