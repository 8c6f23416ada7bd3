"""Holds .env.example to the code: each value it shows is the one that holds without it. `python -m deploy.docker.example`, in `make check`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from services import SERVICES
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
MODELS: dict[str, type[Settings]] = {name: one.settings() for name, one in SERVICES.items()}
GIVEN_BY_COMPOSE = frozenset(
    {"host", "port", "replica", "kafka", "kafka_user", "kafka_password", "database_url", "assets", "files"}
)
"""They follow from the containers and their image; an operator who changed one would cut a wire."""
_SHOWN = re.compile(r"^#([A-Z_0-9]+)=(.*)$")
_FALLS_BACK = re.compile(r"\$\{([A-Z_0-9]+):-([^}]*)\}")


def settings_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """By environment variable, what an operator may set; nested models field by field."""
    found: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        if name in GIVEN_BY_COMPOSE:
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            inner = field.annotation.model_fields.items()
            found |= {f"ROLLCALL_{name}__{each}".upper(): one for each, one in inner}
        else:
            found[f"ROLLCALL_{name}".upper()] = field
    return found


def wrong_values(example: str, compose: str) -> Iterator[str]:
    """A sentence for every line of the example that shows another value than the one that holds without it."""
    falls_back = dict(_FALLS_BACK.findall(compose))
    common = settings_of(Settings)
    said: list[str] = []
    for line in example.splitlines():
        shown = _SHOWN.match(line)
        if shown is None:
            said = [*said, line] if line.startswith("#") else []
            continue
        name, text = shown.groups()
        if name in falls_back:
            if text != falls_back[name]:
                yield f"{name}: .env.example shows {text}, docker-compose.yml takes {falls_back[name]}"
            continue
        for service, model in MODELS.items():
            field = settings_of(model).get(name)
            if field is None:
                continue
            if name in common and field.default != common[name].default:
                # A service with a default of its own: the one line cannot show both, so the words above it do.
                if not any(service in words and str(field.default) in words for words in said):
                    yield f"{name}: .env.example does not say that it is {field.default} for {service}"
            elif not _is_default(text, field):
                yield f"{name}: .env.example shows {text}, {service} takes {field.default}"


def _is_default(text: str, field: FieldInfo) -> bool:
    if text == "":
        return field.default is None
    try:
        kind: Any = field.annotation
        value = TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return False
    return bool(value == field.default)


def main() -> int:
    """Returns 0 when every value is right; otherwise each wrong one is named."""
    wrong = sorted(
        set(wrong_values((ROOT / ".env.example").read_text("utf-8"), (ROOT / "docker-compose.yml").read_text("utf-8")))
    )
    for sentence in wrong:
        print(sentence, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
